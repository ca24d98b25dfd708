//! Linux's classes: schedules derived by hand from the rules that `model/src/sched/regular/linux` states, and what holds of every one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::ContextSlot;
use lacuna_model::profile::Profile;
use lacuna_model::sched::regular::linux::fair::weight;
use lacuna_model::sched::regular::linux::realtime::Turn;
use lacuna_model::sched::regular::linux::{Class, Linux, Settings};
use lacuna_model::system::{Context, System, Task};
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, Simulation, simulate};
use proptest::prelude::*;
use support::regular::slots;
use support::{hog, of_contexts};

const FAIR: Class = Class::Fair { nice: 0 };
const FOREVER: u64 = 1 << 40;

/// A tick of 1, slices of 3, timeslices of 2 ticks, and no limit.
const SMALL: Settings = Settings {
    tick: Nanos(1),
    slice: Nanos(3),
    timeslice_ticks: 2,
    realtime_runtime: Nanos(100),
    realtime_period: Nanos(100),
};

fn realtime(priority: u8, turn: Turn) -> Class {
    Class::Realtime { priority, turn }
}

fn run(system: &System, classes: &[Class], settings: Settings, seed: u64, horizon: u64) -> Run {
    let objects = support::objects(system, &Profile::ideal());
    let linux = Linux::new(classes.to_vec(), settings);
    simulate(&objects, linux, &mut Seeded::new(seed), &Options::new(Nanos(horizon))).unwrap()
}

/// It has jobs of so long, that often.
fn task(name: &str, schedule: u8, computes: u64, (offset, period): (u64, u64)) -> Context {
    let (period, offset) = (Nanos(period), Nanos(offset));
    let task = Task { period, deadline: period, offset, jitter: Nanos(0) };
    Context { task: Some(task), ..hog(name, schedule, computes) }
}

/// Who has the core, with the first who has it, of a tie, as 0, the next as 1.
fn by_first(slots: Vec<(u64, u64, ContextSlot)>) -> Vec<(u64, u64, usize)> {
    let mut known = Vec::new();
    let mut number = |context| {
        known.iter().position(|other| *other == context).unwrap_or_else(|| {
            known.push(context);
            known.len() - 1
        })
    };
    slots.into_iter().map(|(from, to, context)| (from, to, number(context))).collect()
}

/// Both begin with half a slice of 3, which is 1, of virtual time. At 1 the first has had it, and is not eligible. At 2 both have had 1 and have their deadlines at 4; the
/// one that waits goes first. From then on a slice each: at 5 the one has had 4, its deadline is over, and the average is 2½.
#[test]
fn two_equal_ones_have_a_slice_each() {
    for seed in 0..8 {
        let system = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 0, FOREVER)], 1);
        let slots = by_first(slots(&run(&system, &[FAIR], SMALL, seed, 14).log));
        assert_eq!(slots, [(0, 1, 0), (1, 2, 1), (2, 5, 0), (5, 8, 1), (8, 11, 0), (11, 14, 1)]);
    }
}

/// One computes alone: its deadlines are at 1, 4, 7, 10, 13 of its virtual time.
///
/// At 10 another becomes ready for the first time, with v = V = 10 and half a slice: its deadline is 11, before 13, so it is what would be picked, and
/// the other has had the slice with which it was given the core. At 11 it has had 1; V is 10½, so it is not eligible, and its next deadline is 14. The other, given the core anew,
/// keeps it for its slice, up to 13 of its virtual time, which is at 14, and then is not eligible: 13 against 12. The job ends at 15, at v = 12 and V = 12½: its lag is ½, rounded down.
///
/// Since 15 the first has its slice, up to v = 16, at 18, and one every 3 from there on: at 108 the last before 110, when the second job comes, with v = V and a
/// deadline in 3, where that of the other is in 1. At 111 the other has had its slice, is ahead, and the job has its 2.
#[test]
fn who_comes_in_between_waits_for_a_slice() {
    let system = of_contexts(vec![hog("a", 0, FOREVER), task("b", 0, 2, (10, 100))], 1);
    let run = run(&system, &[FAIR], SMALL, 0, 120);
    let expected = [(0, 10, 0), (10, 11, 1), (11, 14, 0), (14, 15, 1), (15, 111, 0), (111, 113, 1), (113, 120, 0)];
    assert_eq!(slots(&run.log), expected);
}

/// As before, and at 12 a third comes, at V = 11 with half a slice: its deadline is 12, before 13. But whoever has the core was given it at 11, and is as far as V: it keeps it until 13 of its
/// time, at 14. Then it is ahead, and of the two others the third has the earlier deadline, 12 before 14.
#[test]
fn a_slice_that_was_given_is_kept() {
    let contexts = vec![hog("a", 0, FOREVER), task("b", 0, 2, (10, 100)), task("c", 0, 1, (12, 100))];
    let slots = slots(&run(&of_contexts(contexts, 1), &[FAIR], SMALL, 0, 20).log);
    assert_eq!(slots, [(0, 10, 0), (10, 11, 1), (11, 14, 0), (14, 15, 2), (15, 16, 1), (16, 20, 0)]);
}

