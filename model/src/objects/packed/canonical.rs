//! The canonical form of a packed state: of all states that differ only in which entry of the process table is which, one.
//!
//! A process refers to others by its parent alone, so the processes are a forest; beside them only a group refers to one, its
//! supervisor. Two processes are compared by what they are, their parents' numbers aside, and by the groups that they
//! supervise; then by their children, each with its own, in order. The entries are numbered on a walk down the forest so
//! ordered, and free ones come last. What compares equal is interchangeable, so the result is the same whatever the numbers were.
//!
//! The snapshot of a kill that walks refers to entries too and is not looked at: see [`Objects::asymmetry`](super::Objects::asymmetry).

use std::cmp::Ordering;

use super::bits::{MAX_WIDTH, window, write};
use super::{Codec, STATUS, from_entry, to_entry};
use crate::objects::each;
use crate::system::MAX_PROCESS_TABLE;

/// The end of a list of entries.
const NONE: u8 = u8::MAX;

/// Room to order the processes of a state in.
#[derive(Debug, Clone)]
pub struct Forest {
    /// Of each entry its bits but for the parent, and the groups that it supervises, a bit each;
    keys: Vec<u64>,
    /// so many words of them.
    key_words: usize,
    parents: [u8; MAX_PROCESS_TABLE],
    /// A bit each.
    children: [u64; MAX_PROCESS_TABLE],
    /// The children in order: the first,
    first: [u8; MAX_PROCESS_TABLE],
    /// and of each the one after it.
    next: [u8; MAX_PROCESS_TABLE],
    supervisors: Vec<u8>,
    /// The entries in order.
    order: Vec<u8>,
}

impl Codec {
    /// Room for [`Codec::make_canonical`].
    pub fn forest(&self) -> Forest {
        let key_words = self.entry_words() + self.groups.div_ceil(64);
        Forest {
            keys: vec![0; self.slots * key_words],
            key_words,
            parents: [NONE; MAX_PROCESS_TABLE],
            children: [0; MAX_PROCESS_TABLE],
            first: [NONE; MAX_PROCESS_TABLE],
            next: [NONE; MAX_PROCESS_TABLE],
            supervisors: vec![NONE; self.groups],
            order: Vec::with_capacity(self.slots),
        }
    }

    /// Makes a packed state canonical. A state whose processes are no forest is left as it is; none that can be reached is so.
    pub fn make_canonical(&self, words: &mut [u64], forest: &mut Forest) {
        let Some((used, roots)) = self.read_forest(words, forest) else { return };
        let first = forest.arrange(roots);
        forest.order.clear();
        forest.number(first);
        let in_order = (0u8..).zip(&forest.order).all(|(place, entry)| place == *entry);
        if !in_order && forest.order.len() == used.count_ones() as usize {
            self.write_forest(words, used, forest);
        }
    }

    fn entry_words(&self) -> usize {
        self.slot_bits.div_ceil(MAX_WIDTH as usize)
    }

    /// Where the bits of an entry are that make the words of its key, and how many.
    #[inline]
    fn pieces(&self, slot: usize) -> impl Iterator<Item = (usize, u32)> + use<> {
        let (at, bits) = (slot * self.slot_bits, self.slot_bits);
        (0..bits)
            .step_by(MAX_WIDTH as usize)
            .map(move |piece| (at + piece, (bits - piece).min(MAX_WIDTH as usize) as u32))
    }

    /// After how many bits of an entry its parent is.
    fn parent_at(&self) -> u32 {
        STATUS + self.widths.instance
    }

    /// After how many bits of a state a group's supervisor is.
    fn supervisor_at(&self, group: usize) -> usize {
        let before = self.buffers.iter().map(|fields| fields.width()).sum::<u32>() + self.lock * self.locks as u32;
        self.slots * self.slot_bits + before as usize + group * self.widths.entry as usize
    }

