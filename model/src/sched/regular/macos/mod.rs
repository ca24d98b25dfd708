//! macOS on one core: realtime threads by their constraints, and below them the root [buckets](buckets) of Clutch.
//!
//! Sources: xnu `osfmk/kern/sched_clutch.c` and `doc/sched_clutch_edge.md`; `osfmk/kern/priority.c` (`thread_quantum_expire`), `sched_prim.c`; `osfmk/mach/thread_policy.h` (`THREAD_TIME_CONSTRAINT_POLICY`).
//!
//! - A **realtime** thread has a *computation* and a *constraint*: it is due a constraint after it became ready, the earliest goes first, and before everybody who is not realtime.
//! - **Demotion** (the fail-safe): a quantum of a realtime thread is its computation. At the end of one at which it has computed for more than a hundred standard quanta, one second, since it last blocked, it is
//!   an everyday thread for twice as long. After that it is realtime again, from the end of its quantum or when it becomes ready next; one that has not blocked meanwhile is demoted again at the end of its next computation.
//! - **Timeshare**: a bucket is selected when the core is free, at the end of a quantum, and when somebody comes to a bucket above that of whoever has the core; who is preempted is at the head of its bucket, with what is left of its quantum.
//!
//! **Simultaneous events.** The end of a quantum is over before the step that is complete at its instant, and before whatever becomes ready then. A bucket is selected when all that time brings has happened, and then once.
//!
//! **Simplified.** One core, one thread group a thread: within a bucket threads take turns. The level of thread groups (their score of interactivity) and the decay of priorities within a group are left out, and so are
//! fixed priorities above the buckets, and the inheritance of turnstiles. A realtime thread with an earlier deadline preempts whatever the difference. A demoted thread is looked at at the end of a quantum alone, not by the
//! scheduler's maintenance. Who loses the core to another bucket counts as waiting when the bucket is selected. Budgets and windows are not kept.
//!
//! # Invariants
//! - The state is relative.

pub mod buckets;

use std::cmp::Reverse;

use super::super::{JobEvent, Sched, SchedStep};
use super::queue::Queue;
use crate::objects::ContextSlot;
use crate::system::SchedulingContextId;
use crate::units::Nanos;

use self::buckets::{Bucket, Buckets, Latencies};

/// What a context is scheduled as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// By a constraint.
    Realtime {
        /// Above 0.
        computation: Nanos,
        /// From when it becomes ready.
        constraint: Nanos,
    },
    /// In a bucket.
    Timeshare(Bucket),
}

/// The nearest computation that the kernel accepts: 50 µs to 50 ms.
pub fn computation(computes: Nanos) -> Nanos {
    computes.clamp(Nanos(50_000), Nanos(50_000_000))
}

/// The kernel's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Of the buckets.
    pub latencies: Latencies,
    /// What a realtime thread may compute without blocking.
    pub most: Nanos,
    /// How long it is demoted beyond that.
    pub demotion: Nanos,
}

impl Settings {
    /// Those of a kernel that nobody has changed.
    pub const DEFAULT: Self = Self {
        latencies: Latencies {
            latency: [Nanos(0), Nanos(37_500_000), Nanos(75_000_000), Nanos(150_000_000), Nanos(250_000_000)],
            warp: [Nanos(8_000_000), Nanos(4_000_000), Nanos(2_000_000), Nanos(1_000_000), Nanos(0)],
            quantum: [Nanos(10_000_000), Nanos(8_000_000), Nanos(6_000_000), Nanos(4_000_000), Nanos(2_000_000)],
        },
        most: Nanos(1_000_000_000),
        demotion: Nanos(2_000_000_000),
    };
}

/// What is kept of a thread, ready or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Thread {
    class: Class,
    /// In nanoseconds from now, of a ready realtime thread; otherwise 0.
    due: i128,
    /// What is left of its quantum.
    quantum: Nanos,
    /// Computed since it last blocked, by a realtime thread.
    metered: Nanos,
    /// For so long it is an everyday thread.
    demoted: Option<Nanos>,
}

/// As what a thread counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    Realtime,
    Timeshare(Bucket),
}

impl Thread {
    fn now(&self) -> Now {
        match self.class {
            Class::Realtime { .. } if self.demoted.is_none() => Now::Realtime,
            Class::Realtime { .. } => Now::Timeshare(Bucket::Default),
            Class::Timeshare(bucket) => Now::Timeshare(bucket),
        }
    }

