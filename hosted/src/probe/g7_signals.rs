//! G7, signals to a process outside: every way to send one but kill(2) itself.
//!
//! Each way has its own check in the kernel, and what watches one may know nothing of another: a filter of `kill` sees
//! no descriptor that sends a signal when it becomes readable. Source: tgkill(2), pidfd_send_signal(2),
//! rt_sigqueueinfo(2), killpg(3), `F_SETOWN` in fcntl(2); landlock(7) scopes.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::inside::{check, victim};
use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::victim::{Victim, attacked};
use super::{Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;

const NUMBERS: Deciders = Deciders {
    expected: &[PidNamespace, LandlockScopes],
    says: &[(PidNamespace, libc::ESRCH), (LandlockScopes, libc::EPERM)],
};
const FIX: &str = "a pid namespace or Landlock's scope of signals";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.signal.thread", "kills a thread of another process", NUMBERS, FIX, killed, |attack, claims| {
        let who = victim(attack, claims);
        // SAFETY: takes integers; the number is that of the trial's victim, or of nobody.
        let result = check(unsafe { libc::syscall(libc::SYS_tgkill, who, who, libc::SIGKILL) });
        claims.say("tgkill", &result);
    }),
    probe("G7.signal.group", "kills another process group", NUMBERS, FIX, killed, |attack, claims| {
        // SAFETY: takes integers; the victim leads its group, and there is no group of a number that is nobody's.
        let result = check(unsafe { libc::killpg(victim(attack, claims), libc::SIGKILL) });
        claims.say("killpg", &result);
    }),
    probe("G7.signal.pidfd", "kills by a handle of the process", NUMBERS, FIX, killed, |attack, claims| {
        match open(victim(attack, claims)) {
            Ok(pidfd) => {
                let (fd, none) = (pidfd.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
                // SAFETY: without a siginfo the kernel fills one in.
                let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, none, 0) };
                claims.say("pidfd_send_signal", &check(sent));
            }
            failed => claims.say("pidfd_open", &failed),
        }
    }),
    probe("G7.signal.queue", "queues a signal that names another sender", NUMBERS, FIX, killed, |attack, claims| {
        // SAFETY: plain data, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        (info.si_signo, info.si_code) = (libc::SIGKILL, libc::SI_QUEUE);
        // SAFETY: a live local of the kernel's layout; what it says of the sender is not believed by anybody.
        let sent =
            unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, victim(attack, claims), libc::SIGKILL, &raw const info) };
        claims.say("rt_sigqueueinfo", &check(sent));
    }),
    probe(
        "G7.signal.descriptor",
        "has a descriptor of its own signal another process",
        NUMBERS,
        FIX,
        killed,
        |attack, claims| {
            let result = owned_by(victim(attack, claims));
            claims.say("fcntl(F_SETOWN)", &result);
        },
    ),
];

// --- inside

fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: just made by the kernel, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// A socket that sends SIGIO, by which a process ends that knows nothing of it, when something arrives.
fn owned_by(pid: libc::pid_t) -> io::Result<()> {
    let (near, far) = std::os::unix::net::UnixStream::pair()?;
    // SAFETY: takes integers, of a socket that lives.
    check(unsafe { libc::fcntl(near.as_raw_fd(), libc::F_SETOWN, pid) })?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(near.as_raw_fd(), libc::F_SETFL, libc::O_ASYNC) })?;
    io::Write::write_all(&mut &far, b"x")
}

// --- outside

fn killed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "killed it", Victim::died)
}
