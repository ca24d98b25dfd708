//! Is a record of a host a behaviour of the model? Replayed through Objects × Demonic × Erased as *sets* of states: what is not
//! observed may happen at any moment, and every order of the events that their intervals allow is tried.
//!
//! A *cut* is a set of events that has with each event all that are before it. A pair of a cut and a state is *consistent* if some path of the
//! model ends in the state and explains the cut's events, in an order that their intervals allow. The record is `consistent` if the cut of all events
//! is in such a pair, `divergent` if it is in none, and `unknown` where a limit was met before either was known. A divergence is a
//! finding: the model of that host is wrong, or the host is.
//!
//! Events are explained as early as they can be: an event only asks something of the present state, or allows a context to
//! go on, so explaining it later would allow nothing more. The one exception is the first sign of a process, which chooses the entry of the process table that it
//! is; every choice is tried at every moment. That the answer is the same without this is a test (`tests/validate.rs`).
//!
//! Sources: Ridge et al. 2015 (SibylFS: an oracle that keeps the set of states a trace may have led to); Wing and Gong 1993 and Lowe 2017 (histories
//! of overlapping operations, by a search over what is done and what state that leaves, each pair visited once); Cirstea et al. 2024 (trace validation by a model checker,
//! and what is not logged as steps that explain nothing).

mod node;
mod order;

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_model::objects::{Codec, Objects, ObjectsError, Outcome, Refusal};
use lacuna_model::profile::Profile;
use lacuna_model::record::{Operation, Record, VERSION, What};
use lacuna_model::system::{Instruction, MAX_PROCESS_TABLE, ProcessId, System};

use node::{Node, Resolved};
use order::Order;

/// How many events a record may have.
pub const MOST_EVENTS: usize = 4_096;
/// How many states are looked into for what the model would have allowed.
const MOST_SITUATIONS: usize = 64;
/// How many sentences of each kind are kept of that.
const MOST_SENTENCES: usize = 12;

/// How far a validation goes.
#[derive(Debug, Clone, Copy)]
pub struct Effort<'a> {
    /// At most so many pairs of a cut and a state.
    pub states: usize,
    /// Ends it when set.
    pub interrupt: Option<&'a AtomicBool>,
}

impl Default for Effort<'_> {
    fn default() -> Self {
        Self { states: 200_000, interrupt: None }
    }
}

/// The answer, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// The answer.
    pub verdict: Verdict,
    /// How many events the record has.
    pub events: usize,
    /// How many pairs of a cut and a state were visited.
    pub states: usize,
}

/// Is the record a behaviour of the model?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Consistent,
    /// It is not.
    Divergent(Divergence),
    /// A limit was met before that was known.
    Unknown {
        /// Which.
        limit: &'static str,
    },
}

/// Where a record and the model part. Events are named by their places in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The largest consistent cut; the first that was found, if there are several.
    pub explained: Vec<usize>,
    /// The events that could be next after it; no state that the model can be in there explains any.
    pub unexplained: Vec<usize>,
    /// What is true there of the processes that these are about, in one state or another, as sentences.
    pub instead: Vec<String>,
    /// The steps that the model could take there, as sentences.
    pub possible: Vec<String>,
}

