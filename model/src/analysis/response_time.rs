//! Worst-case response times under preemptive fixed priorities on one core, with arbitrary deadlines and release jitter.
//!
//! Theorem: J. P. Lehoczky, *Fixed priority scheduling of periodic task sets with arbitrary deadlines*, RTSS 1990; with
//! jitter, K. Tindell, A. Burns, A. Wellings, *An extendible approach for analyzing fixed priority hard real-time tasks*,
//! Real-Time Systems 6, 1994. Job q (from 0) of the longest level-i busy period ends, counted from its start, at the least
//! fixed point of
//!
//! ```text
//! w(q) = B_i + (q + 1) C_i + Σ_{j ∈ hp(i)} ⌈(w(q) + J_j) / T_j⌉ C_j
//! ```
//!
//! where B_i is the declared bound of inversion (N. C. Audsley, A. Burns, M. Richardson, K. Tindell, A. J. Wellings, *Applying new scheduling theory
//! to static priority pre-emptive scheduling*, Software Engineering Journal 8(5), 1993), and responds J_i + w(q) − q T_i after its arrival; the busy period ends with the first q where w(q) ≤ (q + 1) T_i − J_i.
//! The worst response is the largest of these. Tasks of equal priority are counted as more urgent: a bound for any order
//! among them. Offsets are ignored, which is safe. A job that takes no time still waits until the core is free for it,
//! where the least fixed point would be 0: it is counted as one nanosecond.

use super::utilisation::{Load, load};
use crate::system::{Context, Instruction, Process, SchedulingContext, System};
use crate::units::Nanos;

/// What the analysis must know of one task. Times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// Its name.
    pub name: String,
    /// Worst-case execution time of one job.
    pub wcet: Nanos,
    /// Least time between arrivals, above 0.
    pub period: Nanos,
    /// Relative deadline.
    pub deadline: Nanos,
    /// Release jitter.
    pub jitter: Nanos,
    /// First arrival.
    pub offset: Nanos,
    /// How long one job waits at most while something less urgent has the core, as declared; beside what thresholds bring.
    pub blocking: Nanos,
    /// Larger is more urgent.
    pub priority: u32,
    /// Once begun, it keeps the core but for a priority above this; at least the priority.
    pub threshold: u32,
}

/// A bound on a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// This.
    Finite(Nanos),
    /// There is none: the busy period never ends.
    Unbounded,
    /// The iteration was given up, for this reason.
    Unknown(&'static str),
}

/// The responses of the jobs of the longest busy period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseTimes {
    jobs: Vec<Nanos>,
    worst: Bound,
}

impl ResponseTimes {
    /// The largest.
    pub fn worst(&self) -> Bound {
        self.worst
    }

    /// Each, in order.
    pub fn of_jobs(&self) -> &[Nanos] {
        &self.jobs
    }
}

/// At most so many jobs of a busy period are looked at.
const MAX_JOBS: usize = 1_000_000;
/// At most so many steps of all fixed-point iterations of a task.
const MAX_STEPS: u64 = 50_000_000;

/// The responses of task `index` of a set: with [thresholds](super::threshold_response), if some task has one.
pub fn response_times(tasks: &[Demand], index: usize) -> ResponseTimes {
    let mut jobs = Vec::new();
    let has_thresholds = tasks.iter().any(|task| task.threshold > task.priority);
    let of = if has_thresholds { super::threshold_response::responses } else { responses };
    let worst = of(tasks, index, &mut jobs);
    ResponseTimes { worst: worst.unwrap_or_else(|bound| bound), jobs }
}

