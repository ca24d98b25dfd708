//! A queue of refills: what a [`sporadic`](super::sporadic) server and [`mcs`](super::mcs) keep. Each refill is an amount and the time from
//! which it may be used; what was used of one comes back as a refill one period after that time.
//!
//! Source: seL4 16.0.0, `src/kernel/sporadic.c` (`refill_budget_check`, `schedule_used`, `refill_unblock_check`) and `include/kernel/sporadic.h`, which
//! follow M. J. Stanovich, T. P. Baker, A.-I. A. Wang, M. González Harbour, *Defects of the POSIX sporadic server and how to correct them*, RTAS
//! 2010. The function that a passage follows is named there.
//!
//! What is consumed is charged when the core is lost (`commitTime`) and when a refill is used up (`chargeBudget`). seL4 then moves the time of a refill that is
//! partly used by what was used of it; that decides nothing, and is not done, so that the time of the first says since when it could have
//! been used.
//!
//! # Invariants
//! - There is at least one refill, and at most as many as the server has.
//! - Together they are the amount of the budget.
//! - They do not overlap: each begins no earlier than the one before it ends, if that were used from its time on.
//! - None begins later than one period from now.

use super::Use;
use crate::coding::Coder;
use crate::system::{Budget, RefillsFrom, Server};
use crate::units::Nanos;

/// An amount, and from when it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refill {
    /// How much.
    pub amount: Nanos,
    /// In nanoseconds from now; negative, if that has passed.
    pub time: i128,
}

impl Refill {
    fn end(self) -> i128 {
        self.time + i128::from(self.amount.0)
    }
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refills {
    queue: Vec<Refill>,
    /// Of the first, by whoever has the core, and not yet charged; none, where nobody has it.
    consumed: Option<Nanos>,
}

/// How long the queue may be, how short a refill, and from when one counts as used.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Is it charged when the core is lost only? Without a limit to the queue that comes to the same as at once.
    at_switches: bool,
    most: usize,
    least: Nanos,
    from: RefillsFrom,
}

fn rules(budget: &Budget) -> Rules {
    match budget.server {
        Server::Mcs { refills, minimum, from } => {
            Rules { at_switches: true, most: usize::from(refills.max(1)), least: minimum, from }
        }
        _ => Rules { at_switches: false, most: usize::MAX, least: Nanos(0), from: RefillsFrom::WakeUp },
    }
}

/// How many periods a refill that could be used is followed, unused.
const PERIODS_WAITED: u64 = 4;

impl Refills {
    pub(super) fn full(budget: &Budget) -> Self {
        Self { queue: vec![Refill { amount: budget.amount, time: 0 }], consumed: None }
    }

    /// The refills, the first to be used first.
    pub fn queue(&self) -> &[Refill] {
        &self.queue
    }

    /// How much may be used from now on, one refill after the other.
    pub fn usable(&self) -> Nanos {
        let usable = self.queue.iter().take_while(|refill| refill.time <= 0);
        Nanos(usable.map(|refill| refill.amount.0).sum::<u64>().saturating_sub(self.consumed().0))
    }

    /// What was consumed of the first, and is not yet charged.
    pub fn consumed(&self) -> Nanos {
        self.consumed.unwrap_or_default()
    }

    /// Of the first alone; whatever may be used behind it is there when that is used up.
    pub(super) fn left(&self) -> Nanos {
        let first = self.queue.first().filter(|first| first.time <= 0);
        first.map_or(Nanos(0), |first| Nanos(first.amount.0.saturating_sub(self.consumed().0)))
    }

    pub(super) fn next_event(&self, budget: &Budget, used: Use) -> Option<Nanos> {
        let until_usable = |queue: &[Refill]| u64::try_from(queue.first()?.time).ok().map(Nanos);
        match used {
            Use::Charged => Some(self.left()),
            Use::None => None,
            Use::Wanted if self.consumed.is_some() => {
                let mut after = self.clone();
                after.commit(budget, rules(budget));
                until_usable(&after.queue)
            }
            Use::Wanted => until_usable(&self.queue),
        }
    }

