//! Buffers: what each is under the profile, and what the kernel asks of it.

use super::precondition::Precondition;
use super::program::{HandleSet, Operation, bit};
use super::state::{ContextSlot, Followed, Phase, Queue, State, Status};
use super::{Objects, each};
use crate::analysis::reattachment::{self, Message};
use crate::guarantee::GuaranteeId;
use crate::profile::{BufferKind, CapacityRule, Profile};
use crate::system::{Buffer, BufferId, By, DomainId, HandleId, Instruction, Overflow, Pool, System, When};

/// What the kernel gives for a declared buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    /// What it is at first.
    pub(super) empty: Queue,
    /// Does a receiver keep a message until it has done with it, and does another follow when it ends?
    pub(super) acknowledged: bool,
    /// The most that a program asks for.
    pub(super) largest: u8,
    /// Can that be changed?
    pub(super) adjustable: bool,
    /// What it draws on.
    pub(super) pool: Option<Pool>,
    pub(super) overflow: Overflow,
    pub(super) when: When,
    pub(super) by: By,
}

/// What the kernel gives for each buffer of the system.
pub(super) fn given(system: &System, profile: &Profile) -> Vec<Given> {
    let mut limits = vec![None; system.buffers.len()];
    system.for_each_instruction(|_, instruction| {
        if let Instruction::SetLimit { buffer, capacity } = instruction {
            let most = &mut limits[buffer.index()];
            *most = Some(most.map_or(*capacity, |most: u8| most.max(*capacity)));
        }
    });
    system.buffers.iter().zip(limits).map(|(buffer, changed)| one(buffer, changed, profile)).collect()
}

fn one(buffer: &Buffer, changed: Option<u8>, profile: &Profile) -> Given {
    let declared = BufferKind::of(buffer, changed.is_some());
    // Of a kernel without any buffer a message is never processed.
    let kind = profile.buffers.nearest(declared).unwrap_or(BufferKind { by: By::Polled, ..declared });
    let capacity = match kind.capacity {
        CapacityRule::Rendezvous => 0,
        CapacityRule::One => 1,
        _ => buffer.capacity.max(u8::from(declared.capacity == CapacityRule::Rendezvous)),
    };
    let adjustable = kind.capacity == CapacityRule::RunTimeLimit && changed.is_some();
    let attached = buffer.attachments.first().map(|first| first.process);
    Given {
        empty: Queue { queued: 0, limit: capacity, taken: false, attached },
        acknowledged: buffer.is_acknowledged() && kind.by == By::Polled,
        largest: capacity.max(changed.filter(|_| adjustable).unwrap_or(0)),
        adjustable,
        pool: buffer.pool.filter(|_| kind.capacity == CapacityRule::SharedPool),
        overflow: kind.overflow,
        when: kind.when,
        by: kind.by,
    }
}

/// Those whose messages wait to be processed automatically, a bit each.
pub(super) fn deferred(given: &[Given]) -> HandleSet {
    let waits = |given: &Given| given.by == By::Automatic && given.when == When::Deferred;
    given.iter().rev().fold(0, |set, given| set << 1 | HandleSet::from(waits(given)))
}

/// Those that a receiver acknowledges messages of, a bit each.
pub(super) fn acknowledged(given: &[Given]) -> HandleSet {
    given.iter().rev().fold(0, |set, given| set << 1 | HandleSet::from(given.acknowledged))
}

impl Objects {
    /// Does a process hold a handle to the buffer?
    pub(super) fn holds(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        let held = state.processes[slot].handles & bit(HandleId(buffer.0)) != 0;
        self.requires(Precondition::HandleHeld, held)
    }

    /// Does a process hold a handle to the buffer, and its domain the right, as far as that is asked?
    fn may_use(&self, state: &State, slot: usize, buffer: BufferId, holders: &[DomainId]) -> bool {
        if !self.profile.buffer_rights.are_asked_for(self.given[buffer.index()].by) {
            return true;
        }
        self.holds(state, slot, buffer)
            && self.requires(Precondition::BufferRight, holders.contains(&self.domain_of(state, slot)))
    }

    /// May a process send there?
    pub(super) fn may_send(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        self.may_use(state, slot, buffer, &self.system.buffers[buffer.index()].send)
    }

