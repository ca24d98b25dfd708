//! The future of a context: what it, and whoever it creates, may still do from a position that others may wait for. Every way on is
//! taken as possible, so whatever is not in the future of anybody is never done again.
//!
//! It is the least set that has what the position does itself, the future of each position that may follow, and, after a creation, that of the
//! child from its beginning; but that the child ends, or gives back what it holds, is the child's own affair.

use super::Objects;
use super::precondition::Precondition;
use super::program::{Node, Operation};
use super::state::{Phase, State};
use crate::system::{Buffer, BufferId, DomainId, GroupId, HandleId, LockId, ProcessId};

/// What others may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Its process ends, whoever else is in it.
    Exit,
    /// It ends itself.
    End,
    /// Gives the lock back.
    Unlock(LockId),
    /// Sends there.
    Send(BufferId),
    /// Makes room there: takes a message, acknowledges one, says how many fit.
    Take(BufferId),
    /// Takes the buffer over.
    Attach(BufferId),
    /// No longer holds the buffer.
    Close(BufferId),
    /// Creates a process of that declaration.
    Create(ProcessId),
    /// Kills the job group.
    Kill(GroupId),
    /// Kills the process by its name.
    KillProcess(ProcessId),
    /// Locks the domain down.
    LockDown(DomainId),
}

/// A set of deeds, a bit each.
pub(super) type Deeds = [u64];

/// The future of every position of every program.
#[derive(Debug, Clone, Default)]
pub(super) struct Future {
    /// Of so many words each; of none, where nobody ever waits.
    words: usize,
    locks: usize,
    buffers: usize,
    processes: usize,
    groups: usize,
    /// By the numbers that nodes have in `Objects::nodes`.
    of_node: Vec<u64>,
    /// Of a process from its beginning: of all its contexts together.
    of_process: Vec<u64>,
    /// Can a context wait there? Nothing of it, where nobody ever waits.
    waits: Vec<bool>,
    /// Can it be for an event, and not for a resource alone?
    events: bool,
    /// What counts whoever does it.
    whoever: Vec<u64>,
}

impl Future {
    pub(super) fn of(objects: &Objects) -> Self {
        let system = &objects.system;
        let (locks, buffers, processes) = (system.locks.len(), system.buffers.len(), system.processes.len());
        let groups = system.job_groups.len();
        let mut future = Self { locks, buffers, processes, groups, ..Self::default() };
        let waits: Vec<bool> = objects.nodes.iter().map(|node| objects.may_wait_at(&node.operation)).collect();
        if !waits.contains(&true) {
            return future;
        }
        future.waits = waits;
        let is_for_a_resource = |node: &Node| matches!(node.operation, Operation::Lock(_) | Operation::Send(_));
        let mut waiting = objects.nodes.iter().zip(&future.waits).filter(|(_, waits)| **waits);
        future.events = !waiting.all(|(node, _)| is_for_a_resource(node));
        future.words = (future.index(Deed::LockDown(DomainId(0))) + system.domains.len()).div_ceil(64);
        future.of_node = vec![0; objects.nodes.len() * future.words];
        future.of_process = vec![0; processes * future.words];
        future.whoever = future.whoever(objects);
        while future.grow(objects) {}
        future
    }

    fn whoever(&self, objects: &Objects) -> Vec<u64> {
        let mut own = self.none();
        [Deed::Exit, Deed::End].into_iter().for_each(|deed| self.add(&mut own, deed));
        (0..self.buffers).for_each(|buffer| self.add(&mut own, Deed::Close(BufferId(buffer as u8))));
        if !objects.omits(Precondition::LockOwned) {
            (0..self.locks).for_each(|lock| self.add(&mut own, Deed::Unlock(LockId(lock as u8))));
        }
        own.into_iter().map(|own| !own).collect()
    }

    /// Does anybody ever wait?
    pub(super) fn is_asked(&self) -> bool {
        self.words > 0
    }

    /// Can a wait be for an event?
    pub(super) fn has_events(&self) -> bool {
        self.events
    }

    /// Can a context wait there?
    #[inline]
    pub(super) fn waits_at(&self, node: usize) -> bool {
        self.waits[node]
    }

    /// An empty set.
    pub(super) fn none(&self) -> Vec<u64> {
        vec![0; self.words]
    }

    fn index(&self, deed: Deed) -> usize {
        let buffers = 2 + self.locks;
        let processes = buffers + 4 * self.buffers;
        match deed {
            Deed::Exit => 0,
            Deed::End => 1,
            Deed::Unlock(lock) => 2 + lock.index(),
            Deed::Send(buffer) => buffers + buffer.index(),
            Deed::Take(buffer) => buffers + self.buffers + buffer.index(),
            Deed::Attach(buffer) => buffers + 2 * self.buffers + buffer.index(),
            Deed::Close(buffer) => buffers + 3 * self.buffers + buffer.index(),
            Deed::Create(process) => processes + process.index(),
            Deed::KillProcess(process) => processes + self.processes + process.index(),
            Deed::Kill(group) => processes + 2 * self.processes + group.index(),
            Deed::LockDown(domain) => processes + 2 * self.processes + self.groups + domain.index(),
        }
    }

    /// Is it among these?
    #[inline]
    pub(super) fn has(&self, deeds: &Deeds, deed: Deed) -> bool {
        let index = self.index(deed);
        deeds.get(index / 64).is_some_and(|word| word & 1 << (index % 64) != 0)
    }

