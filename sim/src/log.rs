//! The log of a run: its labels, compactly, in order. Names, states and events are not kept; they are found again by
//! replaying the labels, for the relation is deterministic.
//!
//! # Invariants
//! - The records are a prefix of the run, hence a path of the relation from its initial state.
//! - What the limit cut off is counted.

use lacuna_model::objects::{ContextSlot, Objects, Outcome, State};
use lacuna_model::relation::Label;
use lacuna_model::system::SchedulingContextId;
use lacuna_model::time::TimeStep;
use lacuna_model::trace::{Observer, Trace};
use lacuna_model::units::Nanos;

/// One label that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// When, from the start; for [`TimeStep::Elapse`], when it began.
    pub at: Nanos,
    /// The label.
    pub label: Label,
    /// What came of it, if it is a step of the objects.
    pub outcome: Option<Outcome>,
    /// Who has the core after it.
    pub running: Option<ContextSlot>,
}

impl Record {
    /// When the label was done with: later than `at` for [`TimeStep::Elapse`] only.
    pub fn end(&self) -> Nanos {
        match self.label {
            Label::Time(TimeStep::Elapse(duration)) => Nanos(self.at.0.saturating_add(duration.0)),
            _ => self.at,
        }
    }
}

/// What is left of a budget, where its course bends or jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPoint {
    /// Of which scheduling context.
    pub id: SchedulingContextId,
    /// When, from the start.
    pub at: Nanos,
    /// How much.
    pub left: Nanos,
}

/// The first labels of a run, up to a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    records: Vec<Record>,
    budgets: Vec<BudgetPoint>,
    limit: usize,
    cut: u64,
    horizon: Nanos,
}

impl Log {
    pub(crate) fn new(limit: usize, horizon: Nanos) -> Self {
        Self { records: Vec::new(), budgets: Vec::new(), limit, cut: 0, horizon }
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.cut == 0 && self.records.len() < self.limit {
            self.records.push(record);
        } else {
            self.cut += 1;
        }
    }

    /// So many labels are not taken, but counted.
    pub(crate) fn skip(&mut self, labels: u64) {
        self.cut = self.cut.saturating_add(labels);
    }

    /// A point of a budget's course; it belongs to the label that was taken last.
    pub(crate) fn push_budget(&mut self, point: BudgetPoint) {
        if self.cut == 0 {
            self.budgets.push(point);
        }
    }

    /// The courses of the budgets, each in order, as far as labels were kept; linear between two points of one.
    pub fn budgets(&self) -> &[BudgetPoint] {
        &self.budgets
    }

    /// The labels that were kept, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many labels more there were.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Up to which time the log is complete.
    pub fn covers(&self) -> Nanos {
        if self.cut == 0 { self.horizon } else { self.records.last().map_or(Nanos(0), Record::end) }
    }

    /// Calls `visit` with each record, and the objects before and after it.
    pub fn replay(&self, objects: &Objects, mut visit: impl FnMut(&State, &Record, &State)) {
        let mut state = objects.initial();
        for record in &self.records {
            if let Label::Object(step) = record.label {
                let (after, _) = objects.apply(&state, step);
                visit(&state, record, &after);
                state = after;
            } else {
                visit(&state, record, &state);
            }
        }
    }

    /// As events with names.
    pub fn trace(&self, objects: &Objects) -> Trace {
        let mut events = Vec::with_capacity(self.records.len());
        self.replay(objects, |before, record, after| {
            events.push(objects.timed_event(before, record.label, record.outcome, after, record.at));
        });
        Trace { observer: Observer::Simulator, events }
    }
}
