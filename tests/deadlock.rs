//! Who waits for ever (G21): known cases, and on random systems the least fixed point against the whole graph.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;
mod support;
#[path = "../sim/tests/support/mod.rs"]
mod systems;

use std::collections::{HashMap, HashSet};

use lacuna_check::{Limits, check};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Action, ContextSlot, Objects, Phase, Precondition, State, Step, Wait};
use lacuna_model::profile::{Attachment, Kill, LockRecovery, Profile, Tracking, Waiting};
use proptest::prelude::*;
use support::lacuna;

fn objects(fields: &str, processes: &[(&str, &str)], profile: &Profile) -> Objects {
    let process =
        |(name, contexts): &(&str, &str)| format!("\"{name}\": (domain: \"d\", contexts: {{ {contexts} }}),\n");
    let processes: String = processes.iter().map(process).collect();
    let text = format!("Scenario(name: \"x\", about: \"y\", domains: [\"d\"], {fields} processes: {{ {processes} }})");
    let system = lacuna_scenarios::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
    Objects::new(&system, profile).unwrap()
}

/// What is wrong, if it is refuted; else the verdict.
fn verdict(objects: &Objects) -> String {
    match check(objects, &[GuaranteeId::G21], &Limits::default()).unwrap().guarantees.remove(0).verdict {
        ModelVerdict::Refuted { violation, .. } => violation,
        other => other.name().into(),
    }
}

fn main(program: &str) -> String {
    format!("\"main\": (program: [{program}])")
}

fn of(fields: &str, programs: &[(&str, &str)], profile: &Profile) -> String {
    let programs: Vec<(&str, String)> = programs.iter().map(|(name, program)| (*name, main(program))).collect();
    let programs: Vec<(&str, &str)> = programs.iter().map(|(name, program)| (*name, program.as_str())).collect();
    verdict(&objects(fields, &programs, profile))
}

const LOCKS: &str = "locks: { \"l\": (), \"m\": () },";

