//! Fixed priorities on one core, within a priority by readiness, by deadline or by laxity, with preemption thresholds and budgets. *Earliest deadline
//! first* is one priority for all, by deadline; *least laxity first* the same by laxity.
//!
//! Sources: C. L. Liu, J. W. Layland, *Scheduling algorithms for multiprogramming in a hard-real-time environment*,
//! Journal of the ACM 20(1), 1973 (fixed priorities, and earliest deadline first); the Ada 2022 reference manual, D.2.6 (deadlines within a
//! priority); Y. Wang, M. Saksena, *Scheduling fixed-priority tasks with preemption threshold*, RTCSA 1999; M. L. Dertouzos, A. K. Mok, *Multiprocessor
//! on-line scheduling of hard-real-time tasks*, IEEE Transactions on Software Engineering 15(12), 1989 (least laxity). Budgets are those of [`servers`](super::servers).
//!
//! **Who runs.** A context is *eligible* if it is ready and its scheduling context, if it has one with a budget, has some
//! left. The core belongs to an eligible context of the highest priority; one without a scheduling context is below all
//! others.
//!
//! **Deadlines.** Of a priority that is ordered by deadline, the most urgent context is the one whose job has the earliest absolute
//! deadline; whoever has no job of a task comes after those that have. The job of a context is the first of those that arrived and
//! have not ended. Whoever would run on a server that has a deadline of its own has that one. Deadlines pass without any effect.
//!
//! **Laxity.** Of a priority that is ordered by laxity, the most urgent context is the one whose job has the least laxity: the time until its deadline, less what
//! it computes at most and has not had. Whoever has the core keeps its laxity, and that of whoever waits gets less. Laxities are compared in
//! whole quanta, rounded up, and where one that waits comes to have fewer than the one that has the core, that is an event of its own: at its instant, after all
//! that time brings, the core is taken away. So two jobs with the same laxity *thrash*: each has the core for one quantum or two, and then the
//! other, until one has ended. Where a job computes without end, or its program has no known end, its laxity is the time until its deadline.
//!
//! **Thresholds.** A context of a scheduling context with a threshold is, from its dispatch until it blocks, as urgent as that says, and
//! goes before all others that are: it keeps the core but for whoever has a higher priority. A threshold that nobody is above is
//! non-preemptive execution. An exhausted budget and the end of a window take the core away all the same.
//!
//! **Ties.** Among eligible contexts that are as urgent
//! 1. the one that has the core keeps it;
//! 2. otherwise whoever became ready earlier goes first; a preempted context keeps its place;
//! 3. those that became ready at the same instant are a tie for the resolver: a context's number decides nothing.
//!
//! **Charging.** A context that has the core is charged for time that passes, to the budget that it runs on. A budget that runs out at the instant at
//! which a step is complete does not delay that step, for it is spent; what follows without taking time belongs to the
//! same instant and costs nothing.
//!
//! **Locks.** Whoever holds a lock may run by something else than its own scheduling context, as the axis *inversion* says: as urgently as
//! the most urgent one who waits for it, directly or by way of others; on that one's budget; or as urgently as the lock's ceiling, which is a
//! priority, and without a deadline. Of the two it runs by the more urgent one that has budget left.
//!
//! **Precedence.** Where it is told who may bring about what a job of a task waits for (axis *awareness*), that one is as urgent as the job, directly or by way of
//! others who wait, on its own budget.
//!
//! **Windows.** Where time is partitioned, nobody is eligible but by a scheduling context whose window it is ([`Frame`]). A window in which
//! none of its contexts is ready stays idle: so what a partition is given depends on nobody outside of it.
//!
//! # Invariants
//! - The state is relative: places in an order, what is left of budgets and periods. No time since the start.

use std::cmp::Reverse;

use super::deadlines::{Deadlines, Longest};
use super::frame::{Frame, Place};
use super::servers::{Account, Use};
use super::{Edge, EdgeKind, JobEvent, Sched, SchedStep};
use crate::coding::Coder;
use crate::objects::{ContextSlot, Objects};
use crate::profile::Inversion;
use crate::system::{Budget, Order, SchedulingContext, SchedulingContextId};
use crate::units::Nanos;

