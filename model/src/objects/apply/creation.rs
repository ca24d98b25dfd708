//! Creating processes: fork, exec, spawn.

use super::super::Objects;
use super::super::precondition::Precondition;
use super::super::program::HandleSet;
use super::super::state::{Context, Membership, ObjectSet, Phase, Process, ProcessSlot, Rank, State, Status};
use super::super::step::{Action, Outcome, Refusal};
use super::super::usage::Entries;
use super::Taking;
use crate::system::{GroupId, ProcessId};

impl Objects {
    /// The job group of a process that `parent` creates: the creator's, which nothing leaves, or else the one that the
    /// child declares.
    pub fn group_for(&self, state: &State, parent: usize, child: ProcessId) -> Option<GroupId> {
        state.processes[parent].group.or(self.system.processes[child.index()].group)
    }

    /// Makes the contexts of a process begin their programs, all without the rights that were given up before.
    pub(in crate::objects) fn start_contexts(
        &self,
        state: &mut State,
        slot: ProcessSlot,
        id: ProcessId,
        dropped: ObjectSet,
    ) {
        let programs = &self.programs[id.index()];
        for (index, context) in self.contexts_of(slot).enumerate() {
            state.contexts[context] = programs.get(index).map_or(Context::FREE, |program| {
                let is_task = self.system.processes[id.index()].contexts[index].task.is_some();
                let phase = if is_task { Phase::Sleeping } else { Phase::Begin };
                Context { position: program.entry, phase, dropped }
            });
        }
    }
}

impl Taking<'_> {
    fn free_slot(&self) -> Option<ProcessSlot> {
        let slot = self.state.processes.iter().position(|process| process.status == Status::Free)?;
        ProcessSlot::try_from(slot).ok()
    }

    /// A free entry for a child in that group, if the quota admits one and the table has one.
    fn admit(&self, group: Option<GroupId>, child: ProcessId) -> Result<ProcessSlot, Refusal> {
        let system = &self.objects.system;
        let domain = system.processes[child.index()].domain;
        if self.objects.is_closed(self.state, domain) {
            return Err(Refusal::LockedDown);
        }
        let limit = group.and_then(|group| system.job_groups[group.index()].processes).map(u64::from);
        let usage = Entries { objects: self.objects, state: self.state, group, domain };
        let admits = self.objects.profile.process_quota.admits(&usage, limit, 1);
        if !self.objects.requires(Precondition::ProcessQuota, admits) {
            return Err(Refusal::ProcessLimit);
        }
        self.free_slot().ok_or(Refusal::TableFull)
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

    pub(super) fn fork(&mut self, child: ProcessId) -> Outcome {
        let slot = self.slot;
        let group = self.objects.group_for(self.state, slot, child);
        let free = match self.admit(group, child) {
            Ok(free) => free,
            Err(refusal) => return self.go_on(Outcome::Refused(refusal)),
        };
        let listed = self.listed(Action::Fork(child));
        let born = self.newborn(slot, child, group);
        let (handles, flagged) = (self.state.processes[slot].handles, self.state.processes[slot].flagged);
        let status = if listed.is_some() { Status::Embryo } else { Status::Alive };
        *self.process(usize::from(free)) = Process { status, handles, flagged, listed: listed.unwrap_or(0), ..born };
        self.touched.contexts |= 1 << free;
        self.is_named(free, child);
        let contexts = self.objects.contexts_of(free);
        let dropped = self.state.contexts[self.context].dropped;
        if self.attacks {
            // The copy goes on attacking, in the one context that forked.
            let own = contexts.start + self.context % self.objects.contexts_per_process;
            self.state.contexts[own] = self.state.contexts[self.context];
        } else if listed.is_some() {
            let entry = self.objects.programs[child.index()][0].entry;
            self.state.contexts[contexts.start] = Context { position: entry, phase: Phase::BeforeExec, dropped };
        } else {
            self.objects.start_contexts(self.state, free, child, dropped);
        }
        self.go_on(Outcome::Created(free))
    }

    pub(super) fn exec(&mut self, id: ProcessId) -> Outcome {
        let slot = self.slot;
        let Process { handles, flagged, listed, .. } = self.state.processes[slot];
        let handles = self.inherited(handles, flagged, listed);
        self.begin_program(slot, handles);
        self.touched.contexts |= 1 << slot;
        let dropped = self.state.contexts[self.context].dropped;
        self.objects.start_contexts(self.state, slot as ProcessSlot, id, dropped);
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

    pub(super) fn spawn(&mut self, child: ProcessId) -> Outcome {
        let slot = self.slot;
        let group = self.objects.group_for(self.state, slot, child);
        let free = match self.admit(group, child) {
            Ok(free) => free,
            Err(refusal) => return self.go_on(Outcome::Refused(refusal)),
        };
        let listed = self.listed(Action::Spawn(child)).unwrap_or(0);
        let born = self.newborn(slot, child, group);
        let Process { handles, flagged, .. } = self.state.processes[slot];
        let handles = self.inherited(handles, flagged, listed);
        *self.process(usize::from(free)) = born;
        self.begin_program(usize::from(free), handles);
        self.touched.contexts |= 1 << free;
        self.is_named(free, child);
        let dropped = self.state.contexts[self.context].dropped;
        self.objects.start_contexts(self.state, free, child, dropped);
        self.done();
        Outcome::Created(free)
    }
}
