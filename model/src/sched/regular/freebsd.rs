//! FreeBSD's scheduler ULE on one core: timeshare by how a thread has slept and run, and realtime before it.
//!
//! Sources: J. Roberson, *ULE: a modern scheduler for FreeBSD*, BSDCon 2003; `sys/kern/sched_ule.c` and `kern_switch.c` of FreeBSD 12, whose functions are named where their rule is;
//! `rtprio(1)`.
//!
//! - **Priorities**, the lower the more urgent: realtime 48 to 79, *interactive* 120 to 151, *batch* 152 to 223.
//! - **Interactive or not** (`sched_interact_score`): the score is 50 · run / slept for a thread that has slept more than run, and 50 otherwise; below 30 the thread is interactive, at
//!   120 and its score (`sched_priority`). Run is what clock ticks found it running, a whole tick each; slept is what it waited by its own will. When both together pass five seconds they are cut
//!   down in proportion (`sched_interact_update`).
//! - **Batch** is 172 and what part of the last ten or eleven seconds it has run, out of 32 (`SCHED_PRI_TICKS`, `sched_pctcpu_update`). Whoever blocks is at 152 at worst until it has the core
//!   again (`static_boost`).
//! - **Whom**: interactive and realtime before batch, by priority in steps of four, then in turn (`runq_choose`). Batch threads are in a *calendar* of 64 slots: each goes in so many slots after the insert index as its
//!   priority says, and is taken from the slot at the removal index or the next that is not empty. Indexes go on with each clock tick, the removal index when its slot is empty (`tdq_runq_add`, `tdq_runq_rem`,
//!   `sched_clock`): so who is less urgent waits longer, and nobody for ever.
//! - **When**: at the end of a slice, 12 ticks or that by how many others are ready, and at least 2 (`tdq_slice`); and when somebody becomes ready with a better priority. Who loses the core goes to the end of
//!   its slot or level, but to the head for a realtime thread that comes.
//!
//! **Simultaneous events.** A clock tick is over before the step that is complete at its instant, and before whatever becomes ready then. Whoever loses the core by either is where it then belongs, behind those that were there
//! and before those that come later at the same instant.
//!
//! **Simplified.** One core, and nice value 0. Clock ticks are 128 a second, which is whole nanoseconds, and not 127, and come at the multiples of their distance from the start. Sleep is counted exactly, not in ticks of a millisecond.
//! A thread starts without its parent's history, as interactive as can be, and with a whole slice. The idle class is left out. Locks lend no priority, as turnstiles in the kernel would; budgets and windows are not kept.
//!
//! # Invariants
//! - The state is relative: slots are counted from the removal index. Times that only grow have an end.

use std::cmp::Reverse;

use super::super::{Cause, JobEvent, Sched, SchedStep};
use super::queue::Queue;
use crate::objects::ContextSlot;
use crate::system::SchedulingContextId;
use crate::units::Nanos;

/// The most urgent realtime priority (`PRI_MIN_REALTIME`).
pub const REALTIME: u8 = 48;
/// Levels of four realtime priorities each.
pub const REALTIME_LEVELS: u8 = 8;
/// Where the core goes over at once (`PRI_MIN_KERN`).
const PREEMPTS: u8 = 80;
const INTERACTIVE: u8 = 120;
const BATCH: u8 = 152;
/// Of a batch thread that has not run (`SCHED_PRI_MIN`), and how many there are for what it has.
const BATCH_NORMAL: u8 = 172;
const BATCH_RANGE: u64 = 32;
/// All priorities of batch threads, those of nice values too.
const ALL_BATCH: u16 = 72;
/// Of a calendar, and of priorities in a level of the other queue.
const SLOTS: u8 = 64;
const OF_A_LEVEL: u8 = 4;
/// Half of the largest score, and below which one a thread is interactive.
const HALF: u64 = 50;
const INTERACTIVE_BELOW: u64 = 30;

/// The priority of a realtime level, from 0 for the least urgent.
pub fn realtime(level: u8) -> u8 {
    REALTIME + OF_A_LEVEL * REALTIME_LEVELS.saturating_sub(level.saturating_add(1))
}

