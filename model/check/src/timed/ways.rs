//! The ways through an instant: all that may happen while no time passes, every choice taken.

use lacuna_model::relation::{Label, Offer, Relation, StateOf};
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::time::{Lattice, TimeOffer, TimeStep};
use lacuna_model::units::Nanos;

use crate::engine::Unrepresentable;

/// Labels of one way.
pub(super) const MOST_LABELS: usize = 1_000;
/// Labels taken on all ways through one instant.
pub(super) const MOST_TAKEN: u32 = 1 << 16;

/// Goes through an instant.
pub(super) trait Walker<S: Sched>: Clone {
    /// Where it is.
    fn state(&self) -> &StateOf<S, Lattice>;
    /// How many labels it has taken in this instant.
    fn length(&self) -> usize;
    /// Takes a label, which is one of these.
    fn take(&mut self, label: Label, of: &[Label]);
}

/// Sends a walker every way through the instant that begins where it is. At the end of each `arrive` is told how much time may pass then; nothing,
/// if nothing is ever going to happen.
pub(super) fn each_way<S: Sched, W: Walker<S>>(
    relation: &Relation<'_, S, Lattice>,
    walker: W,
    arrive: &mut impl FnMut(W, Option<Nanos>) -> Result<(), Unrepresentable>,
) -> Result<(), Unrepresentable> {
    go(relation, walker, &mut 0, arrive)
}

fn go<S: Sched, W: Walker<S>>(
    relation: &Relation<'_, S, Lattice>,
    mut walker: W,
    taken: &mut u32,
    arrive: &mut impl FnMut(W, Option<Nanos>) -> Result<(), Unrepresentable>,
) -> Result<(), Unrepresentable> {
    let mut labels = Vec::new();
    loop {
        if *taken > MOST_TAKEN {
            return Err(Unrepresentable("there are too many ways through one instant"));
        }
        if walker.length() > MOST_LABELS {
            return Err(Unrepresentable("steps follow each other without end while no time passes"));
        }
        labels.clear();
        let offers = relation.offers(walker.state());
        // What time brings has one order; of what is chosen, everything is.
        let together = if offers.first().is_some_and(is_by_time) { 1 } else { offers.len() };
        for offer in &offers[..together] {
            relation.for_each_label(*offer, |label| labels.push(label));
        }
        *taken += labels.len() as u32;
        match labels[..] {
            [] => return arrive(walker, None),
            [Label::Time(TimeStep::Elapse(most))] => return arrive(walker, Some(most)),
            [label] => walker.take(label, &labels),
            _ => {
                for label in &labels {
                    let mut after = walker.clone();
                    after.take(*label, &labels);
                    go(relation, after, taken, arrive)?;
                }
                return Ok(());
            }
        }
    }
}

/// Is it an event that time brings, and no choice of anybody who runs?
pub(super) fn is_by_time(offer: &Offer) -> bool {
    match offer {
        Offer::Object(step) => step.action.is_by_the_kernel(),
        Offer::Sched(SchedStep::Replenish(_)) => true,
        Offer::Time(TimeOffer::Arrive { .. } | TimeOffer::Release(_)) => true,
        Offer::Sched(SchedStep::Dispatch(_) | SchedStep::Idle) | Offer::Time(_) => false,
    }
}
