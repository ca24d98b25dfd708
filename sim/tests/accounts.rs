//! What is counted of small runs whose course is plain: misses, ends, kills, creations; ties; limits.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::evidence::SimVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::profile::{Kill, Profile};
use lacuna_model::relation::{Label, Offer};
use lacuna_model::sched::SchedStep;
use lacuna_model::system::{
    Attachment, Buffer, By, Context, DomainId, Effect, GroupId, Instruction, JobGroup, KernelBounds, Order, Process,
    ProcessId, SchedulingContext, SchedulingContextId, System, When,
};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::durations::Quantiles;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::{Draw, Resolver, Seeded};
use lacuna_sim::safety::observe;
use lacuna_sim::simulation::{Options, Run, SimulationError, simulate};
use lacuna_sim::statistics::OperationSummary;
use support::{T, rate_monotonic, task};

fn compute(time: u64) -> Instruction {
    Instruction::Compute { bcet: Nanos(time), wcet: Nanos(time) }
}

fn try_run(system: &System, profile: &Profile, options: Options) -> Result<Run, SimulationError> {
    let objects = support::objects(system, profile);
    let policy = FixedPriority::new(&system.scheduling_contexts);
    simulate(&objects, policy, &mut Seeded::new(1).executions(Draw::Most), &options)
}

fn run(system: &System, profile: &Profile, horizon: u64) -> Run {
    try_run(system, profile, Options::new(Nanos(horizon))).unwrap()
}

fn of_tasks(tasks: &[T], horizon: u64) -> Run {
    run(&support::task_set(tasks, 1), &Profile::ideal(), horizon)
}

/// A process of that program, scheduled by the scheduling context of its number; its name is `name`.
fn process(index: u8, name: &str, group: Option<GroupId>, program: Vec<Instruction>) -> Process {
    let schedule = Some(SchedulingContextId(index));
    let context = Context { name: "main".into(), schedule, program, task: None };
    Process { name: name.into(), domain: DomainId(0), group, contexts: vec![context] }
}

#[test]
fn a_response_of_exactly_the_deadline_is_in_time() {
    let set = [T { deadline: 3, ..task(3, 10) }];
    assert_eq!(of_tasks(&set, 100).summary.contexts[0].missed, 0);
    let set = [T { deadline: 2, ..task(3, 10) }];
    let late = of_tasks(&set, 100).summary.contexts[0].clone();
    assert_eq!((late.jobs, late.missed, late.finished), (10, 10, 10));
    assert_eq!(late.verdict, SimVerdict::Missed { job: 0, released_ns: 0 });
}

#[test]
fn a_job_that_never_ends_misses_its_deadline() {
    // The first takes all there is.
    let run = of_tasks(&rate_monotonic(&[(10, 10), (1, 30)]), 100);
    let starved = &run.summary.contexts[1];
    // Arrived at 0, 30, 60 and 90; the deadline of the last is beyond the horizon.
    assert_eq!((starved.jobs, starved.missed, starved.finished), (4, 3, 0));
    assert_eq!(starved.response_ns, None);
    // The first is due at 30, and still waits at 100.
    assert_eq!(starved.tardiness_ns, 70);
    assert_eq!(run.summary.contexts[0].tardiness_ns, 0);
    // A deadline at the horizon itself is not within the run, and a nanosecond later it is.
    assert_eq!(of_tasks(&rate_monotonic(&[(10, 10), (1, 30)]), 120).summary.contexts[1].missed, 3);
    assert_eq!(of_tasks(&rate_monotonic(&[(10, 10), (1, 30)]), 121).summary.contexts[1].missed, 4);
}

