//! One timed run: Objects × a policy × nanoseconds, with a [`Resolver`] for whatever is left open, up to a horizon.
//!
//! The run covers the half-open interval from 0 to the horizon. Nothing arrives or is dispatched at the horizon itself;
//! a step whose execution is complete there still ends, for its execution lies before it. A deadline at the horizon is no part of the run: of a
//! job that is due there and has not ended nothing is said.
//!
//! # Invariants
//! - Every label taken is one that the relation offered: a run is a path.
//! - Nothing is unbounded: labels at one instant, labels of a run and labels kept all have limits, each reported.

use lacuna_model::objects::{Action, Objects};
use lacuna_model::relation::{Label, Offer, Relation, StateOf};
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::SchedulingContextId;
use lacuna_model::time::{Ns, TimeOffer, TimeStep};
use lacuna_model::units::Nanos;

use crate::log::{BudgetPoint, Log, Record};
use crate::resolver::Resolver;
use crate::statistics::{Collector, Summary};
use crate::steady::{Extrapolation, Repetition, Watch};

/// How far, and how much of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long is simulated.
    pub horizon: Nanos,
    /// How many labels may be taken at one instant before that counts as no progress.
    pub labels_at_an_instant: u32,
    /// How many labels may be taken in all.
    pub labels: u64,
    /// How many labels the log keeps.
    pub kept: usize,
    /// Is what repeats itself run but once?
    pub extrapolation: Extrapolation,
}

impl Options {
    /// This horizon, and limits that no sensible scenario reaches.
    pub fn new(horizon: Nanos) -> Self {
        Self {
            horizon,
            labels_at_an_instant: 100_000,
            labels: 1_000_000_000,
            kept: 1 << 20,
            extrapolation: Extrapolation::Off,
        }
    }

    /// Counts what repeats itself without running it again; the log then ends where that begins.
    #[must_use]
    pub fn extrapolate(mut self) -> Self {
        self.extrapolation = Extrapolation::On;
        self
    }

    /// Keeps no more than so many labels.
    #[must_use]
    pub fn keep(mut self, kept: usize) -> Self {
        self.kept = kept;
        self
    }
}

/// What a run leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What was counted.
    pub summary: Summary,
    /// What happened, as far as it was kept.
    pub log: Log,
}

/// Why a run came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// Steps without end, and no time passes.
    #[error("`{context}` goes on and on at {at} while no time passes")]
    Zeno {
        /// The context that took the last step.
        context: String,
        /// When, from the start.
        at: Nanos,
    },
    /// The run is too long.
    #[error("more than {limit} labels by {at}; a nearer horizon ends before that")]
    TooLong {
        /// The limit.
        limit: u64,
        /// When it was reached, from the start.
        at: Nanos,
    },
    /// The resolver chose what was not possible.
    #[error("the resolver chose a label at {at} that was not offered")]
    NotOffered {
        /// When, from the start.
        at: Nanos,
    },
}

/// Simulates the objects under a policy, to the horizon.
///
/// # Errors
/// See [`SimulationError`].
pub fn simulate<S: Sched>(
    objects: &Objects,
    policy: S,
    resolver: &mut (impl Resolver + ?Sized),
    options: &Options,
) -> Result<Run, SimulationError> {
    let mut simulation = Simulation::new(objects, policy, *options);
    while simulation.step(resolver)?.is_some() {}
    Ok(simulation.finish())
}

/// A run under way.
#[derive(Debug)]
pub struct Simulation<'a, S: Sched> {
    relation: Relation<'a, S, Ns>,
    state: StateOf<S, Ns>,
    options: Options,
    now: Nanos,
    taken_now: u32,
    taken: u64,
    quiescent_at: Option<Nanos>,
    collector: Collector<'a>,
    log: Log,
    /// What is left of each budget.
    budgets: Vec<(SchedulingContextId, Nanos)>,
    /// As long as it may come to repeat itself, and it is of use to know.
    watch: Option<Watch<'a, S>>,
    repeats: Option<Repetition>,
}

impl<'a, S: Sched> Simulation<'a, S> {
    /// About to take its first step.
    pub fn new(objects: &'a Objects, policy: S, options: Options) -> Self {
        let relation = Relation::new(objects, policy, Ns);
        let state = relation.initial();
        let ids = (0..=u8::MAX).take(objects.system().scheduling_contexts.len()).map(SchedulingContextId);
        let left = |id| Some((id, relation.sched().account(&state.sched, id)?.left()));
        let budgets = ids.filter_map(left).collect();
        Self {
            budgets,
            watch: (options.extrapolation == Extrapolation::On).then(Watch::new),
            repeats: None,
            collector: Collector::new(objects, &state.objects),
            log: Log::new(options.kept, options.horizon),
            now: Nanos(0),
            taken_now: 0,
            taken: 0,
            quiescent_at: None,
            relation,
            state,
            options,
        }
    }

    /// Where it is.
    pub fn state(&self) -> &StateOf<S, Ns> {
        &self.state
    }

