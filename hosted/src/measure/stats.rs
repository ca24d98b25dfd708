//! How often, with its confidence; how long, with its tail.
//!
//! Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), for the
//! interval; J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983), for
//! the rule of three. Percentiles are nearest rank, so each is a value that was observed.
//!
//! Assumption: trials are exchangeable. Races cluster (a stall of one thread hits several spawns), so an interval is a
//! little narrower than the truth. Nothing here decides a verdict: those are taken from the counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `hits` of `n` trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proportion {
    /// Trials.
    pub n: u64,
    /// Trials in which the event was seen.
    pub hits: u64,
}

impl Proportion {
    /// `hits` of `n`.
    pub fn new(hits: u64, n: u64) -> Self {
        Self { n, hits }
    }

    /// The observed rate, 0 to 1; 0 when nothing was tried. For display.
    pub fn rate(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.hits as f64 / self.n as f64 }
    }

    /// Wilson's score interval at 95 %, as rates from 0 to 1. For display.
    pub fn wilson_95(&self) -> (f64, f64) {
        if self.n == 0 {
            return (0.0, 1.0);
        }
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (self.n as f64, self.rate());
        let centre = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
    }
}

impl fmt::Display for Proportion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |rate: f64| 100.0 * rate;
        if self.n == 0 {
            write!(f, "never tried")
        } else if self.hits == 0 {
            let below = percent((3.0 / self.n as f64).min(1.0));
            write!(f, "0/{}: not reproduced, below {below:.3} % at 95 %", self.n)
        } else {
            let (low, high) = self.wilson_95();
            let (rate, low, high) = (percent(self.rate()), percent(low), percent(high));
            write!(f, "{}/{}: {rate:.2} % (95 %: {low:.2} to {high:.2} %)", self.hits, self.n)
        }
    }
}

/// The distribution of a time, in whole nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// Samples.
    pub n: u64,
    /// The least.
    pub min_ns: u64,
    /// The median.
    pub p50_ns: u64,
    /// The 99th percentile; the maximum when there are fewer than 100 samples.
    pub p99_ns: u64,
    /// The greatest.
    pub max_ns: u64,
}

impl Durations {
    /// Of these samples, in nanoseconds; `None` when there are none.
    pub fn of(mut samples_ns: Vec<u64>) -> Option<Self> {
        samples_ns.sort_unstable();
        let n = samples_ns.len();
        let rank = |percent: usize| samples_ns[(n * percent).div_ceil(100).max(1) - 1];
        (n > 0).then(|| Self {
            n: n as u64,
            min_ns: samples_ns[0],
            p50_ns: rank(50),
            p99_ns: rank(99),
            max_ns: samples_ns[n - 1],
        })
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |ns: u64| ns / 1_000;
        write!(f, "median {} us, p99 {} us, max {} us, n={}", us(self.p50_ns), us(self.p99_ns), us(self.max_ns), self.n)
    }
}

/// Nanoseconds since `start`, as an integer.
pub(crate) fn ns_since(start: std::time::Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_the_published_example() {
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
        let (low, high) = Proportion::new(81, 263).wilson_95();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let (low, high) = Proportion::new(0, 20).wilson_95();
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn nothing_seen_is_a_bound_and_not_a_zero() {
        assert_eq!(Proportion::new(0, 4000).to_string(), "0/4000: not reproduced, below 0.075 % at 95 %");
        assert_eq!(Proportion::new(0, 0).to_string(), "never tried");
    }

    #[test]
    fn percentiles_are_observed_values() {
        let d = Durations::of((1..=200).rev().collect()).unwrap();
        assert_eq!((d.min_ns, d.p50_ns, d.p99_ns, d.max_ns), (1, 100, 198, 200));
        assert_eq!(Durations::of(vec![7]).unwrap().p99_ns, 7);
        assert_eq!(Durations::of(vec![]), None);
    }
}
