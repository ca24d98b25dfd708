//! Task sets with known responses.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::analysis::response_time::{Bound, response_times, task_set};
use lacuna_model::profile::Profile;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Run, simulate};
use proptest::prelude::*;
use support::{T, rate_monotonic};

const MS: u64 = 1_000_000;

fn run(tasks: &[T], unit: u64, horizon: u64) -> Run {
    let system = support::task_set(tasks, unit);
    let objects = support::objects(&system, &Profile::ideal());
    let policy = FixedPriority::new(&system.scheduling_contexts);
    simulate(&objects, policy, &mut Seeded::new(1), &Options::new(Nanos(horizon))).unwrap()
}

fn worst(run: &Run) -> Vec<u64> {
    run.summary.contexts.iter().map(|context| context.response_ns.unwrap().max).collect()
}

fn bounds(tasks: &[T], unit: u64) -> Vec<u64> {
    let demands = task_set(&support::task_set(tasks, unit)).unwrap();
    let bound = |index| match response_times(&demands, index).worst() {
        Bound::Finite(bound) => bound.0,
        other => panic!("{other:?}"),
    };
    (0..tasks.len()).map(bound).collect()
}

/// A set that is often tested, of no known source; its responses are recomputed.
#[test]
fn responses_at_the_critical_instant() {
    let tasks = rate_monotonic(&[(1, 4), (1, 5), (3, 9), (3, 18)]);
    let run = run(&tasks, MS, 10_000 * MS);
    assert_eq!(worst(&run), [MS, 2 * MS, 7 * MS, 18 * MS]);
    assert_eq!(worst(&run), bounds(&tasks, MS));
    let jobs: Vec<_> = run.summary.contexts.iter().map(|context| (context.jobs, context.missed)).collect();
    assert_eq!(jobs, [(2500, 0), (2000, 0), (1112, 0), (556, 0)]);
}

/// Lehoczky 1990: deadlines beyond the period.
#[test]
fn responses_with_arbitrary_deadlines() {
    for (set, expected) in
        [([(52, 100), (52, 140)], [52, 156]), ([(52, 140), (52, 100)], [52, 108]), ([(26, 70), (62, 100)], [26, 118])]
    {
        let tasks = rate_monotonic(&set);
        let run = run(&tasks, MS, 10_000 * MS);
        assert_eq!(worst(&run), expected.map(|response| response * MS));
        assert_eq!(worst(&run), bounds(&tasks, MS));
    }
}

/// Random sets of at most so many tasks, distinct priorities in any order.
fn any_set() -> impl Strategy<Value = Vec<T>> {
    let one = (0u64..6, 0u64..4, 1u64..25, 1u64..40, 0u64..10, 0u64..30).prop_map(
        |(bcet, more, period, deadline, offset, jitter)| T {
            bcet,
            wcet: bcet + more,
            deadline,
            offset,
            jitter,
            ..support::task(0, period)
        },
    );
    proptest::collection::vec((one, 0u32..4), 1..5)
        .prop_map(|list| list.into_iter().map(|(task, priority)| T { priority, ..task }).collect())
}

fn finite(tasks: &[T]) -> Option<Vec<u64>> {
    let demands = task_set(&support::task_set(tasks, 1)).unwrap();
    let bound = |index| match response_times(&demands, index).worst() {
        Bound::Finite(bound) => Some(bound.0),
        _ => None,
    };
    (0..tasks.len()).map(bound).collect()
}

fn observed(tasks: &[T], resolver: &mut Seeded, horizon: u64) -> Run {
    let system = support::task_set(tasks, 1);
    let objects = support::objects(&system, &Profile::ideal());
    let policy = FixedPriority::new(&system.scheduling_contexts);
    simulate(&objects, policy, resolver, &Options::new(Nanos(horizon))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Offsets, jitter beyond the period, equal priorities, jobs that take no time: never above the bound.
    #[test]
    fn no_response_is_above_its_bound(tasks in any_set(), seed: u64, most: bool) {
        let demands = task_set(&support::task_set(&tasks, 1)).unwrap();
        let draw = if most { Draw::Most } else { Draw::Uniform };
        let run = observed(&tasks, &mut Seeded::new(seed).executions(draw), 3000);
        for (index, context) in run.summary.contexts.iter().enumerate() {
            if let (Bound::Finite(bound), Some(seen)) = (response_times(&demands, index).worst(), context.response_ns) {
                prop_assert!(seen.max <= bound.0, "t{} responds after {}, the bound is {}", index, seen.max, bound.0);
                prop_assert!(context.missed == 0 || bound.0 > tasks[index].deadline);
            }
        }
    }

    /// All released together, no jitter, everything at its worst, distinct priorities: exactly the bound.
    #[test]
    fn the_bound_is_met_at_the_critical_instant(tasks in any_set(), seed: u64) {
        let synchronous: Vec<T> = (0u32..)
            .zip(&tasks)
            .map(|(index, task)| T { offset: 0, jitter: 0, wcet: task.wcet.max(1), priority: index, ..*task })
            .collect();
        prop_assume!(finite(&synchronous).is_some());
        // A bounded busy period of four tasks is over by the least common multiple of the periods, and a response later.
        let run = observed(&synchronous, &mut Seeded::new(seed).executions(Draw::Most), hyperperiod(&synchronous) * 2);
        prop_assert_eq!(Some(worst(&run)), finite(&synchronous));
    }
}

fn hyperperiod(tasks: &[T]) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    tasks.iter().fold(1, |least, task| least / gcd(least, task.period) * task.period)
}
