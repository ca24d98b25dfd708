//! What of a scenario can be played: who plays it, and the parts of those inside.

use lacuna_model::system::{Instruction, ProcessId, System};
use serde::{Deserialize, Serialize};

use super::NotRecorded;

/// What the actor is told: every process of the scenario that it may become, and which one it is at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The processes, in the scenario's order; one that is never played inside has no acts.
    pub(crate) roles: Vec<Role>,
    /// Which of them it is.
    pub(crate) first: usize,
    /// What the arms of choices and the steps of adversaries are drawn by.
    pub(crate) seed: u64,
}

/// A process that is played inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    /// The declared process.
    pub(crate) process: String,
    /// Its one context.
    pub(crate) context: String,
    /// Its program.
    pub(crate) acts: Vec<Act>,
}

/// An instruction, as the actor takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Sleeps, in nanoseconds.
    Compute(u64),
    /// `fork`; the child plays this role.
    Fork(usize),
    /// `setsid`.
    Detach,
    /// `_exit`.
    Exit,
    /// `waitpid` for a child of this role.
    Wait(usize),
    /// A byte into the pipe of this buffer, at this descriptor.
    Send(String, i32),
    /// Memory that is written to, in bytes.
    Allocate(u64),
    /// So often, or for ever.
    Loop(Option<u32>, Vec<Act>),
    /// One of these.
    Choose(Vec<Vec<Act>>),
    /// So many steps of an attack: forks, and leaving the session.
    Adversary(u8),
}

/// Where the pipes of buffers begin, after the task and the claims.
const FIRST_BUFFER_FD: i32 = 5;

/// The descriptor that a process inside has a buffer's pipe at.
pub(super) fn buffer_fd(buffer: usize) -> i32 {
    FIRST_BUFFER_FD + i32::try_from(buffer).unwrap_or(0) // a scenario has at most 250
}

/// Who plays what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cast {
    /// Played by this very process.
    pub(super) outside: Vec<ProcessId>,
    /// Launched when the record begins.
    pub(super) launched: Vec<ProcessId>,
    /// All that may be played inside.
    pub(super) roles: Vec<Role>,
    /// What is left out, as sentences.
    pub(super) left_out: Vec<String>,
}

/// Does a program create processes with programs of their own, or end others? Then it is played outside.
fn directs(program: &[Instruction]) -> bool {
    program.iter().any(|instruction| match instruction {
        Instruction::Spawn { .. } | Instruction::Kill(_) | Instruction::KillProcess(_) => true,
        Instruction::Loop { body, .. } => directs(body),
        Instruction::Choose(arms) => arms.iter().any(|arm| directs(arm)),
        _ => false,
    })
}

/// Hands out the parts.
pub(super) fn cast(system: &System) -> Result<Cast, NotRecorded> {
    let mut cast = Cast { outside: vec![], launched: vec![], roles: vec![], left_out: vec![] };
    for (id, process) in (0u8..).map(ProcessId).zip(&system.processes) {
        let refuse = |what: String| NotRecorded::Program { process: process.name.clone(), what };
        let outside = process.contexts.iter().any(|context| directs(&context.program));
        let mut role = Role { process: process.name.clone(), context: String::new(), acts: vec![] };
        if outside {
            if !system.starts_with_the_system(id) {
                return Err(refuse("it is created, and creates processes with programs of their own".into()));
            }
            for context in &process.contexts {
                if context.task.is_some() {
                    let name = format!("{}/{}", process.name, context.name);
                    cast.left_out.push(format!("{name} is a task, and does not run"));
                } else {
                    played_outside(&context.program).map_err(refuse)?;
                }
            }
            cast.outside.push(id);
        } else {
            let [context] = &process.contexts[..] else {
                return Err(refuse("it has several contexts, and is inside".into()));
            };
            if context.task.is_some() {
                return Err(refuse("it is a task".into()));
            }
            role.context.clone_from(&context.name);
            role.acts = acts(system, &context.program).map_err(refuse)?;
            if system.starts_with_the_system(id) {
                cast.launched.push(id);
            }
        }
        cast.roles.push(role);
    }
    Ok(cast)
}

fn played_outside(program: &[Instruction]) -> Result<(), String> {
    for instruction in program {
        match instruction {
            Instruction::Compute { .. } | Instruction::Open(_) | Instruction::Close(_) | Instruction::Exit => {}
            Instruction::Spawn { .. } | Instruction::Wait { .. } => {}
            Instruction::Kill(_) | Instruction::KillProcess(_) => {}
            Instruction::Loop { body, .. } => played_outside(body)?,
            Instruction::Choose(arms) => arms.iter().try_for_each(|arm| played_outside(arm))?,
            other => return Err(format!("outside nobody plays {}", name(other))),
        }
    }
    Ok(())
}

fn acts(system: &System, program: &[Instruction]) -> Result<Vec<Act>, String> {
    let each = |instruction: &Instruction| {
        Ok(match instruction {
            Instruction::Compute { bcet, .. } => Act::Compute(bcet.0),
            Instruction::Fork(child) => Act::Fork(child.index()),
            Instruction::Detach => Act::Detach,
            Instruction::Exit => Act::Exit,
            Instruction::Wait { process, until: None } => Act::Wait(process.index()),
            Instruction::Send(buffer) => {
                Act::Send(system.buffers[buffer.index()].name.clone(), buffer_fd(buffer.index()))
            }
            Instruction::Allocate(bytes) => Act::Allocate(bytes.0),
            Instruction::Loop { times, body } => Act::Loop(*times, acts(system, body)?),
            Instruction::Choose(arms) => {
                Act::Choose(arms.iter().map(|arm| acts(system, arm)).collect::<Result<_, _>>()?)
            }
            Instruction::Adversary { depth } => Act::Adversary(depth.unwrap_or(3)),
            other => return Err(format!("inside nobody plays {}", name(other))),
        })
    };
    program.iter().map(each).collect()
}

/// An instruction's word in a scenario.
fn name(instruction: &Instruction) -> String {
    let debug = format!("{instruction:?}");
    debug.split(['(', ' ', '{']).next().unwrap_or_default().into()
}
