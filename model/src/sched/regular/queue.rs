//! Ready contexts in the order in which they queued, and who of them is a tie.
//!
//! Whoever becomes ready joins at the end; those that do so at one instant are a *group*, in which a context's number decides nothing: if several of
//! them are wanted equally, it is a tie for the resolver. Whoever it then chooses is before the others of its group from then on, as it would be had it been the
//! first to arrive. What a scheduler itself sends to the end is no tie with anybody.
//!
//! # Invariants
//! - A context is there once.
//! - Within a group, contexts are in the order of their numbers, so that equal situations are equal states.

use crate::objects::ContextSlot;

/// A ready context, with what its scheduler keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry<T> {
    /// Which.
    pub context: ContextSlot,
    /// Of the same group as the entry before it?
    with_previous: bool,
    /// What is kept.
    pub of: T,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Queue<T> {
    entries: Vec<Entry<T>>,
    /// Does whoever joins now belong to the last group?
    open: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), open: false }
    }
}

impl<T> Queue<T> {
    /// The entries, the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry<T>> {
        self.entries.iter_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nobody there?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is kept of a context, if it is there.
    pub fn get(&self, context: ContextSlot) -> Option<&T> {
        self.entries.iter().find(|entry| entry.context == context).map(|entry| &entry.of)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, context: ContextSlot) -> Option<&mut T> {
        self.entries.iter_mut().find(|entry| entry.context == context).map(|entry| &mut entry.of)
    }

    /// A context has become ready.
    pub fn join(&mut self, context: ContextSlot, of: T) {
        let first = match self.entries.iter().rposition(|entry| !entry.with_previous) {
            Some(first) if self.open => first,
            _ => self.entries.len(),
        };
        let place = self.entries[first..].partition_point(|entry| entry.context < context) + first;
        self.entries.insert(place, Entry { context, with_previous: place > first, of });
        if place == first
            && let Some(next) = self.entries.get_mut(first + 1)
        {
            next.with_previous = true;
        }
        self.open = true;
    }

    /// A context goes to the end, behind all who are there.
    pub fn append(&mut self, context: ContextSlot, of: T) {
        self.entries.push(Entry { context, with_previous: false, of });
        self.open = false;
    }

    /// A context goes to the beginning, before all who are there.
    pub fn prepend(&mut self, context: ContextSlot, of: T) {
        self.open &= !self.entries.is_empty();
        self.entries.insert(0, Entry { context, with_previous: false, of });
    }

    /// A context is no longer there.
    pub fn remove(&mut self, context: ContextSlot) -> Option<T> {
        let place = self.entries.iter().position(|entry| entry.context == context)?;
        let removed = self.entries.remove(place);
        match self.entries.get_mut(place) {
            Some(next) => next.with_previous &= removed.with_previous,
            // Its group is empty: whoever joins now does not join the one before it.
            None if !removed.with_previous => self.open = false,
            None => {}
        }
        Some(removed.of)
    }

    /// A context was chosen among its group: it has come first.
    pub fn choose(&mut self, context: ContextSlot) {
        let Some(place) = self.entries.iter().position(|entry| entry.context == context) else { return };
        let first = self.entries[..=place].iter().rposition(|entry| !entry.with_previous).unwrap_or(0);
        self.entries[first..=place].rotate_right(1);
        for (index, entry) in self.entries[first..=place].iter_mut().enumerate() {
            entry.with_previous = index > 1;
        }
        match self.entries.get_mut(place + 1) {
            Some(next) if place == first => next.with_previous = false,
            Some(_) => {}
            None if place == first => self.open = false,
            None => {}
        }
    }

    /// Time passes.
    pub fn pass(&mut self) {
        self.open = false;
    }

    /// Whom the largest key belongs to: the earliest, and whoever of its group has it too. Who has no key is not wanted.
    pub fn wanted<K: Ord>(&self, key: impl Fn(&Entry<T>) -> Option<K>) -> Vec<ContextSlot> {
        let Some(most) = self.entries.iter().filter_map(&key).max() else { return Vec::new() };
        let has = |entry: &Entry<T>| key(entry).as_ref() == Some(&most);
        let Some(first) = self.entries.iter().position(has) else { return Vec::new() };
        let together = self.entries[first + 1..].iter().take_while(|entry| entry.with_previous);
        let together = together.filter(|entry| has(entry)).map(|entry| entry.context);
        std::iter::once(self.entries[first].context).chain(together).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(instants: &[&[ContextSlot]]) -> Queue<u8> {
        let mut queue = Queue::default();
        for instant in instants {
            instant.iter().for_each(|context| queue.join(*context, 0));
            queue.pass();
        }
        queue
    }

    fn order(queue: &Queue<u8>) -> Vec<(ContextSlot, bool)> {
        queue.iter().map(|entry| (entry.context, entry.with_previous)).collect()
    }

    #[test]
    fn who_comes_together_is_a_tie_whatever_its_number() {
        let one = queue(&[&[3, 1], &[0, 2]]);
        assert_eq!(one, queue(&[&[1, 3], &[2, 0]]));
        assert_eq!(order(&one), [(1, false), (3, true), (0, false), (2, true)]);
        assert_eq!(one.wanted(|_| Some(())), [1, 3]);
        assert_eq!(one.wanted(|entry| (entry.context != 1).then_some(())), [3]);
        assert_eq!(one.wanted(|entry| (entry.context % 2 == 0).then_some(entry.context)), [2]);
        assert_eq!(one.wanted(|_| None::<u8>), [0; 0]);
    }

    #[test]
    fn who_was_chosen_is_before_its_group() {
        let mut three = queue(&[&[0, 1, 2]]);
        three.choose(2);
        assert_eq!(order(&three), [(2, false), (0, false), (1, true)]);
        three.choose(0);
        assert_eq!(order(&three), [(2, false), (0, false), (1, false)]);
        let mut open = Queue::default();
        open.join(4, 0);
        open.choose(4);
        open.join(5, 0);
        assert_eq!(order(&open), [(4, false), (5, false)], "the one that was chosen was there before");
        open.choose(5);
        open.join(3, 0);
        assert_eq!(order(&open), [(4, false), (5, false), (3, false)]);
    }

    #[test]
    fn who_is_sent_to_an_end_is_no_tie() {
        let mut queue = queue(&[&[0, 1]]);
        let zero = queue.remove(0).unwrap();
        assert_eq!(order(&queue), [(1, false)]);
        queue.append(0, zero);
        queue.join(2, 0);
        queue.join(3, 0);
        assert_eq!(order(&queue), [(1, false), (0, false), (2, false), (3, true)]);
        queue.prepend(4, 0);
        queue.join(5, 0);
        assert_eq!(order(&queue)[4..], [(3, true), (5, true)]);
        queue.remove(2);
        queue.remove(3);
        queue.remove(5);
        queue.join(6, 0);
        assert_eq!(order(&queue), [(4, false), (1, false), (0, false), (6, false)], "no tie with the one before");
    }
}
