//! What a context is at ending: all of a job group, or all of a security domain. The guarantees of it in time ask how long that takes (G4, G12).

use super::Objects;
use super::program::Operation;
use super::state::{ContextSlot, Phase, State};
use super::step::Action;
use crate::system::{DomainId, GroupId};

/// Whom a kill or a lock-down is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Whoever descends from the members of a job group.
    Group(GroupId),
    /// Whoever is of a domain.
    Domain(DomainId),
}

impl Objects {
    /// Whom the context is to end, if a kill of a group or a lock-down is its next step or under way.
    pub fn ending(&self, state: &State, context: ContextSlot) -> Option<Ending> {
        let at = usize::from(context);
        if !matches!(state.contexts[at].phase, Phase::Begin | Phase::Walking(_)) {
            return None;
        }
        match self.operation(state, at) {
            Operation::Kill(group) => Some(Ending::Group(*group)),
            Operation::LockDown(domain) => Some(Ending::Domain(*domain)),
            _ => None,
        }
    }

    /// Is it one whom that is to end, and lives?
    pub fn is_to_end(&self, state: &State, slot: usize, ending: Ending) -> bool {
        let process = &state.processes[slot];
        process.lives()
            && match ending {
                Ending::Group(group) => process.group == Some(group),
                Ending::Domain(domain) => self.domain_of(state, slot) == domain,
            }
    }

    /// Has a kill or a lock-down of the context returned by this action, which led here?
    pub fn has_returned(&self, action: Action, after: &State, context: ContextSlot) -> bool {
        match action {
            Action::Kill(_) | Action::LockDown(_) => {
                !matches!(after.contexts[usize::from(context)].phase, Phase::Walking(_))
            }
            Action::KillReturns(_) | Action::LockDownReturns(_) => true,
            _ => false,
        }
    }
}
