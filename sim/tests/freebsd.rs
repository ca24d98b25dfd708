//! FreeBSD's ULE: schedules derived by hand from the rules that `model/src/sched/regular/freebsd.rs` states, and what holds of every one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::ContextSlot;
use lacuna_model::profile::Profile;
use lacuna_model::sched::regular::freebsd::{FreeBsd, Settings};
use lacuna_model::system::{Context, System, Task};
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, Simulation, simulate};
use proptest::prelude::*;
use support::regular::slots;
use support::{hog, of_contexts};

const FOREVER: u64 = 1 << 40;

/// A tick of 10, slices of 4 ticks, and a window of 2000 that counts as 200 at least.
const SMALL: Settings = Settings {
    tick: Nanos(10),
    slice: 4,
    least_slice: 2,
    history: Nanos(1000),
    window: Nanos(2000),
    slack: Nanos(200),
};

fn run(system: &System, realtime: &[Option<u8>], seed: u64, horizon: u64) -> Run {
    let objects = support::objects(system, &Profile::ideal());
    let freebsd = FreeBsd::new(realtime.to_vec(), SMALL);
    simulate(&objects, freebsd, &mut Seeded::new(seed), &Options::new(Nanos(horizon))).unwrap()
}

fn task(name: &str, schedule: u8, computes: u64, (offset, period): (u64, u64)) -> Context {
    let (period, offset) = (Nanos(period), Nanos(offset));
    Context { task: Some(Task { period, deadline: period, offset, jitter: Nanos(0) }), ..hog(name, schedule, computes) }
}

/// The one who comes at 1 is as interactive as the one that has the core, which no tick has found yet: it waits for the end of the slice. From their first ticks on both are batch threads, and go into the calendar
/// at the ends of their slices with the same priority, or a worse one than the other has had since: each behind the other. With a third there are two others, and a slice is 2 ticks.
#[test]
fn batch_threads_have_a_slice_each() {
    let contexts = |third| vec![hog("a", 0, FOREVER), task("b", 0, FOREVER, (1, FOREVER)), third];
    let two = of_contexts(contexts(task("c", 0, 1, (FOREVER, FOREVER))), 1);
    for seed in 0..4 {
        let slots = slots(&run(&two, &[None], seed, 200).log);
        assert_eq!(slots, [(0, 40, 0), (40, 80, 1), (80, 120, 0), (120, 160, 1), (160, 200, 0)]);
    }
    let three = of_contexts(contexts(task("c", 0, FOREVER, (2, FOREVER))), 1);
    let slots = slots(&run(&three, &[None], 0, 120).log);
    assert_eq!(slots, [(0, 20, 0), (20, 40, 1), (40, 60, 2), (60, 80, 0), (80, 100, 1), (100, 120, 2)]);
}

/// A thread that no tick ever finds has the score 0. The first time it waits for the end of the slice of the other, which is then as interactive; from then on it has the core at once.
#[test]
fn who_sleeps_most_is_interactive() {
    let system = of_contexts(vec![hog("a", 0, FOREVER), task("b", 0, 1, (5, 50))], 1);
    let slots = slots(&run(&system, &[None], 0, 110).log);
    assert_eq!(slots, [(0, 40, 0), (40, 41, 1), (41, 55, 0), (55, 56, 1), (56, 105, 0), (105, 106, 1), (106, 110, 0)]);
}

