//! Searches that may miss states: for when an exact one does not fit into memory, and a counterexample is all that is hoped
//! for. What they find is there; what they do not find proves nothing.
//!
//! - *Hash-compact* (Wolper and Leroy, *Reliable hashing without collision detection*, 1993): a state is known by 64 bits of
//!   hash. Two that share them are taken for one.
//! - *Bitstate* (Holzmann, *An analysis of bitstate hashing*, 1998): a state is known by three bits of a field of bits. It is
//!   taken for known once others have set all three.
//!
//! Either keeps eight bytes more for each state, its parent and which of its edges led here, so that a path can be told; and
//! of the states themselves two levels. Breadth first, on one thread: which of two is taken for the other depends on
//! who comes first, and so would the counts.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::chunks::Chunks;
use super::search::{End, Limits, Path, Progress, REPORT_EVERY, Summary};
use super::seen::{OutOfMemory, Seen, hash, zeroes};
use super::system::{Edge, Marks, Packed, TransitionSystem, Unrepresentable};
use super::worker::{Sighting, Tally};

/// How states are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lossy {
    /// By 64 bits of hash.
    HashCompact,
    /// By three bits of a field of so many bytes.
    Bitstate {
        /// Its size.
        bytes: u64,
    },
}

/// Bits of a record of how a state was found that are the number of an edge; the others are the number of its parent.
const ORDINAL: u32 = 20;
/// Hash functions of a bitstate search.
const FUNCTIONS: u64 = 3;

/// What a search that may miss states found.
#[derive(Debug, Clone, PartialEq)]
pub struct LossyOutcome<S> {
    /// What it says. That it is complete means that it did not end early.
    pub summary: Summary<S>,
    /// How many states are expected to have been taken for others. What they alone lead to is missing too, and that may be
    /// many times more: nobody counts it.
    pub omitted: f64,
    /// For each mark that was seen, the path to its first edge, that edge included.
    pub firsts: Vec<(u32, Path<S>)>,
    /// The path to the first deadlock.
    pub deadlock: Option<Path<S>>,
}

/// The states that are known, more or less.
enum Known {
    Hashes { seen: Seen, count: u64 },
    Bits { field: Box<[std::sync::atomic::AtomicU64]>, set: u64 },
}

impl Known {
    fn new(lossy: Lossy, limits: &Limits<'_>) -> Result<Self, OutOfMemory> {
        match lossy {
            Lossy::HashCompact => Ok(Self::Hashes { seen: Seen::new()?, count: 0 }),
            Lossy::Bitstate { bytes } if bytes >= 8 && bytes <= limits.max_memory => {
                let words = usize::try_from(bytes / 8).map_err(|_| OutOfMemory)?;
                Ok(Self::Bits { field: zeroes(words)?, set: 0 })
            }
            Lossy::Bitstate { .. } => Err(OutOfMemory),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Hashes { seen, .. } => seen.bytes(),
            Self::Bits { field, .. } => 8 * field.len() as u64,
        }
    }

    /// How likely the next new state is taken for a known one.
    fn risk(&self) -> f64 {
        match self {
            Self::Hashes { count, .. } => *count as f64 / 2f64.powi(64),
            Self::Bits { field, set } => (*set as f64 / (64 * field.len()) as f64).powi(FUNCTIONS as i32),
        }
    }

