//! Liveness on small graphs: the two counterexamples that checkers without a finished graph miss, and random graphs
//! against the definition.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_check::engine::{
    Edge, End, Fairness, Lasso, LeadsTo, Limits, Live, Liveness, Progress, TransitionSystem, Unrepresentable, explore,
    leads_to,
};
use proptest::prelude::*;

const ASK: u64 = 1;
const ANSWER: u64 = 2;

/// A graph by hand: for each node its edges, each to a node and by an actor; what holds in it; how fair each actor's is.
#[derive(Debug, Clone)]
struct Graph {
    edges: Vec<Vec<(u64, u32)>>,
    holds: Vec<u64>,
    fairness: Vec<Fairness>,
}

impl TransitionSystem for Graph {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    fn edges(
        &self,
        (): &mut (),
        [node]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        for (to, actor) in &self.edges[*node as usize] {
            visit(Edge::new([*to], *actor));
        }
        Ok(())
    }
}

impl Live for Graph {
    fn propositions(&self, (): &mut (), [node]: &[u64; 1]) -> u64 {
        self.holds[*node as usize]
    }

    fn actor(&self, label: u32) -> u32 {
        label
    }

    fn fairness(&self, actor: u32) -> Fairness {
        self.fairness[actor as usize]
    }
}

fn decide(graph: &Graph, property: LeadsTo) -> Liveness<[u64; 1]> {
    let verdict = leads_to(graph, &explore(graph, &Limits::default()), property, &Limits::default());
    if let Liveness::Refuted(lasso) = &verdict {
        is_a_counterexample(graph, property, lasso);
    }
    verdict
}

/// Is it a run of the graph, fair, that asks and never answers?
fn is_a_counterexample(graph: &Graph, property: LeadsTo, lasso: &Lasso<[u64; 1]>) {
    let run: Vec<_> = lasso.stem.iter().chain(&lasso.cycle).collect();
    let mut at = 0;
    let mut waits = property.from.is_none();
    for (index, step) in run.iter().enumerate() {
        assert_eq!(step.state, [at], "a run of the graph");
        if index == lasso.stem.len() {
            assert_eq!([at], lasso.end);
        }
        let holds = graph.holds[at as usize];
        waits |= property.from.is_some_and(|from| holds & from != 0);
        waits &= holds & property.to == 0;
        assert!(index < lasso.stem.len() || waits, "it waits all round the cycle");
        at = graph.edges[at as usize][step.ordinal as usize].0;
    }
    assert_eq!([at], lasso.end, "it closes");
    if lasso.cycle.is_empty() {
        let holds = graph.holds[at as usize];
        assert!(graph.edges[at as usize].is_empty() && holds & property.to == 0);
        assert!(waits || property.from.is_some_and(|from| holds & from != 0));
        return;
    }
    for (actor, fairness) in (0u32..).zip(&graph.fairness) {
        let acts = lasso.cycle.iter().any(|step| graph.edges[step.state[0] as usize][step.ordinal as usize].1 == actor);
        let able = |node: u64| graph.edges[node as usize].iter().any(|edge| edge.1 == actor);
        let fair = match fairness {
            Fairness::None => true,
            Fairness::Weak => acts || lasso.cycle.iter().any(|step| !able(step.state[0])),
            Fairness::Strong => acts || lasso.cycle.iter().all(|step| !able(step.state[0])),
        };
        assert!(fair, "fair to {actor}");
    }
}

const EVENTUALLY: LeadsTo = LeadsTo { from: None, to: ANSWER };