    /// How much time has passed.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Takes one step; none, if the horizon is reached, or nothing is ever going to happen any more.
    ///
    /// # Errors
    /// See [`SimulationError`].
    pub fn step(&mut self, resolver: &mut (impl Resolver + ?Sized)) -> Result<Option<Record>, SimulationError> {
        let offers = self.relation.offers(&self.state);
        if offers.is_empty() {
            self.quiescent_at = Some(self.now);
            return Ok(None);
        }
        if self.now >= self.options.horizon && !offers.iter().all(is_complete) {
            return Ok(None);
        }
        let mut label = resolver.resolve(&offers);
        if !offers.iter().any(|offer| offer.admits(label)) {
            return Err(SimulationError::NotOffered { at: self.now });
        }
        if self.taken == self.options.labels {
            return Err(SimulationError::TooLong { limit: self.options.labels, at: self.now });
        }
        self.taken += 1;
        let at = self.now;
        if let Label::Time(TimeStep::Elapse(duration)) = &mut label {
            duration.0 = duration.0.min(self.options.horizon.0 - at.0);
            self.now.0 += duration.0;
            self.taken_now = 0;
        } else if self.taken_now == self.options.labels_at_an_instant {
            return Err(SimulationError::Zeno { context: self.culprit(label), at });
        } else {
            self.taken_now += 1;
        }
        if let Some(watch) = &mut self.watch
            && !is_decided(&offers, label, resolver)
        {
            watch.drawn();
        }
        let attack = is_attack(&offers);
        if let Label::Sched(step) = label {
            self.collector.schedule(step, self.relation.sched().running(&self.state.sched));
        }
        let charged = self.relation.sched().charged(&self.state.sched);
        let outcome = self.relation.apply(&mut self.state, label);
        let running = self.relation.sched().running(&self.state.sched);
        let record = Record { at, label, outcome, running };
        self.log.push(record);
        self.note_budgets(&record, charged);
        self.collector.observe(&self.state.objects, label, outcome, attack, self.now);
        if let Label::Time(TimeStep::Elapse(_)) = label {
            self.look_for_repetition();
        }
        Ok(Some(record))
    }

    /// Time has just passed: if all is as it was before, it goes on as it did, as often as there is time for it.
    fn look_for_repetition(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let Some(anchor) = watch.instant(&self.state, (self.now, self.taken), &self.collector) else { return };
        self.watch = None;
        let every = self.now.0 - anchor.at.0;
        let times = (self.options.horizon.0 - self.now.0) / every.max(1);
        if times == 0 {
            return;
        }
        self.repeats = Some(Repetition { from_ns: anchor.at.0, every_ns: every, times });
        self.collector.repeat(&anchor.counted, times, Nanos(every * times));
        self.log.skip((self.taken - anchor.labels).saturating_mul(times));
        self.now.0 += every * times;
    }

    /// What is left is less from when it was charged or lost, and more when it comes back.
    fn note_budgets(&mut self, record: &Record, charged: Option<SchedulingContextId>) {
        let (at, end) = (record.at, record.end());
        for (id, known) in &mut self.budgets {
            let Some(account) = self.relation.sched().account(&self.state.sched, *id) else { continue };
            let (before, after) = (*known, account.left());
            let is_charged = at < end && charged == Some(*id);
            if before == after && !is_charged {
                continue;
            }
            let used = if is_charged { Nanos(before.0.saturating_sub(end.0 - at.0)) } else { before.min(after) };
            let drop = if is_charged { end } else { at };
            for (at, left) in [(at, before), (drop, used), (end, used), (end, after)] {
                self.log.push_budget(BudgetPoint { id: *id, at, left });
            }
            *known = after;
        }
    }

    /// Whose label it is that goes on and on.
    fn culprit(&self, label: Label) -> String {
        let context = match label {
            Label::Object(step) => Some(step.context),
            Label::Time(TimeStep::Arrive { context, .. } | TimeStep::Release(context)) => Some(context),
            _ => self.relation.sched().running(&self.state.sched),
        };
        let name = |context| self.relation.objects().context_name(&self.state.objects, context);
        context.map_or_else(|| "core 0".into(), name)
    }

    /// What it has come to.
    pub fn finish(self) -> Run {
        let summary = self.collector.finish(self.options.horizon, self.quiescent_at, self.repeats);
        Run { summary, log: self.log }
    }
}

/// Was there nothing to draw that decides anything?
fn is_decided(offers: &[Offer], label: Label, resolver: &(impl Resolver + ?Sized)) -> bool {
    let by_time = |offer: &Offer| match offer {
        Offer::Sched(SchedStep::Replenish(_)) => true,
        Offer::Time(offer) => matches!(offer, TimeOffer::Arrive { .. } | TimeOffer::Release(_)),
        Offer::Object(step) => step.action.is_by_the_kernel(),
        Offer::Sched(_) => false,
    };
    let chosen = offers.iter().find(|offer| offer.admits(label));
    (offers.len() == 1 || offers.iter().all(by_time)) && chosen.is_some_and(|offer| resolver.is_decided(offer))
}

/// Is it a step of a running context, whose execution is complete?
fn is_complete(offer: &Offer) -> bool {
    matches!(offer, Offer::Object(step) if !step.action.is_by_the_kernel())
}

/// Are these what an adversary may do? It may always give up, and nothing else can be offered together with that.
fn is_attack(offers: &[Offer]) -> bool {
    offers.iter().any(|offer| matches!(offer, Offer::Object(step) if step.action == Action::GiveUp))
}
