//! Checkpoints: a search that was stopped, or whose machine was, goes on where it was, and ends with the same result.
//!
//! A checkpoint is written between two levels, when there is nothing to know but the states of each level and what was
//! counted. The states of a level are written once, into a file that only grows; then a manifest is replaced that says
//! how many there are, and their checksums. What was not written to its end is not counted on, and the manifest before
//! stays valid.
//!
//! # Invariants
//! - Whatever was read has its checksum, and every state was there once. Anything else is refused.
//! - A manifest is replaced after what it counts on is on the disk, and nothing that a manifest counts on is removed.
//!
//! One search at a time may use a directory. A checksum finds what a disk or a crash did, not what somebody intended.

mod directory;
mod error;
mod manifest;
mod saved;
mod writer;

use std::path::Path;
use std::time::Duration;

use super::log::Place;
use super::search::{End, Exploration, Limits, Progress, Watch, explore_watched};
use super::seen::OutOfMemory;
use super::system::{Packed, TransitionSystem};
pub use error::CheckpointError;
pub(super) use manifest::Part;
pub(super) use saved::{Offer, Saved, begin, offers};
pub(super) use writer::Writer;

/// Where and when checkpoints are written, and whether the search goes on from one.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoints<'a> {
    /// Their directory; it is made if need be.
    pub directory: &'a Path,
    /// So long after one the next is written, when a level ends.
    pub every: Duration,
    /// Tells systems apart: all that makes a difference to what a state or an edge is should make one to this.
    pub fingerprint: u64,
    /// From where the search starts.
    pub start: Start,
}

/// From where a search starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From the initial states; the directory must have no checkpoint.
    Anew,
    /// From the last checkpoint; there must be one.
    Resume,
}

/// As [`explore`](super::explore), with checkpoints. One is written also when the search stops early.
///
/// # Errors
/// If there is nothing to go on from, or it is not intact, or not of this system; or if nothing can be written there. A checkpoint that cannot be written later does
/// not end the search: it is [told](Progress::NotKept), the one before is still there, and what was found says so too, unless a later one was written
/// ([`Exploration::not_kept`]).
pub fn explore_with_checkpoints<T: TransitionSystem>(
    system: &T,
    limits: &Limits<'_>,
    checkpoints: &Checkpoints<'_>,
) -> Result<Exploration<T::State>, CheckpointError> {
    let mut keeper = Keeper { checkpoints, writer: None, progress: limits.progress, not_kept: None };
    let mut found = explore_watched(system, limits, &mut keeper)?;
    found.not_kept = keeper.not_kept;
    Ok(found)
}

/// The only part.
const WHOLE: Part = Part { index: 0, of: 1 };

/// Keeps checkpoints of a search.
struct Keeper<'a, S> {
    checkpoints: &'a Checkpoints<'a>,
    writer: Option<Writer<S>>,
    progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
    not_kept: Option<String>,
}

impl<S: Packed> Keeper<'_, S> {
    fn write(&mut self, found: &Exploration<S>) {
        let Some(writer) = &mut self.writer else { return };
        let written = writer.write(&found.summary, &found.log, &found.levels, &found.sizes());
        self.not_kept = written.and_then(|()| writer.remove_older()).err().map(|error| error.to_string());
        if let Some(why) = &self.not_kept {
            writer.put_off();
            if let Some(tell) = self.progress {
                tell(&Progress::NotKept { why: why.clone() });
            }
        }
    }
}

impl<S: Packed> Watch<S> for Keeper<'_, S> {
    type Error = CheckpointError;

    fn resume(
        &mut self,
        found: &mut Exploration<S>,
        starts: &[S],
        limits: &Limits<'_>,
        place: &mut Place,
    ) -> Result<bool, CheckpointError> {
        if self.checkpoints.start == Start::Anew {
            self.writer = Some(begin(self.checkpoints, WHOLE)?);
            return Ok(false);
        }
        let (offers, next) = offers::<S>(self.checkpoints, WHOLE)?;
        let missing = || CheckpointError::Missing(self.checkpoints.directory.to_owned());
        let offer = *offers.first().ok_or_else(missing)?;
        let mut saved = Saved::<S>::open(self.checkpoints, offer, WHOLE)?;
        for level in 0..saved.levels() {
            let (before, states) = (found.summary.states, saved.summary.states);
            let too_large = |OutOfMemory| CheckpointError::TooLarge { states, allowed: limits.max_memory };
            saved.read(level, |states| found.insert_all(states, limits, place).map_err(too_large))?;
            let new = found.summary.states - before;
            if saved.summary.levels.get(level) != Some(&new) {
                return Err(saved.not_all_different(level, new));
            }
            if level == 0 && !found.is_exactly(starts) {
                return Err(CheckpointError::OtherStart(self.checkpoints.directory.to_owned()));
            }
            if level + 1 < saved.levels() {
                found.levels.push(place.close());
            }
        }
        found.summary = saved.summary.clone();
        self.writer = Some(saved.writer(self.checkpoints, WHOLE, next)?);
        Ok(true)
    }

    fn level(&mut self, found: &Exploration<S>) {
        let Some(writer) = &mut self.writer else { return };
        writer.begin(&found.summary);
        if writer.due() {
            self.write(found);
        }
    }

    fn end(&mut self, found: &Exploration<S>) {
        if found.summary.end != End::Complete {
            self.write(found);
        }
    }
}
