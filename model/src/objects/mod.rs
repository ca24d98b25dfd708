//! Objects: processes, handles, buffers, groups, rights; the untimed half of the relation, which knows nothing of
//! scheduling. [`Objects::enabled`] lists the steps that are possible in a state, [`Objects::apply`] takes one; it is
//! deterministic, every choice is in the step, and a refusal is an outcome.

mod apply;
mod buffers;
mod demand;
mod edges;
mod enabled;
mod ending;
mod future;
mod lock_down;
mod made;
mod modes;
mod packed;
mod precondition;
mod program;
mod schedule;
mod state;
mod step;
mod symmetry;
mod touched;
mod usage;
mod view;
mod wait_points;
mod waits;

pub use ending::Ending;
pub use packed::{Codec, DoesNotFit, Forest};
pub use precondition::Precondition;
pub use program::{HandleSet, Node, Operation, Position, Program, ProgramError, bit};
pub use state::{
    Context, ContextSlot, Fate, Followed, LockState, Membership, Name, ObjectSet, Phase, Process, ProcessSlot, Queue,
    Rank, State, Status,
};
pub use step::{Action, Outcome, Refusal, Step};
pub use symmetry::Asymmetry;
pub use touched::Touched;
pub use view::{Holder, Named, Own, Seen, View, Views, told};
pub use wait_points::{Declared, WaitPoint};
pub use waits::Wait;

use crate::guarantee::{GuaranteeId, GuaranteeSet};
use crate::profile::Profile;
use crate::profile::scheduling::Given;
use crate::system::{
    DomainId, GroupId, Instruction, LockId, MAX_DROPPED, MAX_HANDLES, MAX_OF_A_KIND, MAX_PROCESS_TABLE, ModeId,
    ObjectId, ProcessId, System,
};
use crate::units::Nanos;

/// The object part of the relation, for one system under one profile.
#[derive(Debug, Clone)]
pub struct Objects {
    system: System,
    profile: Profile,
    programs: Vec<Vec<Program>>,
    /// The nodes of all of them, one program after the other,
    nodes: Vec<Node>,
    /// and where each begins: as many a process as the largest has contexts.
    begins: Vec<u32>,
    contexts_per_process: usize,
    /// The process of each context: a division less.
    process_of: Vec<ProcessSlot>,
    /// The rights that the policy allows, a bit each: of every domain on every object, an object's together.
    allowed: Vec<u8>,
    /// What each buffer is, of what the kernel offers.
    given: Vec<buffers::Given>,
    /// The buffers whose messages wait to be processed automatically, a bit each.
    deferred: HandleSet,
    /// Those with successors, a bit each.
    acknowledged: HandleSet,
    /// The processes that some program kills by name.
    named: Vec<ProcessId>,
    /// The objects that some program gives up its rights to; their places are their bits.
    dropped: Vec<ObjectId>,
    /// The objects in which something may be made that is no output, and by which groups.
    makes: Vec<(ObjectId, GroupId)>,
    /// The domains that some program locks down.
    lockable: Vec<DomainId>,
    /// The guarantees whose ghosts are kept.
    watched: GuaranteeSet,
    /// The checks that are left out.
    omitted: precondition::Omitted,
    /// What may still be done from each position that others may wait for.
    future: future::Future,
    /// What each context may still give to others, where the scheduler is told.
    gives: edges::Gives,
    /// What the kernel makes of the scheduling that is asked for.
    scheduling: Given,
}

/// The indices of the bits that are set, lowest first.
pub(crate) fn each(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if set == 0 {
            return None;
        }
        let lowest = set.trailing_zeros() as usize;
        set &= set - 1;
        Some(lowest)
    })
}

/// Why a system cannot be given a semantics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    /// A program is no program.
    #[error("process `{process}`, context `{context}`: {error}")]
    Program {
        /// Of which process.
        process: String,
        /// Of which context.
        context: String,
        /// What is wrong.
        error: ProgramError,
    },
    /// The process table does not hold the processes that start with the system, or is too large.
    #[error(
        "a process table of {size} entries: at least {least} processes start with the system, and at most {MAX_PROCESS_TABLE} are modelled"
    )]
    ProcessTable {
        /// As asked for.
        size: u8,
        /// How many start with the system.
        least: usize,
    },
    /// More of a kind than numbers for them.
    #[error("{0} declarations of a kind; at most {MAX_OF_A_KIND} are modelled")]
    TooMany(usize),
    /// More processes start in a job group than it may have.
    #[error("{starting} processes start in job group `{group}`, whose limit is {limit}")]
    StartsBeyondLimit {
        /// Which group.
        group: String,
        /// How many start in it.
        starting: usize,
        /// Its limit.
        limit: u32,
    },
    /// Too many objects whose rights are given up.
    #[error("rights to {0} objects are given up; at most {MAX_DROPPED} are modelled")]
    Dropped(usize),
    /// Too many handles.
    #[error("{0} handles are named; at most {MAX_HANDLES} are modelled")]
    Handles(usize),
}

