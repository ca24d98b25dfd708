//! G6, memory that a job takes by having the kernel keep something for it.
//!
//! No process has this memory as its own, so a sum over processes does not see it, and neither does a limit of their
//! address space; a cgroup counts what the kernel was told to charge. The judge asks each object how much is in it.
//!
//! Source: shmget(2), pipe(7), unix(7), the kernel's cgroup-v1/memory.rst and cgroup-v2.rst, proc_pid_status(5) VmPTE
//! and RssShmem, fcntl(2) on record locks; that nobody is charged for those is what the probe shows.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use lacuna_model::guarantee::GuaranteeId::G6;

use super::g6::{FIX_MEMORY, MEMORY, MEMORY_BYTES, MOST_BYTES, limited_to, status_number};
use super::inside::check;
use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
use crate::PrimitiveId::*;
use crate::actor::Task;

/// A segment and a mapping are in an address space too.
const MAPPED: Deciders = Deciders { expected: MEMORY, says: &[(RlimitMemory, libc::ENOMEM)] };

pub(super) const PROBES: &[Probe] = &[
    probe("G6.memory.shm", "segments of shared memory grow to twice the limit", MAPPED, shared, |_, claims| {
        claims.say("shmat", &take_segments());
        wait();
    }),
    probe(
        "G6.memory.tables",
        "the tables of a large mapping grow to more than the limit",
        MAPPED,
        tables,
        |_, claims| {
            claims.say("mmap", &take_tables());
            wait();
        },
    ),
    probe("G6.memory.pipes", "pipes that nobody reads hold more than the limit", QUEUED, queued, |_, claims| {
        let (held, result) = fill(|| {
            let (read, write) = io::pipe()?;
            // As large as an ordinary user may have it.
            let _ = rustix::pipe::fcntl_setpipe_size(&write, 1 << 20);
            Ok((read.into(), write.into()))
        });
        claims.say("write", &result);
        wait();
        drop(held);
    }),
    probe("G6.memory.sockets", "sockets that nobody reads hold more than the limit", QUEUED, queued, |_, claims| {
        let (held, result) = fill(|| {
            let (near, far) = std::os::unix::net::UnixStream::pair()?;
            Ok((near.into(), far.into()))
        });
        claims.say("write", &result);
        wait();
        drop(held);
    }),
    Probe {
        fix: "none is known: the kernel charges a record lock to nobody; RLIMIT_NOFILE bounds the files that have some",
        ..probe(
            "G6.memory.locks",
            "locks on a file's bytes take more than the limit",
            QUEUED,
            locked,
            |attack, claims| match take_locks(attack.target("inside")) {
                Ok(held) => {
                    claims.say("fcntl(F_SETLK)", &Ok(()));
                    wait();
                    drop(held);
                }
                failed => claims.say("fcntl(F_SETLK)", &failed),
            },
        )
    },
];

const QUEUED: Deciders = Deciders::silent(MEMORY);

const fn probe(
    id: &'static str,
    about: &'static str,
    deciders: Deciders,
    trial: fn(&Setting<'_>) -> Result<Tally, Trouble>,
    attack: fn(&Attack, &mut Claims),
) -> Probe {
    Probe { id, guarantee: G6, about, deciders, fix: FIX_MEMORY, trial, attack }
}

/// A limit that one user's pipes can pass, of which the kernel lets all together hold 64 MiB.
const QUEUED_BYTES: u64 = 48 << 20;
const SEGMENT_BYTES: usize = 8 << 20;
/// What a page of a table covers.
const TABLE_COVERS: usize = 2 << 20;
const PAGE: u64 = 4096;

// --- inside

/// Holds what was taken until the judge has looked, and the job is ended.
fn wait() {
    std::thread::sleep(std::time::Duration::from_secs(5));
}

/// Segments, attached and touched; each is marked to go with the process.
fn take_segments() -> io::Result<()> {
    for _ in 0..MOST_BYTES / SEGMENT_BYTES as u64 {
        // SAFETY: takes integers.
        let id = check(unsafe { libc::shmget(libc::IPC_PRIVATE, SEGMENT_BYTES, libc::IPC_CREAT | 0o600) })? as i32;
        // SAFETY: attaches at an address of the kernel's choice.
        let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        let error = io::Error::last_os_error();
        // SAFETY: it is removed when nobody is attached any more.
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
        if at as isize == -1 {
            return Err(error);
        }
        // SAFETY: attached for writing, this long.
        unsafe { std::ptr::write_bytes(at.cast::<u8>(), 1, SEGMENT_BYTES) };
    }
    Ok(())
}

/// One read in each part of a mapping that has a page of tables to itself: the pages read are all the one of zeros.
fn take_tables() -> io::Result<()> {
    let parts = (MOST_BYTES / PAGE) as usize;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping at an address of the kernel's choice, never unmapped.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), parts * TABLE_COVERS, libc::PROT_READ, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    for part in 0..parts {
        // SAFETY: within the mapping, which may be read.
        unsafe { at.cast::<u8>().add(part * TABLE_COVERS).read_volatile() };
    }
    Ok(())
}

type Ends = Vec<(OwnedFd, OwnedFd)>;

/// Makes channels and writes into each until it takes no more, until they hold as much as is wanted or none can be made.
fn fill(mut make: impl FnMut() -> io::Result<(OwnedFd, OwnedFd)>) -> (Ends, io::Result<()>) {
    let block = vec![1u8; 64 << 10];
    let (mut held, mut bytes) = (Vec::new(), 0);
    while bytes < MOST_BYTES {
        let (read, write) = match make() {
            Ok(ends) => ends,
            Err(error) => return (held, Err(error)),
        };
        if let Err(errno) = rustix::io::ioctl_fionbio(&write, true) {
            return (held, Err(errno.into()));
        }
        while let Ok(written @ 1..) = rustix::io::write(&write, &block) {
            bytes += written as u64;
        }
        held.push((read, write));
    }
    (held, Ok(()))
}