/// A job of no time gets the core when the other gives it up: at 10, when it is due. That is in time, wherever the run ends.
#[test]
fn a_job_of_no_time_is_not_missed_at_the_horizon() {
    let set = [T { priority: 1, ..task(10, 20) }, T { deadline: 10, ..task(0, 20) }];
    for (horizon, finished) in [(9, 0), (10, 0), (11, 1), (20, 1), (31, 2)] {
        let context = of_tasks(&set, horizon).summary.contexts[1].clone();
        assert_eq!((context.missed, context.finished), (0, finished), "{horizon}");
    }
}

#[test]
fn a_task_of_which_no_job_ended_held_nothing() {
    let verdict = |horizon| of_tasks(&[task(4, 10)], horizon).summary.contexts[0].verdict.clone();
    assert_eq!(verdict(3), SimVerdict::Vacuous);
    assert_eq!(verdict(4), SimVerdict::Held);
    // Starved beyond its deadline is no lack of jobs.
    let starved = of_tasks(&rate_monotonic(&[(10, 10), (1, 30)]), 31).summary.contexts[1].clone();
    assert_eq!((starved.finished, starved.verdict), (0, SimVerdict::Missed { job: 0, released_ns: 0 }));
}

#[test]
fn a_run_covers_the_time_before_its_horizon() {
    let only = |horizon| of_tasks(&[task(4, 10)], horizon).summary.contexts[0].clone();
    let counts = |horizon| (only(horizon).jobs, only(horizon).finished);
    assert_eq!(counts(10), (1, 1));
    assert_eq!(counts(11), (2, 1));
    assert_eq!(counts(14), (2, 2), "what is complete at the horizon has ended");
    assert_eq!(counts(0), (0, 0));
}

#[test]
fn an_overload_is_kept_account_of_job_by_job() {
    // Three units every two: job k ends at 3 (k + 1) and arrived at 2 k.
    let run = of_tasks(&[T { deadline: 5, ..task(3, 2) }], 30);
    let context = &run.summary.contexts[0];
    assert_eq!((context.jobs, context.finished), (15, 10));
    assert_eq!(context.response_ns, Some(Quantiles { min: 3, p50: 7, p99: 12, max: 12 }));
    // Job k ends k − 2 after its deadline, and job 9 is the last that ends; those after it are late by less until the end of the run.
    assert_eq!(context.tardiness_ns, 7);
    // Jobs 3 to 12: those that ended late, and those unfinished at the horizon with deadlines up to 29.
    assert_eq!((context.missed, context.verdict.clone()), (10, SimVerdict::Missed { job: 3, released_ns: 6 }));
}

#[test]
fn jobs_of_a_killed_process_are_missed_or_abandoned() {
    let mut system = support::task_set(&[T { deadline: 6, priority: 1, ..task(100, 4) }], 1);
    system.job_groups.push(JobGroup { name: "job".into(), processes: None, memory: None });
    system.processes[0].group = Some(GroupId(0));
    system.scheduling_contexts.push(SchedulingContext {
        name: "killer".into(),
        priority: 2,
        ..SchedulingContext::default()
    });
    system.processes.push(process(1, "killer", None, vec![wait(14), Instruction::Kill(GroupId(0))]));
    system.processes.push(process(1, "never", None, vec![]));
    system.process_table = 3;
    // The killer waits 15 for a child that it does not have yet: give it one that never ends.
    system.processes[1].contexts[0].program.insert(0, spawn(2));
    system.processes[2].contexts[0].program = vec![forever()];
    system.processes[2].contexts[0].schedule = None;
    let run = run(&system, &Profile::ideal(), 100);
    let killed = &run.summary.contexts[0];
    // Arrivals at 0, 4, 8, 12; at 14 the deadlines 6 and 10 have passed, 14 and 18 have not.
    assert_eq!((killed.jobs, killed.missed, killed.abandoned, killed.finished), (4, 2, 2, 0));
}

