//! Traces: what happened, in an order. A counterexample of the checker, a run of the simulator and a record of a host
//! are all of this type; they differ in who observed them, and in what is known of the time.
//!
//! Every event carries names as well as numbers, so that a reader of a trace (a person, a viewer, the replay on a host)
//! needs nothing else.

use serde::Serialize;

use crate::objects::{Action, ContextSlot, LockState, Name, Objects, Outcome, ProcessSlot, State, Step};
use crate::relation::Label;
use crate::sched::SchedStep;
use crate::system::{Effect, Instruction, Right};
use crate::time::TimeStep;
use crate::units::Nanos;

/// Who saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observer {
    /// The checker: every event is a step of the model; there is no time.
    Checker,
    /// The simulator; the time is simulated.
    Simulator,
    /// Something on a host, outside of what it observed.
    Host,
}

/// Some events, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// Who saw them.
    pub observer: Observer,
    /// What they saw.
    pub events: Vec<Event>,
}

/// Two runs side by side, which somebody tells apart who should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TwoRuns {
    /// The domain that tells them apart.
    pub observer: String,
    /// What happens in each; nothing, where only the other goes on.
    pub steps: Vec<[Option<Event>; 2]>,
    /// What the observer sees at the end of each, of what differs.
    pub sees: [String; 2],
}

impl TwoRuns {
    /// The second alone.
    pub fn second(&self) -> Trace {
        let events = self.steps.iter().filter_map(|[_, second]| second.clone()).collect();
        Trace { observer: Observer::Checker, events }
    }
}

/// When, in nanoseconds from the start: somewhere in this interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct When {
    /// Not before.
    pub from_ns: u64,
    /// Not after.
    pub to_ns: u64,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, if that is known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// The process and the context, by name: `supervisor/main`; an instance that is not the only one has its slot,
    /// `builder#2/main`.
    pub who: String,
    /// The process, if the event is some process's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessSlot>,
    /// The context, if the event is some context's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextSlot>,
    /// What, in a word: `open`, `fork`, `dispatch`.
    pub action: &'static str,
    /// The label itself.
    #[serde(skip)]
    pub label: Label,
    /// On what: the name of a handle, a process, an object, a group, a buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// For a creation: the handles it listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<String>>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The event as a sentence.
    pub text: String,
}

impl Action {
    /// The action in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Open(_) => "open",
            Self::SetFlag(_) => "set-flag",
            Self::Close(_) => "close",
            Self::Fork(_) => "fork",
            Self::Exec(_) => "exec",
            Self::Spawn(_) => "spawn",
            Self::Detach => "detach",
            Self::Exit => "exit",
            Self::End => "end",
            Self::Reap(_) => "wait",
            Self::Timeout => "time-out",
            Self::Kill(_) => "kill",
            Self::KillMember(_) => "kill-member",
            Self::KillReturns(_) => "kill-returns",
            Self::KillProcess(_) | Self::KillNumber(..) => "kill-process",
            Self::LockDown(_) => "lock-down",
            Self::LockDownMember(_) => "lock-down-member",
            Self::LockDownReturns(_) => "lock-down-returns",
            Self::Send(_) | Self::SendFollowed(_) => "send",
            Self::HandOver(..) => "hand-over",
            Self::Receive(_) => "receive",
            Self::Lock(_) => "lock",
            Self::Unlock(_) => "unlock",
            Self::Poll(_) => "poll",
            Self::Await(_) => "await",
            Self::Sleep(_) => "sleep",
            Self::Deliver(_) => "deliver",
            Self::Ack(_) => "acknowledge",
            Self::Attach(_) => "attach",
            Self::SetLimit(..) => "set-limit",
            Self::Access(..) => "access",
            Self::DropRights(_) => "drop-rights",
            Self::Regain(_) => "regain",
            Self::Grant(..) => "grant",
            Self::Allocate(_) => "allocate",
            Self::SwitchMode(_) => "switch-mode",
            Self::Choose(_) => "choose",
            Self::GiveUp => "give-up",
            Self::JobDone => "job-done",
            Self::Wake => "wake",
        }
    }
}

