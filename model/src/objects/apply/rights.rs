//! Rights given up, asked for again, and handed on: of the context that asks, or of its whole process.

use super::super::precondition::Precondition;
use super::super::state::{ObjectSet, Phase, ProcessSlot, State};
use super::super::step::{Outcome, Refusal};
use super::super::{Objects, each};
use super::Taking;
use crate::system::{ObjectId, ProcessId, Right};

impl Objects {
    /// Those of the objects that some program gives up its rights to.
    #[inline]
    pub fn object_set(&self, objects: &[ObjectId]) -> ObjectSet {
        let dropped = self.dropped.iter().enumerate();
        dropped.fold(0, |set, (bit, object)| set | ObjectSet::from(objects.contains(object)) << bit)
    }

    /// The objects of a set.
    pub fn objects_of(&self, set: ObjectSet) -> impl Iterator<Item = ObjectId> + '_ {
        self.dropped.iter().enumerate().filter(move |(bit, _)| set & 1 << bit != 0).map(|(_, object)| *object)
    }

    /// Has a context not given up its rights to an object?
    #[inline]
    pub fn has_kept(&self, state: &State, context: usize, object: ObjectId) -> bool {
        state.contexts[context].dropped & self.object_set(&[object]) == 0
    }

    /// Has a context any right to an object?
    pub fn has_a_right(&self, state: &State, context: usize, object: ObjectId) -> bool {
        let domain = self.domain_of(state, usize::from(self.process_of[context]));
        self.has_kept(state, context, object) && Right::ALL.iter().any(|right| self.permits(domain, object, *right))
    }

    /// Does any program give up a right?
    pub fn drops_rights(&self) -> bool {
        !self.dropped.is_empty()
    }
}

impl Taking<'_> {
    /// Changes what the context has given up, or what all contexts of its process have.
    fn change_dropped(&mut self, change: impl Fn(&mut ObjectSet)) {
        if self.objects.profile.credentials.are_per_context() {
            return change(&mut self.own_context().dropped);
        }
        self.change_dropped_of(self.slot, change);
    }

    fn change_dropped_of(&mut self, slot: usize, change: impl Fn(&mut ObjectSet)) {
        self.touched.contexts |= 1 << slot;
        for context in self.objects.contexts_of(slot as ProcessSlot) {
            let context = &mut self.state.contexts[context];
            if context.phase != Phase::Gone {
                change(&mut context.dropped);
            }
        }
    }

    pub(super) fn drop_rights(&mut self, objects: ObjectSet) -> Outcome {
        self.change_dropped(|dropped| *dropped |= objects);
        self.done()
    }

    /// Is what was given up given back, where the axis says so?
    fn gives_back(&self, by_the_axis: bool) -> bool {
        by_the_axis || self.objects.omits(Precondition::GivenUpForGood)
    }

    pub(super) fn regain(&mut self, object: ObjectId) -> Outcome {
        if !self.objects.has_kept(self.state, self.context, object) {
            if !self.gives_back(self.objects.profile.regain.by_asking()) {
                return self.go_on(Outcome::Refused(Refusal::NoRight));
            }
            let object = self.objects.object_set(&[object]);
            self.change_dropped(|dropped| *dropped &= !object);
        }
        self.go_on(Outcome::Done)
    }

    /// A privileged program has its owner's rights, and among them all that was given up; what it does with them whoever
    /// executes it decides.
    pub(super) fn execute_privileged(&mut self) {
        if self.objects.drops_rights() && self.gives_back(self.objects.profile.regain.by_execution()) {
            self.change_dropped(|dropped| *dropped = 0);
        }
    }

    /// Who grants is not told whether anybody has it then. What is granted all contexts of a process have, as they have a handle.
    pub(super) fn grant(&mut self, object: ObjectId, to: ProcessId) -> Outcome {
        let holds = self.objects.has_a_right(self.state, self.context, object);
        if !self.objects.requires(Precondition::RightHeld, holds) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        let granted = self.objects.object_set(&[object]);
        for slot in each(self.having(|process| process.lives() && process.instance_of == to)) {
            self.change_dropped_of(slot, |dropped| *dropped &= !granted);
        }
        self.go_on(Outcome::Done)
    }
}
