//! Chains: the longest computing from the release of a task, through buffers, creations and ends, to the last one that goes on because of it.
//!
//! Programs and what passes between them are a **precedence graph** (R. L. Graham, *Bounds on multiprocessing timing anomalies*, SIAM Journal on Applied
//! Mathematics 17(2), 1969): an instruction is after the one before it, a receive after a send to its buffer, a program after its creation, a wait after the
//! end that it is for. Each takes as long as it is declared to take at most. The longest way through it is the **critical path**: on one
//! core or on many, with whatever scheduler, a chain of which each waits for the one before is not done sooner than the sum of what it computes.
//!
//! - An endless loop is followed for one round, for the next begins with another release or another message. One that waits for none computes *without end*.
//! - Of several who may send, each is followed; only one of them has to. So a chain is what may have to be waited for.
//! - Where messages come round to whoever sent them ([`Chains::feedback`]), the round is not followed again.
//!
//! Where a chain is longer than the deadline of a task whose job ends in it, and everything is released at one instant, that job is late on
//! its longest run; `tests/relations.rs` finds the checker's worst response there, to the tick.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::objects::{Declared, Objects, Operation, Position, Program};
use crate::system::{BufferId, ProcessId};
use crate::units::Nanos;

/// By what the one goes on because of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A message.
    Message(BufferId),
    /// Its creation.
    Creation,
    /// The end that it waits for.
    End,
}

/// A part of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who computes
    pub of: Declared,
    /// so long at most,
    pub computing: Nanos,
    /// and by what the next goes on, if there is one.
    pub then: Option<By>,
}

/// The job of a task that ends in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub of: Declared,
    /// The longest way from the release to the end of the job.
    pub after: Nanos,
    /// Its deadline.
    pub deadline: Nanos,
}

/// The longest chain from the release of a task that leads through another context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// In order; the first is the task.
    pub links: Vec<Link>,
    /// All of it together; nothing, if the last of them computes without end.
    pub total: Option<Nanos>,
    /// The jobs that end because of it, by way of another context, each with the longest way to its end; in order of their deadlines.
    pub due: Vec<Due>,
}

impl Chain {
    /// The smallest deadline on it, and whose.
    pub fn smallest_deadline(&self, objects: &Objects) -> Option<(Declared, Nanos)> {
        let task = |of: Declared| objects.system().processes[of.0.index()].contexts[of.1].task;
        let all = self.links.iter().filter_map(|link| Some((link.of, task(link.of)?.deadline)));
        all.min_by_key(|(_, deadline)| *deadline)
    }

    /// The first job that is longer in coming than its deadline allows.
    pub fn late(&self) -> Option<Due> {
        self.due.iter().copied().find(|due| due.after > due.deadline)
    }
}

/// All chains of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chains {
    /// One a task, the longest first: the first is the critical path.
    pub chains: Vec<Chain>,
    /// The contexts among which messages come round.
    pub feedback: Vec<Vec<Declared>>,
}

/// A vertex: a node of a program, or a buffer, or what is common to all creations or ends of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Vertex {
    Node(Declared, Position),
    Buffer(BufferId),
    Begun(ProcessId),
    Ended(ProcessId),
}

/// An edge: within a program, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Within,
    Between,
}

struct Precedence<'a> {
    objects: &'a Objects,
    graph: DiGraph<Vertex, Step>,
    /// The entry of each context's program.
    entries: Vec<(Declared, NodeIndex)>,
    /// The nodes of loops that wait for nothing and compute.
    endless: BTreeSet<NodeIndex>,
}

/// Is it where another round of a loop begins?
fn is_a_beginning(operation: &Operation) -> bool {
    matches!(operation, Operation::Receive(_) | Operation::Await(_))
}

