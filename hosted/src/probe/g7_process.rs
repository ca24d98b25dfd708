//! G7, the insides of a process outside: its memory, its descriptors, its directories, and how the kernel treats it.
//!
//! The victim is a process of the same user that the trial starts. It bears a secret, in its environment and so in its
//! memory, on its command line, or in a file that it holds; or the judge looks at what became of it. Where the host lets
//! no process look into another that is not its descendant (Yama), the control says so.
//!
//! Source: ptrace(2) on who may look into whom, process_vm_readv(2), proc_pid_mem(5), pidfd_getfd(2), kcmp(2),
//! move_pages(2), process_madvise(2), sched_setaffinity(2), sched_setscheduler(2), ioprio_set(2), setns(2).

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::inside::{check, in_a_child, victim};
use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use super::victim::{Hunt, attacked, betrayed, by_its_word};
use super::{Attack, Claims, Deciders, Probe, confinement as probe};
use crate::PrimitiveId::*;

/// Calls that look into a process. A filter answers before the number is looked at. Who has no capabilities, is in
/// another user namespace or in any domain of Landlock's may not look into who is not, all with EPERM.
const INSIDES: Deciders = Deciders {
    expected: &[SeccompSurface, PidNamespace, LandlockFiles],
    says: &[
        (SeccompSurface, libc::EPERM),
        (LandlockFiles, libc::EPERM),
        (LandlockScopes, libc::EPERM),
        (LandlockNetwork, libc::EPERM),
        (DropCapabilities, libc::EPERM),
        (UserNamespace, libc::EPERM),
        (PidNamespace, libc::ESRCH),
    ],
};
/// Files of a process in /proc. EACCES tells nothing: a rule of Landlock gives it, and so does every check of who may
/// look into whom.
const PROC: Deciders = Deciders {
    expected: &[PidNamespace, LandlockFiles, PrivateRoot],
    says: &[(PrivateRoot, libc::ENOENT), (PidNamespace, libc::ENOENT)],
};
const NUMBERS: Deciders = Deciders { expected: &[PidNamespace], says: &[(PidNamespace, libc::ESRCH)] };
const FIX: &str = "a pid namespace: other processes have no number in it";
const FIX_PROC: &str = "a private root or Landlock, so that no /proc of the host is seen";

