//! Primitives `rlimit-*`: limits of each process, and of processes where they are counted for the job alone.
//!
//! Call: `prlimit`. Source: `getrlimit(2)`, `user_namespaces(7)`, the kernel's `ucounts`.
//!
//! - `RLIMIT_NPROC` counts processes and threads of a user *in each user namespace* since Linux 5.14; in a fresh one it
//!   counts the job and the keeper, so one is added here.
//! - `RLIMIT_AS` bounds the address space of each process, not memory and not the job.
//!
//! Holes: root (user 0 of the first namespace) and `CAP_SYS_RESOURCE` are exempt from `RLIMIT_NPROC`; a program that
//! reserves address space freely (some language runtimes) does not start under `RLIMIT_AS`.

use super::sys::{self, Errno};
use crate::plan::Plan;
use crate::primitive::PrimitiveId;

/// One limit, soft and hard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rlimit {
    pub(crate) primitive: PrimitiveId,
    resource: u32,
    value: u64,
}

// The C library's type of a resource differs between libraries.
#[allow(clippy::unnecessary_cast)]
/// The limits of a plan. A limit that we are under already is not raised.
pub(crate) fn prepare(plan: &Plan) -> Vec<Rlimit> {
    use PrimitiveId::*;
    let policy = plan.policy();
    let keeper = u64::from(plan.uses(UserNamespace));
    let wanted = [
        (RlimitProcesses, libc::RLIMIT_NPROC, policy.processes_limit().map(|n| u64::from(n) + keeper)),
        (RlimitMemory, libc::RLIMIT_AS, policy.memory_limit_bytes()),
        (RlimitFileSize, libc::RLIMIT_FSIZE, policy.file_limit_bytes()),
        (RlimitDescriptors, libc::RLIMIT_NOFILE, policy.descriptors_limit()),
        (RlimitCore, libc::RLIMIT_CORE, Some(0)),
    ];
    wanted
        .into_iter()
        .filter(|(primitive, ..)| plan.has(*primitive))
        .filter_map(|(primitive, resource, value)| {
            Some(Rlimit { primitive, resource: resource as u32, value: value?.min(hard(resource as u32)) })
        })
        .collect()
}

/// Our own hard limit.
fn hard(resource: u32) -> u64 {
    let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: libc::RLIM64_INFINITY };
    // SAFETY: the limit is ours to write, and nothing is set.
    unsafe { libc::prlimit64(0, resource as _, std::ptr::null(), &raw mut limit) };
    limit.rlim_max
}

/// After `clone`: sets it.
pub(crate) fn apply(limit: &Rlimit) -> Result<(), Errno> {
    let new = libc::rlimit64 { rlim_cur: limit.value, rlim_max: limit.value };
    // SAFETY: the limit is read only, and no old one is asked for.
    sys::check(unsafe { libc::prlimit64(0, limit.resource as _, &raw const new, std::ptr::null_mut()) }.into())
        .map(drop)
}
