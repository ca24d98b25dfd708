//! macOS' realtime threads and buckets: schedules derived by hand from the rules that `model/src/sched/regular/macos` states, and what holds of every one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::profile::Profile;
use lacuna_model::sched::regular::macos::buckets::{Bucket, Latencies};
use lacuna_model::sched::regular::macos::{Class, MacOs, Settings};
use lacuna_model::system::{Context, System, Task};
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, Simulation, simulate};
use proptest::prelude::*;
use support::regular::slots;
use support::{hog, of_contexts};

const FOREVER: u64 = 1 << 40;
const DEFAULT: Class = Class::Timeshare(Bucket::Default);
const FOREGROUND: Class = Class::Timeshare(Bucket::Foreground);

/// The proportions of the kernel; and who has computed for more than 100 is demoted for 200.
const SMALL: Settings = Settings {
    latencies: Latencies {
        latency: [Nanos(0), Nanos(30), Nanos(60), Nanos(120), Nanos(200)],
        warp: [Nanos(8), Nanos(4), Nanos(2), Nanos(1), Nanos(0)],
        quantum: [Nanos(10), Nanos(8), Nanos(6), Nanos(4), Nanos(2)],
    },
    most: Nanos(100),
    demotion: Nanos(200),
};

fn realtime(computation: u64, constraint: u64) -> Class {
    Class::Realtime { computation: Nanos(computation), constraint: Nanos(constraint) }
}

fn run(system: &System, classes: &[Class], seed: u64, horizon: u64) -> Run {
    let objects = support::objects(system, &Profile::ideal());
    let macos = MacOs::new(classes.to_vec(), SMALL);
    simulate(&objects, macos, &mut Seeded::new(seed), &Options::new(Nanos(horizon))).unwrap()
}

fn task(name: &str, schedule: u8, computes: u64, (offset, period): (u64, u64)) -> Context {
    let (period, offset) = (Nanos(period), Nanos(offset));
    let task = Task { period, deadline: period, offset, jitter: Nanos(0) };
    Context { task: Some(task), ..hog(name, schedule, computes) }
}

/// Quanta of 6; who is preempted by a realtime thread at 8 has 4 left, and then it is the turn of the other.
#[test]
fn a_bucket_takes_turns() {
    let contexts = vec![hog("a", 0, FOREVER), task("b", 0, FOREVER, (1, FOREVER)), task("c", 1, 3, (8, 500))];
    let system = of_contexts(contexts, 2);
    for seed in 0..4 {
        let slots = slots(&run(&system, &[DEFAULT, realtime(3, 10)], seed, 30).log);
        assert_eq!(slots, [(0, 6, 0), (6, 8, 1), (8, 11, 2), (11, 15, 1), (15, 21, 0), (21, 27, 1), (27, 30, 0)]);
    }
}

/// The foreground has no latency, and is selected first. The default bucket is due at 60; then both are, and the higher goes first. At 70 the default one is due before, and the foreground warps for 8: its quantum up to 80. Then the
/// default bucket starves, and has a quantum, 6. Its next deadline is 60 later, at 146: the same again.
#[test]
fn a_bucket_warps_and_a_bucket_starves() {
    let system = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER)], 2);
    let slots = slots(&run(&system, &[FOREGROUND, DEFAULT], 0, 180).log);
    assert_eq!(slots, [(0, 80, 0), (80, 86, 1), (86, 166, 0), (166, 172, 1), (172, 180, 0)]);
}

/// With two in the default bucket it is never empty: while it starves its deadline stays, and is 60 after the end of that quantum, at 146. Then the foreground, which was selected in its turn at 86, warps again from 156 on.
#[test]
fn who_starves_is_due_anew_after_its_quantum() {
    let contexts = vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER), task("c", 1, FOREVER, (1, FOREVER))];
    let slots = slots(&run(&of_contexts(contexts, 2), &[FOREGROUND, DEFAULT], 0, 180).log);
    assert_eq!(slots, [(0, 80, 0), (80, 86, 1), (86, 166, 0), (166, 172, 2), (172, 180, 0)]);
}

/// The latency of a user-initiated thread, 30 from when it comes, is before that of the default one which then loses the core, 60.
#[test]
fn who_comes_to_a_higher_bucket_preempts() {
    let initiated = Class::Timeshare(Bucket::Initiated);
    let contexts = vec![hog("a", 0, FOREVER), task("b", 1, 1, (2, 80))];
    let slots = slots(&run(&of_contexts(contexts, 2), &[DEFAULT, initiated], 0, 90).log);
    assert_eq!(slots, [(0, 2, 0), (2, 3, 1), (3, 82, 0), (82, 83, 1), (83, 90, 0)]);
    // Nobody to a lower one, or to the same.
    let slots = support::regular::slots(
        &run(&of_contexts(vec![hog("a", 1, 20), task("b", 0, 1, (2, 80))], 2), &[DEFAULT, initiated], 0, 30).log,
    );
    assert_eq!(slots, [(0, 20, 0), (20, 21, 1)]);
}

