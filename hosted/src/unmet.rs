//! What a policy asks, or a complete supervision needs, and the steps of a plan do not give: with the reason that the
//! host gave and what would help.
//!
//! It is said apart from what the steps claim ([`strengthen`](crate::primitive::strengthen)); a property test holds the
//! two together: on an axis that is not strengthened, the guarantee is unmet.

use std::collections::BTreeSet;

use lacuna_model::guarantee::GuaranteeId::{self, G2, G3, G4, G6, G7};
use serde::Serialize;

use crate::facts::Facts;
use crate::plan::works;
use crate::policy::{Network, Policy, Temporary};
use crate::primitive::PrimitiveId;

/// Whose the lack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// No step gives it.
    Mechanism,
    /// The policy sets no limit, so there is nothing to hold.
    Limit,
}

/// A part of a guarantee that the steps do not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// Which guarantee.
    pub guarantee: GuaranteeId,
    /// Which part of it.
    pub part: &'static str,
    /// Why not here.
    pub why: String,
    /// What would give it: a privilege, a setting, a set-up.
    pub remedy: String,
    /// Whose the lack is.
    pub lack: Lack,
}

/// Guarantees were required that this plan does not give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Unmet::to_string).collect::<Vec<_>>().join("; "))]
pub struct RequireError(pub Vec<Unmet>);

impl RequireError {
    /// Is it only that the policy sets no limit? Then no host could do better.
    pub fn is_of_the_policy(&self) -> bool {
        self.0.iter().all(|unmet| unmet.lack == Lack::Limit)
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guarantee, part, why, remedy, lack: _ } = self;
        write!(f, "{guarantee} {part}: {why}; {remedy}")
    }
}

/// What these steps leave open.
pub(crate) fn unmet(policy: &Policy, facts: &Facts, chosen: &BTreeSet<PrimitiveId>) -> Vec<Unmet> {
    use PrimitiveId::*;
    let has = |id: PrimitiveId| chosen.contains(&id);
    let mut unmet = Vec::new();
    let mut open = |guarantee, part, serving: &[PrimitiveId], remedy: &str| {
        let (why, remedy) = reason(serving, remedy, facts);
        unmet.push(Unmet { guarantee, part, why, remedy, lack: Lack::Mechanism });
    };
    let confined = has(LandlockFiles) && has(NoNewPrivileges);

    if !has(ExactDescriptors) {
        open(G2, "descriptors", &[ExactDescriptors], "Linux 5.11");
    }
    if !(has(PidNamespace) || confined && (has(CgroupV2) || has(CgroupV1Freezer))) {
        open(G3, "descendants", &[PidNamespace, CgroupV2], DELEGATE);
        open(G4, "descendants", &[PidNamespace, CgroupV2], DELEGATE);
    }
    if !has(Guardian) {
        open(G4, "death of the supervisor", &[Guardian], "keep the step");
    }
    if policy.processes_limit().is_some() {
        let grouped = confined && (has(CgroupV2Pids) || has(CgroupV1Pids));
        if !(grouped || has(RlimitProcesses) && has(UserNamespace)) {
            open(G6, "processes", &[CgroupV2Pids, CgroupV1Pids, RlimitProcesses], DELEGATE);
        }
    }
    if policy.memory_limit_bytes().is_some() && !(confined && (has(CgroupV2Memory) || has(CgroupV1Memory))) {
        open(G6, "memory", &[CgroupV2Memory, CgroupV1Memory], DELEGATE);
    }
    if policy.file_limit_bytes().is_some() && !has(RlimitFileSize) {
        open(G6, "file size", &[RlimitFileSize], "keep the step");
    }
    if policy.descriptors_limit().is_some() && !has(RlimitDescriptors) {
        open(G6, "open descriptors", &[RlimitDescriptors], "keep the step");
    }
    if !confined {
        open(G7, "contents of files", &[LandlockFiles], "boot with lsm=landlock (Linux 5.13)");
    } else if !(has(LandlockTruncate) || has(PrivateRoot) && policy.changes_only_what_it_writes()) {
        open(G7, "shortening of files", &[LandlockTruncate], "Landlock 3 (Linux 6.2)");
    }
    if !has(PrivateRoot) {
        open(G7, "metadata of files, pathname sockets", &[PrivateRoot], NAMESPACES);
        if policy.temporary() == Temporary::Own {
            open(G7, "a /tmp of its own", &[PrivateRoot], NAMESPACES);
        }
    }
    match policy.network_granted() {
        Network::Host => {}
        Network::None | Network::Loopback if has(NetworkNamespace) => {}
        Network::None if has(SeccompNoInternet) => {}
        Network::None | Network::Loopback => open(G7, "network", &[NetworkNamespace], NAMESPACES),
        Network::Tcp { .. } if has(LandlockNetwork) && has(SeccompSockets) => {}
        Network::Tcp { .. } => open(G7, "network", &[LandlockNetwork, SeccompSockets], "Landlock 4 (Linux 6.7)"),
    }
    if !has(IpcNamespace) {
        open(G7, "System V IPC and message queues", &[IpcNamespace], NAMESPACES);
    }
    if !(has(PidNamespace) || has(LandlockScopes)) {
        open(G7, "signals to other processes", &[PidNamespace, LandlockScopes], NAMESPACES);
    }
    if !(has(NetworkNamespace) || has(LandlockScopes)) {
        open(G7, "abstract sockets", &[NetworkNamespace, LandlockScopes], "Landlock 6 (Linux 6.12)");
    }
    if !(has(DropCapabilities) && has(NoNewPrivileges)) {
        open(G7, "privilege", &[DropCapabilities, NoNewPrivileges], "keep the steps");
    }
    if !has(SeccompSurface) {
        open(G7, "surface of the kernel", &[SeccompSurface], "a kernel with CONFIG_SECCOMP_FILTER");
    }
    unmet
}

