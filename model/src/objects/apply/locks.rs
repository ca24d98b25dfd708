//! Locks: taken, given back, and orphaned with their owners.

use super::super::precondition::Precondition;
use super::super::state::{ContextSlot, LockState};
use super::super::step::{Outcome, Refusal};
use super::Taking;
use crate::system::LockId;

impl Taking<'_> {
    pub(super) fn lock(&mut self, lock: LockId) -> Outcome {
        self.state.locks[lock.index()] = LockState::Held(self.context as ContextSlot);
        self.touched.shared = true;
        self.done()
    }

    pub(super) fn unlock(&mut self, lock: LockId) -> Outcome {
        let owned = self.state.locks[lock.index()] == LockState::Held(self.context as ContextSlot);
        if !self.objects.requires(Precondition::LockOwned, owned) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        self.state.locks[lock.index()] = LockState::Free;
        self.touched.shared = true;
        self.done()
    }

    /// These contexts have ended: what they hold is never given back.
    pub(super) fn orphan(&mut self, contexts: std::ops::Range<usize>) {
        for lock in &mut self.state.locks {
            if matches!(lock, LockState::Held(owner) if contexts.contains(&usize::from(*owner))) {
                *lock = LockState::Orphaned;
                self.touched.shared = true;
            }
        }
    }
}
