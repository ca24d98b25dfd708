//! Policies by name: each gives the scheduling contexts of a system's tasks other priorities, orders and thresholds, or all budgets another
//! [server](super::servers), and so is an instance of [`FixedPriority`](super::FixedPriority).
//!
//! Sources: C. L. Liu, J. W. Layland, Journal of the ACM 20(1), 1973 (rate monotonic, earliest deadline first); J. Y.-T. Leung, J. Whitehead,
//! *On the complexity of fixed-priority scheduling of periodic, real-time tasks*, Performance Evaluation 2(4), 1982 (deadline
//! monotonic); N. C. Audsley, Information Processing Letters 79(1), 2001 (optimal priorities); M. L. Dertouzos, A. K. Mok, IEEE Transactions on
//! Software Engineering 15(12), 1989 (least laxity).
//!
//! # Invariants
//! - Tasks stay more urgent than what is no task and was less urgent than all of them, and less urgent than what was above all of them;
//!   what was between comes below.
//! - The ceiling of a lock stays at least the priority of whoever takes it.

use std::fmt;

use crate::analysis::assignment::{Assignment, audsley};
use crate::analysis::processor_demand::Preemption;
use crate::analysis::response_time::{NotAnalysable, task_set};
use crate::system::{
    Instruction, MAX_OF_A_KIND, Order, RefillsFrom, SchedulingContext, SchedulingContextId, Server, System, Task,
};
use crate::units::Nanos;

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// Everything as the system declares it.
    #[default]
    Declared,
    /// The shorter the period the more urgent.
    RateMonotonic,
    /// The shorter the relative deadline the more urgent.
    DeadlineMonotonic,
    /// Fixed priorities that meet every deadline by the analysis, if any do.
    Audsley,
    /// The earliest absolute deadline first.
    EarliestDeadline,
    /// Priorities as declared; a job that was begun keeps the core.
    NonPreemptive,
    /// The earliest absolute deadline first; a job that was begun keeps the core.
    NonPreemptiveDeadline,
    /// The least laxity first, in quanta of the largest duration of which every one of the system is a multiple.
    LeastLaxity,
    /// Every budget is served by a polling server; all else as declared.
    Polling,
    /// By a deferrable server.
    Deferrable,
    /// By a sporadic server.
    Sporadic,
    /// By one of seL4's scheduling contexts, as its initialiser makes them: two refills, which count from the dispatch.
    Mcs,
    /// By a constant-bandwidth server; tasks and servers, the earliest deadline first.
    ConstantBandwidth,
    /// By a hard one.
    HardConstantBandwidth,
}

