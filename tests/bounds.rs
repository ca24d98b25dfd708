//! Within what time whoever is killed or locked down has ended (G4, G12): by hand, against the analysis, and against a search written from the
//! definition.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../sim/tests/support/mod.rs"]
mod support;

use std::collections::{BTreeSet, HashSet};

use lacuna_check::{End, Limits, TimedReport, check, check_timed};
use lacuna_model::analysis::response_time::{Bound, operation_response};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{BOUNDED, GuaranteeId};
use lacuna_model::objects::{Action, ContextSlot, Ending, Objects, Phase, State};
use lacuna_model::profile::{Kill, Profile, Shutdown, TimeIsolation};
use lacuna_model::relation::{Label, Relation};
use lacuna_model::sched::FixedPriority;
use lacuna_model::system::{DomainId, EndsWithin, GroupId, System};
use lacuna_model::time::{Lattice, TimeStep};
use lacuna_model::units::Nanos;
use lacuna_scenarios::Source;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const MS: u64 = 1_000_000;

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

fn system(text: &str) -> System {
    Source::new("test.ron", text.to_owned()).parse().unwrap().system
}

fn in_time(system: &System, profile: &Profile) -> TimedReport {
    check_timed(&Objects::new(system, profile).unwrap(), BOUNDED, &Limits::default()).unwrap()
}

fn verdict(report: &TimedReport, id: GuaranteeId) -> &ModelVerdict {
    &report.guarantees.iter().find(|checked| checked.id == id).unwrap().verdict
}

/// The verdict in a word, and the longest that was seen, in milliseconds.
fn said(system: &System, profile: &Profile, id: GuaranteeId) -> (&'static str, Option<u64>) {
    let report = in_time(system, profile);
    let place = BOUNDED.iter().position(|known| *known == id).unwrap();
    (verdict(&report, id).name(), report.last_death[place].map(|longest| longest.0 / MS))
}

fn of_steps(system: &System, profile: &Profile, id: GuaranteeId) -> &'static str {
    check(&Objects::new(system, profile).unwrap(), &[id], &Limits::default()).unwrap().guarantees[0].verdict.name()
}

/// The kill takes 2 ms and is delayed by one job of 2 ms. A walk takes 2 ms and 1 for each of two, and as much is between.
#[test]
fn a_walk_is_later_than_a_kill_in_one_action() {
    use GuaranteeId::G4;
    let walks = Profile { kill: Kill::Walk, ..Profile::ideal() };
    let mut system = library("late-kill");
    assert_eq!(said(&system, &Profile::ideal(), G4), ("proved", Some(4)));
    assert_eq!(said(&system, &walks, G4).0, "refuted");
    assert_eq!(of_steps(&system, &walks, G4), "proved", "it reaches both");
    let within = |ms| EndsWithin { kill_group: Some(Nanos(ms * MS)), lock_down: None };
    system.ends_within = within(6);
    assert_eq!(said(&system, &walks, G4), ("proved", Some(6)));
    system.ends_within = within(4);
    assert_eq!(said(&system, &Profile::ideal(), G4), ("proved", Some(4)));
    // A clock ends a tick beyond what is asked.
    system.ends_within = within(3);
    assert_eq!(said(&system, &Profile::ideal(), G4), ("refuted", Some(4)));
    // Without a word of the scenario it is the kernel's bound of the operation.
    system.ends_within = EndsWithin::default();
    assert_eq!(said(&system, &Profile::ideal(), G4).0, "refuted");
    system.kernel_bounds.kill_group = Nanos(0);
    assert_eq!(said(&system, &Profile::ideal(), G4), ("vacuous", None), "nothing is asked");
    // With nobody in between, the two are as good as each other.
    let mut alone = library("late-kill");
    alone.processes.remove(0);
    assert_eq!(said(&alone, &Profile::ideal(), G4), ("proved", Some(2)));
    assert_eq!(said(&alone, &walks, G4), ("proved", Some(4)));
}

/// What `gap` prints as the bound of a kill is what the search comes to.
#[test]
fn the_analysis_of_a_kill_bounds_the_search_and_is_met() {
    let system = library("late-kill");
    let killer = &system.processes[1].contexts[0];
    let bound = operation_response(&system, killer, system.kernel_bounds.kill_group).unwrap();
    assert_eq!(bound, Bound::Finite(Nanos(4 * MS)));
    let report = in_time(&system, &Profile::ideal());
    assert_eq!(bound, Bound::Finite(report.last_death[0].unwrap()));
}

