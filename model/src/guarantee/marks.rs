//! What one step says of the guarantees, without words: which had something to say, which are violated.

use super::{GuaranteeSet, Safety, Transition};
use crate::objects::{Objects, State, Touched};

/// What is asked of a step. What is known of a guarantee need not be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Of these, does it give them something to say?
    pub triggered: GuaranteeSet,
    /// Of these, does it violate them?
    pub violated: GuaranteeSet,
}

impl Asked {
    /// Everything about some guarantees.
    pub fn of(asked: GuaranteeSet) -> Self {
        Self { triggered: asked, violated: asked }
    }

    /// Only about some of them.
    #[must_use]
    pub fn and(self, some: GuaranteeSet) -> Self {
        Self { triggered: self.triggered.and(some), violated: self.violated.and(some) }
    }
}

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
    asked: Asked,
    already: GuaranteeSet,
    marks: Marks,
) -> Marks {
    let id = guarantee.id();
    let violated = || match already.contains(id) {
        true => guarantee.violated(objects, transition),
        false => guarantee.newly_violated(objects, transition, touched),
    };
    let triggered = asked.triggered.contains(id) && guarantee.triggered(objects, transition);
    let violated = asked.violated.contains(id) && violated();
    Marks { triggered: marks.triggered.with_if(triggered, id), violated: marks.violated.with_if(violated, id) }
}
