//! Handles: made, flagged, and what of them a new program inherits.

use super::super::program::{HandleSet, bit};
use super::super::state::{ContextSlot, Phase};
use super::super::step::{Action, Outcome, Step};
use super::Taking;
use crate::profile::inheritance::{Flag, Listing};
use crate::system::HandleId;

impl Taking<'_> {
    pub(super) fn open(&mut self, handle: HandleId) -> Outcome {
        let slot = self.slot;
        let inheritance = self.objects.profile.inheritance;
        let process = self.process(slot);
        process.handles |= bit(handle);
        match inheritance.flag_at_creation() {
            Flag::CloseOnExec => process.flagged |= bit(handle),
            Flag::Keep => process.flagged &= !bit(handle),
        }
        if inheritance.flags_in_a_second_action() {
            self.own_context().phase = Phase::Flagging(handle);
            return Outcome::Done;
        }
        self.done()
    }

    pub(super) fn listed(&self, action: Action) -> Option<HandleSet> {
        self.objects.listed(self.state, Step { context: self.context as ContextSlot, action })
    }

    /// Flags a handle, by the second call of two.
    pub(super) fn set_flag(&mut self, handle: HandleId) -> Outcome {
        let process = self.process(self.slot);
        process.flagged |= bit(handle) & process.handles;
        self.done()
    }

    pub(super) fn close(&mut self, handle: HandleId) -> Outcome {
        let process = self.process(self.slot);
        process.handles &= !bit(handle);
        process.flagged &= !bit(handle);
        self.done()
    }

    /// The handles of a creator that reach the new program.
    pub(super) fn inherited(&self, handles: HandleSet, flagged: HandleSet, listed: HandleSet) -> HandleSet {
        let reaches = |handle: &u8| {
            let of = |set: HandleSet| set & (1 << handle) != 0;
            let flag = if of(flagged) { Flag::CloseOnExec } else { Flag::Keep };
            let listing = if of(listed) { Listing::Listed } else { Listing::Unlisted };
            of(handles) && self.objects.profile.inheritance.reaches_child(flag, listing)
        };
        (0..self.objects.system.handles.len() as u8).filter(reaches).fold(0, |set, handle| set | 1 << handle)
    }
}