impl Objects {
    /// `supervisor/main`, `builder#2/main`.
    pub fn context_name(&self, state: &State, context: ContextSlot) -> String {
        format!("{}/{}", self.process_name(state, self.process_of(context)), self.declaration(state, context).name)
    }

    /// `supervisor`, `builder#2`: with its slot where the process may have several instances.
    pub fn process_name(&self, state: &State, slot: ProcessSlot) -> String {
        let id = state.processes[usize::from(slot)].instance_of;
        let name = &self.system().processes[id.index()].name;
        let mut creations = 0;
        self.system().for_each_instruction(|creator, instruction| {
            creations += match instruction {
                Instruction::Spawn { process, .. } | Instruction::Fork(process) if *process == id => 1,
                Instruction::Adversary { .. } if creator == id => 2,
                _ => 0,
            };
        });
        if creations > 1 { format!("{name}#{slot}") } else { name.clone() }
    }

    /// The event of a step of the objects, taken in `before`.
    pub fn event(&self, before: &State, step: Step, outcome: Outcome, after: &State) -> Event {
        let who = self.context_name(before, step.context);
        let (target, listed) = self.target(before, step);
        let text = self.sentence(&who, target.as_deref(), before, step, outcome, after);
        Event {
            when: None,
            who,
            process: Some(self.process_of(step.context)),
            context: Some(step.context),
            action: step.action.name(),
            label: Label::Object(step),
            target,
            listed,
            outcome: Some(outcome),
            text,
        }
    }

    /// The event of any label of the relation, at a simulated time; `outcome` is that of an object step.
    pub fn timed_event(
        &self,
        before: &State,
        label: Label,
        outcome: Option<Outcome>,
        after: &State,
        at: Nanos,
    ) -> Event {
        let when = Some(When { from_ns: at.0, to_ns: at.0 });
        let of = |context: ContextSlot, action, text: &str| {
            let who = self.context_name(before, context);
            let text = format!("{who} {text}");
            let process = Some(self.process_of(context));
            Event {
                when,
                who,
                process,
                context: Some(context),
                action,
                label,
                target: None,
                listed: None,
                outcome,
                text,
            }
        };
        let of_core = |action, text: String| Event {
            when,
            who: "core 0".into(),
            process: None,
            context: None,
            action,
            label,
            target: None,
            listed: None,
            outcome,
            text,
        };
        match label {
            Label::Object(step) => Event { when, ..self.event(before, step, outcome.unwrap_or(Outcome::Done), after) },
            Label::Sched(SchedStep::Dispatch(context)) => of(context, "dispatch", "gets the core"),
            Label::Sched(SchedStep::Idle) => of_core("idle", "the core goes idle".into()),
            Label::Sched(SchedStep::Replenish(id)) => {
                let name = &self.system().scheduling_contexts[id.index()].name;
                of_core("replenish", format!("the budget of `{name}` is refilled"))
            }
            Label::Time(TimeStep::Arrive { context, jitter }) => {
                of(context, "arrive", &format!("has a job arrive, to be released after {jitter}"))
            }
            Label::Time(TimeStep::Release(context)) => of(context, "release", "has a job released"),
            Label::Time(TimeStep::Begin { context, execution }) => {
                of(context, "begin", &format!("begins a step that takes {execution}"))
            }
            Label::Time(TimeStep::Elapse(duration)) => of_core("elapse", format!("{duration} pass")),
        }
    }

