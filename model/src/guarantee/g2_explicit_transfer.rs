//! G2, explicit transfer: the handles that a new program holds are among those that its creation listed.
//!
//! Formally, for every step `s —exec(c) or spawn(c)→ s′`: handles′(c) ⊆ listed(c), where listed(c) is what the creating
//! instruction named and the creator held. Between fork and exec the child is a copy of its creator on purpose; nothing
//! is said of it until its own program starts.
//!
//! Trigger: some program was started.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, HandleSet, Objects, Outcome, ProcessSlot};

/// G2.
#[derive(Debug)]
pub struct ExplicitTransfer;

impl Safety for ExplicitTransfer {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G2
    }

    #[inline]
    fn triggered(&self, _: &Objects, transition: &Transition<'_>) -> bool {
        matches!(
            (transition.step.action, transition.outcome),
            (Action::Exec(_), _) | (Action::Spawn(_), Outcome::Created(_))
        )
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        unlisted(objects, transition).is_some()
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let (slot, more) = unlisted(objects, transition)?;
        let name = objects.process_name(transition.after, slot);
        let handles = objects.handle_names(more);
        Some(format!("{name} holds `{}`, which its creation did not list", handles.join("`, `")))
    }
}

/// Who has started its program, and with which handles that were not listed; if there are any.
fn unlisted(objects: &Objects, transition: &Transition<'_>) -> Option<(ProcessSlot, HandleSet)> {
    let (slot, listed) = match (transition.step.action, transition.outcome) {
        (Action::Exec(_), _) => {
            let slot = objects.process_of(transition.step.context);
            (slot, transition.before.processes[usize::from(slot)].listed)
        }
        (Action::Spawn(_), Outcome::Created(slot)) => {
            (slot, objects.listed(transition.before, transition.step).unwrap_or(0))
        }
        _ => return None,
    };
    let more = transition.after.processes[usize::from(slot)].handles & !listed;
    (more != 0).then_some((slot, more))
}
