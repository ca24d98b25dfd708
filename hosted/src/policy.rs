//! What a job may do: the request that a [`Plan`](crate::Plan) answers.
//!
//! A policy is pure data and names no mechanism. What it does not grant is denied; what it does not limit is not
//! limited. Sources: DESIGN of the project; the words of the rights are those of `landlock(7)`, coarser.

use std::ops::BitOr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a job may do with the files under a path: a set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Access(u8);

impl Access {
    /// Read files, list directories.
    pub const READ: Self = Self(1);
    /// Change the contents of existing files, or shorten them.
    pub const WRITE: Self = Self(1 << 1);
    /// Make files, directories, links, sockets and pipes (never device nodes).
    pub const CREATE: Self = Self(1 << 2);
    /// Remove and rename.
    pub const REMOVE: Self = Self(1 << 3);
    /// Execute files; where there is a private root, also load them as libraries.
    pub const EXECUTE: Self = Self(1 << 4);
    /// `ioctl` on devices.
    pub const DEVICE_CONTROL: Self = Self(1 << 5);
    /// All of them but [`Access::DEVICE_CONTROL`].
    pub const ALL: Self = Self(0b1_1111);

    /// Does this set hold every right of `other`?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is there any right in it that changes something on disk?
    pub const fn changes(self) -> bool {
        self.0 & (Self::WRITE.0 | Self::CREATE.0 | Self::REMOVE.0) != 0
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A path, and what may be done at and under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRule {
    /// An absolute path of a directory or a file that exists when the job starts.
    pub path: PathBuf,
    /// The rights.
    pub access: Access,
}

/// Which network a job may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// None at all, not even its own loopback.
    None,
    /// A loopback of its own, where nobody else listens.
    Loopback,
    /// The host's network, and there these TCP ports only, and no other protocol.
    Tcp {
        /// Ports it may connect to, on any address.
        connect: Vec<u16>,
        /// Ports it may listen on.
        bind: Vec<u16>,
    },
    /// The host's, whole.
    Host,
}

/// Where a job finds a `/tmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Temporary {
    /// Nowhere, unless a granted path is there.
    None,
    /// One of its own, empty at the start and gone at the end, unless `/tmp` itself is granted.
    Own,
}

/// What a job may do and how much of it.
///
/// ```
/// use lacuna_hosted::{Access, Network, Policy};
/// use std::time::Duration;
///
/// let policy = Policy::new()
///     .dir("/usr", Access::READ | Access::EXECUTE)
///     .dir("/srv/job/42", Access::ALL)
///     .network(Network::None)
///     .processes(256)
///     .memory_bytes(2 << 30)
///     .deadline(Duration::from_secs(600));
/// assert_eq!(policy.paths().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    paths: Vec<PathRule>,
    temporary: Temporary,
    network: Network,
    processes: Option<u32>,
    memory_bytes: Option<u64>,
    file_bytes: Option<u64>,
    descriptors: Option<u64>,
    deadline: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// No file, no network, and no limit.
    pub fn new() -> Self {
        Self {
            paths: Vec::new(),
            temporary: Temporary::None,
            network: Network::None,
            processes: None,
            memory_bytes: None,
            file_bytes: None,
            descriptors: None,
            deadline: None,
        }
    }

    /// Grants rights at and under a path. A path given twice has the rights of both.
    #[must_use]
    pub fn dir(mut self, path: impl AsRef<Path>, access: Access) -> Self {
        self.paths.push(PathRule { path: path.as_ref().to_path_buf(), access });
        self
    }

    /// Grants what most programs need to start at all, where it exists on this host: reading and executing the system's
    /// programs and libraries, reading the loader's cache, the harmless devices.
    #[must_use]
    pub fn system(mut self) -> Self {
        let run = Access::READ | Access::EXECUTE;
        let programs = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"].map(|path| (path, run));
        let settings = ["/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/dev/random", "/dev/urandom"]
            .map(|path| (path, Access::READ));
        let sinks = ["/dev/null", "/dev/zero", "/dev/full"].map(|path| (path, Access::READ | Access::WRITE));
        for (path, access) in programs.into_iter().chain(settings).chain(sinks) {
            if Path::new(path).exists() {
                self = self.dir(path, access);
            }
        }
        self
    }

    /// Asks for a `/tmp` of the job's own: in memory, at most as much as the job may have of that, or 256 MiB.
    #[must_use]
    pub fn own_tmp(mut self) -> Self {
        self.temporary = Temporary::Own;
        self
    }

    /// Grants a network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Limits the processes and threads alive at once.
    #[must_use]
    pub fn processes(mut self, at_most: u32) -> Self {
        self.processes = Some(at_most);
        self
    }

    /// Limits the memory of the whole job, in bytes.
    #[must_use]
    pub fn memory_bytes(mut self, at_most: u64) -> Self {
        self.memory_bytes = Some(at_most);
        self
    }

    /// Limits the size of each file that the job writes, in bytes.
    #[must_use]
    pub fn file_bytes(mut self, at_most: u64) -> Self {
        self.file_bytes = Some(at_most);
        self
    }

    /// Limits the descriptors that each process has open.
    #[must_use]
    pub fn descriptors(mut self, at_most: u64) -> Self {
        self.descriptors = Some(at_most);
        self
    }

    /// The job is killed whole when this time has passed since it started.
    #[must_use]
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = Some(after);
        self
    }

    /// The paths granted, in the order given.
    pub fn paths(&self) -> &[PathRule] {
        &self.paths
    }

    /// May the contents of files be changed under every granted path where anything may be changed at all?
    pub(crate) fn changes_only_what_it_writes(&self) -> bool {
        self.paths.iter().all(|rule| !rule.access.changes() || rule.access.contains(Access::WRITE))
    }

    /// Which `/tmp` is asked for: none of its own where the host's is granted, or what it lies in.
    pub fn temporary(&self) -> Temporary {
        let granted = self.paths.iter().any(|rule| Path::new("/tmp").starts_with(&rule.path));
        if granted { Temporary::None } else { self.temporary }
    }

    /// The network granted.
    pub fn network_granted(&self) -> &Network {
        &self.network
    }

    /// The limit of processes.
    pub fn processes_limit(&self) -> Option<u32> {
        self.processes
    }

    /// The limit of memory, in bytes.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }

    /// The limit of the size of a file, in bytes.
    pub fn file_limit_bytes(&self) -> Option<u64> {
        self.file_bytes
    }

    /// The limit of open descriptors of a process.
    pub fn descriptors_limit(&self) -> Option<u64> {
        self.descriptors
    }

    /// The deadline, from the start.
    pub fn deadline_after(&self) -> Option<Duration> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_a_set() {
        let run = Access::READ | Access::EXECUTE;
        assert!(run.contains(Access::READ) && !run.contains(Access::WRITE) && !run.changes());
        assert!(Access::ALL.contains(run) && Access::ALL.changes());
        assert!(!Access::ALL.contains(Access::DEVICE_CONTROL));
    }
}
