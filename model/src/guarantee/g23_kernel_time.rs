//! G23, kernel time: every kernel operation ends within its declared bound.
//!
//! Formally, for every operation o that the scenario bounds by κ(o), and every time that it is called: its duration ≤ κ(o). It is the
//! assumption that all other bounds rest on, and no statement about the model, in which an operation takes at most its bound by
//! definition: so it is *assumed*, and never proved. A host refutes it, when it is seen to take longer.
//!
//! Trigger: the scenario bounds an operation.

use crate::evidence::{Assumption, ModelVerdict};
use crate::system::System;

/// What is assumed.
pub fn verdict(system: &System) -> ModelVerdict {
    let bounds = system.kernel_bounds.declared();
    let assumptions: Vec<Assumption> = bounds.map(|(operation, bound)| Assumption { operation, bound }).collect();
    if assumptions.is_empty() { ModelVerdict::Vacuous } else { ModelVerdict::Assumed { assumptions } }
}