    /// May a process receive from there by asking? Not what is processed unasked; and from a buffer with successors only
    /// whom it is attached to, who then needs no more than a handle where attaching is free.
    pub(super) fn may_receive(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        if self.given[buffer.index()].acknowledged {
            let free = self.profile.attachment.changes() && !self.profile.attachment.is_asked_for();
            let attached = self.is_attached(state, slot, buffer);
            return self.requires(Precondition::Attached, attached)
                && if free { self.holds(state, slot, buffer) } else { self.may_set_limit(state, slot, buffer) };
        }
        !self.delivers_unasked(buffer) && self.may_set_limit(state, slot, buffer)
    }

    /// May a process say how many messages fit?
    pub(super) fn may_set_limit(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        self.may_use(state, slot, buffer, &self.system.buffers[buffer.index()].receive)
    }

    /// How many messages are in the buffer, as the kernel counts them: one that it would give to a successor has its place.
    #[inline]
    pub fn occupied(&self, queue: &Queue) -> u8 {
        let kept = queue.taken && self.profile.attachment.keeps_unacknowledged();
        queue.queued.saturating_add(u8::from(kept))
    }

    /// How many messages all buffers hold that draw on the same pool.
    pub fn in_pool(&self, state: &State, pool: u8) -> u64 {
        let of_pool = |buffer: &Buffer| buffer.pool.is_some_and(|of| of.id == pool);
        let buffers = self.system.buffers.iter().zip(&state.buffers);
        buffers.filter(|(buffer, _)| of_pool(buffer)).map(|(_, queue)| u64::from(self.occupied(queue))).sum()
    }

    /// Has the buffer room for one more message?
    #[inline]
    pub(super) fn has_room(&self, state: &State, buffer: BufferId) -> bool {
        let queue = &state.buffers[buffer.index()];
        let in_pool =
            self.given[buffer.index()].pool.is_none_or(|pool| self.in_pool(state, pool.id) < u64::from(pool.limit));
        self.requires(Precondition::Room, self.occupied(queue) < queue.limit)
            && self.requires(Precondition::PoolRoom, in_pool)
    }

    /// How many messages may be in the buffer, by its declaration or by what a program set last.
    pub fn declared_limit(&self, state: &State, buffer: BufferId) -> u8 {
        let set = self.given[buffer.index()].adjustable;
        if set { state.buffers[buffer.index()].limit } else { self.system.buffers[buffer.index()].capacity }
    }

    /// Does somebody wait for room in the buffer?
    pub fn makes_somebody_wait(&self, state: &State, buffer: BufferId) -> bool {
        self.makes_wait(buffer)
            && !self.has_room(state, buffer)
            && (0..state.contexts.len()).any(|context| {
                let slot = usize::from(self.process_of[context]);
                state.contexts[context].phase == Phase::Begin
                    && state.processes[slot].lives()
                    && *self.operation(state, context) == Operation::Send(buffer)
                    && self.may_send(state, slot, buffer)
            })
    }

    /// Is there a message?
    pub(super) fn has_message(&self, state: &State, buffer: BufferId) -> bool {
        self.requires(Precondition::MessageThere, state.buffers[buffer.index()].queued > 0)
    }

    /// Does a sender wait while there is no room?
    pub(super) fn makes_wait(&self, buffer: BufferId) -> bool {
        self.given[buffer.index()].overflow == Overflow::Block
    }

    /// Do sender and receiver meet?
    pub(super) fn is_meeting(&self, buffer: BufferId) -> bool {
        self.given[buffer.index()].empty.limit == 0
    }

    /// Is a message processed in the step that sends it?
    pub fn delivers_at_once(&self, buffer: BufferId) -> bool {
        let given = &self.given[buffer.index()];
        given.by == By::Automatic && given.when == When::Immediate
    }

    /// Is a message processed without being asked for?
    pub fn delivers_unasked(&self, buffer: BufferId) -> bool {
        self.given[buffer.index()].by == By::Automatic
    }

    /// Is there a buffer with successors?
    pub fn has_successors(&self) -> bool {
        self.acknowledged != 0
    }

    /// Does a receiver keep a message until it has done with it, and does another follow when it ends?
    pub fn is_acknowledged(&self, buffer: BufferId) -> bool {
        self.given[buffer.index()].acknowledged
    }

