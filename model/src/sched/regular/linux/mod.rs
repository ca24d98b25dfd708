//! Linux 6.11 on one core: the [realtime](realtime) class before the [fair](fair) one.
//!
//! Sources: `sched(7)`, *Scheduling policies*; `kernel/sched/core.c`, `rt.c` and `fair.c`, as the two files say; `kernel/Kconfig.hz` (250 ticks a second, unless configured otherwise).
//! `SCHED_DEADLINE` is not here: a constant-bandwidth server that waits for its deadline, which is
//! [`HardConstantBandwidth`](crate::system::Server::HardConstantBandwidth).
//!
//! **Simultaneous events.** A period of the limit on the realtime class that ends at a tick has ended before it. A tick is over before the step that is complete at
//! its instant, and before whatever becomes ready then: who is sent behind others by the tick is behind those that were there, and before those. Who should have the
//! core is asked when all that time brings has happened, and then once.
//!
//! **Simplified.** One core. A lock raises nobody (`FUTEX_LOCK_PI` is the program's choice), budgets (`cpu.max`) and windows are not kept. Ticks come at the multiples of their distance from
//! the start, and what they and a switch cost is nothing here. Whoever has no scheduling context is in the fair class with nice value 0.
//!
//! # Invariants
//! - The state is relative.

pub mod fair;
pub mod realtime;

use super::super::{JobEvent, Sched, SchedStep};
use crate::objects::ContextSlot;
use crate::system::SchedulingContextId;
use crate::units::Nanos;

use self::fair::{Fair, Slices};
use self::realtime::{Limit, Realtime, Turn};

/// What a context is scheduled as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `SCHED_FIFO` or `SCHED_RR`.
    Realtime {
        /// 1 to 99; larger is more urgent.
        priority: u8,
        /// Which of the two.
        turn: Turn,
    },
    /// `SCHED_OTHER`.
    Fair {
        /// −20 to 19; less is more.
        nice: i8,
    },
}

/// The kernel's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two ticks; above 0.
    pub tick: Nanos,
    /// Of the fair class (`base_slice_ns`); above 0.
    pub slice: Nanos,
    /// Of round robin, in ticks (`sched_rr_timeslice_ms`); above 0.
    pub timeslice_ticks: u32,
    /// `sched_rt_runtime_us`.
    pub realtime_runtime: Nanos,
    /// `sched_rt_period_us`; above 0.
    pub realtime_period: Nanos,
}

impl Settings {
    /// Those of a kernel on one core that nobody has changed: a tick of 4 ms, slices of 750 µs, timeslices of 100 ms, and 950 ms of each second.
    pub const DEFAULT: Self = Self {
        tick: Nanos(4_000_000),
        slice: Nanos(750_000),
        timeslice_ticks: 25,
        realtime_runtime: Nanos(950_000_000),
        realtime_period: Nanos(1_000_000_000),
    };

    fn slices(self) -> Slices {
        Slices { slice: self.slice, tick: self.tick }
    }

    fn limit(self) -> Limit {
        Limit { runtime: self.realtime_runtime, period: self.realtime_period, ticks: self.timeslice_ticks }
    }
}

/// The policy.
#[derive(Debug, Clone)]
pub struct Linux {
    classes: Vec<Class>,
    settings: Settings,
}

/// The state of [`Linux`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinuxState {
    realtime: Realtime,
    fair: Fair,
    running: Option<ContextSlot>,
    until_tick: Nanos,
    /// Is it to be asked who of the fair class should have the core now?
    is_asked: bool,
}

impl LinuxState {
    /// The fair class.
    pub fn fair(&self) -> &Fair {
        &self.fair
    }

    /// The realtime class.
    pub fn realtime(&self) -> &Realtime {
        &self.realtime
    }
}

impl Linux {
    /// With a class for each scheduling context, by its number.
    pub fn new(classes: Vec<Class>, settings: Settings) -> Self {
        Self { classes, settings }
    }

    fn class(&self, by: Option<SchedulingContextId>) -> Class {
        let class = by.and_then(|by| self.classes.get(by.index()));
        class.copied().unwrap_or(Class::Fair { nice: 0 })
    }

