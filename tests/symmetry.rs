//! Symmetry of the model: fewer states, the same answers. On the library through the command line, and on random systems
//! against all permutations.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;
mod support;
#[path = "../sim/tests/support/mod.rs"]
mod systems;

use std::collections::{BTreeMap, HashSet};

use lacuna_check::{End, Limits, Means, Question, Report, Symmetry, check_by};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::{Codec, Objects, ProcessSlot, State};
use lacuna_model::profile::{Inheritance, Kill, Profile, Quota, Tracking};
use lacuna_model::system::Instruction;
use proptest::prelude::*;
use serde_json::Value;
use support::{file, lacuna};

/// What a report says, but for how many states there were and which of several shortest stories is told.
fn answers(report: &Value) -> BTreeMap<String, Value> {
    let steps = |trace: &Value| Value::from(trace.as_array().map(Vec::len));
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    for row in report["guarantees"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        for key in ["verdict", "complete", "depth", "process_table", "limit"] {
            answers.insert(format!("{id} {key}"), row[key].clone());
        }
        answers.insert(format!("{id} steps"), steps(&row["trace"]));
    }
    for key in ["as_expected", "end", "adversary_cut_at", "process_table_full"] {
        answers.insert(key.into(), report[key].clone());
    }
    answers.insert("deadlock".into(), steps(&report["deadlock"]));
    answers
}

fn check(arguments: &[&str]) -> Value {
    let run = lacuna(&[&["check", "--format", "json"], arguments].concat());
    assert!(matches!(run.code, Some(0 | 1)), "{arguments:?}: {}", run.err);
    run.json()
}

/// Without what differs from run to run.
fn settled(mut report: Value) -> Value {
    for key in ["elapsed_ns", "memory_bytes"] {
        report.as_object_mut().unwrap().remove(key);
        report["timed"].as_object_mut().and_then(|timed| timed.remove(key));
    }
    report
}

#[test]
fn the_library_is_answered_the_same_with_fewer_states_on_any_number_of_threads() {
    for entry in lacuna_scenarios::library() {
        for profile in Profile::NAMED.iter().map(|named| named.name) {
            let of = |more: &[&str]| check(&[&[entry.name, "--kernel", profile], more].concat());
            let (whole, reduced) = (of(&[]), of(&["--symmetry", "--threads", "1"]));
            let place = format!("{} {profile}", entry.name);
            assert_eq!(answers(&reduced), answers(&whole), "{place}");
            let states = |report: &Value| report["guarantees"][0]["states"].as_u64().unwrap();
            let system = entry.system().unwrap();
            let (mut kills, by_table) = (false, Profile::named(profile).unwrap().kill != Kill::Atomic);
            system.for_each_instruction(|_, instruction| {
                kills |= match instruction {
                    Instruction::Kill(_) => by_table,
                    Instruction::KillProcess(_) => true,
                    Instruction::LockDown(_) => Profile::named(profile).unwrap().shutdown.walks(),
                    _ => false,
                };
            });
            if kills || !system.locks.is_empty() {
                assert_eq!(reduced["symmetry"]["on"], false, "{place}");
                let why = reduced["symmetry"]["why"].as_str().unwrap();
                assert!(why.contains(if system.locks.is_empty() { "kill" } else { "lock" }), "{place}: {why}");
                assert_eq!(states(&reduced), states(&whole), "{place}");
                continue;
            }
            // Where nobody is created, there is nothing that could be exchanged.
            let creates = [
                "ci-job",
                "double-fork",
                "fork-bomb",
                "parallel-spawn",
                "stray-signal",
                "covert-storage",
                "regained-rights",
                "supervision-tree",
            ]
            .contains(&entry.name);
            assert_eq!(states(&reduced) < states(&whole), creates, "{place}");
            assert_eq!(whole["symmetry"], Value::Null);
            assert_eq!(reduced["symmetry"]["on"], true, "{place}");
            assert!(
                !creates || reduced["symmetry"]["verified_states"].as_u64() > Some(20),
                "{place}: {}",
                reduced["symmetry"]
            );
            assert_eq!(reduced["symmetry"]["permutations"], reduced["process_table"].as_u64().unwrap() - 1);
            let reduced = settled(reduced);
            for threads in ["2", "3"] {
                assert_eq!(settled(of(&["--symmetry", "--threads", threads])), reduced, "{place}, {threads} threads");
            }
        }
    }
}

