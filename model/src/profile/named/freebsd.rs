//! FreeBSD 14 and later: as it is used every day, and with a process descriptor, a reaper and capability mode. What is said of it was
//! read in its manual pages and sources; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes and sockets, waiting or not; `mqueuefs(5)`; standard signals, handled or taken by `sigwaitinfo(2)`;
/// realtime signals (`sigqueue(2)`), the same; SIGKILL.
const BUFFERS: Buffers = Buffers::Only(
    "pipes, queues, signals",
    &[
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Block),
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Refuse),
        BufferKind::polled(CapacityRule::SharedPool, Overflow::Refuse),
        BufferKind::polled(CapacityRule::One, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::One, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::SharedPool, Overflow::Refuse),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

/// `pipe2(2)`, `closefrom(2)`, `close_range(2)`; `fork(2)`, `pdfork(2)`; process groups, reapers (`procctl(2)`), jails; `rctl(8)`;
/// `jail(8)`, `capsicum(4)`.
pub(super) static KERNEL: Kernel = Kernel {
    name: "freebsd",
    inheritance: &Inheritance::ALL,
    creation: &[Creation::ForkThenExec],
    tracking: &Tracking::ALL,
    kill: &Kill::ALL,
    identity: &Identity::ALL,
    quota: &[Quota::None, Quota::PerUser, Quota::PerJobGroup],
    authority: &Authority::ALL,
    credentials: &[Credentials::PerProcess],
    file_teardown: &[Teardown::None],
    ipc_teardown: &Teardown::ALL,
    regain: &Regain::ALL,
    time_isolation: &[TimeIsolation::None, TimeIsolation::Budgets],
    inversion: &[Inversion::None, Inversion::PriorityInheritance, Inversion::Ceiling],
    lock_recovery: &LockRecovery::ALL,
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::BySendersUser, BufferRights::OnEachBuffer],
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::WithGroup, Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None, Awareness::BlockingEdges],
    scheduling: &[Scheduling::FAIR_PRIORITIES],
};

