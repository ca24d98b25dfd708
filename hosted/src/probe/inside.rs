//! What attacks share. It runs in the actor, which has one thread and nothing to lose.
//!
//! A call that would harm the machine if it did what it is for is made with arguments with which it can do nothing: then
//! the kernel's check of who may make it is what answers, and an errno that only comes after that check ([`allowed`]) is
//! as good as a success.

use std::io;
use std::path::{Path, PathBuf};

use super::{Attack, Claims};

/// The result of a call that returns -1 with errno.
pub(super) fn check(returned: impl Into<i64>) -> io::Result<i64> {
    match returned.into() {
        ..0 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// An errno that this call gives only to whoever may make it.
pub(super) fn allowed<T>(result: io::Result<T>, after_the_check: &[i32]) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|errno| after_the_check.contains(&errno)) => Ok(()),
        result => result.map(drop),
    }
}

/// Tries it where it may kill, or where it changes what the actor is: in a child, whose end says what came of it.
pub(super) fn in_a_child(attempt: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the actor has one thread; the child makes one attempt and ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let errno = attempt().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        // SAFETY: ends the child.
        unsafe { libc::_exit(errno) }
    }
    let mut status = 0;
    // SAFETY: our own child, and a live local.
    let reaped = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    match status {
        _ if pid < 0 || reaped < 0 => Err(io::Error::last_os_error()),
        0 => Ok(()),
        _ if libc::WIFEXITED(status) => Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status))),
        // A fault: the entry is closed. A filter that kills ends by SIGSYS.
        _ if libc::WTERMSIG(status) == libc::SIGSYS => Err(io::Error::from_raw_os_error(libc::EPERM)),
        _ => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
    }
}

/// Puts the caller into namespaces of its own; as the root of a new user namespace, where it takes that.
pub(super) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes integers.
    let alone = check(unsafe { libc::unshare(flags) });
    // SAFETY: as above.
    alone.or_else(|_| check(unsafe { libc::unshare(libc::CLONE_NEWUSER | flags) })).map(drop)
}

/// A name in the granted directory.
pub(super) fn own(attack: &Attack, claims: &Claims, stem: &str) -> PathBuf {
    Path::new(attack.target("inside")).join(format!("{stem}{}", claims.round()))
}

/// The canary of this round.
pub(super) fn canary(attack: &Attack, claims: &Claims) -> String {
    format!("{}/canary{}", attack.target("outside"), claims.round())
}

/// A user who has nothing, and is not this one.
pub(super) fn somebody_else(user: u32) -> u32 {
    if user == 65534 { 65533 } else { 65534 }
}

/// The victim of this round. A number that is surely nobody's, if there is none: 0 and -1 would be the attacker itself
/// and the whole world.
pub(super) fn victim(attack: &Attack, claims: &Claims) -> libc::pid_t {
    match attack.number(&format!("victim{}", claims.round())) {
        pid @ 2.. => pid,
        _ => libc::pid_t::MAX,
    }
}
