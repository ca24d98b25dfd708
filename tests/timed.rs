//! Timed checking against what else says the same: the analysis, the simulator, and a search written in the plainest way.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../sim/tests/support/mod.rs"]
mod support;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use lacuna_check::{End, Limits, TimedReport, check_timed};
use lacuna_model::analysis::response_time::{Bound, response_times, task_set};
use lacuna_model::coding::Writer;
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{BOUNDED, GuaranteeId, TIMED};
use lacuna_model::objects::{Action, ContextSlot, Objects, Phase};
use lacuna_model::profile::{Coupling, Inversion, Profile, Scheduling, TimeIsolation};
use lacuna_model::relation::{Label, Relation};
use lacuna_model::sched::FixedPriority;
use lacuna_model::system::{
    Context, Expectation, JobGroup, KernelBounds, Lock, MajorFrame, Order, Process, SchedulingContext,
    SchedulingContextId, Server, System, Window,
};
use lacuna_model::time::{Lattice, Time, TimeStep};
use lacuna_model::trace::Trace;
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};
use proptest::prelude::*;
use support::{T, rate_monotonic, task};

const MS: u64 = 1_000_000;

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

/// Those that one run violates.
const OF_ONE_RUN: &[GuaranteeId] = &[GuaranteeId::G18, GuaranteeId::G19, GuaranteeId::G20];

fn search(system: &System, profile: &Profile) -> TimedReport {
    check_timed(&Objects::new(system, profile).unwrap(), OF_ONE_RUN, &Limits::default()).unwrap()
}

fn verdict(report: &TimedReport, id: GuaranteeId) -> &ModelVerdict {
    &report.guarantees.iter().find(|checked| checked.id == id).unwrap().verdict
}

fn refuted(report: &TimedReport) -> Vec<GuaranteeId> {
    let refuted = report.guarantees.iter().filter(|checked| matches!(checked.verdict, ModelVerdict::Refuted { .. }));
    refuted.map(|checked| checked.id).collect()
}

fn tasks(tasks: &[T], tick: u64) -> System {
    System { tick: Some(Nanos(tick)), ..support::task_set(tasks, tick) }
}

/// A set that is often tested, of no known source; its responses are recomputed.
#[test]
fn the_longest_responses_are_those_of_the_analysis() {
    let set = rate_monotonic(&[(1, 4), (1, 5), (3, 9), (3, 18)]);
    let report = search(&tasks(&set, MS), &Profile::ideal());
    assert_eq!(report.worst, [1, 2, 7, 18].map(|response| Some(Nanos(response * MS))));
    assert_eq!(*verdict(&report, GuaranteeId::G18), ModelVerdict::Proved);
    assert_eq!((report.end, report.tick), (End::Complete, Nanos(MS)));
    // The last of them a tick too late.
    let mut late = set;
    late[3].deadline = 17;
    let report = search(&tasks(&late, MS), &Profile::ideal());
    let ModelVerdict::Refuted { trace, violation, .. } = verdict(&report, GuaranteeId::G18) else {
        panic!("{report:?}")
    };
    assert!(violation.contains("t3") && violation.contains("17ms"), "{violation}");
    assert_eq!(length(trace), 18 * MS, "it is missed in the first job, and found when the time has passed");
}

/// How much time passes in a story.
fn length(trace: &Trace) -> u64 {
    let elapse = |label| if let Label::Time(TimeStep::Elapse(duration)) = label { duration.0 } else { 0 };
    trace.events.iter().map(|event| elapse(event.label)).sum()
}

