//! The tables of the whole file and of all that is not a process.

use lacuna_model::system::MAX_PROCESS_TABLE;

use super::process::{PROCESSES, TASK_SET};
use super::{Choice, Form, Kind, Need, Record, Space, bare, field, variant};

const NONE: Need = Need::Absent("none");
const UNLIMITED: Need = Need::Absent("unlimited");
const ZERO: Need = Need::Absent("`\"0ns\"`");

static DOMAIN: Kind = Kind::Refers(Space::Domain);
static NEW_DOMAIN: Kind = Kind::Declares(Space::Domain);
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
            "objects",
            Kind::Map(&Kind::Declares(Space::Object), &Kind::Record(&OBJECT)),
            NONE,
            "files, directories and networks, and who may do what with them",
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
    ],
};

static CLASS: Choice = Choice {
    title: "Class",
    noun: "class of objects",
    variants: &[
        bare("File", "a regular file"),
        bare("Directory", "a directory, and what is in it"),
        bare("Network", "some network endpoint outside the job"),
    ],
};

pub(super) static RIGHT: Choice = Choice {
    title: "Right",
    noun: "right",
    variants: &[
        bare("Read", "read its contents; receive"),
        bare("Write", "change its contents; send"),
        bare("Create", "make something in it (directories only)"),
        bare("Execute", "run it (files and directories only)"),
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
        field("capacity", Kind::Integer { min: 1, max: u8::MAX as u64 }, Need::Required, "how many messages fit"),
        field(
            "overflow",
            Kind::OneOf(&OVERFLOW),
            Need::Required,
            "what happens to a message for which there is no room",
        ),
        field("send", Kind::List(&DOMAIN), Need::Absent("nobody"), "whose processes may send"),
        field("receive", Kind::List(&DOMAIN), Need::Absent("nobody"), "whose processes may receive"),
    ],
};

static OVERFLOW: Choice = Choice {
    title: "Overflow",
    noun: "overflow rule",
    variants: &[
        bare("Block", "the sender waits"),
        bare("Refuse", "the send is refused"),
        bare("Coalesce", "the message is merged with one that is there"),
    ],
};

static SCHEDULING_CONTEXT: Record = Record {
    title: "Scheduling context",
    noun: "a scheduling context",
    tag: None,
    about: "What is scheduled: a priority, and a budget or none.",
    fields: &[
        field(
            "priority",
            Kind::Integer { min: 0, max: u32::MAX as u64 },
            Need::Required,
            "fixed priority; larger is more urgent",
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
            "the budget is refilled at every multiple of it",
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
        field("kill_group", Kind::Duration, ZERO, "killing a job group, until its last member has ended"),
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