#[test]
fn locks_in_a_circle_and_locks_that_nobody_gives_back() {
    let ideal = Profile::ideal();
    let both = r#"Lock("l"), Lock("m"), Unlock("m"), Unlock("l")"#;
    assert_eq!(of(LOCKS, &[("p", both), ("q", both)], &ideal), "proved");
    assert_eq!(
        of(LOCKS, &[("p", both), ("q", r#"Lock("m"), Lock("l"), Unlock("l"), Unlock("m")"#)], &ideal),
        "p/main waits for the lock `m`, which q/main holds; q/main waits for the lock `l`, which p/main holds: none of them can ever go on"
    );
    assert_eq!(
        of(LOCKS, &[("p", r#"Lock("l"), Lock("l")"#), ("q", "Exit")], &ideal),
        "p/main waits for the lock `l`, which it holds itself: nobody can ever serve it"
    );
    // Who ends, ends as the owner; who goes on for ever never does.
    let takes = ("q", r#"Lock("l"), Exit"#);
    let stalled = Profile { lock_recovery: LockRecovery::None, ..Profile::ideal() };
    assert_eq!(of(LOCKS, &[("p", r#"Lock("l"), Exit"#), takes], &ideal), "proved");
    let exits = [("p", r#"Lock("l"), Exit"#), ("q", r#"Lock("l"), Unlock("l")"#)];
    assert!(of(LOCKS, &exits, &stalled).starts_with("q/main waits for the lock `l`, which p/main holds"));
    assert_eq!(
        of(LOCKS, &[("p", r#"Lock("l"), Forever([Compute("1ms")])"#), takes], &ideal),
        "q/main waits for the lock `l`, which p/main holds: nobody can ever serve it"
    );
    assert_eq!(of(LOCKS, &[("p", r#"Lock("l"), Unlock("l")"#), ("q", "Exit")], &ideal), "vacuous");
}

#[test]
fn an_end_of_its_own_process_serves_no_context() {
    let threads = |other: &str| {
        let contexts = format!("{}, \"other\": (program: [{other}])", main(r#"Lock("l"), Forever([Compute("1ms")])"#));
        verdict(&objects(LOCKS, &[("p", &contexts)], &Profile::ideal()))
    };
    assert!(threads(r#"Lock("l")"#).contains("waits for the lock `l`, which p/main holds"));
    assert_eq!(threads(r#"Compute("1ms")"#), "vacuous");
}

#[test]
fn a_parent_that_waits_for_a_child_that_waits_for_it() {
    let fields = |capacity: u8| {
        format!(
            "buffers: {{ \"pipe\": (capacity: {capacity}, overflow: Block, send: [\"d\"], receive: [\"d\"]) }}, process_table: 2,"
        )
    };
    let programs = [
        ("parent", r#"Spawn(process: "child", pass: ["pipe"]), Wait(process: "child"), Receive("pipe")"#),
        ("child", r#"Loop(times: 2, do: [Send("pipe")]), Exit"#),
    ];
    // It writes more than fits, and is read only when it has ended: popen and wait, the wrong way round.
    for profile in [Profile::ideal(), Profile::linux_hardened(), Profile::named("windows-job").unwrap()] {
        assert_eq!(
            of(&fields(1), &programs, &profile),
            "child/main waits for room in `pipe`; parent/main waits for the end of `child`: none of them can ever go on"
        );
        assert_eq!(of(&fields(2), &programs, &profile), "proved");
    }
    // Both wait for events, and none of them is idle.
    let talk = [
        ("parent", r#"Spawn(process: "child", pass: ["pipe"]), Wait(process: "child"), Send("pipe")"#),
        ("child", r#"Receive("pipe"), Exit"#),
    ];
    assert_eq!(
        of(&fields(1), &talk, &Profile::ideal()),
        "parent/main waits for the end of `child`; child/main waits for a message in `pipe`: none of them can ever go on"
    );
}

#[test]
fn whoever_is_idle_is_not_deadlocked() {
    let buffers = "buffers: { \"in\": (capacity: 1, overflow: Block, send: [\"d\"], receive: [\"d\"]), \"out\": (capacity: 1, overflow: Block, send: [\"d\"], receive: [\"d\"]) },";
    let server = ("server", r#"Forever([Receive("in"), Send("out")])"#);
    assert_eq!(of(buffers, &[server, ("client", r#"Send("in"), Receive("out"), Exit"#)], &Profile::ideal()), "proved");
    // Whoever writes and is read by nobody has something left to say.
    assert_eq!(
        of(buffers, &[server, ("client", r#"Loop(times: 3, do: [Send("in")]), Exit"#)], &Profile::ideal()),
        "server/main waits for room in `out`: nobody can ever serve it"
    );
    // Two who each wait for the other to begin.
    assert_eq!(
        of(
            buffers,
            &[server, ("client", r#"Compute("1ms"), Forever([Receive("out"), Send("in")])"#)],
            &Profile::ideal()
        ),
        "server/main waits for a message in `in`; client/main waits for a message in `out`: none of them can ever go on"
    );
}

#[test]
fn an_atomic_kill_orphans_a_lock_and_a_robust_lock_is_passed_on() {
    let system =
        lacuna_scenarios::library().iter().find(|entry| entry.name == "orphaned-lock").unwrap().system().unwrap();
    let with = |kill, lock_recovery| {
        let profile = Profile { kill, lock_recovery, ..Profile::linux_hardened() };
        verdict(&Objects::new(&system, &profile).unwrap())
    };
    let orphaned = "other/main waits for the lock `cache`, which has no owner any more: nobody can ever serve it";
    assert_eq!(with(Kill::Atomic, LockRecovery::None), orphaned);
    assert_eq!(with(Kill::Walk, LockRecovery::None), orphaned);
    assert_eq!(with(Kill::OneProcess, LockRecovery::None), "proved", "the compiler gives it back");
    for kill in Kill::ALL {
        assert_eq!(with(kill, LockRecovery::OwnerDead), "proved");
    }
    let told = lacuna(&["check", "orphaned-lock", "--kernel", "linux", "--guarantee", "G21"]);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    for words in ["compiler/main takes the lock `cache`", "kills job group `job`", orphaned] {
        assert!(told.out.contains(words), "no {words} in:\n{}", told.out);
    }
}

#[test]
fn a_wake_up_is_lost_between_looking_and_sleeping() {
    let buffers = "buffers: { \"b\": (capacity: 1, overflow: Coalesce, send: [\"d\"], receive: [\"d\"]) },";
    let missing = Profile { waiting: Waiting::CheckThenSleep, ..Profile::ideal() };
    let lost = "worker/main waits for a message to come to `b`, which it holds, and whose wake-up is lost: nobody can ever serve it";
    let worker = ("worker", r#"Await("b"), Poll("b")"#);
    let once = [worker, ("client", r#"Send("b")"#)];
    assert_eq!(of(buffers, &once, &missing), lost);
    assert_eq!(of(buffers, &once, &Profile::ideal()), "proved");
    // Whoever comes again and again wakes it in the end; whoever never comes leaves it idle.
    assert_eq!(of(buffers, &[worker, ("client", r#"Forever([Send("b")])"#)], &missing), "proved");
    assert_eq!(of(buffers, &[worker, ("client", "Exit")], &missing), "proved");
    // To look for a message does not take it.
    let both = [("worker", r#"Await("b"), Await("b"), Receive("b")"#), ("client", r#"Send("b")"#)];
    assert_eq!(of(buffers, &both, &Profile::ideal()), "proved");

    let system =
        lacuna_scenarios::library().iter().find(|entry| entry.name == "lost-wakeup").unwrap().system().unwrap();
    let objects = Objects::new(&system, &Profile { waiting: Waiting::CheckThenSleep, ..Profile::linux() }).unwrap();
    let report = check(&objects, &[GuaranteeId::G21], &Limits::default()).unwrap();
    let ModelVerdict::Refuted { trace, .. } = &report.guarantees[0].verdict else { panic!("{report:?}") };
    let story: Vec<&str> = trace.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(
        story[1..],
        [
            "worker/main looks whether there is a message in `work`: refused, the buffer is empty",
            "client/main sends to `work`",
            "worker/main goes to sleep until a message comes to `work`",
        ]
    );
}

/// The whole graph of a small system.
struct Graph {
    states: Vec<State>,
    steps: Vec<(usize, Step, usize)>,
}

fn graph(objects: &Objects, most: usize) -> Option<Graph> {
    let (states, _) = plain::explore(objects, most, |_| {});
    if states.len() >= most {
        return None;
    }
    let numbers: HashMap<&State, usize> = states.iter().enumerate().map(|(number, state)| (state, number)).collect();
    let mut steps = Vec::new();
    for (from, state) in states.iter().enumerate() {
        objects.for_each_enabled(state, |step| {
            steps.push((from, step, numbers[&objects.apply(state, step).0]));
        });
    }
    drop(numbers);
    Some(Graph { states, steps })
}

impl Graph {
    /// The states from which, by whatever run, the context goes on with its program before its process ends.
    fn goes_on(&self, objects: &Objects, context: ContextSlot) -> HashSet<usize> {
        let slot = usize::from(objects.process_of(context));
        let at = usize::from(context);
        let mut back: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut found = HashSet::new();
        let mut queue = Vec::new();
        for (from, step, to) in &self.steps {
            let (before, after) = (&self.states[*from], &self.states[*to]);
            let own = step.context == context && !matches!(step.action, Action::Deliver(_));
            let place = |state: &State| (state.contexts[at].position, state.contexts[at].phase);
            let moved = after.processes[slot].lives() && place(before) != place(after);
            if before.contexts[at].phase != Phase::Gone && (own || moved) {
                if found.insert(*from) {
                    queue.push(*from);
                }
            } else if after.processes[slot].lives() {
                back.entry(*to).or_default().push(*from);
            }
        }
        while let Some(state) = queue.pop() {
            for from in back.get(&state).into_iter().flatten() {
                if found.insert(*from) {
                    queue.push(*from);
                }
            }
        }
        found
    }
}

/// Checks one system, and counts of those who are stuck how many are known to be.
fn compare(objects: &Objects, graph: &Graph) -> Result<(u64, u64), TestCaseError> {
    let stuck: Vec<Vec<(ContextSlot, Wait)>> = graph.states.iter().map(|state| objects.stuck(state)).collect();
    let (mut known, mut all) = (0, 0);
    let last: HashSet<usize> = {
        let goes_on: HashSet<usize> = graph.steps.iter().map(|(from, ..)| *from).collect();
        (0..graph.states.len()).filter(|state| !goes_on.contains(state)).collect()
    };
    for context in 0..graph.states[0].contexts.len() as ContextSlot {
        let goes_on = graph.goes_on(objects, context);
        for (number, state) in graph.states.iter().enumerate() {
            let waits = objects.waits_for(state, context);
            let is_stuck = stuck[number].iter().any(|(one, _)| *one == context);
            prop_assert!(!is_stuck || waits.is_some());
            if waits.is_some() && !goes_on.contains(&number) {
                all += 1;
                known += u64::from(is_stuck);
                prop_assert!(is_stuck || !last.contains(&number), "nobody can go on in {state:?}");
            } else {
                prop_assert!(!is_stuck, "{context} waits for {waits:?} and goes on after {state:?}");
            }
        }
    }
    Ok((known, all))
}

/// Who waits has no step but to be interrupted, and the other way round.
fn waits_as_it_steps(objects: &Objects, state: &State) -> Result<(), TestCaseError> {
    let mut steps: HashMap<ContextSlot, Vec<Action>> = HashMap::new();
    objects.for_each_enabled(state, |step| steps.entry(step.context).or_default().push(step.action));
    for context in 0..state.contexts.len() as ContextSlot {
        if state.contexts[usize::from(context)].phase == Phase::Gone {
            continue;
        }
        let own = steps.get(&context).map(Vec::as_slice).unwrap_or_default();
        let interrupted = own.iter().any(|action| matches!(action, Action::Deliver(_)));
        if !interrupted {
            prop_assert_eq!(objects.waits_for(state, context).is_some(), own.is_empty(), "{} in {:?}", context, state);
        }
    }
    Ok(())
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let named: Vec<Profile> = Profile::all().collect();
    let of = (
        proptest::sample::select(named),
        proptest::sample::select(Kill::ALL.to_vec()),
        proptest::sample::select(Tracking::ALL.to_vec()),
        proptest::sample::select(LockRecovery::ALL.to_vec()),
        proptest::sample::select(Waiting::ALL.to_vec()),
        proptest::sample::select(vec![Attachment::None, Attachment::Free, Attachment::Predefined]),
    );
    of.prop_map(|(named, kill, tracking, lock_recovery, waiting, attachment)| Profile {
        kill,
        tracking,
        lock_recovery,
        waiting,
        attachment,
        ..named
    })
}

#[test]
fn whoever_is_stuck_never_goes_on() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let omitted = proptest::option::weighted(0.2, proptest::sample::select(Precondition::ALL.to_vec()));
    let counted = std::cell::Cell::new((0, 0, 0));
    let systems = (systems::random::waiting(), any_profile(), omitted);
    runner
        .run(&systems, |(system, profile, omitted)| {
            let Ok(objects) = Objects::new(&system, &profile) else { return Ok(()) };
            let objects = omitted.map_or(objects.clone(), |omitted| objects.clone().without(omitted));
            let Some(graph) = graph(&objects, 1_500) else { return Ok(()) };
            for state in &graph.states {
                waits_as_it_steps(&objects, state)?;
            }
            let (known, all) = compare(&objects, &graph)?;
            let (known_before, all_before, systems) = counted.get();
            counted.set((known_before + known, all_before + all, systems + u64::from(all > 0)));
            Ok(())
        })
        .unwrap();
    let (known, all, systems) = counted.get();
    println!("{known} of {all} who are stuck are known to be, in {systems} systems");
    assert!(systems > u64::from(cases) / 8 && known * 2 > all, "{known} of {all} in {systems} systems");
}

/// Whoever waits for room that the next job of a task makes is served, wherever in its program the task is.
#[test]
fn the_next_job_of_a_task_serves_too() {
    let text = r#"Scenario(name: "x", about: "y", domains: ["d"],
        buffers: { "b": (capacity: 1, overflow: Block, send: ["d"], receive: ["d"]) },
        processes: { "p": (domain: "d", contexts: {
            "source": (program: [Send("b"), Send("b"), Send("b")]),
            "sink": (task: (period: "10ms"), program: [Poll("b"), Compute("1ms")]),
        }) }, process_table: 1)"#;
    let system = lacuna_scenarios::parse(text).unwrap();
    let found = check(&Objects::new(&system, &Profile::ideal()).unwrap(), &[GuaranteeId::G21], &Limits::default());
    assert_eq!(found.unwrap().guarantees.remove(0).verdict.name(), "proved");
}
