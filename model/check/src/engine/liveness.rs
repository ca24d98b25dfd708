//! Liveness: whatever waits is served in the end, on every fair run; decided on the finished graph.
//!
//! A property *leads to*: once `from` holds, `to` holds then or later. It fails on a run that, after `from`, never comes to
//! `to`: one that stops, or one that goes round a cycle for ever. So the search takes the states that are reached from a
//! `from` through states without `to`, splits them into strongly connected components (Tarjan, *Depth-first search and
//! linear graph algorithms*, 1972), and asks of each whether a *fair* run can stay in it.
//!
//! - A run stops only in a state that no edge leaves: as long as anybody can act, somebody does.
//! - Weakly fair to an actor: it is not for ever able to act without acting. A component is unfair if the actor can act in
//!   all its states, and none of its edges is the actor's; so is then every part of it.
//! - Strongly fair: it is not infinitely often able to act without acting. If no edge of a component is the actor's, a
//!   fair run leaves out the states in which it can act; what remains is split again (Emerson and Lei, *Modalities for model
//!   checking*, 1987; Lichtenstein and Pnueli, 1985).
//!
//! A counterexample is a lasso: a shortest path to a state in which `from` holds, on to the component, and round it by way of
//! everything that makes the round fair.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::search::{End, Exploration, Limits, Progress, REPORT_EVERY};
use super::system::{Packed, TransitionSystem, Unrepresentable};
use super::worker::Sighting;

/// How fair a run is to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fairness {
    /// Not at all: it may never act, though it can.
    None,
    /// It is not for ever able to act without acting.
    Weak,
    /// It is not infinitely often able to act without acting.
    Strong,
}

/// What liveness wants to know of a system.
pub trait Live: TransitionSystem {
    /// What holds in a state, a bit each.
    fn propositions(&self, scratch: &mut Self::Scratch, state: &Self::State) -> u64;
    /// Who acts, on an edge of this label; actors are numbered from 0.
    fn actor(&self, label: u32) -> u32;
    /// How fair a run is to an actor.
    fn fairness(&self, actor: u32) -> Fairness;
}

/// Once `from` holds, `to` holds then or later. Both are bits of [`Live::propositions`], of which one must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadsTo {
    /// What must be answered; without it, every start.
    pub from: Option<u64>,
    /// The answer.
    pub to: u64,
}

/// A run that never comes to what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasso<S> {
    /// From a start; each state, and by which of its edges it is left.
    pub stem: Vec<Sighting<S>>,
    /// Round and round, beginning where the stem ends. Empty: no edge leaves that state.
    pub cycle: Vec<Sighting<S>>,
    /// The state that the stem ends in.
    pub end: S,
}

/// What can be said of a liveness property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Liveness<S> {
    /// Every fair run answers.
    Holds,
    /// Nothing ever asks.
    Vacuous,
    /// This one does not.
    Refuted(Lasso<S>),
    /// The search or the decision was not finished, so nothing is said.
    Unknown(End),
}

/// More states than this are not numbered; two numbers more have a meaning of their own.
const MOST: u32 = u32::MAX - 2;

/// The number of the next state, when there are so many.
fn number(states: usize) -> Result<u32, End> {
    let number = u32::try_from(states).ok().filter(|number| *number < MOST);
    number
        .ok_or(End::Unrepresentable(Unrepresentable("its number, where some four thousand million wait for an answer")))
}

/// Tells how the decision goes, and whether somebody asks to stop.
struct Watch<'a> {
    limits: &'a Limits<'a>,
    started: Instant,
    reported: Option<Instant>,
    /// Since somebody looked at the clock.
    ticks: u32,
    waiting: u64,
    expanded: u64,
    components: u64,
}

/// So many ticks between two looks at the clock.
const TICKS: u32 = 1 << 10;

impl<'a> Watch<'a> {
    fn new(limits: &'a Limits<'a>) -> Self {
        let started = Instant::now();
        Self { limits, started, reported: None, ticks: 0, waiting: 0, expanded: 0, components: 0 }
    }

    fn tick(&mut self) -> Result<(), End> {
        if self.limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            return Err(End::Interrupted);
        }
        self.ticks += 1;
        if self.ticks >= TICKS {
            self.ticks = 0;
            if self.reported.is_none_or(|reported| reported.elapsed() >= REPORT_EVERY) {
                self.tell();
            }
        }
        Ok(())
    }

    fn tell(&mut self) {
        self.reported = Some(Instant::now());
        let Self { waiting, expanded, components, .. } = *self;
        let elapsed: Duration = self.started.elapsed();
        if let Some(progress) = self.limits.progress {
            progress(&Progress::Deciding { waiting, expanded, components, elapsed });
        }
    }
}

