//! From a policy and the facts of a host to the ordered steps of a launch: pure, for any host on any host.
//!
//! A step is one primitive. What the policy asks and no step gives is in [`Plan::unmet`], with the reason and the
//! remedy. Nothing degrades after this: a launch applies every step or fails with the name of the one it could not.

use std::collections::BTreeSet;

use lacuna_model::guarantee::GuaranteeId::{self, G2, G3, G4, G6, G7};
use lacuna_model::profile::Profile;
use serde::Serialize;

use crate::facts::Facts;
use crate::policy::{Network, Policy};
use crate::primitive::{PrimitiveId, strengthen};
use crate::unmet::{Lack, RequireError, Unmet, unlimited, unmet};

/// How much of what a host offers is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetUp {
    /// Nothing: the control of every probe. The judge still keeps account, see [`Plan::judge`].
    Bare,
    /// What needs no privilege.
    Minimal,
    /// All that the privilege at hand allows, cgroups first of all.
    Tight,
}

/// One primitive to apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub primitive: PrimitiveId,
    /// What it does.
    pub about: &'static str,
    /// What must hold for it to do that.
    pub assumptions: &'static [&'static str],
    /// The guarantees it serves.
    pub guarantees: &'static [GuaranteeId],
}

impl Step {
    fn of(primitive: PrimitiveId) -> Self {
        Self {
            primitive,
            about: primitive.about(),
            assumptions: primitive.assumptions(),
            guarantees: primitive.serves(),
        }
    }
}

/// What will be applied, and what will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    set_up: SetUp,
    policy: Policy,
    facts: Facts,
    steps: Vec<Step>,
    judge: Vec<PrimitiveId>,
    unmet: Vec<Unmet>,
}

/// There is no such plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// This library cannot plan for that operating system.
    #[error("no plan is known for {0}")]
    Unsupported(String),
    /// Too old or too closed to launch anything in a way that can be ended for sure.
    #[error("{what} does not work here ({why}), and no launch can do without it")]
    Indispensable {
        /// What.
        what: &'static str,
        /// What the host said.
        why: String,
    },
    /// A subset of steps that cannot stand alone.
    #[error("{primitive} needs {needs} on this host")]
    Needs {
        /// The step that was kept.
        primitive: PrimitiveId,
        /// The step that was left out.
        needs: PrimitiveId,
    },
    /// A granted path is not absolute.
    #[error("the path {0} of the policy is not absolute")]
    RelativePath(std::path::PathBuf),
}

/// The guarantees that a launch on a host can serve.
const SERVED: [GuaranteeId; 5] = [G2, G3, G4, G6, G7];

/// `CAP_SYS_ADMIN`, by its number.
const SYS_ADMIN: u32 = 21;

impl SetUp {
    /// Plans a launch.
    ///
    /// # Errors
    /// A host that this library does not know or that lacks what no launch can do without; a policy that is not one.
    pub fn plan(self, policy: &Policy, facts: &Facts) -> Result<Plan, PlanError> {
        if facts.os != "linux" {
            return Err(PlanError::Unsupported(facts.os.clone()));
        }
        if let Some(why) = facts.pidfd.why_not() {
            return Err(PlanError::Indispensable { what: "pidfd_open", why: why.into() });
        }
        if let Some(rule) = policy.paths().iter().find(|rule| !rule.path.is_absolute()) {
            return Err(PlanError::RelativePath(rule.path.clone()));
        }
        let chosen: BTreeSet<_> =
            PrimitiveId::ALL.iter().copied().filter(|id| self.wants(*id, policy, facts)).collect();
        Ok(Plan::of(self, policy, facts, &chosen))
    }

