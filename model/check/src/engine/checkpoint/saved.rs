//! What there is to go on from: found, agreed upon, and read level by level.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use super::directory::Directory;
use super::manifest::{Manifest, Part};
use super::writer::{Writer, anew};
use super::{CheckpointError, Checkpoints};
use crate::engine::search::Summary;
use crate::engine::system::Packed;

/// States read at once.
const AT_ONCE: u64 = 1 << 12;

/// From where a part could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The generation.
    pub(crate) generation: u64,
    /// The last level that was about to be expanded, or any before.
    pub(crate) level: usize,
}

/// From where a part could go on, the latest first; and the first generation that there is not yet.
pub(crate) fn offers<S: Packed>(from: &Checkpoints<'_>, part: Part) -> Result<(Vec<Offer>, u64), CheckpointError> {
    let directory = Directory(from.directory.to_owned());
    let generations = directory.generations()?;
    let mut offers = Vec::new();
    for generation in &generations {
        let manifests = needed::<S>(&directory, *generation, from.fingerprint, part)?;
        if let Some(level) = manifests.iter().map(Manifest::last).min() {
            offers.push(Offer { generation: *generation, level });
        }
    }
    Ok((offers, generations.first().map_or(0, |last| last.saturating_add(1))))
}

/// The manifests that a part needs: its own; or if there was another number of parts, those of all. None, if one of
/// them is not there.
fn needed<S: Packed>(
    directory: &Directory,
    generation: u64,
    fingerprint: u64,
    part: Part,
) -> Result<Vec<Manifest<S>>, CheckpointError> {
    let there = directory.parts(generation)?;
    let needed: Vec<Part> = if there.contains(&part) {
        vec![part]
    } else {
        let of = there.first().map_or(0, |part| part.of);
        let all = of == there.len() && there.iter().enumerate().all(|(index, part)| *part == Part { index, of });
        if all { there } else { Vec::new() }
    };
    needed.into_iter().map(|part| directory.read(generation, part, fingerprint)).collect()
}

/// A part that begins anew; there must be nothing that it would write over.
pub(crate) fn begin<S: Packed>(to: &Checkpoints<'_>, part: Part) -> Result<Writer<S>, CheckpointError> {
    let directory = Directory(to.directory.to_owned());
    for generation in directory.generations()? {
        if !directory.parts(generation)?.is_empty() {
            return Err(CheckpointError::Occupied(to.directory.to_owned()));
        }
    }
    // Better now than after hours.
    std::fs::create_dir_all(to.directory).map_err(CheckpointError::io(to.directory, "create"))?;
    Ok(anew(directory, 0, to.fingerprint, part, to.every))
}

/// A level of a generation to go on from.
#[derive(Debug)]
pub(crate) struct Saved<S> {
    directory: Directory,
    offer: Offer,
    manifests: Vec<Manifest<S>>,
    files: Vec<(PathBuf, BufReader<File>)>,
    /// How far the files are read.
    offsets: Vec<u64>,
    /// What was said of the levels before.
    pub(crate) summary: Summary<S>,
}

