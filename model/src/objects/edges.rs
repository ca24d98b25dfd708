//! Edges: who waits for whom, as far as the profile has the scheduler told of it ([`crate::profile::awareness`]).
//!
//! Who may send to a buffer, or take from it, is read off where each context is in its own program, whatever rights its domain has: no
//! right reaches the scheduler by this.

use super::Objects;
use super::program::Operation;
use super::state::{ContextSlot, Phase, State};
use super::waits::{Wait, is_child};
use crate::sched::{Edge, EdgeKind};
use crate::system::BufferId;

/// What a context may still send and take by its own program, from each of its nodes. Empty, where no scheduler is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Gives {
    /// Of so many words each.
    words: usize,
    buffers: usize,
    /// By the numbers that nodes have in `Objects::nodes`: first what it sends to, then what it takes from.
    of_node: Vec<u64>,
}

impl Gives {
    pub(super) fn of(objects: &Objects) -> Self {
        let waits = || objects.nodes.iter().any(|node| objects.may_wait_at(&node.operation));
        if !objects.profile.awareness.sees_precedence() || !waits() {
            return Self::default();
        }
        let buffers = objects.system.buffers.len();
        let words = (2 * buffers).div_ceil(64).max(1);
        let mut gives = Self { words, buffers, of_node: vec![0; words * objects.nodes.len()] };
        for of in objects.declared_contexts() {
            let (program, is_task) = (objects.declared_program(of), objects.is_task(of));
            let first = objects.number_of(of, 0);
            for (number, node) in (first..).zip(&program.nodes) {
                let bit = match node.operation {
                    Operation::Send(buffer) => buffer.index(),
                    Operation::Receive(buffer) | Operation::Poll(buffer) | Operation::Ack(buffer) => {
                        buffers + buffer.index()
                    }
                    _ => continue,
                };
                gives.of_node[number * words + bit / 64] |= 1 << (bit % 64);
            }
            let mut grown = true;
            while std::mem::take(&mut grown) {
                for (number, node) in (first..).zip(&program.nodes) {
                    for way in program.ways(node, is_task) {
                        for word in 0..words {
                            let more = gives.of_node[(first + usize::from(*way)) * words + word];
                            let known = &mut gives.of_node[number * words + word];
                            grown |= more & !*known != 0;
                            *known |= more;
                        }
                    }
                }
            }
        }
        gives
    }

    fn has(&self, node: usize, bit: usize) -> bool {
        self.of_node.get(node * self.words + bit / 64).is_some_and(|word| word & 1 << (bit % 64) != 0)
    }

    fn sends(&self, node: usize, buffer: BufferId) -> bool {
        self.has(node, buffer.index())
    }

    fn takes(&self, node: usize, buffer: BufferId) -> bool {
        self.has(node, self.buffers + buffer.index())
    }
}

impl Objects {
    /// Whether there is ever anything to tell a scheduler of.
    pub fn has_edges(&self) -> bool {
        let awareness = self.profile.awareness;
        awareness.sees_locks() && !self.system.locks.is_empty() || self.gives.words > 0
    }

    /// Who waits for whom, in order; each by what the one who waits is scheduled by, if that has an urgency of its own to pass on.
    pub fn edges(&self, state: &State) -> Vec<Edge> {
        let mut edges = Vec::new();
        let awareness = self.profile.awareness;
        let contexts = || 0..state.contexts.len() as ContextSlot;
        for waiter in contexts() {
            if awareness.sees_locks()
                && let Some(owner) = self.awaited_owner(state, waiter)
            {
                edges.push(Edge { waiter, by: self.scheduled_by(state, waiter), of: owner, kind: EdgeKind::Lock });
            } else if self.gives.words > 0
                && let Some(wait) = self.waits_for(state, waiter)
            {
                let by = self.declaration(state, waiter).task.and_then(|_| self.scheduled_by(state, waiter));
                let of =
                    contexts().filter(|other| *other != waiter && self.may_bring_about(state, waiter, wait, *other));
                edges.extend(of.map(|of| Edge { waiter, by, of, kind: EdgeKind::Precedence }));
            }
        }
        edges
    }

    /// May the other by its own program do what the one waits for?
    fn may_bring_about(&self, state: &State, waiter: ContextSlot, wait: Wait, other: ContextSlot) -> bool {
        let at = usize::from(other);
        let (slot, of_other) = (usize::from(self.process_of(waiter)), usize::from(self.process_of(other)));
        let phase = state.contexts[at].phase;
        if phase == Phase::Gone {
            return false;
        }
        match wait {
            Wait::Child(process) => is_child(&state.processes[of_other], slot, process),
            Wait::Attachment(buffer) => self.is_attached(state, of_other, buffer),
            // Its program has not begun, and it stands nowhere in it.
            _ if phase == Phase::BeforeExec => false,
            Wait::Room(buffer) => {
                let node = self.node_number(state, at);
                self.sharing_a_pool(buffer).any(|buffer| self.gives.takes(node, buffer))
            }
            Wait::Message(buffer) | Wait::WakeUp(buffer) => self.gives.sends(self.node_number(state, at), buffer),
            Wait::Lock(_) => false,
        }
    }
}
