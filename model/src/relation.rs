//! The one labelled transition relation: Objects × Sched × Time. [`Relation::offers`] lists what is possible,
//! [`Relation::apply`] takes a label. The checker explores Demonic × Erased, and a
//! policy × Lattice; the simulator drives a policy × Ns by a resolver; they differ in nothing else.
//!
//! **Order of simultaneous events.** In timed instances an earlier class goes first, and ties within a class are the
//! resolver's choice:
//! 1. the step of the running context whose execution is complete, and whatever follows it without taking time (a job
//!    that ends at the instant at which another is released has ended before it);
//! 2. replenishments, arrivals, releases, wake-ups and time-outs;
//! 3. dispatch;
//! 4. beginning the next step of the running context;
//! 5. the passing of time: nothing waits that could happen.

use std::fmt::Debug;
use std::hash::Hash;

use crate::objects::{Action, ContextSlot, LockState, Objects, Outcome, Phase, State, Step};
use crate::sched::{Cause, Demonic, JobEvent, Sched, SchedStep};
use crate::system::{Task, most_computing};
use crate::time::{Erased, Time, TimeOffer, TimeStep};
use crate::units::Nanos;

/// A label of the relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// Of the objects. The erasure of a trace keeps these alone.
    Object(Step),
    /// Of the scheduler.
    Sched(SchedStep),
    /// Of time.
    Time(TimeStep),
}

/// A label that is possible, with whatever is left to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// [`Label::Object`].
    Object(Step),
    /// [`Label::Sched`].
    Sched(SchedStep),
    /// [`Label::Time`], with choices.
    Time(TimeOffer),
}

impl Offer {
    /// Is the label one of those that the offer stands for?
    pub fn admits(&self, label: Label) -> bool {
        match (self, label) {
            (Self::Object(offered), Label::Object(step)) => *offered == step,
            (Self::Sched(offered), Label::Sched(step)) => *offered == step,
            (Self::Time(offered), Label::Time(step)) => match (*offered, step) {
                (TimeOffer::Arrive { context, jitter: most }, TimeStep::Arrive { context: taken, jitter }) => {
                    context == taken && jitter <= most
                }
                (TimeOffer::Release(context), TimeStep::Release(taken)) => context == taken,
                (TimeOffer::Begin { context, least, most }, TimeStep::Begin { context: taken, execution }) => {
                    context == taken && least <= execution && execution <= most
                }
                (TimeOffer::Elapse { most }, TimeStep::Elapse(duration)) => duration > Nanos(0) && duration <= most,
                _ => false,
            },
            _ => false,
        }
    }
}

/// A state of the composition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Composite<S, T> {
    /// Of the objects.
    pub objects: State,
    /// Of the scheduler.
    pub sched: S,
    /// Of time.
    pub time: T,
}

/// Objects, a scheduler and a time.
#[derive(Debug, Clone)]
pub struct Relation<'a, S, T> {
    objects: &'a Objects,
    sched: S,
    time: T,
}

/// The state of a [`Relation`].
pub type StateOf<S, T> = Composite<<S as Sched>::State, <T as Time>::State>;

impl<'a> Relation<'a, Demonic, Erased> {
    /// What no policy and no timing can exceed.
    pub fn untimed(objects: &'a Objects) -> Self {
        Self { objects, sched: Demonic, time: Erased }
    }
}

impl<'a, S: Sched, T: Time> Relation<'a, S, T> {
    /// The composition.
    pub fn new(objects: &'a Objects, sched: S, time: T) -> Self {
        Self { objects, sched, time }
    }

