//! Windows' levels, boosts and quanta: schedules derived by hand from the rules that `model/src/sched/regular/windows.rs` states, and what holds of every one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::ContextSlot;
use lacuna_model::profile::Profile;
use lacuna_model::sched::regular::windows::{Settings, Windows};
use lacuna_model::system::{
    Buffer, BufferId, By, Context, DomainId, Effect, Fallback, Instruction, Lock, LockId, Overflow, System, Task, When,
};
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, Simulation, simulate};
use proptest::prelude::*;
use support::regular::slots;
use support::{hog, of_contexts};

const FOREVER: u64 = 1 << 40;

/// A tick of 10, quanta of two, a scan every 25 for those that have waited for 3 ticks.
const SMALL: Settings = Settings { tick: Nanos(10), quantum: 6, scan: Nanos(25), patience: 3 };
/// And nobody ever starves.
const PATIENT: Settings = Settings { patience: u32::MAX, ..SMALL };

fn run(system: &System, bases: &[u8], settings: Settings, seed: u64, horizon: u64) -> Run {
    let objects = support::objects(system, &Profile::ideal());
    let windows = Windows::new(bases.to_vec(), settings);
    simulate(&objects, windows, &mut Seeded::new(seed), &Options::new(Nanos(horizon))).unwrap()
}

/// Its only job comes then.
fn from(offset: u64, context: Context) -> Context {
    let (period, offset) = (Nanos(FOREVER), Nanos(offset));
    Context { task: Some(Task { period, deadline: period, offset, jitter: Nanos(0) }), ..context }
}

/// Each ends its quantum at the second tick that finds it there, and goes behind the others that are there then: at 20 the first does, before whoever comes at that instant. Who came before whom decides, and no seed.
#[test]
fn one_level_takes_turns() {
    for level in [8, 16, 31] {
        let late = [("b", 4), ("c", 5), ("d", 20)].map(|(name, at)| from(at, hog(name, 0, FOREVER)));
        let system = of_contexts([hog("a", 0, FOREVER)].into_iter().chain(late).collect(), 1);
        for seed in 0..8 {
            let slots = slots(&run(&system, &[level], PATIENT, seed, 100).log);
            assert_eq!(slots, [(0, 20, 0), (20, 40, 1), (40, 60, 2), (60, 80, 0), (80, 100, 3)], "on level {level}");
        }
    }
}

/// Whoever is preempted goes on where it was: of its quantum, which the tick at 10 has found, one tick is left, whatever it has really had. Then it is the turn of the other, also
/// where both came at once, and the first of them was drawn.
#[test]
fn who_is_preempted_goes_on_before_its_level() {
    for offset in [4, 0] {
        let contexts = vec![hog("a", 0, FOREVER), from(offset, hog("b", 0, FOREVER)), from(11, hog("c", 1, 3))];
        let system = of_contexts(contexts, 2);
        for seed in 0..8 {
            let slots = slots(&run(&system, &[8, 12], PATIENT, seed, 60).log);
            let (one, other) = if slots[0].2 == 0 { (0, 1) } else { (1, 0) };
            let expected = [(0, 11, one), (11, 14, 2), (14, 20, one), (20, 40, other), (40, 60, one)];
            assert_eq!(slots, expected, "from {offset}");
        }
    }
}

fn compute(duration: u64) -> Instruction {
    Instruction::Compute { bcet: Nanos(duration), wcet: Nanos(duration) }
}

/// Somebody (0) computes from 1 on, on level 8 as a server (1), which waits for a message, computes so long, and so on. A client (2) on level 10 computes 1 at 5 and at 55 and sends one.
fn served(computes: [u64; 2]) -> System {
    let body = computes.into_iter().flat_map(|duration| [Instruction::Receive(BufferId(0)), compute(duration)]);
    let serve = vec![Instruction::Loop { times: None, body: body.collect() }];
    let server = Context { program: serve, ..hog("server", 0, 0) };
    let period = Nanos(50);
    let client = Context {
        program: vec![compute(1), Instruction::Send(BufferId(0))],
        task: Some(Task { period, deadline: period, offset: Nanos(5), jitter: Nanos(0) }),
        ..hog("client", 1, 0)
    };
    let mut system = of_contexts(vec![from(1, hog("other", 0, FOREVER)), server, client], 2);
    system.handles.push("requests".into());
    system.buffers.push(Buffer {
        name: "requests".into(),
        capacity: 1,
        pool: None,
        overflow: Overflow::Block,
        when: When::Deferred,
        by: By::Polled,
        effect: Effect::Handle,
        send: vec![DomainId(0)],
        receive: vec![DomainId(0)],
        named_by: vec![],
        attachments: vec![],
        demand: Nanos(0),
        deadline: None,
        fallback: Fallback::Keep,
    });
    system
}

/// At 6 the message is there: the server is on level 9, with a new quantum less a unit for the wait, 5. The ticks at 10 and 20 end that; back on level 8 it goes behind the other, which
/// has a quantum, up to 40; then the server has the 16 of 30 that it still needs.
#[test]
fn a_wait_that_is_over_is_a_boost_that_decays() {
    let slots = slots(&run(&served([30, 30]), &[8, 10], PATIENT, 0, 55).log);
    assert_eq!(slots, [(1, 5, 0), (5, 6, 2), (6, 20, 1), (20, 40, 0), (40, 55, 1)]);
}

