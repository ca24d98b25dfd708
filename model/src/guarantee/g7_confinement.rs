//! G7, confinement: every access that succeeds is allowed by the policy.
//!
//! Formally, for every step access(o, r) by a process of domain d whose outcome is success: (d, r) ∈ allow(o).
//!
//! Trigger: an access was tried that the policy does not allow.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome};
use crate::profile::authority::Allowed;

/// G7.
#[derive(Debug)]
pub struct Confinement;

impl Safety for Confinement {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G7
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let Action::Access(object, right) = transition.step.action else { return false };
        let slot = usize::from(objects.process_of(transition.step.context));
        let domain = objects.domain_of(transition.before, slot);
        objects.allowed(domain, object, right) != Allowed::ToThisDomain
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        transition.outcome == Outcome::Done && self.triggered(objects, transition)
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        let Action::Access(object, right) = transition.step.action else { return None };
        self.violated(objects, transition).then(|| {
            let slot = objects.process_of(transition.step.context);
            let domain = objects.domain_of(transition.before, usize::from(slot));
            format!(
                "{} could {} `{}`, which the policy does not allow to `{}`",
                objects.process_name(transition.before, slot),
                right.name(),
                objects.system().objects[object.index()].name,
                objects.system().domains[domain.index()]
            )
        })
    }
}
