//! G7, files: what the policy does not grant is neither read nor changed, by whatever name or descriptor.
//!
//! The canaries are files in a directory beside the one that is granted. A read is proved by a secret that is random
//! in each trial; a change is looked at from outside, afterwards. Source: landlock(7) for what it does not cover: stat,
//! chmod, utimes, setxattr, inotify; openat(2), proc_pid_root(5).

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, XattrFlags, inotify};

use super::inside::{canary, check, own};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::{Attack, Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;
use crate::actor::Claim;

/// What decides over contents; Landlock alone does. Where a link or a rename crosses into what it does not allow it
/// says EXDEV, which is also what a mount says; what is not granted has no name in a private root at all.
pub(super) const CONTENTS: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[
        (LandlockFiles, libc::EACCES),
        (LandlockFiles, libc::EXDEV),
        (PrivateRoot, libc::EXDEV),
        (PrivateRoot, libc::ENOENT),
    ],
};
const SHORTENING: Deciders = Deciders {
    expected: &[LandlockTruncate, PrivateRoot],
    says: &[(LandlockTruncate, libc::EACCES), (PrivateRoot, libc::ENOENT)],
};
/// What decides over the rest; Landlock does not see it.
pub(super) const METADATA: Deciders = Deciders { expected: &[PrivateRoot], says: &[(PrivateRoot, libc::ENOENT)] };
pub(super) const FIX_CONTENTS: &str = "Landlock or a private root";
pub(super) const FIX_METADATA: &str = "a private root: Landlock does not cover metadata";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.files.read", "reads a file outside of the policy", CONTENTS, FIX_CONTENTS, read, |attack, claims| {
        claims.saw("open", fs::read_to_string(attack.target("secret")));
    }),
    probe("G7.files.root", "reads it through /proc/self/root", CONTENTS, FIX_CONTENTS, read, |attack, claims| {
        claims.saw("open", fs::read_to_string(format!("/proc/self/root{}", attack.target("secret"))));
    }),
    probe(
        "G7.files.symlink",
        "reads it through a symbolic link of its own",
        CONTENTS,
        FIX_CONTENTS,
        read,
        |a, claims| {
            let link = own(a, claims, "symlink");
            let read = std::os::unix::fs::symlink(a.target("secret"), &link).and_then(|()| fs::read_to_string(&link));
            claims.saw("open", read);
        },
    ),
    probe("G7.files.hardlink", "reads it through a hard link of its own", CONTENTS, FIX_CONTENTS, read, |a, claims| {
        let link = own(a, claims, "hardlink");
        let read = fs::hard_link(a.target("secret"), &link).and_then(|()| fs::read_to_string(&link));
        claims.saw("link", read);
    }),
    probe(
        "G7.files.dirfd",
        "reads it below a directory descriptor that the supervisor left open",
        Deciders {
            expected: &[ExactDescriptors, LandlockFiles],
            says: &[(ExactDescriptors, libc::EBADF), (LandlockFiles, libc::EACCES)],
        },
        "pass exactly the listed descriptors",
        read_below_descriptor,
        |attack, claims| {
            // SAFETY: only used to open below it; where nothing is open the call fails.
            let directory = unsafe { BorrowedFd::borrow_raw(attack.number("directory")) };
            let opened = rustix::fs::openat(directory, "secret", OFlags::RDONLY, Mode::empty());
            claims.saw("openat", opened.map_err(Into::into).and_then(|fd| io::read_to_string(fs::File::from(fd))));
        },
    ),
    probe(
        "G7.files.list",
        "lists a directory outside of the policy",
        CONTENTS,
        FIX_CONTENTS,
        list,
        |attack, claims| {
            let entries = fs::read_dir(attack.target("outside"));
            let names =
                entries.map(|e| e.flatten().map(|e| e.file_name().to_string_lossy().into()).collect::<Vec<String>>());
            claims.saw("open", names.map(|names| names.join(" ")));
        },
    ),
    probe("G7.files.write", "makes a file outside of the policy", CONTENTS, FIX_CONTENTS, written, |attack, claims| {
        let result = fs::write(canary(attack, claims), "written");
        claims.say("open", &result);
    }),
    probe("G7.files.truncate", "shortens a file outside", SHORTENING, FIX_CONTENTS, truncated, |attack, claims| {
        let path = std::ffi::CString::new(canary(attack, claims)).unwrap_or_default();
        // SAFETY: the path ends in a zero.
        let result = check(unsafe { libc::truncate(path.as_ptr(), 0) });
        claims.say("truncate", &result);
    }),
    probe("G7.files.remove", "removes a file outside", CONTENTS, FIX_CONTENTS, removed, |attack, claims| {
        let result = fs::remove_file(canary(attack, claims));
        claims.say("unlink", &result);
    }),
    probe(
        "G7.files.rename",
        "moves a file outside to where it may read",
        CONTENTS,
        FIX_CONTENTS,
        removed,
        |a, claims| {
            let result = fs::rename(canary(a, claims), own(a, claims, "moved"));
            claims.say("rename", &result);
        },
    ),
    probe("G7.files.stat", "learns the size of a file outside", METADATA, FIX_METADATA, stat, |attack, claims| {
        claims.saw("stat", fs::metadata(attack.target("secret")).map(|m| m.size().to_string()));
    }),
    probe("G7.files.chmod", "changes the mode of a file outside", METADATA, FIX_METADATA, mode, |attack, claims| {
        let result = fs::set_permissions(canary(attack, claims), fs::Permissions::from_mode(CHANGED_MODE));
        claims.say("chmod", &result);
    }),
    probe("G7.files.utimes", "changes the times of a file outside", METADATA, FIX_METADATA, times, |attack, claims| {
        let then = Timespec { tv_sec: CHANGED_TIME, tv_nsec: 0 };
        let both = Timestamps { last_access: then, last_modification: then };
        let result = rustix::fs::utimensat(CWD, canary(attack, claims), &both, AtFlags::empty());
        claims.say("utimensat", &result.map_err(io::Error::from));
    }),
    probe(
        "G7.files.xattr",
        "sets an attribute of a file outside",
        METADATA,
        FIX_METADATA,
        attribute,
        |attack, claims| {
            let path = canary(attack, claims);
            let result = rustix::fs::setxattr(path, ATTRIBUTE, b"changed", XattrFlags::empty());
            claims.say("setxattr", &result.map_err(io::Error::from));
        },
    ),
    probe("G7.files.inotify", "watches names appear outside", METADATA, FIX_METADATA, watch, |attack, claims| {
        let seen = watch_for_a_name(attack.target("outside"));
        claims.saw("inotify_add_watch", seen);
    }),
];

