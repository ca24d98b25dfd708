//! Locking a domain down: at once, or one process after the other.

use super::super::each;
use super::super::program::Operation;
use super::super::state::{Phase, ProcessSlot};
use super::super::step::{Outcome, Refusal};
use super::Taking;
use crate::profile::Shutdown;
use crate::system::DomainId;

impl Taking<'_> {
    /// The living processes of a domain, a bit each.
    fn living_of(&self, domain: DomainId) -> u64 {
        let (state, slots) = (&*self.state, 0..self.state.processes.len());
        let living =
            slots.filter(|slot| state.processes[*slot].lives() && self.objects.domain_of(state, *slot) == domain);
        living.fold(0, |set, slot| set | 1 << slot)
    }

    pub(super) fn lock_down(&mut self, domain: DomainId) -> Outcome {
        let members = self.living_of(domain);
        match self.objects.profile.shutdown {
            Shutdown::None => {
                self.lock_down_returns(domain);
                return Outcome::Refused(Refusal::NotOffered);
            }
            Shutdown::BestEffort => {
                // Whoever asks for it goes last, as kill(2) of -1 leaves out the caller.
                self.own_context().phase = Phase::Walking(members & !(1 << self.slot));
                return Outcome::Done;
            }
            Shutdown::Irrevocable => {}
        }
        self.lock_down_returns(domain);
        each(members).for_each(|slot| self.end_process(slot));
        Outcome::Done
    }

    /// Ends one of the snapshot of a walk, if it is of the domain still.
    pub(super) fn lock_down_member(&mut self, member: ProcessSlot) -> Outcome {
        let domain = match self.objects.operation(self.state, self.context) {
            Operation::LockDown(domain) => Some(*domain),
            _ => None,
        };
        if let Phase::Walking(members) = self.state.contexts[self.context].phase {
            self.own_context().phase = Phase::Walking(members & !(1 << member));
        }
        if domain == Some(self.objects.domain_of(self.state, usize::from(member))) {
            self.end_process(usize::from(member));
        }
        Outcome::Done
    }

    pub(super) fn lock_down_returns(&mut self, domain: DomainId) -> Outcome {
        self.touched.shared = true;
        let locked = self.state.locked_down.iter_mut().zip(&self.objects.lockable);
        locked.filter(|(_, of)| **of == domain).for_each(|(locked, _)| *locked = true);
        self.done()
    }
}
