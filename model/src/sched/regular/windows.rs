//! Windows on one core: 32 levels, of which those from 1 to 15 move by themselves.
//!
//! Sources: Microsoft Learn, *Scheduling Priorities* (levels; the highest first, time slices in turn within one, at once to whoever is above), *Priority Boosts* (what raises a
//! thread's priority, and one level back with each time slice). Where these are silent, as ReactOS has it, which follows Windows Server 2003: `ntoskrnl/ke/thrdschd.c`, `dpc.c` and `balmgr.c`, whose functions
//! are named where their rule is. Neither is Microsoft's code: this is what is said of it.
//!
//! - **Whom**: the highest level; within one, whoever queued first. Whoever is preempted goes to the head of its level, whoever's quantum is over to the end of it, if anybody
//!   of its level or above waits (`KiDeferredReadyThread`, `KiQuantumEnd`).
//! - **Quanta**: 6 units on a client, 36 on a server. A clock tick takes 3 of whoever has the core then, whatever it has had of it; a wait takes 1.
//! - **Boosts**, below level 16 and of threads whose base is below 14: when a wait is over that something else has ended, the level is the base and 1 more, and the quantum is new
//!   (`EVENT_INCREMENT`, `SEMAPHORE_INCREMENT` and `MUTANT_INCREMENT` of `wdm.h`). A timer gives no boost: a task's release is one.
//! - **Decay**: at the end of a quantum the level is one less, and not below the base (`KiComputeNewPriority`).
//! - **Starvation**: every second, whoever has waited for 300 clock ticks on a level below 15 is put on 15, up to ten of them, with a new quantum; at the end of that it is back at its base
//!   (`KiScanReadyQueues`).
//!
//! **Simultaneous events.** A clock tick is over before the scan at its instant, and both before the step that is complete then and whatever becomes ready: whoever is sent to the end of its level is behind those that
//! were there, and before those. Who should have the core is asked when all that time brings has happened, and then once.
//!
//! **Simplified.** One core. No foreground, no windows and no input, with their boosts and longer quanta. Since Vista quanta are counted in cycles, so that a thread does not pay for
//! what interrupts had. The scan begins with the lowest level each time. A boosted thread has one quantum. AutoBoost, which raises the owner of a lock (Microsoft Learn, *Priority
//! Inversion*), is left out; budgets and windows of a frame are not kept. Ticks come at the multiples of their
//! distance from the start.
//!
//! # Invariants
//! - The state is relative. Levels 16 to 31 never move.

use super::super::{Cause, JobEvent, Sched, SchedStep};
use super::queue::Queue;
use crate::objects::ContextSlot;
use crate::system::SchedulingContextId;
use crate::units::Nanos;

/// The lowest level that never moves.
pub const REALTIME: u8 = 16;
/// The highest level.
pub const HIGHEST: u8 = 31;
/// What a thread has that has not asked for anything.
pub const NORMAL: u8 = 8;
/// Whose base is this or above is not boosted, below [`REALTIME`].
const TIME_CRITICAL: u8 = 14;
/// Of a clock tick, and of a wait, from a quantum.
const OF_A_TICK: u32 = 3;
const OF_A_WAIT: u32 = 1;
/// For a wait that something else has ended.
const BOOST: u8 = 1;
/// By one scan.
const MOST_BOOSTED: usize = 10;

/// The kernel's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two clock ticks; above 0.
    pub tick: Nanos,
    /// In thirds of a clock tick; above 0.
    pub quantum: u32,
    /// Between two scans for threads that starve; above 0.
    pub scan: Nanos,
    /// How long one of those has waited, in clock ticks.
    pub patience: u32,
}

impl Settings {
    /// Of a client: a clock of 64 ticks a second, and quanta of two of them.
    pub const CLIENT: Self = Self { tick: Nanos(15_625_000), quantum: 6, scan: Nanos(1_000_000_000), patience: 300 };
    /// Of a server: quanta of twelve.
    pub const SERVER: Self = Self { quantum: 36, ..Self::CLIENT };

    fn patience(self) -> Nanos {
        Nanos(self.tick.0.saturating_mul(self.patience.into()))
    }
}

/// What is kept of a thread, ready or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Thread {
    base: u8,
    level: u8,
    /// By how much the level falls at the end of the quantum, beyond one: it starved.
    decrement: u8,
    /// What is left.
    quantum: u32,
    /// Since it became ready, without the core; no more than the patience.
    waited: Nanos,
}

