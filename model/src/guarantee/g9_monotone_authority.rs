//! G9, monotone authority: rights never grow without a grant.
//!
//! Formally, for every step s → s′ and every context c that has not ended in s′: dropped(o(c)) ∖ granted(c) ⊆ dropped′(c), where o(c) is c, or, if c did not
//! run in s, the context whose step it is; granted(c) is {x} if the step is a grant of x to the process of c by a context that has a right to x, else
//! ∅. And for every access (x, r) by a context c that succeeds: x ∉ dropped(c).
//!
//! Trigger: a context that had given up its rights to x tried to use x, asked for them back, or executed a privileged program; or a
//! grant of x met such a context.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, ContextSlot, ObjectSet, Objects, Outcome, Phase};
use crate::system::ObjectClass;

/// G9.
#[derive(Debug)]
pub struct MonotoneAuthority;

impl Safety for MonotoneAuthority {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G9
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        if !objects.drops_rights() {
            return false;
        }
        let before = transition.before;
        let own = usize::from(transition.step.context);
        match transition.step.action {
            Action::Regain(object) => !objects.has_kept(before, own, object),
            Action::Access(object, _) => {
                let class = objects.system().objects[object.index()].class;
                !objects.has_kept(before, own, object)
                    || class == ObjectClass::PrivilegedProgram && before.contexts[own].dropped != 0
            }
            Action::Grant(object, to) => (0..before.contexts.len()).any(|context| {
                let process = &before.processes[usize::from(objects.process_of(context as ContextSlot))];
                process.lives() && process.instance_of == to && !objects.has_kept(before, context, object)
            }),
            _ => false,
        }
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        objects.drops_rights() && (works_nevertheless(objects, transition) || grown(objects, transition).is_some())
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        if !objects.drops_rights() {
            return None;
        }
        let own = transition.step.context;
        if let (Action::Access(object, right), true) = (transition.step.action, works_nevertheless(objects, transition))
        {
            return Some(format!(
                "{} could {} `{}`, its rights to which it had given up",
                objects.context_name(transition.before, own),
                right.name(),
                objects.system().objects[object.index()].name
            ));
        }
        let (context, more) = grown(objects, transition)?;
        let name = objects.context_name(transition.after, context);
        let more = objects.object_names(more).join("`, `");
        Some(match transition.step.action {
            Action::Grant(..) => format!("{name} has rights to `{more}`, granted by who had none"),
            _ if transition.before.contexts[usize::from(context)].phase == Phase::Gone => {
                format!("{name} has rights to `{more}`, which its creator had given up")
            }
            _ => format!("{name} has its rights to `{more}` back, which it had given up, and nobody has granted them"),
        })
    }
}

/// Has the step used an object by rights that were given up?
#[inline]
fn works_nevertheless(objects: &Objects, transition: &Transition<'_>) -> bool {
    let Action::Access(object, _) = transition.step.action else { return false };
    transition.outcome == Outcome::Done && !objects.has_kept(transition.before, transition.step.context.into(), object)
}

/// A context that has rights after the step which neither it nor, if it is new, its creator had, and which were not granted.
fn grown(objects: &Objects, transition: &Transition<'_>) -> Option<(ContextSlot, ObjectSet)> {
    let (before, after) = (transition.before, transition.after);
    let own = usize::from(transition.step.context);
    let lawful = match transition.step.action {
        Action::Grant(object, to) if objects.has_a_right(before, own, object) => {
            Some((objects.object_set(&[object]), to))
        }
        _ => None,
    };
    (0..after.contexts.len()).filter(|context| after.contexts[*context].phase != Phase::Gone).find_map(|context| {
        let origin = if before.contexts[context].phase == Phase::Gone { own } else { context };
        let process = &after.processes[usize::from(objects.process_of(context as ContextSlot))];
        let granted = lawful.filter(|(_, to)| *to == process.instance_of).map_or(0, |(granted, _)| granted);
        let more = before.contexts[origin].dropped & !after.contexts[context].dropped & !granted;
        (more != 0).then_some((context as ContextSlot, more))
    })
}
