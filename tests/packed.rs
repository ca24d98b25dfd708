//! States packed and expanded: the same states, steps and guarantees as without packing, on the library, on variants of
//! its profiles that reach every phase, and on random systems.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;
#[path = "../sim/tests/support/mod.rs"]
mod support;

use std::collections::HashSet;

use lacuna_model::expand::{Bound, Expander};
use lacuna_model::guarantee::{Asked, GuaranteeId, GuaranteeSet, Transition, safety};
use lacuna_model::objects::{Codec, DoesNotFit, Objects, Outcome, Phase, State, Step};
use lacuna_model::profile::{Inheritance, Kill, Profile, Quota, Tracking};
use lacuna_model::system::{Instruction, System};
use proptest::prelude::*;

/// Enough for each scenario of the library, and for random systems.
const WORDS: usize = 24;

fn systems() -> impl Iterator<Item = (&'static str, System)> {
    lacuna_scenarios::library().iter().map(|entry| (entry.name, entry.system().unwrap()))
}

fn profiles() -> Vec<Profile> {
    let named = Profile::all;
    let tracked = named().flat_map(|profile| Tracking::ALL.map(|tracking| Profile { tracking, ..profile.clone() }));
    let walking = Profile { kill: Kill::Walk, inheritance: Inheritance::Ambient, ..Profile::linux() };
    tracked.chain([walking.clone(), Profile { tracking: Tracking::Subreaper, ..walking }]).collect()
}

/// What the whole guarantees say of a step, without looking at what it touched.
fn judged(objects: &Objects, before: &State, step: Step, outcome: Outcome, after: &State) -> [GuaranteeSet; 2] {
    let transition = Transition { before, step, outcome, after };
    let of = |which: &dyn Fn(&dyn lacuna_model::guarantee::Safety) -> bool| {
        safety().iter().filter(|one| which(**one)).map(|one| one.id()).collect()
    };
    let violated = of(&|one| one.violation(objects, &transition).is_some());
    assert_eq!(violated, of(&|one| one.violated(objects, &transition)));
    [of(&|one| one.triggered(objects, &transition)), violated]
}

#[test]
fn what_is_packed_is_unpacked_and_expanding_packed_states_is_the_relation() {
    for (name, system) in systems() {
        for profile in profiles() {
            let objects = Objects::new(&system, &profile).unwrap();
            compare(&objects, 6_000, &format!("{name} {profile:?}"));
        }
    }
}

fn compare(objects: &Objects, max_states: usize, place: &str) {
    let (found, _) = plain::explore(objects, max_states, |_| {});
    let mut expander = Expander::<WORDS>::new(objects).unwrap();
    let codec = Codec::new(objects);
    assert!(codec.words() <= WORDS, "{place}: {} bits", codec.bits());
    let (mut seen, mut all) = (HashSet::new(), Vec::new());
    let (mut unpacked, mut next) = (objects.initial(), objects.initial());
    let mut steps = Vec::new();
    for (index, state) in found.iter().enumerate() {
        let mut words = [u64::MAX; WORDS];
        codec.pack(state, &mut words).unwrap();
        codec.unpack(&words, &mut unpacked);
        assert_eq!(*state, unpacked, "{place}");
        assert!(seen.insert(words), "{place}: two states, one packed form");
        all.push(words);
        // Not in the order of a search alone: so that states that differ much follow each other too.
        if index % 7 == 3 {
            expander.successors(&all[index / 3], Asked::of(GuaranteeSet::ALL), |_| {});
        }
        steps.clear();
        objects.enabled(state, &mut steps);
        let mut expected = steps.iter();
        let mut cut = false;
        expander.successors(&words, Asked::of(GuaranteeSet::ALL), |successor| {
            cut |= successor.bound == Bound::Cut;
            let step = *expected.next().unwrap();
            let outcome = objects.apply_to(state, step, &mut next);
            assert_eq!((successor.step, successor.outcome), (step, outcome), "{place}");
            let mut words = [0; WORDS];
            codec.pack(&next, &mut words).unwrap();
            assert_eq!(successor.after, Ok(words), "{place}: {step:?} of {state:?}");
            let marks = [successor.marks.triggered, successor.marks.violated];
            assert_eq!(marks, judged(objects, state, step, outcome, &next), "{place}: {step:?} of {state:?}");
        });
        assert_eq!(expected.next(), None);
        assert_eq!(cut, objects.is_cut(state), "{place}: {state:?}");
    }
}

