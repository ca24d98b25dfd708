//! macOS, as it is used every day. What is said of it was read in its manual pages and in xnu; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes and sockets, waiting or not; standard signals, handled or taken by `sigwait(2)`; SIGKILL. No realtime
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

/// `posix_spawn(2)` is a system call, with `POSIX_SPAWN_CLOEXEC_DEFAULT` for a list; process groups, no reaper; `sandbox_init(3)`,
/// deprecated and enforced, takes rights away for good.
pub(super) static KERNEL: Kernel = Kernel {
    name: "macos",
    inheritance: &Inheritance::ALL,
    creation: &Creation::ALL,
    tracking: &[Tracking::ParentLink, Tracking::ProcessGroup],
    kill: &[Kill::OneProcess, Kill::Walk],
    identity: &[Identity::RecycledNumber],
    quota: &[Quota::None, Quota::PerUser],
    authority: &[Authority::AmbientByUser, Authority::Subtractive],
    credentials: &Credentials::ALL,
    file_teardown: &[Teardown::None],
    ipc_teardown: &[Teardown::None],
    regain: &Regain::ALL,
    time_isolation: &[TimeIsolation::None],
    inversion: &[Inversion::None, Inversion::PriorityInheritance],
    lock_recovery: &[LockRecovery::None],
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::BySendersUser],
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None, Awareness::BlockingEdges],
    scheduling: &[Scheduling::FAIR_PRIORITIES_DEADLINES],
};

/// `macos`
pub(super) static MACOS: Named = Named {
    name: "macos",
    about: "macOS as it is used every day: pipe and fcntl, posix_spawn, killpg, no limits",
    kernel: &KERNEL,
    profile: macos,
    sources: &[
        ("inheritance", "pipe(2), then fcntl(2) with F_SETFD: there was no pipe2 until of late"),
        ("creation", "posix_spawn(2): a system call"),
        ("tracking", "setpgid(2), setsid(2); there is no subreaper"),
        ("kill", "kill(2) of a process group; whether a fork can pass it was not found, and the weaker is assumed"),
        ("identity", "kill(2): by number, which is given again"),
        ("process quota", "setrlimit(2): RLIMIT_NPROC counts a user, and is far away by default"),
        ("memory quota", "setrlimit(2)"),
        ("files", "the user's own files are the user's"),
        ("network", "socket(2): every user may open one"),
        ("credentials", "setuid(2): of the process; pthread_setugid_np(2), of the thread, is there and not used"),
        ("ipc", "shmget(2), sem_open(2): the user's own objects are the user's"),
        ("teardown of files", "unlink(2): a file stays until it is removed"),
        ("teardown of ipc objects", "shm_open(2): an object persists until it is unlinked; shmctl(2), IPC_RMID"),
        (
            "regain",
            "setuid(2), as the superuser, sets the saved set-user-ID too; execve(2): a set-user-ID program has its owner's rights",
        ),
        ("time isolation", "xnu doc/sched_clutch_edge.md: a worst latency for each bucket, and no supply"),
        ("inversion", "xnu osfmk/kern/turnstile.h: whoever waits pushes the owner"),
        ("lock recovery", "Gnulib manual: macOS 14 has no pthread_mutexattr_setrobust"),
        ("waiting", "pthread_cond_wait(3): unlocks the mutex and waits in one step"),
        ("buffers offered", "pipe(2), socket(2), sigaction(2)"),
        ("buffer rights", "kill(2): whoever is of the same user"),
        ("attachment", "a socket passes descriptors on, and a message a receive right"),
        ("shutdown", "kill(2): -1 as the domain's user; the user can be logged in again"),
        (
            "coupling",
            "pthread_setschedparam(3): of a thread; xnu doc/sched_clutch_edge.md: by thread group and quality of service",
        ),
        (
            "mode change",
            "dispatch_source_set_timer(3): of one timer, for whatever is in progress; the kernel knows no modes",
        ),
        ("awareness", "xnu osfmk/kern/turnstile.h: of locks and of messages that are answered; not of pipes"),
        (
            "scheduling",
            "xnu doc/sched_clutch_edge.md; pthread_setschedparam(3); osfmk/kern/sched_rt.h: threads with a time constraint by their deadlines",
        ),
    ],
};

fn macos() -> Profile {
    Profile {
        name: "macos".into(),
        inheritance: Inheritance::FlagLater,
        creation: Creation::Spawn,
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
        inversion: Inversion::PriorityInheritance,
        lock_recovery: LockRecovery::None,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::BySendersUser,
        attachment: Attachment::Free,
        shutdown: Shutdown::BestEffort,
        coupling: Coupling::Separate,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::BlockingEdges,
        scheduling: Scheduling::FAIR_PRIORITIES_DEADLINES,
    }
}
