//! Jobs a second: a set of ten tasks of utilisation 0.95 for 1000 s under rate monotonic priorities, with full statistics and no trace. `cargo bench -p lacuna-sim`; the
//! time per element is per job.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::sched::FixedPriority;
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, simulate};
use lacuna_sim::statistics::Summary;
use lacuna_sim::task_set::TaskSet;

#[path = "../tests/support/mod.rs"]
mod support;

/// Milliseconds; each takes 9.5 % of the core.
const PERIODS: [u64; 10] = [4, 5, 8, 10, 20, 25, 40, 50, 80, 100];
const SECONDS: u64 = 1000;

fn ten_tasks() -> Objects {
    let tasks: Vec<(u64, u64)> = PERIODS.iter().map(|period| (95 * period, 1000 * period)).collect();
    support::objects(&support::task_set(&support::rate_monotonic(&tasks), 1000), &Profile::ideal())
}

fn jobs(summary: &Summary) -> u64 {
    summary.contexts.iter().map(|context| context.jobs).sum()
}

fn bench(criterion: &mut Criterion) {
    let objects = ten_tasks();
    let run = |options: &Options| {
        let mut resolver = Seeded::new(0).executions(Draw::Most);
        simulate(&objects, FixedPriority::of(&objects), &mut resolver, options).unwrap().summary
    };
    let whole = Options::new(Nanos(SECONDS * 1_000_000_000)).keep(0);
    let summary = run(&whole);
    assert_eq!(summary, Summary { repeats: None, ..run(&whole.extrapolate()) });
    let set = TaskSet::of(&objects).unwrap();
    let by_loop = || {
        let mut resolver = Seeded::new(0).executions(Draw::Most);
        set.simulate(&mut resolver, whole.horizon, || false, |_, _| {}).unwrap()
    };
    assert_eq!(summary, by_loop());
    println!("{} jobs in {SECONDS} s, {} switches", jobs(&summary), summary.switches);
    let mut group = criterion.benchmark_group("ten tasks, 1000 s");
    group.throughput(Throughput::Elements(jobs(&summary))).sample_size(10);
    group.bench_function("relation", |bench| bench.iter(|| run(black_box(&whole))));
    group.bench_function("loop for task sets", |bench| bench.iter(by_loop));
    group.bench_function("extrapolated", |bench| bench.iter(|| run(black_box(&whole.extrapolate()))));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
