//! The product of two runs, and symmetry: what they find, what they refuse.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::atomic::AtomicBool;

use lacuna_check::engine::{
    Edge, End, Limits, Noninterference, Pair, Product, Symmetric, TransitionSystem, TwoRun, Unrepresentable,
    Unverified, explore, noninterference, verify,
};
use support::edges_of;

/// A machine with a secret bit and what the observer sees, whose program is a table: from a counter, a secret and what is
/// seen, to what is seen next.
struct Machine {
    steps: u64,
    sees: fn(u64, u64, u64) -> u64,
    /// Is there a step at all, for this counter and secret?
    accepts: fn(u64, u64) -> bool,
}

impl TransitionSystem for Machine {
    /// The counter, the secret, what is seen.
    type State = [u64; 3];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 3]> {
        vec![[0, 0, 0], [0, 1, 0]]
    }

    fn edges(
        &self,
        (): &mut (),
        &[at, secret, seen]: &[u64; 3],
        mut visit: impl FnMut(Edge<[u64; 3]>),
    ) -> Result<(), Unrepresentable> {
        if at < self.steps && (self.accepts)(at, secret) {
            visit(Edge::new([at + 1, secret, (self.sees)(at, secret, seen)], 0));
        }
        Ok(())
    }

    fn may_stop(&self, _: &[u64; 3]) -> bool {
        true
    }
}

impl TwoRun for Machine {
    type Low = u64;

    fn low(&self, [_, _, seen]: &[u64; 3]) -> u64 {
        *seen
    }

    fn input(&self, label: u32) -> u32 {
        label
    }

    fn pairs(&self) -> Vec<[[u64; 3]; 2]> {
        vec![[[0, 0, 0], [0, 1, 0]]]
    }
}

#[test]
fn a_leak_is_found_with_both_runs_side_by_side() {
    let tight = Machine { steps: 5, sees: |at, _, _| at, accepts: |_, _| true };
    assert_eq!(noninterference(&tight, &Limits::default()), Noninterference::Holds);
    // It shows the secret at its fourth step, and the runs show that.
    let leaky = Machine { steps: 5, sees: |at, secret, _| if at == 3 { secret } else { 0 }, accepts: |_, _| true };
    let Noninterference::Leaks { runs, pair: [a, b], end: End::Complete } = noninterference(&leaky, &Limits::default())
    else {
        panic!("leaks")
    };
    assert_eq!((runs.steps.len(), a, b), (4, [4, 0, 0], [4, 1, 1]));
}

#[test]
fn a_stuck_product_is_an_error_and_no_proof() {
    // With the secret it stops early: the observer sees nothing different, but the runs no longer go together.
    let stuck = Machine { steps: 5, sees: |_, _, _| 0, accepts: |at, secret| at < 2 || secret == 0 };
    let Noninterference::Stuck(runs, [a, b]) = noninterference(&stuck, &Limits::default()) else { panic!("stuck") };
    assert_eq!((runs.steps.len(), a[0], b[0]), (3, 2, 2));
    // Even if there is a leak beside.
    let both = Machine { steps: 5, sees: |_, secret, _| secret, accepts: |at, secret| at < 2 || secret == 0 };
    assert!(matches!(noninterference(&both, &Limits::default()), Noninterference::Stuck(..)));
}

#[test]
fn what_is_cut_off_is_unknown() {
    let tight = Machine { steps: 5000, sees: |at, _, _| at, accepts: |_, _| true };
    let limits = Limits { max_states: 100, ..Limits::default() };
    assert!(matches!(noninterference(&tight, &limits), Noninterference::Unknown(_)));
}

/// Three counters to 2, in the three lowest bytes; `favourite` may go to 3, and the steps of `marked` are marked.
#[derive(Debug)]
struct Counters {
    favourite: Option<u32>,
    marked: Option<u32>,
    sorts: bool,
}

impl TransitionSystem for Counters {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    fn edges(
        &self,
        (): &mut (),
        [word]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        for counter in 0..3 {
            let most = if self.favourite == Some(counter) { 3 } else { 2 };
            if (word >> (8 * counter) & 255) < most {
                let after = word + (1 << (8 * counter));
                let last = u64::from(after == 0x02_0102 || after == 0x02_0201 || after == 0x01_0202);
                let marks = last | u64::from(self.marked == Some(counter)) << 1;
                visit(Edge { after: [after], marks, label: counter });
            }
        }
        Ok(())
    }

