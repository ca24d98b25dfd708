//! Two runs that look alike to somebody by all that may have come to his knowledge, and end differently before his eyes.
//!
//! A breach of local respect at a reachable state is one at once: the run to there, without and with the step. It is prolonged by steps of the observer
//! alone, the same in both runs, until one of them is told something else, so that a person sees what it is good for.
//!
//! What breaks step consistency is looked for in the product of two runs, from the start: both take a step of the same name (or one of them
//! nothing, where it is not possible), or one takes a step alone. Beside the pair goes the set E of those domains u with ta_u(α) = ta_u(β) for certain: a common step
//! of d keeps u in E if d does not flow to u, or d was in E; a step of one run alone keeps u only if d does not flow to u. A pair that somebody in E tells
//! apart refutes. E may be too small (two runs may be alike by another alignment), so nothing is proved by finding none.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::{Seen, Step};
use lacuna_model::system::DomainId;
use lacuna_model::trace::TwoRuns;

use super::unwinding::{Breach, Pass, Taken};

/// At most so many pairs are looked at to prolong two runs.
const MOST_PROLONGED: usize = 20_000;
/// At most so many pairs of the product.
const MOST_PAIRS: usize = 1_000_000;

type Move = [Option<Step>; 2];

/// The steps of states, found once.
struct Steps<'p, 'a> {
    pass: &'p mut Pass<'a>,
    known: HashMap<u32, Rc<Possible>>,
}

/// The steps of a state.
struct Possible {
    steps: Vec<Taken>,
    /// Have the adversaries taken all of theirs? Of their attacks nothing can then be said.
    is_cut: bool,
}

impl Possible {
    /// The step of that name, if it is known whether there is one.
    fn same(&self, taken: &Taken) -> Result<Option<Taken>, OutOfBounds> {
        if self.is_cut && taken.attack {
            return Err(OutOfBounds);
        }
        Ok(self.steps.iter().find(|other| other.name == taken.name).copied())
    }
}

/// Beyond what the bound on the adversaries' steps covers.
struct OutOfBounds;

impl Steps<'_, '_> {
    fn of(&mut self, state: u32) -> Rc<Possible> {
        if let Some(known) = self.known.get(&state) {
            return Rc::clone(known);
        }
        let mut unpacked = self.pass.objects.initial();
        self.pass.unpack(state, &mut unpacked);
        let steps = self.pass.steps_of(state, &unpacked);
        let steps = Rc::new(Possible { steps, is_cut: unpacked.attack_steps == Some(0) });
        self.known.insert(state, Rc::clone(&steps));
        steps
    }
}

/// The verdict on a breach of local respect.
pub(super) fn refuted_by(pass: &mut Pass<'_>, breach: Breach) -> ModelVerdict {
    let (state, step, observer) = match breach {
        Breach::LocalRespect { state, step, observer } | Breach::Contents { state, step, observer, .. } => {
            (state, step, observer)
        }
        Breach::StepConsistency { .. } => return confirmed(pass, breach),
    };
    let mut moves: Vec<Move> = pass.path(state).into_iter().map(|step| [Some(step); 2]).collect();
    moves.push([None, Some(step)]);
    let mut unpacked = pass.objects.initial();
    pass.unpack(state, &mut unpacked);
    let actor = pass.objects.system().domains[pass.views.domain_of(&unpacked, step.context).index()].clone();
    let name = pass.objects.system().domains[observer.index()].clone();
    let violation = if let Breach::Contents { object, .. } = breach {
        let object = &pass.objects.system().objects[object.index()].name;
        format!("`{actor}` may not flow to `{name}`, and writes `{object}`, which `{name}` reads")
    } else {
        let mut steps = Steps { pass, known: HashMap::new() };
        let after = steps.of(state).steps.iter().find(|taken| taken.step == step).map_or(state, |taken| taken.after);
        let told = prolonged(&mut steps, [state, after], observer);
        let by = if told.is_some() { "and its own steps tell it so" } else { "and sees so at once" };
        moves.extend(told.into_iter().flatten());
        format!("`{actor}` may not flow to `{name}`, which can tell whether it has acted, {by}")
    };
    verdict(pass, &moves, observer, violation)
}

/// Steps of the observer alone, the same in two states, until one of them is told something else or possible in one alone.
fn prolonged(steps: &mut Steps<'_, '_>, start: [u32; 2], observer: DomainId) -> Option<Vec<Move>> {
    let mut known: HashMap<[u32; 2], Option<([u32; 2], Move)>> = HashMap::from([(start, None)]);
    let mut queue = VecDeque::from([start]);
    while let Some(pair) = queue.pop_front() {
        let [left, right] = [steps.of(pair[0]), steps.of(pair[1])];
        for (own, others, first) in [(&left, &right, true), (&right, &left, false)] {
            for taken in own.steps.iter().filter(|taken| taken.name.domain == observer) {
                let Ok(same) = others.same(taken) else { continue };
                let other = same.map(|other| other.step);
                let way = if first { [Some(taken.step), other] } else { [other, Some(taken.step)] };
                if same.is_none_or(|other| other.told != taken.told) {
                    return Some(way_to(&known, pair, way));
                }
                let Some(other) = same.filter(|_| first) else { continue };
                let after = [taken.after, other.after];
                if known.len() < MOST_PROLONGED && !known.contains_key(&after) {
                    known.insert(after, Some((pair, way)));
                    queue.push_back(after);
                }
            }
        }
    }
    None
}

/// The moves to a pair, and one more.
fn way_to<K: Copy + Eq + std::hash::Hash>(known: &HashMap<K, Option<(K, Move)>>, mut at: K, last: Move) -> Vec<Move> {
    let mut moves = vec![last];
    while let Some(Some((from, way))) = known.get(&at) {
        moves.push(*way);
        at = *from;
    }
    moves.reverse();
    moves
}

