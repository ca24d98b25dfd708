//! The system: what a scenario says, checked and resolved. Names have become indices; everything else is as written.
//!
//! Lists are indexed by the ids of this module. Whoever builds a [`System`] (lacuna-scenarios does, and reports every
//! breach with its place in the file) keeps these invariants:
//! - every id is in range; instructions are not nested deeper than [`MAX_NESTING`];
//! - at least one process is created by no other: those start with the system;
//! - a fork's child has its parent's domain; execution-time intervals are not empty.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Nanos};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u8);
        impl $name {
            /// As an index of its list.
            pub fn index(self) -> usize { usize::from(self.0) }
        }
    )* };
}

ids! {
    /// A security domain, of [`System::domains`].
    DomainId,
    /// An object, of [`System::objects`].
    ObjectId,
    /// A job group, of [`System::job_groups`].
    GroupId,
    /// A buffer, of [`System::buffers`].
    BufferId,
    /// A process as the scenario declares it (at run time it may have several instances), of [`System::processes`].
    ProcessId,
    /// A scheduling context, of [`System::scheduling_contexts`].
    SchedulingContextId,
    /// A lock, of [`System::locks`].
    LockId,
    /// A mode, of [`System::modes`].
    ModeId,
    /// A handle, of [`System::handles`]: the buffers in their order, then whatever programs open.
    HandleId,
}

/// How deep lists of instructions may be nested.
pub const MAX_NESTING: usize = 16;
/// How many processes, contexts, objects, groups, buffers, domains or scheduling contexts a system may have.
pub const MAX_OF_A_KIND: usize = 250;
/// How many handles a system may name.
pub const MAX_HANDLES: usize = 32;
/// How many objects there may be that programs give up their rights to.
pub const MAX_DROPPED: usize = 32;
/// How many entries the model's process table may have.
pub const MAX_PROCESS_TABLE: usize = 64;
/// How many instructions a program may have when its counted loops are written out.
pub const MAX_PROGRAM: usize = 4096;

/// A whole scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its name.
    pub name: String,
    /// What it shows, and where the problem was met.
    pub about: String,
    /// Names of the security domains.
    pub domains: Vec<String>,
    /// Which domain may learn of which: the first of a pair may flow to the second, and each to itself. Without it everything may
    /// flow, and nothing is claimed.
    pub flows: Option<Vec<(DomainId, DomainId)>>,
    /// The user that each domain belongs to, by the first domain of that user; empty, where each has one of its own. A quota per user
    /// counts what the user has.
    pub users: Vec<u8>,
    /// Files, directories, networks, name spaces.
    pub objects: Vec<Object>,
    /// Job groups.
    pub job_groups: Vec<JobGroup>,
    /// Buffers.
    pub buffers: Vec<Buffer>,
    /// Locks.
    pub locks: Vec<Lock>,
    /// Names of the handles: first the buffers', then those that programs open.
    pub handles: Vec<String>,
    /// Processes.
    pub processes: Vec<Process>,
    /// Scheduling contexts.
    pub scheduling_contexts: Vec<SchedulingContext>,
    /// When which of them may have the core, where the kernel has partitions of time.
    pub major_frame: Option<MajorFrame>,
    /// The modes of the system, the first of which it starts in; none, where its tasks are always the same.
    pub modes: Vec<Mode>,
    /// How much longer a process computes after another has, to fill in again what the core keeps: caches and the like. 0 where nothing is
    /// said of it.
    pub refill: Nanos,
    /// Upper bounds of kernel operations.
    pub kernel_bounds: KernelBounds,
    /// Within what time whoever is killed or locked down is to have ended.
    pub ends_within: EndsWithin,
    /// The lattice of timed checking: every duration is a multiple of it, and so is everything that is chosen.
    pub tick: Option<Nanos>,
    /// Entries of the kernel's process table in the model; a fork beyond them is refused.
    pub process_table: u8,
    /// What is expected under which profile; without an entry, everything is expected to hold.
    pub expect: Vec<(String, Expectation)>,
}

/// What is expected of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// Every guarantee holds.
    Holds,
    /// Exactly these do not.
    Fails(Vec<crate::guarantee::GuaranteeId>),
}

