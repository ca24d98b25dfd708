//! Which analysis a system's tasks fall under, and what it says of their deadlines (G18).
//!
//! A verdict claims no more than is known: *unschedulable* is said only where the releases that the bound rests on do come about, as they
//! do with equal offsets and without jitter, blocking, and ties; where they may not, a bound beyond the deadline leaves it *unknown*.

use super::deadline_response::deadline_response;
use super::processor_demand::{DemandVerdict, Preemption, ProcessorDemand, processor_demand};
use super::response_time::{Bound, Demand, NotAnalysable, response_times, task_set};
use super::threshold_response::blocking;
use super::utilisation::{Load, load};
use crate::evidence::AnalysisVerdict;
use crate::guarantee::g18_deadlines;
use crate::system::{Order, System};
use crate::units::Nanos;

/// How the tasks of a system are scheduled, as far as there is an analysis of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discipline {
    /// By fixed priorities.
    FixedPriority,
    /// By fixed priorities, with preemption thresholds.
    Thresholds,
    /// The earliest deadline first.
    EarliestDeadline,
    /// The earliest deadline first; what was begun keeps the core.
    NonPreemptiveDeadline,
}

impl Discipline {
    /// In a few words, with the source of the analysis.
    pub fn about(self) -> &'static str {
        match self {
            Self::FixedPriority => "fixed priorities, preemptive (Lehoczky 1990)",
            Self::Thresholds => {
                "fixed priorities with preemption thresholds (Wang and Saksena 1999; Davis et al. 2007)"
            }
            Self::EarliestDeadline => "earliest deadline first, preemptive (Spuri 1996; Zhang and Burns 2009)",
            Self::NonPreemptiveDeadline => "earliest deadline first, non-preemptive (George et al. 1996)",
        }
    }
}

/// What the analysis says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Under which theorem.
    pub discipline: Discipline,
    /// Of each task, in the file's order.
    pub tasks: Vec<TaskBound>,
    /// Under earliest deadline first: demand against time, and what that says of all tasks together.
    pub demand: Option<(ProcessorDemand, AnalysisVerdict)>,
}

impl Analysis {
    /// All that it says: of each task, and of all together.
    pub fn verdicts(&self) -> impl Iterator<Item = &AnalysisVerdict> {
        let of_all = self.demand.iter().map(|(_, verdict)| verdict);
        self.tasks.iter().map(|bound| &bound.verdict).chain(of_all)
    }
}

/// What the analysis says of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBound {
    /// The task.
    pub task: Demand,
    /// Its worst response at most, if bounded.
    pub worst: Option<Nanos>,
    /// Whether that is within the deadline.
    pub verdict: AnalysisVerdict,
}

/// The analysis of a system's tasks.
///
/// # Errors
/// If the tasks are not of a kind that an analysis covers.
pub fn analyse(system: &System) -> Result<Analysis, NotAnalysable> {
    let tasks = task_set(system)?;
    Ok(of_tasks(&tasks, discipline(system, &tasks)?))
}

/// The discipline of a system with these tasks.
///
/// # Errors
/// If tasks are scheduled in several ways.
pub fn discipline(system: &System, tasks: &[Demand]) -> Result<Discipline, NotAnalysable> {
    let contexts = system.processes.iter().flat_map(|process| &process.contexts);
    let of_tasks = contexts.filter(|context| context.task.is_some());
    let order = |by: crate::system::SchedulingContextId| system.scheduling_contexts[by.index()].order;
    let orders: Vec<Order> = of_tasks.map(|context| context.schedule.map_or(Order::Readiness, order)).collect();
    if let Some(by_laxity) = orders.iter().position(|order| matches!(order, Order::Laxity { .. })) {
        let why = "it is ordered by laxity, which this analysis does not cover";
        return Err(NotAnalysable::Context { context: tasks[by_laxity].name.clone(), why });
    }
    let Some(by_deadline) = orders.iter().position(|order| *order == Order::Deadline) else {
        let has_thresholds = tasks.iter().any(|task| task.threshold > task.priority);
        return Ok(if has_thresholds { Discipline::Thresholds } else { Discipline::FixedPriority });
    };
    let level = tasks[by_deadline].priority;
    let thresholds = system.scheduling_contexts.iter().filter(|scheduling| scheduling.order == Order::Deadline);
    let keeping = thresholds.map(|scheduling| scheduling.threshold.is_some());
    let (keeping, yielding): (Vec<bool>, Vec<bool>) = keeping.partition(|keeps| *keeps);
    let other = tasks.iter().zip(&orders).find(|(task, order)| **order != Order::Deadline || task.priority != level);
    let not = |task: &Demand, why| Err(NotAnalysable::Context { context: task.name.clone(), why });
    if let Some(task) = tasks.iter().find(|task| task.blocking > Nanos(0)) {
        return not(
            task,
            "it is ordered by deadline, and a bound of inversion is declared, which that analysis does not cover",
        );
    }
    match (other, keeping.is_empty(), yielding.is_empty()) {
        (Some((task, _)), ..) => not(task, "it is not ordered by deadline among all tasks, and others are"),
        (None, false, false) => {
            not(&tasks[by_deadline], "some tasks that are ordered by deadline have a threshold, and some not")
        }
        (None, true, _) => Ok(Discipline::EarliestDeadline),
        (None, false, true) => Ok(Discipline::NonPreemptiveDeadline),
    }
}

