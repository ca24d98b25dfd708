//! The processor demand of a task set under earliest deadline first, on one core, and whether it can ever be more than the time there is.
//!
//! Theorem: S. K. Baruah, L. E. Rosier, R. R. Howell, *Algorithms and complexity concerning the preemptive scheduling of periodic, real-time
//! tasks on one processor*, Real-Time Systems 2(4), 1990: every deadline is met ⟺ for every t > 0, h(t) ≤ t, where
//!
//! ```text
//! h(t) = Σ_{t ≥ D_i − J_i} (⌊(t + J_i − D_i) / T_i⌋ + 1) C_i
//! ```
//!
//! is what jobs ask for that are released and due within the first t of all being released together as late as their jitter has it (with
//! jitter: M. Spuri, *Analysis of deadline scheduled real-time systems*, INRIA RR-2772, 1996). It is enough to look at deadlines t before
//! the end of the longest busy period, and before Σ (T_i + J_i − D_i)⁺ U_i / (1 − U), or, if U = 1, before the hyperperiod and the largest
//! D. *Quick processor-demand analysis* (F. Zhang, A. Burns,
//! IEEE Transactions on Computers 58(9), 2009) looks at few of them, from the last one down: from t it goes to h(t), for what lies between
//! has h no larger; where h(t) = t, to the deadline before t.
//!
//! Non-preemptive: R. Jeffay, D. F. Stanat, C. U. Martel, *On non-preemptive scheduling of periodic and sporadic tasks*, RTSS 1991; L. George,
//! N. Rivierre, M. Spuri, *Preemptive and non-preemptive real-time uniprocessor scheduling*, INRIA RR-2966, 1996: every deadline is met
//! ⟺ for every t, h(t) + max_{D_j − J_j > t} (C_j − 1) ≤ t. What is less urgent keeps the core for all but the one nanosecond by which it must have
//! begun earlier. Between the D_j − J_j that is a constant, and quick analysis is made of each such range.
//!
//! Without jitter and with equal offsets the preemptive test is exact. Otherwise it holds for any arrivals that are at least a period
//! apart; those of the system may never come together so. A job that takes no time is counted as one nanosecond.

use super::response_time::Demand;
use super::utilisation::{Fraction, Load, ONE, bounds, least_common_multiple, load};
use crate::units::Nanos;

/// May a job that was begun be preempted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preemption {
    /// At any time.
    Preemptive,
    /// Never.
    NonPreemptive,
}

/// What the test says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessorDemand {
    /// Whether the demand is ever too much.
    pub verdict: DemandVerdict,
    /// Deadlines before this decide; there is none where nothing had to be looked at.
    pub limit: Option<u128>,
    /// At how many points the demand was computed.
    pub points: u64,
}

/// Whether the demand is ever more than the time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemandVerdict {
    /// Never: every deadline is met.
    Met,
    /// At that time after all are released together, in nanoseconds, jobs that are due ask for so much.
    Exceeded {
        /// The time.
        at: u128,
        /// What they ask for.
        demand: u128,
        /// Of that, what a less urgent job keeps them waiting.
        blocking: u128,
    },
    /// The tasks ask for more than the whole core.
    Overload,
    /// The test was given up, for this reason.
    Unknown(&'static str),
}

/// At most so many points are looked at.
const MAX_POINTS: u64 = 10_000_000;
/// The busy period is looked for beyond so many times the last first deadline.
const FAR: u128 = 1024;
/// At most so many steps to the end of the busy period.
const MAX_STEPS: u64 = 1_000_000;
pub(super) const OVERFLOW: &str = "a time does not fit into 128 bits";

/// h(t); none, if it does not fit.
pub fn demand(tasks: &[Demand], t: u128) -> Option<u128> {
    tasks.iter().try_fold(0u128, |sum, task| {
        let (Some(since), period) =
            (t.checked_add(task.jitter.0.into())?.checked_sub(task.deadline.0.into()), task.period.0)
        else {
            return Some(sum);
        };
        let jobs = since / u128::from(period.max(1)) + 1;
        sum.checked_add(jobs.checked_mul(task.wcet.0.max(1).into())?)
    })
}