/// Nothing but the message ends the process, and nothing ends afterwards.
#[test]
fn jobs_of_a_process_that_a_message_ends_are_missed_or_abandoned() {
    for when in [When::Deferred, When::Immediate] {
        let mut system = support::task_set(&[T { deadline: 6, priority: 1, ..task(100, 4) }], 1);
        system.buffers.push(Buffer {
            name: "cancel".into(),
            capacity: 1,
            overflow: lacuna_model::system::Overflow::Coalesce,
            when,
            by: By::Automatic,
            effect: Effect::Terminate,
            send: vec![DomainId(0)],
            attachments: vec![Attachment { process: ProcessId(0), backlog: Nanos(0) }],
            ..Buffer::default()
        });
        system.handles.push("cancel".into());
        let scheduling = SchedulingContext { name: "killer".into(), priority: 2, ..SchedulingContext::default() };
        system.scheduling_contexts.push(scheduling);
        let send = Instruction::Send(lacuna_model::system::BufferId(0));
        system.processes.push(process(1, "killer", None, vec![compute(14), send, forever()]));
        system.process_table = 2;
        // It must run to be told: the deferred message waits for the killer to end.
        if when == When::Deferred {
            system.processes[1].contexts[0].program.truncate(2);
        }
        let run = run(&system, &Profile::ideal(), 100);
        let killed = &run.summary.contexts[0];
        assert_eq!((killed.jobs, killed.missed, killed.abandoned, killed.finished), (4, 2, 2, 0), "{when:?}");
    }
}

fn forever() -> Instruction {
    Instruction::Loop { times: None, body: vec![compute(1)] }
}

fn spawn(process: u8) -> Instruction {
    Instruction::Spawn { process: ProcessId(process), pass: vec![] }
}

fn wait(until: u64) -> Instruction {
    Instruction::Wait { process: ProcessId(2), until: Some(Nanos(until)) }
}

/// A supervisor spawns a builder, which never ends; waits for it; kills its group.
fn supervised() -> System {
    let mut system = support::empty();
    system.job_groups.push(JobGroup { name: "job".into(), processes: None, memory: None });
    for (index, priority) in [(0, 2), (1, 1)] {
        system.scheduling_contexts.push(SchedulingContext {
            name: format!("s{index}"),
            priority,
            ..SchedulingContext::default()
        });
    }
    let wait = Instruction::Wait { process: ProcessId(1), until: Some(Nanos(20)) };
    system.processes = vec![
        process(0, "supervisor", None, vec![spawn(1), wait, Instruction::Kill(GroupId(0))]),
        process(1, "builder", Some(GroupId(0)), vec![forever()]),
    ];
    system.kernel_bounds = KernelBounds { spawn: Nanos(3), kill_group: Nanos(7), ..KernelBounds::default() };
    system.process_table = 4;
    system
}

fn operation(name: &str, duration: u64) -> Vec<OperationSummary> {
    let all = Quantiles { min: duration, p50: duration, p99: duration, max: duration };
    vec![OperationSummary { name: name.into(), count: 1, duration_ns: Some(all) }]
}

#[test]
fn kills_and_creations_are_timed() {
    let walking = Profile { kill: Kill::Walk, ..Profile::linux() };
    for profile in [Profile::ideal(), Profile::linux(), walking] {
        let run = run(&supervised(), &profile, 100);
        assert_eq!(run.summary.spawns, operation("builder", 3), "{}", profile.name);
        assert_eq!(run.summary.kills, operation("job", 7), "{}", profile.name);
        // Created at 3, waited for until 23, killed at 30: nothing is left to happen.
        assert_eq!(run.summary.quiescent_at_ns, Some(30), "{}", profile.name);
    }
}

