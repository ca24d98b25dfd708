//! The loop for pure task sets beside the relation: the same dispatches, beginnings and ends at the same times, the same summary; and none where it lacks a rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::{Action, Objects, Step};
use lacuna_model::profile::{Profile, TimeIsolation};
use lacuna_model::relation::Label;
use lacuna_model::sched::SchedStep;
use lacuna_model::system::{Instruction, MajorFrame, Mode, Order, ProcessId, System};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, simulate};
use lacuna_sim::task_set::{Event, TaskSet};
use proptest::prelude::*;
use support::{T, rate_monotonic, task};

fn agrees(objects: &Objects, seed: u64, draw: Draw, horizon: u64) -> Result<(), TestCaseError> {
    let resolver = || Seeded::new(seed).executions(draw);
    let run = simulate(objects, FixedPriority::of(objects), &mut resolver(), &Options::new(Nanos(horizon))).unwrap();
    let of = |label| match label {
        Label::Sched(SchedStep::Dispatch(context)) => Some(Event::Dispatch(context)),
        Label::Time(TimeStep::Begin { context, execution }) => Some(Event::Begin(context, execution)),
        Label::Object(Step { context, action: Action::JobDone }) => Some(Event::Done(context)),
        _ => None,
    };
    let records = run.log.records().iter();
    let expected: Vec<(Nanos, Event)> = records.filter_map(|record| Some((record.at, of(record.label)?))).collect();
    let mut events = Vec::new();
    let set = TaskSet::of(objects).unwrap();
    let summary = set.simulate(&mut resolver(), Nanos(horizon), || false, |at, event| events.push((at, event)));
    prop_assert_eq!(events, expected);
    prop_assert_eq!(summary.unwrap(), run.summary);
    Ok(())
}

/// Priorities in any order, the last one's below all others by having none.
fn sets() -> impl Strategy<Value = System> {
    let one = (0u64..4, 0u64..4, 1u64..20, 1u64..30, 0u64..9).prop_map(|(bcet, more, period, deadline, offset)| T {
        bcet,
        wcet: bcet + more,
        deadline,
        offset,
        ..task(0, period)
    });
    let tasks = proptest::collection::vec(one, 1..7).prop_flat_map(|tasks| {
        let priorities = Just((1..=tasks.len() as u32).collect::<Vec<_>>()).prop_shuffle();
        (Just(tasks), priorities, any::<bool>())
    });
    tasks.prop_map(|(mut tasks, priorities, without)| {
        tasks.iter_mut().zip(&priorities).for_each(|(task, priority)| task.priority = *priority);
        let mut system = support::task_set(&tasks, 1);
        if let Some(least) = priorities.iter().position(|priority| without && *priority == 1) {
            system.processes[least].contexts[0].schedule = None;
        }
        system
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_loop_is_a_projection_of_the_relation(
        system in sets(),
        seed: u64,
        draw in prop_oneof![Just(Draw::Most), Just(Draw::Least), Just(Draw::Uniform)],
        horizon in 0u64..400,
    ) {
        agrees(&support::objects(&system, &Profile::ideal()), seed, draw, horizon)?;
    }
}

type Change<'c> = &'c dyn Fn(&mut System);

/// Each with one thing that the loop knows nothing of.
#[test]
fn what_it_lacks_a_rule_for_it_does_not_take() {
    let plain = support::task_set(&rate_monotonic(&[(1, 4), (1, 5)]), 1);
    let is_taken = |change: Change<'_>, profile: &Profile| {
        let mut system = plain.clone();
        change(&mut system);
        TaskSet::of(&support::objects(&system, profile)).is_some()
    };
    let ideal = Profile::ideal();
    assert!(is_taken(&|_| {}, &ideal));
    let window = |system: &mut System| system.major_frame = Some(MajorFrame { length: Nanos(9), windows: vec![] });
    let mode = |system: &mut System| {
        let mode = Mode { name: "m".into(), processes: vec![ProcessId(0)], by: vec![], next: vec![] };
        system.modes = vec![mode];
    };
    let changes: [(&str, Change<'_>); 10] = [
        ("equal priorities", &|system| system.scheduling_contexts[0].priority = 1),
        ("deadlines", &|system| system.scheduling_contexts[0].order = Order::Deadline),
        ("a threshold", &|system| system.scheduling_contexts[1].threshold = Some(2)),
        ("a budget", &|system| system.scheduling_contexts[1].budget = Some(support::budget(1, 2))),
        ("a frame", &window),
        ("jitter", &|system| system.processes[0].contexts[0].task.as_mut().unwrap().jitter = Nanos(1)),
        ("no task", &|system| system.processes[0].contexts[0].task = None),
        ("more to do", &|system| system.processes[0].contexts[0].program.push(Instruction::Detach)),
        ("a cold core", &|system| system.refill = Nanos(1)),
        ("modes", &mode),
    ];
    for (what, change) in changes {
        assert!(!is_taken(change, &ideal), "{what}");
    }
    // What a kernel does not keep is as if it were not declared.
    let careless = Profile { time_isolation: TimeIsolation::None, ..ideal };
    assert!(is_taken(&window, &careless) && is_taken(changes[3].1, &careless));
}

#[test]
fn whoever_says_stop_gets_nothing() {
    let objects = support::objects(&support::task_set(&[task(1, 2)], 1), &Profile::ideal());
    let set = TaskSet::of(&objects).unwrap();
    let run = |horizon| set.simulate(&mut Seeded::new(0), Nanos(horizon), || true, |_, _| {});
    assert!(run(1000).is_some());
    assert_eq!(run(u64::MAX), None);
}