/// The longest busy period: the least t > 0 with Σ ⌈(t + J_i) / T_i⌉ C_i = t. In nanoseconds.
pub(super) fn busy_period(tasks: &[Demand]) -> Result<u128, &'static str> {
    let mut end: u128 = tasks.iter().map(|task| u128::from(task.wcet.0.max(1))).sum();
    for _ in 0..MAX_STEPS {
        let work = tasks.iter().try_fold(0u128, |sum, task| {
            let jobs = (end + u128::from(task.jitter.0)).div_ceil(task.period.0.max(1).into());
            sum.checked_add(jobs.checked_mul(task.wcet.0.max(1).into())?)
        });
        // Whatever is added to it fits too.
        match work.filter(|work| work.leading_zeros() > 1) {
            None => return Err(OVERFLOW),
            Some(work) if work == end => return Ok(end),
            Some(work) => end = work,
        }
    }
    Err("the busy period did not end within 1,000,000 steps")
}

/// Σ (T + J − D)⁺ U / (1 − U), rounded up, in nanoseconds: demand that is more than the time there is, is so before. None, if it does
/// not fit or the utilisation is not known to be below 1.
pub fn slack_limit(tasks: &[Demand]) -> Option<u128> {
    let slack =
        |task: &Demand| (u128::from(task.period.0) + u128::from(task.jitter.0)).saturating_sub(task.deadline.0.into());
    let exact = || {
        let of = |task: &Demand| (u128::from(task.wcet.0.max(1)), u128::from(task.period.0.max(1)));
        let used = Fraction::sum(tasks.iter().map(of))?;
        let terms: Option<Vec<_>> =
            tasks.iter().map(|task| Some((of(task).0.checked_mul(slack(task))?, of(task).1))).collect();
        let above = Fraction::sum(terms?.into_iter())?;
        let left = used.denominator.checked_sub(used.numerator).filter(|left| *left > 0)?;
        let (numerator, denominator) =
            (above.numerator.checked_mul(used.denominator)?, above.denominator.checked_mul(left)?);
        Some(numerator.div_ceil(denominator))
    };
    let rounded = || {
        let left = ONE.checked_sub(bounds(tasks.iter()).1).filter(|left| *left > 0)?;
        let parts = |task: &Demand| (u128::from(task.wcet.0.max(1)) << 64).div_ceil(task.period.0.max(1).into());
        let sum = tasks.iter().try_fold(0u128, |sum, task| sum.checked_add(parts(task).checked_mul(slack(task))?))?;
        Some(sum.div_ceil(left))
    };
    exact().or_else(rounded)
}

/// A hyperperiod after the last first deadline: where the core is asked for to the full, h(t + H) = h(t) + H from there on. None, if it
/// does not fit.
fn hyperperiod_limit(tasks: &[Demand]) -> Option<u128> {
    let last = tasks.iter().map(|task| u128::from(task.deadline.0)).max()?;
    least_common_multiple(tasks.iter().map(|task| task.period.0.max(1).into()))?.checked_add(last)
}

/// The last deadline before t, if there is one. No jitter is longer than its deadline.
fn last_deadline_before(tasks: &[Demand], t: u128) -> Option<u128> {
    let last = |task: &Demand| {
        let first = u128::from(task.deadline.0).saturating_sub(task.jitter.0.into());
        let since = t.checked_sub(first)?.checked_sub(1)?;
        let period = u128::from(task.period.0.max(1));
        Some(first + since / period * period)
    };
    tasks.iter().filter_map(last).max()
}

