//! Primitive `exact-descriptors`: the job starts with the listed descriptors at their numbers, and no other.
//!
//! Calls: `fcntl(F_DUPFD_CLOEXEC)` out of the way, `dup3` to the target, `close_range(CLOSE_RANGE_CLOEXEC)` over every
//! gap. Source: `close_range(2)` (flag: Linux 5.11), `dup(2)`, `execve(2)`.
//!
//! The scrub runs in the child, after the last moment at which a sibling thread of the supervisor could have opened
//! anything into this table: so no race of `open` against `fork` matters, and no discipline of the supervisor's code is
//! assumed. Marking instead of closing keeps the launch's own descriptors until `exec`, which closes them.
//! Holes: memory, working directory, root and credentials are inherited by other rules. Without the primitive the
//! lists are still placed, and whatever else is not close-on-exec comes along: that is Linux's default.

use std::os::fd::RawFd;

use super::sys::{self, Errno};

/// Which descriptors, made in the supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Source here, target in the job; targets are distinct.
    wanted: Vec<(RawFd, RawFd)>,
    /// What lies between the targets, first and last, both included.
    gaps: Vec<(u32, u32)>,
    /// The lowest number above every target.
    above: RawFd,
}

impl Table {
    /// From sources and distinct targets.
    pub(crate) fn new(mut wanted: Vec<(RawFd, RawFd)>) -> Self {
        wanted.sort_by_key(|(_, target)| *target);
        let mut gaps = Vec::new();
        let mut next = 0u32;
        for &(_, target) in &wanted {
            let target = target as u32;
            if target > next {
                gaps.push((next, target - 1));
            }
            next = target + 1;
        }
        gaps.push((next, u32::MAX));
        let above = wanted.last().map_or(3, |(_, target)| *target + 1).max(3);
        Self { wanted, gaps, above }
    }

    /// The lowest number above every target.
    pub(crate) fn above(&self) -> RawFd {
        self.above
    }

    /// After `clone`: puts every descriptor in its place. What is to survive until `exec` must be above already.
    pub(crate) fn place(&mut self) -> Result<(), Errno> {
        let above = self.above;
        for (source, _) in &mut self.wanted {
            *source = sys::duplicate_from(*source, above)?;
        }
        for (source, target) in &self.wanted {
            sys::duplicate_to(*source, *target)?;
        }
        Ok(())
    }

    /// After `place`: everything but the targets closes at `exec`.
    pub(crate) fn scrub(&self) -> Result<(), Errno> {
        for &(first, last) in &self.gaps {
            sys::close_range(first, last, sys::CLOSE_RANGE_CLOEXEC)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_is_not_listed() {
        let table = Table::new(vec![(9, 7), (5, 0), (5, 1), (5, 2), (8, 4)]);
        assert_eq!(table.gaps, [(3, 3), (5, 6), (8, u32::MAX)]);
        assert_eq!(table.above(), 8);
        assert_eq!(Table::new(vec![]).gaps, [(0, u32::MAX)]);
    }
}