/// Nice values 0 and 5 have weights 1024 and 335, so that 3 of the core are 3 and 9 of virtual time. In the first 60, nobody is farther than a slice from its share.
#[test]
fn weights_share_the_core() {
    assert_eq!([-20, -1, 0, 5, 19, i8::MAX].map(weight), [88761, 1277, 1024, 335, 15, 15]);
    let system = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER)], 2);
    let classes = [FAIR, Class::Fair { nice: 5 }];
    let had = |horizon| {
        let slots = slots(&run(&system, &classes, SMALL, 0, horizon).log);
        slots.iter().filter(|(.., context)| *context == 1).map(|(from, to, _)| to - from).sum::<u64>()
    };
    for horizon in 1..60u64 {
        let share = horizon * 335 / (1024 + 335);
        assert!(had(horizon) <= share + 4 && had(horizon) + 3 >= share, "{} of {share} by {horizon}", had(horizon));
    }
    assert!(had(100_000).abs_diff(100_000 * 335 / 1359) <= 3, "{}", had(100_000));
}

/// The first in the queue has two ticks, then the other; one of higher priority takes the core, and the one that had it keeps its place and what was left of its
/// timeslice: of [2, 4) it has had one tick when it loses the core at 3.
#[test]
fn round_robin_goes_by_ticks() {
    let contexts = vec![hog("a", 0, FOREVER), hog("b", 0, FOREVER), task("c", 1, 3, (3, 1000))];
    let system = of_contexts(contexts, 2);
    let classes = [realtime(1, Turn::RoundRobin), realtime(2, Turn::Fifo)];
    for seed in 0..8 {
        let slots = by_first(slots(&run(&system, &classes, SMALL, seed, 13).log));
        assert_eq!(slots, [(0, 2, 0), (2, 3, 1), (3, 6, 2), (6, 7, 1), (7, 9, 0), (9, 11, 1), (11, 13, 0)]);
    }
    // Under FIFO whoever has the core keeps it, whatever it lost it for.
    let classes = [realtime(1, Turn::Fifo), realtime(2, Turn::Fifo)];
    for seed in 0..8 {
        let slots = by_first(slots(&run(&system, &classes, SMALL, seed, 13).log));
        assert_eq!(slots, [(0, 3, 0), (3, 6, 1), (6, 13, 0)]);
    }
}

/// 90 of 100, looked at every 5. At 90 they have had 90, which is no more than that; at 95 they have had 95, and the fair class has the core up to 100. Then 5 are left, and at
/// 190 they have had 95 again. Without the fair class the core is idle.
#[test]
fn all_realtime_together_has_its_part() {
    let settings = Settings { tick: Nanos(5), realtime_runtime: Nanos(90), ..SMALL };
    let classes = [realtime(1, Turn::RoundRobin), FAIR];
    let both = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 0, FOREVER), hog("c", 1, FOREVER)], 2);
    let schedule = slots(&run(&both, &classes, settings, 0, 320).log);
    let fair: Vec<_> =
        schedule.iter().filter(|(.., context)| *context == 2).map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(fair, [(95, 100), (190, 200), (290, 300)]);
    // The timeslice from 90 on is over at 105, and not anew from 100 on.
    let [(.., before), (.., after)] = [95, 100].map(|at| *schedule.iter().find(|slot| slot.0 == at).unwrap());
    assert_eq!((before, schedule.iter().find(|slot| slot.1 == 95).unwrap().2), (2, after));
    assert!(schedule.iter().any(|slot| (slot.0, slot.1) == (100, 105)));

    let alone = of_contexts(vec![hog("a", 0, FOREVER)], 2);
    assert_eq!(
        slots(&run(&alone, &classes, settings, 0, 320).log),
        [(0, 95, 0), (100, 190, 0), (200, 290, 0), (300, 320, 0)]
    );
    let unlimited = Settings { realtime_runtime: Nanos(100), ..settings };
    assert_eq!(slots(&run(&both, &[realtime(1, Turn::Fifo), FAIR], unlimited, 0, 320).log).len(), 1);
}