/// A pair of states, and the domains to which nothing may have come that differs, a bit each.
type Aligned = (u32, u32, u64);

/// The verdict on what breaks step consistency: refuted, if two runs confirm it.
pub(super) fn confirmed(pass: &mut Pass<'_>, breach: Breach) -> ModelVerdict {
    let Breach::StepConsistency { states, observer } = breach else { return refuted_by(pass, breach) };
    let (found, pairs) = told_apart(pass);
    if let Some((moves, observer)) = found {
        let name = &pass.objects.system().domains[observer.index()];
        let violation = format!("`{name}` tells two runs apart that differ in nothing which may flow to it");
        return verdict(pass, &moves, observer, violation);
    }
    let name = &pass.objects.system().domains[observer.index()];
    let paths = states.map(|state| pass.path(state).len());
    ModelVerdict::Unknown {
        limit: format!(
            "two states, after {} and {} steps, look alike to `{name}` and differ after the same step; {pairs} pairs of runs did not confirm it",
            paths[0], paths[1]
        ),
    }
}

/// Two runs from the start that somebody in E tells apart; and how many pairs were looked at.
fn told_apart(pass: &mut Pass<'_>) -> (Option<(Vec<Move>, DomainId)>, usize) {
    let domains: Vec<DomainId> = pass.domains().collect();
    // A set of domains is one word; of more, nothing is confirmed.
    if domains.len() > 64 {
        return (None, 0);
    }
    let flows: Vec<u64> = domains
        .iter()
        .map(|from| {
            let to = domains.iter().filter(|to| pass.objects.system().may_flow(*from, **to));
            to.fold(0, |set, to| set | 1 << to.0)
        })
        .collect();
    let all = if domains.len() == 64 { u64::MAX } else { (1 << domains.len()) - 1 };
    let most = MOST_PAIRS.min(usize::try_from(pass.limits().max_states).unwrap_or(usize::MAX));
    let interrupt = pass.limits().interrupt;
    let mut steps = Steps { pass, known: HashMap::new() };
    let start: Aligned = (0, 0, all);
    let mut known: HashMap<Aligned, Option<(Aligned, Move)>> = HashMap::from([(start, None)]);
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        if interrupt.is_some_and(|interrupt| interrupt.load(std::sync::atomic::Ordering::Relaxed)) {
            break;
        }
        let (a, b, alike) = at;
        let [left, right] = [steps.of(a), steps.of(b)];
        // Of each move: where it leads, whom it is told differently, the move itself.
        let mut moves: Vec<(Aligned, bool, DomainId, Move)> = Vec::new();
        for taken in &left.steps {
            let to = flows[taken.name.domain.index()];
            moves.push(((taken.after, b, alike & !to), false, taken.name.domain, [Some(taken.step), None]));
            let Ok(same) = right.same(taken) else { continue };
            let kept = if alike & (1 << taken.name.domain.0) != 0 { alike } else { alike & !to };
            let (after, way) = (same.map_or(b, |other| other.after), [Some(taken.step), same.map(|other| other.step)]);
            let differs = same.is_none_or(|other| other.told != taken.told);
            moves.push(((taken.after, after, kept), differs, taken.name.domain, way));
        }
        for taken in &right.steps {
            let to = flows[taken.name.domain.index()];
            if matches!(left.same(taken), Ok(None)) {
                let kept = if alike & (1 << taken.name.domain.0) != 0 { alike } else { alike & !to };
                moves.push(((a, taken.after, kept), true, taken.name.domain, [None, Some(taken.step)]));
            }
            moves.push(((a, taken.after, alike & !to), false, taken.name.domain, [None, Some(taken.step)]));
        }
        for (next, differs, actor, way) in moves {
            if differs && alike & (1 << actor.0) != 0 {
                return (Some((way_to(&known, at, way), actor)), known.len());
            }
            let sees = |domain: &&DomainId| {
                next.2 & (1 << domain.0) != 0
                    && steps.pass.view_of(next.0, **domain) != steps.pass.view_of(next.1, **domain)
            };
            if let Some(observer) = domains.iter().find(sees) {
                return (Some((way_to(&known, at, way), *observer)), known.len());
            }
            if next.2 != 0 && known.len() < most && !known.contains_key(&next) {
                known.insert(next, Some((at, way)));
                queue.push_back(next);
            }
        }
    }
    (None, known.len())
}

/// Tells the runs side by side.
fn verdict(pass: &Pass<'_>, moves: &[Move], observer: DomainId, violation: String) -> ModelVerdict {
    let objects = pass.objects;
    let mut states = [objects.initial(), objects.initial()];
    let mut steps = Vec::new();
    for way in moves {
        let mut events = [None, None];
        for ((step, state), event) in way.iter().zip(&mut states).zip(&mut events) {
            let Some(step) = step else { continue };
            let (after, outcome) = objects.apply(state, *step);
            *event = Some(objects.event(state, *step, outcome, &after));
            *state = after;
        }
        steps.push(events);
    }
    let [left, right] = states.map(|state| pass.views.view(&state, observer));
    let only = |own: &[Seen], other: &[Seen]| {
        let parts: Vec<String> =
            own.iter().filter(|seen| !other.contains(seen)).map(|seen| pass.views.describe(seen)).collect();
        parts.join(", ")
    };
    let sees = [only(&left, &right), only(&right, &left)];
    let runs = TwoRuns { observer: objects.system().domains[observer.index()].clone(), steps, sees };
    ModelVerdict::Refuted { trace: runs.second(), violation, runs: Some(Box::new(runs)) }
}
