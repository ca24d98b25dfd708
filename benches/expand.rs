//! What a search spends on one state beside remembering it: every step from it, packed and judged. The time per element is
//! per state. `cargo bench --bench expand`; compare by ratio, machines differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::collections::HashSet;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_model::expand::Expander;
use lacuna_model::guarantee::{Asked, GuaranteeSet};
use lacuna_model::objects::{Codec, Objects};
use lacuna_model::profile::Profile;
use lacuna_scenarios::library;

const WORDS: usize = 4;

/// Every state that is reachable, breadth first.
fn states(expander: &mut Expander<'_, WORDS>) -> Vec<[u64; WORDS]> {
    let mut states = vec![expander.initial().unwrap()];
    let mut known: HashSet<_> = states.iter().copied().collect();
    let (mut at, mut transitions) = (0, 0);
    while at < states.len() {
        let state = states[at];
        expander.successors(&state, Asked::of(GuaranteeSet::NONE), |successor| {
            transitions += 1;
            let after = successor.after.unwrap();
            if known.insert(after) {
                states.push(after);
            }
        });
        at += 1;
    }
    println!(
        "{} states of {} bits, {transitions} transitions, {:.2} a state",
        at,
        expander.codec().bits(),
        f64::from(transitions) / at as f64
    );
    states
}

fn expand(criterion: &mut Criterion) {
    let system = library().iter().find(|entry| entry.name == "ci-job").unwrap().system().unwrap();
    for name in Profile::NAMED.iter().map(|named| named.name) {
        let objects = Objects::new(&system, &Profile::named(name).unwrap()).unwrap();
        println!("ci-job, {name}: {} bits", Codec::new(&objects).bits());
        let mut expander = Expander::<WORDS>::new(&objects).unwrap();
        let states = states(&mut expander);
        let mut group = criterion.benchmark_group("ci-job");
        group.sample_size(20).throughput(Throughput::Elements(states.len() as u64));
        let mut expand = |asked| {
            let mut sum = 0;
            for state in &states {
                expander.successors(state, Asked::of(asked), |successor| {
                    sum ^=
                        successor.after.map_or(0, |words| words[0]) ^ u64::from(!successor.marks.violated.is_empty());
                });
            }
            sum
        };
        group.bench_function(format!("{name}, all guarantees"), |bencher| {
            bencher.iter(|| black_box(expand(GuaranteeSet::ALL)));
        });
        group.bench_function(format!("{name}, none"), |bencher| bencher.iter(|| black_box(expand(GuaranteeSet::NONE))));
        group.finish();
    }
}

criterion_group!(benches, expand);
criterion_main!(benches);
