//! Two-phase commit: the published counts, at any number of threads.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../examples/two_phase_commit.rs"]
mod example;

use std::io::{ErrorKind, Write};
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
        let reduced = verify(&system, 2_000, &Limits::default()).unwrap();
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

/// What the program of the example prints, or why it does not.
#[test]
fn a_search_that_was_cut_off_calls_nothing_consistent() {
    let system = example::TwoPhaseCommit::new(5).unwrap();
    let cut = explore(&system, &Limits { max_states: 100, ..Limits::default() }).summary;
    let whole = explore(&system, &Limits::default()).summary;
    assert_eq!((example::verdict(&cut), example::verdict(&whole)), ("unknown", "consistent"));
}

fn program(typed: &[&str]) -> Result<String, example::Failure> {
    let mut out = Vec::new();
    example::program(typed.iter().map(|typed| (*typed).to_owned()), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn what_is_typed_is_read_with_care() {
    for (typed, expected) in [
        (&["3"][..], "3 managers, threads: 1; 288 states, 1145 transitions, depth 10, Complete"),
        (&["3", "2"], "3 managers, threads: 2; 288 states"),
        (&["3", "--workers", "2"], "3 managers, workers: 2; 288 states"),
        (&["--help"], "--checkpoint DIR"),
    ] {
        let printed = program(typed).unwrap();
        assert!(printed.contains(expected), "{typed:?}: {printed}");
    }
    for (typed, why) in [
        (&["4294967301"][..], "MANAGERS: a number from 1 to 15"),
        (&["0"], "MANAGERS: a number from 1 to 15"),
        (&["3", "0"], "THREADS: a number from 1 to 256"),
        (&["3", "--workers", "0"], "--workers: a number from 1 to 256"),
        (&["3", "--workers"], "--workers: a value is missing"),
        (&["3", "1", "2"], "one number too many"),
        (&["3", "1", "--workers", "2"], "not both"),
        (&["3", "--resume"], "--checkpoint is missing"),
        (&["3", "--every", "5"], "--checkpoint is missing"),
        (&["3", "--process", "0"], "--cluster is missing"),
        (&["3", "--cluster", "hosts"], "--process is missing"),
        (&["3", "--cluster", "/nonexistent", "--process", "0"], "/nonexistent: "),
        (&["3", "--trheads", "2"], "no option `--trheads`"),
    ] {
        let (message, status) = program(typed).unwrap_err();
        assert!(message.contains(why) && status == 2, "{typed:?}: {status}, {message}");
    }
}

/// Where nothing can be written.
struct Closed(ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_went_away_changes_nothing_and_a_full_disk_is_an_error() {
    let print = |kind| example::program(["3".to_owned()].into_iter(), &mut Closed(kind));
    assert_eq!(print(ErrorKind::BrokenPipe), Ok(()));
    assert!(print(ErrorKind::StorageFull).is_err_and(|(why, status)| why.contains("cannot write") && status == 1));
}