/// An edge between states that have not been answered.
#[derive(Debug, Clone, Copy)]
struct Inner {
    to: u32,
    actor: u32,
    ordinal: u32,
}

/// The states that wait, and the edges among them.
struct Waiting<S> {
    states: Vec<S>,
    /// The first is where it began to wait, or was reached from it by this edge of that state.
    parents: Vec<Option<(u32, u32)>>,
    edges: Vec<Vec<Inner>>,
    /// For each state the actors that can act there.
    enabled: Vec<Vec<u32>>,
}

/// Decides a property on what an exploration found, on one thread, in what memory is left beside that.
pub fn leads_to<T: Live>(
    system: &T,
    found: &Exploration<T::State>,
    property: LeadsTo,
    limits: &Limits<'_>,
) -> Liveness<T::State> {
    if found.summary.end != End::Complete {
        return Liveness::Unknown(found.summary.end);
    }
    decide(system, found, property, limits).unwrap_or_else(Liveness::Unknown)
}

fn decide<T: Live>(
    system: &T,
    found: &Exploration<T::State>,
    property: LeadsTo,
    limits: &Limits<'_>,
) -> Result<Liveness<T::State>, End> {
    let mut watch = Watch::new(limits);
    let mut scratch = system.scratch();
    let free = limits.max_memory.saturating_sub(found.summary.bytes);
    let (asked, asks) = begin(system, found, property, &mut scratch, free, &mut watch)?;
    if !asked {
        return Ok(Liveness::Vacuous);
    }
    let free = free.saturating_sub((asks.capacity() * size_of::<T::State>()) as u64);
    let waiting = Waiting::new(system, property, &asks, &mut scratch, free, &mut watch)?;
    drop(asks);
    watch.tell();
    let stopped = (0..waiting.states.len()).find(|node| waiting.enabled[*node].is_empty());
    let (end, cycle) = match stopped {
        Some(node) => (node, Vec::new()),
        None => match waiting.fair_component(system, &mut watch)? {
            None => return Ok(Liveness::Holds),
            Some(component) => (component[0] as usize, waiting.round(system, &component, &mut watch)?),
        },
    };
    let (first, mut way) = waiting.way_to(end);
    let level = level_of(found, &waiting.states[first]);
    let mut stem = found.paths(system, &[(level, waiting.states[first])]).pop().map_or(Vec::new(), |path| path.steps);
    stem.append(&mut way);
    Ok(Liveness::Refuted(Lasso { stem, cycle, end: waiting.states[end] }))
}

/// Does anything ask; and the states that ask and are not answered at once, in the order of depth, then of words.
fn begin<T: Live>(
    system: &T,
    found: &Exploration<T::State>,
    property: LeadsTo,
    scratch: &mut T::Scratch,
    free: u64,
    watch: &mut Watch<'_>,
) -> Result<(bool, Vec<T::State>), End> {
    let (mut asked, mut asks) = (false, Vec::new());
    match property.from {
        None => {
            let mut starts = system.initial();
            asked = !starts.is_empty();
            starts.retain(|state| system.propositions(scratch, state) & property.to == 0);
            starts.sort_unstable();
            asks = starts;
        }
        Some(from) => {
            for level in found.iter_levels() {
                let mut of_level: Vec<T::State> = Vec::new();
                for state in level {
                    watch.tick()?;
                    let holds = system.propositions(scratch, &state);
                    asked |= holds & from != 0;
                    if holds & from != 0 && holds & property.to == 0 {
                        of_level.push(state);
                    }
                }
                of_level.sort_unstable();
                // Whatever is full doubles.
                if 2 * ((asks.len() + of_level.len()) * size_of::<T::State>()) as u64 > free {
                    return Err(End::MaxMemory);
                }
                asks.append(&mut of_level);
            }
        }
    }
    asks.dedup();
    Ok((asked, asks))
}

fn level_of<S: Packed>(found: &Exploration<S>, state: &S) -> u32 {
    found.iter_levels().position(|mut level| level.any(|known| known == *state)).map_or(0, |level| level as u32)
}

