//! G13, buffer authority: whoever uses a buffer has the right on that buffer.
//!
//! Formally, for every step by a process of domain d that sends to b and succeeds: d ∈ send(b); and for every one that receives from b, takes it over, or sets
//! its limit, and succeeds: d ∈ receive(b). Where sender and receiver meet, both are asked. What the kernel processes by itself, it does on
//! behalf of a process that the buffer declares.
//!
//! Trigger: a domain without the right tried.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome, ProcessSlot};
use crate::system::BufferId;

/// G13.
#[derive(Debug)]
pub struct BufferAuthority;

/// A use of a buffer that its declaration does not allow: who, and what.
fn unlawful(objects: &Objects, transition: &Transition<'_>) -> Option<(ProcessSlot, &'static str, BufferId)> {
    let own = objects.process_of(transition.step.context);
    let domain = |slot: ProcessSlot| objects.domain_of(transition.before, usize::from(slot));
    let declared = |buffer: BufferId| &objects.system().buffers[buffer.index()];
    let sends = |buffer| (!declared(buffer).send.contains(&domain(own))).then_some((own, "send to", buffer));
    let receives =
        |slot, what, buffer| (!declared(buffer).receive.contains(&domain(slot))).then_some((slot, what, buffer));
    match transition.step.action {
        Action::Send(buffer) | Action::SendFollowed(buffer) => sends(buffer),
        Action::HandOver(buffer, receiver) => {
            sends(buffer).or_else(|| receives(objects.process_of(receiver), "receive from", buffer))
        }
        Action::Receive(buffer) | Action::Poll(buffer) => receives(own, "receive from", buffer),
        Action::Await(buffer) => receives(own, "look into", buffer),
        Action::Attach(buffer) => receives(own, "take over", buffer),
        Action::SetLimit(buffer, _) => receives(own, "set the limit of", buffer),
        _ => None,
    }
}

impl Safety for BufferAuthority {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G13
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        unlawful(objects, transition).is_some()
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        matches!(transition.outcome, Outcome::Done | Outcome::Overflowed(_)) && self.triggered(objects, transition)
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        if !self.violated(objects, transition) {
            return None;
        }
        let (slot, what, buffer) = unlawful(objects, transition)?;
        let domain = objects.domain_of(transition.before, usize::from(slot));
        Some(format!(
            "{} could {what} `{}`, on which `{}` has no such right",
            objects.process_name(transition.before, slot),
            objects.system().buffers[buffer.index()].name,
            objects.system().domains[domain.index()]
        ))
    }
}
