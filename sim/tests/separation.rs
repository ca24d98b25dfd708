//! Separation (MODEL.md, T8): who has which domain changes no schedule; how anybody is scheduled changes no decision on rights, and
//! no tracking.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{DomainId, Order, System};
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, simulate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const HORIZON: Nanos = Nanos(60);

/// The same system, with its two domains called the other way round.
fn relabelled(system: &System) -> System {
    let other = |domain: DomainId| DomainId(1 - domain.0);
    let mut system = system.clone();
    system.domains.swap(0, 1);
    for process in &mut system.processes {
        process.domain = other(process.domain);
    }
    for (domain, _) in system.objects.iter_mut().flat_map(|object| &mut object.allow) {
        *domain = other(*domain);
    }
    for buffer in &mut system.buffers {
        for list in [&mut buffer.send, &mut buffer.receive, &mut buffer.named_by] {
            list.iter_mut().for_each(|domain| *domain = other(*domain));
        }
    }
    system
}

/// Its processes in two domains, as these bits say.
fn in_two_domains(mut system: System, which: u8) -> System {
    for (index, process) in system.processes.iter_mut().enumerate() {
        process.domain = DomainId(which >> index & 1);
    }
    system
}

fn run(system: &System, profile: &Profile, policy: Policy, seed: u64) -> Option<Run> {
    let system = policy.assign(system).unwrap_or_else(|_| system.clone());
    let objects = Objects::new(&system, profile).unwrap();
    simulate(&objects, FixedPriority::of(&objects), &mut Seeded::new(seed), &Options::new(HORIZON)).ok()
}

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::sample::select(Profile::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn domains_change_no_schedule(
        system in support::random::system(),
        which in 0u8..8,
        profile in profiles(),
        policy in proptest::sample::select(Policy::ALL.to_vec()),
        seed: u64,
    ) {
        let system = in_two_domains(system, which);
        prop_assert_eq!(system.domains.len(), 2);
        let (one, other) = (run(&system, &profile, policy, seed), run(&relabelled(&system), &profile, policy, seed));
        prop_assert_eq!(one.map(|run| run.log), other.map(|run| run.log));
    }

    #[test]
    fn schedules_change_no_decision(
        system in support::random::system(),
        which in 0u8..8,
        profile in profiles(),
        priorities in proptest::collection::vec(0u32..9, 3),
        choices in proptest::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let system = in_two_domains(system, which);
        let mut otherwise = system.clone();
        for (scheduling, priority) in otherwise.scheduling_contexts.iter_mut().zip(priorities) {
            // But for the budget: it is the contract by which a reattachment is admitted.
            (scheduling.priority, scheduling.order, scheduling.threshold) = (priority, Order::Deadline, None);
        }
        let (one, other) = (Objects::new(&system, &profile).unwrap(), Objects::new(&otherwise, &profile).unwrap());
        let (mut at, mut there) = (one.initial(), other.initial());
        for choice in choices {
            let (mut offered, mut also) = (Vec::new(), Vec::new());
            one.enabled(&at, &mut offered);
            other.enabled(&there, &mut also);
            prop_assert_eq!(&offered, &also);
            if offered.is_empty() {
                break;
            }
            let step = offered[choice.index(offered.len())];
            let ((after, outcome), (after_there, outcome_there)) = (one.apply(&at, step), other.apply(&there, step));
            prop_assert_eq!(outcome, outcome_there);
            prop_assert_eq!(&after, &after_there);
            (at, there) = (after, after_there);
        }
    }
}

/// What the two properties compare does differ where it may.
#[test]
fn a_schedule_is_changed_by_priorities_and_a_decision_by_domains() {
    let two = |first: u32, second: u32| {
        let task = |priority| support::T { bcet: 2, wcet: 2, priority, ..support::task(0, 10) };
        support::task_set(&[task(first), task(second)], 1)
    };
    let log = |system: &System| run(system, &Profile::ideal(), Policy::ALL[0], 1).unwrap().log;
    assert_ne!(log(&two(1, 2)), log(&two(2, 1)));

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let differs = (0..200).any(|_| {
        let system = support::random::system().new_tree(&mut runner).unwrap().current();
        let (here, there) = (in_two_domains(system.clone(), 0), in_two_domains(system, 7));
        let log = |system: &System| run(system, &Profile::ideal(), Policy::ALL[0], 1).map(|run| run.log);
        log(&here) != log(&there)
    });
    assert!(differs, "what domain a process has decides something in some system");
}
