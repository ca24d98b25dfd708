//! How a situation in time is packed: its objects as in the untimed model, and after them its clocks and queues.

use lacuna_model::coding::{Reader, Width, Writer};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::objects::Codec;
use lacuna_model::relation::Relation;
use lacuna_model::sched::Sched;
use lacuna_model::time::Lattice;

use super::MOST_WORDS;
use super::clocks::{Most, Situation};

/// Of the situations of one system.
pub(super) struct Form<'f, 'a, S: Sched> {
    pub(super) relation: &'f Relation<'a, S, Lattice>,
    pub(super) lattice: &'f Lattice,
    pub(super) codec: &'f Codec,
    /// At which its clocks stop.
    pub(super) most: Most,
}

impl<S: Sched> Form<'_, '_, S> {
    /// How many bits one takes, and how many words; all take the same.
    pub(super) fn size(&self, any: &Situation<S>) -> (usize, usize) {
        let mut width = Width::new(self.lattice.tick());
        any.clone().code(self.relation, self.lattice, &self.most, &mut width);
        (self.codec.bits() + width.bits, self.codec.words() + width.bits.div_ceil(64))
    }

    /// Packs one into so many words. Did everything fit?
    pub(super) fn pack(&self, situation: &Situation<S>, words: &mut [u64]) -> bool {
        let (objects, time) = words.split_at_mut(self.codec.words());
        let fits = self.codec.pack(&situation.state.objects, objects).is_ok();
        let mut writer = Writer::new(time, self.lattice.tick());
        situation.clone().code(self.relation, self.lattice, &self.most, &mut writer);
        fits && writer.fits()
    }

    /// Unpacks one over another, whichever.
    pub(super) fn unpack(&self, words: &[u64], mut over: Situation<S>) -> Situation<S> {
        let (objects, time) = words.split_at(self.codec.words());
        self.codec.unpack(objects, &mut over.state.objects);
        let mut reader = Reader::new(time, self.lattice.tick());
        over.code(self.relation, self.lattice, &self.most, &mut reader);
        self.relation.tell_of_relations(&mut over.state);
        over
    }
}

/// What is said of pairs of states that are too wide.
pub(super) fn too_wide(needed: usize) -> ModelVerdict {
    ModelVerdict::Unknown {
        limit: format!("a pair of timed states needs {needed} words; at most {MOST_WORDS} are explored"),
    }
}