/// The class of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectClass {
    /// A regular file.
    File,
    /// A directory, and what is in it.
    Directory,
    /// Some network endpoint outside the job.
    Network,
    /// A name space of kernel objects that outlive whoever made them: System V segments, named semaphores, message queues.
    Ipc,
    /// A program that has its owner's rights, whoever executes it (set-user-ID).
    PrivilegedProgram,
}

/// A right on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Read its contents; receive.
    Read,
    /// Change its contents; send.
    Write,
    /// Make something in it, which persists.
    Create,
    /// Run it.
    Execute,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Create, Self::Execute];

    /// `"read"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Execute => "execute",
        }
    }
}

impl ObjectClass {
    /// The rights that make sense for it.
    pub fn rights(self) -> &'static [Right] {
        match self {
            Self::File => &[Right::Read, Right::Write, Right::Execute],
            Self::Directory => &Right::ALL,
            Self::Network => &[Right::Read, Right::Write],
            Self::Ipc => &[Right::Read, Right::Write, Right::Create],
            Self::PrivilegedProgram => &[Right::Execute],
        }
    }

    /// `"privileged program"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Network => "network",
            Self::Ipc => "name space",
            Self::PrivilegedProgram => "privileged program",
        }
    }
}

/// An object and the policy on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: ObjectClass,
    /// Which domain may do what.
    pub allow: Vec<(DomainId, Vec<Right>)>,
    /// Is what a job group makes in it meant to be there when the group has ended?
    pub output: bool,
}

/// A unit of process tracking, and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobGroup {
    /// Its name.
    pub name: String,
    /// At most so many processes at once.
    pub processes: Option<u32>,
    /// At most so much memory at once.
    pub memory: Option<Bytes>,
}

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The sender waits.
    #[default]
    Block,
    /// The send is refused.
    Refuse,
    /// The message is merged with one that is there.
    Coalesce,
    /// The message is dropped; the sender is not told.
    DropNewest,
    /// The oldest message that is there is dropped for it.
    DropOldest,
}

impl Overflow {
    /// `"drop oldest"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Refuse => "refuse",
            Self::Coalesce => "coalesce",
            Self::DropNewest => "drop newest",
            Self::DropOldest => "drop oldest",
        }
    }
}

/// When a message is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum When {
    /// In the step that sends it.
    Immediate,
    /// Not before the receiver is dispatched.
    #[default]
    Deferred,
}

/// By whom a message is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum By {
    /// By the kernel, on behalf of the process that the buffer is attached to: it need not ask.
    Automatic,
    /// By a process that asks for it.
    #[default]
    Polled,
}

/// What processing a message automatically does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effect {
    /// A handler of the process's own runs; nothing of the model changes.
    #[default]
    Handle,
    /// The process ends.
    Terminate,
}

/// What several buffers draw on: together they hold at most so many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Which: buffers with the same number share it.
    pub id: u8,
    /// How many messages.
    pub limit: u8,
}

/// A kernel object for messages or signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buffer {
    /// Its name.
    pub name: String,
    /// How many messages fit; with 0 sender and receiver meet; with [`u8::MAX`] the pool alone counts.
    pub capacity: u8,
    /// What they are charged to, if not to the buffer alone.
    pub pool: Option<Pool>,
    /// What happens beyond that.
    pub overflow: Overflow,
    /// When a message is processed,
    pub when: When,
    /// by whom,
    pub by: By,
    /// and, if automatically, to what effect.
    pub effect: Effect,
    /// Whose processes may send.
    pub send: Vec<DomainId>,
    /// Whose processes may receive, and say how many messages fit.
    pub receive: Vec<DomainId>,
    /// Whose adversaries know its name, and try to use it.
    pub named_by: Vec<DomainId>,
    /// The processes that messages are processed by or for: at first the first, and when it has ended a later one. Where
    /// there are several, a message is [acknowledged](Instruction::Ack).
    pub attachments: Vec<Attachment>,
    /// What the receiver has to compute for one message,
    pub demand: Nanos,
    /// and until when after a reattachment has begun, for each of those that are there; without, at any time.
    pub deadline: Option<Nanos>,
    /// What becomes of the messages when a reattachment is not admitted.
    pub fallback: Fallback,
}

