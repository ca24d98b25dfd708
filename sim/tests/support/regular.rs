//! Schedulers of regular systems, with settings as small as the times of the random systems.

use lacuna_model::objects::ContextSlot;
use lacuna_model::sched::regular::With;
use lacuna_model::sched::regular::freebsd::{self, FreeBsd};
use lacuna_model::sched::regular::linux::realtime::Turn;
use lacuna_model::sched::regular::linux::{Class, Linux, Settings};
use lacuna_model::sched::regular::macos::buckets::{Bucket, Latencies};
use lacuna_model::sched::regular::macos::{self, MacOs};
use lacuna_model::sched::regular::windows::{self, Windows};
use lacuna_model::units::Nanos;
use lacuna_sim::log::Log;
use proptest::prelude::*;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) enum Small {
    Linux(Linux),
    Windows(Windows),
    FreeBsd(FreeBsd),
    MacOs(MacOs),
}

impl Small {
    pub(crate) fn give<W: With>(&self, with: W) -> W::Outcome {
        match self {
            Self::Linux(linux) => with.with(linux.clone()),
            Self::Windows(windows) => with.with(windows.clone()),
            Self::FreeBsd(freebsd) => with.with(freebsd.clone()),
            Self::MacOs(macos) => with.with(macos.clone()),
        }
    }
}

fn class() -> impl Strategy<Value = Class> {
    let turn = prop_oneof![Just(Turn::Fifo), Just(Turn::RoundRobin)];
    prop_oneof![
        (-20i8..20).prop_map(|nice| Class::Fair { nice }),
        (1u8..4, turn).prop_map(|(priority, turn)| Class::Realtime { priority, turn }),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (1u64..4, 1u64..9, 1u32..4, 1u64..20, 1u64..20).prop_map(|(tick, slice, ticks, runtime, period)| Settings {
        tick: Nanos(tick),
        slice: Nanos(slice),
        timeslice_ticks: ticks,
        realtime_runtime: Nanos(runtime),
        realtime_period: Nanos(period),
    })
}

fn windows_settings() -> impl Strategy<Value = windows::Settings> {
    (1u64..4, 1u32..9, 1u64..15, 1u32..5).prop_map(|(tick, quantum, scan, patience)| windows::Settings {
        tick: Nanos(tick),
        quantum,
        scan: Nanos(scan),
        patience,
    })
}

fn freebsd_settings() -> impl Strategy<Value = freebsd::Settings> {
    (1u64..4, 1u32..6, 1u32..3, 1u64..40, 1u64..40, 1u64..20).prop_map(
        |(tick, slice, least_slice, history, window, slack)| freebsd::Settings {
            tick: Nanos(tick),
            slice,
            least_slice,
            history: Nanos(history),
            window: Nanos(window),
            slack: Nanos(slack),
        },
    )
}

fn macos_settings() -> impl Strategy<Value = macos::Settings> {
    let each = |values: std::ops::Range<u64>| proptest::array::uniform5(values.prop_map(Nanos));
    (each(0..30), each(0..6), each(1..6), 1u64..30, 1u64..30).prop_map(|(latency, warp, quantum, most, demotion)| {
        let latencies = Latencies { latency, warp, quantum };
        macos::Settings { latencies, most: Nanos(most), demotion: Nanos(demotion) }
    })
}

fn macos_class() -> impl Strategy<Value = macos::Class> {
    prop_oneof![
        proptest::sample::select(Bucket::ALL.to_vec()).prop_map(macos::Class::Timeshare),
        (1u64..5, 1u64..15).prop_map(|(computation, constraint)| macos::Class::Realtime {
            computation: Nanos(computation),
            constraint: Nanos(constraint),
        }),
    ]
}

/// Any of them, for systems of at most three scheduling contexts.
pub(crate) fn any() -> impl Strategy<Value = Small> {
    let linux = (proptest::collection::vec(class(), 3), settings());
    let windows = (proptest::collection::vec(prop_oneof![6u8..18, 13u8..17], 3), windows_settings());
    let realtime = proptest::option::weighted(0.3, 48u8..80);
    let freebsd = (proptest::collection::vec(realtime, 3), freebsd_settings());
    let macos = (proptest::collection::vec(macos_class(), 3), macos_settings());
    prop_oneof![
        macos.prop_map(|(classes, settings)| Small::MacOs(MacOs::new(classes, settings))),
        freebsd.prop_map(|(realtime, settings)| Small::FreeBsd(FreeBsd::new(realtime, settings))),
        linux.prop_map(|(classes, settings)| Small::Linux(Linux::new(classes, settings))),
        windows.prop_map(|(bases, settings)| Small::Windows(Windows::new(bases, settings))),
    ]
}

/// From when to when whoever has the core has it, in order; nobody's time is left out.
pub(crate) fn slots(log: &Log) -> Vec<(u64, u64, ContextSlot)> {
    let mut slots: Vec<(u64, u64, ContextSlot)> = Vec::new();
    for record in log.records() {
        let (from, to) = (record.at.0, record.end().0);
        let Some(running) = record.running.filter(|_| from < to) else { continue };
        match slots.last_mut() {
            Some((_, end, context)) if *end == from && *context == running => *end = to,
            _ => slots.push((from, to, running)),
        }
    }
    slots
}
