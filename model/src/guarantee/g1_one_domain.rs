//! G1, one domain: all contexts of a process have the same credentials.
//!
//! Formally, in every state, for every living process p and all contexts c, c′ of p that have not ended: dropped(c) = dropped(c′). Domain, job
//! group, handles and memory are the process's own in the model; what a context can give up is its rights to objects. They stand
//! for whatever a kernel decides an access by: user and group ids, capabilities, filters, rulesets, tokens.
//!
//! Trigger: a context gave up rights while another of its process had not ended.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Context, ContextSlot, Objects, Phase, State, Touched, each};

/// G1.
#[derive(Debug)]
pub struct OneDomain;

impl Safety for OneDomain {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G1
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let Action::DropRights(_) = transition.step.action else { return false };
        let slot = objects.process_of(transition.step.context);
        running(objects, transition.before, slot.into()).nth(1).is_some()
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        self.violated_in(objects, transition.after)
    }

    fn violated_in(&self, objects: &Objects, state: &State) -> bool {
        objects.drops_rights() && (0..state.processes.len()).any(|slot| apart(objects, state, slot).is_some())
    }

    /// Contexts that differ now and did not before have been changed by the step, or started.
    #[inline]
    fn newly_violated(&self, objects: &Objects, transition: &Transition<'_>, touched: Touched) -> bool {
        let own = touched.context.map_or(0, |context| 1 << objects.process_of(context));
        objects.drops_rights()
            && each(touched.contexts | own).any(|slot| apart(objects, transition.after, slot).is_some())
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let after = transition.after;
        let (less, more) = (0..after.processes.len()).find_map(|slot| apart(objects, after, slot))?;
        let dropped = |context: ContextSlot| after.contexts[usize::from(context)].dropped;
        Some(format!(
            "{} still has its rights to `{}`, which {} has given up",
            objects.context_name(after, more),
            objects.object_names(dropped(less) & !dropped(more)).join("`, `"),
            objects.context_name(after, less)
        ))
    }
}

/// The contexts of an entry that have not ended.
fn running<'a>(objects: &Objects, state: &'a State, slot: usize) -> impl Iterator<Item = (ContextSlot, &'a Context)> {
    let contexts = objects.contexts_of(slot as u8).map(|context| (context as ContextSlot, &state.contexts[context]));
    contexts.filter(|(_, context)| context.phase != Phase::Gone)
}

/// Two contexts of a process, the first of which has given up what the second has not; if there are any.
fn apart(objects: &Objects, state: &State, slot: usize) -> Option<(ContextSlot, ContextSlot)> {
    let (first, known) = running(objects, state, slot).next()?;
    let (other, differs) = running(objects, state, slot).find(|(_, context)| context.dropped != known.dropped)?;
    Some(if known.dropped & !differs.dropped != 0 { (first, other) } else { (other, first) })
}
