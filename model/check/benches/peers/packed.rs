//! Two-phase commit in one word: the system of the example, for stateright too. Its action is the state that it leads to,
//! so that it does nothing twice.

use stateright::{Model, Property};

#[path = "../../examples/two_phase_commit.rs"]
mod example;

use lacuna_check::engine::TransitionSystem;

pub use example::TwoPhaseCommit;

/// With so many resource managers.
///
/// # Panics
/// If there are more than fifteen, or none.
pub fn two_phase_commit(managers: u32) -> TwoPhaseCommit {
    TwoPhaseCommit::new(managers).unwrap()
}

impl Model for TwoPhaseCommit {
    type State = u64;
    type Action = u64;

    fn init_states(&self) -> Vec<u64> {
        vec![0]
    }

    fn actions(&self, state: &u64, after: &mut Vec<u64>) {
        self.edges(&mut (), &[*state], |edge| after.push(edge.after[0])).unwrap();
    }

    fn next_state(&self, _: &u64, after: u64) -> Option<u64> {
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |system: &Self, state: &u64| !system.inconsistent(*state))]
    }
}
