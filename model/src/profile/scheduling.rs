//! Axis *scheduling*: which classes of policies the kernel offers.
//!
//! A set of classes; a larger set claims nothing. Where a scenario asks for one that is not offered, the kernel is given the nearest that is, as a port to it would be.
//! What is asked for is read off the scenario: a scheduling context has a fixed *priority*; it may be ordered within that by *deadline* or by *laxity*; a major frame is a
//! *table*. The rules, in this order:
//! - *laxity* becomes *deadline*: no regular system offers the first, and both are optimal on one core (Dertouzos, Mok 1989).
//! - *deadline* becomes a fixed priority: among those of one priority, the shorter the relative deadline the higher, which is the best order that there is where deadlines are within
//!   periods and all may arrive together (J. Leung, J. Whitehead, *On the complexity of fixed-priority scheduling of periodic, real-time tasks*, Performance Evaluation 2, 1982). Whoever has no deadline is
//!   below those that have; a server that has one of its own has its period.
//! - a *table* becomes the priorities alone: windows are not kept, as where *time isolation* keeps none.
//! - a *priority* becomes a nice value, on a kernel with a fair class alone. A nice value is a wish, and a fair class promises nobody a bound; no search explores one
//!   ([`crate::sched::regular`] simulates some). The order is kept as if it were strict, so what is refuted there is refuted for a kinder kernel, and what is *proved* in time
//!   is proved of the rule.
//!
//! Budgets are no class here: whether they are kept says the axis [*time isolation*](super::time_isolation).
//!
//! Sources: `sched(7)` and `Documentation/scheduler/sched-deadline.rst` (Linux); Microsoft Learn, *Scheduling Priorities*; xnu `osfmk/kern/sched_rt.h` (a queue of
//! realtime threads by deadline) and `doc/sched_clutch_edge.md`; `rtprio(1)` (FreeBSD); `sched(3)` (NetBSD); `setpriority(2)` and `lib/librthread/rthread_sched.c` (OpenBSD: what
//! `pthread_setschedparam` is given is kept and not used); the seL4 reference manual, *Scheduling Contexts*, *Domains*; ARINC 653 (tables).

use serde::{Serialize, Serializer};

use crate::system::{Order, SchedulingContext, SchedulingContextId, System};
use crate::units::Nanos;

/// A class of scheduling policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A share of the core for everybody.
    Fair,
    /// By a priority that does not move.
    FixedPriority,
    /// Within a priority, by the absolute deadline.
    EarliestDeadline,
    /// Within a priority, by the laxity.
    LeastLaxity,
    /// By a table of windows.
    StaticTable,
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheduling {
    /// Every class.
    Every,
    /// These, by a name for all.
    Only(&'static str, &'static [Class]),
}

/// What a kernel makes of what a scenario asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The scheduling contexts, with priorities that may be others.
    pub scheduling_contexts: Vec<SchedulingContext>,
    /// The ceilings of the locks, in the same priorities.
    pub ceilings: Vec<Option<u32>>,
    /// What was asked for and not given, in words.
    pub instead: Vec<&'static str>,
}

impl Scheduling {
    /// Fair share and fixed priorities, and deadlines.
    pub const FAIR_PRIORITIES_DEADLINES: Self =
        Self::Only("fair, priorities, deadlines", &[Class::Fair, Class::FixedPriority, Class::EarliestDeadline]);
    /// Fair share and fixed priorities.
    pub const FAIR_PRIORITIES: Self = Self::Only("fair, priorities", &[Class::Fair, Class::FixedPriority]);
    /// Fixed priorities alone.
    pub const PRIORITIES: Self = Self::Only("priorities", &[Class::FixedPriority]);
    /// Fixed priorities, and tables.
    pub const PRIORITIES_TABLES: Self = Self::Only("priorities, tables", &[Class::FixedPriority, Class::StaticTable]);
    /// Fair share alone.
    pub const FAIR: Self = Self::Only("fair", &[Class::Fair]);

