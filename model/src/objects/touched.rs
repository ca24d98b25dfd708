//! What a step may have changed: so that whoever keeps a copy of a state, or a packed form of it, need look only there.

use super::state::{ContextSlot, ProcessSlot, State};
use super::{Objects, each};

/// What a step may have changed. What is not in it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touched {
    /// Entries of the process table, a bit each.
    pub entries: u64,
    /// Entries any of whose contexts may have changed, a bit each; among them every living process that was not there
    /// before, for what a context does is packed by a number that its process's program gives.
    pub contexts: u64,
    /// A single context beside them: mostly the one that took the step, and all that there is.
    pub context: Option<ContextSlot>,
    /// The buffers, the locks, the supervisors, the names, what was made, what is locked down, or the mode.
    pub shared: bool,
    /// The number of attack steps.
    pub attack_steps: bool,
}

impl Objects {
    /// Makes `to` equal to `from` again, of which it is a copy but for what was touched.
    pub fn copy_touched(&self, touched: Touched, from: &State, to: &mut State) {
        for slot in each(touched.entries) {
            to.processes[slot] = from.processes[slot];
        }
        if let Some(context) = touched.context.map(usize::from) {
            to.contexts[context] = from.contexts[context];
        }
        for slot in each(touched.contexts) {
            // There are few, and a call to copy them costs more than they do.
            let range = self.contexts_of(slot as ProcessSlot);
            for (to, from) in to.contexts[range.clone()].iter_mut().zip(&from.contexts[range]) {
                *to = *from;
            }
        }
        if touched.shared {
            to.buffers.copy_from_slice(&from.buffers);
            to.locks.copy_from_slice(&from.locks);
            to.followed = from.followed;
            to.supervisors.copy_from_slice(&from.supervisors);
            to.names.copy_from_slice(&from.names);
            to.made.copy_from_slice(&from.made);
            to.locked_down.copy_from_slice(&from.locked_down);
            to.mode = from.mode;
        }
        to.attack_steps = from.attack_steps;
    }
}
