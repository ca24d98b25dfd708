//! OpenBSD, as it is used every day. What is said of it was read in its manual pages and sources; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes and sockets, waiting or not; standard signals, handled or taken by `sigwait(3)`; SIGKILL. No realtime
/// signals.
const BUFFERS: Buffers = Buffers::Only(
    "pipes, signals",
    &[
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Block),
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Refuse),
        BufferKind::polled(CapacityRule::One, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::One, Overflow::Coalesce),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

/// `pipe2(2)`, `closefrom(2)`; `fork(2)`; process groups, no reaper; `pledge(2)` and `unveil(2)`, across exec only with `execpromises`.
pub(super) static KERNEL: Kernel = Kernel {
    name: "openbsd",
    inheritance: &Inheritance::ALL,
    creation: &[Creation::ForkThenExec],
    tracking: &[Tracking::ParentLink, Tracking::ProcessGroup],
    kill: &[Kill::OneProcess, Kill::Walk],
    identity: &[Identity::RecycledNumber],
    quota: &[Quota::None, Quota::PerUser],
    authority: &[Authority::AmbientByUser, Authority::Subtractive],
    credentials: &[Credentials::PerProcess],
    file_teardown: &[Teardown::None],
    ipc_teardown: &[Teardown::None],
    regain: &Regain::ALL,
    time_isolation: &[TimeIsolation::None],
    inversion: &[Inversion::None],
    lock_recovery: &[LockRecovery::None],
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::BySendersUser],
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None],
    scheduling: &[Scheduling::FAIR],
};

/// `openbsd`
pub(super) static OPENBSD: Named = Named {
    name: "openbsd",
    about: "OpenBSD as it is used every day: pipe and fcntl, fork and exec, killpg, no limits",
    kernel: &KERNEL,
    profile: openbsd,
    sources: &[
        ("inheritance", "pipe(2), then fcntl(2) with F_SETFD"),
        ("creation", "fork(2), execve(2); posix_spawn is both, in the library"),
        ("tracking", "setpgid(2), setsid(2); orphans go to init (sys/kern/kern_exit.c)"),
        ("kill", "kill(2) of a process group; whether a fork can pass it was not found, and the weaker is assumed"),
        ("identity", "kill(2): by number, which is given again, at random (sys/kern/kern_fork.c)"),
        ("process quota", "getrlimit(2): RLIMIT_NPROC counts a user; login.conf(5) sets it by class"),
        ("memory quota", "getrlimit(2): limits are a process's"),
        ("files", "pledge(2), unveil(2) are there and not used"),
        ("network", "pledge(2) is there and not used"),
        ("credentials", "setuid(2), pledge(2), unveil(2): of the process"),
        ("ipc", "shmget(2), shm_open(3): the user's own objects are the user's"),
        ("teardown of files", "unlink(2): a file stays until it is removed"),
        ("teardown of ipc objects", "shmctl(2), shm_unlink(3): an object stays until it is removed"),
        (
            "regain",
            "setuid(2), as the superuser, sets the saved set-user-ID too; execve(2): a set-user-ID program has its owner's rights; pledge(2) is not used",
        ),
        ("time isolation", "none is offered"),
        (
            "inversion",
            "pthread_mutexattr_setprotocol(3) is accepted and, as far as its library was read, without effect",
        ),
        ("lock recovery", "Gnulib manual: OpenBSD 7.9 has no pthread_mutexattr_setrobust"),
        (
            "waiting",
            "futex(2), FUTEX_WAIT: sleeps only if the value is still the one seen (sys/kern/sys_futex.c: no wake-up is lost)",
        ),
        ("buffers offered", "pipe(2), socket(2), sigaction(2)"),
        ("buffer rights", "kill(2): whoever is of the same user"),
        ("attachment", "SCM_RIGHTS"),
        ("shutdown", "kill(2): -1 as the domain's user; the user can be logged in again"),
        ("coupling", "setpriority(2): of a process, or of all of a user's at that moment"),
        ("mode change", "setitimer(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "futex(2): a word in memory, of which the kernel knows no owner"),
        (
            "scheduling",
            "setpriority(2): a nice value; lib/librthread/rthread_sched.c: what pthread_setschedparam(3) is given is kept, and not used",
        ),
    ],
};

fn openbsd() -> Profile {
    Profile {
        name: "openbsd".into(),
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
        scheduling: Scheduling::FAIR,
    }
}
