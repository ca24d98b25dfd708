//! Numbers for what one execution context can be doing: a dense code for every pair of position and phase that its
//! program has, 0 for a free entry. The members that a walk has left, and the rights given up, are no part of the code.

use super::super::program::{Operation, Position, Program};
use super::super::state::{Context, Phase};

/// Which phases the profile has, and the context can have, beside the common ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phases {
    pub(super) flagging: bool,
    pub(super) kill_walks: bool,
    pub(super) lock_down_walks: bool,
    pub(super) before_exec: bool,
    pub(super) sleeping: bool,
    /// Has looked and may miss what comes before it is asleep.
    pub(super) checking: bool,
}

/// A context there that has given up nothing: what it has is no part of the code.
fn at(position: Position, phase: Phase) -> Context {
    Context { position, phase, dropped: 0 }
}

impl Phases {
    /// Is there a walk in the middle of the operation?
    pub(super) fn walk(self, operation: &Operation) -> bool {
        match operation {
            Operation::Kill(_) => self.kill_walks,
            Operation::LockDown(_) => self.lock_down_walks,
            _ => false,
        }
    }
}

/// The codes of one context of one declared process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codes {
    /// What each code stands for.
    contexts: Vec<Context>,
    /// How many positions the program has; their codes at the beginning of an instruction are 1 and on.
    positions: usize,
    /// The codes of the second phase of an instruction, 0 where it has none.
    second: Vec<u16>,
    before_exec: u16,
    sleeping: u16,
}

impl Codes {
    /// Of a process that does not have the context at all.
    pub(super) fn free() -> Self {
        Self { contexts: vec![Context::FREE], positions: 0, second: vec![], before_exec: 0, sleeping: 0 }
    }

    pub(super) fn new(program: &Program, phases: Phases) -> Self {
        let mut codes = Self { positions: program.nodes.len(), second: vec![0; program.nodes.len()], ..Self::free() };
        codes.contexts.extend((0..).take(codes.positions).map(|position| at(position, Phase::Begin)));
        for (position, node) in (0..).zip(&program.nodes) {
            let phase = match node.operation {
                Operation::Open(handle) if phases.flagging => Phase::Flagging(handle),
                _ if phases.walk(&node.operation) => Phase::Walking(0),
                Operation::Await(_) if phases.checking => Phase::Checked,
                _ => continue,
            };
            codes.second[usize::from(position)] = codes.push(at(position, phase));
            if phase == Phase::Checked {
                codes.push(at(position, Phase::Asleep)); // the next after it
            }
        }
        if phases.before_exec {
            codes.before_exec = codes.push(at(program.entry, Phase::BeforeExec));
        }
        if phases.sleeping {
            codes.sleeping = codes.push(at(program.entry, Phase::Sleeping));
        }
        codes
    }

    /// A program has at most 4097 positions, each with at most three phases.
    fn push(&mut self, context: Context) -> u16 {
        self.contexts.push(context);
        (self.contexts.len() - 1) as u16
    }

    /// The largest code.
    pub(super) fn largest(&self) -> u64 {
        (self.contexts.len() - 1) as u64
    }

    /// The code of a context, if it has one.
    #[inline]
    pub(super) fn code(&self, context: &Context) -> Option<u64> {
        let position = usize::from(context.position);
        let code = match context.phase {
            Phase::Begin => return (position < self.positions).then_some(position as u64 + 1),
            Phase::Gone => return (position == 0).then_some(0),
            Phase::Flagging(_) | Phase::Walking(_) | Phase::Checked => *self.second.get(position)?,
            Phase::Asleep => *self.second.get(position).filter(|second| **second > 0)? + 1,
            Phase::BeforeExec => self.before_exec,
            Phase::Sleeping => self.sleeping,
        };
        let means = self.contexts.get(usize::from(code))?;
        let same = match (means.phase, context.phase) {
            (Phase::Walking(_), Phase::Walking(_)) => true,
            (means, phase) => means == phase,
        } && means.position == context.position;
        same.then_some(u64::from(code))
    }

    /// What a code stands for.
    #[inline]
    pub(super) fn context(&self, code: u64) -> Context {
        self.contexts.get(code as usize).copied().unwrap_or(Context::FREE)
    }
}
