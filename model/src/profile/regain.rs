//! Axis *regain*: what gives a right back that was given up, with nobody granting it.
//!
//! `ByAsking < ByExecution < Never`. By asking: what was given up for a time is taken back by a call, and what was a descriptor is opened again, with
//! more rights than it had. By execution: what a process has given up for good a privileged program has all the same,
//! whoever executes it. Never: neither, for the process and all that comes of it.
//!
//! How a program gives a right up is its choice, and a profile says what is used there, as everywhere: by asking is the weaker use
//! of a kernel that has both.
//!
//! Sources: POSIX.1-2024 `seteuid`, `exec` (set-user-ID, the saved set-user-ID); Linux `proc_pid_fd(5)` (the permissions there are not those of the descriptor:
//! that it can be opened again with more follows), `execve(2)`, PR_SET_NO_NEW_PRIVS
//! (`prctl(2)`); Windows RevertToSelf, AdjustTokenPrivileges (SE_PRIVILEGE_REMOVED); macOS `pthread_setugid_np(2)` (KAUTH_UID_NONE reverts);
//! FreeBSD `capsicum(4)`, and sys/kern/kern_exec.c, which honours no set-user-ID in capability mode; the seL4 reference
//! manual, Capability-based Access Control.

use serde::{Deserialize, Serialize};

/// What gives back a right that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regain {
    /// A call, and also the execution of a privileged program.
    ByAsking,
    /// The execution of a privileged program.
    ByExecution,
    /// Nothing.
    Never,
}

impl Regain {
    /// All choices, each stronger than the one before.
    pub const ALL: [Self; 3] = [Self::ByAsking, Self::ByExecution, Self::Never];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByAsking => "by asking",
            Self::ByExecution => "by execution",
            Self::Never => "never",
        }
    }

    /// Does whoever has given up a right have it back when it asks?
    pub fn by_asking(self) -> bool {
        self == Self::ByAsking
    }

    /// Does whoever has given up a right have it back by executing a privileged program?
    pub fn by_execution(self) -> bool {
        self != Self::Never
    }
}
