//! Successors on their way into the table: those that are not known to be in it already.
//!
//! Most of what a state leads to was met a moment ago, and nobody can foretell which: a branch on it would be mispredicted
//! at every third edge. So there is none: each successor is written both where the next one goes and into the filter,
//! and only the count depends on whether it was met.

use super::seen::{BATCH, Candidate, hash};
use super::system::Packed;

/// So many are gathered before they are inserted.
pub(super) const ENOUGH: usize = 32 * BATCH;
/// Bytes of the filter.
const FILTER_BYTES: usize = 1 << 17;

/// What was gathered, and a filter of states met a moment ago, one for each of some bits of the hash. The filter is exact:
/// what it knows is gathered, or was.
#[derive(Debug)]
pub(super) struct Gather<S> {
    /// The first `count` are gathered; what follows is room, and there is always some.
    room: Vec<Candidate<S>>,
    count: usize,
    met: Vec<S>,
}

impl<S: Packed> Gather<S> {
    /// Nothing yet; `known` is any state that is in the table.
    pub(super) fn new(known: S) -> Self {
        let fit = FILTER_BYTES / size_of::<S>();
        let size = if fit.is_power_of_two() { fit } else { fit.next_power_of_two() / 2 };
        let met = vec![known; size.max(1)];
        let known = Candidate { hash: hash(&known), state: known };
        Self { room: vec![known; 2 * ENOUGH], count: 0, met }
    }

    /// Bytes that one needs.
    pub(super) fn bytes() -> u64 {
        (FILTER_BYTES + 2 * ENOUGH * size_of::<Candidate<S>>()) as u64
    }

    /// Gathers a state, unless it was met a moment ago.
    #[inline]
    pub(super) fn add(&mut self, state: S) {
        let candidate = Candidate { hash: hash(&state), state };
        let last = candidate.hash as usize & (self.met.len() - 1);
        let new = differ(&self.met[last], &candidate.state);
        self.met[last] = candidate.state;
        self.room[self.count] = candidate;
        self.count += usize::from(new);
        if self.count == self.room.len() {
            self.grow();
        }
    }

    /// A state may have any number of successors.
    #[cold]
    fn grow(&mut self) {
        let more = self.room.len();
        self.room.extend_from_within(..more);
    }

    /// Is there enough to be inserted?
    #[inline]
    pub(super) fn is_enough(&self) -> bool {
        self.count >= ENOUGH
    }

    /// What was gathered.
    #[inline]
    pub(super) fn candidates(&self) -> &[Candidate<S>] {
        &self.room[..self.count]
    }

    /// The first so many were inserted.
    pub(super) fn inserted(&mut self, done: usize) {
        self.room.copy_within(done..self.count, 0);
        self.count -= done;
    }
}

/// Without a branch.
#[inline]
fn differ<S: Packed>(one: &S, other: &S) -> bool {
    (0..S::WORDS).fold(0, |difference, word| difference | (one.word(word) ^ other.word(word))) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(gather: &Gather<[u64; 1]>) -> Vec<u64> {
        gather.candidates().iter().map(|candidate| candidate.state[0]).collect()
    }

    #[test]
    fn what_was_met_a_moment_ago_is_not_gathered_again() {
        let mut gather = Gather::new([0]);
        for state in [0, 1, 2, 1, 2, 3, 0, 3] {
            gather.add([state]);
        }
        assert_eq!(states(&gather), [1, 2, 3]);
        gather.inserted(2);
        assert_eq!(states(&gather), [3]);
        gather.add([1]);
        gather.add([4]);
        assert_eq!(states(&gather), [3, 4]);
    }

    #[test]
    fn what_the_filter_had_to_forget_is_gathered_again() {
        let mut gather = Gather::new([0_u64]);
        let slot = |state: u64, size: usize| hash(&[state]) as usize & (size - 1);
        let size = gather.met.len();
        let rival = (2..).find(|state| slot(*state, size) == slot(1, size)).expect("there are more states than slots");
        for state in [1, rival, 1, 1, rival] {
            gather.add([state]);
        }
        assert_eq!(states(&gather), [1, rival, 1, rival]);
    }

    #[test]
    fn states_that_differ_in_any_word_are_different() {
        let mut gather = Gather::new([0_u64; 3]);
        let one = [1_u64, 2, 3];
        for state in [[0, 2, 3], [1, 0, 3], [1, 2, 0]] {
            assert!(differ(&one, &state), "{state:?}");
        }
        assert!(!differ(&one, &one));
        gather.add([0; 3]);
        assert_eq!(gather.candidates().len(), 0);
    }

    #[test]
    fn any_number_of_successors_finds_room() {
        let mut gather = Gather::new([0]);
        for state in 1..=10 * ENOUGH as u64 {
            gather.add([state]);
        }
        assert!(gather.is_enough());
        assert_eq!(states(&gather), (1..=10 * ENOUGH as u64).collect::<Vec<_>>());
    }
}
