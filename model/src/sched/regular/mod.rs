//! How regular systems schedule, each as its documentation or its source has it: one file a system, with what was simplified. They know
//! no deadlines, and make no promise to one that depends on nobody else; what that costs is what `compare` shows.
//!
//! What a scenario declares is asked of such a system in its own terms ([`Regular`]): whoever has a scheduling context has its priority among those that the
//! system offers, the more urgent the higher; whoever has none is what everybody is there who has not asked for anything.

pub mod freebsd;
pub mod linux;
pub mod macos;
pub mod queue;
pub mod windows;

use std::fmt;

use super::Sched;
use crate::system::{System, most_computing};

use self::freebsd::FreeBsd;
use self::linux::realtime::Turn;
use self::linux::{Class, Linux};
use self::macos::MacOs;
use self::macos::buckets::Bucket;
use self::windows::Windows;

/// A way in which a regular system can be asked to schedule what a scenario declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Regular {
    /// Linux, with everybody as an everyday program is: in the fair class, and equal.
    LinuxFair,
    /// Linux, with whoever has a scheduling context under `SCHED_FIFO`.
    LinuxFifo,
    /// Linux, with whoever has a scheduling context under `SCHED_RR`.
    LinuxRoundRobin,
    /// Windows, with whoever has a scheduling context on the levels above those of a normal thread, which move.
    Windows,
    /// Windows, with whoever has a scheduling context in the realtime class, whose levels do not.
    WindowsRealtime,
    /// FreeBSD, with everybody in the timeshare class.
    FreeBsd,
    /// FreeBSD, with whoever has a scheduling context in the realtime class.
    FreeBsdRealtime,
    /// macOS, with everybody in the default bucket.
    MacOs,
    /// macOS, with tasks as realtime threads by their deadlines, and whoever else has a scheduling context as user interactive.
    MacOsRealtime,
}

/// Why a system cannot be asked so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotAsk {
    /// Each priority needs a level of its own.
    #[error("there are {levels} priorities, and {system} has {offered} levels for them")]
    TooManyLevels {
        /// Declared.
        levels: usize,
        /// Which system.
        system: &'static str,
        /// What it has.
        offered: usize,
    },
}

/// What is done with a scheduler, whichever it is.
pub trait With {
    /// What comes of it.
    type Outcome;

    /// Does it.
    fn with<S: Sched + Clone>(self, sched: S) -> Self::Outcome;
}

