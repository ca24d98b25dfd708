//! Waits: what a context waits for, and who of those that wait can be served by nobody any more.
//!
//! A context *waits* where its next step needs something that is not there: a lock, room in a buffer, a message, a wake-up, a child's end,
//! the end of whoever a buffer is attached to. A wait with a limit is none. A message that is delivered meanwhile interrupts a wait and does not
//! end it.
//!
//! **Served.** Let L(s) be the least set of contexts of s such that
//! - whoever does not wait is in it;
//! - whoever waits is in it, if a context of L(s) *may* end its wait: by what is in its [future](super::future).
//!
//! **Theorem.** Who is not in L(s) is *stuck*: in no run from s does it take a step again but to have a message delivered, as long as its process
//! lives. For let s → … → t be a shortest run after which it, or another that was not in L(s), can take one. Until then only
//! contexts of L(s), and those that these have created, have taken steps, and none that was in nobody's future. So the last
//! step, which has ended the wait, was one that is in the future of a context of L(s); but then whoever waited was in L(s). What can end
//! each wait is listed in `Waiting::is_served`, every way that it has, also the side doors: a handle closed, a buffer taken over, a
//! process killed. A kill serves nobody: whoever is killed has waited in vain.
//!
//! The other way round it is not so: a future takes every way on as possible. `tests/deadlock.rs` holds both against the whole graph of
//! small random systems.

use std::ops::ControlFlow;

use super::future::{Deed, join};
use super::precondition::Precondition;
use super::program::Operation;
use super::state::{ContextSlot, LockState, Phase, ProcessSlot, State, Status};
use super::{Objects, each};
use crate::system::{BufferId, Effect, LockId, ProcessId};

/// What a context waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// That nobody holds the lock.
    Lock(LockId),
    /// Room in the buffer; or somebody to meet there.
    Room(BufferId),
    /// A message in the buffer; or somebody to meet there.
    Message(BufferId),
    /// That a child of that declaration ends.
    Child(ProcessId),
    /// That nobody lives whom the buffer is attached to.
    Attachment(BufferId),
    /// To be woken when a message comes to the buffer, whatever is there already.
    WakeUp(BufferId),
}

impl Wait {
    /// Is it for something that somebody has, or has to make, for others to go on? Whoever waits for a message, for an end or to take
    /// over may be idle for ever, and rightly so.
    pub fn is_for_a_resource(self) -> bool {
        matches!(self, Self::Lock(_) | Self::Room(_))
    }
}

