//! G21, no deadlock and no lost wake-up: nobody waits for ever for a lock or for room in a buffer, nobody in a circle of waits, and nobody
//! for what is there already.
//!
//! Formally, in every state s, with S(s) the contexts that are *stuck*: that wait, and that nobody can serve any more
//! ([`crate::objects::Objects::stuck`] states the least fixed point and the theorem):
//! - no context of S(s) waits for a *resource*, a lock or room in a buffer, which somebody has and owes it;
//! - no cycle of S(s) waits in a circle, each for an *event*, a message, a child's end, the end of a buffer's receiver, that the next
//!   would have to bring about;
//! - no context of S(s) sleeps until a message comes to a buffer that holds one: its wake-up is *lost*.
//!
//! Whoever waits for an event that nobody is left to bring about, and in no circle, is idle: a server whose clients have ended is no deadlock.
//! A kill serves nobody, so a deadlock that a time-out ends is one all the same. The two kinds are those of R. C. Holt, *Some
//! deadlock properties of computer systems*, ACM Computing Surveys 4(3), 1972, and of E. Knapp, *Deadlock detection in distributed databases*, ACM
//! Computing Surveys 19(4), 1987.
//!
//! So it is refuted only where somebody is really stuck. Whether a context may still do something is asked of its program, each way on
//! taken as possible; so one may be stuck before this says so, and while others go on for ever it may not say so at all.
//!
//! Trigger: somebody waits.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{ContextSlot, LockState, Objects, State, Wait};

/// G21.
#[derive(Debug)]
pub struct NoDeadlock;

/// Those who are stuck and not idle: each waits for a resource, for what is there, or for another of them.
fn deadlocked(objects: &Objects, state: &State) -> Vec<(ContextSlot, Wait)> {
    let mut stuck = objects.stuck(state);
    // Whoever waits for an event and for none of these is idle, and so is whoever waits for that one alone.
    loop {
        let waits = |one: &(ContextSlot, Wait)| {
            let is_wrong = one.1.is_for_a_resource() || objects.is_there_already(state, one.1);
            is_wrong || stuck.iter().any(|other| objects.waits_on(state, *one, other.0))
        };
        let left: Vec<_> = stuck.iter().copied().filter(waits).collect();
        if left.len() == stuck.len() {
            return stuck;
        }
        stuck = left;
    }
}

impl Safety for NoDeadlock {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G21
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.triggered_in(objects, transition.after)
    }

    #[inline]
    fn triggered_in(&self, objects: &Objects, state: &State) -> bool {
        objects.makes_anybody_wait(state)
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.violated_in(objects, transition.after)
    }

    #[inline]
    fn violated_in(&self, objects: &Objects, state: &State) -> bool {
        objects.makes_anybody_wait(state) && !deadlocked(objects, state).is_empty()
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        self.violation_in(objects, transition.after)
    }

    fn violation_in(&self, objects: &Objects, state: &State) -> Option<String> {
        let stuck = deadlocked(objects, state);
        let is_wrong = |wait: Wait| wait.is_for_a_resource() || objects.is_there_already(state, wait);
        let first = stuck.iter().find(|(_, wait)| is_wrong(*wait)).or(stuck.first())?;
        // From one to the next that it waits for, until there is none or it comes round.
        let mut chain = vec![*first];
        while let Some(last) = chain.last()
            && let Some(next) = stuck.iter().find(|other| objects.waits_on(state, *last, other.0))
            && !chain.contains(next)
        {
            chain.push(*next);
        }
        let told: Vec<String> = chain.iter().map(|one| told(objects, state, *one)).collect();
        let nobody = if told.len() > 1 { "none of them can ever go on" } else { "nobody can ever serve it" };
        Some(format!("{}: {nobody}", told.join("; ")))
    }
}

/// Who waits, and for what.
fn told(objects: &Objects, state: &State, (waiter, wait): (ContextSlot, Wait)) -> String {
    let system = objects.system();
    let name = |context: ContextSlot| objects.context_name(state, context);
    let what = match wait {
        Wait::Lock(lock) => {
            let owner = match state.locks[lock.index()] {
                LockState::Held(owner) if owner == waiter => "it holds itself".into(),
                LockState::Held(owner) => format!("{} holds", name(owner)),
                LockState::Orphaned | LockState::Free => "has no owner any more".into(),
            };
            format!("the lock `{}`, which {owner}", system.locks[lock.index()].name)
        }
        Wait::Room(buffer) => format!("room in `{}`", system.buffers[buffer.index()].name),
        Wait::Message(buffer) => format!("a message in `{}`", system.buffers[buffer.index()].name),
        Wait::WakeUp(buffer) => {
            let there = objects.is_there_already(state, wait);
            let lost = if there { ", which it holds, and whose wake-up is lost" } else { "" };
            format!("a message to come to `{}`{lost}", system.buffers[buffer.index()].name)
        }
        Wait::Child(process) => format!("the end of `{}`", system.processes[process.index()].name),
        Wait::Attachment(buffer) => {
            format!("the end of the receiver of `{}`", system.buffers[buffer.index()].name)
        }
    };
    format!("{} waits for {what}", name(waiter))
}
