//! G8, no residue: after a job group has ended, nothing that it made persists but its declared outputs.
//!
//! Formally, in every state, for every job group g and every object o that is no output: if no p lives with group(p) = g, then
//! nothing is in o that a member of g made. A group ends with the last process that descends from its members, whether the kernel
//! tracks it or not: that a daemon is left behind is G3's and G4's to say. Zombies have ended.
//!
//! Of what was made the model knows that it is there, for each group and object, and no more; nobody removes it but the kernel.
//!
//! Trigger: the last process of a group ended that had made something.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Objects, State};
use crate::system::{GroupId, ObjectId};

/// G8.
#[derive(Debug)]
pub struct NoResidue;

impl Safety for NoResidue {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G8
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let Transition { before, step, after, .. } = *transition;
        let ends = |group| objects.lives_on(before, group) && !objects.lives_on(after, group);
        step.action.may_end_a_process() && made(objects, before).any(|(_, group)| ends(group))
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.violated_in(objects, transition.after)
    }

    #[inline]
    fn violated_in(&self, objects: &Objects, state: &State) -> bool {
        residue(objects, state).next().is_some()
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let (object, group) = residue(objects, transition.after).next()?;
        let system = objects.system();
        let (group, object) = (&system.job_groups[group.index()].name, &system.objects[object.index()].name);
        Some(format!("`{group}` has ended, and what it made in `{object}` is still there"))
    }
}

/// The objects in which something is that a group made, with the group.
fn made(objects: &Objects, state: &State) -> impl Iterator<Item = (ObjectId, GroupId)> {
    objects.makes().iter().zip(&state.made).filter(|(_, made)| **made).map(|(of, _)| *of)
}

/// Those whose group has ended.
fn residue(objects: &Objects, state: &State) -> impl Iterator<Item = (ObjectId, GroupId)> {
    made(objects, state).filter(|(_, group)| !objects.lives_on(state, *group))
}