/// A plugin more urgent than who is to kill it: sched(7) has one keep a shell at a higher priority for that.
#[test]
fn a_runaway_that_no_budget_holds_cannot_be_killed() {
    let system = system(
        r#"Scenario(
            name: "runaway", about: "a test", domains: ["control", "plugins"], job_groups: { "plugins": (processes: 1) },
            processes: {
                "supervisor": (domain: "control", contexts: { "main": (schedule: "supervisor", program: [
                    Compute("1ms"), Kill(group: "plugins"), Exit,
                ]) }),
                "plugin": (domain: "plugins", group: "plugins", contexts: { "main": (
                    schedule: "plugin", task: (period: "20ms", deadline: "20ms", offset: "1ms"),
                    program: [Compute("20ms")],
                ) }),
            },
            scheduling_contexts: { "plugin": (priority: 20, budget: "2ms", period: "10ms"), "supervisor": (priority: 10) },
            kernel_bounds: (kill_group: "2ms"), ends_within: (kill_group: "6ms"), process_table: 2, tick: "1ms",
        )"#,
    );
    let isolation = |time_isolation| Profile { time_isolation, ..Profile::ideal() };
    // From 1 to 3 the plugin has its budget, and then the supervisor its 2 ms. Without, its job of 20 ms goes first.
    assert_eq!(said(&system, &isolation(TimeIsolation::Budgets), GuaranteeId::G4), ("proved", Some(4)));
    assert_eq!(said(&system, &isolation(TimeIsolation::None), GuaranteeId::G4), ("refuted", None));
}

