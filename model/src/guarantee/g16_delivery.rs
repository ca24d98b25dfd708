//! G16, delivery: a message is processed when, and by whom, its buffer declares.
//!
//! Formally, for every step s → s′ and every buffer b:
//! - immediate, automatic: after a send to b that is done, nothing is queued in b′;
//! - deferred, automatic: while b is attached to a process and holds a message, the process takes no step but one that delivers it;
//! - automatic, by either: no process receives it by asking;
//! - polled: no step delivers it unasked.
//!
//! Trigger: a message is accepted by an automatic buffer, or received from a polled one.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome};
use crate::system::{BufferId, By, When};

/// G16.
#[derive(Debug)]
pub struct Delivery;

/// What is wrong, and with which buffer.
fn wrong(objects: &Objects, transition: &Transition<'_>) -> Option<(BufferId, &'static str)> {
    let slot = usize::from(objects.process_of(transition.step.context));
    let declared = |buffer: BufferId| &objects.system().buffers[buffer.index()];
    let interrupted = matches!(transition.step.action, Action::Deliver(_));
    match transition.step.action {
        Action::Deliver(buffer) if declared(buffer).by == By::Polled => {
            return Some((buffer, "was delivered and is to be asked for"));
        }
        Action::Receive(buffer) | Action::Poll(buffer)
            if declared(buffer).by == By::Automatic && transition.outcome == Outcome::Done =>
        {
            return Some((buffer, "had to be asked for and is to be delivered unasked"));
        }
        Action::Send(buffer)
            if (declared(buffer).when, declared(buffer).by) == (When::Immediate, By::Automatic)
                && transition.after.buffers[buffer.index()].queued > 0 =>
        {
            return Some((buffer, "is queued and is to be processed at once"));
        }
        _ => {}
    }
    let pending = (0u8..).map(BufferId).zip(&objects.system().buffers).find(|(buffer, declared)| {
        declared.by == By::Automatic
            && transition.before.buffers[buffer.index()].queued > 0
            && objects.is_attached(transition.before, slot, *buffer)
    });
    pending.filter(|_| !interrupted).map(|(buffer, _)| (buffer, "is pending, and its receiver goes on without it"))
}

impl Safety for Delivery {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G16
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let declared = |buffer: BufferId| objects.system().buffers[buffer.index()].by;
        match transition.step.action {
            Action::Send(buffer) | Action::SendFollowed(buffer) => {
                declared(buffer) == By::Automatic
                    && matches!(transition.outcome, Outcome::Done | Outcome::Overflowed(_))
            }
            Action::Receive(buffer) | Action::Poll(buffer) => {
                declared(buffer) == By::Polled && transition.outcome == Outcome::Done
            }
            _ => false,
        }
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        !objects.system().buffers.is_empty() && wrong(objects, transition).is_some()
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let (buffer, what) = wrong(objects, transition)?;
        Some(format!("a message of `{}` {what}", objects.system().buffers[buffer.index()].name))
    }
}