/// The record is none of this scenario, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Of another version.
    #[error("the record has version {0}; this program reads {VERSION}")]
    Version(u32),
    /// Of another scenario.
    #[error("the record is of scenario `{0}`")]
    Scenario(String),
    /// Too long.
    #[error("the record has {0} events; at most {MOST_EVENTS} are read")]
    Long(usize),
    /// Something has no such name in the scenario.
    #[error("event {event}: the scenario has no {kind} `{name}`")]
    Unknown {
        /// Which event, from 0.
        event: usize,
        /// `process`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// An entry of `reported` is no context of the scenario.
    #[error("the record reports `{0}`, which is no context of the scenario")]
    Reported(String),
    /// A process that did not appear, or appeared twice.
    #[error("event {event}: process {instance} {what}")]
    Instance {
        /// Which event, from 0.
        event: usize,
        /// Its number.
        instance: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A call of a context that the record does not report whole.
    #[error("event {0}: a call of a context that is not among those reported")]
    NotReported(usize),
    /// An interval that ends before it begins.
    #[error("event {0}: its interval ends before it begins")]
    Interval(usize),
    /// The order of a queue or of a context contradicts the intervals.
    #[error("event {0} is before itself: the order of a queue, or of a context, contradicts the intervals")]
    Circle(usize),
    /// The scenario has no semantics.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

/// Validates a record of a scenario's run under a profile.
///
/// # Errors
/// If the record is none of this scenario; see [`RecordError`].
pub fn validate(
    system: &System,
    profile: &Profile,
    record: &Record,
    effort: Effort<'_>,
) -> Result<Validation, RecordError> {
    validate_by(system, profile, record, effort, Explaining::Early)
}

/// When an event is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Explaining {
    /// As soon as a state does.
    Early,
    /// At every moment at which a state does: slow, and the same answer.
    AtEveryMoment,
}

/// [`validate`], and when an event is explained; for tests.
///
/// # Errors
/// As [`validate`].
#[doc(hidden)]
pub fn validate_by(
    system: &System,
    profile: &Profile,
    record: &Record,
    effort: Effort<'_>,
    explaining: Explaining,
) -> Result<Validation, RecordError> {
    if record.version != VERSION {
        return Err(RecordError::Version(record.version));
    }
    if record.scenario != system.name {
        return Err(RecordError::Scenario(record.scenario.clone()));
    }
    if record.events.len() > MOST_EVENTS {
        return Err(RecordError::Long(record.events.len()));
    }
    let order = Order::of(record)?;
    let roomy = with_room(system, record);
    // No guarantee is asked for, so no ghost is kept: the states are those of the kernel alone.
    let objects = Objects::new(&roomy, profile)?.watching(&[]);
    let resolved = Resolved::of(&objects, record)?;
    Ok(Search { objects: &objects, record, resolved: &resolved, order, explaining, effort }.run())
}

/// The system with as many entries in the process table and as many steps of its adversaries as the record needs, so that a limit of the
/// model is none of the host's.
fn with_room(system: &System, record: &Record) -> System {
    let mut roomy = system.clone();
    let is_creation = |operation: &Operation| matches!(operation, Operation::Spawn | Operation::Fork);
    let calls = || {
        record.events.iter().filter_map(|event| match &event.what {
            What::Calls { operation, .. } => Some(operation),
            _ => None,
        })
    };
    let created = calls().filter(|operation| is_creation(operation)).count();
    let wanted = created.saturating_add(system.processes.len()).saturating_add(usize::from(system.process_table));
    roomy.process_table = u8::try_from(wanted.min(MAX_PROCESS_TABLE)).unwrap_or(system.process_table);
    let is_reported = |process: ProcessId| {
        let declared = &system.processes[process.index()];
        let name = |context: &str| format!("{}/{context}", declared.name);
        declared.contexts.iter().all(|context| record.reported.contains(&name(&context.name)))
    };
    let (mut reported, mut depth) = (true, 0u8);
    system.for_each_instruction(|process, instruction| {
        if let Instruction::Adversary { depth: declared } = instruction {
            reported &= is_reported(process);
            depth = depth.max(declared.unwrap_or(0));
        }
    });
    // One more than can be used up, so that nothing is ever refused for the bound.
    if reported {
        let attacks = u8::try_from(calls().count().saturating_add(1)).unwrap_or(u8::MAX);
        roomy.set_adversary_depth(depth.max(attacks));
    }
    roomy
}

struct Search<'a> {
    objects: &'a Objects,
    record: &'a Record,
    resolved: &'a Resolved,
    order: Order,
    explaining: Explaining,
    effort: Effort<'a>,
}

/// The largest cut so far, and states that it is consistent with.
struct Best {
    explained: usize,
    nodes: Vec<Node>,
}