pub(super) const PROBES: &[Probe] = &[
    probe("G7.process.vm_read", "copies from its memory", INSIDES, FIX, memory, |attack, claims| {
        let mut bytes = [0u8; SECRET_BYTES];
        let result = transfer(libc::SYS_process_vm_readv, attack, claims, bytes.as_mut_ptr());
        claims.saw("process_vm_readv", result.map(|()| String::from_utf8_lossy(&bytes).into_owned()));
    }),
    probe("G7.process.vm_write", "copies into its memory", INSIDES, FIX, overwritten, |attack, claims| {
        let mut bytes = *MARK;
        let result = transfer(libc::SYS_process_vm_writev, attack, claims, bytes.as_mut_ptr());
        claims.say("process_vm_writev", &result);
    }),
    probe("G7.process.mem_read", "reads its memory in /proc", PROC, FIX_PROC, memory, |attack, claims| {
        let mut bytes = [0u8; SECRET_BYTES];
        let file = fs::File::open(format!("/proc/{}/mem", victim(attack, claims)));
        let read = file.and_then(|file| file.read_exact_at(&mut bytes, address(attack, claims)));
        claims.saw("open", read.map(|()| String::from_utf8_lossy(&bytes).into_owned()));
    }),
    probe("G7.process.mem_write", "writes its memory in /proc", PROC, FIX_PROC, overwritten, |attack, claims| {
        let file = fs::OpenOptions::new().write(true).open(format!("/proc/{}/mem", victim(attack, claims)));
        let written = file.and_then(|file| file.write_all_at(MARK, address(attack, claims)));
        claims.say("open", &written);
    }),
    probe("G7.process.ptrace", "stops it as a debugger and reads a word", INSIDES, FIX, memory, |attack, claims| {
        let read = debug(victim(attack, claims), address(attack, claims));
        claims.saw("ptrace(PTRACE_ATTACH)", read);
    }),
    probe("G7.process.maps", "learns where its memory is", PROC, FIX_PROC, mapped, |attack, claims| {
        // The stack is at an address of its own in each process: whoever knows it has read it.
        let maps = fs::read_to_string(format!("/proc/{}/maps", victim(attack, claims)));
        claims.saw("open", maps.map(|maps| stack(&maps)));
    }),
    probe("G7.process.getfd", "takes a descriptor of it", INSIDES, FIX, holds_a_file, |attack, claims| {
        match open(victim(attack, claims)) {
            Ok(pidfd) => claims.saw("pidfd_getfd", take(&pidfd)),
            Err(error) => claims.say("pidfd_open", &Err::<(), _>(error)),
        }
    }),
    probe("G7.process.kcmp", "learns what it shares with another", INSIDES, FIX, by_its_word, |attack, claims| {
        const KCMP_VM: i32 = 1;
        let who = victim(attack, claims);
        // SAFETY: takes integers.
        let result = check(unsafe { libc::syscall(libc::SYS_kcmp, who, who, KCMP_VM, 0usize, 0usize) });
        claims.say("kcmp", &result);
    }),
    probe(
        "G7.process.move_pages",
        "learns on which node its memory is",
        INSIDES,
        FIX,
        by_its_word,
        |attack, claims| {
            let pages = [address(attack, claims) & !0xfff];
            let (mut status, nodes) = ([-1i32], std::ptr::null::<i32>());
            let who = victim(attack, claims);
            // SAFETY: one page and one status, which live; no node is asked for, so nothing is moved.
            let asked =
                unsafe { libc::syscall(libc::SYS_move_pages, who, ONE, pages.as_ptr(), nodes, status.as_mut_ptr(), 0) };
            claims.say("move_pages", &check(asked));
        },
    ),
    probe("G7.process.madvise", "has its memory put out of the way", NUMBERS, FIX, by_its_word, |attack, claims| {
        const MADV_COLD: i32 = 20;
        match open(victim(attack, claims)) {
            Ok(pidfd) => {
                let range = [address(attack, claims) & !0xfff, 4096];
                let fd = pidfd.as_raw_fd();
                // SAFETY: an iovec of a page of the victim's, which is not touched here.
                let advised =
                    unsafe { libc::syscall(libc::SYS_process_madvise, fd, range.as_ptr(), ONE, MADV_COLD, 0) };
                claims.say("process_madvise", &check(advised));
            }
            failed => claims.say("pidfd_open", &failed),
        }
    }),
    probe("G7.process.cmdline", "reads its command line", PROC, FIX_PROC, commanded, |attack, claims| {
        claims.saw("open", fs::read_to_string(format!("/proc/{}/cmdline", victim(attack, claims))));
    }),
    probe("G7.process.cwd", "reads below its working directory", PROC, FIX_PROC, works_outside, |attack, claims| {
        claims.saw("open", fs::read_to_string(format!("/proc/{}/cwd/secret", victim(attack, claims))));
    }),
    probe("G7.process.root", "reads below its root directory", PROC, FIX_PROC, works_outside, |attack, claims| {
        let path = format!("/proc/{}/root{}", victim(attack, claims), attack.target("secret"));
        claims.saw("open", fs::read_to_string(path));
    }),
    probe("G7.process.pipe", "writes into a pipe that it reads", PROC, FIX_PROC, reads_a_pipe, |attack, claims| {
        let path = format!("/proc/{}/fd/0", victim(attack, claims));
        let file = fs::OpenOptions::new().write(true).open(path);
        let text = format!("{} {}\n", attack.target("secret"), claims.round());
        claims.say("open", &file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes())));
    }),
    probe("G7.process.oom", "has it die first when memory runs out", PROC, FIX_PROC, sacrificed, |attack, claims| {
        let path = format!("/proc/{}/oom_score_adj", victim(attack, claims));
        let file = fs::OpenOptions::new().write(true).open(path);
        claims.say("open", &file.and_then(|mut file| io::Write::write_all(&mut file, SCORE.as_bytes())));
    }),
    probe("G7.process.affinity", "moves it to one processor", NUMBERS, FIX, moved, |attack, claims| {
        // SAFETY: a set of bits, for which zero is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: a live local.
        unsafe { libc::CPU_SET(attack.number("cpu"), &mut set) };
        let who = victim(attack, claims);
        // SAFETY: a live local of the size passed.
        let result = check(unsafe { libc::sched_setaffinity(who, size_of_val(&set), &raw const set) });
        claims.say("sched_setaffinity", &result);
    }),
    probe("G7.process.scheduler", "has it run when nobody else does", NUMBERS, FIX, idle, |attack, claims| {
        let parameters = libc::sched_param { sched_priority: 0 };
        let who = victim(attack, claims);
        // SAFETY: a live local.
        let result = check(unsafe { libc::sched_setscheduler(who, libc::SCHED_IDLE, &raw const parameters) });
        claims.say("sched_setscheduler", &result);
    }),
    probe("G7.process.ioprio", "has its disk requests wait", NUMBERS, FIX, waits_for_the_disk, |attack, claims| {
        let who = victim(attack, claims);
        // SAFETY: takes integers.
        let result = check(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, who, IOPRIO_IDLE) });
        claims.say("ioprio_set", &result);
    }),
    probe("G7.process.setns", "enters its namespaces", INSIDES, FIX, by_its_word, |attack, claims| {
        match open(victim(attack, claims)) {
            Ok(pidfd) => {
                // SAFETY: takes integers; the child ends after it.
                let enter = || check(unsafe { libc::setns(pidfd.as_raw_fd(), libc::CLONE_NEWUTS) }).map(drop);
                claims.say("setns", &in_a_child(enter));
            }
            failed => claims.say("pidfd_open", &failed),
        }
    }),
];

