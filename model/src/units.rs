//! Units: durations in whole nanoseconds, sizes in whole bytes. No floating point enters a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A duration in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

const TIME: [(&str, u64); 5] =
    [("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const SIZE: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A text that is not a duration or a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The number or the unit is missing or unknown.
    #[error("`{text}` is not {what}: a whole or decimal number and a unit, one of {units}")]
    Malformed {
        /// What was written.
        text: String,
        /// "a duration" or "a size".
        what: &'static str,
        /// The units there are.
        units: String,
    },
    /// Not a whole number of the smallest unit.
    #[error("`{0}` is finer than a nanosecond or a byte")]
    TooFine(String),
    /// Does not fit into 64 bits.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

fn parse(text: &str, what: &'static str, table: &[(&str, u64)]) -> Result<u64, UnitError> {
    let malformed = || UnitError::Malformed {
        text: text.into(),
        what,
        units: table.iter().map(|(unit, _)| format!("`{unit}`")).collect::<Vec<_>>().join(", "),
    };
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
    let (number, unit) = text.split_at(split);
    let &(_, scale) = table.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(malformed)?;
    let (whole, fraction) = number.split_once('.').map_or((number, ""), |(whole, fraction)| (whole, fraction));
    if whole.is_empty() || fraction.contains('.') || (number.contains('.') && fraction.is_empty()) {
        return Err(malformed());
    }
    let too_large = || UnitError::TooLarge(text.into());
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| too_large())?;
    let power = u32::try_from(fraction.len()).ok().and_then(|n| 10u128.checked_pow(n)).ok_or_else(too_large)?;
    let scaled = digits.checked_mul(u128::from(scale)).ok_or_else(too_large)?;
    if scaled % power != 0 {
        return Err(UnitError::TooFine(text.into()));
    }
    u64::try_from(scaled / power).map_err(|_| too_large())
}

fn print(value: u64, table: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (unit, scale) =
        table.iter().find(|(_, scale)| value.is_multiple_of(*scale) && value > 0).copied().unwrap_or_else(|| {
            let &(unit, scale) = &table[table.len() - 1];
            (unit, scale)
        });
    f.pad(&format!("{}{unit}", value / scale))
}

impl Nanos {
    /// Reads `1ms`, `0.5ms`, `250us`, `10s`, `2min`.
    ///
    /// # Errors
    /// If it is not a number with such a unit, is finer than a nanosecond, or does not fit.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        parse(text, "a duration", &TIME).map(Self)
    }
}

impl Bytes {
    /// Reads `512MiB`, `2GiB`, `100B`.
    ///
    /// # Errors
    /// If it is not a number with such a unit, is finer than a byte, or does not fit.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        parse(text, "a size", &SIZE).map(Self)
    }
}

impl fmt::Display for Nanos {
    /// Exactly, in the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, &TIME[1..], f)
    }
}

impl fmt::Display for Bytes {
    /// Exactly, in the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, &SIZE, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_exactly() {
        for (text, ns) in
            [("1ms", 1_000_000), ("0.5us", 500), ("10s", 10_000_000_000), ("0ns", 0), ("1.25ms", 1_250_000)]
        {
            assert_eq!(Nanos::parse(text), Ok(Nanos(ns)), "{text}");
        }
        assert_eq!(Nanos(1_250_000).to_string(), "1250us");
        assert_eq!(Bytes::parse("512MiB"), Ok(Bytes(512 << 20)));
        assert_eq!(Bytes(0).to_string(), "0B");
    }

    #[test]
    fn refuses_what_it_cannot_say_exactly() {
        assert!(matches!(Nanos::parse("0.5ns"), Err(UnitError::TooFine(_))));
        assert!(matches!(Nanos::parse("99999999999999999999s"), Err(UnitError::TooLarge(_))));
        for text in ["", "ms", "1", ".5ms", "1.ms", "1.2.3ms", "1 parsec", "-1ms", "1e3ms"] {
            assert!(matches!(Nanos::parse(text), Err(UnitError::Malformed { .. })), "{text}");
        }
    }
}
