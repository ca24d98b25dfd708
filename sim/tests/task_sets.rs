//! Task sets with published responses.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::analysis::response_time::{Bound, response_times, task_set};
use lacuna_model::profile::Profile;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, simulate};
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

/// Lehoczky 1990: the basic example.
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
