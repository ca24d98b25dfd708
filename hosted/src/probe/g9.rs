//! G9: a job comes to no right that it did not have and that nobody granted.
//!
//! Rights grow by what a program is marked with (set-user-id, file capabilities), by what user 0 is given at each exec,
//! by the calls that change who one is, and by a descriptor that was passed with fewer rights than its object has. The
//! attacker stays as what it has become until the judge has looked at its processes from outside.
//!
//! Marked programs are copies of `sleep` that the run makes, owned by a user who has nothing, so that becoming that user
//! is harmless. Some need the run to be root: nobody else can make one, or has anything that could grow.
//!
//! Source: execve(2), capabilities(7), setresuid(2), setgroups(2), setrlimit(2), unix(7) SCM_CREDENTIALS, open(2)
//! O_RDONLY, proc_pid_fd(5), fchmod(2).

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G9;
use rustix::fs::{Mode, OFlags, XattrFlags};

use super::inside::{check, in_a_child};
use super::stage::{Setting, Trouble, copy_program, secret};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
use crate::PrimitiveId::*;
use crate::actor::{Claim, Task};

/// A mark on a file says nothing to who has waived it, nor on a mount that ignores it.
const MARKED: Deciders = Deciders::silent(&[NoNewPrivileges, PrivateRoot]);
const CAPABILITIES: Deciders =
    Deciders { expected: &[DropCapabilities], says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EPERM)] };
/// In a user namespace that has one user, no other can be named.
const IDENTITY: Deciders = Deciders {
    expected: &[DropCapabilities, UserNamespace],
    says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EINVAL), (UserNamespace, libc::EPERM)],
};
/// Asked again by its name, the kernel looks at the rights anew: at the job's, if they are fewer.
const REOPENED: Deciders = Deciders {
    expected: &[LandlockFiles, PrivateRoot],
    says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
};
const FIX: &str = "drop all capabilities, and set no_new_privs";

