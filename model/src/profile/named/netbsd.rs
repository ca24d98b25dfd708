//! NetBSD, as it is used every day. What is said of it was read in its manual pages and sources; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes and sockets, waiting or not; `mq_open(3)`; standard signals, handled or taken by `sigwaitinfo(2)`;
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

/// `pipe2(2)`, `closefrom(3)`; `fork(2)`, and a `posix_spawn(3)` of the kernel's; process groups, no reaper. Policies are modules of the
/// kernel for the whole system (`secmodel(9)`): no job can give up a right.
pub(super) static KERNEL: Kernel = Kernel {
    name: "netbsd",
    inheritance: &Inheritance::ALL,
    creation: &Creation::ALL,
    tracking: &[Tracking::ParentLink, Tracking::ProcessGroup],
    kill: &[Kill::OneProcess, Kill::Walk],
    identity: &[Identity::RecycledNumber],
    quota: &[Quota::None, Quota::PerUser],
    authority: &[Authority::AmbientByUser],
    credentials: &[Credentials::PerProcess],
    file_teardown: &[Teardown::None],
    ipc_teardown: &[Teardown::None],
    regain: &[Regain::ByAsking, Regain::ByExecution],
    time_isolation: &[TimeIsolation::None],
    inversion: &[Inversion::None, Inversion::Ceiling],
    lock_recovery: &[LockRecovery::None],
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::BySendersUser],
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None],
    scheduling: &[Scheduling::FAIR_PRIORITIES],
};

/// `netbsd`
pub(super) static NETBSD: Named = Named {
    name: "netbsd",
    about: "NetBSD as it is used every day: pipe and fcntl, fork and exec, killpg, no limits",
    kernel: &KERNEL,
    profile: netbsd,
    sources: &[
        ("inheritance", "pipe(2), then fcntl(2) with F_SETFD"),
        ("creation", "fork(2), execve(2); posix_spawn(3) is offered by the kernel since 6.0"),
        ("tracking", "setpgid(2), setsid(2)"),
        ("kill", "kill(2) of a process group; whether a fork can pass it was not found, and the weaker is assumed"),
        ("identity", "kill(2): by number, which is given again"),
        ("process quota", "getrlimit(2): RLIMIT_NPROC counts a user"),
        ("memory quota", "getrlimit(2): limits are a process's"),
        ("files", "kauth(9): the user's own files are the user's"),
        ("network", "socket(2): every user may open one"),
        ("credentials", "setuid(2): of the current process"),
        ("ipc", "shmget(2), mq_open(3): the user's own objects are the user's"),
        ("teardown of files", "unlink(2): a file stays until it is removed"),
        ("teardown of ipc objects", "mq(3): a queue that is not unlinked is left lying around; shmctl(2), IPC_RMID"),
        ("regain", "setuid(2) sets the saved set-user-ID too; execve(2): a set-user-ID program has its owner's rights"),
        ("time isolation", "none is offered"),
        ("inversion", "pthread_mutexattr(3): the default protocol is none"),
        ("lock recovery", "Gnulib manual: NetBSD 10.0 has no pthread_mutexattr_setrobust"),
        ("waiting", "_lwp_unpark(2): who is not waiting returns at once from its next _lwp_park(2), within a process"),
        ("buffers offered", "pipe(2), mq_open(3), sigqueue(2)"),
        ("buffer rights", "kill(2): whoever is of the same user"),
        ("attachment", "SCM_RIGHTS"),
        ("shutdown", "kill(2): -1 as the domain's user; the user can be logged in again"),
        ("coupling", "_sched_setparam(2): of a thread"),
        ("mode change", "timer_settime(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "_lwp_park(2): whoever parks says for how long, and not for whom"),
        ("scheduling", "sched(3): SCHED_OTHER, SCHED_FIFO and SCHED_RR"),
    ],
};

fn netbsd() -> Profile {
    Profile {
        name: "netbsd".into(),
        inheritance: Inheritance::FlagLater,
        creation: Creation::ForkThenExec,
        tracking: Tracking::ProcessGroup,
        kill: Kill::Walk,
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
