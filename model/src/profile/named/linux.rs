//! Linux, as it is used every day, and used well: one kernel in two ways.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes and sockets, waiting or not (`pipe(7)`, `unix(7)`); message queues (`mq_overview(7)`); `eventfd(2)`; standard signals,
/// handled or taken by `sigwaitinfo(2)`; realtime signals, the same; SIGKILL (`signal(7)`).
const BUFFERS: Buffers = Buffers::Only(
    "pipes, queues, signals",
    &[
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Block),
        BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Refuse),
        BufferKind::polled(CapacityRule::SharedPool, Overflow::Block),
        BufferKind::polled(CapacityRule::SharedPool, Overflow::Refuse),
        BufferKind::polled(CapacityRule::Fixed, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::One, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::SharedPool, Overflow::Refuse),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

/// Linux 5.14 and later: `pipe`, `pipe2`, `close_range(2)`; `fork`, `execve` (a `posix_spawn` of the C library is
/// both); parents, process groups, subreapers, cgroups and pid namespaces; `kill(2)`, `cgroup.kill`; `getrlimit(2)`,
/// the `pids` and `memory` controllers; user accounts, `landlock(7)`, `seccomp(2)`, namespaces.
pub(super) static KERNEL: Kernel = Kernel {
    name: "linux",
    inheritance: &Inheritance::ALL,
    creation: &[Creation::ForkThenExec],
    tracking: &Tracking::ALL,
    kill: &Kill::ALL,
    identity: &Identity::ALL,
    quota: &[Quota::None, Quota::PerUser, Quota::PerJobGroup],
    authority: &[Authority::AmbientByUser, Authority::Subtractive],
    credentials: &Credentials::ALL,
    file_teardown: &Teardown::ALL,
    ipc_teardown: &Teardown::ALL,
    regain: &Regain::ALL,
    time_isolation: &[TimeIsolation::None, TimeIsolation::Budgets],
    inversion: &[Inversion::None, Inversion::PriorityInheritance, Inversion::Ceiling],
    lock_recovery: &LockRecovery::ALL,
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &BufferRights::ALL,
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::WithGroup, Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None, Awareness::BlockingEdges],
    scheduling: &[Scheduling::FAIR_PRIORITIES_DEADLINES],
};

/// `linux`
pub(super) static LINUX: Named = Named {
    name: "linux",
    about: "Linux as it is used every day: pipe and fcntl, fork and exec, killpg, no limits",
    kernel: &KERNEL,
    profile: Profile::linux,
    sources: &[
        ("inheritance", "pipe(2), then fcntl(2) with F_SETFD"),
        ("creation", "fork(2), execve(2)"),
        ("tracking", "setpgid(2), setsid(2): a process group can be left"),
        ("kill", "kill(2) of a process group; copy_process in kernel/fork.c does not let a fork pass it"),
        ("identity", "kill(2); pid_max in proc_sys_kernel(5): numbers wrap around, and are given again"),
        ("process quota", "getrlimit(2): RLIMIT_NPROC is unlimited or far away by default"),
        ("memory quota", "getrlimit(2): RLIMIT_AS is unlimited by default"),
        ("files", "path_resolution(7): the user's own files are the user's"),
        ("network", "socket(2): every user may open one"),
        (
            "credentials",
            "credentials(7), nptl(7): ids are a thread's; the C library has the other threads change theirs one after the other",
        ),
        ("ipc", "sysvipc(7), mq_overview(7): the user's own objects are the user's"),
        ("teardown of files", "unlink(2): a file stays until it is removed"),
        (
            "teardown of ipc objects",
            "mq_overview(7), sem_overview(7), shm_overview(7): an object exists until it is removed or the system is shut down",
        ),
        (
            "regain",
            "setuid(2): root that has changed all its ids cannot regain them; execve(2): a set-user-ID program has its owner's rights",
        ),
        (
            "time isolation",
            "sched(7): SCHED_FIFO has no budget; the throttling of all of them together is no promise to one",
        ),
        (
            "inversion",
            "futex(2): without FUTEX_LOCK_PI the kernel does not know the owner; PTHREAD_PRIO_NONE is the default",
        ),
        ("lock recovery", "pthread_mutexattr_setrobust(3): PTHREAD_MUTEX_STALLED is the default"),
        ("waiting", "futex(2), FUTEX_WAIT: sleeps only if the value is still the one seen; pthread_cond_wait(3)"),
        ("buffers offered", "pipe(7), unix(7), mq_overview(7), eventfd(2), signal(7)"),
        ("buffer rights", "kill(2): a signal may be sent by whoever is of the same user"),
        ("attachment", "unix(7), SCM_RIGHTS: whoever holds the descriptor receives"),
        ("shutdown", "kill(2): -1 as the domain's user; the user can be logged in again"),
        (
            "coupling",
            "sched(7), The autogroup feature: a session is what competes, and nice(2) counts inside it; but for the realtime classes",
        ),
        ("mode change", "timer_settime(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        (
            "awareness",
            "futex(2): a word in memory, whose owner is known only by FUTEX_LOCK_PI; pipe(7), unix(7): whoever may write is known to nobody",
        ),
        ("scheduling", "sched(7): SCHED_OTHER, SCHED_FIFO and SCHED_RR, SCHED_DEADLINE"),
    ],
};

