//! G5, stable identity: a kill reaches the process that it names, or the members of the group that it names, or nobody.
//!
//! Formally, for every step by which a kill of the process n ends a process q: q is whom n stands for, the last instance that a program
//! created of n; and for every step by which a walk of the job group g ends a process q: group(q) = g.
//!
//! Whom a name stands for is kept from the creation on. Once that one has ended and was waited for, the name stands for nobody; where
//! numbers are recycled, every process that was created since may have got the number, and a kill settles who has.
//!
//! Trigger: a kill of a process that is gone, or of a member of a walk's snapshot that is no longer there.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Name, Objects, ProcessSlot, State};
use crate::system::GroupId;

/// G5.
#[derive(Debug)]
pub struct StableIdentity;

impl Safety for StableIdentity {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G5
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let before = transition.before;
        match transition.step.action {
            Action::KillProcess(named) => matches!(objects.named(before, named), Name::Was(_)),
            Action::KillNumber(..) => true,
            Action::KillMember(member) => {
                let group = objects.walked_group(before, transition.step.context);
                !is_member(before, member, group)
            }
            _ => false,
        }
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let before = transition.before;
        match transition.step.action {
            Action::KillNumber(_, slot) => before.processes[usize::from(slot)].lives(),
            Action::KillMember(slot) => {
                let group = objects.walked_group(before, transition.step.context);
                before.processes[usize::from(slot)].lives() && !is_member(before, slot, group)
            }
            _ => false,
        }
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        if !self.violated(objects, transition) {
            return None;
        }
        let (before, system) = (transition.before, objects.system());
        match transition.step.action {
            Action::KillNumber(named, slot) => Some(format!(
                "the kill named `{}`, which was gone, and has ended {}",
                system.processes[named.index()].name,
                objects.process_name(before, slot)
            )),
            Action::KillMember(slot) => {
                let group = objects.walked_group(before, transition.step.context)?;
                Some(format!(
                    "the kill named job group `{}`, and has ended {}, which is no member",
                    system.job_groups[group.index()].name,
                    objects.process_name(before, slot)
                ))
            }
            _ => None,
        }
    }
}

/// Is there a living member of the group in that entry?
fn is_member(state: &State, slot: ProcessSlot, group: Option<GroupId>) -> bool {
    let process = &state.processes[usize::from(slot)];
    process.lives() && process.group == group
}
