//! Programs: lists of instructions, their limits, and what they must not say.

use lacuna_model::system::{
    BufferId, DomainId, GroupId, HandleId, Instruction, LockId, MAX_NESTING, MAX_PROGRAM, ModeId, ObjectId, ProcessId,
};

use super::objects::right;
use super::{Lower, tasks};
use crate::diagnostic::{Mistake, quote};
use crate::schema::Space;
use crate::shape::{Fields, Item, Payload, Shape};
use crate::tree::Span;

/// How often a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    /// From the start of its context.
    Once,
    /// By every job of a task, which must end.
    OncePerJob,
}

/// Where a program stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) process: ProcessId,
    pub(super) context: usize,
    runs: Runs,
}

/// How many instructions these are when counted loops are written out.
fn written_out(program: &[Instruction]) -> u64 {
    program.iter().fold(0u64, |sum, instruction| {
        sum.saturating_add(match instruction {
            Instruction::Loop { times, body } => {
                let body = written_out(body);
                times.map_or(body.saturating_add(1), |times| body.saturating_mul(times.into()))
            }
            Instruction::Choose(branches) => {
                branches.iter().fold(1u64, |sum, branch| sum.saturating_add(written_out(branch)))
            }
            _ => 1,
        })
    })
}

impl Lower<'_, '_> {
    /// The program of a context.
    pub(super) fn program(&mut self, process: ProcessId, context: usize, item: &Item, runs: Runs) -> Vec<Instruction> {
        let program = self.body(item, Place { process, context, runs }, 1);
        let length = written_out(&program);
        if length > MAX_PROGRAM as u64 {
            let message = format!("the program has {length} instructions when its loops are written out");
            let head = item.span.start..item.span.start + 1;
            self.error(&head, message, format!("at most {MAX_PROGRAM}"));
        }
        program
    }

    fn instructions(&mut self, item: &Item, place: Place, depth: usize) -> Vec<Instruction> {
        let Shape::List(items) = &item.shape else {
            self.uses.is_unclear(place);
            return Vec::new();
        };
        if depth > MAX_NESTING {
            let head = item.span.start..item.span.start + 1;
            self.error(&head, "lists of instructions are nested too deep", format!("at most {MAX_NESTING}"));
            return Vec::new();
        }
        let mut program = Vec::new();
        for item in items {
            match self.instruction(item, place, depth) {
                Some(instruction) => program.push(instruction),
                None => self.uses.is_unclear(place),
            }
        }
        program
    }

    /// A list that must hold something.
    fn body(&mut self, item: &Item, place: Place, depth: usize) -> Vec<Instruction> {
        if matches!(&item.shape, Shape::List(items) if items.is_empty()) {
            self.error(&item.span, "this list is empty", "at least one instruction");
        }
        self.instructions(item, place, depth)
    }

    fn instruction(&mut self, item: &Item, place: Place, depth: usize) -> Option<Instruction> {
        let (name, payload) = item.chosen()?;
        match payload {
            Payload::Nothing => Some(match name {
                "Detach" => Instruction::Detach,
                "Adversary" => Instruction::Adversary { depth: None },
                _ => Instruction::Exit,
            }),
            Payload::One(argument) => self.with_argument(name, item, argument, place, depth),
            Payload::Fields(fields) => self.with_fields(name, fields, place, depth),
        }
    }

    fn with_argument(
        &mut self,
        name: &str,
        item: &Item,
        argument: &Item,
        place: Place,
        depth: usize,
    ) -> Option<Instruction> {
        Some(match name {
            "Compute" => {
                let time = argument.duration()?;
                Instruction::Compute { bcet: time, wcet: time }
            }
            "Open" => {
                let handle = HandleId(self.handles.get(argument.text()?)?);
                self.uses.opens(place, handle);
                Instruction::Open(handle)
            }
            "Lock" => Instruction::Lock(LockId(self.id(Space::Lock, Some(argument))?)),
            "Unlock" => Instruction::Unlock(LockId(self.id(Space::Lock, Some(argument))?)),
            "LockDown" => Instruction::LockDown(DomainId(self.id(Space::Domain, Some(argument))?)),
            "Close" => Instruction::Close(self.used_handle(argument, place)?),
            "Fork" => {
                let child = ProcessId(self.id(Space::Process, Some(argument))?);
                self.check_fork(place.process, child, &argument.span);
                self.uses.forks(place, child);
                Instruction::Fork(child)
            }
            "Send" => Instruction::Send(self.buffer_id(argument)?),
            "Receive" => Instruction::Receive(self.buffer_id(argument)?),
            "Poll" => Instruction::Poll(self.buffer_id(argument)?),
            "Await" => Instruction::Await(self.buffer_id(argument)?),
            "Ack" => Instruction::Ack(self.buffer_with_successors(argument)?),
            "Attach" => Instruction::Attach(self.buffer_with_successors(argument)?),
            "Regain" => Instruction::Regain(ObjectId(self.id(Space::Object, Some(argument))?)),
            "Allocate" => Instruction::Allocate(argument.size()?),
            "SwitchMode" => Instruction::SwitchMode(ModeId(self.id(Space::Mode, Some(argument))?)),
            "Forever" => {
                if place.runs == Runs::OncePerJob {
                    let head = item.span.start..(item.span.start + "Forever".len()).min(item.span.end);
                    self.error(&head, "a job of a task must end", "a counted `Loop`");
                }
                Instruction::Loop { times: None, body: self.body(argument, place, depth + 1) }
            }
            _ => {
                let Shape::List(branches) = &argument.shape else { return None };
                if branches.is_empty() {
                    self.error(&argument.span, "there is nothing to choose from", "at least one branch");
                }
                Instruction::Choose(branches.iter().map(|branch| self.instructions(branch, place, depth + 1)).collect())
            }
        })
    }

