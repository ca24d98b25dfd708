//! Cursors over the bits of a list of words. A field is at most [`MAX_WIDTH`] wide, and may lie across two words.

/// How wide a field may be: one less than a word, so that no shift is by a whole word.
pub(super) const MAX_WIDTH: u32 = 63;

/// How many bits hold every number up to `largest`.
pub(super) fn width(largest: u64) -> u32 {
    64 - largest.leading_zeros()
}

/// The word that begins at a bit; what lies beyond the end is 0.
pub(super) fn window(words: &[u64], at: usize) -> u64 {
    let (index, shift) = (at / 64, at % 64);
    let low = words.get(index).map_or(0, |word| word >> shift);
    match words.get(index + 1) {
        Some(next) if shift > 0 => low | next << (64 - shift),
        _ => low,
    }
}

/// Do the lists differ in these bits?
pub(super) fn differ(one: &[u64], other: &[u64], at: usize, bits: usize) -> bool {
    let (mut at, mut left) = (at, bits);
    while left > 0 {
        let here = left.min(64);
        if (window(one, at) ^ window(other, at)) << (64 - here) != 0 {
            return true;
        }
        at += here;
        left -= here;
    }
    false
}

/// Where fields are written to, one after the other.
pub(super) trait Fields {
    /// Writes a field. A value that is too wide is remembered as lost.
    fn put(&mut self, value: u64, width: u32);
    /// Remembers that something has no place in the format.
    fn lose_if(&mut self, lost: bool);
}

/// Where fields are read from, one after the other.
pub(super) trait Source {
    /// Reads a field.
    fn take(&mut self, width: u32) -> u64;
}

/// A few fields that are together at most [`MAX_WIDTH`] wide.
#[derive(Default)]
pub(super) struct Short {
    held: u64,
    fill: u32,
    lost: u64,
}

impl Short {
    /// Writes them there. Did everything fit?
    #[inline]
    pub(super) fn write(self, words: &mut [u64], at: usize) -> bool {
        write(words, at, self.held, self.fill);
        self.lost == 0
    }

    /// Reads them from there.
    #[inline]
    pub(super) fn read(words: &[u64], at: usize) -> Self {
        Self { held: window(words, at), ..Self::default() }
    }
}

impl Fields for Short {
    #[inline(always)]
    fn put(&mut self, value: u64, width: u32) {
        self.lost |= value >> width;
        self.held |= value << self.fill;
        self.fill += width;
    }

    #[inline(always)]
    fn lose_if(&mut self, lost: bool) {
        self.lost |= u64::from(lost);
    }
}

impl Source for Short {
    #[inline(always)]
    fn take(&mut self, width: u32) -> u64 {
        let value = self.held & ((1 << width) - 1);
        self.held >>= width;
        value
    }
}

/// Writes a field of at most [`MAX_WIDTH`] bits over what is there.
#[inline]
pub(super) fn write(words: &mut [u64], at: usize, value: u64, width: u32) {
    let (index, shift) = (at / 64, (at % 64) as u32);
    let mask = (1 << width) - 1;
    let value = value & mask;
    if let Some(word) = words.get_mut(index) {
        *word = *word & !(mask << shift) | value << shift;
    }
    if shift + width > u64::BITS {
        let rest = u64::BITS - shift;
        if let Some(word) = words.get_mut(index + 1) {
            *word = *word & !(mask >> rest) | value >> rest;
        }
    }
}

/// Writes any number of fields.
pub(super) struct Writer<'a> {
    words: &'a mut [u64],
    at: usize,
    held: u64,
    fill: u32,
    lost: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(words: &'a mut [u64], at: usize) -> Self {
        Self { words, at, held: 0, fill: 0, lost: 0 }
    }

    /// Writes what is held.
    fn flush(&mut self) {
        write(self.words, self.at, self.held, self.fill);
        self.at += self.fill as usize;
        (self.held, self.fill) = (0, 0);
    }

    /// Ends the writing. Did everything fit?
    pub(super) fn finish(mut self) -> bool {
        self.flush();
        self.lost == 0
    }
}

impl Fields for Writer<'_> {
    fn put(&mut self, value: u64, width: u32) {
        self.lost |= value >> width;
        if self.fill + width >= u64::BITS {
            self.flush();
        }
        self.held |= value << self.fill;
        self.fill += width;
    }

    fn lose_if(&mut self, lost: bool) {
        self.lost |= u64::from(lost);
    }
}

/// Reads any number of fields.
pub(super) struct Reader<'a> {
    words: &'a [u64],
    at: usize,
    held: u64,
    left: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(words: &'a [u64], at: usize) -> Self {
        Self { words, at, held: window(words, at), left: u64::BITS }
    }
}

impl Source for Reader<'_> {
    fn take(&mut self, width: u32) -> u64 {
        if width > self.left {
            (self.held, self.left) = (window(self.words, self.at), u64::BITS);
        }
        let value = self.held & ((1 << width) - 1);
        self.held >>= width;
        self.left -= width;
        self.at += width as usize;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_beside_it() {
        for start in [0, 1, 63, 64, 70] {
            let mut words = [u64::MAX; 8];
            let widths = [3, 0, 63, 1, 32, 32, 17, 63, 5];
            let values = widths.map(|width| 0x5a5a_5a5a_5a5a_5a5a_u64 & ((1 << width) - 1));
            let mut writer = Writer::new(&mut words, start);
            values.iter().zip(widths).for_each(|(value, width)| writer.put(*value, width));
            assert!(writer.finish());
            let mut reader = Reader::new(&words, start);
            assert_eq!(widths.map(|width| reader.take(width)), values);
            let (before, after) = (start, start + widths.iter().sum::<u32>() as usize);
            assert!(!differ(&words, &[u64::MAX; 8], 0, before) && !differ(&words, &[u64::MAX; 8], after, 512 - after));
            assert!(differ(&words, &[u64::MAX; 8], before, after - before));
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let mut words = [0; 1];
        let mut writer = Writer::new(&mut words, 0);
        writer.put(8, 3);
        assert!(!writer.finish());
        let mut writer = Writer::new(&mut words, 0);
        writer.put(1, 0);
        assert!(!writer.finish());
        assert_eq!((width(0), width(1), width(7), width(8), width(u64::MAX)), (0, 1, 3, 4, 64));
    }
}
