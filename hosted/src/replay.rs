//! A counterexample of the checker, run on this host: its steps as real calls, many times, and how often it happens.
//!
//! [`Script::from_trace`] reads a trace and nothing else: no scenario's name, no profile. What it makes is one of these
//! scripts, all run by the meters of [`crate::measure`] and judged as they judge:
//!
//! - a trace in which contexts of a process open handles and create processes: threads, each repeating the calls of one
//!   context, unsynchronised ([`spawn_leak`]; G2);
//! - a trace in which a created process detaches, or a group is killed: a tree of processes, each taking the steps of
//!   one of the trace's ([`kill`]; G3, G4);
//! - a trace that creates processes and does nothing else of these: copies of the same tree, until the limit would be
//!   passed ([`fork_bomb`]; G6);
//! - a trace that ends with a kill of whoever has a worker's number: a supervisor and its workers ([`pid_reuse`]; G5);
//! - a trace that makes something in an object and ends with the end of a process: jobs that make things and are killed
//!   ([`residue`]; G8).
//!
//! That moving a process to another job group changes its schedule (G22) is seen on two systems, and no trace shows it: its script is
//! always the same ([`coupled`]). What a script counts is the violation of certain guarantees; a trace that refutes another is not
//! replayed, though its calls could be made ([`Script::of`]).
//!
//! What is mapped to what:
//!
//! | step | calls |
//! |---|---|
//! | open, set-flag, close | `pipe`, `fcntl(F_SETFD, FD_CLOEXEC)`, `close` |
//! | fork, spawn, exec | `fork`, `fork` and `execve`, `execve` |
//! | fork by a process whose group is being killed | `fork`, again and again: one of them meets the window |
//! | detach | `fork`, `_exit` of the parent, `setsid` |
//! | exit, end | `_exit`; a process whose last step it is not lives on |
//! | kill, kill-member, kill-returns | what [`Mode`] says, of the whole tree |
//! | kill-process, of whoever has the number | what [`Mode`] says, of a worker that was waited for |
//! | access to create, before the end of a job | `open(O_CREAT)` and `shmget(IPC_CREAT)`: a file and a segment, whichever the trace has |
//! | compute, choose, wait, time-out, scheduling | nothing |
//!
//! A shortest trace ends where the violation is, often between `open` and the `set-flag` that would follow. The program
//! would have made that call; so an `open` without its `set-flag` is completed with it, just before the next creation
//! of its context or at its end. The race is then real: nothing here leaves a descriptor unflagged, or sleeps.
//!
//! Known holes: an exec in the middle of a process's steps is left out (what goes on must be our code); steps that have
//! no call (a message, an access) are left out and listed in [`Script::left_out`].

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Action, ContextSlot, Outcome, ProcessSlot};
use lacuna_model::relation::Label;
use lacuna_model::system::Right;
use lacuna_model::trace::{Event, Trace};
use serde::Serialize;

use crate::measure::spawn_leak::{self, Act, SpawnLeak};
use crate::measure::stats::Proportion;
use crate::measure::tree::{Step, Tree};
use crate::measure::{MeasureError, coupled, fork_bomb, kill, pid_reuse, residue};