pub(super) const PROBES: &[Probe] = &[
    probe("G9.setuid", "becomes the user of a program that says so", MARKED, FIX, marked_user, |attack, claims| {
        stay(claims, "execve", Command::new(attack.target("program")).arg("20"));
    }),
    probe("G9.setgid", "joins the group of a program that says so", MARKED, FIX, marked_group, |attack, claims| {
        stay(claims, "execve", Command::new(attack.target("program")).arg("20"));
    }),
    probe(
        "G9.file_capabilities",
        "has what a program is marked with",
        MARKED,
        FIX,
        marked_capable,
        |attack, claims| {
            let mut command = Command::new(attack.target("program"));
            // SAFETY: one call between fork and exec. Who cannot become another user has no more than before either.
            unsafe {
                command.arg("20").pre_exec(|| {
                    libc::setresuid(NOBODY, NOBODY, NOBODY);
                    Ok(())
                })
            };
            stay(claims, "execve", &mut command);
        },
    ),
    probe(
        "G9.root",
        "has every capability again, as user 0 has at each exec",
        Deciders::silent(&[DropCapabilities, NoNewPrivileges, UserNamespace]),
        FIX,
        regained,
        |_, claims| {
            let mut command = Command::new("sleep");
            // SAFETY: one call between fork and exec.
            unsafe { command.arg("20").pre_exec(|| set_capabilities([0; 6])) };
            stay(claims, "execve", &mut command);
        },
    ),
    probe("G9.ambient", "keeps a capability through every exec", CAPABILITIES, FIX, ambient, |_, claims| {
        let mut command = Command::new("sleep");
        // SAFETY: calls between fork and exec, on integers and a live local.
        unsafe {
            command.arg("20").pre_exec(|| {
                // What it has, the same to be inherited: effective, permitted and inheritable, twice.
                let has = get_capabilities()?;
                set_capabilities([has[0], has[1], has[1], has[3], has[4], has[4]])?;
                check(libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, NET_RAW, 0, 0)).map(drop)
            })
        };
        stay(claims, "prctl(PR_CAP_AMBIENT_RAISE)", &mut command);
    }),
    probe(
        "G9.securebits",
        "lets user 0 be mighty again",
        CAPABILITIES,
        FIX,
        super::g7_kernel::own_word,
        |_, claims| {
            // SAFETY: takes integers; of the child alone, which ends after it.
            let change = || check(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, 0, 0, 0, 0) }).map(drop);
            claims.say("prctl(PR_SET_SECUREBITS)", &in_a_child(change));
        },
    ),
    probe("G9.user", "becomes another user", IDENTITY, FIX, other_user, |_, claims| {
        // SAFETY: takes integers.
        claims.say("setresuid", &check(unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) }));
        wait();
    }),
    probe("G9.group", "becomes a member of another group", IDENTITY, FIX, other_group, |_, claims| {
        // SAFETY: takes integers.
        claims.say("setresgid", &check(unsafe { libc::setresgid(NOBODY, NOBODY, NOBODY) }));
        wait();
    }),
    probe("G9.groups", "becomes a member of further groups", IDENTITY, FIX, further_groups, |_, claims| {
        // SAFETY: one group that lives.
        claims.say("setgroups", &check(unsafe { libc::setgroups(1, &raw const NOBODY_TOO) }));
        wait();
    }),
    probe("G9.limits", "raises a limit that it had lowered for good", CAPABILITIES, FIX, raised, |_, claims| {
        let set = |most| {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: a live local.
            check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
        };
        claims.say("setrlimit", &set(LOWERED).and_then(|_| set(RAISED)));
        wait();
    }),
    probe(
        "G9.credentials",
        "claims to be another process to whom it speaks with",
        Deciders {
            expected: &[DropCapabilities],
            says: &[(DropCapabilities, libc::EPERM), (UserNamespace, libc::EPERM)],
        },
        FIX,
        impersonated,
        |_, claims| claims.say("sendmsg(SCM_CREDENTIALS)", &claim_to_be(1)),
    ),
    probe(
        "G9.reopen",
        "writes to a file that it was passed for reading",
        REOPENED,
        "Landlock or a private root, so that what is passed has no name",
        rewritten,
        |_, claims| {
            let file = fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{PASSED}"));
            claims.say("open", &file.and_then(|mut file| io::Write::write_all(&mut file, b"rewritten")));
        },
    ),
    probe(
        "G9.above",
        "reads above a directory that it was passed",
        Deciders { expected: &[LandlockFiles], says: &[(LandlockFiles, libc::EACCES)] },
        "Landlock: a private root has no say about a directory that is passed in",
        read_above,
        |_, claims| {
            // SAFETY: whoever wrote the task passed this number with it.
            let directory = unsafe { BorrowedFd::borrow_raw(PASSED) };
            let opened = rustix::fs::openat(directory, "../secret", OFlags::RDONLY, Mode::empty());
            claims.saw("openat", opened.map_err(Into::into).and_then(|fd| io::read_to_string(fs::File::from(fd))));
        },
    ),
    probe(
        "G9.chmod",
        "changes the mode of a file that it was passed for reading",
        // No primitive speaks of metadata behind a descriptor.
        Deciders::silent(&[]),
        "pass a pipe or a copy: the right to read says nothing about the mode",
        mode_changed,
        |_, claims| {
            // SAFETY: takes integers.
            claims.say("fchmod", &check(unsafe { libc::fchmod(PASSED, CHANGED_MODE) }));
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
    Probe { id, guarantee: G9, about, deciders, fix, trial, attack }
}

/// A user and a group who have nothing.
const NOBODY: libc::uid_t = 65534;
static NOBODY_TOO: libc::gid_t = NOBODY;
/// `CAP_NET_RAW`, by its number.
const NET_RAW: libc::c_ulong = 13;
/// Where the attacker has what it was passed.
const PASSED: i32 = 5;
const LOWERED: libc::rlim_t = 100;
const RAISED: libc::rlim_t = 200;
const CHANGED_MODE: u32 = 0o640;

// --- inside

/// Until the judge has looked, and the job is ended.
fn wait() {
    std::thread::sleep(Duration::from_secs(5));
}

/// Starts a program that waits, and says that it runs.
fn stay(claims: &mut Claims, call: &str, command: &mut Command) {
    let running = command.spawn();
    claims.say(call, &running);
    wait();
}

/// `_LINUX_CAPABILITY_VERSION_3`, and this process.
const HEADER: [u32; 2] = [0x2008_0522, 0];

/// Effective, permitted, inheritable: the lower half of each, then the upper.
fn get_capabilities() -> io::Result<[u32; 6]> {
    let mut sets = [0u32; 6];
    // SAFETY: the header is version and pid, the data two structures of three words each.
    check(unsafe { libc::syscall(libc::SYS_capget, HEADER.as_ptr(), sets.as_mut_ptr()) })?;
    Ok(sets)
}

fn set_capabilities(sets: [u32; 6]) -> io::Result<()> {
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_capset, HEADER.as_ptr(), sets.as_ptr()) }).map(drop)
}