#[test]
fn a_false_eventually_over_a_cycle_is_found() {
    // 0 ⇄ 1, and 1 → 2, where the answer is. A search that stops at states it knows never sees the run 0 1 0 1 …
    let mut graph = Graph {
        edges: vec![vec![(1, 0)], vec![(0, 0), (2, 1)], vec![]],
        holds: vec![0, 0, ANSWER],
        fairness: vec![Fairness::None; 2],
    };
    let Liveness::Refuted(lasso) = decide(&graph, EVENTUALLY) else { panic!("refuted") };
    assert_eq!((lasso.stem.len(), lasso.cycle.len()), (0, 2));
    // Weak fairness does not help, for the actor of the way out cannot act in 0; strong fairness does.
    graph.fairness[1] = Fairness::Weak;
    assert!(matches!(decide(&graph, EVENTUALLY), Liveness::Refuted(_)));
    graph.fairness[1] = Fairness::Strong;
    assert_eq!(decide(&graph, EVENTUALLY), Liveness::Holds);
}

#[test]
fn a_false_eventually_over_a_join_is_found() {
    // 0 → 1 → 3 and 0 → 2 → 3; the answer is in 1 only. A search that came to 3 by way of 1 takes it for answered.
    let graph = Graph {
        edges: vec![vec![(1, 0), (2, 0)], vec![(3, 0)], vec![(3, 0)], vec![]],
        holds: vec![0, ANSWER, 0, 0],
        fairness: vec![Fairness::Weak],
    };
    let Liveness::Refuted(lasso) = decide(&graph, EVENTUALLY) else { panic!("refuted") };
    let nodes: Vec<u64> = lasso.stem.iter().map(|step| step.state[0]).collect();
    assert_eq!((nodes, lasso.cycle.len(), lasso.end), (vec![0, 2], 0, [3]));
}

#[test]
fn what_never_asks_is_vacuous_and_what_is_not_finished_is_unknown() {
    let graph = Graph { edges: vec![vec![(0, 0)]], holds: vec![0], fairness: vec![Fairness::None] };
    assert_eq!(decide(&graph, LeadsTo { from: Some(ASK), to: ANSWER }), Liveness::Vacuous);
    let graph = Graph { edges: vec![vec![(1, 0)], vec![(0, 0)]], holds: vec![0, 0], ..graph };
    let found = explore(&graph, &Limits { max_states: 1, ..Limits::default() });
    assert!(matches!(leads_to(&graph, &found, EVENTUALLY, &Limits::default()), Liveness::Unknown(_)));
}

