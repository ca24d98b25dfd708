//! G7, other processes of the same user: signalled, slowed, limited, looked into; memory that they share.
//!
//! The victim is a process that the trial starts for it, and the judge looks at what became of it. Source: kill(2),
//! setpriority(2), prlimit(2), proc_pid_environ(5), shmget(2); landlock(7) scopes; pid_namespaces(7).

use std::io;

use super::inside::{check, victim};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::victim::{CANARY, Victim, attacked, betrayed};
use super::{Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;

const NUMBERS: Deciders = Deciders {
    expected: &[PidNamespace, LandlockScopes],
    says: &[(PidNamespace, libc::ESRCH), (LandlockScopes, libc::EPERM)],
};
/// Landlock's scopes are about signals alone.
const NUMBERS_ALONE: Deciders = Deciders { expected: &[PidNamespace], says: &[(PidNamespace, libc::ESRCH)] };
const FIX: &str = "a pid namespace: other processes have no number in it";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.ipc.signal", "kills a process of the same user", NUMBERS, FIX, killed, |attack, claims| {
        // SAFETY: takes integers; the number is that of the trial's victim, or of nobody.
        let result = check(unsafe { libc::kill(victim(attack, claims), libc::SIGKILL) });
        claims.say("kill", &result);
    }),
    probe("G7.ipc.priority", "lowers its priority", NUMBERS_ALONE, FIX, slowed, |attack, claims| {
        let who = victim(attack, claims).cast_unsigned();
        // SAFETY: takes integers.
        let result = check(unsafe { libc::setpriority(libc::PRIO_PROCESS, who, NICE) });
        claims.say("setpriority", &result);
    }),
    probe("G7.ipc.prlimit", "lowers its limits", NUMBERS_ALONE, FIX, limited, |attack, claims| {
        let limit = libc::rlimit { rlim_cur: FILES, rlim_max: FILES };
        let who = victim(attack, claims);
        // SAFETY: a live local; the old limit is not asked for.
        let result = check(unsafe { libc::prlimit(who, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut()) });
        claims.say("prlimit", &result);
    }),
    probe(
        "G7.ipc.environ",
        "reads its environment in /proc",
        Deciders {
            expected: &[PidNamespace, LandlockFiles, PrivateRoot],
            // EACCES tells nothing: a rule of Landlock gives it, and so does every check of who may look into whom.
            says: &[(PrivateRoot, libc::ENOENT), (PidNamespace, libc::ENOENT)],
        },
        FIX,
        read,
        |a, c| {
            c.saw("open", canary_of(victim(a, c)));
        },
    ),
    probe(
        "G7.ipc.shm",
        "reads shared memory of the same user",
        Deciders { expected: &[IpcNamespace], says: &[(IpcNamespace, libc::EINVAL)] },
        "a namespace of System V IPC: Landlock does not cover it",
        shared,
        |attack, claims| {
            let seen = attach(attack.number("segment"));
            claims.saw("shmat", seen);
        },
    ),
];

/// The least urgent there is: setting it needs no privilege, however late the run itself is (`nice lacuna`).
const NICE: libc::c_int = 19;
const FILES: libc::rlim_t = 77;

// --- inside

/// The variable that holds the canary, among others that are nobody's business.
fn canary_of(pid: libc::pid_t) -> io::Result<String> {
    let all = std::fs::read(format!("/proc/{pid}/environ"))?;
    let canary = all.split(|byte| *byte == 0).find(|word| word.starts_with(CANARY.as_bytes()));
    Ok(String::from_utf8_lossy(canary.unwrap_or_default()).into_owned())
}

fn attach(segment: libc::c_int) -> io::Result<String> {
    // SAFETY: attaches for reading, at an address of the kernel's choice.
    let at = unsafe { libc::shmat(segment, std::ptr::null(), libc::SHM_RDONLY) };
    if at as isize == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the segment was made a page long, and a shorter one would be a page too; it is detached after the copy.
    let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), SECRET_BYTES).to_vec() };
    // SAFETY: attached above, and no reference is left.
    unsafe { libc::shmdt(at) };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

// --- outside

/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

fn killed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "killed it", Victim::died)
}

fn slowed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "slowed it", |victim| {
        victim.pid().is_some_and(|pid| rustix::process::getpriority_process(Some(pid)).is_ok_and(|nice| nice == NICE))
    })
}

fn limited(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "limited it", |victim| {
        let text = victim.file("limits");
        let line = text.lines().find(|line| line.starts_with("Max open files"));
        line.and_then(|line| line.split_whitespace().nth(4)) == Some(FILES.to_string().as_str())
    })
}

fn read(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    betrayed(setting, "read its environment", &[], |_, _| Ok(()))
}

/// A segment of shared memory; removed when dropped.
struct Segment(libc::c_int);

impl Segment {
    fn make(secret: &str) -> Result<Self, Trouble> {
        let failed = || Trouble::io("shmget")(io::Error::last_os_error());
        // SAFETY: takes integers.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600) };
        if id < 0 {
            return Err(failed());
        }
        let segment = Self(id);
        // SAFETY: ours, at an address of the kernel's choice.
        let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        if at as isize == -1 {
            return Err(failed());
        }
        let length = secret.len().min(SECRET_BYTES);
        // SAFETY: a page long, attached for writing, detached after it.
        unsafe {
            std::ptr::copy_nonoverlapping(secret.as_ptr(), at.cast(), length);
            libc::shmdt(at);
        }
        Ok(segment)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: the segment is ours; nothing is read or written by a removal.
        unsafe { libc::shmctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

fn shared(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let segment = Segment::make(&secret)?;
    let mut attack = setting.attack();
    attack.targets.insert("segment".into(), segment.0.to_string());
    let claims = setting.claims(attack)?;
    let through = claims.iter().filter(|claim| claim.saw.as_deref() == Some(&secret)).count();
    Ok(setting.tally("read the memory", through as u64, &claims))
}
