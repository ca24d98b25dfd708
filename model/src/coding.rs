//! Numbers in as few bits as they need. A state says once what fields it has ([`Coder::number`] with each), and so is
//! measured, written and read by the same text. Times are counted in ticks.

use crate::units::Nanos;

/// Writes fields, or reads them.
pub trait Coder {
    /// Writes `value`, which is at most `most`, and returns it; or returns what was written in its place.
    fn number(&mut self, value: u64, most: u64) -> u64;
    /// The unit of times.
    fn tick(&self) -> Nanos;
    /// The same of a time that is no multiple of the tick, or of anything else that has no place.
    fn lose_if(&mut self, _lost: bool) {}

    /// The same of a truth.
    fn flag(&mut self, value: bool) -> bool {
        self.number(value.into(), 1) == 1
    }

    /// The same of a time.
    fn time(&mut self, value: Nanos, most: Nanos) -> Nanos {
        let tick = self.tick().0.max(1);
        self.lose_if(!value.0.is_multiple_of(tick));
        Nanos(self.number(value.0 / tick, most.0 / tick) * tick)
    }

    /// The same of a number that may be missing.
    fn maybe(&mut self, value: Option<u64>, most: u64) -> Option<u64> {
        self.number(value.map_or(0, |value| value.saturating_add(1)), most + 1).checked_sub(1)
    }

    /// The same of a time that may be missing.
    fn maybe_time(&mut self, value: Option<Nanos>, most: Nanos) -> Option<Nanos> {
        let tick = self.tick().0.max(1);
        self.lose_if(value.is_some_and(|value| !value.0.is_multiple_of(tick)));
        self.maybe(value.map(|value| value.0 / tick), most.0 / tick).map(|ticks| Nanos(ticks * tick))
    }
}

fn width(most: u64) -> u32 {
    u64::BITS - most.leading_zeros()
}

/// Counts bits. The fields of a state must be the same in each of them.
#[derive(Debug)]
pub struct Width {
    tick: Nanos,
    /// So far.
    pub bits: usize,
}

impl Width {
    /// Nothing yet.
    pub fn new(tick: Nanos) -> Self {
        Self { tick, bits: 0 }
    }
}

impl Coder for Width {
    fn number(&mut self, value: u64, most: u64) -> u64 {
        self.bits += width(most) as usize;
        value
    }
    fn tick(&self) -> Nanos {
        self.tick
    }
}

/// Writes into words that are all zero.
#[derive(Debug)]
pub struct Writer<'a> {
    words: &'a mut [u64],
    at: usize,
    tick: Nanos,
    fits: bool,
}

impl<'a> Writer<'a> {
    /// Into these words, from their first bit.
    pub fn new(words: &'a mut [u64], tick: Nanos) -> Self {
        Self { words, at: 0, tick, fits: true }
    }

    /// Did everything have a place?
    pub fn fits(&self) -> bool {
        self.fits
    }
}

impl Coder for Writer<'_> {
    fn number(&mut self, value: u64, most: u64) -> u64 {
        let (width, index, shift) = (width(most), self.at / 64, (self.at % 64) as u32);
        self.fits &= value <= most;
        if width == 0 {
            return value;
        }
        let value_kept = value & (u64::MAX >> (64 - width));
        for (index, part) in
            [(index, value_kept << shift), (index + 1, if shift == 0 { 0 } else { value_kept >> (64 - shift) })]
        {
            match self.words.get_mut(index) {
                Some(word) => *word |= part,
                None => self.fits &= part == 0,
            }
        }
        self.at += width as usize;
        value
    }
    fn tick(&self) -> Nanos {
        self.tick
    }
    fn lose_if(&mut self, lost: bool) {
        self.fits &= !lost;
    }
}

/// Reads what was written.
#[derive(Debug)]
pub struct Reader<'a> {
    words: &'a [u64],
    at: usize,
    tick: Nanos,
}

impl<'a> Reader<'a> {
    /// From these words, from their first bit.
    pub fn new(words: &'a [u64], tick: Nanos) -> Self {
        Self { words, at: 0, tick }
    }
}

impl Coder for Reader<'_> {
    fn number(&mut self, _: u64, most: u64) -> u64 {
        let (width, index, shift) = (width(most), self.at / 64, (self.at % 64) as u32);
        if width == 0 {
            return 0;
        }
        self.at += width as usize;
        let low = self.words.get(index).map_or(0, |word| word >> shift);
        let high = self.words.get(index + 1).filter(|_| shift > 0).map_or(0, |word| word << (64 - shift));
        (low | high) & (u64::MAX >> (64 - width))
    }
    fn tick(&self) -> Nanos {
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_across_words() {
        let fields = [(5, 7), (u64::MAX, u64::MAX), (0, 0), (1, 1), (1 << 40, 1 << 41), (300, 511)];
        let mut measure = Width::new(Nanos(1));
        fields.iter().for_each(|&(value, most)| {
            measure.number(value, most);
        });
        assert_eq!(measure.bits, 3 + 64 + 1 + 42 + 9);
        let mut words = [0; 2];
        let mut writer = Writer::new(&mut words, Nanos(1));
        fields.iter().for_each(|&(value, most)| {
            writer.number(value, most);
        });
        assert!(writer.fits());
        let mut reader = Reader::new(&words, Nanos(1));
        for (value, most) in fields {
            assert_eq!(reader.number(0, most), value);
        }
    }

    #[test]
    fn times_are_counted_in_ticks_and_nothing_is_cut() {
        let write = |value, most| {
            let mut words = [0; 1];
            let mut writer = Writer::new(&mut words, Nanos(10));
            writer.maybe_time(value, most);
            (writer.fits(), words[0])
        };
        assert_eq!(write(Some(Nanos(30)), Nanos(30)), (true, 4));
        assert_eq!(write(None, Nanos(30)), (true, 0));
        assert!(!write(Some(Nanos(40)), Nanos(30)).0, "too large");
        assert!(!write(Some(Nanos(25)), Nanos(30)).0, "between two ticks");
        let mut words = [0; 1];
        let mut writer = Writer::new(&mut words, Nanos(1));
        writer.number(0, u64::MAX);
        writer.number(1, 1);
        assert!(!writer.fits(), "beyond the last word");
    }
}
