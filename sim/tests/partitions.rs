//! Partitions of time, judged from outside: who may run when by the declared windows alone, and what a partition can tell of another.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::objects::{ContextSlot, Objects, State};
use lacuna_model::profile::{Profile, TimeIsolation};
use lacuna_model::relation::Label;
use lacuna_model::system::{MajorFrame, SchedulingContextId, System, Window};
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};
use lacuna_sim::timeline::{Slice, Timeline};
use proptest::prelude::*;
use support::T;

/// May whoever runs by that have the core at that time?
fn is_admitted(frame: &MajorFrame, by: Option<SchedulingContextId>, at: u64) -> bool {
    let at = at % frame.length.0;
    let window = frame.windows.iter().find(|window| window.offset.0 <= at && at < window.offset.0 + window.duration.0);
    let owns = |window: &Window| by.is_some_and(|by| window.scheduling_contexts.contains(&by));
    match window {
        Some(window) => owns(window),
        None => !frame.windows.iter().any(owns),
    }
}

/// Is that in the flush at the beginning of a window or a gap? Then nobody has the core.
fn is_flush(frame: &MajorFrame, flush: Nanos, at: u64) -> bool {
    let at = at % frame.length.0;
    let windows = frame.windows.iter().flat_map(|window| [window.offset.0, window.end().0]);
    let begun = windows.chain([0]).filter(|begin| *begin <= at).max().unwrap_or(0);
    at - begun < flush.0
}

/// Nobody is beyond its window, and where somebody of the window's is ready the core is not idle; budgets aside.
fn obeys(objects: &Objects, seed: u64) -> Result<(), TestCaseError> {
    let run = simulate(objects, FixedPriority::of(objects), &mut Seeded::new(seed), &Options::new(Nanos(60))).unwrap();
    let frame = objects.system().major_frame.as_ref().unwrap();
    let schedule = |state: &State, context: ContextSlot| objects.declaration(state, context).schedule;
    let mut wrong = None;
    run.log.replay(objects, |state, record, _| {
        let Label::Time(TimeStep::Elapse(_)) = record.label else { return };
        let contexts = 0..state.contexts.len() as ContextSlot;
        let live =
            contexts.filter(|context| state.contexts[usize::from(*context)] != lacuna_model::objects::Context::FREE);
        let ready: Vec<ContextSlot> = live.filter(|context| objects.is_ready(state, *context)).collect();
        for at in record.at.0..record.end().0 {
            let flushes = is_flush(frame, objects.system().kernel_bounds.flush, at);
            let admitted = |context: &ContextSlot| !flushes && is_admitted(frame, schedule(state, *context), at);
            let right = match record.running {
                Some(running) => admitted(&running),
                None => !ready.iter().any(admitted),
            };
            if !right {
                wrong.get_or_insert_with(|| format!("at {at}: {record:?}, ready {ready:?}"));
            }
        }
    });
    prop_assert_eq!(wrong, None);
    Ok(())
}

/// One task of each partition: a budget would say more than the window does.
fn a_task() -> impl Strategy<Value = T> {
    (0u64..4, 0u64..4, 1u64..12, 0u64..3, 0u64..6, 0u32..9).prop_map(
        |(bcet, more, period, offset, jitter, priority)| T {
            bcet,
            wcet: bcet + more,
            offset,
            jitter,
            priority,
            ..support::task(0, period)
        },
    )
}

/// The first two tasks are one partition, the last is another.
fn two_partitions(first: [T; 2], other: T, frame: &[(u64, u64, bool)]) -> System {
    let of = |first: bool| {
        if first { vec![SchedulingContextId(0), SchedulingContextId(1)] } else { vec![SchedulingContextId(2)] }
    };
    let (mut windows, mut until) = (Vec::new(), 0);
    for &(gap, duration, is_first) in frame {
        let (offset, duration) = (Nanos(until + gap), Nanos(duration));
        windows.push(Window { offset, duration, scheduling_contexts: of(is_first) });
        until += gap + duration.0;
    }
    // Ties among the first two would be one draw more or less of the same stream.
    let tasks = [T { priority: 20, ..first[0] }, T { priority: 10, ..first[1] }, other];
    let mut system = support::task_set(&tasks, 1);
    system.major_frame = Some(MajorFrame { length: Nanos(until), windows });
    (system.refill, system.kernel_bounds.flush) = (Nanos(1), Nanos(1));
    system
}

fn slices(system: &System, time_isolation: TimeIsolation, seed: u64) -> Vec<Vec<Slice>> {
    let objects = support::objects(system, &Profile { time_isolation, ..Profile::ideal() });
    let run =
        simulate(&objects, FixedPriority::of(&objects), &mut Seeded::new(seed), &Options::new(Nanos(200))).unwrap();
    let mut slices = vec![Vec::new(); 3];
    for row in Timeline::new(&objects, &run.log).rows {
        let index = row.context[1..].parse::<usize>().unwrap();
        slices[index] = row.slices;
    }
    slices
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_beyond_its_window(system in support::random::system(), frame in support::random::major_frame(), seed: u64) {
        let mut system = System { major_frame: Some(frame), ..system };
        system.scheduling_contexts.iter_mut().for_each(|scheduling| scheduling.budget = None);
        // A lock that is lent for would move somebody into another's window, on another's account.
        let profile = Profile { inversion: lacuna_model::profile::Inversion::PriorityInheritance, ..Profile::ideal() };
        if let Ok(objects) = Objects::new(&system, &profile) {
            obeys(&objects, seed)?;
        }
    }

    /// Whatever the other partition does, more or less or more urgently: when the first one's contexts run is the same.
    #[test]
    fn a_partition_cannot_tell_what_another_does(
        first in [a_task(), a_task()],
        others in [a_task(), a_task()],
        frame in proptest::collection::vec((0u64..3, 2u64..6, any::<bool>()), 1..5),
        seed: u64,
    ) {
        let flushed = TimeIsolation::FlushedPartitions;
        let [one, another] = others.map(|other| slices(&two_partitions(first, other, &frame), flushed, seed));
        prop_assert_eq!(&one[..2], &another[..2]);
    }
}

/// The same without windows, and without a flush: there it can.
#[test]
fn without_windows_or_a_flush_it_could() {
    let tasks = |wcet| {
        let first = [support::task(2, 10), support::task(0, 10)];
        let other = T { priority: 30, ..support::task(wcet, 10) };
        two_partitions(first, other, &[(0, 5, true), (0, 5, false)])
    };
    let under = |time_isolation, wcet| slices(&tasks(wcet), time_isolation, 1)[..2].to_vec();
    assert_eq!(under(TimeIsolation::FlushedPartitions, 0), under(TimeIsolation::FlushedPartitions, 3));
    assert_ne!(under(TimeIsolation::Partitions, 0), under(TimeIsolation::Partitions, 3));
    // Where nothing is kept for whoever runs, windows are enough.
    let stateless = |wcet| System { refill: Nanos(0), ..tasks(wcet) };
    let under = |system: &System, time_isolation| slices(system, time_isolation, 1)[..2].to_vec();
    assert_eq!(under(&stateless(0), TimeIsolation::Partitions), under(&stateless(3), TimeIsolation::Partitions));
    assert_ne!(under(&stateless(0), TimeIsolation::Budgets), under(&stateless(3), TimeIsolation::Budgets));
}
