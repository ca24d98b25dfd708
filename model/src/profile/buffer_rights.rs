//! Axis *buffer rights*: what decides who may use a buffer.
//!
//! `BySendersUser · OnEachBuffer`. Under the first a message that the kernel processes unasked, a signal, may be sent by whoever is of the
//! same user, and needs no handle: the process's number names it. All domains of a scenario are of one user. What a process receives
//! by asking has rights of its own under both: the ends of a pipe are handles, each with its mode.
//!
//! Sources: `kill(2)` ("the real or effective user ID of the sending process must equal the real or saved set-user-ID of the target
//! process"); `pipe(7)`, `open(2)` (a descriptor has an access mode); the seL4 reference manual (rights of an endpoint
//! capability); `capsicum(4)`.

use serde::{Deserialize, Serialize};

use crate::system::By;

/// What decides who may use a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BufferRights {
    /// Whose user the sender is.
    BySendersUser,
    /// The rights on that buffer.
    OnEachBuffer,
}

impl BufferRights {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::BySendersUser, Self::OnEachBuffer];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::BySendersUser => "by sender's user",
            Self::OnEachBuffer => "on each buffer",
        }
    }

    /// Is a handle needed, and the right on the buffer, where its messages are processed so?
    pub fn are_asked_for(self, by: By) -> bool {
        self == Self::OnEachBuffer || by == By::Polled
    }
}