#[test]
fn the_library_is_as_it_expects() {
    let mut timed = 0;
    for entry in lacuna_scenarios::library() {
        let system = entry.system().unwrap();
        for profile in Profile::all().filter(|_| system.tick.is_some()) {
            let expected = system.expect.iter().find(|(name, _)| *name == profile.name).map(|(_, what)| what);
            let search = |system: &System, profile: &Profile| {
                check_timed(&Objects::new(system, profile).unwrap(), &[TIMED, BOUNDED].concat(), &Limits::default())
                    .unwrap()
            };
            let Some(Expectation::Fails(ids)) = expected else {
                if expected.is_some() {
                    assert_eq!(refuted(&search(&system, &profile)), [], "{} under {}", entry.name, profile.name);
                }
                continue;
            };
            let of_time: Vec<_> = ids.iter().copied().filter(|id| TIMED.contains(id)).collect();
            let (found, late): (Vec<_>, Vec<_>) =
                refuted(&search(&system, &profile)).into_iter().partition(|id| TIMED.contains(id));
            assert_eq!(found, of_time, "{} under {}", entry.name, profile.name);
            assert!(late.iter().all(|id| ids.contains(id)), "{late:?}: {} under {}", entry.name, profile.name);
            timed += 1;
        }
    }
    assert!(timed > 2, "{timed} refutations");
}

#[test]
fn each_choice_decides_something() {
    use GuaranteeId::{G18, G19, G20};
    let inversion = |inversion| Profile { inversion, ..Profile::ideal() };
    let isolation = |time_isolation| Profile { time_isolation, ..Profile::ideal() };
    let cases = [
        ("priority-inversion", inversion(Inversion::None), vec![G18, G20]),
        ("priority-inversion", inversion(Inversion::PriorityInheritance), vec![]),
        ("priority-inversion", inversion(Inversion::Ceiling), vec![]),
        ("priority-inversion", inversion(Inversion::Donation), vec![]),
        ("overrun", isolation(TimeIsolation::None), vec![G18, G19]),
        ("overrun", isolation(TimeIsolation::Budgets), vec![]),
        ("overrun", isolation(TimeIsolation::Partitions), vec![]),
        ("partitions", isolation(TimeIsolation::None), vec![G18, G19]),
        ("partitions", isolation(TimeIsolation::Budgets), vec![G18, G19]),
        ("partitions", isolation(TimeIsolation::Partitions), vec![]),
    ];
    for (scenario, profile, expected) in cases {
        assert_eq!(refuted(&search(&library(scenario), &profile)), expected, "{scenario} under {profile:?}");
    }
}

/// What the three do differently. The owner's own budget is spent in the middle: it goes on only on another's. And under a ceiling
/// somebody waits who wants no lock, under inheritance nobody does.
#[test]
fn inheritance_ceiling_and_donation_are_three_things() {
    let mut system = library("priority-inversion");
    let longest = |system: &System, inversion| {
        search(system, &Profile { inversion, ..Profile::ideal() }).worst.iter().map(|w| w.map(|w| w.0 / MS)).collect()
    };
    let in_between: Vec<Vec<Option<u64>>> =
        [Inversion::PriorityInheritance, Inversion::Ceiling].map(|inversion| longest(&system, inversion)).into();
    // The owner has the lock from 7 to 10; communications arrive at 9, when under both the manager waits since 8.
    assert_eq!(in_between[0], in_between[1]);
    // They arrive at 7 now, after the lock was taken at 6: a ceiling keeps them waiting, a waiter there is none before 8.
    let contexts = &mut system.processes[0].contexts;
    contexts[1].task.as_mut().unwrap().offset = Nanos(7 * MS);
    contexts[2].task.as_mut().unwrap().offset = Nanos(6 * MS);
    let inherits = longest(&system, Inversion::PriorityInheritance);
    let ceiling = longest(&system, Inversion::Ceiling);
    assert_ne!(inherits, ceiling);
    // A budget of 1 ms in 16: the owner of the lock waits for the next period, and others run, unless somebody lends it one. Then its
    // own jobs are in time too. The others have no budget, so that it may not even have its own.
    system.scheduling_contexts[2].budget = Some(support::budget(MS, 16 * MS));
    let inversion = |inversion| refuted(&search(&system, &Profile { inversion, ..Profile::ideal() }));
    assert_eq!(inversion(Inversion::PriorityInheritance), [GuaranteeId::G18, GuaranteeId::G19, GuaranteeId::G20]);
    assert_eq!(inversion(Inversion::Donation), [GuaranteeId::G19]);
}