    /// Does this set-up use the primitive for this policy on this host?
    fn wants(self, id: PrimitiveId, policy: &Policy, facts: &Facts) -> bool {
        use PrimitiveId::*;
        let tight = self == Self::Tight;
        let confines_tcp = matches!(policy.network_granted(), Network::Tcp { .. });
        let own_network = matches!(policy.network_granted(), Network::None | Network::Loopback);
        let pids = policy.processes_limit().is_some();
        let memory = policy.memory_limit_bytes().is_some();
        if self == Self::Bare || !works(id, facts) {
            return false;
        }
        match id {
            Guardian | UserNamespace | PidNamespace | IpcNamespace | NewSession | ExactDescriptors | RlimitCore
            | DropCapabilities | NoNewPrivileges | LandlockFiles | LandlockTruncate | LandlockScopes
            | SeccompSurface => true,
            NetworkNamespace => own_network,
            PrivateRoot => true,
            CgroupV2 => tight,
            CgroupV2Pids => tight && pids,
            CgroupV2Memory => tight && memory,
            CgroupV1Pids => tight && pids && facts.v2_with("pids").is_none(),
            CgroupV1Memory => tight && memory && facts.v2_with("memory").is_none(),
            CgroupV1Freezer => tight && facts.v2_usable().is_none(),
            RlimitProcesses => pids && facts.uid != 0,
            RlimitMemory => {
                memory && !(tight && (facts.v2_with("memory").is_some() || facts.v1_with("memory").is_some()))
            }
            RlimitFileSize => policy.file_limit_bytes().is_some(),
            RlimitDescriptors => policy.descriptors_limit().is_some(),
            LandlockNetwork => confines_tcp,
            SeccompNoInternet => matches!(policy.network_granted(), Network::None),
            SeccompSockets => matches!(policy.network_granted(), Network::Loopback | Network::Tcp { .. }),
        }
    }
}

/// Does the primitive work on this host, by the facts alone?
pub(crate) fn works(id: PrimitiveId, facts: &Facts) -> bool {
    use PrimitiveId::*;
    match id {
        Guardian | NewSession | RlimitProcesses | RlimitMemory | RlimitFileSize | RlimitDescriptors | RlimitCore
        | DropCapabilities | NoNewPrivileges => true,
        UserNamespace => facts.namespaces.user.works(),
        PidNamespace => facts.namespaces.pid.works(),
        NetworkNamespace => facts.namespaces.network.works(),
        IpcNamespace => facts.namespaces.ipc.works(),
        PrivateRoot => facts.namespaces.mount.works(),
        CgroupV2 => facts.v2_usable().is_some(),
        CgroupV2Pids => facts.v2_with("pids").is_some(),
        CgroupV2Memory => facts.v2_with("memory").is_some(),
        CgroupV1Pids => facts.v1_with("pids").is_some(),
        CgroupV1Memory => facts.v1_with("memory").is_some(),
        CgroupV1Freezer => facts.v1_with("freezer").is_some(),
        ExactDescriptors => facts.close_range.works(),
        LandlockFiles => facts.landlock_abi >= 1,
        LandlockTruncate => facts.landlock_abi >= 3,
        LandlockNetwork => facts.landlock_abi >= 4,
        LandlockScopes => facts.landlock_abi >= 6,
        SeccompSurface | SeccompNoInternet | SeccompSockets => facts.seccomp.works(),
    }
}

/// What a primitive cannot do without on this host.
fn needs(id: PrimitiveId, facts: &Facts) -> &'static [PrimitiveId] {
    use PrimitiveId::*;
    let privileged = facts.capable(SYS_ADMIN);
    match id {
        PidNamespace | NetworkNamespace | IpcNamespace | PrivateRoot if !privileged => &[UserNamespace],
        LandlockFiles | LandlockNetwork | LandlockScopes | SeccompSurface | SeccompNoInternet | SeccompSockets => {
            &[NoNewPrivileges]
        }
        LandlockTruncate => &[NoNewPrivileges, LandlockFiles],
        CgroupV2Pids | CgroupV2Memory => &[CgroupV2],
        _ => &[],
    }
}

impl Plan {
    fn of(set_up: SetUp, policy: &Policy, facts: &Facts, chosen: &BTreeSet<PrimitiveId>) -> Self {
        let judge = judge(chosen, facts);
        let unmet = unmet(policy, facts, chosen);
        let steps = chosen.iter().copied().map(Step::of).collect();
        Self { set_up, policy: policy.clone(), facts: facts.clone(), steps, judge, unmet }
    }

    /// The set-up it was made for.
    pub fn set_up(&self) -> SetUp {
        self.set_up
    }

