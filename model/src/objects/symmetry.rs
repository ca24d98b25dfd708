//! Symmetry: no process can tell which entry of the process table it has, so states that differ in nothing else behave alike.
//! A child takes the lowest free entry: where entries are renamed it may take another, which again differs in nothing else.
//!
//! Parents, supervisors, snapshots and names refer to entries, and are renamed with them. No ghost does: *listed* and *fate* are of
//! the process itself, and are gone with it before another takes its entry; what was made is a group's, and what is locked down a domain's.

use std::collections::BTreeSet;

use super::program::Operation;
use super::state::{Name, Phase, ProcessSlot, State};
use super::{Objects, each};
use crate::system::{GroupId, Instruction};

/// Why entries of the process table are not interchangeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Asymmetry {
    /// A kill of only one, or of one after the other.
    #[error("a kill or a lock-down takes its members in the order of the process table")]
    KillFollowsTheTable,
    /// Of two zombies that a wait may take it takes the one with the lower entry, and they may count in different groups.
    #[error("a wait takes the first of the process table, and may find zombies of different groups")]
    WaitFollowsTheTable,
    /// A lock names the context that holds it.
    #[error("there are locks, and a lock names the context that holds it")]
    LocksNameContexts,
    /// Whom a name stands for is an entry of the table.
    #[error("a process is killed by its name, which stands for an entry of the process table")]
    NamesStandForEntries,
}

impl Objects {
    /// Why entries of the process table are not interchangeable; none if they are.
    pub fn asymmetry(&self) -> Option<Asymmetry> {
        if !self.system.locks.is_empty() {
            return Some(Asymmetry::LocksNameContexts);
        }
        if !self.named.is_empty() {
            return Some(Asymmetry::NamesStandForEntries);
        }
        let (kills, lock_downs) = (self.profile.kill.follows_the_table(), self.profile.shutdown.walks());
        let follows = |operation: &Operation| match operation {
            Operation::Kill(_) => kills,
            Operation::LockDown(_) => lock_downs,
            _ => false,
        };
        if self.nodes.iter().any(|node| follows(&node.operation)) {
            return Some(Asymmetry::KillFollowsTheTable);
        }
        // All children that a process itself has made of one declaration are in one group. Only whoever takes in orphans may
        // have others.
        let groups = self.groups_of_processes();
        let mut awaited = self.nodes.iter().filter_map(|node| match node.operation {
            Operation::Wait { process, .. } => Some(process),
            _ => None,
        });
        let mixed = self.profile.tracking.orphans_go_to_the_supervisor()
            && awaited.any(|process| groups[process.index()].len() > 1);
        mixed.then_some(Asymmetry::WaitFollowsTheTable)
    }

    /// The groups that instances of each declared process can be in.
    pub(super) fn groups_of_processes(&self) -> Vec<BTreeSet<Option<GroupId>>> {
        let declared = |process: usize| self.system.processes[process].group;
        let mut groups = vec![BTreeSet::new(); self.system.processes.len()];
        for starting in self.starting_processes() {
            groups[starting.index()].insert(declared(starting.index()));
        }
        loop {
            let mut more = Vec::new();
            self.system.for_each_instruction(|creator, instruction| {
                if let Instruction::Spawn { process: child, .. } | Instruction::Fork(child) = instruction {
                    let child = child.index();
                    more.extend(groups[creator.index()].iter().map(|group| (child, group.or(declared(child)))));
                }
            });
            let new = more.into_iter().filter(|(child, group)| groups[*child].insert(*group)).count();
            if new == 0 {
                return groups;
            }
        }
    }

    /// The same situation, with other entries: what has entry `e` gets entry `to(e)`.
    #[must_use]
    pub fn renamed(&self, state: &State, to: impl Fn(ProcessSlot) -> ProcessSlot) -> State {
        let mut renamed = state.clone();
        for (slot, process) in (0..).zip(&state.processes) {
            let new = &mut renamed.processes[usize::from(to(slot))];
            *new = *process;
            new.parent = process.parent.map(&to);
            for (from, context) in self.contexts_of(slot).zip(self.contexts_of(to(slot))) {
                let context = &mut renamed.contexts[context];
                *context = state.contexts[from];
                if let Phase::Walking(members) = &mut context.phase {
                    *members = each(*members).fold(0, |set, member| set | 1 << to(member as ProcessSlot));
                }
            }
        }
        for name in &mut renamed.names {
            *name = match *name {
                Name::Nobody => Name::Nobody,
                Name::Is(slot) => Name::Is(to(slot)),
                Name::Was(heirs) => Name::Was(each(heirs).fold(0, |set, heir| set | 1 << to(heir as ProcessSlot))),
            };
        }
        for supervisor in &mut renamed.supervisors {
            *supervisor = supervisor.map(&to);
        }
        renamed
    }
}
