//! Primitives `landlock-files`, `landlock-truncate`, `landlock-network`, `landlock-scopes`: one ruleset, for the job and all descendants.
//!
//! Calls: `landlock_create_ruleset`, `landlock_add_rule` in the supervisor (the crate `landlock`, every right a hard
//! requirement), `landlock_restrict_self` after `clone`. Source: `landlock(7)`, the kernel's
//! `userspace-api/landlock.rst`.
//!
//! The rights used are those of interface 7 at most (Linux 6.15). Holes: `stat`, `chmod`, `chown`, `utimes`,
//! `setxattr`, `inotify` and pathname sockets are not covered (`private-root` hides what they would name); TCP rules
//! are passed by fast open and MPTCP, and nothing covers UDP (`seccomp-sockets` refuses these). Descriptors that were
//! passed in keep the rights they were opened with.

use std::ffi::CStr;
use std::os::fd::{OwnedFd, RawFd};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
};

use super::sys::{self, Errno};
use crate::plan::Plan;
use crate::policy::{Access, Network};
use crate::primitive::PrimitiveId;

/// What went wrong with a ruleset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LandlockError {
    /// The kernel refused the ruleset.
    #[error("the kernel refused the ruleset: {0}")]
    Ruleset(#[from] landlock::RulesetError),
    /// A granted path cannot be opened.
    #[error("a path of the policy: {0}")]
    Path(#[from] landlock::PathFdError),
    /// The crate gave no descriptor: the kernel has no Landlock after all.
    #[error("the kernel has no Landlock")]
    Absent,
}

fn abi(version: u32) -> ABI {
    match version {
        0 => ABI::Unsupported,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    }
}

/// The kernel's rights for a set of ours, as far as this interface knows them.
fn rights(access: Access, abi: ABI) -> BitFlags<AccessFs> {
    let table = [
        (Access::READ, AccessFs::ReadFile | AccessFs::ReadDir),
        (Access::WRITE, AccessFs::WriteFile | AccessFs::Truncate),
        (
            Access::CREATE,
            AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::MakeSym | AccessFs::MakeFifo | AccessFs::MakeSock,
        ),
        (Access::REMOVE, AccessFs::RemoveFile | AccessFs::RemoveDir),
        // Renaming between directories, which is both.
        (Access::CREATE | Access::REMOVE, AccessFs::Refer.into()),
        (Access::EXECUTE, AccessFs::Execute.into()),
        (Access::DEVICE_CONTROL, AccessFs::IoctlDev.into()),
    ];
    let all = AccessFs::from_all(abi);
    table
        .into_iter()
        .filter(|(ours, _)| access.contains(*ours))
        .fold(BitFlags::empty(), |sum, (_, theirs)| sum | theirs)
        & all
}

/// The ruleset of a plan, if any of the three primitives is a step of it.
pub(crate) fn prepare(plan: &Plan) -> Result<Option<OwnedFd>, LandlockError> {
    use PrimitiveId::*;
    let (files, network, scopes) = (plan.has(LandlockFiles), plan.has(LandlockNetwork), plan.has(LandlockScopes));
    if !(files || network || scopes) {
        return Ok(None);
    }
    let abi = abi(plan.facts().landlock_abi);
    let handled = handled(plan, abi);
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if files {
        ruleset = ruleset.handle_access(handled)?;
    }
    if network {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    if scopes {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut created = ruleset.create()?;
    if files {
        for rule in plan.policy().paths() {
            let mut allowed = rights(rule.access, abi) & handled;
            if !rule.path.is_dir() {
                allowed &= AccessFs::from_file(abi);
            }
            if !allowed.is_empty() {
                created = created.add_rule(PathBeneath::new(PathFd::new(&rule.path)?, allowed))?;
            }
        }
    }
    if let (true, Network::Tcp { connect, bind }) = (network, plan.policy().network_granted()) {
        for port in connect {
            created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        for port in bind {
            created = created.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
        }
    }
    Option::<OwnedFd>::from(created).map(Some).ok_or(LandlockError::Absent)
}

/// The kernel's bits for a plan's ruleset, to allow what does not exist yet.
pub(crate) fn bits(plan: &Plan, access: Access) -> u64 {
    let abi = abi(plan.facts().landlock_abi);
    (rights(access, abi) & handled(plan, abi)).bits()
}

/// What the ruleset of a plan is asked about; what is not, is open.
fn handled(plan: &Plan, abi: ABI) -> BitFlags<AccessFs> {
    let all = AccessFs::from_all(abi);
    if plan.has(PrimitiveId::LandlockTruncate) { all } else { all & !AccessFs::Truncate }
}

/// After `clone`, in the new root: allows what is at this path now.
pub(crate) fn allow(ruleset: RawFd, path: &CStr, rights: u64) -> Result<(), Errno> {
    /// The kernel's `struct landlock_path_beneath_attr`, which is packed.
    #[repr(C, packed)]
    struct PathBeneathAttr {
        rights: u64,
        parent: i32,
    }
    const PATH_BENEATH: u32 = 1;
    let parent = sys::open(path, libc::O_PATH)?;
    let rule = PathBeneathAttr { rights, parent };
    // SAFETY: the rule is the kernel's structure and lives during the call.
    let added = unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, &raw const rule, 0) };
    sys::close(parent);
    sys::check(added).map(drop)
}

/// After `clone` and `no_new_privs`: from here on, for this process and all it makes.
pub(crate) fn restrict(ruleset: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    sys::check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rights_are_all_but_devices() {
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
        assert_eq!(rights(Access::ALL, ABI::V7), AccessFs::from_all(ABI::V7) & !devices);
        assert_eq!(rights(Access::READ, ABI::V7), AccessFs::ReadFile | AccessFs::ReadDir);
    }

    #[test]
    fn an_old_interface_is_asked_for_what_it_knows() {
        for (version, known) in [(1, ABI::V1), (2, ABI::V2), (3, ABI::V3), (4, ABI::V4), (7, ABI::V7), (99, ABI::V7)] {
            assert_eq!(abi(version), known);
            assert!(AccessFs::from_all(known).contains(rights(Access::ALL | Access::DEVICE_CONTROL, known)));
        }
    }
}