impl Search<'_> {
    fn run(&self) -> Validation {
        let all = self.record.events.len();
        let codec = Codec::new(self.objects);
        let first = Node::first(self.objects, self.resolved, self.order.empty());
        let mut best = Best { explained: 0, nodes: Vec::new() };
        // What a limit of the model's own, and not of the host's, may have kept from happening.
        let mut bounded = None;
        let mut seen: HashSet<Box<[u8]>> = HashSet::new();
        let mut stack = vec![first];
        let mut next = Vec::new();
        let answer = |verdict, states| Validation { verdict, events: all, states };
        if let Some(first) = stack.first() {
            match first.key(&codec) {
                Some(key) => drop(seen.insert(key)),
                None => return answer(Verdict::Unknown { limit: "a state has no packed form" }, 0),
            }
        }
        while let Some(node) = stack.pop() {
            if seen.len() > self.effort.states {
                return answer(Verdict::Unknown { limit: "the number of states" }, seen.len());
            }
            if self.effort.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
                return answer(Verdict::Unknown { limit: "interrupted" }, seen.len());
            }
            let explained = node.explained();
            if explained == all {
                return answer(Verdict::Consistent, seen.len());
            }
            best.take(&node, explained);
            self.successors(&node, &mut next, &mut bounded);
            for after in next.drain(..) {
                match after.key(&codec) {
                    Some(key) => {
                        if seen.insert(key) {
                            stack.push(after);
                        }
                    }
                    None => bounded = Some("a state has no packed form"),
                }
            }
        }
        match bounded {
            Some(limit) => answer(Verdict::Unknown { limit }, seen.len()),
            None => answer(Verdict::Divergent(self.divergence(&best)), seen.len()),
        }
    }

    /// The pairs that follow; what is to be tried first comes last.
    fn successors(&self, node: &Node, next: &mut Vec<Node>, bounded: &mut Option<&'static str>) {
        let ready = self.order.minimal(&node.cut);
        if self.explaining == Explaining::Early {
            let certain = ready.iter().filter(|event| !self.resolved.chooses(**event));
            for event in certain {
                let before = next.len();
                node.explain(self.objects, self.resolved, *event, next);
                if next.len() > before {
                    return;
                }
            }
        }
        let mut steps = Vec::new();
        self.objects.enabled(&node.state, &mut steps);
        for step in steps {
            if !node.may_step(self.objects, self.resolved, step) {
                continue;
            }
            let (after, outcome) = node.step(self.objects, self.resolved, step);
            if outcome == Outcome::Refused(Refusal::TableFull) {
                *bounded = Some("the model's process table");
            }
            next.push(after);
        }
        if node.state.attack_steps == Some(0) && self.objects.is_cut(&node.state) {
            *bounded = Some("the depth of the adversary");
        }
        for event in ready {
            node.explain(self.objects, self.resolved, event, next);
        }
    }

    fn divergence(&self, best: &Best) -> Divergence {
        let Some(first) = best.nodes.first() else {
            return Divergence { explained: vec![], unexplained: vec![], instead: vec![], possible: vec![] };
        };
        let explained = (0..self.record.events.len()).filter(|event| order::contains(&first.cut, *event)).collect();
        let unexplained = self.order.minimal(&first.cut);
        let (mut instead, mut possible) = (BTreeSet::new(), BTreeSet::new());
        for node in best.nodes.iter().filter(|node| node.cut == first.cut) {
            for event in &unexplained {
                if let Some(instance) = self.record.events[*event].what.instance() {
                    let name = self.record.name_of(instance);
                    instead.insert(format!("{name} {}", node.situation(self.resolved, instance)));
                }
            }
            let mut steps = Vec::new();
            self.objects.enabled(&node.state, &mut steps);
            for step in steps {
                let (after, outcome) = self.objects.apply(&node.state, step);
                possible.insert(self.objects.event(&node.state, step, outcome, &after).text);
            }
        }
        let some = |set: BTreeSet<String>| set.into_iter().take(MOST_SENTENCES).collect();
        Divergence { explained, unexplained, instead: some(instead), possible: some(possible) }
    }
}

impl Best {
    fn take(&mut self, node: &Node, explained: usize) {
        if explained > self.explained || self.nodes.is_empty() {
            self.nodes.clear();
            self.explained = explained;
        }
        if explained == self.explained && self.nodes.len() < MOST_SITUATIONS {
            self.nodes.push(node.clone());
        }
    }
}