    /// Is it new? It is known now.
    fn insert(&mut self, hash: u64, free: u64, limits: &Limits<'_>) -> Result<bool, OutOfMemory> {
        match self {
            Self::Hashes { seen, count } => {
                if *count >= seen.limit() {
                    // Beside each hash its record.
                    let grown = seen.larger(free, 1).is_some_and(|to| {
                        if let Some(progress) = limits.progress {
                            progress(&Progress::Growing { from: seen.bytes(), to });
                        }
                        seen.grow_hashes(to).is_ok()
                    });
                    if !grown && !seen.use_the_rest() {
                        return Err(OutOfMemory);
                    }
                }
                let new = seen.insert_hash(hash);
                *count += u64::from(new);
                Ok(new)
            }
            Self::Bits { field, set } => {
                // The second half, made odd, is the distance between the bits.
                let bits = 64 * field.len() as u64;
                let (first, step) = (hash, hash.rotate_left(32) | 1);
                let mut new = false;
                for function in 0..FUNCTIONS {
                    let mixed = first.wrapping_add(step.wrapping_mul(function.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
                    let bit = ((u128::from(mixed) * u128::from(bits)) >> 64) as u64;
                    let (word, mask) = (&field[(bit / 64) as usize], 1 << (bit % 64));
                    let before = word.load(Ordering::Relaxed);
                    if before & mask == 0 {
                        word.store(before | mask, Ordering::Relaxed);
                        *set += 1;
                        new = true;
                    }
                }
                Ok(new)
            }
        }
    }
}

/// A search under way.
struct Search<'a, T: TransitionSystem> {
    system: &'a T,
    limits: &'a Limits<'a>,
    known: Known,
    /// For each state, in the order of discovery, its parent and the edge from there; a start has itself and no edge.
    parents: Chunks<u64>,
    /// The states that are still to be expanded; those that are in hand; and those found meanwhile.
    level: Chunks<T::State>,
    in_hand: Vec<T::State>,
    next: Chunks<T::State>,
    omitted: f64,
    summary: Summary<T::State>,
    /// For each mark the number of the state that its first edge leaves.
    places: Vec<(u32, u64)>,
    deadlock: Option<u64>,
}

/// Explores what can be reached, and may miss some of it.
pub fn explore_lossy<T: TransitionSystem>(system: &T, limits: &Limits<'_>, lossy: Lossy) -> LossyOutcome<T::State> {
    let nothing = |summary| LossyOutcome { summary, omitted: 0.0, firsts: Vec::new(), deadlock: None };
    let Ok(known) = Known::new(lossy, limits) else {
        return nothing(Summary { end: End::MaxMemory, ..Summary::new() });
    };
    let mut search = Search {
        system,
        limits,
        known,
        parents: Chunks::new(),
        level: Chunks::new(),
        in_hand: Vec::new(),
        next: Chunks::new(),
        omitted: 0.0,
        summary: Summary::new(),
        places: Vec::new(),
        deadlock: None,
    };
    let started = Instant::now();
    search.summary.end = search.run(started).err().unwrap_or(End::Complete);
    search.summary.elapsed = started.elapsed();
    search.summary.bytes = search.bytes();
    let firsts = search.summary.firsts.clone();
    let path = |mark: u32, sighting| {
        let place = search.places.iter().find(|(known, _)| *known == mark)?.1;
        let mut path = search.path(place)?;
        path.steps.push(sighting);
        Some((mark, path))
    };
    LossyOutcome {
        firsts: firsts.iter().filter_map(|(mark, first)| path(*mark, first.sighting)).collect(),
        deadlock: search.deadlock.and_then(|place| search.path(place)),
        omitted: search.omitted,
        summary: search.summary,
    }
}

impl<T: TransitionSystem> Search<'_, T> {
    fn bytes(&self) -> u64 {
        let in_hand = (self.in_hand.capacity() * size_of::<T::State>()) as u64;
        self.known.bytes() + self.parents.bytes() + self.level.bytes() + in_hand + self.next.bytes()
    }

    fn insert(&mut self, state: T::State, parent: u64, ordinal: u32) -> Result<(), End> {
        let used = self.bytes() + self.parents.growth() + self.next.growth();
        if used > self.limits.max_memory {
            return Err(End::MaxMemory);
        }
        let risk = self.known.risk();
        let free = self.limits.max_memory.saturating_sub(used);
        let full = |OutOfMemory| End::MaxMemory;
        if self.known.insert(hash(&state), free, self.limits).map_err(full)? {
            self.parents.push(parent << ORDINAL | u64::from(ordinal)).map_err(full)?;
            self.next.push(state).map_err(full)?;
            self.summary.states += 1;
            // As many of those that were taken for known were new as of those that were found.
            if T::State::WORDS > 1 || matches!(self.known, Known::Bits { .. }) {
                self.omitted += risk / (1.0 - risk).max(f64::EPSILON);
            }
        }
        Ok(())
    }

