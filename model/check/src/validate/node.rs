//! A cut and a state, with what the events of the cut say of the state: which entry of the table each process of the record is, and in which call
//! each context is.

use std::collections::HashMap;

use lacuna_model::objects::{
    Action, Codec, ContextSlot, Membership, Objects, Outcome, Phase, ProcessSlot, State, Status, Step,
};
use lacuna_model::record::{Came, Instance, Operation, Record, What};
use lacuna_model::system::{BufferId, DomainId, GroupId, HandleId, ObjectId, ProcessId, Right, System};

use super::RecordError;
use super::order::{Cut, contains, with};

/// Where a process of the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It did not appear yet.
    Unknown,
    /// In this entry, and lives.
    At(ProcessSlot),
    /// It has ended.
    Over,
}

/// What a reported context is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing that it would tell of.
    Own,
    /// This call, by its event.
    Calling(u16),
    /// It is about to be told this.
    Told(Came),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) cut: Cut,
    pub(super) state: State,
    places: Vec<Place>,
    /// For each entry of the context table.
    doing: Vec<Doing>,
    /// For each buffer: messages sent that were not seen to come out.
    sent: Vec<u16>,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Open(HandleId),
    Close(HandleId),
    Spawn(ProcessId),
    Fork(ProcessId),
    Detach,
    Exit,
    Wait(ProcessId),
    Kill(GroupId),
    KillProcess(ProcessId),
    LockDown(DomainId),
    Send(BufferId),
    Receive(BufferId),
    Poll(BufferId),
    Allocate,
    Access(ObjectId, Right),
}

impl Call {
    /// Is it a step of this call?
    fn has(self, action: Action) -> bool {
        match (self, action) {
            (Self::Open(one), Action::Open(other) | Action::SetFlag(other)) => one == other,
            (Self::Close(one), Action::Close(other)) => one == other,
            (Self::Spawn(one), Action::Spawn(other) | Action::Fork(other)) => one == other,
            (Self::Fork(one), Action::Fork(other)) => one == other,
            (Self::Wait(one), Action::Reap(other)) => one == other,
            (Self::Kill(one), Action::Kill(other) | Action::KillReturns(other)) => one == other,
            (Self::KillProcess(one), Action::KillProcess(other) | Action::KillNumber(other, _)) => one == other,
            (Self::LockDown(one), Action::LockDown(other) | Action::LockDownReturns(other)) => one == other,
            (Self::Send(one), Action::Send(other) | Action::HandOver(other, _)) => one == other,
            (Self::Receive(one), Action::Receive(other) | Action::Ack(other)) => one == other,
            (Self::Poll(one), Action::Poll(other) | Action::Ack(other)) => one == other,
            (Self::Access(object, right), Action::Access(other, tried)) => (object, right) == (other, tried),
            (Self::Detach, Action::Detach)
            | (Self::Exit, Action::Exit | Action::End)
            | (Self::Wait(_), Action::Timeout)
            | (Self::Kill(_), Action::KillMember(_))
            | (Self::LockDown(_), Action::LockDownMember(_))
            | (Self::Allocate, Action::Allocate(_)) => true,
            _ => false,
        }
    }
}

/// May a context do it without a call that tells of it? What takes no call of the kernel's, and what the kernel does.
fn is_silent(action: Action) -> bool {
    matches!(action, Action::Compute | Action::Choose(_) | Action::Exec(_) | Action::GiveUp)
        || matches!(action, Action::Deliver(_) | Action::JobDone | Action::Wake)
}

/// An event, resolved.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Appears(usize, ProcessId),
    Calls(usize, usize, Call),
    Returns(usize, usize, Came),
    Lives(usize),
    Ended(usize),
    Member(usize, GroupId),
    Outside(usize, GroupId),
    Empty(GroupId),
    Message(BufferId),
}

/// A record's names, as the system numbers them.
pub(super) struct Resolved {
    asked: Vec<Asked>,
    instances: Vec<Instance>,
    /// For each declared process, those of its contexts that are reported.
    reported: Vec<Vec<bool>>,
}

