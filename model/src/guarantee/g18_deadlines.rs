//! G18, deadlines: every job of a task ends at most its relative deadline after its arrival.
//!
//! Formally, for every task i and every job k: finish(i, k) ≤ arrival(i, k) + D(i). It is no statement about the untimed
//! relation, and so none of [`super::safety`]: the analysis bounds the worst response (`crate::analysis`), and the
//! simulator observes responses.
//!
//! Trigger: the scenario has tasks.

use crate::analysis::response_time::{Bound, ResponseTimes};
use crate::evidence::AnalysisVerdict;
use crate::units::Nanos;

/// What the analysis of one context says of G18.
pub fn verdict(responses: &ResponseTimes, deadline: Nanos) -> AnalysisVerdict {
    match responses.worst() {
        Bound::Finite(worst) if worst <= deadline => AnalysisVerdict::Bound,
        Bound::Finite(worst) => {
            let job = responses.of_jobs().iter().position(|response| *response > deadline).unwrap_or(0);
            let response = responses.of_jobs().get(job).copied().unwrap_or(worst);
            AnalysisVerdict::Unschedulable {
                witness: format!(
                    "job {job} of the longest busy period, in which all more urgent tasks are released together, \
                     responds after {response}; the deadline is {deadline}"
                ),
            }
        }
        Bound::Unbounded => AnalysisVerdict::Unschedulable {
            witness: "the task and those more urgent ask for more than the whole core: responses grow without end"
                .into(),
        },
        Bound::Unknown(limit) => AnalysisVerdict::Unknown { limit: limit.to_string() },
    }
}
