//! The states that are known: an open-addressed table that any number of threads insert into at once.
//!
//! A state of one word is kept in the table itself, mixed by a bijection, so that the table is ordered by hash and grows
//! as a stream, in place. A wider one is kept in the [`Log`], and the table holds its place there and 24 bits of its hash.
//! Memory is asked for entries before they are needed, so that it answers many at once.
//!
//! # Invariants
//! - An entry is 0 until it is taken, and never changes again.
//! - At most [`Seen::limit`] entries are taken, and for each thread 32 and [`Seen::uncounted`]; some entry is always free.

mod growth;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prefetch_index::prefetch_index;

use super::log::{Log, Place};
use super::system::Packed;

/// States that are inserted between two looks at how many there are.
pub(super) const BATCH: usize = 32;
/// States ahead of the one that is inserted, whose entries are asked for.
const LOOK: usize = BATCH;
/// Of 16 entries, so many are taken at most before the table grows.
const LOAD: usize = 12;
/// And so many when there is no memory left to grow.
const LAST_LOAD: usize = 15;
/// Entries of the smallest table.
const LEAST: usize = 1 << 17;
/// A table of so many entries is large: what threads have not counted is little beside it.
const LARGE: usize = 16 * LEAST;
/// Bits of an entry that are a place in the log.
const PLACE: u32 = 40;

/// A bijection of words under which every bit of the result depends on every bit of the word, and 0 stays 0.
#[inline]
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 29)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    word ^ (word >> 32)
}

/// The hash of a state: for one word a bijection.
#[inline]
pub(super) fn hash<S: Packed>(state: &S) -> u64 {
    if S::WORDS == 1 {
        return mix(state.word(0));
    }
    let mut hash = 0x243f_6a88_85a3_08d3_u64;
    for word in 0..S::WORDS {
        let product = u128::from(hash ^ state.word(word)) * 0xe703_7ed1_a0b4_28db;
        hash = (product as u64) ^ ((product >> 64) as u64);
    }
    mix(hash)
}

/// A state about to be inserted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<S> {
    /// Its hash.
    pub(super) hash: u64,
    /// It.
    pub(super) state: S,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Seen {
    entries: Vec<AtomicU64>,
    /// The state of one word that is 0, which would look like a free entry.
    zero: AtomicBool,
    limit: u64,
}

/// There is not that much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfMemory;

/// A slice of zeroes, which the system hands out untouched.
pub(super) fn zeroes(length: usize) -> Result<Box<[AtomicU64]>, OutOfMemory> {
    bytemuck::allocation::try_zeroed_slice_box(length).map_err(|()| OutOfMemory)
}