/// Budgets of these amounts and periods, the first the most urgent; each scheduling context has a task.
fn isolation(budgets: &[(u64, u64)], priorities: &[u32], time_isolation: TimeIsolation) -> ModelVerdict {
    let of = |(budget, priority): (&(u64, u64), &u32)| T {
        budget: Some(*budget),
        priority: *priority,
        ..support::task(0, 100)
    };
    let set: Vec<T> = budgets.iter().zip(priorities).map(of).collect();
    let report = search(&tasks(&set, MS), &Profile { time_isolation, ..Profile::ideal() });
    verdict(&report, GuaranteeId::G19).clone()
}

/// Whatever the others do, by hand: deferrable servers may be used at the end of one period and at the beginning of the next.
#[test]
fn a_budget_is_there_if_what_is_more_urgent_leaves_it() {
    let holds = |budgets: &[(u64, u64)], priorities: &[u32]| {
        isolation(budgets, priorities, TimeIsolation::Budgets) == ModelVerdict::Proved
    };
    // Together they fill the period.
    assert!(holds(&[(2, 5), (3, 5)], &[2, 1]));
    assert!(!holds(&[(3, 5), (3, 5)], &[2, 1]));
    // Of the same urgency, the one that has the core keeps it: but no longer than its budget lasts.
    assert!(holds(&[(2, 5), (3, 5)], &[1, 1]));
    // A period of 9 touches three of the more urgent one's, and so is charged at most 2 + 2 + 2: it leaves 3, and not 4.
    assert!(holds(&[(2, 4), (3, 9)], &[2, 1]));
    assert!(!holds(&[(2, 4), (4, 9)], &[2, 1]));
    // The order of the list means nothing.
    assert!(holds(&[(3, 4), (1, 8)], &[1, 2]));
    assert!(!holds(&[(4, 4), (1, 8)], &[1, 2]));
    assert!(matches!(isolation(&[(2, 5), (3, 5)], &[2, 1], TimeIsolation::None), ModelVerdict::Refuted { .. }));
}

/// Windows by hand: who has one has it whole, but for what its own take of one another; and a budget must fit into them.
#[test]
fn a_window_is_there_whatever_the_others_do() {
    let system = |budget: Option<(u64, u64)>| {
        let set = [9, 5, 1].map(|priority| T { priority, ..support::task(0, 100) });
        let mut system = tasks(&[T { budget, ..set[0] }, set[1], set[2]], MS);
        let window = |offset: u64, duration: u64, of: &[u8]| Window {
            offset: Nanos(offset * MS),
            duration: Nanos(duration * MS),
            scheduling_contexts: of.iter().copied().map(SchedulingContextId).collect(),
        };
        let windows = vec![window(0, 3, &[0, 1]), window(4, 2, &[2])];
        system.major_frame = Some(MajorFrame { length: Nanos(6 * MS), windows });
        system
    };
    let isolation = |budget, time_isolation| {
        let report = search(&system(budget), &Profile { time_isolation, ..Profile::ideal() });
        verdict(&report, GuaranteeId::G19).clone()
    };
    assert_eq!(isolation(None, TimeIsolation::Partitions), ModelVerdict::Proved);
    let ModelVerdict::Refuted { trace, violation, .. } = isolation(None, TimeIsolation::Budgets) else { panic!() };
    assert!(violation.contains("whose window it is"), "{violation}");
    // The most urgent one keeps the core when the other's window comes.
    assert_eq!(length(&trace), 5 * MS, "{trace:?}");
    // Of the window's 3 in 6 a budget may be all, and no more.
    assert_eq!(isolation(Some((3, 6)), TimeIsolation::Partitions), ModelVerdict::Proved);
    assert!(matches!(isolation(Some((4, 6)), TimeIsolation::Partitions), ModelVerdict::Refuted { .. }));
    // Nor is it there in another rhythm: from 3 on there is no window of its own until 6.
    assert!(matches!(isolation(Some((1, 3)), TimeIsolation::Partitions), ModelVerdict::Refuted { .. }));
}