/// Why a system cannot be scheduled so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotAssign {
    /// Tasks without a scheduling context need one.
    #[error("with one for every task the system has more than {MAX_OF_A_KIND} scheduling contexts")]
    TooMany,
    /// There is nothing to serve.
    #[error("no scheduling context has a budget")]
    NoBudget,
    /// Each task needs a priority of its own.
    #[error("the scheduling context `{0}` is that of several tasks, and each needs a priority of its own")]
    Shared(String),
    /// Nothing is known of what priorities do.
    #[error(transparent)]
    NotAnalysable(#[from] NotAnalysable),
    /// There are no priorities that meet every deadline.
    #[error("no fixed priorities meet every deadline: with {below} tasks below, none of the others meets its own")]
    NoPriorities {
        /// How many tasks can have the lowest ones.
        below: u32,
    },
    /// Whether there are was not found out.
    #[error("no fixed priorities were found that meet every deadline: {0}")]
    Unknown(&'static str),
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Declared,
        Self::RateMonotonic,
        Self::DeadlineMonotonic,
        Self::Audsley,
        Self::EarliestDeadline,
        Self::NonPreemptive,
        Self::NonPreemptiveDeadline,
        Self::LeastLaxity,
        Self::Polling,
        Self::Deferrable,
        Self::Sporadic,
        Self::Mcs,
        Self::ConstantBandwidth,
        Self::HardConstantBandwidth,
    ];

    /// `"edf"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::RateMonotonic => "rm",
            Self::DeadlineMonotonic => "dm",
            Self::Audsley => "opa",
            Self::EarliestDeadline => "edf",
            Self::NonPreemptive => "np-fp",
            Self::NonPreemptiveDeadline => "np-edf",
            Self::LeastLaxity => "llf",
            Self::Polling => "polling",
            Self::Deferrable => "deferrable",
            Self::Sporadic => "sporadic",
            Self::Mcs => "mcs",
            Self::ConstantBandwidth => "cbs",
            Self::HardConstantBandwidth => "hard-cbs",
        }
    }

    /// In a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Declared => "as declared",
            Self::RateMonotonic => "rate monotonic",
            Self::DeadlineMonotonic => "deadline monotonic",
            Self::Audsley => "optimal priorities (Audsley)",
            Self::EarliestDeadline => "earliest deadline first",
            Self::NonPreemptive => "priorities as declared, non-preemptive",
            Self::NonPreemptiveDeadline => "earliest deadline first, non-preemptive",
            Self::LeastLaxity => "least laxity first",
            Self::Polling => "as declared, budgets by polling servers",
            Self::Deferrable => "as declared, budgets by deferrable servers",
            Self::Sporadic => "as declared, budgets by sporadic servers",
            Self::Mcs => "as declared, budgets as seL4's initialiser makes them",
            Self::ConstantBandwidth => "earliest deadline first, budgets by constant-bandwidth servers",
            Self::HardConstantBandwidth => "earliest deadline first, budgets by hard constant-bandwidth servers",
        }
    }

    /// By what it has budgets served, if it says anything of that.
    pub fn server(self) -> Option<Server> {
        match self {
            Self::Polling => Some(Server::Polling),
            Self::Deferrable => Some(Server::Deferrable),
            Self::Sporadic => Some(Server::Sporadic),
            Self::Mcs => Some(Server::Mcs { refills: 2, minimum: Nanos(0), from: RefillsFrom::Dispatch }),
            Self::ConstantBandwidth => Some(Server::ConstantBandwidth),
            Self::HardConstantBandwidth => Some(Server::HardConstantBandwidth),
            _ => None,
        }
    }

    /// The system with its tasks scheduled so.
    ///
    /// # Errors
    /// See [`CannotAssign`].
    pub fn assign(self, system: &System) -> Result<System, CannotAssign> {
        let mut system = system.clone();
        if self == Self::Declared {
            return Ok(system);
        }
        if let Some(server) = self.server() {
            serve(&mut system, server)?;
            return Ok(system);
        }
        give_scheduling_contexts(&mut system)?;
        let of_tasks = of_tasks(&system);
        match self {
            Self::NonPreemptive => {
                let most = system.scheduling_contexts.iter().map(|scheduling| scheduling.priority).max();
                of_tasks.iter().for_each(|(by, _)| system.scheduling_contexts[by.index()].threshold = most);
            }
            Self::RateMonotonic => assign_in_order(&mut system, &of_tasks, |task| task.period),
            Self::DeadlineMonotonic => assign_in_order(&mut system, &of_tasks, |task| task.deadline),
            Self::Audsley => {
                assign_in_order(&mut system, &of_tasks, |task| task.deadline);
                if let Some((by, _)) = of_tasks.iter().find(|(_, tasks)| tasks.len() > 1) {
                    return Err(CannotAssign::Shared(system.scheduling_contexts[by.index()].name.clone()));
                }
                let tasks = task_set(&system)?;
                match audsley(&tasks, Preemption::Preemptive) {
                    Assignment::Found(priorities) => _ = place(&mut system, &of_tasks, |index| priorities[index]),
                    Assignment::None { level } => return Err(CannotAssign::NoPriorities { below: level }),
                    Assignment::Unknown(why) => return Err(CannotAssign::Unknown(why)),
                }
            }
            Self::LeastLaxity => {
                place(&mut system, &of_tasks, |_| 0);
                let order = Order::Laxity { quantum: common_duration(&system) };
                for (by, _) in &of_tasks {
                    let scheduling = &mut system.scheduling_contexts[by.index()];
                    (scheduling.order, scheduling.threshold) = (order, None);
                }
            }
            _ => {
                let level = place(&mut system, &of_tasks, |_| 0);
                for (by, _) in &of_tasks {
                    let scheduling = &mut system.scheduling_contexts[by.index()];
                    scheduling.order = Order::Deadline;
                    scheduling.threshold = (self == Self::NonPreemptiveDeadline).then_some(level);
                }
            }
        }
        raise_ceilings(&mut system);
        Ok(system)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The largest duration of which every one is a multiple.
fn common_duration(system: &System) -> Nanos {
    let mut common = 0u64;
    system.for_each_duration(|_, Nanos(duration)| {
        let mut other = duration;
        while other > 0 {
            (common, other) = (other, common % other);
        }
    });
    Nanos(common.max(1))
}

/// Every budget gets this server; tasks and servers that have deadlines, one priority.
fn serve(system: &mut System, server: Server) -> Result<(), CannotAssign> {
    if system.scheduling_contexts.iter().all(|scheduling| scheduling.budget.is_none()) {
        return Err(CannotAssign::NoBudget);
    }
    if server.has_a_deadline() {
        give_scheduling_contexts(system)?;
        let mut together = of_tasks(system);
        for (index, scheduling) in (0..=u8::MAX).zip(&system.scheduling_contexts) {
            let id = SchedulingContextId(index);
            if scheduling.budget.is_some() && together.iter().all(|(by, _)| *by != id) {
                together.push((id, Vec::new()));
            }
        }
        place(system, &together, |_| 0);
        for (by, _) in &together {
            let scheduling = &mut system.scheduling_contexts[by.index()];
            (scheduling.order, scheduling.threshold) = (Order::Deadline, None);
        }
        raise_ceilings(system);
    }
    for budget in system.scheduling_contexts.iter_mut().filter_map(|scheduling| scheduling.budget.as_mut()) {
        budget.server = server;
    }
    Ok(())
}

/// Every task gets a scheduling context, if it has none.
fn give_scheduling_contexts(system: &mut System) -> Result<(), CannotAssign> {
    let contexts = system.processes.iter_mut().flat_map(|process| &mut process.contexts);
    for context in contexts.filter(|context| context.task.is_some() && context.schedule.is_none()) {
        if system.scheduling_contexts.len() >= MAX_OF_A_KIND {
            return Err(CannotAssign::TooMany);
        }
        context.schedule = u8::try_from(system.scheduling_contexts.len()).ok().map(SchedulingContextId);
        let name = context.name.clone();
        system.scheduling_contexts.push(SchedulingContext { name, ..SchedulingContext::default() });
    }
    Ok(())
}

/// What tasks are scheduled by, each with its tasks, in the file's order of the first.
fn of_tasks(system: &System) -> Vec<(SchedulingContextId, Vec<Task>)> {
    let mut found: Vec<(SchedulingContextId, Vec<Task>)> = Vec::new();
    for context in system.processes.iter().flat_map(|process| &process.contexts) {
        let (Some(task), Some(by)) = (context.task, context.schedule) else { continue };
        match found.iter_mut().find(|(known, _)| *known == by) {
            Some((_, tasks)) => tasks.push(task),
            None => found.push((by, vec![task])),
        }
    }
    found
}

/// The less `key` is, of its most urgent task, the more urgent; then the earlier in the file.
fn assign_in_order(system: &mut System, of_tasks: &[(SchedulingContextId, Vec<Task>)], key: fn(&Task) -> Nanos) {
    let mut order: Vec<usize> = (0..of_tasks.len()).collect();
    order.sort_by_key(|index| of_tasks[*index].1.iter().map(key).min());
    let rank = |index: usize| order.iter().rev().position(|other| *other == index).unwrap_or(0);
    place(system, of_tasks, |index| u32::try_from(rank(index)).unwrap_or(u32::MAX));
    for (by, _) in of_tasks {
        let scheduling = &mut system.scheduling_contexts[by.index()];
        (scheduling.order, scheduling.threshold) = (Order::Readiness, None);
    }
}

/// Numbers all priorities anew: below, what is no task's; then the tasks by their `rank`; then what was above all tasks. Returns the least
/// of the tasks'.
fn place(system: &mut System, of_tasks: &[(SchedulingContextId, Vec<Task>)], rank: impl Fn(usize) -> u32) -> u32 {
    let is_a_task_s = |index: usize| of_tasks.iter().any(|(by, _)| by.index() == index);
    let most = of_tasks.iter().map(|(by, _)| system.scheduling_contexts[by.index()].priority).max().unwrap_or(0);
    let others = system.scheduling_contexts.iter().enumerate().filter(|(index, _)| !is_a_task_s(*index));
    let mut levels: Vec<u32> = others.map(|(_, scheduling)| scheduling.priority).collect();
    levels.sort_unstable();
    levels.dedup();
    let below = levels.iter().filter(|level| **level <= most).count() as u32;
    let ranks = (0..of_tasks.len()).map(|index| rank(index) + 1).max().unwrap_or(0);
    for (index, scheduling) in system.scheduling_contexts.iter_mut().enumerate() {
        if let Some(task) = of_tasks.iter().position(|(by, _)| by.index() == index) {
            scheduling.priority = below + rank(task);
            continue;
        }
        let level = levels.iter().position(|level| *level == scheduling.priority).unwrap_or(0) as u32;
        let priority = if level < below { level } else { level + ranks };
        // A threshold that nobody was above stays one.
        scheduling.threshold = scheduling.threshold.map(|threshold| if threshold > most { u32::MAX } else { priority });
        scheduling.priority = priority;
    }
    below
}

/// As high as whoever takes the lock, where there was a ceiling.
fn raise_ceilings(system: &mut System) {
    fn takes(program: &[Instruction], lock: usize) -> bool {
        program.iter().any(|instruction| match instruction {
            Instruction::Lock(taken) => taken.index() == lock,
            Instruction::Loop { body, .. } => takes(body, lock),
            Instruction::Choose(arms) => arms.iter().any(|arm| takes(arm, lock)),
            _ => false,
        })
    }
    for (index, lock) in system.locks.iter_mut().enumerate().filter(|(_, lock)| lock.ceiling.is_some()) {
        let contexts = system.processes.iter().flat_map(|process| &process.contexts);
        let takers = contexts.filter(|context| takes(&context.program, index)).filter_map(|context| context.schedule);
        lock.ceiling = takers.map(|by| system.scheduling_contexts[by.index()].priority).max().or(lock.ceiling);
    }
}
