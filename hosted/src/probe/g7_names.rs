//! G7, files again: other ways to one than its path, other things about it than its contents, other things than files.
//!
//! A mechanism that compares paths is deceived by `..`, by a link that changes between the look and the use, and by
//! whatever needs no path: a handle, a descriptor for naming alone. One that speaks of contents says nothing of owners,
//! attributes, links and whether a name exists. And every kind of thing that can be made has a check of its own.
//!
//! Source: path_resolution(7), openat2(2), open_by_handle_at(2), open(2) O_PATH, access(2), readlink(2), getxattr(2),
//! chown(2), mknod(2), renameat2(2), fanotify_mark(2), chroot(2), execve(2); landlock(7) on what it covers.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags, XattrFlags};

use super::g7_files::{
    CONTENTS, FIX_CONTENTS, FIX_METADATA, METADATA, aimed, changed, inheritable, knows, put_secret, read, written,
};
use super::inside::{canary, check, in_a_child, own, somebody_else, unshare};
use super::stage::{Setting, Trouble, copy_program, replan, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::Access;
use crate::PrimitiveId::*;

/// A filter that cannot read a mode refuses the call.
const NEWEST: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT), (SeccompSurface, libc::ENOSYS)],
};
/// A capability opens what a handle names, whatever its path.
const HANDLE: Deciders = Deciders {
    expected: &[SeccompSurface, DropCapabilities],
    says: &[(SeccompSurface, libc::EPERM), (DropCapabilities, libc::EPERM), (UserNamespace, libc::EPERM)],
};
/// It takes a capability, here or in a user namespace; then what is outside is only out of a name's reach.
const ROOTS: Deciders = Deciders {
    expected: &[DropCapabilities, SeccompSurface, LandlockFiles, PrivateRoot],
    says: &[
        (SeccompSurface, libc::EPERM),
        (DropCapabilities, libc::EPERM),
        (UserNamespace, libc::EPERM),
        (LandlockFiles, libc::EACCES),
        (PrivateRoot, libc::ENOENT),
    ],
};
const DEVICES: Deciders = Deciders {
    expected: &[DropCapabilities, LandlockFiles],
    says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EPERM), (LandlockFiles, libc::EACCES)],
};
const EXECUTION: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
};

