//! What each domain sees of a state: its declared view, for noninterference (G10, G11). All of it is here.
//!
//! - Of its own living processes everything that the kernel keeps for them: which program, status, group and whether that still
//!   tracks them, handles and their flags, memory, and of each context the position, the phase and the rights given up; not the entry of the process table, nor how many
//!   a walk has still to kill but by number.
//! - What its steps come to ([`told`]): a refusal with its reason. A message that is dropped or merged is told as one that is queued.
//! - Of what it shares with others only as much as it can still use ([demand](super::demand)): how many more processes and how much more
//!   memory it would be given, at most what it can still ask for, and that a domain is shut in which it might create one; how much room there is in a buffer that it sends to, if the
//!   buffer blocks or refuses when it is full, or draws on a pool, and whether anybody lives whom a message is processed for, if unasked; how
//!   many messages there are in a buffer that it receives from, or that interrupts it; who holds a lock that it takes: it, another, nobody;
//!   which of the children that it waits for have ended; whether the process that it names is there, and how many may have its number if not; which mode it is, if it may change that.
//! - The contents of an object are no part of a state; see [`Views::reads`].
//!
//! Ghosts are no part of any view. A finer view than what programs can find out makes more systems insecure, never fewer.

use super::demand::{Asked, Demand, Resource};
use super::precondition::Precondition;
use super::program::{HandleSet, Operation, Position};
use super::state::{ContextSlot, LockState, Membership, Name, ObjectSet, Phase, ProcessSlot, Rank, State, Status};
use super::step::{Action, Outcome, Step};
use super::usage::{Entries, Memory};
use super::{Objects, each};
use crate::profile::authority::Allowed;
use crate::system::{BufferId, DomainId, GroupId, LockId, ModeId, ObjectId, Overflow, ProcessId, Right};

/// A part of what a domain sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// A process of its own.
    Process(Box<Own>),
    /// How many more processes it may create for a domain in a group.
    ProcessesLeft(Option<GroupId>, DomainId, u64),
    /// That no process can be created any more in a domain in which it still might.
    Closed(DomainId),
    /// How much more memory it may take in a group.
    MemoryLeft(GroupId, u64),
    /// How many more messages it may send there.
    Room(BufferId, u64),
    /// Has the buffer a message that others are merged with?
    Mergeable(BufferId, bool),
    /// Does anybody live whom a message would be processed for?
    Receiver(BufferId, bool),
    /// Who waits to receive where sender and receiver meet: which context of which process.
    Waiting(BufferId, Vec<u16>),
    /// How many messages it may receive from there.
    Messages(BufferId, u64),
    /// All of a buffer that it governs or has to acknowledge: messages, the one taken, the limit, whom it is attached to, and whether
    /// such a one lives who is not its own.
    Buffer(BufferId, u8, bool, u8, Option<ProcessId>, bool),
    /// Who holds a lock.
    Lock(LockId, Holder),
    /// Is the process there that it kills by name; and if not, how many others may have its number?
    Standing(ProcessId, bool, u32),
    /// The mode that it might change.
    Mode(ModeId),
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// The domain that looks.
    Own,
    /// Another.
    Another,
    /// Whoever held it has ended.
    Orphaned,
}

/// A process as its own domain sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Own {
    /// Of which declared process it is an instance.
    pub instance_of: ProcessId,
    /// Has its own program not started yet?
    pub is_embryo: bool,
    /// Its job group.
    pub group: Option<GroupId>,
    /// Is it still tracked there?
    pub is_tracked: bool,
    /// Was it the first there?
    pub leads: bool,
    /// Handles, those that are closed on exec, and those that its creation listed.
    pub handles: [HandleSet; 3],
    /// In bytes.
    pub memory: u64,
    /// Position, phase, and the rights given up, of each context.
    pub contexts: Vec<(Position, u8, u8, ObjectSet)>,
    /// The children that it may still wait for, and whether each has ended.
    pub children: Vec<(ProcessId, bool)>,
}

