//! The course of a run, context by context: when each ran, when its jobs arrived, were due and ended, what became of
//! budgets. It is read off the log, by replay; pictures and exported traces are drawn from it.
//!
//! # Invariants
//! - Slices of all rows together are disjoint, of positive length, and in order: there is one core.
//! - The time that a context has executed is the sum of its slices.
//! - Nothing is said of the time beyond [`Timeline::until`].

use std::collections::VecDeque;

use lacuna_model::objects::{Action, ContextSlot, Objects, Outcome, Phase, ProcessSlot, State, Step};
use lacuna_model::relation::Label;
use lacuna_model::system::{SchedulingContext, SchedulingContextId, Task};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;

use crate::log::{Log, Record};

/// The course of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The contexts that appear, in the order of the scenario.
    pub rows: Vec<Row>,
    /// The budgets, in the order of the scenario.
    pub budgets: Vec<BudgetCourse>,
    /// Up to which time it is complete.
    pub until: Nanos,
    /// How many labels the log no longer had.
    pub cut: u64,
}

/// The course of one context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of its process.
    pub process: String,
    /// Its own name, within the process.
    pub context: String,
    /// When it ran.
    pub slices: Vec<Slice>,
    /// Its jobs, if it is a task.
    pub jobs: Vec<Job>,
    /// Whatever else it did or suffered that is worth a mark.
    pub marks: Vec<Mark>,
    order: (u8, ProcessSlot, usize),
}

/// An interval during which a context had the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// From here.
    pub from: Nanos,
    /// To there; later than `from`.
    pub to: Nanos,
    /// For which of its [`Row::jobs`].
    pub job: Option<usize>,
}

/// A job of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Its number, from 0.
    pub number: u64,
    /// When it arrived.
    pub arrival: Nanos,
    /// When it is due; none, if that does not fit into 64 bits.
    pub deadline: Option<Nanos>,
    /// What became of it.
    pub end: JobEnd,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// It ended.
    Done(Nanos),
    /// Its process ended first.
    Killed(Nanos),
    /// It had not ended where the timeline ends.
    UnderWay,
}

/// Something worth a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Nanos,
    /// In a word: `kill`, `exec`.
    pub action: &'static str,
    /// As a sentence.
    pub text: String,
}

/// The course of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetCourse {
    /// The name of the scheduling context.
    pub name: String,
    /// The full amount.
    pub amount: Nanos,
    /// What is left, at the points where its course bends or jumps; linear in between.
    pub points: Vec<(Nanos, Nanos)>,
}

impl Job {
    /// Did it miss its deadline, as far as is known at `until`?
    pub fn missed(&self, until: Nanos) -> bool {
        self.deadline.is_some_and(|deadline| match self.end {
            JobEnd::Done(at) => at > deadline,
            JobEnd::Killed(at) => at > deadline,
            JobEnd::UnderWay => until > deadline,
        })
    }
}

impl Row {
    /// The process and the context: `supervisor/main`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.process, self.context)
    }
}

/// What is known of an entry of the context table.
#[derive(Debug, Clone, Default)]
struct Entry {
    row: Option<usize>,
    waiting: VecDeque<usize>,
    arrived: u64,
    copied: bool,
}

struct Builder<'a> {
    objects: &'a Objects,
    rows: Vec<Row>,
    entries: Vec<Entry>,
    running: Option<(ContextSlot, usize, Nanos)>,
}

impl Timeline {
    /// The course that a log records.
    pub fn new(objects: &Objects, log: &Log) -> Self {
        let initial = objects.initial();
        let mut builder = Builder {
            objects,
            rows: Vec::new(),
            entries: vec![Entry::default(); initial.contexts.len()],
            running: None,
        };
        log.replay(objects, |before, record, after| builder.take(before, record, after));
        builder.stop_running(log.covers());
        let mut rows = builder.rows;
        rows.sort_by_key(|row| row.order);
        let course = |(index, scheduling): (u8, &SchedulingContext)| {
            let amount = scheduling.budget?.amount;
            let own = log.budgets().iter().filter(|point| point.id == SchedulingContextId(index));
            let mut points = vec![(Nanos(0), amount)];
            points.extend(own.map(|point| (point.at, point.left)));
            points.dedup();
            points.extend(points.last().map(|(_, left)| (log.covers(), *left)));
            Some(BudgetCourse { name: scheduling.name.clone(), amount, points })
        };
        let budgets = (0..=u8::MAX).zip(&objects.system().scheduling_contexts).filter_map(course).collect();
        Self { rows, budgets, until: log.covers(), cut: log.cut() }
    }
}

