//! G2: a job holds the descriptors that its creation lists, and no other.
//!
//! The canaries are descriptors of this process that an exec keeps, as a careless program has them; the secret behind
//! one, or the inode of a pipe, is what an attacker can only know by holding it. Source: open(2) O_CLOEXEC, execve(2),
//! close_range(2), proc_pid_fd(5).
//!
//! While a trial lasts, other children of the embedding program inherit the canaries too; they hold nothing of value.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G2;
use rustix::fs::FileType;

use super::g7_files::inheritable;
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Deciders, Probe};
use crate::PrimitiveId::*;
use crate::actor::{CLAIMS_FD, Claim};

/// Each job is one attempt.
const JOBS: u64 = 5;
/// As high as the attacker looks.
const MOST_FD: i32 = 1024;

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G2.inherited",
        guarantee: G2,
        about: "reads whatever file descriptor the supervisor left open",
        deciders: Deciders::silent(&[ExactDescriptors]),
        fix: "close every descriptor but the listed ones in the child",
        trial: inherited,
        attack: |_, claims| {
            for fd in others() {
                let mut bytes = [0; 64];
                // Only files: a read at an offset disturbs nobody, and a pipe refuses it.
                if let Ok(length) = rustix::io::pread(fd, &mut bytes, 0) {
                    claims.saw("pread", Ok(String::from_utf8_lossy(&bytes[..length]).into_owned()));
                }
            }
        },
    },
    Probe {
        id: "G2.race",
        guarantee: G2,
        about: "holds a pipe that another thread of the supervisor was making when the job started",
        deciders: Deciders::silent(&[ExactDescriptors]),
        fix: "close every descriptor but the listed ones in the child",
        trial: race,
        attack: |_, claims| {
            let pipes = others().filter_map(|fd| {
                let stat = rustix::fs::fstat(fd).ok()?;
                (FileType::from_raw_mode(stat.st_mode) == FileType::Fifo).then(|| stat.st_ino.to_string())
            });
            claims.saw("fstat", Ok(pipes.take(8).collect::<Vec<_>>().join(" ")));
        },
    },
    Probe {
        id: "G2.proc",
        guarantee: G2,
        about: "opens a descriptor of the supervisor through /proc",
        deciders: Deciders {
            expected: &[PidNamespace, LandlockFiles, PrivateRoot],
            // EACCES tells nothing: a rule of Landlock gives it, and so does every check of who may look into whom.
            says: &[(PrivateRoot, libc::ENOENT), (PidNamespace, libc::ENOENT)],
        },
        fix: "a private root or Landlock, so that no /proc of the host is seen",
        trial: through_proc,
        attack: |attack, claims| {
            let path = format!("/proc/{}/fd/{}", attack.target("supervisor"), attack.target("number"));
            claims.saw("open", fs::read_to_string(path));
        },
    },
];

// --- inside

/// Every descriptor but the standard streams and our own.
fn others() -> impl Iterator<Item = BorrowedFd<'static>> {
    // SAFETY: only asked what it is and read at an offset; where nothing is open the call fails.
    (3..MOST_FD).filter(|fd| *fd != CLAIMS_FD).map(|fd| unsafe { BorrowedFd::borrow_raw(fd) })
}

// --- outside

/// Starts so many jobs, each of one round, and counts those of whose claims the judge knows that they are true.
fn jobs(
    setting: &Setting<'_>,
    aim: impl Fn(&mut Attack),
    effect: &'static str,
    judge: impl Fn(&Claim) -> bool,
) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let mut tally = Tally { effect, ..Tally::default() };
    for _ in 0..JOBS {
        let mut attack = setting.attack();
        aim(&mut attack);
        let claims = setting.claims(attack)?;
        tally.n += 1;
        tally.through += u64::from(claims.iter().any(&judge));
        tally.refusals_of(&claims);
    }
    Ok(tally)
}

fn secret_file(setting: &Setting<'_>) -> Result<(String, fs::File), Trouble> {
    let secret = secret()?;
    let path = setting.place.outside().join("secret");
    fs::write(&path, &secret)
        .and_then(|()| fs::File::open(&path))
        .map_err(Trouble::io("make a canary"))
        .map(|f| (secret, f))
}

fn knows<'a>(secret: &'a str) -> impl Fn(&Claim) -> bool + 'a {
    move |claim| claim.saw.as_deref() == Some(secret)
}

fn inherited(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let (secret, file) = secret_file(setting)?;
    let _left_open = inheritable(&file.into())?;
    jobs(setting, |_| {}, "held the supervisor's file", knows(&secret))
}

fn through_proc(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let (secret, file) = secret_file(setting)?;
    let aim = |attack: &mut Attack| {
        attack.targets.insert("supervisor".into(), std::process::id().to_string());
        attack.targets.insert("number".into(), file.as_raw_fd().to_string());
    };
    jobs(setting, aim, "opened the supervisor's file", knows(&secret))
}

fn race(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let made = Mutex::new(HashSet::new());
    let over = AtomicBool::new(false);
    let make_pipes = || -> io::Result<()> {
        while !over.load(Ordering::Relaxed) {
            let (read, _write) = rustix::pipe::pipe()?;
            let inode = rustix::fs::fstat(&read)?.st_ino;
            made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(inode.to_string());
            // What is made to be inherited lives until its own child has started: about as long as a fork.
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(make_pipes);
        }
        let seen = jobs(
            setting,
            |_| {},
            "held another thread's pipe",
            |claim| {
                let made = made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                claim.saw.iter().flat_map(|saw| saw.split(' ')).any(|inode| made.contains(inode))
            },
        );
        over.store(true, Ordering::Relaxed);
        seen
    })
}
