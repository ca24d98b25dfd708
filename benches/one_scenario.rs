//! One scenario through each part: read, explored, bounded, simulated. `cargo bench`; compare by ratio, machines differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_check::{Limits, check};
use lacuna_model::analysis::response_time::{response_times, task_set};
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use lacuna_scenarios::{Source, library};
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};

const TASKS: &str = "name,wcet,period\na,1ms,4ms\nb,1ms,5ms\nc,3ms,9ms\nd,3ms,18ms\n";

fn ci_job() -> System {
    library().iter().find(|entry| entry.name == "ci-job").unwrap().system().unwrap()
}

fn parts(criterion: &mut Criterion) {
    let source = &library().iter().find(|entry| entry.name == "ci-job").unwrap().source;
    criterion.bench_function("read ci-job", |bencher| bencher.iter(|| black_box(source).parse().unwrap()));

    let objects = Objects::new(&ci_job(), &Profile::linux_hardened()).unwrap();
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let states = check(&objects, &ids, &Limits::default()).unwrap().states;
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10).throughput(Throughput::Elements(states));
    group.bench_function("ci-job, linux-hardened", |bencher| {
        bencher.iter(|| check(black_box(&objects), &ids, &Limits::default()).unwrap().states);
    });
    group.finish();

    let tasks = Source::new("tasks.csv", TASKS).parse().unwrap().system;
    let demand = task_set(&tasks).unwrap();
    criterion.bench_function("bound four tasks", |bencher| {
        bencher.iter(|| (0..demand.len()).map(|index| response_times(black_box(&demand), index)).collect::<Vec<_>>());
    });

    let objects = Objects::new(&tasks, &Profile::ideal()).unwrap();
    criterion.bench_function("simulate four tasks for 10 s", |bencher| {
        bencher.iter(|| {
            let policy = FixedPriority::new(&tasks.scheduling_contexts);
            simulate(&objects, policy, &mut Seeded::new(0), &Options::new(Nanos(10_000_000_000)).keep(0)).unwrap()
        });
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