    /// What a step is about, by name, and the list of a creation.
    fn target(&self, state: &State, step: Step) -> (Option<String>, Option<Vec<String>>) {
        let system = self.system();
        let process = |id: crate::system::ProcessId| Some(system.processes[id.index()].name.clone());
        let target = match step.action {
            Action::Open(handle) | Action::SetFlag(handle) | Action::Close(handle) => {
                Some(system.handles[handle.index()].clone())
            }
            Action::Fork(id) | Action::Exec(id) | Action::Spawn(id) | Action::Reap(id) => process(id),
            Action::Kill(group) | Action::KillReturns(group) => Some(system.job_groups[group.index()].name.clone()),
            Action::KillMember(slot) | Action::LockDownMember(slot) => Some(self.process_name(state, slot)),
            Action::LockDown(domain) | Action::LockDownReturns(domain) => Some(system.domains[domain.index()].clone()),
            Action::KillProcess(id) | Action::KillNumber(id, _) => process(id),
            Action::Lock(lock) | Action::Unlock(lock) => Some(system.locks[lock.index()].name.clone()),
            Action::Send(buffer)
            | Action::SendFollowed(buffer)
            | Action::Ack(buffer)
            | Action::Attach(buffer)
            | Action::HandOver(buffer, _)
            | Action::Receive(buffer)
            | Action::Poll(buffer)
            | Action::Await(buffer)
            | Action::Sleep(buffer)
            | Action::Deliver(buffer)
            | Action::SetLimit(buffer, _) => Some(system.buffers[buffer.index()].name.clone()),
            Action::Access(object, _) | Action::Regain(object) | Action::Grant(object, _) => {
                Some(system.objects[object.index()].name.clone())
            }
            Action::DropRights(objects) => Some(self.object_names(objects).join(", ")),
            Action::SwitchMode(mode) => system.modes.get(mode.index()).map(|mode| mode.name.clone()),
            _ => None,
        };
        let listed = self.listed(state, step).map(|set| self.handle_names(set));
        (target, listed)
    }

    /// The names of the handles of a set.
    pub fn handle_names(&self, set: crate::objects::HandleSet) -> Vec<String> {
        let names = self.system().handles.iter().enumerate();
        names.filter(|(index, _)| set & (1 << index) != 0).map(|(_, name)| name.clone()).collect()
    }

    /// The names of the objects of a set.
    pub fn object_names(&self, set: crate::objects::ObjectSet) -> Vec<String> {
        self.objects_of(set).map(|object| self.system().objects[object.index()].name.clone()).collect()
    }

    /// The processes that live before a step and not after it, by name.
    fn ended(&self, before: &State, after: &State) -> String {
        let slots = (0u8..).zip(before.processes.iter().zip(&after.processes));
        let ended = slots.filter(|(_, (was, is))| was.lives() && !is.lives());
        ended.map(|(slot, _)| self.process_name(before, slot)).collect::<Vec<_>>().join(", ")
    }

