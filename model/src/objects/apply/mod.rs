//! What a step does. The profile is asked only narrow questions; nothing here knows its name.

mod access;
mod buffers;
mod creation;
mod ending;
mod handles;
mod lock_down;
mod locks;
mod naming;
mod rights;

use super::program::Operation;
use super::state::{Context, ContextSlot, Phase, Process, State};
use super::step::{Action, Outcome, Step};
use super::{Objects, Touched};
use crate::system::{DomainId, ModeId};

impl Objects {
    /// Takes a step that is enabled in `state`.
    pub fn apply(&self, state: &State, step: Step) -> (State, Outcome) {
        let mut after = state.clone();
        let (outcome, _) = self.take(&mut after, step);
        (after, outcome)
    }

    /// Takes a step that is enabled in `before`, into a state that is overwritten.
    pub fn apply_to(&self, before: &State, step: Step, after: &mut State) -> Outcome {
        after.clone_from(before);
        self.take(after, step).0
    }

    /// Takes a step that is enabled in `state`, in place, and says where that may have changed it.
    pub fn take(&self, state: &mut State, step: Step) -> (Outcome, Touched) {
        let slot = usize::from(self.process_of(step.context));
        let touched = Touched::default();
        let mut taking =
            Taking { objects: self, state, slot, context: usize::from(step.context), attacks: false, touched };
        let outcome = taking.take(step.action);
        (outcome, taking.touched)
    }

    /// The security domain of a process.
    pub fn domain_of(&self, state: &State, slot: usize) -> DomainId {
        self.system.processes[state.processes[slot].instance_of.index()].domain
    }
}

/// A step being taken.
struct Taking<'a> {
    objects: &'a Objects,
    state: &'a mut State,
    /// The process that takes it.
    slot: usize,
    context: usize,
    /// Is the step one of an adversary's attacks? It then stays where it is.
    attacks: bool,
    touched: Touched,
}

impl Taking<'_> {
    fn take(&mut self, action: Action) -> Outcome {
        if action == Action::GiveUp {
            return self.done();
        }
        self.attacks = action.may_attack()
            && self.state.contexts[self.context].phase == Phase::Begin
            && matches!(self.objects.operation(self.state, self.context), Operation::Adversary);
        if self.attacks {
            self.touched.attack_steps = true;
            self.state.attack_steps = self.state.attack_steps.map(|left| left.saturating_sub(1));
        }
        match action {
            Action::Compute | Action::GiveUp | Action::Timeout => self.go_on(Outcome::Done),
            Action::Open(handle) => self.open(handle),
            Action::SetFlag(handle) => self.set_flag(handle),
            Action::Close(handle) => self.close(handle),
            Action::Fork(process) => self.fork(process),
            Action::Exec(process) => self.exec(process),
            Action::Spawn(process) => self.spawn(process),
            Action::Detach => self.detach(),
            Action::Exit => self.exit(),
            Action::End => self.end(),
            Action::Reap(process) => self.reap(process),
            Action::Kill(group) => self.kill(group),
            Action::KillMember(member) => self.kill_member(member),
            Action::KillReturns(group) => {
                self.condemn(group);
                self.done()
            }
            Action::KillProcess(named) => self.kill_process(named),
            Action::KillNumber(named, heir) => self.kill_number(named, heir),
            Action::LockDown(domain) => self.lock_down(domain),
            Action::LockDownMember(member) => self.lock_down_member(member),
            Action::LockDownReturns(domain) => self.lock_down_returns(domain),
            Action::Send(buffer) => self.send(buffer),
            Action::Lock(lock) => self.lock(lock),
            Action::Unlock(lock) => self.unlock(lock),
            Action::SendFollowed(buffer) => self.send_followed(buffer),
            Action::HandOver(buffer, receiver) => self.hand_over(buffer, receiver),
            Action::Receive(buffer) | Action::Poll(buffer) => self.receive(buffer),
            Action::Await(buffer) => self.await_message(buffer),
            Action::Sleep(_) => {
                self.own_context().phase = Phase::Asleep;
                Outcome::Done
            }
            Action::Deliver(buffer) => self.deliver(buffer),
            Action::Ack(buffer) => self.acknowledge(buffer),
            Action::Attach(buffer) => self.attach(buffer),
            Action::SetLimit(buffer, capacity) => self.set_limit(buffer, capacity),
            Action::Access(object, right) => self.access(object, right),
            Action::DropRights(objects) => self.drop_rights(objects),
            Action::Regain(object) => self.regain(object),
            Action::Grant(object, process) => self.grant(object, process),
            Action::Allocate(bytes) => self.allocate(bytes),
            Action::SwitchMode(mode) => self.switch_mode(mode),
            Action::Choose(arm) => self.choose(arm),
            Action::JobDone => self.job_done(),
            Action::Wake => {
                self.own_context().phase = Phase::Begin;
                Outcome::Done
            }
        }
    }

    fn switch_mode(&mut self, mode: ModeId) -> Outcome {
        if let Some(refusal) = self.objects.refuses_change(self.state, self.slot, mode) {
            return self.go_on(Outcome::Refused(refusal));
        }
        self.touched.shared = true;
        self.state.mode = mode;
        self.go_on(Outcome::Done)
    }

    fn choose(&mut self, arm: u8) -> Outcome {
        if let Operation::Choose(arms) = self.objects.operation(self.state, self.context)
            && let Some(start) = arms.get(usize::from(arm))
        {
            self.own_context().position = *start;
        }
        Outcome::Done
    }

    fn job_done(&mut self) -> Outcome {
        let entry = self.objects.program(self.state, self.context).entry;
        self.own_context().goes_to(entry, Phase::Sleeping);
        Outcome::Done
    }

    /// The context that takes the step, to be changed.
    fn own_context(&mut self) -> &mut Context {
        self.touched.context = Some(self.context as ContextSlot);
        &mut self.state.contexts[self.context]
    }

    /// A process, to be changed.
    fn process(&mut self, slot: usize) -> &mut Process {
        self.touched.entries |= 1 << slot;
        &mut self.state.processes[slot]
    }

    /// The processes of which this is true, a bit each.
    fn having(&self, which: impl Fn(&Process) -> bool) -> u64 {
        self.state.processes.iter().rev().fold(0, |set, process| set << 1 | u64::from(which(process)))
    }

    fn children_of(&self, slot: usize) -> u64 {
        self.having(|child| child.parent.map(usize::from) == Some(slot))
    }

    /// The context goes on with its next instruction.
    fn done(&mut self) -> Outcome {
        let position = self.objects.node(self.state, self.context).next;
        self.own_context().goes_to(position, Phase::Begin);
        Outcome::Done
    }

    /// An attacking context stays where it is, any other goes on.
    fn go_on(&mut self, outcome: Outcome) -> Outcome {
        if !self.attacks {
            self.done();
        }
        outcome
    }
}
