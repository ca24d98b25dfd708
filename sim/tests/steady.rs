//! A run that repeats itself, counted without being run, is the run.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::sched::Sched;
use lacuna_model::sched::regular::With;
use lacuna_model::system::{
    Context, DomainId, Instruction, KernelBounds, Process, ProcessId, SchedulingContext, SchedulingContextId,
};
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Run, simulate};
use lacuna_sim::statistics::Summary;
use lacuna_sim::steady::Repetition;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use support::{T, rate_monotonic, task};

fn run(objects: &Objects, sched: impl Sched, (seed, draw): (u64, Draw), options: Options) -> Run {
    let mut resolver = Seeded::new(seed).executions(draw).jitters(draw);
    simulate(objects, sched, &mut resolver, &options).unwrap()
}

/// Both ways; and whether anything was saved.
fn agrees(objects: &Objects, seed: u64, draw: Draw, horizon: u64) -> Result<bool, TestCaseError> {
    agrees_under(objects, &FixedPriority::of(objects), (seed, draw), horizon)
}

fn agrees_under<S: Sched + Clone>(
    objects: &Objects,
    sched: &S,
    choices: (u64, Draw),
    horizon: u64,
) -> Result<bool, TestCaseError> {
    let whole = run(objects, sched.clone(), choices, Options::new(Nanos(horizon)));
    let short = run(objects, sched.clone(), choices, Options::new(Nanos(horizon)).extrapolate());
    let saved = short.summary.repeats.is_some();
    prop_assert_eq!(&Summary { repeats: None, ..short.summary }, &whole.summary);
    // The log is the beginning of the whole one, and says how much is not there.
    let records = short.log.records();
    prop_assert_eq!(records, &whole.log.records()[..records.len()]);
    prop_assert_eq!(records.len() as u64 + short.log.cut(), whole.log.records().len() as u64 + whole.log.cut());
    Ok(saved)
}

struct Agrees<'o> {
    objects: &'o Objects,
    choices: (u64, Draw),
    horizon: u64,
}

impl With for Agrees<'_> {
    type Outcome = Result<bool, TestCaseError>;

    fn with<S: Sched + Clone>(self, sched: S) -> Self::Outcome {
        agrees_under(self.objects, &sched, self.choices, self.horizon)
    }
}

