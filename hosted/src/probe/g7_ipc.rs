//! G7, other processes of the same user: signalled, slowed, limited, looked into; memory that they share.
//!
//! The victim is a process that the trial starts for it, and the judge looks at what became of it. Source: kill(2),
//! setpriority(2), prlimit(2), proc_pid_environ(5), shmget(2); landlock(7) scopes; pid_namespaces(7).

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lacuna_model::guarantee::GuaranteeId::G7;
use rustix::process::Pid;

use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
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

const fn probe(
    id: &'static str,
    about: &'static str,
    deciders: Deciders,
    fix: &'static str,
    trial: fn(&Setting<'_>) -> Result<Tally, Trouble>,
    attack: fn(&Attack, &mut Claims),
) -> Probe {
    Probe { id, guarantee: G7, about, deciders, fix, trial, attack }
}

const CANARY: &str = "LACUNA_CANARY";
/// The least urgent there is: setting it needs no privilege, however late the run itself is (`nice lacuna`).
const NICE: libc::c_int = 19;
const FILES: libc::rlim_t = 77;

fn check(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

// --- inside

/// A number that is surely nobody's, if there is none: 0 and -1 would be the attacker itself and the whole world.
fn victim(attack: &Attack, claims: &Claims) -> libc::pid_t {
    match attack.number(&format!("victim{}", claims.round())) {
        pid @ 2.. => pid,
        _ => libc::pid_t::MAX,
    }
}

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
/// Each round costs a victim.
const VICTIMS: u64 = 3;

/// A process to be attacked, of which nobody else knows; killed and reaped when dropped.
struct Victim(Child);

impl Victim {
    fn start(secret: &str) -> Result<Self, Trouble> {
        let mut command = Command::new("sleep");
        command.arg("20").env(CANARY, secret).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().map_err(Trouble::io("start a victim"))?))
    }

    fn died(&mut self) -> bool {
        // A death under way has had the time that the attacker took to end; more for a busy machine. Only a victim that
        // nobody killed is waited for in vain.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a victim a round attacked, and counts those on which the judge sees the effect.
fn attacked(setting: &Setting<'_>, effect: &'static str, judge: fn(&mut Victim) -> bool) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(VICTIMS), ..*setting };
    let mut victims = (0..setting.rounds).map(|_| Victim::start("")).collect::<Result<Vec<_>, _>>()?;
    let claims = setting.claims(aimed(&setting, &victims))?;
    let through = victims.iter_mut().map(judge).filter(|effect| *effect).count();
    Ok(setting.tally(effect, through as u64, &claims))
}

fn aimed(setting: &Setting<'_>, victims: &[Victim]) -> Attack {
    let mut attack = setting.attack();
    for (round, victim) in victims.iter().enumerate() {
        attack.targets.insert(format!("victim{round}"), victim.0.id().to_string());
    }
    attack
}

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
        let text = std::fs::read_to_string(format!("/proc/{}/limits", victim.0.id())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("Max open files"));
        line.and_then(|line| line.split_whitespace().nth(4)) == Some(FILES.to_string().as_str())
    })
}

fn read(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let setting = Setting { rounds: setting.rounds.min(VICTIMS), ..*setting };
    let victims = (0..setting.rounds).map(|_| Victim::start(&secret)).collect::<Result<Vec<_>, _>>()?;
    let claims = setting.claims(aimed(&setting, &victims))?;
    let knows = |saw: &String| saw.contains(&secret);
    let through = claims.iter().filter(|claim| claim.saw.as_ref().is_some_and(knows)).count();
    Ok(setting.tally("read its environment", through as u64, &claims))
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