impl<S: Packed> Waiting<S> {
    fn new<T: Live<State = S>>(
        system: &T,
        property: LeadsTo,
        asks: &[S],
        scratch: &mut T::Scratch,
        free: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Self, End> {
        // A state is there twice, once in a map that may be half empty; each has two lists; components need some words more.
        let each = (4 * size_of::<S>() + 128) as u64;
        let mut of_edges = 0;
        let mut numbers: HashMap<S, u32> = HashMap::new();
        let mut all = Self { states: Vec::new(), parents: Vec::new(), edges: Vec::new(), enabled: Vec::new() };
        for ask in asks {
            if !numbers.contains_key(ask) {
                numbers.insert(*ask, number(all.states.len())?);
                all.states.push(*ask);
                all.parents.push(None);
            }
        }
        let mut node = 0;
        let mut leaving = Vec::new();
        while node < all.states.len() {
            if all.states.len() as u64 * each + of_edges > free {
                return Err(End::MaxMemory);
            }
            (watch.waiting, watch.expanded) = (all.states.len() as u64, node as u64);
            watch.tick()?;
            leaving.clear();
            // A finished search represented every edge.
            let _ = system.edges(scratch, &all.states[node], |edge| leaving.push(edge));
            let mut enabled: Vec<u32> = leaving.iter().map(|edge| system.actor(edge.label)).collect();
            let mut edges = Vec::new();
            for (ordinal, edge) in (0..).zip(&leaving) {
                if system.propositions(scratch, &edge.after) & property.to != 0 {
                    continue;
                }
                let to = match numbers.entry(edge.after) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let to = *new.insert(number(all.states.len())?);
                        all.states.push(edge.after);
                        all.parents.push(Some((node as u32, ordinal)));
                        to
                    }
                };
                edges.push(Inner { to, actor: enabled[ordinal as usize], ordinal });
            }
            enabled.sort_unstable();
            enabled.dedup();
            edges.shrink_to_fit();
            enabled.shrink_to_fit();
            of_edges += (edges.len() * size_of::<Inner>() + 4 * enabled.len()) as u64;
            all.edges.push(edges);
            all.enabled.push(enabled);
            node += 1;
        }
        watch.expanded = node as u64;
        Ok(all)
    }

    /// The way from where the waiting began to a node.
    fn way_to(&self, node: usize) -> (usize, Vec<Sighting<S>>) {
        let mut way = Vec::new();
        let mut at = node;
        while let Some((parent, ordinal)) = self.parents[at] {
            at = parent as usize;
            way.push(Sighting { state: self.states[at], ordinal });
        }
        way.reverse();
        (at, way)
    }

    /// A component in which a fair run can stay for ever; of those the one whose least node is least.
    fn fair_component<T: Live<State = S>>(&self, system: &T, watch: &mut Watch<'_>) -> Result<Option<Vec<u32>>, End> {
        let all: Vec<u32> = (0..self.states.len() as u32).collect();
        let mut parts = vec![all];
        let mut best: Option<Vec<u32>> = None;
        let mut member = vec![u32::MAX; self.states.len()];
        while let Some(part) = parts.pop() {
            for mut component in self.components(&part, &mut member, watch)? {
                component.sort_unstable();
                if best.as_ref().is_some_and(|best| best[0] <= component[0]) {
                    continue;
                }
                match self.fair(system, &component, watch)? {
                    Fair::Yes => best = Some(component),
                    Fair::No => {}
                    Fair::Without(actor) => {
                        component.retain(|node| self.enabled[*node as usize].binary_search(&actor).is_err());
                        parts.push(component);
                    }
                }
            }
        }
        Ok(best)
    }

    /// The strongly connected components of a part that have an edge inside. Tarjan's, with its stack on the heap.
    fn components(&self, part: &[u32], member: &mut [u32], watch: &mut Watch<'_>) -> Result<Vec<Vec<u32>>, End> {
        const NEW: u32 = u32::MAX - 1;
        const DONE: u32 = u32::MAX;
        part.iter().for_each(|node| member[*node as usize] = NEW);
        let mut low: HashMap<u32, u32> = HashMap::new();
        let (mut number, mut stack, mut components) = (0, Vec::new(), Vec::new());
        let mut calls: Vec<(u32, usize)> = Vec::new();
        for root in part {
            if member[*root as usize] != NEW {
                continue;
            }
            calls.push((*root, 0));
            while let Some((node, next)) = calls.pop() {
                watch.tick()?;
                let at = node as usize;
                if next == 0 {
                    member[at] = number;
                    low.insert(node, number);
                    number += 1;
                    stack.push(node);
                }
                let edge = self.edges[at].get(next).map(|edge| edge.to);
                match edge {
                    Some(to) => {
                        calls.push((node, next + 1));
                        match member[to as usize] {
                            NEW => calls.push((to, 0)),
                            DONE => {}
                            open => lower(&mut low, node, open),
                        }
                    }
                    None => {
                        let least = low[&node];
                        if let Some((caller, _)) = calls.last() {
                            lower(&mut low, *caller, least);
                        }
                        if least == member[at] {
                            watch.components += 1;
                            let mut component = Vec::new();
                            while let Some(top) = stack.pop() {
                                member[top as usize] = DONE;
                                component.push(top);
                                if top == node {
                                    break;
                                }
                            }
                            let inside = component.len() > 1 || self.edges[at].iter().any(|edge| edge.to == node);
                            if inside {
                                components.push(component);
                            }
                        }
                    }
                }
            }
        }
        Ok(components)
    }

    fn inner<'a>(&'a self, component: &'a [u32]) -> impl Iterator<Item = (u32, &'a Inner)> + 'a {
        component
            .iter()
            .flat_map(|node| self.edges[*node as usize].iter().map(|edge| (*node, edge)))
            .filter(|(_, edge)| component.binary_search(&edge.to).is_ok())
    }

    fn fair<T: Live<State = S>>(&self, system: &T, component: &[u32], watch: &mut Watch<'_>) -> Result<Fair, End> {
        let mut able: Vec<u32> = component.iter().flat_map(|node| &self.enabled[*node as usize]).copied().collect();
        able.sort_unstable();
        able.dedup();
        for actor in able {
            watch.tick()?;
            let fairness = system.fairness(actor);
            if fairness == Fairness::None || self.inner(component).any(|(_, edge)| edge.actor == actor) {
                continue;
            }
            if fairness == Fairness::Strong {
                return Ok(Fair::Without(actor));
            }
            if component.iter().all(|node| self.enabled[*node as usize].binary_search(&actor).is_ok()) {
                return Ok(Fair::No);
            }
        }
        Ok(Fair::Yes)
    }

    /// A round through a fair component from its first node, by way of what makes it fair.
    fn round<T: Live<State = S>>(
        &self,
        system: &T,
        component: &[u32],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Sighting<S>>, End> {
        let mut able: Vec<u32> = component.iter().flat_map(|node| &self.enabled[*node as usize]).copied().collect();
        able.sort_unstable();
        able.dedup();
        let mut round = Vec::new();
        let mut at = component[0];
        for actor in able {
            watch.tick()?;
            let disabled = |node: u32| self.enabled[node as usize].binary_search(&actor).is_err();
            let step = self.inner(component).find(|(_, edge)| edge.actor == actor);
            match (system.fairness(actor), step) {
                (Fairness::None, _) => {}
                (_, Some((from, edge))) => {
                    self.walk(component, &mut at, from, &mut round);
                    round.push(Sighting { state: self.states[from as usize], ordinal: edge.ordinal });
                    at = edge.to;
                }
                // Weak, and somewhere unable; strong would have an edge.
                (_, None) => {
                    if let Some(node) = component.iter().find(|node| disabled(**node)) {
                        self.walk(component, &mut at, *node, &mut round);
                    }
                }
            }
        }
        if round.is_empty()
            && let Some((_, edge)) = self.inner(component).find(|(from, _)| *from == at)
        {
            round.push(Sighting { state: self.states[at as usize], ordinal: edge.ordinal });
            at = edge.to;
        }
        self.walk(component, &mut at, component[0], &mut round);
        Ok(round)
    }

    /// The shortest way within a component.
    fn walk(&self, component: &[u32], at: &mut u32, to: u32, round: &mut Vec<Sighting<S>>) {
        let mut from: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut queue = VecDeque::from([*at]);
        while let Some(node) = queue.pop_front() {
            if node == to {
                break;
            }
            for edge in &self.edges[node as usize] {
                if edge.to != *at && component.binary_search(&edge.to).is_ok() && !from.contains_key(&edge.to) {
                    from.insert(edge.to, (node, edge.ordinal));
                    queue.push_back(edge.to);
                }
            }
        }
        let mut way = Vec::new();
        let mut node = to;
        while node != *at {
            let Some((before, ordinal)) = from.get(&node).copied() else { break };
            way.push(Sighting { state: self.states[before as usize], ordinal });
            node = before;
        }
        round.extend(way.into_iter().rev());
        *at = to;
    }
}

fn lower(low: &mut HashMap<u32, u32>, node: u32, to: u32) {
    low.entry(node).and_modify(|low| *low = to.min(*low)).or_insert(to);
}

/// Can a fair run stay in a component?
enum Fair {
    Yes,
    No,
    /// Only where this actor cannot act.
    Without(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_one_that_has_a_meaning() {
        assert_eq!(number(MOST as usize - 1), Ok(MOST - 1));
        for states in [MOST as usize, u32::MAX as usize - 1, u32::MAX as usize, 1 << 32, (1 << 32) + 5] {
            assert!(matches!(number(states), Err(End::Unrepresentable(_))), "{states}");
        }
    }
}
