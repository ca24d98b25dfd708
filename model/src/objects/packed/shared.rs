//! What there is one of, whoever runs: buffers, locks, supervisors, names, the message followed, what was made, what is locked down, the mode, attack steps. It lies behind the entries of the process table, the
//! attack steps at the very end.

use super::super::Objects;
use super::super::buffers::Given;
use super::super::precondition::Precondition;
use super::super::state::{Followed, LockState, Name, Queue, State};
use super::bits::{Fields, Reader, Source, width};
use super::{Codec, from_entry, halves, to_entry};
use crate::guarantee::GuaranteeId;
use crate::system::{BufferId, ModeId, ProcessId};

impl Codec {
    pub(super) fn put_shared(&self, state: &State, writer: &mut impl Fields) {
        for (queue, fields) in state.buffers.iter().zip(&self.buffers) {
            fields.put(queue, writer);
        }
        for lock in &state.locks {
            let owner = match lock {
                LockState::Free => 0,
                LockState::Orphaned => 1,
                LockState::Held(context) => u64::from(*context) + 2,
            };
            writer.put(owner, self.lock);
        }
        for supervisor in &state.supervisors {
            writer.put(from_entry(*supervisor), self.widths.entry);
        }
        state.names.iter().for_each(|name| self.names.put(*name, writer));
        self.followed.put(state.followed, writer);
        let bits = state.made.iter().chain(&state.locked_down);
        bits.for_each(|bit| writer.put(u64::from(*bit), 1));
        writer.put(u64::from(state.mode.0), self.widths.mode);
    }

    pub(super) fn unpack_shared(&self, words: &[u64], state: &mut State) {
        let mut reader = Reader::new(words, self.slots * self.slot_bits);
        for (queue, fields) in state.buffers.iter_mut().zip(&self.buffers) {
            *queue = fields.take(&mut reader);
        }
        for lock in &mut state.locks {
            *lock = match reader.take(self.lock) {
                0 => LockState::Free,
                1 => LockState::Orphaned,
                owner => LockState::Held((owner - 2) as u16),
            };
        }
        for supervisor in &mut state.supervisors {
            *supervisor = to_entry(reader.take(self.widths.entry));
        }
        for name in &mut state.names {
            *name = self.names.take(&mut reader);
        }
        state.followed = self.followed.take(&mut reader);
        for bit in state.made.iter_mut().chain(&mut state.locked_down) {
            *bit = reader.take(1) != 0;
        }
        state.mode = ModeId(reader.take(self.widths.mode) as u8);
        state.attack_steps = self.attack_depth.map(|_| reader.take(self.widths.attack_steps) as u8);
    }
}

/// How a buffer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueFields {
    queued: u32,
    /// Nothing, where the limit is always the same:
    limit: u32,
    /// Of whether one is taken, and of whom it is attached to; nothing, where that is always the same:
    taken: u32,
    attached: u32,
    /// as in this.
    empty: Queue,
}

/// How names are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameFields {
    /// So many of them, each:
    pub(super) many: usize,
    /// nobody, somebody who is gone, or an entry;
    whom: u32,
    /// and who may have its number.
    heirs: u32,
}

pub(super) fn name_fields(objects: &Objects) -> NameFields {
    let table = objects.system.process_table;
    NameFields {
        many: objects.named.len(),
        whom: width(u64::from(table) + 1),
        heirs: if objects.recycles() { table.into() } else { 0 },
    }
}

impl NameFields {
    pub(super) fn width(&self) -> u32 {
        (self.whom + self.heirs) * self.many as u32
    }

    fn put(&self, name: Name, writer: &mut impl Fields) {
        let (whom, heirs) = match name {
            Name::Nobody => (0, 0),
            Name::Was(heirs) => (1, heirs),
            Name::Is(slot) => (u64::from(slot) + 2, 0),
        };
        let (low, high) = halves(self.heirs);
        writer.put(whom, self.whom);
        writer.put(heirs & u64::from(u32::MAX), low);
        writer.put(heirs >> 32, high);
    }

