//! System calls for the time between `clone` and `exec`: raw, async-signal-safe, no allocation.
//!
//! Source: `signal-safety(7)`, `clone(2)`, `pidfd_open(2)`, `close_range(2)`. The child of a process with many threads
//! has only the thread that cloned, and any lock another thread held stays locked for ever; so nothing here touches
//! the allocator, stdio or the C library's fork handlers. `errno` is per thread and safe.

use std::ffi::CStr;
use std::os::fd::RawFd;

/// An error number.
pub(crate) type Errno = i32;

/// The error of the call just made.
pub(crate) fn errno() -> Errno {
    // SAFETY: the C library returns the address of this thread's errno, always valid.
    unsafe { *libc::__errno_location() }
}

/// The result of a call that returns -1 with errno.
pub(crate) fn check(returned: i64) -> Result<i64, Errno> {
    if returned < 0 { Err(errno()) } else { Ok(returned) }
}

/// `struct clone_args` of `linux/sched.h`, up to the member of Linux 5.7.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Which call makes a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloneCall {
    /// `clone3`, which can also make the child a member of a cgroup from birth.
    Clone3,
    /// `clone`, where `clone3` is refused.
    Clone,
}

/// What `clone_process` makes.
pub(crate) struct NewProcess {
    pub(crate) call: CloneCall,
    pub(crate) flags: i32,
    pub(crate) exit_signal: i32,
    /// A directory of cgroup v2; only with [`CloneCall::Clone3`].
    pub(crate) cgroup: Option<RawFd>,
}

/// `CLONE_INTO_CGROUP`, which does not fit the C library's `int`.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of `clone_process` this is.
pub(crate) enum Side {
    Parent { pid: libc::pid_t, pidfd: RawFd },
    Child,
}

/// Makes a process that is a copy of this one with only the calling thread, like `fork` without its handlers.
///
/// # Safety
/// In the child only async-signal-safe calls may be made until `exec` or `_exit`.
pub(crate) unsafe fn clone_process(new: &NewProcess) -> Result<Side, Errno> {
    let mut pidfd: RawFd = -1;
    let flags = (new.flags | libc::CLONE_PIDFD) as u64;
    let returned = match new.call {
        CloneCall::Clone3 => {
            let args = CloneArgs {
                flags: flags | if new.cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 },
                pidfd: &raw mut pidfd as u64,
                exit_signal: new.exit_signal as u64,
                cgroup: new.cgroup.unwrap_or(0) as u64,
                ..CloneArgs::default()
            };
            // SAFETY: the arguments are a valid clone_args of that size; without CLONE_VM the child has its own copy of
            // memory and goes on here on its copy of this stack. The caller keeps to async-signal-safe calls.
            unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) }
        }
        CloneCall::Clone => {
            let flags = flags | new.exit_signal as u64;
            // SAFETY: as above; a null stack means the parent's, copied, and CLONE_PIDFD writes to the third argument.
            unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) }
        }
    };
    match check(returned)? {
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent { pid: pid as libc::pid_t, pidfd }),
    }
}

/// Ends this process at once, running no handler.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: _exit takes any status and does not return.
    unsafe { libc::_exit(status) }
}

pub(crate) fn close(fd: RawFd) {
    // SAFETY: closing a number is memory-safe; the callers own it, in a process that is theirs alone.
    unsafe { libc::close(fd) };
}

/// Writes all of it in one call or fails.
pub(crate) fn write(fd: RawFd, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: the pointer and length are those of a live slice.
    let written = check(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } as i64)?;
    if written as usize == bytes.len() { Ok(()) } else { Err(libc::EIO) }
}

pub(crate) fn read(fd: RawFd, bytes: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the pointer and length are those of a live slice that is ours to write.
    check(unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) } as i64).map(|n| n as usize)
}

pub(crate) fn open(path: &CStr, flags: i32) -> Result<RawFd, Errno> {
    // SAFETY: the path ends in NUL; no mode is needed without O_CREAT.
    check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) }.into()).map(|fd| fd as RawFd)
}

/// Writes a short text to a file that exists.
pub(crate) fn write_file(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let fd = open(path, libc::O_WRONLY)?;
    let written = write(fd, bytes);
    close(fd);
    written
}

