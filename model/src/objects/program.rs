//! Programs, lowered: a list of instructions becomes a graph of nodes, each knowing its successor, so that a context
//! needs one number to say where it is. Counted loops are written out; an endless loop is a cycle.

use crate::system::{
    BufferId, DomainId, GroupId, HandleId, Instruction, LockId, MAX_NESTING, MAX_PROGRAM, ModeId, ObjectId, ProcessId,
    Right,
};
use crate::units::Nanos;

/// Position in a [`Program`].
pub type Position = u16;

/// A set of handles, one bit each.
pub type HandleSet = u32;

/// The bit of a handle.
pub fn bit(handle: HandleId) -> HandleSet {
    1 << handle.0
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// See [`Instruction::Compute`].
    Compute {
        /// At least so long.
        bcet: Nanos,
        /// At most so long.
        wcet: Nanos,
    },
    /// See [`Instruction::Open`].
    Open(HandleId),
    /// See [`Instruction::Close`].
    Close(HandleId),
    /// See [`Instruction::Spawn`].
    Spawn {
        /// Which.
        process: ProcessId,
        /// The handles it is to hold.
        pass: HandleSet,
    },
    /// See [`Instruction::Fork`].
    Fork(ProcessId),
    /// See [`Instruction::Detach`].
    Detach,
    /// See [`Instruction::Exit`].
    Exit,
    /// See [`Instruction::Wait`].
    Wait {
        /// For which.
        process: ProcessId,
        /// At most so long.
        until: Option<Nanos>,
    },
    /// See [`Instruction::Kill`].
    Kill(GroupId),
    /// See [`Instruction::KillProcess`].
    KillProcess(ProcessId),
    /// See [`Instruction::LockDown`].
    LockDown(DomainId),
    /// See [`Instruction::Send`].
    Send(BufferId),
    /// See [`Instruction::Receive`].
    Receive(BufferId),
    /// See [`Instruction::Lock`].
    Lock(LockId),
    /// See [`Instruction::Unlock`].
    Unlock(LockId),
    /// See [`Instruction::Poll`].
    Poll(BufferId),
    /// See [`Instruction::Await`].
    Await(BufferId),
    /// See [`Instruction::Ack`].
    Ack(BufferId),
    /// See [`Instruction::Attach`].
    Attach(BufferId),
    /// See [`Instruction::SetLimit`].
    SetLimit {
        /// Into which buffer.
        buffer: BufferId,
        /// How many.
        capacity: u8,
    },
    /// See [`Instruction::Access`].
    Access {
        /// Which.
        object: ObjectId,
        /// How.
        right: Right,
    },
    /// See [`Instruction::DropRights`].
    DropRights(Vec<ObjectId>),
    /// See [`Instruction::Regain`].
    Regain(ObjectId),
    /// See [`Instruction::Grant`].
    Grant {
        /// To which object.
        object: ObjectId,
        /// To which process.
        process: ProcessId,
    },
    /// See [`Instruction::Allocate`], in bytes.
    Allocate(u64),
    /// See [`Instruction::SwitchMode`].
    SwitchMode(ModeId),
    /// Goes on at one of these.
    Choose(Vec<Position>),
    /// See [`Instruction::Adversary`].
    Adversary,
    /// The end: a job of a task ends here, or the context.
    End,
}

/// An operation and where to go on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it does.
    pub operation: Operation,
    /// Where to go on.
    pub next: Position,
}

/// A program as a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The nodes; the first is the end.
    pub nodes: Vec<Node>,
    /// Where it starts.
    pub entry: Position,
}

/// Why a program could not be lowered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Too many nodes.
    #[error("a program has more than {MAX_PROGRAM} instructions when its counted loops are written out")]
    TooLong,
    /// Too deep.
    #[error("instructions are nested more than {MAX_NESTING} deep")]
    TooDeep,
    /// A loop without an instruction never ends and never does anything.
    #[error("an endless loop has no instruction that does anything")]
    EmptyLoop,
}

impl Program {
    /// Where a node of it may lead. A task begins anew where its program ends.
    pub(crate) fn ways<'a>(&'a self, node: &'a Node, is_task: bool) -> &'a [Position] {
        match &node.operation {
            Operation::Choose(arms) => arms,
            Operation::End if is_task => std::slice::from_ref(&self.entry),
            Operation::End | Operation::Exit => &[],
            _ => std::slice::from_ref(&node.next),
        }
    }

    /// Lowers a list of instructions.
    ///
    /// # Errors
    /// If it is too long, too deep, or loops without doing anything.
    pub fn new(instructions: &[Instruction]) -> Result<Self, ProgramError> {
        let mut program = Self { nodes: vec![Node { operation: Operation::End, next: 0 }], entry: 0 };
        program.entry = program.lower(instructions, 0, 0)?;
        Ok(program)
    }

    fn push(&mut self, operation: Operation, next: Position) -> Result<Position, ProgramError> {
        if self.nodes.len() > MAX_PROGRAM {
            return Err(ProgramError::TooLong);
        }
        let position = Position::try_from(self.nodes.len()).map_err(|_| ProgramError::TooLong)?;
        self.nodes.push(Node { operation, next });
        Ok(position)
    }

