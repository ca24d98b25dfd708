//! G6, quotas: the processes and the memory of a job group never pass its declared limits.
//!
//! Formally, in every state, for every job group g: |{p : group(p) = g}| ≤ processes(g), zombies included as kernels count
//! them, and Σ memory(p) ≤ memory(g), where a limit is declared.
//!
//! Trigger: a member of a group with a limit tried to take what would pass it.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome, Refusal};
use crate::system::GroupId;
use crate::units::Bytes;

/// G6.
#[derive(Debug)]
pub struct Quotas;

impl Safety for Quotas {
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G6
    }

    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let slot = usize::from(objects.process_of(transition.step.context));
        let Some(group) = transition.before.processes[slot].group else { return false };
        let limits = &objects.system().job_groups[group.index()];
        let wanted_more = match transition.step.action {
            Action::Fork(_) | Action::Spawn(_) => {
                limits.processes.is_some_and(|limit| objects.processes_in(transition.before, group) >= u64::from(limit))
            }
            Action::Allocate(bytes) => limits
                .memory
                .is_some_and(|limit| objects.memory_of(transition.before, group).saturating_add(bytes) > limit.0),
            _ => false,
        };
        wanted_more || matches!(transition.outcome, Outcome::Refused(Refusal::ProcessLimit | Refusal::MemoryLimit))
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
