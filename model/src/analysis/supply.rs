//! How much a server supplies at least, in any interval in which somebody who runs by it is ready throughout: its *supply bound function*, and the
//! inverse. It rests on G19, which says what each kind of server promises, and which is checked for each system.
//!
//! The form is that of the periodic resource of I. Shin, I. Lee, *Periodic resource model for compositional real-time guarantees*, RTSS 2003: nothing
//! for a time B, then an amount A at full speed in every cycle of length C. With an interval of length Δ,
//!
//! > sbf(Δ) = ⌊(Δ − B) / C⌋ A + min(A, (Δ − B) mod C) for Δ ≥ B, and 0 before,
//! > sbf⁻¹(x) = B + (⌈x / A⌉ − 1) C + x − (⌈x / A⌉ − 1) A for x > 0, and sbf⁻¹(0) = 0.
//!
//! | server (Q, T) | B | A | C | because |
//! |---|---|---|---|---|
//! | deferrable, hard constant bandwidth | 2 (T − Q) | Q | T | the amount is used up as early as possible, and comes as late as possible in the next period (Shin, Lee 2003) |
//! | polling | 2 T − Q − 1 | Q | T | the interval begins a nanosecond after a multiple of the period, at which nobody was ready |
//! | sporadic | 2 T − Q − 1 | Q | T | every nanosecond of the amount was used as soon as it could be, the last just before; each comes back after T, and is had after another T at the latest |
//! | MCS, from wake-up | 2 T − Q − 1 + m | Q − m | T | as sporadic; but m, the minimum less a nanosecond or 0, may always be what is put off |
//! | MCS, from dispatch | 3 T − Q − 1 + m | Q − m | 3 T − 1 | what may be used is had after 2 T at the latest, and comes back T after it was |
//! | constant bandwidth | none | | | its deadline may be arbitrarily far away, after it had the core to itself |
//!
//! In the first two rows the bound is met, by the least urgent of servers that fill the core; in the others nothing like that is claimed (`tests/supply.rs`). Times
//! are integers of nanoseconds; what does not fit into 128 bits is no bound.

use crate::system::{Budget, RefillsFrom, Server};

/// A supply that is nothing for a time and then an amount in every cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cycles {
    nothing_for: u128,
    amount: u128,
    length: u128,
}

fn cycles(budget: Budget) -> Option<Cycles> {
    let (amount, period) = (u128::from(budget.amount.0), u128::from(budget.period.0));
    if amount == 0 || amount > period {
        return None;
    }
    let late = 2 * period - amount - 1;
    let (nothing_for, amount, length) = match budget.server {
        Server::Deferrable | Server::HardConstantBandwidth => (2 * (period - amount), amount, period),
        Server::Polling | Server::Sporadic => (late, amount, period),
        Server::Mcs { minimum, from, .. } => {
            let put_off = u128::from(minimum.0.saturating_sub(1)).min(amount - 1);
            let (wait, length) = match from {
                RefillsFrom::WakeUp => (0, period),
                RefillsFrom::Dispatch => (period, 3 * period - 1),
            };
            (late + wait + put_off, amount - put_off, length)
        }
        Server::ConstantBandwidth => return None,
    };
    Some(Cycles { nothing_for, amount, length })
}

/// The least supply in any interval of that length, in nanoseconds.
pub fn least_supply(budget: Budget, interval: u128) -> u128 {
    let Some(Cycles { nothing_for, amount, length }) = cycles(budget) else { return 0 };
    let Some(beyond) = interval.checked_sub(nothing_for) else { return 0 };
    (beyond / length) * amount + amount.min(beyond % length)
}

/// The longest that a server takes to supply so much, from any moment on, in nanoseconds.
pub fn longest_until(budget: Budget, demand: u128) -> Option<u128> {
    if demand == 0 {
        return Some(0);
    }
    let Cycles { nothing_for, amount, length } = cycles(budget)?;
    let before = demand.div_ceil(amount) - 1;
    nothing_for.checked_add(before.checked_mul(length)?)?.checked_add(demand - before * amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    fn servers(amount: u64) -> Vec<Server> {
        let mcs = |minimum, from| Server::Mcs { refills: 2, minimum: Nanos(minimum), from };
        vec![
            Server::Deferrable,
            Server::HardConstantBandwidth,
            Server::Polling,
            Server::Sporadic,
            mcs(0, RefillsFrom::WakeUp),
            mcs(amount, RefillsFrom::WakeUp),
            mcs(2.min(amount), RefillsFrom::Dispatch),
        ]
    }

    #[test]
    fn the_longest_time_is_the_inverse_of_the_least_supply() {
        for (amount, period) in (1..9).flat_map(|period| (1..=period).map(move |amount| (amount, period))) {
            for server in servers(amount) {
                let budget = Budget { amount: Nanos(amount), period: Nanos(period), server };
                assert_eq!(longest_until(budget, 0), Some(0));
                for demand in 1..30 {
                    let until = longest_until(budget, demand).unwrap();
                    assert!(least_supply(budget, until) >= demand, "{budget:?} {demand}");
                    assert!(least_supply(budget, until - 1) < demand, "{budget:?} {demand}");
                }
            }
        }
    }

    /// Shin and Lee's example Γ(5, 3): nothing up to 4, and 3 at 7.
    #[test]
    fn as_in_the_paper() {
        let budget = |server| Budget { amount: Nanos(3), period: Nanos(5), server };
        let course = |server| (4..14).map(|t| least_supply(budget(server), t)).collect::<Vec<_>>();
        assert_eq!(course(Server::Deferrable), [0, 1, 2, 3, 3, 3, 4, 5, 6, 6]);
        assert_eq!(longest_until(budget(Server::Deferrable), 3), Some(7));
        assert_eq!(longest_until(budget(Server::Deferrable), 4), Some(10));
        // Ready from 1 on, the poll is at 5, and comes as late as 7: from 1 that is 6.
        assert_eq!(course(Server::Polling), [0, 0, 0, 1, 2, 3, 3, 3, 4, 5]);
        assert_eq!(course(Server::ConstantBandwidth), [0; 10]);
        assert_eq!(longest_until(budget(Server::ConstantBandwidth), 1), None);
    }

    #[test]
    fn a_whole_period_is_a_core_and_no_amount_is_nothing() {
        let of = |amount, period| Budget { amount: Nanos(amount), period: Nanos(period), server: Server::Deferrable };
        assert_eq!(longest_until(of(5, 5), 7), Some(7));
        assert_eq!((longest_until(of(0, 5), 1), least_supply(of(0, 5), 100)), (None, 0));
        assert_eq!(longest_until(of(1, u64::MAX), u128::MAX), None, "it does not fit");
    }
}
