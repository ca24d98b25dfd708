//! Which steps are possible. A context that waits (for a child, for a message, for room) simply has none.

use super::precondition::Precondition;
use super::program::Operation;
use super::state::{Phase, ProcessSlot, State, Status};
use super::step::{Action, Step};
use super::{ContextSlot, Objects, each};
use crate::system::{BufferId, GroupId, ModeId, ObjectId, ProcessId};

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
        if state.contexts[context].phase != Phase::Gone {
            let interrupts = self.interrupts(state, slot);
            if interrupts != 0 {
                return each(interrupts.into()).for_each(|buffer| push(Action::Deliver(BufferId(buffer as u8))));
            }
        }
        match state.contexts[context].phase {
            Phase::Gone => return,
            Phase::Sleeping => return push(Action::Wake),
            Phase::Checked => {
                if let Operation::Await(buffer) = self.operation(state, context) {
                    push(Action::Sleep(*buffer));
                }
                return;
            }
            Phase::Asleep => return,
            Phase::Flagging(handle) => return push(Action::SetFlag(handle)),
            Phase::BeforeExec => return push(Action::Exec(process.instance_of)),
            Phase::Walking(members) => {
                let first = (members != 0).then(|| members.trailing_zeros() as ProcessSlot);
                return match self.operation(state, context) {
                    Operation::Kill(group) => push(first.map_or(Action::KillReturns(*group), Action::KillMember)),
                    Operation::LockDown(domain) => {
                        push(first.map_or(Action::LockDownReturns(*domain), Action::LockDownMember));
                    }
                    _ => {}
                };
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
            Operation::KillProcess(named) => self.kills(state, *named, &mut push),
            Operation::LockDown(domain) => push(Action::LockDown(*domain)),
            Operation::Access { object, right } => push(Action::Access(*object, *right)),
            Operation::DropRights(objects) => push(Action::DropRights(self.object_set(objects))),
            Operation::Regain(object) => push(Action::Regain(*object)),
            Operation::Grant { object, process } => push(Action::Grant(*object, *process)),
            Operation::Allocate(bytes) => push(Action::Allocate(*bytes)),
            Operation::SwitchMode(mode) => push(Action::SwitchMode(*mode)),
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
                if self.requires(Precondition::ChildEnded, children == 0 || zombies > 0) {
                    push(Action::Reap(*process));
                }
                if until.is_some() {
                    push(Action::Timeout);
                }
            }
            Operation::Send(buffer) => self.sends(state, slot, *buffer, &mut push),
            Operation::Receive(buffer) => {
                // Where sender and receiver meet, it is the sender's step.
                let waits = self.is_meeting(*buffer) || !self.has_message(state, *buffer);
                if self.has_taken(state, slot, *buffer) {
                    push(Action::Ack(*buffer));
                } else if !(waits && self.may_receive(state, slot, *buffer)) {
                    push(Action::Receive(*buffer));
                }
            }
            Operation::Lock(lock) => {
                if self.is_to_be_had(state, *lock) {
                    push(Action::Lock(*lock));
                }
            }
            Operation::Unlock(lock) => push(Action::Unlock(*lock)),
            Operation::Poll(buffer) if self.has_taken(state, slot, *buffer) => push(Action::Ack(*buffer)),
            Operation::Poll(buffer) => push(Action::Poll(*buffer)),
            Operation::Await(buffer) => {
                if !self.waits_at_await(state, slot, *buffer) {
                    push(Action::Await(*buffer));
                }
            }
            Operation::Ack(buffer) => push(Action::Ack(*buffer)),
            Operation::Attach(buffer) => {
                if !self.waits_to_attach(state, slot, *buffer) {
                    push(Action::Attach(*buffer));
                }
            }
            Operation::SetLimit { buffer, capacity } => push(Action::SetLimit(*buffer, *capacity)),
            Operation::End => {
                let task = self.declaration(state, context as ContextSlot).task;
                push(if task.is_some() { Action::JobDone } else { Action::End });
            }
            Operation::Adversary => self.attacks(state, slot, &mut push),
        }
    }

    /// A message sent: to each context that waits for it, where sender and receiver meet. Whoever has to wait for room
    /// or for a receiver has no step.
    fn sends(&self, state: &State, slot: usize, buffer: BufferId, push: &mut impl FnMut(Action)) {
        let mut met = false;
        if self.is_meeting(buffer) {
            self.waiting_to_receive(state, buffer, |receiver| {
                met = true;
                push(Action::HandOver(buffer, receiver));
            });
        }
        let waits = self.makes_wait(buffer) && !self.has_room(state, buffer) && self.may_send(state, slot, buffer);
        if !met && !waits {
            push(Action::Send(buffer));
            if self.would_follow(state, slot, buffer) {
                push(Action::SendFollowed(buffer));
            }
        }
    }

    /// A kill by name: of whoever is named, or, if that one is gone, of nobody or of whoever may have its number.
    fn kills(&self, state: &State, named: ProcessId, push: &mut impl FnMut(Action)) {
        push(Action::KillProcess(named));
        each(self.heirs(state, named)).for_each(|heir| push(Action::KillNumber(named, heir as ProcessSlot)));
    }

    /// What an adversary may try: make a copy of itself, leave its group, use any object in any way, get back what was given
    /// up, hand it on, take more than half of its group's memory, change the mode, use any buffer that it can name; or stop.
    fn attacks(&self, state: &State, slot: usize, push: &mut impl FnMut(Action)) {
        push(Action::GiveUp);
        if state.attack_steps == Some(0) {
            return;
        }
        let process = &state.processes[slot];
        push(Action::Fork(process.instance_of));
        push(Action::Detach);
        for object in self.dropped.iter().copied() {
            push(Action::Regain(object));
            (0u8..).take(self.programs.len()).for_each(|to| push(Action::Grant(object, ProcessId(to))));
        }
        for (object, declared) in (0u8..).zip(&self.system.objects) {
            for right in declared.class.rights() {
                push(Action::Access(ObjectId(object), *right));
            }
        }
        if let Some(bytes) = self.attacked_memory(process.group) {
            push(Action::Allocate(bytes));
        }
        (0u8..).take(self.system.modes.len()).for_each(|mode| push(Action::SwitchMode(ModeId(mode))));
        let domain = self.domain_of(state, slot);
        for (buffer, declared) in (0u8..).map(BufferId).zip(&self.system.buffers) {
            if declared.named_by.contains(&domain) {
                self.sends(state, slot, buffer, push);
                push(Action::Poll(buffer));
                if self.given[buffer.index()].acknowledged && !self.waits_to_attach(state, slot, buffer) {
                    push(Action::Attach(buffer));
                }
            }
        }
    }

    /// How much an adversary in that group takes at once: more than half of the limit.
    pub(super) fn attacked_memory(&self, group: Option<GroupId>) -> Option<u64> {
        let limit = group.and_then(|group| self.system.job_groups[group.index()].memory);
        limit.map(|limit| limit.0 / 2 + 1)
    }
}
