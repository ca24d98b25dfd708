//! Axis *kill*: what one kill of a group reaches.
//!
//! `OneProcess · Walk < Atomic`. A walk takes a snapshot of the members, then kills them one by one: whoever is born
//! in between is missed, and whoever has got the number of a member that ended meanwhile is hit. An atomic kill reaches every process that is tracked at that moment, and no fork passes it.
//!
//! Sources: Linux `kill(2)` for process groups (atomic against fork: `copy_process` in `kernel/fork.c` returns
//! -ERESTARTNOINTR while a signal is pending), cgroup v2 documentation, `cgroup.kill` ("deals with concurrent forks
//! appropriately and is protected against migrations"), `pid_namespaces(7)` (the end of init kills all).

use serde::{Deserialize, Serialize};

/// What a kill of a group does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kill {
    /// Only one of the members: the one with the lowest entry in the process table, mostly the first.
    OneProcess,
    /// A snapshot of the members, killed one action each.
    Walk,
    /// All tracked members in one action.
    Atomic,
}

impl Kill {
    /// All choices; the last is stronger than each other one.
    pub const ALL: [Self; 3] = [Self::OneProcess, Self::Walk, Self::Atomic];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneProcess => "one process",
            Self::Walk => "walk",
            Self::Atomic => "atomic",
        }
    }

    /// Is there a state in which a kill has begun and not yet returned?
    pub fn walks(self) -> bool {
        self == Self::Walk
    }

    /// Does it depend on the members' places in the process table who is killed, or who first?
    pub fn follows_the_table(self) -> bool {
        self != Self::Atomic
    }
}