/// A kernel operation may take longer than whatever else the system does, and its bound is a time like any other.
#[test]
fn every_bound_of_the_kernel_is_on_the_lattice() {
    let mut system = library("overrun");
    let tick = system.tick.unwrap();
    let long = Nanos(tick.0 * 1_000);
    let names = |bounds: KernelBounds| bounds.declared().map(|(name, _)| name).collect::<Vec<_>>();
    let all = KernelBounds {
        spawn: long,
        kill_group: long,
        kill_process: long,
        reattach: long,
        lock_down: long,
        flush: long,
    };
    assert_eq!(names(all).len(), 6);
    let set: [fn(&mut KernelBounds) -> &mut Nanos; 6] = [
        |bounds| &mut bounds.spawn,
        |bounds| &mut bounds.kill_group,
        |bounds| &mut bounds.kill_process,
        |bounds| &mut bounds.reattach,
        |bounds| &mut bounds.lock_down,
        |bounds| &mut bounds.flush,
    ];
    for bound in set {
        system.kernel_bounds = KernelBounds::default();
        *bound(&mut system.kernel_bounds) = long;
        let [name] = names(system.kernel_bounds)[..] else { panic!("one bound") };
        let lattice = Lattice::new(&system, tick, 0).unwrap();
        let objects = Objects::new(&system, &Profile::ideal()).unwrap();
        let mut time = lattice.initial(&objects, &objects.initial());
        time.contexts[0].execution = Some(long);
        let mut words = [0; 64];
        let mut writer = Writer::new(&mut words, tick);
        lattice.code(&mut time, &mut writer);
        assert!(writer.fits(), "{name}");
        *bound(&mut system.kernel_bounds) = Nanos(tick.0 + 1);
        assert_eq!(Lattice::new(&system, tick, 0).unwrap_err().what, name);
    }
}

/// Two processes in no group, and more domains and groups than they need.
fn two(domains: usize, groups: usize, processes: usize) -> System {
    let mut system = tasks(&rate_monotonic(&[(1, 4), (2, 8)]), MS);
    let process = system.processes[0].clone();
    let named = |name: &str, contexts| Process { name: name.into(), contexts, ..process.clone() };
    let contexts = std::mem::take(&mut system.processes).into_iter().flat_map(|process| process.contexts);
    system.processes = contexts.zip(["x", "y"]).map(|(one, name)| named(name, vec![one])).collect();
    let idle = |index: usize| {
        let context =
            Context { task: None, program: vec![], schedule: None, ..system.processes[0].contexts[0].clone() };
        named(&format!("z{index}"), vec![context])
    };
    let more: Vec<Process> = (2..processes).map(idle).collect();
    system.processes.extend(more);
    system.domains = (0..domains).map(|index| format!("d{index}")).collect();
    system.job_groups =
        (0..groups).map(|index| JobGroup { name: format!("g{index}"), processes: None, memory: None }).collect();
    system.process_table = processes as u8;
    system
}