/// Sends a byte on the passed socket in the name of another process.
fn claim_to_be(pid: libc::pid_t) -> io::Result<()> {
    // SAFETY: take nothing.
    let credentials = unsafe { libc::ucred { pid, uid: libc::getuid(), gid: libc::getgid() } };
    let mut byte = [b'x'];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut space = [0usize; 8];
    let length = size_of_val(&credentials) as u32;
    // SAFETY: plain data, for which zero is a value; the pointers are to live locals.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    message.msg_control = space.as_mut_ptr().cast();
    // SAFETY: a calculation on an integer.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(length) } as _;
    // SAFETY: the space is aligned and large enough for one header and the credentials.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_CREDENTIALS;
        (*header).cmsg_len = libc::CMSG_LEN(length) as _;
        std::ptr::write_unaligned(libc::CMSG_DATA(header).cast(), credentials);
    }
    // SAFETY: as above.
    check(unsafe { libc::sendmsg(PASSED, &raw const message, libc::MSG_NOSIGNAL) } as i64).map(drop)
}

// --- outside

fn needs_root(setting: &Setting<'_>) -> Result<(), Trouble> {
    match setting.plan.facts() {
        facts if facts.uid == 0 && facts.capabilities != 0 => Ok(()),
        _ => Err(Trouble::NotHere {
            why: "only root can make such a program, or has what could grow back".into(),
            remedy: "run it as root".into(),
        }),
    }
}

/// Is it true of any process of the job, once the attacker has said that it is where it wanted to be?
fn become_so(setting: &Setting<'_>, attack: Attack, is_so: impl Fn(&str) -> bool) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let running = setting.start(&Task::Attack(Attack { rounds: 1, ..attack }))?;
    let claims: Vec<Claim> = running.first_claim();
    let members = running.job.members().map_err(Trouble::io("the account of the job"))?;
    let status = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let so = members.iter().any(|pid| is_so(&status(pid)));
    Ok(setting.tally("was so", u64::from(so), &claims))
}

/// The words of a line of `/proc/PID/status`.
fn line<'a>(status: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace()
}

fn is_nobody(status: &str, name: &str) -> bool {
    line(status, name).any(|id| id == NOBODY.to_string())
}

fn has_capability(status: &str, name: &str) -> bool {
    line(status, name).any(|bits| bits.bytes().any(|digit| digit != b'0'))
}

/// A copy of `sleep` where the attacker may execute it.
fn program(setting: &Setting<'_>) -> Result<PathBuf, Trouble> {
    needs_root(setting)?;
    let inside = setting.place.inside();
    let flags = rustix::fs::statvfs(&inside).map_err(Trouble::sys("statvfs"))?.f_flag;
    if flags.contains(rustix::fs::StatVfsMountFlags::NOSUID) {
        return Err(Trouble::NotHere {
            why: "the mount ignores such marks".into(),
            remedy: "set TMPDIR to a directory on one that does not".into(),
        });
    }
    let path = copy_program("sleep", &inside)?;
    let open = fs::Permissions::from_mode(0o711);
    // Whoever it becomes still has to find it.
    let opened = fs::set_permissions(&inside, open.clone())
        .and_then(|()| inside.parent().map_or(Ok(()), |root| fs::set_permissions(root, open)));
    opened.map_err(Trouble::io("make a program"))?;
    Ok(path)
}

fn started(setting: &Setting<'_>, program: &Path, is_so: impl Fn(&str) -> bool) -> Result<Tally, Trouble> {
    let mut attack = setting.attack();
    attack.targets.insert("program".into(), program.to_string_lossy().into_owned());
    become_so(setting, attack, is_so)
}

fn marked(setting: &Setting<'_>, mode: u32) -> Result<PathBuf, Trouble> {
    let path = program(setting)?;
    std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
        .map_err(Trouble::io("mark a program"))?;
    Ok(path)
}

fn marked_user(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = marked(setting, 0o4755)?;
    started(setting, &path, |status| is_nobody(status, "Uid:"))
}

fn marked_group(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = marked(setting, 0o2755)?;
    started(setting, &path, |status| is_nobody(status, "Gid:"))
}