pub(super) const PROBES: &[Probe] = &[
    probe(
        "G7.files.dotdot",
        "reads it through a granted directory and ..",
        CONTENTS,
        FIX_CONTENTS,
        read,
        |a, claims| {
            claims.saw("open", fs::read_to_string(format!("{}/../out/secret", a.target("inside"))));
        },
    ),
    probe(
        "G7.files.swap",
        "reads it by a link that changes while it is opened",
        CONTENTS,
        FIX_CONTENTS,
        read_a_few,
        |a, claims| {
            let seen = swap(a, claims);
            claims.saw("open", seen);
        },
    ),
    probe("G7.files.openat2", "reads it by the newest way to open", NEWEST, FIX_CONTENTS, read, |attack, claims| {
        let secret = attack.target("secret");
        let opened = rustix::fs::openat2(CWD, secret, OFlags::RDONLY, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        claims.saw("openat2", opened.map_err(Into::into).and_then(|fd| io::read_to_string(fs::File::from(fd))));
    }),
    probe(
        "G7.files.handle",
        "opens it by a handle, without any path",
        HANDLE,
        "drop CAP_DAC_READ_SEARCH, or a seccomp filter of the kernel's surface",
        read_by_handle,
        |attack, claims| {
            let opened = open_by_handle(attack);
            claims.saw("open_by_handle_at", opened.and_then(|fd| io::read_to_string(fs::File::from(fd))));
        },
    ),
    probe(
        "G7.files.opath",
        "opens it anew by a descriptor that only names it",
        Deciders {
            expected: &[ExactDescriptors, LandlockFiles, PrivateRoot],
            // What is not open has no name in /proc either.
            says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT), (ExactDescriptors, libc::ENOENT)],
        },
        "pass exactly the listed descriptors",
        read_by_name_alone,
        |attack, claims| {
            let path = format!("/proc/self/fd/{}", attack.target("name"));
            claims.saw("open", fs::read_to_string(path));
        },
    ),
    probe("G7.files.chroot", "leaves a root of its own upwards", ROOTS, FIX_CONTENTS, read_a_few, |attack, claims| {
        let jail = own(attack, claims, "jail");
        let secret = attack.target("secret").trim_start_matches('/').to_owned();
        // The child tells: it alone is in the jail, and out of it.
        let left = in_a_child(|| {
            let seen = break_out(&jail).and_then(|()| fs::read_to_string(&secret));
            claims.saw("chroot", seen);
            Ok(())
        });
        if left.is_err() {
            claims.say("fork", &left);
        }
    }),
    probe("G7.files.exists", "learns which names exist outside", METADATA, FIX_METADATA, exists, |attack, claims| {
        claims.saw("access", which_exist(attack.target("outside")));
    }),
    probe("G7.files.readlink", "reads where a link outside leads", METADATA, FIX_METADATA, link, |attack, claims| {
        let path = format!("{}/link", attack.target("outside"));
        claims.saw("readlink", fs::read_link(path).map(|to| to.to_string_lossy().into_owned()));
    }),
    probe(
        "G7.files.getxattr",
        "reads an attribute of a file outside",
        METADATA,
        FIX_METADATA,
        attribute,
        |a, claims| {
            let mut bytes = [0u8; 64];
            let length = rustix::fs::getxattr(a.target("secret"), ATTRIBUTE, &mut bytes);
            let text = length.map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned());
            claims.saw("getxattr", text.map_err(io::Error::from));
        },
    ),
    probe("G7.files.chown", "gives a file outside to another user", METADATA, FIX_METADATA, given, |attack, claims| {
        let result = std::os::unix::fs::chown(canary(attack, claims), Some(attack.number("somebody")), None);
        claims.say("chown", &result);
    }),
    probe(
        "G7.files.fanotify",
        "watches a directory outside by another interface",
        Deciders {
            expected: &[SeccompSurface, PrivateRoot],
            says: &[(SeccompSurface, libc::EPERM), (PrivateRoot, libc::ENOENT)],
        },
        "a private root, or a seccomp filter of the kernel's surface",
        watched,
        |attack, claims| {
            claims.saw("fanotify_init", watch(attack.target("outside")));
        },
    ),
    probe("G7.files.mkdir", "makes a directory outside", CONTENTS, FIX_CONTENTS, written, |attack, claims| {
        claims.say("mkdir", &fs::create_dir(canary(attack, claims)));
    }),
    probe("G7.files.symlink_out", "makes a symbolic link outside", CONTENTS, FIX_CONTENTS, linked, |attack, claims| {
        claims.say("symlink", &std::os::unix::fs::symlink("anywhere", canary(attack, claims)));
    }),
    probe("G7.files.fifo", "makes a named pipe outside", CONTENTS, FIX_CONTENTS, written, |attack, claims| {
        let path = CString::new(canary(attack, claims)).unwrap_or_default();
        // SAFETY: the path ends in a zero.
        claims.say("mkfifo", &check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }));
    }),
    probe("G7.files.bind", "makes a socket outside", CONTENTS, FIX_CONTENTS, written, |attack, claims| {
        claims.say("bind", &std::os::unix::net::UnixListener::bind(canary(attack, claims)));
    }),
    probe("G7.files.rmdir", "removes a directory outside", CONTENTS, FIX_CONTENTS, directory_removed, |a, claims| {
        claims.say("rmdir", &fs::remove_dir(canary(a, claims)));
    }),
    probe("G7.files.replace", "exchanges a file outside for its own", CONTENTS, FIX_CONTENTS, replaced, |a, claims| {
        let mine = own(a, claims, "mine");
        let result = fs::write(&mine, "replaced")
            .and_then(|()| Ok(rustix::fs::renameat_with(CWD, &mine, CWD, canary(a, claims), RenameFlags::EXCHANGE)?));
        claims.say("renameat2", &result);
    }),
    probe(
        "G7.files.mknod",
        "makes a device in its own directory",
        DEVICES,
        "drop all capabilities",
        device_made,
        |attack, claims| {
            // Of all devices the one that gives zeros.
            let path = CString::new(own(attack, claims, "device").to_string_lossy().as_bytes()).unwrap_or_default();
            // SAFETY: the path ends in a zero.
            let made = unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o600, libc::makedev(1, 5)) };
            claims.say("mknod", &check(made));
        },
    ),
    probe("G7.files.device", "opens a device outside of the policy", CONTENTS, FIX_CONTENTS, device, |_, claims| {
        // A terminal of its own, which harms nobody.
        claims.say("open", &fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx"));
    }),
    probe(
        "G7.files.sysctl",
        "opens a setting of the kernel for writing",
        Deciders {
            expected: &[LandlockFiles, PrivateRoot],
            says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
        },
        "Landlock or a private root: user 0 owns these files, whatever capabilities it has",
        super::g7_kernel::own_word,
        |_, claims| {
            // Nothing is written: that it may be is what is judged.
            claims.say("open", &fs::OpenOptions::new().write(true).open("/proc/sys/kernel/core_pattern"));
        },
    ),
    probe(
        "G7.exec.outside",
        "executes a program outside of the policy",
        EXECUTION,
        FIX_CONTENTS,
        ran_outside,
        |a, claims| {
            run(claims, Command::new(format!("{}/touch", a.target("outside"))).arg(own(a, claims, "ran")));
        },
    ),
    probe(
        "G7.exec.readable",
        "executes a program that the policy lets it read",
        Deciders { expected: &[LandlockFiles], says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::EACCES)] },
        "Landlock",
        ran_readable,
        |attack, claims| {
            run(claims, Command::new(format!("{}/touch", attack.target("readable"))).arg(own(attack, claims, "ran")));
        },
    ),
    probe(
        "G7.exec.loader",
        "has the loader start a program that the policy lets it read",
        Deciders { expected: &[PrivateRoot, LandlockFiles], says: &[(PrivateRoot, libc::EPERM)] },
        "a private root: to Landlock the loader reads a file, and maps it",
        ran_readable,
        |attack, claims| {
            let mut command = Command::new(attack.target("loader"));
            command.arg(format!("{}/touch", attack.target("readable"))).arg(own(attack, claims, "ran"));
            run(claims, &mut command);
        },
    ),
];

