//! G14, bounded buffers: no buffer holds more than its capacity, and overflow is as declared.
//!
//! Formally, for every state and every buffer b: queued(b) ≤ limit(b), a message that was taken and is kept among them, where limit(b) is the declared capacity or what a program set
//! last; for every pool: Σ queued(b) over the buffers that draw on it ≤ its limit; nobody waits at a full buffer that does not declare
//! *block*. And for every step that sends to b with the right: if b and its pool have room, it is done; if not, what comes of it is the
//! declared rule. A message that is to be merged with another, or to displace it, is refused where there is none, for the pool
//! alone is full.
//!
//! Trigger: a send leaves a buffer or its pool full, or finds it so.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome, Refusal, State, Touched};
use crate::system::{BufferId, By, Overflow, When};

/// G14.
#[derive(Debug)]
pub struct BoundedBuffers;

/// Is there no room by what is declared?
fn is_full(objects: &Objects, state: &State, buffer: BufferId) -> bool {
    let declared = &objects.system().buffers[buffer.index()];
    let full = objects.occupied(&state.buffers[buffer.index()]) >= objects.declared_limit(state, buffer);
    full || declared.pool.is_some_and(|pool| objects.in_pool(state, pool.id) >= u64::from(pool.limit))
}

/// The buffer that a step sends to, if messages are to be queued in it.
fn sent_to(objects: &Objects, transition: &Transition<'_>) -> Option<BufferId> {
    let (Action::Send(buffer) | Action::SendFollowed(buffer)) = transition.step.action else { return None };
    let declared = &objects.system().buffers[buffer.index()];
    let at_once = (declared.when, declared.by) == (When::Immediate, By::Automatic);
    let asked = !matches!(transition.outcome, Outcome::Refused(Refusal::NoRight | Refusal::NoReceiver));
    (asked && !at_once).then_some(buffer)
}

/// A send that did not end as its buffer declares.
fn undeclared(objects: &Objects, transition: &Transition<'_>) -> Option<BufferId> {
    let buffer = sent_to(objects, transition)?;
    let declared = &objects.system().buffers[buffer.index()];
    let outcome = transition.outcome;
    let as_declared = if !is_full(objects, transition.before, buffer) {
        outcome == Outcome::Done
    } else {
        match declared.overflow {
            Overflow::Block => false,
            Overflow::Refuse => outcome == Outcome::Refused(Refusal::Full),
            Overflow::DropNewest => outcome == Outcome::Overflowed(Overflow::DropNewest),
            rule @ (Overflow::Coalesce | Overflow::DropOldest) => {
                let there = transition.before.buffers[buffer.index()].queued > 0;
                outcome == if there { Outcome::Overflowed(rule) } else { Outcome::Refused(Refusal::Full) }
            }
        }
    };
    (!as_declared).then_some(buffer)
}

/// What is wrong with a state.
fn excess(objects: &Objects, state: &State) -> Option<(BufferId, &'static str)> {
    (0u8..).map(BufferId).zip(&objects.system().buffers).find_map(|(buffer, declared)| {
        let over = objects.occupied(&state.buffers[buffer.index()]) > objects.declared_limit(state, buffer);
        let in_pool = |pool: crate::system::Pool| objects.in_pool(state, pool.id) > u64::from(pool.limit);
        if over {
            Some((buffer, "holds more than its capacity"))
        } else if declared.pool.is_some_and(in_pool) {
            Some((buffer, "draws on a pool that holds more than its limit"))
        } else if declared.overflow != Overflow::Block && objects.makes_somebody_wait(state, buffer) {
            Some((buffer, "makes a sender wait, which is not its overflow rule"))
        } else {
            None
        }
    })
}

impl Safety for BoundedBuffers {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G14
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        sent_to(objects, transition).is_some_and(|buffer| is_full(objects, transition.after, buffer))
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let buffers = !transition.after.buffers.is_empty();
        buffers && (undeclared(objects, transition).is_some() || self.violated_in(objects, transition.after))
    }

    fn violated_in(&self, objects: &Objects, state: &State) -> bool {
        excess(objects, state).is_some()
    }

    #[inline]
    fn newly_violated(&self, objects: &Objects, transition: &Transition<'_>, touched: Touched) -> bool {
        // Where no queue has changed, none holds too much; but somebody may come to wait at one.
        let after = transition.after;
        undeclared(objects, transition).is_some()
            || ((touched.shared || !objects.serves_everybody(after)) && self.violated_in(objects, after))
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let name = |buffer: BufferId| &objects.system().buffers[buffer.index()].name;
        if let Some((buffer, what)) = excess(objects, transition.after) {
            return Some(format!("`{}` {what}", name(buffer)));
        }
        let buffer = undeclared(objects, transition)?;
        let rule = objects.system().buffers[buffer.index()].overflow.name();
        let what = if is_full(objects, transition.before, buffer) { "was full" } else { "had room" };
        Some(format!("`{}` {what}, and a message was not dealt with as declared, by the rule {rule}", name(buffer)))
    }
}
