//! What a step does. The profile is asked only narrow questions; nothing here knows its name.

use super::program::{HandleSet, Operation, bit};
use super::state::{Context, ContextSlot, Fate, Membership, Phase, Process, ProcessSlot, Rank, State, Status};
use super::step::{Action, Outcome, Refusal, Step};
use super::usage::{Entries, Memory};
use super::{ObjectId, Objects, Right, Touched, each};
use crate::guarantee::GuaranteeId;
use crate::profile::Authority;
use crate::profile::authority::Allowed;
use crate::profile::inheritance::{Flag, Listing};
use crate::profile::kill::Kill;
use crate::system::{BufferId, DomainId, GroupId, HandleId, ObjectClass, Overflow, ProcessId};

impl Objects {
    /// Takes a step that is enabled in `state`.
    pub fn apply(&self, state: &State, step: Step) -> (State, Outcome) {
        let mut after = state.clone();
        let (outcome, _) = self.take(&mut after, step);
        (after, outcome)
    }

    /// Takes a step that is enabled in `before`, into a state that is overwritten.
    pub fn apply_to(&self, before: &State, step: Step, after: &mut State) -> Outcome {
        after.clone_from(before);
        self.take(after, step).0
    }

    /// Takes a step that is enabled in `state`, in place, and says where that may have changed it.
    pub fn take(&self, state: &mut State, step: Step) -> (Outcome, Touched) {
        let slot = usize::from(self.process_of(step.context));
        let touched = Touched::default();
        let mut taking = Taking { objects: self, state, slot, context: usize::from(step.context), touched };
        let outcome = taking.take(step.action);
        (outcome, taking.touched)
    }

    /// What the policy says of an access by a process.
    pub fn allowed(&self, domain: DomainId, object: ObjectId, right: Right) -> Allowed {
        let rights = self.allowed[object.index() * self.system.domains.len() + domain.index()];
        if rights & (1 << right as u8) != 0 { Allowed::ToThisDomain } else { Allowed::NotToThisDomain }
    }

    /// Which authority decides accesses to an object.
    fn authority(&self, object: ObjectId) -> Authority {
        match self.system.objects[object.index()].class {
            ObjectClass::File | ObjectClass::Directory => self.profile.files,
            ObjectClass::Network => self.profile.network,
        }
    }

    /// The job group of a process that `parent` creates: the creator's, which nothing leaves, or else the one that the
    /// child declares.
    pub fn group_for(&self, state: &State, parent: usize, child: ProcessId) -> Option<GroupId> {
        state.processes[parent].group.or(self.system.processes[child.index()].group)
    }

    /// The security domain of a process.
    pub fn domain_of(&self, state: &State, slot: usize) -> DomainId {
        self.system.processes[state.processes[slot].instance_of.index()].domain
    }

    /// Does a process hold a handle to the buffer, and its domain the right?
    pub(super) fn may_use(&self, state: &State, slot: usize, buffer: BufferId, holders: &[DomainId]) -> bool {
        state.processes[slot].handles & bit(HandleId(buffer.0)) != 0 && holders.contains(&self.domain_of(state, slot))
    }

    /// Makes the contexts of a process begin their programs.
    pub(super) fn start_contexts(&self, state: &mut State, slot: ProcessSlot, id: ProcessId) {
        let programs = &self.programs[id.index()];
        for (index, context) in self.contexts_of(slot).enumerate() {
            state.contexts[context] = programs.get(index).map_or(Context::FREE, |program| {
                let is_task = self.system.processes[id.index()].contexts[index].task.is_some();
                let phase = if is_task { Phase::Sleeping } else { Phase::Begin };
                Context { position: program.entry, phase }
            });
        }
    }
}

/// A step being taken.
struct Taking<'a> {
    objects: &'a Objects,
    state: &'a mut State,
    /// The process that takes it.
    slot: usize,
    context: usize,
    touched: Touched,
}

