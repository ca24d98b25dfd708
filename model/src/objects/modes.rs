//! Modes: which tasks there are, and who may change that to what.
//!
//! A mode is a relation between processes that affects the schedule and is known beforehand: the tasks of the processes that it names arrive in
//! it, those of others that some mode names do not. What is in progress when the mode changes goes on. Without time every task may start
//! a job in any mode, which covers whatever time lets arrive ([`crate::time`]).

use super::Objects;
use super::precondition::Precondition;
use super::state::{ContextSlot, State};
use super::step::Refusal;
use crate::system::{DomainId, ModeId};

impl Objects {
    /// Do jobs of the context arrive in the present mode?
    pub fn is_in_mode(&self, state: &State, context: ContextSlot) -> bool {
        let process = state.processes[usize::from(self.process_of(context))].instance_of;
        self.system.is_there_in(process, state.mode)
    }

    /// What the policy says against a change of mode by that process.
    pub fn forbids_change(&self, state: &State, slot: usize, to: ModeId) -> Option<Refusal> {
        let (right, known) = self.change_is_allowed(state, slot, to);
        (!right).then_some(Refusal::NoRight).or_else(|| (!known).then_some(Refusal::NoSuchChange))
    }

    /// What the kernel says against it.
    pub(super) fn refuses_change(&self, state: &State, slot: usize, to: ModeId) -> Option<Refusal> {
        let (right, known) = self.change_is_allowed(state, slot, to);
        if !self.requires(Precondition::ModeRight, right) {
            return Some(Refusal::NoRight);
        }
        (!self.requires(Precondition::KnownChange, known)).then_some(Refusal::NoSuchChange)
    }

    /// May its domain change to that mode, and may that follow the present one?
    fn change_is_allowed(&self, state: &State, slot: usize, to: ModeId) -> (bool, bool) {
        let modes = &self.system.modes;
        let by = modes.get(to.index()).is_some_and(|mode| mode.by.contains(&self.domain_of(state, slot)));
        let follows = modes.get(state.mode.index()).is_some_and(|mode| mode.next.contains(&to));
        (by, follows || to == state.mode)
    }

    /// May the domain change to any mode? Then it learns which is the present one.
    pub(super) fn may_change_modes(&self, domain: DomainId) -> bool {
        let by = self.system.modes.iter().any(|mode| mode.by.contains(&domain));
        self.requires(Precondition::ModeRight, by)
    }
}