/// Of three profiles: in one action; by a walk, which is later, and misses who is created meanwhile; and not at all.
#[test]
fn a_lock_down_is_bounded_as_a_kill_is() {
    use GuaranteeId::G12;
    let text = |motor: &str| {
        format!(
            r#"Scenario(
                name: "lock-down", about: "a test", domains: ["control", "tenant"],
                processes: {{
                    "motor": (domain: "control", contexts: {{ "loop": (
                        schedule: "motor", task: (period: "10ms", offset: "3ms"), program: [{motor}],
                    ) }}),
                    "monitor": (domain: "control", contexts: {{ "main": (schedule: "monitor", program: [
                        Compute("1ms"), LockDown("tenant"), Exit,
                    ]) }}),
                    "left": (domain: "tenant", contexts: {{ "main": (program: [Forever([Compute("1ms")])]) }}),
                    "right": (domain: "tenant", contexts: {{ "main": (program: [Forever([Compute("1ms")])]) }}),
                }},
                scheduling_contexts: {{ "motor": (priority: 30), "monitor": (priority: 20) }},
                kernel_bounds: (lock_down: "2ms", kill_process: "1ms"), process_table: 4, tick: "1ms",
            )"#
        )
    };
    let by = |shutdown| Profile { shutdown, ..Profile::ideal() };
    let idle = system(&text(r#"Compute("0ms")"#));
    // At 1 it begins, and takes 2.
    assert_eq!(said(&idle, &by(Shutdown::Irrevocable), G12), ("proved", Some(2)));
    assert_eq!(
        said(&idle, &by(Shutdown::BestEffort), G12).0,
        "refuted",
        "4 ms are more than the 2 of the one operation"
    );
    assert_eq!(said(&idle, &by(Shutdown::None), G12), ("refuted", None), "it is refused, and nobody ends");
    let mut asked = idle;
    asked.ends_within.lock_down = Some(Nanos(4 * MS));
    assert_eq!(said(&asked, &by(Shutdown::BestEffort), G12), ("proved", Some(4)));
    // The motor comes at 3, when the one operation is over, and the walk has its snapshot.
    let mut busy = system(&text(r#"Compute("1ms")"#));
    busy.ends_within.lock_down = Some(Nanos(4 * MS));
    assert_eq!(said(&busy, &by(Shutdown::Irrevocable), G12), ("proved", Some(2)));
    assert_eq!(said(&busy, &by(Shutdown::BestEffort), G12).0, "refuted");
}

/// Whoever a walk misses lives on after it has returned, and the clock runs on.
#[test]
fn whoever_is_missed_is_late_at_last() {
    let system = system(
        r#"Scenario(
            name: "missed", about: "a test", domains: ["control", "build"], job_groups: { "job": (processes: 4) },
            processes: {
                "supervisor": (domain: "control", contexts: { "main": (schedule: "supervisor", program: [
                    Compute("1ms"), Kill(group: "job"), Exit,
                ]) }),
                "build": (domain: "build", group: "job", contexts: {
                    "main": (program: [Compute("9ms"), Exit]),
                    "forks": (schedule: "forks", task: (period: "50ms", offset: "2ms"), program: [Fork("child")]),
                }),
                "child": (domain: "build", contexts: { "main": (program: [Forever([Compute("1ms")])]) }),
            },
            scheduling_contexts: { "forks": (priority: 20), "supervisor": (priority: 10) },
            kernel_bounds: (kill_group: "1ms", kill_process: "2ms"), ends_within: (kill_group: "8ms"),
            process_table: 4, tick: "1ms",
        )"#,
    );
    let walks = Profile { kill: Kill::Walk, ..Profile::ideal() };
    assert_eq!(said(&system, &Profile::ideal(), GuaranteeId::G4), ("proved", Some(1)));
    let report = in_time(&system, &walks);
    let ModelVerdict::Refuted { trace, violation, .. } = verdict(&report, GuaranteeId::G4) else {
        panic!("{report:?}")
    };
    assert!(violation.contains("child"), "{violation}");
    let returned = |label| matches!(label, Label::Object(step) if matches!(step.action, Action::KillReturns(_)));
    assert!(trace.events.iter().any(|event| returned(event.label)), "{trace:?}");
}

/// A kill or a lock-down by the definition: who began it, whom it is to end, how old it is, and the bound; and, once it has returned, who is left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Begun {
    id: GuaranteeId,
    by: Option<ContextSlot>,
    age: u64,
    whom: BTreeSet<usize>,
}

fn members(objects: &Objects, state: &State, of: Result<GroupId, DomainId>) -> BTreeSet<usize> {
    let is = |slot: &usize| {
        state.processes[*slot].lives()
            && match of {
                Ok(group) => state.processes[*slot].group == Some(group),
                Err(domain) => objects.domain_of(state, *slot) == domain,
            }
    };
    (0..state.processes.len()).filter(is).collect()
}

/// What a context is at.
fn at(objects: &Objects, state: &State, context: ContextSlot) -> Option<(GuaranteeId, Result<GroupId, DomainId>)> {
    objects.ending(state, context).map(|ending| match ending {
        Ending::Group(group) => (GuaranteeId::G4, Ok(group)),
        Ending::Domain(domain) => (GuaranteeId::G12, Err(domain)),
    })
}

const MOST_STATES: usize = 5_000;

/// Which guarantees a search refutes that keeps every state between two labels, and a list of what was begun. None, if there are too many states.
fn plain(objects: &Objects) -> Option<BTreeSet<GuaranteeId>> {
    let system = objects.system();
    let lattice = Lattice::new(system, system.tick.unwrap(), 0).unwrap();
    let relation = Relation::new(objects, FixedPriority::of(objects), lattice);
    let bound = |id| lacuna_model::guarantee::ends_within(system, id).map(|within| within.0);
    let note = |state: &State, begun: &mut Vec<Begun>| {
        for context in 0..state.contexts.len() as ContextSlot {
            let Some((id, of)) = at(objects, state, context) else { continue };
            let whom = members(objects, state, of);
            match begun.iter_mut().find(|one| one.by == Some(context)) {
                Some(one) => one.whom.extend(whom),
                None => begun.push(Begun { id, by: Some(context), age: 0, whom }),
            }
        }
    };
    let mut start = (relation.initial(), Vec::new());
    note(&start.0.objects, &mut start.1);
    let (mut seen, mut queue, mut refuted) = (HashSet::from([start.clone()]), vec![start], BTreeSet::new());
    while let Some((state, begun)) = queue.pop() {
        let mut labels = Vec::new();
        for offer in relation.offers(&state) {
            relation.for_each_label(offer, |label| labels.push(label));
        }
        for label in labels {
            let (mut after, mut begun) = (state.clone(), begun.clone());
            relation.apply(&mut after, label);
            match label {
                Label::Time(TimeStep::Elapse(duration)) => {
                    for one in &mut begun {
                        one.age += duration.0;
                        if bound(one.id).is_some_and(|bound| one.age > bound) && !one.whom.is_empty() {
                            refuted.insert(one.id);
                        }
                        one.age = one.age.min(bound(one.id).unwrap_or(0) + 1);
                    }
                }
                Label::Object(step) => {
                    let own = |one: &&mut Begun| one.by == Some(step.context);
                    let walks = matches!(after.objects.contexts[usize::from(step.context)].phase, Phase::Walking(_));
                    let returns = match step.action {
                        Action::KillReturns(_) | Action::LockDownReturns(_) => true,
                        Action::Kill(_) | Action::LockDown(_) => !walks,
                        _ => false,
                    };
                    if let (true, Some(one)) = (returns, begun.iter_mut().find(own)) {
                        one.by = None;
                        // Whoever is there then was there before, or came with it.
                        let (_, of) = at(objects, &state.objects, step.context).unwrap();
                        one.whom.extend(members(objects, &after.objects, of));
                    }
                    // Who begun it is no longer at it, and it has not returned: nothing is owed.
                    begun.retain(|one| one.by.is_none_or(|by| at(objects, &after.objects, by).is_some()));
                    begun.iter_mut().for_each(|one| one.whom.retain(|slot| after.objects.processes[*slot].lives()));
                    begun.retain(|one| one.by.is_some() || !one.whom.is_empty());
                    note(&after.objects, &mut begun);
                }
                _ => {}
            }
            begun.sort_by_key(|one| (one.id, one.by, one.age));
            begun.dedup();
            if seen.insert((after.clone(), begun.clone())) {
                queue.push((after, begun));
            }
        }
        if seen.len() > MOST_STATES {
            return None;
        }
    }
    Some(refuted)
}

/// Random systems are made deep in the stack, deeper than a test's own has room for in a build without optimisation.
fn with_room(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, test).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_search_by_the_definition_says_the_same() {
    with_room(|| {
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() });
        let said = runner.run(&(support::random::objects(), 0u64..4), |(objects, within)| {
            compared(&objects, within)?;
            Ok(())
        });
        said.unwrap();
    });
}