impl Objects {
    /// Can a context ever wait there?
    pub(super) fn may_wait_at(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Lock(_) | Operation::Receive(_) | Operation::Wait { until: None, .. } => true,
            Operation::Await(_) => true,
            Operation::Send(buffer) => self.makes_wait(*buffer),
            Operation::Attach(_) => self.profile.attachment.is_asked_for(),
            _ => false,
        }
    }

    /// May whoever comes now have the lock?
    pub(super) fn is_to_be_had(&self, state: &State, lock: LockId) -> bool {
        let free = match state.locks[lock.index()] {
            LockState::Free => true,
            LockState::Held(_) => false,
            LockState::Orphaned => self.profile.lock_recovery.passes_on(),
        };
        self.requires(Precondition::LockFree, free)
    }

    /// What a context waits for, if it does.
    pub fn waits_for(&self, state: &State, context: ContextSlot) -> Option<Wait> {
        let at = usize::from(context);
        let slot = usize::from(self.process_of[at]);
        let phase = state.contexts[at].phase;
        if !matches!(phase, Phase::Begin | Phase::Asleep) || !state.processes[slot].lives() {
            return None;
        }
        match *self.operation(state, at) {
            Operation::Await(buffer) if phase == Phase::Asleep => Some(Wait::WakeUp(buffer)),
            Operation::Lock(lock) => (!self.is_to_be_had(state, lock)).then_some(Wait::Lock(lock)),
            Operation::Send(buffer) => {
                let waits =
                    self.makes_wait(buffer) && !self.has_room(state, buffer) && self.may_send(state, slot, buffer);
                (waits && !self.meets_a_receiver(state, buffer)).then_some(Wait::Room(buffer))
            }
            Operation::Receive(buffer) => {
                let waits = self.is_meeting(buffer) || !self.has_message(state, buffer);
                (waits && self.may_receive(state, slot, buffer) && !self.has_taken(state, slot, buffer))
                    .then_some(Wait::Message(buffer))
            }
            Operation::Await(buffer) => self.waits_at_await(state, slot, buffer).then_some(Wait::Message(buffer)),
            Operation::Attach(buffer) => self.waits_to_attach(state, slot, buffer).then_some(Wait::Attachment(buffer)),
            Operation::Wait { process, until: None } => {
                let children = || state.processes.iter().filter(|child| is_child(child, slot, process));
                let ended = children().next().is_none() || children().any(|child| child.status == Status::Zombie);
                (!self.requires(Precondition::ChildEnded, ended)).then_some(Wait::Child(process))
            }
            _ => None,
        }
    }

    /// Does who looks for a message wait for it in the same step?
    pub(super) fn waits_at_await(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        let there = !self.may_receive(state, slot, buffer) || self.has_message(state, buffer);
        !there && !self.profile.waiting.may_miss()
    }

    /// Is what it wants to be woken for there already?
    pub fn is_there_already(&self, state: &State, wait: Wait) -> bool {
        matches!(wait, Wait::WakeUp(buffer) if state.buffers[buffer.index()].queued > 0)
    }

    fn meets_a_receiver(&self, state: &State, buffer: BufferId) -> bool {
        let mut met = false;
        if self.is_meeting(buffer) {
            self.waiting_to_receive(state, buffer, |_| met = true);
        }
        met
    }

    /// The contexts that wait, in order, until `visit` has seen enough.
    fn each_waiting(&self, state: &State, mut visit: impl FnMut(ContextSlot, Wait) -> ControlFlow<()>) {
        for (slot, _) in (0..).zip(&state.processes).filter(|(_, process)| process.lives()) {
            for context in self.contexts_of(slot) {
                if matches!(state.contexts[context].phase, Phase::Begin | Phase::Asleep)
                    && self.future.waits_at(self.node_number(state, context))
                    && let Some(wait) = self.waits_for(state, context as ContextSlot)
                    && visit(context as ContextSlot, wait).is_break()
                {
                    return;
                }
            }
        }
    }

    /// Is there nothing to wait for? Then nobody need be asked.
    #[inline]
    pub fn serves_everybody(&self, state: &State) -> bool {
        !self.future.is_asked() || (!self.future.has_events() && !self.is_anything_taken(state))
    }

    /// Is there a lock that somebody could wait for, or a buffer without room?
    #[inline]
    fn is_anything_taken(&self, state: &State) -> bool {
        let buffers = (0u8..).map(BufferId).take(state.buffers.len());
        state.locks.iter().any(|lock| *lock != LockState::Free)
            || buffers.into_iter().any(|buffer| self.makes_wait(buffer) && !self.has_room(state, buffer))
    }

    /// Does anybody wait?
    #[inline]
    pub fn makes_anybody_wait(&self, state: &State) -> bool {
        !self.serves_everybody(state) && self.is_anybody_waiting(state)
    }

    fn is_anybody_waiting(&self, state: &State) -> bool {
        let mut waits = false;
        self.each_waiting(state, |_, _| {
            waits = true;
            ControlFlow::Break(())
        });
        waits
    }

    /// Who waits for what nobody can give them any more, in order.
    #[inline]
    pub fn stuck(&self, state: &State) -> Vec<(ContextSlot, Wait)> {
        if self.serves_everybody(state) { Vec::new() } else { self.stuck_among_waiting(state) }
    }

    fn stuck_among_waiting(&self, state: &State) -> Vec<(ContextSlot, Wait)> {
        let mut stuck = Vec::new();
        self.each_waiting(state, |context, wait| {
            stuck.push((context, wait));
            ControlFlow::Continue(())
        });
        if stuck.is_empty() {
            return stuck;
        }
        let mut waiting = Waiting { objects: self, state, deeds: self.future.none() };
        let lives = |context: &usize| state.contexts[*context].phase != Phase::Gone;
        for context in (0..state.contexts.len()).filter(lives) {
            if !is_among(&stuck, context as ContextSlot) {
                join(&mut waiting.deeds, self.future_of(state, context));
            }
        }
        loop {
            let before = stuck.len();
            let served: Vec<_> = stuck.iter().copied().filter(|one| waiting.is_served(*one, &stuck)).collect();
            stuck.retain(|one| !served.contains(one));
            for (context, _) in served {
                join(&mut waiting.deeds, self.future_of(state, usize::from(context)));
            }
            if stuck.len() == before {
                return stuck;
            }
        }
    }

    /// Does the one wait for something that the other, and not just anybody, has to do?
    pub fn waits_on(&self, state: &State, (waiter, wait): (ContextSlot, Wait), other: ContextSlot) -> bool {
        let (slot, of_other) = (usize::from(self.process_of(waiter)), usize::from(self.process_of(other)));
        let future = self.future_of(state, usize::from(other));
        match wait {
            Wait::Lock(lock) => state.locks[lock.index()] == LockState::Held(other),
            Wait::Room(buffer) => self.future.has(future, Deed::Take(buffer)),
            Wait::Message(buffer) | Wait::WakeUp(buffer) => self.future.has(future, Deed::Send(buffer)),
            Wait::Child(process) => is_child(&state.processes[of_other], slot, process),
            Wait::Attachment(buffer) => self.is_attached(state, of_other, buffer),
        }
    }
}

