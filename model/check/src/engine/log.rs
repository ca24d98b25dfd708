//! The states in the order of their discovery, level by level; each thread writes into chunks of its own.
//!
//! # Invariants
//! - A state is written before its index is published, and never again changed.
//! - A range that a [`Place`] has given back holds states only, all different.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prefetch_index::prefetch_index;

use super::seen::{BATCH, OutOfMemory, zeroes};
use super::system::Packed;

/// States in a chunk.
const CHUNK: u64 = 1 << 13;

/// The log.
#[derive(Debug)]
pub(super) struct Log {
    words: usize,
    chunks: Vec<OnceLock<Box<[AtomicU64]>>>,
    taken: AtomicUsize,
}

/// Where a thread writes.
#[derive(Debug, Default)]
pub(super) struct Place {
    from: u64,
    at: u64,
    end: u64,
    ranges: Vec<Range<u64>>,
}

impl Place {
    /// What was written since the last call.
    pub(super) fn close(&mut self) -> Vec<Range<u64>> {
        self.set_aside();
        std::mem::take(&mut self.ranges)
    }

    /// What was written since the last [`Place::close`].
    pub(super) fn written(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().cloned().chain((self.from < self.at).then_some(self.from..self.at))
    }

    fn set_aside(&mut self) {
        if self.from < self.at {
            self.ranges.push(self.from..self.at);
            self.from = self.at;
        }
    }
}

impl Log {
    /// A log of states of so many words, that may grow to so many bytes.
    pub(super) fn new(words: usize, most_bytes: u64) -> Self {
        let chunk = CHUNK * 8 * words as u64;
        let most = (most_bytes / chunk + 1).min(1 << 26) as usize;
        Self { words, chunks: std::iter::repeat_with(OnceLock::new).take(most).collect(), taken: AtomicUsize::new(0) }
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed) as u64 * self.chunk_bytes()
    }

    /// The size of what it grows by.
    pub(super) fn chunk_bytes(&self) -> u64 {
        CHUNK * 8 * self.words as u64
    }

    /// Makes room for a batch, if the log then has at most so many bytes.
    #[inline]
    pub(super) fn reserve(&self, place: &mut Place, most_bytes: u64) -> Result<(), OutOfMemory> {
        if place.end - place.at >= BATCH as u64 {
            return Ok(());
        }
        self.next_chunk(place, most_bytes)
    }

    #[cold]
    fn next_chunk(&self, place: &mut Place, most_bytes: u64) -> Result<(), OutOfMemory> {
        // In one step, so that of several threads no two take what only one may.
        let most = (most_bytes / self.chunk_bytes()).min(self.chunks.len() as u64);
        let next = |taken: usize| ((taken as u64) < most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let number = taken.map_err(|_| OutOfMemory)?;
        let chunk = self.chunks.get(number).ok_or(OutOfMemory)?;
        chunk.set(zeroes(CHUNK as usize * self.words)?).map_err(|_| OutOfMemory)?;
        place.set_aside();
        place.at = number as u64 * CHUNK;
        place.from = place.at;
        place.end = place.at + CHUNK;
        Ok(())
    }

    #[inline]
    fn words_at(&self, index: u64) -> &[AtomicU64] {
        let first = (index % CHUNK) as usize * self.words;
        match self.chunks[(index / CHUNK) as usize].get() {
            Some(chunk) => &chunk[first..first + self.words],
            None => &[],
        }
    }

    /// Writes a state where the next one goes, and returns its index.
    #[inline]
    pub(super) fn write<S: Packed>(&self, place: &Place, state: &S) -> u64 {
        for (word, to) in self.words_at(place.at).iter().enumerate() {
            to.store(state.word(word), Ordering::Relaxed);
        }
        place.at
    }

    /// Keeps what was written.
    #[inline]
    pub(super) fn keep(&self, place: &mut Place) {
        place.at += 1;
    }

    /// Is it that state?
    #[inline]
    pub(super) fn holds<S: Packed>(&self, index: u64, state: &S) -> bool {
        let words = self.words_at(index);
        words.len() == S::WORDS
            && words.iter().enumerate().all(|(i, word)| word.load(Ordering::Relaxed) == state.word(i))
    }

    /// Asks memory for a state.
    #[inline]
    pub(super) fn ask(&self, index: u64) {
        prefetch_index(self.words_at(index), 0);
    }

    /// A state.
    #[inline]
    pub(super) fn state<S: Packed>(&self, index: u64) -> S {
        let words = self.words_at(index);
        S::from_words(|word| words.get(word).map_or(0, |word| word.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn threads_that_take_at_once_do_not_take_more_than_there_is() {
        const THREADS: usize = 8;
        for round in 0..200 {
            let log = Log::new(1, 1 << 30);
            let most = 1 + round % 7;
            let begin = Barrier::new(THREADS);
            let took = std::thread::scope(|scope| {
                let take = || {
                    let mut place = Place::default();
                    begin.wait();
                    let took = log.reserve(&mut place, most * log.chunk_bytes() + 5).is_ok();
                    // A chunk begins where no other does.
                    took.then_some(place.at)
                };
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(take)).collect();
                let mut took: Vec<u64> =
                    threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect();
                took.sort_unstable();
                took
            });
            assert_eq!(log.bytes(), most * log.chunk_bytes());
            assert_eq!(took, (0..most).map(|chunk| chunk * CHUNK).collect::<Vec<_>>());
        }
    }
}