const SECRET_BYTES: usize = 32;
/// What is written over the secret; as long.
const MARK: &[u8; SECRET_BYTES] = b"overwritten-by-who-is-not-let-in";
const SCORE: &str = "777";
/// One, as wide as a register: what `syscall` is given narrower may bring anything along in the upper half.
const ONE: usize = 1;
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
/// `IOPRIO_CLASS_IDLE`, in the three bits that are the class.
const IOPRIO_IDLE: libc::c_int = 3 << 13;

// --- inside

fn address(attack: &Attack, claims: &Claims) -> u64 {
    attack.number(&format!("address{}", claims.round()))
}

fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: just made by the kernel, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Copies a secret's length between here and the victim.
fn transfer(call: libc::c_long, attack: &Attack, claims: &Claims, here: *mut u8) -> io::Result<()> {
    let near = libc::iovec { iov_base: here.cast(), iov_len: SECRET_BYTES };
    let there = std::ptr::without_provenance_mut::<u8>(address(attack, claims) as usize);
    let far = libc::iovec { iov_base: there.cast(), iov_len: SECRET_BYTES };
    // SAFETY: the near end is as long as it says; the far one is in another process.
    let copied =
        unsafe { libc::syscall(call, victim(attack, claims), &raw const near, ONE, &raw const far, ONE, 0usize) };
    check(copied).map(drop)
}

/// Attaches, reads the secret word by word, and lets go.
fn debug(pid: libc::pid_t, address: u64) -> io::Result<String> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the victim stops, and nothing of it is written.
    check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, none, none) })?;
    // SAFETY: its status is not asked for.
    check(unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) })?;
    let mut bytes = Vec::new();
    for at in (address..address + SECRET_BYTES as u64).step_by(size_of::<libc::c_long>()) {
        // SAFETY: reads a word of the stopped victim at an address that is its own.
        let word = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, pid, at, none) };
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    // SAFETY: as above; it goes on.
    check(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, none, none) })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The line of the stack.
fn stack(maps: &str) -> String {
    maps.lines().find(|line| line.ends_with("[stack]")).unwrap_or_default().into()
}

