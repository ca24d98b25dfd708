//! What workers send each other: words, little-endian on the wire; the first says what the others are, and from whom.

use std::io::Write;

use timely::bytes::arc::Bytes;
use timely::communication::Bytesable;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// States, whose owner is the receiver.
    States,
    /// The receiver's oldest message with states that was not yet confirmed has been taken.
    Taken,
    /// What all workers tell all, once a round.
    Round,
    /// The search is to end after this level; the rest says why.
    Stop,
    /// The sender's process gives up; the rest is a text.
    GiveUp,
}

/// One.
#[derive(Debug)]
pub(super) struct Message(Vec<u64>);

impl Message {
    /// Of a kind, from a worker.
    pub(super) fn new(kind: Kind, worker: usize, capacity: usize) -> Self {
        let mut words = Vec::with_capacity(1 + capacity);
        words.push(kind as u64 | (worker as u64) << 8);
        Self(words)
    }

    /// With its content.
    pub(super) fn with(kind: Kind, worker: usize, content: &[u64]) -> Self {
        let mut message = Self::new(kind, worker, content.len());
        message.0.extend_from_slice(content);
        message
    }

    /// To add to its content.
    pub(super) fn content_mut(&mut self) -> &mut Vec<u64> {
        &mut self.0
    }

    /// How many words of content.
    pub(super) fn len(&self) -> usize {
        self.0.len() - 1
    }

    /// Whose it is, what, and its content; `None` if it makes no sense.
    pub(super) fn read(&self) -> Option<(usize, Kind, &[u64])> {
        let (first, content) = self.0.split_first()?;
        let kind = [Kind::States, Kind::Taken, Kind::Round, Kind::Stop, Kind::GiveUp]
            .into_iter()
            .find(|kind| *kind as u64 == first & 0xff)?;
        Some((usize::try_from(first >> 8).ok()?, kind, content))
    }
}

impl Bytesable for Message {
    fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    fn length_in_bytes(&self) -> usize {
        8 * self.0.len()
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        // The writer is memory of the length that was asked for.
        if cfg!(target_endian = "little") {
            let _ = writer.write_all(bytemuck::cast_slice(&self.0));
        } else {
            for word in &self.0 {
                let _ = writer.write_all(&word.to_le_bytes());
            }
        }
    }
}

/// A text as words.
pub(super) fn text(text: &str) -> Vec<u64> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    text.as_bytes().chunks(8).map(word).collect()
}

/// The text that words are.
pub(super) fn read_text(words: &[u64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}
