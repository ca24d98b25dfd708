//! G8: nothing that a job made outlives it but what it was to leave.
//!
//! Each attack plants a secret in one class of what persists; the judge looks for it from outside when the job is dead
//! and its group gone, and removes it, whoever made it. What the job leaves in the directory that it was granted is its
//! output; but not that a file there gives whoever runs it the job's user, or that nobody can remove it.
//!
//! Some of it is a state of what the supervisor and the job share: a descriptor that was passed names the same open file
//! description on both sides, so a lock on it, its flags, and the modes of a terminal stay when one of the two is gone.
//!
//! Source: sysvipc(7), mq_overview(7), keyrings(7), cgroups(7), open(2) on open file descriptions, flock(2), core(5),
//! `FS_IOC_SETFLAGS` in ioctl_iflags(2), unix(7).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G8;
use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags};

use super::g3::TRACKING;
use super::g4::kill_group;
use super::g7_objects::in_a_session;
use super::g7_terminal::Terminal;
use super::inside::{check, in_a_child, own};
use super::named::{Kind, Named, Removed};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
use crate::PrimitiveId::*;
use crate::actor::Task;

/// A root of its own shows no directory that is not granted, and is read-only.
const FILES: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT), (PrivateRoot, libc::EROFS)],
};
/// It can be made, in a namespace that ends with the job.
const IPC: Deciders = Deciders::silent(&[IpcNamespace]);
/// To Landlock a queue that has a name is a file, and none that is granted. That is asked when it is opened, after it was
/// made: the call is refused, and the queue is there.
const QUEUE: Deciders = Deciders { expected: &[IpcNamespace, LandlockFiles], says: &[(LandlockFiles, libc::EACCES)] };
const KEYS: Deciders = Deciders { expected: &[SeccompSurface, UserNamespace], says: &[(SeccompSurface, libc::EPERM)] };
const MODES: Deciders =
    Deciders { expected: &[SeccompSurface], says: &[(SeccompSurface, libc::EPERM), (SeccompSurface, libc::ENOSYS)] };
/// No primitive speaks of what is shared by a descriptor that was passed.
const SHARED: Deciders = Deciders::silent(&[]);
const FIX_FILES: &str = "Landlock or a private root";
const FIX_IPC: &str = "a namespace of System V IPC and message queues";
const FIX_KEYS: &str = "a seccomp filter of the kernel's surface";
const FIX_SHARED: &str = "pass a pipe, or a descriptor that was opened for the job alone";

