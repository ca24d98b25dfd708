//! Axis *attachment*: how a buffer whose receiver has ended comes to another.
//!
//! `None · Free < Predefined`. Without, it never does. Free: whoever holds a handle to it takes it over, at any time, and a message that the last
//! receiver had taken is gone with it. Predefined: only a process that the buffer names, whose domain may receive, once the last has
//! ended, and if all that is queued will be done in time; what was taken and not acknowledged is received once more.
//!
//! Sources: `unix(7)` (SCM_RIGHTS: a descriptor is passed on to anybody), `pidfd_getfd(2)`; the seL4 reference manual (any thread
//! with the read right may receive; admission is the user level's). Predefined with admission is no kernel's yet.

use serde::{Deserialize, Serialize};

/// How a buffer comes to another receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// Not at all.
    None,
    /// By whoever holds a handle.
    Free,
    /// By those that it names, with admission.
    Predefined,
}

impl Attachment {
    /// All choices; the last is stronger than the one before.
    pub const ALL: [Self; 3] = [Self::None, Self::Free, Self::Predefined];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Free => "free",
            Self::Predefined => "predefined",
        }
    }

    /// Can a buffer come to another receiver?
    pub fn changes(self) -> bool {
        self != Self::None
    }

    /// Are the buffer's declaration and its last receiver looked at, and the time that its messages need?
    pub fn is_asked_for(self) -> bool {
        self == Self::Predefined
    }

    /// Does the buffer keep a message until it is acknowledged?
    pub fn keeps_unacknowledged(self) -> bool {
        self == Self::Predefined
    }
}