fn draws() -> impl Strategy<Value = Draw> {
    prop_oneof![2 => Just(Draw::Most), 1 => Just(Draw::Least), 1 => Just(Draw::Uniform)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_counted_is_what_is_run(
        objects in support::random::objects(),
        by in proptest::sample::select(Policy::ALL.to_vec()),
        seed: u64,
        draw in draws(),
        horizon in 0u64..600,
    ) {
        let system = by.assign(objects.system()).unwrap_or_else(|_| objects.system().clone());
        agrees(&Objects::new(&system, objects.profile()).unwrap(), seed, draw, horizon)?;
    }

    #[test]
    fn what_is_counted_of_a_regular_system_is_what_is_run(
        objects in support::random::objects(),
        by in support::regular::any(),
        seed: u64,
        draw in draws(),
        horizon in 0u64..600,
    ) {
        by.give(Agrees { objects: &objects, choices: (seed, draw), horizon })?;
    }

    #[test]
    fn what_is_counted_of_servers_is_what_is_run(
        system in support::random::served(),
        seed: u64,
        draw in draws(),
        horizon in 0u64..3000,
    ) {
        agrees(&support::objects(&system, &Profile::ideal()), seed, draw, horizon)?;
    }
}

/// What the tests above are worth.
#[test]
fn many_runs_repeat_themselves() {
    let [mut runner, mut others] = [(); 2].map(|()| proptest::test_runner::TestRunner::deterministic());
    let (mut served, mut all, mut regular) = (0, 0, 0);
    for seed in 0..200 {
        let system = support::random::served().new_tree(&mut runner).unwrap().current();
        let objects = support::objects(&system, &Profile::ideal());
        served += u32::from(agrees(&objects, seed, Draw::Most, 3000).unwrap());
        let objects = support::random::objects().new_tree(&mut runner).unwrap().current();
        all += u32::from(agrees(&objects, seed, Draw::Most, 600).unwrap());
        let by = support::regular::any().new_tree(&mut others).unwrap().current();
        regular += u32::from(by.give(Agrees { objects: &objects, choices: (seed, Draw::Most), horizon: 600 }).unwrap());
    }
    assert!(served > 60 && all > 10 && regular > 10, "{served}, {all} and {regular} of 200");
}

/// A supervisor that creates a worker and kills it, over and over: creations are counted, and jobs that end with their process.
#[test]
fn processes_that_come_and_go_repeat_themselves() {
    let mut system = support::task_set(&[T { deadline: 7, priority: 1, ..task(3, 7) }], 1);
    let by = SchedulingContext { name: "supervisor".into(), priority: 2, ..SchedulingContext::default() };
    system.scheduling_contexts.push(by);
    let round = vec![
        Instruction::Spawn { process: ProcessId(0), pass: vec![] },
        // Where it is forked, it gets to its program only when the supervisor waits.
        Instruction::Loop { times: Some(20), body: vec![Instruction::Compute { bcet: Nanos(1), wcet: Nanos(1) }] },
        Instruction::Wait { process: ProcessId(0), until: Some(Nanos(10)) },
        Instruction::KillProcess(ProcessId(0)),
        Instruction::Wait { process: ProcessId(0), until: None },
        Instruction::Compute { bcet: Nanos(1), wcet: Nanos(1) },
    ];
    let program = vec![Instruction::Loop { times: None, body: round }];
    let context = Context { name: "main".into(), schedule: Some(SchedulingContextId(1)), program, task: None };
    let supervisor = Process { name: "s".into(), domain: DomainId(0), group: None, contexts: vec![context] };
    system.processes.push(supervisor);
    system.kernel_bounds = KernelBounds { spawn: Nanos(2), ..KernelBounds::default() };
    system.process_table = 3;
    for profile in [Profile::ideal(), Profile::linux()] {
        let objects = support::objects(&system, &profile);
        // Wherever in a round it ends.
        for horizon in 1000..1040 {
            assert!(agrees(&objects, 0, Draw::Most, horizon).unwrap(), "{}", profile.name);
        }
        let summary =
            run(&objects, FixedPriority::of(&objects), (0, Draw::Most), Options::new(Nanos(1000)).extrapolate())
                .summary;
        assert!(summary.spawns[0].count > 20 && summary.contexts[0].finished > 50, "{summary:?}");
    }
    // Of the jobs of a worker, at 0 and at 7, the second has had 3 of its 4 when the worker is killed at 10, before its deadline.
    system.processes[0].contexts[0].program = vec![Instruction::Compute { bcet: Nanos(4), wcet: Nanos(4) }];
    let objects = support::objects(&system, &Profile::ideal());
    assert!(agrees(&objects, 0, Draw::Most, 1000).unwrap());
    let summary =
        run(&objects, FixedPriority::of(&objects), (0, Draw::Most), Options::new(Nanos(1000)).extrapolate()).summary;
    assert!(summary.contexts[0].abandoned > 20, "{summary:?}");
}

/// 36 is the least that 4, 9 and 12 have in common.
#[test]
fn a_set_of_tasks_repeats_itself_every_hyperperiod() {
    let set = rate_monotonic(&[(1, 4), (2, 9), (4, 12)]);
    let objects = support::objects(&support::task_set(&set, 1), &Profile::ideal());
    let horizon = 1_000_000_000_000_000_000;
    let summary =
        run(&objects, FixedPriority::of(&objects), (0, Draw::Most), Options::new(Nanos(horizon)).extrapolate()).summary;
    let Some(Repetition { every_ns, times, from_ns }) = summary.repeats else { panic!("{summary:?}") };
    assert_eq!(every_ns % 36, 0, "{every_ns}");
    assert!(every_ns <= 2 * 36 && from_ns <= 4 * 36 && times > horizon / 144, "{summary:?}");
    assert_eq!(
        summary.contexts.iter().map(|context| context.jobs).collect::<Vec<_>>(),
        [horizon.div_ceil(4), horizon.div_ceil(9), horizon.div_ceil(12)]
    );
    // By hand, from their arrivals together: 1; 1 + 2; 1 + 2 + 1 (of 4 to 5) + 4 = 8.
    assert_eq!(summary.contexts[2].response_ns.unwrap().max, 8);
}

#[test]
fn what_is_drawn_does_not_repeat_itself() {
    let set = [T { bcet: 1, priority: 2, ..task(2, 4) }, T { priority: 1, ..task(1, 4) }];
    let repeats = |set: &[T], draw| {
        let objects = support::objects(&support::task_set(set, 1), &Profile::ideal());
        run(&objects, FixedPriority::of(&objects), (0, draw), Options::new(Nanos(10_000)).extrapolate())
            .summary
            .repeats
            .is_some()
    };
    assert!(repeats(&set, Draw::Most) && !repeats(&set, Draw::Uniform));
    // Which of two equal ones goes first is drawn, every time.
    let tie = [T { priority: 1, ..task(1, 4) }; 2];
    assert!(!repeats(&tie, Draw::Most));
    // More waits with every job.
    assert!(!repeats(&[task(5, 4)], Draw::Most));
}