impl<S: Packed> Saved<S> {
    /// Opens what was offered, or an earlier level of it.
    pub(crate) fn open(from: &Checkpoints<'_>, offer: Offer, part: Part) -> Result<Self, CheckpointError> {
        let directory = Directory(from.directory.to_owned());
        let manifests = needed::<S>(&directory, offer.generation, from.fingerprint, part)?;
        let missing = || CheckpointError::Missing(from.directory.to_owned());
        let first = manifests.first().ok_or_else(missing)?;
        let name = |manifest: &Manifest<S>| directory.manifest(offer.generation, manifest.part);
        let senseless =
            |manifest: &Manifest<S>| CheckpointError::damaged(&name(manifest), 8, "its counts make no sense");
        let summary = first.summary(offer.level).ok_or_else(|| senseless(first))?;
        for other in &manifests {
            // The duration is not kept.
            if other.summary(offer.level).as_ref() != Some(&summary) {
                let what = format!("it contradicts {}", name(first).display());
                return Err(CheckpointError::damaged(&name(other), 8, what));
            }
        }
        let mut files = Vec::new();
        for manifest in &manifests {
            let levels = &manifest.levels[..=offer.level];
            let own = levels.iter().try_fold(0, |sum: u64, (_, level)| sum.checked_add(level.own));
            let whole = own.and_then(|own| own.checked_mul(8 * S::WORDS as u64)).ok_or_else(|| senseless(manifest))?;
            let path = directory.states(offer.generation, manifest.part);
            let file = File::open(&path).map_err(CheckpointError::io(&path, "open"))?;
            let length = file.metadata().map_err(CheckpointError::io(&path, "read"))?.len();
            if length < whole {
                let what = format!("it ends there, and {whole} bytes were expected");
                return Err(CheckpointError::damaged(&path, length, what));
            }
            files.push((path, BufReader::with_capacity(1 << 18, file)));
        }
        let offsets = vec![0; files.len()];
        Ok(Self { directory, offer, manifests, files, offsets, summary })
    }

    /// How many levels are to be read.
    pub(crate) fn levels(&self) -> usize {
        self.offer.level + 1
    }

    /// Reads the states of a level; levels are read in order.
    pub(crate) fn read(
        &mut self,
        level: usize,
        mut each: impl FnMut(&[S]) -> Result<(), CheckpointError>,
    ) -> Result<(), CheckpointError> {
        for ((manifest, (path, file)), offset) in self.manifests.iter().zip(&mut self.files).zip(&mut self.offsets) {
            let Some((_, known)) = manifest.levels.get(level) else { continue };
            let (start, mut left) = (*offset, known.own);
            let mut hasher = crc32fast::Hasher::new();
            let mut bytes = Vec::new();
            while left > 0 {
                let now = left.min(AT_ONCE);
                bytes.resize(now as usize * 8 * S::WORDS, 0);
                file.read_exact(&mut bytes).map_err(CheckpointError::io(path, "read"))?;
                hasher.update(&bytes);
                let words: Vec<u64> = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
                let state = |words: &[u64]| S::from_words(|word| words.get(word).copied().unwrap_or(0));
                each(&words.chunks_exact(S::WORDS).map(state).collect::<Vec<_>>())?;
                (left, *offset) = (left - now, *offset + bytes.len() as u64);
            }
            let found = hasher.finalize();
            if found != known.checksum {
                let bytes = *offset - start;
                let what =
                    format!("the checksum of {bytes} bytes is {found:#x}, and {:#x} was expected", known.checksum);
                return Err(CheckpointError::damaged(path, start, what));
            }
        }
        Ok(())
    }

    /// What to say if fewer states are different than there were.
    pub(crate) fn not_all_different(&self, level: usize, found: u64) -> CheckpointError {
        let expected = self.summary.levels.get(level).copied().unwrap_or(0);
        let file = self.files.first().map(|(path, _)| path.clone()).unwrap_or_default();
        let what = format!("level {level} has {found} different states, and {expected} were expected");
        CheckpointError::damaged(&file, 0, what)
    }

    /// Writes on where this ends; into the generation that is to be next, if there is another number of parts now.
    pub(crate) fn writer(self, to: &Checkpoints<'_>, part: Part, next: u64) -> Result<Writer<S>, CheckpointError> {
        let Self { directory, offer, mut manifests, .. } = self;
        let own = manifests.iter().position(|manifest| manifest.part == part);
        let Some(mut manifest) = own.map(|own| manifests.swap_remove(own)) else {
            let mut writer = anew(directory, next, to.fingerprint, part, to.every);
            manifests.first().into_iter().flat_map(|first| &first.levels).take(offer.level + 1).for_each(
                |(before, _)| {
                    writer.recall(*before);
                },
            );
            return Ok(writer);
        };
        if manifest.last() > offer.level {
            // Before the states are cut off that it counts on.
            manifest.cut(offer.level);
            directory.write(offer.generation, &manifest)?;
        }
        Ok(Writer::new(directory, offer.generation, manifest, to.every))
    }
}
