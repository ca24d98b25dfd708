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
//! **Responses.** A task that alone runs by a server, with execution time C, period P and jitter J: while it is busy it is ready throughout, so job q (from 0) of a busy period ends at most
//! sbf⁻¹((q + 1) C) after that begins, with the first release, and responds J + sbf⁻¹((q + 1) C) − q P after its arrival; the busy period ends with the first q where sbf⁻¹((q + 1) C) ≤
//! (q + 1) P − J.
//!
//! In the first two rows the bound is met, by the least urgent of servers that fill the core; in the others nothing like that is claimed (`tests/supply.rs`). Times
//! are integers of nanoseconds; what does not fit into 128 bits is no bound.

use super::response_time::{Bound, Demand};
use crate::system::{Budget, RefillsFrom, Server};
use crate::units::Nanos;

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

/// At most so many jobs of a busy period are looked at.
const MAX_JOBS: u128 = 1_000_000;

/// The worst response of a task that alone runs by a server, if that supplies what it promises (G19). Of `task`, execution time, period and jitter are looked
/// at.
pub fn response(budget: Budget, task: &Demand) -> Bound {
    const OVERFLOW: Bound = Bound::Unknown("a time does not fit into 64 bits");
    let Some(Cycles { amount, length, .. }) = cycles(budget) else {
        return Bound::Unknown("the server supplies nothing for certain");
    };
    let (wcet, period, jitter) = (u128::from(task.wcet.0.max(1)), u128::from(task.period.0), u128::from(task.jitter.0));
    match (wcet.checked_mul(length), amount.checked_mul(period)) {
        (Some(asked), Some(supplied)) if asked > supplied => return Bound::Unbounded,
        (Some(_), Some(_)) => {}
        _ => return OVERFLOW,
    }
    let mut worst = 0;
    for job in 0..MAX_JOBS {
        let Some(end) = longest_until(budget, (job + 1) * wcet).and_then(|end| end.checked_add(jitter)) else {
            return OVERFLOW;
        };
        worst = worst.max(end.saturating_sub(job * period));
        if end <= (job + 1) * period {
            return u64::try_from(worst).map_or(OVERFLOW, |worst| Bound::Finite(Nanos(worst)));
        }
    }
    Bound::Unknown("the busy period has more than 1,000,000 jobs")
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// By hand, of Γ(5, 3): nothing for 4, then 3 in 5.
    #[test]
    fn responses_of_a_task_alone() {
        let budget = Budget { amount: Nanos(3), period: Nanos(5), server: Server::Deferrable };
        let of = |wcet, period, jitter| {
            let task = Demand { wcet: Nanos(wcet), period: Nanos(period), jitter: Nanos(jitter), ..Demand::default() };
            response(budget, &task)
        };
        // 4 + 2.
        assert_eq!(of(2, 10, 0), Bound::Finite(Nanos(6)));
        assert_eq!(of(2, 10, 4), Bound::Finite(Nanos(10)));
        // 2 by 6, 4 by 10, 6 by 12, from arrivals at 0, 4 and 8: 6, 6, 4; the third is done before the fourth comes.
        assert_eq!(of(2, 4, 0), Bound::Finite(Nanos(6)));
        // 3 in 5 is all there is: 3 by 7, 6 by 12, and so on for ever, each 7 after its arrival.
        assert_eq!(of(4, 5, 0), Bound::Unbounded);
        assert!(matches!(of(3, 5, 0), Bound::Unknown(_)), "the busy period has no end");
        let soft = Budget { server: Server::ConstantBandwidth, ..budget };
        assert!(matches!(response(soft, &Demand::default()), Bound::Unknown(_)));
    }

    #[test]
    fn a_whole_period_is_a_core_and_no_amount_is_nothing() {
        let of = |amount, period| Budget { amount: Nanos(amount), period: Nanos(period), server: Server::Deferrable };
        assert_eq!(longest_until(of(5, 5), 7), Some(7));
        assert_eq!((longest_until(of(0, 5), 1), least_supply(of(0, 5), 100)), (None, 0));
        assert_eq!(longest_until(of(1, u64::MAX), u128::MAX), None, "it does not fit");
    }
}