/// The ways of a program that do not lead back into a loop that is under way, and the nodes of loops that compute and never wait for a message.
fn forward(program: &Program) -> (Vec<(Position, Position)>, Vec<Position>) {
    let nodes = program.nodes.len();
    let mut graph: DiGraph<Position, ()> = DiGraph::with_capacity(nodes, nodes);
    let at: Vec<NodeIndex> = (0..).zip(&program.nodes).map(|(position, _)| graph.add_node(position)).collect();
    for (from, node) in at.iter().zip(&program.nodes) {
        for way in program.ways(node, false) {
            graph.add_edge(*from, at[usize::from(*way)], ());
        }
    }
    let computes = |position: &NodeIndex| matches!(program.nodes[position.index()].operation, Operation::Compute { wcet, .. } if wcet > Nanos(0));
    let loops = tarjan_scc(&graph).into_iter().filter(|all| all.len() > 1 || graph.contains_edge(all[0], all[0]));
    let endless = loops.filter(|all| {
        all.iter().any(computes) && !all.iter().any(|one| is_a_beginning(&program.nodes[one.index()].operation))
    });
    let endless = endless.flatten().map(|one| graph[one]).collect();
    // Depth first; a way to a node that is on the path leads back.
    let mut ways = Vec::new();
    let mut met = vec![false; nodes];
    let mut on_path = vec![false; nodes];
    let mut path: Vec<(Position, usize)> = vec![(program.entry, 0)];
    (met[usize::from(program.entry)], on_path[usize::from(program.entry)]) = (true, true);
    while let Some((position, next)) = path.last_mut() {
        let all = program.ways(&program.nodes[usize::from(*position)], false);
        let Some(way) = all.get(*next) else {
            on_path[usize::from(*position)] = false;
            path.pop();
            continue;
        };
        *next += 1;
        if !on_path[usize::from(*way)] {
            ways.push((*position, *way));
            if !std::mem::replace(&mut met[usize::from(*way)], true) {
                on_path[usize::from(*way)] = true;
                path.push((*way, 0));
            }
        }
    }
    (ways, endless)
}

impl<'a> Precedence<'a> {
    fn of(objects: &'a Objects) -> Self {
        let system = objects.system();
        let mut graph = DiGraph::new();
        let common = |graph: &mut DiGraph<Vertex, Step>, vertex: Vertex| graph.add_node(vertex);
        let buffers: Vec<NodeIndex> =
            (0u8..).map(BufferId).take(system.buffers.len()).map(|id| common(&mut graph, Vertex::Buffer(id))).collect();
        let processes = || (0u8..).map(ProcessId).take(system.processes.len());
        let begun: Vec<NodeIndex> = processes().map(|id| common(&mut graph, Vertex::Begun(id))).collect();
        let ended: Vec<NodeIndex> = processes().map(|id| common(&mut graph, Vertex::Ended(id))).collect();
        let (mut entries, mut endless) = (Vec::new(), BTreeSet::new());
        for of in objects.declared_contexts() {
            let program = objects.declared_program(of);
            let at: Vec<NodeIndex> =
                (0..).zip(&program.nodes).map(|(position, _)| graph.add_node(Vertex::Node(of, position))).collect();
            let entry = at[usize::from(program.entry)];
            entries.push((of, entry));
            graph.add_edge(begun[of.0.index()], entry, Step::Between);
            let (ways, loops) = forward(program);
            endless.extend(loops.into_iter().map(|position| at[usize::from(position)]));
            for (from, to) in ways {
                graph.add_edge(at[usize::from(from)], at[usize::from(to)], Step::Within);
            }
            for (node, here) in program.nodes.iter().zip(&at) {
                match node.operation {
                    Operation::Send(buffer) => _ = graph.add_edge(*here, buffers[buffer.index()], Step::Between),
                    Operation::Receive(buffer) | Operation::Await(buffer) => {
                        _ = graph.add_edge(buffers[buffer.index()], *here, Step::Between);
                    }
                    Operation::Spawn { process, .. } | Operation::Fork(process) => {
                        _ = graph.add_edge(*here, begun[process.index()], Step::Between);
                    }
                    Operation::Wait { process, .. } => _ = graph.add_edge(ended[process.index()], *here, Step::Between),
                    Operation::End | Operation::Exit if !objects.is_task(of) => {
                        _ = graph.add_edge(*here, ended[of.0.index()], Step::Between);
                    }
                    _ => {}
                }
            }
        }
        Self { objects, graph, entries, endless }
    }

    /// Cuts what comes round, and says among whom it does.
    fn cut(&mut self) -> Vec<Vec<Declared>> {
        let mut feedback = Vec::new();
        let mut component = vec![usize::MAX; self.graph.node_count()];
        for (number, all) in tarjan_scc(&self.graph).into_iter().enumerate() {
            all.iter().for_each(|vertex| component[vertex.index()] = number);
            if all.len() > 1 {
                let among: BTreeSet<Declared> = all.iter().filter_map(|vertex| self.whose(*vertex)).collect();
                feedback.push(among.into_iter().collect());
            }
        }
        self.graph.retain_edges(|graph, edge| {
            let ends = graph.edge_endpoints(edge);
            let inside = ends.is_some_and(|(from, to)| component[from.index()] == component[to.index()]);
            !inside || graph[edge] == Step::Within
        });
        feedback.sort();
        feedback
    }

