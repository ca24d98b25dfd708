//! What one thread does with a level: expand its states, drop what it met a moment ago, insert the rest in batches.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::gather::Gather;
use super::log::{Log, Place};
use super::seen::Seen;
use super::system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};

/// Why a thread stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// The level is done.
    Done,
    /// The table must grow.
    Full,
    /// The log may not grow.
    OutOfMemory,
    /// Too many states.
    MaxStates,
    /// Somebody asked to stop.
    Interrupted,
    /// A state does not fit into its words.
    Unrepresentable(Unrepresentable),
}

/// An edge with a mark, or a state without edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting<S> {
    /// The state it leaves.
    pub state: S,
    /// Which of that state's edges, in their order.
    pub ordinal: u32,
}

/// What was counted and seen in a level. Of two tallies the sum does not depend on their order.
#[derive(Debug, Clone)]
pub(super) struct Tally<S> {
    /// Edges.
    pub(super) transitions: u64,
    /// States that no edge leaves, and that may not stop.
    pub(super) deadlocks: u64,
    /// Marks of any edge.
    pub(super) marks: Marks,
    /// The least edge with each mark that was wanted.
    pub(super) sightings: Vec<(u32, Sighting<S>)>,
    /// The least deadlock.
    pub(super) deadlock: Option<S>,
}

impl<S: Packed> Tally<S> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { transitions: 0, deadlocks: 0, marks: 0, sightings: Vec::new(), deadlock: None }
    }

    #[cold]
    pub(super) fn sight(&mut self, mut marks: Marks, sighting: Sighting<S>) {
        while marks != 0 {
            let mark = marks.trailing_zeros();
            marks &= marks - 1;
            match self.sightings.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, first)) => *first = sighting.min(*first),
                None => self.sightings.push((mark, sighting)),
            }
        }
    }

    /// Adds another.
    pub(super) fn add(&mut self, other: &Self) {
        self.transitions += other.transitions;
        self.deadlocks += other.deadlocks;
        self.marks |= other.marks;
        for (mark, sighting) in &other.sightings {
            self.sight(1 << mark, *sighting);
        }
        self.deadlock = self.deadlock.into_iter().chain(other.deadlock).min();
    }
}

/// What the threads share during a level.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    /// The states that are known.
    pub(super) seen: &'a Seen,
    /// The log.
    pub(super) log: &'a Log,
    /// How many states are known.
    pub(super) states: &'a AtomicU64,
    /// At most so many.
    pub(super) max_states: u64,
    /// The log may grow to so many bytes.
    pub(super) log_bytes: u64,
    /// The level, cut into blocks.
    pub(super) blocks: &'a [Range<u64>],
    /// The next of them.
    pub(super) cursor: &'a AtomicUsize,
    /// Marks of which no edge is known yet.
    pub(super) wanted: Marks,
    /// Set when somebody asks to stop.
    pub(super) interrupt: Option<&'a AtomicBool>,
    /// Set when one thread stops before the level is done, so that all do.
    pub(super) pause: &'a AtomicBool,
}

/// A thread's own. Two that share a line of the cache would slow each other down, and processors fetch two lines at once.
#[repr(align(128))]
pub(super) struct Worker<T: TransitionSystem> {
    scratch: T::Scratch,
    /// Where it writes.
    pub(super) place: Place,
    /// What is left of its block.
    block: Range<u64>,
    /// Successors that are not yet inserted.
    pub(super) gather: Gather<T::State>,
    /// What it saw.
    pub(super) tally: Tally<T::State>,
    /// How long it inserted.
    pub(super) inserting: Duration,
}

impl<T: TransitionSystem> Worker<T> {
    /// One; `known` is any state that is in the table.
    pub(super) fn new(system: &T, known: T::State) -> Self {
        Self {
            scratch: system.scratch(),
            place: Place::default(),
            block: 0..0,
            gather: Gather::new(known),
            tally: Tally::new(),
            inserting: Duration::ZERO,
        }
    }

    /// Goes on until the level is done or something stops it; called again, it goes on there.
    pub(super) fn run(&mut self, system: &T, shared: &Shared<'_>, tick: &mut impl FnMut()) -> Pause {
        self.want(system, shared.wanted);
        let pause = self.go_on(system, shared, tick);
        if pause != Pause::Done {
            shared.pause.store(true, Ordering::Relaxed);
        }
        pause
    }

    fn go_on(&mut self, system: &T, shared: &Shared<'_>, tick: &mut impl FnMut()) -> Pause {
        loop {
            for index in self.block.clone() {
                if self.gather.is_enough()
                    && let Err(pause) = self.insert(shared)
                {
                    return pause;
                }
                let state = shared.log.state(index);
                if let Err(error) = self.expand(system, &state, shared.wanted) {
                    return Pause::Unrepresentable(error);
                }
                self.block.start = index + 1;
            }
            if shared.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
                return Pause::Interrupted;
            }
            if shared.pause.load(Ordering::Relaxed) {
                return Pause::Full;
            }
            tick();
            match shared.blocks.get(shared.cursor.fetch_add(1, Ordering::Relaxed)) {
                Some(block) => self.block = block.clone(),
                None => return self.insert(shared).map_or_else(|pause| pause, |()| Pause::Done),
            }
        }
    }

    /// Looks from now on for these marks alone.
    pub(super) fn want(&mut self, system: &T, wanted: Marks) {
        system.want(&mut self.scratch, wanted);
    }

    /// Takes every edge of a state.
    #[inline]
    pub(super) fn expand(&mut self, system: &T, state: &T::State, wanted: Marks) -> Result<(), Unrepresentable> {
        let (mut ordinal, mut marked) = (0, 0);
        let Self { scratch, gather, tally, .. } = self;
        system.edges(scratch, state, |edge: Edge<T::State>| {
            marked |= edge.marks;
            if edge.marks & wanted != 0 {
                tally.sight(edge.marks & wanted, Sighting { state: *state, ordinal });
            }
            ordinal += 1;
            // Many a step changes nothing.
            if edge.after == *state {
                return;
            }
            gather.add(edge.after);
        })?;
        tally.marks |= marked;
        tally.transitions += u64::from(ordinal);
        if ordinal == 0 && !system.may_stop(state) {
            tally.deadlocks += 1;
            tally.deadlock = Some(tally.deadlock.map_or(*state, |first| first.min(*state)));
        }
        Ok(())
    }

    /// Inserts what was gathered.
    fn insert(&mut self, shared: &Shared<'_>) -> Result<(), Pause> {
        let started = Instant::now();
        let mut uncounted = 0;
        let mut result = Ok(());
        let gathered = self.gather.candidates();
        let mut next = 0;
        while next < gathered.len() {
            let states = shared.states.load(Ordering::Relaxed) + uncounted;
            if states > shared.max_states {
                result = Err(Pause::MaxStates);
                break;
            }
            if states >= shared.seen.limit() {
                result = Err(Pause::Full);
                break;
            }
            if shared.log.reserve(&mut self.place, shared.log_bytes).is_err() {
                result = Err(Pause::OutOfMemory);
                break;
            }
            uncounted += shared.seen.insert(gathered, &mut next, shared.log, &mut self.place);
            if uncounted > shared.seen.uncounted() {
                shared.states.fetch_add(std::mem::take(&mut uncounted), Ordering::Relaxed);
            }
        }
        if uncounted > 0 && shared.states.fetch_add(uncounted, Ordering::Relaxed) + uncounted > shared.max_states {
            result = Err(Pause::MaxStates);
        }
        self.gather.inserted(next);
        self.inserting += started.elapsed();
        result
    }
}