// --- inside

fn watch_for_a_name(directory: &str) -> io::Result<String> {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK)?;
    inotify::add_watch(&watch, directory, inotify::WatchFlags::CREATE)?;
    let mut space = [std::mem::MaybeUninit::uninit(); 1024];
    let mut events = inotify::Reader::new(&watch, &mut space);
    for _ in 0..100 {
        match events.next() {
            Ok(event) => return Ok(event.file_name().map(|n| n.to_string_lossy().into()).unwrap_or_default()),
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

// --- outside

const CHANGED_MODE: u32 = 0o640;
const CHANGED_TIME: i64 = 1_000_000_000;
const ATTRIBUTE: &str = "user.lacuna";

pub(super) fn aimed(setting: &Setting<'_>) -> Attack {
    let mut attack = setting.attack();
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    attack.targets.insert("inside".into(), path(setting.place.inside()));
    attack.targets.insert("outside".into(), path(setting.place.outside()));
    attack.targets.insert("secret".into(), path(setting.place.outside().join("secret")));
    attack
}

pub(super) fn knows(claims: &[Claim], secret: &str) -> u64 {
    claims.iter().filter(|claim| claim.saw.as_deref().is_some_and(|saw| saw.contains(secret))).count() as u64
}

pub(super) fn put_secret(setting: &Setting<'_>) -> Result<String, Trouble> {
    let secret = secret()?;
    fs::write(setting.place.outside().join("secret"), &secret).map_err(Trouble::io("make a canary"))?;
    Ok(secret)
}

pub(super) fn read(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = put_secret(setting)?;
    let claims = setting.claims(aimed(setting))?;
    Ok(setting.tally("read the secret", knows(&claims, &secret), &claims))
}

fn read_below_descriptor(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = put_secret(setting)?;
    let directory = rustix::fs::open(setting.place.outside(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let directory = inheritable(&directory.map_err(Trouble::sys("open"))?)?;
    let mut attack = aimed(setting);
    attack.targets.insert("directory".into(), directory.as_raw_fd().to_string());
    let claims = setting.claims(attack)?;
    Ok(setting.tally("read the secret", knows(&claims, &secret), &claims))
}

/// A copy that an exec keeps, as a careless supervisor has them; high, where nothing else will be put.
pub(super) fn inheritable(fd: &OwnedFd) -> Result<OwnedFd, Trouble> {
    let copy = rustix::io::fcntl_dupfd_cloexec(fd, 200).map_err(Trouble::sys("fcntl(F_DUPFD_CLOEXEC)"))?;
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty()).map_err(Trouble::sys("fcntl(F_SETFD)"))?;
    Ok(copy)
}

fn list(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let name = secret()?;
    fs::write(setting.place.outside().join(&name), "").map_err(Trouble::io("make a canary"))?;
    let claims = setting.claims(aimed(setting))?;
    Ok(setting.tally("read its names", knows(&claims, &name), &claims))
}

fn stat(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    // A size of its own: the attacker has no other way to know it.
    let size = u64::from_str_radix(secret.get(..6).unwrap_or("1"), 16).unwrap_or(1);
    let path = setting.place.outside().join("secret");
    let sized = fs::File::create(path).and_then(|file| file.set_len(size));
    sized.map_err(Trouble::io("make a canary"))?;
    let claims = setting.claims(aimed(setting))?;
    let through = claims.iter().filter(|c| c.saw.as_deref() == Some(size.to_string().as_str())).count();
    Ok(setting.tally("learnt the size", through as u64, &claims))
}

pub(super) fn watch(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let name = secret()?;
    // Each round waits for something to happen.
    let setting = Setting { rounds: setting.rounds.min(3), ..*setting };
    let over = AtomicBool::new(false);
    let claims = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let _ = fs::write(setting.place.outside().join(format!("{name}{number}")), "");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let claims = setting.claims(aimed(&setting));
        over.store(true, Ordering::Relaxed);
        claims
    })?;
    Ok(setting.tally("saw the name appear", knows(&claims, &name), &claims))
}

/// Makes a canary a round if asked, has it attacked, and counts those on which the judge sees the effect.
pub(super) fn changed(
    setting: &Setting<'_>,
    before: Option<&str>,
    effect: &'static str,
    judge: fn(&Path) -> bool,
) -> Result<Tally, Trouble> {
    let path = |round| setting.place.outside().join(format!("canary{round}"));
    if let Some(text) = before {
        (0..setting.rounds).try_for_each(|round| fs::write(path(round), text)).map_err(Trouble::io("make a canary"))?;
    }
    let claims = setting.claims(aimed(setting))?;
    let through = (0..setting.rounds).filter(|round| judge(&path(*round))).count();
    Ok(setting.tally(effect, through as u64, &claims))
}

pub(super) fn written(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, None, "made a file", |path| path.exists())
}

fn truncated(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some("contents"), "emptied it", |path| fs::metadata(path).is_ok_and(|m| m.len() == 0))
}

fn removed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some("contents"), "took it away", |path| !path.exists())
}

fn mode(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some(""), "changed the mode", |path| {
        fs::metadata(path).is_ok_and(|m| m.mode() & 0o777 == CHANGED_MODE)
    })
}

fn times(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some(""), "changed the times", |path| fs::metadata(path).is_ok_and(|m| m.mtime() == CHANGED_TIME))
}

fn attribute(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some(""), "set the attribute", |path| {
        rustix::fs::getxattr(path, ATTRIBUTE, &mut [0u8; 16]).is_ok_and(|length| length == 7)
    })
}
