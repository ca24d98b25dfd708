//! One timed run: Objects × a policy × nanoseconds, with a [`Resolver`] for whatever is left open, up to a horizon.
//!
//! The run covers the half-open interval from 0 to the horizon. Nothing arrives or is dispatched at the horizon itself;
//! a step whose execution is complete there still ends, for its execution lies before it.
//!
//! # Invariants
//! - Every label taken is one that the relation offered: a run is a path.
//! - Nothing is unbounded: labels at one instant, labels of a run and labels kept all have limits, each reported.

use lacuna_model::objects::{Action, Objects};
use lacuna_model::relation::{Label, Offer, Relation, StateOf};
use lacuna_model::sched::Sched;
use lacuna_model::time::{Ns, TimeStep};
use lacuna_model::units::Nanos;

use crate::log::{Log, Record};
use crate::resolver::Resolver;
use crate::statistics::{Collector, Summary};

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
}

impl Options {
    /// This horizon, and limits that no sensible scenario reaches.
    pub fn new(horizon: Nanos) -> Self {
        Self { horizon, labels_at_an_instant: 100_000, labels: 1_000_000_000, kept: 1 << 20 }
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

/// Simulates the objects under a policy.
///
/// # Errors
/// See [`SimulationError`].
pub fn simulate<S: Sched>(
    objects: &Objects,
    policy: S,
    resolver: &mut (impl Resolver + ?Sized),
    options: &Options,
) -> Result<Run, SimulationError> {
    let relation = Relation::new(objects, policy, Ns);
    let mut state = relation.initial();
    let mut collector = Collector::new(objects, &state.objects);
    let mut log = Log::new(options.kept, options.horizon);
    let (mut now, mut at_this_instant, mut taken) = (Nanos(0), 0u32, 0u64);
    let quiescent_at = loop {
        let offers = relation.offers(&state);
        if offers.is_empty() {
            break Some(now);
        }
        if now >= options.horizon && !offers.iter().all(is_complete) {
            break None;
        }
        let mut label = resolver.resolve(&offers);
        if !offers.iter().any(|offer| offer.admits(label)) {
            return Err(SimulationError::NotOffered { at: now });
        }
        if taken == options.labels {
            return Err(SimulationError::TooLong { limit: options.labels, at: now });
        }
        taken += 1;
        let at = now;
        if let Label::Time(TimeStep::Elapse(duration)) = &mut label {
            duration.0 = duration.0.min(options.horizon.0 - now.0);
            now.0 += duration.0;
            at_this_instant = 0;
        } else if at_this_instant == options.labels_at_an_instant {
            return Err(SimulationError::Zeno { context: culprit(&relation, &state, label), at: now });
        } else {
            at_this_instant += 1;
        }
        let attack = matches!(label, Label::Object(step) if step.action != Action::GiveUp) && is_attack(&offers);
        let outcome = relation.apply(&mut state, label);
        let running = relation.sched().running(&state.sched);
        log.push(Record { at, label, outcome, running });
        collector.observe(&state.objects, label, outcome, attack, now);
    };
    Ok(Run { summary: collector.finish(options.horizon, quiescent_at), log })
}

/// Is it a step of a running context, whose execution is complete?
fn is_complete(offer: &Offer) -> bool {
    matches!(offer, Offer::Object(step) if !step.action.is_by_the_kernel())
}

/// Are these what an adversary may do? It may always give up, and nothing else can be offered together with that.
fn is_attack(offers: &[Offer]) -> bool {
    offers.iter().any(|offer| matches!(offer, Offer::Object(step) if step.action == Action::GiveUp))
}

/// Whose step it is that goes on and on.
fn culprit<S: Sched>(relation: &Relation<'_, S, Ns>, state: &StateOf<S, Ns>, label: Label) -> String {
    let context = match label {
        Label::Object(step) => Some(step.context),
        Label::Time(TimeStep::Arrive { context, .. } | TimeStep::Release(context)) => Some(context),
        _ => relation.sched().running(&state.sched),
    };
    context.map_or_else(|| "core 0".into(), |context| relation.objects().context_name(&state.objects, context))
}
