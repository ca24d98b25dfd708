//! The engine on random graphs, against a search that keeps everything: the same counts, depths, marks and deadlocks, and
//! paths that are shortest and least, at any width of a state, any number of threads and any limit on memory.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use lacuna_check::engine::{Edge, End, Limits, Progress, TransitionSystem, Unrepresentable, explore};
use proptest::prelude::*;

/// A graph of numbered nodes, drawn from a seed; the number of a node is spread over `W` words.
#[derive(Debug, Clone, Copy)]
struct Graph<const W: usize> {
    nodes: u64,
    degree: u64,
    seed: u64,
}

fn draw(seed: u64, of: u64) -> u64 {
    let mut x = seed ^ of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    }
    x ^ (x >> 33)
}

impl<const W: usize> Graph<W> {
    fn state(node: u64) -> [u64; W] {
        // Node 0 is all zeroes; words beyond the first are functions of it, so equal nodes are equal states.
        std::array::from_fn(|word| if word == 0 { node } else { node.wrapping_mul(word as u64) >> (word % 7) })
    }

    fn successors(&self, node: u64) -> Vec<(u64, u64)> {
        let degree = draw(self.seed, node * 64) % (self.degree + 1);
        let edge = |edge| {
            // Mostly near ones, so that there is depth.
            let drawn = draw(self.seed, node * 64 + 1 + edge);
            let to =
                if drawn.is_multiple_of(4) { drawn / 4 % self.nodes } else { (node + drawn / 4 % 64) % self.nodes };
            let marks = u64::from(draw(self.seed, drawn).is_multiple_of(97)) | u64::from(to == 7) << 1;
            (to, marks)
        };
        (0..degree).map(edge).collect()
    }
}

impl<const W: usize> TransitionSystem for Graph<W> {
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        [0, 1].map(Self::state).to_vec()
    }

    fn edges(
        &self,
        (): &mut (),
        state: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        for (label, (to, marks)) in (0..).zip(self.successors(state[0])) {
            visit(Edge { after: Self::state(to), marks, label });
        }
        Ok(())
    }

    fn may_stop(&self, state: &[u64; W]) -> bool {
        state[0].is_multiple_of(2)
    }
}

/// What there is to know of a graph.
#[derive(Debug, PartialEq)]
struct Known {
    states: u64,
    transitions: u64,
    depth: u32,
    deadlocks: u64,
    deadlock: Option<(u32, u64)>,
    /// For each mark the level, state and place of its first edge.
    firsts: BTreeMap<u32, (u32, u64, u32)>,
}

fn reference<const W: usize>(graph: &Graph<W>) -> (Known, HashMap<u64, u32>) {
    let mut level = HashMap::from([(0, 0), (1, 0)]);
    let mut queue = VecDeque::from([0, 1]);
    let mut known =
        Known { states: 0, transitions: 0, depth: 0, deadlocks: 0, deadlock: None, firsts: BTreeMap::new() };
    while let Some(node) = queue.pop_front() {
        let at = level[&node];
        known.depth = at;
        let successors = graph.successors(node);
        if successors.is_empty() && !node.is_multiple_of(2) {
            known.deadlocks += 1;
            known.deadlock = known.deadlock.into_iter().chain([(at, node)]).min();
        }
        for (ordinal, (to, marks)) in (0..).zip(successors) {
            known.transitions += 1;
            for mark in (0..2).filter(|mark| marks >> mark & 1 != 0) {
                let here = (at, node, ordinal);
                known.firsts.entry(mark).and_modify(|first| *first = here.min(*first)).or_insert(here);
            }
            level.entry(to).or_insert_with(|| {
                queue.push_back(to);
                at + 1
            });
        }
    }
    known.states = level.len() as u64;
    (known, level)
}