impl Resolved {
    pub(super) fn of(objects: &Objects, record: &Record) -> Result<Self, RecordError> {
        let system = objects.system();
        let reported = reported(system, record)?;
        let (mut instances, mut of, mut places) = (Vec::new(), Vec::new(), HashMap::new());
        for (event, observed) in record.events.iter().enumerate() {
            if let What::Appears { instance, process } = &observed.what {
                let unknown = || RecordError::Unknown { event, kind: "process", name: process.clone() };
                let id = number(system.processes.iter().map(|declared| &declared.name), process);
                of.push(ProcessId(id.ok_or_else(unknown)?));
                if places.insert(*instance, instances.len()).is_some() {
                    return Err(RecordError::Instance { event, instance: *instance, what: "appears twice" });
                }
                instances.push(*instance);
            }
        }
        let mut asked = Vec::with_capacity(record.events.len());
        for (event, observed) in record.events.iter().enumerate() {
            let unknown = |kind, name: &String| RecordError::Unknown { event, kind, name: name.clone() };
            let place = |instance: &Instance| {
                let missing = RecordError::Instance { event, instance: *instance, what: "never appears" };
                places.get(instance).copied().ok_or(missing)
            };
            let group = |name: &String| {
                let id = number(system.job_groups.iter().map(|group| &group.name), name);
                id.map(GroupId).ok_or_else(|| unknown("job group", name))
            };
            let context = |at: usize, name: &String| {
                let declared = &system.processes[of[at].index()];
                let found = declared.contexts.iter().position(|context| context.name == *name);
                let found = found.ok_or_else(|| unknown("context", name))?;
                let is_reported = reported[of[at].index()][found];
                if is_reported { Ok(found) } else { Err(RecordError::NotReported(event)) }
            };
            asked.push(match &observed.what {
                What::Appears { instance, .. } => {
                    let at = place(instance)?;
                    Asked::Appears(at, of[at])
                }
                What::Calls { instance, context: name, operation, target } => {
                    let at = place(instance)?;
                    let none = String::new();
                    let target = target.as_ref().unwrap_or(&none);
                    let call = call(system, *operation, target);
                    Asked::Calls(at, context(at, name)?, call.map_err(|kind| unknown(kind, target))?)
                }
                What::Returns { instance, context: name, came } => {
                    let at = place(instance)?;
                    Asked::Returns(at, context(at, name)?, *came)
                }
                What::Lives { instance } => Asked::Lives(place(instance)?),
                What::Ended { instance } => Asked::Ended(place(instance)?),
                What::Member { instance, group: name } => Asked::Member(place(instance)?, group(name)?),
                What::Outside { instance, group: name } => Asked::Outside(place(instance)?, group(name)?),
                What::Empty { group: name } => Asked::Empty(group(name)?),
                What::Message { buffer } => {
                    let id = number(system.buffers.iter().map(|declared| &declared.name), buffer);
                    Asked::Message(BufferId(id.ok_or_else(|| unknown("buffer", buffer))?))
                }
            });
        }
        Ok(Self { asked, instances, reported })
    }

    /// Is there more than one way to explain the event in a state, so that it matters when?
    pub(super) fn chooses(&self, event: usize) -> bool {
        matches!(self.asked[event], Asked::Appears(..))
    }

    fn is_reported(&self, objects: &Objects, state: &State, context: ContextSlot) -> bool {
        let instance_of = state.processes[usize::from(objects.process_of(context))].instance_of;
        let of_process = &self.reported[instance_of.index()];
        of_process.get(objects.index_in_process(context)).copied().unwrap_or(false)
    }
}

fn reported(system: &System, record: &Record) -> Result<Vec<Vec<bool>>, RecordError> {
    let mut reported: Vec<Vec<bool>> =
        system.processes.iter().map(|process| vec![false; process.contexts.len()]).collect();
    for name in &record.reported {
        let known = system.processes.iter().zip(&mut reported).find_map(|(process, of_process)| {
            let context = name.strip_prefix(process.name.as_str())?.strip_prefix('/')?;
            let at = process.contexts.iter().position(|declared| declared.name == context)?;
            of_process.get_mut(at)
        });
        *known.ok_or_else(|| RecordError::Reported(name.clone()))? = true;
    }
    Ok(reported)
}

fn number<'a>(mut names: impl Iterator<Item = &'a String>, name: &str) -> Option<u8> {
    u8::try_from(names.position(|known| known == name)?).ok()
}