impl Buffer {
    /// Does a receiver keep a message until it says that it has done with it?
    pub fn is_acknowledged(&self) -> bool {
        self.by == By::Polled && self.attachments.len() > 1
    }
}

/// What becomes of the messages of a buffer when a reattachment is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// They stay.
    #[default]
    Keep,
    /// They are dropped.
    Drop,
}

/// A process that a buffer may be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attachment {
    /// Which: any instance of it.
    pub process: ProcessId,
    /// What it may have to compute before it comes to the messages.
    pub backlog: Nanos,
}

/// A mode: which tasks there are, and how it is left. A task of a process that no mode names is there in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Its name.
    pub name: String,
    /// The processes whose tasks arrive in it, and not in the modes that do not name them.
    pub processes: Vec<ProcessId>,
    /// The domains that may change to it.
    pub by: Vec<DomainId>,
    /// The modes that may follow it.
    pub next: Vec<ModeId>,
}

/// A lock that one execution context holds at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// As urgent as the most urgent of those who take it, where the kernel goes by ceilings.
    pub ceiling: Option<u32>,
}

/// A process as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Its security domain.
    pub domain: DomainId,
    /// The job group it is created in; otherwise its creator's, if any.
    pub group: Option<GroupId>,
    /// Its execution contexts; at least one.
    pub contexts: Vec<Context>,
}

/// An execution context as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// What it is scheduled by.
    pub schedule: Option<SchedulingContextId>,
    /// What it runs.
    pub program: Vec<Instruction>,
    /// If it is a task: when its jobs are released. Its program then is one job.
    pub task: Option<Task>,
}

/// The release pattern of a task. The deadline is relative to the arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Time between arrivals, above 0.
    pub period: Nanos,
    /// Relative deadline, above 0.
    pub deadline: Nanos,
    /// First arrival.
    pub offset: Nanos,
    /// A job becomes ready at most so long after its arrival.
    pub jitter: Nanos,
}

/// One instruction of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Computes for a time in this interval.
    Compute {
        /// At least.
        bcet: Nanos,
        /// At most.
        wcet: Nanos,
    },
    /// Creates a kernel object (a pipe, say) and a handle to it.
    Open(HandleId),
    /// Closes a handle.
    Close(HandleId),
    /// Creates a process with a program of its own, handing it these handles.
    Spawn {
        /// Which.
        process: ProcessId,
        /// The list of handles.
        pass: Vec<HandleId>,
    },
    /// Makes a copy of the calling process that goes on with the program of `process`.
    Fork(ProcessId),
    /// Leaves process group and session.
    Detach,
    /// Ends the process.
    Exit,
    /// Waits until one instance of the process, a child of the caller, has ended, or the time is over.
    Wait {
        /// For which.
        process: ProcessId,
        /// At most so long.
        until: Option<Nanos>,
    },
    /// Kills a job group.
    Kill(GroupId),
    /// Kills one process: the last instance that a program created of it.
    KillProcess(ProcessId),
    /// Shuts a security domain down, for good.
    LockDown(DomainId),
    /// Sends a message.
    Send(BufferId),
    /// Receives a message, waiting for one.
    Receive(BufferId),
    /// Takes a lock, waiting for it.
    Lock(LockId),
    /// Gives a lock back.
    Unlock(LockId),
    /// Receives a message if there is one.
    Poll(BufferId),
    /// Waits until there is a message, and leaves it there.
    Await(BufferId),
    /// Has done with the message received last.
    Ack(BufferId),
    /// Attaches the buffer to the process, once nobody lives whom it is attached to.
    Attach(BufferId),
    /// Says how many messages fit from now on.
    SetLimit {
        /// Into which buffer.
        buffer: BufferId,
        /// How many; at least 1.
        capacity: u8,
    },
    /// Tries to use an object.
    Access {
        /// Which.
        object: ObjectId,
        /// How.
        right: Right,
    },
    /// Gives up every right to these objects.
    DropRights(Vec<ObjectId>),
    /// Asks for the rights to an object back that were given up.
    Regain(ObjectId),
    /// Hands on the rights to an object.
    Grant {
        /// To which object.
        object: ObjectId,
        /// To which process: every instance that lives.
        process: ProcessId,
    },
    /// Takes memory and keeps it until the process ends.
    Allocate(Bytes),
    /// Changes the mode of the system.
    SwitchMode(ModeId),
    /// Repeats.
    Loop {
        /// How often; forever without.
        times: Option<u32>,
        /// What.
        body: Vec<Instruction>,
    },
    /// Does one of these, whichever.
    Choose(Vec<Vec<Instruction>>),
    /// Tries anything that the process could try; all adversaries together take at most so many steps.
    Adversary {
        /// How many; without, any number.
        depth: Option<u8>,
    },
}

