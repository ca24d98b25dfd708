//! Linux's realtime class, `SCHED_FIFO` and `SCHED_RR`, and the limit on all of it together.
//!
//! Sources: `sched(7)`, *SCHED_FIFO*, *SCHED_RR*, *Limiting the CPU usage of real-time and deadline processes*; `Documentation/scheduler/sched-rt-group.rst`; `kernel/sched/rt.c` of Linux
//! 6.11, whose functions are named where their rule is.
//!
//! - The highest priority goes first, 1 to 99; within one, whoever queued first. A preempted context keeps its place.
//! - Under *round robin* a context that has seen all ticks of its timeslice goes behind those of its priority, if there are any, and has a new one (`task_tick_rt`). What is left
//!   of a timeslice is kept while others run and while it sleeps.
//! - All of the class together have so much of each period (`sched_rt_runtime_us` of `sched_rt_period_us`). At a tick, and when one of them leaves the core, at which they have had more, none of them
//!   may run (`sched_rt_runtime_exceeded`) until the end of a period at which they have had less than that again: one period's part is taken off at each
//!   (`do_sched_rt_period_timer`). What the others do not want of the rest stays idle.
//!
//! **Simplified.** Periods are counted from the start; the kernel's timer sleeps while there is nothing to do. No groups of realtime tasks. From Linux 6.12 on a server of the fair class
//! has taken the place of this limit.

use super::super::queue::Queue;
use crate::objects::ContextSlot;
use crate::units::Nanos;

/// Who of one priority goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// `SCHED_FIFO`.
    Fifo,
    /// `SCHED_RR`.
    RoundRobin,
}

/// What the class has of the core, and in what timeslices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of each period; as much as that, or more, is no limit.
    pub runtime: Nanos,
    /// How long one is, above 0.
    pub period: Nanos,
    /// How many ticks a timeslice of round robin has, above 0.
    pub ticks: u32,
}

/// A ready context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Entity {
    priority: u8,
    turn: Turn,
}

/// Those of the class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Realtime {
    ready: Queue<Entity>,
    /// How many ticks each context that has used some has left, by its number; no longer than the last that has.
    ticks: Vec<Option<u32>>,
    /// Had, and not yet taken off.
    had: Nanos,
    until_period: Nanos,
    is_throttled: bool,
}

impl Realtime {
    /// At the start.
    pub fn new(limit: Limit) -> Self {
        let (ready, ticks) = (Queue::default(), Vec::new());
        Self { ready, ticks, had: Nanos(0), until_period: limit.period, is_throttled: false }
    }

    /// Has the class had its part?
    pub fn is_throttled(&self) -> bool {
        self.is_throttled
    }

    /// Is the context one of those that are ready?
    pub fn holds(&self, context: ContextSlot) -> bool {
        self.ready.get(context).is_some()
    }

    /// The priority of one that is ready.
    pub fn priority(&self, context: ContextSlot) -> Option<u8> {
        self.ready.get(context).map(|entity| entity.priority)
    }

    /// Who should have the core: nobody, or a tie, if there are several.
    pub fn pick(&self) -> Vec<ContextSlot> {
        if self.is_throttled {
            return Vec::new();
        }
        self.ready.wanted(|entry| Some(entry.of.priority))
    }

    /// A context becomes ready.
    pub fn enqueue(&mut self, context: ContextSlot, priority: u8, turn: Turn) {
        self.ready.join(context, Entity { priority, turn });
    }

    /// A context is ready no more.
    pub fn dequeue(&mut self, context: ContextSlot) {
        self.ready.remove(context);
    }

    /// A context is no more: whoever has its number next is another.
    pub fn forget(&mut self, context: ContextSlot) {
        if let Some(ticks) = self.ticks.get_mut(usize::from(context)) {
            *ticks = None;
        }
        while self.ticks.last().is_some_and(Option::is_none) {
            self.ticks.pop();
        }
    }

    /// A context gets the core.
    pub fn choose(&mut self, context: ContextSlot) {
        self.ready.choose(context);
    }

    /// One of them is about to leave the core, or there is a tick: have they had more than their part?
    pub fn check(&mut self, limit: Limit) {
        self.is_throttled |= limit.runtime < limit.period && self.had > limit.runtime;
    }

    /// A tick, while the context has the core.
    pub fn tick(&mut self, context: ContextSlot, limit: Limit) {
        self.check(limit);
        let Some(entity) = self.ready.get(context).filter(|entity| entity.turn == Turn::RoundRobin) else { return };
        let priority = entity.priority;
        let at = usize::from(context);
        if self.ticks.len() <= at {
            self.ticks.resize(at + 1, None);
        }
        let left = self.ticks[at].unwrap_or(limit.ticks).saturating_sub(1);
        if left > 0 {
            self.ticks[at] = Some(left);
            return;
        }
        self.forget(context);
        let others = self.ready.iter().filter(|entry| entry.context != context && entry.of.priority == priority);
        if others.count() > 0
            && let Some(entity) = self.ready.remove(context)
        {
            self.ready.append(context, entity);
        }
    }

    /// After how long the end of a period matters; never zero.
    pub fn next_event(&self, running: Option<ContextSlot>) -> Option<Nanos> {
        let runs = running.is_some_and(|running| self.holds(running));
        (runs || self.had > Nanos(0)).then_some(self.until_period)
    }

    /// Time passes, at most until the next event.
    pub fn pass(&mut self, duration: Nanos, running: Option<ContextSlot>, limit: Limit) {
        self.ready.pass();
        if running.is_some_and(|running| self.holds(running)) {
            self.had.0 = self.had.0.saturating_add(duration.0);
        }
        let Some(beyond) = duration.0.checked_sub(self.until_period.0) else {
            self.until_period.0 -= duration.0;
            return;
        };
        // More than one only while nothing was had.
        self.until_period = Nanos(limit.period.0 - beyond % limit.period.0.max(1));
        self.had.0 = self.had.0.saturating_sub(limit.runtime.0);
        self.is_throttled &= self.had >= limit.runtime;
    }
}
