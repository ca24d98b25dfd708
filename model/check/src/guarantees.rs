//! The model as a transition system, and the guarantees asked on each of its steps.

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, Safety, Transition, safety};
use lacuna_model::objects::{Objects, Outcome, Refusal, State, Step};
use lacuna_model::trace::{Observer, Trace};

use crate::explore::{Edge, End, Exploration, Limits, TransitionSystem, explore};

/// Demonic × Erased: the objects alone, under every policy and every timing at once.
impl TransitionSystem for Objects {
    type State = State;
    type Step = Step;
    type Outcome = Outcome;

    fn initial(&self) -> State {
        Objects::initial(self)
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.enabled(state, steps);
    }

    fn apply(&self, state: &State, step: Step) -> (State, Outcome) {
        Objects::apply(self, state, step)
    }
}

/// What a search says of one guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Which.
    pub id: GuaranteeId,
    /// What it says.
    pub verdict: ModelVerdict,
}

/// What a search says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Different states found.
    pub states: usize,
    /// Steps taken.
    pub transitions: u64,
    /// The longest of the shortest paths.
    pub depth: u32,
    /// How the search ended.
    pub end: End,
    /// Was a fork refused because the process table was full?
    pub table_full: bool,
    /// A verdict for each guarantee asked for.
    pub guarantees: Vec<Checked>,
}

/// What has been seen of one guarantee so far.
struct Watched {
    guarantee: &'static dyn Safety,
    triggered: bool,
    first: Option<(usize, Step, String)>,
}

/// Explores the model, and gives a verdict on each of the safety guarantees in `ids`; others are not decided here.
pub fn check(objects: &Objects, ids: &[GuaranteeId], limits: &Limits<'_>) -> Report {
    let mut watched: Vec<Watched> = safety()
        .iter()
        .filter(|guarantee| ids.contains(&guarantee.id()))
        .map(|guarantee| Watched { guarantee: *guarantee, triggered: false, first: None })
        .collect();
    let (mut cut, mut table_full) = (false, false);
    let found = explore(objects, limits, |edge| {
        cut |= objects.is_cut(edge.after);
        table_full |= edge.outcome == Outcome::Refused(Refusal::TableFull);
        let Edge { before, step, outcome, after, .. } = edge;
        let transition = Transition { before, step, outcome, after };
        for watched in watched.iter_mut().filter(|watched| watched.first.is_none()) {
            watched.triggered |= watched.guarantee.triggered(objects, &transition);
            if let Some(violation) = watched.guarantee.violation(objects, &transition) {
                watched.first = Some((edge.from, edge.step, violation));
            }
        }
    });
    let depth = if cut { objects.attack_depth() } else { None };
    let guarantees = watched
        .into_iter()
        .map(|watched| Checked {
            id: watched.guarantee.id(),
            verdict: match (watched.first, found.end) {
                (Some((from, step, violation)), _) => {
                    ModelVerdict::Refuted { trace: story(objects, &found, from, step), violation }
                }
                (None, End::MaxStates) => {
                    ModelVerdict::Unknown { limit: format!("there are more than {} states", found.states()) }
                }
                (None, End::Interrupted) => {
                    ModelVerdict::Unknown { limit: format!("interrupted after {} states", found.states()) }
                }
                (None, End::Complete) if table_full && watched.guarantee.id() == GuaranteeId::G6 => {
                    let entries = objects.system().process_table;
                    ModelVerdict::Unknown { limit: format!("the process table of {entries} entries was full") }
                }
                (None, End::Complete) if !watched.triggered => ModelVerdict::Vacuous,
                (None, End::Complete) => match depth.map(u32::from) {
                    depth if table_full => {
                        ModelVerdict::ProvedToTable { entries: objects.system().process_table, depth }
                    }
                    Some(depth) => ModelVerdict::ProvedToDepth { depth },
                    None => ModelVerdict::Proved,
                },
            },
        })
        .collect();
    Report {
        states: found.states(),
        transitions: found.transitions,
        depth: found.depth,
        end: found.end,
        table_full,
        guarantees,
    }
}

/// The path to `from`, and then `step`, as a story.
fn story(objects: &Objects, found: &Exploration<Objects>, from: usize, step: Step) -> Trace {
    let mut state = Objects::initial(objects);
    let mut events = Vec::new();
    for step in found.path_to(from).into_iter().chain([step]) {
        let (after, outcome) = objects.apply(&state, step);
        events.push(objects.event(&state, step, outcome, &after));
        state = after;
    }
    Trace { observer: Observer::Checker, events }
}
