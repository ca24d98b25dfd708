//! Scheduling contexts of seL4 MCS: a queue of [`refills`](super::refills) of bounded length, a least amount that can be used, and two ways of saying from when a refill
//! counts as used.
//!
//! Sources: seL4 16.0.0, `src/kernel/sporadic.c`, `include/kernel/sporadic.h` (`MIN_BUDGET`), `include/object/structures.h` (`MIN_REFILLS`),
//! `src/kernel/thread.c` (`switchSchedContext`, `chargeBudget`); A. Lyons, K. McLeod, H. Almatary, G. Heiser, *Scheduling-context capabilities*,
//! EuroSys 2018.
//!
//! - **Full.** What is used while the queue is full joins the last refill, which is put off so that it ends when the new one would.
//! - **Least amount.** A first refill that is shorter when the core is lost, or becomes the first being shorter, is put off to the next.
//! - **From when.** A *sporadic* scheduling context's first refill counts from when a thread wakes up (`refill_unblock_check` where it becomes
//!   runnable); a *constant-bandwidth* one's, the default, from when it gets the core (`switchSchedContext`), and so anew after each preemption: what
//!   is more urgent then also delays what comes back.
//!
//! **Simplified.** seL4 looks at the least amount at every entry to the kernel; here only where the core is lost, for what a system call of one's own costs is not
//! modelled. A thread that has used up a refill and may use the next one at once goes to the end of its priority in seL4; here it keeps the
//! core. A budget that is its whole period is round robin in seL4; here it is a server like the others.

#[cfg(test)]
mod tests {
    use super::super::{Account, Use};
    use crate::system::{Budget, RefillsFrom, Server};
    use crate::units::Nanos;

    /// The core is lost at that instant.
    const LOST: (u64, Use) = (0, Use::Wanted);

    fn budget(amount: u64, minimum: u64, from: RefillsFrom) -> Budget {
        let server = Server::Mcs { refills: 2, minimum: Nanos(minimum), from };
        Budget { amount: Nanos(amount), period: Nanos(100), server }
    }

    fn queue(budget: &Budget, course: &[(u64, Use)]) -> Vec<(u64, i128)> {
        let mut account = Account::full(budget);
        course.iter().for_each(|(duration, used)| account.pass(budget, Nanos(*duration), *used));
        account.refills().unwrap().queue().iter().map(|refill| (refill.amount.0, refill.time)).collect()
    }

    /// `schedule_used`, its last branch.
    #[test]
    fn a_full_queue_puts_the_last_off() {
        let budget = budget(10, 0, RefillsFrom::WakeUp);
        // 5 from 0, back at 100; at 50 what is left counts from then, and 1 of it would be back at 150: there is no third place.
        let course = [(5, Use::Charged), (45, Use::None), (1, Use::Charged), LOST];
        assert_eq!(
            queue(&budget, &course),
            [(4, -1), (6, 145 - 51)],
            "5 of them put off from 100 to 145, for they end at 150"
        );
    }

    /// `head_refill_insufficient`, where `commitTime` charges a thread that loses the core.
    #[test]
    fn what_is_too_little_is_put_off() {
        let budget = budget(10, 3, RefillsFrom::WakeUp);
        let put_off = [(10, 90 - 1)];
        assert_eq!(
            queue(&budget, &[(8, Use::Charged), (1, Use::Wanted)]),
            put_off,
            "2 before 100 − 8 − 1, and 8 after"
        );
        assert_eq!(queue(&budget, &[(7, Use::Charged), (1, Use::Wanted)]), [(3, -8), (7, 92)]);
        let mut account = Account::full(&budget);
        account.pass(&budget, Nanos(8), Use::Charged);
        assert_eq!(account.left(), Nanos(2), "who has the core may use it up");
        assert_eq!(account.next_event(&budget, Use::Wanted), Some(Nanos(90)), "it is known before time passes");
    }

    /// `switchSchedContext`.
    #[test]
    fn from_when_a_refill_counts() {
        // Wanted at 3, the core at 5 for 2, lost for 4, and had again at 11.
        let course = [(3, Use::None), (2, Use::Wanted), (2, Use::Charged), (4, Use::Wanted), (1, Use::Charged), LOST];
        assert_eq!(queue(&budget(10, 0, RefillsFrom::WakeUp), &course), [(7, 3 - 12), (3, 103 - 12)]);
        // 2 from 5, then 1 from 11: in the second of two places, put off to end as if 1 came at 111.
        assert_eq!(queue(&budget(10, 0, RefillsFrom::Dispatch), &course), [(7, 11 - 12), (3, 109 - 12)]);
    }
}
