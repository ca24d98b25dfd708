//! The analysis and the simulator beside others, in one run, as a table with ratios: `cargo bench -p lacuna-sim --bench peers`.
//!
//! - The crate response-time-analysis (B. Brandenburg): response times of 1000 sets of 20 tasks under fixed priorities, and whether 1000 other
//!   sets meet their deadlines under earliest deadline first. Both say the same of every task and every set, or the bench fails.
//! - SimSo (M. Chéramy and others, from PyPI), if a Python has it: `PYTHON=python3`, or another. The set of the bench `jobs`; the worst
//!   responses are the same. It simulates fewer seconds, for it takes longer; the jobs a second are compared.
//!
//! Of several rounds, in turn, the fastest is shown. Compare by ratio within one run, machines differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use lacuna_model::analysis::processor_demand::{DemandVerdict, Preemption, processor_demand};
use lacuna_model::analysis::response_time::{Bound, Demand};
use lacuna_model::analysis::worst_responses::worst_responses;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::sched::FixedPriority;
use lacuna_model::sweep::{Deadlines, Sweep, Test};
use lacuna_model::units::Nanos;
use lacuna_sim::generate::task_set;
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, simulate};
use lacuna_sim::statistics::Summary;
use lacuna_sim::task_set::TaskSet;
use response_time_analysis::arrival::Sporadic;
use response_time_analysis::demand::RBF;
use response_time_analysis::edf::fully_preemptive as edf;
use response_time_analysis::fixed_priority::fully_preemptive as fixed_priority;
use response_time_analysis::time::Service;
use response_time_analysis::wcet::Scalar;

#[path = "../tests/support/mod.rs"]
mod support;

const ROUNDS: usize = 5;
const SETS: u32 = 1000;
/// The crate gives up beyond; no busy period here is as long.
const FOREVER: u64 = 1 << 50;
const MILLISECOND: u64 = 1_000_000;

/// Sets of 20 tasks, with periods from 10 ms to 1 s.
fn sets(utilisation: u8, deadlines: Deadlines) -> Vec<Vec<Demand>> {
    let sweep = Sweep {
        name: String::new(),
        about: String::new(),
        tasks: 20,
        sets: SETS,
        utilisations: vec![utilisation],
        periods: (Nanos(10 * MILLISECOND), Nanos(1000 * MILLISECOND)),
        deadlines,
        tests: vec![Test::RateMonotonic],
        seed: 1,
    };
    (0..SETS).map(|number| task_set(&sweep, 0, number)).collect()
}

/// Rate monotonic, the most urgent first; all periods are different, as good as always.
fn prioritised(mut tasks: Vec<Demand>) -> Vec<Demand> {
    tasks.sort_by_key(|task| task.period);
    for (priority, task) in (0..).zip(tasks.iter_mut().rev()) {
        (task.priority, task.threshold) = (priority, priority);
    }
    tasks
}

type Rbf = RBF<Sporadic, Scalar>;

fn request_bound(task: &Demand) -> Rbf {
    RBF::new(Sporadic::new_zero_jitter(task.period.0.into()), Scalar::new(Service::from(task.wcet.0)))
}

fn own_responses(tasks: &[Demand]) -> Vec<Option<u64>> {
    let response = |bound| match bound {
        Bound::Finite(Nanos(response)) => Some(response),
        Bound::Unbounded | Bound::Unknown(_) => None,
    };
    worst_responses(tasks).into_iter().map(response).collect()
}

fn crate_responses(tasks: &[Rbf]) -> Vec<Option<u64>> {
    let response = |index: usize| {
        let found = fixed_priority::dedicated_uniproc_rta(&tasks[index], &tasks[..index], FOREVER.into());
        found.ok().map(u64::from)
    };
    (0..tasks.len()).map(response).collect()
}

fn own_meets(tasks: &[Demand]) -> bool {
    processor_demand(tasks, Preemption::Preemptive).verdict == DemandVerdict::Met
}

fn task((rbf, deadline): &(Rbf, u64)) -> edf::Task<'_, Rbf> {
    edf::Task { rbf, deadline: (*deadline).into() }
}

fn crate_meets(tasks: &[(Rbf, u64)]) -> bool {
    (0..tasks.len()).all(|index| {
        let others: Vec<_> =
            tasks.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| task(other)).collect();
        let response = edf::dedicated_uniproc_rta(&task(&tasks[index]), &others, FOREVER.into());
        response.is_ok_and(|response| u64::from(response) <= tasks[index].1)
    })
}

/// The fastest of several rounds of each, in turn.
fn fastest<'a>(rounds: usize, own: &'a mut dyn FnMut(), other: &'a mut dyn FnMut()) -> [Duration; 2] {
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..rounds {
        for (best, run) in fastest.iter_mut().zip([&mut *own, &mut *other]) {
            let begin = Instant::now();
            run();
            *best = begin.elapsed().min(*best);
        }
    }
    fastest
}

fn row(what: &str, [own, other]: [Duration; 2], wanted: f64) {
    let ratio = other.as_secs_f64() / own.as_secs_f64();
    println!("{what:<52} {own:>10.2?} {other:>10.2?} {ratio:>8.1} x   ({wanted} x wanted)");
}

