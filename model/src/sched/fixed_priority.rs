//! Preemptive fixed priorities on one core, with budgets.
//!
//! Sources: C. L. Liu, J. W. Layland, *Scheduling algorithms for multiprogramming in a hard-real-time environment*,
//! Journal of the ACM 20(1), 1973 (the policy); J. K. Strosnider, J. P. Lehoczky, L. Sha, *The deferrable server
//! algorithm*, IEEE Transactions on Computers 44(1), 1995 (the budgets: kept while unused, set back to the full amount at
//! each multiple of the period counted from the start, never carried over).
//!
//! **Who runs.** A context is *eligible* if it is ready and its scheduling context, if it has one with a budget, has some
//! left. The core belongs to an eligible context of the highest priority; one without a scheduling context is below all
//! others.
//!
//! **Ties.** Among eligible contexts of the highest priority
//! 1. the one that has the core keeps it;
//! 2. otherwise whoever became ready earlier goes first; a preempted context keeps its place;
//! 3. those that became ready at the same instant are a tie for the resolver: a context's number decides nothing.
//!
//! **Charging.** A context that has the core is charged for time that passes. A budget that runs out at the instant at
//! which a step is complete does not delay that step, for it is spent; what follows without taking time belongs to the
//! same instant and costs nothing.
//!
//! **Locks.** Whoever holds a lock may run by something else than its own scheduling context, as the axis *inversion* says: as urgently as
//! the most urgent one who waits for it, directly or by way of others; on that one's budget; or as urgently as the lock's ceiling.
//! Of the two it runs by the more urgent one that has budget left.
//!
//! **Windows.** Where time is partitioned, nobody is eligible but by a scheduling context whose window it is ([`Frame`]). A window in which
//! none of its contexts is ready stays idle: so what a partition is given depends on nobody outside of it.
//!
//! # Invariants
//! - The state is relative: places in an order, what is left of budgets and periods. No time since the start.
//! - A budget that is full and not in use needs no replenishment, and has none: its period goes on by itself.
//! - In each period of a scheduling context, it is charged at most its amount.

use super::frame::{Frame, Place};
use super::{Sched, SchedStep, Wait};
use crate::coding::Coder;
use crate::objects::{ContextSlot, Objects};
use crate::profile::Inversion;
use crate::system::{SchedulingContext, SchedulingContextId};
use crate::units::Nanos;

/// The policy, for the scheduling contexts of one system.
#[derive(Debug, Clone)]
pub struct FixedPriority {
    scheduling_contexts: Vec<SchedulingContext>,
    inversion: Inversion,
    frame: Option<Frame>,
}

/// By what else a context may run than by its own scheduling context: it holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Raise {
    context: ContextSlot,
    to: u32,
    /// What is charged, if it is not its own.
    on: Option<SchedulingContextId>,
}

/// A ready context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ready {
    context: ContextSlot,
    by: Option<SchedulingContextId>,
    /// Did it become ready at the same instant as the entry before it?
    with_previous: bool,
}

/// What is left of a budget and of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Supply {
    left: Nanos,
    /// Until the next multiple of the period; 0 is now.
    until_refill: Nanos,
}

/// The state of [`FixedPriority`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FixedPriorityState {
    /// Every ready context, the running one too, by the instant at which it became ready; then by number.
    ready: Vec<Ready>,
    /// Has no time passed since the last one became ready?
    same_instant: bool,
    running: Option<ContextSlot>,
    /// Of each scheduling context that has a budget.
    supplies: Vec<Option<Supply>>,
    /// Where in the major frame it is, if there is one.
    place: Option<Place>,
    /// Of each context that is raised, by its number. It follows from who holds which lock, and so is not written.
    raised: Vec<Raise>,
}

impl FixedPriorityState {
    /// What is left of the budget of a scheduling context, if it has one.
    pub fn budget_left(&self, id: SchedulingContextId) -> Option<Nanos> {
        self.supplies.get(id.index()).copied().flatten().map(|supply| supply.left)
    }
}

impl FixedPriority {
    /// The policy for these scheduling contexts, indexed by [`SchedulingContextId`].
    pub fn new(scheduling_contexts: &[SchedulingContext]) -> Self {
        Self { scheduling_contexts: scheduling_contexts.to_vec(), inversion: Inversion::None, frame: None }
    }

    /// The policy for the scheduling contexts of a system, as its profile has it.
    pub fn of(objects: &Objects) -> Self {
        let mut policy = Self::new(&objects.system().scheduling_contexts);
        policy.inversion = objects.profile().inversion;
        if !objects.profile().time_isolation.enforces_budgets() {
            policy.scheduling_contexts.iter_mut().for_each(|scheduling| scheduling.budget = None);
        }
        if objects.profile().time_isolation.enforces_windows() {
            policy.frame = objects.system().major_frame.as_ref().map(Frame::new);
        }
        policy
    }

    fn priority(&self, by: Option<SchedulingContextId>) -> Option<u32> {
        by.and_then(|id| self.scheduling_contexts.get(id.index())).map(|scheduling| scheduling.priority)
    }

