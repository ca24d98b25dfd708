//! The polling server: at each multiple of its period it has its whole amount, and as soon as nobody wants it, it loses what is left until
//! the next one.
//!
//! Source: J. P. Lehoczky, L. Sha, J. K. Strosnider, *Enhanced aperiodic responsiveness in hard real-time environments*, RTSS 1987; B. Sprunt,
//! L. Sha, J. Lehoczky, *Aperiodic task scheduling for hard-real-time systems*, Real-Time Systems 1, 1989, section 1 (where it is the
//! periodic task that the other servers are compared with).
//!
//! Whoever becomes ready at the very multiple is in time for it.

use super::{Use, until_multiple};
use crate::coding::Coder;
use crate::system::Budget;
use crate::units::Nanos;

/// What is left, and until the next multiple of the period; 0 is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Polled {
    pub(super) left: Nanos,
    pub(super) until_refill: Nanos,
}

impl Polled {
    pub(super) fn full(budget: &Budget) -> Self {
        Self { left: budget.amount, until_refill: budget.period }
    }

    pub(super) fn next_event(&self, used: Use) -> Option<Nanos> {
        match used {
            Use::Charged => Some(self.until_refill.min(self.left)),
            Use::Wanted => Some(self.until_refill),
            Use::None => None,
        }
    }

    pub(super) fn pass(&mut self, budget: &Budget, duration: Nanos, used: Use) {
        match used {
            Use::Charged => self.left.0 = self.left.0.saturating_sub(duration.0),
            Use::Wanted => {}
            Use::None => self.left = Nanos(0),
        }
        self.until_refill = until_multiple(self.until_refill, duration, budget.period);
    }

    pub(super) fn code(&mut self, budget: &Budget, coder: &mut impl Coder) {
        self.left = coder.time(self.left, budget.amount);
        self.until_refill = coder.time(self.until_refill, budget.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Server;

    #[test]
    fn what_nobody_wants_is_lost_until_the_next_multiple() {
        let budget = Budget { amount: Nanos(2), period: Nanos(5), server: Server::Polling };
        let mut polled = Polled::full(&budget);
        polled.pass(&budget, Nanos(1), Use::None);
        assert_eq!(polled, Polled { left: Nanos(0), until_refill: Nanos(4) });
        // Somebody comes at 1: there is nothing before 5.
        assert_eq!(polled.next_event(Use::Wanted), Some(Nanos(4)));
        polled.pass(&budget, Nanos(4), Use::Wanted);
        assert_eq!(polled.until_refill, Nanos(0));
        polled = Polled::full(&budget);
        polled.pass(&budget, Nanos(1), Use::Charged);
        polled.pass(&budget, Nanos(3), Use::Wanted);
        assert_eq!(polled, Polled { left: Nanos(1), until_refill: Nanos(1) }, "it is not lost to whoever waits");
        // Unwanted, several periods go by: 9 + 13 = 22 is 2 after a multiple, and 25 is one.
        polled.pass(&budget, Nanos(13), Use::None);
        assert_eq!(polled, Polled { left: Nanos(0), until_refill: Nanos(3) });
        polled.pass(&budget, Nanos(3), Use::None);
        assert_eq!(polled.until_refill, Nanos(0), "whoever comes now is in time");
    }
}
