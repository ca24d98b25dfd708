//! G6, quotas: the processes and the memory of a job group never pass its declared limits.
//!
//! Formally, in every state, for every job group g: |{p : group(p) = g}| ≤ processes(g), zombies included as kernels count
//! them, and Σ memory(p) ≤ memory(g), where a limit is declared.
//!
//! Trigger: somebody tried to create a process in a group, or a member to take memory, that would pass the group's limit.
//!
//! A fork that only a full process table refused decides nothing: a larger table might have let the group pass its limit.
//! A search that meets one leaves G6 `unknown`, unless it is refuted.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome, State, Touched};
use crate::system::GroupId;
use crate::units::Bytes;

/// G6.
#[derive(Debug)]
pub struct Quotas;

impl Safety for Quotas {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G6
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let slot = usize::from(objects.process_of(transition.step.context));
        let limits = |group: GroupId| &objects.system().job_groups[group.index()];
        match transition.step.action {
            Action::Fork(child) | Action::Spawn(child) => {
                let Some(group) = objects.group_for(transition.before, slot, child) else { return false };
                let limit = limits(group).processes;
                limit.is_some_and(|limit| objects.processes_in(transition.before, group) >= u64::from(limit))
            }
            Action::Allocate(bytes) => {
                let Some(group) = transition.before.processes[slot].group else { return false };
                let wanted = objects.memory_of(transition.before, group).saturating_add(bytes);
                limits(group).memory.is_some_and(|limit| wanted > limit.0)
            }
            _ => false,
        }
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.violated_in(objects, transition.after)
    }

    fn violated_in(&self, objects: &Objects, state: &State) -> bool {
        (0u8..).zip(&objects.system().job_groups).any(|(group, _)| passes_limit(objects, state, GroupId(group)))
    }

    /// Only a creation makes a group larger, by the process that it creates; only an allocation takes memory, for the
    /// process that asks. Nothing else moves a process from a group to another.
    #[inline]
    fn newly_violated(&self, objects: &Objects, transition: &Transition<'_>, _: Touched) -> bool {
        let slot = match (transition.step.action, transition.outcome) {
            (Action::Fork(_) | Action::Spawn(_), Outcome::Created(slot)) => slot,
            (Action::Allocate(_), Outcome::Done) => objects.process_of(transition.step.context),
            _ => return false,
        };
        let group = transition.after.processes[usize::from(slot)].group;
        group.is_some_and(|group| passes_limit(objects, transition.after, group))
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        (0u8..).zip(&objects.system().job_groups).find_map(|(id, limits)| {
            let group = GroupId(id);
            let processes = objects.processes_in(transition.after, group);
            let memory = objects.memory_of(transition.after, group);
            if let Some(limit) = limits.processes.filter(|limit| processes > u64::from(*limit)) {
                return Some(format!("`{}` has {processes} processes; its limit is {limit}", limits.name));
            }
            let limit = limits.memory.filter(|limit| memory > limit.0)?;
            Some(format!("`{}` has {} of memory; its limit is {limit}", limits.name, Bytes(memory)))
        })
    }
}

fn passes_limit(objects: &Objects, state: &State, group: GroupId) -> bool {
    let limits = &objects.system().job_groups[group.index()];
    limits.processes.is_some_and(|limit| objects.processes_in(state, group) > u64::from(limit))
        || limits.memory.is_some_and(|limit| objects.memory_of(state, group) > limit.0)
}
