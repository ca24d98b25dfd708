//! How often a spawned child holds a descriptor that was not meant for it (G2), under each way of making descriptors.
//!
//! A program makes a pipe, then flags it close-on-exec; between the two calls another thread forks, and its child
//! carries the pipe through `execve`. Source: open(2) on O_CLOEXEC, fork(2), close_range(2), POSIX rationale of
//! `posix_spawn`; met as rust-lang/rust#38227, golang/go#22315, ziglang/zig#14251, libuv#5100.
//!
//! Several threads run the roles of a [`Script`] over and over, unsynchronised, in the calling process. The judge is
//! outside the child: once the child has finished `execve` and holds still, the parent reads `/proc/PID/fd` and compares
//! pipe inodes. A leak is a pipe that the script made and did not list for this child. What the shell or other
//! threads of the embedding program passed down is no pipe of the script's, so it cannot be counted.
//!
//! Assumptions: pipe inode numbers do not repeat within a run. `/proc` is mounted and shows our own children.
//!
//! Known holes: a leaked descriptor whose number the child itself reuses (1, the ready pipe) is not seen. The rate says
//! something about this machine under this load, not about a program that spawns rarely.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::hold::Hold;
use super::raw::{self, Child};
use super::stats::{Durations, Proportion, ns_since};

/// A pipe of a role, by its place among those that the role makes.
pub type Slot = usize;

/// One call of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// `pipe`: makes the pipe of this slot.
    Create(Slot),
    /// `fcntl(F_SETFD, FD_CLOEXEC)` on both ends.
    Flag(Slot),
    /// `close` of both ends.
    Close(Slot),
    /// `fork`, and in the child `execve`; the write ends of these slots are meant for it.
    Spawn {
        /// What the creation lists.
        pass: Vec<Slot>,
    },
}

/// How long a role that never spawns rests between two rounds, when it has no pipe open: it would starve the others.
/// There is no rest inside a round, where the race is.
const BETWEEN_ROUNDS: Duration = Duration::from_micros(100);

/// How long a child may take to execute its program.
const EXEC_LIMIT: Duration = Duration::from_secs(10);
/// How often a wait looks whether somebody interrupts.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What the threads do: thread `i` repeats role `i mod roles.len()`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The calls of each role, in order. Pipes still open at the end of a role are closed before it starts again.
    pub roles: Vec<Vec<Act>>,
}

impl Default for Script {
    /// One role, as most programs do it: make a pipe, flag it, spawn a child that gets it.
    fn default() -> Self {
        Self { roles: vec![vec![Act::Create(0), Act::Flag(0), Act::Spawn { pass: vec![0] }]] }
    }
}

/// How the calls of a script are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `pipe`, then `fcntl`; fork, exec. The unprotected way.
    FlagLater,
    /// `pipe2(O_CLOEXEC)`; the child clears the flag of what it keeps.
    AtomicFlag,
    /// `pipe`, then `fcntl`, under a lock that every fork of the program takes too.
    MutexAround,
    /// `pipe`, then `fcntl`; the child closes everything but its list by `close_range`.
    ExplicitList,
    /// `pipe2(O_CLOEXEC)`; the *parent* clears the flag of what the next child gets, as an inheritable handle on
    /// Windows is made.
    ClearedInParent,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 5] =
        [Self::FlagLater, Self::AtomicFlag, Self::MutexAround, Self::ExplicitList, Self::ClearedInParent];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlagLater => "pipe+fcntl",
            Self::AtomicFlag => "pipe2(O_CLOEXEC)",
            Self::MutexAround => "mutex around create and spawn",
            Self::ExplicitList => "close_range in the child",
            Self::ClearedInParent => "CLOEXEC cleared in the parent",
        }
    }
}

/// How much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Threads that run the script; at least one.
    pub threads: usize,
    /// Children in all.
    pub spawns: u64,
    /// When to stop even with children missing; what was done until then counts.
    pub limit: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { threads: 8, spawns: 4_000, limit: Duration::from_secs(30) }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnLeak {
    /// Under which mode.
    pub mode: Mode,
    /// Children looked into, and those that held a pipe not meant for them.
    pub leaks: Proportion,
    /// Pipes found where they should not be; at least one for each leak.
    pub pipes: u64,
    /// From fork until the judge knew that `execve` was over.
    pub spawn: Option<Durations>,
}

