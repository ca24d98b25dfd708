//! G7, objects of the kernel that have a name: what the policy does not speak of is not read, taken or destroyed.
//!
//! The trial makes them with a secret in each, as another program of the same user does. Source: sysvipc(7),
//! mq_overview(7), shm_overview(7), keyrings(7), ipc_namespaces(7).

use super::named::{Kind, Named, Removed};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;

/// In a namespace of its own there is no such key or name.
const IPC: Deciders = Deciders { expected: &[IpcNamespace], says: &[(IpcNamespace, libc::ENOENT)] };
const FILES: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
};
/// The keyring of the user is another in another user namespace; that of the session is inherited.
const USER_KEYS: Deciders = Deciders {
    expected: &[SeccompSurface, UserNamespace],
    says: &[(SeccompSurface, libc::EPERM), (UserNamespace, libc::ENOKEY)],
};
const SESSION_KEYS: Deciders = Deciders { expected: &[SeccompSurface], says: &[(SeccompSurface, libc::EPERM)] };
const FIX: &str = "a namespace of System V IPC and message queues: Landlock does not cover them";
const FIX_KEYS: &str = "a seccomp filter of the kernel's surface";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.ipc.semaphores", "reads semaphores of the same user", IPC, FIX, |s| read(s, Kind::Semaphores), look),
    probe("G7.ipc.messages", "takes a message that is for another", IPC, FIX, |s| read(s, Kind::Messages), look),
    probe("G7.ipc.queue", "takes a message from a named queue", IPC, FIX, |s| read(s, Kind::Queue), look),
    probe("G7.ipc.destroy", "destroys shared memory of the same user", IPC, FIX, destroyed, |attack, claims| {
        let target = Named::target(attack, claims);
        claims.say(target.call(), &target.remove());
    }),
    probe(
        "G7.ipc.shm_file",
        "reads shared memory by its name in /dev/shm",
        FILES,
        "Landlock or a private root",
        |s| read(s, Kind::File),
        look,
    ),
    probe("G7.ipc.user_key", "reads a key of the user", USER_KEYS, FIX_KEYS, |s| read(s, Kind::UserKey), look),
    probe(
        "G7.ipc.session_key",
        "reads a key of the session that the supervisor is in",
        SESSION_KEYS,
        FIX_KEYS,
        |setting| in_a_session(|| read(setting, Kind::SessionKey)),
        look,
    ),
];

/// Each round costs an object.
const OBJECTS: u64 = 3;

// --- inside

fn look(attack: &Attack, claims: &mut Claims) {
    let target = Named::target(attack, claims);
    claims.saw(target.call(), target.read());
}

// --- outside

fn name(kind: Kind) -> Result<String, Trouble> {
    let fresh = || crate::clean::fresh_name().map_err(Trouble::io("/proc/self/stat"));
    Ok(match kind {
        Kind::File | Kind::Directory => format!("/dev/shm/{}", fresh()?),
        Kind::Queue => format!("/{}", fresh()?),
        _ => secret()?,
    })
}

fn made(setting: &Setting<'_>, kind: Kind, secret: &str) -> Result<(Attack, Vec<Removed>), Trouble> {
    let mut attack = setting.attack();
    let mut objects = Vec::new();
    for round in 0..setting.rounds {
        let object = Named::new(kind, name(kind)?);
        object.make(secret).map_err(|source| match source.raw_os_error() {
            Some(libc::ENOSYS) => Trouble::NotHere {
                why: format!("this kernel has no {}", object.call()),
                remedy: "try it where there is one".into(),
            },
            _ => Trouble::Io { what: "make an object of the kernel", source },
        })?;
        object.aim(&mut attack, round);
        objects.push(Removed(object));
    }
    Ok((attack, objects))
}

fn read(setting: &Setting<'_>, kind: Kind) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(OBJECTS), ..*setting };
    let secret = secret()?;
    let (attack, _objects) = made(&setting, kind, &secret)?;
    let claims = setting.claims(attack)?;
    let through = claims.iter().filter(|claim| claim.saw.as_deref() == Some(&secret)).count();
    Ok(setting.tally("read the secret", through as u64, &claims))
}

fn destroyed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(OBJECTS), ..*setting };
    let (attack, objects) = made(&setting, Kind::Memory, &secret()?)?;
    let claims = setting.claims(attack)?;
    let gone = objects.iter().filter(|object| object.0.read().is_err()).count();
    Ok(setting.tally("destroyed it", gone as u64, &claims))
}

/// In a thread with a session keyring of its own, which is what it starts inherits.
pub(super) fn in_a_session(trial: impl FnOnce() -> Result<Tally, Trouble> + Send) -> Result<Tally, Trouble> {
    const JOIN_SESSION_KEYRING: i32 = 1;
    let run = || {
        let none = std::ptr::null::<u8>();
        // SAFETY: without a name it makes a new keyring, of this thread alone.
        super::inside::check(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, none) }).map_err(|_| {
            Trouble::NotHere {
                why: "no keyring of a session can be made here".into(),
                remedy: "try it where the kernel has keys".into(),
            }
        })?;
        trial()
    };
    let panicked = || Trouble::Io { what: "a thread of a trial", source: std::io::ErrorKind::Other.into() };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|_| Err(panicked())))
}
