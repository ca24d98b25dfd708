//! Random task sets: utilisations that are uniform among all that have the given sum, periods whose logarithms are uniform.
//!
//! Sources: E. Bini, G. C. Buttazzo, *Measuring the performance of schedulability tests*, Real-Time Systems 30, 2005: UUniFast, and UUniSort, which
//! draws from the same distribution (the gaps between uniform numbers in order) and needs no roots; P. Emberson, R. Stafford,
//! R. I. Davis, *Techniques for the synthesis of multiprocessor tasksets*, WATERS 2010 (periods). A period is drawn by rejection: an octave, a
//! number t of it, and t is kept with a probability of the octave's beginning over t, so that the density is as 1/t. Whole numbers alone, and so
//! the same sets on every platform.
//!
//! # Invariants
//! - Each set has a stream of its own, by its point and its number: who generates it, and after what, does not show.
//! - Execution times are rounded down, but to a nanosecond at least: a set asks for no more than its utilisation, but for that.

use lacuna_model::analysis::response_time::Demand;
use lacuna_model::sweep::{Deadlines, Sweep};
use lacuna_model::units::Nanos;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::resolver::below;

/// What is a utilisation of 1.
const ONE: u64 = 1_000_000_000_000_000_000;

/// The tasks of the set of that number at the point of that index.
pub fn task_set(sweep: &Sweep, point: usize, number: u32) -> Vec<Demand> {
    let mut random = ChaCha8Rng::seed_from_u64(sweep.seed);
    random.set_stream(((point as u64) << 32) | u64::from(number));
    let total = u64::from(sweep.utilisations.get(point).copied().unwrap_or(0)) * (ONE / 100);
    let mut tasks = Vec::with_capacity(sweep.tasks as usize);
    for utilisation in utilisations(&mut random, sweep.tasks, total) {
        let period = log_uniform(&mut random, sweep.periods.0.0, sweep.periods.1.0);
        let wcet = (u128::from(utilisation) * u128::from(period) / u128::from(ONE)).max(1) as u64;
        let deadline = match sweep.deadlines {
            Deadlines::Implicit => period,
            Deadlines::Constrained => wcet + below(&mut random, period.saturating_sub(wcet).saturating_add(1)),
        };
        let (wcet, period, deadline) = (Nanos(wcet), Nanos(period), Nanos(deadline));
        tasks.push(Demand { wcet, period, deadline, ..Demand::default() });
    }
    tasks
}

/// So many parts of a total, each way of parting it as likely.
fn utilisations(random: &mut ChaCha8Rng, count: u32, total: u64) -> Vec<u64> {
    let mut cuts: Vec<u64> = (1..count).map(|_| below(random, total.saturating_add(1))).collect();
    cuts.push(total);
    cuts.sort_unstable();
    let mut before = 0;
    cuts.into_iter().map(|cut| cut - std::mem::replace(&mut before, cut)).collect()
}

/// A number from `least`, which is above 0, to `most`, with a density as 1 over it.
fn log_uniform(random: &mut ChaCha8Rng, least: u64, most: u64) -> u64 {
    let octaves = (most / least.max(1)).max(1).ilog2() + 1;
    loop {
        // The last octave may begin beyond the largest number there is.
        let Some(from) = least.checked_mul(1 << below(random, octaves.into())) else { continue };
        let number = from.saturating_add(below(random, from));
        if number <= most && below(random, number) < from {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(5)
    }

    #[test]
    fn utilisations_are_uniform_among_those_of_the_sum() {
        const SETS: u64 = 20_000;
        let mut random = random();
        let (mut sum, mut large) = ([0u64; 4], 0u64);
        for _ in 0..SETS {
            let parts = utilisations(&mut random, 4, 900);
            assert_eq!(parts.iter().sum::<u64>(), 900);
            sum.iter_mut().zip(&parts).for_each(|(sum, part)| *sum += part);
            large += u64::from(parts[2] > 450);
        }
        // Each part is a quarter on average, and beyond a half with probability (1/2)³.
        assert!(sum.iter().all(|sum| sum.abs_diff(225 * SETS) < 3 * SETS), "{sum:?}");
        assert!(large.abs_diff(SETS / 8) < SETS / 100, "{large}");
    }

    #[test]
    fn periods_are_as_likely_in_every_octave() {
        const DRAWS: u64 = 60_000;
        let mut random = random();
        let mut octaves = [0u64; 4];
        for _ in 0..DRAWS {
            let period = log_uniform(&mut random, 1000, 11_314);
            assert!((1000..=11_314).contains(&period));
            octaves[(period / 1000).ilog2() as usize] += 1;
        }
        // Three octaves and a half.
        let each = DRAWS * 2 / 7;
        assert!(octaves[..3].iter().all(|count| count.abs_diff(each) < DRAWS / 100), "{octaves:?}");
        assert!(octaves[3].abs_diff(each / 2) < DRAWS / 100, "{octaves:?}");
        assert_eq!(log_uniform(&mut random, 7, 7), 7);
    }
}