/// Why a trace cannot be replayed, or could not be here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The step at which the violation is, or the first if there is no process in it, has no call on a host.
    #[error("this trace cannot be replayed on a host: step {number}, \"{step}\", has no call")]
    NoCalls {
        /// Which step, from 1.
        number: usize,
        /// Its sentence.
        step: String,
    },
    /// A trace without any step.
    #[error("the trace is empty")]
    Empty,
    /// The calls of the trace would be counted for something else than what it violates.
    #[error("this trace cannot be replayed on a host: nothing here counts violations of {0}")]
    NotCounted(GuaranteeId),
    /// A mode of another kind of script.
    #[error("`{mode}` is no way to run this script")]
    Mode {
        /// Its name.
        mode: &'static str,
    },
    /// The run failed.
    #[error(transparent)]
    Measure(#[from] MeasureError),
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Calls {
    /// Threads that make descriptors and children.
    Handles(spawn_leak::Script),
    /// A tree that is killed.
    Killed(Tree),
    /// A tree that multiplies, and how many processes one copy of it makes.
    Multiplied {
        /// The trace's processes; role 0 is the one that starts them.
        tree: Tree,
        /// Processes of one copy.
        processes: u32,
    },
    /// A worker that is killed by its name, when its number is another's.
    Named,
    /// A job that makes things, and is killed.
    Left,
    /// A process that is in a control group, and asks for a realtime priority.
    Grouped,
}

/// The calls of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    /// What is run.
    pub calls: Calls,
    /// What is run beside the trace's own steps, as sentences: completed calls, copies, repetitions.
    pub added: Vec<String>,
    /// Steps that have no call or could not be kept, as sentences.
    pub left_out: Vec<String>,
}

/// What a mode stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The trace as it is.
    Unprotected,
    /// The trace, and something against it.
    Workaround,
    /// A habit that is known to be worse than the workaround it starts from: shown so that nobody takes it up.
    Warning,
}

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum Mode {
    /// Of a script that makes descriptors.
    Handles(spawn_leak::Mode),
    /// Of a tree that is killed.
    Killed(kill::Mode),
    /// Of a tree that multiplies.
    Multiplied(fork_bomb::Mode),
    /// Of a worker that is killed by its name.
    Named(pid_reuse::Mode),
    /// Of a job that leaves something.
    Left(residue::Mode),
    /// Of a process in a control group.
    Grouped(coupled::Mode),
}

impl Mode {
    /// What it stands for.
    pub fn way(self) -> Way {
        match self {
            Self::Handles(spawn_leak::Mode::FlagLater)
            | Self::Killed(kill::Mode::ProcessGroup)
            | Self::Multiplied(fork_bomb::Mode::Unlimited)
            | Self::Named(pid_reuse::Mode::Number)
            | Self::Left(residue::Mode::Shared)
            | Self::Grouped(coupled::Mode::FreshGroup) => Way::Unprotected,
            Self::Handles(spawn_leak::Mode::ClearedInParent) => Way::Warning,
            Self::Handles(_) | Self::Killed(_) | Self::Multiplied(_) => Way::Workaround,
            Self::Named(_) | Self::Left(_) | Self::Grouped(_) => Way::Workaround,
        }
    }

    /// Of one that is shown as a warning: why.
    pub fn warning(self) -> Option<&'static str> {
        (self.way() == Way::Warning).then_some(
            "worse than pipe2(O_CLOEXEC) alone: while the parent has the flag cleared, the child of any thread inherits it",
        )
    }

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handles(mode) => mode.name(),
            Self::Killed(mode) => mode.name(),
            Self::Multiplied(mode) => mode.name(),
            Self::Named(mode) => mode.name(),
            Self::Left(mode) => mode.name(),
            Self::Grouped(mode) => mode.name(),
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The mode's name.
    pub mode: &'static str,
    /// Trials (children, kills, bombs, jobs, processes), and those in which the violation was seen.
    pub violations: Proportion,
    /// The meter's own numbers.
    pub detail: Detail,
}

/// The meter's own numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Of descriptors.
    Handles(SpawnLeak),
    /// Of a kill.
    Killed(kill::Kill),
    /// Of a limit.
    Multiplied(fork_bomb::ForkBomb),
    /// Of a name.
    Named(pid_reuse::PidReuse),
    /// Of what is left.
    Left(residue::Residue),
    /// Of a group.
    Grouped(coupled::Coupled),
}

/// Copies of the trace's processes that run at once.
const COPIES: u32 = 8;
/// The limit that a multiplying tree is run against.
const LIMIT: u32 = 24;

