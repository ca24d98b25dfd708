//! Breadth-first search, a level at a time: every state of a level is expanded before any of the next, whoever expands
//! it. So the number of states, of edges and the depth do not depend on the number of threads; and of the edges with a
//! mark in the first level that has one, the least is reported.
//!
//! No parents are kept. A path is found from its end: of the states in the level above that lead there, the least, and so
//! on up to a start. That expands each level at most once more, and costs no memory.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::gather::Gather;
use super::log::{Log, Place};
use super::seen::{BATCH, Candidate, OutOfMemory, Seen, hash};
use super::system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
use super::worker::{Pause, Shared, Sighting, Tally, Worker};

/// States that a thread takes at once. Those that lie together lead to the same ones, which only a thread that has them all knows.
const BLOCK: u64 = 2048;
/// A level of fewer blocks is not worth a thread.
const FEW_BLOCKS: usize = 2;
/// Between two reports.
pub(super) const REPORT_EVERY: Duration = Duration::from_millis(500);

/// More threads than this are not used.
pub const MOST_THREADS: usize = 256;

/// What a search may use, and when it stops early.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Threads.
    pub threads: NonZeroUsize,
    /// Bytes that states and the table of them may take, and each thread's or worker's own beside them.
    pub max_memory: u64,
    /// If there are more states the search ends, having found hardly more.
    pub max_states: u64,
    /// Stops soon after this becomes true.
    pub interrupt: Option<&'a AtomicBool>,
    /// Is told how it goes.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { threads, max_memory, max_states, .. } = self;
        write!(f, "Limits {{ threads: {threads}, max_memory: {max_memory}, max_states: {max_states}, .. }}")
    }
}

impl Default for Limits<'_> {
    /// One thread, 4 GiB, any number of states.
    fn default() -> Self {
        let threads = NonZeroUsize::MIN;
        Self { threads, max_memory: 4 << 30, max_states: u64::MAX, interrupt: None, progress: None }
    }
}

/// How a search goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So far.
    At {
        /// Different states found.
        states: u64,
        /// Of which were read from a checkpoint.
        read: u64,
        /// The level being expanded; the first is 0.
        depth: u32,
        /// States in it.
        frontier: u64,
        /// Of which are being or have been expanded.
        expanded: u64,
        /// Since the search began.
        elapsed: Duration,
        /// Bytes in use.
        bytes: u64,
    },
    /// The search has ended, and a liveness property is decided on what it found.
    Deciding {
        /// States that wait for an answer, so far.
        waiting: u64,
        /// Of which the edges are known.
        expanded: u64,
        /// Strongly connected components found among them.
        components: u64,
        /// Since the search ended.
        elapsed: Duration,
    },
    /// The table of known states grows.
    Growing {
        /// From so many bytes.
        from: u64,
        /// To so many.
        to: u64,
    },
    /// A checkpoint could not be written. That does not end the search; the one before, if there was one, is valid.
    NotKept {
        /// Why.
        why: String,
    },
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every reachable state was expanded.
    Complete,
    /// There are more states than allowed.
    MaxStates,
    /// They need more memory than allowed.
    MaxMemory,
    /// Somebody asked to stop.
    Interrupted,
    /// A state does not fit into its words.
    Unrepresentable(Unrepresentable),
}

/// The first edge with a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First<S> {
    /// The level of the state that it leaves.
    pub level: u32,
    /// That state, and which of its edges.
    pub sighting: Sighting<S>,
}

/// A path: each state and which of its edges leads to the next, and the state at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<S> {
    /// The states that are left, each by the edge of that ordinal.
    pub steps: Vec<Sighting<S>>,
}

/// What a search says: the same at any number of threads, unless it ended early.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary<S> {
    /// Different states found.
    pub states: u64,
    /// Edges taken, those to known states included.
    pub transitions: u64,
    /// States found at each level: so many steps from a start.
    pub levels: Vec<u64>,
    /// The last level that was begun: the longest of the shortest paths, if the search is complete.
    pub depth: u32,
    /// States that no edge leaves and that may not stop.
    pub deadlocks: u64,
    /// The level of the first deadlock, and the least state there.
    pub deadlock: Option<(u32, S)>,
    /// The marks that some edge has.
    pub marks: Marks,
    /// For each of them, by its bit, the first edge.
    pub firsts: Vec<(u32, First<S>)>,
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub elapsed: Duration,
    /// Bytes that states and table take.
    pub bytes: u64,
}