fn analyses() {
    println!("{:<52} {:>10} {:>10}", "", "here", "the crate");
    let tasks: Vec<Vec<Demand>> = sets(85, Deadlines::Implicit).into_iter().map(prioritised).collect();
    let bounds: Vec<Vec<Rbf>> = tasks.iter().map(|tasks| tasks.iter().map(request_bound).collect()).collect();
    let mut finite = 0;
    for (tasks, bounds) in tasks.iter().zip(&bounds) {
        let own = own_responses(tasks);
        assert_eq!(own, crate_responses(bounds));
        finite += own.iter().flatten().count();
    }
    println!("the same response of all {finite} tasks");
    let times =
        fastest(ROUNDS, &mut || tasks.iter().for_each(|tasks| drop(black_box(own_responses(tasks)))), &mut || {
            bounds.iter().for_each(|bounds| drop(black_box(crate_responses(bounds))))
        });
    row("fixed priorities, 1000 sets of 20 tasks", times, 2.0);

    let tasks = sets(85, Deadlines::Constrained);
    let bounds: Vec<Vec<(Rbf, u64)>> =
        tasks.iter().map(|tasks| tasks.iter().map(|task| (request_bound(task), task.deadline.0)).collect()).collect();
    let mut met = 0;
    for (tasks, bounds) in tasks.iter().zip(&bounds) {
        let own = own_meets(tasks);
        assert_eq!(own, crate_meets(bounds));
        met += u32::from(own);
    }
    println!("the same verdict of all {SETS} sets, {met} of which meet their deadlines");
    let times = fastest(ROUNDS, &mut || tasks.iter().for_each(|tasks| _ = black_box(own_meets(tasks))), &mut || {
        bounds.iter().for_each(|bounds| _ = black_box(crate_meets(bounds)))
    });
    row("earliest deadline first, 1000 verdicts", times, 50.0);
}

/// Milliseconds; each takes 9.5 % of the core.
const PERIODS: [u64; 10] = [4, 5, 8, 10, 20, 25, 40, 50, 80, 100];

const SIMSO: &str = r#"
import sys, time
from simso.core import Model
from simso.configuration import Configuration
conf = Configuration()
conf.duration = int(sys.argv[1]) * 1000 * conf.cycles_per_ms
for i, period in enumerate(map(int, sys.argv[2:])):
    conf.add_task(name="t%d" % i, identifier=i, period=period, activation_date=0, wcet=0.095 * period, deadline=period, abort_on_miss=False)
conf.add_processor(name="CPU", identifier=1)
conf.scheduler_info.clas = "simso.schedulers.RM"
conf.check_all()
model = Model(conf)
begin = time.perf_counter()
model.run_model()
took = time.perf_counter() - begin
tasks = model.results.tasks.values()
ended = [[job.response_time for job in task.jobs if job.end_date] for task in tasks]
print(int(took * 1e9), sum(map(len, ended)), *[int(max(responses) * 1000000 / conf.cycles_per_ms) for responses in ended])
"#;

fn jobs(summary: &Summary) -> u64 {
    summary.contexts.iter().map(|context| context.jobs).sum()
}

fn simulations() {
    let tasks: Vec<(u64, u64)> = PERIODS.iter().map(|period| (95 * period, 1000 * period)).collect();
    let system = support::task_set(&support::rate_monotonic(&tasks), 1000);
    let objects: Objects = support::objects(&system, &Profile::ideal());
    let set = TaskSet::of(&objects).unwrap();
    let second = 1000 * MILLISECOND;
    let resolver = || Seeded::new(0).executions(Draw::Most);
    let relation = |seconds: u64| {
        let options = Options::new(Nanos(seconds * second)).keep(0);
        simulate(&objects, FixedPriority::of(&objects), &mut resolver(), &options).unwrap().summary
    };
    let by_loop = |seconds: u64| set.simulate(&mut resolver(), Nanos(seconds * second), || false, |_, _| {}).unwrap();
    let rate = |seconds: u64, run: &dyn Fn(u64) -> Summary| {
        (0..ROUNDS)
            .map(|_| {
                let begin = Instant::now();
                let jobs = jobs(&black_box(run(seconds)));
                jobs as f64 / begin.elapsed().as_secs_f64()
            })
            .fold(0.0, f64::max)
    };
    let (slow, fast) = (rate(20, &relation), rate(1000, &by_loop));
    println!("\nten tasks of utilisation 0.95, jobs a second");
    println!("{:<52} {slow:>12.0}", "the relation");
    println!("{:<52} {fast:>12.0}", "the loop for task sets");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let seconds = 10;
    let mut command = Command::new(&python);
    command.args(["-c", SIMSO, &seconds.to_string()]).args(PERIODS.map(|period| period.to_string()));
    let Some(output) = command.output().ok().filter(|output| output.status.success()) else {
        println!("{:<52} skipped: `{python}` has no `simso`; `pip install simso`, or PYTHON=…", "SimSo");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [took, jobs, worst @ ..] = &numbers[..] else { panic!("{text}") };
    let own: Vec<u64> = by_loop(seconds).contexts.iter().map(|context| context.response_ns.unwrap().max).collect();
    assert_eq!(worst, own, "the worst responses");
    let simso = *jobs as f64 / (*took as f64 / 1e9);
    println!("{:<52} {simso:>12.0}   the same worst responses", "SimSo");
    println!("{:<52} {:>10.0} x   (5000 x wanted)", "the loop is faster by", fast / simso);
}

fn main() {
    analyses();
    simulations();
}