    /// What the core should do: nothing new, or go to one of these, or to nobody.
    fn pick(&self, state: &LinuxState) -> Option<Vec<ContextSlot>> {
        let realtime = state.realtime.pick();
        let has_core = |context: &ContextSlot| state.running == Some(*context);
        if !realtime.is_empty() {
            return (!realtime.iter().any(has_core)).then_some(realtime);
        }
        let runs_fair = state.running.is_some_and(|running| state.fair.holds(running));
        if runs_fair && !state.is_asked {
            return None;
        }
        let fair = state.fair.pick();
        let nothing_new = fair.iter().any(has_core) || (fair.is_empty() && state.running.is_none());
        (!nothing_new).then_some(fair)
    }
}

impl Sched for Linux {
    type State = LinuxState;

    fn initial(&self) -> LinuxState {
        LinuxState {
            realtime: Realtime::new(self.settings.limit()),
            fair: Fair::default(),
            running: None,
            until_tick: self.settings.tick,
            is_asked: false,
        }
    }

    fn ready(&self, state: &mut LinuxState, context: ContextSlot, by: Option<SchedulingContextId>) {
        match self.class(by) {
            Class::Realtime { priority, turn } => {
                let running = state.running.and_then(|running| state.realtime.priority(running));
                if running.is_some_and(|running| running < priority) {
                    state.realtime.check(self.settings.limit());
                }
                state.realtime.enqueue(context, priority, turn);
            }
            Class::Fair { nice } => state.is_asked |= state.fair.enqueue(context, nice, self.settings.slices()),
        }
    }

    fn block(&self, state: &mut LinuxState, context: ContextSlot) {
        if state.running == Some(context) && state.realtime.holds(context) {
            state.realtime.check(self.settings.limit());
        }
        if state.realtime.holds(context) {
            state.realtime.dequeue(context);
        } else {
            state.is_asked |= state.fair.dequeue(context, self.settings.slices());
        }
        if state.running == Some(context) {
            state.running = None;
        }
    }

    fn job(&self, state: &mut LinuxState, context: ContextSlot, _: Option<SchedulingContextId>, event: JobEvent) {
        if event == JobEvent::Gone {
            self.block(state, context);
            state.realtime.forget(context);
            state.fair.forget(context);
        }
    }

    fn may_be_dispatched(&self, state: &LinuxState, context: ContextSlot) -> bool {
        !(state.realtime.is_throttled() && state.realtime.holds(context))
    }

    fn runs(&self, state: &LinuxState, context: ContextSlot) -> bool {
        state.running == Some(context)
    }

    fn running(&self, state: &LinuxState) -> Option<ContextSlot> {
        state.running
    }

    fn steps(&self, state: &LinuxState) -> Vec<SchedStep> {
        match self.pick(state) {
            None => Vec::new(),
            Some(nobody) if nobody.is_empty() => vec![SchedStep::Idle],
            Some(contexts) => contexts.into_iter().map(SchedStep::Dispatch).collect(),
        }
    }

    fn apply(&self, state: &mut LinuxState, step: SchedStep) {
        match step {
            SchedStep::Dispatch(context) => {
                state.fair.put_back();
                state.running = Some(context);
                state.is_asked = false;
                if state.realtime.holds(context) {
                    state.realtime.choose(context);
                } else {
                    state.fair.set_current(context);
                }
            }
            SchedStep::Idle => state.running = None,
            SchedStep::Replenish(_) => {}
        }
    }

    fn next_event(&self, state: &LinuxState) -> Option<Nanos> {
        let tick = state.running.map(|_| state.until_tick);
        [tick, state.realtime.next_event(state.running)].into_iter().flatten().min()
    }

    fn elapse(&self, state: &mut LinuxState, duration: Nanos) {
        state.is_asked = false;
        state.realtime.pass(duration, state.running, self.settings.limit());
        state.fair.pass(duration);
        let Some(beyond) = duration.0.checked_sub(state.until_tick.0) else {
            state.until_tick.0 -= duration.0;
            return;
        };
        let tick = self.settings.tick.0.max(1);
        state.until_tick = Nanos(tick - beyond % tick);
        match state.running {
            Some(running) if state.realtime.holds(running) => state.realtime.tick(running, self.settings.limit()),
            Some(_) => state.is_asked = state.fair.update_deadline(self.settings.slices()),
            None => {}
        }
    }
}
