//! Axis *time isolation*: what keeps a context from taking the time that others were promised.
//!
//! `None · Budgets`. Nothing is claimed of one against the other: a budget protects the others, and makes its own context miss.
//!
//! Sources: Linux `sched(7)` (SCHED_FIFO has no budget; SCHED_DEADLINE has), cgroup v2 documentation, `cpu.max`; A. Lyons, K.
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
}

impl TimeIsolation {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::None, Self::Budgets];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Budgets => "budgets",
        }
    }

    /// Does a context stop when its budget is spent?
    pub fn enforces_budgets(self) -> bool {
        self == Self::Budgets
    }
}
