//! The tables of the whole file and of all that is not a process.

use lacuna_model::system::MAX_PROCESS_TABLE;

use super::process::{PROCESSES, TASK_SET};
use super::{Choice, Form, Kind, Need, Record, Space, bare, field, variant};

const NONE: Need = Need::Absent("none");
const UNLIMITED: Need = Need::Absent("unlimited");
const ZERO: Need = Need::Absent("`\"0ns\"`");

static DOMAIN: Kind = Kind::Refers(Space::Domain);
static NEW_DOMAIN: Kind = Kind::Declares(Space::Domain);
static FLOW: Kind = Kind::Pair(&DOMAIN, "flow");
static DOMAINS: Kind = Kind::List(&DOMAIN);
static GUARANTEES: Kind = Kind::List(&Kind::Guarantee);
static RIGHTS: Kind = Kind::List(&Kind::OneOf(&RIGHT));

pub(crate) static SCENARIO: Record = Record {
    title: "Scenario",
    noun: "a scenario",
    tag: Some("Scenario"),
    about: "The whole file. A pure task set has `tasks` in place of domains, processes and all that belongs to them.",
    fields: &[
        field("name", Kind::Declares(Space::Scenario), Need::Required, "its name"),
        field("about", Kind::Text, Need::Required, "one line on what it shows, and where the problem was met"),
        field("domains", Kind::List(&NEW_DOMAIN), Need::Unless("tasks"), "the security domains"),
        field(
            "flows",
            Kind::List(&FLOW),
            Need::Absent("everything may flow, and nothing is claimed"),
            "which domain may learn of which: the first may flow to the second, each to itself, and nothing else; it need not be transitive",
        ),
        field(
            "users",
            Kind::Map(&Kind::Declares(Space::User), &DOMAINS),
            Need::Absent("every domain has a user of its own"),
            "the users that domains belong to, whose use a quota per user counts; a domain that is in none has one of its own",
        ),
        field(
            "objects",
            Kind::Map(&Kind::Declares(Space::Object), &Kind::Record(&OBJECT)),
            NONE,
            "files, directories, networks and name spaces, and who may do what with them",
        ),
        field(
            "job_groups",
            Kind::Map(&Kind::Declares(Space::JobGroup), &Kind::Record(&JOB_GROUP)),
            NONE,
            "units of process tracking, and their limits",
        ),
        field(
            "buffers",
            Kind::Map(&Kind::Declares(Space::Buffer), &Kind::Record(&BUFFERS)),
            NONE,
            "kernel objects for messages; each is also a handle of its own name",
        ),
        field(
            "locks",
            Kind::Map(&Kind::Declares(Space::Lock), &Kind::Record(&LOCK)),
            NONE,
            "locks that one execution context holds at a time",
        ),
        field(
            "modes",
            Kind::Map(&Kind::Declares(Space::Mode), &Kind::Record(&MODE)),
            Need::Absent("its tasks are always the same"),
            "the modes of the system, the first of which it starts in",
        ),
        field(
            "pools",
            Kind::Map(&Kind::Declares(Space::Pool), &Kind::Record(&POOL)),
            NONE,
            "what buffers draw on together, as signals do on their user's limit",
        ),
        field(
            "processes",
            Kind::Map(&Kind::Declares(Space::Process), &Kind::Record(&PROCESSES)),
            Need::Unless("tasks"),
            "the processes; those that no other one creates start with the system",
        ),
        field(
            "scheduling_contexts",
            Kind::Map(&Kind::Declares(Space::SchedulingContext), &Kind::Record(&SCHEDULING_CONTEXT)),
            NONE,
            "what execution contexts are scheduled by",
        ),
        field(
            "major_frame",
            Kind::Record(&MAJOR_FRAME),
            Need::Absent("time is not partitioned"),
            "when which of them may have the core, where the kernel has partitions of time",
        ),
        field(
            "refill",
            Kind::PositiveDuration,
            Need::Absent("whose computing came before costs nothing"),
            "how much longer a process computes after another has, to fill in again what the core keeps: caches and the like",
        ),
        field(
            "tasks",
            Kind::List(&Kind::Record(&TASK_SET)),
            Need::Absent("the scenario is no pure task set"),
            "a pure task set: one process with one context and one scheduling context a task",
        ),
        field(
            "kernel_bounds",
            Kind::Record(&KERNEL_BOUNDS),
            Need::Absent("kernel operations take no time"),
            "declared upper bounds of kernel operations",
        ),
        field(
            "ends_within",
            Kind::Record(&ENDS_WITHIN),
            Need::Absent("the bounds of the kernel's operations"),
            "within what time all whom a kill or a lock-down is to end have ended, from when the program comes to it (G4, G12)",
        ),
        field(
            "tick",
            Kind::PositiveDuration,
            Need::Absent("no timed checking"),
            "the lattice of timed checking: every duration is a multiple of it, and everything that is chosen too",
        ),
        field(
            "process_table",
            Kind::Integer { min: 1, max: MAX_PROCESS_TABLE as u64 },
            Need::Absent("all limits of job groups and all processes together, and 2; at most 64"),
            "entries of the kernel's process table; a fork beyond them is refused",
        ),
        field(
            "expect",
            Kind::Map(&Kind::Refers(Space::Profile), &Kind::OneOf(&EXPECTATION)),
            Need::Absent("every guarantee is expected to hold"),
            "what is expected under which profile",
        ),
    ],
};

