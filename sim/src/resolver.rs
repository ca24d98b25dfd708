//! The resolver: who chooses wherever the relation leaves a choice. The checker takes every branch; the simulator asks a
//! [`Resolver`].
//!
//! [`Seeded`] draws from ChaCha8 (D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008), one stream for ties, and for each
//! context one for its execution times, its jitters, its choices and its attacks: with one seed the n-th job of a task
//! takes the same time under every policy, however ties fall. No floating point: a uniform choice is by rejection (D. Lemire, *Fast random
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
    /// Would it choose the same label of this offer, whenever it is alone? Of several offers it may draw.
    fn is_decided(&self, _: &Offer) -> bool {
        false
    }
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
    /// Of each concern, of each context; made when first drawn from.
    streams: [Vec<Option<ChaCha8Rng>>; 5],
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
pub(crate) fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
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
        Self { seed, executions: Draw::Uniform, jitters: Draw::Uniform, streams: Default::default() }
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

    fn random(&mut self, concern: Concern, context: ContextSlot) -> &mut ChaCha8Rng {
        let (streams, index) = (&mut self.streams[concern as usize], usize::from(context));
        if streams.len() <= index {
            streams.resize(index + 1, None);
        }
        streams[index].get_or_insert_with(|| stream(self.seed, concern, context))
    }

    fn draw(&mut self, draw: Draw, concern: Concern, context: ContextSlot, least: Nanos, most: Nanos) -> Nanos {
        match draw {
            Draw::Least => least,
            Draw::Most => most,
            Draw::Uniform if least >= most => least,
            Draw::Uniform => {
                let random = self.random(concern, context);
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
fn concern(offers: &[Offer]) -> (Concern, ContextSlot) {
    let step = |offer: &Offer| match offer {
        Offer::Object(step) => Some(*step),
        _ => None,
    };
    let attack = offers.iter().filter_map(step).find(|step| step.action == Action::GiveUp);
    let choice = |offer: &Offer| step(offer).filter(|step| matches!(step.action, Action::Choose(_)));
    match (attack, offers.first().and_then(choice)) {
        (Some(step), _) => (Concern::Attacks, step.context),
        (None, Some(first)) if offers.iter().all(|offer| choice(offer).is_some()) => (Concern::Choices, first.context),
        _ => (Concern::Ties, 0),
    }
}

impl Resolver for Seeded {
    fn is_decided(&self, offer: &Offer) -> bool {
        match *offer {
            Offer::Time(TimeOffer::Arrive { jitter, .. }) => self.jitters != Draw::Uniform || jitter == Nanos(0),
            Offer::Time(TimeOffer::Begin { least, most, .. }) => self.executions != Draw::Uniform || least >= most,
            Offer::Time(TimeOffer::Release(_) | TimeOffer::Elapse { .. }) | Offer::Object(_) | Offer::Sched(_) => true,
        }
    }

    fn resolve(&mut self, offers: &[Offer]) -> Label {
        let index = if offers.len() > 1 {
            let (concern, context) = concern(offers);
            below(self.random(concern, context), offers.len() as u64) as usize
        } else {
            0
        };
        match offers[index] {
            Offer::Object(step) => Label::Object(step),
            Offer::Sched(step) => Label::Sched(step),
            Offer::Time(TimeOffer::Release(context)) => Label::Time(TimeStep::Release(context)),
            Offer::Time(TimeOffer::Elapse { most }) => Label::Time(TimeStep::Elapse(most)),
            Offer::Time(TimeOffer::Arrive { context, jitter }) => {
                let jitter = self.draw(self.jitters, Concern::Jitters, context, Nanos(0), jitter);
                Label::Time(TimeStep::Arrive { context, jitter })
            }
            Offer::Time(TimeOffer::Begin { context, least, most }) => {
                let execution = self.draw(self.executions, Concern::Executions, context, least, most);
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
    fn seeds_and_contexts_have_streams_of_their_own() {
        let draws = |seed, context| {
            let mut resolver = Seeded::new(seed);
            [0; 4].map(|_| resolver.resolve(&begin(context, 0, u64::from(u32::MAX)))).map(|label| match label {
                Label::Time(TimeStep::Begin { execution, .. }) => execution,
                _ => Nanos(0),
            })
        };
        assert_eq!(draws(1, 0), draws(1, 0));
        assert_ne!(draws(1, 0), draws(2, 0));
        assert_ne!(draws(1, 0), draws(1, 1));
        // What a seed means stays: this is the first draw of seed 1, on every platform.
        assert_eq!(draws(1, 0)[0], Nanos(1_217_063_102));
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
