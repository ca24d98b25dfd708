//! What a checkpoint says of the states beside it: little-endian words, the last of which is a checksum of all others.
//!
//! The counts are kept for every level, so that a search can go on from any of them: the parts of a cluster may have been
//! written up to different levels, and what was seen first has a level of its own.

use std::path::Path;

use super::CheckpointError;
use crate::engine::search::{First, Summary};
use crate::engine::system::{Marks, Packed};
use crate::engine::words::{Words, put_first, put_option};

/// "lacunack" in little-endian bytes.
const MAGIC: u64 = u64::from_le_bytes(*b"lacunack");
/// The format written here.
pub(super) const FORMAT: u64 = 1;

/// Which of how many parts of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// From 0.
    pub(crate) index: usize,
    /// How many there are.
    pub(crate) of: usize,
}

/// A level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// States in all parts.
    pub(super) states: u64,
    /// States in this part.
    pub(super) own: u64,
    /// The checksum of their bytes.
    pub(super) checksum: u32,
}

/// What was counted before a level was expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    /// Edges.
    pub(super) transitions: u64,
    /// Deadlocks.
    pub(super) deadlocks: u64,
    /// Marks of any edge.
    pub(super) marks: Marks,
}

/// All that.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest<S> {
    /// Of the system, as the caller gave it.
    pub(super) fingerprint: u64,
    /// Which part.
    pub(super) part: Part,
    /// From the first to the one about to be expanded.
    pub(super) levels: Vec<(Before, Level)>,
    /// The first deadlock.
    pub(super) deadlock: Option<(u32, S)>,
    /// The first edges.
    pub(super) firsts: Vec<(u32, First<S>)>,
}

impl<S: Packed> Manifest<S> {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Part { index, of } = self.part;
        let mut words = vec![MAGIC, FORMAT, self.fingerprint, S::WORDS as u64, index as u64, of as u64];
        words.push(self.levels.len() as u64);
        for (before, level) in &self.levels {
            words.extend([before.transitions, before.deadlocks, before.marks]);
            words.extend([level.states, level.own, u64::from(level.checksum)]);
        }
        put_option(&mut words, self.deadlock, |words, (level, state)| {
            words.push(u64::from(level));
            words.extend(state.words());
        });
        words.push(self.firsts.len() as u64);
        for (mark, first) in &self.firsts {
            put_first(&mut words, *mark, first);
        }
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.extend(u64::from(crc32fast::hash(&bytes)).to_le_bytes());
        bytes
    }

    /// Reads what [`Manifest::bytes`] wrote; `file` is for messages.
    pub(super) fn read(bytes: &[u8], file: &Path, fingerprint: u64, part: Part) -> Result<Self, CheckpointError> {
        let damaged = |offset: usize, what: String| CheckpointError::damaged(file, offset as u64, what);
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let Some((checksum, content)) = words.split_last().filter(|_| bytes.len().is_multiple_of(8)) else {
            return Err(damaged(
                bytes.len(),
                format!("expected whole words of 8 bytes, and found {} bytes", bytes.len()),
            ));
        };
        if content.first() != Some(&MAGIC) {
            return Err(damaged(0, "a manifest of states was expected".into()));
        }
        // A later format may have its checksum elsewhere.
        if let Some(found) = content.get(1).filter(|format| **format > FORMAT) {
            return Err(CheckpointError::Newer { file: file.to_owned(), found: *found, known: FORMAT });
        }
        let found = u64::from(crc32fast::hash(&bytes[..8 * content.len()]));
        if *checksum != found {
            return Err(damaged(0, format!("the checksum is {found:#x}, and {checksum:#x} was written")));
        }
        let mut words = Words::new(&content[1..]);
        let whole = Self::content(&mut words, file, fingerprint, part)?;
        whole.filter(|_| words.left() == 0).ok_or_else(|| damaged(8 * (1 + words.at()), "that makes no sense".into()))
    }

    fn content(
        words: &mut Words<'_>,
        file: &Path,
        fingerprint: u64,
        part: Part,
    ) -> Result<Option<Self>, CheckpointError> {
        let expected = [
            ("the format", FORMAT),
            ("the fingerprint", fingerprint),
            ("the number of words in a state", S::WORDS as u64),
            ("the number of the part", part.index as u64),
            ("the number of parts", part.of as u64),
        ];
        for (what, expected) in expected {
            let Some(found) = words.word() else { return Ok(None) };
            if found != expected {
                return Err(CheckpointError::Foreign { file: file.to_owned(), what, expected, found });
            }
        }
        Ok(Self::rest(words, fingerprint, part))
    }

    fn rest(words: &mut Words<'_>, fingerprint: u64, part: Part) -> Option<Self> {
        let level = |words: &mut Words<'_>| {
            let before = Before { transitions: words.word()?, deadlocks: words.word()?, marks: words.word()? };
            Some((before, Level { states: words.word()?, own: words.word()?, checksum: words.small()? }))
        };
        let levels = (0..words.count(6)?).map(|_| level(words)).collect::<Option<Vec<_>>>()?;
        let deadlock = words.option(|words| Some((words.small()?, words.state()?)))?;
        let count = words.count(3 + S::WORDS)?;
        let firsts = (0..count).map(|_| words.first()).collect::<Option<Vec<_>>>()?;
        (!levels.is_empty()).then_some(Self { fingerprint, part, levels, deadlock, firsts })
    }

    /// The level about to be expanded.
    pub(super) fn last(&self) -> usize {
        self.levels.len() - 1
    }

    /// The same, when an earlier level was about to be expanded.
    pub(super) fn cut(&mut self, level: usize) {
        self.levels.truncate(level + 1);
        self.deadlock = self.deadlock.filter(|(at, _)| (*at as usize) < level);
        self.firsts.retain(|(_, first)| (first.level as usize) < level);
    }

    /// What is said alike in all parts, as it was when a level was about to be expanded.
    pub(super) fn summary(&self, level: usize) -> Option<Summary<S>> {
        let (before, _) = self.levels.get(level)?;
        let mut summary = Summary::new();
        summary.levels = self.levels[..=level].iter().map(|(_, level)| level.states).collect();
        summary.states = summary.levels.iter().try_fold(0, |sum: u64, states| sum.checked_add(*states))?;
        summary.depth = level as u32;
        (summary.transitions, summary.deadlocks, summary.marks) = (before.transitions, before.deadlocks, before.marks);
        summary.deadlock = self.deadlock.filter(|(at, _)| (*at as usize) < level);
        summary.firsts = self.firsts.iter().filter(|(_, first)| (first.level as usize) < level).copied().collect();
        Some(summary)
    }
}
