//! Axis *time isolation*: what keeps a context from taking the time that others were promised.
//!
//! `None · Budgets · Partitions · FlushedPartitions`. Nothing is claimed of one against another: a budget protects the others, and makes its own
//! context miss; a partition leaves the core idle that somebody could use; a flush takes time from every window, and costs deadlines.
//!
//! Under *partitions* the windows of the declared major frame are kept, and inside them the budgets: the core is with somebody of the window's,
//! or idle. A kernel that has a scheduler inside each window, by priority or by deadline, and one that runs a static table, are the same:
//! in a static table each window names one scheduling context.
//!
//! *Idle substitution* is what both kinds of partitions do: where nobody is ready whose window it is, the core is idle, and nobody is let in who
//! could tell. With a *flush*, what the core keeps for whoever runs on it ([`crate::time::CoreLocal`]) is emptied at the beginning of each window, in a time
//! that depends on nothing: without it a window tells the next one's owner whether it was used.
//!
//! Sources: ARINC Specification 653, *Avionics application software standard interface* (known from others: major time frame, partition
//! windows); seL4 reference manual, Domains; Linux `sched(7)` (SCHED_FIFO has no budget; SCHED_DEADLINE has), cgroup v2 documentation, `cpu.max`; A. Lyons, K.
//! McLeod, H. Almatary, G. Heiser, *Scheduling-context capabilities*, EuroSys 2018 (seL4 MCS); M. Völp, C.-J. Hamann, H. Härtig, *Avoiding timing channels in fixed-priority
//! schedulers*, ASIACCS 2008 (idle substitution); Q. Ge, Y. Yarom, T. Chothia, G. Heiser, *Time protection: the missing OS abstraction*, EuroSys 2019
//! (flushing in padded time).

use serde::{Deserialize, Serialize};

/// What bounds the time that a scheduling context takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeIsolation {
    /// Nothing: a declared budget is a wish.
    None,
    /// The budget of each scheduling context that declares one.
    Budgets,
    /// The windows of the major frame, where one is declared, and those budgets.
    Partitions,
    /// The same, and what the core keeps for whoever runs on it is emptied at the beginning of each window, in constant time.
    FlushedPartitions,
}

impl TimeIsolation {
    /// All choices.
    pub const ALL: [Self; 4] = [Self::None, Self::Budgets, Self::Partitions, Self::FlushedPartitions];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Budgets => "budgets",
            Self::Partitions => "partitions",
            Self::FlushedPartitions => "flushed partitions",
        }
    }

    /// Does a context stop when its budget is spent?
    pub fn enforces_budgets(self) -> bool {
        self != Self::None
    }

    /// Does a context stop when its window ends?
    pub fn enforces_windows(self) -> bool {
        matches!(self, Self::Partitions | Self::FlushedPartitions)
    }

    /// Is what a core keeps for whoever runs on it emptied at the beginning of a window?
    pub fn flushes(self) -> bool {
        self == Self::FlushedPartitions
    }
}
