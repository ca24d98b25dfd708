//! Axis *inversion*: what becomes of the one who holds a lock that a more urgent context waits for.
//!
//! `None · PriorityInheritance · Ceiling · Donation`. Nothing is claimed of one against another: a ceiling bounds the wait, and keeps from
//! the core whoever has nothing to do with the lock.
//!
//! Sources: L. Sha, R. Rajkumar, J. P. Lehoczky, *Priority inheritance protocols*, IEEE Transactions on Computers 39(9), 1990; POSIX.1-2024
//! `pthread_mutexattr_setprotocol` (`PTHREAD_PRIO_INHERIT`, and `PTHREAD_PRIO_PROTECT`, which is the immediate ceiling); U. Steinberg, J. Wolter,
//! H. Härtig, *Fast component interaction for real-time systems*, ECRTS 2005 (donation).

use serde::{Deserialize, Serialize};

/// By what right the owner of a lock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inversion {
    /// By its own.
    None,
    /// By its own budget, as urgently as the most urgent one who waits for it.
    PriorityInheritance,
    /// By its own budget, as urgently as the lock's ceiling says, from the moment that it has it.
    Ceiling,
    /// By the scheduling context of the most urgent one who waits for it: its urgency, and its budget.
    Donation,
}

impl Inversion {
    /// All choices.
    pub const ALL: [Self; 4] = [Self::None, Self::PriorityInheritance, Self::Ceiling, Self::Donation];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PriorityInheritance => "priority inheritance",
            Self::Ceiling => "ceiling",
            Self::Donation => "donation",
        }
    }

    /// Does the scheduler know who waits for whom?
    pub fn follows_waiters(self) -> bool {
        matches!(self, Self::PriorityInheritance | Self::Donation)
    }

    /// Does an owner run on the budget of the one who waits for it?
    pub fn lends_the_budget(self) -> bool {
        self == Self::Donation
    }

    /// Is an owner as urgent as the ceiling of its lock?
    pub fn raises_to_the_ceiling(self) -> bool {
        self == Self::Ceiling
    }
}
