//! Axis *identity*: what names a process to whoever kills it.
//!
//! `RecycledNumber < StableHandle`. A number is the kernel's to give again once the process has ended and was waited for: a kill by it
//! reaches whoever has it then. A handle refers to that one process as long as it is held; when the process is gone, a kill by
//! it is refused.
//!
//! Sources: POSIX.1-2024, Base Definitions, process ID ("shall not be reused by the system until the process lifetime ends"); `kill(2)`;
//! Linux `pidfd_open(2)`, `pidfd_send_signal(2)` ("avoids the race"); FreeBSD `pdfork(2)`, `pdkill(2)`; Windows, Process Handles
//! and Identifiers (a number is valid until the process ends, a handle until it is closed); the seL4 reference manual, Capabilities.

use serde::{Deserialize, Serialize};

/// What names a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// A number, which is given again.
    RecycledNumber,
    /// A handle to that process and to no other.
    StableHandle,
}

impl Identity {
    /// All choices, each stronger than the one before.
    pub const ALL: [Self; 2] = [Self::RecycledNumber, Self::StableHandle];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecycledNumber => "recycled number",
            Self::StableHandle => "stable handle",
        }
    }

    /// May another process come to be called what one was called that is gone?
    pub fn is_recycled(self) -> bool {
        self == Self::RecycledNumber
    }
}
