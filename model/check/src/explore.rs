//! Breadth-first search over a transition system: states in the order of discovery, each with the step that first led to
//! it, so that any of them has a shortest path.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};

/// What can be explored.
pub trait TransitionSystem {
    /// A state; equal situations must be equal states.
    type State: Clone + Eq + Hash;
    /// A step; every choice is in it.
    type Step: Copy;
    /// What comes of a step beside the next state.
    type Outcome: Copy;

    /// Where it starts.
    fn initial(&self) -> Self::State;
    /// Appends the steps that are possible, in a fixed order.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);
    /// Takes one.
    fn apply(&self, state: &Self::State, step: Self::Step) -> (Self::State, Self::Outcome);
}

/// When to stop early.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// At most so many states are kept.
    pub max_states: usize,
    /// Stops soon after this becomes true.
    pub interrupt: Option<&'a AtomicBool>,
}

impl Default for Limits<'_> {
    /// Ten million states.
    fn default() -> Self {
        Self { max_states: 10_000_000, interrupt: None }
    }
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every reachable state was expanded.
    Complete,
    /// There are more states than allowed.
    MaxStates,
    /// Somebody asked to stop.
    Interrupted,
}

/// A step as the search meets it.
#[derive(Debug)]
pub struct Edge<'a, T: TransitionSystem> {
    /// Number of the state it leaves.
    pub from: usize,
    /// That state.
    pub before: &'a T::State,
    /// The step.
    pub step: T::Step,
    /// What comes of it.
    pub outcome: T::Outcome,
    /// The state it leads to.
    pub after: &'a T::State,
}

/// What a search found.
#[derive(Debug)]
pub struct Exploration<T: TransitionSystem> {
    states: Vec<T::State>,
    parents: Vec<Option<(usize, T::Step)>>,
    /// Steps taken, those to known states included.
    pub transitions: u64,
    /// The longest of the shortest paths.
    pub depth: u32,
    /// How it ended.
    pub end: End,
}

impl<T: TransitionSystem> Exploration<T> {
    /// How many different states were found.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// They, in the order of discovery.
    pub fn iter(&self) -> impl Iterator<Item = &T::State> {
        self.states.iter()
    }

    /// The steps of a shortest path to a state.
    pub fn path_to(&self, state: usize) -> Vec<T::Step> {
        let mut path = Vec::new();
        let mut at = state;
        while let Some((parent, step)) = self.parents[at] {
            path.push(step);
            at = parent;
        }
        path.reverse();
        path
    }
}

/// Explores everything reachable, calling `observe` on every step of every state, in a fixed order.
pub fn explore<T: TransitionSystem>(
    system: &T,
    limits: &Limits<'_>,
    mut observe: impl FnMut(Edge<'_, T>),
) -> Exploration<T> {
    let hasher = DefaultHashBuilder::default();
    let mut known: HashTable<usize> = HashTable::new();
    let initial = system.initial();
    known.insert_unique(hasher.hash_one(&initial), 0, |_| 0);
    let mut found =
        Exploration::<T> { states: vec![initial], parents: vec![None], transitions: 0, depth: 0, end: End::Complete };
    let mut steps = Vec::new();
    let (mut from, mut level_ends) = (0, 1);
    while from < found.states.len() {
        if from == level_ends {
            level_ends = found.states.len();
            found.depth += 1;
        }
        if limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            found.end = End::Interrupted;
            break;
        }
        steps.clear();
        system.steps(&found.states[from], &mut steps);
        for step in &steps {
            let (after, outcome) = system.apply(&found.states[from], *step);
            found.transitions += 1;
            observe(Edge { from, before: &found.states[from], step: *step, outcome, after: &after });
            let hash = hasher.hash_one(&after);
            if known.find(hash, |index| found.states[*index] == after).is_some() {
                continue;
            }
            if found.states.len() >= limits.max_states {
                found.end = End::MaxStates;
                continue;
            }
            let index = found.states.len();
            found.states.push(after);
            found.parents.push(Some((from, *step)));
            known.insert_unique(hash, index, |index| hasher.hash_one(&found.states[*index]));
        }
        from += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk on a square grid, from one corner, right and down.
    struct Grid(u16);

    impl TransitionSystem for Grid {
        type State = (u16, u16);
        type Step = (u16, u16);
        type Outcome = ();

        fn initial(&self) -> Self::State {
            (0, 0)
        }

        fn steps(&self, &(x, y): &Self::State, steps: &mut Vec<Self::Step>) {
            steps.extend([(1, 0), (0, 1)].into_iter().filter(|(dx, dy)| x + dx < self.0 && y + dy < self.0));
        }

        fn apply(&self, &(x, y): &Self::State, (dx, dy): Self::Step) -> (Self::State, ()) {
            ((x + dx, y + dy), ())
        }
    }

    #[test]
    fn finds_every_state_once_and_a_shortest_path() {
        let mut edges = 0;
        let found = explore(&Grid(10), &Limits::default(), |_| edges += 1);
        assert_eq!((found.states(), found.transitions, found.depth, found.end), (100, 180, 18, End::Complete));
        assert_eq!(edges, 180);
        for (index, (x, y)) in found.iter().enumerate() {
            assert_eq!(found.path_to(index).len(), usize::from(x + y));
        }
    }

    #[test]
    fn says_when_it_did_not_finish() {
        let limits = Limits { max_states: 99, ..Limits::default() };
        assert_eq!(explore(&Grid(10), &limits, |_| {}).end, End::MaxStates);
        let limits = Limits { max_states: 100, ..Limits::default() };
        assert_eq!(explore(&Grid(10), &limits, |_| {}).end, End::Complete);
        let stop = AtomicBool::new(true);
        let limits = Limits { interrupt: Some(&stop), ..Limits::default() };
        assert_eq!(explore(&Grid(10), &limits, |_| {}).end, End::Interrupted);
    }
}