/// Whoever is alone in a group is scheduled as it is; two are scheduled as one.
#[test]
fn one_move_is_not_every_labelling() {
    let separation = |system: &System, coupling| {
        let objects = Objects::new(system, &Profile { coupling, ..Profile::ideal() }).unwrap();
        let report = check_timed(&objects, &[GuaranteeId::G22], &Limits::default()).unwrap();
        report.guarantees[0].verdict.clone()
    };
    let ModelVerdict::Refuted { violation, .. } = separation(&two(1, 1, 2), Coupling::WithGroup) else { panic!() };
    assert!(violation.contains("with `x` in job group `g0`, `y` in job group `g0` it would"), "{violation}");
    assert_eq!(separation(&two(1, 1, 2), Coupling::Separate), ModelVerdict::Proved);
    assert_eq!(separation(&two(2, 0, 2), Coupling::WithGroup), ModelVerdict::Proved, "there is no group");
    // 2 domains, with a group or without, for five processes: 4 to the fifth is just what is compared; for six it is too much.
    assert_eq!(separation(&two(2, 1, 5), Coupling::Separate), ModelVerdict::Proved);
    let ModelVerdict::Unknown { limit } = separation(&two(2, 1, 6), Coupling::Separate) else { panic!() };
    assert!(limit.contains("4096 ways"), "{limit}");
    // One change is seen then too: x alone in the other domain is what it was, and y is no longer scheduled as x.
    assert!(matches!(separation(&two(2, 1, 6), Coupling::WithDomain), ModelVerdict::Refuted { .. }));
}

/// What a search says that keeps every state between two labels, in every order, and the arrival of every job by its age.
struct Plain {
    worst: Vec<Option<u64>>,
    missed: bool,
}

const MOST_STATES: usize = 5_000;

/// None, if there are too many states, or a task has too many jobs waiting.
fn plain(objects: &Objects) -> Option<Plain> {
    let system = objects.system();
    let lattice = Lattice::new(system, system.tick.unwrap(), 0).unwrap();
    let relation = Relation::new(objects, FixedPriority::of(objects), lattice);
    let start = (relation.initial(), vec![VecDeque::<u64>::new(); relation.initial().objects.contexts.len()]);
    let (mut seen, mut queue) = (HashSet::from([start.clone()]), vec![start]);
    let (mut worst, mut missed) = (HashMap::<_, u64>::new(), false);
    while let Some((state, ages)) = queue.pop() {
        let mut labels = Vec::new();
        for offer in relation.offers(&state) {
            relation.for_each_label(offer, |label| labels.push(label));
        }
        for label in labels {
            assert!(relation.is_enabled(&state, label), "{label:?}");
            let (mut after, mut ages) = (state.clone(), ages.clone());
            match label {
                Label::Time(TimeStep::Arrive { context, .. }) => ages[usize::from(context)].push_back(0),
                Label::Time(TimeStep::Elapse(duration)) => {
                    ages.iter_mut().flatten().for_each(|age| *age += duration.0);
                    for (context, ages) in (0..).zip(&ages).filter(|(_, ages)| !ages.is_empty()) {
                        let deadline = objects.declaration(&state.objects, context).task.unwrap().deadline;
                        missed |= ages[0] > deadline.0;
                    }
                }
                Label::Object(step) if step.action == Action::JobDone => {
                    let age = ages[usize::from(step.context)].pop_front().unwrap();
                    let longest = worst.entry(of(objects, &state.objects, step.context)).or_default();
                    *longest = age.max(*longest);
                }
                _ => {}
            }
            relation.apply(&mut after, label);
            for (context, ages) in after.objects.contexts.iter().zip(&mut ages) {
                if context.phase == Phase::Gone {
                    ages.clear();
                }
                if ages.len() > 5 {
                    return None;
                }
            }
            if seen.insert((after.clone(), ages.clone())) {
                queue.push((after, ages));
            }
        }
        if seen.len() > MOST_STATES {
            return None;
        }
    }
    let worst = system.tasks().iter().map(|task| worst.get(task).copied()).collect();
    Some(Plain { worst, missed })
}

fn of(
    objects: &Objects,
    state: &lacuna_model::objects::State,
    context: ContextSlot,
) -> (lacuna_model::system::ProcessId, usize) {
    let slot = usize::from(objects.process_of(context));
    (state.processes[slot].instance_of, objects.index_in_process(context))
}