fn responses(tasks: &[Demand], index: usize, jobs: &mut Vec<Nanos>) -> Result<Bound, Bound> {
    const OVERFLOW: Bound = Bound::Unknown("a time does not fit into 64 bits");
    let own = &tasks[index];
    let urgent: Vec<&Demand> = tasks
        .iter()
        .enumerate()
        .filter(|(other, task)| *other != index && task.priority >= own.priority)
        .map(|(_, task)| task)
        .collect();
    if load(urgent.iter().copied().chain([own])) == Load::Above {
        return Err(Bound::Unbounded);
    }
    let (period, jitter) = (u128::from(own.period.0), u128::from(own.jitter.0));
    let mut steps = 0u64;
    let mut window = 0u128;
    for job in 0..MAX_JOBS as u128 {
        let own_demand = u128::from(own.blocking.0) + (job + 1) * u128::from(own.wcet.0.max(1));
        window = window.max(own_demand);
        loop {
            let interference = urgent.iter().try_fold(0u128, |sum, task| {
                let releases = (window + u128::from(task.jitter.0)).div_ceil(u128::from(task.period.0));
                sum.checked_add(releases.checked_mul(u128::from(task.wcet.0))?)
            });
            let next = interference.and_then(|more| more.checked_add(own_demand)).ok_or(OVERFLOW)?;
            steps += 1;
            if steps > MAX_STEPS {
                return Err(Bound::Unknown("the fixed point was not reached in 50,000,000 steps"));
            }
            if next == window {
                break;
            }
            window = next;
        }
        let response = jitter + window - job * period;
        jobs.push(Nanos(u64::try_from(response).map_err(|_| OVERFLOW)?));
        if window + jitter <= (job + 1) * period {
            return Ok(Bound::Finite(jobs.iter().copied().max().unwrap_or_default()));
        }
    }
    Err(Bound::Unknown("the busy period has more than 1,000,000 jobs"))
}

/// Why a system has no bounds of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnalysable {
    /// A context has a budget, a program that is not only computing, or nothing that bounds its demand.
    #[error("`{context}`: {why}")]
    Context {
        /// Which context.
        context: String,
        /// What stands in the way.
        why: &'static str,
    },
}

/// The task set of a system, in the file's order. Contexts that are not tasks must be less urgent than every task: what
/// they do then never delays one. A process with tasks must exist at most once: each instance would bring its own demand.
///
/// # Errors
/// If some task or some context beside the tasks does not fit this analysis.
pub fn task_set(system: &System) -> Result<Vec<Demand>, NotAnalysable> {
    let tasks = tasks_of(system)?;
    let contexts = system.processes.iter().flat_map(|process| &process.contexts);
    let least = contexts.filter(|context| context.task.is_some()).map(|context| priority(system, context)).min();
    for process in &system.processes {
        for context in process.contexts.iter().filter(|context| context.task.is_none()) {
            let priority = priority(system, context);
            if least.is_some_and(|least| priority >= least) {
                return Err(NotAnalysable::Context {
                    context: task_name(system, process, &context.name),
                    why: "it is no task, and not less urgent than every task: nothing bounds how long it runs",
                });
            }
            if least.is_some_and(|least| keeps_the_core_from(system, context, least)) {
                return Err(NotAnalysable::Context { context: task_name(system, process, &context.name), why: BLOCKS });
            }
        }
    }
    Ok(tasks)
}

const BLOCKS: &str = "it is no task, and once it runs keeps the core from more urgent ones: nothing bounds how long";

/// Does a context, once dispatched, keep the core for some time from whoever has that priority, which is higher than its own?
fn keeps_the_core_from(system: &System, context: &Context, priority: Option<u32>) -> bool {
    let threshold = scheduling(system, context).and_then(|scheduling| scheduling.threshold);
    takes_time(&context.program) && priority.is_some() && threshold >= priority
}

fn scheduling<'s>(system: &'s System, context: &Context) -> Option<&'s SchedulingContext> {
    context.schedule.map(|id| &system.scheduling_contexts[id.index()])
}

/// Whoever has no scheduling context is below all others.
fn priority(system: &System, context: &Context) -> Option<u32> {
    scheduling(system, context).map(|scheduling| scheduling.priority)
}