static OBJECT: Record = Record {
    title: "Object",
    noun: "an object",
    tag: None,
    about: "Something that programs access, and the policy on it.",
    fields: &[
        field("class", Kind::OneOf(&CLASS), Need::Required, "what it is"),
        field("allow", Kind::Map(&DOMAIN, &RIGHTS), Need::Absent("nobody may do anything"), "which domain may do what"),
        field(
            "output",
            Kind::OneOf(&BOOLEAN),
            Need::Absent("`false`"),
            "whether what a job group makes in it is meant to be there when the group has ended",
        ),
    ],
};

static CLASS: Choice = Choice {
    title: "Class",
    noun: "class of objects",
    variants: &[
        bare("File", "a regular file"),
        bare("Directory", "a directory, and what is in it"),
        bare("Network", "some network endpoint outside the job"),
        bare(
            "Ipc",
            "a name space of kernel objects that outlive whoever made them: System V segments, named semaphores, message queues",
        ),
        bare("PrivilegedProgram", "a program that has its owner's rights, whoever executes it (set-user-ID)"),
    ],
};

static BOOLEAN: Choice =
    Choice { title: "Boolean", noun: "boolean", variants: &[bare("true", "it is so"), bare("false", "it is not so")] };

pub(super) static RIGHT: Choice = Choice {
    title: "Right",
    noun: "right",
    variants: &[
        bare("Read", "read its contents; receive"),
        bare("Write", "change its contents; send"),
        bare("Create", "make something in it, which persists (directories and name spaces only)"),
        bare("Execute", "run it (files, directories and privileged programs only)"),
    ],
};

static JOB_GROUP: Record = Record {
    title: "Job group",
    noun: "a job group",
    tag: None,
    about: "A unit of process tracking, and its limits.",
    fields: &[
        field(
            "processes",
            Kind::Integer { min: 1, max: u32::MAX as u64 },
            UNLIMITED,
            "at most so many processes at once",
        ),
        field("memory", Kind::Size, UNLIMITED, "at most so much memory at once"),
    ],
};

