//! Sensitivity: by how much may the execution time of one task grow, all others as they are, before the analysis no longer finds every
//! deadline met? To the nanosecond, by bisection: every test here is monotone, for more to execute never lowers a bound nor the demand.
//!
//! Source: S. Punnekkat, R. Davis, A. Burns, *Sensitivity analysis of real-time task sets*, ASIAN 1997 (bisection over a test that is
//! sustainable).

use super::processor_demand::{DemandVerdict, Preemption, processor_demand};
use super::response_time::{Bound, Demand};
use super::schedulability::Discipline;
use super::worst_responses::worst_responses;
use crate::units::Nanos;

/// By how much an execution time may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margin {
    /// So much, and not a nanosecond more.
    Exactly(Nanos),
    /// So much; for more the analysis was given up, for this reason.
    AtLeast(Nanos, &'static str),
    /// Not every deadline is known to be met as it is.
    None,
}

/// Does the analysis find every deadline met?
///
/// # Errors
/// If it was given up: why.
pub fn is_schedulable(tasks: &[Demand], discipline: Discipline) -> Result<bool, &'static str> {
    let preemption = match discipline {
        Discipline::FixedPriority | Discipline::Thresholds => {
            for (task, worst) in tasks.iter().zip(worst_responses(tasks)) {
                match worst {
                    Bound::Finite(worst) if worst <= task.deadline => {}
                    Bound::Finite(_) | Bound::Unbounded => return Ok(false),
                    Bound::Unknown(why) => return Err(why),
                }
            }
            return Ok(true);
        }
        Discipline::EarliestDeadline => Preemption::Preemptive,
        Discipline::NonPreemptiveDeadline => Preemption::NonPreemptive,
    };
    match processor_demand(tasks, preemption).verdict {
        DemandVerdict::Met => Ok(true),
        DemandVerdict::Exceeded { .. } | DemandVerdict::Overload => Ok(false),
        DemandVerdict::Unknown(why) => Err(why),
    }
}

/// By how much the execution time of task `index` may grow.
pub fn margin(tasks: &[Demand], discipline: Discipline, index: usize) -> Margin {
    let mut tasks = tasks.to_vec();
    if is_schedulable(&tasks, discipline) != Ok(true) {
        return Margin::None;
    }
    let own = tasks[index].wcet.0;
    // A job that takes more than its deadline misses it.
    let (mut good, mut bad, mut gave_up) = (own, tasks[index].deadline.0.saturating_add(1), None);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        tasks[index].wcet = Nanos(middle);
        match is_schedulable(&tasks, discipline) {
            Ok(true) => good = middle,
            Ok(false) => (bad, gave_up) = (middle, None),
            Err(why) => (bad, gave_up) = (middle, Some(why)),
        }
    }
    match gave_up {
        None => Margin::Exactly(Nanos(good - own)),
        Some(why) => Margin::AtLeast(Nanos(good - own), why),
    }
}
