//! Primitives `drop-capabilities` and `no-new-privileges`: no privilege now, and none to be had by `exec`.
//!
//! Calls: `prctl(PR_CAPBSET_DROP)` for every capability, `prctl(PR_SET_SECUREBITS)` with root's exception switched off
//! and locked, `prctl(PR_CAP_AMBIENT_CLEAR_ALL)`, `capset` to nothing; `prctl(PR_SET_NO_NEW_PRIVS)`.
//! Source: `capabilities(7)`, `PR_SET_NO_NEW_PRIVS(2const)`.
//!
//! Assumptions: none. Holes: user 0 without capabilities still owns root's files; that is Landlock's to confine. A
//! caller without `CAP_SETPCAP` cannot shrink the bounding set; it holds nothing to begin with, and
//! `no-new-privileges`, always planned beside this, closes the way by `exec`.

use super::sys::{self, Errno};

/// Whether the bounding set can be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounding {
    /// `CAP_SETPCAP` is held: here, or in the fresh user namespace.
    Empty,
    /// It is not.
    Leave,
}

/// `CAP_SETPCAP`, by its number.
pub(crate) const SETPCAP: u32 = 8;

/// `SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE` and the locks of these and of `KEEP_CAPS`.
const SECUREBITS: u64 = 0b1110_1111;

/// After `clone`: drops all.
pub(crate) fn drop_all(bounding: Bounding) -> Result<(), Errno> {
    if bounding == Bounding::Empty {
        for capability in 0..64 {
            match sys::prctl(libc::PR_CAPBSET_DROP, capability, 0) {
                // One above the last that this kernel knows.
                Err(libc::EINVAL) => break,
                result => result?,
            };
        }
        sys::prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0)?;
    }
    match sys::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0) {
        // Before Linux 4.3 there is no ambient set.
        Ok(_) | Err(libc::EINVAL) => {}
        Err(error) => return Err(error),
    }
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let header = [VERSION, 0u32];
    let none = [0u32; 6];
    // SAFETY: the header is version and pid (0: this thread), the data two structures of three words each.
    sys::check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// After `clone`: `exec` gives nothing any more.
pub(crate) fn no_new_privileges() -> Result<(), Errno> {
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).map(drop)
}