/// Scores and priorities of one that computes so long of every 100, which ticks find so often, when its sixth job comes: it has slept five times and run five times.
#[test]
fn priorities_follow_the_past() {
    let after = |computes: u64| {
        let system = of_contexts(vec![task("a", 0, computes, (0, 100))], 1);
        let objects = support::objects(&system, &Profile::ideal());
        let mut simulation = Simulation::new(&objects, FreeBsd::new(vec![], SMALL), Options::new(Nanos(505)));
        let mut resolver = Seeded::new(0);
        while simulation.step(&mut resolver).unwrap().is_some() {}
        simulation.state().sched.priority(0).unwrap()
    };
    // Each job is found once, so 50 were run, and 450 slept: 50 / (450 / 50) = 5. Of 25 the ticks at 10 and 20 count: 100 / (375 / 50), which is 7, is 14.
    assert_eq!(after(10), 120 + 5);
    assert_eq!(after(25), 120 + 14);
    // 200 run and 300 slept: 200 / 6 = 33 is not interactive. Had 200 of the window, which is 500 long: each of the 32 parts is 16 long, so 172 + 12.
    assert_eq!(after(40), 172 + 12);
}

/// Who blocks and comes back is before a batch thread that has not blocked, whatever it has run: for the time until it has the core.
#[test]
fn who_comes_back_is_before_who_stays() {
    let system = of_contexts(vec![task("a", 0, 30, (0, 100)), task("b", 0, FOREVER, (1, FOREVER))], 1);
    let slots = slots(&run(&system, &[None], 0, 230).log);
    assert_eq!(slots, [(0, 30, 0), (30, 100, 1), (100, 130, 0), (130, 200, 1), (200, 230, 0)]);
}

/// Also if it has run more: 60 of 200, so 172 and 60 / 7, where the other has had nothing yet that ticks have found, at 172 from the tick at 100 on.
#[test]
fn who_comes_back_is_before_who_has_run_less() {
    let system = of_contexts(vec![task("a", 0, 60, (0, 100)), task("b", 0, FOREVER, (95, FOREVER))], 1);
    let slots = slots(&run(&system, &[None], 0, 140).log);
    assert_eq!(slots, [(0, 60, 0), (95, 100, 1), (100, 140, 0)]);
}

/// Realtime threads of one level have a slice each; one of a better level has the core at once, and whoever it takes it from goes on before its level, with what was left of the slice, which a tick at 10 has
/// found. No other class has anything meanwhile.
#[test]
fn realtime_is_before_all_others() {
    let contexts = vec![
        hog("a", 0, FOREVER),
        task("b", 0, FOREVER, (1, FOREVER)),
        hog("c", 2, FOREVER),
        task("d", 1, 3, (15, 500)),
    ];
    let slots = slots(&run(&of_contexts(contexts, 3), &[Some(52), Some(48), None], 0, 140).log);
    assert_eq!(
        slots,
        [
            (0, 15, 0),
            (15, 18, 3),
            (18, 20, 0),
            (20, 40, 1),
            (40, 60, 0),
            (60, 80, 1),
            (80, 100, 0),
            (100, 120, 1),
            (120, 140, 0)
        ]
    );
}

proptest! {
    /// Of threads that never sleep each has the core again after the calendar has gone round, and everybody has had a slice in each of the slots before its own.
    #[test]
    fn nobody_starves(
        count in 2u8..6,
        (slice, least_slice) in (1u32..6, 1u32..3),
        seed: u64,
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let contexts = (0..count).map(|index| hog(names[usize::from(index)], 0, FOREVER)).collect();
        let system = of_contexts(contexts, 1);
        let objects = support::objects(&system, &Profile::ideal());
        let settings = Settings { slice, least_slice, ..SMALL };
        let freebsd = FreeBsd::new(vec![], settings);
        let run = simulate(&objects, freebsd, &mut Seeded::new(seed), &Options::new(Nanos(20_000))).unwrap();
        let slots = slots(&run.log);
        let most = (64 + u64::from(count) * u64::from(slice.max(least_slice))) * 10;
        for context in 0..ContextSlot::from(count) {
            let mut last = 0;
            for (start, end, _) in slots.iter().filter(|slot| slot.2 == context).chain([&(20_000, 20_000, context)]) {
                prop_assert!(start - last <= most, "{context} waits from {last} to {start}");
                last = *end;
            }
        }
    }
}