impl Regular {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LinuxFair,
        Self::LinuxFifo,
        Self::LinuxRoundRobin,
        Self::Windows,
        Self::WindowsRealtime,
        Self::FreeBsd,
        Self::FreeBsdRealtime,
        Self::MacOs,
        Self::MacOsRealtime,
    ];

    /// `"linux-fifo"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxFair => "eevdf",
            Self::LinuxFifo => "linux-fifo",
            Self::LinuxRoundRobin => "linux-rr",
            Self::Windows => "windows",
            Self::WindowsRealtime => "windows-rt",
            Self::FreeBsd => "ule",
            Self::FreeBsdRealtime => "freebsd-rt",
            Self::MacOs => "macos",
            Self::MacOsRealtime => "macos-rt",
        }
    }

    /// In a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::LinuxFair => "Linux's fair class, everybody equal",
            Self::LinuxFifo => "Linux's SCHED_FIFO, and 95 % of each second for all of it",
            Self::LinuxRoundRobin => "Linux's SCHED_RR, and 95 % of each second for all of it",
            Self::Windows => "Windows' levels 9 to 15, which move",
            Self::WindowsRealtime => "Windows' realtime levels, 16 to 31",
            Self::FreeBsd => "FreeBSD's timeshare class, everybody equal",
            Self::FreeBsdRealtime => "FreeBSD's realtime class, eight levels",
            Self::MacOs => "macOS' default bucket, everybody equal",
            Self::MacOsRealtime => "macOS' time constraints, and demotion of who computes on and on",
        }
    }

    /// Can it be asked to?
    ///
    /// # Errors
    /// See [`CannotAsk`].
    pub fn check(self, system: &System) -> Result<(), CannotAsk> {
        struct Nothing;
        impl With for Nothing {
            type Outcome = ();
            fn with<S: Sched + Clone>(self, _: S) {}
        }
        self.give(system, Nothing)
    }

    /// Does something with the scheduler that schedules what the system declares so.
    ///
    /// # Errors
    /// See [`CannotAsk`].
    pub fn give<W: With>(self, system: &System, with: W) -> Result<W::Outcome, CannotAsk> {
        let linux = |class: fn(u8) -> Class| -> Result<Linux, CannotAsk> {
            let levels = levels(system, "Linux", 99)?;
            Ok(Linux::new(levels.into_iter().map(class).collect(), linux::Settings::DEFAULT))
        };
        let windows = |name, lowest: u8, highest: u8| -> Result<Windows, CannotAsk> {
            let levels = levels(system, name, highest - lowest + 1)?;
            Ok(Windows::new(levels.into_iter().map(|level| lowest + level).collect(), windows::Settings::CLIENT))
        };
        Ok(match self {
            Self::LinuxFair => with.with(Linux::new(Vec::new(), linux::Settings::DEFAULT)),
            Self::LinuxFifo => with.with(linux(|level| Class::Realtime { priority: level + 1, turn: Turn::Fifo })?),
            Self::LinuxRoundRobin => {
                with.with(linux(|level| Class::Realtime { priority: level + 1, turn: Turn::RoundRobin })?)
            }
            Self::Windows => {
                with.with(windows("Windows above a normal thread", windows::NORMAL + 1, windows::REALTIME - 1)?)
            }
            Self::WindowsRealtime => {
                with.with(windows("Windows' realtime class", windows::REALTIME, windows::HIGHEST)?)
            }
            Self::FreeBsd => with.with(FreeBsd::new(Vec::new(), freebsd::Settings::DEFAULT)),
            Self::FreeBsdRealtime => {
                let levels = levels(system, "FreeBSD's realtime class", freebsd::REALTIME_LEVELS)?;
                let priorities = levels.into_iter().map(|level| Some(freebsd::realtime(level))).collect();
                with.with(FreeBsd::new(priorities, freebsd::Settings::DEFAULT))
            }
            Self::MacOs => with.with(MacOs::new(Vec::new(), macos::Settings::DEFAULT)),
            Self::MacOsRealtime => with.with(MacOs::new(constraints(system), macos::Settings::DEFAULT)),
        })
    }
}

impl fmt::Display for Regular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The time constraint of the first task of each scheduling context: its deadline, and what it computes at most.
fn constraints(system: &System) -> Vec<macos::Class> {
    let contexts = || system.processes.iter().flat_map(|process| &process.contexts);
    let class = |index: usize| {
        let mut of_it = contexts().filter(|context| context.schedule.is_some_and(|by| by.index() == index));
        let task = of_it.find_map(|context| Some((context.task?.deadline, most_computing(&context.program))));
        task.map_or(macos::Class::Timeshare(Bucket::Foreground), |(constraint, computes)| {
            let computation = macos::computation(computes.unwrap_or(constraint));
            macos::Class::Realtime { computation, constraint: constraint.max(computation) }
        })
    };
    (0..system.scheduling_contexts.len()).map(class).collect()
}

/// The priority of each scheduling context among those that are declared, from 0 for the least urgent, if there are so many levels.
fn levels(system: &System, name: &'static str, offered: u8) -> Result<Vec<u8>, CannotAsk> {
    let mut declared: Vec<u32> = system.scheduling_contexts.iter().map(|scheduling| scheduling.priority).collect();
    declared.sort_unstable();
    declared.dedup();
    if declared.len() > usize::from(offered) {
        return Err(CannotAsk::TooManyLevels { levels: declared.len(), system: name, offered: offered.into() });
    }
    let level = |priority: u32| declared.partition_point(|other| *other < priority) as u8;
    Ok(system.scheduling_contexts.iter().map(|scheduling| level(scheduling.priority)).collect())
}