    /// All that kernels here offer.
    pub const ALL: [Self; 6] = [
        Self::FAIR,
        Self::FAIR_PRIORITIES,
        Self::FAIR_PRIORITIES_DEADLINES,
        Self::PRIORITIES,
        Self::PRIORITIES_TABLES,
        Self::Every,
    ];

    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Every => "every class",
            Self::Only(name, _) => name,
        }
    }

    /// Is the class offered?
    pub fn offers(self, class: Class) -> bool {
        match self {
            Self::Every => true,
            Self::Only(_, classes) => classes.contains(&class),
        }
    }

    /// What the kernel makes of what a system asks for.
    pub fn given(self, system: &System) -> Given {
        let mut given = Given {
            scheduling_contexts: system.scheduling_contexts.clone(),
            ceilings: system.locks.iter().map(|lock| lock.ceiling).collect(),
            instead: Vec::new(),
        };
        let asks = |given: &Given, asks: fn(Order) -> bool| given.scheduling_contexts.iter().any(|by| asks(by.order));
        let by_laxity = |order: Order| matches!(order, Order::Laxity { .. });
        if !self.offers(Class::LeastLaxity) && asks(&given, by_laxity) {
            given.instead.push("deadlines for laxities");
            let all = given.scheduling_contexts.iter_mut().filter(|by| by_laxity(by.order));
            all.for_each(|by| by.order = Order::Deadline);
        }
        if !self.offers(Class::EarliestDeadline) && asks(&given, |order| order == Order::Deadline) {
            given.instead.push("fixed priorities, the shorter the deadline the higher, for deadlines");
            given.by_relative_deadline(system);
        }
        if !self.offers(Class::FixedPriority) && !given.scheduling_contexts.is_empty() {
            given.instead.push("nice values for priorities, taken to be as strict, which they are not");
        }
        if !self.offers(Class::StaticTable) && system.major_frame.is_some() {
            given.instead.push("priorities alone, for a table");
        }
        given
    }
}

impl Given {
    /// Each priority becomes one more than there are scheduling contexts; those that were ordered by deadline get one of them each.
    fn by_relative_deadline(&mut self, system: &System) {
        let all = &self.scheduling_contexts;
        let thresholds = all.iter().filter_map(|by| by.threshold);
        let mut levels: Vec<u32> =
            all.iter().map(|by| by.priority).chain(thresholds).chain(self.ceilings.iter().flatten().copied()).collect();
        levels.sort_unstable();
        levels.dedup();
        let places = all.len() as u32 + 1; // of at most 250, on at most three levels for each and each lock
        let lowest = |level: u32| levels.binary_search(&level).unwrap_or_else(|at| at) as u32 * places;
        let deadlines: Vec<Option<Nanos>> =
            (0..=u8::MAX).zip(all).map(|(id, by)| relative_deadline(system, SchedulingContextId(id), by)).collect();
        let rank = |index: usize| {
            let own = &self.scheduling_contexts[index];
            let others = self.scheduling_contexts.iter().zip(&deadlines);
            let mut longer: Vec<Nanos> = others
                .filter(|(by, _)| by.priority == own.priority && by.order == Order::Deadline)
                .filter_map(|(_, deadline)| *deadline)
                .filter(|deadline| deadlines[index].is_some_and(|own| *deadline > own))
                .collect();
            longer.sort_unstable();
            longer.dedup();
            // Without a deadline it is below all that have one.
            longer.len() as u32 + u32::from(deadlines[index].is_some())
        };
        let fresh: Vec<SchedulingContext> = (0..self.scheduling_contexts.len())
            .map(|index| {
                let own = &self.scheduling_contexts[index];
                let rank = if own.order == Order::Deadline { rank(index) } else { 0 };
                SchedulingContext {
                    priority: lowest(own.priority) + rank,
                    order: Order::Readiness,
                    // Nobody of that level goes before it.
                    threshold: own.threshold.map(|threshold| lowest(threshold) + places - 1),
                    ..own.clone()
                }
            })
            .collect();
        let ceilings =
            self.ceilings.iter().map(|ceiling| ceiling.map(|ceiling| lowest(ceiling) + places - 1)).collect();
        (self.scheduling_contexts, self.ceilings) = (fresh, ceilings);
    }
}

/// The relative deadline of what is scheduled by that: the shortest of its tasks', or its own server's period.
fn relative_deadline(system: &System, id: SchedulingContextId, by: &SchedulingContext) -> Option<Nanos> {
    let contexts = system.processes.iter().flat_map(|process| &process.contexts);
    let tasks = contexts.filter(|context| context.schedule == Some(id)).filter_map(|context| context.task);
    let server = by.budget.filter(|budget| budget.server.has_a_deadline()).map(|budget| budget.period);
    server.or_else(|| tasks.map(|task| task.deadline).min())
}

impl Serialize for Scheduling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