/// What a domain sees.
pub type View = Vec<Seen>;

/// A step by what its domain calls it, whatever entries of tables are which: the process by its place in the domain's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Named {
    /// Whose it is.
    pub domain: DomainId,
    /// Which of its processes.
    pub process: u8,
    /// Which context of that.
    pub context: u8,
    /// What; an entry in it is 0.
    pub action: Action,
    /// Of a hand-over, to which context of which process; and where steps have the same name otherwise, which of them.
    pub which: (u16, u8),
}

/// What of an outcome the one who acts is told.
pub fn told(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Created(_) | Outcome::Overflowed(_) => Outcome::Done,
        outcome => outcome,
    }
}

/// What is looked up for views.
#[derive(Debug)]
pub struct Views<'a> {
    objects: &'a Objects,
    demand: Demand,
    /// Of each domain, the children that its programs create: the declared group and the domain of each kind.
    children: Vec<Vec<(Option<GroupId>, DomainId)>>,
    /// Of each domain, the objects that its programs may read, one bit each.
    reads: Vec<Vec<bool>>,
}

impl<'a> Views<'a> {
    /// Of a system under a profile.
    pub fn new(objects: &'a Objects) -> Self {
        let system = objects.system();
        let mut children = vec![Vec::new(); system.domains.len()];
        let mut reads = vec![vec![false; system.objects.len()]; system.domains.len()];
        for (process, programs) in system.processes.iter().zip(&objects.programs) {
            let domain = process.domain;
            for node in programs.iter().flat_map(|program| &program.nodes) {
                let mut may_read = |object: ObjectId, right: Right| {
                    reads[domain.index()][object.index()] |= matches!(right, Right::Read | Right::Execute);
                };
                let child = match &node.operation {
                    Operation::Spawn { process: child, .. } | Operation::Fork(child) => Some(*child),
                    Operation::Access { object, right } => {
                        may_read(*object, *right);
                        None
                    }
                    Operation::Adversary => {
                        (0u8..).take(system.objects.len()).for_each(|object| may_read(ObjectId(object), Right::Read));
                        children[domain.index()].push((process.group, domain));
                        None
                    }
                    _ => None,
                };
                if let Some(child) = child.map(|child| &system.processes[child.index()]) {
                    children[domain.index()].push((child.group, child.domain));
                }
            }
        }
        for (domain, reads) in (0u8..).map(DomainId).zip(&mut reads) {
            for (object, reads) in (0u8..).map(ObjectId).zip(reads) {
                *reads &= [Right::Read, Right::Execute].iter().any(|right| objects.permits(domain, object, *right));
            }
        }
        let demand = Demand::new(system, &objects.programs, &objects.given);
        Self { objects, demand, children, reads }
    }

    /// May a domain read the object, and does it? Whoever writes there then tells it something.
    pub fn reads(&self, domain: DomainId, object: ObjectId) -> bool {
        self.reads[domain.index()][object.index()]
    }

    /// The living processes of a domain, in the order in which they are in its view.
    fn own(&self, state: &State, domain: DomainId, asked: &Asked<'_>) -> Vec<(Own, ProcessSlot)> {
        let of_domain = |slot: &usize| state.processes[*slot].lives() && self.objects.domain_of(state, *slot) == domain;
        let slots = (0..state.processes.len()).filter(of_domain);
        let mut own: Vec<_> = slots.map(|slot| (self.process(state, slot, asked), slot as ProcessSlot)).collect();
        own.sort();
        own
    }