/// By the definition: is there a set of unanswered states, reached from an ask without an answer, that a fair run can stay
/// in, or one that no edge leaves? Every set is tried.
fn refuted_by_definition(graph: &Graph, property: LeadsTo) -> bool {
    let nodes = graph.edges.len();
    let reach = |from: Vec<usize>, inside: &dyn Fn(usize) -> bool| {
        let mut reached: Vec<bool> = (0..nodes).map(|node| from.contains(&node) && inside(node)).collect();
        for _ in 0..nodes {
            for node in 0..nodes {
                for (to, _) in &graph.edges[node] {
                    reached[*to as usize] |= reached[node] && inside(*to as usize);
                }
            }
        }
        reached
    };
    let unanswered = |node: usize| graph.holds[node] & property.to == 0;
    let reachable = reach(vec![0], &|_| true);
    let asks = (0..nodes).filter(|node| match property.from {
        None => *node == 0,
        Some(from) => reachable[*node] && graph.holds[*node] & from != 0,
    });
    let waiting = reach(asks.collect(), &unanswered);
    if (0..nodes).any(|node| waiting[node] && graph.edges[node].is_empty()) {
        return true;
    }
    (1u32..1 << nodes).any(|set| {
        let inside = |node: usize| set >> node & 1 != 0;
        let members: Vec<usize> = (0..nodes).filter(|node| inside(*node)).collect();
        let inner = |node: usize| graph.edges[node].iter().filter(|edge| inside(edge.0 as usize));
        let connected = members.iter().all(|node| {
            let onward: Vec<usize> = inner(*node).map(|edge| edge.0 as usize).collect();
            let reached = reach(onward, &inside);
            members.iter().all(|other| reached[*other])
        });
        let fair = (0u32..).zip(&graph.fairness).all(|(actor, fairness)| {
            let acts = members.iter().any(|node| inner(*node).any(|edge| edge.1 == actor));
            let able = |node: &&usize| graph.edges[**node].iter().any(|edge| edge.1 == actor);
            let ables = members.iter().filter(able).count();
            match fairness {
                Fairness::None => true,
                Fairness::Weak => acts || ables < members.len(),
                Fairness::Strong => acts || ables == 0,
            }
        });
        members.iter().all(|node| waiting[*node]) && connected && fair
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn as_defined(
        edges in prop::collection::vec(prop::collection::vec((0u64..7, 0u32..3), 0..4), 7),
        holds in prop::collection::vec(prop_oneof![4 => Just(0), 1 => Just(ASK), 1 => Just(ANSWER), 1 => Just(3)], 7),
        fairness in prop::collection::vec(
            prop_oneof![Just(Fairness::None), Just(Fairness::Weak), Just(Fairness::Strong)], 3),
        from in prop_oneof![Just(None), Just(Some(ASK))],
    ) {
        let graph = Graph { edges, holds, fairness };
        let property = LeadsTo { from, to: ANSWER };
        let refuted = matches!(decide(&graph, property), Liveness::Refuted(_));
        prop_assert_eq!(refuted, refuted_by_definition(&graph, property));
    }
}

#[test]
fn memory_is_a_limit_here_too() {
    let graph = Graph { edges: vec![vec![(1, 0)], vec![(0, 0)]], holds: vec![0, 0], fairness: vec![Fairness::Weak] };
    let found = explore(&graph, &Limits::default());
    let limits = Limits { max_memory: found.summary.bytes + 10, ..Limits::default() };
    assert_eq!(leads_to(&graph, &found, EVENTUALLY, &limits), Liveness::Unknown(End::MaxMemory));
}

#[test]
fn it_tells_how_it_goes_and_stops_when_asked() {
    // A ring of 5,000 nodes, without an answer.
    let ring = 5_000_u64;
    let graph = Graph {
        edges: (0..ring).map(|node| vec![((node + 1) % ring, 0)]).collect(),
        holds: vec![0; ring as usize],
        fairness: vec![Fairness::Weak],
    };
    let found = explore(&graph, &Limits::default());
    let decide = |stop_when: &(dyn Fn(u64) -> bool + Sync)| {
        let (stop, told) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let progress = |progress: &Progress| {
            let Progress::Deciding { waiting, expanded, components, .. } = progress else { panic!("{progress:?}") };
            assert!(expanded <= waiting && *waiting <= ring);
            told.lock().unwrap().push((*expanded, *components));
            stop.store(stop_when(*expanded), Ordering::Relaxed);
        };
        let limits = Limits { progress: Some(&progress), interrupt: Some(&stop), ..Limits::default() };
        let verdict = leads_to(&graph, &found, EVENTUALLY, &limits);
        (verdict, told.into_inner().unwrap())
    };
    let (verdict, told) = decide(&|_| false);
    assert!(matches!(verdict, Liveness::Refuted(_)));
    assert!(told.len() >= 2 && told.contains(&(ring, 0)), "{told:?}");
    // While the graph is built, and when it is there.
    let (verdict, told) = decide(&|expanded| expanded < ring);
    assert_eq!((verdict, told.len()), (Liveness::Unknown(End::Interrupted), 1));
    let (verdict, told) = decide(&|expanded| expanded == ring);
    assert_eq!((verdict, told.last()), (Liveness::Unknown(End::Interrupted), Some(&(ring, 0))));
    // What asks takes memory too, before there is any graph.
    let asks = LeadsTo { from: Some(ASK), to: ANSWER };
    let graph = Graph { holds: vec![ASK; ring as usize], ..graph };
    let limits = Limits { max_memory: found.summary.bytes + 8 * ring, ..Limits::default() };
    assert_eq!(leads_to(&graph, &found, asks, &limits), Liveness::Unknown(End::MaxMemory));
}