pub(super) const PROBES: &[Probe] = &[
    probe("G8.file", "leaves a file in /tmp", FILES, FIX_FILES, |s| left(s, Kind::File, Some("/tmp")), plant),
    probe(
        "G8.shm_file",
        "leaves a file in /dev/shm",
        FILES,
        FIX_FILES,
        |s| left(s, Kind::File, Some("/dev/shm")),
        plant,
    ),
    probe("G8.shm", "leaves a segment of shared memory", IPC, FIX_IPC, |s| left(s, Kind::Memory, None), plant),
    probe("G8.semaphores", "leaves semaphores", IPC, FIX_IPC, |s| left(s, Kind::Semaphores, None), plant),
    probe(
        "G8.messages",
        "leaves a message in a queue with a key",
        IPC,
        FIX_IPC,
        |s| left(s, Kind::Messages, None),
        plant,
    ),
    probe("G8.queue", "leaves a message in a queue with a name", QUEUE, FIX_IPC, |s| left(s, Kind::Queue, None), plant),
    probe("G8.user_key", "leaves a key with the user", KEYS, FIX_KEYS, |s| left(s, Kind::UserKey, None), plant),
    probe(
        "G8.session_key",
        "leaves a key in the session that the supervisor is in",
        KEYS,
        FIX_KEYS,
        |setting| in_a_session(|| left(setting, Kind::SessionKey, None)),
        plant,
    ),
    probe("G8.cgroup", "leaves a cgroup beside its own", FILES, FIX_FILES, group_left, plant),
    probe(
        "G8.setuid",
        "leaves a program that makes whoever runs it the job's user",
        MODES,
        FIX_KEYS,
        modes,
        |attack, claims| {
            let path = own(attack, claims, "left");
            let made =
                fs::write(&path, "#!").and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)));
            claims.say("chmod", &made);
        },
    ),
    probe(
        "G8.setuid_born",
        "makes such a program by a call whose mode no filter can read",
        MODES,
        FIX_KEYS,
        modes,
        |attack, claims| {
            let path = own(attack, claims, "left");
            let (flags, mode) = (OFlags::CREATE | OFlags::WRONLY, Mode::from_raw_mode(0o4755));
            let made = rustix::fs::openat2(rustix::fs::CWD, path, flags, mode, ResolveFlags::empty());
            claims.say("openat2", &made.map_err(io::Error::from));
        },
    ),
    probe(
        "G8.immutable",
        "leaves a file that nobody can remove",
        Deciders {
            expected: &[DropCapabilities],
            says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EPERM)],
        },
        "drop all capabilities",
        immutable,
        |attack, claims| {
            let file = fs::File::create(own(attack, claims, "left"));
            let made = file.and_then(|file| set_flags(file.as_fd(), get_flags(file.as_fd())? | IMMUTABLE));
            claims.say("ioctl(FS_IOC_SETFLAGS)", &made);
        },
    ),
    probe(
        "G8.core",
        "leaves an image of its memory",
        Deciders::silent(&[RlimitCore]),
        "RLIMIT_CORE 0",
        image,
        |_, claims| {
            let crash = || -> io::Result<()> {
                let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                // SAFETY: a live local.
                check(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) })?;
                limit.rlim_cur = limit.rlim_max;
                // SAFETY: as above.
                check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) })?;
                std::process::abort()
            };
            // That it has died tells nothing.
            let _ = in_a_child(crash);
            claims.say("abort", &Ok(()));
        },
    ),
    probe("G8.lock", "leaves a file locked that it was passed", SHARED, FIX_SHARED, locked, |_, claims| {
        // SAFETY: takes integers.
        claims.say("flock", &check(unsafe { libc::flock(PASSED, libc::LOCK_EX) }));
    }),
    probe("G8.flags", "leaves a pipe that no longer waits", SHARED, FIX_SHARED, impatient, |_, claims| {
        // SAFETY: takes integers.
        claims.say("fcntl(F_SETFL)", &check(unsafe { libc::fcntl(PASSED, libc::F_SETFL, libc::O_NONBLOCK) }));
    }),
    probe(
        "G8.terminal",
        "leaves a terminal that does not show what is typed",
        SHARED,
        "a terminal of the job's own, or restore the modes after it",
        silenced,
        |_, claims| {
            // SAFETY: whoever wrote the task passed this number with it.
            let terminal = unsafe { BorrowedFd::borrow_raw(PASSED) };
            let changed = rustix::termios::tcgetattr(terminal).and_then(|mut modes| {
                modes.local_modes.remove(rustix::termios::LocalModes::ECHO);
                rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, &modes)
            });
            claims.say("ioctl(TCSETS)", &changed.map_err(io::Error::from));
        },
    ),
    probe(
        "G8.listener",
        "leaves somebody who listens",
        Deciders::silent(TRACKING),
        "a cgroup or a pid namespace from birth",
        listens,
        |attack, claims| {
            let name = SocketAddr::from_abstract_name(attack.target("name"));
            let listener = name.and_then(|name| UnixListener::bind_addr(&name));
            if listener.is_ok() {
                // SAFETY: the actor has one thread; the child leaves its session, and its parent, which ends first.
                unsafe {
                    if libc::fork() == 0 {
                        libc::setsid();
                        if libc::fork() == 0 {
                            libc::alarm(5);
                            libc::pause();
                        }
                        libc::_exit(0);
                    }
                    libc::wait(std::ptr::null_mut());
                }
            }
            claims.say("bind", &listener);
            std::thread::sleep(Duration::from_secs(5));
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
    Probe { id, guarantee: G8, about, deciders, fix, trial, attack }
}

/// Where the attacker has what it shares with the supervisor.
const PASSED: i32 = 5;
/// `FS_IMMUTABLE_FL`.
const IMMUTABLE: libc::c_int = 0x10;

// --- inside

fn plant(attack: &Attack, claims: &mut Claims) {
    let target = Named::target(attack, claims);
    claims.say(target.call(), &target.make(attack.target("secret")));
}

fn get_flags(file: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let mut flags: libc::c_int = 0;
    // SAFETY: a live local.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) })?;
    Ok(flags)
}

fn set_flags(file: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: a live local.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) }).map(drop)
}

