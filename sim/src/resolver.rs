//! The resolver: who chooses wherever the relation leaves a choice. The checker takes every branch; the simulator asks a
//! [`Resolver`].
//!
//! [`Seeded`] draws from ChaCha8 (D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008), one stream for each concern, and
//! for execution times and jitters one for each context: with one seed the n-th job of a context takes the same time
//! under every policy, however ties fall. No floating point: a uniform choice is by rejection (D. Lemire, *Fast random
//! integer generation in an interval*, ACM TOMACS 29(1), 2019), hence exact and the same on every platform.

use lacuna_model::objects::{Action, ContextSlot};
use lacuna_model::relation::{Label, Offer};
use lacuna_model::time::{TimeOffer, TimeStep};
use lacuna_model::units::Nanos;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Chooses one label of those that are possible.
pub trait Resolver {
    /// One label that one of the offers [admits](Offer::admits). `offers` is never empty. Of
    /// [`TimeOffer::Elapse`], any part; the simulation takes less where its horizon is nearer.
    fn resolve(&mut self, offers: &[Offer]) -> Label;
}

/// How a quantity is drawn from its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Draw {
    /// Always the least.
    Least,
    /// Always the most.
    Most,
    /// Each value equally likely.
    #[default]
    Uniform,
}

/// Chooses by a seed: equal seeds, equal choices.
#[derive(Debug, Clone)]
pub struct Seeded {
    seed: u64,
    executions: Draw,
    jitters: Draw,
    ties: ChaCha8Rng,
    choices: ChaCha8Rng,
    attacks: ChaCha8Rng,
    execution_streams: Vec<Option<ChaCha8Rng>>,
    jitter_streams: Vec<Option<ChaCha8Rng>>,
}

/// What a stream of random numbers is for. The numbers are part of what a seed means: they stay.
#[derive(Debug, Clone, Copy)]
enum Concern {
    Ties = 0,
    Choices = 1,
    Attacks = 2,
    Executions = 3,
    Jitters = 4,
}

fn stream(seed: u64, concern: Concern, context: ContextSlot) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(((concern as u64) << 32) | u64::from(context));
    random
}

/// A number below `bound`, each equally likely; 0 if `bound` is 0.
fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let rejected = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(random.next_u64()) * u128::from(bound);
        if product as u64 >= rejected {
            return (product >> 64) as u64;
        }
    }
}

impl Seeded {
    /// Draws execution times and jitters uniformly.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            executions: Draw::Uniform,
            jitters: Draw::Uniform,
            ties: stream(seed, Concern::Ties, 0),
            choices: stream(seed, Concern::Choices, 0),
            attacks: stream(seed, Concern::Attacks, 0),
            execution_streams: Vec::new(),
            jitter_streams: Vec::new(),
        }
    }

    /// Execution times are drawn like this instead.
    #[must_use]
    pub fn executions(mut self, draw: Draw) -> Self {
        self.executions = draw;
        self
    }

    /// Jitters are drawn like this instead.
    #[must_use]
    pub fn jitters(mut self, draw: Draw) -> Self {
        self.jitters = draw;
        self
    }

    fn draw(&mut self, concern: Concern, context: ContextSlot, least: Nanos, most: Nanos) -> Nanos {
        let (draw, streams) = match concern {
            Concern::Jitters => (self.jitters, &mut self.jitter_streams),
            _ => (self.executions, &mut self.execution_streams),
        };
        match draw {
            Draw::Least => least,
            Draw::Most => most,
            Draw::Uniform if least >= most => least,
            Draw::Uniform => {
                let index = usize::from(context);
                if streams.len() <= index {
                    streams.resize(index + 1, None);
                }
                let seed = self.seed;
                let random = streams[index].get_or_insert_with(|| stream(seed, concern, context));
                let more = match (most.0 - least.0).checked_add(1) {
                    Some(bound) => below(random, bound),
                    None => random.next_u64(),
                };
                Nanos(least.0 + more)
            }
        }
    }
}

/// The stream for a choice among several offers: an adversary may always give up; a program's choice is among arms;
/// whatever else happens at one instant is a tie.
fn concern(offers: &[Offer]) -> Concern {
    let action = |offer: &Offer| match offer {
        Offer::Object(step) => Some(step.action),
        _ => None,
    };
    if offers.iter().any(|offer| action(offer) == Some(Action::GiveUp)) {
        Concern::Attacks
    } else if offers.iter().all(|offer| matches!(action(offer), Some(Action::Choose(_)))) {
        Concern::Choices
    } else {
        Concern::Ties
    }
}

impl Resolver for Seeded {
    fn resolve(&mut self, offers: &[Offer]) -> Label {
        let index = if offers.len() > 1 {
            let random = match concern(offers) {
                Concern::Attacks => &mut self.attacks,
                Concern::Choices => &mut self.choices,
                _ => &mut self.ties,
            };
            below(random, offers.len() as u64) as usize
        } else {
            0
        };
        match offers[index] {
            Offer::Object(step) => Label::Object(step),
            Offer::Sched(step) => Label::Sched(step),
            Offer::Time(TimeOffer::Release(context)) => Label::Time(TimeStep::Release(context)),
            Offer::Time(TimeOffer::Elapse { most }) => Label::Time(TimeStep::Elapse(most)),
            Offer::Time(TimeOffer::Arrive { context, jitter }) => {
                let jitter = self.draw(Concern::Jitters, context, Nanos(0), jitter);
                Label::Time(TimeStep::Arrive { context, jitter })
            }
            Offer::Time(TimeOffer::Begin { context, least, most }) => {
                let execution = self.draw(Concern::Executions, context, least, most);
                Label::Time(TimeStep::Begin { context, execution })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(context: ContextSlot, least: u64, most: u64) -> [Offer; 1] {
        [Offer::Time(TimeOffer::Begin { context, least: Nanos(least), most: Nanos(most) })]
    }

    #[test]
    fn what_is_drawn_is_offered_and_covers_the_interval() {
        let mut resolver = Seeded::new(7);
        let offers = begin(0, 10, 13);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let label = resolver.resolve(&offers);
            assert!(offers[0].admits(label));
            if let Label::Time(TimeStep::Begin { execution, .. }) = label {
                seen.insert(execution.0);
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13]);
        let whole = begin(0, 0, u64::MAX);
        assert!(whole[0].admits(resolver.resolve(&whole)));
    }

    #[test]
    fn a_context_draws_the_same_whatever_the_others_draw() {
        let (mut alone, mut among) = (Seeded::new(1), Seeded::new(1));
        for _ in 0..20 {
            among.resolve(&begin(0, 0, 1000));
            among.resolve(&[Offer::Time(TimeOffer::Release(0)), Offer::Time(TimeOffer::Release(1))]);
            assert_eq!(alone.resolve(&begin(3, 0, 1000)), among.resolve(&begin(3, 0, 1000)));
        }
    }

    #[test]
    fn the_extremes_are_not_random() {
        let mut worst = Seeded::new(1).executions(Draw::Most);
        let mut best = Seeded::new(1).executions(Draw::Least);
        let of = |execution| Label::Time(TimeStep::Begin { context: 0, execution: Nanos(execution) });
        assert_eq!(worst.resolve(&begin(0, 5, 9)), of(9));
        assert_eq!(best.resolve(&begin(0, 5, 9)), of(5));
    }
}