impl Objects {
    /// Lowers a system.
    ///
    /// # Errors
    /// See [`ObjectsError`].
    pub fn new(system: &System, profile: &Profile) -> Result<Self, ObjectsError> {
        let contexts: usize = system.processes.iter().map(|process| process.contexts.len()).sum();
        let kinds = [
            system.processes.len(),
            system.objects.len(),
            system.job_groups.len(),
            system.buffers.len(),
            system.locks.len(),
            system.modes.len(),
            system.domains.len(),
            system.scheduling_contexts.len(),
            contexts,
        ];
        if let Some(many) = kinds.into_iter().find(|many| *many > MAX_OF_A_KIND) {
            return Err(ObjectsError::TooMany(many));
        }
        let mut programs = Vec::with_capacity(system.processes.len());
        for process in &system.processes {
            let mut of_process = Vec::with_capacity(process.contexts.len());
            for context in &process.contexts {
                of_process.push(Program::new(&context.program).map_err(|error| ObjectsError::Program {
                    process: process.name.clone(),
                    context: context.name.clone(),
                    error,
                })?);
            }
            programs.push(of_process);
        }
        if system.handles.len() > MAX_HANDLES {
            return Err(ObjectsError::Handles(system.handles.len()));
        }
        let dropped = given_up(system);
        if dropped.len() > MAX_DROPPED {
            return Err(ObjectsError::Dropped(dropped.len()));
        }
        let contexts_per_process = programs.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let (mut nodes, mut begins) = (Vec::new(), Vec::new());
        for of_process in &programs {
            for index in 0..contexts_per_process {
                begins.push(nodes.len() as u32); // at most 250 contexts of 4097 nodes
                nodes.extend(of_process.get(index).into_iter().flat_map(|program| program.nodes.iter().cloned()));
            }
        }
        let given = buffers::given(system, profile);
        let mut objects = Self {
            process_of: (0..system.process_table).flat_map(|slot| vec![slot; contexts_per_process]).collect(),
            allowed: allowed(system),
            deferred: buffers::deferred(&given),
            acknowledged: buffers::acknowledged(&given),
            given,
            named: killed_by_name(system),
            dropped,
            makes: Vec::new(),
            lockable: lock_down::locked_down_by_a_program(system),
            watched: GuaranteeSet::ALL,
            omitted: precondition::Omitted::default(),
            future: future::Future::default(),
            gives: edges::Gives::default(),
            scheduling: profile.scheduling.given(system),
            nodes,
            begins,
            contexts_per_process,
            system: system.clone(),
            profile: profile.clone(),
            programs,
        };
        objects.makes = objects.find_makes();
        objects.future = future::Future::of(&objects);
        objects.gives = edges::Gives::of(&objects);
        for (id, group) in (0u8..).zip(&system.job_groups) {
            let of_group = |process: &ProcessId| system.processes[process.index()].group == Some(GroupId(id));
            let starting = objects.starting_processes().filter(of_group).count();
            if let Some(limit) = group.processes.filter(|limit| starting as u64 > u64::from(*limit)) {
                return Err(ObjectsError::StartsBeyondLimit { group: group.name.clone(), starting, limit });
            }
        }
        let least = objects.starting_processes().count();
        let size = system.process_table;
        if usize::from(size) < least || usize::from(size) > MAX_PROCESS_TABLE {
            return Err(ObjectsError::ProcessTable { size, least });
        }
        Ok(objects)
    }

    /// Keeps the ghosts of these guarantees alone. States that only another guarantee tells apart are then one, and of
    /// that guarantee nothing may be concluded.
    #[must_use]
    pub fn watching(self, ids: &[GuaranteeId]) -> Self {
        let mut watching = Self { watched: ids.iter().copied().collect(), ..self };
        watching.makes = watching.find_makes();
        watching
    }

    /// The guarantees whose ghosts are kept: all, unless [`Objects::watching`] named some.
    pub fn watched(&self) -> GuaranteeSet {
        self.watched
    }