/// Compares demand with time.
pub fn processor_demand(tasks: &[Demand], preemption: Preemption) -> ProcessorDemand {
    let mut test = ProcessorDemand { verdict: DemandVerdict::Met, limit: None, points: 0 };
    test.verdict = decide(tasks, preemption, &mut test).unwrap_or_else(DemandVerdict::Unknown);
    // What takes no time was counted as more than it is.
    if matches!(test.verdict, DemandVerdict::Exceeded { .. }) && tasks.iter().any(|task| task.wcet == Nanos(0)) {
        test.verdict = DemandVerdict::Unknown(
            "a job that takes no time was counted as one nanosecond, and with that it is too much",
        );
    }
    test
}

fn decide(tasks: &[Demand], preemption: Preemption, test: &mut ProcessorDemand) -> Result<DemandVerdict, &'static str> {
    let load = load(tasks.iter());
    if load == Load::Above {
        return Ok(DemandVerdict::Overload);
    }
    // One that may be released only after its deadline is late by itself.
    if let Some(task) = tasks.iter().find(|task| task.jitter >= task.deadline) {
        return Ok(DemandVerdict::Exceeded { at: 0, demand: task.wcet.0.max(1).into(), blocking: 0 });
    }
    let takes_no_time = tasks.iter().any(|task| task.wcet == Nanos(0));
    let slack = if load == Load::Below && !takes_no_time { slack_limit(tasks) } else { None };
    let is_implicit =
        tasks.iter().all(|task| u128::from(task.deadline.0) >= u128::from(task.period.0) + u128::from(task.jitter.0));
    if is_implicit && preemption == Preemption::Preemptive && load != Load::Undecided && !takes_no_time {
        return Ok(DemandVerdict::Met);
    }
    let first_due = |task: &Demand| u128::from(task.deadline.0) - u128::from(task.jitter.0);
    let mut limit = match (slack, load) {
        (None, Load::Full) if !takes_no_time => hyperperiod_limit(tasks),
        (slack, _) => slack,
    };
    let mut blocking: Vec<(u128, u128)> = Vec::new();
    if preemption == Preemption::NonPreemptive {
        // Of those that are due later than t; beyond the last of them nobody blocks.
        blocking = tasks.iter().map(|task| (first_due(task), u128::from(task.wcet.0.max(1)) - 1)).collect();
    }
    let last_blocked = blocking.iter().map(|(due, _)| *due).max().unwrap_or(0);
    let last_due = tasks.iter().map(first_due).max().unwrap_or(0);
    let mut busy = None;
    let mut from = 0;
    loop {
        // The end of the busy period may be far off, and what is too much is mostly so early: it is looked for when it matters.
        if busy.is_none() && (limit.is_none() || from >= FAR * last_due) {
            busy = Some(busy_period(tasks));
            limit = match busy {
                Some(Ok(end)) => Some(limit.map_or(end, |limit| limit.min(end))),
                Some(Err(why)) => Some(limit.ok_or(why)?),
                None => limit,
            };
        }
        let until_all = limit.ok_or(OVERFLOW)?.max(last_blocked);
        test.limit = Some(until_all);
        if from >= until_all {
            return Ok(DemandVerdict::Met);
        }
        // A range in which who may block is the same, and by how much; then ranges twice as long as all before.
        let next = blocking.iter().map(|(due, _)| *due).filter(|due| *due > from).min();
        let until = next.unwrap_or(from.max(last_due).saturating_mul(2)).min(until_all);
        let by = blocking.iter().filter(|(due, _)| *due > from).map(|(_, by)| *by).max().unwrap_or(0);
        let mut at = last_deadline_before(tasks, until);
        while let Some(t) = at.filter(|t| *t >= from) {
            test.points += 1;
            if test.points > MAX_POINTS {
                return Err("the demand was computed at 10,000,000 points, and more are left");
            }
            let asked = demand(tasks, t).and_then(|demand| demand.checked_add(by)).ok_or(OVERFLOW)?;
            if asked > t {
                return Ok(DemandVerdict::Exceeded { at: t, demand: asked, blocking: by });
            }
            at = if asked < t { Some(asked) } else { last_deadline_before(tasks, t) };
            if asked == 0 {
                break;
            }
        }
        from = until;
    }
}