/// `linux-hardened`
pub(super) static LINUX_HARDENED: Named = Named {
    name: "linux-hardened",
    about: "the same kernel, used well: close_range, cgroup.kill, limits, Landlock, namespaces",
    kernel: &KERNEL,
    profile: Profile::linux_hardened,
    sources: &[
        ("inheritance", "close_range(2) in the child"),
        ("creation", "fork(2), execve(2)"),
        ("tracking", "cgroups(7): a child is in its parent's cgroup; pid_namespaces(7)"),
        ("kill", "cgroup v2 documentation, cgroup.kill"),
        ("identity", "pidfd_open(2), pidfd_send_signal(2); clone(2), CLONE_PIDFD"),
        ("process quota", "cgroup v2 documentation, pids.max"),
        ("memory quota", "cgroup v2 documentation, memory.max"),
        ("files", "landlock(7), mount_namespaces(7)"),
        ("network", "network_namespaces(7), seccomp(2)"),
        (
            "credentials",
            "landlock_restrict_self(2): the calling thread; for all of them, LANDLOCK_RESTRICT_SELF_TSYNC, is of Linux 7.0",
        ),
        ("ipc", "ipc_namespaces(7): what is in another has no name"),
        (
            "teardown of files",
            "mount_namespaces(7), tmpfs(5): the only place to make a file that is no output; namespaces(7): gone with the last process, unless somebody holds the namespace",
        ),
        (
            "teardown of ipc objects",
            "ipc_namespaces(7): the objects of a namespace go with its last process, unless somebody holds the namespace (namespaces(7))",
        ),
        ("regain", "prctl(2), PR_SET_NO_NEW_PRIVS: set-user-ID gives nothing; landlock(7), seccomp(2): never undone"),
        ("time isolation", "cgroup v2 documentation, cpu.max; sched(7), SCHED_DEADLINE"),
        ("inversion", "futex(2): FUTEX_LOCK_PI is the program's own choice, which no confinement makes for it"),
        (
            "lock recovery",
            "get_robust_list(2): a robust mutex is the program's own choice, which no confinement makes for it",
        ),
        ("waiting", "futex(2), FUTEX_WAIT"),
        ("buffers offered", "pipe(7), unix(7), mq_overview(7), eventfd(2), signal(7)"),
        ("buffer rights", "landlock(7): LANDLOCK_SCOPE_SIGNAL; pid_namespaces(7): who is outside has no number"),
        ("attachment", "unix(7), SCM_RIGHTS: whoever holds the descriptor receives"),
        (
            "shutdown",
            "cgroup v2 documentation, cgroup.kill: one step, and a process may join the cgroup, or one of its kind, afterwards",
        ),
        (
            "coupling",
            "cgroup v2 documentation: one membership in one hierarchy decides limits, cgroup.kill, cpu.weight and cpu.max",
        ),
        ("mode change", "timer_settime(2): of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "the same: no confinement makes a program ask for FUTEX_LOCK_PI"),
        ("scheduling", "sched(7): SCHED_OTHER, SCHED_FIFO and SCHED_RR, SCHED_DEADLINE"),
    ],
};

impl Profile {
    /// Linux with nothing applied: what a program gets that calls `pipe`, `fcntl`, `fork`, `execve`, `killpg`.
    pub fn linux() -> Self {
        Self {
            name: "linux".into(),
            inheritance: Inheritance::FlagLater,
            creation: Creation::ForkThenExec,
            tracking: Tracking::ProcessGroup,
            kill: Kill::Atomic,
            identity: Identity::RecycledNumber,
            process_quota: Quota::None,
            memory_quota: Quota::None,
            files: Authority::AmbientByUser,
            network: Authority::AmbientByUser,
            credentials: Credentials::PerContext,
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
            coupling: Coupling::WithGroup,
            mode_change: ModeChange::AtOnce,
            awareness: Awareness::None,
            scheduling: Scheduling::FAIR_PRIORITIES_DEADLINES,
        }
    }

    /// Linux with what it has applied.
    pub fn linux_hardened() -> Self {
        Self {
            name: "linux-hardened".into(),
            inheritance: Inheritance::ExplicitList,
            creation: Creation::ForkThenExec,
            tracking: Tracking::JobGroup,
            kill: Kill::Atomic,
            identity: Identity::StableHandle,
            process_quota: Quota::PerJobGroup,
            memory_quota: Quota::PerJobGroup,
            files: Authority::Subtractive,
            network: Authority::Subtractive,
            credentials: Credentials::PerContext,
            ipc: Authority::Subtractive,
            file_teardown: Teardown::WithGroup,
            ipc_teardown: Teardown::WithGroup,
            regain: Regain::Never,
            time_isolation: TimeIsolation::Budgets,
            inversion: Inversion::None,
            lock_recovery: LockRecovery::None,
            waiting: Waiting::Atomic,
            buffers: BUFFERS,
            buffer_rights: BufferRights::OnEachBuffer,
            attachment: Attachment::Free,
            shutdown: Shutdown::BestEffort,
            coupling: Coupling::WithGroup,
            mode_change: ModeChange::AtOnce,
            awareness: Awareness::None,
            scheduling: Scheduling::FAIR_PRIORITIES_DEADLINES,
        }
    }
}
