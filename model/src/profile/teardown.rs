//! Axis *teardown*: what becomes of a persistent object when the job group has ended whose members made it, one choice for files and one for
//! named kernel objects.
//!
//! `None < WithGroup`. Under the first an object stays until somebody removes it, and who was killed does not. Under the second it is the
//! group's, by a name space or a reservation that the group alone has, and goes with the group's last process. A count of references
//! (Windows: an object goes with the last handle to it) is between the two, and taken as none: whoever else has opened the object keeps
//! it. A sweep by a supervisor is a program and no mechanism: it takes place after the end, or not at all. Where a group ends by an act that takes
//! its memory, as a revocation of seL4's does, that act is the end and the teardown at once.
//!
//! Sources: POSIX.1-2024, `shmget` and `sem_open` (an object is there until it is removed or unlinked); Linux `mq_overview(7)`,
//! `namespaces(7)` (an open descriptor or a mount keeps a namespace alive), `ipc_namespaces(7)` ("When an IPC namespace is destroyed [...] all IPC objects in the namespace are automatically destroyed"),
//! `mount_namespaces(7)` and `tmpfs(5)`; the seL4 reference manual, `seL4_CNode_Revoke`.

use serde::{Deserialize, Serialize};

/// What becomes of what a job group made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Teardown {
    /// It stays.
    None,
    /// It goes with the last process of the group.
    WithGroup,
}

impl Teardown {
    /// All choices, each stronger than the one before.
    pub const ALL: [Self; 2] = [Self::None, Self::WithGroup];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WithGroup => "with the group",
        }
    }

    /// Is it gone when the group has ended?
    pub fn goes_with_the_group(self) -> bool {
        self == Self::WithGroup
    }
}