/// A child of the builder leaves the process group before the group is killed, and is killed on no kernel that tracks by
/// that.
#[test]
fn a_violation_is_seen_at_its_step() {
    let mut system = supervised();
    let wait = Instruction::Wait { process: ProcessId(2), until: None };
    system.processes[1].contexts[0].program = vec![Instruction::Fork(ProcessId(2)), wait];
    system.processes.push(process(1, "daemon", None, vec![Instruction::Detach, forever()]));
    let observed = |profile: &Profile| {
        let run = run(&system, profile, 100);
        let all = observe(&support::objects(&system, profile), &run.log);
        all.into_iter().find(|observed| observed.id == GuaranteeId::G4).unwrap()
    };
    let ideal = observed(&Profile::ideal());
    assert_eq!((ideal.triggered, ideal.violation), (1, None));
    let seen = observed(&Profile::linux()).violation.unwrap();
    // The kill returns at 30; it goes on, and its next computation, of 1, ends at 31.
    assert_eq!((seen.at_ns, seen.step.as_str()), (31, "daemon/main computes"));
}

#[test]
fn a_creation_lasts_until_the_new_program_runs() {
    // A supervisor of the same priority goes on after its fork; the child gets the core when the wait begins.
    let mut system = supervised();
    system.processes[0].contexts[0].program.insert(1, compute(5));
    let run = run(&system, &Profile::linux(), 100);
    assert_eq!(run.summary.spawns, operation("builder", 3 + 5));
}

#[test]
fn no_progress_is_an_error() {
    let mut system = support::empty();
    let body = vec![Instruction::Detach];
    system.processes = vec![process(0, "p", None, vec![compute(4), Instruction::Loop { times: None, body }])];
    system.scheduling_contexts.push(SchedulingContext {
        name: "s".into(),
        priority: 1,
        ..SchedulingContext::default()
    });
    let error = try_run(&system, &Profile::ideal(), Options::new(Nanos(100))).unwrap_err();
    assert_eq!(error, SimulationError::Zeno { context: "p/main".into(), at: Nanos(4) });
}

#[test]
fn limits_are_reported() {
    let system = support::task_set(&[task(1, 2)], 1);
    let all = try_run(&system, &Profile::ideal(), Options::new(Nanos(100))).unwrap();
    let some = try_run(&system, &Profile::ideal(), Options::new(Nanos(100)).keep(30)).unwrap();
    assert_eq!((all.log.cut(), all.log.covers()), (0, Nanos(100)));
    assert_eq!(some.log.records(), &all.log.records()[..30]);
    assert_eq!(some.log.cut(), all.log.records().len() as u64 - 30);
    assert_eq!(some.log.covers(), some.log.records()[29].end());
    assert_eq!(some.summary, all.summary, "the log's limit cuts nothing else");

    let short = Options { labels: 10, ..Options::new(Nanos(100)) };
    let error = try_run(&system, &Profile::ideal(), short).unwrap_err();
    assert!(matches!(error, SimulationError::TooLong { limit: 10, .. }));
}

/// Takes the first offer, at its worst; or what was not offered.
struct Stubborn {
    wrong: bool,
}

impl Resolver for Stubborn {
    fn resolve(&mut self, offers: &[Offer]) -> Label {
        match self.wrong {
            true => Label::Time(TimeStep::Release(7)),
            false => Seeded::new(0).executions(Draw::Most).resolve(&offers[..1]),
        }
    }
}

#[test]
fn a_resolver_chooses_among_what_is_offered() {
    let system = support::task_set(&[task(1, 2)], 1);
    let objects = support::objects(&system, &Profile::ideal());
    let run = |wrong| {
        let policy = FixedPriority::new(&system.scheduling_contexts);
        simulate(&objects, policy, &mut Stubborn { wrong }, &Options::new(Nanos(10)))
    };
    assert_eq!(run(false).unwrap().summary.contexts[0].finished, 5);
    assert_eq!(run(true).unwrap_err(), SimulationError::NotOffered { at: Nanos(0) });
}

/// Whoever gets the core, in order.
fn dispatches(run: &Run) -> Vec<u16> {
    let of = |label| match label {
        Label::Sched(SchedStep::Dispatch(context)) => Some(context),
        _ => None,
    };
    run.log.records().iter().filter_map(|record| of(record.label)).collect()
}

