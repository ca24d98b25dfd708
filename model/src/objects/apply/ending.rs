//! Ending processes: waited for, killed, lost.

use super::super::each;
use super::super::precondition::Precondition;
use super::super::state::{Context, Fate, Membership, Phase, Process, ProcessSlot, Rank, Status};
use super::super::step::{Outcome, Refusal};
use super::Taking;
use crate::guarantee::GuaranteeId;
use crate::profile::kill::Kill;
use crate::system::{GroupId, ProcessId};

impl Taking<'_> {
    pub(super) fn detach(&mut self) -> Outcome {
        let (tracking, process) = (self.objects.profile.tracking, &self.state.processes[self.slot]);
        let leader = process.rank == Rank::Leader && tracking.keeps_leaders();
        if !self.objects.requires(Precondition::NoLeader, !leader) {
            return self.go_on(Outcome::Refused(Refusal::NoRight));
        }
        if tracking.loses_detached() && process.group.is_some() {
            self.process(self.slot).membership = Membership::Lost;
        }
        self.go_on(Outcome::Done)
    }

    pub(super) fn exit(&mut self) -> Outcome {
        self.end_process(self.slot);
        Outcome::Done
    }

    /// The context ends, and with the last one the process.
    pub(super) fn end(&mut self) -> Outcome {
        *self.own_context() = Context::FREE;
        self.orphan(self.context..self.context + 1);
        let mut contexts = self.objects.contexts_of(self.slot as ProcessSlot);
        if contexts.all(|context| self.state.contexts[context].phase == Phase::Gone) {
            self.end_process(self.slot);
        }
        Outcome::Done
    }

    pub(super) fn reap(&mut self, id: ProcessId) -> Outcome {
        let slot = self.slot;
        let ended = self.state.processes.iter().position(|child| {
            child.status == Status::Zombie && child.parent.map(usize::from) == Some(slot) && child.instance_of == id
        });
        self.done();
        match ended {
            Some(ended) => {
                self.free(ended);
                Outcome::Done
            }
            None => Outcome::Refused(Refusal::NoChild),
        }
    }

    pub(super) fn kill(&mut self, group: GroupId) -> Outcome {
        let members = self.having(|process| {
            process.lives()
                && process.group == Some(group)
                && self.objects.requires(Precondition::Tracked, process.membership == Membership::Tracked)
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

    /// Kills one of the snapshot of a walk.
    pub(super) fn kill_member(&mut self, member: ProcessSlot) -> Outcome {
        if let Phase::Walking(members) = self.state.contexts[self.context].phase {
            self.own_context().phase = Phase::Walking(members & !(1 << member));
        }
        self.end_process(usize::from(member));
        Outcome::Done
    }

    /// A kill of the group has returned: whoever is still there must not run again.
    pub(super) fn condemn(&mut self, group: GroupId) {
        if !self.objects.watched.contains(GuaranteeId::G4) {
            return;
        }
        for slot in each(self.having(|process| process.lives() && process.group == Some(group))) {
            self.process(slot).fate = Fate::Condemned;
        }
    }

    /// Ends a process: its contexts, handles and memory go at once, its entry when it is waited for.
    pub(super) fn end_process(&mut self, slot: usize) {
        if !self.state.processes[slot].lives() {
            return;
        }
        self.touched.contexts |= 1 << slot;
        let contexts = self.objects.contexts_of(slot as ProcessSlot);
        self.state.contexts[contexts.clone()].fill(Context::FREE);
        self.orphan(contexts);
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
                self.free(child); // init waits for it at once
            }
        }
        for supervisor in &mut self.state.supervisors {
            if supervisor.map(usize::from) == Some(slot) {
                *supervisor = None;
                self.touched.shared = true;
            }
        }
        self.lose_taken(slot);
        let process = self.process(slot);
        let group = process.group;
        if process.parent.is_none() {
            self.free(slot);
        } else {
            *process = Process {
                status: Status::Zombie,
                instance_of: process.instance_of,
                parent: process.parent,
                group,
                ..Process::FREE
            };
        }
        self.tear_down(group);
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
