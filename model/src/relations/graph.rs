//! The graph itself: contexts, buffers, locks, modes and windows, and an edge for each relation between two of them.
//!
//! Edges of data and of modes go the way that the one decides over the other: from a window to whoever runs in it, from a mode to whoever
//! arrives in it, from a sender to the buffer and from there to a receiver. Edges of waiting go from the one who waits.

use std::collections::BTreeSet;
use std::fmt::Write;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::objects::{Declared, Objects, Operation, Wait};
use crate::system::{BufferId, LockId, ModeId, ProcessId};

/// What is related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A declared context.
    Context(ProcessId, usize),
    /// A buffer.
    Buffer(BufferId),
    /// A lock.
    Lock(LockId),
    /// A mode.
    Mode(ModeId),
    /// A window of the major frame, by its place in it.
    Window(usize),
}

/// When a relation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Never.
    Static,
    /// In ways that are known beforehand.
    Predefined,
    /// By running.
    Free,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Static, Self::Predefined, Self::Free];

    /// `"predefined"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Predefined => "predefined",
            Self::Free => "free",
        }
    }
}

/// How two things are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// Static: the window is the context's.
    RunsIn,
    /// Static: the buffer names the context's process among its attachments.
    AttachedTo,
    /// Predefined: the context is a task, and its jobs arrive in that mode.
    ArrivesIn,
    /// Predefined: the second mode may follow the first.
    FollowedBy,
    /// Predefined: the context has a program that changes to that mode.
    ChangesTo,
    /// Free: the context may take the lock, and wait for it.
    Takes,
    /// Free: the context sends there, and never waits for room;
    Sends,
    /// or it may.
    SendsAndWaits,
    /// Free: the context receives from there, and never waits for a message;
    Receives,
    /// or it may.
    ReceivesAndWaits,
    /// Free: the context waits for the end of the other's process.
    AwaitsEnd,
    /// Free: the context waits for the end of whoever the buffer is attached to.
    AwaitsTurn,
}

impl Tie {
    /// Which kind of relation it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::RunsIn | Self::AttachedTo => Kind::Static,
            Self::ArrivesIn | Self::FollowedBy | Self::ChangesTo => Kind::Predefined,
            _ => Kind::Free,
        }
    }

    /// In words, between the two.
    pub fn words(self) -> &'static str {
        match self {
            Self::RunsIn => "is the window of",
            Self::AttachedTo => "may be attached to",
            Self::ArrivesIn => "has the task",
            Self::FollowedBy => "may be followed by",
            Self::ChangesTo => "changes to",
            Self::Takes => "takes",
            Self::Sends => "sends to",
            Self::SendsAndWaits => "sends, and may wait for room, to",
            Self::Receives => "is polled by",
            Self::ReceivesAndWaits => "is waited at by",
            Self::AwaitsEnd => "waits for the end of",
            Self::AwaitsTurn => "waits to take over",
        }
    }
}

/// The relations of one system under one profile.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: DiGraph<Thing, Tie>,
}