const ATTRIBUTE: &str = "user.lacuna";
/// Names of which some exist.
const NAMES: u32 = 32;

// --- inside

/// A thread makes a link lead now to a file of its own, now outside, while this one opens it.
fn swap(attack: &Attack, claims: &Claims) -> io::Result<String> {
    let (mine, link) = (own(attack, claims, "mine"), own(attack, claims, "swapped"));
    let next = own(attack, claims, "next");
    fs::write(&mine, "mine")?;
    std::os::unix::fs::symlink(&mine, &link)?;
    let over = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in [mine.as_path(), Path::new(attack.target("secret"))].into_iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let _ = std::os::unix::fs::symlink(target, &next).and_then(|()| fs::rename(&next, &link));
            }
        });
        let mut last = Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        while start.elapsed() < Duration::from_millis(150) {
            match fs::read_to_string(&link) {
                // The other thread may be waiting for this very processor.
                Ok(text) if text == "mine" => std::thread::yield_now(),
                // Between two opens that were refused it may have been let through: go on.
                Err(error) if last.is_err() => last = Err(error),
                Err(_) => {}
                Ok(text) => {
                    last = Ok(text);
                    break;
                }
            }
        }
        over.store(true, Ordering::Relaxed);
        last
    })
}

/// `struct file_handle`: how long, of which kind, and then the bytes.
const MOST_HANDLE_BYTES: usize = 128;

#[repr(C)]
struct Handle {
    length: u32,
    kind: i32,
    bytes: [u8; MOST_HANDLE_BYTES],
}