/// Random sets of at most so many tasks, priorities in any order.
fn any_set() -> impl Strategy<Value = Vec<T>> {
    let one = (0u64..3, 0u64..3, 2u64..9, 1u64..14, 0u64..4, 0u64..3).prop_map(
        |(bcet, more, period, deadline, offset, jitter)| T {
            bcet,
            wcet: bcet + more,
            deadline,
            offset,
            jitter: jitter.min(period),
            ..support::task(0, period)
        },
    );
    let budget = proptest::option::weighted(0.3, (1u64..4, 0u64..4).prop_map(|(amount, more)| (amount, amount + more)));
    proptest::collection::vec((one, 0u32..4, budget), 1..4)
        .prop_map(|list| list.into_iter().map(|(task, priority, budget)| T { priority, budget, ..task }).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Every order of what time brings, and a state at every label: the same verdict, the same longest responses.
    #[test]
    fn a_plain_search_says_the_same(set in any_set(), budgets: bool) {
        let time_isolation = if budgets { TimeIsolation::Budgets } else { TimeIsolation::None };
        let system = tasks(&set, 10);
        let objects = Objects::new(&system, &Profile { time_isolation, ..Profile::ideal() }).unwrap();
        agrees(&objects)?;
    }

    /// The same of systems that do everything else too, with all their durations on a lattice.
    #[test]
    fn a_plain_search_says_the_same_of_random_systems(objects in support::random::objects()) {
        let system = System { tick: Some(Nanos(1)), ..objects.system().clone() };
        agrees(&Objects::new(&system, objects.profile()).unwrap())?;
    }

    /// No job responds later in a run, on the same lattice, than the search has seen one do; and where it saw no miss there is none.
    #[test]
    fn a_run_is_within_what_was_searched(set in any_set(), seed: u64) {
        let objects = Objects::new(&tasks(&set, 1), &Profile::ideal()).unwrap();
        let report = check_timed(&objects, OF_ONE_RUN, &Limits::default()).unwrap();
        let overrun = matches!(verdict(&report, GuaranteeId::G18), ModelVerdict::Refuted { .. });
        prop_assume!(!overrun);
        let options = Options::new(Nanos(500));
        let run = simulate(&objects, FixedPriority::of(&objects), &mut Seeded::new(seed), &options).unwrap();
        for (context, worst) in run.summary.contexts.iter().zip(&report.worst) {
            prop_assert_eq!(context.missed, 0);
            prop_assert!(context.response_ns.map(|response| response.max) <= worst.map(|worst| worst.0));
        }
    }

    /// Never beyond the bound of the analysis; and exactly that where all are released together and take their worst.
    #[test]
    fn the_bound_is_kept_and_met(set in any_set(), together: bool) {
        let set: Vec<T> = (0u32..).zip(set).map(|(index, task)| {
            let task = T { budget: None, ..task };
            if !together {
                return task;
            }
            T { offset: 0, jitter: 0, wcet: task.wcet.max(1), bcet: task.wcet.max(1), priority: index, ..task }
        }).collect();
        let system = tasks(&set, 1);
        let report = search(&system, &Profile::ideal());
        prop_assume!(refuted(&report).is_empty());
        let demands = task_set(&system).unwrap();
        for (index, worst) in report.worst.iter().enumerate() {
            let Bound::Finite(bound) = response_times(&demands, index).worst() else { continue };
            prop_assert!(*worst <= Some(bound), "{:?} above {}", worst, bound);
            prop_assert!(!together || *worst == Some(bound), "{:?} below {}", worst, bound);
        }
    }
}

fn agrees(objects: &Objects) -> Result<(), TestCaseError> {
    let contexts = objects.system().processes.iter().flat_map(|process| &process.contexts);
    let mut tasks = contexts.filter(|context| context.task.is_some());
    if tasks.any(|task| lacuna_model::analysis::response_time::attacks(&task.program)) {
        let limits = Limits { max_states: 1_000, ..Limits::default() };
        let report = check_timed(objects, &[GuaranteeId::G18], &limits).unwrap();
        prop_assert_eq!(verdict(&report, GuaranteeId::G18).name(), "unknown");
        return Ok(());
    }
    let Some(plain) = plain(objects) else { return Ok(()) };
    // The plain search keeps more of them. Where too many jobs wait it is that which ends early.
    let limits = Limits { max_states: MOST_STATES as u64 * 2, ..Limits::default() };
    let report = check_timed(objects, &[GuaranteeId::G18], &limits).unwrap();
    prop_assert!(matches!(report.end, End::Complete | End::Unrepresentable(_)), "{:?}", report.end);
    if let End::Unrepresentable(why) = report.end {
        // Steps without end at one instant: the plain search goes round in a circle. And a refill is followed for so long only.
        let endless = why.0.contains("no time passes") || why.0.contains("ways through one instant");
        let refilled = keeps_refills(objects.system()) && why.0.contains("too large");
        prop_assert!(endless || refilled, "{}", why);
        return Ok(());
    }
    let missed = matches!(verdict(&report, GuaranteeId::G18), ModelVerdict::Refuted { .. });
    prop_assert_eq!(missed, plain.missed);
    // After a miss the search may go less far.
    if !missed {
        let worst: Vec<_> = report.worst.iter().map(|worst| worst.map(|worst| worst.0)).collect();
        prop_assert_eq!(worst, plain.worst);
    }
    Ok(())
}

/// Has it a server that keeps a queue of refills?
fn keeps_refills(system: &System) -> bool {
    let servers = system.scheduling_contexts.iter().filter_map(|scheduling| Some(scheduling.budget?.server));
    servers.into_iter().any(|server| matches!(server, Server::Sporadic | Server::Mcs { .. }))
}

/// The tests above are worth something only if both sides come to a verdict, and to each of them.
#[test]
fn the_random_sets_say_something() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let mut whole = 0;
    for _ in 0..60 {
        let set = any_set().new_tree(&mut runner).unwrap().current();
        let objects = Objects::new(&tasks(&set, 10), &Profile::ideal()).unwrap();
        whole += u32::from(plain(&objects).is_some());
        let report = check_timed(&objects, OF_ONE_RUN, &Limits::default()).unwrap();
        seen.insert(verdict(&report, GuaranteeId::G18).name());
    }
    assert!(whole > 30, "{whole} of 60 were searched both ways");
    assert!(seen.contains("proved") && seen.contains("refuted"), "{seen:?}");
}