// --- outside

/// Each is looked for and removed.
const OBJECTS: u64 = 3;

fn fresh() -> Result<String, Trouble> {
    crate::clean::fresh_name().map_err(Trouble::io("/proc/self/stat"))
}

fn not_here(why: impl Into<String>, remedy: &str) -> Trouble {
    Trouble::NotHere { why: why.into(), remedy: remedy.into() }
}

/// Has it left, and looks for what it left when the job is gone.
fn left(setting: &Setting<'_>, kind: Kind, directory: Option<&str>) -> Result<Tally, Trouble> {
    let granted =
        |directory: &str| setting.plan.policy().paths().iter().any(|rule| Path::new(directory).starts_with(&rule.path));
    if let Some(directory) = directory.filter(|directory| granted(directory)) {
        return Err(not_here(format!("the policy grants {directory}"), "grant less, and probe again"));
    }
    let name = || match (kind, directory) {
        (Kind::Queue, _) => fresh().map(|name| format!("/{name}")),
        (_, Some(directory)) => fresh().map(|name| format!("{directory}/{name}")),
        _ => secret(),
    };
    let names = (0..setting.rounds.min(OBJECTS)).map(|_| name()).collect::<Result<Vec<_>, _>>()?;
    plant_and_look(setting, kind, names)
}

fn plant_and_look(setting: &Setting<'_>, kind: Kind, names: Vec<String>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: names.len() as u64, ..*setting };
    let objects: Vec<_> = names.into_iter().map(|name| Removed(Named::new(kind, name))).collect();
    let mut attack = setting.attack();
    for (round, object) in (0..).zip(&objects) {
        object.0.aim(&mut attack, round);
    }
    attack.targets.insert("secret".into(), secret()?);
    let claims = setting.claims(attack)?;
    // Nobody else could have thought of the name; what is there without its text is left all the same.
    let through = objects.iter().filter(|object| object.0.exists()).count();
    Ok(setting.tally("was found when the job was gone", through as u64, &claims))
}

fn group_left(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let facts = setting.plan.facts();
    let v1 = || facts.cgroup_v1.iter().find(|v1| v1.create.works()).map(|v1| &v1.own);
    let Some(tree) = facts.v2_usable().map(|v2| &v2.own).or_else(v1) else {
        return Err(not_here("no cgroup may be made here", "systemd-run --user --scope -p Delegate=yes"));
    };
    let names = (0..setting.rounds.min(OBJECTS)).map(|_| Ok(tree.join(fresh()?).to_string_lossy().into_owned()));
    plant_and_look(setting, Kind::Directory, names.collect::<Result<_, Trouble>>()?)
}

fn aimed(setting: &Setting<'_>) -> Attack {
    let mut attack = setting.attack();
    attack.targets.insert("inside".into(), setting.place.inside().to_string_lossy().into_owned());
    attack
}

fn modes(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(OBJECTS), ..*setting };
    let claims = setting.claims(aimed(&setting))?;
    let path = |round| setting.place.inside().join(format!("left{round}"));
    let set = |round: &u64| fs::metadata(path(*round)).is_ok_and(|file| file.mode() & libc::S_ISUID != 0);
    let through = (0..setting.rounds).filter(set).count();
    Ok(setting.tally("left one", through as u64, &claims))
}