/// The policy, for the scheduling contexts of one system.
#[derive(Debug, Clone)]
pub struct FixedPriority {
    scheduling_contexts: Vec<SchedulingContext>,
    inversion: Inversion,
    frame: Option<Frame>,
    longest: Longest,
    /// Is somebody ordered by laxity?
    is_by_laxity: bool,
}

/// A laxity in whole quanta, rounded up.
fn quanta(laxity: i128, quantum: Nanos) -> i128 {
    let quantum = i128::from(quantum.0.max(1));
    laxity.div_euclid(quantum) + i128::from(laxity.rem_euclid(quantum) > 0)
}

/// How urgent a context is: the larger the more. The parts decide in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Urgency {
    /// Below all priorities, without a scheduling context.
    priority: Option<u32>,
    /// It was dispatched and has a threshold.
    started: bool,
    /// The deadline, or the laxity.
    soonest: Option<Reverse<i128>>,
}

/// By what else a context may run than by its own scheduling context: it holds a lock, or somebody waits for what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Raise {
    context: ContextSlot,
    to: RaisedTo,
    /// What is charged, if it is not its own.
    on: Option<SchedulingContextId>,
}

/// How urgent a raised context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum RaisedTo {
    /// As the ceiling of the lock.
    Ceiling(u32),
    /// As this one, which waits for it and is scheduled by that.
    Waiter(ContextSlot, SchedulingContextId),
}

/// A ready context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ready {
    context: ContextSlot,
    by: Option<SchedulingContextId>,
    /// Did it become ready at the same instant as the entry before it?
    with_previous: bool,
    /// Was it dispatched since, under a threshold?
    started: bool,
}

/// The state of [`FixedPriority`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FixedPriorityState {
    /// Every ready context, the running one too, by the instant at which it became ready; then by number.
    ready: Vec<Ready>,
    /// Has no time passed since the last one became ready?
    same_instant: bool,
    running: Option<ContextSlot>,
    /// Of the jobs of contexts that are ordered by deadline.
    deadlines: Deadlines,
    /// Of each scheduling context that has a budget.
    accounts: Vec<Option<Account>>,
    /// Where in the major frame it is, if there is one.
    place: Option<Place>,
    /// Of each context that is raised, by its number. It follows from who waits for whom, and so is not written.
    raised: Vec<Raise>,
}

impl FixedPriority {
    /// The policy for these scheduling contexts, indexed by [`SchedulingContextId`].
    pub fn new(scheduling_contexts: &[SchedulingContext]) -> Self {
        let scheduling_contexts = scheduling_contexts.to_vec();
        let is_by_laxity = scheduling_contexts.iter().any(|by| matches!(by.order, Order::Laxity { .. }));
        Self { scheduling_contexts, inversion: Inversion::None, frame: None, longest: Longest::default(), is_by_laxity }
    }

    /// The policy for the scheduling contexts of a system, as its profile has it.
    pub fn of(objects: &Objects) -> Self {
        let mut policy = Self::new(objects.scheduling_contexts());
        policy.inversion = objects.profile().inversion;
        policy.longest = Longest::of(objects.system());
        if !objects.profile().time_isolation.enforces_budgets() {
            policy.scheduling_contexts.iter_mut().for_each(|scheduling| scheduling.budget = None);
        }
        let isolation = objects.profile().time_isolation;
        let flush = if isolation.flushes() { objects.system().kernel_bounds.flush } else { Nanos(0) };
        policy.frame = objects.major_frame().map(|declared| Frame::new(declared, flush));
        policy
    }

    fn priority(&self, by: Option<SchedulingContextId>) -> Option<u32> {
        by.and_then(|id| self.scheduling_contexts.get(id.index())).map(|scheduling| scheduling.priority)
    }

    fn order(&self, by: Option<SchedulingContextId>) -> Order {
        by.and_then(|id| self.scheduling_contexts.get(id.index())).map_or(Order::Readiness, |by| by.order)
    }

    fn threshold(&self, by: Option<SchedulingContextId>) -> Option<u32> {
        by.and_then(|id| self.scheduling_contexts.get(id.index())).and_then(|scheduling| scheduling.threshold)
    }

    /// How urgent a context is by that, before it is dispatched.
    fn urgency(&self, state: &FixedPriorityState, context: ContextSlot, by: Option<SchedulingContextId>) -> Urgency {
        let soonest = match self.order(by) {
            Order::Readiness => None,
            Order::Deadline => {
                let of_server = by.and_then(|by| self.account(state, by)?.deadline());
                of_server.or_else(|| state.deadlines.of(context))
            }
            Order::Laxity { quantum } => state.deadlines.laxity_of(context).map(|laxity| quanta(laxity, quantum)),
        };
        Urgency { priority: self.priority(by), started: false, soonest: soonest.map(Reverse) }
    }

