//! Worst-case response times under fixed priorities with preemption thresholds on one core, non-preemptive execution among them, with
//! arbitrary deadlines and release jitter.
//!
//! Theorem: Y. Wang, M. Saksena, *Scheduling fixed-priority tasks with preemption threshold*, RTCSA 1999; for non-preemptive execution
//! L. George, N. Rivierre, M. Spuri, INRIA RR-2966, 1996, and R. I. Davis, A. Burns, R. J. Bril, J. J. Lukkien, *Controller Area Network (CAN)
//! schedulability analysis: refuted, revisited and revised*, Real-Time Systems 35, 2007: every job of the busy period counts, for the
//! last can push work into the next. With π the priority and γ the threshold, what blocks task i is less urgent, and was begun a
//! nanosecond before:
//!
//! ```text
//! B_i = max { C_j − 1 : π_j < π_i ≤ γ_j }, or 0
//! L = B_i + Σ_{π_j ≥ π_i} ⌈(L + J_j) / T_j⌉ C_j
//! S(q) = B_i + q C_i + Σ_{j ≠ i, π_j ≥ π_i} (1 + ⌊(S(q) + J_j) / T_j⌋) C_j
//! F(q) = S(q) + C_i + Σ_{π_j > γ_i} (⌈(F(q) + J_j) / T_j⌉ − 1 − ⌊(S(q) + J_j) / T_j⌋)⁺ C_j
//! ```
//!
//! (and to B_i the declared bound of inversion is added) are the end of the busy period and, for its jobs q from 0, beginning and end; the response is J_i + F(q) − q T_i. Each is the least
//! that there is. A task of equal priority goes first until i has begun. Offsets are ignored, which is safe. A job that takes no time
//! is counted as one nanosecond.

use super::response_time::{Bound, Demand};
use super::utilisation::{Load, load};
use crate::units::Nanos;

/// At most so many jobs of a busy period are looked at.
const MAX_JOBS: u128 = 1_000_000;
/// At most so many steps of all fixed-point iterations of a task.
const MAX_STEPS: u64 = 50_000_000;
const OVERFLOW: Bound = Bound::Unknown("a time does not fit into 64 bits");

/// How long a job of the task waits at most for what is less urgent: as declared, and for one that has a threshold.
pub fn blocking(tasks: &[Demand], index: usize) -> Nanos {
    let own = tasks[index].priority;
    let blocks = |task: &&Demand| task.priority < own && own <= task.threshold;
    let longest = tasks.iter().filter(blocks).map(|task| task.wcet.0.max(1)).max();
    Nanos(tasks[index].blocking.0.saturating_add(longest.map_or(0, |longest| longest - 1)))
}

/// The responses of task `index` of a set, job by job of the longest busy period.
pub(super) fn responses(tasks: &[Demand], index: usize, jobs: &mut Vec<Nanos>) -> Result<Bound, Bound> {
    let own = &tasks[index];
    let others = || tasks.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, task)| task);
    let first: Vec<&Demand> = others().filter(|task| task.priority >= own.priority).collect();
    let preempting: Vec<&Demand> = others().filter(|task| task.priority > own.threshold).collect();
    let all = || first.iter().copied().chain([own]);
    let blocking = u128::from(blocking(tasks, index).0);
    match load(all()) {
        Load::Above => return Err(Bound::Unbounded),
        Load::Full if blocking > 0 => {
            return Err(Bound::Unknown(
                "those that go first ask for the whole core, and a less urgent job may block it",
            ));
        }
        _ => {}
    }
    let mut steps = 0u64;
    let cost = |task: &Demand| u128::from(task.wcet.0.max(1));
    let until = |at: u128, task: &Demand| (at + u128::from(task.jitter.0)).div_ceil(u128::from(task.period.0.max(1)));
    let by = |at: u128, task: &Demand| 1 + (at + u128::from(task.jitter.0)) / u128::from(task.period.0.max(1));
    let end = fixed_point(&mut steps, 1, |end| {
        all().try_fold(blocking, |sum, task| sum.checked_add(until(end, task).checked_mul(cost(task))?))
    })?;
    let (period, jitter) = (u128::from(own.period.0.max(1)), u128::from(own.jitter.0));
    let (mut begin, mut job) = (0, 0u128);
    while job < until(end, own) {
        if job >= MAX_JOBS {
            return Err(Bound::Unknown("the busy period has more than 1,000,000 jobs"));
        }
        let before = blocking + job * cost(own);
        begin = fixed_point(&mut steps, begin.max(before), |begin| {
            first.iter().try_fold(before, |sum, task| sum.checked_add(by(begin, task).checked_mul(cost(task))?))
        })?;
        let finish = fixed_point(&mut steps, begin + cost(own), |finish| {
            preempting.iter().try_fold(begin + cost(own), |sum, task| {
                let more = until(finish, task).saturating_sub(by(begin, task));
                sum.checked_add(more.checked_mul(cost(task))?)
            })
        })?;
        let response = jitter + finish - job * period;
        jobs.push(Nanos(u64::try_from(response).map_err(|_| OVERFLOW)?));
        job += 1;
    }
    Ok(Bound::Finite(jobs.iter().copied().max().unwrap_or_default()))
}

/// The least fixed point from a value that is below it.
fn fixed_point(steps: &mut u64, from: u128, next: impl Fn(u128) -> Option<u128>) -> Result<u128, Bound> {
    let mut value = from;
    loop {
        *steps += 1;
        if *steps > MAX_STEPS {
            return Err(Bound::Unknown("the fixed points were not reached in 50,000,000 steps"));
        }
        // Whatever is added to it fits too.
        match next(value).filter(|next| next.leading_zeros() > 1) {
            None => return Err(OVERFLOW),
            Some(next) if next <= value => return Ok(value),
            Some(next) => value = next,
        }
    }
}
