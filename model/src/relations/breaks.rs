//! What keeps a circle of waits from closing: a lock that two of them would hold, or a message that is always on its way.

use super::awaited;
use super::several::Several;
use crate::objects::{Declared, Objects, Operation, Program, Wait, WaitPoint};
use crate::system::{BufferId, LockId};

/// What keeps a circle from closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// Two of them hold the same lock there, whichever way they came; one of them waits for it before, then. A lock has one owner.
    Gate(LockId),
    /// Counted around the circle there are so many messages more on their way than would have to be there: who waits for a message has not been sent more
    /// than it has taken, and who waits for room has sent what fills the buffer. A circuit that carries a token never loses it (F. Commoner, A. W. Holt, S. Even,
    /// A. Pnueli, *Marked directed graphs*, Journal of Computer and System Sciences 5, 1971). Named is a context that has by then done for the one
    /// that waits for it, a send or the taking of a message, what that waits for.
    Token(Declared, Wait),
}

impl Breaks {
    /// As a sentence.
    pub fn sentence(&self, objects: &Objects) -> String {
        let system = objects.system();
        match self {
            Self::Gate(lock) => {
                format!("never all at once: two of them would hold the lock `{}`", system.locks[lock.index()].name)
            }
            Self::Token(of, wait) => {
                format!(
                    "never all at once: whenever {} waits there, it has given {}",
                    objects.declared_name(*of),
                    awaited(objects, *wait)
                )
            }
        }
    }
}

/// What keeps these from waiting all at once, each for the next and the last for the first.
pub(super) fn broken(objects: &Objects, several: &Several, around: &[&WaitPoint]) -> Option<Breaks> {
    for (number, point) in around.iter().enumerate() {
        let others = around[number + 1..].iter().flat_map(|other| &other.holds);
        if let Some(lock) = others.into_iter().find(|lock| point.holds.contains(*lock)) {
            return Some(Breaks::Gate(*lock));
        }
    }
    if around.iter().any(|point| several.are(point.of.0)) {
        return None;
    }
    // Of the point before: what this one's context does for it.
    let (mut surplus, mut least) = (0i64, None);
    for (number, point) in around.iter().enumerate() {
        let before = around[(number + around.len() - 1) % around.len()];
        let full = is_counted(objects, point)?;
        let balance = balance(objects, point, before.wait)? - full;
        surplus += balance;
        if least.is_none_or(|(known, _)| balance < known) {
            least = Some((balance, Breaks::Token(point.of, before.wait)));
        }
    }
    least.filter(|_| surplus < 0).map(|(_, breaks)| breaks)
}

/// What has to have been done, at the least, for a context to wait there: by itself more than by all others for it. Nothing, if that cannot be
/// counted: messages get lost, wait to be acknowledged, or others take or send them too.
fn is_counted(objects: &Objects, point: &WaitPoint) -> Option<i64> {
    let (buffer, own): (BufferId, fn(&Operation) -> Option<BufferId>) = match point.wait {
        Wait::Message(buffer) => (buffer, taken),
        Wait::Room(buffer) => (buffer, sent),
        _ => return None,
    };
    let full = objects.keeps_all(buffer, matches!(point.wait, Wait::Room(_)))?;
    let alone = objects
        .declared_contexts()
        .filter(|of| *of != point.of)
        .all(|of| objects.declared_program(of).nodes.iter().all(|node| own(&node.operation) != Some(buffer)));
    (alone && objects.system().buffers[buffer.index()].named_by.is_empty())
        .then_some(if matches!(point.wait, Wait::Room(_)) { full } else { 0 })
}

/// What a receiver takes, if it takes something.
fn taken(operation: &Operation) -> Option<BufferId> {
    match operation {
        Operation::Receive(buffer) | Operation::Poll(buffer) => Some(*buffer),
        _ => None,
    }
}

/// Where a sender sends, if it sends.
fn sent(operation: &Operation) -> Option<BufferId> {
    match operation {
        Operation::Send(buffer) => Some(*buffer),
        _ => None,
    }
}

/// How much more, at the most, a context has used what it waits for at that point than it has done for one that waits for `serves`. Nothing, if
/// there is no most, or what it does may be refused.
fn balance(objects: &Objects, point: &WaitPoint, serves: Wait) -> Option<i64> {
    let uses = |operation: &Operation| match point.wait {
        Wait::Message(buffer) => taken(operation) == Some(buffer),
        Wait::Room(buffer) => sent(operation) == Some(buffer),
        _ => false,
    };
    let does = |operation: &Operation| match serves {
        Wait::Message(buffer) => sent(operation) == Some(buffer),
        // A poll may find nothing.
        Wait::Room(buffer) => *operation == Operation::Receive(buffer),
        _ => false,
    };
    let (Wait::Message(served) | Wait::Room(served)) = serves else { return None };
    let never_refused = objects.never_refuses(point.of, served);
    let weight = |operation: &Operation| i64::from(uses(operation)) - i64::from(never_refused && does(operation));
    let program = objects.declared_program(point.of);
    let most = longest(program, objects.is_task(point.of), weight)?;
    point.positions.iter().filter_map(|position| most[usize::from(*position)]).max()
}

/// The most that comes together on a way from the entry to each node, without the node's own; nothing of all, if on some way it grows without end.
fn longest(program: &Program, is_task: bool, weight: impl Fn(&Operation) -> i64) -> Option<Vec<Option<i64>>> {
    let mut most: Vec<Option<i64>> = vec![None; program.nodes.len()];
    most[usize::from(program.entry)] = Some(0);
    // A way that meets no node twice has fewer edges than there are nodes.
    for _ in 0..=program.nodes.len() {
        let mut grown = false;
        for node in 0..program.nodes.len() {
            let Some(until) = most[node] else { continue };
            let after = until + weight(&program.nodes[node].operation);
            for way in program.ways(&program.nodes[node], is_task) {
                let known = &mut most[usize::from(*way)];
                if known.is_none_or(|known| known < after) {
                    *known = Some(after);
                    grown = true;
                }
            }
        }
        if !grown {
            return Some(most);
        }
    }
    None
}
