//! Linux's fair class: *earliest eligible virtual deadline first*. Of those that have had no more than their share, whoever's virtual deadline is the earliest.
//!
//! Sources: I. Stoica, H. Abdel-Wahab, *Earliest eligible virtual deadline first: a flexible and accurate mechanism for proportional share resource
//! allocation*, Old Dominion University, TR-95-22, 1995; `Documentation/scheduler/sched-eevdf.rst`; and, for what Linux makes of it, `kernel/sched/fair.c` of Linux 6.11,
//! whose functions are named where their rule is.
//!
//! Each context has a weight w, by its nice value, and a *virtual runtime* v: what it has had of the core, times 1024 / w. Their average V, by weights, is where each would
//! be if the core were shared exactly; V − v is a context's *lag*, and whoever has v ≤ V is *eligible*. Its *virtual deadline* is a slice, times 1024 / w, after the v that it had when
//! it was given the slice.
//!
//! - **Whom** (`pick_eevdf`): the eligible one with the earliest deadline. Whoever has the core and is eligible keeps it until it has had the slice that it had when it was given
//!   the core, whatever the deadlines of others (`RUN_TO_PARITY`); after that it is one of those with their deadlines, and goes after others with the same.
//! - **When** that is asked: at a tick at which a slice is used up, and then the next deadline is set (`update_deadline`); when another becomes ready, and is the one that would be
//!   picked (`check_preempt_wakeup_fair`); and when the core is free.
//! - **Coming back** (`place_entity`): whoever becomes ready has v = V less the lag that it had when it blocked, times (W + w) / W for the weight W of those who are there, so that it has
//!   that lag once it counts itself; the first time none, and half a slice. The lag that is kept is at most two slices, and at least a tick, times 1024 / w (`update_entity_lag`).
//!
//! **Rounding.** v is kept as whole nanoseconds and what is left in parts of w, so that it does not matter in how many pieces time passes. What is
//! compared is whole nanoseconds; averages, lags and slices are rounded as the kernel's integers are: V down, a lag when it is placed towards zero, the rest down. When a context
//! blocks, the part is lost: less than a nanosecond of virtual time. The kernel multiplies by a reciprocal of 32 bits, and so may differ by one in 2³¹.
//!
//! **Simplified.** No groups (autogroup, cgroups), no `SCHED_BATCH` and `SCHED_IDLE`, no slices of a context's own, no delayed dequeue (from Linux 6.12), no buddies.
//!
//! # Invariants
//! - Virtual times are relative to the least v of all that are ready.
//! - Of those that are ready, at least one is eligible.

use std::cmp::Reverse;

use super::super::queue::Queue;
use crate::objects::ContextSlot;
use crate::units::Nanos;

/// The weight of a context with nice value 0 (`NICE_0_LOAD`).
const NICE_0: u32 = 1024;

/// By nice value, from −20: `sched_prio_to_weight` in `kernel/sched/core.c`. A step is about a tenth of the core between two.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501,
    1991, 1586, 1277, NICE_0, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
];

/// The weight of a nice value; what is beyond −20 to 19 counts as the nearest.
pub fn weight(nice: i8) -> u32 {
    WEIGHTS[(i32::from(nice) + 20).clamp(0, 39) as usize]
}

/// How long a slice is, and how far apart ticks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    /// Of everybody.
    pub slice: Nanos,
    /// Between two ticks.
    pub tick: Nanos,
}

/// A time of the core, as virtual time.
fn virtually(duration: Nanos, weight: u32) -> i128 {
    i128::from(duration.0) * i128::from(NICE_0) / i128::from(weight)
}

/// A ready context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entity {
    weight: u32,
    /// In nanoseconds of virtual time.
    runtime: i128,
    /// Beyond that, in parts of which the weight makes one.
    part: u32,
    deadline: i128,
}

/// Who has the core.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Current {
    context: ContextSlot,
    entity: Entity,
    /// Has it still the slice with which it was given the core?
    is_protected: bool,
}

/// Those of the class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Fair {
    waiting: Queue<Entity>,
    current: Option<Current>,
    /// The lag with which a context that is not ready blocked, by its number; none, if it has never been ready. No longer than the last that has one.
    lags: Vec<Option<i128>>,
}

impl Fair {
    /// Is nobody ready?
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// Is the context one of those that are ready?
    pub fn holds(&self, context: ContextSlot) -> bool {
        self.current.as_ref().is_some_and(|current| current.context == context) || self.waiting.get(context).is_some()
    }

    fn ready(&self) -> impl Iterator<Item = &Entity> {
        self.waiting.iter().map(|entry| &entry.of).chain(self.current.as_ref().map(|current| &current.entity))
    }

