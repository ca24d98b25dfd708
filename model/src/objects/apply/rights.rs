//! Rights given up: by the context that asks, or by its whole process.

use super::super::Objects;
use super::super::state::{ObjectSet, Phase, ProcessSlot};
use super::super::step::Outcome;
use super::Taking;
use crate::system::ObjectId;

impl Objects {
    /// Those of the objects that some program gives up its rights to.
    #[inline]
    pub(in crate::objects) fn object_set(&self, objects: &[ObjectId]) -> ObjectSet {
        let dropped = self.dropped.iter().enumerate();
        dropped.fold(0, |set, (bit, object)| set | ObjectSet::from(objects.contains(object)) << bit)
    }

    /// The objects of a set.
    pub fn objects_of(&self, set: ObjectSet) -> impl Iterator<Item = ObjectId> + '_ {
        self.dropped.iter().enumerate().filter(move |(bit, _)| set & 1 << bit != 0).map(|(_, object)| *object)
    }

    /// Does any program give up a right?
    pub fn drops_rights(&self) -> bool {
        !self.dropped.is_empty()
    }
}

impl Taking<'_> {
    pub(super) fn drop_rights(&mut self, objects: ObjectSet) -> Outcome {
        if self.objects.profile.credentials.are_per_context() {
            self.own_context().dropped |= objects;
            return self.done();
        }
        self.touched.contexts |= 1 << self.slot;
        for context in self.objects.contexts_of(self.slot as ProcessSlot) {
            let context = &mut self.state.contexts[context];
            if context.phase != Phase::Gone {
                context.dropped |= objects;
            }
        }
        self.done()
    }
}
