//! The primitives: what each is called, serves, assumes, needs, and **what each strengthens**.
//!
//! One row is one mechanism of the kernel; its calls and its known holes are in its file under `linux/`. A guarantee
//! is claimed from the set of the primitives that were applied, in [`strengthen`] and nowhere else.

use std::collections::BTreeSet;

use lacuna_model::guarantee::GuaranteeId::{self, G2, G3, G4, G6, G7};
use lacuna_model::profile::{Authority, BufferRights, Inheritance, Profile, Quota, Regain, Teardown, Tracking};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;

macro_rules! primitives {
    ($($id:ident $name:literal serves [$($serves:ident),*] $about:literal assumes [$($assumes:literal),*],)*) => {
        /// One mechanism of the kernel. The order is the order of application.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum PrimitiveId {
            $(#[doc = $about] $id,)*
        }

        impl PrimitiveId {
            /// All of them, in the order of application.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// As on the command line and in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name,)* }
            }

            /// What it does, in a line.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$id => $about,)* }
            }

            /// The guarantees that it serves, alone or with others.
            pub const fn serves(self) -> &'static [GuaranteeId] {
                match self { $(Self::$id => &[$($serves),*],)* }
            }

            /// What must hold for it to do what it says.
            pub const fn assumptions(self) -> &'static [&'static str] {
                match self { $(Self::$id => &[$($assumes),*],)* }
            }
        }
    };
}

primitives! {
    Guardian "guardian" serves [G4]
        "A process of ours beside the job ends it when the supervisor dies or the deadline passes."
        assumes ["the job cannot kill the guardian: a process namespace, Landlock's signal scope, or another user"],
    UserNamespace "user-namespace" serves [G7]
        "A fresh user namespace: capabilities, keys and process counts that reach nothing outside."
        assumes ["the kernel's checks of namespaced capabilities are right"],
    PidNamespace "pid-namespace" serves [G3, G4, G7]
        "A fresh process namespace with an init of ours: its death kills every member, and no member can leave."
        assumes ["no process outside enters the namespace with setns(2)"],
    NetworkNamespace "network-namespace" serves [G7]
        "A fresh network namespace: no interface but its own loopback, no abstract socket of the host."
        assumes ["no socket of the host was passed in"],
    IpcNamespace "ipc-namespace" serves [G7]
        "A fresh namespace of System V IPC and POSIX message queues, gone with its last process."
        assumes [],
    CgroupV2 "cgroup-v2" serves [G3, G4]
        "A cgroup of version 2 from birth, with the kernel's own account of its members, killed as one."
        assumes ["the job cannot write to the tree of cgroups"],
    CgroupV2Pids "cgroup-v2-pids" serves [G6]
        "pids.max: processes and threads alive or unreaped at once."
        assumes ["the job cannot write to the tree of cgroups"],
    CgroupV2Memory "cgroup-v2-memory" serves [G6]
        "memory.max without swap; the whole group dies together when it cannot be met."
        assumes ["the job cannot write to the tree of cgroups",
            "memory that the kernel charges to nobody does not count: record locks on files"],
    CgroupV1Pids "cgroup-v1-pids" serves [G6]
        "pids.max in a hierarchy of version 1, joined before the program starts."
        assumes ["the job cannot write to the tree of cgroups"],
    CgroupV1Memory "cgroup-v1-memory" serves [G6]
        "memory.limit_in_bytes in a hierarchy of version 1, joined before the program starts."
        assumes ["the job cannot write to the tree of cgroups",
            "memory that the kernel charges to nobody does not count: record locks on files"],
    CgroupV1Freezer "cgroup-v1-freezer" serves [G3, G4]
        "A freezer group of version 1: frozen, then each member killed, then thawed."
        assumes ["the job cannot write to the tree of cgroups"],
    NewSession "new-session" serves [G7]
        "A session of its own, without a controlling terminal."
        assumes [],
    PrivateRoot "private-root" serves [G7]
        "A root directory that holds the granted paths and nothing else; what is not granted has no name."
        assumes ["no descriptor of a directory outside was passed in"],
    ExactDescriptors "exact-descriptors" serves [G2]
        "The listed descriptors at their listed numbers, every other closed at the start of the program."
        assumes [],
    RlimitProcesses "rlimit-processes" serves [G6]
        "RLIMIT_NPROC: in a fresh user namespace it counts the job alone (Linux 5.14), else all of the user."
        assumes ["the user is not root: the kernel exempts it"],
    RlimitMemory "rlimit-memory" serves [G6]
        "RLIMIT_AS: address space of each process, not of the job."
        assumes [],
    RlimitFileSize "rlimit-file-size" serves [G6]
        "RLIMIT_FSIZE: the size of each file written."
        assumes [],
    RlimitDescriptors "rlimit-descriptors" serves [G6]
        "RLIMIT_NOFILE: open descriptors of each process."
        assumes [],
    RlimitCore "rlimit-core" serves [G7]
        "RLIMIT_CORE 0: no memory image on disk."
        assumes ["core_pattern does not pipe to a program, which ignores 0 on some kernels"],
    DropCapabilities "drop-capabilities" serves [G7]
        "Every capability dropped from every set, and user 0 no longer gives any."
        assumes [],
    NoNewPrivileges "no-new-privileges" serves [G7]
        "Set-user-id programs and file capabilities give nothing any more."
        assumes [],
    LandlockFiles "landlock-files" serves [G7]
        "Contents of files and directories: only what the policy lists, for the job and all its descendants."
        assumes ["stat, chmod, utimes, setxattr and pathname sockets are not covered; shortening is a step of its own"],
    LandlockTruncate "landlock-truncate" serves [G7]
        "Shortening of files too: truncate(2) and O_TRUNC, which a kernel before Landlock 3 (Linux 6.2) does not ask about."
        assumes [],
    LandlockNetwork "landlock-network" serves [G7]
        "TCP connect and bind: only the listed ports."
        assumes ["neither fast open nor MPTCP nor UDP is covered: a socket filter has to be"],
    LandlockScopes "landlock-scopes" serves [G7]
        "No signal and no abstract socket to a process outside."
        assumes [],
    SeccompSurface "seccomp-surface" serves [G7]
        "Calls that a job has no business with are refused: namespaces, mounts, bpf, io_uring, keys, ptrace, TIOCSTI, set-user-id modes."
        assumes ["a deny-list: a call that is new in the kernel passes, up to the last that was known"],
    SeccompNoInternet "seccomp-no-internet" serves [G7]
        "Every socket family but AF_UNIX is refused."
        assumes ["no socket of such a family was passed in"],
    SeccompSockets "seccomp-sockets" serves [G7]
        "Socket families and protocols that Landlock's TCP rules do not see are refused."
        assumes ["no socket of such a family was passed in"],
}