/// `prctl` with plain numbers.
pub(crate) fn prctl(option: i32, two: u64, three: u64) -> Result<i64, Errno> {
    // SAFETY: none of the options used here takes a pointer.
    check(unsafe { libc::prctl(option, two, three, 0u64, 0u64) }.into())
}

/// `CLOSE_RANGE_CLOEXEC`.
pub(crate) const CLOSE_RANGE_CLOEXEC: u32 = 4;

/// Closes (or marks to close at exec) every descriptor from `first` up to and with `last`.
pub(crate) fn close_range(first: u32, last: u32, flags: u32) -> Result<(), Errno> {
    if first > last {
        return Ok(());
    }
    // SAFETY: takes numbers only; the callers own every descriptor of this process.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// A duplicate at `least` or above, closed at exec.
pub(crate) fn duplicate_from(fd: RawFd, least: RawFd) -> Result<RawFd, Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) }.into()).map(|fd| fd as RawFd)
}

/// Makes `to` a copy of `from` that stays open at exec.
pub(crate) fn duplicate_to(from: RawFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::dup3(from, to, 0) }.into()).map(drop)
}

/// Waits for events; `timeout_ms` below 0 waits for ever. Interrupted counts as no event.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout_ms: i32) -> Result<usize, Errno> {
    // SAFETY: the pointer and length are those of a live slice that is ours to write.
    match check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) }.into()) {
        Ok(ready) => Ok(ready as usize),
        Err(libc::EINTR) => Ok(0),
        Err(error) => Err(error),
    }
}

/// One of the children that ended, as `wait4` tells it.
pub(crate) enum Reaped {
    Child { pid: libc::pid_t, status: i32 },
    StillRunning,
    NoChildren,
}

/// Reaps any child of any kind.
pub(crate) fn reap(flags: i32) -> Reaped {
    let mut status = 0;
    loop {
        // SAFETY: the status is ours to write; no resource usage is asked for.
        let pid = unsafe { libc::wait4(-1, &raw mut status, flags | libc::__WALL, std::ptr::null_mut()) };
        match pid {
            0 => return Reaped::StillRunning,
            pid if pid > 0 => return Reaped::Child { pid, status },
            _ if errno() == libc::EINTR => {}
            _ => return Reaped::NoChildren,
        }
    }
}

/// Reaps the child that a pidfd names, if it is not reaped yet. It must be dead.
pub(crate) fn reap_pidfd(pidfd: RawFd) -> Result<(), Errno> {
    // SAFETY: siginfo is plain data, all zero is a valid one, and it is ours to write.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::__WALL;
    loop {
        // SAFETY: as above; the pidfd is a number.
        match check(unsafe { libc::waitid(libc::P_PIDFD, pidfd as libc::id_t, &raw mut info, options) }.into()) {
            Err(libc::EINTR) => {}
            // Someone else of this process reaped it.
            Err(libc::ECHILD) => return Ok(()),
            result => return result.map(drop),
        }
    }
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is ours to write, and the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Every signal blocked; returns the mask that was.
pub(crate) fn block_signals() -> libc::sigset_t {
    // SAFETY: both sets are plain memory filled in by these calls; only this thread's mask changes. The raw call (with
    // the kernel's 8 bytes) also blocks the signals that the C library keeps to itself.
    unsafe {
        let mut before: libc::sigset_t = std::mem::zeroed();
        let all = [u64::MAX; 16];
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const all, &raw mut before, 8);
        before
    }
}

pub(crate) fn restore_signals(mask: &libc::sigset_t) {
    // SAFETY: the set was filled in by `block_signals`.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, mask, std::ptr::null::<u8>(), 8) };
}

/// Every signal to its default action and none blocked: ignored signals and masks pass through exec otherwise.
pub(crate) fn reset_signals() {
    /// The kernel's `struct sigaction`: handler, flags, restorer, mask; all zero is the default action.
    static DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..=64u64 {
        // SAFETY: the structure is the kernel's size or larger and all zero; SIGKILL and SIGSTOP are refused, harmlessly.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const DEFAULT, std::ptr::null::<u8>(), 8);
        }
    }
    let none = [0u64; 16];
    // SAFETY: as in `block_signals`.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, std::ptr::null::<u8>(), 8) };
}