    /// One step as a sentence that a person can follow.
    fn sentence(
        &self,
        who: &str,
        target: Option<&str>,
        before: &State,
        step: Step,
        outcome: Outcome,
        after: &State,
    ) -> String {
        let target = target.unwrap_or_default();
        let slot = usize::from(self.process_of(step.context));
        let did = match step.action {
            Action::Compute => "computes".into(),
            Action::Open(handle) => {
                let flagged = after.processes[slot].flagged & crate::objects::bit(handle) != 0;
                let flag = if flagged { "close-on-exec from the start" } else { "not close-on-exec" };
                format!("opens `{target}`, {flag}")
            }
            Action::SetFlag(_) => format!("sets close-on-exec on `{target}`"),
            Action::Close(_) => format!("closes `{target}`"),
            Action::Fork(_) => {
                let held = self.handle_names(before.processes[slot].handles);
                match self.listed(before, step) {
                    Some(listed) => format!(
                        "forks, to start `{target}` with {}; the child holds a copy of {}",
                        list(&self.handle_names(listed)),
                        list(&held)
                    ),
                    None => format!("forks a copy of itself as `{target}`"),
                }
            }
            Action::Exec(_) => {
                format!("starts its own program, and holds {}", list(&self.handle_names(after.processes[slot].handles)))
            }
            Action::Spawn(_) => {
                let listed = self.listed(before, step).map(|set| self.handle_names(set)).unwrap_or_default();
                format!("spawns `{target}` with {}", list(&listed))
            }
            Action::Detach => {
                let lost = after.processes[slot].membership == crate::objects::Membership::Lost;
                format!("starts a session of its own{}", if lost { ", and is out of its process group" } else { "" })
            }
            Action::Exit => "exits".into(),
            Action::End => "ends".into(),
            Action::Reap(_) => format!("has waited for `{target}`"),
            Action::Timeout => "stops waiting: its time is over".into(),
            Action::Kill(group) => {
                let left =
                    after.processes.iter().filter(|process| process.lives() && process.group == Some(group)).count();
                format!(
                    "kills job group `{target}`; of its descendants {} still there",
                    if left == 1 { "1 is".into() } else { format!("{left} are") }
                )
            }
            Action::KillMember(_) => format!("kills {target}, of the snapshot"),
            Action::KillProcess(named) => match self.named(before, named) {
                Name::Is(slot) if !before.processes[usize::from(slot)].lives() => {
                    format!("kills `{target}`, which has ended already")
                }
                _ => format!("kills `{target}`"),
            },
            Action::KillNumber(_, slot) => {
                format!("kills `{target}` by its number, which {} has got meanwhile", self.process_name(before, slot))
            }
            Action::LockDown(_) => format!("locks domain `{target}` down"),
            Action::LockDownMember(_) => format!("ends {target}, of the snapshot"),
            Action::LockDownReturns(_) => format!("has ended the whole snapshot of domain `{target}`"),
            Action::KillReturns(_) => format!("has killed the whole snapshot of job group `{target}`"),
            Action::Ack(_) => format!("has done with the message of `{target}`"),
            Action::Attach(buffer) => {
                let was = &before.buffers[buffer.index()];
                let there = u16::from(was.queued) + u16::from(was.taken);
                format!("takes over `{target}`, with {there} {}", if there == 1 { "message" } else { "messages" })
            }
            Action::Send(buffer) | Action::SendFollowed(buffer) => {
                let ended = self.ended(before, after);
                let at_once = self.delivers_at_once(buffer) && !ended.is_empty();
                format!("sends to `{target}`{}", if at_once { format!(", which ends {ended}") } else { String::new() })
            }
            Action::HandOver(_, receiver) => {
                format!("hands over to {}, which waits at `{target}`", self.context_name(before, receiver))
            }
            Action::Receive(_) => format!("receives from `{target}`"),
            Action::Lock(lock) if before.locks[lock.index()] == LockState::Orphaned => {
                format!("takes the lock `{target}`, and is told that its owner has ended")
            }
            Action::Lock(_) => format!("takes the lock `{target}`"),
            Action::Unlock(_) => format!("gives the lock `{target}` back"),
            Action::Poll(_) => format!("looks for a message in `{target}`"),
            Action::Await(_) => format!("looks whether there is a message in `{target}`"),
            Action::Sleep(_) => format!("goes to sleep until a message comes to `{target}`"),
            Action::Deliver(buffer) => {
                let ends = self.system().buffers[buffer.index()].effect == Effect::Terminate;
                format!("is interrupted by `{target}`{}", if ends { ", and ends" } else { "" })
            }
            Action::SetLimit(_, capacity) => format!("sets the limit of `{target}` to {capacity}"),
            Action::Access(_, Right::Create) => format!("tries to make something in `{target}`"),
            Action::Access(_, right) => format!("tries to {} `{target}`", right.name()),
            Action::DropRights(objects) => {
                format!("gives up its rights to `{}`", self.object_names(objects).join("`, `"))
            }
            Action::Regain(_) => format!("asks for its rights to `{target}` back"),
            Action::Grant(_, to) => {
                format!("grants its rights to `{target}` to `{}`", self.system().processes[to.index()].name)
            }
            Action::Allocate(bytes) => format!("takes {} of memory", crate::units::Bytes(bytes)),
            Action::SwitchMode(_) => format!("changes the mode to `{target}`"),
            Action::Choose(arm) => format!("goes on with arm {arm}"),
            Action::GiveUp => "stops attacking".into(),
            Action::JobDone => "ends a job".into(),
            Action::Wake => "starts a job".into(),
        };
        match outcome {
            Outcome::Refused(why) => format!("{who} {did}: refused, {}", why.name()),
            Outcome::Overflowed(rule) => format!("{who} {did}, which is full: {}", rule.name()),
            Outcome::Done if matches!(step.action, Action::Access(..)) => format!("{who} {did}, and succeeds"),
            _ => format!("{who} {did}"),
        }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "no handle".into(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
