//! The worst responses of all tasks of a set at once: what [`response_times`](super::response_time::response_times) says of each, faster.
//!
//! Where priorities are distinct and every time is small enough for words of 64 bits, tasks are looked at from the most urgent one down, and the least fixed point of each is
//! looked for from a time that it cannot be before. Two are known, of which the later is taken. Let W be the least fixed point of the first job of
//! task i, so W = C_i + Σ_{j ∈ hp(i)} ⌈(W + J_j) / T_j⌉ C_j.
//!
//! - W ≥ C_i + w, where w is that of the task k just above it. *Proof.* Let x = W − C_i. In W = C_i + ⌈(W + J_k) / T_k⌉ C_k + Σ_{j ∈ hp(k)} … the second
//!   is at least C_k, and W ≥ x; so x ≥ C_k + Σ_{j ∈ hp(k)} ⌈(x + J_j) / T_j⌉ C_j. Whatever is no less than its image under that monotone function is no less than its
//!   least fixed point, w. ∎ (M. Sjödin, H. Hansson, *Improved response-time analysis calculations*, RTSS 1998.)
//! - W ≥ C_i / (1 − U), where U = Σ_{j ∈ hp(i)} C_j / T_j, for ⌈W / T_j⌉ C_j ≥ W C_j / T_j (the same). U is rounded down here.
//!
//! From a time that is no later than the least fixed point the iteration never goes back, and comes to the least fixed point.

use super::response_time::{Bound, Demand, response_times};
use crate::units::Nanos;

/// Times below this, and sums of a set's, fit.
const SMALL: u64 = 1 << 42;
/// A utilisation of 1.
const ONE: u64 = 1 << 32;
/// Beyond so many steps it is the other's affair.
const MAX_STEPS: u32 = 100_000;

/// The worst response of each task, in the order of the set.
pub fn worst_responses(tasks: &[Demand]) -> Vec<Bound> {
    let slowly = |index: usize| response_times(tasks, index).worst();
    let Some(set) = Set::of(tasks) else { return (0..tasks.len()).map(slowly).collect() };
    let mut worst = vec![Bound::Unbounded; tasks.len()];
    let (mut floor, mut ceiling, mut before) = (0u64, 0u64, 0u64);
    for (place, task) in set.tasks.iter().enumerate() {
        // Of what is more urgent.
        let below = floor;
        floor += task.floor;
        ceiling += task.floor + 1;
        let start = (task.wcet + before).max(task.wcet.saturating_mul(ONE) / (ONE - below.min(ONE - 1)));
        let found = if ceiling <= ONE { set.response(place, start) } else { None };
        before = found.map_or(0, |(first, _)| first);
        worst[task.index] = found.map_or_else(|| slowly(task.index), |(_, worst)| Bound::Finite(Nanos(worst)));
    }
    worst
}

/// What is needed of a task, in words.
#[derive(Debug, Clone, Copy)]
struct Small {
    index: usize,
    priority: u32,
    wcet: u64,
    period: u64,
    jitter: u64,
    /// C / T in parts of 2³², rounded down.
    floor: u64,
}

/// The tasks, the most urgent first.
struct Set {
    tasks: Vec<Small>,
}

impl Set {
    /// None, where a rule is missing here or a number may be too large.
    fn of(tasks: &[Demand]) -> Option<Self> {
        let mut small = Vec::with_capacity(tasks.len());
        for (index, task) in tasks.iter().enumerate() {
            let Demand { wcet: Nanos(wcet), period: Nanos(period), jitter: Nanos(jitter), priority, .. } = *task;
            let plain = task.blocking == Nanos(0) && task.threshold <= priority;
            // A utilisation above 1 is not for this.
            if !plain || wcet == 0 || wcet > period || period >= SMALL || jitter >= SMALL {
                return None;
            }
            let floor = ((u128::from(wcet) << 32) / u128::from(period)) as u64;
            small.push(Small { index, priority, wcet, period, jitter, floor });
        }
        small.sort_unstable_by_key(|task| std::cmp::Reverse(task.priority));
        let distinct = small.windows(2).all(|pair| pair[0].priority != pair[1].priority);
        distinct.then_some(Self { tasks: small })
    }

    /// How long the first job's busy window is, and the worst response, where that is at most so.
    fn response(&self, place: usize, start: u64) -> Option<(u64, u64)> {
        let (urgent, own) = (&self.tasks[..place], &self.tasks[place]);
        let (mut window, mut first, mut worst, mut steps) = (start, 0, 0, 0);
        for job in 0.. {
            let own_demand = (job + 1) * own.wcet;
            window = window.max(own_demand);
            loop {
                let interference = urgent.iter().map(|task| (window + task.jitter).div_ceil(task.period) * task.wcet);
                let next = own_demand + interference.sum::<u64>();
                steps += 1;
                if next >= SMALL || steps > MAX_STEPS {
                    return None;
                }
                debug_assert!(next >= window, "it began after the least fixed point");
                if next == window {
                    break;
                }
                window = next;
            }
            if job == 0 {
                first = window;
            }
            worst = worst.max(own.jitter + window - job * own.period);
            if window + own.jitter <= (job + 1) * own.period {
                break;
            }
        }
        Some((first, worst))
    }
}
