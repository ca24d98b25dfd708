//! The deferrable server: it has its whole amount at each multiple of its period, and keeps what is unused until the next one; nothing is carried
//! over.
//!
//! Source: J. K. Strosnider, J. P. Lehoczky, L. Sha, *The deferrable server algorithm for enhanced aperiodic responsiveness in hard real-time environments*,
//! IEEE Transactions on Computers 44(1), 1995.
//!
//! A budget that is full and not in use needs no replenishment, and has none: its period goes on by itself.

use super::{Use, until_multiple};
use crate::coding::Coder;
use crate::system::Budget;
use crate::units::Nanos;

/// What is left, and until the next multiple of the period; 0 is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deferred {
    pub(super) left: Nanos,
    pub(super) until_refill: Nanos,
}

impl Deferred {
    pub(super) fn full(budget: &Budget) -> Self {
        Self { left: budget.amount, until_refill: budget.period }
    }

    pub(super) fn next_event(&self, budget: &Budget, used: Use) -> Option<Nanos> {
        match used {
            Use::Charged => Some(self.until_refill.min(self.left)),
            Use::Wanted | Use::None => (self.left < budget.amount).then_some(self.until_refill),
        }
    }

    pub(super) fn pass(&mut self, budget: &Budget, duration: Nanos, used: Use) {
        if used == Use::Charged {
            self.left.0 = self.left.0.saturating_sub(duration.0);
        }
        self.until_refill = if self.left < budget.amount {
            Nanos(self.until_refill.0.saturating_sub(duration.0))
        } else {
            match until_multiple(self.until_refill, duration, budget.period) {
                Nanos(0) => budget.period,
                until => until,
            }
        };
    }

    pub(super) fn code(&mut self, budget: &Budget, coder: &mut impl Coder) {
        self.left = coder.time(self.left, budget.amount);
        self.until_refill = coder.time(self.until_refill, budget.period);
    }
}