    fn may_stop(&self, _: &[u64; 1]) -> bool {
        true
    }
}

impl Symmetric for Counters {
    fn canonical(&self, (): &mut (), [word]: &[u64; 1]) -> [u64; 1] {
        let mut bytes = [0, 8, 16].map(|at| word >> at & 255);
        if self.sorts {
            bytes.sort_unstable_by(|a, b| b.cmp(a));
        }
        [bytes[0] | bytes[1] << 8 | bytes[2] << 16]
    }

    fn permuted(&self, (): &mut (), [word]: &[u64; 1], choice: u64) -> [u64; 1] {
        let mut bytes = [0, 8, 16].map(|at| word >> at & 255);
        bytes.swap(choice as usize, choice as usize + 1);
        [bytes[0] | bytes[1] << 8 | bytes[2] << 16]
    }

    fn permutations(&self) -> u64 {
        2
    }
}

#[test]
fn only_what_is_equivariant_is_reduced() {
    let why = |system| match verify(&system, 1000, &Limits::default()) {
        Err(Unverified::NotEquivariant(difference)) => difference.what,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(Counters { favourite: Some(1), marked: None, sorts: true }), "the edges differ");
    assert_eq!(why(Counters { favourite: None, marked: None, sorts: false }), "the canonical states differ");
    assert_eq!(why(Counters { favourite: None, marked: Some(2), sorts: true }), "the edges differ");
    let system = Counters { favourite: None, marked: None, sorts: true };
    let reduced = verify(&system, 1000, &Limits::default()).unwrap();
    assert_eq!((reduced.verified().states(), reduced.verified().permutations()), (27, 2));
    assert_eq!(explore(&reduced, &Limits::default()).summary.states, 10);
}

#[test]
fn the_test_of_equivariance_keeps_to_its_limits() {
    let system = Counters { favourite: None, marked: None, sorts: true };
    let verify = |limits: &Limits<'_>| verify(&system, 1000, limits).map(|reduced| reduced.verified().states());
    assert!(verify(&Limits { max_states: 5, ..Limits::default() }).is_ok_and(|tested| (1..27).contains(&tested)));
    assert_eq!(verify(&Limits { max_memory: 0, ..Limits::default() }), Err(Unverified::Untested));
    let interrupt = AtomicBool::new(true);
    assert_eq!(verify(&Limits { interrupt: Some(&interrupt), ..Limits::default() }), Err(Unverified::Interrupted));
}

#[test]
fn a_path_of_orbits_unfolds_to_a_path() {
    let system = Counters { favourite: None, marked: None, sorts: true };
    let reduced = verify(&system, 1000, &Limits::default()).unwrap();
    let found = explore(&reduced, &Limits::default());
    let first = found.summary.first(0).unwrap();
    let path = found.paths(&reduced, &[(first.level, first.sighting.state)]).pop().unwrap();
    let path = reduced.unfold(&path, Some(first.sighting)).unwrap();
    assert_eq!(path.steps.len(), 5);
    let mut at = [0];
    for (index, step) in path.steps.iter().enumerate() {
        assert_eq!(step.state, at);
        let edge = edges_of(&system, &at)[step.ordinal as usize];
        assert_eq!(edge.marks, u64::from(index == 4), "the mark is at the end");
        at = edge.after;
    }
}

/// A machine that may take either of two steps on the same input.
struct Undecided;

impl TransitionSystem for Undecided {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    fn edges(
        &self,
        (): &mut (),
        &[at]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        // The input is the label without its lowest bit; at 2 one is accepted that is nowhere else.
        visit(Edge::new([1], 0));
        visit(Edge::new([2], 1));
        if at == 2 {
            visit(Edge::new([3], 2));
        }
        Ok(())
    }
}

impl TwoRun for Undecided {
    type Low = ();

    fn low(&self, _: &[u64; 1]) {}

    fn input(&self, label: u32) -> u32 {
        label / 2
    }

    fn pairs(&self) -> Vec<[[u64; 1]; 2]> {
        vec![[[0], [0]]]
    }
}

#[test]
fn the_edges_of_a_pair_have_different_labels() {
    let product = Product::new(&Undecided);
    for (pair, edges) in [([[0], [0]], 4), ([[0], [2]], 5), ([[2], [2]], 5)] {
        let mut labels: Vec<u32> = edges_of(&product, &Pair(pair)).iter().map(|edge| edge.label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), edges, "{pair:?}");
    }
}
