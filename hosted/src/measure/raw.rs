//! What a child may do between fork and exec, and how its parent watches it.
//!
//! Source: fork(2), clone(2), signal-safety(7), pidfd_open(2), PR_SET_PDEATHSIG in prctl(2).
//!
//! Assumption: the process that calls is threaded. So everything here that runs in a child is a bare system call: no
//! allocation, no lock, no panic, no errno that libc must translate.
//!
//! Known hole: PR_SET_PDEATHSIG follows the *thread* that forked, so that thread must outlive the child.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus};

use super::MeasureError;

/// Seconds after which every process that a meter started ends by itself, whatever became of the meter.
pub(crate) const LIFE_S: u32 = 30;

/// One byte of a child to its parent: it is where it should be.
pub(crate) const READY: u8 = b'r';

/// A fork by the system call itself: no handlers, no locks, usable again in the child. 0 in the child, -1 on refusal.
///
/// # Safety
/// The child may make only bare system calls, and must end in `_exit` or exec.
pub(crate) unsafe fn clone_process(namespaces: libc::c_int) -> libc::pid_t {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: no shared memory and no new stack: a plain copy, as fork makes it.
    unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) as libc::pid_t }
}

/// Bounds the life of the calling child: it dies with the thread that made it, and of old age.
///
/// # Safety
/// For a child after fork; async-signal-safe.
pub(crate) unsafe fn bound_life() {
    // SAFETY: both calls take integers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::alarm(LIFE_S);
    }
}

/// Writes one byte, or not.
///
/// # Safety
/// For a child after fork; async-signal-safe.
pub(crate) unsafe fn tell(fd: RawFd, byte: u8) {
    // SAFETY: one byte of a live local.
    unsafe { libc::write(fd, (&raw const byte).cast(), 1) };
}

/// Ends the calling child at once.
pub(crate) fn exit_now(status: libc::c_int) -> ! {
    // SAFETY: ends the process without running anything of ours.
    unsafe { libc::_exit(status) }
}

/// Ranges of descriptors, first and last.
pub(crate) type Ranges = Vec<(libc::c_uint, libc::c_uint)>;

/// The descriptors from `first` up that are not kept.
pub(crate) fn gaps(first: libc::c_uint, kept: impl Iterator<Item = RawFd>) -> Ranges {
    let mut kept: Vec<libc::c_uint> = kept.map(RawFd::cast_unsigned).collect();
    kept.sort_unstable();
    let mut next = first;
    let mut gaps = Vec::new();
    for fd in kept {
        if fd > next {
            gaps.push((next, fd - 1));
        }
        next = next.max(fd + 1);
    }
    gaps.push((next, libc::c_uint::MAX));
    gaps
}

/// Closes them.
///
/// # Safety
/// For a child after fork, whose descriptors nobody else uses; async-signal-safe.
pub(crate) unsafe fn close_ranges(ranges: &[(libc::c_uint, libc::c_uint)]) {
    for (first, last) in ranges {
        // SAFETY: integers; the caller's contract covers the descriptors.
        unsafe { libc::syscall(libc::SYS_close_range, *first, *last, 0) };
    }
}

/// A child that is ours to kill and reap. Dropped, it is killed and reaped.
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    status: Option<WaitIdStatus>,
}

impl Child {
    /// Takes charge of a child that was just forked and that nobody else reaps.
    pub(crate) fn adopt(pid: libc::pid_t) -> Result<Self, MeasureError> {
        let lost = || MeasureError::io("fork")(std::io::Error::last_os_error());
        let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(lost)?;
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { pid, pidfd, status: None }),
            Err(errno) => {
                // Unreaped and ours, so the number still names it.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
                Err(MeasureError::sys("pidfd_open")(errno))
            }
        }
    }

    /// Its number, which names it until [`Self::end`].
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The handle that can never name another.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Kills it and waits until it is reaped.
    pub(crate) fn end(&mut self) {
        if self.status.is_none() {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
            self.wait();
        }
    }

    fn wait(&mut self) {
        while self.status.is_none() {
            match rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Ok(status) => self.status = status,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for input, or for `events`, for so long. `false`: the time passed.
pub(crate) fn wait_for(fd: BorrowedFd<'_>, events: PollFlags, limit: Duration) -> bool {
    let deadline = std::time::Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(n) => return n > 0,
            Err(_) => return false,
        }
    }
}

/// Reads one byte within the limit; `None` at the end of file or of the limit.
pub(crate) fn read_byte(fd: BorrowedFd<'_>, limit: Duration) -> Option<u8> {
    let mut byte = [0];
    let came = wait_for(fd, PollFlags::IN, limit);
    (came && matches!(rustix::io::read(fd, &mut byte), Ok(1))).then_some(byte[0])
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn gaps_leave_out_what_is_kept() {
        let max = libc::c_uint::MAX;
        assert_eq!(gaps(3, [7, 100].into_iter()), [(3, 6), (8, 99), (101, max)]);
        assert_eq!(gaps(3, [3, 4].into_iter()), [(5, max)]);
        assert_eq!(gaps(5, [100].into_iter()), [(5, 99), (101, max)]);
        assert_eq!(gaps(3, [].into_iter()), [(3, max)]);
    }
}