/// The tasks of a system, if each is of the kind that this analysis covers.
fn tasks_of(system: &System) -> Result<Vec<Demand>, NotAnalysable> {
    let mut tasks = Vec::new();
    for process in &system.processes {
        for context in &process.contexts {
            let Some(task) = context.task else { continue };
            let name = task_name(system, process, &context.name);
            if !exists_at_most_once(system, process) {
                let why = "its process may have several instances, each with a demand of its own";
                return Err(NotAnalysable::Context { context: name, why });
            }
            if !system.modes.is_empty() {
                let why = "the system has modes, whose changes this analysis does not cover";
                return Err(NotAnalysable::Context { context: name, why });
            }
            if system.major_frame.is_some() {
                let why = "time is partitioned, which this analysis does not cover";
                return Err(NotAnalysable::Context { context: name, why });
            }
            if system.refill > Nanos(0) {
                let why = "after a switch it fills in again what the core keeps, which this analysis does not cover";
                return Err(NotAnalysable::Context { context: name, why });
            }
            let scheduling = scheduling(system, context);
            if scheduling.is_some_and(|scheduling| scheduling.budget.is_some()) {
                let why = "it runs on a budget, which this analysis does not cover";
                return Err(NotAnalysable::Context { context: name, why });
            }
            let Some(wcet) = computing(&context.program) else {
                let why = "a job does more than compute, or computes without end";
                return Err(NotAnalysable::Context { context: name, why });
            };
            let priority = priority(system, context).unwrap_or(0);
            tasks.push(Demand {
                name,
                wcet,
                period: task.period,
                deadline: task.deadline,
                jitter: task.jitter,
                offset: task.offset,
                blocking: scheduling.and_then(|scheduling| scheduling.inversion).unwrap_or_default(),
                priority,
                threshold: scheduling.and_then(|scheduling| scheduling.threshold).unwrap_or(priority),
            });
        }
    }
    Ok(tasks)
}

/// The response of an operation that takes at most `cost`, made once by a context that is no task: its own time, and every
/// job of the tasks that are not less urgent.
///
/// # Errors
/// If those tasks do not fit this analysis, or if another context that is no task, and takes time, is as urgent.
pub fn operation_response(system: &System, own: &Context, cost: Nanos) -> Result<Bound, NotAnalysable> {
    let urgency = priority(system, own);
    for process in &system.processes {
        let others = process.contexts.iter().filter(|other| other.task.is_none() && !std::ptr::eq(*other, own));
        for other in others.filter(|other| priority(system, other) >= urgency) {
            if takes_time(&other.program) {
                return Err(NotAnalysable::Context {
                    context: task_name(system, process, &other.name),
                    why: "it is no task, takes time, and is as urgent: nothing bounds how long it runs",
                });
            }
        }
        let others = process.contexts.iter().filter(|other| other.task.is_none() && !std::ptr::eq(*other, own));
        if let Some(other) = others.into_iter().find(|other| keeps_the_core_from(system, other, urgency)) {
            return Err(NotAnalysable::Context { context: task_name(system, process, &other.name), why: BLOCKS });
        }
    }
    let (context, priority) = (&own.name, urgency.unwrap_or(0));
    let mut tasks = tasks_of(system)?;
    // A period that no busy period reaches makes it one job.
    let (name, once) = (context.clone(), Nanos(u64::MAX));
    let threshold = scheduling(system, own).and_then(|scheduling| scheduling.threshold).unwrap_or(priority);
    let blocking = scheduling(system, own).and_then(|scheduling| scheduling.inversion).unwrap_or_default();
    let operation =
        Demand { name, wcet: cost, period: once, deadline: once, blocking, priority, threshold, ..Demand::default() };
    tasks.push(operation);
    Ok(response_times(&tasks, tasks.len() - 1).worst())
}

/// Is there at most one instance of the process? So it is if nobody creates it, or one instruction that is run at most
/// once does, in a process that nobody creates and in which no adversary can make a copy that runs it too.
fn exists_at_most_once(system: &System, process: &Process) -> bool {
    let of = |creator: &Process, created: &Process| {
        let programs = creator.contexts.iter().map(|context| creations(system, &context.program, created));
        programs.fold(0u64, u64::saturating_add)
    };
    let all =
        |created: &Process| system.processes.iter().map(|creator| of(creator, created)).fold(0u64, u64::saturating_add);
    match all(process) {
        0 => true,
        // An own fork would be the second instance. The program of a task is run once a job.
        1 => system.processes.iter().any(|creator| {
            !std::ptr::eq(creator, process)
                && of(creator, process) == 1
                && all(creator) == 0
                && creator.contexts.iter().all(|context| context.task.is_none() && !attacks(&context.program))
        }),
        _ => false,
    }
}