impl Script {
    /// The calls of a trace by which this guarantee is refuted, if what is counted of them is that it is violated; pure.
    ///
    /// # Errors
    /// [`ReplayError::NotCounted`], and those of [`Self::from_trace`].
    pub fn of(id: GuaranteeId, trace: &Trace) -> Result<Self, ReplayError> {
        if id == GuaranteeId::G22 {
            return Ok(Self::grouped());
        }
        let script = Self::from_trace(trace)?;
        let counted: &[GuaranteeId] = match script.calls {
            Calls::Handles(_) => &[GuaranteeId::G2],
            Calls::Killed(_) => &[GuaranteeId::G3, GuaranteeId::G4],
            Calls::Multiplied { .. } => &[GuaranteeId::G6],
            Calls::Named => &[GuaranteeId::G5],
            Calls::Left => &[GuaranteeId::G8],
            Calls::Grouped => &[GuaranteeId::G22],
        };
        if counted.contains(&id) { Ok(script) } else { Err(ReplayError::NotCounted(id)) }
    }

    /// The calls of a trace; pure.
    ///
    /// # Errors
    /// [`ReplayError::Empty`], [`ReplayError::NoCalls`].
    pub fn from_trace(trace: &Trace) -> Result<Self, ReplayError> {
        let taken: Vec<Taken<'_>> = trace.events.iter().filter_map(Taken::of).collect();
        if let Some(script) = Self::by_its_end(&taken) {
            return Ok(script);
        }
        let creates = taken.iter().rfind(|t| is_creation(t.action));
        let mut left_out: Vec<String> =
            taken.iter().filter(|t| call(t.action) == Call::Missing).map(|t| t.event.text.clone()).collect();
        let Some(creation) = creates else {
            let first = trace.events.first().ok_or(ReplayError::Empty)?;
            let position = trace.events.iter().position(|e| Taken::of(e).is_some_and(|t| call(t.action) != Call::Made));
            let (number, event) = position.map_or((1, first), |at| (at + 1, &trace.events[at]));
            return Err(ReplayError::NoCalls { number, step: event.text.clone() });
        };
        // A trace ends with the violation: what has no call there cannot be brought about.
        if let Some(last) = taken.last().filter(|t| call(t.action) == Call::Missing) {
            return Err(ReplayError::NoCalls { number: trace.events.len(), step: last.event.text.clone() });
        }
        let opens = taken.iter().any(|t| matches!(t.action, Action::Open(_)) && t.process == creation.process);
        let escapes = taken.iter().any(|t| matches!(t.action, Action::Detach | Action::Kill(_)));
        let (calls, added) = match (escapes, opens) {
            (false, true) => {
                let (script, added) = handles(&taken, creation.process);
                (Calls::Handles(script), added)
            }
            (escapes, _) => {
                let Grown { tree, processes, dropped } = tree(&taken, if escapes { COPIES } else { 1 });
                left_out.extend(dropped);
                let mut added = added_to(&tree);
                if escapes {
                    (Calls::Killed(tree), added)
                } else {
                    let times = copies_past_the_limit(processes);
                    added.insert(0, format!("all of it {times} times over, to pass a limit of {LIMIT} processes"));
                    (Calls::Multiplied { tree, processes }, added)
                }
            }
        };
        Ok(Self { calls, added, left_out })
    }

    /// Of a trace whose last step says what kind of script it is.
    fn by_its_end(taken: &[Taken<'_>]) -> Option<Self> {
        let last = taken.last()?;
        let makes = |step: &Taken<'_>| matches!(step.action, Action::Access(_, Right::Create));
        let ends = matches!(last.action, Action::Exit | Action::End | Action::Kill(_) | Action::KillMember(_));
        let (calls, added) = match last.action {
            Action::KillNumber(..) => (
                Calls::Named,
                "a pid namespace of our own, whose counter is set to just before the worker's number, where a host gives all others first",
            ),
            _ if ends && taken.iter().any(makes) => {
                (Calls::Left, "a file and a segment of shared memory, whichever of them the trace has")
            }
            _ => return None,
        };
        let is_its_own = |step: &&Taken<'_>| match calls {
            Calls::Named => matches!(step.action, Action::KillNumber(..)),
            _ => makes(step),
        };
        let missing = taken.iter().filter(|step| call(step.action) == Call::Missing && !is_its_own(step));
        let left_out = missing.map(|step| step.event.text.clone()).collect();
        Some(Self { calls, added: vec![added.into()], left_out })
    }

