//! seL4 with mixed-criticality scheduling (MCS): a thread for each context, a protection domain for each process, one untyped memory object
//! for each job group. What is said of it was read in its manual; nothing here was measured.

use crate::profile::{
    Attachment, Authority, Awareness, BufferKind, BufferRights, Buffers, CapacityRule, Coupling, Creation, Credentials,
    Identity, Inheritance, Inversion, Kernel, Kill, LockRecovery, ModeChange, Profile, Quota, Regain, Scheduling,
    Shutdown, Teardown, TimeIsolation, Tracking, Waiting,
};
use crate::system::Overflow;

use super::Named;

/// Endpoints, where sender and receiver meet, or `seL4_NBSend` drops what nobody waits for; notifications, a word
/// of bits; `seL4_TCB_Suspend`.
/// Queues are rings in memory that both ends map, with a notification, as sDDF has them.
const BUFFERS: Buffers = Buffers::Only(
    "endpoints, notifications, rings in shared memory",
    &[
        BufferKind::polled(CapacityRule::Fixed, Overflow::Block),
        BufferKind::polled(CapacityRule::Fixed, Overflow::Refuse),
        BufferKind::polled(CapacityRule::Rendezvous, Overflow::Block),
        BufferKind::polled(CapacityRule::Rendezvous, Overflow::DropNewest),
        BufferKind::polled(CapacityRule::One, Overflow::Coalesce),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

/// Capabilities alone: `seL4_CNode_Copy`, `seL4_Untyped_Retype`, `seL4_CNode_Revoke`.
pub(super) static KERNEL: Kernel = Kernel {
    name: "seL4 MCS",
    inheritance: &[Inheritance::ExplicitList],
    creation: &[Creation::Spawn],
    tracking: &[Tracking::JobGroup],
    kill: &[Kill::Walk, Kill::Atomic],
    identity: &[Identity::StableHandle],
    quota: &[Quota::Reserved],
    authority: &[Authority::CapabilityOnly],
    credentials: &Credentials::ALL,
    file_teardown: &Teardown::ALL,
    ipc_teardown: &Teardown::ALL,
    regain: &[Regain::Never],
    time_isolation: &[TimeIsolation::None, TimeIsolation::Budgets, TimeIsolation::Partitions],
    inversion: &[Inversion::Ceiling, Inversion::Donation],
    lock_recovery: &[LockRecovery::None],
    waiting: &Waiting::ALL,
    buffers: BUFFERS,
    buffer_rights: &[BufferRights::OnEachBuffer],
    attachment: &[Attachment::Free],
    shutdown: &Shutdown::ALL,
    coupling: &[Coupling::WithDomain, Coupling::Separate],
    mode_change: &[ModeChange::AtOnce],
    awareness: &[Awareness::BlockingEdges],
    scheduling: &[Scheduling::PRIORITIES, Scheduling::PRIORITIES_TABLES],
};

/// `sel4-mcs`
pub(super) static SEL4_MCS: Named = Named {
    name: "sel4-mcs",
    about: "seL4 with mixed-criticality scheduling, one untyped memory object a job group",
    kernel: &KERNEL,
    profile: sel4_mcs,
    sources: &[
        ("inheritance", "manual, Capability Spaces: a capability space holds what was put there"),
        ("creation", "manual, Thread Creation: a thread is inactive until it is configured and resumed"),
        (
            "tracking",
            "manual, Capability Derivation Tree: whatever is made of an untyped object is below it; a group that holds other memory escapes",
        ),
        ("kill", "manual, seL4_CNode_Revoke: it can be preempted, and nobody below survives it"),
        (
            "identity",
            "manual, Capability-based Access Control: a thread is named by a capability, which is gone when the object is",
        ),
        ("process quota", "manual, seL4_Untyped_Retype: every kernel object is made of the caller's own memory"),
        ("memory quota", "manual, seL4_Untyped_Retype"),
        ("files", "manual, Capability-based Access Control"),
        ("network", "manual, Capability-based Access Control"),
        (
            "credentials",
            "manual, Thread Control Blocks: a capability space may be shared with other threads, and those of a process share one",
        ),
        ("ipc", "manual, Capability-based Access Control"),
        (
            "teardown of files",
            "manual, seL4_CNode_Revoke of the untyped object: a server of files for the group has no other memory",
        ),
        (
            "teardown of ipc objects",
            "manual, seL4_CNode_Revoke: whatever was made of the group's untyped object is below it",
        ),
        (
            "regain",
            "manual, Capability-based Access Control: a capability is had by a copy of one that is held or by a message, never with more rights; there is no execution",
        ),
        (
            "time isolation",
            "manual, Scheduling Contexts: budget and period; Lyons et al. 2018. Domains, which are partitions, are one where nothing else is configured",
        ),
        ("inversion", "manual, Scheduling Context Donation: a call lends the scheduling context to a passive server"),
        (
            "lock recovery",
            "manual, Notifications: a lock is what programs make of a notification, and the kernel knows no owner",
        ),
        (
            "waiting",
            "manual, Notifications: a signal by a badged capability stays in the notification word until somebody waits",
        ),
        ("buffers offered", "manual, Message Passing; Notifications; seL4_TCB_Suspend; the queues of sDDF"),
        ("buffer rights", "manual, Endpoint Capabilities: rights to send and to receive"),
        ("attachment", "manual: any thread with the right to receive may"),
        (
            "shutdown",
            "manual, Deletion and Revocation: seL4_CNode_Revoke of the domain's untyped object, and its capability deleted: only the holder of its parent can make anything of it again",
        ),
        (
            "coupling",
            "manual, Scheduling Contexts: an object of its own, bound to a thread; Lyons et al. 2018. A thread's domain, where more than one is configured, is the other choice",
        ),
        (
            "mode change",
            "the kernel has neither tasks nor modes: a timer driver releases, and whoever tells it to stop",
        ),
        (
            "awareness",
            "manual, Scheduling Context Donation: the kernel sees who waits in a call, and of rings in shared memory nothing",
        ),
        ("scheduling", "manual, Scheduling: 256 priorities; Domains, a table, is one where nothing else is configured"),
    ],
};

fn sel4_mcs() -> Profile {
    Profile {
        name: "sel4-mcs".into(),
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
        time_isolation: TimeIsolation::Budgets,
        inversion: Inversion::Donation,
        lock_recovery: LockRecovery::None,
        waiting: Waiting::Atomic,
        buffers: BUFFERS,
        buffer_rights: BufferRights::OnEachBuffer,
        attachment: Attachment::Free,
        shutdown: Shutdown::Irrevocable,
        coupling: Coupling::Separate,
        mode_change: ModeChange::AtOnce,
        awareness: Awareness::BlockingEdges,
        scheduling: Scheduling::PRIORITIES,
    }
}