/// Reads what the victim has as its standard input.
fn take(pidfd: &OwnedFd) -> io::Result<String> {
    // SAFETY: takes integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), 0, 0) })?;
    // SAFETY: just made by the kernel, and nobody else has it.
    let file = fs::File::from(unsafe { OwnedFd::from_raw_fd(fd as i32) });
    let mut bytes = [0u8; SECRET_BYTES];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

// --- outside

fn memory(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    betrayed(setting, "read its memory", &[], |_, _| Ok(()))
}

fn overwritten(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let hunt = Hunt::hold(setting, &secret()?, &[], |_| Ok(()))?;
    Ok(hunt.judged("wrote its memory", |victim| {
        victim.file("environ").as_bytes().windows(MARK.len()).any(|at| at == MARK)
    }))
}

/// Here the secret is where the stack of each victim is, and the judge looks for itself.
fn mapped(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let hunt = Hunt::hold(setting, "", &[], |_| Ok(()))?;
    Ok(hunt.told("read where its memory is", |victim, saw| {
        let stack = stack(&victim.file("maps"));
        !stack.is_empty() && stack == saw
    }))
}

fn commanded(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    // `sleep` adds up what it is given: less than a second of digits that nobody can guess.
    let digits: String = secret()?.bytes().map(|letter| char::from(b'0' + letter % 10)).collect();
    let hunt = Hunt::hold(setting, "", &[], |command| {
        command.arg(format!("0.{digits}"));
        Ok(())
    })?;
    Ok(hunt.told("read its command line", |_, saw| saw.contains(&digits)))
}

fn canary(setting: &Setting<'_>) -> std::path::PathBuf {
    setting.place.outside().join("secret")
}

fn holds_a_file(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = canary(setting);
    betrayed(setting, "read a file that it holds", &[], |command, secret| {
        let file = fs::write(&path, secret).and_then(|()| fs::File::open(&path));
        command.stdin(file.map_err(Trouble::io("make a canary"))?);
        Ok(())
    })
}

fn works_outside(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let path = canary(setting);
    let target = [("secret", path.to_string_lossy().into_owned())];
    betrayed(setting, "read the secret", &target, |command, secret| {
        fs::write(&path, secret).map_err(Trouble::io("make a canary"))?;
        command.current_dir(setting.place.outside());
        Ok(())
    })
}

fn reads_a_pipe(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let (mut read, write) = io::pipe().map_err(Trouble::io("pipe"))?;
    let hunt = Hunt::hold(setting, "", &[("secret", secret.clone())], |command| {
        command.stdin(read.try_clone().map_err(Trouble::io("fcntl(F_DUPFD_CLOEXEC)"))?);
        Ok(())
    })?;
    drop(write);
    let mut text = String::new();
    io::Read::read_to_string(&mut read, &mut text).map_err(Trouble::io("read a pipe"))?;
    let mut heard: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&secret)).collect();
    heard.sort_unstable();
    heard.dedup();
    Ok(hunt.seen("wrote into its pipe", heard.len() as u64))
}

fn sacrificed(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "changed its score", |victim| victim.file("oom_score_adj").trim() == SCORE)
}

fn moved(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let allowed = rustix::thread::sched_getaffinity(None).map_err(Trouble::sys("sched_getaffinity"))?;
    if allowed.count() < 2 {
        return Err(Trouble::NotHere {
            why: "there is one processor, so nobody can be moved".into(),
            remedy: "try it where there are more".into(),
        });
    }
    let last = (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)).unwrap_or_default();
    let hunt = Hunt::hold(setting, "", &[("cpu", last.to_string())], |_| Ok(()))?;
    Ok(hunt
        .judged("moved it", |victim| rustix::thread::sched_getaffinity(victim.pid()).is_ok_and(|set| set.count() == 1)))
}

fn idle(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "had it wait", |victim| {
        // SAFETY: takes an integer.
        unsafe { libc::sched_getscheduler(victim.id().cast_signed()) == libc::SCHED_IDLE }
    })
}

fn waits_for_the_disk(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    attacked(setting, "had it wait for the disk", |victim| {
        // SAFETY: takes integers.
        unsafe {
            libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, victim.id()) == libc::c_long::from(IOPRIO_IDLE)
        }
    })
}