    fn process(&self, state: &State, slot: usize, asked: &Asked<'_>) -> Own {
        let process = &state.processes[slot];
        let contexts = self.objects.contexts_of(slot as ProcessSlot).map(|context| {
            let context = &state.contexts[context];
            let (phase, more) = match context.phase {
                Phase::Gone => (0, 0),
                Phase::Begin => (1, 0),
                Phase::Flagging(handle) => (2, handle.0),
                Phase::Walking(members) => (3, members.count_ones() as u8),
                Phase::BeforeExec => (4, 0),
                Phase::Sleeping => (5, 0),
                Phase::Checked => (6, 0),
                Phase::Asleep => (7, 0),
            };
            (context.position, phase, more, context.dropped)
        });
        let mut children: Vec<(ProcessId, bool)> = state
            .processes
            .iter()
            .filter(|child| child.status != Status::Free && child.parent.map(usize::from) == Some(slot))
            .filter(|child| asked.of(Resource::Wait(child.instance_of)) > 0)
            .map(|child| (child.instance_of, child.status == Status::Zombie))
            .collect();
        children.sort_unstable();
        Own {
            instance_of: process.instance_of,
            is_embryo: process.status == Status::Embryo,
            group: process.group,
            is_tracked: process.membership == Membership::Tracked,
            leads: process.rank == Rank::Leader,
            handles: [process.handles, process.flagged, process.listed],
            memory: process.memory,
            contexts: contexts.collect(),
            children,
        }
    }

    /// What a domain sees.
    pub fn view(&self, state: &State, domain: DomainId) -> View {
        let asked = self.objects.asked(&self.demand, state, domain);
        let own = self.own(state, domain, &asked);
        let mut view = Vec::new();
        self.quotas(state, domain, &own, &asked, &mut view);
        for buffer in (0u8..).map(BufferId).take(state.buffers.len()) {
            self.buffer(state, domain, buffer, &asked, &mut view);
        }
        for (lock, held) in (0u8..).map(LockId).zip(&state.locks) {
            if asked.of(Resource::Lock(lock)) > 0 {
                let holder = match held {
                    LockState::Free => Holder::Nobody,
                    LockState::Held(by) if self.domain_of(state, *by) == domain => Holder::Own,
                    LockState::Held(_) => Holder::Another,
                    LockState::Orphaned => Holder::Orphaned,
                };
                view.push(Seen::Lock(lock, holder));
            }
        }
        for process in (0u8..).map(ProcessId).take(self.objects.system.processes.len()) {
            if asked.of(Resource::Kill(process)) > 0 {
                let is_there = matches!(self.objects.named(state, process), Name::Is(_));
                view.push(Seen::Standing(process, is_there, self.objects.heirs(state, process).count_ones()));
            }
        }
        if asked.of(Resource::Mode) > 0 && self.objects.may_change_modes(domain) {
            view.push(Seen::Mode(state.mode));
        }
        view.extend(own.into_iter().map(|(own, _)| Seen::Process(Box::new(own))));
        view
    }

