//! Looks at the headers of timely's messages as they are read. Timely takes a header at its word: one that names a worker
//! who is not there ends a thread with a panic.

use std::ops::Range;

/// Bytes of a header: six numbers, the most significant byte first.
const HEADER: usize = 48;
/// The longest message; the counts of many millions of levels fit.
const LONGEST: u64 = 1 << 28;

/// Where a stream of messages is.
#[derive(Debug, Clone)]
pub(super) struct Headers {
    /// The workers at the other end, and at this.
    from: Range<u64>,
    to: Range<u64>,
    header: Vec<u8>,
    /// Bytes of the message that are left.
    left: u64,
    over: bool,
}

impl Headers {
    /// Of a stream between the workers of two processes.
    pub(super) fn new(from: Range<u64>, to: Range<u64>) -> Self {
        Self { from, to, header: Vec::with_capacity(HEADER), left: 0, over: false }
    }

    /// Looks at what comes next; returns whether timely can take it.
    pub(super) fn look(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.over {
                return false;
            }
            let skipped = self.left.min(bytes.len() as u64);
            self.left -= skipped;
            let rest = &bytes[skipped as usize..];
            let wanted = if self.left == 0 { (HEADER - self.header.len()).min(rest.len()) } else { 0 };
            self.header.extend_from_slice(&rest[..wanted]);
            bytes = &rest[wanted..];
            if self.header.len() == HEADER {
                let mut numbers = [0; 6];
                for (number, bytes) in numbers.iter_mut().zip(self.header.as_chunks().0) {
                    *number = u64::from_be_bytes(*bytes);
                }
                self.header.clear();
                let [channel, source, first, last, length, _] = numbers;
                // The last header says nothing else.
                self.over = numbers == [0; 6];
                let fits = channel == 0
                    && self.from.contains(&source)
                    && self.to.contains(&first)
                    && (first + 1..=self.to.end).contains(&last)
                    && (8..=LONGEST).contains(&length);
                if !fits && !self.over {
                    return false;
                }
                self.left = length;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(numbers: [u64; 6], length: usize) -> Vec<u8> {
        let header = numbers.into_iter().flat_map(u64::to_be_bytes);
        header.chain(std::iter::repeat_n(0xff, length)).collect()
    }

    #[test]
    fn what_timely_writes_passes_in_pieces_of_any_length() {
        let mut stream = message([0, 2, 4, 5, 24, 7], 24);
        stream.extend(message([0, 3, 5, 6, 800, 8], 800));
        stream.extend(message([0; 6], 0));
        for piece in 1..100 {
            let mut headers = Headers::new(2..4, 4..6);
            assert!(stream.chunks(piece).all(|bytes| headers.look(bytes)), "in pieces of {piece}");
            assert!(!headers.look(&[0]), "nothing follows the last");
        }
    }

    #[test]
    fn what_would_end_a_thread_does_not() {
        for wrong in [
            [1, 2, 4, 5, 24, 0],
            [0, 4, 4, 5, 24, 0],
            [0, 2, 3, 5, 24, 0],
            [0, 2, 4, 7, 24, 0],
            [0, 2, 5, 5, 24, 0],
            [0, 2, 4, 5, 0, 0],
            [0, 2, 4, 5, u64::MAX, 0],
        ] {
            assert!(!Headers::new(2..4, 4..6).look(&message(wrong, 0)), "{wrong:?}");
        }
    }
}
