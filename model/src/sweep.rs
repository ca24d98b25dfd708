//! A sweep: over how much of the core is asked for, what share of many generated task sets passes each of several tests.

use crate::units::Nanos;

/// The largest number of tasks of a set.
pub const MAX_TASKS: u64 = 100;
/// The largest number of sets at a point.
pub const MAX_SETS: u64 = 1_000_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// How many tasks a set has; at least 1.
    pub tasks: u32,
    /// How many sets there are at each point; at least 1.
    pub sets: u32,
    /// The points: utilisations, in percent from 1 to 100, ascending.
    pub utilisations: Vec<u8>,
    /// The least and the greatest period; above 0. Their logarithms are uniform.
    pub periods: (Nanos, Nanos),
    /// Where deadlines are.
    pub deadlines: Deadlines,
    /// Which tests are made; at least one, each once.
    pub tests: Vec<Test>,
    /// Where choices start from.
    pub seed: u64,
}

/// Where relative deadlines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deadlines {
    /// At the end of the period.
    #[default]
    Implicit,
    /// Anywhere from the execution time to the period, each nanosecond as likely.
    Constrained,
}

/// A test of schedulability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Test {
    /// Liu and Layland's bound of the utilisation; sufficient, rate monotonic.
    LiuLayland,
    /// The hyperbolic bound; sufficient, rate monotonic.
    Hyperbolic,
    /// Response times, rate monotonic; exact.
    RateMonotonic,
    /// Response times, deadline monotonic; exact.
    DeadlineMonotonic,
    /// Response times, deadline monotonic and non-preemptive; exact for sporadic tasks.
    NonPreemptive,
    /// Processor demand, earliest deadline first; exact.
    EarliestDeadline,
    /// Processor demand, earliest deadline first and non-preemptive; exact for sporadic tasks.
    NonPreemptiveDeadline,
}

impl Test {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LiuLayland,
        Self::Hyperbolic,
        Self::RateMonotonic,
        Self::DeadlineMonotonic,
        Self::NonPreemptive,
        Self::EarliestDeadline,
        Self::NonPreemptiveDeadline,
    ];

    /// As a column is headed.
    pub fn name(self) -> &'static str {
        match self {
            Self::LiuLayland => "liu-layland",
            Self::Hyperbolic => "hyperbolic",
            Self::RateMonotonic => "rm",
            Self::DeadlineMonotonic => "dm",
            Self::NonPreemptive => "np-dm",
            Self::EarliestDeadline => "edf",
            Self::NonPreemptiveDeadline => "np-edf",
        }
    }
}
