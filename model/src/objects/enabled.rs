//! Which steps are possible. A context that waits (for a child, for a message, for room) simply has none.

use super::program::Operation;
use super::state::{Phase, State, Status};
use super::step::{Action, Step};
use super::{ContextSlot, Objects};
use crate::system::{GroupId, ObjectId, Overflow};

impl Objects {
    /// Appends every step that is possible in `state`, in a fixed order.
    pub fn enabled(&self, state: &State, steps: &mut Vec<Step>) {
        self.for_each_enabled(state, |step| steps.push(step));
    }

    /// Calls `visit` with every step that is possible in `state`, in the same order.
    pub fn for_each_enabled(&self, state: &State, mut visit: impl FnMut(Step)) {
        // Whoever does not live has no context.
        for (slot, _) in (0..).zip(&state.processes).filter(|(_, process)| process.lives()) {
            for context in self.contexts_of(slot) {
                self.steps_of(state, context, &mut visit);
            }
        }
    }

    /// Calls `visit` with every step of one context.
    pub(super) fn steps_of(&self, state: &State, context: usize, mut visit: impl FnMut(Step)) {
        let mut push = |action| visit(Step { context: context as ContextSlot, action });
        let slot = usize::from(self.process_of[context]);
        let process = &state.processes[slot];
        match state.contexts[context].phase {
            Phase::Gone => return,
            Phase::Sleeping => return push(Action::Wake),
            Phase::Flagging(handle) => return push(Action::SetFlag(handle)),
            Phase::BeforeExec => return push(Action::Exec(process.instance_of)),
            Phase::Walking(members) => {
                if let Operation::Kill(group) = self.operation(state, context) {
                    push(match members.trailing_zeros() {
                        64 => Action::KillReturns(*group),
                        first => Action::KillMember(first as u8),
                    });
                }
                return;
            }
            Phase::Begin => {}
        }
        match self.operation(state, context) {
            Operation::Compute { .. } => push(Action::Compute),
            Operation::Open(handle) => push(Action::Open(*handle)),
            Operation::Close(handle) => push(Action::Close(*handle)),
            Operation::Spawn { process, .. } if self.profile.creation.has_embryo() => push(Action::Fork(*process)),
            Operation::Spawn { process, .. } => push(Action::Spawn(*process)),
            Operation::Fork(process) => push(Action::Fork(*process)),
            Operation::Detach => push(Action::Detach),
            Operation::Exit => push(Action::Exit),
            Operation::Kill(group) => push(Action::Kill(*group)),
            Operation::Access { object, right } => push(Action::Access(*object, *right)),
            Operation::Allocate(bytes) => push(Action::Allocate(*bytes)),
            Operation::Choose(arms) => (0u8..).zip(arms).for_each(|(arm, _)| push(Action::Choose(arm))),
            Operation::Wait { process, until } => {
                let (mut children, mut zombies) = (0, 0);
                for child in &state.processes {
                    let awaited = child.status != Status::Free
                        && child.instance_of == *process
                        && child.parent.map(usize::from) == Some(slot);
                    children += u32::from(awaited);
                    zombies += u32::from(awaited && child.status == Status::Zombie);
                }
                // Without such a child the wait ends at once, refused.
                if children == 0 || zombies > 0 {
                    push(Action::Reap(*process));
                }
                if until.is_some() {
                    push(Action::Timeout);
                }
            }
            Operation::Send(buffer) => {
                let declared = &self.system.buffers[buffer.index()];
                let blocks = declared.overflow == Overflow::Block
                    && state.buffers[buffer.index()] >= declared.capacity
                    && self.may_use(state, slot, *buffer, &declared.send);
                if !blocks {
                    push(Action::Send(*buffer));
                }
            }
            Operation::Receive(buffer) => {
                let declared = &self.system.buffers[buffer.index()];
                let blocks =
                    state.buffers[buffer.index()] == 0 && self.may_use(state, slot, *buffer, &declared.receive);
                if !blocks {
                    push(Action::Receive(*buffer));
                }
            }
            Operation::End => {
                let task = self.declaration(state, context as ContextSlot).task;
                push(if task.is_some() { Action::JobDone } else { Action::End });
            }
            Operation::Adversary => self.attacks(state, slot, &mut push),
        }
    }

    /// What an adversary may try: make a copy of itself, leave its group, use any object in any way, take more than
    /// half of its group's memory; or stop.
    fn attacks(&self, state: &State, slot: usize, push: &mut impl FnMut(Action)) {
        push(Action::GiveUp);
        if state.attack_steps == Some(0) {
            return;
        }
        let process = &state.processes[slot];
        push(Action::Fork(process.instance_of));
        push(Action::Detach);
        for (object, declared) in (0u8..).zip(&self.system.objects) {
            for right in declared.class.rights() {
                push(Action::Access(ObjectId(object), *right));
            }
        }
        if let Some(bytes) = self.attacked_memory(process.group) {
            push(Action::Allocate(bytes));
        }
    }

    /// How much an adversary in that group takes at once: more than half of the limit.
    pub(super) fn attacked_memory(&self, group: Option<GroupId>) -> Option<u64> {
        let limit = group.and_then(|group| self.system.job_groups[group.index()].memory);
        limit.map(|limit| limit.0 / 2 + 1)
    }
}
