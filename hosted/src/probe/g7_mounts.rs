//! G7, mounts: what is not granted is not brought under a name that is, and what is read-only does not become writable.
//!
//! Every attack is made in a child, in a mount namespace of its own whose mounts reach nobody else, as root or as the
//! root of a user namespace; it ends with the child. Where no such namespace may be made, the call is made all the same,
//! unless the namespace is still the one that the run itself is in.
//!
//! Source: mount(2), open_tree(2), fsopen(2), mount_setattr(2), pivot_root(2), mount_namespaces(7), the kernel's
//! filesystems/overlayfs.rst.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags};

use super::inside::{check, in_a_child, own, unshare};
use super::stage::{Setting, Trouble, replan, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::Access;
use crate::PrimitiveId::*;

/// A filter refuses the call; who has no capabilities may not mount; what is not granted has no name.
const MOUNTS: Deciders = Deciders {
    expected: &[SeccompSurface, DropCapabilities],
    says: &[
        (SeccompSurface, libc::EPERM),
        (DropCapabilities, libc::EPERM),
        (UserNamespace, libc::EPERM),
        (LandlockFiles, libc::EPERM),
        (PrivateRoot, libc::ENOENT),
    ],
};
const READ_ONLY: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::EROFS)],
};
const FIX: &str = "a seccomp filter of the kernel's surface, and no capabilities";

pub(super) const PROBES: &[Probe] = &[
    probe(
        "G7.mount.bind",
        "binds a directory outside to a name that is granted",
        MOUNTS,
        FIX,
        read,
        |attack, claims| {
            apart(attack, claims, |claims| {
                let at = made(attack, claims, "bound")?;
                let done = mount(&path(attack, "outside"), &at, c"", libc::MS_BIND, c"");
                tell(claims, "mount(MS_BIND)", done.and_then(|()| fs::read_to_string(below(&at, "secret"))))
            });
        },
    ),
    probe("G7.mount.tree", "opens a copy of the tree of mounts outside", MOUNTS, FIX, read, |attack, claims| {
        apart(attack, claims, |claims| {
            const OPEN_TREE_CLONE: libc::c_uint = 1;
            let from = path(attack, "outside");
            // SAFETY: the path ends in a zero.
            let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, from.as_ptr(), OPEN_TREE_CLONE) };
            tell(claims, "open_tree", owned(fd).and_then(|tree| read_below(&tree, "secret")))
        });
    }),
    probe("G7.mount.overlay", "lays its own directory over one outside", MOUNTS, FIX, read, |attack, claims| {
        apart(attack, claims, |claims| {
            let (at, empty) = (made(attack, claims, "merged")?, made(attack, claims, "empty")?);
            let lower = format!("lowerdir={}:{}", empty.to_string_lossy(), attack.target("outside"));
            let options = CString::new(lower).unwrap_or_default();
            let done = mount(c"overlay", &at, c"overlay", libc::MS_RDONLY, &options);
            tell(claims, "mount(overlay)", done.and_then(|()| fs::read_to_string(below(&at, "secret"))))
        });
    }),
    probe("G7.mount.fsopen", "makes a file system that has no name", MOUNTS, FIX, word, |attack, claims| {
        apart(attack, claims, |claims| {
            // SAFETY: takes a string that ends in a zero.
            let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) });
            tell(claims, "fsopen", context.map(|_| "made".into()))
        });
    }),
    probe("G7.mount.pivot", "puts another root in the place of its own", MOUNTS, FIX, word, |attack, claims| {
        apart(attack, claims, |claims| {
            let at = made(attack, claims, "root")?;
            // Where this is refused, so is what follows, by a check of its own.
            let _ = mount(&at, &at, c"", libc::MS_BIND, c"");
            // SAFETY: strings that end in a zero.
            let done = check(unsafe { libc::syscall(libc::SYS_pivot_root, at.as_ptr(), at.as_ptr()) });
            tell(claims, "pivot_root", done.map(|_| "done".into()))
        });
    }),
    probe("G7.mount.remount", "makes a read-only mount writable", MOUNTS, FIX, written, |attack, claims| {
        apart(attack, claims, |claims| {
            let at = path(attack, "read-only");
            bound_read_only(&at);
            let done = mount(c"", &at, c"", libc::MS_REMOUNT | libc::MS_BIND, c"");
            let file = below(&at, &format!("canary{}", claims.round()));
            tell(claims, "mount(MS_REMOUNT)", done.and_then(|()| fs::write(file, "written")).map(|()| String::new()))
        });
    }),
    probe("G7.mount.setattr", "takes the mark of a read-only mount away", MOUNTS, FIX, written, |attack, claims| {
        apart(attack, claims, |claims| {
            let at = path(attack, "read-only");
            bound_read_only(&at);
            // struct mount_attr: set, clear (read-only), propagation, user namespace.
            let change = [0u64, 1, 0, 0];
            let (cwd, size) = (libc::AT_FDCWD, size_of_val(&change));
            // SAFETY: the structure is the kernel's first version, of the size passed.
            let done =
                check(unsafe { libc::syscall(libc::SYS_mount_setattr, cwd, at.as_ptr(), 0, change.as_ptr(), size) });
            let file = below(&at, &format!("canary{}", claims.round()));
            tell(claims, "mount_setattr", done.and_then(|_| fs::write(file, "written")).map(|()| String::new()))
        });
    }),
    probe(
        "G7.files.readonly",
        "writes where the policy lets it read",
        READ_ONLY,
        "Landlock or a private root",
        written,
        |attack, claims| {
            let file = below(&path(attack, "read-only"), &format!("canary{}", claims.round()));
            claims.say("open", &fs::write(file, "written"));
        },
    ),
];

