//! G15, conservation: every message that was accepted is queued, delivered, or dropped by the declared rule.
//!
//! Formally, for every step s → s′ and every buffer b: queued′(b) = queued(b) + accepted − left, where a send that is done accepts one, unless it
//! is processed at once; a receive, a poll or a delivery that is done makes one leave, and whatever else happens none. Of a buffer whose
//! receiver acknowledges, what it has taken still counts, and the acknowledgement makes it leave. A reattachment that is not
//! admitted makes all leave where the buffer declares so; one that takes a message from nobody but a living receiver leaves it that one.
//! And a message that a full buffer merges or drops is merged or dropped by the rule that it declares. By induction over the steps of a run then
//! accepted = queued + delivered + dropped by the declared rule.
//!
//! In order: of those buffers one message, any, is followed. It is never lost, and the number of messages before it, with one that is
//! taken, never grows. That is enough for all messages: the kernel looks at none of them, so a run that loses or overtakes one is also
//! a run that does so to the one that is followed (P. Wolper, *Expressing interesting properties of programs in propositional temporal
//! logic*, POPL 1986).
//!
//! Trigger: a message was processed, merged or dropped, or a buffer taken over.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Followed, Objects, Outcome, Refusal, State, Touched};
use crate::system::{BufferId, Fallback};

/// G15.
#[derive(Debug)]
pub struct Conservation;

/// How many messages more, or less, a buffer ought to hold after a step.
fn change(objects: &Objects, transition: &Transition<'_>, of: BufferId) -> i32 {
    let (step, before) = (transition.step, transition.before);
    let slot = usize::from(objects.process_of(step.context));
    match (step.action, transition.outcome) {
        (Action::Send(buffer) | Action::SendFollowed(buffer), Outcome::Done) if buffer == of => {
            i32::from(!objects.delivers_at_once(buffer))
        }
        (Action::Receive(buffer) | Action::Poll(buffer), Outcome::Done) if buffer == of => {
            -i32::from(!objects.is_acknowledged(buffer))
        }
        (Action::Deliver(buffer) | Action::Ack(buffer), Outcome::Done) if buffer == of => -1,
        (Action::Attach(buffer), Outcome::Done) if buffer == of => {
            let stays = before.buffers[of.index()].taken && objects.is_attached_to_another(before, slot, of);
            -i32::from(stays)
        }
        (Action::Attach(buffer), Outcome::Refused(Refusal::NotAdmitted)) if buffer == of => {
            let drops = objects.system().buffers[of.index()].fallback == Fallback::Drop;
            if drops { -held(before, of) } else { 0 }
        }
        _ => 0,
    }
}

/// How many messages are in a buffer or with its receiver.
fn held(state: &State, buffer: BufferId) -> i32 {
    let queue = &state.buffers[buffer.index()];
    i32::from(queue.queued) + i32::from(queue.taken)
}

/// How many messages are before the one that is followed.
fn before_followed(state: &State) -> Option<(BufferId, u16)> {
    match state.followed {
        Followed::Queued(buffer, before) => {
            Some((buffer, u16::from(before) + u16::from(state.buffers[buffer.index()].taken)))
        }
        Followed::Taken(buffer) => Some((buffer, 0)),
        Followed::Nowhere | Followed::Lost => None,
    }
}

/// What became of the message that is followed, if it ought not.
fn misplaced(transition: &Transition<'_>) -> Option<(BufferId, &'static str)> {
    let (buffer, before) = before_followed(transition.before)?;
    if transition.after.followed == Followed::Lost {
        return Some((buffer, "was taken by a receiver that has ended, and is lost"));
    }
    let (_, after) = before_followed(transition.after)?;
    (after > before).then_some((buffer, "was overtaken by a later one"))
}

fn buffers(objects: &Objects) -> impl Iterator<Item = BufferId> {
    (0..objects.system().buffers.len() as u8).map(BufferId)
}

/// A buffer from which messages went, or in which they came to be, for no reason.
fn unbalanced(objects: &Objects, transition: &Transition<'_>) -> Option<BufferId> {
    buffers(objects).find(|buffer| {
        held(transition.after, *buffer) - held(transition.before, *buffer) != change(objects, transition, *buffer)
    })
}

/// A buffer that merged or dropped a message by a rule that it does not declare.
fn dropped_otherwise(objects: &Objects, transition: &Transition<'_>) -> Option<BufferId> {
    match (transition.step.action, transition.outcome) {
        (Action::Send(buffer), Outcome::Overflowed(rule)) => {
            (objects.system().buffers[buffer.index()].overflow != rule).then_some(buffer)
        }
        _ => None,
    }
}

impl Safety for Conservation {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G15
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        match (transition.step.action, transition.outcome) {
            (Action::Send(_), Outcome::Overflowed(_)) => true,
            (Action::Send(buffer), Outcome::Done) => objects.delivers_at_once(buffer),
            (Action::Receive(_) | Action::Poll(_) | Action::Deliver(_) | Action::HandOver(..), Outcome::Done) => true,
            (Action::Attach(_), _) => true,
            _ => false,
        }
    }

    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        misplaced(transition).is_some()
            || dropped_otherwise(objects, transition).is_some()
            || unbalanced(objects, transition).is_some()
    }

    /// Only what touches the buffers can make them hold another number of messages; what uses one may have to.
    #[inline]
    fn newly_violated(&self, objects: &Objects, transition: &Transition<'_>, touched: Touched) -> bool {
        let uses = Action::uses_a_buffer;
        let quiet = transition.before.buffers.is_empty() || !touched.shared && !uses(transition.step.action);
        !quiet && self.violated(objects, transition)
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let name = |buffer: BufferId| &objects.system().buffers[buffer.index()].name;
        if let Some((buffer, what)) = misplaced(transition) {
            return Some(format!("a message of `{}` {what}", name(buffer)));
        }
        if let Some(buffer) = dropped_otherwise(objects, transition) {
            let rule = objects.system().buffers[buffer.index()].overflow.name();
            return Some(format!("a message to `{}` is gone, and not by its rule, {rule}", name(buffer)));
        }
        let buffer = unbalanced(objects, transition)?;
        Some(format!("a message in `{}` was lost or made up", name(buffer)))
    }
}
