//! Axis *tracking*: by what the kernel tells which processes belong together.
//!
//! `ParentLink · ProcessGroup · Subreaper < JobGroup`: each of the first three loses processes in its own way, or keeps
//! them only as long as the reaper lives, so nothing is claimed between them; a job group from birth loses none.
//!
//! Sources: POSIX.1-2024 `setsid`, `setpgid`, `_exit` (orphans are inherited by an implementation-defined process);
//! Linux `prctl(PR_SET_CHILD_SUBREAPER)`, `cgroups(7)` ("a child process is a member of its parent's cgroup"),
//! `pid_namespaces(7)`; Windows job objects.

use serde::{Deserialize, Serialize};

/// The unit by which descendants are found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracking {
    /// Parent links; an orphan goes to init and is lost, with all below it.
    ParentLink,
    /// A process group or session; any member may leave it.
    ProcessGroup,
    /// Parent links, with orphans going to the supervisor.
    Subreaper,
    /// Membership that is inherited at birth and cannot be given up: cgroup, pid namespace, job object.
    JobGroup,
}

impl Tracking {
    /// All choices; the last is stronger than each other one.
    pub const ALL: [Self; 4] = [Self::ParentLink, Self::ProcessGroup, Self::Subreaper, Self::JobGroup];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::ParentLink => "parent link",
            Self::ProcessGroup => "process group",
            Self::Subreaper => "subreaper",
            Self::JobGroup => "job group",
        }
    }

    /// Is a process that detaches itself (`setsid`, `setpgid`) lost?
    pub fn loses_detached(self) -> bool {
        self == Self::ProcessGroup
    }

    /// Can the first process of a group not leave it? `setsid` refuses a leader of a process group (EPERM).
    pub fn keeps_leaders(self) -> bool {
        self == Self::ProcessGroup
    }

    /// Is a process whose parent ends lost, with all below it?
    pub fn loses_orphans(self) -> bool {
        self == Self::ParentLink
    }

    /// Can a process be lost at all?
    pub fn may_lose(self) -> bool {
        self.loses_detached() || self.loses_orphans()
    }

    /// Does an orphan become a child of the supervisor that created its group?
    pub fn orphans_go_to_the_supervisor(self) -> bool {
        self == Self::Subreaper
    }
}