    /// Processes and memory that it would be given.
    fn quotas(&self, state: &State, domain: DomainId, own: &[(Own, ProcessSlot)], asked: &Asked<'_>, view: &mut View) {
        let objects = self.objects;
        let (creations, bytes) = (asked.of(Resource::Creation), asked.of(Resource::Memory));
        let mut places = Vec::new();
        for (own, _) in own.iter().filter(|_| creations > 0) {
            places.extend(self.children[domain.index()].iter().map(|(group, child)| (own.group.or(*group), *child)));
        }
        places.sort_unstable();
        places.dedup();
        for (group, child) in places {
            if objects.is_closed(state, child) {
                view.push(Seen::Closed(child));
                continue;
            }
            let limit = group.and_then(|group| objects.system.job_groups[group.index()].processes).map(u64::from);
            let usage = Entries { objects, state, group, domain: child };
            let unlimited = objects.omits(Precondition::ProcessQuota);
            let quota = if unlimited { u64::MAX } else { objects.profile.process_quota.left(&usage, limit) };
            let free = state.processes.iter().filter(|process| process.status == Status::Free).count() as u64;
            view.push(Seen::ProcessesLeft(group, child, quota.min(free).min(creations)));
        }
        let mut groups: Vec<GroupId> = own.iter().filter(|_| bytes > 0).filter_map(|(own, _)| own.group).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let limit = objects.system.job_groups[group.index()].memory.map(|limit| limit.0);
            let usage = Memory { objects, state, group, domain };
            let unlimited = objects.omits(Precondition::MemoryQuota);
            let quota = if unlimited { u64::MAX } else { objects.profile.memory_quota.left(&usage, limit) };
            view.push(Seen::MemoryLeft(group, quota.min(bytes)));
        }
    }

    /// What it sees of a buffer.
    fn buffer(&self, state: &State, domain: DomainId, buffer: BufferId, asked: &Asked<'_>, view: &mut View) {
        let objects = self.objects;
        let (given, queue) = (&objects.given[buffer.index()], &state.buffers[buffer.index()]);
        let declared = &objects.system.buffers[buffer.index()];
        let may = |holders: &[DomainId]| {
            let asked_for = objects.profile.buffer_rights.are_asked_for(given.by);
            !asked_for || objects.requires(Precondition::BufferRight, holders.contains(&domain))
        };
        let (sends, takes) = (asked.of(Resource::Send(buffer)), asked.of(Resource::Take(buffer)));
        let governs = asked.of(Resource::Govern(buffer)) > 0;
        if sends > 0 && may(&declared.send) {
            let in_pool = given
                .pool
                .map_or(u64::MAX, |pool| u64::from(pool.limit).saturating_sub(objects.in_pool(state, pool.id)));
            let in_buffer = u64::from(queue.limit.saturating_sub(objects.occupied(queue)));
            if objects.delivers_unasked(buffer) {
                view.push(Seen::Receiver(buffer, objects.receivers(state, buffer) != 0));
            }
            if objects.is_meeting(buffer) {
                let mut waiting = Vec::new();
                objects.waiting_to_receive(state, buffer, |receiver| waiting.push(self.code_of(state, receiver)));
                waiting.sort_unstable();
                view.push(Seen::Waiting(buffer, waiting));
            } else if !objects.delivers_at_once(buffer) {
                match given.overflow {
                    Overflow::Block | Overflow::Refuse => {
                        view.push(Seen::Room(buffer, in_buffer.min(in_pool).min(sends)));
                    }
                    Overflow::Coalesce | Overflow::DropOldest if given.pool.is_some() => {
                        view.push(Seen::Room(buffer, in_pool.min(sends)));
                        view.push(Seen::Mergeable(buffer, queue.queued > 0));
                    }
                    Overflow::Coalesce | Overflow::DropOldest | Overflow::DropNewest => {}
                }
            }
        }
        let acknowledges = takes > 0 && given.acknowledged;
        if (governs || acknowledges) && (may(&declared.receive) || given.acknowledged) {
            let another = each(objects.receivers(state, buffer)).any(|slot| objects.domain_of(state, slot) != domain);
            let (limit, attached) = (queue.limit, queue.attached);
            view.push(Seen::Buffer(buffer, queue.queued, queue.taken, limit, attached, another));
        } else if takes > 0 && may(&declared.receive) && !objects.delivers_unasked(buffer) {
            view.push(Seen::Messages(buffer, u64::from(queue.queued).min(takes)));
        }
        let own = |slot: usize| objects.domain_of(state, slot) == domain;
        if objects.deferred & (1 << buffer.0) != 0 && each(objects.receivers(state, buffer)).any(own) {
            view.push(Seen::Messages(buffer, queue.queued.into()));
        }
    }

    /// The domain of whoever takes a step.
    pub fn domain_of(&self, state: &State, context: ContextSlot) -> DomainId {
        self.objects.domain_of(state, usize::from(self.objects.process_of(context)))
    }

    /// A context by the declared process and its place there.
    fn code_of(&self, state: &State, context: ContextSlot) -> u16 {
        let process = state.processes[usize::from(self.objects.process_of(context))].instance_of;
        u16::from(process.0) << 8 | (self.objects.index_in_process(context) as u16 & 0xff)
    }

    /// Names steps, all those that are possible in a state or some.
    pub fn names(&self, state: &State, steps: &[Step]) -> Vec<Named> {
        let domains = self.objects.system.domains.len();
        let mut places = vec![0; state.processes.len()];
        for domain in (0u8..).map(DomainId).take(domains) {
            let asked = self.objects.asked(&self.demand, state, domain);
            for (place, (_, slot)) in (0u8..).zip(self.own(state, domain, &asked)) {
                places[usize::from(slot)] = place;
            }
        }
        let mut named: Vec<Named> = Vec::with_capacity(steps.len());
        for step in steps {
            let slot = self.objects.process_of(step.context);
            let (action, to) = match step.action {
                Action::KillMember(_) => (Action::KillMember(0), 0),
                Action::LockDownMember(_) => (Action::LockDownMember(0), 0),
                Action::KillNumber(process, _) => (Action::KillNumber(process, 0), 0),
                Action::HandOver(buffer, receiver) => (Action::HandOver(buffer, 0), self.code_of(state, receiver)),
                action => (action, 0),
            };
            let name = Named {
                domain: self.domain_of(state, step.context),
                process: places[usize::from(slot)],
                context: self.objects.index_in_process(step.context) as u8,
                action,
                which: (to, 0),
            };
            let same = named.iter().filter(|other| Named { which: (other.which.0, 0), ..**other } == name).count();
            named.push(Named { which: (to, same as u8), ..name });
        }
        named
    }

    /// Is the step one that an adversary takes on his own, of which he has only so many?
    pub fn is_attack(&self, state: &State, step: Step) -> bool {
        step.action.may_attack()
            && step.action != Action::GiveUp
            && state.contexts[usize::from(step.context)].phase == Phase::Begin
            && matches!(self.objects.operation(state, usize::from(step.context)), Operation::Adversary)
    }

    /// A part of a view in words.
    pub fn describe(&self, seen: &Seen) -> String {
        let system = &self.objects.system;
        let buffer = |id: &BufferId| format!("`{}`", system.buffers[id.index()].name);
        match seen {
            Seen::Process(own) => format!("the state of its own `{}`", system.processes[own.instance_of.index()].name),
            Seen::ProcessesLeft(_, _, left) => format!("that {left} more of its processes would be created"),
            Seen::Closed(id) => format!("`{}` locked down", system.domains[id.index()]),
            Seen::MemoryLeft(_, left) => format!("that it would be given {} more", crate::units::Bytes(*left)),
            Seen::Room(id, room) => format!("room for {room} of its messages in {}", buffer(id)),
            Seen::Mergeable(id, true) => format!("a message in {}", buffer(id)),
            Seen::Mergeable(id, false) => format!("no message in {}", buffer(id)),
            Seen::Receiver(id, true) => format!("a receiver at {}", buffer(id)),
            Seen::Receiver(id, false) => format!("no receiver at {}", buffer(id)),
            Seen::Waiting(id, waiting) => format!("{} waiting at {}", waiting.len(), buffer(id)),
            Seen::Messages(id, many) => format!("{many} messages in {}", buffer(id)),
            Seen::Buffer(id, queued, ..) => format!("{queued} messages in {}", buffer(id)),
            Seen::Standing(process, is_there, _) => {
                let name = &system.processes[process.index()].name;
                format!("`{name}` {}", if *is_there { "there" } else { "gone" })
            }
            Seen::Mode(id) => match system.modes.get(id.index()) {
                Some(mode) => format!("the mode `{}`", mode.name),
                None => "no mode".into(),
            },
            Seen::Lock(id, holder) => {
                let name = &system.locks[id.index()].name;
                match holder {
                    Holder::Nobody => format!("the lock `{name}` free"),
                    Holder::Own => format!("the lock `{name}` its own"),
                    Holder::Another => format!("the lock `{name}` held"),
                    Holder::Orphaned => format!("the lock `{name}` orphaned"),
                }
            }
        }
    }
}

impl Objects {
    /// Would the kernel permit the access?
    pub fn permits(&self, domain: DomainId, object: ObjectId, right: Right) -> bool {
        let allowed: Allowed = self.allowed(domain, object, right);
        self.requires(Precondition::Authority, self.authority(object).permits(allowed))
    }
}