    /// W, and the sum of all w v.
    fn sums(&self) -> (i128, i128) {
        self.ready().fold((0, 0), |(weights, sum), entity| {
            let weight = i128::from(entity.weight);
            (weights + weight, sum + weight * entity.runtime)
        })
    }

    /// V, rounded down; 0, if nobody is ready.
    fn average(&self) -> i128 {
        let (weights, sum) = self.sums();
        if weights == 0 { 0 } else { sum.div_euclid(weights) }
    }

    /// How much a ready context is behind what it should have had, in nanoseconds of virtual time; negative, if it has had more. V is rounded down.
    pub fn lag(&self, context: ContextSlot) -> Option<i128> {
        let of_current =
            self.current.as_ref().filter(|current| current.context == context).map(|current| &current.entity);
        let entity = of_current.or_else(|| self.waiting.get(context))?;
        Some(self.average() - entity.runtime)
    }

    /// Counts from the least v again.
    fn rebase(&mut self) {
        let Some(least) = self.ready().map(|entity| entity.runtime).min() else { return };
        let entities = self.waiting.iter_mut().map(|entry| &mut entry.of);
        for entity in entities.chain(self.current.as_mut().map(|current| &mut current.entity)) {
            entity.runtime -= least;
            entity.deadline -= least;
        }
    }

    /// Who should have the core: a tie, if there are several.
    pub fn pick(&self) -> Vec<ContextSlot> {
        let (weights, sum) = self.sums();
        let is_eligible = |entity: &Entity| entity.runtime * weights <= sum;
        let current = self.current.as_ref();
        let is_alone = self.waiting.is_empty();
        let current = current.filter(|current| is_alone || is_eligible(&current.entity));
        if let Some(current) = current.filter(|current| is_alone || current.is_protected) {
            return vec![current.context];
        }
        let deadline = |context: ContextSlot| self.waiting.get(context).map(|entity| entity.deadline);
        let waiting = self.waiting.wanted(|entry| is_eligible(&entry.of).then_some(Reverse(entry.of.deadline)));
        let earliest = waiting.first().and_then(|first| deadline(*first));
        match (current, earliest) {
            (Some(current), Some(earliest)) if current.entity.deadline < earliest => vec![current.context],
            (Some(current), None) => vec![current.context],
            _ => waiting,
        }
    }

    /// Whoever has the core and has had its slice gets another. Is it to be asked whether somebody else should have the core now?
    pub fn update_deadline(&mut self, slices: Slices) -> bool {
        let Some(current) = &mut self.current else { return false };
        let entity = &mut current.entity;
        if entity.runtime < entity.deadline {
            return false;
        }
        entity.deadline = entity.runtime + virtually(slices.slice, entity.weight);
        current.is_protected = false;
        !self.waiting.is_empty()
    }

    /// A context becomes ready. Is it to be asked who should have the core now?
    pub fn enqueue(&mut self, context: ContextSlot, nice: i8, slices: Slices) -> bool {
        let slice_is_over = self.update_deadline(slices);
        let weight = weight(nice);
        let kept = self.lags.get_mut(usize::from(context)).and_then(Option::take);
        self.trim();
        let weights = self.sums().0;
        let lag = match kept {
            Some(lag) if weights > 0 => lag * (weights + i128::from(weight)) / weights,
            _ => 0,
        };
        let (runtime, slice) = (self.average() - lag, virtually(slices.slice, weight));
        let slice = if kept.is_none() { slice / 2 } else { slice };
        self.waiting.join(context, Entity { weight, runtime, part: 0, deadline: runtime + slice });
        self.rebase();
        slice_is_over || self.pick().contains(&context)
    }

    /// A context is ready no more. Is it to be asked who should have the core now?
    pub fn dequeue(&mut self, context: ContextSlot, slices: Slices) -> bool {
        let slice_is_over = self.update_deadline(slices);
        let Some(lag) = self.lag(context) else { return false };
        let entity = match self.current.take_if(|current| current.context == context) {
            Some(current) => Some(current.entity),
            None => self.waiting.remove(context),
        };
        let Some(entity) = entity else { return false };
        let most = virtually(Nanos(slices.slice.0.saturating_mul(2).max(slices.tick.0)), entity.weight);
        let at = usize::from(context);
        if self.lags.len() <= at {
            self.lags.resize(at + 1, None);
        }
        self.lags[at] = Some(lag.clamp(-most, most));
        self.rebase();
        slice_is_over
    }