/// Runs a script and counts.
///
/// # Errors
/// [`MeasureError::Unavailable`] where a child's `/proc/PID/fd` cannot be read or `close_range` is missing;
/// [`MeasureError::Io`] when a call fails that has no reason to. All children are dead and reaped either way.
pub fn measure(script: &Script, mode: Mode, effort: Effort) -> Result<SpawnLeak, MeasureError> {
    measure_unless(script, mode, effort, &super::NEVER)
}

/// As [`measure`], unless somebody interrupts: then it ends with the children that are under way.
///
/// # Errors
/// Those of [`measure`], and [`MeasureError::Interrupted`].
pub fn measure_unless(
    script: &Script,
    mode: Mode,
    effort: Effort,
    interrupt: &AtomicBool,
) -> Result<SpawnLeak, MeasureError> {
    if mode == Mode::ExplicitList {
        has_close_range()?;
    }
    let field = Field {
        mode,
        hold: Hold::open()?,
        lock: Mutex::new(()),
        left: AtomicU64::new(effort.spawns),
        stop: AtomicBool::new(false),
        interrupt,
        deadline: Instant::now() + effort.limit,
    };
    let spawners = (0..effort.threads.max(1)).filter(|i| spawns(role_of(script, *i))).count();
    let running = AtomicU64::new(spawners as u64);
    let books: Vec<Result<Book, MeasureError>> = std::thread::scope(|scope| {
        let start = |i| {
            let (field, running) = (&field, &running);
            scope.spawn(move || {
                let role = role_of(script, i);
                let book = run_thread(field, role);
                let last = spawns(role) && running.fetch_sub(1, Ordering::SeqCst) == 1;
                if last || book.is_err() {
                    field.stop.store(true, Ordering::SeqCst);
                }
                book
            })
        };
        let threads: Vec<_> = if spawners > 0 { (0..effort.threads.max(1)).map(start).collect() } else { vec![] };
        let died = || Err(MeasureError::io("a thread of the meter")(std::io::ErrorKind::Other.into()));
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| died())).collect()
    });
    // An interrupt that reached the children too has made what they said worthless, errors included.
    if interrupt.load(Ordering::SeqCst) {
        return Err(MeasureError::Interrupted);
    }
    let books = books.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(judge(mode, books))
}

fn role_of(script: &Script, thread: usize) -> &[Act] {
    script.roles.get(thread % script.roles.len().max(1)).map_or(&[], Vec::as_slice)
}

fn spawns(role: &[Act]) -> bool {
    role.iter().any(|act| matches!(act, Act::Spawn { .. }))
}

fn has_close_range() -> Result<(), MeasureError> {
    // SAFETY: an empty range above every descriptor closes nothing.
    match unsafe { libc::syscall(libc::SYS_close_range, libc::c_uint::MAX, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(MeasureError::Unavailable { what: "close_range", reason: "needs Linux 5.9".into() }),
    }
}

/// What all threads share.
struct Field<'a> {
    mode: Mode,
    hold: Hold,
    lock: Mutex<()>,
    left: AtomicU64,
    stop: AtomicBool,
    interrupt: &'a AtomicBool,
    deadline: Instant,
}

/// What one thread saw.
#[derive(Default)]
struct Book {
    /// Every pipe that it made.
    made: Vec<u64>,
    /// For each child: the pipes in it that it was not given, by whomever made.
    strange: Vec<Vec<u64>>,
    spawn_ns: Vec<u64>,
}

/// The pipes that were made are known only once all threads have written them down, so the judging is done at the end.
fn judge(mode: Mode, books: Vec<Book>) -> SpawnLeak {
    let made: HashSet<u64> = books.iter().flat_map(|b| b.made.iter().copied()).collect();
    let mut seen = SpawnLeak { mode, leaks: Proportion::default(), pipes: 0, spawn: None };
    for child in books.iter().flat_map(|b| &b.strange) {
        let leaked = child.iter().filter(|inode| made.contains(inode)).count() as u64;
        seen.leaks.n += 1;
        seen.leaks.hits += u64::from(leaked > 0);
        seen.pipes += leaked;
    }
    seen.spawn = Durations::of(books.into_iter().flat_map(|b| b.spawn_ns).collect());
    seen
}

struct Pipe {
    slot: Slot,
    inode: u64,
    read: OwnedFd,
    write: OwnedFd,
}

impl Field<'_> {
    fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.interrupt.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// What a child says, unless somebody interrupts: an interrupt from a terminal kills the child too, and then nothing
    /// is ever said.
    fn hear(&self, ready: BorrowedFd<'_>) -> Result<Option<u8>, MeasureError> {
        let limit = Instant::now() + EXEC_LIMIT;
        while Instant::now() < limit {
            if let Some(byte) = raw::read_byte(ready, BETWEEN_LOOKS) {
                return Ok(Some(byte));
            }
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted);
            }
        }
        Ok(None)
    }
}

