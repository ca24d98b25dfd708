//! G12, irrevocable shutdown: after a security domain was locked down, no action of it succeeds.
//!
//! Formally, for every step of a context whose process is of domain d, in a state in which a lock-down of d has returned: its outcome is a
//! refusal. It speaks of every process of the domain: those of no group, those of which nobody keeps track, and those that are created afterwards. What the domain has handed on before is
//! out of it: no right of the domain is left in a handle that another holds, for each use is decided by the holder's own domain; a message that is queued is the buffer's, and is
//! conserved (G15). MODEL.md, section 4, says what follows, and what of seL4 and Capsicum is not so. What its groups have made is G8's.
//!
//! In time it is bounded as a kill is (G4), with "of domain d" in place of "with group(p) = g", and `lock_down` in place of `kill_group`.
//!
//! Trigger: a lock-down met a living process of its domain.

use super::{GuaranteeId, Safety, Transition};
use crate::objects::{Action, Objects, Outcome};

/// G12.
#[derive(Debug)]
pub struct IrrevocableShutdown;

impl Safety for IrrevocableShutdown {
    #[inline]
    fn id(&self) -> GuaranteeId {
        GuaranteeId::G12
    }

    #[inline]
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let (before, Action::LockDown(domain)) = (transition.before, transition.step.action) else { return false };
        let mut slots = 0..before.processes.len();
        slots.any(|slot| before.processes[slot].lives() && objects.domain_of(before, slot) == domain)
    }

    #[inline]
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool {
        let slot = usize::from(objects.process_of(transition.step.context));
        !matches!(transition.outcome, Outcome::Refused(_))
            && objects.is_locked_down(transition.before, objects.domain_of(transition.before, slot))
    }

    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String> {
        self.violated(objects, transition).then(|| {
            let slot = objects.process_of(transition.step.context);
            let domain = objects.domain_of(transition.before, usize::from(slot));
            let (name, domain) =
                (objects.process_name(transition.before, slot), &objects.system().domains[domain.index()]);
            format!("{name} still acts after the lock-down of `{domain}`")
        })
    }
}