/// What is scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchedulingContext {
    /// Its name.
    pub name: String,
    /// Fixed priority; larger is more urgent.
    pub priority: u32,
    /// Who goes first among those of this priority; the same for all of them.
    pub order: Order,
    /// What it runs keeps the core, once dispatched and until it blocks, but for those of a higher priority than this; at least
    /// [`Self::priority`]. Without it, but for those more urgent.
    pub threshold: Option<u32>,
    /// If bounded: at most so much computing in every period, by the rules of a server.
    pub budget: Option<Budget>,
    /// If bounded: how long a job waits at most while somebody less urgent runs.
    pub inversion: Option<Nanos>,
}

/// Who goes first among those of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Whoever became ready first.
    #[default]
    Readiness,
    /// Whoever's job has the earliest absolute deadline; then whoever became ready first. One that has no job of a task is after those
    /// that have.
    Deadline,
    /// Whoever's job has the least laxity: the time until its deadline, less what it still computes at most. One that has no job of a task is after those that have.
    Laxity {
        /// Laxities are compared in whole ones of these; above 0.
        quantum: Nanos,
    },
}

/// How long a program computes at most; none, if that has no end or does not fit. What else it does takes no time here.
pub fn most_computing(program: &[Instruction]) -> Option<Nanos> {
    program.iter().try_fold(Nanos(0), |sum, instruction| {
        let more = match instruction {
            Instruction::Compute { wcet, .. } => wcet.0,
            Instruction::Loop { times, body } => match (most_computing(body)?.0, times) {
                (0, _) => 0,
                (each, times) => each.checked_mul(u64::from((*times)?))?,
            },
            Instruction::Choose(arms) => {
                arms.iter().map(|arm| most_computing(arm)).collect::<Option<Vec<_>>>()?.into_iter().max()?.0
            }
            _ => 0,
        };
        sum.0.checked_add(more).map(Nanos)
    })
}

/// A budget, and how it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Above 0, at most the period.
    pub amount: Nanos,
    /// Above 0.
    pub period: Nanos,
    /// When what was used of it comes back.
    pub server: Server,
}

/// When what was used of a budget comes back; [`crate::sched::servers`] has the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Server {
    /// At every multiple of the period; kept while unused.
    #[default]
    Deferrable,
    /// At every multiple of the period; lost while unused.
    Polling,
    /// Each part a period after it could be used first.
    Sporadic,
    /// At once, with a deadline that is a period later: whoever runs on it is ordered by that deadline.
    ConstantBandwidth,
    /// The same at its deadline, and not before.
    HardConstantBandwidth,
    /// As seL4's scheduling contexts have it.
    Mcs {
        /// How many refills it may have, at least 2.
        refills: u8,
        /// Of less than this no refill can be used; at most the amount.
        minimum: Nanos,
        /// From when a refill counts as used.
        from: RefillsFrom,
    },
}

impl Server {
    /// `"constant bandwidth"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deferrable => "deferrable",
            Self::Polling => "polling",
            Self::Sporadic => "sporadic",
            Self::ConstantBandwidth => "constant bandwidth",
            Self::HardConstantBandwidth => "hard constant bandwidth",
            Self::Mcs { .. } => "MCS",
        }
    }

    /// Has it a deadline of its own?
    pub fn has_a_deadline(self) -> bool {
        matches!(self, Self::ConstantBandwidth | Self::HardConstantBandwidth)
    }
}

