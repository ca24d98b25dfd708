//! G4, complete kill: after a kill of a job group has returned, no process that descended from its members then, nor
//! any descendant of one, runs again.
//!
//! Formally, for every step of a context of process p: fate(p) ≠ condemned, where a kill of g that returns condemns every
//! living p with group(p) = g, and a child has its parent's fate. That the kill returns within a bound is a declared bound
//! of the kernel (`kernel_bounds.kill_group`) in the model, and measured on a host.
//!
//! Trigger: a kill of a job group returned.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Fate, Objects};
use crate::profile::kill::Kill;

/// G4.
#[derive(Debug)]
pub struct CompleteKill;

impl Safety for CompleteKill {
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G4
    }

    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        match transition.step.action {
            Action::Kill(_) => objects.profile().kill != Kill::Walk,
            Action::KillReturns(_) => true,
            _ => false,
        }
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let slot = objects.process_of(transition.step.context);
        let process = &transition.before.processes[usize::from(slot)];
        (process.fate == Fate::Condemned).then(|| {
            let group = process.group.map_or("?", |group| objects.system().job_groups[group.index()].name.as_str());
            let name = objects.process_name(transition.before, slot);
            format!("{name} still runs after the kill of `{group}` has returned")
        })
    }
}