    fn whose(&self, vertex: NodeIndex) -> Option<Declared> {
        match self.graph[vertex] {
            Vertex::Node(of, _) => Some(of),
            _ => None,
        }
    }

    fn operation(&self, vertex: NodeIndex) -> Option<&Operation> {
        match self.graph[vertex] {
            Vertex::Node(of, position) => {
                Some(&self.objects.declared_program(of).nodes[usize::from(position)].operation)
            }
            _ => None,
        }
    }

    fn takes(&self, vertex: NodeIndex) -> u64 {
        self.operation(vertex).map_or(0, |operation| self.objects.takes(operation).1.0)
    }

    /// The longest chain from the entry of a task, if it leads through another context.
    fn from(&self, order: &[NodeIndex], source: Declared, entry: NodeIndex) -> Option<Chain> {
        // To each vertex: without and with another context before it; each with where it comes from.
        type Longest = [Option<(u64, Option<(NodeIndex, usize)>)>; 2];
        let mut longest: Vec<Longest> = vec![[None; 2]; self.graph.node_count()];
        longest[entry.index()][0] = Some((0, None));
        for vertex in order {
            let takes = self.takes(*vertex);
            for layer in 0..2 {
                let Some((until, _)) = longest[vertex.index()][layer] else { continue };
                let after = until.saturating_add(takes);
                for edge in self.graph.edges_directed(*vertex, Direction::Outgoing) {
                    let other = self.whose(edge.target()).is_some_and(|of| of != source);
                    let known = &mut longest[edge.target().index()][layer.max(usize::from(other))];
                    if known.is_none_or(|(known, _)| known < after) {
                        *known = Some((after, Some((*vertex, layer))));
                    }
                }
            }
        }
        let reached = |vertex: &NodeIndex| longest[vertex.index()][1].map(|(until, _)| until);
        let total = |vertex: &NodeIndex| reached(vertex).map(|until| until.saturating_add(self.takes(*vertex)));
        let last = order.iter().filter(|vertex| self.whose(**vertex).is_some() && reached(vertex).is_some());
        let last = last.max_by_key(|vertex| (self.endless.contains(vertex), total(vertex)))?;
        let mut path = vec![*last];
        let mut at = longest[last.index()][1].and_then(|(_, from)| from);
        while let Some((vertex, layer)) = at {
            path.push(vertex);
            at = longest[vertex.index()][layer].and_then(|(_, from)| from);
        }
        path.reverse();
        let mut links: Vec<Link> = Vec::new();
        for vertex in &path {
            let then = match self.graph[*vertex] {
                Vertex::Buffer(buffer) => By::Message(buffer),
                Vertex::Begun(_) => By::Creation,
                Vertex::Ended(_) => By::End,
                Vertex::Node(of, _) => {
                    let computing = Nanos(self.takes(*vertex));
                    match links.last_mut().filter(|link| link.then.is_none()) {
                        Some(link) => link.computing.0 = link.computing.0.saturating_add(computing.0),
                        None => links.push(Link { of, computing, then: None }),
                    }
                    continue;
                }
            };
            links.iter_mut().rev().take(1).for_each(|link| link.then = Some(then));
        }
        let mut due: Vec<Due> = Vec::new();
        for (of, _) in self.entries.iter().filter(|(of, _)| self.objects.is_task(*of)) {
            let task = self.objects.system().processes[of.0.index()].contexts[of.1].task;
            let ends = order.iter().filter(|vertex| {
                self.whose(**vertex) == Some(*of) && self.operation(**vertex) == Some(&Operation::End)
            });
            if let (Some(task), Some(after)) = (task, ends.filter_map(reached).max()) {
                due.push(Due { of: *of, after: Nanos(after), deadline: task.deadline });
            }
        }
        due.sort_by_key(|due| due.deadline);
        Some(Chain { links, total: (!self.endless.contains(last)).then(|| total(last).map(Nanos)).flatten(), due })
    }
}

/// The longest chain of every task.
pub fn chains(objects: &Objects) -> Chains {
    let mut precedence = Precedence::of(objects);
    let feedback = precedence.cut();
    // Nothing comes round any more.
    let Ok(order) = toposort(&precedence.graph, None) else { return Chains { chains: Vec::new(), feedback } };
    let tasks = precedence.entries.iter().filter(|(of, _)| objects.is_task(*of));
    let mut chains: Vec<Chain> = tasks.filter_map(|(of, entry)| precedence.from(&order, *of, *entry)).collect();
    chains.sort_by_key(|chain| std::cmp::Reverse((chain.total.is_none(), chain.total)));
    Chains { chains, feedback }
}