/// A small limit, for locks take time to make.
const LOCKED_BYTES: u64 = 32 << 20;
/// Of each lock the kernel keeps a structure of at least so many bytes: 192 in Linux 6.18, more before.
const LOCK_BYTES: u64 = 160;
/// Many, for the kernel goes through all locks of a file to make another.
const FILES: u64 = 900;
/// Together a little more than what counts as passed.
const LOCKS: u64 = (LOCKED_BYTES + LOCKED_BYTES / 4) / LOCK_BYTES / FILES + 16;

fn lock_file(directory: &str, file: u64) -> String {
    format!("{directory}/locked{file}")
}

fn lock_at(kind: libc::c_int, place: u64) -> libc::flock {
    // SAFETY: plain data, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    // Every other byte, so that no two are one.
    (lock.l_start, lock.l_len) = (2 * place as libc::off_t, 1);
    lock
}

/// Locks from the last byte to the first: each goes to the head of the kernel's list.
fn take_locks(directory: &str) -> io::Result<Vec<fs::File>> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a live local. Where so many descriptors are not allowed, it fails below.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    let mut held = Vec::new();
    for file in 0..FILES {
        let file = fs::File::create(lock_file(directory, file))?;
        for place in (0..LOCKS).rev() {
            let lock = lock_at(libc::F_WRLCK, place);
            // SAFETY: a live local.
            check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) })?;
        }
        held.push(file);
    }
    Ok(held)
}

// --- outside

const RUNS: u64 = 2;

/// Has it taken, and asks what is held when the attacker says that it has it all.
fn held(setting: &Setting<'_>, limit: u64, bytes_of: fn(u32) -> u64) -> Result<Tally, Trouble> {
    let plan = limited_to(setting, limit)?;
    let setting = Setting { plan: &plan, rounds: 1, ..*setting };
    let mut tally = Tally { effect: "passed the limit", ..Tally::default() };
    let mut peak = 0;
    for _ in 0..RUNS {
        let running = setting.start(&Task::Attack(setting.attack()))?;
        let claims = running.first_claim();
        let members = running.job.members().map_err(Trouble::io("the account of the job"))?;
        let bytes = members.into_iter().map(bytes_of).sum();
        peak = peak.max(bytes);
        tally.n += 1;
        tally.through += u64::from(bytes > limit + limit / 4);
        tally.refusals_of(&claims);
        if claims.is_empty() {
            tally.refused("killed before it could say anything", None);
        }
    }
    tally.numbers.insert("limit_bytes".into(), limit);
    tally.numbers.insert("peak_bytes".into(), peak);
    Ok(tally)
}

fn shared(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    held(setting, MEMORY_BYTES, |pid| status_number(pid, "RssShmem:") << 10)
}

fn tables(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    held(setting, MEMORY_BYTES, |pid| status_number(pid, "VmPTE:") << 10)
}

fn queued(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    held(setting, QUEUED_BYTES, |pid| queued_bytes(pid).unwrap_or(0))
}

/// What waits in the pipes and sockets of a process, by a copy of each descriptor.
fn queued_bytes(pid: u32) -> io::Result<u64> {
    // SAFETY: takes integers.
    let pidfd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: just made by the kernel, and nobody else has it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd as i32) };
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let link = fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
        // Both ends of a pipe have one number, and say the same.
        let queue = link.starts_with("pipe:") || link.starts_with("socket:");
        let Some(number) = entry.file_name().to_str().and_then(|number| number.parse::<i32>().ok()) else { continue };
        if !queue || number < 5 || !seen.insert(link) {
            continue;
        }
        // SAFETY: takes integers.
        let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) })?;
        // SAFETY: just made by the kernel, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        bytes += rustix::io::ioctl_fionread(&fd).unwrap_or(0);
    }
    Ok(bytes)
}

/// Asks of a byte of each file whether somebody has locked it, and of its neighbour whether nobody has.
fn locked(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let limited = limited_to(setting, LOCKED_BYTES)?;
    let setting = Setting { plan: &limited, rounds: 1, ..*setting };
    let mut attack = setting.attack();
    let inside = setting.place.inside().to_string_lossy().into_owned();
    attack.targets.insert("inside".into(), inside.clone());
    let running = setting.start(&Task::Attack(attack))?;
    let claims = running.first_claim();
    let (mut asked, mut apart) = (0u64, 0u64);
    for number in 0..FILES {
        let Ok(file) = fs::OpenOptions::new().read(true).write(true).open(lock_file(&inside, number)) else { continue };
        let place = 7 * number % LOCKS;
        let mut neighbour = lock_at(libc::F_WRLCK, place);
        neighbour.l_start += 1;
        asked += 1;
        apart += u64::from(is_locked(&file, lock_at(libc::F_WRLCK, place)) && !is_locked(&file, neighbour));
    }
    drop(running);
    let locks = if asked == FILES { LOCKS * apart } else { 0 };
    let bytes = locks * LOCK_BYTES;
    let mut tally = setting.tally("passed the limit", u64::from(bytes > LOCKED_BYTES + LOCKED_BYTES / 4), &claims);
    tally.numbers.insert("limit_bytes".into(), LOCKED_BYTES);
    tally.numbers.insert("peak_bytes".into(), bytes);
    Ok(tally)
}

fn is_locked(file: &fs::File, mut lock: libc::flock) -> bool {
    // SAFETY: a live local.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) };
    asked == 0 && lock.l_type != libc::F_UNLCK as libc::c_short
}
