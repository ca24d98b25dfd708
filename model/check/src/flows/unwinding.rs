//! Rushby's unwinding conditions in one pass over the reachable states, breadth first.
//!
//! For every reachable s, every step a of a domain d that is possible there, and every domain u: where d may not flow to u, the views of u before
//! and after are compared (local respect); where it may, (u, view_u, view_d, a) → (view_u′, what d is told) is looked up in a table, and entered or
//! compared (weak step consistency). A second table is view_d → what d can do. Views and names are interned, so every key is exact:
//! nothing here rests on a hash.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::{Action, Codec, Named, Objects, Outcome, Refusal, State, Step, View, Views, told};
use lacuna_model::system::{DomainId, ObjectId, Right};

use super::runs;
use crate::engine::{End, Limits};

/// A step of a state: its name, where it leads, what its domain is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) name: Named,
    pub(super) step: Step,
    pub(super) after: u32,
    pub(super) told: Outcome,
    /// Is it an adversary's attack, of which there are only so many?
    pub(super) attack: bool,
}

/// What breaks an unwinding condition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Breach {
    /// After this step of a state, a domain sees something else to which the one who acts may not flow.
    LocalRespect { state: u32, step: Step, observer: DomainId },
    /// The same, by what is written to an object.
    Contents { state: u32, step: Step, observer: DomainId, object: ObjectId },
    /// Two states that look alike to the observer and to the one who acts; after the step they do not, or it is told something else, or it is possible in
    /// one of them only.
    StepConsistency { states: [u32; 2], observer: DomainId },
}

/// The possible names of a domain's steps: an adversary's attacks aside, which it may have none of left.
#[derive(Debug)]
struct Possible {
    steps: Vec<u32>,
    attacks: Option<Vec<u32>>,
    state: u32,
}

#[derive(Debug)]
struct Effect {
    view: u32,
    told: Option<Outcome>,
    state: u32,
}

/// The pass.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) objects: &'a Objects,
    pub(super) views: Views<'a>,
    limits: &'a Limits<'a>,
    codec: Codec,
    domains: u8,
    known: HashMap<Box<[u64]>, u32>,
    words: Vec<u64>,
    /// Of each state but the first, the one that it was found from, and by which step.
    parents: Vec<(u32, Step)>,
    /// The views of each state, by number.
    of_state: Vec<u32>,
    view_ids: HashMap<View, u32>,
    name_ids: HashMap<Named, u32>,
    possible: HashMap<(u8, u32), Possible>,
    effects: HashMap<(u8, u32, u32, u32), Effect>,
    transitions: u64,
    triggered: bool,
    cut: bool,
    table_full: bool,
    suspect: Option<Breach>,
    end: End,
}

