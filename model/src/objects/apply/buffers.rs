//! Buffers: messages sent, received and delivered.

use super::super::each;
use super::super::precondition::Precondition;
use super::super::program::Operation;
use super::super::state::{ContextSlot, Followed, Phase, Queue};
use super::super::step::{Outcome, Refusal};
use super::Taking;
use crate::system::{BufferId, Effect, Fallback, Overflow};

impl Taking<'_> {
    /// A buffer, to be changed.
    fn queue(&mut self, buffer: BufferId) -> &mut Queue {
        self.touched.shared = true;
        &mut self.state.buffers[buffer.index()]
    }

    pub(super) fn send(&mut self, buffer: BufferId) -> Outcome {
        if !self.objects.may_send(self.state, self.slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        let unasked = self.objects.delivers_unasked(buffer);
        let receivers = if unasked { self.objects.receivers(self.state, buffer) } else { 0 };
        if unasked && receivers == 0 {
            return self.go_on(Outcome::Refused(Refusal::NoReceiver));
        }
        if !self.objects.delivers_at_once(buffer) {
            let outcome = self.enqueue(buffer);
            return self.go_on(outcome);
        }
        // The sender goes on first: it may be a receiver too, and end.
        let outcome = self.go_on(Outcome::Done);
        each(receivers).for_each(|receiver| self.process_message(buffer, receiver));
        outcome
    }

    fn enqueue(&mut self, buffer: BufferId) -> Outcome {
        let outcome = self.put(buffer);
        if !matches!(outcome, Outcome::Refused(_)) {
            self.wake(buffer);
        }
        outcome
    }

    /// Wakes whoever sleeps until a message comes; whoever is only about to sleep is not woken.
    fn wake(&mut self, buffer: BufferId) {
        if !self.objects.profile.waiting.may_miss() {
            return;
        }
        for context in 0..self.state.contexts.len() {
            if self.state.contexts[context].phase == Phase::Asleep
                && *self.objects.operation(self.state, context) == Operation::Await(buffer)
            {
                self.state.contexts[context].phase = Phase::Begin;
                self.touched.contexts |= 1 << self.objects.process_of[context];
            }
        }
    }

    /// Looks whether there is a message.
    pub(super) fn await_message(&mut self, buffer: BufferId) -> Outcome {
        if !self.objects.may_receive(self.state, self.slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        if self.objects.has_message(self.state, buffer) {
            return self.done();
        }
        self.own_context().phase = Phase::Checked;
        Outcome::Refused(Refusal::Empty)
    }

    fn put(&mut self, buffer: BufferId) -> Outcome {
        if self.objects.has_room(self.state, buffer) {
            let queue = self.queue(buffer);
            queue.queued = queue.queued.saturating_add(1);
            return Outcome::Done;
        }
        let there = self.state.buffers[buffer.index()].queued > 0;
        match self.objects.given[buffer.index()].overflow {
            Overflow::DropNewest => Outcome::Overflowed(Overflow::DropNewest),
            Overflow::Coalesce if there => Outcome::Overflowed(Overflow::Coalesce),
            Overflow::DropOldest if there => {
                self.follow_head(buffer, Followed::Nowhere);
                Outcome::Overflowed(Overflow::DropOldest)
            }
            _ => Outcome::Refused(Refusal::Full),
        }
    }

    /// Sender and receiver meet.
    pub(super) fn hand_over(&mut self, buffer: BufferId, receiver: ContextSlot) -> Outcome {
        if !self.objects.may_send(self.state, self.slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        let at = usize::from(receiver);
        let position = self.objects.node(self.state, at).next;
        self.state.contexts[at].goes_to(position, Phase::Begin);
        self.touched.contexts |= 1 << self.objects.process_of(receiver);
        self.go_on(Outcome::Done)
    }

    pub(super) fn receive(&mut self, buffer: BufferId) -> Outcome {
        if !self.objects.may_receive(self.state, self.slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        if !self.objects.has_message(self.state, buffer) {
            return self.go_on(Outcome::Refused(Refusal::Empty));
        }
        self.take_message(buffer);
        self.go_on(Outcome::Done)
    }

    fn take_message(&mut self, buffer: BufferId) {
        let acknowledged = self.objects.given[buffer.index()].acknowledged;
        let queue = self.queue(buffer);
        queue.queued = queue.queued.saturating_sub(1);
        queue.taken = acknowledged;
        self.follow_head(buffer, if acknowledged { Followed::Taken(buffer) } else { Followed::Nowhere });
    }

    /// The ghost of G15, when the first message of a buffer is no longer in it.
    fn follow_head(&mut self, buffer: BufferId, first: Followed) {
        match self.state.followed {
            Followed::Queued(of, before) if of == buffer => {
                self.touched.shared = true;
                let before = before.checked_sub(1);
                self.state.followed = before.map_or(first, |before| Followed::Queued(buffer, before));
            }
            _ => {}
        }
    }

    /// A message of which the ghost of G15 keeps where it is.
    pub(super) fn send_followed(&mut self, buffer: BufferId) -> Outcome {
        let before = self.state.buffers[buffer.index()].queued;
        let outcome = self.send(buffer);
        self.state.followed = Followed::Queued(buffer, before);
        outcome
    }

    /// The receiver has done with a message; if it says so by asking for the next, it has still to ask.
    pub(super) fn acknowledge(&mut self, buffer: BufferId) -> Outcome {
        let outcome = if !self.objects.may_receive(self.state, self.slot, buffer) {
            Outcome::Refused(Refusal::NoRight)
        } else if !self.state.buffers[buffer.index()].taken {
            Outcome::Refused(Refusal::Empty)
        } else {
            self.release(buffer, Followed::Nowhere);
            Outcome::Done
        };
        match self.objects.operation(self.state, self.context) {
            Operation::Ack(_) => self.go_on(outcome),
            _ => outcome,
        }
    }

    /// The message that was taken is no longer with its receiver.
    fn release(&mut self, buffer: BufferId, followed: Followed) {
        self.queue(buffer).taken = false;
        if self.state.followed == Followed::Taken(buffer) {
            self.state.followed = followed;
        }
    }

    /// The process takes over a buffer.
    pub(super) fn attach(&mut self, buffer: BufferId) -> Outcome {
        let (slot, objects) = (self.slot, self.objects);
        let (attachment, process) = (objects.profile.attachment, self.state.processes[slot].instance_of);
        let allowed = !attachment.is_asked_for()
            || objects.requires(Precondition::Predefined, objects.is_predefined(self.state, slot, buffer));
        let changes = attachment.changes() && objects.given[buffer.index()].acknowledged;
        if !changes || !allowed || !objects.holds(self.state, slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        if attachment.is_asked_for()
            && !objects.requires(Precondition::Admission, objects.would_be_in_time(self.state, slot, buffer))
        {
            if objects.system.buffers[buffer.index()].fallback == Fallback::Drop {
                self.drop_all(buffer);
            }
            return self.go_on(Outcome::Refused(Refusal::NotAdmitted));
        }
        if self.state.buffers[buffer.index()].taken {
            if attachment.keeps_unacknowledged() {
                self.put_back(buffer);
            } else {
                // The last receiver lives, or it would be gone: it goes on with the message.
                self.release(buffer, Followed::Nowhere);
            }
        }
        self.queue(buffer).attached = Some(process);
        self.go_on(Outcome::Done)
    }

    /// The message that was taken is the first once more.
    fn put_back(&mut self, buffer: BufferId) {
        if let Followed::Queued(of, before) = self.state.followed
            && of == buffer
        {
            self.state.followed = Followed::Queued(buffer, before.saturating_add(1));
        }
        self.release(buffer, Followed::Queued(buffer, 0));
        let queue = self.queue(buffer);
        queue.queued = queue.queued.saturating_add(1);
        self.wake(buffer);
    }

    fn drop_all(&mut self, buffer: BufferId) {
        let queue = self.queue(buffer);
        (queue.queued, queue.taken) = (0, false);
        if matches!(self.state.followed, Followed::Queued(of, _) | Followed::Taken(of) if of == buffer) {
            self.state.followed = Followed::Nowhere;
        }
    }

    /// A process ends. Buffers with successors that were attached to it alone are attached to nobody, and keep what it had not
    /// acknowledged, or lose it.
    pub(super) fn lose_taken(&mut self, slot: usize) {
        for buffer in each(self.objects.acknowledged.into()).map(|buffer| BufferId(buffer as u8)) {
            if self.objects.receivers(self.state, buffer) != 1 << slot {
                continue;
            }
            if self.state.buffers[buffer.index()].taken && !self.objects.profile.attachment.keeps_unacknowledged() {
                self.release(buffer, Followed::Lost);
            }
            self.queue(buffer).attached = None;
        }
    }

    /// The kernel interrupts the process to process a message; the context stays where it is.
    pub(super) fn deliver(&mut self, buffer: BufferId) -> Outcome {
        self.take_message(buffer);
        self.process_message(buffer, self.slot);
        Outcome::Done
    }

    fn process_message(&mut self, buffer: BufferId, receiver: usize) {
        match self.objects.system.buffers[buffer.index()].effect {
            Effect::Handle => {}
            Effect::Terminate => self.end_process(receiver),
        }
    }

    pub(super) fn set_limit(&mut self, buffer: BufferId, capacity: u8) -> Outcome {
        if !self.objects.may_set_limit(self.state, self.slot, buffer) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        let fits = self.objects.occupied(&self.state.buffers[buffer.index()]) <= capacity;
        let adjustable = self.objects.given[buffer.index()].adjustable;
        if !adjustable || !self.objects.requires(Precondition::LimitFits, fits) {
            return self.go_on(Outcome::Refused(Refusal::NoSuchLimit));
        }
        self.queue(buffer).limit = capacity;
        self.go_on(Outcome::Done)
    }
}
