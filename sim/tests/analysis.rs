//! Analysis against simulation, for every policy that has one: no response above its bound; the demand test says exactly whether a deadline
//! is missed; bounds are met where the theory says so.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::analysis::processor_demand::{DemandVerdict, Preemption, processor_demand};
use lacuna_model::analysis::response_time::{Bound, Demand, response_times, task_set};
use lacuna_model::analysis::schedulability::{Discipline, analyse};
use lacuna_model::analysis::sensitivity::{Margin, margin};
use lacuna_model::analysis::worst_responses::worst_responses;
use lacuna_model::analysis::{deadline_response::deadline_response, threshold_response::blocking};
use lacuna_model::evidence::AnalysisVerdict;
use lacuna_model::profile::Profile;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Run, simulate};
use proptest::prelude::*;
use support::T;

fn run(system: &System, seed: u64, draw: Draw, horizon: u64) -> Run {
    let objects = support::objects(system, &Profile::ideal());
    let mut resolver = Seeded::new(seed).executions(draw);
    simulate(&objects, FixedPriority::of(&objects), &mut resolver, &Options::new(Nanos(horizon))).unwrap()
}

fn under(policy: Policy, tasks: &[T]) -> System {
    policy.assign(&support::task_set(tasks, 1)).unwrap()
}

fn missed(run: &Run) -> u64 {
    run.summary.contexts.iter().map(|context| context.missed).sum()
}

