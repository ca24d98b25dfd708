//! How the table grows where it is: it is lengthened, and every entry moves to its place in the longer table.
//!
//! Wide states are inserted again from the log. Entries of one word are moved, a stretch of the table at a time, from its
//! end. Spread over `new` entries instead of `old`, what lies from `start` to `end` belongs to where it was times
//! `new / old`; with `start = end * old / new` that is `end` and beyond. Nothing there is still to be moved, so:
//!
//! - An entry that is put there, at the first free one from its home on, finds that way taken for ever.
//! - Each thread has a part of the stretch, and the part of the longer table that belongs to it: no two write to one entry.
//! - What does not belong there, or finds no free entry there, is set aside, and inserted when all are moved. The table
//!   is in the order of hashes, but for how far entries are from their homes, so only some at the ends of a part are.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::super::log::Log;
use super::super::system::Packed;
use super::{BATCH, LOAD, OutOfMemory, Seen, entry_of, hash};

/// Entries that are moved at a time; the first ones of the table are set aside at once.
const BLOCK: usize = 1 << 12;

/// Entries in a page of memory, of the smallest pages there are.
const PAGE: usize = 512;

/// `count * to / from`, rounded up.
fn scaled(count: usize, to: usize, from: usize) -> usize {
    (count as u128 * to as u128).div_ceil(from as u128) as usize
}

/// The part of a range that is a thread's.
fn part(range: Range<usize>, thread: usize, threads: usize) -> Range<usize> {
    let from = |thread: usize| range.start + range.len() * thread / threads;
    from(thread)..from(thread + 1)
}

impl Seen {
    /// The bytes of a table twice as large, or as large as memory allows: so much is free for it, and for the states
    /// of so many words that the log will take beside. `None` if it would be hardly larger.
    pub(in super::super) fn larger(&self, free: u64, words: usize) -> Option<u64> {
        // For each 16 entries LOAD states.
        let share = (u128::from(free) * 16 / (16 + LOAD * words) as u128) as u64;
        let page = 8 * PAGE as u64;
        let more = self.bytes().min(share) / page * page;
        (more > self.bytes() / 8).then_some(self.bytes() + more)
    }

    /// Adds so many free entries. Where the system can, as Linux, what there is keeps its memory; the rest is touched by all
    /// threads first, as the system hands it out page by page.
    pub(super) fn lengthen(&mut self, more: usize, threads: usize) -> Result<(), OutOfMemory> {
        self.entries.try_reserve_exact(more).map_err(|_| OutOfMemory)?;
        let fresh = self.entries.spare_capacity_mut();
        let touch = |part: &mut [MaybeUninit<AtomicU64>]| {
            part.iter_mut().step_by(PAGE).for_each(|entry| _ = entry.write(AtomicU64::new(0)));
        };
        std::thread::scope(|scope| {
            let mut parts = fresh.chunks_mut(fresh.len().div_ceil(threads).max(1));
            let own = parts.next();
            parts.for_each(|part| _ = scope.spawn(|| touch(part)));
            own.into_iter().for_each(touch);
        });
        self.entries.resize_with(self.entries.len() + more, AtomicU64::default);
        self.limit = (self.entries() / 16 * LOAD) as u64;
        Ok(())
    }