static BUFFERS: Record = Record {
    title: "Buffer",
    noun: "a buffer",
    tag: None,
    about: "A kernel object for messages.",
    fields: &[
        field(
            "capacity",
            Kind::Integer { min: 0, max: u8::MAX as u64 },
            Need::Unless("pool"),
            "how many messages fit; with 0 sender and receiver meet; with a pool, 255 if it is not said",
        ),
        field(
            "pool",
            Kind::Refers(Space::Pool),
            Need::Absent("the capacity alone counts"),
            "what its messages are charged to",
        ),
        field(
            "overflow",
            Kind::OneOf(&OVERFLOW),
            Need::Required,
            "what happens to a message for which there is no room",
        ),
        field("when", Kind::OneOf(&WHEN), Need::Absent("`Deferred`"), "when a message is processed"),
        field("by", Kind::OneOf(&BY), Need::Absent("`Polled`"), "by whom a message is processed"),
        field("effect", Kind::OneOf(&EFFECT), Need::Absent("`Handle`"), "what processing a message automatically does"),
        field("send", Kind::List(&DOMAIN), Need::Absent("nobody"), "whose processes may send"),
        field(
            "receive",
            Kind::List(&DOMAIN),
            Need::Absent("nobody"),
            "whose processes may receive, and set how many messages fit",
        ),
        field(
            "named_by",
            Kind::List(&DOMAIN),
            Need::Absent("nobody"),
            "whose adversaries know its name, and try to use it",
        ),
        field(
            "attachments",
            Kind::List(&Kind::Record(&ATTACHMENT)),
            NONE,
            "the processes that it may be attached to; at first to the first of them; with several, messages are acknowledged",
        ),
        field("demand", Kind::Duration, ZERO, "what a receiver has to compute for one message, at most"),
        field(
            "deadline",
            Kind::PositiveDuration,
            Need::Absent("any time will do"),
            "until when, from the moment a reattachment begins, every message that is there must be done",
        ),
        field(
            "fallback",
            Kind::OneOf(&FALLBACK),
            Need::Absent("`Keep`"),
            "what becomes of the messages when a reattachment is not admitted",
        ),
    ],
};

static ATTACHMENT: Record = Record {
    title: "Attachment",
    noun: "an attachment",
    tag: None,
    about: "A process that a buffer may be attached to: any instance of it.",
    fields: &[
        field("process", Kind::Refers(Space::Process), Need::Required, "which"),
        field("backlog", Kind::Duration, ZERO, "what it may have to compute before it comes to the messages"),
    ],
};

static POOL: Record = Record {
    title: "Pool",
    noun: "a pool",
    tag: None,
    about: "What several buffers of one user draw on.",
    fields: &[field(
        "limit",
        Kind::Integer { min: 1, max: u8::MAX as u64 },
        Need::Required,
        "so many messages are in all of its buffers together",
    )],
};

static OVERFLOW: Choice = Choice {
    title: "Overflow",
    noun: "overflow rule",
    variants: &[
        bare("Block", "the sender waits"),
        bare("Refuse", "the send is refused"),
        bare("Coalesce", "the message is merged with one that is there"),
        bare("DropNewest", "the message is dropped, and the sender is not told"),
        bare("DropOldest", "the oldest message that is there is dropped for it"),
    ],
};

static WHEN: Choice = Choice {
    title: "When",
    noun: "time of processing",
    variants: &[
        bare("Immediate", "in the step that sends it"),
        bare("Deferred", "not before the receiver is dispatched"),
    ],
};

static BY: Choice = Choice {
    title: "By",
    noun: "way of processing",
    variants: &[
        bare("Automatic", "by the kernel, for the process that the buffer is attached to, which need not ask"),
        bare("Polled", "by a process that asks, with `Receive` or `Poll`"),
    ],
};

static FALLBACK: Choice = Choice {
    title: "Fallback",
    noun: "fallback",
    variants: &[bare("Keep", "they stay"), bare("Drop", "they are dropped")],
};

static EFFECT: Choice = Choice {
    title: "Effect",
    noun: "effect",
    variants: &[
        bare("Handle", "a handler of the process's own runs; it goes on where it was"),
        bare("Terminate", "the process ends"),
    ],
};

static LOCK: Record = Record {
    title: "Lock",
    noun: "a lock",
    tag: None,
    about: "A lock. Whose owner ends is never free again.",
    fields: &[field(
        "ceiling",
        Kind::Integer { min: 0, max: u32::MAX as u64 },
        Need::Absent("none, and nobody is raised"),
        "the priority of its owner, where the kernel goes by ceilings; at least that of everybody who takes it",
    )],
};

