//! Servers in absolute time, a nanosecond at a time, each written from its source and in another way than the model's: what that is compared with.

use lacuna_model::system::{Budget, RefillsFrom, Server};

/// What is left of a budget, and by when.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    amount: u64,
    period: u64,
    was_wanted: bool,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Deferrable {
        left: u64,
    },
    Polling {
        left: u64,
    },
    /// Each nanosecond of the amount, and from when it may be used, in that order.
    Sporadic {
        from: Vec<u64>,
    },
    Bandwidth {
        left: u64,
        due: u64,
        hard: bool,
    },
    Mcs(Mcs),
}

impl Reference {
    pub(crate) fn new(budget: &Budget) -> Self {
        let (amount, period) = (budget.amount.0, budget.period.0);
        let kind = match budget.server {
            Server::Deferrable => Kind::Deferrable { left: 0 },
            Server::Polling => Kind::Polling { left: 0 },
            Server::Sporadic => Kind::Sporadic { from: vec![0; amount as usize] },
            Server::ConstantBandwidth => Kind::Bandwidth { left: amount, due: period, hard: false },
            Server::HardConstantBandwidth => Kind::Bandwidth { left: amount, due: period, hard: true },
            Server::Mcs { refills, minimum, from } => Kind::Mcs(Mcs {
                queue: vec![(amount, 0)],
                most: refills.into(),
                least: minimum.0,
                from,
                period,
                running: false,
                consumed: 0,
            }),
        };
        Self { amount, period, was_wanted: false, kind }
    }

    /// It is `now`, and until a nanosecond later somebody wants it, or nobody does.
    pub(crate) fn begin(&mut self, now: u64, wanted: bool) {
        let wakes = wanted && !self.was_wanted;
        self.was_wanted = wanted;
        match &mut self.kind {
            Kind::Deferrable { left } if now.is_multiple_of(self.period) => *left = self.amount,
            Kind::Polling { left } => {
                if now.is_multiple_of(self.period) {
                    *left = self.amount;
                }
                if !wanted {
                    *left = 0;
                }
            }
            Kind::Sporadic { from } if wakes => {
                // What may be used from now, and what follows without a gap.
                for (before, from) in (0..).zip(from) {
                    if *from > now + before {
                        break;
                    }
                    *from = now;
                }
            }
            Kind::Bandwidth { left, due, hard } => {
                if *left == 0 && (!*hard || now >= *due) {
                    (*left, *due) = (self.amount, *due + self.period);
                }
                if wakes && (*due <= now || *left * self.period >= (*due - now) * self.amount) {
                    (*left, *due) = (self.amount, now + self.period);
                }
            }
            Kind::Mcs(mcs) if wakes && mcs.from == RefillsFrom::WakeUp => mcs.unblock_check(now),
            _ => {}
        }
    }

    pub(crate) fn left(&self, now: u64) -> u64 {
        match &self.kind {
            Kind::Deferrable { left } | Kind::Polling { left } | Kind::Bandwidth { left, .. } => *left,
            Kind::Sporadic { from } => from.iter().filter(|from| **from <= now).count() as u64,
            Kind::Mcs(mcs) if mcs.queue[0].1 <= now => mcs.queue[0].0 - mcs.consumed,
            Kind::Mcs(_) => 0,
        }
    }

    pub(crate) fn due(&self) -> Option<u64> {
        match self.kind {
            Kind::Bandwidth { due, .. } => Some(due),
            _ => None,
        }
    }

    /// A nanosecond passes in which somebody is charged to it, or nobody is.
    pub(crate) fn pass(&mut self, now: u64, charged: bool) {
        if let Kind::Mcs(mcs) = &mut self.kind {
            return mcs.pass(now, charged);
        }
        if !charged {
            return;
        }
        match &mut self.kind {
            Kind::Deferrable { left } | Kind::Polling { left } | Kind::Bandwidth { left, .. } => *left -= 1,
            Kind::Sporadic { from } => {
                let back = from.remove(0) + self.period;
                from.insert(from.partition_point(|other| *other <= back), back);
            }
            Kind::Mcs(_) => {}
        }
    }
}

/// seL4's functions, by their names: what was consumed is charged where the kernel commits it, and times are those of the kernel.
#[derive(Debug, Clone)]
struct Mcs {
    /// Amounts and times.
    queue: Vec<(u64, u64)>,
    most: usize,
    least: u64,
    from: RefillsFrom,
    period: u64,
    running: bool,
    consumed: u64,
}

impl Mcs {
    fn pass(&mut self, now: u64, charged: bool) {
        if charged && !self.running && self.from == RefillsFrom::Dispatch {
            self.unblock_check(now);
        }
        if !charged && self.running && self.consumed > 0 {
            self.budget_check();
        }
        self.running = charged;
        if charged {
            self.consumed += 1;
            if self.consumed == self.queue[0].0 {
                self.budget_check();
            }
        }
    }

    fn unblock_check(&mut self, now: u64) {
        if self.queue[0].1 > now {
            return;
        }
        self.queue[0].1 = now;
        while self.queue.len() > 1 && self.queue[1].1 <= self.queue[0].1 + self.queue[0].0 {
            let (amount, time) = self.queue.remove(0);
            self.queue[0] = (self.queue[0].0 + amount, time);
        }
    }

    fn schedule_used(&mut self, (amount, time): (u64, u64)) {
        let full = self.queue.len() == self.most;
        let tail = self.queue.last_mut().unwrap();
        if tail.1 + tail.0 >= time {
            tail.0 += amount;
        } else if !full {
            self.queue.push((amount, time));
        } else {
            *tail = (tail.0 + amount, time - tail.0);
        }
    }

    fn budget_check(&mut self) {
        let sum: u64 = self.queue.iter().map(|refill| refill.0).sum();
        let mut usage = std::mem::take(&mut self.consumed);
        while self.queue[0].0 <= usage {
            let (amount, time) = self.queue[0];
            if self.queue.len() == 1 {
                self.queue[0].1 = time + self.period;
            } else {
                self.queue.remove(0);
                self.schedule_used((amount, time + self.period));
            }
            usage -= amount;
        }
        if usage > 0 {
            let (amount, time) = self.queue[0];
            self.queue[0] = (amount - usage, time + usage);
            self.schedule_used((usage, time + self.period));
        }
        while self.queue[0].0 < self.least {
            let (amount, _) = self.queue.remove(0);
            self.queue[0] = (self.queue[0].0 + amount, self.queue[0].1 - amount);
        }
        assert_eq!(self.queue.iter().map(|refill| refill.0).sum::<u64>(), sum);
        assert!(self.queue.windows(2).all(|pair| pair[0].1 + pair[0].0 <= pair[1].1), "they overlap: {:?}", self.queue);
    }
}