fn worst(run: &Run, index: usize) -> Option<u64> {
    run.summary.contexts[index].response_ns.map(|response| response.max)
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

fn is_full(tasks: &[T]) -> bool {
    let all = hyperperiod(tasks);
    tasks.iter().map(|task| all / task.period * task.wcet).sum::<u64>() > all
}

/// Released together, deadlines before, at or after the end of the period; most ask for less than the core.
fn synchronous() -> impl Strategy<Value = Vec<T>> {
    let periods = proptest::sample::select(vec![4u64, 5, 6, 8, 10, 12, 15, 20, 24, 30]);
    let one = (1u64..6, periods, 0u64..40, 0u32..4).prop_map(|(wcet, period, more, priority)| T {
        deadline: wcet + more % (period + 10),
        priority,
        ..support::task(wcet, period)
    });
    proptest::collection::vec(one, 1..5)
}

/// Also with offsets, jitter and executions of any length.
fn any_set() -> impl Strategy<Value = Vec<T>> {
    (synchronous(), proptest::collection::vec((0u64..6, 0u64..12, 0u64..8, 0u32..4), 4)).prop_map(|(set, more)| {
        let of = |(task, (less, offset, jitter, _)): (T, (u64, u64, u64, u32))| T {
            bcet: task.wcet.saturating_sub(less),
            offset,
            jitter,
            ..task
        };
        set.into_iter().zip(more).map(of).collect()
    })
}

/// One nanosecond after another: who has the earliest deadline and is not `last` among equals; the worst response of that one.
fn earliest_deadline_by_hand(tasks: &[T], last: usize, horizon: u64) -> u64 {
    let (mut jobs, mut worst) = (Vec::new(), 0);
    for now in 0..horizon {
        for (index, task) in tasks.iter().enumerate() {
            if now >= task.offset && (now - task.offset) % task.period == 0 {
                jobs.push((now + task.deadline, index == last, index, now, task.wcet));
            }
        }
        jobs.sort_unstable();
        if let Some((_, _, index, arrival, left)) = jobs.first_mut() {
            *left -= 1;
            if *left == 0 {
                worst = if *index == last { worst.max(now + 1 - *arrival) } else { worst };
                jobs.remove(0);
            }
        }
    }
    worst
}

/// The numbers at which things go wrong.
fn extreme() -> impl Strategy<Value = Demand> {
    const NUMBERS: [u64; 8] = [0, 1, 2, 1000, 1 << 32, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
    let number = || proptest::sample::select(NUMBERS.to_vec()).prop_map(Nanos);
    let above_zero = || proptest::sample::select(NUMBERS[1..].to_vec()).prop_map(Nanos);
    (number(), above_zero(), above_zero(), number(), number(), 0u32..3, 0u32..3).prop_map(
        |(wcet, period, deadline, jitter, blocking, priority, more)| Demand {
            wcet,
            period,
            deadline,
            jitter,
            blocking,
            priority,
            threshold: priority + more,
            ..Demand::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// What does not fit is said; nothing overflows, nothing runs for ever, and no bound is below what the job takes by itself.
    #[test]
    fn numbers_that_do_not_fit_are_no_bound(tasks in proptest::collection::vec(extreme(), 1..4)) {
        use Discipline::{EarliestDeadline, FixedPriority, NonPreemptiveDeadline, Thresholds};
        for discipline in [FixedPriority, Thresholds, EarliestDeadline, NonPreemptiveDeadline] {
            let analysis = lacuna_model::analysis::schedulability::of_tasks(&tasks, discipline);
            for bound in analysis.tasks {
                let least = u128::from(bound.task.wcet.0) + u128::from(bound.task.jitter.0);
                prop_assert!(bound.worst.is_none_or(|worst| u128::from(worst.0) >= least), "{:?}", bound);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Exact where all are released together: a deadline is missed within two hyperperiods, or never. Least laxity meets all deadlines too if any policy
    /// does (Mok 1983; Dertouzos, Mok 1989).
    #[test]
    fn the_demand_is_too_much_if_and_only_if_a_deadline_is_missed(tasks in synchronous(), seed: u64) {
        let system = under(Policy::EarliestDeadline, &tasks);
        let analysis = analyse(&system).unwrap();
        prop_assert_eq!(analysis.discipline, Discipline::EarliestDeadline);
        let (_, verdict) = analysis.demand.unwrap();
        let longest = tasks.iter().map(|task| task.deadline).max().unwrap();
        // Overload may take long to show.
        let horizon = if is_full(&tasks) { 20_000 } else { 2 * hyperperiod(&tasks) + longest };
        for system in [system, under(Policy::LeastLaxity, &tasks)] {
            let missed = missed(&run(&system, seed, Draw::Most, horizon));
            match &verdict {
                AnalysisVerdict::Bound => prop_assert_eq!(missed, 0),
                AnalysisVerdict::Unschedulable { .. } => prop_assert!(missed > 0),
                AnalysisVerdict::Unknown { limit } => prop_assert!(false, "{}", limit),
            }
        }
    }

    /// All at once is one after the other: with priorities of their own or not, with jitter, in busy periods of many jobs.
    #[test]
    fn all_responses_at_once_are_those_of_each(tasks in any_set(), own_priorities: bool, unit in 1u64..2_000_000_000_000) {
        let mut demands = task_set(&support::task_set(&tasks, 1)).unwrap();
        for (priority, task) in (0..).zip(&mut demands) {
            if own_priorities {
                (task.priority, task.threshold) = (priority, priority);
            }
            for time in [&mut task.wcet, &mut task.period, &mut task.deadline, &mut task.jitter] {
                time.0 *= unit;
            }
            // Not all are multiples of one.
            task.wcet.0 -= u64::from(task.wcet.0 > 1);
        }
        let each: Vec<Bound> = (0..demands.len()).map(|index| response_times(&demands, index).worst()).collect();
        prop_assert_eq!(worst_responses(&demands), each);
    }

    /// Quick analysis says what a look at every point does.
    #[test]
    fn the_quick_test_agrees_with_the_plain_one(tasks in any_set(), np: bool) {
        let demands = task_set(&support::task_set(&tasks, 1)).unwrap();
        prop_assume!(!is_full(&tasks));
        prop_assume!(demands.iter().all(|task| task.jitter < task.deadline));
        let preemption = if np { Preemption::NonPreemptive } else { Preemption::Preemptive };
        let by = |t: u64| {
            let blocks = |task: &&Demand| np && task.deadline.0 - task.jitter.0 > t;
            demands.iter().filter(blocks).map(|task| task.wcet.0 - 1).max().unwrap_or(0)
        };
        let demand = |t: u64| lacuna_model::analysis::processor_demand::demand(&demands, t.into()).unwrap() as u64;
        // Beyond the longest busy period and every deadline nothing new comes.
        let plain = (1..3 * hyperperiod(&tasks) + 100).filter(|t| demand(*t) > 0).all(|t| demand(t) + by(t) <= t);
        let test = processor_demand(&demands, preemption);
        prop_assert_eq!(test.verdict == DemandVerdict::Met, plain, "{:?}", test);
    }

    /// Spuri's bound is the largest response over all offsets of the task, the others being released together.
    #[test]
    fn the_bound_under_deadlines_is_met_by_some_offset(tasks in synchronous(), index in 0usize..4) {
        prop_assume!(index < tasks.len() && !is_full(&tasks));
        let demands = task_set(&support::task_set(&tasks, 1)).unwrap();
        let Bound::Finite(bound) = deadline_response(&demands, index) else { panic!("the core is not full") };
        let with = |offset| {
            let mut tasks = tasks.clone();
            tasks[index].offset = offset;
            earliest_deadline_by_hand(&tasks, index, 3 * hyperperiod(&tasks) + offset)
        };
        let offsets = 0..tasks[index].period;
        prop_assert_eq!(offsets.map(with).max(), Some(bound.0));
    }

    /// Whatever offsets, jitter and executions are.
    #[test]
    fn no_response_is_above_its_bound(
        tasks in any_set(),
        policy in proptest::sample::select(Policy::ALL.to_vec()),
        more in proptest::collection::vec(0u32..4, 4),
        seed: u64,
        most: bool,
    ) {
        let Ok(mut system) = policy.assign(&support::task_set(&tasks, 1)) else { return Ok(()) };
        if policy == Policy::Declared {
            for (scheduling, more) in system.scheduling_contexts.iter_mut().zip(more) {
                scheduling.threshold = Some(scheduling.priority + more);
            }
        }
        let run = run(&system, seed, if most { Draw::Most } else { Draw::Uniform }, 2000);
        let Ok(analysis) = analyse(&system) else {
            prop_assert_eq!(policy, Policy::LeastLaxity);
            return Ok(());
        };
        for (index, bound) in analysis.tasks.into_iter().enumerate() {
            if let (Some(limit), Some(seen)) = (bound.worst, worst(&run, index)) {
                prop_assert!(seen <= limit.0, "{} responds after {}, the bound is {}", bound.task.name, seen, limit.0);
                prop_assert!(bound.verdict != AnalysisVerdict::Bound || run.summary.contexts[index].missed == 0);
            }
        }
    }

    /// What is less urgent and blocks the longest begins one nanosecond before all that go first are released together: exactly the
    /// bound, with distinct priorities.
    #[test]
    fn the_bound_with_thresholds_is_met_at_the_critical_instant(
        tasks in synchronous(),
        more in proptest::collection::vec(0u32..4, 4),
        index in 0usize..4,
        seed: u64,
    ) {
        prop_assume!(index < tasks.len());
        let tasks: Vec<T> = (0..).zip(&tasks).map(|(priority, task)| T { priority, ..*task }).collect();
        let with_thresholds = |tasks: &[T]| {
            let mut system = support::task_set(tasks, 1);
            for (scheduling, more) in system.scheduling_contexts.iter_mut().zip(&more) {
                scheduling.threshold = Some(scheduling.priority + more);
            }
            system
        };
        let demands = task_set(&with_thresholds(&tasks)).unwrap();
        let Bound::Finite(bound) = response_times(&demands, index).worst() else { return Ok(()) };
        let longest = blocking(&demands, index).0;
        let own = demands[index].priority;
        let blocker = demands.iter().position(|task| {
            longest > 0 && task.priority < own && own <= task.threshold && task.wcet.0 == longest + 1
        });
        const NEVER: u64 = 1 << 40;
        let arranged: Vec<T> = tasks.iter().enumerate().map(|(other, task)| T {
            offset: if Some(other) == blocker { 0 } else if task.priority >= own { 1 } else { NEVER },
            ..*task
        }).collect();
        let run = run(&with_thresholds(&arranged), seed, Draw::Most, 3 * hyperperiod(&tasks) + bound.0 + 1);
        prop_assert_eq!(worst(&run, index), Some(bound.0));
    }

    /// With its margin every deadline is met, with a nanosecond more one is missed; the others are as they were.
    #[test]
    fn a_margin_is_exact(tasks in synchronous(), index in 0usize..4, edf: bool, seed: u64) {
        prop_assume!(index < tasks.len());
        let tasks: Vec<T> = (0..).zip(&tasks).map(|(priority, task)| T { priority, ..*task }).collect();
        let policy = if edf { Policy::EarliestDeadline } else { Policy::Declared };
        let discipline = if edf { Discipline::EarliestDeadline } else { Discipline::FixedPriority };
        let demands = task_set(&under(policy, &tasks)).unwrap();
        let longest = tasks.iter().map(|task| task.deadline).max().unwrap();
        let missed_with = |more: u64| {
            let mut tasks = tasks.clone();
            (tasks[index].bcet, tasks[index].wcet) = (tasks[index].wcet + more, tasks[index].wcet + more);
            let horizon = if is_full(&tasks) { 20_000 } else { 2 * hyperperiod(&tasks) + longest };
            missed(&run(&under(policy, &tasks), seed, Draw::Most, horizon))
        };
        match margin(&demands, discipline, index) {
            Margin::Exactly(more) => {
                prop_assert_eq!(missed_with(more.0), 0);
                prop_assert!(missed_with(more.0 + 1) > 0);
            }
            Margin::None => prop_assert!(missed_with(0) > 0),
            Margin::AtLeast(more, _) => prop_assert_eq!(missed_with(more.0), 0),
        }
    }

    /// Without preemption, met for any arrivals; and not, if there is a pattern with a miss.
    #[test]
    fn the_demand_without_preemption_is_exact(tasks in any_set(), seed: u64) {
        let tasks: Vec<T> = tasks.iter().map(|task| T { jitter: 0, bcet: task.wcet, ..*task }).collect();
        prop_assume!(!is_full(&tasks));
        let system = under(Policy::NonPreemptiveDeadline, &tasks);
        let analysis = analyse(&system).unwrap();
        prop_assert_eq!(analysis.discipline, Discipline::NonPreemptiveDeadline);
        let horizon = 3 * hyperperiod(&tasks) + 100;
        match analysis.demand.unwrap().0.verdict {
            DemandVerdict::Met => prop_assert_eq!(missed(&run(&system, seed, Draw::Most, horizon)), 0),
            DemandVerdict::Exceeded { at, blocking, .. } => {
                let blocks = |task: &T| blocking > 0 && u128::from(task.deadline) > at && u128::from(task.wcet) == blocking + 1;
                let blocker = tasks.iter().position(blocks);
                let arranged: Vec<T> = (0..).zip(&tasks)
                    .map(|(other, task)| T { offset: u64::from(Some(other) != blocker && blocking > 0), ..*task })
                    .collect();
                let run = run(&under(Policy::NonPreemptiveDeadline, &arranged), seed, Draw::Most, horizon);
                prop_assert!(missed(&run) > 0);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