static MODE: Record = Record {
    title: "Mode",
    noun: "a mode",
    tag: None,
    about: "Which tasks there are, and how that may change. The tasks of a process that no mode names arrive in all of them, those of another in the modes that name it; what is in progress when the mode changes goes on. A task that comes with a mode arrives first when its `offset` is over since then; whether that waits until nothing is in progress is the kernel's affair.",
    fields: &[
        field(
            "processes",
            Kind::List(&Kind::Refers(Space::Process)),
            Need::Absent("none but those that no mode names"),
            "the processes whose tasks arrive in it; each with deadlines of at most its periods",
        ),
        field("by", Kind::List(&DOMAIN), Need::Absent("nobody"), "the domains that may change to it"),
        field("next", Kind::List(&Kind::Refers(Space::Mode)), Need::Absent("none"), "the modes that may follow it"),
    ],
};

static SCHEDULING_CONTEXT: Record = Record {
    title: "Scheduling context",
    noun: "a scheduling context",
    tag: None,
    about: "What is scheduled: a priority, and a budget or none. Where all have one priority and the order is `Deadline`, that is earliest deadline first.",
    fields: &[
        field(
            "priority",
            Kind::Integer { min: 0, max: u32::MAX as u64 },
            Need::Required,
            "fixed priority; larger is more urgent",
        ),
        field(
            "order",
            Kind::OneOf(&ORDER),
            Need::Absent("`Readiness`"),
            "who goes first among those of this priority; the same for all of them",
        ),
        field(
            "threshold",
            Kind::Integer { min: 0, max: u32::MAX as u64 },
            Need::Absent("the priority, for whoever is more urgent takes the core"),
            "what was dispatched keeps the core, until it blocks, but for a priority above this; at least the priority",
        ),
        field(
            "budget",
            Kind::PositiveDuration,
            UNLIMITED,
            "at most so much computing in every period; at most the period",
        ),
        field(
            "period",
            Kind::PositiveDuration,
            Need::Absent("there is no budget"),
            "after so long what was used comes back, by the rules of the server",
        ),
        field(
            "server",
            Kind::OneOf(&SERVER),
            Need::Absent("`Deferrable`, where there is a budget"),
            "what becomes of the budget while it is used, and while it is not",
        ),
        field(
            "inversion",
            Kind::Duration,
            Need::Absent("no bound is claimed"),
            "a job waits at most so long while the core belongs to somebody less urgent; the analysis counts it as blocking",
        ),
    ],
};

static ORDER: Choice = Choice {
    title: "Order",
    noun: "order",
    variants: &[
        bare("Readiness", "whoever became ready first"),
        bare(
            "Deadline",
            "whoever's job has the earliest absolute deadline, then whoever became ready first; what is no task comes last",
        ),
        variant(
            "Laxity",
            &[Form::Fields(&LAXITY)],
            "Laxity(quantum: \"1ms\")",
            "whoever's job has the least laxity, the time until its deadline less what it still computes at most; what is no task comes last",
        ),
    ],
};

static LAXITY: Record = Record {
    title: "Laxity",
    noun: "an order",
    tag: None,
    about: "By laxity.",
    fields: &[field(
        "quantum",
        Kind::PositiveDuration,
        Need::Required,
        "laxities are compared in whole ones of these: the less, the more often jobs of equal laxity take turns",
    )],
};

static SERVER: Choice = Choice {
    title: "Server",
    noun: "server",
    variants: &[
        bare("Deferrable", "kept while unused, and whole again at each multiple of the period"),
        bare("Polling", "lost while unused, and whole again at each multiple of the period"),
        bare("Sporadic", "kept while unused; each part comes back a period after it could be used first"),
        bare(
            "ConstantBandwidth",
            "there again as soon as it is used up, with a deadline that is a period later; the order must be `Deadline`",
        ),
        bare(
            "HardConstantBandwidth",
            "there again at the deadline that it had, with one that is a period later; the order must be `Deadline`",
        ),
        variant(
            "Mcs",
            &[Form::Bare, Form::Fields(&MCS)],
            "Mcs(refills: 2)",
            "as seL4's scheduling contexts: a queue of refills of bounded length",
        ),
    ],
};