fn open_by_handle(attack: &Attack) -> io::Result<OwnedFd> {
    let mut handle = Handle { length: 0, kind: attack.number("kind"), bytes: [0; MOST_HANDLE_BYTES] };
    let text = attack.target("handle");
    let digits = (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok());
    for (to, from) in handle.bytes.iter_mut().zip(digits) {
        *to = from;
        handle.length += 1;
    }
    // Any descriptor of that file system will do.
    let here = fs::File::open(attack.target("inside"))?;
    // SAFETY: a live handle that is as long as it says, and a descriptor that lives.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            here.as_raw_fd(),
            &raw const handle,
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    // SAFETY: just made by the kernel, and nobody else has it.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Out of a root directory by way of one that lies outside of it: chroot(2) changes no working directory.
fn break_out(jail: &Path) -> io::Result<()> {
    fs::create_dir(jail)?;
    let jail = CString::new(jail.to_string_lossy().as_bytes())?;
    let root = |path: &CString| {
        // SAFETY: the path ends in a zero.
        check(unsafe { libc::chroot(path.as_ptr()) })
    };
    root(&jail).or_else(|_| {
        unshare(libc::CLONE_NEWUSER)?;
        root(&jail)
    })?;
    for _ in 0..64 {
        std::env::set_current_dir("..")?;
    }
    root(&c".".to_owned()).map(drop)
}

/// A digit for each name: does it exist?
fn which_exist(directory: &str) -> io::Result<String> {
    let mut digits = String::new();
    for name in 0..NAMES {
        match rustix::fs::access(format!("{directory}/name{name}"), rustix::fs::Access::EXISTS) {
            Ok(()) => digits.push('1'),
            Err(rustix::io::Errno::NOENT) => digits.push('0'),
            Err(error) => return Err(error.into()),
        }
    }
    // That none does is the answer where the directory is not there.
    if digits.contains('1') { Ok(digits) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
}

/// Waits until something is made in a directory, and tells its name.
fn watch(directory: &str) -> io::Result<String> {
    const CLOEXEC_NONBLOCK: u32 = 1 | 2;
    const REPORT_DIR_FID_AND_NAME: u32 = 0x400 | 0x800;
    const MARK_ADD: u32 = 1;
    const CREATE: u64 = 0x100;
    // SAFETY: takes integers.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_fanotify_init, CLOEXEC_NONBLOCK | REPORT_DIR_FID_AND_NAME, libc::O_RDONLY)
    })?;
    // SAFETY: just made by the kernel, and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let path = CString::new(directory)?;
    // SAFETY: the path ends in a zero.
    check(unsafe { libc::fanotify_mark(fd.as_raw_fd(), MARK_ADD, CREATE, libc::AT_FDCWD, path.as_ptr()) })?;
    let mut bytes = [0u8; 4096];
    for _ in 0..100 {
        match rustix::io::read(&fd, &mut bytes) {
            // The name is somewhere in the event.
            Ok(length) => {
                let printable = |byte: &u8| byte.is_ascii_alphanumeric();
                let words = bytes[..length].split(|byte| !printable(byte));
                let longest = words.max_by_key(|word| word.len()).unwrap_or_default();
                return Ok(String::from_utf8_lossy(longest).into_owned());
            }
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
}

/// Runs a program to its end.
fn run(claims: &mut Claims, command: &mut Command) {
    let ran = command.stderr(std::process::Stdio::null()).status();
    // The loader ends with a status of its own when the kernel lets it map nothing.
    let ran = ran.and_then(|status| match status.success() {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::EPERM)),
    });
    claims.say("execve", &ran);
}

// --- outside

/// Each round costs a process or a wait.
const FEW: u64 = 3;

fn few<'a>(setting: &Setting<'a>) -> Setting<'a> {
    Setting { rounds: setting.rounds.min(FEW), ..*setting }
}

fn not_here(why: String, remedy: &str) -> Trouble {
    Trouble::NotHere { why, remedy: remedy.into() }
}

fn read_a_few(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    read(&few(setting))
}

