//! What is in use: entries of the process table, and memory, counted in each of the ways that a quota may count.

use super::Objects;
use super::state::{Process, State, Status};
use crate::profile::quota::Usage;
use crate::system::{DomainId, GroupId};

impl Objects {
    /// How many processes descend from a group's members, zombies included, as the kernel counts them.
    pub fn processes_in(&self, state: &State, group: GroupId) -> u64 {
        let of_group = |process: &&Process| process.status != Status::Free && process.group == Some(group);
        state.processes.iter().filter(of_group).count() as u64
    }

    /// How much memory is charged to a group, in bytes.
    pub fn memory_of(&self, state: &State, group: GroupId) -> u64 {
        let of_group = |process: &&Process| process.group == Some(group);
        state.processes.iter().filter(of_group).fold(0, |sum, process| sum.saturating_add(process.memory))
    }
}

/// Entries of the process table, as a child of that domain, in that group, counts them.
pub(super) struct Entries<'a> {
    pub(super) objects: &'a Objects,
    pub(super) state: &'a State,
    pub(super) group: Option<GroupId>,
    pub(super) domain: DomainId,
}

impl Entries<'_> {
    fn in_use(&self, which: impl Fn(usize) -> bool) -> u64 {
        let used = self.state.processes.iter().enumerate();
        used.filter(|(slot, process)| process.status != Status::Free && which(*slot)).count() as u64
    }
}

impl Usage for Entries<'_> {
    fn group(&self) -> u64 {
        self.group.map_or(0, |group| self.objects.processes_in(self.state, group))
    }

    fn user(&self) -> u64 {
        let system = &self.objects.system;
        let user = system.user_of(self.domain);
        self.in_use(|slot| system.user_of(self.objects.domain_of(self.state, slot)) == user)
    }

    fn free(&self) -> u64 {
        // Whether the table has an entry is asked after the quota, and refused by another name.
        (self.state.processes.len() as u64 - self.in_use(|_| true)).max(1)
    }

    fn set_aside_for_others(&self) -> u64 {
        // What each other group has reserved and not used.
        let groups = (0u8..).map(GroupId).zip(&self.objects.system.job_groups);
        groups.filter(|(id, _)| self.group != Some(*id)).fold(0, |sum: u64, (id, limits)| {
            let reserved = limits.processes.map_or(0, u64::from);
            sum.saturating_add(reserved.saturating_sub(self.objects.processes_in(self.state, id)))
        })
    }
}

/// Memory, as a member of that group, of that domain, counts it.
pub(super) struct Memory<'a> {
    pub(super) objects: &'a Objects,
    pub(super) state: &'a State,
    pub(super) group: GroupId,
    pub(super) domain: DomainId,
}

impl Usage for Memory<'_> {
    fn group(&self) -> u64 {
        self.objects.memory_of(self.state, self.group)
    }

    fn user(&self) -> u64 {
        let system = &self.objects.system;
        let user = system.user_of(self.domain);
        let of_user = |slot: &usize| system.user_of(self.objects.domain_of(self.state, *slot)) == user;
        let memory = |slot: usize| self.state.processes[slot].memory;
        (0..self.state.processes.len()).filter(of_user).fold(0, |sum, slot| sum.saturating_add(memory(slot)))
    }

    fn free(&self) -> u64 {
        u64::MAX // the memory of the whole machine is not modelled
    }

    fn set_aside_for_others(&self) -> u64 {
        0
    }
}
