//! Worst-case response times under preemptive earliest deadline first, on one core, with arbitrary deadlines and release jitter.
//!
//! Theorem: M. Spuri, *Analysis of deadline scheduled real-time systems*, INRIA RR-2772, 1996. The worst response of task i is that of a job
//! in a busy period (of jobs with no later deadline) in which all other tasks are released together at its start, as late as their jitter
//! has it, and then as often as they can. If that job arrives at a, it is due at d = a + D_i, the first of its task's at
//! s = a − ⌊(a + J_i) / T_i⌋ T_i, and the busy period ends at the least t > 0 with
//!
//! ```text
//! t = Σ_{j ≠ i, D_j − J_j ≤ d} min(⌈(t + J_j) / T_j⌉, ⌊(d + J_j − D_j) / T_j⌋ + 1) C_j
//!     + min(⌈(t − s) / T_i⌉, ⌊(a + J_i) / T_i⌋ + 1) C_i
//! ```
//!
//! (the last summand only where t > s); its response is t − a, and at least J_i + C_i. Only those a from −J_i to the end of the longest
//! busy period count for which d is a deadline of another task, or a the arrival of one of its own that is released first. Jobs that are
//! due together are counted as more urgent: a bound for any order among them. Offsets are ignored, which is safe. A job that takes
//! no time is counted as one nanosecond.

use super::processor_demand::{OVERFLOW, busy_period};
use super::response_time::{Bound, Demand};
use super::utilisation::{Load, load};
use crate::units::Nanos;

/// At most so many steps of all fixed-point iterations of a task.
const MAX_STEPS: u64 = 50_000_000;

/// The worst response of task `index` of a set.
pub fn deadline_response(tasks: &[Demand], index: usize) -> Bound {
    if load(tasks.iter()) == Load::Above {
        return Bound::Unbounded;
    }
    worst(tasks, index).unwrap_or_else(Bound::Unknown)
}

fn worst(tasks: &[Demand], index: usize) -> Result<Bound, &'static str> {
    const UNFINISHED: &str = "the fixed points were not reached in 50,000,000 steps";
    let end = i128::try_from(busy_period(tasks)?).map_err(|_| OVERFLOW)?;
    let tasks: Vec<Periodic> = tasks.iter().map(Periodic::of).collect();
    let own = tasks[index];
    let (mut worst, mut steps) = (own.jitter + own.wcet, 0u64);
    for (other, task) in tasks.iter().enumerate() {
        // Arrivals of the own job: of its own pattern, or due with a job of another's.
        let mut arrival = if other == index { -own.jitter } else { task.deadline - task.jitter - own.deadline };
        if arrival < -own.jitter {
            arrival += (-own.jitter - arrival + task.period - 1) / task.period * task.period;
        }
        while arrival < end {
            steps += 1;
            let response = busy_until(&tasks, index, arrival, &mut steps).ok_or(OVERFLOW)? - arrival;
            worst = worst.max(response);
            if steps > MAX_STEPS {
                return Err(UNFINISHED);
            }
            arrival += task.period;
        }
    }
    u64::try_from(worst).map(|worst| Bound::Finite(Nanos(worst))).map_err(|_| OVERFLOW)
}

/// A task, in numbers with a sign.
#[derive(Debug, Clone, Copy)]
struct Periodic {
    wcet: i128,
    period: i128,
    deadline: i128,
    jitter: i128,
}

impl Periodic {
    fn of(task: &Demand) -> Self {
        let signed = |time: Nanos| i128::from(time.0);
        Self {
            wcet: signed(task.wcet).max(1),
            period: signed(task.period).max(1),
            deadline: signed(task.deadline),
            jitter: signed(task.jitter),
        }
    }
}

/// When the busy period ends whose job of task `index` arrives at that time; none, if that does not fit.
fn busy_until(tasks: &[Periodic], index: usize, arrival: i128, steps: &mut u64) -> Option<i128> {
    let own = tasks[index];
    let due = arrival + own.deadline;
    let before = (arrival + own.jitter) / own.period;
    let first = arrival - before * own.period;
    let work = |end: i128| {
        tasks.iter().enumerate().try_fold(0i128, |sum, (other, task)| {
            let (released, urgent) = if other == index {
                ((end - first + own.period - 1) / own.period, before + 1)
            } else {
                let since = due + task.jitter - task.deadline;
                if since < 0 {
                    return Some(sum);
                }
                ((end + task.jitter + task.period - 1) / task.period, since / task.period + 1)
            };
            sum.checked_add(released.min(urgent).max(0).checked_mul(task.wcet)?).filter(|sum| sum.leading_zeros() > 2)
        })
    };
    // Of what is released in the first nanosecond, whatever that is.
    let mut end = 1;
    loop {
        *steps += 1;
        let next = work(end)?;
        if next <= end || *steps > MAX_STEPS {
            return Some(next.min(end));
        }
        end = next;
    }
}
