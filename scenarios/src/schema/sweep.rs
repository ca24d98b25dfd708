//! The tables of a sweep.

use lacuna_model::sweep::{MAX_SETS, MAX_TASKS};

use super::{Choice, Kind, Need, Record, Space, bare, field};

pub(crate) static SWEEP: Record = Record {
    title: "Sweep",
    noun: "a sweep",
    tag: Some("Sweep"),
    about: "A file of its own, for `lacuna sweep`: of many generated task sets, what share passes which test, by how much of the core they \
            ask for.",
    fields: &[
        field("name", Kind::Declares(Space::Scenario), Need::Required, "its name"),
        field("about", Kind::Text, Need::Required, "one line on what it shows"),
        field("tasks", Kind::Integer { min: 1, max: MAX_TASKS }, Need::Required, "how many tasks a set has"),
        field(
            "sets",
            Kind::Integer { min: 1, max: MAX_SETS },
            Need::Required,
            "how many sets there are at each utilisation",
        ),
        field(
            "utilisation",
            Kind::Record(&UTILISATION),
            Need::Required,
            "the points: what the tasks of a set ask for together",
        ),
        field(
            "periods",
            Kind::Record(&PERIODS),
            Need::Required,
            "between which periods are drawn; their logarithms are uniform",
        ),
        field("deadlines", Kind::OneOf(&DEADLINES), Need::Absent("`Implicit`"), "where deadlines are"),
        field("tests", Kind::List(&Kind::OneOf(&TEST)), Need::Required, "which tests the sets are put to"),
        field("seed", Kind::Integer { min: 0, max: u64::MAX }, Need::Absent("0"), "where choices start from"),
    ],
};

const PERCENT: Kind = Kind::Integer { min: 1, max: 100 };

static UTILISATION: Record = Record {
    title: "Utilisation",
    noun: "a range of utilisations",
    tag: None,
    about: "Utilisations, in percent of the core.",
    fields: &[
        field("from", PERCENT, Need::Required, "the first"),
        field("to", PERCENT, Need::Absent("there is only one"), "the last is no larger than this"),
        field("step", PERCENT, Need::Absent("1"), "from one to the next"),
    ],
};

static PERIODS: Record = Record {
    title: "Periods",
    noun: "a range of periods",
    tag: None,
    about: "A range of periods.",
    fields: &[
        field("from", Kind::PositiveDuration, Need::Required, "the shortest"),
        field("to", Kind::PositiveDuration, Need::Absent("all are the same"), "the longest"),
    ],
};

static DEADLINES: Choice = Choice {
    title: "Deadlines",
    noun: "kind of deadlines",
    variants: &[
        bare("Implicit", "at the end of the period"),
        bare("Constrained", "anywhere from the execution time to the period, uniformly"),
    ],
};

static TEST: Choice = Choice {
    title: "Test",
    noun: "test",
    variants: &[
        bare("LiuLayland", "the bound n(2^(1/n) − 1) of the utilisation; sufficient"),
        bare("Hyperbolic", "the hyperbolic bound; sufficient"),
        bare("RateMonotonic", "response times under rate monotonic priorities; exact"),
        bare("DeadlineMonotonic", "response times under deadline monotonic priorities; exact"),
        bare("NonPreemptive", "the same, non-preemptive"),
        bare("EarliestDeadline", "processor demand under earliest deadline first; exact"),
        bare("NonPreemptiveDeadline", "the same, non-preemptive"),
    ],
};