    fn whole_quantum(&self, settings: &Settings) -> Nanos {
        match (self.now(), self.class) {
            (Now::Timeshare(bucket), _) => settings.latencies.quantum[bucket as usize],
            (Now::Realtime, Class::Realtime { computation, .. }) => computation,
            (Now::Realtime, Class::Timeshare(bucket)) => settings.latencies.quantum[bucket as usize],
        }
    }

    /// It is due a constraint from now.
    fn is_due_anew(&mut self) {
        if let (Now::Realtime, Class::Realtime { constraint, .. }) = (self.now(), self.class) {
            self.due = constraint.0.into();
        }
    }

    /// If it was demoted, and that is over, it is realtime again.
    fn release(&mut self) {
        if self.demoted == Some(Nanos(0)) {
            self.demoted = None;
            self.is_due_anew();
        }
    }
}

/// The policy.
#[derive(Debug, Clone)]
pub struct MacOs {
    classes: Vec<Class>,
    settings: Settings,
}

/// The state of [`MacOs`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacOsState {
    /// Realtime threads that wait.
    realtime: Queue<()>,
    buckets: Buckets,
    /// By number; no longer than the last that there is.
    threads: Vec<Option<Thread>>,
    /// Whoever has the core waits too, where it is to be asked who should have it.
    running: Option<ContextSlot>,
}

impl MacOsState {
    /// Is a context demoted?
    pub fn is_demoted(&self, context: ContextSlot) -> bool {
        self.thread(context).is_some_and(|thread| thread.demoted.is_some())
    }

    fn thread(&self, context: ContextSlot) -> Option<&Thread> {
        self.threads.get(usize::from(context))?.as_ref()
    }

    fn thread_mut(&mut self, context: ContextSlot) -> Option<&mut Thread> {
        self.threads.get_mut(usize::from(context))?.as_mut()
    }

    fn waits(&self, context: ContextSlot) -> bool {
        self.realtime.get(context).is_some() || self.buckets.holds(context)
    }

    fn take(&mut self, context: ContextSlot) {
        self.realtime.choose(context);
        self.realtime.remove(context);
        self.buckets.take(context);
    }

    /// Which of those that wait should have the core.
    fn pick(&self, latencies: &Latencies) -> Vec<ContextSlot> {
        let due = |context| self.thread(context).map(|thread| Reverse(thread.due));
        let realtime = self.realtime.wanted(|entry| due(entry.context));
        if !realtime.is_empty() {
            return realtime;
        }
        let mut buckets = self.buckets.clone();
        buckets.select(latencies).map_or_else(Vec::new, |bucket| buckets.first(bucket))
    }
}

/// Where whoever loses the core goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Head,
    Tail,
}

impl MacOs {
    /// With a class for each scheduling context, by its number.
    pub fn new(classes: Vec<Class>, settings: Settings) -> Self {
        Self { classes, settings }
    }

    fn class(&self, by: Option<SchedulingContextId>) -> Class {
        let class = by.and_then(|by| self.classes.get(by.index()));
        class.copied().unwrap_or(Class::Timeshare(Bucket::Default))
    }

    /// Whoever has the core waits, so that it is asked who should have it.
    fn ask(&self, state: &mut MacOsState, end: End) {
        let Some(running) = state.running.filter(|running| !state.waits(*running)) else { return };
        let Some(now) = state.thread(running).map(Thread::now) else { return };
        let latencies = &self.settings.latencies;
        match (now, end) {
            (Now::Realtime, End::Head) => state.realtime.prepend(running, ()),
            (Now::Realtime, End::Tail) => state.realtime.append(running, ()),
            (Now::Timeshare(bucket), End::Head) => state.buckets.prepend(running, bucket, latencies),
            (Now::Timeshare(bucket), End::Tail) => state.buckets.append(running, bucket, latencies),
        }
    }

    /// A thread that waits has the core.
    fn give(&self, state: &mut MacOsState, context: ContextSlot) {
        if state.realtime.get(context).is_none() {
            // It is selected as it was when it was asked.
            state.buckets.select(&self.settings.latencies);
        }
        state.take(context);
        state.running = Some(context);
    }

    fn quantum_ends(&self, state: &mut MacOsState, running: ContextSlot) {
        let settings = &self.settings;
        let Some(thread) = state.thread_mut(running) else { return };
        if thread.now() == Now::Realtime && thread.metered > settings.most {
            (thread.demoted, thread.due) = (Some(settings.demotion), 0);
        }
        thread.release();
        thread.quantum = thread.whole_quantum(settings);
        self.ask(state, End::Tail);
    }
}

