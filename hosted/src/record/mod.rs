//! A scenario's own program, run on this host and recorded from outside: without ptrace, by what the kernel tells anybody.
//!
//! The processes that create or end a job are played by this one, a thread a context; every other is the actor, launched as a job under
//! the plan, which interprets its part of the scenario and says of each call that it is about to make it, and what came of it.
//!
//! # Who sees what, and what that is worth
//!
//! | event | by | worth |
//! |---|---|---|
//! | a call of a played process, its return, what came of it | this process | its own doing, with its own clock on both sides |
//! | a process appears; it wrote a claim | the kernel: the credentials of a message (unix(7), SO_PASSCRED) | who wrote, by a number in our namespace. Which part it plays is what it says |
//! | it has ended, or lives | the kernel, by a pidfd | never another process |
//! | in its group or not, and the group empty | the kernel's list of the cgroup; without a group that was applied, the process group (proc_pid_stat(5)) | a list that is read is no snapshot, so only who lives before and after it counts |
//! | a message comes out of a buffer | the outer end of its pipe | that it was sent by somebody who holds the pipe |
//! | a call inside, and what came of it | the process inside | nothing, where it may lie; here it is our own code |
//!
//! Intervals are of CLOCK_MONOTONIC, in nanoseconds. A claim was written after the queue was last seen empty and before it was read. A
//! process ended after it was last seen alive and before its end was seen. All claims come through one queue, in the order in which they
//! were written (unix(7), SOCK_SEQPACKET).
//!
//! # What a run changes
//! The model has no time, so a host's time may be short: a computation takes at most 2 ms here, a wait at most
//! 250 ms. Whoever has made 24 calls makes no more, and holds still. Each is in [`Record::left_out`] where it happened.
//!
//! Known holes: the pidfd of a process is opened by its number, right after its first message: had it ended, been reaped, and its number been given
//! again by then, it would be another's. Everything of a program that is not in [`Part`] cannot be recorded, and is refused by name.

mod direct;
mod enact;
mod part;
mod watch;

use std::sync::atomic::AtomicBool;

use lacuna_model::profile::Profile;
use lacuna_model::record::Record;
use lacuna_model::system::System;

use crate::actor::ActorError;
use crate::{LaunchError, Plan, WaitError};

pub(crate) use enact::play;
pub(crate) use part::Part;

/// Why a scenario was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotRecorded {
    /// Something in its programs has no counterpart here.
    #[error("`{process}` cannot be played on this host: {what}")]
    Program {
        /// Which process.
        process: String,
        /// What it does.
        what: String,
    },
    /// A process was not launched.
    #[error("`{process}` could not be launched: {source}")]
    Launch {
        /// Which.
        process: String,
        /// Why not.
        source: LaunchError,
    },
    /// The actor could not be had.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// A job could not be brought to its end.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The host refused what a record needs.
    #[error("{what}: {source}")]
    Io {
        /// What.
        what: &'static str,
        /// Its word.
        source: std::io::Error,
    },
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl NotRecorded {
    fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    fn sys(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Io { what, source: errno.into() }
    }
}

/// A record, and the profile that it was made under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What was observed.
    pub record: Record,
    /// From what was reported as applied.
    pub effective: Profile,
}

/// Can the scenario be played at all? Nothing is run.
///
/// # Errors
/// [`NotRecorded::Program`], with what cannot.
pub fn is_playable(system: &System) -> Result<(), NotRecorded> {
    part::cast(system).map(drop)
}

/// Runs a scenario under a plan and records it. The seed decides what its programs leave open. Nothing of it remains.
///
/// # Errors
/// See [`NotRecorded`].
pub fn record(system: &System, plan: &Plan, seed: u64, interrupt: &AtomicBool) -> Result<Recorded, NotRecorded> {
    direct::run(system, plan, seed, interrupt)
}