/// 12 of 100, looked at every 10. At 10 they have had 10. At 15 one of higher priority comes, and what they have had is looked at: 15, so that none of them goes on until 100. So it is when one
/// blocks. At 100 the 12 are taken off: 3 are left, and the next tick that finds more than 12 is at 110.
#[test]
fn what_realtime_has_had_is_looked_at_when_one_leaves() {
    let settings = Settings { tick: Nanos(10), realtime_runtime: Nanos(12), ..SMALL };
    let classes = [realtime(1, Turn::Fifo), realtime(2, Turn::Fifo), FAIR];
    let contexts = |first| vec![first, task("b", 1, 2, (15, 1 << 30)), hog("c", 2, FOREVER)];
    let preempted = of_contexts(contexts(hog("a", 0, FOREVER)), 3);
    let slots_of = |system: &System| slots(&run(system, &classes, settings, 0, 120).log);
    assert_eq!(slots_of(&preempted), [(0, 15, 0), (15, 100, 2), (100, 102, 1), (102, 110, 0), (110, 120, 2)]);
    let blocks = of_contexts(contexts(hog("a", 0, 14)), 3);
    assert_eq!(slots_of(&blocks), [(0, 14, 0), (14, 100, 2), (100, 102, 1), (102, 120, 2)]);
    // One that is less urgent is none: the next tick is at 20.
    let below = [realtime(2, Turn::Fifo), realtime(1, Turn::Fifo), FAIR];
    let slots_below = slots(&run(&preempted, &below, settings, 0, 50).log);
    assert_eq!(slots_below, [(0, 20, 0), (20, 50, 2)]);
    // A period ends at 7, where somebody who came at 5 has had 2, and all of that is taken off; so 3 are left at the tick at 10, and 7 at the one at 20.
    let short = Settings { realtime_period: Nanos(7), realtime_runtime: Nanos(6), ..settings };
    let late = of_contexts(vec![task("a", 0, 100, (5, 1 << 30)), hog("c", 2, FOREVER)], 3);
    let slots = slots(&run(&late, &classes, short, 0, 28).log);
    assert_eq!(slots, [(0, 5, 1), (5, 20, 0), (20, 21, 1), (21, 28, 0)]);
}

/// Whoever came first goes first, of one priority and of one deadline, and no seed decides.
#[test]
fn who_comes_later_is_no_tie() {
    for seed in 0..8 {
        for class in [realtime(1, Turn::Fifo), FAIR] {
            let contexts = vec![hog("a", 1, 10), task("b", 0, 1, (4, 1 << 30)), task("c", 0, 1, (5, 1 << 30))];
            let classes = [class, realtime(2, Turn::Fifo)];
            let slots = slots(&run(&of_contexts(contexts, 2), &classes, SMALL, seed, 20).log);
            assert_eq!(slots, [(0, 10, 0), (10, 11, 1), (11, 12, 2)]);
        }
    }
}

proptest! {
    /// Of those that are ready all the time. Where ticks fall on the ends of slices, each has had its share but for less than one slice, either way, and what
    /// rounding takes: −r < lag < max(r, q), as the comment at `update_entity_lag` has it from Stoica and Abdel-Wahab.
    #[test]
    fn nobody_is_a_slice_from_its_share(
        nice in proptest::collection::vec(-20i8..20, 1..5),
        (tick, ticks, seed) in (1u64..4, 1u64..5, any::<u64>()),
    ) {
        let (names, count) = (["a", "b", "c", "d"], nice.len() as u8);
        let contexts = (0..count).map(|index| hog(names[usize::from(index)], index, FOREVER)).collect();
        let (system, classes) = (of_contexts(contexts, count), nice.iter().map(|nice| Class::Fair { nice: *nice }));
        // Half of it is a multiple of the tick, too.
        let slice = 2 * tick * ticks;
        let settings = Settings { tick: Nanos(tick), slice: Nanos(slice), ..SMALL };
        let objects = support::objects(&system, &Profile::ideal());
        let linux = Linux::new(classes.collect(), settings);
        let mut simulation = Simulation::new(&objects, linux, Options::new(Nanos(2000)));
        let mut resolver = Seeded::new(seed);
        while simulation.step(&mut resolver).unwrap().is_some() {
            for (context, nice) in (0..).zip(&nice) {
                // Times the weight over 1024 it is time of the core.
                let lag = simulation.state().sched.fair().lag(context).unwrap() * i128::from(weight(*nice));
                let most = i128::from(slice) * 1024 + i128::from(weight(*nice));
                prop_assert!(lag.abs() <= most, "{lag} of {most} at {}", simulation.now());
            }
        }
    }

    /// Whatever the realtime class does, it has had no more than its part of each period, and what goes by until the next tick.
    #[test]
    fn realtime_leaves_its_rest(
        (tick, runtime, rest) in (1u64..10, 1u64..100, 1u64..30),
        (computes, period) in (1u64..150, 1u64..200),
        turn in prop_oneof![Just(Turn::Fifo), Just(Turn::RoundRobin)],
        seed: u64,
    ) {
        let contexts = vec![task("a", 0, computes, (0, period)), hog("b", 0, FOREVER), hog("c", 1, FOREVER)];
        let system = of_contexts(contexts, 2);
        let (realtime_runtime, realtime_period) = (Nanos(runtime), Nanos(runtime + rest));
        let settings = Settings { tick: Nanos(tick), realtime_runtime, realtime_period, ..SMALL };
        let run = run(&system, &[realtime(9, turn), FAIR], settings, seed, 20 * (runtime + rest));
        let slots = slots(&run.log);
        for periods in 1..=20u64 {
            let until = periods * (runtime + rest);
            let of_fair = slots.iter().filter(|slot| slot.2 == 2).map(|(from, to, _)| until.min(*to).saturating_sub(*from));
            let had = of_fair.sum::<u64>();
            prop_assert!(had + tick >= periods * rest, "{had} of {} by {until}", periods * rest);
        }
    }
}