    fn take(&self, reader: &mut impl Source) -> Name {
        let (low, high) = halves(self.heirs);
        let whom = reader.take(self.whom);
        let heirs = reader.take(low) | reader.take(high) << 32;
        match whom {
            0 => Name::Nobody,
            1 => Name::Was(heirs),
            slot => Name::Is((slot - 2) as u8),
        }
    }
}

/// How the ghost of G15 is packed: a buffer, and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FollowedFields {
    buffer: u32,
    place: u32,
}

/// Nothing of it, where no message is ever followed.
pub(super) fn followed_fields(objects: &Objects) -> FollowedFields {
    if objects.acknowledged == 0 || !objects.watched.contains(GuaranteeId::G15) {
        return FollowedFields { buffer: 0, place: 0 };
    }
    let longest = objects.given.iter().map(|given| u64::from(most_messages(objects, given))).max().unwrap_or(0);
    FollowedFields { buffer: width(objects.given.len() as u64 - 1), place: width(longest + 3) }
}

impl FollowedFields {
    pub(super) fn width(&self) -> u32 {
        self.buffer + self.place
    }

    fn put(&self, followed: Followed, writer: &mut impl Fields) {
        let (buffer, place) = match followed {
            Followed::Nowhere => (0, 0),
            Followed::Lost => (0, 1),
            Followed::Taken(buffer) => (buffer.0, 2),
            Followed::Queued(buffer, before) => (buffer.0, u64::from(before) + 3),
        };
        writer.put(buffer.into(), self.buffer);
        writer.put(place, self.place);
    }

    fn take(&self, reader: &mut impl Source) -> Followed {
        let buffer = BufferId(reader.take(self.buffer) as u8);
        match reader.take(self.place) {
            0 => Followed::Nowhere,
            1 => Followed::Lost,
            2 => Followed::Taken(buffer),
            place => Followed::Queued(buffer, (place - 3) as u8),
        }
    }
}

/// How many messages a buffer can hold.
fn most_messages(objects: &Objects, given: &Given) -> u8 {
    let by_pool = given.pool.filter(|_| !objects.omits(Precondition::PoolRoom)).map_or(u8::MAX, |pool| pool.limit);
    let by_limit = if objects.omits(Precondition::Room) { u8::MAX } else { given.largest };
    by_pool.min(by_limit)
}

/// How each buffer is packed.
pub(super) fn queue_fields(objects: &Objects) -> Vec<QueueFields> {
    let of = |given: &Given| QueueFields {
        queued: width(u64::from(most_messages(objects, given))),
        limit: if given.adjustable { width(u64::from(given.largest)) } else { 0 },
        taken: u32::from(given.acknowledged),
        attached: if given.acknowledged { width(objects.system.processes.len() as u64) } else { 0 },
        empty: given.empty,
    };
    objects.given.iter().map(of).collect()
}

impl QueueFields {
    pub(super) fn width(&self) -> u32 {
        self.queued + self.limit + self.taken + self.attached
    }

    fn put(&self, queue: &Queue, writer: &mut impl Fields) {
        writer.put(u64::from(queue.queued), self.queued);
        if self.limit > 0 {
            writer.put(u64::from(queue.limit), self.limit);
        } else {
            writer.lose_if(queue.limit != self.empty.limit);
        }
        writer.put(u64::from(queue.taken), self.taken);
        if self.attached > 0 {
            writer.put(queue.attached.map_or(0, |process| u64::from(process.0) + 1), self.attached);
        } else {
            writer.lose_if(queue.attached != self.empty.attached);
        }
    }

    fn take(&self, reader: &mut impl Source) -> Queue {
        let queued = reader.take(self.queued) as u8;
        let limit = if self.limit > 0 { reader.take(self.limit) as u8 } else { self.empty.limit };
        let taken = reader.take(self.taken) != 0;
        let attached = match self.attached {
            0 => self.empty.attached,
            width => reader.take(width).checked_sub(1).map(|process| ProcessId(process as u8)),
        };
        Queue { queued, limit, taken, attached }
    }
}
