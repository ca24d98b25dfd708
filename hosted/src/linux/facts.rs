//! The facts of this Linux: read where reading is enough, tried in a child where it is not.
//!
//! Source: `proc_pid_status(5)`, `proc_pid_cgroup(5)`, `user_namespaces(7)`, `landlock_create_ruleset(2)`,
//! `seccomp(2)`. A child that tries is a copy of this process, makes raw calls only and ends at once.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::fs::OFlags;

use super::cgroup::{Group, Tree, Version, own_trees};
use super::namespaces::Identity;
use super::sys::{self, CloneCall, Errno, NewProcess, Side};
use super::{cgroup_v2, seccomp};
use crate::facts::{CgroupV1, CgroupV2, Facts, FactsError, Namespaces, Support};

/// Asks and tries this host.
pub(crate) fn detect() -> Result<Facts, FactsError> {
    let unreadable = |what: &str| {
        let what = what.to_owned();
        move |source| FactsError::Unreadable { what, source }
    };
    let status = fs::read_to_string("/proc/self/status").map_err(unreadable("/proc/self/status"))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let capabilities = field("CapEff:").and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let lsms = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();

    let clone3 = tried(try_in_child(CloneCall::Clone3, 0, None, || Ok(())));
    let call = if clone3.works() { CloneCall::Clone3 } else { CloneCall::Clone };
    let trees = own_trees().map_err(unreadable("/proc/self/cgroup"))?;
    Ok(Facts {
        os: std::env::consts::OS.into(),
        release,
        arch: std::env::consts::ARCH.into(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        capabilities,
        no_new_privs_inherited: field("NoNewPrivs:") == Some("1"),
        namespaces: namespaces(call),
        cgroup_v2: trees.iter().find(|tree| tree.version == Version::V2).map(|tree| v2(tree, call)),
        cgroup_v1: trees.iter().filter(|tree| tree.version == Version::V1).map(|tree| v1(tree, call)).collect(),
        landlock_abi: landlock_abi(),
        seccomp: tried(try_in_child(call, 0, None, seccomp::try_filter)),
        lsms: lsms.trim().split(',').filter(|name| !name.is_empty()).map(Into::into).collect(),
        close_range: tried(try_in_child(call, 0, None, || {
            sys::close_range(900_000, 900_001, sys::CLOSE_RANGE_CLOEXEC)
        })),
        clone3,
        pidfd: Support::from_result(rustix::process::pidfd_open(
            rustix::process::getpid(),
            rustix::process::PidfdFlags::empty(),
        )),
    })
}

fn tried(result: Result<(), Errno>) -> Support {
    Support::from_result(result.map_err(io::Error::from_raw_os_error))
}

/// Makes a child with these flags, in that cgroup; it does the work and its error number is the result.
fn try_in_child(
    call: CloneCall,
    flags: i32,
    cgroup: Option<i32>,
    work: impl Fn() -> Result<(), Errno>,
) -> Result<(), Errno> {
    let before = sys::block_signals();
    let new = NewProcess { call, flags, exit_signal: 0, cgroup };
    // SAFETY: every `work` of this file makes raw system calls on what was prepared, and the child ends right after it.
    let side = unsafe { sys::clone_process(&new) };
    if let Ok(Side::Child) = side {
        sys::exit(work().err().map_or(0, |errno| errno.clamp(1, 255)));
    }
    sys::restore_signals(&before);
    let Side::Parent { pid, pidfd } = side? else { sys::exit(0) };
    // SAFETY: the kernel has just made this descriptor for us.
    let _pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let mut status = 0;
    // SAFETY: the status is ours to write. The child is unreaped and without exit signal, so the number is its own.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } < 0 {
        if sys::errno() != libc::EINTR {
            return Err(sys::errno());
        }
    }
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Ok(()),
        (true, errno) => Err(errno),
        (false, _) => Err(libc::EINTR),
    }
}

fn namespaces(call: CloneCall) -> Namespaces {
    let identity = Identity::current();
    let user = try_in_child(call, libc::CLONE_NEWUSER, None, || identity.map());
    let base = if user.is_ok() { libc::CLONE_NEWUSER } else { 0 };
    let with = |flag: i32, work: fn() -> Result<(), Errno>| {
        tried(try_in_child(call, base | flag, None, || {
            if base != 0 {
                identity.map()?;
            }
            work()
        }))
    };
    Namespaces {
        pid: with(libc::CLONE_NEWPID, || Ok(())),
        network: with(libc::CLONE_NEWNET, || Ok(())),
        ipc: with(libc::CLONE_NEWIPC, || Ok(())),
        mount: with(libc::CLONE_NEWNS, super::private_root::try_mount),
        user: tried(user),
    }
}

fn v2(tree: &Tree, call: CloneCall) -> CgroupV2 {
    let (enabled, can_enable) = cgroup_v2::controllers(&tree.own).unwrap_or_default();
    let (create, kill) = match Group::create(&tree.own) {
        Err(error) => (Support::Fails(error.to_string()), Support::Fails("no cgroup of ours to try".into())),
        Ok(group) => {
            let kill = Support::from_result(group.open("cgroup.kill", OFlags::WRONLY));
            (tried(join(&group, Version::V2, call)), kill)
        }
    };
    CgroupV2 { own: tree.own.clone(), create, kill, enabled, can_enable }
}

fn v1(tree: &Tree, call: CloneCall) -> CgroupV1 {
    let create = match Group::create(&tree.own) {
        Err(error) => Support::Fails(error.to_string()),
        Ok(group) => tried(join(&group, Version::V1, call)),
    };
    CgroupV1 { controllers: tree.controllers.clone(), own: tree.own.clone(), create }
}

/// Can a child of ours become a member?
fn join(group: &Group, version: Version, call: CloneCall) -> Result<(), Errno> {
    if version == Version::V2 && call == CloneCall::Clone3 {
        return try_in_child(call, 0, Some(group.fd()), || Ok(()));
    }
    let members =
        group.open("cgroup.procs", OFlags::WRONLY).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
    try_in_child(call, 0, None, || sys::write(members.as_raw_fd(), b"0"))
}

/// The version of Landlock's interface, or 0.
fn landlock_abi() -> u32 {
    /// `LANDLOCK_CREATE_RULESET_VERSION`.
    const VERSION: u32 = 1;
    // SAFETY: with this flag the pointer is null and the size 0; nothing is read or made.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_shows_itself_and_nothing_stays() {
        let facts = detect().unwrap();
        assert_eq!(facts.os, "linux");
        assert!(facts.pidfd.works(), "{facts:?}");
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        for tree in own_trees().unwrap() {
            let prefix = format!("lacuna-{}", std::process::id());
            let left = fs::read_dir(&tree.own).into_iter().flatten().flatten();
            assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)));
        }
    }

    #[test]
    fn a_child_tells_its_error() {
        assert_eq!(try_in_child(CloneCall::Clone, 0, None, || Err(libc::EXDEV)), Err(libc::EXDEV));
        assert_eq!(try_in_child(CloneCall::Clone, 0, None, || Ok(())), Ok(()));
    }
}