fn run_thread(field: &Field<'_>, role: &[Act]) -> Result<Book, MeasureError> {
    let mut book = Book::default();
    let (ready, tell) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"))?;
    let spawner = spawns(role);
    while !field.over() {
        let claim = |left: u64| left.checked_sub(1);
        if spawner && field.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, claim).is_err() {
            break;
        }
        run_once(field, role, &mut book, ready.as_fd(), tell.as_fd())?;
        if !spawner {
            std::thread::sleep(BETWEEN_ROUNDS);
        }
    }
    Ok(book)
}

fn run_once(
    field: &Field<'_>,
    role: &[Act],
    book: &mut Book,
    ready: BorrowedFd<'_>,
    tell: BorrowedFd<'_>,
) -> Result<(), MeasureError> {
    let mut pipes: Vec<Pipe> = Vec::new();
    let mut guard = None;
    for act in role {
        if field.mode == Mode::MutexAround && guard.is_none() {
            guard = Some(field.lock.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match act {
            Act::Create(slot) => {
                let atomic = matches!(field.mode, Mode::AtomicFlag | Mode::ClearedInParent);
                let flags = if atomic { PipeFlags::CLOEXEC } else { PipeFlags::empty() };
                let (read, write) = rustix::pipe::pipe_with(flags).map_err(MeasureError::sys("pipe"))?;
                pipes.push(Pipe { slot: *slot, inode: 0, read, write });
            }
            Act::Flag(slot) => {
                for pipe in pipes.iter().filter(|p| p.slot == *slot) {
                    for end in [&pipe.read, &pipe.write] {
                        rustix::io::fcntl_setfd(end, FdFlags::CLOEXEC).map_err(MeasureError::sys("fcntl"))?;
                    }
                }
            }
            Act::Close(slot) => {
                book_inodes(&mut pipes, book)?;
                pipes.retain(|pipe| pipe.slot != *slot);
            }
            Act::Spawn { pass } => {
                book_inodes(&mut pipes, book)?;
                let given: Vec<&Pipe> = pipes.iter().filter(|p| pass.contains(&p.slot)).collect();
                spawn_and_look(field, &given, book, ready, tell, &mut guard)?;
            }
        }
    }
    book_inodes(&mut pipes, book)
}

fn book_inodes(pipes: &mut [Pipe], book: &mut Book) -> Result<(), MeasureError> {
    for pipe in pipes.iter_mut().filter(|p| p.inode == 0) {
        pipe.inode = rustix::fs::fstat(&pipe.write).map_err(MeasureError::sys("fstat"))?.st_ino;
        book.made.push(pipe.inode);
    }
    Ok(())
}

fn spawn_and_look(
    field: &Field<'_>,
    given: &[&Pipe],
    book: &mut Book,
    ready: BorrowedFd<'_>,
    tell: BorrowedFd<'_>,
    guard: &mut Option<std::sync::MutexGuard<'_, ()>>,
) -> Result<(), MeasureError> {
    let plan = ChildPlan {
        mode: field.mode,
        hold: &field.hold,
        ready: tell.as_raw_fd(),
        keep: given.iter().map(|p| p.write.as_raw_fd()).collect(),
        close: raw::gaps(3, given.iter().map(|p| p.write.as_raw_fd()).chain([field.hold.raw_fd()])),
    };
    let inherit = |flags| {
        let set = |p: &&Pipe| rustix::io::fcntl_setfd(&p.write, flags).map_err(MeasureError::sys("fcntl"));
        if field.mode == Mode::ClearedInParent { given.iter().try_for_each(set) } else { Ok(()) }
    };
    inherit(FdFlags::empty())?;
    let start = Instant::now();
    // SAFETY: the child runs `become_held` alone, which makes bare system calls and ends in exec or `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: as above.
        unsafe { plan.become_held() }
    }
    *guard = None;
    let flagged = inherit(FdFlags::CLOEXEC);
    let child = Child::adopt(pid)?;
    flagged?;
    match field.hear(ready)? {
        Some(raw::READY) => {}
        Some(_) => {
            let reason = "the child could not execute its program".into();
            return Err(MeasureError::Unavailable { what: "execveat", reason });
        }
        None => {
            return Err(MeasureError::Timeout { what: "execve in a child", limit_ms: EXEC_LIMIT.as_millis() as u64 });
        }
    }
    book.spawn_ns.push(ns_since(start));
    let mut strange = pipes_of(child.pid())?;
    strange.retain(|inode| given.iter().all(|p| p.inode != *inode));
    book.strange.push(strange);
    Ok(())
}

/// The pipes that a process holds, by inode, as its parent sees them.
fn pipes_of(pid: i32) -> Result<Vec<u64>, MeasureError> {
    let hidden = |e: std::io::Error| MeasureError::Unavailable { what: "/proc/PID/fd", reason: e.to_string() };
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).map_err(hidden)? {
        let target = std::fs::read_link(entry.map_err(hidden)?.path()).map_err(hidden)?;
        let name = target.to_string_lossy();
        let inode = name.strip_prefix("pipe:[").and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(inode.and_then(|digits| digits.parse::<u64>().ok()));
    }
    inodes.sort_unstable();
    inodes.dedup();
    Ok(inodes)
}

