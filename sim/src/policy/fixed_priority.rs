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
//! # Invariants
//! - The state is relative: places in an order, what is left of budgets and periods. No time since the start.
//! - A budget that is full and not in use needs no replenishment, and has none: its period goes on by itself.
//! - In each period of a scheduling context, it is charged at most its amount.

use lacuna_model::objects::ContextSlot;
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::{SchedulingContext, SchedulingContextId};
use lacuna_model::units::Nanos;

/// The policy, for the scheduling contexts of one system.
#[derive(Debug, Clone)]
pub struct FixedPriority {
    scheduling_contexts: Vec<SchedulingContext>,
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
}

impl FixedPriorityState {
    /// What is left of the budget of a scheduling context, if it has one.
    pub fn budget_left(&self, id: SchedulingContextId) -> Option<Nanos> {
        self.supplies.get(id.index()).copied().flatten().map(|supply| supply.left)
    }

    /// The index of what the running context is scheduled by.
    fn running_by(&self) -> Option<usize> {
        let running = self.running?;
        self.ready.iter().find(|entry| entry.context == running)?.by.map(SchedulingContextId::index)
    }
}

impl FixedPriority {
    /// The policy for these scheduling contexts, indexed by [`SchedulingContextId`].
    pub fn new(scheduling_contexts: &[SchedulingContext]) -> Self {
        Self { scheduling_contexts: scheduling_contexts.to_vec() }
    }

    fn priority(&self, by: Option<SchedulingContextId>) -> Option<u32> {
        by.and_then(|id| self.scheduling_contexts.get(id.index())).map(|scheduling| scheduling.priority)
    }

    /// What the core should do: nothing new, or one of these steps.
    fn dispatch(&self, state: &FixedPriorityState, steps: &mut Vec<SchedStep>) {
        let eligible = |entry: &&Ready| entry.by.is_none_or(|id| state.budget_left(id).is_none_or(|left| left.0 > 0));
        let Some(highest) = state.ready.iter().filter(eligible).map(|entry| self.priority(entry.by)).max() else {
            steps.extend(state.running.map(|_| SchedStep::Idle));
            return;
        };
        let candidate = |entry: &Ready| eligible(&entry) && self.priority(entry.by) == highest;
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
        let running_by = state.running_by();
        let mut next: Option<Nanos> = None;
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
        state.same_instant = false;
        let running_by = state.running_by();
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
}