impl std::fmt::Display for PrimitiveId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl PrimitiveId {
    /// The primitive of this number, as the launched side reports it.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Linux as it is used every day, strengthened by these primitives, applied for this policy, and nothing else.
///
/// Of the policy only this counts: where Landlock does not see a file being shortened, a private root still hides or
/// write-protects it, but not under a path that may be changed and not written.
///
/// Whatever is held by a cgroup alone can be undone by a job that may write to the tree of cgroups (its own user owns
/// it); so it counts only where the job's files are confined too.
pub fn strengthen(applied: &BTreeSet<PrimitiveId>, policy: &Policy) -> Profile {
    use PrimitiveId::*;
    let has = |id: PrimitiveId| applied.contains(&id);
    let mut profile = Profile::linux();
    profile.name = "effective".into();

    let confined = has(LandlockFiles) && has(NoNewPrivileges);
    if has(ExactDescriptors) {
        profile.inheritance = Inheritance::ExplicitList;
    }
    if has(PidNamespace) || (confined && (has(CgroupV2) || has(CgroupV1Freezer))) {
        profile.tracking = Tracking::JobGroup;
    }
    if confined && (has(CgroupV2Pids) || has(CgroupV1Pids)) || has(RlimitProcesses) && has(UserNamespace) {
        profile.process_quota = Quota::PerJobGroup;
    } else if has(RlimitProcesses) {
        profile.process_quota = Quota::PerUser;
    }
    if confined && (has(CgroupV2Memory) || has(CgroupV1Memory)) {
        profile.memory_quota = Quota::PerJobGroup;
    }
    let shortening = has(LandlockTruncate) || has(PrivateRoot) && policy.changes_only_what_it_writes();
    if confined && shortening {
        profile.files = Authority::Subtractive;
    }
    // A filter of families alone says nothing of ports; it makes Landlock's rules of TCP ports complete.
    if has(NetworkNamespace) || has(SeccompNoInternet) || has(SeccompSockets) && has(LandlockNetwork) {
        profile.network = Authority::Subtractive;
    }
    // What is made in it, files in /dev/shm aside, goes with its last process.
    if has(IpcNamespace) {
        profile.ipc = Authority::Subtractive;
        profile.ipc_teardown = Teardown::WithGroup;
    }
    // No program gives anything any more, and no capability lets a process change what it is.
    if has(NoNewPrivileges) && has(DropCapabilities) {
        profile.regain = Regain::Never;
    }
    // Whoever is outside cannot be signalled, or has no number by which to be.
    if has(LandlockScopes) || has(PidNamespace) {
        profile.buffer_rights = BufferRights::OnEachBuffer;
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_list() {
        for (place, id) in PrimitiveId::ALL.iter().enumerate() {
            assert_eq!(*id as usize, place);
            assert_eq!(PrimitiveId::from_number(place as u8), Some(*id));
        }
        assert_eq!(PrimitiveId::from_number(PrimitiveId::ALL.len() as u8), None);
    }

    #[test]
    fn nothing_applied_is_everyday_linux() {
        let profile = strengthen(&BTreeSet::new(), &Policy::new());
        assert_eq!(Profile { name: "linux".into(), ..profile }, Profile::linux());
    }

    #[test]
    fn everything_applied_is_linux_hardened() {
        let profile = strengthen(&PrimitiveId::ALL.iter().copied().collect(), &Policy::new());
        // But for the time, for no primitive sets a budget yet; for the identity: pidfd(2) is there for the programs of
        // the job, and nothing makes them use it; and for files: a policy may grant a directory that is no output.
        let hardened = Profile {
            time_isolation: profile.time_isolation,
            identity: profile.identity,
            file_teardown: profile.file_teardown,
            ..Profile::linux_hardened()
        };
        assert_eq!(Profile { name: "linux-hardened".into(), ..profile }, hardened);
    }
}