fn read_by_handle(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = put_secret(setting)?;
    let path = setting.place.outside().join("secret");
    let path = CString::new(path.to_string_lossy().as_bytes()).unwrap_or_default();
    let mut handle = Handle { length: MOST_HANDLE_BYTES as u32, kind: 0, bytes: [0; MOST_HANDLE_BYTES] };
    let mut mount: libc::c_int = 0;
    // SAFETY: room for a handle of the length that it says, and a live number.
    let named = check(unsafe {
        let (handle, mount) = (&raw mut handle, &raw mut mount);
        libc::syscall(libc::SYS_name_to_handle_at, libc::AT_FDCWD, path.as_ptr(), handle, mount, 0)
    });
    named.map_err(|error| {
        not_here(format!("files have no handles here: {error}"), "set TMPDIR to another file system")
    })?;
    let mut attack = aimed(setting);
    let bytes = handle.bytes.get(..handle.length as usize).unwrap_or_default();
    attack.targets.insert("handle".into(), bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    attack.targets.insert("kind".into(), handle.kind.to_string());
    let claims = setting.claims(attack)?;
    Ok(setting.tally("read the secret", knows(&claims, &secret), &claims))
}

fn read_by_name_alone(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = put_secret(setting)?;
    let path = setting.place.outside().join("secret");
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(Trouble::sys("open"))?;
    let left_open = inheritable(&file)?;
    let mut attack = aimed(setting);
    attack.targets.insert("name".into(), left_open.as_raw_fd().to_string());
    let claims = setting.claims(attack)?;
    Ok(setting.tally("read the secret", knows(&claims, &secret), &claims))
}

fn exists(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let bits = u32::from_str_radix(secret.get(..8).unwrap_or_default(), 16).unwrap_or_default() | 1;
    let digit = |name: u32| bits >> name & 1 == 1;
    let path = |name: u32| setting.place.outside().join(format!("name{name}"));
    let made = (0..NAMES).filter(|name| digit(*name)).try_for_each(|name| fs::write(path(name), ""));
    made.map_err(Trouble::io("make a canary"))?;
    let digits: String = (0..NAMES).map(|name| if digit(name) { '1' } else { '0' }).collect();
    let claims = setting.claims(aimed(setting))?;
    Ok(setting.tally("learnt which", knows(&claims, &digits), &claims))
}

fn link(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    std::os::unix::fs::symlink(&secret, setting.place.outside().join("link")).map_err(Trouble::io("make a canary"))?;
    let claims = setting.claims(aimed(setting))?;
    Ok(setting.tally("learnt where", knows(&claims, &secret), &claims))
}

fn attribute(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    put_secret(setting)?;
    let (secret, path) = (secret()?, setting.place.outside().join("secret"));
    rustix::fs::setxattr(path, ATTRIBUTE, secret.as_bytes(), XattrFlags::empty()).map_err(|errno| {
        not_here(format!("files keep no attributes here: {errno}"), "set TMPDIR to another file system")
    })?;
    let claims = setting.claims(aimed(setting))?;
    Ok(setting.tally("read it", knows(&claims, &secret), &claims))
}

fn given(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = few(setting);
    let path = |round| setting.place.outside().join(format!("canary{round}"));
    (0..setting.rounds).try_for_each(|round| fs::write(path(round), "")).map_err(Trouble::io("make a canary"))?;
    let somebody = somebody_else(setting.plan.facts().uid);
    let mut attack = aimed(&setting);
    attack.targets.insert("somebody".into(), somebody.to_string());
    let claims = setting.claims(attack)?;
    let given = |round: &u64| fs::metadata(path(*round)).is_ok_and(|file| file.uid() == somebody);
    let through = (0..setting.rounds).filter(given).count();
    Ok(setting.tally("gave it away", through as u64, &claims))
}

fn watched(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    super::g7_files::watch(setting)
}

fn linked(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, None, "made one", Path::is_symlink)
}

fn directory_removed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = |round| setting.place.outside().join(format!("canary{round}"));
    (0..setting.rounds).try_for_each(|round| fs::create_dir(path(round))).map_err(Trouble::io("make a canary"))?;
    changed(setting, None, "removed it", |path| !path.exists())
}

fn replaced(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    changed(setting, Some("contents"), "exchanged it", |path| fs::read(path).is_ok_and(|text| text == b"replaced"))
}

fn device_made(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    use std::os::unix::fs::FileTypeExt;
    let setting = few(setting);
    let claims = setting.claims(aimed(&setting))?;
    let path = |round: u64| setting.place.inside().join(format!("device{round}"));
    let made = |round: &u64| fs::symlink_metadata(path(*round)).is_ok_and(|file| file.file_type().is_char_device());
    let through = (0..setting.rounds).filter(made).count();
    Ok(setting.tally("made one", through as u64, &claims))
}

fn device(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    if !Path::new("/dev/ptmx").exists() {
        return Err(not_here("there is no /dev/ptmx".into(), "try it where there is one"));
    }
    super::g7_kernel::own_word(setting)
}

fn ran(setting: &Setting<'_>, attack: Attack) -> Result<Tally, Trouble> {
    let claims = setting.claims(attack)?;
    let path = |round: u64| setting.place.inside().join(format!("ran{round}"));
    let through = (0..setting.rounds).filter(|round| path(*round).exists()).count();
    Ok(setting.tally("ran", through as u64, &claims))
}

fn ran_outside(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = few(setting);
    copy_program("touch", &setting.place.outside())?;
    ran(&setting, aimed(&setting))
}

/// In a directory of which the policy says that it may be read.
fn ran_readable(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let directory = setting.place.read_only();
    copy_program("touch", &directory)?;
    let policy = setting.plan.policy().clone().dir(&directory, Access::READ);
    let plan = replan(setting.plan, &policy, setting.plan.facts())?;
    let setting = Setting { plan: &plan, ..few(setting) };
    let mut attack = aimed(&setting);
    attack.targets.insert("readable".into(), directory.to_string_lossy().into_owned());
    attack.targets.insert("loader".into(), loader()?.to_string_lossy().into_owned());
    ran(&setting, attack)
}

fn loader() -> Result<PathBuf, Trouble> {
    let known = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-riscv64-lp64d.so.1"];
    let found = known.into_iter().map(PathBuf::from).find(|path| path.exists());
    found.ok_or_else(|| not_here("the loader is not at a place that is known".into(), "add its path"))
}
