//! States and what was seen of them as words: in checkpoints and between the workers of a cluster.

use super::search::First;
use super::system::Packed;
use super::worker::{Sighting, Tally};

/// Reads words that were written here; `None` when they end too early, or are not what was written.
#[derive(Debug)]
pub(super) struct Words<'a> {
    rest: &'a [u64],
    at: usize,
}

impl<'a> Words<'a> {
    /// From the first on.
    pub(super) fn new(rest: &'a [u64]) -> Self {
        Self { rest, at: 0 }
    }

    /// How many were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.rest.split_first()?;
        (self.rest, self.at) = (rest, self.at + 1);
        Some(*word)
    }

    /// A word that is a small number.
    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.word()?).ok()
    }

    /// How many of something follow, of which each takes at least so many words.
    pub(super) fn count(&mut self, words_of_each: usize) -> Option<usize> {
        let count = usize::try_from(self.word()?).ok()?;
        (count.checked_mul(words_of_each.max(1))? <= self.left()).then_some(count)
    }

    /// A state.
    pub(super) fn state<S: Packed>(&mut self) -> Option<S> {
        let words = self.rest.get(..S::WORDS)?;
        (self.rest, self.at) = (&self.rest[S::WORDS..], self.at + S::WORDS);
        Some(S::from_words(|word| words.get(word).copied().unwrap_or(0)))
    }

    /// Something or nothing.
    pub(super) fn option<A>(&mut self, read: impl FnOnce(&mut Self) -> Option<A>) -> Option<Option<A>> {
        match self.word()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// An edge.
    pub(super) fn sighting<S: Packed>(&mut self) -> Option<Sighting<S>> {
        Some(Sighting { ordinal: self.small()?, state: self.state()? })
    }

    /// The number of a mark.
    pub(super) fn mark(&mut self) -> Option<u32> {
        self.small().filter(|mark| *mark < u64::BITS)
    }

    /// The first edge with a mark, and the mark.
    pub(super) fn first<S: Packed>(&mut self) -> Option<(u32, First<S>)> {
        Some((self.mark()?, First { level: self.small()?, sighting: self.sighting()? }))
    }

    /// What was counted and seen in a level.
    pub(super) fn tally<S: Packed>(&mut self) -> Option<Tally<S>> {
        let (transitions, deadlocks, marks) = (self.word()?, self.word()?, self.word()?);
        let deadlock = self.option(Self::state)?;
        let sightings = (0..self.count(2 + S::WORDS)?).map(|_| Some((self.mark()?, self.sighting()?)));
        Some(Tally { sightings: sightings.collect::<Option<_>>()?, transitions, deadlocks, marks, deadlock })
    }
}

/// Writes something or nothing.
pub(super) fn put_option<A>(words: &mut Vec<u64>, option: Option<A>, put: impl FnOnce(&mut Vec<u64>, A)) {
    words.push(u64::from(option.is_some()));
    if let Some(value) = option {
        put(words, value);
    }
}

/// Writes an edge.
pub(super) fn put_sighting<S: Packed>(words: &mut Vec<u64>, sighting: &Sighting<S>) {
    words.push(u64::from(sighting.ordinal));
    words.extend(sighting.state.words());
}

/// Writes the first edge with a mark, and the mark.
pub(super) fn put_first<S: Packed>(words: &mut Vec<u64>, mark: u32, first: &First<S>) {
    words.extend([u64::from(mark), u64::from(first.level)]);
    put_sighting(words, &first.sighting);
}

/// Writes what was counted and seen in a level.
pub(super) fn put_tally<S: Packed>(words: &mut Vec<u64>, tally: &Tally<S>) {
    words.extend([tally.transitions, tally.deadlocks, tally.marks]);
    put_option(words, tally.deadlock, |words, state| words.extend(state.words()));
    words.push(tally.sightings.len() as u64);
    for (mark, sighting) in &tally.sightings {
        words.push(u64::from(*mark));
        put_sighting(words, sighting);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_shorter() {
        let sighting = |word| Sighting { state: [word, 7], ordinal: 3 };
        let mut words = Vec::new();
        let tally = Tally {
            transitions: 9,
            deadlocks: 1,
            marks: 5,
            sightings: vec![(0, sighting(1)), (2, sighting(2))],
            deadlock: Some([8, 8]),
        };
        put_tally(&mut words, &tally);
        put_first(&mut words, 63, &First { level: 4, sighting: sighting(6) });
        let mut read = Words::new(&words);
        let again: Tally<[u64; 2]> = read.tally().unwrap();
        assert_eq!((again.sightings, again.deadlock), (tally.sightings.clone(), tally.deadlock));
        assert_eq!(read.first().unwrap(), (63, First { level: 4, sighting: sighting(6) }));
        assert_eq!((read.left(), read.at()), (0, words.len()));
        for length in 0..words.len() {
            let mut read = Words::new(&words[..length]);
            let whole = read.tally::<[u64; 2]>().and_then(|_| read.first::<[u64; 2]>());
            assert!(whole.is_none(), "of {length} words");
        }
    }
}
