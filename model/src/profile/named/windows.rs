//! Windows: as `CreateProcess` is used every day, and in a job object with lists of handles. What is said of it was read in its
//! documentation; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Pipes whose size is given when they are made, waiting or not; semaphores; events; console control events;
/// TerminateProcess.
const BUFFERS: Buffers = Buffers::Only(
    "pipes, events, termination",
    &[
        BufferKind::polled(CapacityRule::Fixed, Overflow::Block),
        BufferKind::polled(CapacityRule::Fixed, Overflow::Refuse),
        BufferKind::polled(CapacityRule::One, Overflow::Coalesce),
        BufferKind::signal(CapacityRule::One, Overflow::Coalesce),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

/// `CreateProcessW` with or without a list of handles; job objects; access tokens and access control lists. A restricted token, a
/// low integrity level or an AppContainer takes rights away from a process that it does not get back.
pub(super) static KERNEL: Kernel = Kernel {
    name: "windows",
    inheritance: &Inheritance::ALL,
    creation: &[Creation::Spawn],
    tracking: &[Tracking::ParentLink, Tracking::JobGroup],
    kill: &Kill::ALL,
    identity: &Identity::ALL,
    quota: &[Quota::None, Quota::PerJobGroup],
    authority: &[Authority::AmbientByUser, Authority::Subtractive],
    credentials: &Credentials::ALL,
    file_teardown: &[Teardown::None],
    ipc_teardown: &[Teardown::None],
    regain: &[Regain::ByAsking, Regain::Never],
    time_isolation: &[TimeIsolation::None, TimeIsolation::Budgets],
    inversion: &[Inversion::None],
    lock_recovery: &LockRecovery::ALL,
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::BySendersUser],
    attachment: &[Attachment::Free],
    shutdown: &[Shutdown::None, Shutdown::BestEffort],
    coupling: &[Coupling::WithGroup, Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::None],
    scheduling: &[Scheduling::PRIORITIES],
};

/// `windows`
pub(super) static WINDOWS: Named = Named {
    name: "windows",
    about: "Windows as it is used every day: inheritable handles, no job object",
    kernel: &KERNEL,
    profile: windows,
    sources: &[
        (
            "inheritance",
            "CreateProcessW, bInheritHandles: a handle made inheritable for one child goes to each that is created meanwhile (the default is the inverse of POSIX, the window the same)",
        ),
        ("creation", "CreateProcessW: one call, there is no fork"),
        (
            "tracking",
            "Process Handles and Identifiers: a process records the number of its parent, and nobody inherits orphans",
        ),
        ("kill", "TerminateProcess: one process"),
        ("identity", "TerminateProcess takes a handle, which CreateProcessW returns; Process Handles and Identifiers"),
        ("process quota", "none by default"),
        ("memory quota", "none by default"),
        ("files", "Access Tokens: the token of the user"),
        ("network", "sockets are open to every user"),
        ("credentials", "ImpersonateLoggedOnUser, SetThreadToken: the token of the calling thread"),
        ("ipc", "Object Namespaces: names are the session's; the token of the user decides"),
        ("teardown of files", "DeleteFile; FILE_FLAG_DELETE_ON_CLOSE is the program's own choice"),
        (
            "teardown of ipc objects",
            "Kernel Objects: an object stays as long as one handle to it exists, which another job may hold",
        ),
        ("regain", "RevertToSelf: the thread has the rights of its process again"),
        ("time isolation", "none by default"),
        ("inversion", "Priority Inversion: ready threads are boosted at random, which bounds nothing"),
        (
            "lock recovery",
            "Mutex Objects: WAIT_ABANDONED tells the next owner; of a critical section nobody can tell (Critical Section Objects)",
        ),
        (
            "waiting",
            "WaitOnAddress, within a process: sleeps only if the value is the one seen; Event Objects: an auto-reset event that nobody waits for stays signaled",
        ),
        ("buffers offered", "CreatePipe, CreateSemaphoreW, CreateEventW, SetConsoleCtrlHandler, TerminateProcess"),
        ("buffer rights", "OpenProcess: the default descriptor of a process lets whoever is of its user terminate it"),
        ("attachment", "DuplicateHandle: any end is handed over"),
        (
            "shutdown",
            "TerminateProcess ends one process; ExitWindowsEx, EWX_LOGOFF, asks all of a logon session to end, and may be aborted",
        ),
        ("coupling", "Scheduling Priorities: a class of the process and a level of the thread"),
        ("mode change", "SetWaitableTimerEx: of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "Priority Inversion: whoever starves is boosted, whomever it keeps waiting"),
        ("scheduling", "Scheduling Priorities: 32 levels, in turn within each; 16 to 31 do not move"),
    ],
};

fn windows() -> Profile {
    Profile {
        name: "windows".into(),
        inheritance: Inheritance::FlagLater,
        creation: Creation::Spawn,
        tracking: Tracking::ParentLink,
        kill: Kill::OneProcess,
        identity: Identity::StableHandle,
        process_quota: Quota::None,
        memory_quota: Quota::None,
        files: Authority::AmbientByUser,
        network: Authority::AmbientByUser,
        credentials: Credentials::PerContext,
        ipc: Authority::AmbientByUser,
        file_teardown: Teardown::None,
        ipc_teardown: Teardown::None,
        regain: Regain::ByAsking,
        time_isolation: TimeIsolation::None,
        inversion: Inversion::None,
        lock_recovery: LockRecovery::OwnerDead,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::BySendersUser,
        attachment: Attachment::Free,
        shutdown: Shutdown::None,
        coupling: Coupling::Separate,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::None,
        scheduling: Scheduling::PRIORITIES,
    }
}

/// `windows-job`
pub(super) static WINDOWS_JOB: Named = Named {
    name: "windows-job",
    about: "the same kernel with a job object and lists of handles; accesses are what they were",
    kernel: &KERNEL,
    profile: windows_job,
    sources: &[
        (
            "inheritance",
            "UpdateProcThreadAttribute, PROC_THREAD_ATTRIBUTE_HANDLE_LIST: if every creator of the process gives a list",
        ),
        ("creation", "CreateProcessW"),
        (
            "tracking",
            "PROC_THREAD_ATTRIBUTE_JOB_LIST; Job Objects: the association cannot be broken, without breakaway; brokers (WMI, tasks, services) create outside of it",
        ),
        (
            "kill",
            "TerminateJobObject: no member can postpone it; whether a process that is being created meanwhile can pass was not found",
        ),
        ("identity", "TerminateProcess takes a handle, which CreateProcessW returns; Process Handles and Identifiers"),
        ("process quota", "JOBOBJECT_BASIC_LIMIT_INFORMATION, ActiveProcessLimit"),
        ("memory quota", "JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobMemoryLimit"),
        ("files", "Job Objects: since Vista a job limits no access"),
        ("network", "Job Objects: since Vista a job limits no access"),
        (
            "credentials",
            "ImpersonateLoggedOnUser, SetThreadToken: the token of the calling thread; a job changes nothing of it",
        ),
        ("ipc", "Job Objects: since Vista a job limits no access to named objects, but for the user interface's"),
        ("teardown of files", "Job Objects: the end of a job deletes no file"),
        (
            "teardown of ipc objects",
            "Kernel Objects: an object stays as long as one handle to it exists, which another job may hold",
        ),
        ("regain", "RevertToSelf; Job Objects: since Vista a job limits no access"),
        ("time isolation", "JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, HARD_CAP"),
        ("inversion", "Priority Inversion: ready threads are boosted at random, which bounds nothing"),
        (
            "lock recovery",
            "Mutex Objects: WAIT_ABANDONED tells the next owner; of a critical section nobody can tell (Critical Section Objects)",
        ),
        (
            "waiting",
            "WaitOnAddress, within a process: sleeps only if the value is the one seen; Event Objects: an auto-reset event that nobody waits for stays signaled",
        ),
        ("buffers offered", "CreatePipe, CreateSemaphoreW, CreateEventW, SetConsoleCtrlHandler, TerminateProcess"),
        ("buffer rights", "OpenProcess: the default descriptor of a process lets whoever is of its user terminate it"),
        ("attachment", "DuplicateHandle: any end is handed over"),
        (
            "shutdown",
            "TerminateJobObject ends those that are in the job; it stays, and AssignProcessToJobObject fails only while it is terminating",
        ),
        (
            "coupling",
            "JOBOBJECT_BASIC_LIMIT_INFORMATION, SchedulingClass and PriorityClass; JOBOBJECT_CPU_RATE_CONTROL_INFORMATION: they are the job's",
        ),
        ("mode change", "SetWaitableTimerEx: of one timer, for whatever is in progress; the kernel knows no modes"),
        ("awareness", "Priority Inversion: whoever starves is boosted, whomever it keeps waiting"),
        ("scheduling", "Scheduling Priorities: 32 levels, in turn within each; 16 to 31 do not move"),
    ],
};

fn windows_job() -> Profile {
    Profile {
        name: "windows-job".into(),
        inheritance: Inheritance::ExplicitList,
        creation: Creation::Spawn,
        tracking: Tracking::JobGroup,
        kill: Kill::Atomic,
        identity: Identity::StableHandle,
        process_quota: Quota::PerJobGroup,
        memory_quota: Quota::PerJobGroup,
        files: Authority::AmbientByUser,
        network: Authority::AmbientByUser,
        credentials: Credentials::PerContext,
        ipc: Authority::AmbientByUser,
        file_teardown: Teardown::None,
        ipc_teardown: Teardown::None,
        regain: Regain::ByAsking,
        time_isolation: TimeIsolation::Budgets,
        inversion: Inversion::None,
        lock_recovery: LockRecovery::OwnerDead,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::BySendersUser,
        attachment: Attachment::Free,
        shutdown: Shutdown::BestEffort,
        coupling: Coupling::WithGroup,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::None,
        scheduling: Scheduling::PRIORITIES,
    }
}