    /// The entries that are used, and those of them without a parent; none if a supervisor is no process.
    fn read_forest(&self, words: &[u64], forest: &mut Forest) -> Option<(u64, u64)> {
        let entry_mask = (1u64 << self.widths.entry) - 1;
        let (mut used, mut roots) = (0, 0);
        forest.children = [0; MAX_PROCESS_TABLE];
        for slot in 0..self.slots {
            let key = &mut forest.keys[slot * forest.key_words..][..forest.key_words];
            let (own, supervised) = key.split_at_mut(self.entry_words());
            for (word, (at, width)) in own.iter_mut().zip(self.pieces(slot)) {
                *word = window(words, at) & ((1 << width) - 1);
            }
            supervised.fill(0);
            let parent = to_entry(own[0] >> self.parent_at() & entry_mask);
            own[0] &= !(entry_mask << self.parent_at());
            if own[0] & ((1 << STATUS) - 1) == 0 {
                continue;
            }
            used |= 1 << slot;
            forest.parents[slot] = parent.unwrap_or(NONE);
            match parent {
                None => roots |= 1 << slot,
                Some(parent) => *forest.children.get_mut(usize::from(parent))? |= 1 << slot,
            }
        }
        for group in 0..self.groups {
            let supervisor = to_entry(window(words, self.supervisor_at(group)) & entry_mask);
            forest.supervisors[group] = supervisor.unwrap_or(NONE);
            if let Some(slot) = supervisor.map(usize::from) {
                if slot >= self.slots || used & 1 << slot == 0 {
                    return None;
                }
                forest.keys[slot * forest.key_words + self.entry_words() + group / 64] |= 1 << (group % 64);
            }
        }
        Some((used, roots))
    }

    fn write_forest(&self, words: &mut [u64], used: u64, forest: &Forest) {
        let mut number = [NONE; MAX_PROCESS_TABLE];
        for (place, entry) in (0u8..).zip(&forest.order) {
            number[usize::from(*entry)] = place;
        }
        let numbered = |entry: u8| from_entry(number.get(usize::from(entry)).copied());
        for (place, entry) in forest.order.iter().enumerate() {
            let key = &forest.keys[usize::from(*entry) * forest.key_words..];
            let parent = numbered(forest.parents[usize::from(*entry)]);
            let mut parent = parent << self.parent_at();
            for (word, (at, width)) in key.iter().zip(self.pieces(place)) {
                write(words, at, word | parent, width);
                parent = 0;
            }
        }
        for place in each(used).filter(|place| *place >= forest.order.len()) {
            self.pieces(place).for_each(|(at, width)| write(words, at, 0, width));
        }
        for (group, supervisor) in forest.supervisors.iter().enumerate() {
            write(words, self.supervisor_at(group), numbered(*supervisor), self.widths.entry);
        }
    }
}

impl Forest {
    /// Puts processes in order, and those below them; returns the first. There is no way round in what is below a root.
    fn arrange(&mut self, set: u64) -> u8 {
        let mut head = NONE;
        for entry in each(set) {
            self.first[entry] = self.arrange(self.children[entry]);
            let (mut before, mut at) = (NONE, head);
            while at != NONE && self.compare(at, entry as u8) != Ordering::Greater {
                (before, at) = (at, self.next[usize::from(at)]);
            }
            self.next[entry] = at;
            match before {
                NONE => head = entry as u8,
                before => self.next[usize::from(before)] = entry as u8,
            }
        }
        head
    }

    /// Compares two processes whose children are in order.
    fn compare(&self, one: u8, other: u8) -> Ordering {
        let (one, other) = (usize::from(one), usize::from(other));
        let key = |entry: usize| &self.keys[entry * self.key_words..][..self.key_words];
        key(one).cmp(key(other)).then_with(|| {
            let (mut one, mut other) = (self.first[one], self.first[other]);
            loop {
                match (one, other) {
                    (NONE, NONE) => return Ordering::Equal,
                    (NONE, _) => return Ordering::Less,
                    (_, NONE) => return Ordering::Greater,
                    _ => match self.compare(one, other) {
                        Ordering::Equal => {
                            (one, other) = (self.next[usize::from(one)], self.next[usize::from(other)]);
                        }
                        differs => return differs,
                    },
                }
            }
        })
    }

    /// Lists processes from this one on, each before those below it.
    fn number(&mut self, first: u8) {
        let mut at = first;
        while at != NONE {
            self.order.push(at);
            self.number(self.first[usize::from(at)]);
            at = self.next[usize::from(at)];
        }
    }
}