#[test]
fn a_search_that_is_cut_says_so() {
    let set = rate_monotonic(&[(1, 4), (1, 5), (3, 9), (3, 18)]);
    let objects = Objects::new(&tasks(&set, MS), &Profile::ideal()).unwrap();
    let limits = Limits { max_states: 10, ..Limits::default() };
    let report = check_timed(&objects, OF_ONE_RUN, &limits).unwrap();
    assert_eq!(report.end, End::MaxStates);
    assert!(matches!(verdict(&report, GuaranteeId::G18), ModelVerdict::Unknown { .. }), "{report:?}");
}

#[test]
fn what_is_not_offered_becomes_what_is_nearest() {
    use GuaranteeId::{G18, G19};
    let with = |scheduling| Profile { scheduling, ..Profile::ideal() };
    let cases = [
        ("deadline-order", Scheduling::Every, vec![]),
        ("deadline-order", Scheduling::FAIR_PRIORITIES_DEADLINES, vec![]),
        ("deadline-order", Scheduling::PRIORITIES, vec![G18]),
        ("deadline-order", Scheduling::FAIR, vec![G18]),
        ("partitions", Scheduling::PRIORITIES_TABLES, vec![]),
        ("partitions", Scheduling::PRIORITIES, vec![G18, G19]),
        ("group-schedule", Scheduling::PRIORITIES, vec![]),
        ("group-schedule", Scheduling::FAIR, vec![]),
    ];
    for (scenario, scheduling, expected) in cases {
        let report = search(&library(scenario), &with(scheduling));
        assert_eq!(refuted(&report), expected, "{scenario}: {}", scheduling.name());
    }
}