#[test]
fn it_combines_with_the_other_means_and_not_with_ends() {
    let linux = ["ci-job", "--kernel", "linux", "--symmetry"];
    let alone = settled(check(&linux));
    assert_eq!(settled(check(&[&linux[..], &["--workers", "2"]].concat())), alone);
    let compact = lacuna(&[&["check", "--format", "json"], &linux[..], &["--hash-compact"]].concat()).json();
    assert_eq!(compact["guarantees"][0]["states"], alone["guarantees"][0]["states"]);

    let directory = tempfile::tempdir().unwrap();
    let keep = ["--checkpoint", directory.path().to_str().unwrap(), "--every", "0"];
    assert_eq!(settled(check(&[&linux[..], &keep].concat())), alone);
    assert_eq!(settled(check(&[&linux[..], &keep, &["--resume"]].concat())), alone);
    // The checkpoint is of orbits, and no search of all states goes on from it.
    let other = lacuna(&[&["check"], &linux[..3], &keep, &["--resume"]].concat());
    assert_eq!(other.code, Some(2), "{}", other.err);
    assert!(other.err.contains("fingerprint") && other.err.contains("or symmetry was searched"), "{}", other.err);

    let ends = lacuna(&["check", "ci-job", "--symmetry", "--ends"]);
    assert_eq!(ends.code, Some(2));
    assert!(ends.err.contains("--ends") && ends.err.contains("--symmetry"), "{}", ends.err);
}

#[test]
fn where_it_cannot_be_tested_every_state_is_explored_and_the_report_says_so() {
    let text = r#"Scenario(name: "x", about: "y", domains: ["d"], process_table: 3, processes: {
        "p": (domain: "d", contexts: { "main": (program: [Compute("1ms"), Forever([Allocate("1B"), Allocate("8GiB")])]) }),
    })"#;
    let (_keep, path) = file("mine.ron", text);
    let json = lacuna(&["check", &path, "--kernel", "linux", "--symmetry", "--format", "json"]);
    assert_eq!(json.code, Some(4), "{}{}", json.out, json.err);
    let symmetry = json.json()["symmetry"].clone();
    assert_eq!(symmetry["on"], false);
    let why = symmetry["why"].as_str().unwrap();
    assert!(why.contains("cannot be represented"), "{why}");
    let text = lacuna(&["check", &path, "--kernel", "linux", "--symmetry"]);
    assert!(text.out.contains(&format!("symmetry off, every state was explored: {why}")), "{}", text.out);
    let text = lacuna(&["check", "fork-bomb", "--kernel", "linux", "--symmetry"]);
    assert!(text.out.contains("symmetry on"), "{}", text.out);
}

/// Everything that is decided step by step, with symmetry or without.
fn searched(objects: &Objects, symmetry: bool) -> Report {
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let question = Question { guarantees: &ids, ends: None, symmetry };
    check_by(objects, &question, &Limits::default(), &Means::Threads).unwrap()
}

/// Each verdict, with how long its story is.
fn verdicts(report: &Report) -> Vec<(GuaranteeId, &'static str, usize)> {
    let steps = |verdict: &ModelVerdict| match verdict {
        ModelVerdict::Refuted { trace, .. } => trace.events.len(),
        _ => 0,
    };
    report.guarantees.iter().map(|one| (one.id, one.verdict.name(), steps(&one.verdict))).collect()
}

#[test]
fn what_follows_the_table_is_explored_whole() {
    for (kill, on) in [(Kill::Walk, false), (Kill::OneProcess, false), (Kill::Atomic, true)] {
        let system =
            lacuna_scenarios::library().iter().find(|entry| entry.name == "double-fork").unwrap().system().unwrap();
        let objects = Objects::new(&system, &Profile { kill, ..Profile::linux_hardened() }).unwrap();
        let (whole, asked) = (searched(&objects, false), searched(&objects, true));
        assert_eq!(verdicts(&asked), verdicts(&whole), "{kill:?}");
        match asked.symmetry {
            Some(Symmetry::On(verified)) if on => assert!(verified.states() > 20 && asked.states < whole.states),
            Some(Symmetry::Off { why }) if !on => {
                assert!(why.contains("in the order of the process table"), "{why}");
                assert_eq!(asked.states, whole.states);
            }
            other => panic!("{kill:?}: {other:?}"),
        }
    }
}

/// All permutations of so many entries.
fn permutations(entries: u8) -> Vec<Vec<ProcessSlot>> {
    (0..entries).fold(vec![Vec::new()], |all, entry| {
        let with = |one: Vec<u8>| {
            (0..=one.len()).map(move |place| {
                let mut more = one.clone();
                more.insert(place, entry);
                more
            })
        };
        all.into_iter().flat_map(with).collect()
    })
}