fn marked_capable(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = program(setting)?;
    // struct vfs_cap_data of version 2, effective: permitted and inheritable, lower and upper halves.
    let words = [0x0200_0001u32, 1 << NET_RAW, 0, 0, 0];
    let bytes = words.map(u32::to_le_bytes).concat();
    rustix::fs::setxattr(&path, "security.capability", &bytes, XattrFlags::empty()).map_err(|errno| {
        Trouble::NotHere {
            why: format!("no file can be marked with a capability: {errno}"),
            remedy: "run it with CAP_SETFCAP, on a file system that keeps attributes".into(),
        }
    })?;
    started(setting, &path, |status| {
        line(status, "Name:").any(|name| name == "sleep") && has_capability(status, "CapPrm:")
    })
}

fn regained(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    needs_root(setting)?;
    become_so(setting, setting.attack(), |status| {
        line(status, "Name:").any(|name| name == "sleep") && has_capability(status, "CapEff:")
    })
}

fn ambient(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    become_so(setting, setting.attack(), |status| has_capability(status, "CapAmb:"))
}

fn other_user(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    needs_root(setting)?;
    become_so(setting, setting.attack(), |status| is_nobody(status, "Uid:"))
}

fn other_group(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    needs_root(setting)?;
    become_so(setting, setting.attack(), |status| is_nobody(status, "Gid:"))
}

fn further_groups(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    needs_root(setting)?;
    become_so(setting, setting.attack(), |status| is_nobody(status, "Groups:"))
}

fn raised(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let running = setting.start(&Task::Attack(setting.attack()))?;
    let claims = running.first_claim();
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.job.id())).unwrap_or_default();
    let most = limits.lines().find(|line| line.starts_with("Max open files"));
    let raised = most.and_then(|line| line.split_whitespace().nth(4)) == Some(RAISED.to_string().as_str());
    Ok(setting.tally("raised it", u64::from(raised), &claims))
}

fn impersonated(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
    let setting = Setting { rounds: 1, ..*setting };
    let (near, far) = std::os::unix::net::UnixDatagram::pair().map_err(Trouble::io("socketpair"))?;
    sockopt::set_socket_passcred(&near, true).map_err(Trouble::sys("setsockopt(SO_PASSCRED)"))?;
    near.set_nonblocking(true).map_err(Trouble::io("ioctl(FIONBIO)"))?;
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(far.as_fd(), PASSED)])?;
    let own = running.job.id();
    let claims = running.finish();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0u8; 8];
    let received = recvmsg(&near, &mut [io::IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::empty());
    let other = received.is_ok()
        && ancillary.drain().any(|message| match message {
            RecvAncillaryMessage::ScmCredentials(said) => said.pid.as_raw_nonzero().get().cast_unsigned() != own,
            _ => false,
        });
    Ok(setting.tally("was taken for another", u64::from(other), &claims))
}

/// Passes a file that is open for reading, and says what became of it.
fn passed(setting: &Setting<'_>, effect: &'static str, judge: impl FnOnce(&Path) -> bool) -> Result<Tally, Trouble> {
    let setting = Setting { rounds: 1, ..*setting };
    let path = setting.place.outside().join("passed");
    let file = fs::write(&path, "as it was")
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
        .and_then(|()| fs::File::open(&path));
    let file = file.map_err(Trouble::io("make a canary"))?;
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(file.as_fd(), PASSED)])?;
    let claims = running.finish();
    Ok(setting.tally(effect, u64::from(judge(&path)), &claims))
}

fn rewritten(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    passed(setting, "wrote to it", |path| fs::read(path).is_ok_and(|text| text == b"rewritten"))
}

fn mode_changed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    passed(setting, "changed it", |path| fs::metadata(path).is_ok_and(|file| file.mode() & 0o777 == CHANGED_MODE))
}

fn read_above(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let directory = setting.place.outside().join("below");
    let made = fs::write(setting.place.outside().join("secret"), &secret)
        .and_then(|()| fs::create_dir(&directory))
        .and_then(|()| fs::File::open(&directory));
    let opened = made.map_err(Trouble::io("make a canary"))?;
    let running = setting.start_passing(&Task::Attack(setting.attack()), &[(opened.as_fd(), PASSED)])?;
    let claims = running.finish();
    let through = claims.iter().filter(|claim| claim.saw.as_deref() == Some(&secret)).count();
    Ok(setting.tally("read the secret", through as u64, &claims))
}