    /// After how long somebody who waits has less laxity than the one that has the core, if that goes on to have it.
    fn crossing(&self, state: &FixedPriorityState) -> Option<Nanos> {
        let running = state.ready.iter().find(|entry| state.running == Some(entry.context))?;
        let (Urgency { priority, soonest, .. }, _) = self.runs_by(state, running)?;
        let Reverse(least) = soonest?;
        let waiting = state.ready.iter().filter(|entry| entry.context != running.context);
        let by_itself = waiting.map(|entry| (entry.context, entry.by));
        let by_another = state.raised.iter().filter_map(|raise| match raise.to {
            RaisedTo::Waiter(waiter, by) if raise.context != running.context => Some((waiter, Some(by))),
            _ => None,
        });
        let until = |(context, by): (ContextSlot, Option<SchedulingContextId>)| match self.order(by) {
            Order::Laxity { quantum } if self.priority(by) == priority => {
                let most = (least - 1) * i128::from(quantum.0);
                u64::try_from(state.deadlines.laxity_of(context)? - most).ok().map(Nanos)
            }
            _ => None,
        };
        by_itself.chain(by_another).filter_map(until).filter(|until| *until > Nanos(0)).min()
    }

    fn raised_to(&self, state: &FixedPriorityState, to: RaisedTo) -> Urgency {
        match to {
            RaisedTo::Ceiling(ceiling) => Urgency { priority: Some(ceiling), started: false, soonest: None },
            RaisedTo::Waiter(waiter, by) => self.urgency(state, waiter, Some(by)),
        }
    }

    /// Whether whoever runs by that may have the core now: its window, and its budget.
    fn is_admitted(&self, state: &FixedPriorityState, by: Option<SchedulingContextId>) -> bool {
        let its_window = match (&self.frame, &state.place) {
            (Some(frame), Some(place)) => frame.admits(*place, by),
            _ => true,
        };
        its_window && by.is_none_or(|id| self.account(state, id).is_none_or(|account| account.left() > Nanos(0)))
    }

    /// By what a ready context would run now: how urgently, and what is charged. Nothing, if that has no budget left, or no window now.
    fn runs_by(&self, state: &FixedPriorityState, entry: &Ready) -> Option<(Urgency, Option<SchedulingContextId>)> {
        let mut own = (self.urgency(state, entry.context, entry.by), entry.by);
        if entry.started {
            own.0.priority = own.0.priority.max(self.threshold(entry.by));
            own.0.started = true;
        }
        let raised = state.raised.iter().find(|raise| raise.context == entry.context);
        let raised = raised.map(|raise| (self.raised_to(state, raise.to), raise.on.or(entry.by)));
        // Where both are as urgent it is its own that is charged.
        [raised, Some(own)]
            .into_iter()
            .flatten()
            .filter(|(_, by)| self.is_admitted(state, *by))
            .max_by_key(|(urgency, _)| *urgency)
    }

    /// What the running context runs by.
    fn running_by(&self, state: &FixedPriorityState) -> Option<SchedulingContextId> {
        let running = state.running?;
        let entry = state.ready.iter().find(|entry| entry.context == running)?;
        self.runs_by(state, entry)?.1
    }

    /// What the budget of that is used for now.
    fn used(
        &self,
        state: &FixedPriorityState,
        id: SchedulingContextId,
        running_by: Option<SchedulingContextId>,
    ) -> Use {
        let lent =
            |entry: &Ready| state.raised.iter().any(|raise| raise.context == entry.context && raise.on == Some(id));
        if running_by == Some(id) {
            Use::Charged
        } else if state.ready.iter().any(|entry| entry.by == Some(id) || lent(entry)) {
            Use::Wanted
        } else {
            Use::None
        }
    }