/// The kernel's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two clock ticks; above 0.
    pub tick: Nanos,
    /// Of a thread, in ticks (`kern.sched.slice`), where one other is ready; above 0.
    pub slice: u32,
    /// Where many are; above 0.
    pub least_slice: u32,
    /// What run and slept have together at most (`SCHED_SLP_RUN_MAX`); above 0.
    pub history: Nanos,
    /// Of what a thread's part is taken (`SCHED_TICK_TARG`).
    pub window: Nanos,
    /// And so much more before it is cut down; it counts as so much at least; above 0.
    pub slack: Nanos,
}

impl Settings {
    /// Those of a kernel that nobody has changed.
    pub const DEFAULT: Self = Self {
        tick: Nanos(7_812_500),
        slice: 12,
        least_slice: 2,
        history: Nanos(5_000_000_000),
        window: Nanos(10_000_000_000),
        slack: Nanos(1_000_000_000),
    };

    fn slice(self, others: usize) -> u32 {
        match u32::try_from(others).unwrap_or(u32::MAX) {
            0 | 1 => self.slice,
            others => (self.slice / others).max(self.least_slice),
        }
    }
}

/// What is kept of a thread, ready or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Thread {
    /// Fixed, of a realtime thread.
    realtime: Option<u8>,
    /// With which it is queued, and is compared.
    priority: u8,
    /// Which it has once it has the core.
    own: u8,
    run: u64,
    slept: u64,
    /// Since it went to sleep, if it sleeps; no more than twice the history, and 1.
    asleep: Option<u64>,
    /// Of the window: run, how long it is up to the last time that it was looked at, and since when that was; no more than the window.
    had: u64,
    span: u64,
    since: u64,
    /// Ticks of the slice.
    ticks: u32,
}

impl Thread {
    fn new(realtime: Option<u8>) -> Self {
        let priority = realtime.unwrap_or(INTERACTIVE);
        Self { realtime, priority, own: priority, run: 0, slept: 0, asleep: None, had: 0, span: 0, since: 0, ticks: 0 }
    }

    fn score(&self) -> u64 {
        if self.run >= self.slept {
            // Nothing of both is as interactive as can be.
            return if self.run == 0 { 0 } else { HALF };
        }
        self.run / (self.slept / HALF).max(1)
    }

    fn limit_history(&mut self, settings: Settings) {
        let (most, sum) = (settings.history.0, self.run.saturating_add(self.slept));
        if sum < most {
            return;
        }
        if sum > most.saturating_mul(2) {
            (self.run, self.slept) = if self.run > self.slept { (most, 1) } else { (1, most) };
        } else if sum > most / 5 * 6 {
            (self.run, self.slept) = (self.run / 2, self.slept / 2);
        } else {
            (self.run, self.slept) = (self.run / 5 * 4, self.slept / 5 * 4);
        }
    }

    /// What it has had of the window is looked at; since it was the last time it has run, or has not.
    fn look(&mut self, has_run: HasRun, settings: Settings) {
        let (window, since) = (settings.window.0, std::mem::take(&mut self.since));
        if since >= window {
            (self.had, self.span) = (0, window);
        } else if self.span + since >= window.saturating_add(settings.slack.0) {
            let kept = u128::from(self.had) * u128::from(window - since) / u128::from(self.span.max(1));
            // A part of what it was.
            (self.had, self.span) = (kept as u64, window);
        } else {
            self.span += since;
        }
        if has_run == HasRun::Yes {
            self.had = self.had.saturating_add(since);
        }
    }

    fn rate(&mut self, settings: Settings) {
        self.own = match (self.realtime, self.score()) {
            (Some(priority), _) => priority,
            (None, score) if score < INTERACTIVE_BELOW => INTERACTIVE + score as u8,
            (None, _) => {
                let each = self.span.max(settings.slack.0).div_ceil(BATCH_RANGE).max(1);
                BATCH_NORMAL + (self.had / each).min(BATCH_RANGE - 1) as u8
            }
        };
    }
}

/// Has a thread run since it was looked at?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HasRun {
    Yes,
    No,
}

