//! The format as data: one table of records, fields and choices. The validator, its "expected …" and the reference
//! page are all made from it.

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::profile::Profile;
use lacuna_model::system::{MAX_PROCESS_TABLE, MAX_PROGRAM};

/// What a name names. Each space has its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Domain,
    Object,
    JobGroup,
    Buffer,
    Process,
    Context,
    SchedulingContext,
    Handle,
    Profile,
    Task,
}

impl Space {
    /// "a domain".
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Object => "object",
            Self::JobGroup => "job group",
            Self::Buffer => "buffer",
            Self::Process => "process",
            Self::Context => "execution context",
            Self::SchedulingContext => "scheduling context",
            Self::Handle => "handle",
            Self::Profile => "profile",
            Self::Task => "task",
        }
    }
}

/// With its article.
pub(crate) fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Prose.
    Text,
    /// A new name.
    Declares(Space),
    /// A name that is declared elsewhere.
    Refers(Space),
    /// A time.
    Duration,
    /// A time above zero.
    PositiveDuration,
    /// An amount of memory.
    Size,
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// The number of a guarantee.
    Guarantee,
    /// One of some variants.
    OneOf(&'static Choice),
    /// Any number of these.
    List(&'static Kind),
    /// Names, each with one of these.
    Map(&'static Kind, &'static Kind),
    /// Named fields.
    Record(&'static Record),
}

impl Kind {
    /// What is expected in its place, for a message.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text => "a text in quotes".into(),
            Self::Declares(space) => format!("a name for {}, in quotes", article(space.noun())),
            Self::Refers(space) => format!("the name of {}, in quotes", article(space.noun())),
            Self::Duration => "a duration such as `\"10ms\"`, in `min`, `s`, `ms`, `us` or `ns`".into(),
            Self::PositiveDuration => {
                "a duration above zero such as `\"10ms\"`, in `min`, `s`, `ms`, `us` or `ns`".into()
            }
            Self::Size => "a size such as `\"512MiB\"`, in `GiB`, `MiB`, `KiB` or `B`".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Guarantee => format!("a guarantee: {}", list_of(GuaranteeId::ALL.iter().map(|id| id.name()))),
            Self::OneOf(choice) => {
                let short = choice.variants.len() <= 8;
                if short { format!("one of {}", choice.names()) } else { article(choice.noun) }
            }
            Self::List(item) => format!("a list `[…]` of {}", item.plural()),
            Self::Map(key, _) => format!("a map `{{\"name\": …}}` by {}", key.noun()),
            Self::Record(record) => format!("{} `({}: …)`", record.noun, record.fields[0].name),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Declares(space) | Self::Refers(space) => space.noun(),
            Self::OneOf(choice) => choice.noun,
            Self::Guarantee => "guarantee",
            Self::Text => "text",
            Self::Duration | Self::PositiveDuration => "duration",
            Self::Size => "size",
            Self::Integer { .. } => "whole number",
            Self::List(_) => "list",
            Self::Map(..) => "map",
            Self::Record(_) => "record",
        }
    }

    fn plural(&self) -> String {
        match self.noun() {
            "process" => "processes".into(),
            "execution context" => "contexts".into(),
            noun => format!("{noun}s"),
        }
    }

    /// In a few words, for a table.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Declares(space) => format!("new name of {}", article(space.noun())),
            Self::Refers(space) => format!("name of {}", article(space.noun())),
            Self::PositiveDuration => "duration above zero".into(),
            Self::Integer { min, max } => format!("{min} to {max}"),
            Self::List(item) => format!("list of {}", item.plural()),
            Self::Map(key, value) => format!("map from {} to {}", key.noun(), value.label()),
            Self::Record(record) => format!("[{}](#{})", record.title, record.title.replace(' ', "-")),
            Self::OneOf(choice) => format!("[{}](#{})", choice.noun, choice.title.replace(' ', "-")),
            Self::Text | Self::Duration | Self::Size | Self::Guarantee => self.noun().into(),
        }
    }
}

/// "`a`, `b` or `c`".
pub(crate) fn list_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} or {last}", names.join(", ")),
        None => "nothing".into(),
    }
}

