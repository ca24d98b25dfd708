//! G20, bounded inversion: while a job is to be done, less urgent contexts run instead of it for at most as long as is declared.
//!
//! Formally, for every job (for a context that is no task: its whole run) of a context c whose scheduling context declares a bound: the
//! time during which c is ready and has budget, or waits for a lock, and the core belongs to a context whose declared priority is
//! lower than c's, is at most the bound. It is no statement about the untimed relation, and so none of [`super::safety`]: the timed
//! search decides it, with a clock for each such context that saturates beyond the bound.
//!
//! Trigger: a context with such a bound waited for a lock that another held.

use crate::objects::{ContextSlot, Objects, State};
use crate::units::Nanos;

/// The bound that is declared for a context that lives.
pub fn bound(objects: &Objects, state: &State, context: ContextSlot) -> Option<Nanos> {
    let by = objects.declaration(state, context).schedule?;
    objects.system().scheduling_contexts[by.index()].inversion
}

/// Does `running` keep the context from going on, while it is less urgent by declaration? Whether a ready context has budget is the
/// scheduler's to say.
pub fn is_inverted(objects: &Objects, state: &State, context: ContextSlot, running: ContextSlot) -> bool {
    let waits = objects.awaited_owner(state, context).is_some() || objects.is_ready(state, context);
    waits && objects.urgency(state, running) < objects.urgency(state, context)
}