impl Thread {
    fn new(base: u8, settings: Settings) -> Self {
        Self { base, level: base, decrement: 0, quantum: settings.quantum, waited: Nanos(0) }
    }

    fn quantum_ends(&mut self, settings: Settings) {
        self.quantum = settings.quantum;
        if self.level < REALTIME {
            self.level = self.level.saturating_sub(self.decrement + 1).max(self.base);
            self.decrement = 0;
        }
    }

    /// A wait is over.
    fn wakes(&mut self, boost: u8, settings: Settings) {
        if self.base >= TIME_CRITICAL {
            self.quantum = settings.quantum;
            return;
        }
        if self.decrement == 0 && boost > 0 {
            self.quantum = settings.quantum;
        }
        self.quantum = self.quantum.saturating_sub(OF_A_WAIT);
        if self.quantum == 0 {
            self.quantum_ends(settings);
        }
        if self.decrement == 0 {
            self.level = self.level.max((self.base + boost).min(REALTIME - 1));
        }
    }
}

/// The policy.
#[derive(Debug, Clone)]
pub struct Windows {
    bases: Vec<u8>,
    settings: Settings,
}

/// The state of [`Windows`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowsState {
    /// Those that are ready; the one that has the core is before all others of its level.
    ready: Queue<()>,
    /// By number; no longer than the last that there is.
    threads: Vec<Option<Thread>>,
    running: Option<ContextSlot>,
    until_tick: Nanos,
    until_scan: Nanos,
}

impl WindowsState {
    /// On which level a context is, if it is known.
    pub fn level(&self, context: ContextSlot) -> Option<u8> {
        self.threads.get(usize::from(context))?.as_ref().map(|thread| thread.level)
    }

    fn thread_mut(&mut self, context: ContextSlot) -> Option<&mut Thread> {
        self.threads.get_mut(usize::from(context))?.as_mut()
    }

    /// Those that are ready and have not the core.
    fn waiting(&self) -> impl Iterator<Item = ContextSlot> {
        self.ready.iter().map(|entry| entry.context).filter(|context| self.running != Some(*context))
    }

    /// A clock tick finds somebody there.
    fn tick(&mut self, settings: Settings) {
        let Some(running) = self.running else { return };
        let Some(thread) = self.thread_mut(running) else { return };
        thread.quantum = thread.quantum.saturating_sub(OF_A_TICK);
        if thread.quantum > 0 {
            return;
        }
        thread.quantum_ends(settings);
        let level = Some(thread.level);
        if self.waiting().any(|context| self.level(context) >= level) {
            self.ready.remove(running);
            self.ready.append(running, ());
        }
    }

    /// Who starves is put on the highest level that moves.
    fn scan(&mut self, settings: Settings) {
        let threads = &self.threads;
        let starves = |context: ContextSlot| {
            let thread = threads.get(usize::from(context))?.as_ref()?;
            (thread.level < REALTIME - 1 && thread.waited >= settings.patience()).then_some(thread.level)
        };
        let mut starving: Vec<(u8, ContextSlot)> =
            self.waiting().filter_map(|context| Some((starves(context)?, context))).collect();
        // Within a level in the order of the queue.
        starving.sort_by_key(|(level, _)| *level);
        for (_, context) in starving.into_iter().take(MOST_BOOSTED) {
            if let Some(thread) = self.thread_mut(context) {
                thread.decrement += REALTIME - 1 - thread.level;
                (thread.level, thread.quantum, thread.waited) = (REALTIME - 1, settings.quantum, Nanos(0));
            }
            self.ready.remove(context);
            self.ready.append(context, ());
        }
    }
}

impl Windows {
    /// With a base level for each scheduling context, by its number: 1 to 31.
    pub fn new(bases: Vec<u8>, settings: Settings) -> Self {
        Self { bases, settings }
    }
}

impl Sched for Windows {
    type State = WindowsState;

    fn initial(&self) -> WindowsState {
        WindowsState {
            ready: Queue::default(),
            threads: Vec::new(),
            running: None,
            until_tick: self.settings.tick,
            until_scan: self.settings.scan,
        }
    }

    fn ready(&self, state: &mut WindowsState, context: ContextSlot, by: Option<SchedulingContextId>) {
        self.woken(state, context, by, Cause::Begun);
    }

