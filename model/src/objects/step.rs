//! The labels of the relation's object part: who does what, and what comes of it.

use serde::{Deserialize, Serialize};

use super::state::{ContextSlot, ObjectSet, ProcessSlot};
use crate::system::{BufferId, DomainId, GroupId, HandleId, LockId, ModeId, ObjectId, Overflow, ProcessId, Right};

/// One step of one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// Who.
    pub context: ContextSlot,
    /// What.
    pub action: Action,
}

/// What a context, or the kernel on its behalf, does in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ends a computation.
    Compute,
    /// Creates an object and a handle to it.
    Open(HandleId),
    /// Sets close-on-exec on a handle.
    SetFlag(HandleId),
    /// Closes a handle.
    Close(HandleId),
    /// Makes a copy of the process; the child goes on as that process, or starts it by a later exec.
    Fork(ProcessId),
    /// Starts the new program of a forked child.
    Exec(ProcessId),
    /// Creates a process with its program.
    Spawn(ProcessId),
    /// Leaves process group and session.
    Detach,
    /// Ends the process.
    Exit,
    /// Ends the context, and with the last one the process.
    End,
    /// Waits for a child that has ended.
    Reap(ProcessId),
    /// A wait is over because its time is.
    Timeout,
    /// Kills a job group, or takes the snapshot for a walk.
    Kill(GroupId),
    /// Kills one process of the snapshot.
    KillMember(ProcessSlot),
    /// The walk is over, and the kill returns.
    KillReturns(GroupId),
    /// Kills a process by its name.
    KillProcess(ProcessId),
    /// Kills a process by its name, whose number is another's meanwhile.
    KillNumber(ProcessId, ProcessSlot),
    /// Shuts a domain down, or takes the snapshot for a walk.
    LockDown(DomainId),
    /// Ends one process of the snapshot.
    LockDownMember(ProcessSlot),
    /// The walk is over, and the lock-down returns.
    LockDownReturns(DomainId),
    /// Sends a message.
    Send(BufferId),
    /// Sends a message to a context that waits for it, and both go on.
    HandOver(BufferId, ContextSlot),
    /// Receives a message.
    Receive(BufferId),
    /// Takes a lock.
    Lock(LockId),
    /// Gives a lock back.
    Unlock(LockId),
    /// Receives a message if there is one.
    Poll(BufferId),
    /// Processes a message on behalf of the process, before it does anything else.
    Deliver(BufferId),
    /// Looks whether there is a message, and goes on if there is.
    Await(BufferId),
    /// Goes to sleep until a message comes.
    Sleep(BufferId),
    /// Has done with a message.
    Ack(BufferId),
    /// Attaches the buffer to the process.
    Attach(BufferId),
    /// Sends the message that the ghost of G15 follows from now on.
    SendFollowed(BufferId),
    /// Says how many messages fit.
    SetLimit(BufferId, u8),
    /// Tries to use an object.
    Access(ObjectId, Right),
    /// Gives up the rights to these objects.
    DropRights(ObjectSet),
    /// Asks for its rights to an object back.
    Regain(ObjectId),
    /// Hands on its rights to an object to every living instance of a process.
    Grant(ObjectId, ProcessId),
    /// Takes memory, in bytes.
    Allocate(u64),
    /// Changes the mode of the system.
    SwitchMode(ModeId),
    /// Goes on with that arm.
    Choose(u8),
    /// The adversary stops attacking.
    GiveUp,
    /// A job of a task is done.
    JobDone,
    /// The next job of a task is released.
    Wake,
}

impl Action {
    /// Is it one of those that an adversary tries?
    #[inline]
    pub(super) fn may_attack(self) -> bool {
        matches!(self, Self::GiveUp | Self::Fork(_) | Self::Detach | Self::Access(..) | Self::Allocate(_))
            || matches!(self, Self::Send(_) | Self::SendFollowed(_) | Self::HandOver(..))
            || matches!(self, Self::Poll(_) | Self::Attach(_) | Self::Regain(_) | Self::Grant(..))
            || matches!(self, Self::SwitchMode(_))
    }

    /// Does it ask something of a buffer?
    #[inline]
    pub fn uses_a_buffer(self) -> bool {
        matches!(self, Self::Send(_) | Self::HandOver(..) | Self::Receive(_) | Self::Poll(_))
            || matches!(self, Self::Deliver(_) | Self::SetLimit(..) | Self::Ack(_) | Self::Attach(_))
            || matches!(self, Self::SendFollowed(_) | Self::Await(_))
    }

    /// May a process end by it? A message may end whoever it is processed for.
    pub fn may_end_a_process(self) -> bool {
        matches!(self, Self::Exit | Self::End | Self::Kill(_) | Self::KillMember(_))
            || matches!(self, Self::KillProcess(_) | Self::KillNumber(..))
            || matches!(self, Self::LockDown(_) | Self::LockDownMember(_))
            || matches!(self, Self::Send(_) | Self::SendFollowed(_) | Self::Deliver(_))
    }

    /// Does the kernel take this step by itself, at a time, whoever is dispatched?
    pub fn is_by_the_kernel(self) -> bool {
        matches!(self, Self::Timeout | Self::Wake)
    }
}

/// What comes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is done, and made this process.
    Created(ProcessSlot),
    /// It is done, in a full buffer: by this rule.
    Overflowed(Overflow),
    /// The kernel refused; nothing has changed but that the caller goes on.
    Refused(Refusal),
}

/// Why the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No more processes for this group or user.
    ProcessLimit,
    /// No entry left in the process table.
    TableFull,
    /// No more memory for this group.
    MemoryLimit,
    /// Not allowed, or the handle is not held.
    NoRight,
    /// The buffer is full.
    Full,
    /// The buffer is empty.
    Empty,
    /// Nobody lives whom the message could be processed by.
    NoReceiver,
    /// Not everything that is queued would be done by its deadline.
    NotAdmitted,
    /// The limit of the buffer cannot be that.
    NoSuchLimit,
    /// There is no such child.
    NoChild,
    /// There is no such process.
    NoProcess,
    /// The domain is locked down.
    LockedDown,
    /// That mode does not follow the present one.
    NoSuchChange,
    /// The kernel has no such operation.
    NotOffered,
}

impl Refusal {
    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessLimit => "process limit",
            Self::TableFull => "the process table is full",
            Self::MemoryLimit => "memory limit",
            Self::NoRight => "not allowed",
            Self::Full => "the buffer is full",
            Self::Empty => "the buffer is empty",
            Self::NoReceiver => "there is no receiver",
            Self::NotAdmitted => "not admitted: a message would be late",
            Self::NoSuchLimit => "the limit cannot be that",
            Self::NoChild => "no such child",
            Self::NoProcess => "there is no such process",
            Self::LockedDown => "the domain is locked down",
            Self::NoSuchChange => "no such change of mode",
            Self::NotOffered => "the kernel cannot",
        }
    }
}
