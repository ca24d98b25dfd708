//! The ideal kernel: on every axis the strongest choice. Its sources are kernels and papers that have the one choice.

use crate::profile::{
    Attachment, Authority, Awareness, BufferRights, Buffers, Coupling, Creation, Credentials, Identity, Inheritance,
    Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling, Shutdown, Teardown,
    TimeIsolation, Tracking, Waiting,
};

use super::Named;

/// The kernel that could be: on every axis nothing but the strongest choice (MODEL.md, "The ideal kernel").
pub(super) static KERNEL: Kernel = Kernel {
    name: "ideal",
    inheritance: &[Inheritance::ExplicitList],
    creation: &[Creation::Spawn],
    tracking: &[Tracking::JobGroup],
    kill: &[Kill::Atomic],
    identity: &[Identity::StableHandle],
    quota: &[Quota::Reserved],
    authority: &[Authority::CapabilityOnly],
    credentials: &[Credentials::PerProcess],
    file_teardown: &[Teardown::WithGroup],
    ipc_teardown: &[Teardown::WithGroup],
    regain: &[Regain::Never],
    time_isolation: &[TimeIsolation::FlushedPartitions],
    inversion: &[Inversion::Donation],
    lock_recovery: &[LockRecovery::OwnerDead],
    waiting: &[Waiting::Atomic],
    buffers: Buffers::Every,
    buffer_rights: &[BufferRights::OnEachBuffer],
    attachment: &[Attachment::Predefined],
    shutdown: &[Shutdown::Irrevocable],
    coupling: &[Coupling::Separate],
    mode_change: &[ModeChange::AtIdle],
    awareness: &[Awareness::FullGraph],
    scheduling: &[Scheduling::Every],
};

/// `ideal`
pub(super) static IDEAL: Named = Named {
    name: "ideal",
    about: "the kernel that could be: the strongest choice on every axis",
    kernel: &KERNEL,
    profile: Profile::ideal,
    sources: &[
        ("inheritance", "seL4: a new capability space holds what was put there"),
        ("creation", "seL4: a thread is configured before it is resumed; Baumann et al. 2019"),
        ("tracking", "Windows job objects, Linux cgroups: membership from birth that cannot be given up"),
        ("kill", "Linux cgroup.kill; the end of a pid namespace's init"),
        ("identity", "seL4: a capability to a thread, gone with it; Linux pidfd_open(2), Capsicum process descriptors"),
        ("process quota", "seL4 untyped memory: a reservation"),
        ("memory quota", "seL4 untyped memory: a reservation"),
        ("files", "Capsicum 2010; seL4 capabilities"),
        ("network", "Capsicum 2010; seL4 capabilities"),
        (
            "credentials",
            "seL4: the threads of a process have one capability space; FreeBSD cap_enter(2): of the process",
        ),
        ("ipc", "Capsicum 2010; seL4 capabilities"),
        ("teardown of files", "seL4 manual, seL4_CNode_Revoke; tmpfs(5) in a mount namespace"),
        ("teardown of ipc objects", "seL4 manual, seL4_CNode_Revoke; Linux ipc_namespaces(7)"),
        ("regain", "seL4: no capability but by a grant; Linux PR_SET_NO_NEW_PRIVS, FreeBSD capsicum(4)"),
        (
            "time isolation",
            "ARINC 653: partition windows; inside them Lyons et al. 2018: seL4 MCS scheduling contexts; Völp et al. 2008: idle substitution; Ge et al. 2019: a flush in padded time",
        ),
        ("inversion", "Steinberg et al. 2005: the owner runs on what the waiting one is scheduled by"),
        (
            "lock recovery",
            "pthread_mutexattr_setrobust(3), PTHREAD_MUTEX_ROBUST: the next owner is told that the last one has died",
        ),
        ("waiting", "futex(2), FUTEX_WAIT: sleeps only if the value is still the one seen"),
        ("buffers offered", "no one kernel has all: each kind is some kernel's, see the axis"),
        ("buffer rights", "seL4: the rights of an endpoint capability; capsicum(4)"),
        ("attachment", "no kernel yet: MODEL.md, Reattachment"),
        ("shutdown", "seL4 manual, seL4_CNode_Revoke"),
        ("coupling", "Lyons et al. 2018: a scheduling context is an object of its own, bound to a thread"),
        ("mode change", "Real and Crespo 2004: the idle time protocol"),
        (
            "awareness",
            "no kernel yet: along locks Steinberg et al. 2005; along precedence Chetto, Silly, Bouchentouf 1990",
        ),
        ("scheduling", "no one kernel has all: sched(7) has three, ARINC 653 tables, Dertouzos and Mok 1989 laxity"),
    ],
};

impl Profile {
    /// The strongest choice on every axis.
    pub fn ideal() -> Self {
        Self {
            name: "ideal".into(),
            inheritance: Inheritance::ExplicitList,
            creation: Creation::Spawn,
            tracking: Tracking::JobGroup,
            kill: Kill::Atomic,
            identity: Identity::StableHandle,
            process_quota: Quota::Reserved,
            memory_quota: Quota::Reserved,
            files: Authority::CapabilityOnly,
            network: Authority::CapabilityOnly,
            credentials: Credentials::PerProcess,
            ipc: Authority::CapabilityOnly,
            file_teardown: Teardown::WithGroup,
            ipc_teardown: Teardown::WithGroup,
            regain: Regain::Never,
            time_isolation: TimeIsolation::FlushedPartitions,
            inversion: Inversion::Donation,
            lock_recovery: LockRecovery::OwnerDead,
            waiting: Waiting::Atomic,
            buffers: Buffers::Every,
            buffer_rights: BufferRights::OnEachBuffer,
            attachment: Attachment::Predefined,
            shutdown: Shutdown::Irrevocable,
            coupling: Coupling::Separate,
            mode_change: ModeChange::AtIdle,
            awareness: Awareness::FullGraph,
            scheduling: Scheduling::Every,
        }
    }
}