/// The earliest deadline first: at 2 one is due at 7, and the one that has the core at 50; at 10 another is due at 50 too, and waits.
#[test]
fn realtime_goes_by_constraints() {
    let contexts =
        vec![task("a", 0, 20, (0, 500)), task("b", 1, 2, (2, 500)), task("c", 2, 5, (10, 500)), hog("d", 3, FOREVER)];
    let classes = [realtime(20, 50), realtime(2, 5), realtime(5, 40), FOREGROUND];
    let slots = slots(&run(&of_contexts(contexts, 4), &classes, 0, 40).log);
    assert_eq!(slots, [(0, 2, 0), (2, 4, 1), (4, 22, 0), (22, 27, 2), (27, 40, 3)]);
}

/// A realtime thread that never blocks is looked at every 10: at 100 it has computed no more than 100, at 110 it has. It takes turns with the other until a quantum of its ends after 310, which is at 314, and is realtime again. As it has not
/// blocked, it is demoted again at the end of its computation.
#[test]
fn who_computes_on_is_demoted() {
    let system = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER)], 2);
    let slots = slots(&run(&system, &[realtime(10, 20), DEFAULT], 0, 340).log);
    assert_eq!(slots[..4], [(0, 110, 0), (110, 116, 1), (116, 122, 0), (122, 128, 1)]);
    assert!(slots.ends_with(&[(302, 308, 1), (308, 324, 0), (324, 330, 1), (330, 336, 0), (336, 340, 1)]), "{slots:?}");
    // Who blocks in time is not, whatever it has in all.
    let system = of_contexts(vec![task("a", 0, 100, (0, 101)), hog("b", 1, FOREVER)], 2);
    let slots = support::regular::slots(&run(&system, &[realtime(10, 20), DEFAULT], 0, 1010).log);
    assert!(slots.iter().filter(|slot| slot.2 == 1).all(|(from, to, _)| to - from == 1), "{slots:?}");
}

proptest! {
    /// No realtime thread computes for longer than is thought safe and one quantum more, without blocking, and is not demoted then.
    #[test]
    fn demotion_is_in_time(
        (computation, constraint, computes, period) in (1u64..40, 1u64..60, 1u64..300, 1u64..300),
        seed: u64,
    ) {
        let system = of_contexts(vec![task("a", 0, computes, (0, period)), hog("b", 1, FOREVER)], 2);
        let objects = support::objects(&system, &Profile::ideal());
        let macos = MacOs::new(vec![realtime(computation, constraint), DEFAULT], SMALL);
        let mut simulation = Simulation::new(&objects, macos, Options::new(Nanos(2000)));
        let mut resolver = Seeded::new(seed);
        let mut at_once = 0;
        while let Some(record) = simulation.step(&mut resolver).unwrap() {
            let passed = record.end().0 - record.at.0;
            // Neither blocked, nor had another the core.
            let goes_on = record.running == Some(0) && !simulation.state().sched.is_demoted(0);
            at_once = if goes_on { at_once + passed } else { 0 };
            prop_assert!(at_once <= SMALL.most.0 + computation, "{at_once} by {}", simulation.now());
        }
    }

    /// Nobody in a bucket waits for ever, whatever is in the others: for its latency, its higher ones' warps, and a quantum of each thread that is due before.
    #[test]
    fn no_bucket_starves(picks in proptest::collection::vec(0usize..5, 2..6), seed: u64) {
        let names = ["a", "b", "c", "d", "e"];
        let classes: Vec<Class> = picks.iter().map(|pick| Class::Timeshare(Bucket::ALL[*pick])).collect();
        let count = picks.len() as u8;
        let contexts = (0..count).map(|index| hog(names[usize::from(index)], index, FOREVER)).collect();
        let slots = slots(&run(&of_contexts(contexts, count), &classes, seed, 5000).log);
        // Each turn of a thread is a latency at most, and what all others have before it is selected.
        let most = u64::from(count) * (200 + 15 + 10 * u64::from(count));
        for context in 0..u16::from(count) {
            let mut last = 0;
            for (start, end, _) in slots.iter().filter(|slot| slot.2 == context).chain([&(5000, 5000, context)]) {
                prop_assert!(start - last <= most, "{context} waits from {last} to {start} of {most}");
                last = *end;
            }
        }
    }
}