    /// Each budget with what is left of it.
    fn budgets<'s>(
        &'s self,
        state: &'s FixedPriorityState,
    ) -> impl Iterator<Item = (SchedulingContextId, &'s Budget, &'s Account)> {
        let both = (0..=u8::MAX).zip(self.scheduling_contexts.iter().zip(&state.accounts));
        both.filter_map(|(index, (scheduling, account))| {
            Some((SchedulingContextId(index), scheduling.budget.as_ref()?, account.as_ref()?))
        })
    }

    /// Does urgency pass along such an edge?
    fn follows(&self, kind: EdgeKind) -> bool {
        match kind {
            EdgeKind::Lock => self.inversion.follows_waiters(),
            EdgeKind::Precedence => true,
        }
    }

    /// Does the budget?
    fn lends(&self, kind: EdgeKind) -> bool {
        kind == EdgeKind::Lock && self.inversion.lends_the_budget()
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
        FixedPriorityState {
            ready: Vec::new(),
            same_instant: false,
            running: None,
            deadlines: Deadlines::default(),
            accounts: self.scheduling_contexts.iter().map(|by| by.budget.as_ref().map(Account::full)).collect(),
            place: self.frame.as_ref().map(Frame::start),
            raised: Vec::new(),
        }
    }

    fn ready(&self, state: &mut FixedPriorityState, context: ContextSlot, by: Option<SchedulingContextId>) {
        if !state.same_instant || state.ready.is_empty() {
            state.ready.push(Ready { context, by, with_previous: false, started: false });
            state.same_instant = true;
            return;
        }
        // Into the last group, which is kept in the order of the numbers so that equal situations are equal states.
        let first = state.ready.iter().rposition(|entry| !entry.with_previous).unwrap_or(0);
        let place = state.ready[first..].partition_point(|entry| entry.context < context) + first;
        state.ready.insert(place, Ready { context, by, with_previous: place > first, started: false });
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

    fn job(
        &self,
        state: &mut FixedPriorityState,
        context: ContextSlot,
        by: Option<SchedulingContextId>,
        event: JobEvent,
    ) {
        match (self.order(by), event) {
            (Order::Readiness, _) => {}
            (Order::Deadline, JobEvent::Arrived { deadline, period, .. }) => {
                state.deadlines.follow(context, JobEvent::Arrived { deadline, period, demand: Nanos(0) });
            }
            _ => state.deadlines.follow(context, event),
        }
    }

    fn relations(&self, state: &mut FixedPriorityState, edges: &[Edge], ceilings: &[(ContextSlot, u32)]) {
        let mut raised = std::mem::take(&mut state.raised);
        raised.clear();
        let mut raise = |context: ContextSlot, to: RaisedTo, on: Option<SchedulingContextId>| match raised
            .iter_mut()
            .find(|raise: &&mut Raise| raise.context == context)
        {
            Some(known) => {
                // Of two that are as urgent, the one that lends.
                let by = |to: RaisedTo, on: Option<SchedulingContextId>| (self.raised_to(state, to), on.is_some());
                if by(known.to, known.on) < by(to, on) {
                    *known = Raise { context, to, on };
                }
            }
            None => raised.push(Raise { context, to, on }),
        };
        if self.inversion.raises_to_the_ceiling() {
            ceilings.iter().for_each(|(owner, ceiling)| raise(*owner, RaisedTo::Ceiling(*ceiling), None));
        }
        for edge in edges.iter().filter(|edge| self.follows(edge.kind)) {
            let Some(by) = edge.by.filter(|by| by.index() < self.scheduling_contexts.len()) else { continue };
            let to = RaisedTo::Waiter(edge.waiter, by);
            // Whom it waits for may wait for another. Each is met once, so that a ring of them ends.
            let mut open = vec![(edge.of, self.lends(edge.kind))];
            let mut met = open.clone();
            while let Some((context, lends)) = open.pop() {
                raise(context, to, lends.then_some(by));
                for next in edges.iter().filter(|next| next.waiter == context && self.follows(next.kind)) {
                    let next = (next.of, lends && self.lends(next.kind));
                    if !met.contains(&next) {
                        met.push(next);
                        open.push(next);
                    }
                }
            }
        }
        raised.sort_by_key(|raise| raise.context);
        state.raised = raised;
    }

    fn looks_at_relations(&self) -> bool {
        true
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

    fn account<'s>(&self, state: &'s FixedPriorityState, id: SchedulingContextId) -> Option<&'s Account> {
        state.accounts.get(id.index())?.as_ref()
    }

    fn charged(&self, state: &FixedPriorityState) -> Option<SchedulingContextId> {
        self.running_by(state).filter(|id| self.account(state, *id).is_some())
    }

    fn steps(&self, state: &FixedPriorityState) -> Vec<SchedStep> {
        let mut steps = Vec::new();
        let due = self.budgets(state).filter(|(_, budget, account)| account.is_due(budget));
        steps.extend(due.map(|(id, ..)| SchedStep::Replenish(id)));
        self.dispatch(state, &mut steps);
        steps
    }

    fn apply(&self, state: &mut FixedPriorityState, step: SchedStep) {
        match step {
            SchedStep::Dispatch(context) => {
                state.running = Some(context);
                if let Some(entry) = state.ready.iter_mut().find(|entry| entry.context == context) {
                    entry.started = self.threshold(entry.by).is_some();
                }
            }
            SchedStep::Idle => state.running = None,
            SchedStep::Replenish(id) => {
                let budget = self.scheduling_contexts.get(id.index()).and_then(|scheduling| scheduling.budget);
                if let (Some(budget), Some(Some(account))) = (budget, state.accounts.get_mut(id.index())) {
                    account.replenish(&budget);
                }
            }
        }
    }

    fn next_event(&self, state: &FixedPriorityState) -> Option<Nanos> {
        let running_by = self.running_by(state);
        // A window's end says nothing to nobody.
        let mut next = state.place.map(Place::left).filter(|_| !state.ready.is_empty());
        if self.is_by_laxity {
            next = [next, self.crossing(state)].into_iter().flatten().min();
        }
        for (id, budget, account) in self.budgets(state) {
            let event = account.next_event(budget, self.used(state, id, running_by));
            next = [next, event].into_iter().flatten().min();
        }
        next
    }

    fn flushes(&self, state: &FixedPriorityState, duration: Nanos) -> bool {
        let place = self.frame.as_ref().zip(state.place);
        place.is_some_and(|(frame, place)| frame.flushes(place, duration))
    }

    fn elapse(&self, state: &mut FixedPriorityState, duration: Nanos) {
        let running_by = self.running_by(state);
        state.same_instant = false;
        state.deadlines.pass(duration, state.running);
        if let (Some(frame), Some(place)) = (&self.frame, &mut state.place) {
            frame.pass(place, duration);
        }
        for index in 0..state.accounts.len() {
            let (Some(budget), id) = (self.scheduling_contexts[index].budget, SchedulingContextId(index as u8)) else {
                continue;
            };
            let used = self.used(state, id, running_by);
            if let Some(account) = &mut state.accounts[index] {
                account.pass(&budget, duration, used);
            }
        }
    }

    fn code(&self, state: &mut FixedPriorityState, contexts: usize, coder: &mut impl Coder) {
        let most = contexts.saturating_sub(1) as u64;
        let by = self.scheduling_contexts.len().saturating_sub(1) as u64;
        let has_thresholds = self.scheduling_contexts.iter().any(|scheduling| scheduling.threshold.is_some());
        let known = std::mem::take(&mut state.ready);
        for place in 0..contexts {
            let entry = known.get(place);
            let context = coder.maybe(entry.map(|entry| entry.context.into()), most);
            let by = coder.maybe(entry.and_then(|entry| entry.by).map(|id| id.0.into()), by);
            let with_previous = coder.flag(entry.is_some_and(|entry| entry.with_previous));
            let started = has_thresholds && coder.flag(entry.is_some_and(|entry| entry.started));
            if let Some(context) = context {
                let by = by.map(|id| SchedulingContextId(id as u8));
                state.ready.push(Ready { context: context as ContextSlot, by, with_previous, started });
            }
        }
        coder.lose_if(known.len() > contexts);
        state.same_instant = coder.flag(state.same_instant);
        state.running = coder.maybe(state.running.map(u64::from), most).map(|context| context as ContextSlot);
        if self.scheduling_contexts.iter().any(|scheduling| scheduling.order != Order::Readiness) {
            state.deadlines.code(contexts, self.longest, coder);
        }
        for (account, scheduling) in state.accounts.iter_mut().zip(&self.scheduling_contexts) {
            if let (Some(account), Some(budget)) = (account, &scheduling.budget) {
                account.code(budget, coder);
            }
        }
        if let (Some(frame), Some(place)) = (&self.frame, &mut state.place) {
            frame.code(place, coder);
        }
    }
}