/// `freebsd`
pub(super) static FREEBSD: Named = Named {
    name: "freebsd",
    about: "FreeBSD as it is used every day: pipe and fcntl, fork and exec, killpg, no limits",
    kernel: &KERNEL,
    profile: freebsd,
    sources: &[
        ("inheritance", "pipe(2), then fcntl(2) with F_SETFD"),
        ("creation", "fork(2), execve(2); posix_spawn(3) is both, in the library"),
        ("tracking", "setpgid(2), setsid(2)"),
        (
            "kill",
            "kill(2) of a process group: fork1 and group signals exclude each other since 2023 (sys/kern/kern_fork.c, pg_killsx); not so before",
        ),
        ("identity", "kill(2): by number, which is given again"),
        ("process quota", "getrlimit(2): RLIMIT_NPROC counts a user, and is far away by default"),
        ("memory quota", "getrlimit(2)"),
        ("files", "the user's own files are the user's"),
        ("network", "socket(2): every user may open one"),
        (
            "credentials",
            "setuid(2): of the process; a thread has them from its next system call on (sys/kern/subr_syscall.c)",
        ),
        ("ipc", "shmget(2), mqueuefs(5): the user's own objects are the user's"),
        ("teardown of files", "unlink(2): a file stays until it is removed"),
        ("teardown of ipc objects", "shmctl(2), shm_open(2): an object stays until it is removed or the system stops"),
        ("regain", "setuid(2) sets the saved set-user-ID too; execve(2): a set-user-ID program has its owner's rights"),
        ("time isolation", "none by default; rctl(8) has pcpu"),
        ("inversion", "pthread_mutexattr(3): the default protocol is none"),
        ("lock recovery", "pthread_mutexattr(3): the default is PTHREAD_MUTEX_STALLED"),
        ("waiting", "_umtx_op(2), UMTX_OP_WAIT: sleeps only if the value is still the one seen"),
        ("buffers offered", "pipe(2), unix(4), mqueuefs(5), sigqueue(2)"),
        ("buffer rights", "kill(2): whoever is of the same user"),
        ("attachment", "unix(4), SCM_RIGHTS"),
        ("shutdown", "kill(2): -1 as the domain's user; the user can be logged in again"),
        ("coupling", "rtprio(2): of a process or a thread; rctl(8), by user or jail, is not used"),
        ("mode change", "timer_settime(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "_umtx_op(2): the owner is known only of a mutex made with UMUTEX_PRIO_INHERIT"),
        ("scheduling", "sched_ule(4); rtprio(1)"),
    ],
};

fn freebsd() -> Profile {
    Profile {
        name: "freebsd".into(),
        inheritance: Inheritance::FlagLater,
        creation: Creation::ForkThenExec,
        tracking: Tracking::ProcessGroup,
        kill: Kill::Atomic,
        identity: Identity::RecycledNumber,
        process_quota: Quota::None,
        memory_quota: Quota::None,
        files: Authority::AmbientByUser,
        network: Authority::AmbientByUser,
        credentials: Credentials::PerProcess,
        ipc: Authority::AmbientByUser,
        file_teardown: Teardown::None,
        ipc_teardown: Teardown::None,
        regain: Regain::ByExecution,
        time_isolation: TimeIsolation::None,
        inversion: Inversion::None,
        lock_recovery: LockRecovery::None,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::BySendersUser,
        attachment: Attachment::Free,
        shutdown: Shutdown::BestEffort,
        coupling: Coupling::Separate,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::None,
        scheduling: Scheduling::FAIR_PRIORITIES,
    }
}

/// `freebsd-capsicum`
pub(super) static FREEBSD_CAPSICUM: Named = Named {
    name: "freebsd-capsicum",
    about: "the same kernel, used well without privilege: closefrom, a reaper, RLIMIT_NPROC, capability mode",
    kernel: &KERNEL,
    profile: freebsd_capsicum,
    sources: &[
        ("inheritance", "closefrom(2) in the child; cap_rights_limit(2) on what stays"),
        ("creation", "pdfork(2), fexecve(2)"),
        ("tracking", "procctl(2), PROC_REAP_ACQUIRE"),
        (
            "kill",
            "procctl(2), PROC_REAP_KILL: walks with forkers stopped until it finds nobody new (sys/kern/kern_procctl.c), so that nobody survives it",
        ),
        ("identity", "pdfork(2), pdkill(2): a process descriptor"),
        ("process quota", "setrlimit(2), RLIMIT_NPROC: counts the user; a limit of a group wants rctl(8) and root"),
        ("memory quota", "setrlimit(2): limits are a process's; a limit of a group wants rctl(8) and root"),
        ("files", "cap_enter(2): no global name space; Watson et al. 2010"),
        ("network", "cap_enter(2): no global name space; Watson et al. 2010"),
        (
            "credentials",
            "cap_enter(2): places the current process into capability mode; a thread has it from its next system call on (sys/kern/subr_syscall.c)",
        ),
        ("ipc", "cap_enter(2): no global name space; Watson et al. 2010"),
        ("teardown of files", "capsicum(4) deletes nothing: what was made by way of a directory's descriptor stays"),
        (
            "teardown of ipc objects",
            "shm_open(2), SHM_ANON: an anonymous object goes with its last reference, which another process may have been passed",
        ),
        (
            "regain",
            "capsicum(4): the flag may not be cleared, and children inherit it; set-user-ID gives nothing in capability mode (sys/kern/kern_exec.c)",
        ),
        ("time isolation", "none by default; rctl(8) has pcpu"),
        ("inversion", "pthread_mutexattr(3): the default protocol is none"),
        ("lock recovery", "pthread_mutexattr(3): PTHREAD_MUTEX_ROBUST is the program's own choice"),
        ("waiting", "_umtx_op(2), UMTX_OP_WAIT"),
        ("buffers offered", "pipe(2), unix(4), sigqueue(2), as far as they need no name"),
        ("buffer rights", "cap_rights_limit(2), rights(4); kill(2) by number is not permitted in capability mode"),
        ("attachment", "unix(4), SCM_RIGHTS over a socket that is held"),
        (
            "shutdown",
            "procctl(2), PROC_REAP_KILL; unix(4): a descriptor that was passed is a duplicate, which stays with whoever has it",
        ),
        ("coupling", "rtprio(2): of a process or a thread"),
        ("mode change", "timer_settime(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "_umtx_op(2): the owner is known only of a mutex made with UMUTEX_PRIO_INHERIT"),
        ("scheduling", "sched_ule(4); rtprio(1)"),
    ],
};

fn freebsd_capsicum() -> Profile {
    Profile {
        name: "freebsd-capsicum".into(),
        inheritance: Inheritance::ExplicitList,
        creation: Creation::ForkThenExec,
        tracking: Tracking::Subreaper,
        kill: Kill::Atomic,
        identity: Identity::StableHandle,
        process_quota: Quota::PerUser,
        memory_quota: Quota::None,
        files: Authority::CapabilityOnly,
        network: Authority::CapabilityOnly,
        credentials: Credentials::PerProcess,
        ipc: Authority::CapabilityOnly,
        file_teardown: Teardown::None,
        ipc_teardown: Teardown::None,
        regain: Regain::Never,
        time_isolation: TimeIsolation::None,
        inversion: Inversion::None,
        lock_recovery: LockRecovery::None,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::OnEachBuffer,
        attachment: Attachment::Free,
        shutdown: Shutdown::BestEffort,
        coupling: Coupling::Separate,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::None,
        scheduling: Scheduling::FAIR_PRIORITIES,
    }
}