    fn with_fields(&mut self, name: &str, fields: &Fields, place: Place, depth: usize) -> Option<Instruction> {
        Some(match name {
            "Compute" => {
                let (bcet, wcet) = tasks::interval(fields, self.report)?;
                Instruction::Compute { bcet, wcet }
            }
            "Spawn" => {
                let child = self.id(Space::Process, fields.get("process")).map(ProcessId);
                let mut pass = Vec::new();
                for item in fields.list("pass") {
                    let Some(handle) = self.used_handle(item, place) else { continue };
                    if pass.contains(&handle) {
                        self.error(&item.span, "this handle is here twice", "every handle once");
                    } else {
                        pass.push(handle);
                    }
                }
                let process = child?;
                self.uses.spawns(place, process, &pass);
                Instruction::Spawn { process, pass }
            }
            "Wait" => {
                let item = fields.get("process")?;
                let process = ProcessId(self.id(Space::Process, Some(item))?);
                self.uses.waits(place, process, &item.span);
                Instruction::Wait { process, until: fields.duration("until") }
            }
            "Kill" => {
                let item = fields.get("group")?;
                let group = GroupId(self.id(Space::JobGroup, Some(item))?);
                self.uses.kills(group, &item.span);
                Instruction::Kill(group)
            }
            "KillProcess" => {
                let process = self.id(Space::Process, fields.get("process")).map(ProcessId);
                Instruction::KillProcess(process?)
            }
            "SetLimit" => {
                let buffer = self.id(Space::Buffer, fields.get("buffer")).map(BufferId);
                let capacity = fields.integer("capacity").and_then(|capacity| u8::try_from(capacity).ok());
                Instruction::SetLimit { buffer: buffer?, capacity: capacity? }
            }
            "Grant" => {
                let object = self.id(Space::Object, fields.get("object")).map(ObjectId);
                let process = self.id(Space::Process, fields.get("process")).map(ProcessId);
                Instruction::Grant { object: object?, process: process? }
            }
            "DropRights" => Instruction::DropRights(self.dropped(fields.get("objects")?)),
            "Access" => {
                let object = self.id(Space::Object, fields.get("object")).map(ObjectId);
                let item = fields.get("right")?;
                let right = right(item)?;
                if let Some(class) = object.and_then(|object| self.class_of(object)) {
                    self.check_right(&item.span, right, class);
                }
                Instruction::Access { object: object?, right }
            }
            "Loop" => {
                let body = fields.get("do").map(|item| self.body(item, place, depth + 1));
                let times = fields.integer("times").and_then(|times| u32::try_from(times).ok());
                Instruction::Loop { times: Some(times?), body: body? }
            }
            _ => {
                let depth = fields.integer("depth").and_then(|depth| u8::try_from(depth).ok());
                Instruction::Adversary { depth }
            }
        })
    }

    fn used_handle(&mut self, item: &Item, place: Place) -> Option<HandleId> {
        let handle = HandleId(self.id(Space::Handle, Some(item))?);
        self.uses.uses(place, handle, &item.span);
        Some(handle)
    }

    /// A fork copies its process, so the domain stays.
    fn check_fork(&mut self, parent: ProcessId, child: ProcessId, span: &Span) {
        let (Some(of_parent), Some(of_child)) = (self.domain_of(parent), self.domain_of(child)) else { return };
        if of_parent != of_child {
            let message = format!("a fork stays in its domain, and this process is of {of_child}");
            let mistake = Mistake::new(span, message).expected(format!("a process of {of_parent}"));
            self.report.push(mistake.help("another domain needs a `Spawn`"));
        }
    }

    /// The name of a process's domain, in backticks, if it is a known one.
    fn domain_of(&self, process: ProcessId) -> Option<String> {
        let (_, item) = self.root.map("processes").get(process.index())?;
        let name = item.record()?.get("domain")?.text()?;
        self.domains.get(name).map(|_| quote(name))
    }

    fn class_of(&self, object: ObjectId) -> Option<lacuna_model::system::ObjectClass> {
        use lacuna_model::system::ObjectClass;
        let (_, item) = self.root.map("objects").get(object.index())?;
        match item.record()?.get("class")?.chosen()?.0 {
            "File" => Some(ObjectClass::File),
            "Directory" => Some(ObjectClass::Directory),
            "Ipc" => Some(ObjectClass::Ipc),
            "PrivilegedProgram" => Some(ObjectClass::PrivilegedProgram),
            _ => Some(ObjectClass::Network),
        }
    }
}