/// A file that may be removed again when this is dropped.
struct Mutable(PathBuf);

impl Drop for Mutable {
    fn drop(&mut self) {
        if let Ok(file) = fs::File::open(&self.0)
            && let Ok(flags) = get_flags(file.as_fd())
        {
            let _ = set_flags(file.as_fd(), flags & !IMMUTABLE);
        }
    }
}

fn immutable(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let seen = fs::File::open(setting.place.inside()).and_then(|directory| get_flags(directory.as_fd()));
    if seen.is_err() {
        return Err(not_here("files have no such flags here", "set TMPDIR to a file system that has them"));
    }
    let left = Mutable(setting.place.inside().join("left0"));
    let claims = setting.claims(aimed(&setting))?;
    let flags = fs::File::open(&left.0).and_then(|file| get_flags(file.as_fd()));
    let through = flags.is_ok_and(|flags| flags & IMMUTABLE != 0);
    Ok(setting.tally("left one", u64::from(through), &claims))
}

fn image(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").map_err(Trouble::io("core_pattern"))?;
    let stem = pattern.trim().split('%').next().unwrap_or_default().to_owned();
    if stem.is_empty() || stem.starts_with(['|', '/']) {
        return Err(not_here("images of memory do not go to the working directory here", "see core(5)"));
    }
    if rustix::process::getrlimit(rustix::process::Resource::Core).maximum == Some(0) {
        return Err(not_here("the run itself may leave no image of memory", "ulimit -Hc unlimited"));
    }
    let claims = setting.claims(aimed(&setting))?;
    let names = fs::read_dir(setting.place.inside()).map_err(Trouble::io("list a directory"))?.flatten();
    let images = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&stem)).count();
    Ok(setting.tally("left one", u64::from(images > 0), &claims))
}

/// Passes a descriptor, and asks when the job is gone whether it is as it was.
fn passed(setting: &Setting<'_>, fd: BorrowedFd<'_>, changed: impl FnOnce() -> bool) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(fd, PASSED)])?;
    let claims = running.finish();
    Ok(setting.tally("was so when the job was gone", u64::from(changed()), &claims))
}

fn locked(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = setting.place.outside().join("locked");
    let open = || fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let shared = open().map_err(Trouble::io("make a canary"))?;
    let other = open().map_err(Trouble::io("open a canary"))?;
    passed(setting, shared.as_fd(), || {
        rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

fn impatient(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let (_read, write) = io::pipe().map_err(Trouble::io("pipe"))?;
    passed(setting, write.as_fd(), || {
        rustix::fs::fcntl_getfl(&write).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
    })
}

fn silenced(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let terminal = Terminal::make()?;
    let echo = rustix::termios::LocalModes::ECHO;
    let modes = |change: fn(&mut rustix::termios::Termios)| {
        let mut modes = rustix::termios::tcgetattr(&terminal.end)?;
        change(&mut modes);
        rustix::termios::tcsetattr(&terminal.end, rustix::termios::OptionalActions::Now, &modes)?;
        Ok::<_, rustix::io::Errno>(modes)
    };
    modes(|modes| modes.local_modes.insert(rustix::termios::LocalModes::ECHO)).map_err(Trouble::sys("tcsetattr"))?;
    passed(setting, terminal.end.as_fd(), || modes(|_| {}).is_ok_and(|modes| !modes.local_modes.contains(echo)))
}

fn listens(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let name = secret()?;
    let mut attack = setting.attack();
    attack.targets.insert("name".into(), name.clone());
    let mut running = setting.start(&Task::Attack(attack))?;
    let claims = running.first_claim();
    if setting.applies(TRACKING) {
        running.job.kill().map_err(|error| Trouble::Launch(error.to_string()))?;
    } else {
        kill_group(&running)?;
    }
    let there = SocketAddr::from_abstract_name(&name).and_then(|name| UnixStream::connect_addr(&name));
    Ok(setting.tally("still listened", u64::from(there.is_ok()), &claims))
}