fn compare<const W: usize>(graph: Graph<W>, limits: &Limits<'_>) {
    let (expected, level) = reference(&graph);
    let found = explore(&graph, limits);
    let summary = &found.summary;
    assert_eq!(summary.end, End::Complete);
    let firsts = (0..2).filter_map(|mark| {
        let first = summary.first(mark)?;
        Some((mark, (first.level, first.sighting.state[0], first.sighting.ordinal)))
    });
    let actual = Known {
        states: summary.states,
        transitions: summary.transitions,
        depth: summary.depth,
        deadlocks: summary.deadlocks,
        deadlock: summary.deadlock.map(|(level, state)| (level, state[0])),
        firsts: firsts.collect(),
    };
    assert_eq!(actual, expected);
    let sizes = |at| level.values().filter(|level| **level == at).count() as u64;
    assert_eq!(summary.levels, (0..=expected.depth).map(sizes).collect::<Vec<_>>());
    let mut nodes: Vec<u64> = found.iter().map(|state| state[0]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    assert_eq!(nodes.len() as u64, expected.states, "every state once");
    assert!(nodes.iter().all(|node| level.contains_key(node) && found.contains(&Graph::<W>::state(*node))));

    // Paths to a few states: as long as the state is deep, each step an edge, each predecessor the least.
    let ends: Vec<(u32, [u64; W])> =
        nodes.iter().step_by(nodes.len() / 5 + 1).map(|node| (level[node], Graph::<W>::state(*node))).collect();
    for ((depth, end), path) in ends.iter().zip(found.paths(&graph, &ends)) {
        assert_eq!(path.steps.len(), *depth as usize);
        let mut after = end[0];
        for (at, step) in path.steps.iter().enumerate().rev() {
            let node = step.state[0];
            assert_eq!(graph.successors(node)[step.ordinal as usize].0, after);
            let leads = |other: &&u64| {
                level[*other] as usize == at && graph.successors(**other).iter().any(|(to, _)| *to == after)
            };
            assert_eq!(nodes.iter().find(leads), Some(&node), "the least predecessor");
            after = node;
        }
        assert!(after <= 1, "it begins at a start");
    }
}

fn threads(count: usize) -> Limits<'static> {
    Limits { threads: NonZeroUsize::new(count).unwrap(), ..Limits::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn as_a_search_that_keeps_everything(seed: u64, nodes in 2u64..4000, degree in 1u64..6, count in 1usize..4) {
        compare(Graph::<1> { nodes, degree, seed }, &threads(count));
        compare(Graph::<2> { nodes, degree, seed }, &threads(count));
        compare(Graph::<5> { nodes, degree, seed }, &threads(count));
    }
}

#[test]
fn the_table_grows_in_the_middle_of_a_level() {
    // More than the smallest table holds, some levels wider than what it holds before it grows.
    let announced = Mutex::new(0);
    let progress = |progress: &Progress| {
        if let Progress::Growing { from, to } = progress {
            assert!(to > from);
            *announced.lock().unwrap() += 1;
        }
    };
    let limits = Limits { progress: Some(&progress), ..threads(2) };
    compare(Graph::<1> { nodes: 400_000, degree: 5, seed: 1 }, &limits);
    compare(Graph::<3> { nodes: 400_000, degree: 5, seed: 2 }, &limits);
    assert!(*announced.lock().unwrap() >= 4);
}

#[test]
fn memory_is_kept_to_and_what_was_covered_is_said() {
    fn within<const W: usize>(megabytes: u64) {
        let graph = Graph::<W> { nodes: 3_000_000, degree: 4, seed: 3 };
        let limits = Limits { max_memory: megabytes << 20, ..threads(2) };
        let found = explore(&graph, &limits);
        let summary = &found.summary;
        assert_eq!(summary.end, End::MaxMemory, "{W} words in {megabytes} MiB");
        assert!(summary.bytes <= megabytes << 20, "{} bytes in {megabytes} MiB", summary.bytes);
        // A table may not grow for want of room for two; but half of the memory is used, or more.
        let least = (megabytes << 20) / 2;
        assert!(summary.bytes >= least, "{} bytes of {megabytes} MiB used", summary.bytes);
        assert_eq!(found.iter().count() as u64, summary.states);
        assert!(summary.depth > 0);
    }
    within::<1>(8);
    within::<1>(20);
    within::<4>(8);
    within::<4>(50);
}

#[test]
fn it_stops_when_asked() {
    let graph = Graph::<1> { nodes: 100_000, degree: 4, seed: 3 };
    let stop = AtomicBool::new(true);
    let found = explore(&graph, &Limits { interrupt: Some(&stop), ..threads(2) }).summary;
    assert_eq!((found.end, found.depth), (End::Interrupted, 0));
    let found = explore(&graph, &Limits { max_states: 1000, ..threads(1) }).summary;
    assert_eq!(found.end, End::MaxStates);
    assert!((1000..1100).contains(&found.states));
}

/// A state that does not fit.
struct Overflowing;

impl TransitionSystem for Overflowing {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    fn edges(
        &self,
        (): &mut (),
        [state]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        visit(Edge::new([state.checked_add(1 << 60).ok_or(Unrepresentable("a counter"))?], 0));
        Ok(())
    }
}

#[test]
fn what_does_not_fit_ends_it() {
    let found = explore(&Overflowing, &Limits::default()).summary;
    assert_eq!((found.end, found.states), (End::Unrepresentable(Unrepresentable("a counter")), 16));
}
