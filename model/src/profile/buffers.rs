//! Axis *buffers offered*: which kinds of buffer the kernel has. A kind is a capacity rule, an overflow rule, and when and by whom a
//! message is processed.
//!
//! A set of kinds; a larger set claims nothing. Where a scenario declares a buffer of a kind that is not offered, the kernel is given the
//! [nearest](Buffers::nearest) one that is, as a port to it would; the guarantees on buffers then speak of what was declared.
//!
//! Sources: `pipe(7)`, `unix(7)`, `mq_overview(7)`, `eventfd(2)`, `signal(7)` ("standard signals do not queue"; "real-time
//! signals … multiple instances … can be queued"; SIGKILL "cannot be caught, blocked, or ignored"), `getrlimit(2)` on
//! RLIMIT_SIGPENDING; the seL4 reference manual on endpoints and notifications.

use serde::{Serialize, Serializer};

use crate::system::{Buffer, By, Overflow, When};

/// What says how many messages fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapacityRule {
    /// None: sender and receiver meet.
    Rendezvous,
    /// One.
    One,
    /// A number, when the buffer is made.
    Fixed,
    /// A number that may be changed later.
    RunTimeLimit,
    /// What a pool has left that several buffers draw on.
    SharedPool,
}

impl CapacityRule {
    /// Can a buffer with this rule do what `other` asks for?
    fn covers(self, other: Self) -> bool {
        match self {
            Self::Fixed => matches!(other, Self::One | Self::Fixed),
            Self::RunTimeLimit => matches!(other, Self::One | Self::Fixed | Self::RunTimeLimit),
            Self::Rendezvous | Self::One | Self::SharedPool => self == other,
        }
    }
}

/// A kind of buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferKind {
    /// How many messages fit.
    pub capacity: CapacityRule,
    /// What happens to one more.
    pub overflow: Overflow,
    /// When a message is processed.
    pub when: When,
    /// By whom.
    pub by: By,
}

impl BufferKind {
    /// Of a message that waits until somebody asks for it.
    pub const fn polled(capacity: CapacityRule, overflow: Overflow) -> Self {
        Self { capacity, overflow, when: When::Deferred, by: By::Polled }
    }

    /// Of a message that is processed at the receiver's next dispatch, unasked.
    pub const fn signal(capacity: CapacityRule, overflow: Overflow) -> Self {
        Self { capacity, overflow, when: When::Deferred, by: By::Automatic }
    }

    /// Of a message that is processed at once.
    pub const fn immediate(capacity: CapacityRule, overflow: Overflow) -> Self {
        Self { capacity, overflow, when: When::Immediate, by: By::Automatic }
    }

    /// The kind that is declared; `changes` if programs change its limit.
    pub fn of(buffer: &Buffer, changes: bool) -> Self {
        let capacity = match (buffer.pool, buffer.capacity) {
            (Some(_), _) => CapacityRule::SharedPool,
            (None, _) if changes => CapacityRule::RunTimeLimit,
            (None, 0) => CapacityRule::Rendezvous,
            (None, 1) => CapacityRule::One,
            (None, _) => CapacityRule::Fixed,
        };
        Self { capacity, overflow: buffer.overflow, when: buffer.when, by: buffer.by }
    }

    /// Does a buffer of this kind do all that `other` asks for?
    pub fn covers(self, other: Self) -> bool {
        self.capacity.covers(other.capacity) && self.but_capacity() == other.but_capacity()
    }

    fn but_capacity(self) -> (Overflow, When, By) {
        (self.overflow, self.when, self.by)
    }

    /// How near it comes to `other`: what counts more first.
    fn nearness(self, other: Self) -> [bool; 5] {
        let blocks = |kind: Self| kind.overflow == Overflow::Block;
        [
            self.when == other.when,
            self.by == other.by,
            blocks(self) == blocks(other),
            self.overflow == other.overflow,
            self.capacity.covers(other.capacity),
        ]
    }
}

/// A set of kinds, in the order in which one looks through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buffers {
    /// Every kind.
    Every,
    /// These, by a name for all.
    Only(&'static str, &'static [BufferKind]),
}

impl Buffers {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Every => "every kind",
            Self::Only(name, _) => name,
        }
    }

    /// Is every kind of this set in the other?
    pub fn within(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Every) => true,
            (Self::Every, _) => false,
            (Self::Only(_, kinds), Self::Only(_, others)) => kinds.iter().all(|kind| others.contains(kind)),
        }
    }

    /// The kind that a declared one becomes: itself if it is offered; otherwise the nearest of those offered, where it
    /// matters most when a message is processed, then by whom, then whether a sender can be made to wait, then the overflow rule, then
    /// the capacity. None if nothing is offered.
    pub fn nearest(self, declared: BufferKind) -> Option<BufferKind> {
        let Self::Only(_, kinds) = self else { return Some(declared) };
        if kinds.iter().any(|kind| kind.covers(declared)) {
            return Some(declared);
        }
        let nearest = |best: BufferKind, kind: BufferKind| {
            if kind.nearness(declared) > best.nearness(declared) { kind } else { best }
        };
        kinds.iter().copied().reduce(nearest)
    }
}

impl Serialize for Buffers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_offered_becomes_what_is_nearest() {
        const PIPE: BufferKind = BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Block);
        const NONBLOCKING: BufferKind = BufferKind::polled(CapacityRule::RunTimeLimit, Overflow::Refuse);
        const SIGNAL: BufferKind = BufferKind::signal(CapacityRule::One, Overflow::Coalesce);
        let offered = Buffers::Only("some", &[PIPE, NONBLOCKING, SIGNAL]);
        let one = BufferKind::polled(CapacityRule::One, Overflow::Block);
        assert_eq!(offered.nearest(one), Some(one), "a pipe can have room for one message");
        let ring = BufferKind::polled(CapacityRule::Fixed, Overflow::DropOldest);
        assert_eq!(offered.nearest(ring), Some(NONBLOCKING), "rather refused than made to wait");
        let queued = BufferKind::signal(CapacityRule::SharedPool, Overflow::Refuse);
        assert_eq!(offered.nearest(queued), Some(SIGNAL), "rather merged than left to be asked for");
        let kill = BufferKind::immediate(CapacityRule::One, Overflow::Coalesce);
        assert_eq!(offered.nearest(kill), Some(SIGNAL));
        let meeting = BufferKind::polled(CapacityRule::Rendezvous, Overflow::Block);
        assert_eq!(offered.nearest(meeting), Some(PIPE));
        assert_eq!(Buffers::Every.nearest(meeting), Some(meeting));
        assert_eq!(Buffers::Only("none", &[]).nearest(one), None);
        assert!(offered.within(Buffers::Every) && !Buffers::Every.within(offered));
        assert!(!offered.within(Buffers::Only("fewer", &[PIPE, SIGNAL])));
    }
}