/// The profiles' names.
pub(crate) fn profiles() -> impl Iterator<Item = &'static str> {
    Profile::NAMED.into_iter().map(|(name, _)| name)
}

/// Named fields.
#[derive(Debug)]
pub(crate) struct Record {
    /// Heading on the page.
    pub(crate) title: &'static str,
    /// With its article.
    pub(crate) noun: &'static str,
    /// The name that may stand before the bracket.
    pub(crate) tag: Option<&'static str>,
    /// What it is.
    pub(crate) about: &'static str,
    /// Its fields; at least one.
    pub(crate) fields: &'static [Field],
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Always.
    Required,
    /// Unless this other field is.
    Unless(&'static str),
    /// Never; and what its absence means.
    Absent(&'static str),
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    pub(crate) about: &'static str,
}

/// Variants to choose from.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Heading on the page.
    pub(crate) title: &'static str,
    /// One of them.
    pub(crate) noun: &'static str,
    pub(crate) variants: &'static [Variant],
}

impl Choice {
    pub(crate) fn names(&self) -> String {
        list_of(self.variants.iter().map(|variant| variant.name))
    }
}

/// One of several.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// How it may be written.
    pub(crate) forms: &'static [Form],
    pub(crate) example: &'static str,
    pub(crate) about: &'static str,
}