impl Taking<'_> {
    fn take(&mut self, action: Action) -> Outcome {
        let slot = self.slot;
        let attacks = action.may_attack()
            && self.state.contexts[self.context].phase == Phase::Begin
            && matches!(self.objects.operation(self.state, self.context), Operation::Adversary);
        if attacks {
            if action == Action::GiveUp {
                return self.done();
            }
            self.touched.attack_steps = true;
            self.state.attack_steps = self.state.attack_steps.map(|left| left.saturating_sub(1));
        }
        match action {
            Action::Compute | Action::GiveUp | Action::Timeout => self.go_on(attacks, Outcome::Done),
            Action::Open(handle) => self.open(slot, handle),
            Action::SetFlag(handle) => {
                let process = self.process(slot);
                process.flagged |= bit(handle) & process.handles;
                self.done()
            }
            Action::Close(handle) => {
                let process = self.process(slot);
                process.handles &= !bit(handle);
                process.flagged &= !bit(handle);
                self.done()
            }
            Action::Fork(process) => self.fork(slot, process, attacks),
            Action::Exec(process) => self.exec(slot, process),
            Action::Spawn(process) => self.spawn(slot, process),
            Action::Detach => {
                let (tracking, process) = (self.objects.profile.tracking, &self.state.processes[slot]);
                if process.rank == Rank::Leader && tracking.keeps_leaders() {
                    return self.go_on(attacks, Outcome::Refused(Refusal::NoRight));
                }
                if tracking.loses_detached() && process.group.is_some() {
                    self.process(slot).membership = Membership::Lost;
                }
                self.go_on(attacks, Outcome::Done)
            }
            Action::Exit => {
                self.end_process(slot);
                Outcome::Done
            }
            Action::End => {
                *self.own_context() = Context::FREE;
                let mut contexts = self.objects.contexts_of(slot as ProcessSlot);
                if contexts.all(|context| self.state.contexts[context].phase == Phase::Gone) {
                    self.end_process(slot);
                }
                Outcome::Done
            }
            Action::Reap(process) => self.reap(slot, process),
            Action::Kill(group) => self.kill(group),
            Action::KillMember(member) => {
                if let Phase::Walking(members) = self.state.contexts[self.context].phase {
                    self.own_context().phase = Phase::Walking(members & !(1 << member));
                }
                self.end_process(usize::from(member));
                Outcome::Done
            }
            Action::KillReturns(group) => {
                self.condemn(group);
                self.done()
            }
            Action::Send(buffer) => self.send(slot, buffer),
            Action::Receive(buffer) => {
                let declared = &self.objects.system.buffers[buffer.index()];
                if !self.objects.may_use(self.state, slot, buffer, &declared.receive) {
                    return self.go_on(attacks, Outcome::Refused(Refusal::NoRight));
                }
                let queued = &mut self.state.buffers[buffer.index()];
                *queued = queued.saturating_sub(1);
                self.touched.shared = true;
                self.done()
            }
            Action::Access(object, right) => {
                let allowed = self.objects.allowed(self.objects.domain_of(self.state, slot), object, right);
                let permitted = self.objects.authority(object).permits(allowed);
                let outcome = if permitted { Outcome::Done } else { Outcome::Refused(Refusal::NoRight) };
                self.go_on(attacks, outcome)
            }
            Action::Allocate(bytes) => {
                if !self.admits_memory(slot, bytes) {
                    return self.go_on(attacks, Outcome::Refused(Refusal::MemoryLimit));
                }
                let process = self.process(slot);
                process.memory = process.memory.saturating_add(bytes);
                self.go_on(attacks, Outcome::Done)
            }
            Action::Choose(arm) => {
                if let Operation::Choose(arms) = self.objects.operation(self.state, self.context)
                    && let Some(start) = arms.get(usize::from(arm))
                {
                    self.own_context().position = *start;
                }
                Outcome::Done
            }
            Action::JobDone => {
                let entry = self.objects.program(self.state, self.context).entry;
                *self.own_context() = Context { position: entry, phase: Phase::Sleeping };
                Outcome::Done
            }
            Action::Wake => {
                self.own_context().phase = Phase::Begin;
                Outcome::Done
            }
        }
    }

    /// The context that takes the step, to be changed.
    fn own_context(&mut self) -> &mut Context {
        self.touched.context = Some(self.context as ContextSlot);
        &mut self.state.contexts[self.context]
    }

    /// A process, to be changed.
    fn process(&mut self, slot: usize) -> &mut Process {
        self.touched.entries |= 1 << slot;
        &mut self.state.processes[slot]
    }

    /// The processes of which this is true, a bit each.
    fn having(&self, which: impl Fn(&Process) -> bool) -> u64 {
        self.state.processes.iter().rev().fold(0, |set, process| set << 1 | u64::from(which(process)))
    }

    fn children_of(&self, slot: usize) -> u64 {
        self.having(|child| child.parent.map(usize::from) == Some(slot))
    }

    /// The context goes on with its next instruction.
    fn done(&mut self) -> Outcome {
        let position = self.objects.node(self.state, self.context).next;
        *self.own_context() = Context { position, phase: Phase::Begin };
        Outcome::Done
    }

    /// An attacking context stays where it is, any other goes on.
    fn go_on(&mut self, attacks: bool, outcome: Outcome) -> Outcome {
        if !attacks {
            self.done();
        }
        outcome
    }

    fn open(&mut self, slot: usize, handle: HandleId) -> Outcome {
        let inheritance = self.objects.profile.inheritance;
        let process = self.process(slot);
        process.handles |= bit(handle);
        match inheritance.flag_at_creation() {
            Flag::CloseOnExec => process.flagged |= bit(handle),
            Flag::Keep => process.flagged &= !bit(handle),
        }
        if inheritance.flags_in_a_second_action() {
            self.own_context().phase = Phase::Flagging(handle);
            return Outcome::Done;
        }
        self.done()
    }

    fn listed(&self, action: Action) -> Option<HandleSet> {
        self.objects.listed(self.state, Step { context: self.context as ContextSlot, action })
    }

    fn free_slot(&self) -> Option<ProcessSlot> {
        let slot = self.state.processes.iter().position(|process| process.status == Status::Free)?;
        ProcessSlot::try_from(slot).ok()
    }

    /// A free entry for a child in that group, if the quota admits one and the table has one.
    fn admit(&self, group: Option<GroupId>, child: ProcessId) -> Result<ProcessSlot, Refusal> {
        let system = &self.objects.system;
        let domain = system.processes[child.index()].domain;
        let limit = group.and_then(|group| system.job_groups[group.index()].processes).map(u64::from);
        let usage = Entries { objects: self.objects, state: self.state, group, domain };
        if !self.objects.profile.process_quota.admits(&usage, limit, 1) {
            return Err(Refusal::ProcessLimit);
        }
        self.free_slot().ok_or(Refusal::TableFull)
    }

    fn admits_memory(&self, slot: usize, bytes: u64) -> bool {
        let Some(group) = self.state.processes[slot].group else { return true };
        let domain = self.objects.domain_of(self.state, slot);
        let limit = self.objects.system.job_groups[group.index()].memory.map(|limit| limit.0);
        let usage = Memory { objects: self.objects, state: self.state, group, domain };
        self.objects.profile.memory_quota.admits(&usage, limit, bytes)
    }

    /// The process that a new child of `slot` in `group` descends from, as far as the kernel tracks it.
    fn newborn(&mut self, slot: usize, child: ProcessId, group: Option<GroupId>) -> Process {
        let parent = &self.state.processes[slot];
        let joins = group != parent.group;
        let born = Process {
            instance_of: child,
            parent: Some(slot as ProcessSlot),
            group,
            membership: if joins { Membership::Tracked } else { parent.membership },
            rank: if joins { Rank::Leader } else { Rank::Member },
            ..Process::FREE
        };
        if let (true, Some(group)) = (joins, group) {
            self.state.supervisors[group.index()].get_or_insert(slot as ProcessSlot);
            self.touched.shared = true;
        }
        born
    }

    fn fork(&mut self, slot: usize, child: ProcessId, attacks: bool) -> Outcome {
        let group = self.objects.group_for(self.state, slot, child);
        let free = match self.admit(group, child) {
            Ok(free) => free,
            Err(refusal) => return self.go_on(attacks, Outcome::Refused(refusal)),
        };
        let listed = self.listed(Action::Fork(child));
        let born = self.newborn(slot, child, group);
        let (handles, flagged) = (self.state.processes[slot].handles, self.state.processes[slot].flagged);
        let status = if listed.is_some() { Status::Embryo } else { Status::Alive };
        *self.process(usize::from(free)) = Process { status, handles, flagged, listed: listed.unwrap_or(0), ..born };
        self.touched.contexts |= 1 << free;
        let contexts = self.objects.contexts_of(free);
        if attacks {
            // The copy goes on attacking, in the one context that forked.
            let own = contexts.start + self.context % self.objects.contexts_per_process;
            self.state.contexts[own] = self.state.contexts[self.context];
        } else if listed.is_some() {
            let entry = self.objects.programs[child.index()][0].entry;
            self.state.contexts[contexts.start] = Context { position: entry, phase: Phase::BeforeExec };
        } else {
            self.objects.start_contexts(self.state, free, child);
        }
        self.go_on(attacks, Outcome::Created(free))
    }

    /// The handles of a creator that reach the new program.
    fn inherited(&self, handles: HandleSet, flagged: HandleSet, listed: HandleSet) -> HandleSet {
        let reaches = |handle: &u8| {
            let of = |set: HandleSet| set & (1 << handle) != 0;
            let flag = if of(flagged) { Flag::CloseOnExec } else { Flag::Keep };
            let listing = if of(listed) { Listing::Listed } else { Listing::Unlisted };
            of(handles) && self.objects.profile.inheritance.reaches_child(flag, listing)
        };
        (0..self.objects.system.handles.len() as u8).filter(reaches).fold(0, |set, handle| set | 1 << handle)
    }

    fn exec(&mut self, slot: usize, id: ProcessId) -> Outcome {
        let Process { handles, flagged, listed, .. } = self.state.processes[slot];
        let handles = self.inherited(handles, flagged, listed);
        self.begin_program(slot, handles);
        self.touched.contexts |= 1 << slot;
        self.objects.start_contexts(self.state, slot as ProcessSlot, id);
        Outcome::Done
    }

    fn begin_program(&mut self, slot: usize, handles: HandleSet) {
        let process = self.process(slot);
        process.status = Status::Alive;
        process.handles = handles;
        // Whatever came through exec came unflagged, and so passes on again (POSIX exec, file descriptors).
        process.flagged = 0;
        process.listed = 0;
    }

    fn spawn(&mut self, slot: usize, child: ProcessId) -> Outcome {
        let group = self.objects.group_for(self.state, slot, child);
        let free = match self.admit(group, child) {
            Ok(free) => free,
            Err(refusal) => return self.go_on(false, Outcome::Refused(refusal)),
        };
        let listed = self.listed(Action::Spawn(child)).unwrap_or(0);
        let born = self.newborn(slot, child, group);
        let Process { handles, flagged, .. } = self.state.processes[slot];
        let handles = self.inherited(handles, flagged, listed);
        *self.process(usize::from(free)) = born;
        self.begin_program(usize::from(free), handles);
        self.touched.contexts |= 1 << free;
        self.objects.start_contexts(self.state, free, child);
        self.done();
        Outcome::Created(free)
    }

    fn reap(&mut self, slot: usize, id: ProcessId) -> Outcome {
        let ended = self.state.processes.iter().position(|child| {
            child.status == Status::Zombie && child.parent.map(usize::from) == Some(slot) && child.instance_of == id
        });
        self.done();
        match ended {
            Some(ended) => {
                *self.process(ended) = Process::FREE;
                Outcome::Done
            }
            None => Outcome::Refused(Refusal::NoChild),
        }
    }

    fn kill(&mut self, group: GroupId) -> Outcome {
        let members = self.having(|process| {
            process.lives() && process.group == Some(group) && process.membership == Membership::Tracked
        });
        let killed = match self.objects.profile.kill {
            Kill::Walk => {
                self.own_context().phase = Phase::Walking(members);
                return Outcome::Done;
            }
            Kill::OneProcess => members & members.wrapping_neg(),
            Kill::Atomic => members,
        };
        let outcome = self.done();
        for slot in each(killed) {
            self.end_process(slot);
        }
        self.condemn(group);
        outcome
    }

    /// A kill of the group has returned: whoever is still there must not run again.
    fn condemn(&mut self, group: GroupId) {
        if !self.objects.watched.contains(GuaranteeId::G4) {
            return;
        }
        for slot in each(self.having(|process| process.lives() && process.group == Some(group))) {
            self.process(slot).fate = Fate::Condemned;
        }
    }

    fn send(&mut self, slot: usize, buffer: BufferId) -> Outcome {
        let declared = &self.objects.system.buffers[buffer.index()];
        let outcome = if !self.objects.may_use(self.state, slot, buffer, &declared.send) {
            Outcome::Refused(Refusal::NoRight)
        } else if self.state.buffers[buffer.index()] < declared.capacity {
            self.state.buffers[buffer.index()] += 1;
            self.touched.shared = true;
            Outcome::Done
        } else if declared.overflow == Overflow::Coalesce {
            Outcome::Done
        } else {
            Outcome::Refused(Refusal::Full)
        };
        self.done();
        outcome
    }

    /// Ends a process: its contexts, handles and memory go at once, its entry when it is waited for.
    fn end_process(&mut self, slot: usize) {
        if !self.state.processes[slot].lives() {
            return;
        }
        self.touched.contexts |= 1 << slot;
        self.state.contexts[self.objects.contexts_of(slot as ProcessSlot)].fill(Context::FREE);
        let tracking = self.objects.profile.tracking;
        for child in each(self.children_of(slot)) {
            let group = self.state.processes[child].group;
            let reaper = group
                .filter(|_| tracking.orphans_go_to_the_supervisor())
                .and_then(|group| self.state.supervisors[group.index()])
                .filter(|reaper| usize::from(*reaper) != slot);
            self.process(child).parent = reaper;
            if tracking.loses_orphans() {
                self.lose_subtree(child);
            }
            if reaper.is_none() && self.state.processes[child].status == Status::Zombie {
                *self.process(child) = Process::FREE; // init waits for it at once
            }
        }
        for supervisor in &mut self.state.supervisors {
            if supervisor.map(usize::from) == Some(slot) {
                *supervisor = None;
                self.touched.shared = true;
            }
        }
        let process = self.process(slot);
        *process = match process.parent {
            None => Process::FREE,
            Some(_) => Process {
                status: Status::Zombie,
                instance_of: process.instance_of,
                parent: process.parent,
                group: process.group,
                ..Process::FREE
            },
        };
    }

    /// The kernel no longer finds this process, nor any below it.
    fn lose_subtree(&mut self, top: usize) {
        let mut lost = 1u64 << top;
        while lost != 0 {
            let slot = lost.trailing_zeros() as usize;
            lost &= lost - 1;
            let process = &self.state.processes[slot];
            if process.group.is_some() && process.membership == Membership::Tracked {
                self.process(slot).membership = Membership::Lost;
                lost |= self.children_of(slot);
            }
        }
    }
}