impl Builder<'_> {
    fn take(&mut self, before: &State, record: &Record, after: &State) {
        let now = record.end();
        match record.label {
            Label::Time(TimeStep::Arrive { context, .. }) => self.arrive(after, context, now),
            Label::Object(step) => self.step(before, step, record.outcome, after, now),
            _ => {}
        }
        let running = self.running.map(|(context, ..)| context);
        if running != record.running {
            self.stop_running(now);
            self.running = record.running.map(|context| (context, self.row(after, context), now));
        }
    }

    /// The row of a context that is not gone.
    fn row(&mut self, state: &State, context: ContextSlot) -> usize {
        let at = usize::from(context);
        if let Some(row) = self.entries[at].row {
            return row;
        }
        let slot = self.objects.process_of(context);
        let process = self.objects.process_name(state, slot);
        let own = self.objects.declaration(state, context).name.clone();
        let known = self.rows.iter().position(|row| row.process == process && row.context == own);
        let row = known.unwrap_or_else(|| {
            let order =
                (state.processes[usize::from(slot)].instance_of.0, slot, self.objects.index_in_process(context));
            self.rows.push(Row {
                process,
                context: own,
                slices: Vec::new(),
                jobs: Vec::new(),
                marks: Vec::new(),
                order,
            });
            self.rows.len() - 1
        });
        self.entries[at].row = Some(row);
        row
    }

    fn task(&self, state: &State, context: ContextSlot) -> Option<Task> {
        self.objects.declaration(state, context).task
    }

    fn arrive(&mut self, state: &State, context: ContextSlot, now: Nanos) {
        let Some(task) = self.task(state, context) else { return };
        let row = self.row(state, context);
        let entry = &mut self.entries[usize::from(context)];
        entry.waiting.push_back(self.rows[row].jobs.len());
        let deadline = now.0.checked_add(task.deadline.0).map(Nanos);
        self.rows[row].jobs.push(Job { number: entry.arrived, arrival: now, deadline, end: JobEnd::UnderWay });
        entry.arrived += 1;
    }

    fn step(&mut self, before: &State, step: Step, outcome: Option<Outcome>, after: &State, now: Nanos) {
        let at = usize::from(step.context);
        match (step.action, outcome) {
            (Action::JobDone, _) => {
                if !std::mem::take(&mut self.entries[at].copied)
                    && let (Some(row), Some(job)) = (self.entries[at].row, self.entries[at].waiting.front().copied())
                {
                    // The slice belongs to the job, which is no longer the first to wait once it has ended.
                    self.stop_running(now);
                    self.entries[at].waiting.pop_front();
                    self.rows[row].jobs[job].end = JobEnd::Done(now);
                }
                return;
            }
            (Action::Fork(_), Some(Outcome::Created(child))) => {
                let copy = self.objects.contexts_of(child).start + self.objects.index_in_process(step.context);
                let is_task = self.objects.declaration(after, copy as ContextSlot).task.is_some();
                self.entries[copy].copied = is_task && after.contexts[copy].phase == Phase::Begin;
            }
            _ => {}
        }
        if is_worth_a_mark(step.action) {
            let row = self.row(before, step.context);
            let outcome = outcome.unwrap_or(Outcome::Done);
            let text = self.objects.event(before, step, outcome, after).text;
            self.rows[row].marks.push(Mark { at: now, action: step.action.name(), text });
        }
        if step.action.may_end_a_process() {
            for context in 0..after.contexts.len() {
                if after.contexts[context].phase != Phase::Gone || before.contexts[context].phase == Phase::Gone {
                    continue;
                }
                if self.running.is_some_and(|(running, ..)| usize::from(running) == context) {
                    self.stop_running(now);
                }
                let entry = std::mem::take(&mut self.entries[context]);
                for job in entry.waiting {
                    self.rows[entry.row.unwrap_or(0)].jobs[job].end = JobEnd::Killed(now);
                }
            }
        }
    }

    fn stop_running(&mut self, now: Nanos) {
        if let Some((context, row, from)) = self.running.take()
            && from < now
        {
            let job = self.entries[usize::from(context)].waiting.front().copied();
            self.rows[row].slices.push(Slice { from, to: now, job });
        }
    }
}

/// Computations, choices and jobs are seen anyway.
fn is_worth_a_mark(action: Action) -> bool {
    !matches!(action, Action::Compute | Action::Choose(_) | Action::JobDone | Action::Wake)
}
