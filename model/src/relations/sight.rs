//! Who waits for somebody less urgent, and what comes in between: what a scheduler gains that is told of a relation.
//!
//! The urgency of the one who waits does not reach the one that it waits for, unless the scheduler knows of the two: so whoever is declared between
//! them delays both. Where the wait is for a lock, a scheduler that knows the *blocking edges* can pass the urgency on (Sha, Rajkumar,
//! Lehoczky 1990); where it is for a message, for room, or for an end, only one that knows the *full graph* can.

use std::collections::BTreeSet;

use super::{awaited, priority};
use crate::objects::{Declared, Objects, Wait};
use crate::system::most_computing;
use crate::units::Nanos;

/// Somebody urgent who waits for somebody less urgent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inversion {
    /// A task that waits,
    pub waiter: Declared,
    /// for what,
    pub wait: Wait,
    /// and who may have to give it: directly, or by way of others who wait.
    pub giver: Declared,
    /// Whoever is declared between the two, gives the waiter nothing, and takes time: each with how long it computes at once at most, if there is a most.
    pub between: Vec<(Declared, Option<Nanos>)>,
}

impl Inversion {
    /// Do the edges of blocking suffice to see it?
    pub fn is_of_blocking(&self) -> bool {
        matches!(self.wait, Wait::Lock(_))
    }

    /// As a sentence.
    pub fn sentence(&self, objects: &Objects) -> String {
        let name = |of: Declared| objects.declared_name(of);
        let between = |(of, most): &(Declared, Option<Nanos>)| match most {
            Some(most) => format!("{} (up to {most})", name(*of)),
            None => format!("{} (without end)", name(*of)),
        };
        let between: Vec<String> = self.between.iter().map(between).collect();
        let seen = if self.is_of_blocking() { "blocking edges show it" } else { "only the full graph shows it" };
        format!(
            "{} may wait for {} of {}, and {} in between: {seen}",
            name(self.waiter),
            awaited(objects, self.wait),
            name(self.giver),
            between.join(", ")
        )
    }
}

/// Every inversion in which somebody comes in between.
pub fn inversions(objects: &Objects) -> Vec<Inversion> {
    let points = objects.wait_points();
    let computing = |of: Declared| most_computing(&objects.system().processes[of.0.index()].contexts[of.1].program);
    let waits_of = |of: Declared| -> BTreeSet<usize> {
        points.iter().enumerate().filter(|(_, point)| point.of == of).map(|(number, _)| number).collect()
    };
    let givers_of = |wait: Wait, waiter: Declared| {
        objects.declared_contexts().filter(move |other| *other != waiter && objects.may_end_a_wait(wait, *other))
    };
    let mut found: Vec<Inversion> = Vec::new();
    for waiter in objects.declared_contexts().filter(|of| objects.is_task(*of)) {
        // Whoever may have to give it something, by way of whomever.
        let mut all: BTreeSet<Declared> = BTreeSet::from([waiter]);
        let mut open = vec![waiter];
        while let Some(one) = open.pop() {
            for point in waits_of(one) {
                open.extend(givers_of(points[point].wait, one).filter(|giver| all.insert(*giver)));
            }
        }
        for point in waits_of(waiter) {
            let wait = points[point].wait;
            for giver in givers_of(wait, waiter) {
                let is_between = |of: &Declared| {
                    let at = priority(objects, *of);
                    !all.contains(of) && priority(objects, giver) < at && at < priority(objects, waiter)
                };
                let computes = |of: Declared| (of, computing(of));
                let between: Vec<_> = objects.declared_contexts().filter(is_between).map(computes).collect();
                let between: Vec<_> = between.into_iter().filter(|(_, most)| *most != Some(Nanos(0))).collect();
                let fresh = Inversion { waiter, wait, giver, between };
                if !fresh.between.is_empty() && !found.contains(&fresh) {
                    found.push(fresh);
                }
            }
        }
    }
    found
}
