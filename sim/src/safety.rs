//! The safety guarantees, observed along a run: which had something to say, which were violated, when first. A run
//! without a violation is no proof; the checker looks at every interleaving.

use lacuna_model::guarantee::{GuaranteeId, Transition, safety};
use lacuna_model::objects::{Objects, Outcome};
use lacuna_model::relation::Label;
use serde::Serialize;

use crate::log::Log;

/// What a run says of one safety guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// Which.
    pub id: GuaranteeId,
    /// At how many steps it had something to say.
    pub triggered: u64,
    /// Its first violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
}

/// A violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When, in nanoseconds from the start.
    pub at_ns: u64,
    /// The step, as a sentence.
    pub step: String,
    /// What is wrong after it, as a sentence.
    pub violation: String,
}

/// Judges the steps that the log has: all of the run, unless it was [cut](Log::cut).
pub fn observe(objects: &Objects, log: &Log) -> Vec<Observed> {
    let mut observed: Vec<Observed> =
        safety().iter().map(|guarantee| Observed { id: guarantee.id(), triggered: 0, violation: None }).collect();
    log.replay(objects, |before, record, after| {
        let Label::Object(step) = record.label else { return };
        let outcome = record.outcome.unwrap_or(Outcome::Done);
        let transition = Transition { before, step, outcome, after };
        for (guarantee, observed) in safety().iter().zip(&mut observed) {
            observed.triggered += u64::from(guarantee.triggered(objects, &transition));
            if observed.violation.is_none()
                && let Some(violation) = guarantee.violation(objects, &transition)
            {
                let step = objects.event(before, step, outcome, after).text;
                observed.violation = Some(Violation { at_ns: record.at.0, step, violation });
            }
        }
    });
    observed
}
