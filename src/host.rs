//! From a scenario to what this host is asked: the policy for the process that the scenario confines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lacuna_hosted::{Access, Facts, Network, Plan, Policy, SetUp};
use lacuna_model::profile::Profile;
use lacuna_model::system::{Instruction, ObjectClass, Process, Right, System};

use crate::exit::Failure;

/// What this host offers.
///
/// # Errors
/// If it cannot be told.
pub fn facts() -> Result<Facts, Failure> {
    Facts::detect().map_err(Failure::host)
}

/// The set-up asked for; else tight where there is the privilege for it, minimal otherwise.
pub fn set_up(asked: Option<SetUp>, facts: &Facts) -> SetUp {
    let privileged =
        facts.v2_usable().is_some() || facts.v1_with("pids").is_some() || facts.v1_with("freezer").is_some();
    asked.unwrap_or(if privileged { SetUp::Tight } else { SetUp::Minimal })
}

/// The process that a scenario confines: the first that is created in a job group.
pub fn confined(system: &System) -> Option<&Process> {
    system.processes.iter().find(|process| process.group.is_some())
}

/// The policy for that process. Directories and files that its domain may use are bound to paths by `bind`, by name; one
/// without a path is not granted.
pub fn policy(system: &System, bind: &[(String, PathBuf)]) -> Policy {
    let mut policy = Policy::new().system();
    let Some(process) = confined(system) else { return policy };
    let mut network = Network::None;
    for object in &system.objects {
        let rights = object.allow.iter().find(|(domain, _)| *domain == process.domain).map(|(_, rights)| rights);
        let Some(rights) = rights.filter(|rights| !rights.is_empty()) else { continue };
        match object.class {
            ObjectClass::Network => network = Network::Host,
            // The namespace is the job's own, or the host's: there is no policy on what is in it.
            ObjectClass::Ipc => {}
            ObjectClass::File | ObjectClass::Directory | ObjectClass::PrivilegedProgram => {
                if let Some((_, path)) = bind.iter().find(|(name, _)| *name == object.name) {
                    policy = policy.dir(path, access(rights));
                }
            }
        }
    }
    policy = policy.network(network);
    let group = process.group.map(|group| &system.job_groups[group.index()]);
    if let Some(processes) = group.and_then(|group| group.processes) {
        policy = policy.processes(processes);
    }
    if let Some(memory) = group.and_then(|group| group.memory) {
        policy = policy.memory_bytes(memory.0);
    }
    if let Some(deadline) = deadline(system) {
        policy = policy.deadline(deadline);
    }
    policy
}

/// How long somebody waits for a confined process before going on.
fn deadline(system: &System) -> Option<Duration> {
    let mut deadline = None;
    system.for_each_instruction(|_, instruction| {
        if let Instruction::Wait { process, until: Some(until) } = instruction
            && system.processes[process.index()].group.is_some()
        {
            deadline.get_or_insert(Duration::from_nanos(until.0));
        }
    });
    deadline
}

fn access(rights: &[Right]) -> Access {
    let of = |right: &Right| match right {
        Right::Read => Access::READ,
        Right::Write => Access::WRITE,
        Right::Create => Access::CREATE | Access::REMOVE,
        Right::Execute => Access::EXECUTE,
    };
    rights.iter().map(of).reduce(|all, one| all | one).unwrap_or(Access::READ)
}

/// The plan for a policy, with the failure worded for a person.
///
/// # Errors
/// If there is none for this host.
pub fn plan(set_up: SetUp, policy: &Policy, facts: &Facts) -> Result<Plan, Failure> {
    set_up.plan(policy, facts).map_err(Failure::host)
}

/// The profile of the model that a process on this host has where nothing is applied.
///
/// # Errors
/// If there is no plan even for nothing.
pub fn unprotected(policy: &Policy, facts: &Facts) -> Result<Profile, Failure> {
    let bare = plan(SetUp::Bare, policy, facts)?;
    Ok(Profile { name: facts.os.clone(), ..bare.effective() })
}

/// `Linux 6.18 x86_64, uid 1000; …`: this host in a line.
pub fn describe(facts: &Facts) -> String {
    let mut words = vec![format!("{} {} {}, uid {}", facts.os, facts.release, facts.arch, facts.uid)];
    words.push(format!("user namespaces {}", if facts.namespaces.user.works() { "yes" } else { "no" }));
    let v1 = facts.v1_with("pids").or_else(|| facts.v1_with("freezer")).is_some();
    words.push(match (facts.v2_usable(), facts.v2_with("pids"), v1) {
        (Some(_), Some(_), _) => "cgroup v2 with controllers".into(),
        (Some(_), None, true) => "cgroup v2 without controllers, v1 with them".into(),
        (Some(_), None, false) => "cgroup v2 without controllers".into(),
        (None, _, true) => "cgroup v1".into(),
        (None, _, false) => "no writable cgroup".into(),
    });
    words.push(format!("Landlock {}", facts.landlock_abi));
    words.join("; ")
}

/// An absolute form of a path that exists.
///
/// # Errors
/// If it does not.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| Failure::input(format!("cannot use `{}`: {error}", path.display())))
}
