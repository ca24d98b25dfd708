//! When a run repeats itself. Between two instants with the same relative state, and the same of whatever is counted, everything that happened will happen
//! again, over and over, if nothing in between was drawn: so what remains of the run is counted without being run, exactly.
//!
//! The same state is looked for by R. P. Brent, *An improved Monte Carlo factorization algorithm*, BIT 20, 1980, section 3: a state is kept, all that follow are compared
//! with it, and it is replaced after twice as many as the last time. One state is kept at a time, and a run that repeats itself after μ instants
//! every λ is found out within 3 (λ + μ).
//!
//! Of events that time brings at one instant the order is drawn, and means nothing: each changes its own context and its own counters, and nobody is
//! dispatched before all of them have happened.
//!
//! # Invariants
//! - Whole states are compared, never their hashes.
//! - What is said of a run is the same with and without it, but for [`Repetition`] itself and the labels that the log keeps.

use lacuna_model::relation::StateOf;
use lacuna_model::sched::Sched;
use lacuna_model::time::Ns;
use lacuna_model::units::Nanos;
use serde::Serialize;

use crate::statistics::Collector;

/// Is it looked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extrapolation {
    /// Every instant is run, up to the horizon.
    #[default]
    Off,
    /// What repeats itself is run once and counted as often as it happens.
    On,
}

/// From when a run repeated itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Repetition {
    /// It was in a state in which it would be again and again; from the start.
    pub from_ns: u64,
    /// Every so long.
    pub every_ns: u64,
    /// So often it was counted, beyond what was run.
    pub times: u64,
}

/// A state that those after it are compared with.
#[derive(Debug)]
pub(crate) struct Anchor<'a, S: Sched> {
    state: StateOf<S, Ns>,
    pub(crate) at: Nanos,
    pub(crate) labels: u64,
    pub(crate) counted: Collector<'a>,
}

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Watch<'a, S: Sched> {
    /// None, where something was drawn since.
    anchor: Option<Anchor<'a, S>>,
    /// After so many instants it is replaced.
    power: u64,
    since: u64,
}

impl<'a, S: Sched> Watch<'a, S> {
    pub(crate) fn new() -> Self {
        Self { anchor: None, power: 1, since: 0 }
    }

    /// Something was drawn that decides something.
    pub(crate) fn drawn(&mut self) {
        self.anchor = None;
    }

    /// Time has just passed. The earlier state, if it is the same.
    pub(crate) fn instant(
        &mut self,
        state: &StateOf<S, Ns>,
        (at, labels): (Nanos, u64),
        counted: &Collector<'a>,
    ) -> Option<Anchor<'a, S>> {
        let is_same = |anchor: &Anchor<'a, S>| {
            anchor.state.time == state.time
                && anchor.state.sched == state.sched
                && anchor.state.objects == state.objects
                && counted.is_under_way_as(&anchor.counted, Nanos(at.0 - anchor.at.0))
        };
        if self.anchor.as_ref().is_some_and(is_same) {
            return self.anchor.take();
        }
        self.since += 1;
        if self.since >= self.power {
            (self.since, self.power) = (0, self.power.saturating_mul(2));
            self.anchor = Some(Anchor { state: state.clone(), at, labels, counted: counted.clone() });
        }
        None
    }
}