    /// Makes the table so large; `all` are the ranges of the log that hold its states.
    pub(in super::super) fn grow<S: Packed>(
        &mut self,
        bytes: u64,
        log: &Log,
        all: &[Range<u64>],
        threads: usize,
    ) -> Result<(), OutOfMemory> {
        let old = self.entries();
        self.lengthen(usize::try_from(bytes / 8).map_err(|_| OutOfMemory)? - old, threads)?;
        let barrier = Barrier::new(threads);
        let one = |thread: usize| {
            if S::WORDS == 1 {
                return self.spread(old, thread, threads, &barrier);
            }
            self.entries[part(0..old, thread, threads)].iter().for_each(|entry| entry.store(0, Relaxed));
            barrier.wait();
            all.iter().skip(thread).step_by(threads).for_each(|range| self.insert_logged::<S>(log, range.clone()));
            Vec::new()
        };
        let aside: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let one = &one;
            let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || one(thread))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<u64>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            std::iter::once(one(0)).chain(others.into_iter().map(join)).collect()
        });
        for hash in aside.into_iter().flatten() {
            self.insert_hash(hash);
        }
        Ok(())
    }

    /// The same for a table of hashes alone.
    pub(in super::super) fn grow_hashes(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.grow::<[u64; 1]>(bytes, &Log::new(1, 0), &[], 1)
    }

    /// Moves a thread's part of each stretch, and returns what it set aside.
    fn spread(&self, old: usize, thread: usize, threads: usize, barrier: &Barrier) -> Vec<u64> {
        let new = self.entries();
        let mut aside = Vec::new();
        let mut end = old;
        while end > BLOCK {
            let start = scaled(end, old, new);
            let mine = part(start..end, thread, threads);
            for from in mine.clone().step_by(BLOCK) {
                let from = from..(from + BLOCK).min(mine.end);
                let to = scaled(from.start, new, old)..scaled(from.end, new, old);
                self.move_entries(from, to, &mut aside);
            }
            barrier.wait();
            end = start;
        }
        if thread == 0 {
            aside.extend((0..end).map(|at| self.entries[at].swap(0, Relaxed)).filter(|hash| *hash != 0));
        }
        aside
    }

    /// Moves the entries of one range to another, in which nobody else writes, and nothing is still to be moved.
    fn move_entries(&self, from: Range<usize>, to: Range<usize>, aside: &mut Vec<u64>) {
        // Whether an entry is free cannot be foreseen; so none is jumped over, each is written where the next one may go.
        let (mut hashes, mut count) = ([0; BLOCK], 0);
        for entry in &self.entries[from] {
            hashes[count] = entry.load(Relaxed);
            entry.store(0, Relaxed);
            count += usize::from(hashes[count] != 0);
        }
        for hash in hashes.iter().copied().take(count) {
            let home = self.home(hash);
            let mut free = if home < to.start { to.end } else { home };
            while free < to.end && self.entries[free].load(Relaxed) != 0 {
                free += 1;
            }
            if free < to.end {
                self.entries[free].store(hash, Relaxed);
            } else {
                aside.push(hash);
            }
        }
    }

    /// Inserts wide states of the log that are not in the table, and all different.
    fn insert_logged<S: Packed>(&self, log: &Log, range: Range<u64>) {
        let mut batch = [(0, 0); BATCH];
        let indices: Vec<u64> = range.collect();
        for indices in indices.chunks(BATCH) {
            for (index, to) in indices.iter().zip(&mut batch) {
                let hash = hash(&log.state::<S>(*index));
                *to = (self.home(hash), entry_of(*index, hash));
                self.ask(hash);
            }
            for (mut at, entry) in batch.iter().copied().take(indices.len()) {
                while self.entries[at].compare_exchange(0, entry, AcqRel, Acquire).is_err() {
                    at = self.after(at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LEAST;
    use super::*;

    /// As many hashes as may be there: some anywhere, some in long runs, at both ends and where threads and stretches meet.
    fn hashes(seen: &Seen) -> Vec<u64> {
        let count = seen.limit();
        let mut hashes: Vec<u64> = (1..=count / 2).map(|word| hash(&[word])).collect();
        let runs = 48;
        for run in 0..=runs {
            let first = (u64::MAX / runs).saturating_mul(run);
            for at in 0..count / 2 / (runs + 1) {
                hashes.push(if run == runs { u64::MAX - at } else { first + at + 1 });
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_twice() {
        for (more, threads) in [(LEAST, 1), (LEAST + PAGE, 2), (LEAST / 2, 3), (3 * LEAST, 7), (5 * LEAST, 2)] {
            let mut seen = Seen::new().unwrap();
            seen.grow_hashes(3 * seen.bytes()).unwrap();
            let hashes = hashes(&seen);
            assert!(hashes.iter().rev().all(|hash| seen.insert_hash(*hash)));
            let bytes = seen.bytes() + 8 * more as u64;
            seen.grow::<[u64; 1]>(bytes, &Log::new(1, 0), &[], threads).unwrap();
            assert_eq!(seen.bytes(), bytes);
            assert!(hashes.iter().all(|hash| !seen.insert_hash(*hash)), "lost: {more} more, {threads} threads");
            let taken = seen.entries.iter().filter(|entry| entry.load(Relaxed) != 0);
            assert_eq!(taken.count(), hashes.len());
        }
    }

    #[test]
    fn what_is_free_is_shared_with_the_log() {
        let seen = Seen::new().unwrap();
        let (bytes, page) = (seen.bytes(), 8 * PAGE as u64);
        assert_eq!(seen.larger(u64::MAX, 1), Some(2 * bytes));
        // For 16 entries 12 states, of one word or of five.
        for (words, more) in [(1, 28), (5, 76)] {
            assert_eq!(seen.larger(bytes * more / 16, words), Some(2 * bytes));
            assert_eq!(seen.larger(bytes * more / 16 - 1, words), Some(2 * bytes - page));
            assert_eq!(seen.larger(bytes / 8 * more / 16, words), None);
        }
    }
}
