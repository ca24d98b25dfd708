//! Circles: contexts of which each may wait for the next, and the last for the first.
//!
//! The vertices are [wait points](crate::objects::WaitPoint); a point leads to what it waits for, and that to every point whose context, from there, may
//! have to give it. A strongly connected component of this graph (R. Tarjan, *Depth-first search and linear graph algorithms*, SIAM Journal on
//! Computing 1(2), 1972) is where circles are; a circle takes each context once, unless there may be several instances of it.
//!
//! **Theorem.** If in some reachable state contexts wait in a circle, each for what the next would have to give
//! ([`Objects::waits_on`]), then there is a circle here that leads through their declarations in this order, and nothing [breaks](Breaks) it. *Proof.*
//! Each of them is at a wait point, and what the next may still do from where it is, and holds there, is among what its point may do and may hold. That the
//! two reasons for a break are sound is shown at each. ∎ So where none is found that is not broken, no circle of G21 is reachable. The other
//! way round nothing follows: whoever may wait for another need not, and one of several may serve.
//!
//! The circles of a large component are many; at most [`MOST`] are listed, and where the listing was cut nothing is claimed.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::awaited;
pub use super::breaks::Breaks;
use super::breaks::broken;
use super::several::Several;
use crate::objects::{Declared, Objects, Wait, WaitPoint};
use crate::system::{BufferId, LockId, ProcessId};

/// At most so many circles are listed.
pub const MOST: usize = 64;
/// In at most so many steps.
const STEPS: usize = 1 << 16;

/// A circle of waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// Each waits for the next, and the last for the first.
    pub waits: Vec<(Declared, Wait)>,
    /// What keeps it from closing, if that can be told.
    pub broken: Option<Breaks>,
}

/// All circles that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circles {
    /// Those that nothing breaks first, then the shorter ones.
    pub circles: Vec<Circle>,
    /// Are these all?
    pub complete: bool,
}

impl Circles {
    /// Is it certain that nobody ever waits in a circle?
    pub fn none_closes(&self) -> bool {
        self.complete && self.circles.iter().all(|circle| circle.broken.is_some())
    }
}

impl Circle {
    /// As a sentence.
    pub fn sentence(&self, objects: &Objects) -> String {
        let who = |at: usize| objects.declared_name(self.waits[at % self.waits.len()].0);
        let each = |at: usize| {
            let (_, wait) = self.waits[at];
            let of = match wait {
                _ if self.waits.len() == 1 => "that it would have to give itself".into(),
                Wait::Lock(_) => format!("that {} may hold", who(at + 1)),
                _ => format!("that {} would have to bring about", who(at + 1)),
            };
            format!("{} may wait for {}, {of}", who(at), awaited(objects, wait))
        };
        (0..self.waits.len()).map(each).collect::<Vec<_>>().join("; ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Vertex {
    Point(usize),
    Awaited(usize),
}

/// Every circle of a system under a profile.
pub fn circles(objects: &Objects) -> Circles {
    let points = objects.wait_points();
    let mut graph: DiGraph<Vertex, ()> = DiGraph::new();
    let at: Vec<NodeIndex> = (0..points.len()).map(|point| graph.add_node(Vertex::Point(point))).collect();
    let mut awaited: Vec<(Wait, ProcessId, NodeIndex)> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        let same = |(wait, of, _): &&(Wait, ProcessId, NodeIndex)| *wait == point.wait && *of == point.of.0;
        let known = awaited.iter().find(same).map(|(.., vertex)| *vertex);
        let vertex = known.unwrap_or_else(|| {
            let vertex = graph.add_node(Vertex::Awaited(awaited.len()));
            awaited.push((point.wait, point.of.0, vertex));
            let givers = points.iter().zip(&at).filter(|(other, _)| objects.may_wait_on(point, other));
            givers.for_each(|(_, giver)| _ = graph.add_edge(vertex, *giver, ()));
            vertex
        });
        graph.add_edge(at[number], vertex, ());
    }
    let several = Several::of(objects);
    let (mut found, mut steps) = (BTreeMap::new(), 0);
    for component in tarjan_scc(&graph).iter().filter(|component| component.len() > 1) {
        let inside: BTreeSet<usize> = component
            .iter()
            .filter_map(|vertex| match graph[*vertex] {
                Vertex::Point(point) => Some(point),
                Vertex::Awaited(_) => None,
            })
            .collect();
        let mut walk = Walk { objects, points: &points, several: &several, inside: &inside, path: Vec::new(), steps };
        for first in &inside {
            walk.path.push(*first);
            walk.extend(&mut found);
            walk.path.pop();
        }
        steps = walk.steps;
    }
    let mut circles: Vec<Circle> = found.into_values().collect();
    circles.sort_by_key(|circle| (circle.broken.is_some(), circle.waits.len()));
    let complete = steps < STEPS && circles.len() <= MOST;
    circles.truncate(MOST);
    Circles { circles, complete }
}

/// A circle, told from others by who waits for what in it: points that differ in what is held alone are told once.
type Key = Vec<(Declared, WaitKey)>;
type WaitKey = (u8, u8);

fn key(wait: Wait) -> WaitKey {
    match wait {
        Wait::Lock(LockId(id)) => (0, id),
        Wait::Room(BufferId(id)) => (1, id),
        Wait::Message(BufferId(id)) => (2, id),
        Wait::Child(ProcessId(id)) => (3, id),
        Wait::Attachment(BufferId(id)) => (4, id),
        Wait::WakeUp(BufferId(id)) => (5, id),
    }
}

/// A walk through one component, from its first point to points behind that.
struct Walk<'a> {
    objects: &'a Objects,
    points: &'a [WaitPoint],
    several: &'a Several,
    inside: &'a BTreeSet<usize>,
    path: Vec<usize>,
    steps: usize,
}

impl Walk<'_> {
    fn extend(&mut self, found: &mut BTreeMap<Key, Circle>) {
        let (Some(first), Some(last)) = (self.path.first().copied(), self.path.last().copied()) else { return };
        for next in self.inside.range(first..) {
            self.steps += 1;
            if self.steps >= STEPS || found.len() > MOST {
                self.steps = self.steps.max(STEPS);
                return;
            }
            if !self.objects.may_wait_on(&self.points[last], &self.points[*next]) {
                continue;
            }
            if *next == first {
                self.close(found);
                continue;
            }
            let is_met = self.path.iter().any(|point| {
                point == next
                    || self.points[*point].of == self.points[*next].of && !self.several.are(self.points[*next].of.0)
            });
            if !is_met {
                self.path.push(*next);
                self.extend(found);
                self.path.pop();
            }
        }
    }

    fn close(&self, found: &mut BTreeMap<Key, Circle>) {
        let around: Vec<&WaitPoint> = self.path.iter().map(|point| &self.points[*point]).collect();
        let broken = broken(self.objects, self.several, &around);
        let waits: Vec<(Declared, Wait)> = around.iter().map(|point| (point.of, point.wait)).collect();
        let mut name: Key = waits.iter().map(|(of, wait)| (*of, key(*wait))).collect();
        let least = (0..name.len()).min_by_key(|at| name[*at]).unwrap_or(0);
        name.rotate_left(least);
        // One that is not broken tells more than one that is.
        let circle = found.entry(name).or_insert(Circle { waits, broken });
        if broken.is_none() {
            circle.broken = None;
        }
    }
}