/// Is there an adversary in a list of instructions?
pub fn attacks(program: &[Instruction]) -> bool {
    program.iter().any(|instruction| match instruction {
        Instruction::Adversary { .. } => true,
        Instruction::Loop { body, .. } => attacks(body),
        Instruction::Choose(arms) => arms.iter().any(|arm| attacks(arm)),
        _ => false,
    })
}

/// How often a list of instructions creates the process, at most; the largest number there is, if without end.
fn creations(system: &System, program: &[Instruction], created: &Process) -> u64 {
    use Instruction::{Choose, Fork, Loop, Spawn};
    let one = |instruction: &Instruction| match instruction {
        Spawn { process, .. } | Fork(process) => {
            u64::from(system.processes.get(process.index()).is_some_and(|named| std::ptr::eq(named, created)))
        }
        Loop { times, body } => match creations(system, body, created) {
            0 => 0,
            each => times.map_or(u64::MAX, |times| each.saturating_mul(u64::from(times))),
        },
        Choose(arms) => arms.iter().map(|arm| creations(system, arm, created)).max().unwrap_or(0),
        _ => 0,
    };
    program.iter().map(one).fold(0, u64::saturating_add)
}

/// The name of a context among all: its own if that is the only one, otherwise with its process's.
pub fn task_name(system: &System, process: &Process, context: &str) -> String {
    let contexts = system.processes.iter().flat_map(|process| &process.contexts);
    if contexts.filter(|other| other.name == context).count() > 1 {
        format!("{}/{context}", process.name)
    } else {
        context.into()
    }
}

/// May the program keep the core for any time?
fn takes_time(program: &[crate::system::Instruction]) -> bool {
    use crate::system::Instruction::{Access, Allocate, Close, Compute, Detach, Exit, Open, Receive, Send, Wait};
    program.iter().any(|instruction| match instruction {
        Compute { wcet, .. } => wcet.0 > 0,
        Access { .. } | Allocate(_) | Close(_) | Detach | Exit | Open(_) | Receive(_) | Send(_) | Wait { .. } => false,
        _ => true,
    })
}

