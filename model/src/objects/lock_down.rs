//! Lock-down of domains: which there are, and what is refused to one that is shut.

use super::Objects;
use super::precondition::Precondition;
use super::state::State;
use crate::system::{DomainId, Instruction, System};

/// The domains that some program locks down, each once.
pub(super) fn locked_down_by_a_program(system: &System) -> Vec<DomainId> {
    let mut domains = std::collections::BTreeSet::new();
    system.for_each_instruction(|_, instruction| {
        if let Instruction::LockDown(domain) = instruction {
            domains.insert(*domain);
        }
    });
    domains.into_iter().collect()
}

impl Objects {
    /// Has a lock-down of the domain returned, whatever came of it?
    pub fn is_locked_down(&self, state: &State, domain: DomainId) -> bool {
        let index = self.lockable.iter().position(|of| *of == domain);
        index.and_then(|index| state.locked_down.get(index)).copied().unwrap_or_default()
    }

    /// May no process be created in the domain any more?
    pub(super) fn is_closed(&self, state: &State, domain: DomainId) -> bool {
        let closed = self.profile.shutdown.closes() && self.is_locked_down(state, domain);
        !self.requires(Precondition::DomainOpen, !closed)
    }
}