impl Sched for MacOs {
    type State = MacOsState;

    fn initial(&self) -> MacOsState {
        MacOsState {
            realtime: Queue::default(),
            buckets: Buckets::new(&self.settings.latencies),
            threads: Vec::new(),
            running: None,
        }
    }

    fn ready(&self, state: &mut MacOsState, context: ContextSlot, by: Option<SchedulingContextId>) {
        let (class, at) = (self.class(by), usize::from(context));
        if state.threads.len() <= at {
            state.threads.resize(at + 1, None);
        }
        let known = state.threads[at].take().filter(|thread| thread.class == class);
        let new = Thread { class, due: 0, quantum: Nanos(0), metered: Nanos(0), demoted: None };
        let mut thread = known.unwrap_or(new);
        thread.release();
        thread.is_due_anew();
        thread.quantum = thread.whole_quantum(&self.settings);
        let (now, due) = (thread.now(), thread.due);
        state.threads[at] = Some(thread);
        match now {
            Now::Realtime => state.realtime.join(context, ()),
            Now::Timeshare(bucket) => state.buckets.join(context, bucket, &self.settings.latencies),
        }
        let running = state.running.and_then(|running| state.thread(running));
        let preempts = running.is_some_and(|running| match (now, running.now()) {
            (Now::Realtime, Now::Realtime) => due < running.due,
            (Now::Realtime, Now::Timeshare(_)) => true,
            (Now::Timeshare(_), Now::Realtime) => false,
            (Now::Timeshare(bucket), Now::Timeshare(other)) => bucket < other,
        });
        if preempts {
            self.ask(state, End::Head);
        }
    }

    fn block(&self, state: &mut MacOsState, context: ContextSlot) {
        state.take(context);
        if state.running == Some(context) {
            state.running = None;
        }
        if let Some(thread) = state.thread_mut(context) {
            (thread.metered, thread.due, thread.quantum) = (Nanos(0), 0, Nanos(0));
        }
    }

    fn job(&self, state: &mut MacOsState, context: ContextSlot, _: Option<SchedulingContextId>, event: JobEvent) {
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

    fn runs(&self, state: &MacOsState, context: ContextSlot) -> bool {
        state.running == Some(context)
    }

    fn running(&self, state: &MacOsState) -> Option<ContextSlot> {
        state.running
    }

    fn steps(&self, state: &MacOsState) -> Vec<SchedStep> {
        if state.running.is_some_and(|running| !state.waits(running)) {
            return Vec::new();
        }
        let wanted = state.pick(&self.settings.latencies);
        if wanted.iter().any(|context| state.running == Some(*context)) {
            return Vec::new();
        }
        wanted.into_iter().map(SchedStep::Dispatch).collect()
    }

    fn apply(&self, state: &mut MacOsState, step: SchedStep) {
        if let SchedStep::Dispatch(context) = step {
            self.give(state, context);
        }
    }

    fn next_event(&self, state: &MacOsState) -> Option<Nanos> {
        state.running.and_then(|running| Some(state.thread(running)?.quantum)).filter(|quantum| quantum.0 > 0)
    }

    fn elapse(&self, state: &mut MacOsState, duration: Nanos) {
        let settings = &self.settings;
        if let Some(running) = state.running.filter(|running| state.waits(*running)) {
            // It was asked, and whoever has the core keeps it.
            self.give(state, running);
        }
        state.realtime.pass();
        state.buckets.pass(duration, &settings.latencies);
        for context in 0..state.threads.len() as ContextSlot {
            let is_ready = state.running == Some(context) || state.waits(context);
            let Some(thread) = state.thread_mut(context) else { continue };
            if let Some(demoted) = &mut thread.demoted {
                demoted.0 = demoted.0.saturating_sub(duration.0);
            }
            if is_ready && thread.now() == Now::Realtime {
                thread.due -= i128::from(duration.0);
            }
        }
        let Some(running) = state.running else { return };
        let Some(thread) = state.thread_mut(running) else { return };
        if let Class::Realtime { .. } = thread.class {
            // Beyond the most it does not matter how much.
            thread.metered =
                Nanos(thread.metered.0.saturating_add(duration.0)).min(Nanos(settings.most.0.saturating_add(1)));
        }
        thread.quantum.0 = thread.quantum.0.saturating_sub(duration.0);
        if thread.quantum == Nanos(0) {
            self.quantum_ends(state, running);
        }
    }
}