    /// That what tracks a process decides how it is scheduled; what shows it are two systems, and no trace.
    fn grouped() -> Self {
        let added = "a realtime priority is asked for where the model only has a process in another group".into();
        Self { calls: Calls::Grouped, added: vec![added], left_out: vec![] }
    }

    /// The ways to run it, the unprotected one first, then each workaround.
    pub fn modes(&self) -> Vec<Mode> {
        match self.calls {
            Calls::Handles(_) => spawn_leak::Mode::ALL.map(Mode::Handles).to_vec(),
            Calls::Killed(_) => kill::Mode::ALL.map(Mode::Killed).to_vec(),
            Calls::Multiplied { .. } => fork_bomb::Mode::ALL.map(Mode::Multiplied).to_vec(),
            Calls::Named => pid_reuse::Mode::ALL.map(Mode::Named).to_vec(),
            Calls::Left => residue::Mode::ALL.map(Mode::Left).to_vec(),
            Calls::Grouped => coupled::Mode::ALL.map(Mode::Grouped).to_vec(),
        }
    }

    /// The calls of each role, in order, for a reader; those that make none in one line at the end.
    pub fn describe(&self) -> Vec<String> {
        let roles: Vec<String> = match &self.calls {
            Calls::Handles(script) => script.roles.iter().map(|role| join(role.iter().map(describe_act))).collect(),
            Calls::Killed(tree) | Calls::Multiplied { tree, .. } => {
                tree.roles.iter().map(|role| join(role.iter().map(describe_step))).collect()
            }
            Calls::Named => {
                vec!["fork, _exit of the child; waitpid; fork of another, which gets the number; kill".into()]
            }
            Calls::Left => vec!["open(O_CREAT); shmget(IPC_CREAT); SIGKILL of whoever did so, and waitpid".into()],
            Calls::Grouped => vec!["fork; write to cgroup.procs; sched_setscheduler(SCHED_FIFO)".into()],
        };
        let made = roles.iter().enumerate().filter(|(_, calls)| !calls.is_empty());
        let mut lines: Vec<String> = made.map(|(role, calls)| format!("role {role}: {calls}")).collect();
        let idle = roles.iter().enumerate().filter(|(_, calls)| calls.is_empty());
        let idle: Vec<String> = idle.map(|(role, _)| role.to_string()).collect();
        if !idle.is_empty() {
            lines.push(format!("role {}: no call; it lives until it is killed", idle.join(", ")));
        }
        lines
    }