    fn add(&self, deeds: &mut Deeds, deed: Deed) {
        let index = self.index(deed);
        if let Some(word) = deeds.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(super) fn at(&self, node: usize) -> &Deeds {
        &self.of_node[node * self.words..(node + 1) * self.words]
    }

    /// Of a process from its beginning.
    pub(super) fn of_process(&self, process: usize) -> &Deeds {
        &self.of_process[process * self.words..(process + 1) * self.words]
    }

    /// One round over everything; true if anything has grown.
    fn grow(&mut self, objects: &Objects) -> bool {
        let (mut grown, mut fresh) = (false, self.none());
        for (process, programs) in objects.programs.iter().enumerate() {
            let domain = objects.system.processes[process].domain;
            for (context, program) in programs.iter().enumerate() {
                let begin = objects.begins[process * objects.contexts_per_process + context] as usize;
                let is_task = objects.system.processes[process].contexts[context].task.is_some();
                for (position, node) in program.nodes.iter().enumerate() {
                    fresh.fill(0);
                    for way in program.ways(node, is_task) {
                        join(&mut fresh, self.at(begin + usize::from(*way)));
                    }
                    if let Operation::Spawn { process: child, .. } | Operation::Fork(child) = &node.operation {
                        let of_child = self.of_process(child.index()).iter().zip(&self.whoever);
                        fresh.iter_mut().zip(of_child).for_each(|(fresh, (deeds, mask))| *fresh |= deeds & mask);
                    }
                    let mut does = |deed: Deed| self.add(&mut fresh, deed);
                    match &node.operation {
                        Operation::End if is_task => {}
                        Operation::End => does(Deed::End),
                        Operation::Exit => does(Deed::Exit),
                        Operation::Unlock(lock) => does(Deed::Unlock(*lock)),
                        Operation::Close(HandleId(handle)) if usize::from(*handle) < self.buffers => {
                            does(Deed::Close(BufferId(*handle)));
                        }
                        Operation::Kill(group) => does(Deed::Kill(*group)),
                        Operation::KillProcess(process) => does(Deed::KillProcess(*process)),
                        Operation::LockDown(domain) => does(Deed::LockDown(*domain)),
                        Operation::Spawn { process: child, .. } | Operation::Fork(child) => {
                            does(Deed::Create(*child));
                        }
                        Operation::Send(buffer) if objects.could_send(domain, *buffer) => does(Deed::Send(*buffer)),
                        Operation::Receive(buffer) | Operation::Poll(buffer) | Operation::Ack(buffer)
                            if objects.could_receive(domain, *buffer) =>
                        {
                            does(Deed::Take(*buffer));
                        }
                        Operation::SetLimit { buffer, .. } if objects.given[buffer.index()].adjustable => {
                            does(Deed::Take(*buffer));
                        }
                        Operation::Attach(buffer) => does(Deed::Attach(*buffer)),
                        Operation::Adversary => {
                            does(Deed::Create(ProcessId(process as u8))); // at most 250 are declared
                            for (buffer, declared) in (0u8..).map(BufferId).zip(&objects.system.buffers) {
                                if declared.named_by.contains(&domain) {
                                    [Deed::Send(buffer), Deed::Take(buffer), Deed::Attach(buffer)]
                                        .into_iter()
                                        .for_each(&mut does);
                                }
                            }
                        }
                        _ => {}
                    }
                    let known = &mut self.of_node[(begin + position) * self.words..(begin + position + 1) * self.words];
                    grown |= join(known, &fresh);
                    if position == usize::from(program.entry) {
                        let whole = &mut self.of_process[process * self.words..(process + 1) * self.words];
                        grown |= join(whole, &fresh);
                    }
                }
            }
        }
        grown
    }
}

/// Adds what the other has; true if that was something new.
pub(super) fn join(deeds: &mut Deeds, more: &Deeds) -> bool {
    let mut grown = false;
    for (deeds, more) in deeds.iter_mut().zip(more) {
        grown |= more & !*deeds != 0;
        *deeds |= more;
    }
    grown
}

impl Objects {
    /// What a context may still do.
    pub(super) fn future_of(&self, state: &State, context: usize) -> &Deeds {
        let slot = usize::from(self.process_of[context]);
        let process = state.processes[slot].instance_of.index();
        match state.contexts[context].phase {
            // Once it starts its program, all contexts of the process are there.
            Phase::BeforeExec => self.future.of_process(process),
            _ => self.future.at(self.node_number(state, context)),
        }
    }

    /// Could a process of that domain send there, if it holds the handle?
    pub(super) fn could_send(&self, domain: DomainId, buffer: BufferId) -> bool {
        self.could_use(domain, buffer, |buffer| &buffer.send)
    }

    /// Could one receive from there, or say how many messages fit, if it holds the handle and is attached?
    pub(super) fn could_receive(&self, domain: DomainId, buffer: BufferId) -> bool {
        self.given[buffer.index()].acknowledged || self.could_use(domain, buffer, |buffer| &buffer.receive)
    }

    fn could_use(&self, domain: DomainId, buffer: BufferId, holders: impl Fn(&Buffer) -> &Vec<DomainId>) -> bool {
        !self.profile.buffer_rights.are_asked_for(self.given[buffer.index()].by)
            || self.requires(Precondition::BufferRight, holders(&self.system.buffers[buffer.index()]).contains(&domain))
    }
}