impl<'a> Pass<'a> {
    pub(super) fn new(objects: &'a Objects, limits: &'a Limits<'a>) -> Self {
        Self {
            objects,
            views: Views::new(objects),
            limits,
            codec: Codec::new(objects),
            domains: objects.system().domains.len() as u8,
            known: HashMap::new(),
            words: Vec::new(),
            parents: Vec::new(),
            of_state: Vec::new(),
            view_ids: HashMap::new(),
            name_ids: HashMap::new(),
            possible: HashMap::new(),
            effects: HashMap::new(),
            transitions: 0,
            triggered: false,
            cut: false,
            table_full: false,
            suspect: None,
            end: End::Complete,
        }
    }

    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.known.len() as u64, self.transitions, self.view_ids.len() as u64)
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    pub(super) fn limits(&self) -> &Limits<'a> {
        self.limits
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = DomainId> + use<> {
        (0..self.domains).map(DomainId)
    }

    /// Decides.
    pub(super) fn verdict(&mut self) -> ModelVerdict {
        let found = self.run();
        if let Some(breach) = found {
            return runs::refuted_by(self, breach);
        }
        let limit = match self.end {
            End::Complete => None,
            End::MaxStates => Some(format!("there are more than {} states", self.limits.max_states)),
            End::MaxMemory => {
                Some(format!("more than {} of memory is needed", lacuna_model::units::Bytes(self.limits.max_memory)))
            }
            End::Interrupted => Some("interrupted".into()),
            End::Unrepresentable(error) => Some(error.to_string()),
        };
        if let Some(limit) = limit {
            let limit = format!("{limit}; of the {} that were found, none breaks local respect", self.known.len());
            return ModelVerdict::Unknown { limit };
        }
        if let Some(breach) = self.suspect {
            return runs::confirmed(self, breach);
        }
        let depth = if self.cut { self.objects.attack_depth().map(u32::from) } else { None };
        match (self.triggered, self.table_full, depth) {
            (false, ..) => ModelVerdict::Vacuous,
            (_, true, depth) => ModelVerdict::ProvedToTable { entries: self.objects.system().process_table, depth },
            (_, _, Some(depth)) => ModelVerdict::ProvedToDepth { depth },
            _ => ModelVerdict::Proved,
        }
    }

    /// Goes through all states, until local respect is broken.
    fn run(&mut self) -> Option<Breach> {
        let initial = self.objects.initial();
        self.number(&initial, None)?;
        let mut state = self.objects.initial();
        let mut at = 0;
        while at < self.known.len() as u32 {
            let too_many = self.known.len() as u64 > self.limits.max_states;
            if (too_many || at % 256 == 0) && self.is_over() {
                return None;
            }
            self.unpack(at, &mut state);
            if let Some(breach) = self.expand(at, &state) {
                return Some(breach);
            }
            if self.end != End::Complete {
                return None;
            }
            at += 1;
        }
        None
    }

    fn is_over(&mut self) -> bool {
        let states = self.known.len() as u64;
        let each = 2 * self.codec.words() as u64 * 8 + 96 + 4 * u64::from(self.domains);
        let used = states * each + self.effects.len() as u64 * 64 + self.view_ids.len() as u64 * 512;
        if states > self.limits.max_states {
            self.end = End::MaxStates;
        } else if used > self.limits.max_memory {
            self.end = End::MaxMemory;
        } else if self.limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            self.end = End::Interrupted;
        }
        self.end != End::Complete
    }

    pub(super) fn unpack(&self, at: u32, state: &mut State) {
        let width = self.codec.words();
        self.codec.unpack(&self.words[at as usize * width..][..width], state);
    }

    /// The number of a state, which is new or not; none, if it cannot be packed.
    fn number(&mut self, state: &State, from: Option<(u32, Step)>) -> Option<u32> {
        let mut words = vec![0; self.codec.words()];
        if self.codec.pack(state, &mut words).is_err() {
            self.end = End::Unrepresentable(crate::engine::Unrepresentable(
                "an amount of memory, or another number, is too large",
            ));
            return None;
        }
        if let Some(known) = self.known.get(words.as_slice()) {
            return Some(*known);
        }
        let number = self.known.len() as u32;
        if number == u32::MAX {
            self.end = End::MaxStates;
            return None;
        }
        self.words.extend_from_slice(&words);
        self.known.insert(words.into(), number);
        if let Some(from) = from {
            self.parents.push(from);
        }
        for domain in self.domains() {
            let fresh = self.view_ids.len() as u32;
            let id = *self.view_ids.entry(self.views.view(state, domain)).or_insert(fresh);
            self.of_state.push(id);
        }
        Some(number)
    }

    /// The number of what a domain sees of a state.
    pub(super) fn view_of(&self, state: u32, domain: DomainId) -> u32 {
        self.of_state[state as usize * usize::from(self.domains) + domain.index()]
    }

    /// The steps from the start to a state.
    pub(super) fn path(&self, mut state: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some((from, step)) = state.checked_sub(1).map(|index| self.parents[index as usize]) {
            steps.push(step);
            state = from;
        }
        steps.reverse();
        steps
    }

    /// The steps of a state that was found.
    pub(super) fn steps_of(&mut self, at: u32, state: &State) -> Vec<Taken> {
        let mut steps = Vec::new();
        self.objects.enabled(state, &mut steps);
        let names = self.views.names(state, &steps);
        let mut taken = Vec::with_capacity(steps.len());
        for (step, name) in steps.into_iter().zip(names) {
            let (after, outcome) = self.objects.apply(state, step);
            self.table_full |= outcome == Outcome::Refused(Refusal::TableFull);
            let Some(after) = self.number(&after, Some((at, step))) else { break };
            let attack = self.views.is_attack(state, step);
            taken.push(Taken { name, step, after, told: told(outcome), attack });
        }
        taken
    }

    fn expand(&mut self, at: u32, state: &State) -> Option<Breach> {
        let taken = self.steps_of(at, state);
        self.cut |= self.objects.is_cut(state);
        self.agree(at, state, &taken);
        let system = self.objects.system();
        for Taken { name, step, after, told, .. } in taken {
            self.transitions += 1;
            let actor = name.domain;
            let name_id = self.name_id(name);
            let of_actor = self.view_of(at, actor);
            for observer in self.domains() {
                let (before, view) = (self.view_of(at, observer), self.view_of(after, observer));
                if !system.may_flow(actor, observer) {
                    self.triggered = true;
                    if before != view {
                        return Some(Breach::LocalRespect { state: at, step, observer });
                    }
                    if let Some(object) = self.writes(step, told).filter(|object| self.views.reads(observer, *object)) {
                        return Some(Breach::Contents { state: at, step, observer, object });
                    }
                    continue;
                }
                let told = (observer == actor).then_some(told);
                let key = (observer.0, before, of_actor, name_id);
                let known = self.effects.entry(key).or_insert(Effect { view, told, state: at });
                if (known.view, known.told) != (view, told) {
                    let states = [known.state, at];
                    self.suspect.get_or_insert(Breach::StepConsistency { states, observer });
                }
            }
        }
        None
    }

    fn name_id(&mut self, name: Named) -> u32 {
        let fresh = self.name_ids.len() as u32;
        *self.name_ids.entry(name).or_insert(fresh)
    }

    /// The object whose contents the step changes.
    fn writes(&self, step: Step, told: Outcome) -> Option<ObjectId> {
        match step.action {
            Action::Access(object, Right::Write | Right::Create) if told == Outcome::Done => Some(object),
            _ => None,
        }
    }

    /// What a domain can do depends on its view alone.
    fn agree(&mut self, at: u32, state: &State, taken: &[Taken]) {
        for domain in self.domains() {
            let (mut steps, mut attacks) = (Vec::new(), Vec::new());
            for taken in taken.iter().filter(|taken| taken.name.domain == domain) {
                let of = if taken.attack { &mut attacks } else { &mut steps };
                of.push(taken.name);
            }
            let mut ids = |names: Vec<Named>| {
                let mut ids: Vec<u32> = names.into_iter().map(|name| self.name_id(name)).collect();
                ids.sort_unstable();
                ids
            };
            let (steps, attacks) = (ids(steps), ids(attacks));
            let attacks = (state.attack_steps != Some(0)).then_some(attacks);
            let key = (domain.0, self.view_of(at, domain));
            let Some(known) = self.possible.get_mut(&key) else {
                self.possible.insert(key, Possible { steps, attacks, state: at });
                continue;
            };
            let same_attacks = match (&known.attacks, &attacks) {
                (Some(known), Some(now)) => known == now,
                (None, now) => {
                    known.attacks.clone_from(now);
                    true
                }
                (Some(_), None) => true,
            };
            if known.steps != steps || !same_attacks {
                let states = [known.state, at];
                self.suspect.get_or_insert(Breach::StepConsistency { states, observer: domain });
            }
        }
    }
}