/// Deadlines become priorities inside their own, the shorter the higher; what is above and below stays so, ceilings and thresholds too.
#[test]
fn deadlines_become_priorities_and_nothing_else_moves() {
    let mut system = tasks(&rate_monotonic(&[(1, 20), (1, 10), (1, 30), (1, 10), (1, 40)]), MS);
    let declared = [
        (5, Order::Deadline),
        (5, Order::Deadline),
        (9, Order::Readiness),
        (5, Order::Deadline),
        (1, Order::Readiness),
    ];
    for (by, (priority, order)) in system.scheduling_contexts.iter_mut().zip(declared) {
        (by.priority, by.order) = (priority, order);
    }
    system.scheduling_contexts[4].threshold = Some(5);
    // One that nothing with a deadline runs by.
    system.scheduling_contexts.push(SchedulingContext {
        name: "idle".into(),
        priority: 5,
        order: Order::Deadline,
        ..SchedulingContext::default()
    });
    system.locks = [Some(9), Some(5), None].map(|ceiling| Lock { name: "l".into(), ceiling }).into();
    let given = Scheduling::PRIORITIES.given(&system);
    let priority = |index: usize| given.scheduling_contexts[index].priority;
    // 10 ms twice, 20 ms, none; below 9 and above 1.
    assert_eq!(priority(1), priority(3));
    assert!(
        priority(2) > priority(1)
            && priority(1) > priority(0)
            && priority(0) > priority(5)
            && priority(5) > priority(4)
    );
    let threshold = given.scheduling_contexts[4].threshold.unwrap();
    assert!(threshold >= priority(1) && threshold < priority(2));
    assert!(
        given.ceilings[0].unwrap() >= priority(2)
            && given.ceilings[1] == Some(threshold)
            && given.ceilings[2].is_none()
    );
    assert!(given.scheduling_contexts.iter().all(|by| by.order == Order::Readiness));
    assert_eq!(given.instead, ["fixed priorities, the shorter the deadline the higher, for deadlines"]);
    // What is offered stays as it is declared; laxities become deadlines where there are such, and then priorities where not.
    let same = Scheduling::FAIR_PRIORITIES_DEADLINES.given(&system);
    assert_eq!((same.scheduling_contexts, same.instead), (system.scheduling_contexts.clone(), vec![]));
    system
        .scheduling_contexts
        .iter_mut()
        .filter(|by| by.order == Order::Deadline)
        .for_each(|by| by.order = Order::Laxity { quantum: Nanos(MS) });
    let by_deadline = Scheduling::FAIR_PRIORITIES_DEADLINES.given(&system);
    assert!(by_deadline.scheduling_contexts.iter().all(|by| !matches!(by.order, Order::Laxity { .. })));
    assert_eq!(by_deadline.instead, ["deadlines for laxities"]);
    assert_eq!(Scheduling::PRIORITIES.given(&system).scheduling_contexts, given.scheduling_contexts);
    assert_eq!(Scheduling::Every.given(&system).scheduling_contexts, system.scheduling_contexts);
}

/// By that rule a set has the responses of deadline-monotonic priorities, in the simulator's loop for task sets too.
#[test]
fn responses_are_those_of_deadline_monotonic_priorities() {
    let mut system = tasks(
        &[T { deadline: 4, ..task(2, 12) }, T { deadline: 9, ..task(3, 10) }, T { deadline: 6, ..task(1, 15) }],
        MS,
    );
    system.scheduling_contexts.iter_mut().for_each(|by| (by.priority, by.order) = (1, Order::Deadline));
    let worst = search(&system, &Profile { scheduling: Scheduling::PRIORITIES, ..Profile::ideal() }).worst;
    assert_eq!(worst, [2, 6, 3].map(|response| Some(Nanos(response * MS))));
    let objects = Objects::new(&system, &Profile { scheduling: Scheduling::PRIORITIES, ..Profile::ideal() }).unwrap();
    assert!(lacuna_sim::task_set::TaskSet::of(&objects).is_some());
}