/// Each choice of the axes that have phases or losses of their own.
fn any_profile() -> impl Strategy<Value = Profile> {
    let named: Vec<_> = Profile::all().collect();
    let of = (
        proptest::sample::select(named.to_vec()),
        proptest::sample::select(Inheritance::ALL.to_vec()),
        proptest::sample::select(Kill::ALL.to_vec()),
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn so_it_is_with_random_systems(mut system in support::random::system(), profile in any_profile(), wide: bool) {
        if wide {
            // An entry then does not fit into one word.
            system.handles.resize(32, "more".into());
        }
        if let Ok(objects) = Objects::new(&system, &profile) {
            compare(&objects, 400, &format!("{system:?} {profile:?}"));
        }
    }
}

/// A search with the expander alone: how many states, and which guarantees were triggered and violated.
fn search(objects: &Objects) -> (usize, GuaranteeSet, GuaranteeSet) {
    let mut expander = Expander::<WORDS>::new(objects).unwrap();
    let initial = expander.initial().unwrap();
    let (mut known, mut queue) = (HashSet::from([initial]), vec![initial]);
    let (mut triggered, mut violated) = (GuaranteeSet::NONE, GuaranteeSet::NONE);
    while let Some(state) = queue.pop() {
        expander.successors(&state, Asked::of(GuaranteeSet::ALL), |successor| {
            triggered = triggered.or(successor.marks.triggered);
            violated = violated.or(successor.marks.violated);
            let after = successor.after.unwrap();
            if known.insert(after) {
                queue.push(after);
            }
        });
    }
    (known.len(), triggered, violated)
}

#[test]
fn without_the_ghost_of_g4_there_are_fewer_states_and_the_same_verdicts_of_the_others() {
    let others: Vec<GuaranteeId> = safety().iter().map(|one| one.id()).filter(|id| *id != GuaranteeId::G4).collect();
    let mut fewer = 0;
    for (name, system) in systems() {
        for profile in Profile::NAMED.iter().map(|named| named.name) {
            let objects = Objects::new(&system, &Profile::named(profile).unwrap()).unwrap();
            let watching = objects.clone().watching(&others);
            let (states, triggered, violated) = search(&objects);
            let of_others = |set: GuaranteeSet| set.and(others.iter().copied().collect());
            let (kept, marked, refuted) = search(&watching);
            assert_eq!((of_others(triggered), of_others(violated)), (marked, refuted), "{name} {profile}");
            assert!(kept <= states);
            fewer += usize::from(kept < states);
            let mut kills = false;
            system.for_each_instruction(|_, instruction| kills |= matches!(instruction, Instruction::Kill(_)));
            let bits = (Codec::new(&objects).bits(), Codec::new(&watching).bits());
            assert_eq!(bits.0 - bits.1, if kills { usize::from(system.process_table) } else { 0 }, "{name}");
        }
    }
    assert!(fewer > 0, "somewhere the ghost tells states apart");
}

#[test]
fn a_state_without_a_place_is_refused() {
    let (_, system) = systems().find(|(name, _)| *name == "ci-job").unwrap();
    let objects = Objects::new(&system, &Profile::linux_hardened()).unwrap();
    let codec = Codec::new(&objects);
    let refused = |change: &dyn Fn(&mut State)| {
        let mut state = objects.initial();
        change(&mut state);
        assert_eq!(codec.pack(&state, &mut [0; WORDS]), Err(DoesNotFit), "{state:?}");
    };
    assert_eq!(codec.pack(&objects.initial(), &mut [0; 1]), Err(DoesNotFit));
    refused(&|state| state.processes[0].memory = 1);
    refused(&|state| state.processes[0].memory = 1 << 40);
    refused(&|state| state.processes[7].handles = 1);
    refused(&|state| state.processes[0].handles = 1 << 20);
    refused(&|state| state.contexts[0].position = 1000);
    refused(&|state| state.contexts[0].phase = Phase::Walking(1));
    refused(&|state| state.contexts[0].phase = Phase::BeforeExec);
    refused(&|state| state.contexts[5].phase = Phase::Begin);
    refused(&|state| state.buffers[0].queued = 200);
    refused(&|state| state.buffers[0].limit = 63);
    refused(&|state| state.supervisors[0] = Some(20));
    refused(&|state| state.attack_steps = None);
    refused(&|state| state.contexts.truncate(1));
}

/// How many bits a process's memory takes: over what it takes where nobody allocates.
fn memory_bits(program: &str, limit: &str, profile: &Profile) -> usize {
    let bits = |program: &str| {
        let text = format!(
            "Scenario(name: \"x\", about: \"y\", domains: [\"d\"], job_groups: {{ \"job\": ({limit}) }}, process_table: 1,
             processes: {{ \"p\": (domain: \"d\", group: \"job\", contexts: {{ \"main\": (program: [{program}]) }}) }})"
        );
        let system = lacuna_scenarios::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
        Codec::new(&Objects::new(&system, profile).unwrap()).bits()
    };
    // The same number of positions, so that the codes of the context are as wide.
    let idle = program.replace("Allocate(\"4MiB\")", "Detach").replace("Allocate(\"6MiB\")", "Detach");
    bits(program) - bits(&idle)
}

#[test]
fn memory_is_counted_in_what_can_be_allocated_up_to_what_can_be_reached() {
    let (linux, hardened) = (Profile::linux(), Profile::linux_hardened());
    let twice = "Allocate(\"4MiB\"), Allocate(\"6MiB\")";
    assert_eq!(memory_bits(twice, "", &linux), 3, "five times 2 MiB");
    assert_eq!(memory_bits("Choose([[Allocate(\"4MiB\")], [Exit]])", "", &linux), 1, "once 4 MiB");
    assert_eq!(memory_bits("Loop(times: 5, do: [Allocate(\"4MiB\")])", "", &linux), 3, "five times 4 MiB");
    assert_eq!(memory_bits("Forever([Allocate(\"4MiB\")])", "", &linux), 32, "nothing bounds it");
    assert_eq!(memory_bits("Forever([Allocate(\"4MiB\")])", "memory: \"8MiB\"", &linux), 32, "no quota");
    assert_eq!(memory_bits("Forever([Allocate(\"4MiB\")])", "memory: \"8MiB\"", &hardened), 2, "the quota");
    assert_eq!(memory_bits(twice, "memory: \"6MiB\"", &hardened), 2, "the quota is the narrower bound");
}
