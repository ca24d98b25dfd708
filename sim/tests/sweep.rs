//! A sweep: what tests say of generated sets, and that nothing else shows.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::atomic::AtomicBool;

use lacuna_model::analysis::utilisation::{Load, load};
use lacuna_model::sweep::{Deadlines, Sweep, Test};
use lacuna_model::units::Nanos;
use lacuna_sim::generate::task_set;
use lacuna_sim::sweep::{Point, sweep};

fn asked(deadlines: Deadlines, tests: &[Test]) -> Sweep {
    Sweep {
        name: "test".into(),
        about: String::new(),
        tasks: 8,
        sets: 300,
        utilisations: vec![50, 70, 80, 90, 100],
        periods: (Nanos(10_000_000), Nanos(1_000_000_000)),
        deadlines,
        tests: tests.to_vec(),
        seed: 3,
    }
}

fn run(asked: &Sweep, threads: usize) -> Vec<Point> {
    sweep(asked, threads, &AtomicBool::new(false), |_| {}).unwrap()
}

fn accepted(points: &[Point], test: usize) -> Vec<u64> {
    points.iter().map(|point| point.tests[test].accepted).collect()
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let asked = asked(Deadlines::Constrained, &Test::ALL);
    let one = run(&asked, 1);
    assert_eq!(one, run(&asked, 2));
    assert_eq!(one, run(&asked, 7));
    assert_ne!(one, run(&Sweep { seed: 4, ..asked }, 2));
}

/// Each exact test accepts what a weaker one does; each bound is what it is.
#[test]
fn with_deadlines_at_the_end_of_the_period() {
    use Test::{EarliestDeadline, Hyperbolic, LiuLayland, RateMonotonic};
    let points = run(&asked(Deadlines::Implicit, &[LiuLayland, Hyperbolic, RateMonotonic, EarliestDeadline]), 2);
    // Eight tasks: 8 (2^(1/8) − 1) = 0.724.
    assert_eq!(accepted(&points, 0), [300, 300, 0, 0, 0]);
    assert_eq!(accepted(&points, 3), [300; 5], "up to the whole core");
    let (hyperbolic, exact) = (accepted(&points, 1), accepted(&points, 2));
    assert!(hyperbolic[2] > 0 && hyperbolic[2] < exact[2], "{hyperbolic:?} {exact:?}");
    assert!(exact[1] == 300 && exact[3] > 0 && exact[3] < 300 && exact[4] < exact[3], "{exact:?}");
    assert!(points.iter().flat_map(|point| &point.tests).all(|counts| counts.undecided == 0));
}

#[test]
fn a_set_by_itself_is_what_it_is_in_the_sweep_and_within_its_utilisation() {
    let asked = asked(Deadlines::Constrained, &Test::ALL);
    for number in 0..50 {
        let tasks = task_set(&asked, 4, number);
        assert_eq!(tasks, task_set(&asked, 4, number));
        assert_eq!(tasks.len(), 8);
        assert!(tasks.iter().all(|task| task.wcet <= task.deadline && task.deadline <= task.period));
        assert!(matches!(load(tasks.iter()), Load::Below | Load::Full));
    }
    assert_ne!(task_set(&asked, 4, 0), task_set(&asked, 3, 0));
}

#[test]
fn whoever_interrupts_gets_nothing() {
    assert_eq!(sweep(&asked(Deadlines::Implicit, &Test::ALL), 2, &AtomicBool::new(true), |_| {}), None);
}