/// A way of writing a variant.
#[derive(Debug)]
pub(crate) enum Form {
    /// `Exit`
    Bare,
    /// `Send("log")`
    One(&'static Kind),
    /// `Wait(process: …)`
    Fields(&'static Record),
}

const NO_DOMAIN: Need = Need::Absent("none");
const UNLIMITED: Need = Need::Absent("unlimited");

static DOMAIN: Kind = Kind::Refers(Space::Domain);
static NEW_DOMAIN: Kind = Kind::Declares(Space::Domain);
static HANDLE: Kind = Kind::Refers(Space::Handle);
static NEW_HANDLE: Kind = Kind::Declares(Space::Handle);
static PROCESS: Kind = Kind::Refers(Space::Process);
static BUFFER: Kind = Kind::Refers(Space::Buffer);
static DURATION: Kind = Kind::Duration;
static SIZE: Kind = Kind::Size;
static GUARANTEES: Kind = Kind::List(&Kind::Guarantee);
static RIGHTS: Kind = Kind::List(&Kind::OneOf(&RIGHT));
static INSTRUCTIONS: Kind = Kind::OneOf(&INSTRUCTION);
static PROGRAM: Kind = Kind::List(&INSTRUCTIONS);
static BRANCHES: Kind = Kind::List(&PROGRAM);

/// The whole file.
pub(crate) static SCENARIO: Record = Record {
    title: "Scenario",
    noun: "a scenario",
    tag: Some("Scenario"),
    about: "The whole file. A pure task set has `tasks` in place of domains, processes and all that belongs to them.",
    fields: &[
        Field { name: "name", kind: Kind::Text, need: Need::Required, about: "its name" },
        Field {
            name: "about",
            kind: Kind::Text,
            need: Need::Required,
            about: "one line on what it shows, and where the problem was met",
        },
        Field {
            name: "domains",
            kind: Kind::List(&NEW_DOMAIN),
            need: Need::Unless("tasks"),
            about: "the security domains",
        },
        Field {
            name: "objects",
            kind: Kind::Map(&Kind::Declares(Space::Object), &Kind::Record(&OBJECT)),
            need: NO_DOMAIN,
            about: "files, directories and networks, and who may do what with them",
        },
        Field {
            name: "job_groups",
            kind: Kind::Map(&Kind::Declares(Space::JobGroup), &Kind::Record(&JOB_GROUP)),
            need: NO_DOMAIN,
            about: "units of process tracking, and their limits",
        },
        Field {
            name: "buffers",
            kind: Kind::Map(&Kind::Declares(Space::Buffer), &Kind::Record(&BUFFERS)),
            need: NO_DOMAIN,
            about: "kernel objects for messages; each is also a handle of its own name",
        },
        Field {
            name: "processes",
            kind: Kind::Map(&Kind::Declares(Space::Process), &Kind::Record(&PROCESSES)),
            need: Need::Unless("tasks"),
            about: "the processes; those that no other one creates start with the system",
        },
        Field {
            name: "scheduling_contexts",
            kind: Kind::Map(&Kind::Declares(Space::SchedulingContext), &Kind::Record(&SCHEDULING_CONTEXT)),
            need: NO_DOMAIN,
            about: "what execution contexts are scheduled by",
        },
        Field {
            name: "tasks",
            kind: Kind::List(&Kind::Record(&TASK_SET)),
            need: Need::Absent("the scenario is no pure task set"),
            about: "a pure task set: one process with one context and one scheduling context a task",
        },
        Field {
            name: "kernel_bounds",
            kind: Kind::Record(&KERNEL_BOUNDS),
            need: Need::Absent("kernel operations take no time"),
            about: "declared upper bounds of kernel operations",
        },
        Field {
            name: "process_table",
            kind: Kind::Integer { min: 1, max: MAX_PROCESS_TABLE as u64 },
            need: Need::Absent("all limits of job groups and all processes together, and 2; at most 64"),
            about: "entries of the kernel's process table; a fork beyond them is refused",
        },
        Field {
            name: "expect",
            kind: Kind::Map(&Kind::Refers(Space::Profile), &Kind::OneOf(&EXPECTATION)),
            need: Need::Absent("every guarantee is expected to hold"),
            about: "what is expected under which profile",
        },
    ],
};

static OBJECT: Record = Record {
    title: "Object",
    noun: "an object",
    tag: None,
    about: "Something that programs access, and the policy on it.",
    fields: &[
        Field { name: "class", kind: Kind::OneOf(&CLASS), need: Need::Required, about: "what it is" },
        Field {
            name: "allow",
            kind: Kind::Map(&DOMAIN, &RIGHTS),
            need: Need::Absent("nobody may do anything"),
            about: "which domain may do what",
        },
    ],
};

static CLASS: Choice = Choice {
    title: "Class",
    noun: "class of objects",
    variants: &[
        Variant { name: "File", forms: &[Form::Bare], example: "File", about: "a regular file" },
        Variant {
            name: "Directory",
            forms: &[Form::Bare],
            example: "Directory",
            about: "a directory, and what is in it",
        },
        Variant {
            name: "Network",
            forms: &[Form::Bare],
            example: "Network",
            about: "some network endpoint outside the job",
        },
    ],
};

static RIGHT: Choice = Choice {
    title: "Right",
    noun: "right",
    variants: &[
        Variant { name: "Read", forms: &[Form::Bare], example: "Read", about: "read its contents; receive" },
        Variant { name: "Write", forms: &[Form::Bare], example: "Write", about: "change its contents; send" },
        Variant {
            name: "Create",
            forms: &[Form::Bare],
            example: "Create",
            about: "make something in it (directories only)",
        },
        Variant {
            name: "Execute",
            forms: &[Form::Bare],
            example: "Execute",
            about: "run it (files and directories only)",
        },
    ],
};

static JOB_GROUP: Record = Record {
    title: "Job group",
    noun: "a job group",
    tag: None,
    about: "A unit of process tracking, and its limits.",
    fields: &[
        Field {
            name: "processes",
            kind: Kind::Integer { min: 1, max: u32::MAX as u64 },
            need: UNLIMITED,
            about: "at most so many processes at once",
        },
        Field { name: "memory", kind: Kind::Size, need: UNLIMITED, about: "at most so much memory at once" },
    ],
};

static BUFFERS: Record = Record {
    title: "Buffer",
    noun: "a buffer",
    tag: None,
    about: "A kernel object for messages.",
    fields: &[
        Field {
            name: "capacity",
            kind: Kind::Integer { min: 1, max: u8::MAX as u64 },
            need: Need::Required,
            about: "how many messages fit",
        },
        Field {
            name: "overflow",
            kind: Kind::OneOf(&OVERFLOW),
            need: Need::Required,
            about: "what happens to a message for which there is no room",
        },
        Field {
            name: "send",
            kind: Kind::List(&DOMAIN),
            need: Need::Absent("nobody"),
            about: "whose processes may send",
        },
        Field {
            name: "receive",
            kind: Kind::List(&DOMAIN),
            need: Need::Absent("nobody"),
            about: "whose processes may receive",
        },
    ],
};

static OVERFLOW: Choice = Choice {
    title: "Overflow",
    noun: "overflow rule",
    variants: &[
        Variant { name: "Block", forms: &[Form::Bare], example: "Block", about: "the sender waits" },
        Variant { name: "Refuse", forms: &[Form::Bare], example: "Refuse", about: "the send is refused" },
        Variant {
            name: "Coalesce",
            forms: &[Form::Bare],
            example: "Coalesce",
            about: "the message is merged with one that is there",
        },
    ],
};

static PROCESSES: Record = Record {
    title: "Process",
    noun: "a process",
    tag: None,
    about: "A process: one security domain, one or more execution contexts.",
    fields: &[
        Field { name: "domain", kind: Kind::Refers(Space::Domain), need: Need::Required, about: "its security domain" },
        Field {
            name: "group",
            kind: Kind::Refers(Space::JobGroup),
            need: Need::Absent("its creator's, if any"),
            about: "the job group it is created in",
        },
        Field {
            name: "contexts",
            kind: Kind::Map(&Kind::Declares(Space::Context), &Kind::Record(&CONTEXT)),
            need: Need::Required,
            about: "its execution contexts, at least one",
        },
    ],
};

static CONTEXT: Record = Record {
    title: "Context",
    noun: "an execution context",
    tag: None,
    about: "An execution context: what is scheduled.",
    fields: &[
        Field {
            name: "schedule",
            kind: Kind::Refers(Space::SchedulingContext),
            need: Need::Absent("nothing is said of its schedule"),
            about: "what it is scheduled by",
        },
        Field {
            name: "program",
            kind: Kind::List(&INSTRUCTIONS),
            need: Need::Required,
            about: "what it runs; of a task, one job",
        },
        Field {
            name: "task",
            kind: Kind::Record(&TASK),
            need: Need::Absent("it runs once"),
            about: "if it is a task: when its jobs are released",
        },
    ],
};

static TASK: Record = Record {
    title: "Task",
    noun: "a release pattern",
    tag: None,
    about: "When the jobs of a periodic context are released.",
    fields: &[
        Field { name: "period", kind: Kind::PositiveDuration, need: Need::Required, about: "time between arrivals" },
        Field {
            name: "deadline",
            kind: Kind::PositiveDuration,
            need: Need::Absent("the period"),
            about: "relative to the arrival; it may be later than the next one",
        },
        Field { name: "offset", kind: Kind::Duration, need: Need::Absent("`\"0ns\"`"), about: "the first arrival" },
        Field {
            name: "jitter",
            kind: Kind::Duration,
            need: Need::Absent("`\"0ns\"`"),
            about: "a job becomes ready at most so long after its arrival; at most the period",
        },
    ],
};

/// One task of a pure task set; the columns of a CSV file too.
pub(crate) static TASK_SET: Record = Record {
    title: "Task of a task set",
    noun: "a task",
    tag: None,
    about: "One task of a pure task set; one row of a CSV file, in any order of columns.",
    fields: &[
        Field {
            name: "name",
            kind: Kind::Declares(Space::Task),
            need: Need::Absent("`t1`, `t2` and so on, by its place"),
            about: "its name",
        },
        Field {
            name: "wcet",
            kind: Kind::PositiveDuration,
            need: Need::Required,
            about: "its worst-case execution time",
        },
        Field {
            name: "bcet",
            kind: Kind::Duration,
            need: Need::Absent("the `wcet`"),
            about: "its best-case execution time",
        },
        Field { name: "period", kind: Kind::PositiveDuration, need: Need::Required, about: "time between arrivals" },
        Field {
            name: "deadline",
            kind: Kind::PositiveDuration,
            need: Need::Absent("the period"),
            about: "relative to the arrival",
        },
        Field { name: "offset", kind: Kind::Duration, need: Need::Absent("`\"0ns\"`"), about: "the first arrival" },
        Field {
            name: "jitter",
            kind: Kind::Duration,
            need: Need::Absent("`\"0ns\"`"),
            about: "a job becomes ready at most so long after its arrival",
        },
        Field {
            name: "priority",
            kind: Kind::Integer { min: 0, max: u32::MAX as u64 },
            need: Need::Absent("rate monotonic: the shorter the period, the more urgent; then the earlier in the file"),
            about: "its fixed priority, larger is more urgent; for all tasks or for none",
        },
    ],
};

static SCHEDULING_CONTEXT: Record = Record {
    title: "Scheduling context",
    noun: "a scheduling context",
    tag: None,
    about: "What is scheduled: a priority, and a budget or none.",
    fields: &[
        Field {
            name: "priority",
            kind: Kind::Integer { min: 0, max: u32::MAX as u64 },
            need: Need::Required,
            about: "fixed priority; larger is more urgent",
        },
        Field {
            name: "budget",
            kind: Kind::PositiveDuration,
            need: UNLIMITED,
            about: "at most so much computing in every period; at most the period",
        },
        Field {
            name: "period",
            kind: Kind::PositiveDuration,
            need: Need::Absent("there is no budget"),
            about: "the budget is refilled at every multiple of it",
        },
    ],
};

static KERNEL_BOUNDS: Record = Record {
    title: "Kernel bounds",
    noun: "kernel bounds",
    tag: None,
    about: "Declared upper bounds of kernel operations.",
    fields: &[
        Field {
            name: "spawn",
            kind: Kind::Duration,
            need: Need::Absent("`\"0ns\"`"),
            about: "creating a process, until its program runs",
        },
        Field {
            name: "kill_group",
            kind: Kind::Duration,
            need: Need::Absent("`\"0ns\"`"),
            about: "killing a job group, until its last member has ended",
        },
    ],
};

static EXPECTATION: Choice = Choice {
    title: "Expectation",
    noun: "expectation",
    variants: &[
        Variant { name: "Holds", forms: &[Form::Bare], example: "Holds", about: "every guarantee holds" },
        Variant {
            name: "Fails",
            forms: &[Form::One(&GUARANTEES)],
            example: "Fails([G2, G3])",
            about: "exactly these do not",
        },
    ],
};

static COMPUTE: Record = Record {
    title: "Compute",
    noun: "an execution time",
    tag: None,
    about: "",
    fields: &[
        Field { name: "bcet", kind: Kind::Duration, need: Need::Required, about: "at least" },
        Field { name: "wcet", kind: Kind::Duration, need: Need::Required, about: "at most; at least the `bcet`" },
    ],
};

static SPAWN: Record = Record {
    title: "Spawn",
    noun: "a creation",
    tag: None,
    about: "",
    fields: &[
        Field { name: "process", kind: Kind::Refers(Space::Process), need: Need::Required, about: "which" },
        Field { name: "pass", kind: Kind::List(&HANDLE), need: Need::Absent("none"), about: "the list of handles" },
    ],
};

static WAIT: Record = Record {
    title: "Wait",
    noun: "a wait",
    tag: None,
    about: "",
    fields: &[
        Field {
            name: "process",
            kind: Kind::Refers(Space::Process),
            need: Need::Required,
            about: "for which; the waiting process creates it",
        },
        Field { name: "until", kind: Kind::Duration, need: Need::Absent("without end"), about: "at most so long" },
    ],
};

static KILL: Record = Record {
    title: "Kill",
    noun: "a kill",
    tag: None,
    about: "",
    fields: &[Field { name: "group", kind: Kind::Refers(Space::JobGroup), need: Need::Required, about: "which" }],
};

static ACCESS: Record = Record {
    title: "Access",
    noun: "an access",
    tag: None,
    about: "",
    fields: &[
        Field { name: "object", kind: Kind::Refers(Space::Object), need: Need::Required, about: "which" },
        Field { name: "right", kind: Kind::OneOf(&RIGHT), need: Need::Required, about: "how" },
    ],
};

static LOOP: Record = Record {
    title: "Loop",
    noun: "a loop",
    tag: None,
    about: "",
    fields: &[
        Field {
            name: "times",
            kind: Kind::Integer { min: 1, max: MAX_PROGRAM as u64 },
            need: Need::Required,
            about: "how often",
        },
        Field { name: "do", kind: Kind::List(&INSTRUCTIONS), need: Need::Required, about: "what" },
    ],
};

static ADVERSARY: Record = Record {
    title: "Adversary",
    noun: "an adversary",
    tag: None,
    about: "",
    fields: &[Field {
        name: "depth",
        kind: Kind::Integer { min: 1, max: u8::MAX as u64 },
        need: UNLIMITED,
        about: "at most so many steps, of all adversaries together",
    }],
};

/// The instruction set.
pub(crate) static INSTRUCTION: Choice = Choice {
    title: "Instruction",
    noun: "instruction",
    variants: &[
        Variant {
            name: "Compute",
            forms: &[Form::One(&DURATION), Form::Fields(&COMPUTE)],
            example: "Compute(bcet: \"1ms\", wcet: \"4ms\")",
            about: "computes for a time in this interval; `Compute(\"1ms\")` for exactly this time",
        },
        Variant {
            name: "Open",
            forms: &[Form::One(&NEW_HANDLE)],
            example: "Open(\"pipe\")",
            about: "creates a kernel object (a pipe, say) and a handle of this name to it",
        },
        Variant { name: "Close", forms: &[Form::One(&HANDLE)], example: "Close(\"pipe\")", about: "closes a handle" },
        Variant {
            name: "Spawn",
            forms: &[Form::Fields(&SPAWN)],
            example: "Spawn(process: \"builder\", pass: [\"log\"])",
            about: "creates a process with a program of its own, handing it these handles",
        },
        Variant {
            name: "Fork",
            forms: &[Form::One(&PROCESS)],
            example: "Fork(\"child\")",
            about: "makes a copy of the calling process that goes on with the program of this one, of the same domain",
        },
        Variant { name: "Detach", forms: &[Form::Bare], example: "Detach", about: "leaves process group and session" },
        Variant { name: "Exit", forms: &[Form::Bare], example: "Exit", about: "ends the process" },
        Variant {
            name: "Wait",
            forms: &[Form::Fields(&WAIT)],
            example: "Wait(process: \"builder\", until: \"2s\")",
            about: "waits until one instance of the process, a child of the caller, has ended, or the time is over",
        },
        Variant {
            name: "Kill",
            forms: &[Form::Fields(&KILL)],
            example: "Kill(group: \"job\")",
            about: "kills a job group",
        },
        Variant { name: "Send", forms: &[Form::One(&BUFFER)], example: "Send(\"log\")", about: "sends a message" },
        Variant {
            name: "Receive",
            forms: &[Form::One(&BUFFER)],
            example: "Receive(\"log\")",
            about: "receives a message, waiting for one",
        },
        Variant {
            name: "Access",
            forms: &[Form::Fields(&ACCESS)],
            example: "Access(object: \"home\", right: Read)",
            about: "tries to use an object",
        },
        Variant {
            name: "Allocate",
            forms: &[Form::One(&SIZE)],
            example: "Allocate(\"64MiB\")",
            about: "takes memory and keeps it until the process ends",
        },
        Variant {
            name: "Loop",
            forms: &[Form::Fields(&LOOP)],
            example: "Loop(times: 3, do: [Send(\"log\")])",
            about: "repeats",
        },
        Variant {
            name: "Forever",
            forms: &[Form::One(&PROGRAM)],
            example: "Forever([Receive(\"log\")])",
            about: "repeats without end",
        },
        Variant {
            name: "Choose",
            forms: &[Form::One(&BRANCHES)],
            example: "Choose([[Exit], [Send(\"log\")]])",
            about: "does one of these, whichever",
        },
        Variant {
            name: "Adversary",
            forms: &[Form::Bare, Form::Fields(&ADVERSARY)],
            example: "Adversary(depth: 4)",
            about: "tries anything that the process could try; `Adversary` for any number of steps",
        },
    ],
};