pub(super) fn is_child(child: &super::state::Process, parent: usize, process: ProcessId) -> bool {
    child.status != Status::Free && child.instance_of == process && child.parent.map(usize::from) == Some(parent)
}

fn is_among(stuck: &[(ContextSlot, Wait)], context: ContextSlot) -> bool {
    stuck.iter().any(|(waits, _)| *waits == context)
}

/// A state, and those who are known to be served or not to wait.
struct Waiting<'a> {
    objects: &'a Objects,
    state: &'a State,
    /// What may still be done by any of them, and by whoever they create.
    deeds: Vec<u64>,
}

impl Waiting<'_> {
    fn may(&self, deed: Deed) -> bool {
        self.objects.future.has(&self.deeds, deed)
    }

    /// May somebody end the wait who is not stuck?
    fn is_served(&self, (context, wait): (ContextSlot, Wait), stuck: &[(ContextSlot, Wait)]) -> bool {
        let (objects, state) = (self.objects, self.state);
        let slot = usize::from(objects.process_of(context));
        match wait {
            Wait::Lock(lock) => self.is_given_up(lock, slot, stuck),
            Wait::Room(buffer) => self.closes(slot, buffer, stuck) || self.makes_room(buffer),
            Wait::Message(buffer) => {
                let comes = self.may(Deed::Send(buffer)) || self.may(Deed::Attach(buffer));
                comes || self.meets(buffer, &Operation::Send(buffer)) || self.closes(slot, buffer, stuck)
            }
            Wait::Child(process) => {
                // Where orphans go to a supervisor, that one may get a child by the end of another.
                let adopts = objects.profile.tracking.orphans_go_to_the_supervisor();
                let ends = |child: usize| {
                    (adopts || is_child(&state.processes[child], slot, process)) && self.may_end(child, stuck)
                };
                self.may(Deed::Create(process)) || (0..state.processes.len()).any(ends)
            }
            Wait::WakeUp(buffer) => self.may(Deed::Send(buffer)) || self.may(Deed::Attach(buffer)),
            Wait::Attachment(buffer) => {
                self.may(Deed::Attach(buffer))
                    || each(objects.receivers(state, buffer)).any(|receiver| self.may_end(receiver, stuck))
            }
        }
    }

    /// May the lock come to be free? Whoever ends with the process of the one who waits has not served that one.
    fn is_given_up(&self, lock: LockId, slot: usize, stuck: &[(ContextSlot, Wait)]) -> bool {
        let objects = self.objects;
        if objects.omits(Precondition::LockOwned) && self.may(Deed::Unlock(lock)) {
            return true;
        }
        let LockState::Held(owner) = self.state.locks[lock.index()] else { return false };
        let future = objects.future_of(self.state, usize::from(owner));
        let goes_on = |deed: Deed| !is_among(stuck, owner) && objects.future.has(future, deed);
        let of_owner = usize::from(objects.process_of(owner));
        let passes_on = objects.profile.lock_recovery.passes_on();
        goes_on(Deed::Unlock(lock))
            || passes_on && (goes_on(Deed::End) || of_owner != slot && self.may_end(of_owner, stuck))
    }

    /// May another context of the process close the buffer, whose use is then refused?
    fn closes(&self, slot: usize, buffer: BufferId, stuck: &[(ContextSlot, Wait)]) -> bool {
        self.contexts_of(slot).any(|context| {
            let closes = self.objects.future.has(self.objects.future_of(self.state, context), Deed::Close(buffer));
            closes && !is_among(stuck, context as ContextSlot)
        })
    }

    /// May there come to be room in the buffer, or in the pool that it draws on, or somebody to meet there?
    fn makes_room(&self, buffer: BufferId) -> bool {
        let (objects, state) = (self.objects, self.state);
        let taken = |other: BufferId| {
            // What is processed unasked is so whatever its receiver waits for.
            let receiver = state.buffers[other.index()].attached.filter(|_| objects.delivers_unasked(other));
            let received = receiver.is_some_and(|receiver| {
                let lives = state.processes.iter().any(|process| process.lives() && process.instance_of == receiver);
                lives || self.may(Deed::Create(receiver))
            });
            received || self.may(Deed::Take(other)) || self.may(Deed::Attach(other))
        };
        objects.sharing_a_pool(buffer).any(taken) || self.meets(buffer, &Operation::Receive(buffer))
    }

    /// Is somebody there already to be met, and only interrupted?
    fn meets(&self, buffer: BufferId, operation: &Operation) -> bool {
        let (objects, state) = (self.objects, self.state);
        objects.is_meeting(buffer)
            && (0..state.contexts.len()).any(|context| {
                state.contexts[context].phase == Phase::Begin
                    && state.processes[usize::from(objects.process_of[context])].lives()
                    && objects.operation(state, context) == operation
            })
    }

    /// May the process end?
    fn may_end(&self, slot: usize, stuck: &[(ContextSlot, Wait)]) -> bool {
        let (objects, state) = (self.objects, self.state);
        let process = &state.processes[slot];
        if !process.lives() {
            return false;
        }
        let goes_on = |context: usize, deed: Deed| {
            !is_among(stuck, context as ContextSlot) && objects.future.has(objects.future_of(state, context), deed)
        };
        let by_itself = self.contexts_of(slot).any(|context| goes_on(context, Deed::Exit))
            || self.contexts_of(slot).all(|context| goes_on(context, Deed::End));
        let named = |named: u8| {
            let named = ProcessId(named);
            (objects.recycles() || named == process.instance_of) && self.may(Deed::KillProcess(named))
        };
        let walked = |context: &super::state::Context| matches!(context.phase, Phase::Walking(members) if members & 1 << slot != 0);
        by_itself
            || process.group.is_some_and(|group| self.may(Deed::Kill(group)))
            || self.may(Deed::LockDown(objects.domain_of(state, slot)))
            || (0..objects.system.processes.len() as u8).any(named)
            || state.contexts.iter().any(walked)
            || (0u8..).map(BufferId).take(state.buffers.len()).any(|buffer| {
                let queue = &state.buffers[buffer.index()];
                objects.system.buffers[buffer.index()].effect == Effect::Terminate
                    && objects.delivers_unasked(buffer)
                    && queue.attached == Some(process.instance_of)
                    && (queue.queued > 0 || self.may(Deed::Send(buffer)))
            })
    }

    /// The living contexts of a process.
    fn contexts_of(&self, slot: usize) -> impl Iterator<Item = usize> + '_ {
        let contexts = self.objects.contexts_of(slot as ProcessSlot);
        contexts.filter(|context| self.state.contexts[*context].phase != Phase::Gone)
    }
}
