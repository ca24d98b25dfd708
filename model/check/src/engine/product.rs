//! Two runs of one system side by side, as one system: for properties that no single run violates, such as
//! noninterference (Goguen and Meseguer, 1982; self-composition: Barthe, D'Argenio and Rezk, 2004).
//!
//! The two begin in states that a *low* observer cannot tell apart, and take the same *inputs* (the scheduler's choices,
//! and whatever else the observer knows of); what else is chosen, each run chooses for itself. An edge has the mark
//! [`LEAK`] if it leads to a pair that the observer can tell apart, and [`STUCK`] if one run accepts an input that the other
//! does not: then the inputs were not what both runs share, nothing follows from the product, and that is an error.
//!
//! Whatever merges states (such as symmetry) is refused here, for it is not shown to be sound for pairs: only a system that
//! says what is low can be doubled, and a reduced one does not.
//!
//! ```compile_fail,E0277
//! use lacuna_check::engine::{Product, Reduced, Symmetric, TwoRun};
//! fn doubled<'a, T: TwoRun + Symmetric>(reduced: &'a Reduced<'a, T>) -> Product<'a, Reduced<'a, T>> {
//!     Product::new(reduced)
//! }
//! ```

use std::fmt::Debug;

use super::search::{End, Exploration, Limits, Path, explore};
use super::system::{Edge, Packed, TransitionSystem, Unrepresentable};

/// The mark of an edge after which the observer can tell the runs apart.
pub const LEAK: u64 = 1;
/// The mark of an edge out of a pair of which one run accepts an input, and the other does not.
pub const STUCK: u64 = 2;

/// What the product wants to know of a system.
pub trait TwoRun: TransitionSystem {
    /// What the low observer sees of a state.
    type Low: Eq;

    /// What it sees.
    fn low(&self, state: &Self::State) -> Self::Low;
    /// The part of an edge's label that is an input of both runs.
    fn input(&self, label: u32) -> u32;
    /// Pairs of states to start in, which the observer cannot tell apart; and of these as many as there are secrets.
    fn pairs(&self) -> Vec<[Self::State; 2]>;
}

/// Two states as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<S>(pub [S; 2]);

impl<S: Packed> Packed for Pair<S> {
    const WORDS: usize = 2 * S::WORDS;

    fn word(&self, i: usize) -> u64 {
        self.0[i / S::WORDS].word(i % S::WORDS)
    }

    fn from_words(mut word: impl FnMut(usize) -> u64) -> Self {
        let first = S::from_words(&mut word);
        Self([first, S::from_words(|i| word(S::WORDS + i))])
    }
}

/// Two runs of a system.
#[derive(Debug)]
pub struct Product<'a, T>(&'a T);

impl<'a, T: TwoRun> Product<'a, T> {
    /// Of this one.
    pub fn new(system: &'a T) -> Self {
        Self(system)
    }
}

/// Room for a product to work in.
#[derive(Debug)]
pub struct Room<T: TransitionSystem> {
    scratch: T::Scratch,
    edges: [Vec<Edge<T::State>>; 2],
}

impl<T: TwoRun> TransitionSystem for Product<'_, T> {
    type State = Pair<T::State>;
    type Scratch = Room<T>;

    fn scratch(&self) -> Room<T> {
        Room { scratch: self.0.scratch(), edges: [Vec::new(), Vec::new()] }
    }

    fn initial(&self) -> Vec<Pair<T::State>> {
        self.0.pairs().into_iter().map(Pair).collect()
    }

    fn edges(
        &self,
        room: &mut Room<T>,
        Pair(states): &Pair<T::State>,
        mut visit: impl FnMut(Edge<Pair<T::State>>),
    ) -> Result<(), Unrepresentable> {
        for (state, edges) in states.iter().zip(&mut room.edges) {
            edges.clear();
            self.0.edges(&mut room.scratch, state, |edge| edges.push(edge))?;
        }
        let input = |edge: &Edge<T::State>| self.0.input(edge.label);
        let [left, right] = &room.edges;
        // Both runs choose, so no label of one of them tells the edges apart: their places do.
        let mut label = 0;
        let mut take = |after, marks| {
            visit(Edge { after, marks, label });
            label += 1;
        };
        for (one, other) in [(left, right), (right, left)] {
            if one.iter().any(|edge| other.iter().all(|with| input(with) != input(edge))) {
                take(Pair(*states), STUCK);
            }
        }
        for a in left {
            for b in right.iter().filter(|b| input(b) == input(a)) {
                let leaks = self.0.low(&a.after) != self.0.low(&b.after);
                take(Pair([a.after, b.after]), u64::from(leaks) * LEAK);
            }
        }
        Ok(())
    }

    fn may_stop(&self, Pair([a, b]): &Pair<T::State>) -> bool {
        self.0.may_stop(a) && self.0.may_stop(b)
    }
}

/// Two runs step by step, from a pair of starts.
pub type Runs<S> = Path<Pair<S>>;

/// What can be said of two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noninterference<S> {
    /// The observer can never tell them apart.
    Holds,
    /// Here it can.
    Leaks {
        /// The runs side by side.
        runs: Runs<S>,
        /// The pair that it can tell apart.
        pair: [S; 2],
        /// If the search was not finished, the product may yet be stuck elsewhere, and the inputs be the wrong ones.
        end: End,
    },
    /// Nothing follows: here one run accepts an input that the other does not.
    Stuck(Runs<S>, [S; 2]),
    /// A pair of starts can be told apart already.
    Unequal([S; 2]),
    /// The search was not finished.
    Unknown(End),
}

/// Can the low observer tell two runs apart?
pub fn noninterference<T: TwoRun>(system: &T, limits: &Limits<'_>) -> Noninterference<T::State> {
    if let Some(pair) = system.pairs().into_iter().find(|[a, b]| system.low(a) != system.low(b)) {
        return Noninterference::Unequal(pair);
    }
    let product = Product::new(system);
    let found: Exploration<Pair<T::State>> = explore(&product, limits);
    let runs = |mark: u64| {
        let first = found.summary.first(mark.trailing_zeros())?;
        let mut path = found.paths(&product, &[(first.level, first.sighting.state)]).pop()?;
        path.steps.push(first.sighting);
        let mut after = first.sighting.state;
        let mut ordinal = 0;
        let visit = |edge: Edge<Pair<T::State>>| {
            if ordinal == first.sighting.ordinal {
                after = edge.after;
            }
            ordinal += 1;
        };
        product.edges(&mut product.scratch(), &first.sighting.state, visit).ok()?;
        Some((path, after.0))
    };
    // Stuck first: after that a leak means nothing.
    if let Some((path, pair)) = runs(STUCK) {
        return Noninterference::Stuck(path, pair);
    }
    match (runs(LEAK), found.summary.end) {
        (Some((runs, pair)), end) => Noninterference::Leaks { runs, pair, end },
        (None, End::Complete) => Noninterference::Holds,
        (None, end) => Noninterference::Unknown(end),
    }
}
