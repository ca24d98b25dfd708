//! When a buffer may be attached to another process: once all that is queued in it will be done in time.
//!
//! Let the new receiver q be supplied by a server with a budget in every period, wherever in its periods it is, and have
//! B_q to compute first. Messages m_1 … m_n are processed in order, the unacknowledged one first, m_i for at most C_q(m_i). From the moment t at
//! which the reattachment begins
//!
//! > admitted ⟺ for every k: κ + sbf_q⁻¹(B_q + Σ_{i≤k} C_q(m_i)) ≤ d_k − t,
//!
//! where κ bounds the reattachment itself, d_k is the deadline of m_k, and sbf_q(Δ) is the least [`supply`](super::supply) of the server in any interval of
//! length Δ. Times are integers; where they do not fit, nothing is admitted.

use super::supply::longest_until;
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
    use crate::system::Server;

    fn server(amount: u64, period: u64) -> Budget {
        Budget { amount: Nanos(amount), period: Nanos(period), server: Server::Deferrable }
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
