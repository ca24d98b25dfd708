//! What one step says of the guarantees, without words: which had something to say, which are violated.

use super::{GuaranteeSet, Safety, Transition};
use crate::objects::{Objects, State, Touched};

/// What one step says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The step gave these something to say.
    pub triggered: GuaranteeSet,
    /// The step violates these.
    pub violated: GuaranteeSet,
}

/// `violated`, and the guarantee if it is asked and violated in the state.
pub(super) fn violated_in(
    guarantee: &impl Safety,
    objects: &Objects,
    state: &State,
    asked: GuaranteeSet,
    violated: GuaranteeSet,
) -> GuaranteeSet {
    let id = guarantee.id();
    violated.with_if(asked.contains(id) && guarantee.violated_in(objects, state), id)
}

/// `marks`, and what the step says of the guarantee if it is asked.
#[inline]
pub(super) fn mark(
    guarantee: &impl Safety,
    objects: &Objects,
    transition: &Transition<'_>,
    touched: Touched,
    asked: GuaranteeSet,
    already: GuaranteeSet,
    marks: Marks,
) -> Marks {
    let id = guarantee.id();
    if !asked.contains(id) {
        return marks;
    }
    let violated = if already.contains(id) {
        guarantee.violated(objects, transition)
    } else {
        guarantee.newly_violated(objects, transition, touched)
    };
    Marks {
        triggered: marks.triggered.with_if(guarantee.triggered(objects, transition), id),
        violated: marks.violated.with_if(violated, id),
    }
}
