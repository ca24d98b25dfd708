//! Primitives `user-namespace`, `pid-namespace`, `network-namespace`, `ipc-namespace`: all made by the one `clone`
//! that makes the keeper, so there is no moment in which the job exists outside of them.
//!
//! Calls: `clone3(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC)`, then in the child `/proc/self/setgroups`,
//! `uid_map`, `gid_map`; for [`Network::Loopback`](crate::Network) also `SIOCSIFFLAGS` on `lo`.
//! Source: `user_namespaces(7)`, `pid_namespaces(7)`, `network_namespaces(7)`, `ipc_namespaces(7)`.
//!
//! - The identity is mapped to itself alone: the job sees its own number, every other owner is `nobody`.
//! - When init (the keeper) dies the kernel forbids new members, kills all and waits for them: the kill is atomic.
//!
//! Assumptions: nobody outside enters with `setns`. Holes: supplementary groups stay, unmapped, and still grant access;
//! pathname sockets are reached through the file system, not the network; a user namespace opens code of the kernel to
//! the job, which is why `seccomp-surface` refuses it further namespaces.

use std::ffi::CStr;

use super::sys::{self, Errno};

/// The texts that map our own identity to itself.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    user: String,
    group: String,
}

impl Identity {
    pub(crate) fn current() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { user: format!("{uid} {uid} 1"), group: format!("{gid} {gid} 1") }
    }

    /// After `clone`, in the new user namespace: maps us. Without privilege outside, the kernel wants `setgroups`
    /// denied first, and one line that maps the caller.
    pub(crate) fn map(&self) -> Result<(), Errno> {
        sys::write_file(c"/proc/self/setgroups", b"deny")?;
        sys::write_file(c"/proc/self/uid_map", self.user.as_bytes())?;
        sys::write_file(c"/proc/self/gid_map", self.group.as_bytes())
    }
}

/// After `clone`, in the new network namespace: brings its loopback up.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    const NAME: &CStr = c"lo";
    // SAFETY: takes numbers only.
    let socket = sys::check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) }.into())?;
    // SAFETY: ifreq is plain data, and all zero is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(NAME.to_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is a valid ifreq that names an interface, and lives during the call.
    let set = sys::check(unsafe { libc::ioctl(socket as i32, libc::SIOCSIFFLAGS as _, &raw const request) }.into());
    sys::close(socket as i32);
    set.map(drop)
}