    /// Is a process one that a buffer is attached to, and lives?
    pub fn is_attached(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        let process = &state.processes[slot];
        process.status == Status::Alive && state.buffers[buffer.index()].attached == Some(process.instance_of)
    }

    /// The processes that a buffer is attached to and that live, a bit each.
    pub fn receivers(&self, state: &State, buffer: BufferId) -> u64 {
        let attached = |slot: &usize| self.is_attached(state, *slot, buffer);
        (0..state.processes.len()).filter(attached).fold(0, |set, slot| set | 1 << slot)
    }

    /// The buffers with a message that a process has to be interrupted for before it goes on, a bit each.
    #[inline]
    pub(super) fn interrupts(&self, state: &State, slot: usize) -> HandleSet {
        if self.deferred == 0 {
            return 0;
        }
        let pending = |buffer: &usize| {
            state.buffers[*buffer].queued > 0 && self.is_attached(state, slot, BufferId(*buffer as u8))
        };
        each(self.deferred.into()).filter(pending).fold(0, |set, buffer| set | 1 << buffer)
    }

    /// Does the buffer name the process, and may its domain receive?
    pub fn is_predefined(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        let (declared, process) = (&self.system.buffers[buffer.index()], state.processes[slot].instance_of);
        let named = declared.attachments.iter().any(|attachment| attachment.process == process);
        named && declared.receive.contains(&self.domain_of(state, slot))
    }

    /// Is somebody else attached to the buffer, and lives?
    pub fn is_attached_to_another(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        !self.is_attached(state, slot, buffer) && self.receivers(state, buffer) != 0
    }

    /// Would a process have done with every message that is in the buffer by its deadline? Its contract is the budget of its
    /// first context.
    pub fn would_be_in_time(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        let (declared, queue) = (&self.system.buffers[buffer.index()], &state.buffers[buffer.index()]);
        let Some(left) = declared.deadline else { return true };
        let process = state.processes[slot].instance_of;
        let attachment = declared.attachments.iter().find(|attachment| attachment.process == process);
        let backlog = attachment.map_or_else(Default::default, |attachment| attachment.backlog);
        let schedule = self.system.processes[process.index()].contexts.first().and_then(|context| context.schedule);
        let server = schedule.and_then(|schedule| self.system.scheduling_contexts[schedule.index()].budget);
        let there = usize::from(queue.queued) + usize::from(queue.taken);
        let message = Message { demand: declared.demand, left };
        reattachment::is_admitted(server, self.system.kernel_bounds.reattach, backlog, vec![message; there])
    }

    /// Has a process to wait before it takes over a buffer?
    pub(super) fn waits_to_attach(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        self.profile.attachment.is_asked_for()
            && self.is_predefined(state, slot, buffer)
            && !self.requires(Precondition::Unattached, !self.is_attached_to_another(state, slot, buffer))
    }

    /// Has a process a message of the buffer that it has not acknowledged?
    pub(super) fn has_taken(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        state.buffers[buffer.index()].taken && self.may_receive(state, slot, buffer)
    }

    /// Would the ghost of G15 follow a message that is sent now?
    pub(super) fn would_follow(&self, state: &State, slot: usize, buffer: BufferId) -> bool {
        self.given[buffer.index()].acknowledged
            && state.followed == Followed::Nowhere
            && self.watched.contains(GuaranteeId::G15)
            && self.has_room(state, buffer)
            && self.may_send(state, slot, buffer)
    }

    /// The contexts that wait in this state to receive from a buffer where sender and receiver meet.
    pub(super) fn waiting_to_receive(&self, state: &State, buffer: BufferId, mut visit: impl FnMut(ContextSlot)) {
        for slot in (0..).take(state.processes.len()).filter(|slot| state.processes[usize::from(*slot)].lives()) {
            for context in self.contexts_of(slot) {
                if state.contexts[context].phase == Phase::Begin
                    && *self.operation(state, context) == Operation::Receive(buffer)
                    && self.interrupts(state, usize::from(slot)) == 0
                    && self.may_receive(state, usize::from(slot), buffer)
                {
                    visit(context as ContextSlot);
                }
            }
        }
    }
}