#[test]
fn among_equals_whoever_was_ready_first_goes_first_and_keeps_the_core() {
    let at = |offset, wcet| T { offset, priority: 1, ..task(wcet, 1000) };
    // Ready at 0, 2 and 1; none takes the core from another.
    assert_eq!(dispatches(&of_tasks(&[at(0, 5), at(2, 5), at(1, 5)], 100)), [0, 2, 1]);
    // A more urgent one at 3: the preempted goes on before those that came later.
    let urgent = T { priority: 2, ..at(3, 4) };
    let run = of_tasks(&[at(0, 5), at(2, 5), at(1, 5), urgent], 100);
    assert_eq!(dispatches(&run), [0, 3, 0, 2, 1]);
    assert_eq!((run.summary.switches, run.summary.preemptions), (5, 1));
}

/// Two jobs of 4 that are due at 10: the one that waits has less laxity as soon as it has waited for one, and each then has the core for two, until one has
/// ended. In quanta of 4 that is at 2, with four left, and not again before the first has ended.
#[test]
fn equal_laxities_take_turns() {
    let jobs = [T { deadline: 10, priority: 1, ..task(4, 100) }, T { deadline: 10, priority: 1, ..task(4, 100) }];
    let course = |quantum: u64| {
        let mut system = support::task_set(&jobs, 1);
        for scheduling in &mut system.scheduling_contexts {
            scheduling.order = Order::Laxity { quantum: Nanos(quantum) };
        }
        let run = run(&system, &Profile::ideal(), 100);
        let mut responses: Vec<u64> =
            run.summary.contexts.iter().map(|context| context.response_ns.unwrap().max).collect();
        responses.sort_unstable();
        (run.summary.switches, responses)
    };
    // 0 to 1, 1 to 3, 3 to 5, 5 to 7, 7 to 8.
    assert_eq!(course(1), (5, vec![7, 8]));
    assert_eq!(course(4), (3, vec![6, 8]));
}

#[test]
fn those_that_are_ready_at_the_same_instant_are_a_tie() {
    let equal = T { priority: 1, ..task(1, 1000) };
    let system = support::task_set(&[equal; 2], 1);
    let objects = support::objects(&system, &Profile::ideal());
    let first = |seed| {
        let policy = FixedPriority::new(&system.scheduling_contexts);
        let run = simulate(&objects, policy, &mut Seeded::new(seed), &Options::new(Nanos(10))).unwrap();
        dispatches(&run)[0]
    };
    let firsts: std::collections::BTreeSet<_> = (0..20).map(first).collect();
    assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [0, 1]);
}

/// A deferrable server keeps its budget while it is unused: twice the amount around a refill, never more in a period.
#[test]
fn a_budget_is_kept_and_refilled_at_multiples_of_its_period() {
    let served = T { offset: 6, budget: Some((3, 9)), priority: 2, ..task(7, 100) };
    let other = T { priority: 1, ..task(50, 100) };
    let run = of_tasks(&[served, other], 100);
    let responses: Vec<_> = run.summary.contexts.iter().map(|context| context.response_ns.unwrap().max).collect();
    // 6 to 9, refilled at 9: 9 to 12; refilled at 18: 18 to 19.
    assert_eq!(responses, [19 - 6, 57]);
    // The other begins at 0, and loses the core at 6 and at 18; between 6 and 12 nobody else has it.
    assert_eq!((run.summary.switches, run.summary.preemptions), (5, 3));
}

#[test]
fn whoever_has_no_scheduling_context_is_below_all_others() {
    let mut system = support::task_set(&[T { priority: 0, ..task(3, 10) }, task(2, 10)], 1);
    system.processes[1].contexts[0].schedule = None;
    let run = run(&system, &Profile::ideal(), 100);
    let responses: Vec<_> = run.summary.contexts.iter().map(|context| context.response_ns.unwrap().max).collect();
    assert_eq!(responses, [3, 5]);
}
