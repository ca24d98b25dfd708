//! Two-phase commit for stateright, as one would write it down: a vector of resource managers and a set of messages.
//! After L. Lamport's TLA+ module TwoPhase; a step for each disjunct of its TPNext, those that change nothing included.

use std::collections::BTreeSet;

use stateright::{Model, Property};

/// Two-phase commit among so many resource managers.
#[derive(Debug, Clone)]
pub struct Structured {
    pub managers: usize,
}

/// A resource manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manager {
    Working,
    Prepared,
    Committed,
    Aborted,
}

/// The transaction manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coordinator {
    Undecided,
    Committed,
    Aborted,
}

/// A message; none is ever lost or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub managers: Vec<Manager>,
    pub coordinator: Coordinator,
    /// Who the transaction manager knows to be prepared.
    pub known: Vec<bool>,
    pub messages: BTreeSet<Message>,
}

/// A step, named as in the TLA+ module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Commit,
    Abort,
    ReceivePrepared(usize),
    Prepare(usize),
    ChooseToAbort(usize),
    ReceiveCommit(usize),
    ReceiveAbort(usize),
}

impl Model for Structured {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            managers: vec![Manager::Working; self.managers],
            coordinator: Coordinator::Undecided,
            known: vec![false; self.managers],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let undecided = state.coordinator == Coordinator::Undecided;
        if undecided && state.known.iter().all(|known| *known) {
            steps.push(Step::Commit);
        }
        if undecided {
            steps.push(Step::Abort);
        }
        for (manager, at) in state.managers.iter().enumerate() {
            if undecided && state.messages.contains(&Message::Prepared(manager)) {
                steps.push(Step::ReceivePrepared(manager));
            }
            if *at == Manager::Working {
                steps.extend([Step::Prepare(manager), Step::ChooseToAbort(manager)]);
            }
            if state.messages.contains(&Message::Commit) {
                steps.push(Step::ReceiveCommit(manager));
            }
            if state.messages.contains(&Message::Abort) {
                steps.push(Step::ReceiveAbort(manager));
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut after = before.clone();
        match step {
            Step::Commit => {
                after.coordinator = Coordinator::Committed;
                after.messages.insert(Message::Commit);
            }
            Step::Abort => {
                after.coordinator = Coordinator::Aborted;
                after.messages.insert(Message::Abort);
            }
            Step::ReceivePrepared(manager) => after.known[manager] = true,
            Step::Prepare(manager) => {
                after.managers[manager] = Manager::Prepared;
                after.messages.insert(Message::Prepared(manager));
            }
            Step::ChooseToAbort(manager) | Step::ReceiveAbort(manager) => after.managers[manager] = Manager::Aborted,
            Step::ReceiveCommit(manager) => after.managers[manager] = Manager::Committed,
        }
        Some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |_: &Self, state: &State| {
            !(state.managers.contains(&Manager::Committed) && state.managers.contains(&Manager::Aborted))
        })]
    }
}