    /// Whether whoever runs by that may have the core now: its window, and its budget.
    fn is_admitted(&self, state: &FixedPriorityState, by: Option<SchedulingContextId>) -> bool {
        let its_window = match (&self.frame, &state.place) {
            (Some(frame), Some(place)) => frame.admits(*place, by),
            _ => true,
        };
        its_window && by.is_none_or(|id| state.budget_left(id).is_none_or(|left| left.0 > 0))
    }

    /// By what a ready context would run now: how urgently, and what is charged. Nothing, if that has no budget left, or no window now.
    fn runs_by(&self, state: &FixedPriorityState, entry: &Ready) -> Option<(Option<u32>, Option<SchedulingContextId>)> {
        let own = (self.priority(entry.by), entry.by);
        let raised = state.raised.iter().find(|raise| raise.context == entry.context);
        let raised = raised.map(|raise| (Some(raise.to), raise.on.or(entry.by)));
        // Where both are as urgent it is its own that is charged.
        [raised, Some(own)]
            .into_iter()
            .flatten()
            .filter(|(_, by)| self.is_admitted(state, *by))
            .max_by_key(|(urgency, _)| *urgency)
    }

    /// The index of what the running context is charged to.
    fn running_by(&self, state: &FixedPriorityState) -> Option<usize> {
        let running = state.running?;
        let entry = state.ready.iter().find(|entry| entry.context == running)?;
        self.runs_by(state, entry)?.1.map(SchedulingContextId::index)
    }

    /// What the core should do: nothing new, or one of these steps.
    fn dispatch(&self, state: &FixedPriorityState, steps: &mut Vec<SchedStep>) {
        let urgency = |entry: &Ready| self.runs_by(state, entry).map(|(urgency, _)| urgency);
        let Some(highest) = state.ready.iter().filter_map(urgency).max() else {
            steps.extend(state.running.map(|_| SchedStep::Idle));
            return;
        };
        let candidate = |entry: &Ready| urgency(entry) == Some(highest);
        if state.ready.iter().any(|entry| state.running == Some(entry.context) && candidate(entry)) {
            return;
        }
        // The first candidate, and those that became ready together with it.
        let Some(first) = state.ready.iter().position(candidate) else { return };
        steps.push(SchedStep::Dispatch(state.ready[first].context));
        let together = state.ready[first + 1..].iter().take_while(|entry| entry.with_previous);
        steps.extend(together.filter(|entry| candidate(entry)).map(|entry| SchedStep::Dispatch(entry.context)));
    }
}

impl Sched for FixedPriority {
    type State = FixedPriorityState;

    fn initial(&self) -> FixedPriorityState {
        let full = |scheduling: &SchedulingContext| {
            scheduling.budget.map(|budget| Supply { left: budget.amount, until_refill: budget.period })
        };
        FixedPriorityState {
            ready: Vec::new(),
            same_instant: false,
            running: None,
            supplies: self.scheduling_contexts.iter().map(full).collect(),
            place: self.frame.as_ref().map(Frame::start),
            raised: Vec::new(),
        }
    }

    fn ready(&self, state: &mut FixedPriorityState, context: ContextSlot, by: Option<SchedulingContextId>) {
        if !state.same_instant || state.ready.is_empty() {
            state.ready.push(Ready { context, by, with_previous: false });
            state.same_instant = true;
            return;
        }
        // Into the last group, which is kept in the order of the numbers so that equal situations are equal states.
        let first = state.ready.iter().rposition(|entry| !entry.with_previous).unwrap_or(0);
        let place = state.ready[first..].partition_point(|entry| entry.context < context) + first;
        state.ready.insert(place, Ready { context, by, with_previous: place > first });
        if place == first {
            state.ready[first + 1].with_previous = true;
        }
    }

    fn block(&self, state: &mut FixedPriorityState, context: ContextSlot) {
        if let Some(place) = state.ready.iter().position(|entry| entry.context == context) {
            let removed = state.ready.remove(place);
            let was_last = place == state.ready.len();
            if let Some(next) = state.ready.get_mut(place) {
                next.with_previous &= removed.with_previous;
            } else if was_last && !removed.with_previous {
                // Its group is empty: whoever becomes ready now does not join the one before it.
                state.same_instant = false;
            }
        }
        if state.running == Some(context) {
            state.running = None;
        }
    }

    fn locks(&self, state: &mut FixedPriorityState, waits: &[Wait], ceilings: &[(ContextSlot, u32)]) {
        state.raised.clear();
        let mut raise = |context: ContextSlot, to: u32, on: Option<SchedulingContextId>| match state
            .raised
            .iter_mut()
            .find(|raise| raise.context == context)
        {
            Some(known) if known.to >= to => {}
            Some(known) => *known = Raise { context, to, on },
            None => state.raised.push(Raise { context, to, on }),
        };
        if self.inversion.raises_to_the_ceiling() {
            ceilings.iter().for_each(|(owner, ceiling)| raise(*owner, *ceiling, None));
        }
        if self.inversion.follows_waiters() {
            for wait in waits {
                let Some(to) = self.priority(wait.by) else { continue };
                let on = wait.by.filter(|_| self.inversion.lends_the_budget());
                // Whom it waits for may wait for another. A ring of them ends after as many steps as there are.
                let mut owner = Some(wait.owner);
                for _ in waits {
                    let Some(context) = owner else { break };
                    raise(context, to, on);
                    owner = waits.iter().find(|next| next.waiter == context).map(|next| next.owner);
                }
            }
        }
        state.raised.sort_by_key(|raise| raise.context);
    }

