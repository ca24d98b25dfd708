//! Axis *time isolation*: what keeps a context from taking the time that others were promised.
//!
//! `None · Budgets · Partitions`. Nothing is claimed of one against another: a budget protects the others, and makes its own context miss; a
//! partition leaves the core idle that somebody could use.
//!
//! Under *partitions* the windows of the declared major frame are kept, and inside them the budgets: the core is with somebody of the window's,
//! or idle. A kernel that has a scheduler inside each window, by priority or by deadline, and one that runs a static table, are the same:
//! in a static table each window names one scheduling context.
//!
//! Sources: ARINC Specification 653, *Avionics application software standard interface* (known from others: major time frame, partition
//! windows); seL4 reference manual, Domains; Linux `sched(7)` (SCHED_FIFO has no budget; SCHED_DEADLINE has), cgroup v2 documentation, `cpu.max`; A. Lyons, K.
//! McLeod, H. Almatary, G. Heiser, *Scheduling-context capabilities*, EuroSys 2018 (seL4 MCS).

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
}

impl TimeIsolation {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::None, Self::Budgets, Self::Partitions];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Budgets => "budgets",
            Self::Partitions => "partitions",
        }
    }

    /// Does a context stop when its budget is spent?
    pub fn enforces_budgets(self) -> bool {
        matches!(self, Self::Budgets | Self::Partitions)
    }

    /// Does a context stop when its window ends?
    pub fn enforces_windows(self) -> bool {
        self == Self::Partitions
    }
}
