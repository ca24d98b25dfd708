//! Whether a task set passes a [test](Test). The tests of response times stop at the first deadline that is missed; that they say what
//! [`response_times`] says, a test holds.
//!
//! Sources: C. L. Liu, J. W. Layland, Journal of the ACM 20(1), 1973: Σ U ≤ n (2^(1/n) − 1), which is (1 + Σ U / n)ⁿ ≤ 2; E. Bini, G. C. Buttazzo,
//! G. M. Buttazzo, *Rate monotonic analysis: the hyperbolic bound*, IEEE Transactions on Computers 52(7), 2003: Π (U_i + 1) ≤ 2; M. Joseph,
//! P. Pandya, *Finding response times in a real-time system*, The Computer Journal 29(5), 1986. In the two bounds U is C over the lesser of
//! period and deadline. They are rounded against acceptance, in parts of 2⁶⁰.

use super::processor_demand::{DemandVerdict, Preemption, processor_demand};
use super::response_time::{Bound, Demand, response_times};
use crate::sweep::Test;

/// Does the set pass? Tasks have deadlines no later than their periods and no jitter; their priorities and thresholds are set as the test has
/// it.
///
/// # Errors
/// If that was not found out: why.
pub fn passes(test: Test, tasks: &mut [Demand]) -> Result<bool, &'static str> {
    match test {
        Test::LiuLayland => Ok(within_liu_layland(tasks)),
        Test::Hyperbolic => Ok(within_hyperbolic(tasks)),
        Test::RateMonotonic => {
            tasks.sort_by_key(|task| task.period);
            Ok(meets_by_priority(tasks))
        }
        Test::DeadlineMonotonic => {
            tasks.sort_by_key(|task| task.deadline);
            Ok(meets_by_priority(tasks))
        }
        Test::NonPreemptive => {
            tasks.sort_by_key(|task| task.deadline);
            for (priority, task) in (0..).zip(tasks.iter_mut().rev()) {
                (task.priority, task.threshold) = (priority, u32::MAX);
            }
            for index in 0..tasks.len() {
                match response_times(tasks, index).worst() {
                    Bound::Finite(worst) if worst <= tasks[index].deadline => {}
                    Bound::Finite(_) | Bound::Unbounded => return Ok(false),
                    Bound::Unknown(why) => return Err(why),
                }
            }
            Ok(true)
        }
        Test::EarliestDeadline => within_demand(tasks, Preemption::Preemptive),
        Test::NonPreemptiveDeadline => within_demand(tasks, Preemption::NonPreemptive),
    }
}

fn within_demand(tasks: &[Demand], preemption: Preemption) -> Result<bool, &'static str> {
    match processor_demand(tasks, preemption).verdict {
        DemandVerdict::Met => Ok(true),
        DemandVerdict::Exceeded { .. } | DemandVerdict::Overload => Ok(false),
        DemandVerdict::Unknown(why) => Err(why),
    }
}

/// What is 1 where the bounds are computed.
const ONE: u128 = 1 << 60;

fn density(task: &Demand) -> u128 {
    (u128::from(task.wcet.0) << 60).div_ceil(task.period.min(task.deadline).0.max(1).into())
}

/// Is the product at most 2? It is rounded up.
fn is_at_most_two(factors: impl Iterator<Item = u128>) -> bool {
    let mut product = ONE;
    for factor in factors {
        if factor > 2 * ONE {
            return false;
        }
        product = (product * factor).div_ceil(ONE);
        if product > 2 * ONE {
            return false;
        }
    }
    true
}

fn within_liu_layland(tasks: &[Demand]) -> bool {
    let sum = tasks.iter().fold(0u128, |sum, task| sum.saturating_add(density(task)));
    let factor = ONE.saturating_add(sum.div_ceil(tasks.len().max(1) as u128));
    is_at_most_two(tasks.iter().map(|_| factor))
}

fn within_hyperbolic(tasks: &[Demand]) -> bool {
    is_at_most_two(tasks.iter().map(|task| ONE.saturating_add(density(task))))
}

/// Does each of the tasks, the most urgent first, respond by its deadline, which is no later than its period?
fn meets_by_priority(tasks: &[Demand]) -> bool {
    let mut before = 0u64;
    for (index, task) in tasks.iter().enumerate() {
        // The response of the more urgent one and the own execution are no more than the own response.
        let Some(mut response) = before.checked_add(task.wcet.0) else { return false };
        loop {
            if response > task.deadline.0 {
                return false;
            }
            // What does not fit is beyond any deadline.
            let next = tasks[..index].iter().try_fold(task.wcet.0, |sum, urgent| {
                sum.checked_add(response.div_ceil(urgent.period.0.max(1)).checked_mul(urgent.wcet.0)?)
            });
            match next {
                None => return false,
                Some(next) if next <= response => break,
                Some(next) => response = next,
            }
        }
        before = response;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    fn set(tasks: &[(u64, u64)]) -> Vec<Demand> {
        let of = |&(wcet, period): &(u64, u64)| Demand {
            wcet: Nanos(wcet),
            period: Nanos(period),
            deadline: Nanos(period),
            ..Demand::default()
        };
        tasks.iter().map(of).collect()
    }

    #[test]
    fn the_bounds_are_where_they_are_published() {
        // For two tasks of the same utilisation 0.828427…: n (2^(1/n) − 1) = 2 (√2 − 1).
        let pair = |each: u64| set(&[(each, 1_000_000_000), (each, 1_000_000_000)]);
        assert!(within_liu_layland(&pair(414_213_562)) && within_hyperbolic(&pair(414_213_562)));
        assert!(!within_liu_layland(&pair(414_213_563)) && !within_hyperbolic(&pair(414_213_563)));
        // For three 0.779763…, for one 1.
        let three = |each: u64| set(&[(each, 1_000_000_000); 3]);
        assert!(within_liu_layland(&three(259_921_049)) && !within_liu_layland(&three(259_921_050)));
        assert!(within_liu_layland(&set(&[(7, 7)])) && !within_liu_layland(&set(&[(8, 7)])));
        // Unequal ones are what the hyperbolic bound sees: 0.59 + 0.25 = 0.84 > 0.828, and 1.59 · 1.25 = 1.9875 ≤ 2.
        assert!(within_hyperbolic(&set(&[(59, 100), (25, 100)])) && !within_liu_layland(&set(&[(59, 100), (25, 100)])));
        assert!(!within_hyperbolic(&set(&[(61, 100), (25, 100)])));
    }

    #[test]
    fn the_quick_loop_says_what_the_response_times_say() {
        let mut state = 7u64;
        let mut next = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        let mut passed = 0;
        for _ in 0..3000 {
            let mut tasks = set(&(0..4).map(|_| (1 + next(6), 6 + next(30))).collect::<Vec<_>>());
            tasks.iter_mut().for_each(|task| task.deadline.0 = task.wcet.0 + next(task.period.0 - task.wcet.0 + 1));
            let quick = passes(Test::DeadlineMonotonic, &mut tasks).unwrap();
            for (priority, task) in (0..).zip(tasks.iter_mut().rev()) {
                (task.priority, task.threshold) = (priority, priority);
            }
            let meets = |index: usize| match response_times(&tasks, index).worst() {
                Bound::Finite(worst) => worst <= tasks[index].deadline,
                _ => false,
            };
            assert_eq!(quick, (0..4).all(meets), "{tasks:?}");
            passed += u32::from(quick);
        }
        assert!(passed > 300 && passed < 2700, "{passed}");
    }
}