    pub(super) fn pass(&mut self, budget: &Budget, duration: Nanos, used: Use) {
        let rules = rules(budget);
        if used != Use::Charged {
            self.commit(budget, rules);
        } else {
            if self.consumed.is_none() && rules.from == RefillsFrom::Dispatch {
                self.begin_now();
            }
            self.consumed = Some(Nanos(self.consumed().0 + duration.0));
            if self.left() == Nanos(0) || !rules.at_switches {
                self.commit(budget, rules);
                self.consumed = rules.at_switches.then_some(Nanos(0));
            }
        }
        self.queue.iter_mut().for_each(|refill| refill.time -= i128::from(duration.0));
        if used == Use::None {
            // As whoever wakes up now finds it; and as whoever gets the core later would.
            self.begin_now();
        }
    }

    /// The core is lost, or a refill used up.
    fn commit(&mut self, budget: &Budget, rules: Rules) {
        if let Some(usage) = self.consumed.take() {
            self.charge(budget, rules, usage);
        }
    }

    /// `refill_unblock_check`: a first refill that may be used counts from now on, with all that would then follow it without a gap.
    fn begin_now(&mut self) {
        if self.queue.first().is_none_or(|first| first.time > 0) {
            return;
        }
        self.queue[0].time = 0;
        while self.queue.len() > 1 && self.queue[1].time <= self.queue[0].end() {
            let next = self.queue.remove(1);
            self.queue[0].amount.0 += next.amount.0;
        }
    }

    /// `refill_budget_check`: so much of the first is used.
    fn charge(&mut self, budget: &Budget, rules: Rules, usage: Nanos) {
        let Some(first) = self.queue.first().copied() else { return };
        let back = first.time + i128::from(budget.period.0);
        if usage >= first.amount {
            self.queue.remove(0);
            self.schedule(rules, Refill { amount: first.amount, time: back });
        } else if usage > Nanos(0) {
            self.queue[0].amount.0 -= usage.0;
            self.schedule(rules, Refill { amount: usage, time: back });
        }
        self.put_off(rules);
    }

    /// `schedule_used`.
    fn schedule(&mut self, rules: Rules, new: Refill) {
        let full = self.queue.len() >= rules.most;
        match self.queue.last_mut() {
            Some(last) if last.end() >= new.time => last.amount.0 += new.amount.0,
            Some(last) if full => {
                last.time = new.time - i128::from(last.amount.0);
                last.amount.0 += new.amount.0;
            }
            _ => self.queue.push(new),
        }
    }

    /// `merge_nonoverlapping_head_refill`, while the first is less than the least that can be used: it is put off to the next.
    fn put_off(&mut self, rules: Rules) {
        while self.queue.len() > 1 && self.queue[0].amount < rules.least {
            let first = self.queue.remove(0);
            self.queue[0].amount.0 += first.amount.0;
            self.queue[0].time -= i128::from(first.amount.0);
        }
    }

    pub(super) fn code(&mut self, budget: &Budget, coder: &mut impl Coder) {
        let (rules, ticks) = (rules(budget), budget.amount.0 / coder.tick().0.max(1));
        let most = rules.most.min(usize::try_from(ticks).unwrap_or(usize::MAX)).min(usize::from(u8::MAX));
        let waited = Nanos(budget.period.0.saturating_mul(PERIODS_WAITED));
        let known = std::mem::take(&mut self.queue);
        coder.lose_if(known.len() > most);
        let count = coder.number(known.len() as u64, most as u64) as usize;
        for place in 0..most {
            let refill = known.get(place).copied().unwrap_or(Refill { amount: Nanos(0), time: 0 });
            let amount = coder.time(refill.amount, budget.amount);
            let has_passed = coder.flag(refill.time < 0);
            let distance = Nanos(u64::try_from(refill.time.unsigned_abs()).unwrap_or(u64::MAX));
            let distance = coder.time(distance, waited);
            let time = if has_passed { -i128::from(distance.0) } else { i128::from(distance.0) };
            if place < count {
                self.queue.push(Refill { amount, time });
            }
        }
        self.consumed = coder.maybe_time(self.consumed, budget.amount);
    }
}