    fn run(&mut self, started: Instant) -> Result<(), End> {
        for (number, start) in (0..).zip(self.system.initial()) {
            self.insert(start, number, 0)?;
        }
        let mut scratch = self.system.scratch();
        let mut edges: Vec<Edge<T::State>> = Vec::new();
        let mut reported = started;
        // The number of the state to be expanded next.
        let mut number = 0;
        while self.next.len() > 0 {
            self.level = std::mem::replace(&mut self.next, Chunks::new());
            self.summary.depth = self.summary.levels.len() as u32;
            self.summary.levels.push(self.level.len() as u64);
            let wanted = self.summary.wanted();
            self.system.want(&mut scratch, wanted);
            let mut tally = Tally::new();
            let mut result = Ok(());
            let (mut expanded, frontier) = (0, self.level.len() as u64);
            while let Some(states) = self.level.take_first() {
                self.in_hand = states;
                for at in 0..self.in_hand.len() {
                    let state = self.in_hand[at];
                    result = self.expand(number, &state, wanted, &mut scratch, &mut edges, &mut tally);
                    if result.is_err() {
                        break;
                    }
                    number += 1;
                }
                expanded += self.in_hand.len() as u64;
                if result.is_err() {
                    break;
                }
                if let Some(progress) = self.limits.progress.filter(|_| reported.elapsed() >= REPORT_EVERY) {
                    reported = Instant::now();
                    progress(&Progress::At {
                        states: self.summary.states,
                        read: 0,
                        depth: self.summary.depth,
                        frontier,
                        expanded,
                        elapsed: started.elapsed(),
                        bytes: self.bytes(),
                    });
                }
            }
            self.in_hand = Vec::new();
            self.summary.add(&tally);
            result?;
        }
        Ok(())
    }

    /// Looks at all that a state leads to; the state is the one of this number.
    fn expand(
        &mut self,
        number: u64,
        state: &T::State,
        wanted: Marks,
        scratch: &mut T::Scratch,
        edges: &mut Vec<Edge<T::State>>,
        tally: &mut Tally<T::State>,
    ) -> Result<(), End> {
        edges.clear();
        self.system.edges(scratch, state, |edge| edges.push(edge)).map_err(End::Unrepresentable)?;
        if edges.is_empty() && !self.system.may_stop(state) {
            tally.deadlocks += 1;
            if self.deadlock.is_none() && self.summary.deadlock.is_none() {
                (self.deadlock, tally.deadlock) = (Some(number), Some(*state));
            }
        }
        // Where there is no room for what an edge leads to, it is looked at all the same, and so are the others of the state.
        let mut result = Ok(());
        for (ordinal, edge) in (0u32..).zip(&*edges) {
            tally.transitions += 1;
            let new = edge.marks & wanted & !tally.marks;
            if new != 0 {
                tally.sight(new, Sighting { state: *state, ordinal });
                self.places.extend((0..64).filter(|mark| new >> mark & 1 != 0).map(|mark| (mark, number)));
            }
            tally.marks |= edge.marks;
            if ordinal >> ORDINAL != 0 {
                return Err(End::Unrepresentable(Unrepresentable("an edge beyond the first million of a state")));
            }
            result = result.and_then(|()| self.insert(edge.after, number, ordinal));
        }
        result?;
        if self.limits.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            return Err(End::Interrupted);
        }
        if self.summary.states > self.limits.max_states {
            return Err(End::MaxStates);
        }
        Ok(())
    }

    /// The path to a state, taken again from its start.
    fn path(&self, place: u64) -> Option<Path<T::State>> {
        let mut ordinals = Vec::new();
        let mut at = place;
        let starts = self.system.initial();
        while at >= self.summary.levels[0] {
            let record = self.parents.get(at as usize)?;
            ordinals.push((record & ((1 << ORDINAL) - 1)) as u32);
            at = record >> ORDINAL;
        }
        // The number of a start is its place among those that were not taken for others.
        let mut state = *starts.get((self.parents.get(at as usize)? >> ORDINAL) as usize)?;
        let mut scratch = self.system.scratch();
        let mut steps = Vec::new();
        for ordinal in ordinals.into_iter().rev() {
            let (mut number, mut after) = (0, None);
            let visit = |edge: Edge<T::State>| {
                if number == ordinal {
                    after = Some(edge.after);
                }
                number += 1;
            };
            self.system.edges(&mut scratch, &state, visit).ok()?;
            steps.push(Sighting { state, ordinal });
            state = after?;
        }
        Some(Path { steps })
    }
}
