//! Wait points: the places of declared programs at which a context may wait, what it may hold there, and what it may still do for others
//! from there. What [`waits`](super::waits) says of a state, this says of all states: whoever waits for another in some reachable state does so at
//! a wait point that [`may wait on`](Objects::may_wait_on) one of the other's. `tests/relations.rs` holds the one against the other.
//!
//! Points of one context that differ in nothing that is asked of them are one: a loop that is written out has one for each
//! of its instructions, and not one for each round.

use std::collections::{BTreeSet, VecDeque};

use super::Objects;
use super::future::{Deed, Deeds};
use super::program::{Node, Operation, Position, Program};
use super::waits::Wait;
use crate::system::{BufferId, HandleId, LockId, ProcessId};

/// A declared context: which of which process.
pub type Declared = (ProcessId, usize);

/// A place at which a context may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitPoint {
    /// Whose.
    pub of: Declared,
    /// For what.
    pub wait: Wait,
    /// The locks that it may hold there;
    pub may_hold: BTreeSet<LockId>,
    /// and those that it holds there whichever way it came.
    pub holds: BTreeSet<LockId>,
    /// Where in its program: one or several.
    pub positions: Vec<Position>,
    /// What it, and whoever it creates, may still do from there.
    deeds: Vec<u64>,
}

/// The locks that a context may hold and those that it holds, at each node of its program that it may come to.
type Held = Vec<Option<(BTreeSet<LockId>, BTreeSet<LockId>)>>;

/// From the entry on, every way taken as possible. A task may hold at the beginning of a job what it held at the end of the one before.
fn held(program: &Program, is_task: bool) -> Held {
    let mut held: Held = vec![None; program.nodes.len()];
    held[usize::from(program.entry)] = Some(Default::default());
    let mut open = VecDeque::from([program.entry]);
    while let Some(at) = open.pop_front() {
        let node = &program.nodes[usize::from(at)];
        let Some((mut may, mut must)) = held[usize::from(at)].clone() else { continue };
        match node.operation {
            Operation::Lock(lock) => {
                may.insert(lock);
                must.insert(lock);
            }
            Operation::Unlock(lock) => {
                may.remove(&lock);
                must.remove(&lock);
            }
            _ => {}
        }
        for way in program.ways(node, is_task) {
            let fresh = match &held[usize::from(*way)] {
                None => (may.clone(), must.clone()),
                Some((known, sure)) => (known | &may, sure & &must),
            };
            if held[usize::from(*way)].as_ref() != Some(&fresh) {
                held[usize::from(*way)] = Some(fresh);
                open.push_back(*way);
            }
        }
    }
    held
}

