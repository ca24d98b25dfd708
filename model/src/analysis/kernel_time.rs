//! What a kernel that takes time of its own adds to a task set under preemptive fixed priorities.
//!
//! Theorem: D. I. Katcher, H. Arakawa, J. K. Strosnider, *Engineering and analysis of fixed priority schedulers*, IEEE TSE 19(9), 1993 (event-driven
//! scheduling); A. Burns, K. Tindell, A. Wellings, *Effective analysis for engineering real-time fixed priority schedulers*, IEEE TSE
//! 21(5), 1995. With bounds W on what waking one context up takes, S on a switch from one context to another, and interrupts of at most I that
//! begin at least T_I apart:
//!
//! - a job preempts at most once, and is preempted by jobs that account for themselves: it costs C + W + 2 S;
//! - waking up a less urgent context takes W from everybody, however urgent: a task of the highest priority for each less urgent task,
//!   with its period and jitter;
//! - interrupts are a task of the highest priority, with I and T_I.
//!
//! [`super::response_time`] bounds the responses of that set, from the nominal release on. The first instruction of a job is bounded by the response
//! of a job that would do nothing more, given that the one before it has ended, which holds where the response is within the period.

use super::response_time::{Bound, Demand, response_times};
use crate::units::Nanos;

/// What the kernel takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelTime {
    /// W.
    pub wake_up: Nanos,
    /// S.
    pub context_switch: Nanos,
    /// I.
    pub interrupt: Nanos,
    /// T_I; 0 if there are none.
    pub interrupt_every: Nanos,
}

/// The bounds of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithKernel {
    /// From its release to a job's first instruction.
    pub wake_up: Bound,
    /// From its release to a job's last.
    pub response: Bound,
}

/// Bounds task `index` of a set without thresholds, under preemptive fixed priorities.
pub fn with_kernel(tasks: &[Demand], index: usize, kernel: &KernelTime) -> WithKernel {
    let own = &tasks[index];
    let overhead =
        |switches: u64| Nanos(kernel.wake_up.0.saturating_add(kernel.context_switch.0.saturating_mul(switches)));
    let charged = |task: &Demand| Demand { wcet: Nanos(task.wcet.0.saturating_add(overhead(2).0)), ..task.clone() };
    let mut set = vec![charged(own)];
    let others = tasks.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, task)| task);
    set.extend(others.map(|task| {
        if task.priority >= own.priority {
            charged(task)
        } else {
            Demand { wcet: kernel.wake_up, priority: u32::MAX, threshold: u32::MAX, blocking: Nanos(0), ..task.clone() }
        }
    }));
    if kernel.interrupt_every > Nanos(0) {
        set.push(Demand {
            name: "interrupt".into(),
            wcet: kernel.interrupt,
            period: kernel.interrupt_every,
            deadline: kernel.interrupt_every,
            priority: u32::MAX,
            threshold: u32::MAX,
            ..Demand::default()
        });
    }
    let response = response_times(&set, 0).worst();
    set[0].wcet = overhead(1);
    let wake_up = match response {
        Bound::Finite(response) if response <= own.period => response_times(&set, 0).worst(),
        Bound::Finite(_) => Bound::Unknown("a job may be released before the one before it has ended"),
        other => other,
    };
    WithKernel { wake_up, response }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, priority: u32, wcet: u64, period: u64) -> Demand {
        let period = Nanos(period);
        Demand {
            name: name.into(),
            wcet: Nanos(wcet),
            period,
            deadline: period,
            priority,
            threshold: priority,
            ..Demand::default()
        }
    }

    fn bounds(tasks: &[Demand], kernel: &KernelTime) -> Vec<(Bound, Bound)> {
        let of = |index| with_kernel(tasks, index, kernel);
        (0..tasks.len()).map(of).map(|of| (of.wake_up, of.response)).collect()
    }

    #[test]
    fn by_hand() {
        let tasks = [task("high", 2, 100, 1_000), task("low", 1, 300, 2_000)];
        let kernel = KernelTime {
            wake_up: Nanos(10),
            context_switch: Nanos(3),
            interrupt: Nanos(5),
            interrupt_every: Nanos(400),
        };
        // high: 100 + 10 + 6 = 116 of its own, 10 for waking low, one interrupt: 131; its first instruction: 13 + 10 + 5 = 28.
        // low: 316 of its own, 116 of high's, and two interrupts, for 432 + 5 > 400: 442; its first instruction: 13 + 116 + 5 = 134.
        let finite = |ns| Bound::Finite(Nanos(ns));
        assert_eq!(bounds(&tasks, &kernel), [(finite(28), finite(131)), (finite(134), finite(442))]);
    }

    #[test]
    fn a_kernel_that_takes_nothing_adds_nothing() {
        let tasks = [task("high", 2, 100, 1_000), task("low", 1, 300, 2_000)];
        let plain: Vec<Bound> = (0..2).map(|index| response_times(&tasks, index).worst()).collect();
        let with: Vec<Bound> =
            bounds(&tasks, &KernelTime::default()).into_iter().map(|(_, response)| response).collect();
        assert_eq!(with, plain);
    }

    #[test]
    fn where_jobs_overlap_no_first_instruction_is_bounded() {
        let tasks = [task("high", 2, 52, 100), task("low", 1, 52, 140)];
        let kernel = KernelTime::default();
        let low = with_kernel(&tasks, 1, &kernel);
        assert_eq!(low.response, Bound::Finite(Nanos(156)));
        assert!(matches!(low.wake_up, Bound::Unknown(_)), "{low:?}");
    }
}
