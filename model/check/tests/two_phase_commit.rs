//! Two-phase commit: the published counts, at any number of threads.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../examples/two_phase_commit.rs"]
mod example;

use std::num::NonZeroUsize;

use lacuna_check::engine::cluster::{self, ClusterConfig};
use lacuna_check::engine::{End, Limits, explore, verify};

#[test]
fn exact_counts() {
    // Lamport's specification, as TLC, SPIN and stateright count it; transitions of 8 as stateright counts them, but for
    // the one by which it enters the initial state.
    for (managers, states, transitions) in [(3, 288, 1_145), (7, 296_448, 0), (8, 1_745_408, 18_507_777)] {
        for threads in 1..=3 {
            let limits = Limits { threads: NonZeroUsize::new(threads).unwrap(), ..Limits::default() };
            let found = explore(&example::TwoPhaseCommit::new(managers).unwrap(), &limits).summary;
            assert_eq!((found.states, found.end, found.marks, found.deadlocks), (states, End::Complete, 0, 0));
            assert!(transitions == 0 || found.transitions == transitions);
            let config = ClusterConfig::workers(limits.threads);
            let cluster = cluster::explore(&example::TwoPhaseCommit::new(managers).unwrap(), &limits, &config);
            let again = cluster.unwrap().summary;
            assert_eq!((again.states, again.transitions, again.end), (states, found.transitions, End::Complete));
        }
    }
}

#[test]
fn orbits() {
    // As many as a count by hand of the multisets gives, and SPIN of a sorted version.
    for (managers, orbits) in [(3, 80), (9, 2_232), (12, 6_656)] {
        let system = example::TwoPhaseCommit::new(managers).unwrap();
        let reduced = verify(&system, 2_000).unwrap();
        for threads in 1..=3 {
            let limits = Limits { threads: NonZeroUsize::new(threads).unwrap(), ..Limits::default() };
            let found = explore(&reduced, &limits).summary;
            assert_eq!((found.states, found.end, found.marks), (orbits, End::Complete, 0), "{managers} managers");
        }
        if managers == 3 {
            // The orbits of all states, found without the reduction.
            let all = explore(&system, &Limits::default());
            let mut canonical: Vec<_> =
                all.iter().map(|state| lacuna_check::engine::Symmetric::canonical(&system, &mut (), &state)).collect();
            canonical.sort_unstable();
            canonical.dedup();
            assert_eq!(canonical.len() as u64, orbits);
        }
    }
}