    fn may_be_dispatched(&self, state: &FixedPriorityState, context: ContextSlot) -> bool {
        let entry = state.ready.iter().find(|entry| entry.context == context);
        entry.is_none_or(|entry| self.runs_by(state, entry).is_some())
    }

    fn runs(&self, state: &FixedPriorityState, context: ContextSlot) -> bool {
        state.running == Some(context)
    }

    fn running(&self, state: &FixedPriorityState) -> Option<ContextSlot> {
        state.running
    }

    fn steps(&self, state: &FixedPriorityState) -> Vec<SchedStep> {
        let mut steps = Vec::new();
        for (index, supply) in (0..=u8::MAX).zip(&state.supplies) {
            if supply.is_some_and(|supply| supply.until_refill.0 == 0) {
                steps.push(SchedStep::Replenish(SchedulingContextId(index)));
            }
        }
        self.dispatch(state, &mut steps);
        steps
    }

    fn apply(&self, state: &mut FixedPriorityState, step: SchedStep) {
        match step {
            SchedStep::Dispatch(context) => state.running = Some(context),
            SchedStep::Idle => state.running = None,
            SchedStep::Replenish(id) => {
                let budget = self.scheduling_contexts.get(id.index()).and_then(|scheduling| scheduling.budget);
                if let (Some(budget), Some(Some(supply))) = (budget, state.supplies.get_mut(id.index())) {
                    *supply = Supply { left: budget.amount, until_refill: budget.period };
                }
            }
        }
    }

    fn next_event(&self, state: &FixedPriorityState) -> Option<Nanos> {
        let running_by = self.running_by(state);
        // A window's end says nothing to nobody.
        let mut next = state.place.map(Place::left).filter(|_| !state.ready.is_empty());
        for ((index, supply), scheduling) in state.supplies.iter().enumerate().zip(&self.scheduling_contexts) {
            let (Some(supply), Some(budget)) = (supply, scheduling.budget) else { continue };
            let in_use = running_by == Some(index);
            let refill = (in_use || supply.left < budget.amount).then_some(supply.until_refill);
            let exhausted = in_use.then_some(supply.left);
            next = [next, refill, exhausted].into_iter().flatten().filter(|event| event.0 > 0).min();
        }
        next
    }

    fn elapse(&self, state: &mut FixedPriorityState, duration: Nanos) {
        let running_by = self.running_by(state);
        state.same_instant = false;
        if let (Some(frame), Some(place)) = (&self.frame, &mut state.place) {
            frame.pass(place, duration);
        }
        for ((index, supply), scheduling) in state.supplies.iter_mut().enumerate().zip(&self.scheduling_contexts) {
            let (Some(supply), Some(budget)) = (supply, scheduling.budget) else { continue };
            if running_by == Some(index) {
                supply.left.0 = supply.left.0.saturating_sub(duration.0);
            }
            if supply.left < budget.amount {
                supply.until_refill.0 = supply.until_refill.0.saturating_sub(duration.0);
            } else if duration < supply.until_refill {
                supply.until_refill.0 -= duration.0;
            } else {
                // Full: the period begins anew by itself, perhaps several times.
                let into = (duration.0 - supply.until_refill.0) % budget.period.0.max(1);
                supply.until_refill.0 = budget.period.0 - into;
            }
        }
    }

    fn code(&self, state: &mut FixedPriorityState, contexts: usize, coder: &mut impl Coder) {
        let most = contexts.saturating_sub(1) as u64;
        let by = self.scheduling_contexts.len().saturating_sub(1) as u64;
        let known = std::mem::take(&mut state.ready);
        for place in 0..contexts {
            let entry = known.get(place);
            let context = coder.maybe(entry.map(|entry| entry.context.into()), most);
            let by = coder.maybe(entry.and_then(|entry| entry.by).map(|id| id.0.into()), by);
            let with_previous = coder.flag(entry.is_some_and(|entry| entry.with_previous));
            if let Some(context) = context {
                let by = by.map(|id| SchedulingContextId(id as u8));
                state.ready.push(Ready { context: context as ContextSlot, by, with_previous });
            }
        }
        coder.lose_if(known.len() > contexts);
        state.same_instant = coder.flag(state.same_instant);
        state.running = coder.maybe(state.running.map(u64::from), most).map(|context| context as ContextSlot);
        for (supply, scheduling) in state.supplies.iter_mut().zip(&self.scheduling_contexts) {
            if let (Some(supply), Some(budget)) = (supply, scheduling.budget) {
                supply.left = coder.time(supply.left, budget.amount);
                supply.until_refill = coder.time(supply.until_refill, budget.period);
            }
        }
        if let (Some(frame), Some(place)) = (&self.frame, &mut state.place) {
            frame.code(place, coder);
        }
    }
}
