//! Relations between processes that decide when they run, read off what a scenario declares: nothing is explored.
//!
//! A relation is **static** (a window, a binding: it never changes), **predefined** (a mode: it changes in ways that are known beforehand), or
//! **free** (made by running: who takes a lock, who waits for whose message). [`graph`] has them all, as a graph; on it stand
//! - [`circles`]: who may come to wait for whom in a circle, and what keeps the circle from closing;
//! - [`chains`]: the longest computing from a release through buffers to the last consumer, against deadlines;
//! - [`changes`]: what a declared change of mode may break;
//! - [`sight`]: who waits for somebody less urgent, and what a scheduler gains that sees it.
//!
//! What is said here is of the declarations, every way through a program taken as possible. So what is *not* found cannot happen, and
//! what is found may not: that the checker decides (G21 for circles, G18 for chains).

mod breaks;
pub mod chains;
pub mod changes;
pub mod circles;
pub mod graph;
mod several;
pub mod sight;

use crate::objects::{Declared, Objects, Wait};

/// What a context waits for, in words, without who would have to give it.
pub fn awaited(objects: &Objects, wait: Wait) -> String {
    let system = objects.system();
    let buffer = |buffer: crate::system::BufferId| &system.buffers[buffer.index()].name;
    match wait {
        Wait::Lock(lock) => format!("the lock `{}`", system.locks[lock.index()].name),
        Wait::Room(id) => format!("room in `{}`", buffer(id)),
        Wait::Message(id) => format!("a message in `{}`", buffer(id)),
        Wait::WakeUp(id) => format!("a message to come to `{}`", buffer(id)),
        Wait::Child(process) => format!("the end of `{}`", system.processes[process.index()].name),
        Wait::Attachment(id) => format!("the end of the receiver of `{}`", buffer(id)),
    }
}

/// The fixed priority that a context is declared with; whoever has none is below all others.
pub(crate) fn priority(objects: &Objects, (process, index): Declared) -> Option<u32> {
    let by = objects.system().processes[process.index()].contexts[index].schedule?;
    Some(objects.system().scheduling_contexts[by.index()].priority)
}