/// Asks both; what was said, if both come to an end.
fn compared(objects: &Objects, within: u64) -> Result<Option<BTreeSet<GuaranteeId>>, TestCaseError> {
    let ends_within = EndsWithin { kill_group: Some(Nanos(within)), lock_down: Some(Nanos(within)) };
    let system = System { tick: Some(Nanos(1)), ends_within, ..objects.system().clone() };
    let objects = Objects::new(&system, objects.profile()).unwrap();
    let Some(plain) = plain(&objects) else { return Ok(None) };
    let limits = Limits { max_states: MOST_STATES as u64 * 2, ..Limits::default() };
    let report = check_timed(&objects, BOUNDED, &limits).unwrap();
    if report.end != End::Complete {
        return Ok(None);
    }
    for id in BOUNDED {
        let verdict = verdict(&report, *id);
        if !matches!(verdict, ModelVerdict::Unknown { .. }) {
            prop_assert_eq!(
                matches!(verdict, ModelVerdict::Refuted { .. }),
                plain.contains(id),
                "{} {:?}",
                id,
                verdict
            );
        }
    }
    Ok(Some(plain))
}

/// The comparison is worth something only if both are refuted at times, and not always.
#[test]
fn the_random_systems_say_something() {
    with_room(|| {
        let mut runner = TestRunner::deterministic();
        let (mut whole, mut refuted) = (0, [0; 2]);
        for within in (0..200).map(|round| round % 3) {
            let objects = support::random::objects().new_tree(&mut runner).unwrap().current();
            let Some(found) = compared(&objects, within).unwrap() else { continue };
            whole += 1;
            refuted.iter_mut().zip(BOUNDED).for_each(|(count, id)| *count += u32::from(found.contains(id)));
        }
        assert!(whole > 60 && refuted.iter().all(|count| *count > 1 && *count < whole / 2), "{whole} {refuted:?}");
    });
}
