//! What is known of a job when nobody of it is left, and why that could not be brought about.
//!
//! Times are those of the monotonic clock. The last death and the last reaping are told apart: the first is when no
//! member can run again, the second when the process table is free of them.

use std::io;
use std::time::Duration;

use lacuna_model::profile::Profile;
use serde::Serialize;

use crate::policy::Policy;
use crate::primitive::{PrimitiveId, strengthen};

/// Whose word it is that nobody of the job is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Account {
    /// `cgroup.events` of version 2: `populated 0`.
    CgroupV2,
    /// `cgroup.procs` of a freezer group of version 1 is empty.
    CgroupV1Freezer,
    /// The init of the process namespace is dead: the kernel waits for all others first.
    PidNamespace,
    /// The subreaper has no child left.
    Keeper,
}

/// How the first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl Status {
    pub(crate) fn from_wait(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signaled(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }

    /// Did it end by itself with code 0?
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }
}

/// Why the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// Its first process ended.
    OwnAccord,
    /// The policy's deadline passed.
    Deadline,
    /// It was killed by [`Job::kill`](crate::Job::kill).
    Asked,
    /// The keeper ended first: someone outside killed it, or the machine ran out of memory.
    KeeperLost,
}

/// What is known when nobody of the job is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// How the first process ended; killed, if nobody could say otherwise.
    pub status: Status,
    /// Why the job ended.
    pub cause: Cause,
    /// Processes that were alive when the first had ended, before the kill of the group; 1 stands for some where the
    /// host keeps no list. After a deadline or a kill that was asked for: those alive at that moment.
    pub survivors: usize,
    /// Processes that had left the group and lived on after its kill; the keeper ended them then. Only a job that may
    /// write to the tree of cgroups can do that.
    pub escaped: usize,
    /// From the kill of the group to the last death by the kernel's account.
    pub kill_duration: Duration,
    /// From the kill of the group to the last reaping: the process table holds nothing of the job any more.
    pub reap_duration: Duration,
    /// From the launch to the last death.
    pub run_duration: Duration,
    /// Whose word it is that nobody is left.
    pub account: Account,
    /// The primitives that were reported as applied, the judge's own left out.
    pub applied: Vec<PrimitiveId>,
    /// The policy that they were applied for.
    #[serde(skip)]
    pub policy: Policy,
}

impl End {
    /// Was it the deadline?
    pub fn killed_by_deadline(&self) -> bool {
        self.cause == Cause::Deadline
    }

    /// The profile that the job really ran on: from what was applied, not from what was planned.
    pub fn effective(&self) -> Profile {
        strengthen(&self.applied.iter().copied().collect(), &self.policy)
    }
}

/// A job could not be brought to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The kernel refused what it should not.
    #[error("cannot {what}: {source}")]
    Kernel {
        /// What was done.
        what: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
    /// Without a group there is nobody but the keeper who could tell, and someone killed it.
    #[error("the keeper was killed, and nobody else can tell who of the job is left")]
    KeeperLost,
    /// The group was killed and is not empty after ten seconds: a member sleeps in the kernel.
    #[error("killed, and {0} processes are still there after 10 s")]
    Undead(usize),
}

pub(crate) fn kernel(what: &'static str) -> impl Fn(io::Error) -> WaitError {
    move |source| WaitError::Kernel { what, source }
}