// --- inside

/// In a child, in a mount namespace of its own if there may be one. What is found out is told from there.
fn apart(attack: &Attack, claims: &mut Claims, attempt: impl FnOnce(&mut Claims) -> io::Result<()>) {
    let result = in_a_child(|| {
        match unshare(libc::CLONE_NEWNS) {
            Ok(()) => mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"")?,
            // Where it cannot be told, /proc is not seen, and so the root is another.
            Err(error) if namespace().is_ok_and(|inode| inode == attack.number::<u64>("namespace")) => {
                return Err(error);
            }
            Err(_) => {}
        }
        attempt(claims)
    });
    // Who has told something says no more; the first errno that is left is that of the namespace.
    if let Err(error) = result
        && error.raw_os_error() != Some(TOLD)
    {
        claims.say("unshare", &Err::<(), _>(error));
    }
}

/// Of a child that has said itself what it came to; no call gives it.
const TOLD: i32 = libc::EXFULL;

fn tell(claims: &mut Claims, call: &str, result: io::Result<String>) -> io::Result<()> {
    claims.saw(call, result);
    Err(io::Error::from_raw_os_error(TOLD))
}

fn namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/mnt").map(|namespace| namespace.ino())
}

fn path(attack: &Attack, name: &str) -> CString {
    CString::new(attack.target(name)).unwrap_or_default()
}

fn below(directory: &CStr, name: &str) -> String {
    format!("{}/{name}", directory.to_string_lossy())
}

/// A directory of its own in the granted one.
fn made(attack: &Attack, claims: &Claims, stem: &str) -> io::Result<CString> {
    let directory = own(attack, claims, stem);
    fs::create_dir(&directory)?;
    Ok(CString::new(directory.to_string_lossy().as_bytes())?)
}

fn mount(from: &CStr, at: &CStr, kind: &CStr, flags: libc::c_ulong, options: &CStr) -> io::Result<()> {
    // SAFETY: every string ends in a zero and lives during the call.
    let done = unsafe { libc::mount(from.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    check(done).map(drop)
}

/// What is undone afterwards: where it is refused, what undoes it meets the plan's own.
fn bound_read_only(at: &CStr) {
    let _ = mount(at, at, c"", libc::MS_BIND, c"");
    let _ = mount(c"", at, c"", libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY, c"");
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    // SAFETY: just made by the kernel, and nobody else has it.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn read_below(directory: &OwnedFd, name: &str) -> io::Result<String> {
    let file = rustix::fs::openat(directory, name, OFlags::RDONLY, Mode::empty())?;
    io::read_to_string(fs::File::from(file))
}

// --- outside

/// Each round makes directories and a process.
const ROUNDS: u64 = 3;

fn aimed(setting: &Setting<'_>) -> Result<Attack, Trouble> {
    let mut attack = setting.attack();
    let namespace = namespace().map_err(Trouble::io("stat of /proc/self/ns/mnt"))?;
    attack.targets.insert("namespace".into(), namespace.to_string());
    let place = [
        ("inside", setting.place.inside()),
        ("outside", setting.place.outside()),
        ("read-only", setting.place.read_only()),
    ];
    attack.targets.extend(place.map(|(name, path)| (name.into(), path.to_string_lossy().into_owned())));
    Ok(attack)
}

fn read(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(ROUNDS), ..*setting };
    let secret = secret()?;
    fs::write(setting.place.outside().join("secret"), &secret).map_err(Trouble::io("make a canary"))?;
    let claims = setting.claims(aimed(&setting)?)?;
    let through = claims.iter().filter(|claim| claim.saw.as_deref() == Some(&secret)).count();
    Ok(setting.tally("read the secret", through as u64, &claims))
}

fn word(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: setting.rounds.min(ROUNDS), ..*setting };
    let claims = setting.claims(aimed(&setting)?)?;
    let through = claims.iter().filter(|claim| claim.errno.is_none()).count();
    Ok(setting.tally("let through, by the attacker's own word", through as u64, &claims))
}

/// In a directory that the policy lets it read.
fn written(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let directory = setting.place.read_only();
    let policy = setting.plan.policy().clone().dir(&directory, Access::READ | Access::EXECUTE);
    let plan = replan(setting.plan, &policy, setting.plan.facts())?;
    let setting = Setting { plan: &plan, rounds: setting.rounds.min(ROUNDS), ..*setting };
    let claims = setting.claims(aimed(&setting)?)?;
    let through = (0..setting.rounds).filter(|round| directory.join(format!("canary{round}")).exists()).count();
    Ok(setting.tally("wrote there", through as u64, &claims))
}