impl Graph {
    /// What the declarations say, as far as the profile gives what they ask for.
    pub fn of(objects: &Objects) -> Self {
        let system = objects.system();
        let mut ties: BTreeSet<(Thing, Tie, Thing)> = BTreeSet::new();
        let thing = |(process, index): Declared| Thing::Context(process, index);
        let mut things: BTreeSet<Thing> = objects.declared_contexts().map(thing).collect();
        things.extend((0u8..).map(|id| Thing::Buffer(BufferId(id))).take(system.buffers.len()));
        things.extend((0u8..).map(|id| Thing::Lock(LockId(id))).take(system.locks.len()));
        things.extend((0u8..).map(|id| Thing::Mode(ModeId(id))).take(system.modes.len()));
        for of in objects.declared_contexts() {
            let declared = &system.processes[of.0.index()].contexts[of.1];
            let windows = system.major_frame.iter().flat_map(|frame| frame.windows.iter().enumerate());
            for (number, window) in windows {
                if declared.schedule.is_some_and(|by| window.scheduling_contexts.contains(&by)) {
                    ties.insert((Thing::Window(number), Tie::RunsIn, thing(of)));
                }
            }
            for (id, buffer) in (0u8..).zip(&system.buffers) {
                if buffer.attachments.iter().any(|attachment| attachment.process == of.0) {
                    ties.insert((Thing::Buffer(BufferId(id)), Tie::AttachedTo, thing(of)));
                }
            }
            for (id, mode) in (0u8..).zip(&system.modes) {
                if declared.task.is_some() && mode.processes.contains(&of.0) {
                    ties.insert((Thing::Mode(ModeId(id)), Tie::ArrivesIn, thing(of)));
                }
            }
            for node in objects.reachable_nodes(of) {
                let waits = objects.wait_at(of, node);
                let tie = match node.operation {
                    Operation::Lock(lock) => (thing(of), Tie::Takes, Thing::Lock(lock)),
                    Operation::Send(buffer) => {
                        let tie = if waits.is_some() { Tie::SendsAndWaits } else { Tie::Sends };
                        (thing(of), tie, Thing::Buffer(buffer))
                    }
                    Operation::Receive(buffer) | Operation::Poll(buffer) | Operation::Await(buffer) => {
                        let tie = if waits.is_some() { Tie::ReceivesAndWaits } else { Tie::Receives };
                        (Thing::Buffer(buffer), tie, thing(of))
                    }
                    Operation::Attach(buffer) if waits.is_some() => (thing(of), Tie::AwaitsTurn, Thing::Buffer(buffer)),
                    Operation::SwitchMode(mode) => (thing(of), Tie::ChangesTo, Thing::Mode(mode)),
                    _ => {
                        if let Some(Wait::Child(process)) = waits {
                            let ended = objects.declared_contexts().filter(|other| other.0 == process);
                            ties.extend(ended.map(|other| (thing(of), Tie::AwaitsEnd, thing(other))));
                        }
                        continue;
                    }
                };
                ties.insert(tie);
            }
        }
        for (id, mode) in (0u8..).zip(&system.modes) {
            let next = mode.next.iter().map(|next| (Thing::Mode(ModeId(id)), Tie::FollowedBy, Thing::Mode(*next)));
            ties.extend(next);
        }
        things.extend(ties.iter().map(|(from, ..)| *from));
        let mut graph = DiGraph::new();
        let things: Vec<(Thing, NodeIndex)> = things.into_iter().map(|thing| (thing, graph.add_node(thing))).collect();
        let index = |thing: Thing| things.binary_search_by_key(&thing, |(known, _)| *known).ok().map(|at| things[at].1);
        for (from, tie, to) in ties {
            if let (Some(from), Some(to)) = (index(from), index(to)) {
                graph.add_edge(from, to, tie);
            }
        }
        Self { graph }
    }

    /// Everything that may be related, in order.
    pub fn things(&self) -> impl Iterator<Item = Thing> + '_ {
        self.graph.node_weights().copied()
    }

    /// The relations, in order.
    pub fn ties(&self) -> impl Iterator<Item = (Thing, Tie, Thing)> + '_ {
        self.graph.edge_references().map(|edge| (self.graph[edge.source()], *edge.weight(), self.graph[edge.target()]))
    }

    /// In the language of Graphviz: contexts are boxes, buffers ellipses, locks diamonds, modes octagons, windows plain; static relations
    /// are bold, predefined ones dashed, and where somebody may wait the line is red.
    pub fn dot(&self, objects: &Objects) -> String {
        let mut text = String::from("digraph relations {\n    rankdir=LR;\n");
        let node = |text: &mut String, index: NodeIndex| {
            let shape = match self.graph[index] {
                Thing::Context(..) => "box",
                Thing::Buffer(_) => "ellipse",
                Thing::Lock(_) => "diamond",
                Thing::Mode(_) => "octagon",
                Thing::Window(_) => "plain",
            };
            // Writing to a string cannot fail.
            let label = escaped(&name(objects, self.graph[index]));
            let _ = writeln!(text, "    n{} [shape={shape}, label=\"{label}\"];", index.index());
        };
        self.graph.node_indices().for_each(|index| node(&mut text, index));
        for edge in self.graph.edge_references() {
            let (from, to, tie) = (edge.source().index(), edge.target().index(), edge.weight());
            let style = match tie.kind() {
                Kind::Static => ", style=bold",
                Kind::Predefined => ", style=dashed",
                Kind::Free if matches!(tie, Tie::Sends | Tie::Receives) => "",
                Kind::Free => ", color=red",
            };
            let _ = writeln!(text, "    n{from} -> n{to} [label=\"{}\"{style}];", tie.words());
        }
        text.push_str("}\n");
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// How a thing is called.
pub fn name(objects: &Objects, thing: Thing) -> String {
    let system = objects.system();
    match thing {
        Thing::Context(process, index) => objects.declared_name((process, index)),
        Thing::Buffer(buffer) => system.buffers[buffer.index()].name.clone(),
        Thing::Lock(lock) => system.locks[lock.index()].name.clone(),
        Thing::Mode(mode) => system.modes[mode.index()].name.clone(),
        Thing::Window(number) => {
            let at = system.major_frame.as_ref().and_then(|frame| frame.windows.get(number));
            at.map_or_else(String::new, |window| format!("window at {}", window.offset))
        }
    }
}
