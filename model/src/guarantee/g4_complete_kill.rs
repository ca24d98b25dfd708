//! G4, complete kill: after a kill of a job group has returned, no process that descended from its members then runs
//! again; and so none of them makes another.
//!
//! Formally, for every step of a context of process p: fate(p) ≠ condemned, where a kill of g that returns condemns every
//! living p with group(p) = g.
//!
//! In time, for every kill of g by a context c, which c comes to at t and which returns at u, or never: at no instant later than t + B does a p live that lived,
//! with group(p) = g, at an instant from t to u. B is what the scenario asks (`ends_within.kill_group`), or else the declared bound of the operation
//! (`kernel_bounds.kill_group`). The clock runs from when the program comes to the kill, whether or not c has the core then, until the last of them has
//! ended; a kill whose context ends before it returns owes nothing. Where the profile walks, each member is an operation of the kernel of its own
//! (`kernel_bounds.kill_process`), and the walker can be preempted between two. On a host it is measured.
//!
//! Trigger: a kill of a job group met a living descendant.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Fate, Objects};

/// G4.
#[derive(Debug)]
pub struct CompleteKill;

impl Safety for CompleteKill {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G4
    }

    #[inline]
    fn triggered(&self, _: &Objects, transition: &Transition<'_>) -> bool {
        let Action::Kill(group) = transition.step.action else { return false };
        transition.before.processes.iter().any(|process| process.lives() && process.group == Some(group))
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let slot = objects.process_of(transition.step.context);
        transition.before.processes[usize::from(slot)].fate == Fate::Condemned
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        self.violated(objects, transition).then(|| {
            let slot = objects.process_of(transition.step.context);
            let process = &transition.before.processes[usize::from(slot)];
            let group = process.group.map_or("?", |group| objects.system().job_groups[group.index()].name.as_str());
            let name = objects.process_name(transition.before, slot);
            format!("{name} still runs after the kill of `{group}` has returned")
        })
    }
}
