//! Information flow: guarantees that no single run violates. [`unwinding`] is the pass over all reachable states that decides G10; [`runs`]
//! finds two runs that confirm what the pass suspects, and tells them side by side.

mod runs;
mod unwinding;

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, OF_PAIRS};
use lacuna_model::objects::Objects;

use self::unwinding::Pass;
use crate::engine::{End, Limits};
use crate::guarantees::Checked;

/// What was found on pairs of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowReport {
    /// Different states found.
    pub states: u64,
    /// Steps taken.
    pub transitions: u64,
    /// Different views, of all domains together.
    pub views: u64,
    /// How the pass ended; one that refuted something ends there.
    pub end: End,
    /// A verdict for each guarantee asked for.
    pub guarantees: Vec<Checked>,
    /// How long it took.
    pub elapsed: std::time::Duration,
}

/// Decides those of `ids` that are [of pairs](OF_PAIRS) of runs.
pub fn check_flows(objects: &Objects, ids: &[GuaranteeId], limits: &Limits<'_>) -> FlowReport {
    let asked: Vec<GuaranteeId> = OF_PAIRS.iter().copied().filter(|id| ids.contains(id)).collect();
    let begun = std::time::Instant::now();
    // No ghost is kept.
    let objects = objects.clone().watching(&asked);
    let mut report = FlowReport {
        states: 0,
        transitions: 0,
        views: 0,
        end: End::Complete,
        guarantees: Vec::new(),
        elapsed: std::time::Duration::ZERO,
    };
    for id in asked {
        let verdict = if objects.system().flows.is_none() {
            ModelVerdict::Vacuous
        } else {
            let mut pass = Pass::new(&objects, limits);
            let verdict = pass.verdict();
            let (states, transitions, views) = pass.counts();
            report = FlowReport { states, transitions, views, end: pass.end(), ..report };
            verdict
        };
        report.guarantees.push(Checked { id, verdict });
    }
    FlowReport { elapsed: begun.elapsed(), ..report }
}
