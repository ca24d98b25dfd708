//! Axis *creation*: how many actions it takes until a new program runs.
//!
//! `ForkThenExec < Spawn`: between fork and exec there is a process that holds a copy of its creator's handles and is
//! seen by everybody; a spawn has no such state.
//!
//! Sources: POSIX.1-2024 `fork`, `exec`, `posix_spawn`; Baumann et al., *A fork() in the road*, HotOS 2019; seL4
//! (a thread is configured before it is resumed).

use serde::{Deserialize, Serialize};

/// How a process with another program comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Creation {
    /// Two actions: a copy of the creator, then the new program in it.
    ForkThenExec,
    /// One action.
    Spawn,
}

impl Creation {
    /// All choices, weakest first.
    pub const ALL: [Self; 2] = [Self::ForkThenExec, Self::Spawn];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForkThenExec => "fork then exec",
            Self::Spawn => "spawn",
        }
    }

    /// Is there a state in which the child exists and its program does not run yet?
    pub fn has_embryo(self) -> bool {
        self == Self::ForkThenExec
    }
}
