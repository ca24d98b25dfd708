//! Separation (MODEL.md, T8): who has which domain changes no schedule; how anybody is scheduled changes no decision on rights, and
//! no tracking.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::{Action, Objects, Step};
use lacuna_model::profile::Profile;
use lacuna_model::relation::Label;
use lacuna_model::sched::Sched;
use lacuna_model::sched::regular::With;
use lacuna_model::system::{DomainId, Instruction, Order, System};
use lacuna_model::units::Nanos;
use lacuna_sim::log::Record;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, simulate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const HORIZON: Nanos = Nanos(60);

fn other(domain: DomainId) -> DomainId {
    DomainId(1 - domain.0)
}

fn relabel(program: &mut [Instruction]) {
    for instruction in program {
        match instruction {
            Instruction::LockDown(domain) => *domain = other(*domain),
            Instruction::Loop { body, .. } => relabel(body),
            Instruction::Choose(arms) => arms.iter_mut().for_each(|arm| relabel(arm)),
            _ => {}
        }
    }
}

/// What was done when, and who had the core; a lock-down names a domain, and is called as the other system calls it.
fn schedule(run: &Run, relabelled: bool) -> Vec<Record> {
    let as_called = |mut record: Record| {
        if let Label::Object(Step { action, .. }) = &mut record.label
            && let Action::LockDown(domain) | Action::LockDownReturns(domain) = action
            && relabelled
        {
            *domain = other(*domain);
        }
        record
    };
    run.log.records().iter().copied().map(as_called).collect()
}

/// The same system, with its two domains called the other way round.
fn relabelled(system: &System) -> System {
    let mut system = system.clone();
    system.domains.swap(0, 1);
    for process in &mut system.processes {
        process.domain = other(process.domain);
        process.contexts.iter_mut().for_each(|context| relabel(&mut context.program));
    }
    for (domain, _) in system.objects.iter_mut().flat_map(|object| &mut object.allow) {
        *domain = other(*domain);
    }
    for buffer in &mut system.buffers {
        for list in [&mut buffer.send, &mut buffer.receive, &mut buffer.named_by] {
            list.iter_mut().for_each(|domain| *domain = other(*domain));
        }
    }
    for domain in system.modes.iter_mut().flat_map(|mode| &mut mode.by) {
        *domain = other(*domain);
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

/// Systems of two domains that have a semantics under these profiles.
fn systems() -> impl Strategy<Value = System> {
    let some = (support::random::system(), 0u8..8).prop_map(|(system, which)| in_two_domains(system, which));
    some.prop_filter("starts with more processes than may be", |system| Objects::new(system, &Profile::ideal()).is_ok())
}

fn run(system: &System, profile: &Profile, policy: Policy, seed: u64) -> Option<Run> {
    let system = policy.assign(system).unwrap_or_else(|_| system.clone());
    let objects = Objects::new(&system, profile).unwrap();
    simulate(&objects, FixedPriority::of(&objects), &mut Seeded::new(seed), &Options::new(HORIZON)).ok()
}

struct Simulated<'s> {
    system: &'s System,
    profile: &'s Profile,
    seed: u64,
}

impl With for Simulated<'_> {
    type Outcome = Option<Run>;

    fn with<S: Sched + Clone>(self, sched: S) -> Option<Run> {
        let objects = Objects::new(self.system, self.profile).unwrap();
        simulate(&objects, sched, &mut Seeded::new(self.seed), &Options::new(HORIZON)).ok()
    }
}

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::sample::select(Profile::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn domains_change_no_schedule(
        system in systems(),
        profile in profiles(),
        policy in proptest::sample::select(Policy::ALL.to_vec()),
        seed: u64,
    ) {
        prop_assert_eq!(system.domains.len(), 2);
        let (one, other) = (run(&system, &profile, policy, seed), run(&relabelled(&system), &profile, policy, seed));
        prop_assert_eq!(one.map(|run| schedule(&run, true)), other.map(|run| schedule(&run, false)));
    }

    #[test]
    fn domains_change_no_schedule_of_a_regular_system(
        system in systems(),
        profile in profiles(),
        by in support::regular::any(),
        seed: u64,
    ) {
        let run = |system: &System| by.give(Simulated { system, profile: &profile, seed });
        let (one, other) = (run(&system), run(&relabelled(&system)));
        prop_assert_eq!(one.map(|run| schedule(&run, true)), other.map(|run| schedule(&run, false)));
    }

    #[test]
    fn schedules_change_no_decision(
        system in systems(),
        profile in profiles(),
        priorities in proptest::collection::vec(0u32..9, 3),
        choices in proptest::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
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
        let system = systems().new_tree(&mut runner).unwrap().current();
        let (here, there) = (in_two_domains(system.clone(), 0), in_two_domains(system, 7));
        let log = |system: &System| run(system, &Profile::ideal(), Policy::ALL[0], 1).map(|run| run.log);
        log(&here) != log(&there)
    });
    assert!(differs, "what domain a process has decides something in some system");
}
