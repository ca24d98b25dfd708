//! When a buffer may be attached to another process: once all that is queued in it will be done in time.
//!
//! Let the new receiver q be supplied by a server (Θ, Π), a budget of Θ in every period of Π, wherever in its periods it is, and have
//! B_q to compute first. Messages m_1 … m_n are processed in order, the unacknowledged one first, m_i for at most C_q(m_i). From the moment t at
//! which the reattachment begins
//!
//! > admitted ⟺ for every k: κ + sbf_q⁻¹(B_q + Σ_{i≤k} C_q(m_i)) ≤ d_k − t,
//!
//! where κ bounds the reattachment itself, d_k is the deadline of m_k, and sbf_q(Δ) is the least supply in any interval of length Δ of the
//! periodic resource (I. Shin, I. Lee, *Periodic resource model for compositional real-time guarantees*, RTSS 2003). In the worst case the
//! interval begins when a budget was used up as early as possible, and every later one comes as late as possible: nothing for 2(Π − Θ),
//! then Θ in every Π. So for x > 0
//!
//! > sbf⁻¹(x) = x + (⌈x/Θ⌉ + 1)(Π − Θ), and sbf⁻¹(0) = 0.
//!
//! A budget that is its whole period is a core of its own. Times are integers; where they do not fit, nothing is admitted.

use crate::system::Budget;
use crate::units::Nanos;

/// A message that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// What it takes to process it, at most.
    pub demand: Nanos,
    /// How much time is left until its deadline.
    pub left: Nanos,
}

/// The longest that a server takes to supply so much, from any moment on.
pub fn longest_until(server: Budget, demand: u128) -> Option<u128> {
    if demand == 0 {
        return Some(0);
    }
    let (amount, period) = (u128::from(server.amount.0), u128::from(server.period.0));
    let gap = period.checked_sub(amount).filter(|_| amount > 0)?;
    demand.checked_add(demand.div_ceil(amount).checked_add(1)?.checked_mul(gap)?)
}

/// Is a reattachment admitted, to a process with this server and this much to compute first?
pub fn is_admitted(
    server: Option<Budget>,
    kernel: Nanos,
    backlog: Nanos,
    messages: impl IntoIterator<Item = Message>,
) -> bool {
    let mut demand = u128::from(backlog.0);
    messages.into_iter().all(|message| {
        demand += u128::from(message.demand.0);
        let until =
            server.and_then(|server| longest_until(server, demand)).and_then(|t| t.checked_add(kernel.0.into()));
        until.is_some_and(|until| until <= u128::from(message.left.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(amount: u64, period: u64) -> Budget {
        Budget { amount: Nanos(amount), period: Nanos(period) }
    }

    /// sbf as the paper has it, in steps of one: nothing for 2(Π − Θ), then Θ in every Π.
    fn least_supply(server: Budget, interval: u64) -> u128 {
        let (amount, period) = (server.amount.0, server.period.0);
        let silent = 2 * (period - amount);
        (silent..interval).filter(|at| (at - silent) % period < amount).count() as u128
    }

    #[test]
    fn the_longest_time_is_the_inverse_of_the_least_supply() {
        for period in 1..9 {
            for amount in 1..=period {
                let server = server(amount, period);
                for demand in 1..30 {
                    let until = longest_until(server, demand).unwrap() as u64;
                    assert!(least_supply(server, until) >= demand, "{server:?} {demand}");
                    assert!(least_supply(server, until - 1) < demand, "{server:?} {demand}");
                }
            }
        }
        assert_eq!(longest_until(server(3, 5), 0), Some(0));
        assert_eq!(longest_until(server(5, 5), 7), Some(7), "a core of its own");
        assert_eq!(longest_until(server(0, 5), 1), None);
    }

    /// Shin and Lee's Example: Γ(5, 3); sbf is 0 up to 4, and 3 at 7.
    #[test]
    fn as_in_the_paper() {
        let server = server(3, 5);
        assert_eq!((4..10).map(|t| least_supply(server, t)).collect::<Vec<_>>(), [0, 1, 2, 3, 3, 3]);
        assert_eq!(longest_until(server, 3), Some(7));
        assert_eq!(longest_until(server, 4), Some(10));
    }

    #[test]
    fn one_tick_decides_and_every_message_counts() {
        let of = |demand, left| Message { demand: Nanos(demand), left: Nanos(left) };
        let admitted =
            |messages: &[Message]| is_admitted(Some(server(3, 5)), Nanos(2), Nanos(1), messages.iter().copied());
        // 2 + sbf⁻¹(1 + 2 = 3) = 9; 2 + sbf⁻¹(5) = 2 + 5 + 3·2 = 13.
        assert!(admitted(&[of(2, 9), of(2, 13)]));
        assert!(!admitted(&[of(2, 8), of(2, 13)]), "the first is late, whatever the last");
        assert!(!admitted(&[of(2, 9), of(2, 12)]));
        assert!(admitted(&[]), "there is nothing to be late");
        assert!(!is_admitted(None, Nanos(0), Nanos(0), [of(1, u64::MAX)]), "nothing is supplied for certain");
        assert!(!is_admitted(Some(server(1, u64::MAX)), Nanos(u64::MAX), Nanos(0), [of(u64::MAX, u64::MAX); 3]));
    }
}
