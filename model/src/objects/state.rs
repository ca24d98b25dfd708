//! The state of the objects: processes, contexts, buffers, groups. No time, no counter without a bound.
//!
//! # Invariants
//! - A free slot equals [`Process::FREE`] or [`Context::FREE`], so that equal situations are equal states.
//! - A living process has at least one context that is not free; a zombie has none, holds no handle and no memory.
//! - `listed` is 0 but between fork and exec; `flagged` ⊆ `handles`.
//! - A parent is a living process; a process without one is init's.

use super::program::{HandleSet, Position};
use crate::system::{BufferId, GroupId, HandleId, ModeId, ProcessId};

/// A set of objects, a bit each of those that some program gives up its rights to.
pub type ObjectSet = u32;

/// An entry of the process table.
pub type ProcessSlot = u8;
/// An entry of the context table.
pub type ContextSlot = u16;

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The entry is free.
    Free,
    /// Forked, and not yet running its own program.
    Embryo,
    /// Running.
    Alive,
    /// Ended, and not yet waited for.
    Zombie,
}

/// Is a process still found by what the kernel tracks its group by?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Membership {
    /// It is.
    Tracked,
    /// It escaped.
    Lost,
}

/// Was the process created into its group from outside, as its first member?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rank {
    /// It was: where groups are process groups, it leads one.
    Leader,
    /// It was born in its group, or has none.
    Member,
}

/// Ghost of G4: was the process there when a kill of its group returned?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// No such kill.
    Free,
    /// A kill of its group has returned, and it was there.
    Condemned,
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// Where it is in its life.
    pub status: Status,
    /// Of which declared process it is an instance.
    pub instance_of: ProcessId,
    /// Its parent; none is init.
    pub parent: Option<ProcessSlot>,
    /// The job group that it or its nearest ancestor was created in. Nothing the process does changes this.
    pub group: Option<GroupId>,
    /// Whether the kernel still finds it there.
    pub membership: Membership,
    /// Whether it was the first there.
    pub rank: Rank,
    /// Ghost of G4.
    pub fate: Fate,
    /// The handles it holds.
    pub handles: HandleSet,
    /// Which of them are closed on exec.
    pub flagged: HandleSet,
    /// Between fork and exec: the handles that its creation listed.
    pub listed: HandleSet,
    /// Memory charged, in bytes.
    pub memory: u64,
}

impl Process {
    /// A free entry.
    pub const FREE: Self = Self {
        status: Status::Free,
        instance_of: ProcessId(0),
        parent: None,
        group: None,
        membership: Membership::Tracked,
        rank: Rank::Member,
        fate: Fate::Free,
        handles: 0,
        flagged: 0,
        listed: 0,
        memory: 0,
    };

    /// Does it have contexts that may run?
    pub fn lives(&self) -> bool {
        matches!(self.status, Status::Embryo | Status::Alive)
    }
}

/// Where a context is within its current instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The entry is free, or the context has ended.
    Gone,
    /// At the beginning of the instruction.
    Begin,
    /// The handle is open and not yet flagged.
    Flagging(HandleId),
    /// Killing a snapshot of the members one by one, a bit each.
    Walking(u64),
    /// In a forked child, about to start its program.
    BeforeExec,
    /// The job is done; waiting for the next release.
    Sleeping,
    /// Has looked for a message and found none, and is about to go to sleep.
    Checked,
    /// Asleep until a message comes.
    Asleep,
}

/// An execution context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// Where it is in its program.
    pub position: Position,
    /// Where it is within the instruction.
    pub phase: Phase,
    /// The objects that it has given up its rights to.
    pub dropped: ObjectSet,
}

impl Context {
    /// A free entry.
    pub const FREE: Self = Self { position: 0, phase: Phase::Gone, dropped: 0 };

    /// It goes on elsewhere, with the rights that it has.
    pub(super) fn goes_to(&mut self, position: Position, phase: Phase) {
        (self.position, self.phase) = (position, phase);
    }
}

/// A lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockState {
    /// Nobody holds it.
    Free,
    /// This context does.
    Held(ContextSlot),
    /// Whoever held it has ended; unless locks are passed on, nobody has it again.
    Orphaned,
}

/// A buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Queue {
    /// Messages in it, one that a receiver has taken and not acknowledged aside.
    pub queued: u8,
    /// How many fit.
    pub limit: u8,
    /// Is there one such?
    pub taken: bool,
    /// The process that it is attached to.
    pub attached: Option<ProcessId>,
}

/// Ghost of G15: where the one message is that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Followed {
    /// None is followed, or none any more.
    #[default]
    Nowhere,
    /// In a buffer, with so many messages before it.
    Queued(BufferId, u8),
    /// With a receiver that has not acknowledged it.
    Taken(BufferId),
    /// It is gone, and nobody has processed or dropped it.
    Lost,
}

/// Whom the name of a declared process stands for, as whoever kills it by name knows it: the last instance that a program
/// created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Name {
    /// None was created yet.
    #[default]
    Nobody,
    /// The process of this entry, ended or not, but not yet waited for.
    Is(ProcessSlot),
    /// It is gone. Where numbers are recycled, one of these processes may have got its number, a bit each: all that
    /// were created since.
    Was(u64),
}

/// The whole state.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The process table.
    pub processes: Vec<Process>,
    /// The context table: a fixed number of entries for each process, in the order of the processes.
    pub contexts: Vec<Context>,
    /// The locks.
    pub locks: Vec<LockState>,
    /// The buffers.
    pub buffers: Vec<Queue>,
    /// Ghost of G15.
    pub followed: Followed,
    /// For each job group, the process that created its first member, while it lives.
    pub supervisors: Vec<Option<ProcessSlot>>,
    /// For each declared process that some program kills by name, whom the name stands for.
    pub names: Vec<Name>,
    /// Is there something that a group made in an object? In the order of [`Objects::makes`](super::Objects::makes).
    pub made: Vec<bool>,
    /// For each domain that some program locks down: has a lock-down of it returned? Where that closes nothing it is a ghost, of G12.
    pub locked_down: Vec<bool>,
    /// The mode of the system; the first, where there are none.
    pub mode: ModeId,
    /// How many more steps the adversaries may take; none is any number.
    pub attack_steps: Option<u8>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            processes: self.processes.clone(),
            contexts: self.contexts.clone(),
            buffers: self.buffers.clone(),
            locks: self.locks.clone(),
            followed: self.followed,
            supervisors: self.supervisors.clone(),
            names: self.names.clone(),
            made: self.made.clone(),
            locked_down: self.locked_down.clone(),
            mode: self.mode,
            attack_steps: self.attack_steps,
        }
    }

    /// Without an allocation, where both are states of one system.
    fn clone_from(&mut self, from: &Self) {
        self.processes.clone_from(&from.processes);
        self.contexts.clone_from(&from.contexts);
        self.buffers.clone_from(&from.buffers);
        self.locks.clone_from(&from.locks);
        self.followed = from.followed;
        self.supervisors.clone_from(&from.supervisors);
        self.names.clone_from(&from.names);
        self.made.clone_from(&from.made);
        self.locked_down.clone_from(&from.locked_down);
        self.mode = from.mode;
        self.attack_steps = from.attack_steps;
    }
}
