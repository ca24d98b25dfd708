//! The constant-bandwidth server: a budget with a deadline, by which whoever runs on it is ordered. A budget Q that is used up is there again at
//! once, and the deadline a period T later; whoever finds the server unwanted at time r gets a new one, Q by r + T, unless what is left, c
//! by d, is less than the server's share of the time until d: c < (d − r) Q / T.
//!
//! Source: L. Abeni, G. Buttazzo, *Integrating multimedia applications in hard real-time systems*, RTSS 1998, section 3.
//!
//! The *hard* one has its budget again only at the deadline that it had: R. Rajkumar, K. Juvva, A. Molano, S. Oikawa, *Resource kernels: a
//! resource-centric approach to real-time and multimedia systems*, MMCN 1998, name such reservations so; Linux's SCHED_DEADLINE throttles like this
//! (`Documentation/scheduler/sched-deadline.rst`, section 2).
//!
//! While the server is unwanted and would begin anew, its state stands still, at Q by T from now. The deadline of a soft one that has the core to
//! itself goes ever farther away: it has no least supply but from where it is wanted first, and a search of it ends as `unknown`.

use super::Use;
use crate::coding::Coder;
use crate::system::{Budget, Server};
use crate::units::Nanos;

/// What is left, and until when it is due: in nanoseconds from now, negative once that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bandwidth {
    pub(super) left: Nanos,
    pub(super) due: i128,
}

/// How many periods the deadline may be away where there must be an end of it.
const PERIODS_AWAY: u64 = 4;

fn is_hard(budget: &Budget) -> bool {
    budget.server == Server::HardConstantBandwidth
}

impl Bandwidth {
    pub(super) fn full(budget: &Budget) -> Self {
        Self { left: budget.amount, due: budget.period.0.into() }
    }

    pub(super) fn is_due(&self, budget: &Budget) -> bool {
        self.left == Nanos(0) && (!is_hard(budget) || self.due <= 0)
    }

    pub(super) fn replenish(&mut self, budget: &Budget) {
        *self = Self { left: budget.amount, due: self.due + i128::from(budget.period.0) };
    }

    pub(super) fn next_event(&self, budget: &Budget, used: Use) -> Option<Nanos> {
        match used {
            Use::Charged => Some(self.left),
            Use::Wanted if self.left == Nanos(0) && is_hard(budget) => u64::try_from(self.due).ok().map(Nanos),
            Use::Wanted | Use::None => None,
        }
    }

    pub(super) fn pass(&mut self, budget: &Budget, duration: Nanos, used: Use) {
        if used == Use::Charged {
            self.left.0 = self.left.0.saturating_sub(duration.0);
        }
        self.due -= i128::from(duration.0);
        if used == Use::None && self.begins_anew(budget) {
            *self = Self::full(budget);
        }
    }

    /// Is what is left at least the server's share of the time until it is due?
    fn begins_anew(&self, budget: &Budget) -> bool {
        let Ok(due) = u128::try_from(self.due) else { return true };
        let share = due.checked_mul(budget.amount.0.into());
        share.is_some_and(|share| u128::from(self.left.0) * u128::from(budget.period.0) >= share)
    }

    pub(super) fn code(&mut self, budget: &Budget, coder: &mut impl Coder) {
        self.left = coder.time(self.left, budget.amount);
        let has_passed = coder.flag(self.due < 0);
        let distance = Nanos(u64::try_from(self.due.unsigned_abs()).unwrap_or(u64::MAX));
        let distance = coder.time(distance, Nanos(budget.period.0.saturating_mul(PERIODS_AWAY)));
        self.due = if has_passed { -i128::from(distance.0) } else { i128::from(distance.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(server: Server) -> Budget {
        Budget { amount: Nanos(3), period: Nanos(8), server }
    }

    fn after(budget: &Budget, course: &[(u64, Use)]) -> (u64, i128, bool) {
        let mut bandwidth = Bandwidth::full(budget);
        course.iter().for_each(|(duration, used)| bandwidth.pass(budget, Nanos(*duration), *used));
        (bandwidth.left.0, bandwidth.due, bandwidth.is_due(budget))
    }

    /// c < (d − r) Q / T, to the nanosecond.
    #[test]
    fn a_deadline_is_kept_while_what_is_left_fits_into_it() {
        let soft = budget(Server::ConstantBandwidth);
        // 2 of 3 left, due in 7: 2 · 8 < 7 · 3. A unit later 16 < 18, and then 16 ≥ 15.
        assert_eq!(after(&soft, &[(1, Use::Charged)]), (2, 7, false));
        assert_eq!(after(&soft, &[(1, Use::Charged), (1, Use::None)]), (2, 6, false));
        assert_eq!(after(&soft, &[(1, Use::Charged), (2, Use::None)]), (3, 8, false));
        assert_eq!(after(&soft, &[(1, Use::Charged), (2, Use::Wanted)]), (2, 5, false), "whoever waits keeps it");
    }

    #[test]
    fn a_soft_one_goes_on_with_a_later_deadline_and_a_hard_one_waits() {
        let (soft, hard) = (budget(Server::ConstantBandwidth), budget(Server::HardConstantBandwidth));
        assert_eq!(after(&soft, &[(3, Use::Charged)]), (0, 5, true));
        assert_eq!(after(&hard, &[(3, Use::Charged)]), (0, 5, false));
        assert_eq!(after(&hard, &[(3, Use::Charged), (5, Use::Wanted)]), (0, 0, true));
        assert_eq!(after(&hard, &[(3, Use::Charged), (4, Use::None)]), (0, 1, false), "unwanted, it waits too");
        let mut late = Bandwidth { left: Nanos(0), due: -2 };
        late.replenish(&hard);
        assert_eq!(late, Bandwidth { left: Nanos(3), due: 6 }, "from the deadline that it had");
    }
}