/// Where a thread waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// By priority, four together.
    Level(u8),
    /// Of the calendar, from the removal index.
    Slot(u8),
}

/// The policy.
#[derive(Debug, Clone)]
pub struct FreeBsd {
    realtime: Vec<Option<u8>>,
    settings: Settings,
}

/// The state of [`FreeBsd`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FreeBsdState {
    /// Those that are ready, but for the one that has the core and has not to go.
    waiting: Queue<Place>,
    /// By number; no longer than the last that there is.
    threads: Vec<Option<Thread>>,
    running: Option<ContextSlot>,
    /// Is the insert index a slot before the removal index?
    is_ahead: bool,
    until_tick: Nanos,
}

impl FreeBsdState {
    /// The priority of a context, if it is known.
    pub fn priority(&self, context: ContextSlot) -> Option<u8> {
        self.thread(context).map(|thread| thread.priority)
    }

    fn thread(&self, context: ContextSlot) -> Option<&Thread> {
        self.threads.get(usize::from(context))?.as_ref()
    }

    fn thread_mut(&mut self, context: ContextSlot) -> Option<&mut Thread> {
        self.threads.get_mut(usize::from(context))?.as_mut()
    }

    /// Has the one that has the core to go?
    fn is_to_go(&self) -> bool {
        self.running.is_some_and(|running| self.waiting.get(running).is_some())
    }

    /// Where a thread of such a priority goes in.
    fn place(&self, priority: u8) -> Place {
        if priority < BATCH {
            return Place::Level(priority / OF_A_LEVEL);
        }
        let after = u16::from(SLOTS) * u16::from(priority - BATCH) / ALL_BATCH;
        match (after as u8 + u8::from(self.is_ahead)) % SLOTS {
            // The one that is being emptied takes no more.
            0 if self.is_ahead => Place::Slot(SLOTS - 1),
            slot => Place::Slot(slot),
        }
    }

    /// The removal index goes on to the next slot.
    fn advance(&mut self) {
        self.is_ahead = false;
        for entry in self.waiting.iter_mut() {
            if let Place::Slot(slot) = &mut entry.of {
                *slot = (*slot + SLOTS - 1) % SLOTS;
            }
        }
    }

    fn has_first_slot(&self) -> bool {
        self.waiting.iter().any(|entry| entry.of == Place::Slot(0))
    }

    /// A thread waits no more.
    fn take(&mut self, context: ContextSlot) {
        let place = self.waiting.remove(context);
        if self.is_ahead && place == Some(Place::Slot(0)) && !self.has_first_slot() {
            self.advance();
        }
    }

    /// Whoever has the core has to go, for one of that priority, or because its slice is over.
    fn surrender(&mut self, to: Option<u8>) {
        let Some(running) = self.running.filter(|_| !self.is_to_go()) else { return };
        let Some(priority) = self.priority(running) else { return };
        if to.is_some_and(|to| to <= PREEMPTS) {
            let place = if priority < BATCH { self.place(priority) } else { Place::Slot(0) };
            self.waiting.prepend(running, place);
        } else {
            let place = self.place(priority);
            self.waiting.append(running, place);
        }
    }

    /// Who should have the core of those that wait: a tie, if there are several.
    fn pick(&self) -> Vec<ContextSlot> {
        self.waiting.wanted(|entry| Some(Reverse(entry.of)))
    }

    /// If it is still the one that has to go, it stays.
    fn stay(&mut self) {
        if let Some(running) = self.running.filter(|_| self.is_to_go()) {
            self.take(running);
        }
    }

    fn tick(&mut self, settings: Settings) {
        if !self.is_ahead {
            self.is_ahead = true;
            if !self.has_first_slot() {
                self.advance();
            }
        }
        let Some(running) = self.running else { return };
        let slice = settings.slice(self.waiting.len());
        let Some(thread) = self.thread_mut(running) else { return };
        thread.look(HasRun::Yes, settings);
        if thread.realtime.is_none() {
            thread.run = thread.run.saturating_add(settings.tick.0);
            thread.limit_history(settings);
            thread.rate(settings);
            thread.priority = thread.own;
        }
        thread.ticks += 1;
        if thread.ticks >= slice {
            thread.ticks = 0;
            self.surrender(None);
            if self.pick().contains(&running) {
                self.stay();
            }
        }
    }
}

