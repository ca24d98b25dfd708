//! Axis *shutdown*: what becomes of a security domain that is locked down.
//!
//! `None · BestEffort < Irrevocable`. Under the first there is no such operation, and whoever asks for it is refused. Best effort is a walk: a
//! snapshot of the domain's living processes, ended one by one, which misses whoever is created meanwhile; and nothing remembers that the domain is
//! shut, so whoever creates a process in it afterwards has opened it again. Irrevocable is one action that ends all of them, and closes the domain:
//! what its processes are made of has been taken from whoever could make another.
//!
//! Sources: POSIX.1-2024 `kill` (−1: all processes that the caller may signal); Linux cgroup v2 documentation, `cgroup.kill`, and section
//! Processes (a process may be moved into the cgroup afterwards); FreeBSD `jail_remove(2)`; Windows `TerminateJobObject`; the seL4 reference manual,
//! `seL4_CNode_Revoke` and `seL4_CNode_Delete` (a capability that is gone can be had from its grantor alone). FreeBSD
//! `unix(4)`: a descriptor that was passed is a duplicate, which stays with whoever has it.

use serde::{Deserialize, Serialize};

/// What a lock-down of a domain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shutdown {
    /// Nothing: it is refused.
    None,
    /// A snapshot of its processes, ended one action each.
    BestEffort,
    /// All of its processes end in one action, and there will be no other.
    Irrevocable,
}

impl Shutdown {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::None, Self::BestEffort, Self::Irrevocable];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BestEffort => "best effort",
            Self::Irrevocable => "irrevocable",
        }
    }

    /// Is there a state in which a lock-down has begun and not yet returned?
    pub fn walks(self) -> bool {
        self == Self::BestEffort
    }

    /// May no process be created in the domain any more?
    pub fn closes(self) -> bool {
        self == Self::Irrevocable
    }
}
