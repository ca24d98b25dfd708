//! The same model as the crate `stateright` explores it: a second opinion on counts and verdicts, and its Explorer page. What is decided in time, or on pairs
//! of runs, is no property of its states; there plain searches and the definitions are the second opinion, in tests.
//!
//! Its properties are of states, ours of steps; so a state carries along which guarantees have been violated on the way.
//! With no guarantee asked for, its states are ours, one for one, and so must its count be. Of its searches use the
//! depth-first one: its breadth-first one copies a path at every step.

use lacuna_model::guarantee::{GuaranteeId, Safety, Transition, safety};
use lacuna_model::objects::{Objects, Phase, State, Step};
use stateright::{Model, Property};

/// The model and the guarantees to ask.
#[derive(Debug, Clone)]
pub struct SecondOpinion {
    objects: Objects,
    guarantees: Vec<&'static dyn Safety>,
}

impl SecondOpinion {
    /// Asks for these guarantees; those that no step can violate are left out.
    pub fn new(objects: Objects, ids: &[GuaranteeId]) -> Self {
        let guarantees = safety().iter().copied().filter(|guarantee| ids.contains(&guarantee.id())).collect();
        Self { objects, guarantees }
    }
}

/// The name of the property that somebody can go on, or all are at rest.
pub const NO_DEADLOCK: &str = "no deadlock";

impl SecondOpinion {
    fn is_deadlocked(&self, state: &State) -> bool {
        let mut stops = true;
        self.objects.for_each_enabled(state, |_| stops = false);
        stops && state.contexts.iter().any(|context| !matches!(context.phase, Phase::Gone | Phase::Sleeping))
    }
}

/// A state and, a bit each, the guarantees violated on the way to it.
pub type Watched = (State, u32);

impl Model for SecondOpinion {
    type State = Watched;
    type Action = Step;

    fn init_states(&self) -> Vec<Watched> {
        vec![(self.objects.initial(), 0)]
    }

    fn actions(&self, (state, _): &Watched, actions: &mut Vec<Step>) {
        self.objects.enabled(state, actions);
    }

    fn next_state(&self, (before, violated): &Watched, step: Step) -> Option<Watched> {
        let mut violated = *violated;
        let (after, outcome) = self.objects.apply(before, step);
        let transition = Transition { before, step, outcome, after: &after };
        for (index, guarantee) in self.guarantees.iter().enumerate() {
            violated |= u32::from(guarantee.violation(&self.objects, &transition).is_some()) << index;
        }
        Some((after, violated))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // A property is a plain function, so there is one for each bit.
        macro_rules! bits {
            ($($bit:literal)*) => { [$(|_: &SecondOpinion, (_, violated): &Watched| violated & 1 << $bit == 0),*] };
        }
        const BITS: [fn(&SecondOpinion, &Watched) -> bool; 23] =
            bits!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22);
        // It stops once every property has failed; one that never does makes it explore everything.
        let everything = Property::always("every state is explored", |_: &Self, _: &Watched| true);
        let stops = Property::always(NO_DEADLOCK, |model: &Self, (state, _): &Watched| !model.is_deadlocked(state));
        let named = self.guarantees.iter().zip(BITS);
        let named = named.map(|(guarantee, holds)| Property::always(guarantee.id().name(), holds));
        named.chain([stops, everything]).collect()
    }

    fn format_step(&self, (before, _): &Watched, step: Step) -> Option<String> {
        let (after, outcome) = self.objects.apply(before, step);
        Some(self.objects.event(before, step, outcome, &after).text)
    }
}