/// From when a refill that could be used before counts as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RefillsFrom {
    /// From when somebody gets the core on it: seL4's default, which it calls constant bandwidth.
    #[default]
    Dispatch,
    /// From when somebody wakes up who runs on it: what seL4 calls sporadic.
    WakeUp,
}

/// A plan of the core's time that is repeated without end, from the start: ARINC 653 calls it the major time frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MajorFrame {
    /// How long it is, above 0.
    pub length: Nanos,
    /// Its windows, in their order; none overlaps another, and none goes beyond the frame.
    pub windows: Vec<Window>,
}

/// A part of a major frame that belongs to some scheduling contexts, and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// When it begins, from the beginning of the frame.
    pub offset: Nanos,
    /// How long it is, above 0.
    pub duration: Nanos,
    /// Whose it is; somebody's.
    pub scheduling_contexts: Vec<SchedulingContextId>,
}

impl Window {
    /// When it ends, from the beginning of the frame.
    pub fn end(&self) -> Nanos {
        Nanos(self.offset.0.saturating_add(self.duration.0))
    }
}

/// Declared upper bounds of kernel operations; 0 means that the operation takes no time in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelBounds {
    /// Creating a process, until its program runs.
    pub spawn: Nanos,
    /// Killing a job group, until its last member has ended; where that is a walk, until it has its snapshot.
    pub kill_group: Nanos,
    /// Ending one process: by its name, or as one of the snapshot of a walk.
    pub kill_process: Nanos,
    /// Attaching a buffer to another process.
    pub reattach: Nanos,
    /// Locking a domain down, until its last process has ended; where that is a walk, until it has its snapshot.
    pub lock_down: Nanos,
    /// Emptying what the core keeps for whoever runs on it, at the beginning of a window. It takes exactly so long, whatever there is.
    pub flush: Nanos,
}

impl KernelBounds {
    /// Those that are declared, by the names of the operations.
    pub fn declared(&self) -> impl Iterator<Item = (&'static str, Nanos)> {
        let Self { spawn, kill_group, kill_process, reattach, lock_down, flush } = *self;
        let all = [
            ("spawn", spawn),
            ("kill_group", kill_group),
            ("kill_process", kill_process),
            ("reattach", reattach),
            ("lock_down", lock_down),
            ("flush", flush),
        ];
        all.into_iter().filter(|(_, bound)| *bound > Nanos(0))
    }
}

/// Within what time, from the moment that a program comes to a kill or a lock-down, the last of whom it is to end has ended. What is not said here
/// is the kernel's bound of the operation; and where that is not declared either, nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndsWithin {
    /// Of a kill of a job group.
    pub kill_group: Option<Nanos>,
    /// Of a lock-down of a domain.
    pub lock_down: Option<Nanos>,
}

impl System {
    /// The task set of the system, if it has tasks: each with its execution-time interval, in the file's order.
    pub fn tasks(&self) -> Vec<(ProcessId, usize)> {
        let mut tasks = Vec::new();
        for (process, declared) in (0u8..).zip(&self.processes) {
            for (index, context) in declared.contexts.iter().enumerate() {
                if context.task.is_some() {
                    tasks.push((ProcessId(process), index));
                }
            }
        }
        tasks
    }

    /// Calls `visit` with every instruction, outermost first.
    pub fn for_each_instruction(&self, mut visit: impl FnMut(ProcessId, &Instruction)) {
        fn walk(process: ProcessId, program: &[Instruction], visit: &mut impl FnMut(ProcessId, &Instruction)) {
            for instruction in program {
                visit(process, instruction);
                match instruction {
                    Instruction::Loop { body, .. } => walk(process, body, visit),
                    Instruction::Choose(arms) => arms.iter().for_each(|arm| walk(process, arm, visit)),
                    _ => {}
                }
            }
        }
        for (process, declared) in (0u8..).zip(&self.processes) {
            for context in &declared.contexts {
                walk(ProcessId(process), &context.program, &mut visit);
            }
        }
    }

