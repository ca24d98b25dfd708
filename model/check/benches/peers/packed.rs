//! Two-phase commit with its state in one word, for stateright and for our own engine: no allocation, so that what is
//! compared is the engines.
//!
//! After L. Lamport's TLA+ module TwoPhase; a step for each disjunct of its TPNext, those that change nothing included.
//! From the lowest bit: for each resource manager whether it is prepared, committed, aborted (none of them: working; one at
//! most), whether it has sent that it is prepared, whether the transaction manager knows; then whether that one has
//! committed, and whether it has aborted, which are also the messages it sent.

use lacuna_check::engine::{Edge, TransitionSystem, Unrepresentable};
use stateright::{Model, Property};

/// Two-phase commit among so many resource managers, at most twelve.
#[derive(Debug, Clone, Copy)]
pub struct Packed {
    managers: u32,
}

/// What a step does; of the resource manager of that number, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Commit,
    Abort,
    ReceivePrepared(u8),
    Prepare(u8),
    ChooseToAbort(u8),
    ReceiveCommit(u8),
    ReceiveAbort(u8),
}

/// A field of a bit for each resource manager.
#[derive(Debug, Clone, Copy)]
enum Field {
    Prepared,
    Committed,
    Aborted,
    Sent,
    Known,
}

impl Packed {
    /// # Panics
    /// If there are more than twelve.
    pub fn new(managers: u32) -> Self {
        assert!(managers <= 12, "five bits for each of {managers} resource managers do not fit");
        Self { managers }
    }

    fn bit(self, field: Field, manager: u8) -> u64 {
        1 << (field as u32 * self.managers + u32::from(manager))
    }

    fn all(self, field: Field) -> u64 {
        ((1 << self.managers) - 1) << (field as u32 * self.managers)
    }

    fn commit(self) -> u64 {
        1 << (5 * self.managers)
    }

    fn abort(self) -> u64 {
        self.commit() << 1
    }

    /// Calls `visit` with every step that is possible.
    pub fn for_each_step(self, state: u64, mut visit: impl FnMut(Step)) {
        let undecided = state & (self.commit() | self.abort()) == 0;
        if undecided && state & self.all(Field::Known) == self.all(Field::Known) {
            visit(Step::Commit);
        }
        if undecided {
            visit(Step::Abort);
        }
        for manager in 0..self.managers as u8 {
            let is = |field| state & self.bit(field, manager) != 0;
            if undecided && is(Field::Sent) {
                visit(Step::ReceivePrepared(manager));
            }
            if !(is(Field::Prepared) || is(Field::Committed) || is(Field::Aborted)) {
                visit(Step::Prepare(manager));
                visit(Step::ChooseToAbort(manager));
            }
            if state & self.commit() != 0 {
                visit(Step::ReceiveCommit(manager));
            }
            if state & self.abort() != 0 {
                visit(Step::ReceiveAbort(manager));
            }
        }
    }

    /// Takes a step.
    pub fn take(self, state: u64, step: Step) -> u64 {
        let move_to = |manager, field| {
            let fields = [Field::Prepared, Field::Committed, Field::Aborted];
            let cleared = fields.iter().fold(state, |state, field| state & !self.bit(*field, manager));
            cleared | self.bit(field, manager)
        };
        match step {
            Step::Commit => state | self.commit(),
            Step::Abort => state | self.abort(),
            Step::ReceivePrepared(manager) => state | self.bit(Field::Known, manager),
            Step::Prepare(manager) => state | self.bit(Field::Prepared, manager) | self.bit(Field::Sent, manager),
            Step::ChooseToAbort(manager) | Step::ReceiveAbort(manager) => move_to(manager, Field::Aborted),
            Step::ReceiveCommit(manager) => move_to(manager, Field::Committed),
        }
    }

    /// No two resource managers have decided differently.
    pub fn is_consistent(self, state: u64) -> bool {
        state & self.all(Field::Committed) == 0 || state & self.all(Field::Aborted) == 0
    }
}

impl Model for Packed {
    type State = u64;
    type Action = Step;

    fn init_states(&self) -> Vec<u64> {
        vec![0]
    }

    fn actions(&self, state: &u64, steps: &mut Vec<Step>) {
        self.for_each_step(*state, |step| steps.push(step));
    }

    fn next_state(&self, state: &u64, step: Step) -> Option<u64> {
        Some(self.take(*state, step))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |model: &Self, state: &u64| model.is_consistent(*state))]
    }
}

impl TransitionSystem for Packed {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    #[inline]
    fn edges(
        &self,
        (): &mut (),
        [state]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        let mut label = 0;
        self.for_each_step(*state, |step| {
            let after = self.take(*state, step);
            visit(Edge { after: [after], marks: u64::from(!self.is_consistent(after)), label });
            label += 1;
        });
        Ok(())
    }
}
