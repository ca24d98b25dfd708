//! What a host offers: plain data that a [`Plan`](crate::Plan) is made from.
//!
//! [`Facts::detect`] *tries* what can be tried (a namespace, a ruleset) instead of reading versions, because a
//! container, a security module or a sysctl decides as often as the kernel's release. Every field is public, so that a
//! test describes any host on any other.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Is something there, and does it work for us?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// It was tried, and worked.
    Works,
    /// It does not, and this is what the host said.
    Fails(String),
}

impl Support {
    /// Did it work?
    pub fn works(&self) -> bool {
        *self == Self::Works
    }

    /// What the host said if it did not work.
    pub fn why_not(&self) -> Option<&str> {
        match self {
            Self::Works => None,
            Self::Fails(why) => Some(why),
        }
    }

    /// As [`Support`], from what a call returned.
    pub fn from_result<T, E: std::fmt::Display>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Works,
            Err(error) => Self::Fails(error.to_string()),
        }
    }
}

/// A hierarchy of cgroup v2, seen from our own cgroup in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupV2 {
    /// The directory of our own cgroup, under which a job's is made.
    pub own: PathBuf,
    /// Can a child be made there?
    pub create: Support,
    /// Does a child made there have `cgroup.kill` (Linux 5.14)?
    pub kill: Support,
    /// Controllers that a child made there will have, because they are enabled for children already.
    pub enabled: Vec<String>,
    /// Controllers that could be enabled for children without moving any process.
    pub can_enable: Vec<String>,
}

/// A hierarchy of cgroup v1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupV1 {
    /// Its controllers, as in the mount options: `pids`, or `cpu,cpuacct` as two.
    pub controllers: Vec<String>,
    /// The directory of our own cgroup in it, under which a job's is made.
    pub own: PathBuf,
    /// Can a child be made there?
    pub create: Support,
}

/// Which namespaces work, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// A user namespace with our own identity mapped.
    pub user: Support,
    /// A process namespace, in a fresh user namespace if that works, else alone.
    pub pid: Support,
    /// A network namespace, likewise.
    pub network: Support,
    /// A namespace of System V and POSIX message queues, likewise.
    pub ipc: Support,
    /// A mount namespace, likewise.
    pub mount: Support,
}

/// What a host offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// As in [`std::env::consts::OS`].
    pub os: String,
    /// The kernel's release.
    pub release: String,
    /// As in [`std::env::consts::ARCH`].
    pub arch: String,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Effective capabilities, bit by number (`capabilities(7)`).
    pub capabilities: u64,
    /// Was `no_new_privs` set before us?
    pub no_new_privs_inherited: bool,
    /// Which namespaces can be made.
    pub namespaces: Namespaces,
    /// Our place in the hierarchy of version 2, if it is mounted.
    pub cgroup_v2: Option<CgroupV2>,
    /// Our places in those of version 1.
    pub cgroup_v1: Vec<CgroupV1>,
    /// The version of Landlock's interface; 0 if there is none.
    pub landlock_abi: u32,
    /// Can a filter be installed after `no_new_privs`?
    pub seccomp: Support,
    /// The security modules that are active, if the kernel says.
    pub lsms: Vec<String>,
    /// `close_range(2)` with `CLOSE_RANGE_CLOEXEC` (Linux 5.11).
    pub close_range: Support,
    /// `clone3(2)` (Linux 5.3).
    pub clone3: Support,
    /// `pidfd_open(2)` (Linux 5.3).
    pub pidfd: Support,
}

impl Facts {
    /// A Linux where nothing works, for a user without privilege: what a test of planning starts from.
    pub fn bare_linux() -> Self {
        let absent = || Support::Fails("absent".into());
        Self {
            os: "linux".into(),
            release: String::new(),
            arch: std::env::consts::ARCH.into(),
            uid: 1000,
            gid: 1000,
            capabilities: 0,
            no_new_privs_inherited: false,
            namespaces: Namespaces { user: absent(), pid: absent(), network: absent(), ipc: absent(), mount: absent() },
            cgroup_v2: None,
            cgroup_v1: Vec::new(),
            landlock_abi: 0,
            seccomp: absent(),
            lsms: Vec::new(),
            close_range: absent(),
            clone3: absent(),
            pidfd: absent(),
        }
    }

    /// Asks and tries this host. It starts a few short-lived processes of its own; nothing remains.
    ///
    /// # Errors
    /// The host is not one that this library knows, or does not show itself (no `/proc`).
    pub fn detect() -> Result<Self, FactsError> {
        #[cfg(target_os = "linux")]
        return crate::linux::facts::detect();
        #[cfg(not(target_os = "linux"))]
        return Err(FactsError::Unsupported(std::env::consts::OS));
    }

    /// Is this capability effective? By its number in `capabilities(7)`.
    pub fn capable(&self, capability: u32) -> bool {
        self.capabilities & (1 << capability) != 0
    }

    /// The hierarchy of version 1 with this controller, if a child can be made in it.
    pub fn v1_with(&self, controller: &str) -> Option<&CgroupV1> {
        self.cgroup_v1.iter().find(|v1| v1.create.works() && v1.controllers.iter().any(|known| known == controller))
    }

    /// The hierarchy of version 2, if a child can be made in it and killed as one.
    pub fn v2_usable(&self) -> Option<&CgroupV2> {
        self.cgroup_v2.as_ref().filter(|v2| v2.create.works() && v2.kill.works())
    }

    /// Would a child in version 2 have this controller?
    pub fn v2_with(&self, controller: &str) -> Option<&CgroupV2> {
        self.v2_usable().filter(|v2| v2.enabled.iter().chain(&v2.can_enable).any(|known| known == controller))
    }
}

/// The host did not show itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// This library does not know the operating system.
    #[error("no facts are known for {0}")]
    Unsupported(&'static str),
    /// Something that every host of this kind has could not be read.
    #[error("cannot read {what}: {source}")]
    Unreadable {
        /// What was read.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}