impl FreeBsd {
    /// With a realtime priority for each scheduling context, by its number, or none: it is timeshare then.
    pub fn new(realtime: Vec<Option<u8>>, settings: Settings) -> Self {
        Self { realtime, settings }
    }
}

impl Sched for FreeBsd {
    type State = FreeBsdState;

    fn initial(&self) -> FreeBsdState {
        FreeBsdState {
            waiting: Queue::default(),
            threads: Vec::new(),
            running: None,
            is_ahead: false,
            until_tick: self.settings.tick,
        }
    }

    fn ready(&self, state: &mut FreeBsdState, context: ContextSlot, by: Option<SchedulingContextId>) {
        self.woken(state, context, by, Cause::Begun);
    }

    fn woken(&self, state: &mut FreeBsdState, context: ContextSlot, by: Option<SchedulingContextId>, _: Cause) {
        let realtime = by.and_then(|by| self.realtime.get(by.index())).copied().flatten();
        let at = usize::from(context);
        if state.threads.len() <= at {
            state.threads.resize(at + 1, None);
        }
        let known = state.threads[at].take().filter(|thread| thread.realtime == realtime);
        let mut thread = known.unwrap_or_else(|| Thread::new(realtime));
        if let Some(slept) = thread.asleep.take().filter(|slept| *slept > 0) {
            thread.slept = thread.slept.saturating_add(slept);
            thread.limit_history(self.settings);
            thread.look(HasRun::No, self.settings);
        }
        thread.ticks = 0;
        thread.rate(self.settings);
        let priority = thread.priority;
        state.threads[at] = Some(thread);
        let place = state.place(priority);
        state.waiting.join(context, place);
        if state.running.and_then(|running| state.priority(running)).is_some_and(|running| priority < running) {
            state.surrender(Some(priority));
        }
    }

    fn block(&self, state: &mut FreeBsdState, context: ContextSlot) {
        let has_run = if state.running == Some(context) { HasRun::Yes } else { HasRun::No };
        state.take(context);
        if has_run == HasRun::Yes {
            state.running = None;
        }
        if let Some(thread) = state.thread_mut(context) {
            thread.look(has_run, self.settings);
            thread.asleep = Some(0);
            if thread.realtime.is_none() {
                thread.priority = thread.priority.min(BATCH);
            }
        }
    }

    fn job(&self, state: &mut FreeBsdState, context: ContextSlot, _: Option<SchedulingContextId>, event: JobEvent) {
        if event == JobEvent::Gone {
            self.block(state, context);
            if let Some(thread) = state.threads.get_mut(usize::from(context)) {
                *thread = None;
            }
            while state.threads.last().is_some_and(Option::is_none) {
                state.threads.pop();
            }
        }
    }

    fn runs(&self, state: &FreeBsdState, context: ContextSlot) -> bool {
        state.running == Some(context)
    }

    fn running(&self, state: &FreeBsdState) -> Option<ContextSlot> {
        state.running
    }

    fn steps(&self, state: &FreeBsdState) -> Vec<SchedStep> {
        if state.running.is_some() && !state.is_to_go() {
            return Vec::new();
        }
        let wanted = state.pick();
        if wanted.iter().any(|context| state.running == Some(*context)) {
            return Vec::new();
        }
        wanted.into_iter().map(SchedStep::Dispatch).collect()
    }

    fn apply(&self, state: &mut FreeBsdState, step: SchedStep) {
        let SchedStep::Dispatch(context) = step else { return };
        if let Some(thread) = state.running.and_then(|running| state.thread_mut(running)) {
            thread.look(HasRun::Yes, self.settings);
        }
        state.waiting.choose(context);
        state.take(context);
        if let Some(thread) = state.thread_mut(context) {
            thread.look(HasRun::No, self.settings);
            thread.priority = thread.own;
        }
        state.running = Some(context);
    }

