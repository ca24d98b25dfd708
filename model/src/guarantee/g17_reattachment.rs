//! G17, safe reattachment: a buffer comes to another receiver only if it may, and when it is safe to.
//!
//! Formally, for every step attach(b) by a process q of domain d that is done: b names q, and d ∈ receive(b); nobody else whom b is
//! attached to lives; and every message of b, the unacknowledged one among them, will be done by its deadline
//! ([`crate::analysis::reattachment`]). When a receiver ends, what it has not acknowledged is kept. And whatever is received from a buffer
//! with successors is received by a domain d ∈ receive(b).
//!
//! Trigger: an attach.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome};
use crate::system::BufferId;

/// G17.
#[derive(Debug)]
pub struct Reattachment;

/// What is wrong, and with which buffer.
fn wrong(objects: &Objects, transition: &Transition<'_>) -> Option<(BufferId, &'static str)> {
    let (before, after, step) = (transition.before, transition.after, transition.step);
    let slot = usize::from(objects.process_of(step.context));
    let may =
        |buffer: BufferId| objects.system().buffers[buffer.index()].receive.contains(&objects.domain_of(before, slot));
    match step.action {
        Action::Attach(buffer) if transition.outcome == Outcome::Done => {
            let what = if !objects.is_predefined(before, slot, buffer) {
                "was taken over by a process that it does not name, or that may not receive"
            } else if objects.is_attached_to_another(before, slot, buffer) {
                "was taken over while its receiver was alive"
            } else if !objects.would_be_in_time(before, slot, buffer) {
                "was taken over with a message that may be late"
            } else {
                return None;
            };
            return Some((buffer, what));
        }
        Action::Receive(buffer) | Action::Poll(buffer)
            if transition.outcome == Outcome::Done && objects.is_acknowledged(buffer) && !may(buffer) =>
        {
            return Some((buffer, "was received from by a domain that may not"));
        }
        _ => {}
    }
    let ended = (0u8..).map(BufferId).zip(before.buffers.iter().zip(&after.buffers)).find(|(buffer, (was, is))| {
        let alive = objects.receivers(before, *buffer) != 0;
        was.taken && !is.taken && is.attached.is_none() && alive && objects.is_acknowledged(*buffer)
    });
    ended.map(|(buffer, _)| (buffer, "has lost what its receiver had not acknowledged"))
}

impl Safety for Reattachment {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G17
    }

    #[inline]
    fn triggered(&self, _: &Objects, transition: &Transition<'_>) -> bool {
        matches!(transition.step.action, Action::Attach(_))
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        objects.has_successors() && wrong(objects, transition).is_some()
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let (buffer, what) = wrong(objects, transition)?;
        Some(format!("`{}` {what}", objects.system().buffers[buffer.index()].name))
    }
}
