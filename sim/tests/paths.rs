//! A run is a path: each label is enabled in the state before it and gives the state after it, in the timed relation and,
//! with the labels of scheduler and time left out, in the untimed one; every object state that a run comes to is one that
//! a search of the untimed relation reaches. And the core is idle only while nobody can have it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{HashSet, VecDeque};

use lacuna_model::objects::{Action, ContextSlot, Objects, Outcome, State, Step};
use lacuna_model::relation::{Label, Offer, Relation};
use lacuna_model::sched::Sched;
use lacuna_model::sched::regular::With;
use lacuna_model::time::{Ns, TimeStep};
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Simulation, SimulationError, simulate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const HORIZON: Nanos = Nanos(60);
const MOST_STATES: usize = 4_000;

/// Every object state that is reachable; none, if there are too many.
fn reached(objects: &Objects) -> Option<HashSet<State>> {
    let mut seen = HashSet::from([objects.initial()]);
    let mut queue = VecDeque::from([objects.initial()]);
    let mut steps = Vec::new();
    while let Some(state) = queue.pop_front() {
        steps.clear();
        objects.enabled(&state, &mut steps);
        for step in &steps {
            let after = objects.apply(&state, *step).0;
            if seen.insert(after.clone()) {
                queue.push_back(after);
            }
        }
        if seen.len() > MOST_STATES {
            return None;
        }
    }
    Some(seen)
}

fn policy(objects: &Objects) -> FixedPriority {
    FixedPriority::of(objects)
}

/// The same objects, with their tasks scheduled by a policy.
fn under(policy: Policy, objects: &Objects) -> Objects {
    // Not every system has optimal priorities.
    let system = policy.assign(objects.system()).unwrap_or_else(|_| objects.system().clone());
    Objects::new(&system, objects.profile()).unwrap()
}

fn policies() -> impl Strategy<Value = Policy> {
    proptest::sample::select(Policy::ALL.to_vec())
}

fn is_a_path<S: Sched>(
    objects: &Objects,
    policy: impl Fn() -> S,
    (seed, draw): (u64, Draw),
) -> Result<(), TestCaseError> {
    let timed = Relation::new(objects, policy(), Ns);
    let untimed = Relation::untimed(objects);
    let mut erased = untimed.initial();
    let mut resolver = Seeded::new(seed).executions(draw);
    let mut simulation = Simulation::new(objects, policy(), Options::new(HORIZON));
    let reached = reached(objects);
    prop_assert_eq!(simulation.state(), &timed.initial());
    loop {
        let before = simulation.state().clone();
        let Some(record) = simulation.step(&mut resolver).unwrap() else {
            // Whoever stops early has nothing left to do, whatever the time.
            if simulation.now() < HORIZON {
                // But tasks of other modes, and those that wait for an idle instant which does not come: without time they may start.
                let rests = |offer: &Offer| {
                    let Offer::Object(Step { context, action: Action::Wake }) = *offer else { return false };
                    let held = before.time.contexts[usize::from(context)].held;
                    !objects.system().modes.is_empty() && (held || !objects.is_in_mode(&before.objects, context))
                };
                prop_assert!(untimed.offers(&erased).iter().all(rests));
            }
            break;
        };
        let mut after = before.clone();
        prop_assert!(timed.is_enabled(&before, record.label), "{:?} is not enabled", record.label);
        prop_assert_eq!(timed.apply(&mut after, record.label), record.outcome);
        prop_assert_eq!(simulation.state(), &after);
        if let Label::Object(_) = record.label {
            prop_assert!(untimed.is_enabled(&erased, record.label), "{:?} is not enabled untimed", record.label);
            prop_assert_eq!(untimed.apply(&mut erased, record.label), record.outcome);
            let known = reached.as_ref().is_none_or(|reached| reached.contains(&erased.objects));
            prop_assert!(known, "a search does not reach {:?}", erased.objects);
        }
        prop_assert_eq!(&erased.objects, &after.objects);
        if let Label::Time(TimeStep::Elapse(_)) = record.label {
            // Whoever has the core can use it, and it is idle only if nobody can.
            let can = |context: &ContextSlot| {
                objects.is_ready(&before.objects, *context) && timed.sched().may_be_dispatched(&before.sched, *context)
            };
            let mut contexts = 0..before.objects.contexts.len() as ContextSlot;
            match timed.sched().running(&before.sched) {
                Some(running) => prop_assert!(can(&running), "{running} has the core"),
                None => prop_assert!(!contexts.any(|context| can(&context)), "the core is idle"),
            }
        }
    }
    Ok(())
}

struct IsAPath<'o> {
    objects: &'o Objects,
    seed: u64,
    draw: Draw,
}

impl With for IsAPath<'_> {
    type Outcome = Result<(), TestCaseError>;

    fn with<S: Sched + Clone>(self, sched: S) -> Self::Outcome {
        is_a_path(self.objects, || sched.clone(), (self.seed, self.draw))
    }
}

fn draws() -> impl Strategy<Value = Draw> {
    prop_oneof![Just(Draw::Least), Just(Draw::Most), Just(Draw::Uniform)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_run_is_a_path(objects in support::random::objects(), by in policies(), seed: u64, draw in draws()) {
        let objects = under(by, &objects);
        is_a_path(&objects, || policy(&objects), (seed, draw))?;
    }

    #[test]
    fn a_run_of_a_regular_system_is_a_path(
        objects in support::random::objects(),
        by in support::regular::any(),
        seed: u64,
        draw in draws(),
    ) {
        by.give(IsAPath { objects: &objects, seed, draw })?;
    }

    #[test]
    fn equal_seeds_give_equal_runs(objects in support::random::objects(), seed: u64) {
        let run = || simulate(&objects, policy(&objects), &mut Seeded::new(seed), &Options::new(HORIZON));
        let (one, other): (Result<_, SimulationError>, _) = (run(), run());
        prop_assert_eq!(one.unwrap(), other.unwrap());
    }
}

/// What the random systems are worth: every kind of step happens, most systems are searched completely.
#[test]
fn the_random_systems_do_everything() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut actions, mut refused, mut complete) = (HashSet::new(), 0, 0);
    const SYSTEMS: u64 = 1_000;
    for seed in 0..SYSTEMS {
        let objects = support::random::objects().new_tree(&mut runner).unwrap().current();
        complete += u64::from(reached(&objects).is_some());
        let run = simulate(&objects, policy(&objects), &mut Seeded::new(seed), &Options::new(HORIZON)).unwrap();
        for record in run.log.records() {
            if let Label::Object(step) = record.label {
                actions.insert(step.action.name());
                refused += u64::from(matches!(record.outcome, Some(Outcome::Refused(_))));
            }
        }
    }
    let mut missing: Vec<_> =
        ["compute", "open", "set-flag", "close", "fork", "exec", "spawn", "detach", "exit", "end"]
            .into_iter()
            .chain(["wait", "time-out", "kill", "kill-member", "kill-returns", "send", "receive", "access", "allocate"])
            .chain(["choose", "give-up", "job-done", "wake", "lock", "unlock"])
            .filter(|name| !actions.contains(name))
            .collect();
    missing.sort_unstable();
    assert_eq!(missing, [""; 0], "steps that never happened");
    assert!(refused > 100, "{refused} refusals");
    assert!(complete * 10 > SYSTEMS * 8, "{complete} of {SYSTEMS} systems were searched completely");
}