/// The parts of G6 for which the policy sets no limit. They are no failing of a plan, and yet nobody who requires the
/// guarantee has it.
pub(crate) fn unlimited(policy: &Policy) -> Vec<Unmet> {
    let parts = [
        ("processes", policy.processes_limit().is_none(), "limit the processes"),
        ("memory", policy.memory_limit_bytes().is_none(), "limit the memory"),
    ];
    let open = parts.into_iter().filter(|(_, open, _)| *open);
    open.map(|(part, _, remedy)| Unmet {
        guarantee: G6,
        part,
        why: "no limit was asked for, so none is held".into(),
        remedy: remedy.into(),
        lack: Lack::Limit,
    })
    .collect()
}

const DELEGATE: &str = "try: systemd-run --user --scope -p Delegate=yes, or a writable cgroup";
const NAMESPACES: &str = "allow user namespaces, or run with CAP_SYS_ADMIN";

/// Why none of these primitives serves here, and what would help.
fn reason(serving: &[PrimitiveId], remedy: &str, facts: &Facts) -> (String, String) {
    if let Some(id) = serving.iter().find(|id| works(**id, facts) && **id != PrimitiveId::RlimitProcesses) {
        return (format!("this plan leaves out {id}, which works here"), "keep that step, or plan tight".into());
    }
    let why = match serving.first() {
        None => "the kernel is too old".into(),
        Some(id) => why_not(*id, facts),
    };
    (why, remedy.into())
}

/// What the host said about a primitive that does not work.
fn why_not(id: PrimitiveId, facts: &Facts) -> String {
    use PrimitiveId::*;
    let said = |support: &crate::facts::Support| support.why_not().unwrap_or("it works").to_owned();
    match id {
        UserNamespace | PidNamespace | NetworkNamespace | IpcNamespace | PrivateRoot => {
            let spaces = &facts.namespaces;
            let own = match id {
                PidNamespace => &spaces.pid,
                NetworkNamespace => &spaces.network,
                IpcNamespace => &spaces.ipc,
                PrivateRoot => &spaces.mount,
                _ => &spaces.user,
            };
            format!("no {id}: {}", said(own))
        }
        CgroupV2 | CgroupV2Pids | CgroupV2Memory | CgroupV1Pids | CgroupV1Memory | CgroupV1Freezer => {
            let controller = match id {
                CgroupV2Pids | CgroupV1Pids => "the pids controller",
                CgroupV2Memory | CgroupV1Memory => "the memory controller",
                _ => "cgroup.kill",
            };
            let place = match &facts.cgroup_v2 {
                None if facts.cgroup_v1.is_empty() => "no cgroup is mounted".into(),
                Some(v2) if !v2.create.works() => format!("{}: {}", v2.own.display(), said(&v2.create)),
                _ => "none is delegated to us".into(),
            };
            format!("no writable cgroup with {controller} ({place})")
        }
        LandlockFiles | LandlockTruncate | LandlockNetwork | LandlockScopes => {
            format!("Landlock's interface here is version {}", facts.landlock_abi)
        }
        SeccompSurface | SeccompNoInternet | SeccompSockets => format!("no seccomp filter: {}", said(&facts.seccomp)),
        ExactDescriptors => format!("no close_range: {}", said(&facts.close_range)),
        _ => format!("{id} does not serve here"),
    }
}
