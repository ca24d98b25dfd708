//! Other people's engines on the same problems: SPIN, where it is installed, and the crate `stateright`. For the bench, which
//! compares times, and for the test, which compares counts.
//!
//! The problems are two-phase commit, once as one would write it down and once packed into a word, and scenarios of the
//! library, written again in Promela by hand.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a bench and a test")]
#![allow(dead_code, reason = "the bench and the test each use their part")]

pub mod packed;
pub mod spin;
pub mod structured;

use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Model};

/// What stateright found.
#[derive(Debug, Clone)]
pub struct Stateright {
    /// Different states; to be exact, different 64-bit fingerprints of states, for it keeps no more.
    pub states: usize,
    /// Steps taken, and the initial state.
    pub generated: usize,
    /// Names of the properties that do not hold.
    pub violated: Vec<&'static str>,
    /// How long the search took.
    pub elapsed: Duration,
}

/// Explores everything, depth first: stateright's breadth-first search copies a path at every step.
pub fn stateright<M>(model: M, threads: usize) -> Stateright
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq + 'static,
    M::Action: Clone + PartialEq,
{
    let begun = Instant::now();
    let checker = model.checker().threads(threads).spawn_dfs().join();
    let elapsed = begun.elapsed();
    let violated = checker.discoveries().into_keys().collect();
    Stateright { states: checker.unique_state_count(), generated: checker.state_count(), violated, elapsed }
}