    /// The system.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    fn starting_processes(&self) -> impl Iterator<Item = ProcessId> + '_ {
        (0u8..)
            .zip(&self.system.processes)
            .map(|(id, _)| ProcessId(id))
            .filter(|id| self.system.starts_with_the_system(*id))
    }

    /// The state in which the processes that start with the system are about to run.
    pub fn initial(&self) -> State {
        let table = usize::from(self.system.process_table);
        let mut state = State {
            processes: vec![Process::FREE; table],
            contexts: vec![Context::FREE; table * self.contexts_per_process],
            locks: vec![LockState::Free; self.system.locks.len()],
            buffers: self.given.iter().map(|given| given.empty).collect(),
            followed: Followed::Nowhere,
            supervisors: vec![None; self.system.job_groups.len()],
            names: vec![Name::Nobody; self.named.len()],
            made: vec![false; self.makes.len()],
            locked_down: vec![false; self.lockable.len()],
            mode: ModeId(0),
            attack_steps: self.attack_depth(),
        };
        for (slot, id) in (0u8..).zip(self.starting_processes()) {
            let declared = &self.system.processes[id.index()];
            // It holds the buffers that its domain has a right on, none of them to be inherited.
            let buffers = self.system.buffers.iter().enumerate().fold(0, |set, (index, buffer)| {
                let has = buffer.send.contains(&declared.domain) || buffer.receive.contains(&declared.domain);
                set | (HandleSet::from(has) << index)
            });
            state.processes[usize::from(slot)] = Process {
                status: Status::Alive,
                instance_of: id,
                group: declared.group,
                rank: if declared.group.is_some() { Rank::Leader } else { Rank::Member },
                handles: buffers,
                flagged: buffers,
                ..Process::FREE
            };
            self.start_contexts(&mut state, slot, id, 0);
            let names = state.names.iter_mut().zip(&self.named);
            names.filter(|(_, named)| **named == id).for_each(|(name, _)| *name = Name::Is(slot));
        }
        state
    }

    /// The number of steps that all adversaries together may take, if that is bounded: the largest depth asked for.
    pub fn attack_depth(&self) -> Option<u8> {
        let (mut depth, mut unbounded) = (0, false);
        self.system.for_each_instruction(|_, instruction| {
            if let Instruction::Adversary { depth: wanted } = instruction {
                unbounded |= wanted.is_none();
                depth = depth.max(wanted.unwrap_or(0));
            }
        });
        (!unbounded).then_some(depth)
    }

    /// Is an adversary stopped in this state by nothing but the bound on its steps?
    pub fn is_cut(&self, state: &State) -> bool {
        state.attack_steps == Some(0)
            && (0..state.contexts.len()).any(|context| {
                state.contexts[context].phase == Phase::Begin
                    && matches!(self.operation(state, context), Operation::Adversary)
                    && self.interrupts(state, usize::from(self.process_of[context])) == 0
            })
    }

    /// The process that a context belongs to.
    #[inline]
    pub fn process_of(&self, context: ContextSlot) -> ProcessSlot {
        self.process_of[usize::from(context)]
    }

    /// Which of its process's contexts a context is.
    pub fn index_in_process(&self, context: ContextSlot) -> usize {
        usize::from(context) - self.contexts_of(self.process_of(context)).start
    }

    /// The contexts of a process, as indices of [`State::contexts`].
    #[inline]
    pub fn contexts_of(&self, process: ProcessSlot) -> std::ops::Range<usize> {
        let first = usize::from(process) * self.contexts_per_process;
        first..first + self.contexts_per_process
    }

    /// The declaration of a context that is not free.
    pub fn declaration(&self, state: &State, context: ContextSlot) -> &crate::system::Context {
        let process =
            &self.system.processes[state.processes[usize::from(self.process_of(context))].instance_of.index()];
        // An embryo's context 0 always exists; the other contexts were started from the declaration.
        &process.contexts[self.index_in_process(context).min(process.contexts.len() - 1)]
    }

    #[inline]
    fn program(&self, state: &State, context: usize) -> &Program {
        let slot = usize::from(self.process_of[context]);
        &self.programs[state.processes[slot].instance_of.index()][context - slot * self.contexts_per_process]
    }

    #[inline]
    fn operation(&self, state: &State, context: usize) -> &Operation {
        &self.node(state, context).operation
    }

    #[inline]
    fn node(&self, state: &State, context: usize) -> &Node {
        &self.nodes[self.node_number(state, context)]
    }

    #[inline]
    fn node_number(&self, state: &State, context: usize) -> usize {
        let slot = usize::from(self.process_of[context]);
        let instance = state.processes[slot].instance_of.index();
        let begins = self.begins[(instance * self.contexts_per_process + context) - slot * self.contexts_per_process];
        begins as usize + usize::from(state.contexts[context].position)
    }

    /// The interval of time that the context's next step takes, by declaration: a computation's own, and a kernel
    /// operation's from nothing to its bound. On a kernel that forks, the bound of a spawn is spent in the fork.
    pub fn execution_time(&self, state: &State, context: ContextSlot) -> (Nanos, Nanos) {
        let at = usize::from(context);
        match state.contexts[at].phase {
            Phase::Begin => {}
            // A walk is one operation of the kernel for each member, and can be preempted between them.
            Phase::Walking(1..) => return (Nanos(0), self.system.kernel_bounds.kill_process),
            _ => return (Nanos(0), Nanos(0)),
        }
        self.takes(self.operation(state, at))
    }

    /// The same of an operation, wherever it stands.
    pub(crate) fn takes(&self, operation: &Operation) -> (Nanos, Nanos) {
        let bounds = &self.system.kernel_bounds;
        match operation {
            Operation::Compute { bcet, wcet } => (*bcet, *wcet),
            Operation::Spawn { .. } | Operation::Fork(_) => (Nanos(0), bounds.spawn),
            Operation::Kill(_) => (Nanos(0), bounds.kill_group),
            Operation::KillProcess(_) => (Nanos(0), bounds.kill_process),
            Operation::Attach(_) => (Nanos(0), bounds.reattach),
            Operation::LockDown(_) => (Nanos(0), bounds.lock_down),
            _ => (Nanos(0), Nanos(0)),
        }
    }

    /// How long the context's next step may wait before it is given up, if it waits with a limit.
    pub fn time_limit(&self, state: &State, context: ContextSlot) -> Option<Nanos> {
        let at = usize::from(context);
        if state.contexts[at].phase != Phase::Begin {
            return None;
        }
        match self.operation(state, at) {
            Operation::Wait { until, .. } => *until,
            _ => None,
        }
    }

    /// The lock that the context waits to take, or is about to.
    pub fn wants_lock(&self, state: &State, context: ContextSlot) -> Option<LockId> {
        let at = usize::from(context);
        match state.contexts[at].phase {
            Phase::Begin => match self.operation(state, at) {
                Operation::Lock(lock) => Some(*lock),
                _ => None,
            },
            _ => None,
        }
    }

    /// Who holds the lock that the context waits for, if another context does.
    pub fn awaited_owner(&self, state: &State, context: ContextSlot) -> Option<ContextSlot> {
        match state.locks[self.wants_lock(state, context)?.index()] {
            LockState::Held(owner) if owner != context => Some(owner),
            _ => None,
        }
    }

    /// How urgent a context is by declaration: who has no scheduling context is below all others.
    pub fn urgency(&self, state: &State, context: ContextSlot) -> Option<u32> {
        let by = self.declaration(state, context).schedule?;
        Some(self.system.scheduling_contexts[by.index()].priority)
    }

    /// The handles that a creation lists, if the step is a creation with a list.
    pub fn listed(&self, state: &State, step: Step) -> Option<HandleSet> {
        let at = usize::from(step.context);
        let handles = state.processes[usize::from(self.process_of[at])].handles;
        match (step.action, self.operation(state, at)) {
            (Action::Fork(_) | Action::Spawn(_), Operation::Spawn { pass, .. }) => Some(pass & handles),
            _ => None,
        }
    }

    /// May the context run now, without the kernel waking it first?
    pub fn is_ready(&self, state: &State, context: ContextSlot) -> bool {
        let mut ready = false;
        self.steps_of(state, usize::from(context), |step| ready |= !step.action.is_by_the_kernel());
        ready
    }
}

/// The processes that some program kills by name, each once.
fn killed_by_name(system: &System) -> Vec<ProcessId> {
    let mut named = std::collections::BTreeSet::new();
    system.for_each_instruction(|_, instruction| {
        if let Instruction::KillProcess(process) = instruction {
            named.insert(*process);
        }
    });
    named.into_iter().collect()
}

/// The objects that some program gives up its rights to, each once.
fn given_up(system: &System) -> Vec<ObjectId> {
    let mut dropped = std::collections::BTreeSet::new();
    system.for_each_instruction(|_, instruction| {
        if let Instruction::DropRights(objects) = instruction {
            dropped.extend(objects);
        }
    });
    dropped.into_iter().collect()
}

/// What the policy allows, a bit for each right.
fn allowed(system: &System) -> Vec<u8> {
    let of = |object: &crate::system::Object, domain: usize| {
        let own = object.allow.iter().filter(|(holder, _)| holder.index() == domain);
        own.flat_map(|(_, rights)| rights).fold(0, |set, right| set | 1 << *right as u8)
    };
    system.objects.iter().flat_map(|object| (0..system.domains.len()).map(move |domain| of(object, domain))).collect()
}
