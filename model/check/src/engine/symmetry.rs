//! Symmetry: of all states that differ only in which of several interchangeable parts is which, one is explored (Ip and
//! Dill, *Better verification through symmetry*, 1996).
//!
//! The one is *canonical*, a function of the orbit alone; so the number of orbits does not depend on who comes first. The
//! reduction is sound if the system is *equivariant*: a permuted state has the permuted edges, with the same marks. That is
//! the system's claim, and [`verify`] puts it to the test on states of the very system; a [`Reduced`] system cannot be made
//! without. A test is no proof: what is reported says on how many states it was tested.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use super::search::{Limits, Path, explore};
use super::system::{Edge, Marks, TransitionSystem, Unrepresentable};
use super::worker::Sighting;

/// A system with interchangeable parts.
pub trait Symmetric: TransitionSystem {
    /// The canonical state of the orbit: the same for every permutation of a state, and one of them.
    fn canonical(&self, scratch: &mut Self::Scratch, state: &Self::State) -> Self::State;
    /// The state permuted by the `choice`-th of some permutations that generate all.
    fn permuted(&self, scratch: &mut Self::Scratch, state: &Self::State, choice: u64) -> Self::State;
    /// How many permutations [`Symmetric::permuted`] knows.
    fn permutations(&self) -> u64;
}

/// A system found to be equivariant on so many states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    states: u64,
    permutations: u64,
}

impl Verified {
    /// States.
    pub fn states(self) -> u64 {
        self.states
    }

    /// Permutations of each.
    pub fn permutations(self) -> u64 {
        self.permutations
    }
}

/// A state whose permutation behaves otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not equivariant: {what}")]
pub struct NotEquivariant<S: std::fmt::Debug> {
    /// The state.
    pub state: S,
    /// Permuted.
    pub permuted: S,
    /// What differs.
    pub what: &'static str,
}

/// Why a system is not reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified<S: std::fmt::Debug> {
    /// It may not be.
    #[error(transparent)]
    NotEquivariant(#[from] NotEquivariant<S>),
    /// The limits leave no state to test.
    #[error("the limits leave no state to test equivariance on")]
    Untested,
    /// Somebody asked to stop before that was known.
    #[error("interrupted before equivariance was tested")]
    Interrupted,
}

/// So many times as many states as are tested are explored, for those nearest to the start may show little of a system.
const SPREAD: u64 = 64;

/// Tests equivariance on at most so many states, spread evenly over those nearest to the start, all of them if there are no
/// more; and reduces the system if it holds on them. Of the limits it keeps to those on memory and states, for which it
/// tests fewer, and to the interrupt; it takes one thread, so that the same states are tested with any number of them.
///
/// # Errors
/// If it fails somewhere, an edge of one of them cannot be represented, or somebody asks to stop.
pub fn verify<'a, T: Symmetric>(
    system: &'a T,
    states: u64,
    limits: &Limits<'_>,
) -> Result<Reduced<'a, T>, Unverified<T::State>> {
    let max_states = limits.max_states.min(states.saturating_mul(SPREAD));
    let found = explore(system, &Limits { threads: NonZeroUsize::MIN, max_states, progress: None, ..*limits });
    let apart = found.summary.states.div_ceil(states.max(1)).max(1);
    let mut scratch = system.scratch();
    let permutations = system.permutations();
    let mut tested = 0;
    for state in found.iter().step_by(apart as usize) {
        if limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            return Err(Unverified::Interrupted);
        }
        tested += 1;
        let canonical = system.canonical(&mut scratch, &state);
        let fails = |permuted, what| Err(NotEquivariant { state, permuted, what }.into());
        if system.canonical(&mut scratch, &canonical) != canonical {
            return fails(canonical, "the canonical state is not its own");
        }
        let of_state = orbits(system, &mut scratch, &state);
        if of_state.is_none() {
            return fails(canonical, "an edge cannot be represented");
        }
        for choice in 0..permutations {
            let permuted = system.permuted(&mut scratch, &state, choice);
            if system.canonical(&mut scratch, &permuted) != canonical {
                return fails(permuted, "the canonical states differ");
            }
            if system.may_stop(&state) != system.may_stop(&permuted) {
                return fails(permuted, "one may stop, and the other not");
            }
            if orbits(system, &mut scratch, &permuted) != of_state {
                return fails(permuted, "the edges differ");
            }
        }
        if orbits(system, &mut scratch, &canonical) != of_state {
            return fails(canonical, "the edges of the canonical state differ");
        }
    }
    if tested == 0 {
        return Err(Unverified::Untested);
    }
    Ok(Reduced { system, verified: Verified { states: tested, permutations } })
}

