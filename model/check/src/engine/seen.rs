//! The states that are known: an open-addressed table that any number of threads insert into at once.
//!
//! A state of one word is kept in the table itself, mixed by a bijection, so that the table is ordered by hash and grows
//! as a stream. A wider one is kept in the [`Log`], and the table holds its place there and 24 bits of its hash. The
//! entries of a batch are read before the first is needed, so that the memory answers all of them at once.
//!
//! # Invariants
//! - An entry is 0 until it is taken, and never changes again.
//! - At most [`Seen::limit`] entries are taken, and 32 for each thread; some entry is always free.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::log::{Log, Place};
use super::system::Packed;

/// Entries asked for at once.
pub(super) const BATCH: usize = 32;
/// Of 16 entries, so many are taken at most before the table grows.
const LOAD: usize = 12;
/// And so many when there is no memory left to grow.
const LAST_LOAD: usize = 15;
/// The smallest table.
const LEAST: usize = 1 << 17;
/// Entries in a page of memory, of the smallest pages there are.
const PAGE: usize = 512;
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
    entries: Box<[AtomicU64]>,
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
        Self::with_entries(LEAST)
    }

    fn with_entries(count: usize) -> Result<Self, OutOfMemory> {
        let entries = zeroes(count)?;
        Ok(Self { limit: (count / 16 * LOAD) as u64, entries, zero: AtomicBool::new(false) })
    }

    /// So many may be in it before it must grow.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        8 * self.entries.len() as u64
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.entries.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    /// Inserts at most [`BATCH`] states, and calls `new` with each that was not known, once among all threads; for
    /// wide ones, after it was written to the log through `place`.
    #[inline]
    pub(super) fn insert<S: Packed>(&self, batch: &[Candidate<S>], log: &Log, place: &mut Place) -> u64 {
        let mut homes = [0; BATCH];
        let mut found = [0; BATCH];
        for (index, candidate) in batch.iter().enumerate().take(BATCH) {
            homes[index] = self.home(candidate.hash);
        }
        for index in 0..batch.len().min(BATCH) {
            found[index] = self.entries[homes[index]].load(Ordering::Acquire);
        }
        let mut new = 0;
        if S::WORDS == 1 {
            for ((candidate, home), found) in batch.iter().zip(homes).zip(found) {
                let known = found == candidate.hash && found != 0;
                if !known && self.insert_word(candidate.hash, home, found) {
                    log.write(place, &candidate.state);
                    log.keep(place);
                    new += 1;
                }
            }
        } else {
            // What the first entries point at is read ahead too, as most of it will be compared.
            let mut ahead = 0;
            for (candidate, found) in batch.iter().zip(found) {
                if found != 0 && same_tag(found, candidate.hash) {
                    ahead |= log.first_word(index_of(found));
                }
            }
            std::hint::black_box(ahead);
            for ((candidate, home), found) in batch.iter().zip(homes).zip(found) {
                new += u64::from(self.insert_wide(candidate, home, found, log, place));
            }
        }
        new
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

    /// A table of more entries with the same hashes.
    pub(super) fn grown_hashes(&self, entries: usize) -> Result<Self, OutOfMemory> {
        self.grown::<[u64; 1]>(entries, &Log::new(1, 0), &[], 1)
    }

    /// A table of more entries with the same states; `all` are the ranges of the log that hold them.
    pub(super) fn grown<S: Packed>(
        &self,
        entries: usize,
        log: &Log,
        all: &[Range<u64>],
        threads: usize,
    ) -> Result<Self, OutOfMemory> {
        let larger = Self::with_entries(entries)?;
        larger.zero.store(self.zero.load(Ordering::Relaxed), Ordering::Relaxed);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let larger = &larger;
                let part = |entries: usize| entries * thread / threads..entries * (thread + 1) / threads;
                let (old, new) = (&self.entries[part(self.entries.len())], &larger.entries[part(entries)]);
                scope.spawn(move || {
                    // Memory that is read before it is written costs two page faults instead of one, and the second
                    // interrupts the other threads. An exchange writes even when it changes nothing.
                    for entry in new.iter().step_by(PAGE) {
                        let _ = entry.compare_exchange(0, 0, Ordering::Relaxed, Ordering::Relaxed);
                    }
                    if S::WORDS == 1 {
                        for entry in old {
                            let hash = entry.load(Ordering::Relaxed);
                            if hash != 0 {
                                let home = larger.home(hash);
                                larger.insert_word(hash, home, larger.entries[home].load(Ordering::Relaxed));
                            }
                        }
                    } else {
                        for range in all.iter().skip(thread).step_by(threads) {
                            larger.insert_logged::<S>(log, range.clone());
                        }
                    }
                });
            }
        });
        Ok(larger)
    }

    /// Inserts wide states of the log that are not in the table, and all different.
    fn insert_logged<S: Packed>(&self, log: &Log, range: Range<u64>) {
        for index in range {
            let hash = hash(&log.state::<S>(index));
            let entry = entry_of(index, hash);
            let mut at = self.home(hash);
            while self.entries[at].compare_exchange(0, entry, Ordering::AcqRel, Ordering::Acquire).is_err() {
                at = self.after(at);
            }
        }
    }

    /// Takes what is left of the entries, for there is no memory for a larger table.
    pub(super) fn use_the_rest(&mut self) -> bool {
        let last = (self.entries.len() / 16 * LAST_LOAD) as u64;
        let more = last > self.limit;
        self.limit = last;
        more
    }

    /// How many entries it has.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
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