/// An operation on what it names; or what it should have named.
fn call(system: &System, operation: Operation, target: &str) -> Result<Call, &'static str> {
    let process = || {
        let id = number(system.processes.iter().map(|process| &process.name), target);
        id.map(ProcessId).ok_or("process")
    };
    let handle = || number(system.handles.iter(), target).map(HandleId).ok_or("handle");
    let buffer = || number(system.buffers.iter().map(|buffer| &buffer.name), target).map(BufferId).ok_or("buffer");
    let object = |right| {
        let id = number(system.objects.iter().map(|object| &object.name), target);
        id.map(|id| Call::Access(ObjectId(id), right)).ok_or("object")
    };
    Ok(match operation {
        Operation::Open => Call::Open(handle()?),
        Operation::Close => Call::Close(handle()?),
        Operation::Spawn => Call::Spawn(process()?),
        Operation::Fork => Call::Fork(process()?),
        Operation::Detach => Call::Detach,
        Operation::Exit => Call::Exit,
        Operation::Wait => Call::Wait(process()?),
        Operation::Kill => {
            let id = number(system.job_groups.iter().map(|group| &group.name), target);
            Call::Kill(GroupId(id.ok_or("job group")?))
        }
        Operation::KillProcess => Call::KillProcess(process()?),
        Operation::LockDown => Call::LockDown(DomainId(number(system.domains.iter(), target).ok_or("domain")?)),
        Operation::Send => Call::Send(buffer()?),
        Operation::Receive => Call::Receive(buffer()?),
        Operation::Poll => Call::Poll(buffer()?),
        Operation::Allocate => Call::Allocate,
        Operation::Read => object(Right::Read)?,
        Operation::Write => object(Right::Write)?,
        Operation::Create => object(Right::Create)?,
        Operation::Execute => object(Right::Execute)?,
    })
}

impl Node {
    pub(super) fn first(objects: &Objects, resolved: &Resolved, cut: Cut) -> Self {
        let state = objects.initial();
        Self {
            cut,
            places: vec![Place::Unknown; resolved.instances.len()],
            doing: vec![Doing::Own; state.contexts.len()],
            sent: vec![0; state.buffers.len()],
            state,
        }
    }