const WORDS: usize = 24;

/// The orbit of a state, packed.
fn orbit(objects: &Objects, codec: &Codec, permutations: &[Vec<ProcessSlot>], state: &State) -> Vec<[u64; WORDS]> {
    let permuted = permutations.iter().map(|to| {
        let mut words = [0; WORDS];
        codec.pack(&objects.renamed(state, |slot| to[usize::from(slot)]), &mut words).unwrap();
        words
    });
    permuted.collect()
}

#[test]
fn what_no_system_reaches_is_left_as_it_is() {
    let system = lacuna_scenarios::library().iter().find(|entry| entry.name == "ci-job").unwrap().system().unwrap();
    let objects = Objects::new(&system, &Profile::linux()).unwrap();
    let codec = Codec::new(&objects);
    let mut forest = codec.forest();
    let mut canonical = |change: &dyn Fn(&mut State)| {
        let mut state = objects.renamed(&objects.initial(), |slot| 7 - slot);
        change(&mut state);
        let mut words = [0; WORDS];
        codec.pack(&state, &mut words).unwrap();
        let before = words;
        codec.make_canonical(&mut words, &mut forest);
        words == before
    };
    assert!(!canonical(&|_| {}), "the supervisor goes to the first entry");
    assert!(canonical(&|state| state.processes[7].parent = Some(7)), "its own parent");
    assert!(canonical(&|state| state.processes[7].parent = Some(3)), "a parent that is not there");
    assert!(canonical(&|state| state.supervisors[0] = Some(3)), "a supervisor that is not there");
    assert!(canonical(&|state| state.supervisors[0] = Some(14)), "a supervisor beyond the table");
    let mut words = [u64::MAX; WORDS];
    codec.make_canonical(&mut words, &mut forest);
    assert_eq!(words, [u64::MAX; WORDS]);
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let named: Vec<_> = Profile::all().collect();
    let of = (
        proptest::sample::select(named.to_vec()),
        proptest::sample::select(Inheritance::ALL.to_vec()),
        proptest::sample::select(vec![Kill::Atomic, Kill::Atomic, Kill::Atomic, Kill::Walk, Kill::OneProcess]),
        proptest::sample::select(Tracking::ALL.to_vec()),
        proptest::sample::select(Quota::ALL.to_vec()),
    );
    of.prop_map(|(named, inheritance, kill, tracking, quota)| Profile {
        inheritance,
        kill,
        tracking,
        process_quota: quota,
        memory_quota: quota,
        ..named
    })
}

/// More than this is not searched.
const MOST: usize = 3_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn so_it_is_with_random_systems(mut system in systems::random::system(), profile in any_profile(), wide: bool) {
        if wide {
            // An entry then does not fit into one word.
            system.handles.resize(32, "more".into());
        }
        let Ok(objects) = Objects::new(&system, &profile) else { return Ok(()) };
        let (states, _) = plain::explore(&objects, MOST, |_| {});
        if states.len() >= MOST {
            return Ok(());
        }
        let (whole, asked) = (searched(&objects, false), searched(&objects, true));
        prop_assert_eq!(whole.end, End::Complete);
        prop_assert_eq!(verdicts(&asked), verdicts(&whole));
        prop_assert_eq!(asked.deadlocks > 0, whole.deadlocks > 0);
        // What is known to be in the way is all there is.
        let on = matches!(asked.symmetry, Some(Symmetry::On(_)));
        prop_assert_eq!(on, objects.asymmetry().is_none(), "{:?}", asked.symmetry);
        if !on {
            return Ok(());
        }
        let codec = Codec::new(&objects);
        let mut forest = codec.forest();
        let all = permutations(system.process_table);
        let mut orbits = HashSet::new();
        for state in &states {
            let orbit = orbit(&objects, &codec, &all, state);
            let canonical: HashSet<[u64; WORDS]> = orbit.iter().map(|words| {
                let mut canonical = *words;
                codec.make_canonical(&mut canonical, &mut forest);
                canonical
            }).collect();
            prop_assert_eq!(canonical.len(), 1, "one of the whole orbit of {:?}", state);
            prop_assert!(canonical.iter().all(|one| orbit.contains(one)), "of the orbit itself: {:?}", state);
            orbits.insert(orbit.into_iter().min().unwrap());
        }
        prop_assert_eq!((whole.states, asked.states), (states.len() as u64, orbits.len() as u64));
    }
}