/// Where the edges of a state lead, up to permutation, with their marks, in order.
fn orbits<T: Symmetric>(system: &T, scratch: &mut T::Scratch, state: &T::State) -> Option<Vec<(T::State, u64)>> {
    let mut edges: Vec<Edge<T::State>> = Vec::new();
    system.edges(scratch, state, |edge| edges.push(edge)).ok()?;
    let mut orbits: Vec<_> = edges.iter().map(|edge| (system.canonical(scratch, &edge.after), edge.marks)).collect();
    orbits.sort_unstable();
    Some(orbits)
}

/// A system of orbits.
#[derive(Debug)]
pub struct Reduced<'a, T> {
    system: &'a T,
    verified: Verified,
}

impl<T: Symmetric> Reduced<'_, T> {
    /// How well that was tested.
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// A path of the system itself for one of orbits; `last` is the edge taken at its end, if any.
    pub fn unfold(&self, path: &Path<T::State>, last: Option<Sighting<T::State>>) -> Option<Path<T::State>> {
        let orbits: Vec<Sighting<T::State>> = path.steps.iter().copied().chain(last).collect();
        let mut scratch = self.system.scratch();
        let Some(first) = orbits.first().map(|orbit| orbit.state) else { return Some(Path { steps: Vec::new() }) };
        let mut state = self
            .system
            .initial()
            .into_iter()
            .filter(|start| self.system.canonical(&mut scratch, start) == first)
            .min()?;
        let mut steps = Vec::new();
        for orbit in &orbits {
            // The edge of the orbit, and then the first edge of the state that is it, permuted.
            let wanted = self.edges_of(&mut scratch, &orbit.state)?.get(orbit.ordinal as usize).copied()?;
            let edges = self.edges_of(&mut scratch, &state)?;
            let same = |edge: &Edge<T::State>| edge.marks == wanted.marks;
            let mut place = None;
            for (ordinal, edge) in (0u32..).zip(&edges) {
                if same(edge)
                    && self.system.canonical(&mut scratch, &edge.after)
                        == self.system.canonical(&mut scratch, &wanted.after)
                {
                    place = Some((ordinal, edge.after));
                    break;
                }
            }
            let (ordinal, after) = place?;
            steps.push(Sighting { state, ordinal });
            state = after;
        }
        Some(Path { steps })
    }

    fn edges_of(&self, scratch: &mut T::Scratch, state: &T::State) -> Option<Vec<Edge<T::State>>> {
        let mut edges = Vec::new();
        self.system.edges(scratch, state, |edge| edges.push(edge)).ok()?;
        Some(edges)
    }
}

/// Room for a reduced system to work in.
#[derive(Debug)]
pub struct Room<T: TransitionSystem> {
    scratch: T::Scratch,
    edges: Vec<Edge<T::State>>,
}

impl<T: TransitionSystem> Room<T> {
    /// Such room.
    pub fn new(system: &T) -> Self {
        Self { scratch: system.scratch(), edges: Vec::new() }
    }

    /// The room that the system itself works in.
    pub fn of_system(&mut self) -> &mut T::Scratch {
        &mut self.scratch
    }
}

impl<T: Symmetric> TransitionSystem for Reduced<'_, T> {
    type State = T::State;
    type Scratch = Room<T>;

    fn scratch(&self) -> Room<T> {
        Room::new(self.system)
    }

    fn initial(&self) -> Vec<T::State> {
        let mut scratch = self.system.scratch();
        self.system.initial().iter().map(|state| self.system.canonical(&mut scratch, state)).collect()
    }

    fn edges(
        &self,
        room: &mut Room<T>,
        state: &T::State,
        mut visit: impl FnMut(Edge<T::State>),
    ) -> Result<(), Unrepresentable> {
        room.edges.clear();
        self.system.edges(&mut room.scratch, state, |edge| room.edges.push(edge))?;
        for edge in &room.edges {
            // Many a step changes nothing, and what is expanded is canonical.
            let same = edge.after == *state;
            let after = if same { *state } else { self.system.canonical(&mut room.scratch, &edge.after) };
            visit(Edge { after, ..*edge });
        }
        Ok(())
    }

    fn want(&self, room: &mut Room<T>, wanted: Marks) {
        self.system.want(&mut room.scratch, wanted);
    }

    fn may_stop(&self, state: &T::State) -> bool {
        self.system.may_stop(state)
    }
}