static MCS: Record = Record {
    title: "Mcs",
    noun: "a server",
    tag: None,
    about: "A scheduling context of seL4 MCS.",
    fields: &[
        field(
            "refills",
            Kind::Integer { min: 2, max: u8::MAX as u64 },
            Need::Absent("2"),
            "how many refills it has: two more than `extra_refills`",
        ),
        field("minimum", Kind::Duration, ZERO, "of less than this no refill can be used; at most the budget"),
        field("from", Kind::OneOf(&REFILLS_FROM), Need::Absent("`Dispatch`"), "from when a refill counts as used"),
    ],
};

static REFILLS_FROM: Choice = Choice {
    title: "Refills from",
    noun: "moment",
    variants: &[
        bare("Dispatch", "from when somebody gets the core on it: constant bandwidth, as seL4 calls its default"),
        bare("WakeUp", "from when somebody wakes up who runs on it: sporadic, as seL4 calls it"),
    ],
};

static SCHEDULES: Kind = Kind::Refers(Space::SchedulingContext);

static MAJOR_FRAME: Record = Record {
    title: "Major frame",
    noun: "a major frame",
    tag: None,
    about: "A plan of the core's time, repeated without end from the start (ARINC 653). What has a window runs in its windows alone, by priority \
            where a window is several's; whatever has none runs in the time that is in no window.",
    fields: &[
        field("length", Kind::PositiveDuration, Need::Required, "how long it is"),
        field("windows", Kind::List(&Kind::Record(&WINDOW)), Need::Required, "its windows, in their order"),
    ],
};

static WINDOW: Record = Record {
    title: "Window",
    noun: "a window",
    tag: None,
    about: "A part of a major frame that belongs to some scheduling contexts. Nobody else runs in it, whether they use it or not.",
    fields: &[
        field(
            "offset",
            Kind::Duration,
            Need::Absent("the end of the window before it"),
            "when it begins, from the beginning of the frame",
        ),
        field("duration", Kind::PositiveDuration, Need::Required, "how long it is"),
        field("scheduling_contexts", Kind::List(&SCHEDULES), Need::Unless("domain"), "whose it is"),
        field(
            "domain",
            Kind::Refers(Space::Domain),
            Need::Absent("it is those scheduling contexts'"),
            "or whose it is: of all that the processes of a domain are scheduled by",
        ),
    ],
};

static KERNEL_BOUNDS: Record = Record {
    title: "Kernel bounds",
    noun: "kernel bounds",
    tag: None,
    about: "Declared upper bounds of kernel operations.",
    fields: &[
        field("spawn", Kind::Duration, ZERO, "creating a process, until its program runs"),
        field(
            "kill_group",
            Kind::Duration,
            ZERO,
            "killing a job group, until its last member has ended; where that is a walk, until it has its snapshot",
        ),
        field(
            "kill_process",
            Kind::Duration,
            ZERO,
            "ending one process: by its name, or as one of the snapshot of a walk",
        ),
        field("reattach", Kind::Duration, ZERO, "attaching a buffer to another process"),
        field(
            "lock_down",
            Kind::Duration,
            ZERO,
            "locking a domain down, until its last process has ended; where that is a walk, until it has its snapshot",
        ),
        field(
            "flush",
            Kind::Duration,
            ZERO,
            "emptying what the core keeps for whoever runs on it, at the beginning of each window, where the kernel does: it takes exactly so long",
        ),
    ],
};

static ENDS_WITHIN: Record = Record {
    title: "Ends within",
    noun: "times within which processes have ended",
    tag: None,
    about: "From when a program comes to a kill or a lock-down, until the last of those that it is to end has ended. Asked in time.",
    fields: &[
        field(
            "kill_group",
            Kind::Duration,
            Need::Absent("the kernel bound `kill_group`, if that is declared"),
            "of a kill of a job group",
        ),
        field(
            "lock_down",
            Kind::Duration,
            Need::Absent("the kernel bound `lock_down`, if that is declared"),
            "of a lock-down of a domain",
        ),
    ],
};

static EXPECTATION: Choice = Choice {
    title: "Expectation",
    noun: "expectation",
    variants: &[
        bare("Holds", "every guarantee holds"),
        variant("Fails", &[Form::One(&GUARANTEES)], "Fails([G2, G3])", "exactly these do not"),
    ],
};