/// Of the 5 units the tick at 10 takes 3. With the second message the quantum is new: again 5, of which the ticks at 60 and 70 are the end.
#[test]
fn a_boost_is_a_new_quantum() {
    let slots = slots(&run(&served([12, 30]), &[8, 10], PATIENT, 0, 100).log);
    let expected = [(1, 5, 0), (5, 6, 2), (6, 18, 1), (18, 55, 0), (55, 56, 2), (56, 70, 1), (70, 90, 0), (90, 100, 1)];
    assert_eq!(slots, expected);
}

/// On level 9 somebody computes for ever, and on level 8 too: at 50 the second scan finds that the latter has waited for 30, and puts it on 15 for a quantum, whose ticks are at 60 and 70. Then it is on level 8
/// again, and has waited for 30 at 100. In the realtime class it waits for ever.
#[test]
fn who_starves_is_let_in() {
    let system = of_contexts(vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER)], 2);
    let moves = slots(&run(&system, &[9, 8], SMALL, 0, 160).log);
    assert_eq!(moves, [(0, 50, 0), (50, 70, 1), (70, 100, 0), (100, 120, 1), (120, 150, 0), (150, 160, 1)]);
    for bases in [[31, 16], [17, 16], [16, 8]] {
        let stays = slots(&run(&system, &bases, SMALL, 0, 160).log);
        // One of the normal class is let in as far as its highest level, which is below any of the realtime class.
        assert_eq!(stays, [(0, 160, 0)], "on levels {bases:?}");
    }
}

/// Scans are at the multiples of 25 whoever was there: from 30 on it is 45 at 75, and not yet 30 at 50. Of two who starve together the one on the lower level is let in first.
#[test]
fn scans_come_when_they_come() {
    let late = of_contexts(vec![hog("a", 0, FOREVER), from(30, hog("b", 1, FOREVER))], 2);
    assert_eq!(slots(&run(&late, &[9, 8], SMALL, 0, 100).log), [(0, 75, 0), (75, 90, 1), (90, 100, 0)]);
    let contexts = vec![hog("a", 0, FOREVER), hog("b", 1, FOREVER), from(1, hog("c", 2, FOREVER))];
    let slots = slots(&run(&of_contexts(contexts, 3), &[9, 8, 7], SMALL, 0, 95).log);
    assert_eq!(slots, [(0, 50, 0), (50, 70, 2), (70, 90, 1), (90, 95, 0)]);
}

/// Level 14 is above the boost of 8 by one; 15 is the highest that moves, and levels from 14 on do not. What a timer ends is no boost.
#[test]
fn boosts_have_an_end() {
    let level = |base, program: Vec<Instruction>| {
        let holder = vec![Instruction::Lock(LockId(0)), compute(3), Instruction::Unlock(LockId(0)), compute(1)];
        let mut system = of_contexts(
            vec![
                Context { program: holder, ..hog("holder", 0, 0) },
                from(1, Context { program, ..hog("waiter", 1, 0) }),
            ],
            2,
        );
        system.locks.push(Lock { name: "lock".into(), ceiling: None });
        let objects = support::objects(&system, &Profile::ideal());
        let mut simulation = Simulation::new(&objects, Windows::new(vec![8, base], PATIENT), Options::new(Nanos(6)));
        let mut resolver = Seeded::new(0);
        let mut highest = 0;
        while simulation.step(&mut resolver).unwrap().is_some() {
            highest = highest.max(simulation.state().sched.level(1).unwrap_or(0));
        }
        highest
    };
    let waits = vec![Instruction::Lock(LockId(0)), compute(1)];
    assert_eq!([9, 12, 13, 14, 15, 16].map(|base| level(base, waits.clone())), [10, 13, 14, 14, 15, 16]);
    assert_eq!([9, 12, 13].map(|base| level(base, vec![compute(1)])), [9, 12, 13]);
}

proptest! {
    /// Below the realtime class and level 15 nobody waits for ever: for its patience, until the next scan, while those who are let in with it have their quanta, and for those whose level it is on.
    #[test]
    fn below_realtime_nobody_starves(
        bases in proptest::collection::vec(1u8..15, 2..6),
        (tick, quantum, scan, patience) in (1u64..5, 1u32..9, 1u64..30, 1u32..6),
        seed: u64,
    ) {
        let (names, count) = (["a", "b", "c", "d", "e"], bases.len() as u8);
        let contexts = (0..count).map(|index| hog(names[usize::from(index)], index, FOREVER)).collect();
        let settings = Settings { tick: Nanos(tick), quantum, scan: Nanos(scan), patience };
        let slots = slots(&run(&of_contexts(contexts, count), &bases, settings, seed, 5000).log);
        let longest = u64::from(quantum.div_ceil(3)) * tick;
        let most = u64::from(patience) * tick + scan + 2 * u64::from(count) * longest;
        for context in 0..ContextSlot::from(count) {
            let of_it = slots.iter().filter(|slot| slot.2 == context);
            let (mut last, mut worst) = (0, 0);
            for (start, end, _) in of_it {
                (worst, last) = (worst.max(start - last), *end);
            }
            worst = worst.max(5000 - last);
            prop_assert!(worst <= most, "{context} waits for {worst} of {most}");
        }
    }
}
