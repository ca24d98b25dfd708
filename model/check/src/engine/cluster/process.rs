//! What the workers of one process have in common.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::settings::ClusterConfig;
use super::{node, post};
use crate::engine::gather::Gather;
use crate::engine::search::{Limits, Progress, REPORT_EVERY};
use crate::engine::system::Packed;

/// All that.
pub(super) struct Process<'a> {
    pub(super) config: &'a ClusterConfig<'a>,
    pub(super) limits: &'a Limits<'a>,
    /// All states of all processes when the level began.
    before: AtomicU64,
    /// How many are being expanded, by all.
    frontier: AtomicU64,
    /// How many were read from a checkpoint, by all.
    read: AtomicU64,
    /// Found here since.
    new: AtomicU64,
    /// Expanded here since.
    expanded: AtomicU64,
    started: Instant,
    /// Milliseconds from then to the last report.
    reported: AtomicU64,
}

impl<'a> Process<'a> {
    pub(super) fn new(config: &'a ClusterConfig<'a>, limits: &'a Limits<'a>) -> Self {
        let [before, frontier, read, new, expanded, reported] = [0; 6].map(AtomicU64::new);
        Self { config, limits, before, frontier, read, new, expanded, started: Instant::now(), reported }
    }

    /// What each worker may use.
    pub(super) fn share<S: Packed>(&self) -> Limits<'a> {
        let (workers, processes) = (self.config.workers.get(), self.config.place().1);
        let own = Gather::<S>::bytes() + node::own_bytes::<S>() + post::own_bytes(workers, processes);
        let max_memory = (self.limits.max_memory / workers as u64).saturating_sub(own);
        Limits { threads: NonZeroUsize::MIN, max_memory, ..*self.limits }
    }

    /// A checkpoint had so many states; all workers say the same.
    pub(super) fn has_read(&self, states: u64) {
        self.read.store(states, Ordering::Relaxed);
    }

    /// A level begins; all workers say the same.
    pub(super) fn begin_level(&self, states: u64, frontier: u64) {
        // Those that were found before are not to be counted twice, so that is stored last.
        if self.before.load(Ordering::Acquire) != states {
            self.frontier.store(frontier, Ordering::Relaxed);
            self.new.store(0, Ordering::Relaxed);
            self.expanded.store(0, Ordering::Relaxed);
            self.before.store(states, Ordering::Release);
        }
    }

    /// So many more; returns how many states there are at least.
    pub(super) fn count(&self, new: u64, expanded: u64) -> u64 {
        self.expanded.fetch_add(expanded, Ordering::Relaxed);
        self.before.load(Ordering::Relaxed) + self.new.fetch_add(new, Ordering::Relaxed) + new
    }

    /// Tells how it goes, now and then; what other processes did since the level began is guessed.
    pub(super) fn report(&self, depth: u32, bytes_of_one: u64) {
        let Some(progress) = self.limits.progress else { return };
        let now = self.elapsed().as_millis() as u64;
        if now.saturating_sub(self.reported.load(Ordering::Relaxed)) < REPORT_EVERY.as_millis() as u64 {
            return;
        }
        self.reported.store(now, Ordering::Relaxed);
        let processes = self.config.place().1 as u64;
        let frontier = self.frontier.load(Ordering::Relaxed);
        progress(&Progress::At {
            states: self.before.load(Ordering::Relaxed) + processes * self.new.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            depth,
            frontier,
            expanded: (processes * self.expanded.load(Ordering::Relaxed)).min(frontier),
            elapsed: self.elapsed(),
            bytes: bytes_of_one * self.config.workers.get() as u64,
        });
    }

    /// Did somebody ask to stop?
    pub(super) fn interrupted(&self) -> bool {
        self.limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }

    /// Since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
