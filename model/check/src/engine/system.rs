//! What the engine knows of a system: packed states, and the edges that leave each.

use std::fmt::Debug;
use std::hash::Hash;

/// A state, packed into a fixed number of words. Equal situations must be equal words; the order is any fixed one.
pub trait Packed: Copy + Ord + Hash + Debug + Send + Sync {
    /// How many words.
    const WORDS: usize;

    /// The i-th.
    fn word(&self, i: usize) -> u64;
    /// All of them, in order.
    #[inline]
    fn words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        (0..Self::WORDS).map(|i| self.word(i))
    }
    /// The state of these words; `word(i)` gives the i-th, asked for in their order.
    fn from_words(word: impl FnMut(usize) -> u64) -> Self;
}

impl<const W: usize> Packed for [u64; W] {
    const WORDS: usize = W;

    #[inline]
    fn word(&self, i: usize) -> u64 {
        self[i]
    }

    #[inline]
    fn from_words(word: impl FnMut(usize) -> u64) -> Self {
        std::array::from_fn(word)
    }
}

/// What is to be known of an edge, a bit each: a property violated, a thing that was seen. What a bit means is the
/// system's affair; the engine finds, for each, a shortest path to an edge that has it.
pub type Marks = u64;

/// An edge as it leaves a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge<S> {
    /// Where it leads.
    pub after: S,
    /// What is to be known of it.
    pub marks: Marks,
    /// Which choice it is: who acts, and how. The edges of a state have different labels.
    pub label: u32,
}

impl<S> Edge<S> {
    /// An edge without marks.
    pub fn new(after: S, label: u32) -> Self {
        Self { after, marks: 0, label }
    }
}

/// A state cannot be written in the words that were planned for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state does not fit: {0}")]
pub struct Unrepresentable(pub &'static str);

/// What can be explored.
///
/// # Contract
/// - The edges of a state depend on the state alone, and come in a fixed order: an edge is named by its place in it.
/// - The marks of an edge depend on it alone, but for those that are not [wanted](TransitionSystem::want).
/// - There are finitely many reachable states, or the search ends at a limit.
pub trait TransitionSystem: Sync {
    /// A state.
    type State: Packed;
    /// Room to work in, one for each thread; says nothing from one call to the next but what is wanted.
    type Scratch: Send;

    /// Makes such room.
    fn scratch(&self) -> Self::Scratch;

    /// Where it may start. Marks are of edges: what is wrong with a start, before any edge, is for the caller to ask.
    fn initial(&self) -> Vec<Self::State>;

    /// Calls `visit` with every edge that leaves `state`.
    ///
    /// # Errors
    /// If an edge leads to what cannot be represented; the search ends there, and proves nothing.
    fn edges(
        &self,
        scratch: &mut Self::Scratch,
        state: &Self::State,
        visit: impl FnMut(Edge<Self::State>),
    ) -> Result<(), Unrepresentable>;

    /// Of other marks than these nothing need be said from now on, in this room: they are known already. Until it is called, all are
    /// wanted. A system whose marks cost much may save them.
    fn want(&self, _scratch: &mut Self::Scratch, _wanted: Marks) {}

    /// May it stop in this state, which no edge leaves? If not, that is a deadlock.
    fn may_stop(&self, _state: &Self::State) -> bool {
        false
    }
}
