//! The sporadic server: what is unused is kept, and what is used comes back one period after it could be used first; so whoever is less urgent is
//! delayed by it no more than by a periodic task of that amount and period.
//!
//! Sources: B. Sprunt, L. Sha, J. Lehoczky, *Aperiodic task scheduling for hard-real-time systems*, Real-Time Systems 1, 1989; POSIX.1-2017,
//! `SCHED_SPORADIC`; M. J. Stanovich, T. P. Baker, A.-I. A. Wang, M. González Harbour, *Defects of the POSIX sporadic server and how to correct
//! them*, RTAS 2010.
//!
//! POSIX posts one replenishment for all that was used since the server was activated, whatever came back in between: then what has just come back
//! comes back again a period after a time at which it was not there (*premature replenishment*), and a limited number of replenishments adds what has no place to
//! what comes back sooner (*amplification*). Here each amount keeps the time from which it may be used, in a queue without limit
//! ([`refills`](super::refills)), and what is used of it comes back a period after that time; so in any interval of one period at most the amount is
//! used of what could be used in it.
//!
//! A server that has used up its budget waits, and does not go on in the background. Time is exact, so nothing is overrun.

#[cfg(test)]
mod tests {
    use super::super::{Account, Use};
    use crate::system::{Budget, Server};
    use crate::units::Nanos;

    pub(super) const BUDGET: Budget = Budget { amount: Nanos(4), period: Nanos(10), server: Server::Sporadic };

    fn queue(account: &Account) -> Vec<(u64, i128)> {
        account.refills().unwrap().queue().iter().map(|refill| (refill.amount.0, refill.time)).collect()
    }

    fn pass(account: &mut Account, course: &[(u64, Use)]) {
        course.iter().for_each(|(duration, used)| account.pass(&BUDGET, Nanos(*duration), *used));
    }

    #[test]
    fn what_is_used_comes_back_a_period_after_it_could_be() {
        let mut account = Account::full(&BUDGET);
        // Wanted at 3, the core at 5: two parts of the same refill come back together, at 3 + 10, though it was preempted in between.
        pass(&mut account, &[(3, Use::None), (2, Use::Wanted), (1, Use::Charged), (1, Use::Wanted), (1, Use::Charged)]);
        assert_eq!(queue(&account), [(2, -5), (2, 5)], "it is 8, and could be used since 3");
        // Nobody wants it until 11: the rest may be used from then.
        pass(&mut account, &[(3, Use::None)]);
        assert_eq!(queue(&account), [(4, 0)], "and what comes back at 13 follows it without a gap");
        pass(&mut account, &[(4, Use::Charged)]);
        assert_eq!(queue(&account), [(4, 6)]);
        assert_eq!((account.left(), account.next_event(&BUDGET, Use::Wanted)), (Nanos(0), Some(Nanos(6))));
    }

    /// POSIX would post 4 for 0 + 10: of them 3 that were not there before 6.
    #[test]
    fn nothing_comes_back_too_soon() {
        let mut account = Account::full(&BUDGET);
        pass(&mut account, &[(3, Use::Charged), (3, Use::None)]);
        assert_eq!(queue(&account), [(1, 0), (3, 4)]);
        pass(&mut account, &[(1, Use::Charged), (3, Use::Wanted)]);
        assert_eq!(queue(&account), [(3, 0), (1, 6)]);
        pass(&mut account, &[(3, Use::Charged)]);
        assert_eq!(queue(&account), [(1, 3), (3, 7)], "at 13: 1 from 6 comes back at 16, 3 from 10 at 20");
    }
}
