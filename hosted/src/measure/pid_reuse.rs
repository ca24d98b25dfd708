//! Whom a kill of a worker reaches that was waited for already, when its number is another's (G5).
//!
//! One process, the init of a pid namespace of its own, does what the threads of a supervisor do: it starts a worker, which ends; it waits
//! for it, so that the number is free; another process gets the number; and it kills the worker. Then it looks whether the
//! other has died, which it alone could wait for.
//!
//! A kernel gives a number again after it has been round all others. Here the namespace's own counter is set to just before the number
//! (`ns_last_pid`), so that the next process gets it; nobody outside of the namespace is touched. So the rate is no rate of a host's, but of what
//! the kill reaches once the number has come round; [`PidReuse::numbers`] says how many processes that takes here.
//!
//! Source: kill(2), pidfd_open(2), pidfd_send_signal(2), pid_namespaces(7) on `/proc/sys/kernel/ns_last_pid`, proc_sys_kernel(5).

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::raw::{self, Child};

/// What names the worker to whoever kills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Its number. The unprotected way.
    Number,
    /// A pidfd, from before it was waited for.
    Pidfd,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 2] = [Self::Number, Self::Pidfd];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "kill by number",
            Self::Pidfd => "pidfd_send_signal",
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidReuse {
    /// Under which mode.
    pub mode: Mode,
    /// Kills of a worker whose number another process had.
    pub kills: u32,
    /// Those that the other process died of.
    pub another_died: u32,
    /// How many numbers there are on this host: after so many processes one is given again.
    pub numbers: u64,
}

/// How long the other may take to die of a kill that was done, on a busy machine; it is not waited for any longer than it takes.
const DYING_MS: u32 = 1_000;
/// How long it is watched where the kernel said that there is nobody.
const WATCHED_MS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(5);

/// The other died.
const HIT: u8 = b'h';
/// It did not.
const MISSED: u8 = b'm';
/// The other did not get the number.
const NO_NUMBER: u8 = b'n';

/// Kills so many workers whose number another has.
///
/// # Errors
/// [`MeasureError::Unavailable`] where no pid namespace may be made or its counter not set; those of the calls;
/// [`MeasureError::Interrupted`]. No process is left either way.
pub fn measure_unless(mode: Mode, n: u32, interrupt: &AtomicBool) -> Result<PidReuse, MeasureError> {
    let (reply, to) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"))?;
    let user = if rustix::process::geteuid().is_root() { 0 } else { libc::CLONE_NEWUSER };
    let write_to = to.as_raw_fd();
    // SAFETY: the child runs `trials` alone, which makes bare system calls and ends in `_exit`.
    let pid = unsafe { raw::clone_process(libc::CLONE_NEWPID | user) };
    if pid == 0 {
        // SAFETY: as above.
        unsafe { trials(mode, n, write_to) }
    }
    if pid < 0 {
        let reason = format!("clone: {}", std::io::Error::last_os_error());
        return Err(MeasureError::Unavailable { what: "a pid namespace", reason });
    }
    // Dropped, the init is killed, and with it all of its namespace.
    let _init = Child::adopt(pid)?;
    drop(to);
    let numbers = std::fs::read_to_string("/proc/sys/kernel/pid_max").map_err(MeasureError::io("read pid_max"))?;
    let mut seen = PidReuse { mode, kills: 0, another_died: 0, numbers: numbers.trim().parse().unwrap_or(0) };
    for _ in 0..n {
        if interrupt.load(Ordering::Relaxed) {
            return Err(MeasureError::Interrupted);
        }
        match raw::read_byte(reply.as_fd(), PATIENCE) {
            Some(HIT) => seen.another_died += 1,
            Some(MISSED) => {}
            Some(NO_NUMBER) => {
                let reason = "the counter of a pid namespace cannot be set (CAP_CHECKPOINT_RESTORE in it)".into();
                return Err(MeasureError::Unavailable { what: "a chosen number", reason });
            }
            _ => {
                let limit_ms = PATIENCE.as_millis() as u64;
                return Err(MeasureError::Timeout { what: "a kill of a worker", limit_ms });
            }
        }
        seen.kills += 1;
    }
    Ok(seen)
}

/// The supervisor, who is the init of the namespace.
///
/// # Safety
/// For a child after fork: async-signal-safe, allocates nothing.
unsafe fn trials(mode: Mode, n: u32, reply: RawFd) -> ! {
    // SAFETY: bare system calls on integers and live locals; children make such calls alone and end.
    unsafe {
        raw::bound_life();
        for _ in 0..n {
            raw::tell(reply, trial(mode));
        }
    }
    raw::exit_now(0)
}

/// # Safety
/// As [`trials`].
unsafe fn trial(mode: Mode) -> u8 {
    // SAFETY: as in `trials`.
    unsafe {
        let worker = raw::clone_process(0);
        if worker == 0 {
            raw::exit_now(0);
        }
        let pidfd = libc::syscall(libc::SYS_pidfd_open, worker, 0) as RawFd;
        libc::waitpid(worker, std::ptr::null_mut(), 0);
        come_round(worker);
        let other = raw::clone_process(0);
        if other == 0 {
            raw::bound_life();
            loop {
                libc::pause();
            }
        }
        let told = if other == worker {
            let killed = match mode {
                Mode::Number => libc::kill(worker, libc::SIGKILL).into(),
                Mode::Pidfd => {
                    libc::syscall(libc::SYS_pidfd_send_signal, pidfd, libc::SIGKILL, std::ptr::null::<u8>(), 0)
                }
            };
            let limit = if killed == 0 { DYING_MS } else { WATCHED_MS };
            let mut waited = 0u32;
            let mut died = libc::waitpid(other, std::ptr::null_mut(), libc::WNOHANG) == other;
            while !died && waited < limit {
                libc::poll(std::ptr::null_mut(), 0, 1);
                waited += 1;
                died = libc::waitpid(other, std::ptr::null_mut(), libc::WNOHANG) == other;
            }
            if died { HIT } else { MISSED }
        } else {
            NO_NUMBER
        };
        if told != HIT && other > 0 {
            // A child of ours that is not reaped: the number is its.
            libc::kill(other, libc::SIGKILL);
            libc::waitpid(other, std::ptr::null_mut(), 0);
        }
        libc::close(pidfd);
        told
    }
}

/// Sets the namespace's counter to just before a number; what the file refuses shows in the number of the next process.
///
/// # Safety
/// As [`trials`].
unsafe fn come_round(number: libc::pid_t) {
    let mut text = [0u8; 12];
    let mut at = text.len();
    let mut left = number.saturating_sub(1).max(0);
    loop {
        at -= 1;
        text[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 || at == 0 {
            break;
        }
    }
    // SAFETY: the path ends in a zero, and the text is a live local of the length passed.
    unsafe {
        let file = libc::open(c"/proc/sys/kernel/ns_last_pid".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::write(file, text[at..].as_ptr().cast(), text.len() - at);
        libc::close(file);
    }
}
