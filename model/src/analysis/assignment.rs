//! Audsley's optimal priority assignment: if any fixed priorities meet every deadline by the analysis, so do these.
//!
//! Theorem: N. C. Audsley, *On priority assignment in fixed priority scheduling*, Information Processing Letters 79(1), 2001. Whether a task
//! meets its deadline depends on which tasks are more urgent, and not on their order among themselves; so whatever task does at the lowest
//! priority that is left may have that one. For non-preemptive execution, where the less urgent block: L. George, N. Rivierre, M. Spuri, INRIA
//! RR-2966, 1996. It is optimal for the [response times](super::response_time) that it goes by, which ignore offsets.

use super::processor_demand::Preemption;
use super::response_time::{Bound, Demand, response_times};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// The priority of each task, from 0; larger is more urgent.
    Found(Vec<u32>),
    /// There is none: at this priority, from 0, none of the tasks that are left meets its deadline.
    None {
        /// Which priority.
        level: u32,
    },
    /// For some task at that priority no bound was found, and without it there is none.
    Unknown(&'static str),
}

/// Assigns priorities to tasks with distinct ones. Of several that may have a priority it takes the one with the latest deadline, and then the
/// last: so the result is deadline monotonic where that will do.
pub fn audsley(tasks: &[Demand], preemption: Preemption) -> Assignment {
    let Ok(above) = u32::try_from(tasks.len()) else { return Assignment::Unknown("there are too many tasks") };
    // All are above the priorities that are given away, until they have one.
    let mut set: Vec<Demand> = tasks.to_vec();
    set.iter_mut().for_each(|task| (task.priority, task.threshold) = (above, above));
    let mut left: Vec<usize> = (0..tasks.len()).collect();
    left.sort_by_key(|index| (tasks[*index].deadline, *index));
    for level in 0..above {
        let mut unknown = None;
        let meets = |index: usize, set: &mut [Demand], unknown: &mut Option<&'static str>| {
            let threshold = if preemption == Preemption::Preemptive { level } else { above };
            (set[index].priority, set[index].threshold) = (level, threshold);
            match response_times(set, index).worst() {
                Bound::Finite(worst) if worst <= set[index].deadline => return true,
                Bound::Finite(_) | Bound::Unbounded => {}
                Bound::Unknown(why) => *unknown = Some(why),
            }
            (set[index].priority, set[index].threshold) = (above, above);
            false
        };
        let found = (0..left.len()).rev().find(|place| meets(left[*place], &mut set, &mut unknown));
        match (found, unknown) {
            (Some(place), _) => _ = left.remove(place),
            (None, Some(why)) => return Assignment::Unknown(why),
            (None, None) => return Assignment::None { level },
        }
    }
    Assignment::Found(set.iter().map(|task| task.priority).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    fn set(tasks: &[(u64, u64, u64)]) -> Vec<Demand> {
        let demand = |&(wcet, deadline, period): &(u64, u64, u64)| Demand {
            wcet: Nanos(wcet),
            deadline: Nanos(deadline),
            period: Nanos(period),
            ..Demand::default()
        };
        tasks.iter().map(demand).collect()
    }

    /// Every order of so many.
    fn orders(count: u32) -> Vec<Vec<u32>> {
        let Some(last) = count.checked_sub(1) else { return vec![vec![]] };
        let shorter = orders(last);
        let with = |order: &Vec<u32>, at: usize| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        };
        shorter.iter().flat_map(|order| (0..=order.len()).map(|at| with(order, at)).collect::<Vec<_>>()).collect()
    }

    fn works(tasks: &[Demand], priorities: &[u32], preemption: Preemption) -> bool {
        let mut set = tasks.to_vec();
        for (task, priority) in set.iter_mut().zip(priorities) {
            let threshold = if preemption == Preemption::Preemptive { *priority } else { 99 };
            (task.priority, task.threshold) = (*priority, threshold);
        }
        let meets = |index: usize| match response_times(&set, index).worst() {
            Bound::Finite(worst) => worst <= set[index].deadline,
            _ => false,
        };
        (0..set.len()).all(meets)
    }

    /// Against every order there is, over all sets of a small grid.
    #[test]
    fn it_finds_priorities_if_and_only_if_there_are_any() {
        let (mut found, mut none, mut not_monotonic) = (0, 0, 0);
        let mut state = 1u64;
        let mut next = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for _ in 0..2000 {
            let one = |next: &mut dyn FnMut(u64) -> u64| (1 + next(5), 3 + next(30), 6 + next(20));
            let tasks = set(&[one(&mut next), one(&mut next), one(&mut next), one(&mut next)]);
            for preemption in [Preemption::Preemptive, Preemption::NonPreemptive] {
                let some = orders(4).iter().any(|order| works(&tasks, order, preemption));
                match audsley(&tasks, preemption) {
                    Assignment::Found(priorities) => {
                        assert!(works(&tasks, &priorities, preemption), "{tasks:?}: {priorities:?}");
                        let mut by_deadline: Vec<usize> = (0..4).collect();
                        by_deadline.sort_by_key(|index| std::cmp::Reverse(priorities[*index]));
                        not_monotonic += u32::from(!by_deadline.is_sorted_by_key(|index| tasks[*index].deadline));
                        found += 1;
                    }
                    Assignment::None { .. } => {
                        assert!(!some, "{tasks:?}");
                        none += 1;
                    }
                    Assignment::Unknown(_) => {}
                }
            }
        }
        assert!(found > 200 && none > 200 && not_monotonic > 20, "{found} {none} {not_monotonic}");
    }
}