    /// Lets the adversary of a deeper or an unbounded one take so many steps.
    pub fn bound_adversaries(&mut self, depth: u8) {
        let mut deeper = false;
        self.for_each_instruction(|_, instruction| {
            deeper |= matches!(instruction, Instruction::Adversary { depth: own } if own.is_none_or(|own| own > depth));
        });
        if deeper {
            self.set_adversary_depth(depth);
        }
    }

    /// Gives every adversary this depth, and returns how many there are.
    pub fn set_adversary_depth(&mut self, depth: u8) -> usize {
        fn walk(program: &mut [Instruction], wanted: u8) -> usize {
            let each = |instruction: &mut Instruction| match instruction {
                Instruction::Adversary { depth } => {
                    *depth = Some(wanted);
                    1
                }
                Instruction::Loop { body, .. } => walk(body, wanted),
                Instruction::Choose(arms) => arms.iter_mut().map(|arm| walk(arm, wanted)).sum(),
                _ => 0,
            };
            program.iter_mut().map(each).sum()
        }
        let contexts = self.processes.iter_mut().flat_map(|process| &mut process.contexts);
        contexts.map(|context| walk(&mut context.program, depth)).sum()
    }

    /// Calls `visit` with every duration, and what it is.
    pub fn for_each_duration(&self, mut visit: impl FnMut(&'static str, Nanos)) {
        self.for_each_instruction(|_, instruction| match instruction {
            Instruction::Compute { bcet, wcet } => {
                visit("bcet", *bcet);
                visit("wcet", *wcet);
            }
            Instruction::Wait { until: Some(until), .. } => visit("until", *until),
            _ => {}
        });
        for task in self.processes.iter().flat_map(|process| &process.contexts).filter_map(|context| context.task) {
            let Task { period, deadline, offset, jitter } = task;
            [("period", period), ("deadline", deadline), ("offset", offset), ("jitter", jitter)]
                .into_iter()
                .for_each(|(what, duration)| visit(what, duration));
        }
        for scheduling in &self.scheduling_contexts {
            if let Some(inversion) = scheduling.inversion {
                visit("inversion", inversion);
            }
            if let Order::Laxity { quantum } = scheduling.order {
                visit("quantum", quantum);
            }
        }
        for budget in self.scheduling_contexts.iter().filter_map(|scheduling| scheduling.budget) {
            visit("budget", budget.amount);
            visit("period", budget.period);
            if let Server::Mcs { minimum, .. } = budget.server {
                visit("minimum", minimum);
            }
        }
        if let Some(frame) = &self.major_frame {
            visit("major frame", frame.length);
            for window in &frame.windows {
                visit("offset", window.offset);
                visit("duration", window.duration);
            }
        }
        self.kernel_bounds.declared().for_each(|(what, bound)| visit(what, bound));
        let EndsWithin { kill_group, lock_down } = self.ends_within;
        kill_group.into_iter().chain(lock_down).for_each(|within| visit("ends_within", within));
        visit("refill", self.refill);
    }

    /// Do the tasks of the process arrive in that mode?
    pub fn is_there_in(&self, process: ProcessId, mode: ModeId) -> bool {
        let named = |mode: &Mode| mode.processes.contains(&process);
        self.modes.get(mode.index()).is_none_or(named) || !self.modes.iter().any(named)
    }

    /// May the second domain learn of the first?
    pub fn may_flow(&self, from: DomainId, to: DomainId) -> bool {
        from == to || self.flows.as_ref().is_none_or(|flows| flows.contains(&(from, to)))
    }

    /// The user that a domain belongs to.
    pub fn user_of(&self, domain: DomainId) -> u8 {
        self.users.get(domain.index()).copied().unwrap_or(domain.0)
    }

    /// Does the process start with the system? It does unless another process creates it.
    pub fn starts_with_the_system(&self, process: ProcessId) -> bool {
        let mut created = false;
        self.for_each_instruction(|creator, instruction| {
            created |= match instruction {
                Instruction::Spawn { process: child, .. } | Instruction::Fork(child) => {
                    *child == process && creator != process
                }
                _ => false,
            };
        });
        !created
    }
}
