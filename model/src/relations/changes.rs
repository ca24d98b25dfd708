//! What a declared change of mode may break. A task that the new mode does not name arrives no more; what is in progress goes on, and whoever is no
//! task goes on too (MODEL.md, Modes). So what can break is what the others expect of the jobs that no longer come.
//!
//! What is found is what may happen by the declarations; that a change must be thought of together with the resources that are shared across it is
//! in J. Real, A. Crespo, *Mode change protocols for real-time systems: a survey and a new proposal*, Real-Time Systems 26, 2004.

use std::collections::BTreeSet;

use crate::objects::{Declared, Objects, Operation, Wait, WaitPoint};
use crate::system::{BufferId, LockId, ModeId};

/// Something that a change may break.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// Whoever takes messages from the buffer is gone, and somebody who sends is not: it waits for room, or its messages pile up or are lost.
    NoReceiver(BufferId, Declared),
    /// Whoever sends to the buffer is gone, and somebody who waits for messages is not.
    NoSender(BufferId, Declared),
    /// A task that is gone may hold the lock at the end of its last job.
    LockKept(LockId, Declared),
    /// A task that is gone may hold the lock in its last job, and wait there for what only others can give that are gone.
    LockStuck(LockId, Declared, Declared),
}

/// A declared change, and what it may break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From this mode
    pub from: ModeId,
    /// to that.
    pub to: ModeId,
    /// The tasks that arrive no more,
    pub gone: Vec<Declared>,
    /// and those that arrive now.
    pub come: Vec<Declared>,
    /// What that may break.
    pub broken: Vec<Broken>,
}

impl Broken {
    /// As a sentence.
    pub fn sentence(&self, objects: &Objects) -> String {
        let system = objects.system();
        let buffer = |buffer: &BufferId| &system.buffers[buffer.index()].name;
        let lock = |lock: &LockId| &system.locks[lock.index()].name;
        let name = |of: &Declared| objects.declared_name(*of);
        match self {
            Self::NoReceiver(id, sender) => {
                let then = if objects.makes_a_sender_wait(*id) {
                    "waits for room as long as that mode lasts"
                } else {
                    "sends in vain"
                };
                format!("nobody takes messages from `{}` any more, and {} {then}", buffer(id), name(sender))
            }
            Self::NoSender(id, receiver) => {
                format!(
                    "nobody sends to `{}` any more, and {} waits as long as that mode lasts",
                    buffer(id),
                    name(receiver)
                )
            }
            Self::LockKept(id, holder) => {
                format!("{} may leave with the lock `{}`", name(holder), lock(id))
            }
            Self::LockStuck(id, holder, giver) => format!(
                "{} may leave with the lock `{}`, waiting for what {} no longer gives",
                name(holder),
                lock(id),
                name(giver)
            ),
        }
    }
}

/// Every declared change to another mode.
pub fn changes(objects: &Objects) -> Vec<Change> {
    let system = objects.system();
    let points = objects.wait_points();
    let modes = || (0u8..).zip(&system.modes).map(|(id, mode)| (ModeId(id), mode));
    let declared = modes().flat_map(|(from, mode)| mode.next.iter().map(move |to| (from, *to)));
    let declared: BTreeSet<(ModeId, ModeId)> = declared.filter(|(from, to)| from != to).collect();
    declared.into_iter().map(|(from, to)| change(objects, &points, from, to)).collect()
}

fn change(objects: &Objects, points: &[WaitPoint], from: ModeId, to: ModeId) -> Change {
    let system = objects.system();
    let tasks = || objects.declared_contexts().filter(|of| objects.is_task(*of));
    let there = |of: &Declared, mode: ModeId| system.is_there_in(of.0, mode);
    let gone: Vec<Declared> = tasks().filter(|of| there(of, from) && !there(of, to)).collect();
    let come: Vec<Declared> = tasks().filter(|of| there(of, to) && !there(of, from)).collect();
    // Who was there before, and who is there after. Whoever is no task goes on.
    let is_there = |of: &Declared, mode: ModeId| !objects.is_task(*of) || there(of, mode);
    let who = |mode: ModeId, does: &dyn Fn(&Operation) -> bool| -> Vec<Declared> {
        let does = |of: &Declared| objects.reachable_nodes(*of).iter().any(|node| does(&node.operation));
        objects.declared_contexts().filter(|of| is_there(of, mode)).filter(does).collect()
    };
    let mut broken = BTreeSet::new();
    for buffer in (0u8..).map(BufferId).take(system.buffers.len()) {
        let sends = |operation: &Operation| *operation == Operation::Send(buffer);
        let takes = |operation: &Operation| matches!(operation, Operation::Receive(from) | Operation::Poll(from) if *from == buffer);
        let awaits = |operation: &Operation| matches!(operation, Operation::Receive(from) | Operation::Await(from) if *from == buffer);
        let is_polled = !objects.delivers_unasked(buffer);
        if is_polled && !who(from, &takes).is_empty() && who(to, &takes).is_empty() {
            broken.extend(who(to, &sends).into_iter().map(|sender| Broken::NoReceiver(buffer, sender)));
        }
        if is_polled && !who(from, &sends).is_empty() && who(to, &sends).is_empty() {
            broken.extend(who(to, &awaits).into_iter().map(|receiver| Broken::NoSender(buffer, receiver)));
        }
    }
    for of in &gone {
        broken.extend(objects.kept_at_the_end(*of).into_iter().map(|lock| Broken::LockKept(lock, *of)));
        for point in points.iter().filter(|point| point.of == *of && !matches!(point.wait, Wait::Lock(_))) {
            let mut givers = objects.declared_contexts().filter(|other| objects.may_end_a_wait(point.wait, *other));
            let first = givers.next();
            let none_is_left =
                first.is_some_and(|first| !is_there(&first, to)) && givers.all(|other| !is_there(&other, to));
            if let (true, Some(giver)) = (none_is_left, first) {
                broken.extend(point.may_hold.iter().map(|lock| Broken::LockStuck(*lock, *of, giver)));
            }
        }
    }
    Change { from, to, gone, come, broken: broken.into_iter().collect() }
}
