//! A list that grows by a chunk at a time: nothing is moved when it grows, so that it never needs room twice.

use std::collections::VecDeque;

use super::seen::OutOfMemory;

/// Items in a chunk.
const CHUNK: usize = 1 << 12;

/// The list.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    /// All but the last are full.
    chunks: VecDeque<Vec<T>>,
}

impl<T> Chunks<T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { chunks: VecDeque::new() }
    }

    /// The size of a chunk.
    pub(super) const CHUNK_BYTES: u64 = (CHUNK * size_of::<T>()) as u64;

    /// How many items.
    pub(super) fn len(&self) -> usize {
        self.chunks.back().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        self.chunks.len() as u64 * Self::CHUNK_BYTES
    }

    /// By how much one more item makes it larger.
    pub(super) fn growth(&self) -> u64 {
        if self.chunks.back().is_some_and(|last| last.len() < CHUNK) { 0 } else { Self::CHUNK_BYTES }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// If the machine has no room for another chunk; nothing is added then.
    pub(super) fn push(&mut self, item: T) -> Result<(), OutOfMemory> {
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK => last.push(item),
            _ => {
                let mut chunk = Vec::new();
                chunk.try_reserve_exact(CHUNK).map_err(|_| OutOfMemory)?;
                chunk.push(item);
                self.chunks.push_back(chunk);
            }
        }
        Ok(())
    }

    /// The item of this number.
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)
    }

    /// Takes the first items away, so many as happen to lie together.
    pub(super) fn take_first(&mut self) -> Option<Vec<T>> {
        self.chunks.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_chunks_and_gives_them_back_in_order() {
        let mut list = Chunks::<u64>::new();
        assert_eq!((list.len(), list.bytes(), list.growth()), (0, 0, 8 * CHUNK as u64));
        for item in 0..2 * CHUNK as u64 + 3 {
            let grown = list.bytes() + list.growth();
            list.push(item).unwrap();
            assert_eq!(list.bytes(), grown);
        }
        assert_eq!((list.len(), list.growth()), (2 * CHUNK + 3, 0));
        assert_eq!(list.get(CHUNK), Some(&(CHUNK as u64)));
        assert_eq!(list.get(2 * CHUNK + 3), None);
        let items: Vec<u64> = std::iter::from_fn(|| list.take_first()).flatten().collect();
        assert!(items.into_iter().eq(0..2 * CHUNK as u64 + 3));
        assert_eq!((list.len(), list.bytes()), (0, 0));
    }
}
