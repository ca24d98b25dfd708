//! Utilisation, Σ C/T, exactly: integers alone, and no verdict where 128 bits do not decide.

use super::response_time::Demand;

/// How much of the core a set of tasks asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Less than all of it.
    Below,
    /// All of it.
    Full,
    /// More.
    Above,
    /// So nearly all of it that 128 bits do not tell.
    Undecided,
}

/// A fraction, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    pub(crate) numerator: u128,
    pub(crate) denominator: u128,
}

impl Fraction {
    /// The sum of fractions with denominators above 0; none, if it does not fit.
    pub(crate) fn sum(terms: impl Iterator<Item = (u128, u128)>) -> Option<Self> {
        let (mut numerator, mut denominator) = (0u128, 1u128);
        for (above, below) in terms {
            let common = gcd(above, below);
            let (above, below) = (above / common, below / common);
            let sum = numerator.checked_mul(below)?.checked_add(above.checked_mul(denominator)?)?;
            let product = denominator.checked_mul(below)?;
            let common = gcd(sum, product);
            (numerator, denominator) = (sum / common, product / common);
        }
        Some(Self { numerator, denominator })
    }
}

/// The least common multiple of numbers above 0; none, if it does not fit.
pub(crate) fn least_common_multiple(mut numbers: impl Iterator<Item = u128>) -> Option<u128> {
    numbers.try_fold(1u128, |least, number| (least / gcd(least, number)).checked_mul(number))
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// What is 1 where utilisations are counted in parts of 2⁶⁴.
pub(crate) const ONE: u128 = 1 << 64;

/// The utilisation in parts of 2⁶⁴: at least, and at most. Each task adds less than one part of uncertainty.
pub(crate) fn bounds<'a>(tasks: impl Iterator<Item = &'a Demand>) -> (u128, u128) {
    tasks.fold((0, 0), |(least, most), task| {
        let (wcet, period) = (u128::from(task.wcet.0) << 64, u128::from(task.period.0.max(1)));
        (least.saturating_add(wcet / period), most.saturating_add(wcet.div_ceil(period)))
    })
}

/// Compares Σ C/T with 1.
pub fn load<'a>(tasks: impl Iterator<Item = &'a Demand> + Clone) -> Load {
    let (least, most) = bounds(tasks.clone());
    if least > ONE {
        Load::Above
    } else if most < ONE {
        Load::Below
    } else {
        let terms = tasks.map(|task| (u128::from(task.wcet.0), u128::from(task.period.0.max(1))));
        match Fraction::sum(terms) {
            None => Load::Undecided,
            Some(sum) => match sum.numerator.cmp(&sum.denominator) {
                std::cmp::Ordering::Less => Load::Below,
                std::cmp::Ordering::Equal => Load::Full,
                std::cmp::Ordering::Greater => Load::Above,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::response_time::tests::set;
    use super::*;

    #[test]
    fn nearly_full_is_not_full() {
        let of = |tasks: &[(u64, u64, u64)]| load(set(tasks).iter());
        assert_eq!(of(&[(1, 3, 0), (1, 3, 0), (1, 3, 0)]), Load::Full);
        assert_eq!(of(&[(1, 2, 0), (1, 3, 0), (1, 7, 0)]), Load::Below);
        assert_eq!(of(&[(1, 2, 0), (1, 3, 0), (1, 6, 0), (1, u64::MAX, 0)]), Load::Above);
        assert_eq!(of(&[(1, 3, 0), (2, 3, 0), (0, 5, 0)]), Load::Full);
        // Just below: 1 − 1/(2⁶⁴ − 1).
        assert_eq!(of(&[(u64::MAX - 1, u64::MAX, 0)]), Load::Below);
        // 1 − 2/p + 1/q + 1/r with primes near 2⁶³ has no sum in 128 bits, and parts of 2⁶⁴ are too coarse for it.
        let [p, q, r] = [9_223_372_036_854_775_783, 9_223_372_036_854_775_643, 9_223_372_036_854_775_549];
        assert_eq!(of(&[(p - 2, p, 0), (1, q, 0), (1, r, 0)]), Load::Undecided);
    }
}