/// All that the child needs, laid out before the fork.
struct ChildPlan<'a> {
    mode: Mode,
    hold: &'a Hold,
    ready: RawFd,
    keep: Vec<RawFd>,
    close: Vec<(libc::c_uint, libc::c_uint)>,
}

impl ChildPlan<'_> {
    /// # Safety
    /// For a child after fork: async-signal-safe, allocates nothing.
    unsafe fn become_held(&self) -> ! {
        // SAFETY: bare system calls on integers; the vectors were built before the fork and are only read.
        unsafe {
            raw::bound_life();
            if self.mode != Mode::ClearedInParent {
                for fd in &self.keep {
                    libc::fcntl(*fd, libc::F_SETFD, 0);
                }
            }
            // The number of the ready pipe may lie in a range that is closed below.
            libc::dup2(self.ready, 1);
            if self.mode == Mode::ExplicitList {
                raw::close_ranges(&self.close);
            }
            self.hold.exec(self.hold.raw_fd());
            raw::tell(1, b'x');
        }
        raw::exit_now(127)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few(mode: Mode, spawns: u64) -> SpawnLeak {
        let effort = Effort { spawns, ..Effort::default() };
        measure(&Script::default(), mode, effort).unwrap()
    }

    #[test]
    fn the_judge_sees_a_descriptor_that_is_never_flagged() {
        // One thread, nothing listed, nothing flagged: every child holds the pipe.
        let script = Script { roles: vec![vec![Act::Create(0), Act::Spawn { pass: vec![] }]] };
        let effort = Effort { threads: 1, spawns: 20, ..Effort::default() };
        let seen = measure(&script, Mode::FlagLater, effort).unwrap();
        assert_eq!(seen.leaks, Proportion::new(20, 20));
        assert_eq!(measure(&script, Mode::ExplicitList, effort).unwrap().leaks, Proportion::new(0, 20));
        assert_eq!(measure(&script, Mode::AtomicFlag, effort).unwrap().leaks, Proportion::new(0, 20));
    }

    #[test]
    fn a_handle_made_inheritable_in_the_parent_leaks() {
        let seen = few(Mode::ClearedInParent, 400);
        assert_eq!(seen.leaks.n, 400);
        assert!(seen.leaks.hits > 10, "{}", seen.leaks);
    }

    #[test]
    fn the_workarounds_leak_nothing() {
        for mode in [Mode::AtomicFlag, Mode::MutexAround, Mode::ExplicitList] {
            let seen = few(mode, 400);
            assert_eq!(seen.leaks, Proportion::new(0, 400), "{}", mode.name());
        }
    }

    #[test]
    fn an_interrupt_ends_it_long_before_its_limit() {
        let interrupt = AtomicBool::new(false);
        let effort = Effort { spawns: u64::MAX, ..Effort::default() };
        let start = Instant::now();
        let ended = std::thread::scope(|scope| {
            let run = scope.spawn(|| measure_unless(&Script::default(), Mode::FlagLater, effort, &interrupt));
            std::thread::sleep(Duration::from_millis(50));
            interrupt.store(true, Ordering::SeqCst);
            run.join().unwrap()
        });
        assert!(matches!(ended, Err(MeasureError::Interrupted)), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }

    #[test]
    fn a_script_that_spawns_nothing_ends() {
        let script = Script { roles: vec![vec![Act::Create(0)]] };
        let seen = measure(&script, Mode::FlagLater, Effort::default()).unwrap();
        assert_eq!(seen.leaks.n, 0);
    }
}
