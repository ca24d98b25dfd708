//! Evidence: what a checker, an analysis, a simulation or a host says of one guarantee, and what it rests on.
//!
//! A verdict never claims more than was done: a search that was cut off is `unknown`, one that was bounded in depth is
//! `proved-to-depth`, one in which the guarantee had nothing to say is `vacuous`, and a simulation only ever `held`.

use serde::{Deserialize, Serialize};

use crate::trace::{Trace, TwoRuns};
use crate::units::Nanos;

/// An operation of the kernel, and how long it takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// Its name, as in `kernel_bounds`.
    pub operation: &'static str,
    /// So long.
    #[serde(rename = "bound_ns")]
    pub bound: Nanos,
}

/// What an exhaustive search of the model says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum ModelVerdict {
    /// Holds in every reachable state, and the search ended.
    Proved,
    /// Holds in every state reachable with at most `depth` steps of the adversary.
    ProvedToDepth {
        /// That bound.
        depth: u32,
    },
    /// Holds in every reachable state of a system whose process table has so many entries, and in which a fork was refused
    /// because it was full: a larger one might have shown more.
    ProvedToTable {
        /// Its size.
        entries: u8,
        /// The bound on the adversary's steps, if that cut the search too.
        #[serde(skip_serializing_if = "Option::is_none")]
        depth: Option<u32>,
    },
    /// Does not hold.
    Refuted {
        /// A shortest path to the violation, as a story.
        trace: Trace,
        /// What is wrong at its end, in a sentence.
        violation: String,
        /// Where it takes two runs to see it: both, of which the path is the second.
        #[serde(skip_serializing_if = "Option::is_none")]
        runs: Option<Box<TwoRuns>>,
    },
    /// What the model takes for granted, and a host may refute.
    Assumed {
        /// What.
        assumptions: Vec<Assumption>,
    },
    /// Nothing that the guarantee speaks of ever happened.
    Vacuous,
    /// The search ended early.
    Unknown {
        /// Which limit ended it.
        limit: String,
    },
}

impl ModelVerdict {
    /// Does it hold, within whatever bounds, and has it something to say?
    pub fn holds(&self) -> bool {
        matches!(self, Self::Proved | Self::ProvedToDepth { .. } | Self::ProvedToTable { .. })
    }

    /// Of a guarantee that asks something of steps, which this says, and a bound in time too, which the other does: what both come to.
    #[must_use]
    pub fn and_in_time(self, bound: Self) -> Self {
        match (self, bound) {
            // Where a search in time came to nothing of it, it has nothing to add.
            (of_steps @ Self::Refuted { .. }, _) | (of_steps, Self::Vacuous) => of_steps,
            (_, late @ Self::Refuted { .. }) => late,
            (unknown @ Self::Unknown { .. }, _) => unknown,
            (_, Self::Unknown { limit }) => Self::Unknown { limit: format!("in time, {limit}") },
            (Self::Proved | Self::Vacuous, bound) => bound,
            (of_steps, _) => of_steps,
        }
    }

    /// The verdict's name, as printed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::ProvedToDepth { .. } => "proved-to-depth",
            Self::ProvedToTable { .. } => "proved-to-table",
            Self::Refuted { .. } => "refuted",
            Self::Assumed { .. } => "assumed",
            Self::Vacuous => "vacuous",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What a host measurement says of one attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostOutcome {
    /// The attack succeeds without the mechanism, fails with it, and the judge outside saw no effect.
    Enforced,
    /// Some of it got through.
    Partial,
    /// The call that should enforce it succeeded, and the attack still got through.
    AcceptedNotEnforced,
    /// The attack got through; no mechanism was there.
    NotEnforced,
    /// What would be attacked does not exist on this host.
    SurfaceAbsent,
    /// The control failed: the attack does not succeed even without the mechanism.
    Inconclusive,
    /// A privilege or a facility is missing; the row says which, and where it is to be had.
    NotTestableHere,
}

impl HostOutcome {
    /// The outcome's name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partial => "partial",
            Self::AcceptedNotEnforced => "accepted-not-enforced",
            Self::NotEnforced => "not-enforced",
            Self::SurfaceAbsent => "surface-absent",
            Self::Inconclusive => "inconclusive",
            Self::NotTestableHere => "not-testable-here",
        }
    }

    /// Did anything get out?
    pub fn got_out(self) -> bool {
        matches!(self, Self::Partial | Self::AcceptedNotEnforced | Self::NotEnforced)
    }
}

/// What the analysis says of one context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum AnalysisVerdict {
    /// The worst response is at most this, and within the deadline.
    Bound,
    /// Some job can miss its deadline; the witness says which.
    Unschedulable {
        /// The first job of the busy period that misses, and its response.
        witness: String,
    },
    /// No bound was found.
    Unknown {
        /// Why.
        limit: String,
    },
}

/// What a simulation saw; never a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum SimVerdict {
    /// A job ended, and no deadline was missed in this run.
    Held,
    /// No job ended and none missed its deadline, so the run says nothing.
    Vacuous,
    /// A deadline was missed.
    Missed {
        /// Number of the first job that missed, from 0.
        job: u64,
        /// When it was released, in nanoseconds from the start.
        released_ns: u64,
    },
}