    /// A context is no more: whoever has its number next is another.
    pub fn forget(&mut self, context: ContextSlot) {
        if let Some(lag) = self.lags.get_mut(usize::from(context)) {
            *lag = None;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.lags.last().is_some_and(Option::is_none) {
            self.lags.pop();
        }
    }

    /// A context that is ready gets the core.
    pub fn set_current(&mut self, context: ContextSlot) {
        self.put_back();
        self.waiting.choose(context);
        self.current = self.waiting.remove(context).map(|entity| Current { context, entity, is_protected: true });
    }

    /// Whoever has the core loses it, and waits behind those who do.
    pub fn put_back(&mut self) {
        if let Some(current) = self.current.take() {
            self.waiting.append(current.context, current.entity);
        }
    }

    /// Time passes, for whoever has the core.
    pub fn pass(&mut self, duration: Nanos) {
        self.waiting.pass();
        let Some(current) = &mut self.current else { return };
        let (weight, entity) = (u128::from(current.entity.weight), &mut current.entity);
        let parts = u128::from(duration.0) * u128::from(NICE_0) + u128::from(entity.part);
        // Both are below 2⁷⁴ and the weight.
        entity.runtime += (parts / weight) as i128;
        entity.part = (parts % weight) as u32;
        self.rebase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICES: Slices = Slices { slice: Nanos(40), tick: Nanos(1) };

    /// 0 has the core, and 1 waits.
    fn two() -> Fair {
        let mut fair = Fair::default();
        fair.enqueue(0, 0, SLICES);
        fair.enqueue(1, 0, SLICES);
        fair.set_current(0);
        fair
    }

    /// 0 has had 20 and 1 nothing, so that V is 10 and the lag of 0 is −10. To have that when it comes back, where 1 alone has v = V, it must be 20 ahead.
    #[test]
    fn a_lag_is_kept_while_its_owner_sleeps() {
        let mut fair = two();
        fair.pass(Nanos(20));
        assert_eq!((fair.lag(0), fair.lag(1)), (Some(-10), Some(10)));
        fair.dequeue(0, SLICES);
        fair.set_current(1);
        fair.pass(Nanos(7));
        assert_eq!(fair.lag(1), Some(0), "alone, it is the average");
        assert!(!fair.enqueue(0, 0, SLICES));
        assert_eq!((fair.lag(0), fair.lag(1)), (Some(-10), Some(10)));
        // One who is no more leaves none.
        fair.dequeue(0, SLICES);
        fair.forget(0);
        fair.enqueue(0, 0, SLICES);
        assert_eq!(fair.lag(0), Some(0));
    }

    /// At most two slices, or a tick where that is longer.
    #[test]
    fn a_lag_has_a_limit() {
        for (tick, most) in [(1, 80), (200, 200)] {
            let slices = Slices { tick: Nanos(tick), ..SLICES };
            let mut fair = two();
            fair.pass(Nanos(1000));
            assert_eq!(fair.lag(0), Some(-500));
            fair.dequeue(0, slices);
            fair.enqueue(0, 0, slices);
            assert_eq!(fair.lag(0), Some(-most));
        }
    }

    /// The first slice is half of one. A later one counts from where its owner is, however far that is beyond the last.
    #[test]
    fn a_slice_begins_where_its_owner_is() {
        let deadline = |fair: &Fair| fair.current.as_ref().unwrap().entity.deadline;
        let mut fair = two();
        assert_eq!(deadline(&fair), 20);
        fair.pass(Nanos(19));
        assert!(!fair.update_deadline(SLICES));
        fair.pass(Nanos(31));
        assert!(fair.update_deadline(SLICES));
        assert_eq!(deadline(&fair), 50 + 40);
        assert!(!fair.update_deadline(SLICES));
        // Who would not be picked asks for nothing, also where somebody else would be.
        assert_eq!(fair.pick(), [1]);
        assert!(!fair.enqueue(2, 0, SLICES));
        assert_eq!(fair.pick(), [1]);
    }

    /// Times of 0, which has had 20 when 2 comes: V is 0, the deadlines are 40 and, half a slice, 20. At 20 of its time 2 has another, up to 60, and is ahead. When 3
    /// comes V is 10, and its deadline is 30.
    #[test]
    fn who_was_given_the_core_keeps_it_for_the_slice() {
        let mut fair = two();
        fair.dequeue(1, SLICES);
        fair.pass(Nanos(20));
        assert!(!fair.update_deadline(SLICES), "it is alone");
        assert!(fair.enqueue(2, 0, SLICES));
        fair.set_current(2);
        fair.pass(Nanos(20));
        assert!(fair.update_deadline(SLICES), "the half slice of 2");
        assert_eq!(fair.pick(), [0]);
        fair.set_current(0);
        assert!(!fair.enqueue(3, 0, SLICES), "0 was given the core for its slice");
        assert_eq!(fair.pick(), [0]);
        // Of 20, 10 and its own the average is 15.
        fair.pass(Nanos(15));
        assert_eq!(fair.pick(), [0]);
        fair.pass(Nanos(1));
        assert_eq!(fair.pick(), [3], "it is ahead of the average");
    }
}
