//! Durations that were seen, and their quantiles. Each value is kept with how often it was seen, so that a maximum or a
//! quantile is never an estimate; a histogram with buckets would round both.
//!
//! # Invariants
//! - Every quantile is a value that was seen.

use std::collections::BTreeMap;

use lacuna_model::units::Nanos;
use serde::Serialize;

/// Durations, each with how often it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    counts: BTreeMap<Nanos, u64>,
    total: u64,
}

/// The least, the middle, the 99th percentile and the greatest of some durations, in nanoseconds. The percentile p is the
/// least value seen such that at least p % of all are at most it (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Least.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Greatest.
    pub max: u64,
}

impl Durations {
    /// Adds one.
    pub fn add(&mut self, duration: Nanos) {
        *self.counts.entry(duration).or_default() += 1;
        self.total += 1;
    }

    /// Adds one so often.
    pub fn add_times(&mut self, duration: Nanos, times: u64) {
        if times > 0 {
            *self.counts.entry(duration).or_default() += times;
            self.total += times;
        }
    }

    /// Adds again, so often, what was added since there were those.
    pub fn repeat(&mut self, since: &Self, times: u64) {
        for (duration, count) in &mut self.counts {
            let before = since.counts.get(duration).copied().unwrap_or(0);
            let more = (*count - before) * times;
            *count += more;
            self.total += more;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The greatest.
    pub fn max(&self) -> Option<Nanos> {
        self.counts.last_key_value().map(|(duration, _)| *duration)
    }

    /// The nearest-rank percentile.
    pub fn percentile(&self, percent: u8) -> Option<Nanos> {
        let rank = (u128::from(self.total) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0u128;
        let at = self.counts.iter().find(|(_, count)| {
            seen += u128::from(**count);
            seen >= rank
        });
        at.map(|(duration, _)| *duration)
    }

    /// The four that are reported; nothing, if there is no duration.
    pub fn quantiles(&self) -> Option<Quantiles> {
        Some(Quantiles {
            min: self.counts.first_key_value()?.0.0,
            p50: self.percentile(50)?.0,
            p99: self.percentile(99)?.0,
            max: self.max()?.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantiles(), None);
        for value in (1..=200).rev() {
            durations.add(Nanos(value));
        }
        assert_eq!(durations.quantiles(), Some(Quantiles { min: 1, p50: 100, p99: 198, max: 200 }));
        let mut one = Durations::default();
        one.add(Nanos(5));
        assert_eq!(one.quantiles(), Some(Quantiles { min: 5, p50: 5, p99: 5, max: 5 }));
    }
}