    /// Lowers a list that goes on at `next`; returns where it starts.
    fn lower(&mut self, list: &[Instruction], next: Position, depth: usize) -> Result<Position, ProgramError> {
        if depth > MAX_NESTING {
            return Err(ProgramError::TooDeep);
        }
        let mut start = next;
        for instruction in list.iter().rev() {
            start = self.lower_one(instruction, start, depth)?;
        }
        Ok(start)
    }

    fn lower_one(&mut self, one: &Instruction, next: Position, depth: usize) -> Result<Position, ProgramError> {
        let operation = match one {
            Instruction::Loop { times: Some(times), body } => {
                let mut start = next;
                for _ in 0..*times {
                    let before = start;
                    start = self.lower(body, start, depth + 1)?;
                    if start == before {
                        break; // the body does nothing, however often
                    }
                }
                return Ok(start);
            }
            Instruction::Loop { times: None, body } => {
                // The body goes on at a placeholder, which is then made a choice with one arm: the body's start.
                let back = self.push(Operation::Choose(Vec::new()), next)?;
                let start = self.lower(body, back, depth + 1)?;
                if start == back {
                    return Err(ProgramError::EmptyLoop);
                }
                self.bypass(back, start);
                return Ok(start);
            }
            Instruction::Choose(arms) => {
                let mut starts = Vec::with_capacity(arms.len());
                for arm in arms {
                    starts.push(self.lower(arm, next, depth + 1)?);
                }
                if starts.is_empty() {
                    return Ok(next);
                }
                Operation::Choose(starts)
            }
            Instruction::Compute { bcet, wcet } => Operation::Compute { bcet: *bcet, wcet: *wcet },
            Instruction::Open(handle) => Operation::Open(*handle),
            Instruction::Close(handle) => Operation::Close(*handle),
            Instruction::Spawn { process, pass } => {
                Operation::Spawn { process: *process, pass: pass.iter().fold(0, |set, handle| set | bit(*handle)) }
            }
            Instruction::Fork(process) => Operation::Fork(*process),
            Instruction::Detach => Operation::Detach,
            Instruction::Exit => Operation::Exit,
            Instruction::Wait { process, until } => Operation::Wait { process: *process, until: *until },
            Instruction::Kill(group) => Operation::Kill(*group),
            Instruction::KillProcess(process) => Operation::KillProcess(*process),
            Instruction::LockDown(domain) => Operation::LockDown(*domain),
            Instruction::Send(buffer) => Operation::Send(*buffer),
            Instruction::Receive(buffer) => Operation::Receive(*buffer),
            Instruction::Lock(lock) => Operation::Lock(*lock),
            Instruction::Unlock(lock) => Operation::Unlock(*lock),
            Instruction::Poll(buffer) => Operation::Poll(*buffer),
            Instruction::Await(buffer) => Operation::Await(*buffer),
            Instruction::Ack(buffer) => Operation::Ack(*buffer),
            Instruction::Attach(buffer) => Operation::Attach(*buffer),
            Instruction::SetLimit { buffer, capacity } => Operation::SetLimit { buffer: *buffer, capacity: *capacity },
            Instruction::Access { object, right } => Operation::Access { object: *object, right: *right },
            Instruction::DropRights(objects) => Operation::DropRights(objects.clone()),
            Instruction::Regain(object) => Operation::Regain(*object),
            Instruction::SwitchMode(mode) => Operation::SwitchMode(*mode),
            Instruction::Grant { object, process } => Operation::Grant { object: *object, process: *process },
            Instruction::Allocate(bytes) => Operation::Allocate(bytes.0),
            Instruction::Adversary { .. } => Operation::Adversary,
        };
        self.push(operation, next)
    }

    /// Makes everything that goes on at `from` go on at `to`; `from` is then unreachable.
    fn bypass(&mut self, from: Position, to: Position) {
        for node in &mut self.nodes {
            if node.next == from {
                node.next = to;
            }
            if let Operation::Choose(arms) = &mut node.operation {
                for arm in arms.iter_mut().filter(|arm| **arm == from) {
                    *arm = to;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &Program, steps: usize) -> Vec<Operation> {
        let mut at = program.entry;
        let mut seen = Vec::new();
        for _ in 0..steps {
            let node = &program.nodes[usize::from(at)];
            seen.push(node.operation.clone());
            at = node.next;
        }
        seen
    }

    #[test]
    fn counted_loops_are_written_out_and_endless_ones_cycle() {
        let twice = Instruction::Loop { times: Some(2), body: vec![Instruction::Detach] };
        let program = Program::new(&[twice, Instruction::Exit]).unwrap();
        assert_eq!(run(&program, 3), [Operation::Detach, Operation::Detach, Operation::Exit]);

        let ever = Instruction::Loop {
            times: None,
            body: vec![Instruction::Detach, Instruction::Allocate(crate::units::Bytes(1))],
        };
        let program = Program::new(&[ever]).unwrap();
        let expected = [Operation::Detach, Operation::Allocate(1), Operation::Detach, Operation::Allocate(1)];
        assert_eq!(run(&program, 4), expected);
    }

    #[test]
    fn a_loop_that_does_nothing_is_refused() {
        let idle = Instruction::Loop { times: None, body: vec![Instruction::Choose(vec![])] };
        assert_eq!(Program::new(&[idle]), Err(ProgramError::EmptyLoop));
        let long = Instruction::Loop { times: Some(u32::MAX), body: vec![Instruction::Exit] };
        assert_eq!(Program::new(&[long]), Err(ProgramError::TooLong));
    }
}