impl Objects {
    /// Every declared context.
    pub fn declared_contexts(&self) -> impl Iterator<Item = Declared> + '_ {
        let processes = (0u8..).zip(&self.system.processes);
        processes.flat_map(|(id, process)| (0..process.contexts.len()).map(move |index| (ProcessId(id), index)))
    }

    /// How a declared context is called: `process/context`.
    pub fn declared_name(&self, (process, index): Declared) -> String {
        let declared = &self.system.processes[process.index()];
        format!("{}/{}", declared.name, declared.contexts[index].name)
    }

    /// Its program.
    pub(crate) fn declared_program(&self, (process, index): Declared) -> &Program {
        &self.programs[process.index()][index]
    }

    /// Is it a task?
    pub(crate) fn is_task(&self, (process, index): Declared) -> bool {
        self.system.processes[process.index()].contexts[index].task.is_some()
    }

    pub(super) fn number_of(&self, (process, index): Declared, position: Position) -> usize {
        self.begins[process.index() * self.contexts_per_process + index] as usize + usize::from(position)
    }

    /// What a context may come to wait for at a node, as far as its domain's rights are those that are declared.
    pub(crate) fn wait_at(&self, (process, _): Declared, node: &Node) -> Option<Wait> {
        let domain = self.system.processes[process.index()].domain;
        if !self.may_wait_at(&node.operation) {
            return None;
        }
        match node.operation {
            Operation::Lock(lock) => Some(Wait::Lock(lock)),
            Operation::Send(buffer) => self.could_send(domain, buffer).then_some(Wait::Room(buffer)),
            Operation::Receive(buffer) | Operation::Await(buffer) => {
                let may_miss = matches!(node.operation, Operation::Await(_)) && self.profile.waiting.may_miss();
                let wait = if may_miss { Wait::WakeUp(buffer) } else { Wait::Message(buffer) };
                (self.could_receive(domain, buffer) && !self.delivers_unasked(buffer)).then_some(wait)
            }
            Operation::Attach(buffer) => Some(Wait::Attachment(buffer)),
            Operation::Wait { process, until: None } => Some(Wait::Child(process)),
            _ => None,
        }
    }

    /// Every wait point, context by context.
    pub fn wait_points(&self) -> Vec<WaitPoint> {
        let mut points: Vec<WaitPoint> = Vec::new();
        for of in self.declared_contexts() {
            let (program, first) = (self.declared_program(of), points.len());
            let held = held(program, self.is_task(of));
            for (position, (node, held)) in (0..).zip(program.nodes.iter().zip(held)) {
                let (Some((may_hold, holds)), Some(wait)) = (held, self.wait_at(of, node)) else { continue };
                let deeds = self.future.at(self.number_of(of, position)).to_vec();
                let point = WaitPoint { of, wait, may_hold, holds, positions: Vec::new(), deeds };
                let same = |known: &WaitPoint| {
                    known.wait == point.wait
                        && known.may_hold == point.may_hold
                        && known.holds == point.holds
                        && known.deeds == point.deeds
                };
                match points[first..].iter_mut().find(|known| same(known)) {
                    Some(known) => known.positions.push(position),
                    None => points.push(WaitPoint { positions: vec![position], ..point }),
                }
            }
        }
        points
    }

    /// May it be the other, while that waits there, who has to end the wait: in whatever state?
    pub fn may_wait_on(&self, waiter: &WaitPoint, other: &WaitPoint) -> bool {
        match waiter.wait {
            Wait::Lock(lock) => other.may_hold.contains(&lock),
            // Whoever waits to take over is not attached itself, nor is another instance of the same process.
            Wait::Attachment(_) if other.of.0 == waiter.of.0 => false,
            wait => self.may_serve(wait, other.of, &other.deeds),
        }
    }

    /// May a context, from its beginning, do what such a wait is for?
    pub fn may_end_a_wait(&self, wait: Wait, by: Declared) -> bool {
        let program = self.declared_program(by);
        match wait {
            Wait::Lock(lock) => program.nodes.iter().any(|node| node.operation == Operation::Lock(lock)),
            wait => {
                self.future.is_asked() && self.may_serve(wait, by, self.future.at(self.number_of(by, program.entry)))
            }
        }
    }

    fn may_serve(&self, wait: Wait, by: Declared, deeds: &Deeds) -> bool {
        let may = |deed: Deed| self.future.has(deeds, deed);
        match wait {
            Wait::Lock(_) => false,
            Wait::Room(buffer) => self.sharing_a_pool(buffer).any(|buffer| may(Deed::Take(buffer))),
            Wait::Message(buffer) | Wait::WakeUp(buffer) => may(Deed::Send(buffer)),
            Wait::Child(process) => by.0 == process,
            Wait::Attachment(buffer) => {
                let declared = &self.system.buffers[buffer.index()];
                let takes_over = self.future.has(self.future.of_process(by.0.index()), Deed::Attach(buffer));
                takes_over || declared.attachments.iter().any(|attachment| attachment.process == by.0)
            }
        }
    }

    /// The buffer, and those that draw on the same pool.
    pub(super) fn sharing_a_pool(&self, buffer: BufferId) -> impl Iterator<Item = BufferId> + '_ {
        let pool = |buffer: BufferId| self.given[buffer.index()].pool.map(|pool| pool.id);
        let all = (0u8..).map(BufferId).take(self.given.len());
        all.filter(move |other| *other == buffer || (pool(buffer).is_some() && pool(*other) == pool(buffer)))
    }

    /// How many messages are in the buffer when a sender waits for room; only of one whose messages are neither lost nor kept by a receiver nor
    /// processed unasked, and whose room, if that is asked, is its own and does not change.
    pub(crate) fn keeps_all(&self, buffer: BufferId, room: bool) -> Option<i64> {
        let given = &self.given[buffer.index()];
        let own = given.pool.is_none() && !given.adjustable;
        let keeps = self.makes_wait(buffer) && !given.acknowledged && !self.delivers_unasked(buffer);
        (keeps && (own || !room)).then(|| given.empty.limit.into())
    }

    /// Does the process of a context hold the buffer from the beginning to its end, with the right to use it as its program does?
    pub(crate) fn never_refuses(&self, (process, _): Declared, buffer: BufferId) -> bool {
        let declared = &self.system.processes[process.index()];
        let all = &self.system.buffers[buffer.index()];
        let programs = || self.programs[process.index()].iter().flat_map(|program| &program.nodes);
        let closes = programs().any(|node| node.operation == Operation::Close(HandleId(buffer.0)));
        let uses = |operation: Operation| programs().any(|node| node.operation == operation);
        let may_send = !uses(Operation::Send(buffer)) || all.send.contains(&declared.domain);
        let may_receive = !uses(Operation::Receive(buffer)) || all.receive.contains(&declared.domain);
        self.system.starts_with_the_system(process) && !closes && may_send && may_receive
    }

    /// The nodes of a declared context's program that it may come to.
    pub(crate) fn reachable_nodes(&self, of: Declared) -> Vec<&Node> {
        let (program, is_task) = (self.declared_program(of), self.is_task(of));
        let mut met = vec![false; program.nodes.len()];
        let mut open = vec![program.entry];
        met[usize::from(program.entry)] = true;
        while let Some(at) = open.pop() {
            for way in program.ways(&program.nodes[usize::from(at)], is_task) {
                if !std::mem::replace(&mut met[usize::from(*way)], true) {
                    open.push(*way);
                }
            }
        }
        program.nodes.iter().zip(met).filter(|(_, met)| *met).map(|(node, _)| node).collect()
    }

    /// The locks that a context may hold when its program ends: a task, at the end of a job.
    pub(crate) fn kept_at_the_end(&self, of: Declared) -> BTreeSet<LockId> {
        let (program, is_task) = (self.declared_program(of), self.is_task(of));
        let held = held(program, is_task);
        let ends = program.nodes.iter().zip(held).filter(|(node, _)| node.operation == Operation::End);
        ends.filter_map(|(_, held)| held).flat_map(|(may, _)| may).collect()
    }

    /// Does a sender wait while there is no room in the buffer?
    pub fn makes_a_sender_wait(&self, buffer: BufferId) -> bool {
        self.makes_wait(buffer)
    }
}
