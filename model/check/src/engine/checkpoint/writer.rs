//! Writes a part of a checkpoint: the states of each level once, and then a manifest that counts on them.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::CheckpointError;
use super::directory::Directory;
use super::manifest::{Before, Level, Manifest, Part};
use crate::engine::log::Log;
use crate::engine::search::Summary;
use crate::engine::system::Packed;

/// Such a writer.
#[derive(Debug)]
pub(crate) struct Writer<S> {
    directory: Directory,
    generation: u64,
    /// What the file says, or will say.
    manifest: Manifest<S>,
    /// What was counted before each level, those that are not yet written too.
    before: Vec<Before>,
    path: PathBuf,
    /// Opened when there is something to write.
    states: Option<File>,
    /// Its length, without what was written half.
    length: u64,
    every: Duration,
    written: Instant,
    /// So many times.
    times: u64,
    /// Does the manifest count on more than the one on the disk does?
    ahead: bool,
}

impl<S: Packed> Writer<S> {
    pub(super) fn new(directory: Directory, generation: u64, manifest: Manifest<S>, every: Duration) -> Self {
        let path = directory.states(generation, manifest.part);
        let before = manifest.levels.iter().map(|(before, _)| *before).collect();
        let length = manifest.levels.iter().map(|(_, level)| level.own).sum::<u64>() * 8 * S::WORDS as u64;
        let (states, written) = (None, Instant::now());
        Self { directory, generation, manifest, before, path, states, length, every, written, times: 0, ahead: false }
    }

    /// Notes what was counted before the level that begins.
    pub(crate) fn begin(&mut self, summary: &Summary<S>) {
        if self.before.len() == summary.depth as usize {
            let Summary { transitions, deadlocks, marks, .. } = *summary;
            self.before.push(Before { transitions, deadlocks, marks });
        }
    }

    /// Notes what was counted before the next level, from what was read.
    pub(super) fn recall(&mut self, before: Before) {
        self.before.push(before);
    }

    /// It could not be written: not before the next is due is that tried again.
    pub(super) fn put_off(&mut self) {
        self.written = Instant::now();
    }

    /// Is it time?
    pub(crate) fn due(&self) -> bool {
        self.written.elapsed() >= self.every
    }

    /// Writes the levels up to the last that has begun, as far as that was not done. `ranges` are those of this part,
    /// `sizes` count all.
    pub(crate) fn write(
        &mut self,
        summary: &Summary<S>,
        log: &Log,
        ranges: &[Vec<Range<u64>>],
        sizes: &[u64],
    ) -> Result<(), CheckpointError> {
        let done = self.manifest.levels.len();
        let levels: Vec<_> = self.before.iter().copied().zip(ranges).zip(sizes).skip(done).collect();
        if levels.is_empty() && !self.ahead {
            return Ok(());
        }
        let mut to = BufWriter::with_capacity(1 << 18, self.open()?);
        let mut added = Vec::new();
        for ((before, ranges), states) in levels {
            let (own, checksum) =
                append::<S>(&mut to, log, ranges).map_err(CheckpointError::io(&self.path, "write"))?;
            added.push((before, Level { states: *states, own, checksum }));
        }
        let file = to.into_inner().map_err(|error| CheckpointError::io(&self.path, "write")(error.into_error()))?;
        file.sync_all().map_err(CheckpointError::io(&self.path, "flush"))?;
        self.states = Some(file);
        self.length += added.iter().map(|(_, level)| level.own).sum::<u64>() * 8 * S::WORDS as u64;
        self.manifest.levels.extend(added);
        (self.manifest.deadlock, self.manifest.firsts) = (summary.deadlock, summary.firsts.clone());
        // What was seen in the level that had begun will be seen again.
        self.manifest.cut(self.manifest.last());
        self.ahead = true;
        self.directory.write(self.generation, &self.manifest)?;
        self.ahead = false;
        (self.written, self.times) = (Instant::now(), self.times + 1);
        Ok(())
    }

    /// How many times it has written; in a cluster, all others have written once less, or as often.
    pub(crate) fn times(&self) -> u64 {
        self.times
    }

    /// Removes what a complete checkpoint has made superfluous.
    pub(crate) fn remove_older(&self) -> Result<(), CheckpointError> {
        self.directory.remove_before(self.generation)
    }

    /// The file of states, cut to what the manifest counts on.
    fn open(&mut self) -> Result<File, CheckpointError> {
        let mut file = match self.states.take() {
            Some(file) => file,
            None => {
                self.directory.create(self.generation)?;
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false);
                options.open(&self.path).map_err(CheckpointError::io(&self.path, "create"))?
            }
        };
        if file.metadata().map_err(CheckpointError::io(&self.path, "read"))?.len() != self.length {
            file.set_len(self.length).map_err(CheckpointError::io(&self.path, "truncate"))?;
        }
        file.seek(SeekFrom::Start(self.length)).map_err(CheckpointError::io(&self.path, "seek in"))?;
        Ok(file)
    }
}

/// Writes states, and returns how many and the checksum.
fn append<S: Packed>(to: &mut impl Write, log: &Log, ranges: &[Range<u64>]) -> std::io::Result<(u64, u32)> {
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = Vec::with_capacity(1 << 16);
    let mut count = 0;
    for index in ranges.iter().cloned().flatten() {
        bytes.extend(log.state::<S>(index).words().flat_map(u64::to_le_bytes));
        count += 1;
        if bytes.len() >= 1 << 15 {
            hasher.update(&bytes);
            to.write_all(&bytes)?;
            bytes.clear();
        }
    }
    hasher.update(&bytes);
    to.write_all(&bytes)?;
    Ok((count, hasher.finalize()))
}

/// A writer of a new generation.
pub(super) fn anew<S: Packed>(
    directory: Directory,
    generation: u64,
    fingerprint: u64,
    part: Part,
    every: Duration,
) -> Writer<S> {
    let manifest = Manifest { fingerprint, part, levels: Vec::new(), deadlock: None, firsts: Vec::new() };
    Writer::new(directory, generation, manifest, every)
}
