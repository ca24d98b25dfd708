//! G7, confinement: every access that succeeds is allowed by the policy.
//!
//! Formally, for every step access(o, r) by a process of domain d whose outcome is success: (d, r) ∈ allow(o); and for every step switch-mode(m) that
//! succeeds in mode n: d may change to m, and m is n or may follow it.
//!
//! Trigger: an access or a change of mode was tried that the policy does not allow.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome};
use crate::profile::authority::Allowed;
use crate::system::ModeId;

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
        let slot = usize::from(objects.process_of(transition.step.context));
        let (object, right) = match transition.step.action {
            Action::Access(object, right) => (object, right),
            Action::SwitchMode(mode) => return objects.forbids_change(transition.before, slot, mode).is_some(),
            _ => return false,
        };
        let domain = objects.domain_of(transition.before, slot);
        objects.allowed(domain, object, right) != Allowed::ToThisDomain
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        transition.outcome == Outcome::Done && self.triggered(objects, transition)
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        if !self.violated(objects, transition) {
            return None;
        }
        let slot = objects.process_of(transition.step.context);
        let domain = &objects.system().domains[objects.domain_of(transition.before, usize::from(slot)).index()];
        let who = objects.process_name(transition.before, slot);
        match transition.step.action {
            Action::Access(object, right) => {
                let object = &objects.system().objects[object.index()].name;
                Some(format!("{who} could {} `{object}`, which the policy does not allow to `{domain}`", right.name()))
            }
            Action::SwitchMode(mode) => {
                let (from, to) = (transition.before.mode, mode);
                let name = |mode: ModeId| objects.system().modes.get(mode.index()).map_or("?", |mode| &mode.name);
                let (from, to) = (name(from), name(to));
                Some(format!(
                    "{who}, of `{domain}`, could change the mode from `{from}` to `{to}`, which the policy does not allow"
                ))
            }
            _ => None,
        }
    }
}