impl Seen {
    /// The smallest table.
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let mut seen = Self::default();
        seen.lengthen(LEAST, 1)?;
        Ok(seen)
    }

    /// So many may be in it before it must grow.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// So many that a thread has inserted it need not have told the others.
    pub(super) fn uncounted(&self) -> u64 {
        if self.entries() < LARGE { 0 } else { 8 * BATCH as u64 }
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        8 * self.entries() as u64
    }

    /// How many entries it has.
    #[inline]
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.entries() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries() { 0 } else { at + 1 }
    }

    /// Inserts the next `BATCH` of some states, from `next` on; of those that were not known, wide ones are written to the log
    /// through `place` before anybody can find them. Returns how many that were.
    ///
    /// Memory is asked for what is needed `LOOK` states later; for wide states, half way, also for what the entry points at.
    #[inline]
    pub(super) fn insert<S: Packed>(
        &self,
        candidates: &[Candidate<S>],
        next: &mut usize,
        log: &Log,
        place: &mut Place,
    ) -> u64 {
        let (first, last) = (*next, candidates.len().min(*next + BATCH));
        if first == 0 {
            candidates.iter().take(LOOK).for_each(|candidate| self.ask(candidate.hash));
        }
        let mut new = 0;
        for (at, candidate) in candidates.iter().enumerate().take(last).skip(first) {
            if let Some(later) = candidates.get(at + LOOK) {
                self.ask(later.hash);
            }
            let home = self.home(candidate.hash);
            if S::WORDS == 1 {
                let found = self.entries[home].load(Ordering::Relaxed);
                let known = found == candidate.hash && found != 0;
                if !known && self.insert_word(candidate.hash, home, found) {
                    log.write(place, &candidate.state);
                    log.keep(place);
                    new += 1;
                }
                continue;
            }
            if let Some(later) = candidates.get(at + LOOK / 2) {
                let entry = self.entries[self.home(later.hash)].load(Ordering::Acquire);
                if entry != 0 && same_tag(entry, later.hash) {
                    log.ask(index_of(entry));
                }
            }
            let found = self.entries[home].load(Ordering::Acquire);
            new += u64::from(self.insert_wide(candidate, home, found, log, place));
        }
        *next = last;
        new
    }

    /// Asks memory for where a state belongs.
    #[inline]
    fn ask(&self, hash: u64) {
        prefetch_index(self.entries.as_slice(), self.home(hash));
    }

    fn insert_word(&self, hash: u64, mut at: usize, mut found: u64) -> bool {
        if hash == 0 {
            return !self.zero.swap(true, Ordering::Relaxed);
        }
        loop {
            if found == 0 {
                match self.entries[at].compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return true,
                    Err(taken) => found = taken,
                }
            }
            if found == hash {
                return false;
            }
            at = self.after(at);
            found = self.entries[at].load(Ordering::Relaxed);
        }
    }

    fn insert_wide<S: Packed>(
        &self,
        candidate: &Candidate<S>,
        mut at: usize,
        mut found: u64,
        log: &Log,
        place: &mut Place,
    ) -> bool {
        let mut entry = 0;
        loop {
            if found == 0 {
                if entry == 0 {
                    // Written before it is published, and written over by the next one if another thread was first.
                    entry = entry_of(log.write(place, &candidate.state), candidate.hash);
                }
                match self.entries[at].compare_exchange(0, entry, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => {
                        log.keep(place);
                        return true;
                    }
                    Err(taken) => found = taken,
                }
            }
            if same_tag(found, candidate.hash) && log.holds(index_of(found), &candidate.state) {
                return false;
            }
            at = self.after(at);
            found = self.entries[at].load(Ordering::Acquire);
        }
    }

    /// Inserts a hash alone; was it new?
    pub(super) fn insert_hash(&self, hash: u64) -> bool {
        let home = self.home(hash);
        self.insert_word(hash, home, self.entries[home].load(Ordering::Relaxed))
    }

    /// Takes what is left of the entries, for there is no memory for a larger table.
    pub(super) fn use_the_rest(&mut self) -> bool {
        let last = (self.entries() / 16 * LAST_LOAD) as u64;
        let more = last > self.limit;
        self.limit = last;
        more
    }

    /// Is the state known?
    pub(super) fn contains<S: Packed>(&self, state: &S, log: &Log) -> bool {
        let hash = hash(state);
        if S::WORDS == 1 && hash == 0 {
            return self.zero.load(Ordering::Relaxed);
        }
        let mut at = self.home(hash);
        loop {
            let found = self.entries[at].load(Ordering::Acquire);
            let same = match S::WORDS {
                1 => found == hash,
                _ => found != 0 && same_tag(found, hash) && log.holds(index_of(found), state),
            };
            if same || found == 0 {
                return same;
            }
            at = self.after(at);
        }
    }
}

#[inline]
fn entry_of(index: u64, hash: u64) -> u64 {
    (hash << PLACE) | (index + 1)
}

#[inline]
fn index_of(entry: u64) -> u64 {
    (entry & ((1 << PLACE) - 1)) - 1
}

#[inline]
fn same_tag(entry: u64, hash: u64) -> bool {
    entry >> PLACE == hash & (u64::MAX >> PLACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_one_hash_are_told_apart_by_all_of_their_words() {
        let seen = Seen::new().unwrap_or_default();
        let log = Log::new(2, 1 << 30);
        let mut place = Place::default();
        assert!(log.reserve(&mut place, 1 << 30).is_ok());
        let states = [[1, 2], [1, 3], [2, 2], [1, 2], [2, 2]].map(|state| Candidate { hash: 5, state });
        assert_eq!(seen.insert(&states, &mut 0, &log, &mut place), 3);
        assert_eq!(seen.insert(&states, &mut 0, &log, &mut place), 0);
        let inserted: Vec<[u64; 2]> = place.close().into_iter().flatten().map(|index| log.state(index)).collect();
        assert_eq!(inserted, [[1, 2], [1, 3], [2, 2]]);
    }
}
