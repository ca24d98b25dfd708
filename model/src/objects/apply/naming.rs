//! Names of processes: whom they stand for, and a kill by one.

use super::super::Objects;
use super::super::precondition::Precondition;
use super::super::state::{Name, Phase, Process, ProcessSlot, State};
use super::super::step::{Outcome, Refusal};
use super::Taking;
use crate::system::{GroupId, ProcessId};

impl Objects {
    /// Does a kill reach whoever has the number, whether it is the one that was named or not?
    pub(in crate::objects) fn recycles(&self) -> bool {
        self.profile.identity.is_recycled() || self.omits(Precondition::SameProcess)
    }

    /// Whom the name of a process stands for; nobody, if no program kills it by name.
    pub fn named(&self, state: &State, process: ProcessId) -> Name {
        let index = self.named.iter().position(|named| *named == process);
        index.and_then(|index| state.names.get(index)).copied().unwrap_or_default()
    }

    /// The processes that may have the number of one that is gone, a bit each.
    pub(in crate::objects) fn heirs(&self, state: &State, process: ProcessId) -> u64 {
        match self.named(state, process) {
            Name::Was(heirs) => heirs,
            Name::Nobody | Name::Is(_) => 0,
        }
    }

    /// The job group whose members a context is killing one by one.
    pub fn walked_group(&self, state: &State, context: super::super::ContextSlot) -> Option<GroupId> {
        match (state.contexts[usize::from(context)].phase, self.operation(state, usize::from(context))) {
            (Phase::Walking(_), super::Operation::Kill(group)) => Some(*group),
            _ => None,
        }
    }
}

impl Taking<'_> {
    /// A process has come into being: by an instruction, or as the copy of an adversary, whose number nobody was told.
    pub(super) fn is_named(&mut self, slot: ProcessSlot, id: ProcessId) {
        if self.state.names.is_empty() {
            return;
        }
        self.touched.shared = true;
        let recycles = self.objects.recycles();
        for (name, named) in self.state.names.iter_mut().zip(&self.objects.named) {
            match name {
                _ if *named == id && !self.attacks => *name = Name::Is(slot),
                Name::Was(heirs) if recycles => *heirs |= 1 << slot,
                _ => {}
            }
        }
    }

    /// Frees an entry of the process table, and with it the number.
    pub(super) fn free(&mut self, slot: usize) {
        *self.process(slot) = Process::FREE;
        self.touched.shared |= !self.state.names.is_empty();
        for name in &mut self.state.names {
            match name {
                Name::Is(of) if usize::from(*of) == slot => *name = Name::Was(0),
                Name::Was(heirs) => *heirs &= !(1 << slot),
                _ => {}
            }
        }
        if self.objects.profile.kill.walks() && !self.objects.recycles() {
            self.leave_snapshots(slot);
        }
    }

    /// A snapshot that refers to processes and not to numbers no longer has one that is gone.
    fn leave_snapshots(&mut self, slot: usize) {
        for context in 0..self.state.contexts.len() {
            if let Phase::Walking(members) = &mut self.state.contexts[context].phase
                && *members & 1 << slot != 0
            {
                *members &= !(1 << slot);
                self.touched.contexts |= 1 << self.objects.process_of[context];
            }
        }
    }

    /// Kills the process that is named, or nobody.
    pub(super) fn kill_process(&mut self, named: ProcessId) -> Outcome {
        let name = self.objects.named(self.state, named);
        self.done();
        match name {
            Name::Is(slot) => {
                self.end_process(usize::from(slot));
                Outcome::Done
            }
            Name::Was(_) => {
                self.settle(named, 0);
                Outcome::Refused(Refusal::NoProcess)
            }
            Name::Nobody => Outcome::Refused(Refusal::NoProcess),
        }
    }

    /// Kills whoever has the number of the process that is named.
    pub(super) fn kill_number(&mut self, named: ProcessId, heir: ProcessSlot) -> Outcome {
        self.done();
        self.settle(named, 1 << heir);
        self.end_process(usize::from(heir));
        Outcome::Done
    }

    /// It has come out who of those that were there has the number.
    fn settle(&mut self, named: ProcessId, heirs: u64) {
        self.touched.shared = true;
        let names = self.state.names.iter_mut().zip(&self.objects.named);
        names.filter(|(_, of)| **of == named).for_each(|(name, _)| *name = Name::Was(heirs));
    }
}