    /// The policy it answers.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The host it is for.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What will be applied, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Mechanisms used for the account of who is alive and for the last kill, without any limit, by the judge and not
    /// for the job: they strengthen nothing that [`Plan::effective`] says. So a control cannot outlive its run.
    pub fn judge(&self) -> &[PrimitiveId] {
        &self.judge
    }

    /// What the policy asks, or a complete supervision needs, and no step gives.
    pub fn unmet(&self) -> &[Unmet] {
        &self.unmet
    }

    /// The parts of guarantees for which the policy sets no limit: nothing is asked there, and nothing held.
    pub fn unlimited(&self) -> Vec<Unmet> {
        unlimited(&self.policy)
    }

    /// Is this primitive among the steps?
    pub fn has(&self, id: PrimitiveId) -> bool {
        self.steps.iter().any(|step| step.primitive == id)
    }

    /// Is it used at all, by a step or by the judge?
    pub(crate) fn uses(&self, id: PrimitiveId) -> bool {
        self.has(id) || self.judge.contains(&id)
    }

    /// The profile of the model that a job under this plan runs on.
    pub fn effective(&self) -> Profile {
        strengthen(&self.steps.iter().map(|step| step.primitive).collect(), &self.policy)
    }

    /// The same plan with only those of its steps that are listed: how a probe removes one mechanism.
    ///
    /// # Errors
    /// A step is kept that needs one that is not.
    pub fn only(&self, keep: &[PrimitiveId]) -> Result<Self, PlanError> {
        let chosen: BTreeSet<_> = self.steps.iter().map(|step| step.primitive).filter(|id| keep.contains(id)).collect();
        for &primitive in &chosen {
            if let Some(&missing) = needs(primitive, &self.facts).iter().find(|id| !chosen.contains(id)) {
                return Err(PlanError::Needs { primitive, needs: missing });
            }
        }
        Ok(Self::of(self.set_up, &self.policy, &self.facts, &chosen))
    }

    /// The same plan without these steps.
    ///
    /// # Errors
    /// A step remains that needs one of them.
    pub fn without(&self, leave_out: &[PrimitiveId]) -> Result<Self, PlanError> {
        let keep: Vec<_> = self.steps.iter().map(|step| step.primitive).filter(|id| !leave_out.contains(id)).collect();
        self.only(&keep)
    }

    /// Has the job a `/tmp` of its own?
    #[cfg(target_os = "linux")]
    pub fn own_tmp(&self) -> bool {
        crate::linux::private_root::own_tmp(self)
    }

    /// Requires guarantees.
    ///
    /// # Errors
    /// Every unmet part of one that is required, each with its reason and remedy; and of G6 each part for which the
    /// policy sets no limit: half of a guarantee is not the guarantee.
    pub fn require(&self, required: impl IntoIterator<Item = GuaranteeId>) -> Result<(), RequireError> {
        let mut missing = Vec::new();
        for id in required {
            missing.extend(self.unmet.iter().filter(|unmet| unmet.guarantee == id).cloned());
            missing.extend(self.unlimited().into_iter().filter(|unmet| unmet.guarantee == id));
            if !SERVED.contains(&id) {
                missing.push(Unmet {
                    guarantee: id,
                    part: "whole",
                    why: "no primitive of a launch serves it".into(),
                    remedy: "check it on the model".into(),
                    lack: Lack::Mechanism,
                });
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(RequireError(missing)) }
    }
}

/// What the judge uses beside the steps, so that it can always tell who lives and end them.
fn judge(chosen: &BTreeSet<PrimitiveId>, facts: &Facts) -> Vec<PrimitiveId> {
    use PrimitiveId::*;
    let held = [CgroupV2, CgroupV1Freezer].into_iter().find(|id| works(*id, facts));
    let mut judge = match held {
        Some(id) => vec![id],
        None if chosen.contains(&PidNamespace) => vec![],
        None if works(PidNamespace, facts) => [needs(PidNamespace, facts), &[PidNamespace]].concat(),
        None => vec![],
    };
    judge.push(Guardian);
    judge.retain(|id| !chosen.contains(id));
    judge.sort();
    judge
}
