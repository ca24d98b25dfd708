//! G1: all contexts of a process have one and the same security domain.
//!
//! On Linux most of a domain belongs to the thread: its user, its filters, its table of descriptors. A library that
//! changes one for the whole process changes it thread by thread; here a thread of the attacker changes its own alone,
//! and the judge compares what the kernel shows of the threads. What a plan takes from the whole job no thread of it has;
//! what a thread takes from itself, the others keep.
//!
//! Source: nptl(7), credentials(7), seccomp(2), unshare(2) CLONE_FILES, proc_pid_task(5).

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G1;

use super::inside::{check, somebody_else};
use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::{Claims, Deciders, Probe};
use crate::PrimitiveId::*;
use crate::actor::Task;

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G1.user",
        guarantee: G1,
        about: "one thread is another user than the rest",
        deciders: Deciders {
            expected: &[DropCapabilities, UserNamespace],
            says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EINVAL)],
        },
        fix: "drop all capabilities: then no thread can be another user",
        trial: |setting| threads_differ(setting, |thread| status(thread, "Uid:")),
        attack: |_, claims| {
            // SAFETY: takes nothing.
            let who = somebody_else(unsafe { libc::getuid() });
            // SAFETY: takes integers; without the C library it is this thread alone that changes.
            apart(claims, "setresuid", || check(unsafe { libc::syscall(libc::SYS_setresuid, who, who, who) }));
        },
    },
    Probe {
        id: "G1.filter",
        guarantee: G1,
        about: "one thread has a filter of calls that the rest have not",
        // Nothing hinders a thread from giving something up for itself.
        deciders: Deciders::silent(&[]),
        fix: "none is known: a kernel that keeps filters with the process",
        trial: |setting| threads_differ(setting, |thread| status(thread, "Seccomp_filters:")),
        attack: |_, claims| {
            apart(claims, "seccomp", || {
                crate::linux::seccomp::try_filter().map_err(std::io::Error::from_raw_os_error).map(|()| 0)
            });
        },
    },
    Probe {
        id: "G1.descriptors",
        guarantee: G1,
        about: "one thread has descriptors that the rest have not",
        deciders: Deciders { expected: &[SeccompSurface], says: &[(SeccompSurface, libc::EPERM)] },
        fix: "a seccomp filter of the kernel's surface",
        trial: |setting| threads_differ(setting, descriptors),
        attack: |_, claims| {
            apart(claims, "unshare(CLONE_FILES)", || {
                // SAFETY: takes integers.
                check(unsafe { libc::unshare(libc::CLONE_FILES) })?;
                // Stays open, here alone.
                let file = fs::File::open("/dev/null")?;
                let number = file.as_raw_fd();
                std::mem::forget(file);
                Ok(number.into())
            });
        },
    },
];

// --- inside

/// Has a thread change itself, and keeps it as it is until the job is ended.
fn apart(claims: &mut Claims, call: &str, change: impl FnOnce() -> std::io::Result<i64> + Send) {
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = say.send(change());
            std::thread::sleep(Duration::from_secs(5));
        });
        if let Ok(result) = hear.recv() {
            claims.say(call, &result);
        }
    });
}

// --- outside

/// A line of a thread's `status`.
fn status(thread: &str, name: &str) -> String {
    let text = fs::read_to_string(format!("{thread}/status")).unwrap_or_default();
    text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
}

fn descriptors(thread: &str) -> String {
    let numbers: BTreeSet<String> = fs::read_dir(format!("{thread}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    numbers.into_iter().collect::<Vec<_>>().join(" ")
}

/// Does the kernel show different things of the attacker's threads?
fn threads_differ(setting: &Setting<'_>, of: impl Fn(&str) -> String) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let running = setting.start(&Task::Attack(setting.attack()))?;
    let claims = running.first_claim();
    let tasks = fs::read_dir(format!("/proc/{}/task", running.job.id()));
    let threads = tasks.map_err(Trouble::io("list threads"))?.flatten();
    let seen: BTreeSet<String> = threads.map(|thread| of(&thread.path().to_string_lossy())).collect();
    Ok(setting.tally("differed from the rest", u64::from(seen.len() > 1), &claims))
}