impl<S: Packed> Summary<S> {
    pub(super) fn new() -> Self {
        Self {
            states: 0,
            transitions: 0,
            levels: Vec::new(),
            depth: 0,
            deadlocks: 0,
            deadlock: None,
            marks: 0,
            firsts: Vec::new(),
            end: End::Complete,
            elapsed: Duration::ZERO,
            bytes: 0,
        }
    }

    /// The first edge with a mark, by its bit.
    pub fn first(&self, mark: u32) -> Option<First<S>> {
        self.firsts.iter().find(|(known, _)| *known == mark).map(|(_, first)| *first)
    }

    /// The marks of which no edge is known yet.
    pub(super) fn wanted(&self) -> Marks {
        self.firsts.iter().fold(Marks::MAX, |wanted, (mark, _)| wanted & !(1 << mark))
    }

    /// Adds what was seen of the level at `depth`.
    pub(super) fn add(&mut self, tally: &Tally<S>) {
        let level = self.depth;
        self.transitions += tally.transitions;
        self.deadlocks += tally.deadlocks;
        self.marks |= tally.marks;
        self.deadlock = self.deadlock.or(tally.deadlock.map(|state| (level, state)));
        self.firsts
            .extend(tally.sightings.iter().map(|(mark, sighting)| (*mark, First { level, sighting: *sighting })));
        self.firsts.sort_unstable_by_key(|(mark, _)| *mark);
    }
}

/// What a search found: what it says, and the states themselves.
#[derive(Debug)]
pub struct Exploration<S> {
    /// What it says.
    pub summary: Summary<S>,
    seen: Seen,
    pub(super) log: Log,
    pub(super) levels: Vec<Vec<Range<u64>>>,
    threads: NonZeroUsize,
    inserting: Duration,
    growing: Duration,
    pub(super) not_kept: Option<String>,
}

/// When it began, when that was last reported, and how many states were there at the beginning.
struct Clock {
    started: Instant,
    reported: Instant,
    read: u64,
}

/// Looks on between two levels.
pub(super) trait Watch<S> {
    /// Why it does not begin.
    type Error;

    /// Fills in what was found before, if it begins at `starts`: all levels but the last, which is in `place`. Returns
    /// whether there was any.
    fn resume(
        &mut self,
        found: &mut Exploration<S>,
        starts: &[S],
        limits: &Limits<'_>,
        place: &mut Place,
    ) -> Result<bool, Self::Error>;
    /// The last level is about to be expanded.
    fn level(&mut self, found: &Exploration<S>);
    /// The search has ended; the last level may hold what was found of the one after.
    fn end(&mut self, found: &Exploration<S>);
}

/// Nobody looks on.
struct Unwatched;

impl<S> Watch<S> for Unwatched {
    type Error = Infallible;

