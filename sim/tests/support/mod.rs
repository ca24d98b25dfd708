//! Systems for tests, built by hand.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod random;
pub(crate) mod regular;
pub(crate) mod servers;

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{
    Budget, Context, DomainId, EndsWithin, Instruction, KernelBounds, Process, SchedulingContext, SchedulingContextId,
    Server, System, Task,
};
use lacuna_model::units::Nanos;

/// A task: times in any unit, one number each; the first of a list is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct T {
    pub(crate) bcet: u64,
    pub(crate) wcet: u64,
    pub(crate) period: u64,
    pub(crate) deadline: u64,
    pub(crate) offset: u64,
    pub(crate) jitter: u64,
    pub(crate) priority: u32,
    pub(crate) budget: Option<(u64, u64)>,
}

pub(crate) fn task(wcet: u64, period: u64) -> T {
    T { bcet: wcet, wcet, period, deadline: period, offset: 0, jitter: 0, priority: 0, budget: None }
}

/// Of a deferrable server.
pub(crate) fn budget(amount: u64, period: u64) -> Budget {
    Budget { amount: Nanos(amount), period: Nanos(period), server: Server::Deferrable }
}

/// Deadlines are periods, priorities in the order of the list.
pub(crate) fn rate_monotonic(tasks: &[(u64, u64)]) -> Vec<T> {
    let count = u32::try_from(tasks.len()).unwrap();
    (0..).zip(tasks).map(|(index, &(wcet, period))| T { priority: count - index, ..task(wcet, period) }).collect()
}

/// A system without anything in it.
pub(crate) fn empty() -> System {
    System {
        name: "test".into(),
        about: String::new(),
        domains: vec!["one".into(), "other".into()],
        flows: None,
        users: vec![],
        objects: vec![],
        job_groups: vec![],
        buffers: vec![],
        locks: vec![],
        modes: vec![],
        handles: vec![],
        processes: vec![],
        scheduling_contexts: vec![],
        major_frame: None,
        refill: Nanos(0),
        kernel_bounds: KernelBounds::default(),
        ends_within: EndsWithin::default(),
        tick: None,
        process_table: 1,
        expect: vec![],
    }
}

/// A process of one context for each task, named `t0`, `t1` and so on; a unit is so many nanoseconds.
pub(crate) fn task_set(tasks: &[T], unit: u64) -> System {
    let mut system = empty();
    for (index, task) in (0u8..).zip(tasks) {
        system.scheduling_contexts.push(SchedulingContext {
            name: format!("s{index}"),
            priority: task.priority,
            budget: task.budget.map(|(amount, period)| budget(amount * unit, period * unit)),
            ..SchedulingContext::default()
        });
        let context = Context {
            name: format!("t{index}"),
            schedule: Some(SchedulingContextId(index)),
            program: vec![Instruction::Compute { bcet: Nanos(task.bcet * unit), wcet: Nanos(task.wcet * unit) }],
            task: Some(Task {
                period: Nanos(task.period * unit),
                deadline: Nanos(task.deadline * unit),
                offset: Nanos(task.offset * unit),
                jitter: Nanos(task.jitter * unit),
            }),
        };
        system.processes.push(Process {
            name: format!("p{index}"),
            domain: DomainId(0),
            group: None,
            contexts: vec![context],
        });
    }
    system.process_table = u8::try_from(tasks.len()).unwrap().max(1);
    system
}

/// A context without a task: it computes so long, and ends.
pub(crate) fn hog(name: &str, schedule: u8, computes: u64) -> Context {
    Context {
        name: name.into(),
        schedule: Some(SchedulingContextId(schedule)),
        program: vec![Instruction::Compute { bcet: Nanos(computes), wcet: Nanos(computes) }],
        task: None,
    }
}

/// A process for each context; so many scheduling contexts without anything declared of them.
pub(crate) fn of_contexts(contexts: Vec<Context>, scheduling_contexts: u8) -> System {
    let mut system = empty();
    system.process_table = u8::try_from(contexts.len()).unwrap();
    for context in contexts {
        let (name, domain) = (context.name.clone(), DomainId(0));
        system.processes.push(Process { name, domain, group: None, contexts: vec![context] });
    }
    for index in 0..scheduling_contexts {
        let name = format!("s{index}");
        system.scheduling_contexts.push(SchedulingContext { name, ..SchedulingContext::default() });
    }
    system
}

pub(crate) fn objects(system: &System, profile: &Profile) -> Objects {
    Objects::new(system, profile).unwrap()
}