    /// How many events are in the cut.
    pub(super) fn explained(&self) -> usize {
        self.cut.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// All of it, in few bytes; `None` if the state has no packed form.
    pub(super) fn key(&self, codec: &Codec) -> Option<Box<[u8]>> {
        let mut words = vec![0; codec.words()];
        codec.pack(&self.state, &mut words).ok()?;
        let mut bytes = Vec::with_capacity(8 * (words.len() + self.cut.len()) + 3 * self.places.len());
        for word in words.iter().chain(&self.cut) {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.places.iter().map(|place| match place {
            Place::Unknown => u8::MAX,
            Place::Over => u8::MAX - 1,
            Place::At(slot) => *slot, // below 64
        }));
        for doing in &self.doing {
            let code = match doing {
                Doing::Own => u16::MAX,
                Doing::Told(Came::Done) => u16::MAX - 1,
                Doing::Told(Came::Refused) => u16::MAX - 2,
                Doing::Told(Came::TimedOut) => u16::MAX - 3,
                Doing::Calling(event) => *event, // below MOST_EVENTS
            };
            bytes.extend(code.to_le_bytes());
        }
        for sent in &self.sent {
            bytes.extend(sent.to_le_bytes());
        }
        Some(bytes.into())
    }

    /// May the model take the step here? A reported context takes only those of its call, and what needs none.
    pub(super) fn may_step(&self, objects: &Objects, resolved: &Resolved, step: Step) -> bool {
        let in_call = |context: ContextSlot, action: Action| match self.doing[usize::from(context)] {
            Doing::Calling(event) => match resolved.asked[usize::from(event)] {
                Asked::Calls(_, _, call) => call.has(action),
                _ => false,
            },
            _ => false,
        };
        let free = |context| !resolved.is_reported(objects, &self.state, context);
        // Whoever is handed a message takes part in the step of its sender.
        let partner = match step.action {
            Action::HandOver(buffer, receiver) => free(receiver) || in_call(receiver, Action::Receive(buffer)),
            _ => true,
        };
        partner && (is_silent(step.action) || free(step.context) || in_call(step.context, step.action))
    }

    /// Takes a step of the model.
    pub(super) fn step(&self, objects: &Objects, resolved: &Resolved, step: Step) -> (Self, Outcome) {
        let mut after = self.clone();
        let outcome = objects.apply_to(&self.state, step, &mut after.state);
        let refused = matches!(outcome, Outcome::Refused(_));
        if let Action::Send(buffer) | Action::HandOver(buffer, _) = step.action
            && !refused
        {
            let sent = &mut after.sent[buffer.index()];
            *sent = sent.saturating_add(1);
        }
        let came = match (step.action, refused) {
            (Action::Timeout, _) => Came::TimedOut,
            (_, true) => Came::Refused,
            _ => Came::Done,
        };
        if !is_silent(step.action) {
            after.tell(step.context, step.action, came);
        }
        if let Action::HandOver(_, receiver) = step.action {
            after.tell(receiver, step.action, Came::Done);
        }
        // Whoever has ended does nothing any more, and its entry may be another's.
        for place in &mut after.places {
            if let Place::At(slot) = *place
                && !after.state.processes[usize::from(slot)].lives()
            {
                *place = Place::Over;
            }
        }
        for (slot, process) in (0..).zip(&after.state.processes) {
            if !process.lives() {
                after.doing[objects.contexts_of(slot)].fill(Doing::Own);
            }
        }
        debug_assert_eq!(after.places.len(), resolved.instances.len());
        (after, outcome)
    }

    /// A call is over once its context is at the beginning of an instruction again.
    fn tell(&mut self, context: ContextSlot, action: Action, came: Came) {
        let at = usize::from(context);
        let over = matches!(self.state.contexts[at].phase, Phase::Begin | Phase::Sleeping | Phase::Gone);
        // Having done with the last message, a receiver still asks for the next.
        if over && matches!(self.doing[at], Doing::Calling(_)) && !matches!(action, Action::Ack(_)) {
            self.doing[at] = Doing::Told(came);
        }
    }

    /// Appends the pairs that explain the event here, if any.
    pub(super) fn explain(&self, objects: &Objects, resolved: &Resolved, event: usize, next: &mut Vec<Self>) {
        debug_assert!(!contains(&self.cut, event));
        let context = |at: usize, index: usize| match self.places[at] {
            Place::At(slot) => objects.contexts_of(slot).nth(index),
            _ => None,
        };
        let tracked = |slot: ProcessSlot, group| {
            let process = &self.state.processes[usize::from(slot)];
            process.lives() && process.group == Some(group) && process.membership == Membership::Tracked
        };
        let same = || Self { cut: with(&self.cut, event), ..self.clone() };
        let holds = match resolved.asked[event] {
            Asked::Appears(at, process) => {
                for (slot, entry) in (0..).zip(&self.state.processes) {
                    let taken = self.places.contains(&Place::At(slot));
                    if entry.status == Status::Alive && entry.instance_of == process && !taken {
                        let mut after = same();
                        after.places[at] = Place::At(slot);
                        next.push(after);
                    }
                }
                return;
            }
            Asked::Calls(at, index, _) => {
                let context = context(at, index).filter(|context| self.doing[*context] == Doing::Own);
                if let (Some(context), Ok(number)) = (context, u16::try_from(event)) {
                    let mut after = same();
                    after.doing[context] = Doing::Calling(number);
                    next.push(after);
                }
                return;
            }
            Asked::Returns(at, index, came) => {
                if let Some(context) = context(at, index).filter(|context| self.doing[*context] == Doing::Told(came)) {
                    let mut after = same();
                    after.doing[context] = Doing::Own;
                    next.push(after);
                }
                return;
            }
            Asked::Message(buffer) => {
                if self.sent[buffer.index()] > 0 {
                    let mut after = same();
                    after.sent[buffer.index()] -= 1;
                    next.push(after);
                }
                return;
            }
            Asked::Lives(at) => matches!(self.places[at], Place::At(_)),
            Asked::Ended(at) => self.places[at] == Place::Over,
            Asked::Member(at, group) => matches!(self.places[at], Place::At(slot) if tracked(slot, group)),
            Asked::Outside(at, group) => matches!(self.places[at], Place::At(slot) if !tracked(slot, group)),
            Asked::Empty(group) => (0..).zip(&self.state.processes).all(|(slot, _)| !tracked(slot, group)),
        };
        if holds {
            next.push(same());
        }
    }

    /// What is true of a process of the record.
    pub(super) fn situation(&self, resolved: &Resolved, instance: Instance) -> &'static str {
        let at = resolved.instances.iter().position(|known| *known == instance);
        match at.map(|at| self.places[at]) {
            None | Some(Place::Unknown) => "has not appeared",
            Some(Place::Over) => "has ended",
            Some(Place::At(slot)) => {
                let process = &self.state.processes[usize::from(slot)];
                match (process.group, process.membership) {
                    (None, _) => "lives",
                    (Some(_), Membership::Tracked) => "lives, in its job group",
                    (Some(_), Membership::Lost) => "lives, lost to its job group",
                }
            }
        }
    }
}
