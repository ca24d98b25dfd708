//! What other people's engines find: SPIN on models written by hand in Promela, stateright on two-phase commit.
//!
//! The Promela models share nothing with the scenarios, the relation or the engine but MODEL.md; so equal counts say that
//! all of them are what the page says.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../benches/peers/mod.rs"]
mod peers;

use std::io::Write;

use lacuna_check::engine::explore;
use lacuna_check::{End, Limits, check};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;

use peers::packed::two_phase_commit;
use peers::spin::{Found, Missing, Promela, search};
use peers::stateright;
use peers::structured::Structured;

/// States, and steps with those that change nothing, as TLC counts them for the TLA+ module: the initial state is one.
const TWO_PHASE_COMMIT: [(u32, usize, u64); 4] =
    [(3, 288, 1_146), (4, 1_568, 8_258), (5, 8_832, 58_146), (6, 50_816, 402_306)];

const PROTOCOL: &str = include_str!("../benches/peers/two_phase_commit.pml");

/// What SPIN found, if it is here.
fn spin(test: &str, name: &str, text: &str, macros: &[&str]) -> Option<Found> {
    match search(&Promela { name, text, macros, slots: 20 }) {
        Ok(found) => Some(found),
        Err(missing @ Missing::NotInstalled(_)) => {
            // Past the harness, which keeps what a test that passes prints to itself.
            std::io::stderr().write_all(format!("skipped: {test}: {missing}\n").as_bytes()).unwrap();
            None
        }
        Err(Missing::Failed(why)) => panic!("{why}"),
    }
}

#[test]
fn all_engines_count_the_same_two_phase_commit() {
    for (managers, states, generated) in TWO_PHASE_COMMIT {
        let model = || two_phase_commit(managers);
        let ours = explore(&model(), &Limits::default()).summary;
        let counted = (ours.states as usize, ours.transitions + 1, ours.end, ours.marks);
        assert_eq!(counted, (states, generated, End::Complete, 0), "{managers}");
        let structured = stateright(Structured { managers: managers as usize }, 1);
        for theirs in [stateright(model(), 1), stateright(model(), 2), structured] {
            assert_eq!((theirs.states, theirs.generated as u64), (states, generated), "{managers}");
            assert!(theirs.violated.is_empty(), "{theirs:?}");
        }
    }
}

#[test]
fn spin_counts_the_same_two_phase_commit() {
    for (managers, states, generated) in TWO_PHASE_COMMIT {
        let size = format!("N={managers}");
        let test = "spin_counts_the_same_two_phase_commit";
        let Some(found) = spin(test, "two_phase_commit", PROTOCOL, &[&size]) else { return };
        assert_eq!((found.stored, found.transitions, found.errors), (states as u64, generated, 0), "{managers}");
        assert_eq!(found.violated, None);
        assert!(found.memory_mb > 0.0);
    }
}

#[test]
fn spin_finds_what_is_wrong_with_a_hasty_commit() {
    let hasty = PROTOCOL.replace("tm == INIT && tm_prepared == ALL ->", "tm == INIT ->");
    assert_ne!(hasty, PROTOCOL);
    let test = "spin_finds_what_is_wrong_with_a_hasty_commit";
    let Some(found) = spin(test, "two_phase_commit", &hasty, &["N=3"]) else { return };
    assert!(found.errors > 0, "{found:?}");
    assert!(found.violated.as_ref().is_some_and(|which| which.contains("assertion violated")), "{found:?}");
}

/// A scenario of the library, its Promela model, and the guarantees that it asserts on demand.
type Written = (&'static str, &'static str, &'static [GuaranteeId]);

const SCENARIOS: [Written; 3] = [
    ("double-fork", include_str!("../benches/peers/double_fork.pml"), &[GuaranteeId::G3, GuaranteeId::G4]),
    ("fork-bomb", include_str!("../benches/peers/fork_bomb.pml"), &[GuaranteeId::G6]),
    ("parallel-spawn", include_str!("../benches/peers/parallel_spawn.pml"), &[GuaranteeId::G2]),
];

#[test]
fn spin_finds_the_same_in_scenarios_of_the_library() {
    let test = "spin_finds_the_same_in_scenarios_of_the_library";
    for (name, text, ids) in SCENARIOS {
        let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap();
        for (profile, hardened) in [(Profile::linux(), None), (Profile::linux_hardened(), Some("HARDENED"))] {
            let objects = Objects::new(&entry.system().unwrap(), &profile).unwrap();
            let ours = check(&objects, ids, &Limits::default()).unwrap();
            assert_eq!((ours.end, ours.guarantees.len()), (End::Complete, ids.len()));
            for checked in &ours.guarantees {
                let macros: Vec<&str> = hardened.into_iter().chain([checked.id.name()]).collect();
                let Some(found) = spin(test, name, text, &macros) else { return };
                // SPIN counts the initial state among the steps.
                let theirs = (found.stored, found.transitions - 1, found.errors > 0);
                let refuted = matches!(checked.verdict, ModelVerdict::Refuted { .. });
                assert_eq!((ours.states, ours.transitions, refuted), theirs, "{name} {macros:?}");
                // Both answers occur: each guarantee is refuted under one profile, and under that one only.
                assert_eq!(refuted, hardened.is_none(), "{name} {macros:?}");
            }
        }
    }
}
