//! The tables of processes, execution contexts and tasks.

use super::instruction::INSTRUCTION;
use super::{Kind, Need, Record, Space, field};

const ZERO: Need = Need::Absent("`\"0ns\"`");

static INSTRUCTIONS: Kind = Kind::OneOf(&INSTRUCTION);

pub(super) static PROCESSES: Record = Record {
    title: "Process",
    noun: "a process",
    tag: None,
    about: "A process: one security domain, one or more execution contexts.",
    fields: &[
        field("domain", Kind::Refers(Space::Domain), Need::Required, "its security domain"),
        field(
            "group",
            Kind::Refers(Space::JobGroup),
            Need::Absent("its creator's, if any"),
            "the job group it is created in",
        ),
        field(
            "contexts",
            Kind::Map(&Kind::Declares(Space::Context), &Kind::Record(&CONTEXT)),
            Need::Required,
            "its execution contexts, at least one",
        ),
    ],
};

static CONTEXT: Record = Record {
    title: "Context",
    noun: "an execution context",
    tag: None,
    about: "An execution context: what is scheduled.",
    fields: &[
        field(
            "schedule",
            Kind::Refers(Space::SchedulingContext),
            Need::Absent("nothing is said of its schedule"),
            "what it is scheduled by",
        ),
        field("program", Kind::List(&INSTRUCTIONS), Need::Required, "what it runs; of a task, one job"),
        field("task", Kind::Record(&TASK), Need::Absent("it runs once"), "if it is a task: when its jobs are released"),
    ],
};

static TASK: Record = Record {
    title: "Task",
    noun: "a release pattern",
    tag: None,
    about: "When the jobs of a periodic context are released.",
    fields: &[
        field("period", Kind::PositiveDuration, Need::Required, "time between arrivals"),
        field(
            "deadline",
            Kind::PositiveDuration,
            Need::Absent("the period"),
            "relative to the arrival; it may be later than the next one",
        ),
        field("offset", Kind::Duration, ZERO, "the first arrival"),
        field(
            "jitter",
            Kind::Duration,
            ZERO,
            "a job becomes ready at most so long after its arrival; at most the period",
        ),
    ],
};

pub(crate) static TASK_SET: Record = Record {
    title: "Task of a task set",
    noun: "a task",
    tag: None,
    about: "One task of a pure task set; one row of a CSV file, in any order of columns.",
    fields: &[
        field("name", Kind::Declares(Space::Task), Need::Absent("`t1`, `t2` and so on, by its place"), "its name"),
        field("wcet", Kind::PositiveDuration, Need::Required, "its worst-case execution time"),
        field("bcet", Kind::Duration, Need::Absent("the `wcet`"), "its best-case execution time"),
        field("period", Kind::PositiveDuration, Need::Required, "time between arrivals"),
        field("deadline", Kind::PositiveDuration, Need::Absent("the period"), "relative to the arrival"),
        field("offset", Kind::Duration, ZERO, "the first arrival"),
        field("jitter", Kind::Duration, ZERO, "a job becomes ready at most so long after its arrival"),
        field(
            "priority",
            Kind::Integer { min: 0, max: u32::MAX as u64 },
            Need::Absent("rate monotonic: the shorter the period, the more urgent; then the earlier in the file"),
            "its fixed priority, larger is more urgent; for all tasks or for none",
        ),
        field(
            "threshold",
            Kind::Integer { min: 0, max: u32::MAX as u64 },
            Need::Absent("the priority, for whoever is more urgent takes the core"),
            "once begun, a job keeps the core but for a priority above this; at least the priority",
        ),
        field(
            "inversion",
            Kind::Duration,
            ZERO,
            "a job waits at most so long while somebody less urgent has the core (blocking)",
        ),
    ],
};