    /// Runs it: `n` children, `n` kills, or `n` bombs; an interrupt ends it with what is under way.
    ///
    /// # Errors
    /// [`ReplayError::Mode`] for a mode that is not among [`Self::modes`], and those of the meters.
    pub fn run(&self, mode: Mode, n: u32, interrupt: &AtomicBool) -> Result<Measured, ReplayError> {
        let (violations, detail) = match (&self.calls, mode) {
            (Calls::Handles(script), Mode::Handles(mode)) => {
                let effort = spawn_leak::Effort { spawns: n.into(), ..spawn_leak::Effort::default() };
                let seen = spawn_leak::measure_unless(script, mode, effort, interrupt)?;
                (seen.leaks, Detail::Handles(seen))
            }
            (Calls::Killed(tree), Mode::Killed(mode)) => {
                let seen = kill::measure_unless(tree, mode, n, interrupt)?;
                (seen.survived, Detail::Killed(seen))
            }
            (Calls::Multiplied { tree, processes }, Mode::Multiplied(mode)) => {
                let copies = copies_past_the_limit(*processes);
                let mut tree = tree.clone();
                for step in tree.roles.iter_mut().take(1).flatten() {
                    if let Step::Fork { times, .. } = step {
                        *times = copies;
                    }
                }
                tree.forks = 3 * LIMIT;
                let seen = fork_bomb::measure_unless(&tree, mode, LIMIT, n, interrupt)?;
                (Proportion::new(seen.exceeded.into(), seen.runs.into()), Detail::Multiplied(seen))
            }
            (Calls::Named, Mode::Named(mode)) => {
                let seen = pid_reuse::measure_unless(mode, n, interrupt)?;
                (Proportion::new(seen.another_died.into(), seen.kills.into()), Detail::Named(seen))
            }
            (Calls::Left, Mode::Left(mode)) => {
                let seen = residue::measure_unless(mode, n, interrupt)?;
                (Proportion::new(seen.left_something.into(), seen.jobs.into()), Detail::Left(seen))
            }
            (Calls::Grouped, Mode::Grouped(mode)) => {
                let seen = coupled::measure_unless(mode, n, interrupt)?;
                (Proportion::new(seen.refused.into(), seen.asked.into()), Detail::Grouped(seen))
            }
            (_, mode) => return Err(ReplayError::Mode { mode: mode.name() }),
        };
        Ok(Measured { mode: mode.name(), violations, detail })
    }
}

/// Copies of so many processes that together are more than the limit, by far.
fn copies_past_the_limit(processes: u32) -> u32 {
    (3 * LIMIT).div_ceil(processes.max(1))
}

/// A step of the objects, taken by a process and not refused by the model's kernel.
struct Taken<'a> {
    event: &'a Event,
    process: ProcessSlot,
    context: ContextSlot,
    action: Action,
}

