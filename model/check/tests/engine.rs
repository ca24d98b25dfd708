//! The engine on random graphs, against a search that keeps everything: the same counts, depths, marks and deadlocks, and
//! paths that are shortest and least, at any width of a state, any number of threads and any limit on memory.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use lacuna_check::engine::cluster::{self, ClusterConfig};
use lacuna_check::engine::{End, Limits, Lossy, Progress, Unrepresentable, explore, explore_lossy};
use proptest::prelude::*;
use support::{Graph, Small};

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
        let successors: Vec<_> = graph.successors(node).collect();
        if successors.is_empty() && !graph.may_stop_at(node) {
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
            assert_eq!(graph.successors(node).nth(step.ordinal as usize).unwrap().0, after);
            let leads =
                |other: &&u64| level[*other] as usize == at && graph.successors(**other).any(|(to, _)| to == after);
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
        compare(Graph::<1>::wide(nodes, degree, seed), &threads(count));
        compare(Graph::<2>::wide(nodes, degree, seed), &threads(count));
        compare(Graph::<5>::wide(nodes, degree, seed), &threads(count));
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
    compare(Graph::<1>::wide(400_000, 5, 1), &limits);
    compare(Graph::<3>::wide(400_000, 5, 2), &limits);
    assert!(*announced.lock().unwrap() >= 4);
}

#[test]
fn memory_is_kept_to_and_what_was_covered_is_said() {
    fn within<const W: usize>(megabytes: u64) {
        let graph = Graph::<W>::wide(3_000_000, 4, 3);
        let limits = Limits { max_memory: megabytes << 20, ..threads(2) };
        let found = explore(&graph, &limits);
        let summary = &found.summary;
        assert_eq!(summary.end, End::MaxMemory, "{W} words in {megabytes} MiB");
        assert!(summary.bytes <= megabytes << 20, "{} bytes in {megabytes} MiB", summary.bytes);
        // The table grows where it is, and leaves the log what its states will need.
        let least = (megabytes << 20) / 4 * 3;
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
    let graph = Graph::<1>::wide(100_000, 4, 3);
    let stop = AtomicBool::new(true);
    let found = explore(&graph, &Limits { interrupt: Some(&stop), ..threads(2) }).summary;
    assert_eq!((found.end, found.depth), (End::Interrupted, 0));
    let found = explore(&graph, &Limits { max_states: 1000, ..threads(1) }).summary;
    assert_eq!(found.end, End::MaxStates);
    assert!((1000..1100).contains(&found.states));
}

#[test]
fn what_does_not_fit_ends_it() {
    let found = explore(&Small::overflowing(), &Limits::default()).summary;
    assert_eq!((found.end, found.states), (End::Unrepresentable(Unrepresentable("a counter of steps")), 16));
}

#[test]
fn a_limit_on_states_ends_only_what_has_more() {
    let ends = |system: &Small, max_states| {
        let limits = |count| Limits { max_states, ..threads(count) };
        let workers = ClusterConfig::workers(NonZeroUsize::new(2).unwrap());
        [
            explore(system, &limits(1)).summary.end,
            explore(system, &limits(2)).summary.end,
            cluster::explore(system, &limits(1), &workers).unwrap().summary.end,
            explore_lossy(system, &limits(1), Lossy::HashCompact).summary.end,
        ]
    };
    let thousand = Small::thousand(vec![0]);
    for (max_states, end) in [(1000, End::Complete), (999, End::MaxStates), (1, End::MaxStates), (0, End::MaxStates)] {
        assert_eq!(ends(&thousand, max_states), [end; 4], "{max_states}");
    }
    // In a level that is expanded by several threads.
    let graph = Graph::<1>::wide(100_000, 4, 3);
    let states = explore(&graph, &threads(2)).summary.states;
    let within = |max_states| explore(&graph, &Limits { max_states, ..threads(2) }).summary;
    assert_eq!((within(states).end, within(states).states), (End::Complete, states));
    let cut = within(states - 1);
    assert_eq!((cut.end, cut.states), (End::MaxStates, states));
}

#[test]
fn what_threads_and_workers_need_is_counted() {
    let graph = Graph::<1>::wide(3_000_000, 4, 3);
    // The smallest table is a megabyte, and a thread needs more than an eighth of one.
    let of_threads = |count| explore(&graph, &Limits { max_memory: 2 << 20, ..threads(count) }).summary;
    let (one, eight) = (of_threads(1), of_threads(8));
    assert_eq!((one.end, eight.end), (End::MaxMemory, End::MaxMemory));
    assert!(one.states > 1000 && one.bytes + (1 << 17) <= 2 << 20, "{one:?}");
    assert_eq!((eight.states, eight.bytes), (0, 0));
    // Two workers need four megabytes for what is on its way between them, and the two tables two more.
    let of_workers = |megabytes: u64| {
        let limits = Limits { max_memory: megabytes << 20, ..threads(1) };
        cluster::explore(&graph, &limits, &ClusterConfig::workers(NonZeroUsize::new(2).unwrap())).unwrap().summary
    };
    let (few, enough) = (of_workers(6), of_workers(9));
    assert_eq!((few.end, few.states, enough.end), (End::MaxMemory, 0, End::MaxMemory));
    assert!(enough.states > 1000 && enough.bytes + (4 << 20) <= 9 << 20, "{enough:?}");
}
