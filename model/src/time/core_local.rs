//! What a core keeps for whoever runs on it, and nobody names: caches, translation and prediction buffers. One component stands for all of it: of
//! which process it is full, and how much that still has to fill in again.
//!
//! A process that computes where another has computed since fills it in first, which takes `refill` longer ([`System::refill`]). So how long a
//! process takes tells what others did, unless a kernel empties it at each switch of partitions: then it is filled in again every time. A
//! step that takes no time leaves nothing, and an idle core keeps what it has.
//!
//! Source: Q. Ge, Y. Yarom, T. Chothia, G. Heiser, *Time protection: the missing OS abstraction*, EuroSys 2019, where what cannot be divided
//! among domains is flushed at a switch.
//!
//! [`System::refill`]: crate::system::System::refill

use crate::coding::Coder;
use crate::objects::ProcessSlot;
use crate::units::Nanos;

/// What a core keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CoreLocal {
    /// Of whom it is.
    of: Option<ProcessSlot>,
    /// How long that has still to fill it in.
    left: Nanos,
}

impl CoreLocal {
    /// How long the process has to fill it in before it goes on.
    pub fn to_fill(self, process: ProcessSlot, refill: Nanos) -> Nanos {
        if self.of == Some(process) { self.left } else { refill }
    }

    /// The process has the core for so long; how much of that is left to go on.
    #[must_use]
    pub fn fill(&mut self, process: ProcessSlot, refill: Nanos, duration: Nanos) -> Nanos {
        let to_fill = self.to_fill(process, refill);
        let filled = to_fill.min(duration);
        *self = Self { of: Some(process), left: Nanos(to_fill.0 - filled.0) };
        Nanos(duration.0 - filled.0)
    }

    /// Nothing is kept any more; of a process that is no more, what it has left is nobody's.
    pub fn empty(&mut self) {
        *self = Self::default();
    }

    /// Of whom it is, if of anybody.
    pub fn of(self) -> Option<ProcessSlot> {
        self.of
    }

    /// Writes it, or reads it.
    pub fn code(&mut self, processes: usize, refill: Nanos, coder: &mut impl Coder) {
        let of = coder.maybe(self.of.map(u64::from), processes.saturating_sub(1) as u64);
        self.of = of.map(|of| of as ProcessSlot);
        self.left = coder.time(self.left, refill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFILL: Nanos = Nanos(3);

    #[test]
    fn whoever_comes_after_another_fills_it_in() {
        let mut core = CoreLocal::default();
        assert_eq!(core.fill(0, REFILL, Nanos(5)), Nanos(2), "it was empty");
        assert_eq!(core.fill(0, REFILL, Nanos(5)), Nanos(5), "it is its own");
        assert_eq!(core.fill(1, REFILL, Nanos(2)), Nanos(0));
        assert_eq!((core.to_fill(1, REFILL), core.to_fill(0, REFILL)), (Nanos(1), REFILL));
        assert_eq!(core.fill(1, REFILL, Nanos(2)), Nanos(1), "it goes on where it was");
        core.empty();
        assert_eq!(core.to_fill(1, REFILL), REFILL);
    }
}