impl<'a> Taken<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        match (event.label, event.process, event.outcome) {
            (Label::Object(_), _, Some(Outcome::Refused(_))) => None,
            (Label::Object(step), Some(process), _) => {
                Some(Self { event, process, context: step.context, action: step.action })
            }
            _ => None,
        }
    }

    fn created(&self) -> Option<ProcessSlot> {
        match self.event.outcome {
            Some(Outcome::Created(slot)) => Some(slot),
            _ => None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Call {
    Made,
    NotNeeded,
    Missing,
}

fn call(action: Action) -> Call {
    match action {
        Action::Open(_) | Action::SetFlag(_) | Action::Close(_) | Action::Fork(_) | Action::Exec(_) => Call::Made,
        Action::Spawn(_) | Action::Detach | Action::Exit | Action::End => Call::Made,
        Action::Kill(_) | Action::KillMember(_) | Action::KillReturns(_) => Call::Made,
        Action::Compute | Action::Choose(_) | Action::GiveUp | Action::JobDone | Action::Wake => Call::NotNeeded,
        Action::Reap(_) | Action::Timeout => Call::NotNeeded,
        Action::KillProcess(_) | Action::KillNumber(..) => Call::Missing,
        Action::Lock(_) | Action::Unlock(_) => Call::Missing,
        Action::DropRights(_) | Action::Regain(_) | Action::Grant(..) | Action::SwitchMode(_) => Call::Missing,
        Action::LockDown(_) | Action::LockDownMember(_) | Action::LockDownReturns(_) => Call::Missing,
        Action::Send(_) | Action::HandOver(..) | Action::Receive(_) | Action::Poll(_) => Call::Missing,
        Action::Await(_) | Action::Sleep(_) => Call::Missing,
        Action::Ack(_) | Action::Attach(_) | Action::SendFollowed(_) => Call::Missing,
        Action::Deliver(_) | Action::SetLimit(..) | Action::Access(..) | Action::Allocate(_) => Call::Missing,
    }
}

fn is_creation(action: Action) -> bool {
    matches!(action, Action::Fork(_) | Action::Spawn(_))
}

/// One role for each context of the process that opened or created anything, in the order of their first steps; and what
/// was added to its calls.
fn handles(taken: &[Taken<'_>], process: ProcessSlot) -> (spawn_leak::Script, Vec<String>) {
    let mut roles: Vec<(ContextSlot, Role)> = Vec::new();
    for step in taken.iter().filter(|t| t.process == process) {
        let place = roles.iter().position(|(context, _)| *context == step.context).unwrap_or_else(|| {
            roles.push((step.context, Role::default()));
            roles.len() - 1
        });
        let role = &mut roles[place].1;
        let name = step.event.target.as_deref().unwrap_or_default();
        match step.action {
            Action::Open(_) => {
                let slot = role.slot(name);
                role.acts.push(Act::Create(slot));
                role.unflagged.push(slot);
            }
            Action::SetFlag(_) => {
                let slot = role.slot(name);
                role.flag(slot);
            }
            Action::Close(_) => {
                let slot = role.slot(name);
                role.unflagged.retain(|s| *s != slot);
                role.acts.push(Act::Close(slot));
            }
            Action::Fork(_) | Action::Spawn(_) => {
                role.complete();
                let listed = step.event.listed.iter().flatten();
                let pass = listed.filter_map(|name| role.known.iter().position(|k| k == name)).collect();
                role.acts.push(Act::Spawn { pass });
            }
            _ => {}
        }
    }
    for (_, role) in &mut roles {
        role.complete();
    }
    let roles: Vec<Role> = roles.into_iter().map(|(_, role)| role).filter(|role| !role.acts.is_empty()).collect();
    let completed = roles.iter().enumerate().flat_map(|(number, role)| {
        let call = |slot: &spawn_leak::Slot| describe_act(&Act::Flag(*slot));
        role.completed.iter().map(move |slot| format!("role {number}: {}, which the trace ends before", call(slot)))
    });
    let mut added: Vec<String> = completed.collect();
    added.push(format!(
        "every role again and again, by {} threads in all; what it leaves open is closed before it begins again",
        spawn_leak::Effort::default().threads
    ));
    (spawn_leak::Script { roles: roles.into_iter().map(|role| role.acts).collect() }, added)
}

#[derive(Default)]
struct Role {
    acts: Vec<Act>,
    /// Handles by name; the place is the slot.
    known: Vec<String>,
    unflagged: Vec<spawn_leak::Slot>,
    /// Flagged by us and not by the trace.
    completed: Vec<spawn_leak::Slot>,
}

impl Role {
    fn slot(&mut self, name: &str) -> spawn_leak::Slot {
        self.known.iter().position(|known| known == name).unwrap_or_else(|| {
            self.known.push(name.into());
            self.known.len() - 1
        })
    }

    fn flag(&mut self, slot: spawn_leak::Slot) {
        self.unflagged.retain(|s| *s != slot);
        self.acts.push(Act::Flag(slot));
    }

    /// The flags that the program would have set had the trace gone on.
    fn complete(&mut self) {
        for slot in std::mem::take(&mut self.unflagged) {
            self.acts.push(Act::Flag(slot));
            self.completed.push(slot);
        }
    }
}

/// What the processes of a trace became.
struct Grown {
    tree: Tree,
    /// How many processes one copy makes.
    processes: u32,
    /// Steps that were not kept, as sentences.
    dropped: Vec<String>,
}

/// The processes that the trace creates, as roles; role 0 starts so many copies of those that nobody created starts.
fn tree(taken: &[Taken<'_>], copies: u32) -> Grown {
    let mut roles: Vec<Vec<Step>> = vec![Vec::new()];
    let mut role_of: BTreeMap<ProcessSlot, usize> = BTreeMap::new();
    let mut being_killed = false;
    for step in taken {
        let own = role_of.get(&step.process).copied();
        match step.action {
            Action::Kill(_) => being_killed = true,
            Action::KillReturns(_) => being_killed = false,
            Action::Fork(_) | Action::Spawn(_) => {
                let Some(child) = step.created() else { continue };
                let role = roles.len();
                let execs = if matches!(step.action, Action::Spawn(_)) { vec![Step::Exec] } else { Vec::new() };
                roles.push(execs);
                role_of.insert(child, role);
                let parent = own.unwrap_or(0);
                let fork = match (own, being_killed) {
                    (Some(_), true) => Step::ForkOn { role },
                    (Some(_), false) => Step::Fork { role, times: 1 },
                    (None, _) => Step::Fork { role, times: copies },
                };
                roles[parent].push(fork);
            }
            Action::Exec(_) => push(&mut roles, own, &[Step::Exec]),
            Action::Detach => push(&mut roles, own, &[Step::Detach, Step::NewSession]),
            Action::Exit | Action::End => push(&mut roles, own, &[Step::Exit]),
            _ => {}
        }
    }
    let mut dropped = Vec::new();
    for (number, role) in roles.iter_mut().enumerate() {
        if keep_last_exec(role) > 0 {
            dropped.push(format!("role {number}: execve, for what goes on after it must be our code"));
        }
    }
    let processes = u32::try_from(roles.len() - 1).unwrap_or(u32::MAX);
    let detaches = roles.iter().flatten().filter(|s| matches!(s, Step::Detach)).count() as u32;
    let restless = roles.iter().flatten().any(|s| matches!(s, Step::ForkOn { .. }));
    let forks = if restless { 400 } else { copies * (processes + detaches) };
    Grown { tree: Tree { roles, forks }, processes, dropped }
}

/// What the roles do that no step of a trace says by itself.
fn added_to(tree: &Tree) -> Vec<String> {
    let mut added = Vec::new();
    for (number, role) in tree.roles.iter().enumerate() {
        for step in role {
            added.extend(match step {
                Step::Fork { role, times: times @ 2.. } => {
                    Some(format!("{times} copies of role {role} at once, where the trace has one"))
                }
                Step::ForkOn { role } => Some(format!(
                    "role {number}: fork of role {role} again and again, where the trace has one in the midst of a kill"
                )),
                Step::Detach => Some(format!(
                    "role {number}: a fork and the parent's _exit before setsid, which no leader may call"
                )),
                _ => None,
            });
        }
    }
    added
}

fn push(roles: &mut [Vec<Step>], role: Option<usize>, steps: &[Step]) {
    if let Some(role) = role.and_then(|role| roles.get_mut(role)) {
        role.extend(steps);
    }
}

/// Nothing of ours runs after an exec or an exit: an exec is kept only where it is last.
/// How many were not kept?
fn keep_last_exec(role: &mut Vec<Step>) -> usize {
    let before = role.len();
    let last = role.len().saturating_sub(1);
    let mut at = 0;
    role.retain(|step| {
        at += 1;
        !matches!(step, Step::Exec) || at - 1 == last
    });
    before - role.len()
}

fn join(calls: impl Iterator<Item = String>) -> String {
    calls.collect::<Vec<_>>().join("; ")
}

fn describe_act(act: &Act) -> String {
    match act {
        Act::Create(slot) => format!("pipe({slot})"),
        Act::Flag(slot) => format!("fcntl({slot}, FD_CLOEXEC)"),
        Act::Close(slot) => format!("close({slot})"),
        Act::Spawn { pass } => format!("fork, execve with {pass:?}"),
    }
}

fn describe_step(step: &Step) -> String {
    match step {
        Step::Fork { role, times: 1 } => format!("fork role {role}"),
        Step::Fork { role, times } => format!("fork role {role}, {times} times"),
        Step::ForkOn { role } => format!("fork role {role}, again and again"),
        Step::NewSession => "setsid".into(),
        Step::Detach => "fork, _exit of the parent".into(),
        Step::Exec => "execve".into(),
        Step::Exit => "_exit".into(),
        Step::Relay => "fork and _exit, for ever".into(),
        Step::Swarm => "fork in every process".into(),
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