/// The longest time that a list of instructions computes, if computing is all it does.
fn computing(program: &[crate::system::Instruction]) -> Option<Nanos> {
    use crate::system::Instruction::{Choose, Compute, Loop};
    program.iter().try_fold(Nanos(0), |sum, instruction| {
        let more = match instruction {
            Compute { wcet, .. } => wcet.0,
            Loop { times: Some(times), body } => computing(body)?.0.checked_mul(u64::from(*times))?,
            Choose(arms) => arms.iter().map(|arm| computing(arm)).collect::<Option<Vec<_>>>()?.iter().max()?.0,
            _ => return None,
        };
        sum.0.checked_add(more).map(Nanos)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn set(tasks: &[(u64, u64, u64)]) -> Vec<Demand> {
        let demand = |(index, &(wcet, period, jitter)): (usize, &(u64, u64, u64))| Demand {
            name: index.to_string(),
            wcet: Nanos(wcet),
            period: Nanos(period),
            deadline: Nanos(period),
            jitter: Nanos(jitter),
            priority: u32::MAX - u32::try_from(index).unwrap(),
            threshold: u32::MAX - u32::try_from(index).unwrap(),
            ..Demand::default()
        };
        tasks.iter().enumerate().map(demand).collect()
    }

    fn worst(tasks: &[(u64, u64, u64)]) -> Vec<Bound> {
        let set = set(tasks);
        (0..set.len()).map(|index| response_times(&set, index).worst()).collect()
    }

    fn finite(bounds: &[u64]) -> Vec<Bound> {
        bounds.iter().map(|bound| Bound::Finite(Nanos(*bound))).collect()
    }

    /// Lehoczky 1990, the examples 2 and 3; the last set is of no known source, its responses recomputed.
    #[test]
    fn lehoczky_1990() {
        assert_eq!(worst(&[(52, 100, 0), (52, 140, 0)]), finite(&[52, 156]));
        assert_eq!(worst(&[(52, 140, 0), (52, 100, 0)]), finite(&[52, 108]));
        assert_eq!(worst(&[(26, 70, 0), (62, 100, 0)]), finite(&[26, 118]));
        assert_eq!(worst(&[(1, 4, 0), (1, 5, 0), (3, 9, 0), (3, 18, 0)]), finite(&[1, 2, 7, 18]));
    }

    #[test]
    fn jitter_lengthens_its_own_response_and_that_of_others() {
        assert_eq!(worst(&[(2, 10, 3), (4, 20, 0)]), finite(&[5, 6]));
        // A second job of the first falls into the window once the window reaches 10 − 3.
        assert_eq!(worst(&[(2, 10, 3), (6, 20, 0)]), finite(&[5, 10]));
    }

    #[test]
    fn a_job_that_takes_no_time_waits_for_the_core() {
        assert_eq!(worst(&[(2, 10, 0), (0, 20, 0)]), finite(&[2, 3]));
    }

    #[test]
    fn more_than_the_core_has_no_bound() {
        assert_eq!(worst(&[(1, 2, 0), (1, 3, 0), (1, 5, 0)]), [finite(&[1, 2]), vec![Bound::Unbounded]].concat());
        let full = worst(&[(1, 2, 0), (1, 2, 0)]);
        assert_eq!(full, finite(&[1, 2]));
    }

    /// A supervisor without a scheduling context runs `program`; the process it may create has a task of priority 0.
    fn supervised(program: Vec<crate::system::Instruction>) -> System {
        use crate::system::{
            Context, DomainId, EndsWithin, Instruction, KernelBounds, SchedulingContext, SchedulingContextId, Task,
        };
        let task = Task { period: Nanos(10), deadline: Nanos(10), offset: Nanos(0), jitter: Nanos(0) };
        let process = |name: &str, program, schedule, task| Process {
            name: name.into(),
            domain: DomainId(0),
            group: None,
            contexts: vec![Context { name: name.into(), schedule, program, task }],
        };
        let compute = vec![Instruction::Compute { bcet: Nanos(1), wcet: Nanos(2) }];
        System {
            name: String::new(),
            about: String::new(),
            domains: vec!["d".into()],
            flows: None,
            users: vec![],
            objects: vec![],
            job_groups: vec![],
            buffers: vec![],
            locks: vec![],
            modes: vec![],
            handles: vec![],
            processes: vec![
                process("supervisor", program, None, None),
                process("worker", compute, Some(SchedulingContextId(0)), Some(task)),
            ],
            scheduling_contexts: vec![SchedulingContext {
                name: "s".into(),
                priority: 0,
                ..SchedulingContext::default()
            }],
            major_frame: None,
            refill: Nanos(0),
            kernel_bounds: KernelBounds::default(),
            ends_within: EndsWithin::default(),
            tick: None,
            process_table: 4,
            expect: vec![],
        }
    }

    #[test]
    fn a_task_of_several_instances_is_not_one_demand() {
        use crate::system::ProcessId;
        let spawn = Instruction::Spawn { process: ProcessId(1), pass: vec![] };
        let again = |times| Instruction::Loop { times, body: vec![spawn.clone()] };
        let analysable = |program| task_set(&supervised(program)).is_ok();
        assert!(analysable(vec![]), "whoever has no scheduling context is less urgent than priority 0");
        assert!(analysable(vec![spawn.clone()]));
        assert!(analysable(vec![Instruction::Choose(vec![vec![spawn.clone()], vec![spawn.clone()]])]));
        assert!(!analysable(vec![spawn.clone(), spawn.clone()]));
        assert!(!analysable(vec![again(Some(2))]));
        assert!(!analysable(vec![again(None)]));
        // An adversary's copy would go on with the same program.
        assert!(!analysable(vec![Instruction::Adversary { depth: Some(1) }, spawn.clone()]));
        // A worker that copies itself.
        let mut twice = supervised(vec![]);
        twice.processes[1].contexts[0].program.push(Instruction::Fork(ProcessId(1)));
        assert!(task_set(&twice).is_err());
    }

    #[test]
    fn numbers_that_do_not_fit_are_no_bound() {
        let huge = u64::MAX;
        assert!(matches!(
            worst(&[(huge / 2, huge, huge), (huge / 2, huge, huge)])[1],
            Bound::Finite(_) | Bound::Unknown(_)
        ));
    }
}