    /// The object part.
    pub fn objects(&self) -> &'a Objects {
        self.objects
    }

    /// The scheduler.
    pub fn sched(&self) -> &S {
        &self.sched
    }

    /// The initial state.
    pub fn initial(&self) -> StateOf<S, T> {
        let objects = self.objects.initial();
        let time = self.time.initial(self.objects, &objects);
        let mut sched = self.sched.initial();
        for context in 0..objects.contexts.len() as ContextSlot {
            if self.objects.is_ready(&objects, context) {
                self.sched.ready(&mut sched, context, self.schedule(&objects, context));
            }
        }
        Composite { objects, sched, time }
    }

    /// Tells the scheduler who waits for whom, as far as the profile has it know. It sees numbers; whose domain they are of, it does not.
    pub fn tell_of_relations(&self, state: &mut StateOf<S, T>) {
        let has_any = !state.objects.locks.is_empty() || self.objects.has_edges();
        if !has_any || !self.sched.looks_at_relations() {
            return;
        }
        let edges = self.objects.edges(&state.objects);
        let locks = state.objects.locks.iter().zip(self.objects.ceilings());
        let ceilings: Vec<(ContextSlot, u32)> = locks
            .filter_map(|(lock, ceiling)| match lock {
                LockState::Held(owner) => Some((*owner, (*ceiling)?)),
                LockState::Free | LockState::Orphaned => None,
            })
            .collect();
        self.sched.relations(&mut state.sched, &edges, &ceilings);
    }

    fn schedule(&self, state: &State, context: ContextSlot) -> Option<crate::system::SchedulingContextId> {
        self.objects.scheduled_by(state, context)
    }

    /// Everything that is possible now.
    pub fn offers(&self, state: &StateOf<S, T>) -> Vec<Offer> {
        let (mut offers, mut by_kernel) = (Vec::new(), Vec::new());
        self.objects.for_each_enabled(&state.objects, |step| {
            if !self.time.permits(&state.time, step) {
                return;
            }
            if step.action.is_by_the_kernel() {
                by_kernel.push(Offer::Object(step));
            } else if self.sched.runs(&state.sched, step.context) {
                offers.push(Offer::Object(step));
            }
        });
        // Without a running context there is no core to have: either the scheduler is demonic, or the core is idle.
        let running = self.sched.running(&state.sched);
        if running.is_some() && !offers.is_empty() {
            return offers;
        }
        offers.append(&mut by_kernel);
        let mut dispatches = self.sched.steps(&state.sched);
        dispatches.retain(|step| match step {
            SchedStep::Replenish(_) => {
                offers.push(Offer::Sched(*step));
                false
            }
            SchedStep::Dispatch(_) | SchedStep::Idle => true,
        });
        offers.extend(self.time.due(self.objects, &state.objects, &state.time).into_iter().map(Offer::Time));
        if offers.is_empty() {
            offers.extend(dispatches.into_iter().map(Offer::Sched));
        }
        if let (true, Some(running)) = (offers.is_empty(), running) {
            offers.extend(self.time.begin(self.objects, &state.objects, &state.time, running).map(Offer::Time));
        }
        if offers.is_empty() {
            offers.extend(self.elapse(state, running));
        }
        offers
    }

    fn elapse(&self, state: &StateOf<S, T>, running: Option<ContextSlot>) -> Option<Offer> {
        let events = [
            self.time.until_due(self.objects, &state.objects, &state.time, running),
            self.sched.next_event(&state.sched),
        ];
        events.into_iter().flatten().min().map(|most| Offer::Time(TimeOffer::Elapse { most }))
    }

    /// Is the label possible now?
    pub fn is_enabled(&self, state: &StateOf<S, T>, label: Label) -> bool {
        let grain = self.time.grain().0.max(1);
        self.offers(state).iter().any(|offer| {
            offer.admits(label)
                && match (*offer, label) {
                    (Offer::Time(TimeOffer::Arrive { .. }), Label::Time(TimeStep::Arrive { jitter, .. })) => {
                        jitter.0.is_multiple_of(grain)
                    }
                    (Offer::Time(TimeOffer::Begin { least, .. }), Label::Time(TimeStep::Begin { execution, .. })) => {
                        (execution.0 - least.0).is_multiple_of(grain)
                    }
                    (_, Label::Time(TimeStep::Elapse(duration))) => duration.0.is_multiple_of(grain),
                    _ => true,
                }
        })
    }

    /// Calls `visit` with every label that an offer stands for; but of the passing of time only with the longest, for until then
    /// nothing else can happen.
    pub fn for_each_label(&self, offer: Offer, mut visit: impl FnMut(Label)) {
        let grain = self.time.grain().0.max(1);
        let mut each = |least: Nanos, most: Nanos, label: &dyn Fn(Nanos) -> TimeStep| {
            let choices = most.0.saturating_sub(least.0) / grain;
            (0..=choices).for_each(|choice| visit(Label::Time(label(Nanos(least.0 + choice * grain)))));
        };
        match offer {
            Offer::Object(step) => visit(Label::Object(step)),
            Offer::Sched(step) => visit(Label::Sched(step)),
            Offer::Time(TimeOffer::Release(context)) => visit(Label::Time(TimeStep::Release(context))),
            Offer::Time(TimeOffer::Elapse { most }) => visit(Label::Time(TimeStep::Elapse(most))),
            Offer::Time(TimeOffer::Arrive { context, jitter }) => {
                each(Nanos(0), jitter, &|jitter| TimeStep::Arrive { context, jitter });
            }
            Offer::Time(TimeOffer::Begin { context, least, most }) => {
                each(least, most, &|execution| TimeStep::Begin { context, execution });
            }
        }
    }

    /// Takes a label that is enabled. Only a step of the objects has an outcome.
    pub fn apply(&self, state: &mut StateOf<S, T>, label: Label) -> Option<Outcome> {
        match label {
            Label::Object(step) => {
                let (after, outcome) = self.objects.apply(&state.objects, step);
                self.time.follow(self.objects, &state.objects, &after, step, &mut state.time);
                for context in 0..after.contexts.len() as ContextSlot {
                    let at = usize::from(context);
                    let gone =
                        after.contexts[at].phase == Phase::Gone && state.objects.contexts[at].phase != Phase::Gone;
                    if gone || (step.action == Action::JobDone && step.context == context) {
                        let event = if gone { JobEvent::Gone } else { JobEvent::Ended };
                        self.sched.job(&mut state.sched, context, self.schedule(&state.objects, context), event);
                    }
                    let was = self.objects.is_ready(&state.objects, context);
                    let is = self.objects.is_ready(&after, context);
                    if was && !is {
                        self.sched.block(&mut state.sched, context);
                    } else if is && !was {
                        let by = self.schedule(&after, context);
                        self.sched.woken(&mut state.sched, context, by, cause(&state.objects, step, context));
                    }
                }
                state.objects = after;
                self.tell_of_relations(state);
                Some(outcome)
            }
            Label::Sched(step) => {
                self.sched.apply(&mut state.sched, step);
                None
            }
            Label::Time(step) => {
                let running = self.sched.running(&state.sched);
                self.time.apply(self.objects, &state.objects, &mut state.time, step, running);
                match step {
                    TimeStep::Elapse(duration) => {
                        if self.sched.flushes(&state.sched, duration) {
                            self.time.flush(&mut state.time);
                        }
                        self.sched.elapse(&mut state.sched, duration);
                    }
                    TimeStep::Arrive { context, .. } => {
                        let declared = self.objects.declaration(&state.objects, context);
                        if let Some(Task { deadline, period, .. }) = declared.task {
                            let demand = most_computing(&declared.program).unwrap_or_default();
                            let event = JobEvent::Arrived { deadline, period, demand };
                            self.sched.job(&mut state.sched, context, self.schedule(&state.objects, context), event);
                        }
                    }
                    TimeStep::Release(_) | TimeStep::Begin { .. } => {}
                }
                None
            }
        }
    }
}

/// Why the context becomes ready by that step.
fn cause(before: &State, step: Step, context: ContextSlot) -> Cause {
    let own = step.context == context;
    match before.contexts[usize::from(context)].phase {
        Phase::Gone | Phase::BeforeExec => Cause::Begun,
        _ if own && matches!(step.action, Action::Wake | Action::Timeout) => Cause::Timer,
        _ => Cause::Other,
    }
}
