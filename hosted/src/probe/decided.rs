//! Which primitive stopped an attack: as far as the kernel's answer to it tells.
//!
//! A probe lists which primitive answers its calls with which errno ([`Deciders::says`]), rivals included: what is not
//! expected to decide and would answer the same. An answer speaks of a primitive only when, of all that the plan
//! applied, that one alone gives it. Where several do, where nothing is answered (a kill, a descriptor that is not
//! there, a process that is in the account), or where one round is answered so and another otherwise, the decider is
//! only expected.
//!
//! That the control got through on the same host is what makes an errno the plan's: it is not the file system's, the
//! peer's, or a facility's that is missing. One thing differs besides the plan's steps: a control with capabilities
//! shows nothing of what happens without them; so the loss of them is a rival where the run has any.
//!
//! Source: landlock(7) (EACCES; EXDEV of a link or rename), seccomp(2) and our own filters (the errno of each rule),
//! kill(2), connect(2), shmat(2), path_resolution(7); each line is tried on the host by tests/probe.rs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::tally::Tally;
use crate::{Plan, PrimitiveId};

/// The primitives that may decide a probe.
#[derive(Debug, Clone, Copy)]
pub struct Deciders {
    /// Those expected to, the likeliest first.
    pub expected: &'static [PrimitiveId],
    /// What the attacker's calls answer by whom; an errno that is not listed says nothing.
    pub says: &'static [(PrimitiveId, i32)],
}

impl Deciders {
    /// Of an attack to which the kernel answers nothing that tells.
    pub(super) const fn silent(expected: &'static [PrimitiveId]) -> Self {
        Self { expected, says: &[] }
    }
}

/// What decided, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "basis", content = "primitive", rename_all = "kebab-case")]
pub enum Decided {
    /// Every attempt was refused in a way that of all applied primitives this one alone has.
    Observed(PrimitiveId),
    /// It was applied and should decide; what the kernel said does not tell.
    Expected(PrimitiveId),
}

impl Decided {
    /// Which.
    pub fn primitive(self) -> PrimitiveId {
        match self {
            Self::Observed(id) | Self::Expected(id) => id,
        }
    }
}

/// What decided a trial under a plan; `None` if nothing of the plan could have.
pub(super) fn decided(deciders: Deciders, plan: &Plan, tally: &Tally) -> Option<Decided> {
    let expected = || deciders.expected.iter().copied().find(|id| plan.has(*id)).map(Decided::Expected);
    observed(deciders, plan, tally).map(Decided::Observed).or_else(expected)
}

/// The one primitive that all refusals speak of, if they explain every attempt that failed.
fn observed(deciders: Deciders, plan: &Plan, tally: &Tally) -> Option<PrimitiveId> {
    let mut named = BTreeSet::new();
    let mut explained = 0;
    for (errno, times) in tally.errnos() {
        let by = deciders.says.iter().filter(|(id, says)| Some(*says) == errno && may_say(*id, *says, plan));
        let by: BTreeSet<PrimitiveId> = by.map(|(id, _)| *id).collect();
        // One that nobody or more than one may have said leaves the whole open.
        named.insert(by.first().copied().filter(|_| by.len() == 1)?);
        explained += times;
    }
    let stopped = tally.n.saturating_sub(tally.through);
    named.first().copied().filter(|_| named.len() == 1 && stopped > 0 && explained >= stopped)
}