    fn next_event(&self, state: &FreeBsdState) -> Option<Nanos> {
        state.running.map(|_| state.until_tick)
    }

    fn elapse(&self, state: &mut FreeBsdState, duration: Nanos) {
        let settings = self.settings;
        state.stay();
        state.waiting.pass();
        for thread in state.threads.iter_mut().flatten() {
            thread.since = thread.since.saturating_add(duration.0).min(settings.window.0);
            if let Some(asleep) = &mut thread.asleep {
                *asleep = asleep.saturating_add(duration.0).min(settings.history.0.saturating_mul(2).saturating_add(1));
            }
        }
        let tick = settings.tick.0.max(1);
        match duration.0.checked_sub(state.until_tick.0) {
            None => state.until_tick.0 -= duration.0,
            Some(beyond) => {
                state.until_tick = Nanos(tick - beyond % tick);
                state.tick(settings);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings =
        Settings { history: Nanos(1000), window: Nanos(2000), slack: Nanos(200), ..Settings::DEFAULT };

    /// Up to the history nothing; up to a fifth more, four fifths of each; up to twice that, half; beyond, what was less is as good as nothing.
    #[test]
    fn a_history_has_an_end() {
        for (before, after) in [
            ((600, 300), (600, 300)),
            ((700, 350), (560, 280)),
            ((1000, 300), (500, 150)),
            ((1500, 600), (1000, 1)),
            ((600, 1500), (1, 1000)),
        ] {
            let mut thread = Thread { run: before.0, slept: before.1, ..Thread::new(None) };
            thread.limit_history(SETTINGS);
            assert_eq!((thread.run, thread.slept), after, "of {before:?}");
        }
    }

    /// 2150 are less than the window and its slack; 2250 are not, and of the 1000 that it had in 2150 the part of 1900 is kept. Who was not looked at for a whole window has had nothing of it.
    #[test]
    fn a_window_moves() {
        let mut thread = Thread { had: 1000, span: 2100, since: 50, ..Thread::new(None) };
        thread.look(HasRun::No, SETTINGS);
        assert_eq!((thread.had, thread.span, thread.since), (1000, 2150, 0));
        thread.since = 100;
        thread.look(HasRun::Yes, SETTINGS);
        assert_eq!((thread.had, thread.span), (1000 * 1900 / 2150 + 100, 2000));
        thread.since = 2000;
        thread.look(HasRun::No, SETTINGS);
        assert_eq!((thread.had, thread.span), (0, 2000));
    }

    /// 64 slots for 72 priorities, from the insert index on, which may be one before the removal index; the slot of that takes no more then.
    #[test]
    fn a_calendar_goes_round() {
        let mut state = FreeBsd::new(vec![], SETTINGS).initial();
        let slots = |state: &FreeBsdState| [152, 172, 203, 223].map(|priority| state.place(priority));
        assert_eq!(slots(&state), [0, 17, 45, 63].map(Place::Slot));
        assert_eq!(
            [48, 51, 52, 120, 151].map(|priority| state.place(priority)),
            [12, 12, 13, 30, 37].map(Place::Level)
        );
        // Somebody is in the first slot: the insert index goes on alone, and once.
        state.waiting.join(7, Place::Slot(0));
        state.waiting.join(8, Place::Slot(3));
        state.tick(SETTINGS);
        state.tick(SETTINGS);
        assert_eq!(slots(&state), [1, 18, 46, 63].map(Place::Slot));
        assert_eq!(state.pick(), [7]);
        // Nobody is there any more: the removal index follows.
        state.take(7);
        assert_eq!(state.waiting.get(8), Some(&Place::Slot(2)));
        assert_eq!(slots(&state), [0, 17, 45, 63].map(Place::Slot));
        state.tick(SETTINGS);
        assert_eq!(state.waiting.get(8), Some(&Place::Slot(1)));
    }

    #[test]
    fn slices_are_shared() {
        assert_eq!([0, 1, 2, 3, 6, 9].map(|others| Settings::DEFAULT.slice(others)), [12, 12, 6, 4, 2, 2]);
    }
}