/// The analysis of a task set under a discipline.
pub fn of_tasks(tasks: &[Demand], discipline: Discipline) -> Analysis {
    let demand = match discipline {
        Discipline::FixedPriority | Discipline::Thresholds => None,
        Discipline::EarliestDeadline => Some(processor_demand(tasks, Preemption::Preemptive)),
        Discipline::NonPreemptiveDeadline => Some(processor_demand(tasks, Preemption::NonPreemptive)),
    };
    let bound = |index: usize| {
        let (worst, verdict) = match (discipline, &demand) {
            (Discipline::NonPreemptiveDeadline, Some(demand)) => by_demand(tasks, index, demand),
            (Discipline::EarliestDeadline, _) => by_deadline(tasks, index),
            _ => by_priority(tasks, index),
        };
        TaskBound { task: tasks[index].clone(), worst, verdict }
    };
    let bounds = (0..tasks.len()).map(bound).collect();
    let demand = demand.map(|demand| {
        let verdict = of_all(tasks, &demand);
        (demand, verdict)
    });
    Analysis { discipline, tasks: bounds, demand }
}

/// What the demand says of all tasks together.
fn of_all(tasks: &[Demand], demand: &ProcessorDemand) -> AnalysisVerdict {
    match demand.verdict {
        DemandVerdict::Met => AnalysisVerdict::Bound,
        DemandVerdict::Overload => AnalysisVerdict::Unschedulable { witness: OVERLOAD.into() },
        DemandVerdict::Exceeded { at: 0, .. } => AnalysisVerdict::Unschedulable {
            witness: "a job may be released only when it is due, for the jitter is as long as the deadline".into(),
        },
        DemandVerdict::Exceeded { at, demand, blocking } => {
            let less_urgent =
                if blocking > 0 { format!(", {blocking} ns of it for a less urgent one") } else { String::new() };
            let witness = format!(
                "of jobs that are released together, those due within {at} ns ask for {demand} ns of the core{less_urgent}"
            );
            if blocking == 0 && come_together(tasks) {
                AnalysisVerdict::Unschedulable { witness }
            } else {
                let limit = format!("{witness}; but offsets, jitter or blocking may keep them from coming together so");
                AnalysisVerdict::Unknown { limit }
            }
        }
        DemandVerdict::Unknown(why) => AnalysisVerdict::Unknown { limit: why.into() },
    }
}

/// Are all released together at some time, and whatever the bounds rest on happens?
fn come_together(tasks: &[Demand]) -> bool {
    tasks.iter().all(|task| task.jitter == Nanos(0) && task.offset == tasks[0].offset && task.wcet > Nanos(0))
}

/// A bound beyond the deadline that may not be met is no verdict.
fn not_claimed(worst: Nanos, deadline: Nanos) -> AnalysisVerdict {
    AnalysisVerdict::Unknown {
        limit: format!(
            "at most {worst}, and the deadline is {deadline}; but offsets, jitter, blocking or ties may keep the releases \
             from coming together that lead there"
        ),
    }
}

fn finite(bound: Bound) -> Option<Nanos> {
    match bound {
        Bound::Finite(worst) => Some(worst),
        Bound::Unbounded | Bound::Unknown(_) => None,
    }
}

fn by_priority(tasks: &[Demand], index: usize) -> (Option<Nanos>, AnalysisVerdict) {
    let own = &tasks[index];
    let responses = response_times(tasks, index);
    let worst = finite(responses.worst());
    let ties = tasks.iter().filter(|task| task.priority == own.priority).count() > 1;
    match worst.filter(|worst| *worst > own.deadline) {
        Some(worst) if ties || blocking(tasks, index) > Nanos(0) || !come_together(tasks) => {
            (Some(worst), not_claimed(worst, own.deadline))
        }
        None if ties && responses.worst() == Bound::Unbounded && !overloads(tasks, own) => {
            let limit =
                "those of its priority ask for more than the whole core, but not it and those more urgent".into();
            (None, AnalysisVerdict::Unknown { limit })
        }
        _ => (worst, g18_deadlines::verdict(&responses, own.deadline)),
    }
}

/// Do the task and those that are more urgent ask for more than the core?
fn overloads(tasks: &[Demand], own: &Demand) -> bool {
    let more_urgent = tasks.iter().filter(|task| task.priority > own.priority);
    load(more_urgent.chain([own])) == Load::Above
}

fn by_deadline(tasks: &[Demand], index: usize) -> (Option<Nanos>, AnalysisVerdict) {
    let own = &tasks[index];
    let bound = deadline_response(tasks, index);
    let verdict = match bound {
        Bound::Finite(worst) if worst <= own.deadline => AnalysisVerdict::Bound,
        // The pattern with the worst response is not always one of all tasks together; that some job misses is the demand's to say.
        Bound::Finite(worst) => not_claimed(worst, own.deadline),
        Bound::Unbounded => AnalysisVerdict::Unschedulable { witness: OVERLOAD.into() },
        Bound::Unknown(why) => AnalysisVerdict::Unknown { limit: why.into() },
    };
    (finite(bound), verdict)
}

const OVERLOAD: &str = "the tasks ask for more than the whole core: responses grow without end";

fn by_demand(tasks: &[Demand], index: usize, demand: &ProcessorDemand) -> (Option<Nanos>, AnalysisVerdict) {
    let deadline = tasks[index].deadline;
    match demand.verdict {
        // Whoever meets every deadline responds by then.
        DemandVerdict::Met => (Some(deadline), AnalysisVerdict::Bound),
        DemandVerdict::Overload => (None, AnalysisVerdict::Unschedulable { witness: OVERLOAD.into() }),
        DemandVerdict::Exceeded { .. } => (
            None,
            AnalysisVerdict::Unknown { limit: "demand is more than time, and which task misses is not said".into() },
        ),
        DemandVerdict::Unknown(why) => (None, AnalysisVerdict::Unknown { limit: why.into() }),
    }
}
