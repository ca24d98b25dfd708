//! What a step may have changed: so that whoever keeps a copy of a state, or a packed form of it, need look only there.

use super::state::{ProcessSlot, State};
use super::{Objects, each};

/// What a step may have changed. What is not in it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touched {
    /// Entries of the process table, each with its contexts, a bit each.
    pub slots: u64,
    /// The buffers, the supervisors, or the number of attack steps.
    pub shared: bool,
}

impl Objects {
    /// Makes `to` equal to `from` again, of which it is a copy but for what was touched.
    pub fn copy_touched(&self, touched: Touched, from: &State, to: &mut State) {
        for slot in each(touched.slots) {
            to.processes[slot] = from.processes[slot];
            let contexts = self.contexts_of(slot as ProcessSlot);
            to.contexts[contexts.clone()].copy_from_slice(&from.contexts[contexts]);
        }
        if touched.shared {
            to.buffers.copy_from_slice(&from.buffers);
            to.supervisors.copy_from_slice(&from.supervisors);
            to.attack_steps = from.attack_steps;
        }
    }
}