/// Can it be this primitive that answers so, under this plan?
fn may_say(id: PrimitiveId, errno: i32, plan: &Plan) -> bool {
    use PrimitiveId::{DropCapabilities, PidNamespace, UserNamespace};
    plan.has(id)
        && match id {
            // Whoever has none loses none.
            DropCapabilities | UserNamespace => plan.facts().capabilities != 0,
            // A process outside has no name in a /proc of the job's own; in the host's it has.
            PidNamespace if errno == libc::ENOENT => crate::linux::private_root::own_proc(plan),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrimitiveId::*;
    use crate::{Facts, Network, Policy, SetUp, Support};

    const FILES: Deciders = Deciders {
        expected: &[LandlockFiles, PrivateRoot],
        says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
    };
    const CALLS: Deciders = Deciders {
        expected: &[SeccompSurface],
        says: &[(SeccompSurface, libc::EPERM), (DropCapabilities, libc::EPERM)],
    };

    fn plan(facts: &Facts) -> Plan {
        SetUp::Minimal.plan(&Policy::new().network(Network::None), facts).unwrap()
    }

    fn facts() -> Facts {
        let mut facts = Facts { landlock_abi: 7, ..Facts::bare_linux() };
        let spaces = &mut facts.namespaces;
        for space in [&mut spaces.user, &mut spaces.pid, &mut spaces.mount, &mut facts.seccomp, &mut facts.pidfd] {
            *space = Support::Works;
        }
        facts
    }

    fn refused(errnos: &[(i32, u64)], through: u64) -> Tally {
        let mut tally =
            Tally { through, n: through + errnos.iter().map(|(_, times)| times).sum::<u64>(), ..Tally::default() };
        for (errno, times) in errnos {
            (0..*times).for_each(|_| tally.refused("call", Some(*errno)));
        }
        tally
    }

    #[test]
    fn the_errno_tells_who_it_was_and_not_the_order_of_the_list() {
        let plan = plan(&facts());
        let by = |errno| decided(FILES, &plan, &refused(&[(errno, 3)], 0));
        assert_eq!(by(libc::EACCES), Some(Decided::Observed(LandlockFiles)));
        assert_eq!(by(libc::ENOENT), Some(Decided::Observed(PrivateRoot)));
        assert_eq!(by(libc::EIO), Some(Decided::Expected(LandlockFiles)));
    }

    #[test]
    fn who_was_not_applied_said_nothing() {
        let plan = plan(&facts()).without(&[PrivateRoot]).unwrap();
        assert_eq!(decided(FILES, &plan, &refused(&[(libc::ENOENT, 3)], 0)), Some(Decided::Expected(LandlockFiles)));
        let bare = SetUp::Bare.plan(&Policy::new(), &facts()).unwrap();
        assert_eq!(decided(FILES, &bare, &refused(&[(libc::ENOENT, 3)], 0)), None);
    }

    #[test]
    fn what_is_not_wholly_explained_is_expected() {
        let plan = plan(&facts());
        let two = refused(&[(libc::EACCES, 1), (libc::ENOENT, 1)], 0);
        assert_eq!(decided(FILES, &plan, &two), Some(Decided::Expected(LandlockFiles)));
        let silent = Tally { n: 4, ..refused(&[(libc::EACCES, 3)], 0) };
        assert_eq!(decided(FILES, &plan, &silent), Some(Decided::Expected(LandlockFiles)));
        assert_eq!(decided(FILES, &plan, &refused(&[(libc::EACCES, 3)], 2)), Some(Decided::Observed(LandlockFiles)));
        let through = Tally { n: 3, through: 3, ..Tally::default() };
        assert_eq!(decided(FILES, &plan, &through), Some(Decided::Expected(LandlockFiles)));
        let killed = {
            let mut tally = Tally { n: 1, ..Tally::default() };
            tally.refused("killed", None);
            tally
        };
        assert_eq!(decided(FILES, &plan, &killed), Some(Decided::Expected(LandlockFiles)));
    }

    #[test]
    fn who_lost_capabilities_may_have_been_refused_for_that() {
        let tally = refused(&[(libc::EPERM, 3)], 0);
        assert_eq!(decided(CALLS, &plan(&facts()), &tally), Some(Decided::Observed(SeccompSurface)));
        let root = Facts { capabilities: u64::MAX, uid: 0, ..facts() };
        assert_eq!(decided(CALLS, &plan(&root), &tally), Some(Decided::Expected(SeccompSurface)));
        let without = plan(&root).without(&[SeccompSurface]).unwrap();
        assert_eq!(decided(CALLS, &without, &tally), Some(Decided::Observed(DropCapabilities)));
    }

    #[test]
    fn a_process_has_no_name_only_in_a_proc_of_the_jobs_own() {
        let both =
            Deciders { expected: &[PidNamespace], says: &[(PidNamespace, libc::ENOENT), (PrivateRoot, libc::ENOENT)] };
        let tally = refused(&[(libc::ENOENT, 3)], 0);
        assert_eq!(decided(both, &plan(&facts()), &tally), Some(Decided::Observed(PrivateRoot)));
        let policy = Policy::new().dir("/proc", crate::Access::READ);
        let own = SetUp::Minimal.plan(&policy, &facts()).unwrap();
        assert_eq!(decided(both, &own, &tally), Some(Decided::Expected(PidNamespace)));
    }
}