    fn woken(&self, state: &mut WindowsState, context: ContextSlot, by: Option<SchedulingContextId>, cause: Cause) {
        let base = by.and_then(|by| self.bases.get(by.index())).copied().unwrap_or(NORMAL);
        let at = usize::from(context);
        if state.threads.len() <= at {
            state.threads.resize(at + 1, None);
        }
        let known = state.threads[at].take().filter(|thread| thread.base == base);
        let mut thread = known.unwrap_or_else(|| Thread::new(base, self.settings));
        match cause {
            Cause::Begun => {}
            Cause::Timer => thread.wakes(0, self.settings),
            Cause::Other => thread.wakes(BOOST, self.settings),
        }
        state.threads[at] = Some(Thread { waited: Nanos(0), ..thread });
        state.ready.join(context, ());
    }

    fn block(&self, state: &mut WindowsState, context: ContextSlot) {
        if state.running == Some(context) {
            state.running = None;
        }
        state.ready.remove(context);
        // Equal situations are equal states.
        if let Some(thread) = state.thread_mut(context) {
            thread.waited = Nanos(0);
        }
    }

    fn job(&self, state: &mut WindowsState, context: ContextSlot, _: Option<SchedulingContextId>, event: JobEvent) {
        // If it was ready, it is told next that it is not.
        if event == JobEvent::Gone {
            if let Some(thread) = state.threads.get_mut(usize::from(context)) {
                *thread = None;
            }
            while state.threads.last().is_some_and(Option::is_none) {
                state.threads.pop();
            }
        }
    }

    fn runs(&self, state: &WindowsState, context: ContextSlot) -> bool {
        state.running == Some(context)
    }

    fn running(&self, state: &WindowsState) -> Option<ContextSlot> {
        state.running
    }

    fn steps(&self, state: &WindowsState) -> Vec<SchedStep> {
        let wanted = state.ready.wanted(|entry| state.level(entry.context));
        if wanted.iter().any(|context| state.running == Some(*context)) {
            return Vec::new();
        }
        wanted.into_iter().map(SchedStep::Dispatch).collect()
    }

    fn apply(&self, state: &mut WindowsState, step: SchedStep) {
        if let SchedStep::Dispatch(context) = step {
            state.ready.choose(context);
            if let Some(thread) = state.thread_mut(context) {
                thread.waited = Nanos(0);
            }
            state.running = Some(context);
        }
    }

    fn next_event(&self, state: &WindowsState) -> Option<Nanos> {
        let tick = state.running.map(|_| state.until_tick);
        let may_starve = state.waiting().any(|context| state.level(context) < Some(REALTIME - 1));
        [tick, may_starve.then_some(state.until_scan)].into_iter().flatten().min()
    }

    fn elapse(&self, state: &mut WindowsState, duration: Nanos) {
        let settings = self.settings;
        state.ready.pass();
        for context in state.waiting().collect::<Vec<_>>() {
            if let Some(thread) = state.thread_mut(context) {
                thread.waited = Nanos(thread.waited.0.saturating_add(duration.0)).min(settings.patience());
            }
        }
        let (tick, scan) = (settings.tick.0.max(1), settings.scan.0.max(1));
        match duration.0.checked_sub(state.until_tick.0) {
            None => state.until_tick.0 -= duration.0,
            Some(beyond) => {
                state.until_tick = Nanos(tick - beyond % tick);
                state.tick(settings);
            }
        }
        match duration.0.checked_sub(state.until_scan.0) {
            None => state.until_scan.0 -= duration.0,
            Some(beyond) => {
                state.until_scan = Nanos(scan - beyond % scan);
                state.scan(settings);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six waits that a timer ends are a quantum, and a level less, down to the base.
    #[test]
    fn a_wait_is_a_unit() {
        let mut thread = Thread { level: 10, ..Thread::new(8, Settings::CLIENT) };
        for (quantum, level) in [(5, 10), (4, 10), (3, 10), (2, 10), (1, 10), (6, 9)] {
            thread.wakes(0, Settings::CLIENT);
            assert_eq!((thread.quantum, thread.level), (quantum, level));
        }
        // On a level that does not move a wait gives a new quantum.
        let mut thread = Thread { quantum: 1, ..Thread::new(REALTIME, Settings::SERVER) };
        thread.wakes(1, Settings::SERVER);
        assert_eq!((thread.quantum, thread.level), (36, REALTIME));
    }
}