    fn resume(&mut self, _: &mut Exploration<S>, _: &[S], _: &Limits<'_>, _: &mut Place) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn level(&mut self, _: &Exploration<S>) {}

    fn end(&mut self, _: &Exploration<S>) {}
}

/// Explores everything reachable.
pub fn explore<T: TransitionSystem>(system: &T, limits: &Limits<'_>) -> Exploration<T::State> {
    match explore_watched(system, limits, &mut Unwatched) {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

/// Explores everything reachable, while somebody looks on.
pub(super) fn explore_watched<T: TransitionSystem, W: Watch<T::State>>(
    system: &T,
    limits: &Limits<'_>,
    watch: &mut W,
) -> Result<Exploration<T::State>, W::Error> {
    let threads = limits.threads.get().min(MOST_THREADS);
    let own = threads as u64 * Gather::<T::State>::bytes();
    let limits = &Limits { max_memory: limits.max_memory.saturating_sub(own), ..*limits };
    let mut found = Exploration::new(limits);
    let started = Instant::now();
    found.run(system, limits, started, watch)?;
    watch.end(&found);
    found.summary.levels = found.sizes();
    found.summary.elapsed = started.elapsed();
    found.summary.bytes = found.bytes();
    Ok(found)
}

impl<S: Packed> Exploration<S> {
    /// Nothing yet.
    pub(super) fn new(limits: &Limits<'_>) -> Self {
        let log = Log::new(S::WORDS, limits.max_memory);
        // The smallest table is a few hundred kilobytes; without even that nothing at all can be said.
        let seen = Seen::new().ok().filter(|seen| seen.bytes() <= limits.max_memory).unwrap_or_default();
        Self {
            summary: Summary::new(),
            seen,
            log,
            levels: Vec::new(),
            threads: limits.threads,
            inserting: Duration::ZERO,
            growing: Duration::ZERO,
            not_kept: None,
        }
    }

    /// Bytes that states and table take.
    pub(super) fn bytes(&self) -> u64 {
        self.seen.bytes() + self.log.bytes()
    }

    /// The states, level by level; within a level in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = S> + '_ {
        self.levels.iter().flatten().flat_map(|range| range.clone().map(|index| self.log.state(index)))
    }

    /// The states of each level.
    pub fn iter_levels(&self) -> impl Iterator<Item = impl Iterator<Item = S> + '_> + '_ {
        let states =
            |level: &'_ Vec<Range<u64>>| level.clone().into_iter().flatten().map(|index| self.log.state(index));
        self.levels.iter().map(states)
    }

    /// Are the states that were found so far exactly these?
    pub(super) fn is_exactly(&self, states: &[S]) -> bool {
        let mut different = states.to_vec();
        different.sort_unstable();
        different.dedup();
        different.len() as u64 == self.summary.states && different.iter().all(|state| self.contains(state))
    }

    /// Was it found?
    pub fn contains(&self, state: &S) -> bool {
        self.seen.contains(state, &self.log)
    }

    /// Why the last checkpoint that was to be written is not there, if it is not.
    pub fn not_kept(&self) -> Option<&str> {
        self.not_kept.as_deref()
    }

    /// How long the threads inserted states, all together.
    pub fn inserting(&self) -> Duration {
        self.inserting
    }

    /// How long the table of known states grew.
    pub fn growing(&self) -> Duration {
        self.growing
    }

    /// States found at each level.
    pub(super) fn sizes(&self) -> Vec<u64> {
        self.levels.iter().map(|level| length(level)).collect()
    }

    fn run<T: TransitionSystem<State = S>, W: Watch<S>>(
        &mut self,
        system: &T,
        limits: &Limits<'_>,
        started: Instant,
        watch: &mut W,
    ) -> Result<(), W::Error> {
        let starts = system.initial();
        let Some(known) = starts.first() else { return Ok(()) };
        let mut workers: Vec<Worker<T>> =
            (0..limits.threads.get().min(MOST_THREADS)).map(|_| Worker::new(system, *known)).collect();
        let place = &mut workers[0].place;
        let resumed = watch.resume(self, &starts, limits, place)?;
        let read = self.summary.states;
        if !resumed && self.insert_all(&starts, limits, place).is_err() {
            self.summary.end = End::MaxMemory;
            return Ok(());
        }
        let mut clock = Clock { started, reported: started, read };
        while self.summary.end == End::Complete {
            let level: Vec<Range<u64>> = workers.iter_mut().flat_map(|worker| worker.place.close()).collect();
            if level.is_empty() {
                break;
            }
            self.summary.depth = self.levels.len() as u32;
            self.levels.push(level);
            watch.level(self);
            if self.summary.states > limits.max_states {
                self.summary.end = End::MaxStates;
                break;
            }
            self.expand_level(system, limits, &mut workers, &mut clock);
        }
        // What was found of a level that was not begun, or not ended.
        let rest: Vec<Range<u64>> = workers.iter_mut().flat_map(|worker| worker.place.close()).collect();
        if !rest.is_empty() {
            self.levels.push(rest);
        }
        Ok(())
    }

    /// Inserts states, and counts those that were not known.
    pub(super) fn insert_all(
        &mut self,
        states: &[S],
        limits: &Limits<'_>,
        place: &mut Place,
    ) -> Result<(), OutOfMemory> {
        for states in states.chunks(BATCH) {
            let candidates = states.iter().map(|state| Candidate { hash: hash(state), state: *state });
            self.insert_batch(&candidates.collect::<Vec<_>>(), limits, place)?;
        }
        Ok(())
    }

    /// The same for at most [`BATCH`] of them, and their hashes.
    pub(super) fn insert_batch(
        &mut self,
        batch: &[Candidate<S>],
        limits: &Limits<'_>,
        place: &mut Place,
    ) -> Result<(), OutOfMemory> {
        if self.seen.entries() == 0 {
            return Err(OutOfMemory);
        }
        while self.summary.states >= self.seen.limit() {
            self.grow(limits, place.written().collect())?;
        }
        self.log.reserve(place, limits.max_memory.saturating_sub(self.seen.bytes()))?;
        self.summary.states += self.seen.insert(batch, &mut 0, &self.log, place);
        Ok(())
    }

    fn expand_level<T: TransitionSystem<State = S>>(
        &mut self,
        system: &T,
        limits: &Limits<'_>,
        workers: &mut [Worker<T>],
        clock: &mut Clock,
    ) {
        let level = self.levels.last().map_or(&[][..], |ranges| ranges);
        let blocks = cut(level);
        let frontier = length(level);
        let cursor = AtomicUsize::new(0);
        let states = AtomicU64::new(self.summary.states);
        let wanted = self.summary.wanted();
        loop {
            let pause = AtomicBool::new(false);
            let shared = Shared {
                seen: &self.seen,
                log: &self.log,
                states: &states,
                max_states: limits.max_states,
                log_bytes: limits.max_memory.saturating_sub(self.seen.bytes()),
                blocks: &blocks,
                cursor: &cursor,
                wanted,
                interrupt: limits.interrupt,
                pause: &pause,
            };
            let mut report = || {
                let Some(progress) = limits.progress.filter(|_| clock.reported.elapsed() >= REPORT_EVERY) else {
                    return;
                };
                clock.reported = Instant::now();
                progress(&Progress::At {
                    states: states.load(Ordering::Relaxed),
                    read: clock.read,
                    depth: self.summary.depth,
                    frontier,
                    expanded: (cursor.load(Ordering::Relaxed) as u64 * BLOCK).min(frontier),
                    elapsed: clock.started.elapsed(),
                    bytes: shared.seen.bytes() + shared.log.bytes(),
                });
            };
            let pauses: Vec<Pause> = if blocks.len() < FEW_BLOCKS || workers.len() == 1 {
                workers.iter_mut().map(|worker| worker.run(system, &shared, &mut report)).collect()
            } else {
                let (first, others) = workers.split_at_mut(1);
                std::thread::scope(|scope| {
                    let spawned: Vec<_> = others
                        .iter_mut()
                        .map(|worker| scope.spawn(|| worker.run(system, &shared, &mut || {})))
                        .collect();
                    let own = first[0].run(system, &shared, &mut report);
                    let join = |thread: std::thread::ScopedJoinHandle<'_, Pause>| {
                        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    };
                    std::iter::once(own).chain(spawned.into_iter().map(join)).collect()
                })
            };
            self.summary.states = states.load(Ordering::Relaxed);
            let stop = pauses.iter().find(|pause| !matches!(pause, Pause::Done | Pause::Full));
            match stop {
                Some(Pause::MaxStates) => self.summary.end = End::MaxStates,
                Some(Pause::Interrupted) => self.summary.end = End::Interrupted,
                Some(Pause::OutOfMemory) => self.summary.end = End::MaxMemory,
                Some(Pause::Unrepresentable(error)) => self.summary.end = End::Unrepresentable(*error),
                Some(Pause::Done | Pause::Full) | None => {}
            }
            if stop.is_some() || pauses.iter().all(|pause| *pause == Pause::Done) {
                break;
            }
            let open = workers.iter().flat_map(|worker| worker.place.written()).collect();
            if self.summary.states >= self.seen.limit() && self.grow(limits, open).is_err() {
                self.summary.end = End::MaxMemory;
                break;
            }
        }
        let mut tally = Tally::new();
        for worker in workers {
            tally.add(&std::mem::replace(&mut worker.tally, Tally::new()));
            self.inserting += std::mem::take(&mut worker.inserting);
        }
        self.summary.add(&tally);
    }

    /// Makes the table larger, as far as memory allows. `open` is what was written of the next level.
    fn grow(&mut self, limits: &Limits<'_>, open: Vec<Range<u64>>) -> Result<(), OutOfMemory> {
        let started = Instant::now();
        let from = self.seen.bytes();
        let grown = self.seen.larger(limits.max_memory.saturating_sub(self.bytes()), S::WORDS).is_some_and(|to| {
            if let Some(progress) = limits.progress {
                progress(&Progress::Growing { from, to });
            }
            let all: Vec<Range<u64>> = cut(&self.levels.iter().flatten().cloned().chain(open).collect::<Vec<_>>());
            let threads = limits.threads.get().min(MOST_THREADS);
            self.seen.grow::<S>(to, &self.log, &all, threads).is_ok()
        });
        self.growing += started.elapsed();
        if grown || self.seen.use_the_rest() { Ok(()) } else { Err(OutOfMemory) }
    }

    /// Shortest paths from a start to each of these states, the least of them; `at` gives the level of each.
    pub fn paths<T: TransitionSystem<State = S>>(&self, system: &T, ends: &[(u32, S)]) -> Vec<Path<S>> {
        let mut paths: Vec<Path<S>> = ends.iter().map(|_| Path { steps: Vec::new() }).collect();
        let mut at: Vec<S> = ends.iter().map(|(_, state)| *state).collect();
        let deepest = ends.iter().map(|(level, _)| *level).max().unwrap_or(0);
        for level in (0..deepest).rev() {
            let wanted: Vec<usize> = (0..ends.len()).filter(|end| ends[*end].0 > level).collect();
            let targets: Vec<S> = wanted.iter().map(|end| at[*end]).collect();
            for (end, sighting) in wanted.into_iter().zip(self.predecessors(system, level, &targets)) {
                if let Some(sighting) = sighting {
                    at[end] = sighting.state;
                    paths[end].steps.push(sighting);
                }
            }
        }
        paths.iter_mut().for_each(|path| path.steps.reverse());
        paths
    }

    /// For each target the least edge of a level that leads there.
    pub(super) fn predecessors<T: TransitionSystem<State = S>>(
        &self,
        system: &T,
        level: u32,
        targets: &[S],
    ) -> Vec<Option<Sighting<S>>> {
        let blocks = cut(&self.levels[level as usize]);
        let cursor = AtomicUsize::new(0);
        let part = || {
            let mut least: Vec<Option<Sighting<S>>> = vec![None; targets.len()];
            let mut scratch = system.scratch();
            while let Some(block) = blocks.get(cursor.fetch_add(1, Ordering::Relaxed)) {
                for index in block.clone() {
                    let state = self.log.state(index);
                    let mut ordinal = 0;
                    let visit = |edge: Edge<S>| {
                        // Two paths may have come together.
                        for (least, _) in least.iter_mut().zip(targets).filter(|(_, target)| **target == edge.after) {
                            let sighting = Sighting { state, ordinal };
                            *least = Some(least.map_or(sighting, |known| known.min(sighting)));
                        }
                        ordinal += 1;
                    };
                    // What could not be represented ended the search; paths lead to what was found before.
                    let _ = system.edges(&mut scratch, &state, visit);
                }
            }
            least
        };
        let mut parts: Vec<Vec<Option<Sighting<S>>>> = if blocks.len() < FEW_BLOCKS {
            vec![part()]
        } else {
            std::thread::scope(|scope| {
                let spawned: Vec<_> = (0..self.threads.get().min(MOST_THREADS)).map(|_| scope.spawn(part)).collect();
                spawned
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            })
        };
        let mut least = parts.pop().unwrap_or_default();
        for part in parts {
            for (least, other) in least.iter_mut().zip(part) {
                *least = (*least).into_iter().chain(other).min();
            }
        }
        least
    }
}

/// How many states ranges hold.
pub(super) fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Cuts ranges into blocks.
pub(super) fn cut(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let blocks = |range: &Range<u64>| {
        let range = range.clone();
        (range.start..range.end).step_by(BLOCK as usize).map(move |start| start..(start + BLOCK).min(range.end))
    };
    ranges.iter().flat_map(blocks).collect()
}
