//! G3, complete tracking: every descendant of a member of a job group stays in that group.
//!
//! Formally, in every state, for every living process p with group(p) = g: tracked(p). Here group(p) is the group that p
//! or its nearest ancestor was created in (no action of p changes it), and tracked(p) is whether the kernel, by what it
//! tracks groups with, still finds p in it.
//!
//! Trigger: a member of a job group created a process, or left its session.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Membership, Objects, Outcome, Process, State, Touched, each};

/// G3.
#[derive(Debug)]
pub struct CompleteTracking;

impl Safety for CompleteTracking {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G3
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let slot = usize::from(objects.process_of(transition.step.context));
        let in_group = transition.before.processes[slot].group.is_some();
        in_group && (matches!(transition.outcome, Outcome::Created(_)) || transition.step.action == Action::Detach)
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.violated_in(objects, transition.after)
    }

    fn violated_in(&self, _: &Objects, state: &State) -> bool {
        state.processes.iter().any(lost)
    }

    /// Whoever is lost now and was not before has been changed by the step.
    #[inline]
    fn newly_violated(&self, _: &Objects, transition: &Transition<'_>, touched: Touched) -> bool {
        each(touched.entries).any(|slot| lost(&transition.after.processes[slot]))
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let lost = (0u8..).zip(&transition.after.processes).find(|(_, process)| lost(process))?;
        let group = &objects.system().job_groups[lost.1.group?.index()].name;
        Some(format!("{} is no longer tracked in `{group}`", objects.process_name(transition.after, lost.0)))
    }
}

fn lost(process: &Process) -> bool {
    process.membership == Membership::Lost && process.lives() && process.group.is_some()
}
