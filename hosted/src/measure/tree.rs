//! What the processes of a measured tree do: roles of steps, run in children of a fork by bare system calls.
//!
//! Source: fork(2), setsid(2), execveat(2). The escape by `setsid` and a double fork is that of daemon(7).
//!
//! Everything is bounded: a counter in shared memory is drawn on by each fork, a process that has nothing left to do
//! holds still, and each ends by itself after half a minute.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::hold::Hold;
use super::raw;

/// Forks of all lanes of [`Tree::relays`] together. Even if nobody found the time to wait for a single one, as many
/// zombies are far from filling a process table.
const RELAY_FORKS: u32 = 2_000;

/// A role, by its place in [`Tree::roles`].
pub type RoleIndex = usize;

/// One step of a process. At the end of its steps a process holds still until it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// `fork`, this many times; each child starts this role.
    Fork {
        /// What the child does.
        role: RoleIndex,
        /// How many children.
        times: u32,
    },
    /// `setsid`: a new session and process group.
    NewSession,
    /// Leaves by a second fork: the child goes on with the steps that follow, the parent is gone.
    Detach,
    /// `execve` of a program that holds still; nothing follows.
    Exec,
    /// `_exit`; nothing follows.
    Exit,
    /// `fork` again and again, a moment apart, each child starting this role, so that one of the forks falls into
    /// whatever window there is.
    ForkOn {
        /// What each child does.
        role: RoleIndex,
    },
    /// `fork`, the parent exits, the child goes on: no process of it lives longer than a moment, until the tree's bound is
    /// used up; the last one goes on with the steps that follow.
    Relay,
    /// `fork` until the tree's bound is used up, and so does every child: a fork bomb.
    Swarm,
}

/// Roles; the first process runs role 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The steps of each role.
    pub roles: Vec<Vec<Step>>,
    /// Forks in all that the tree may try.
    pub forks: u32,
}

impl Tree {
    /// A root with this many members that left its session, its process group and its parent.
    pub fn escapees(count: u32) -> Self {
        let leave = vec![Step::NewSession, Step::Detach];
        Self { roles: vec![vec![Step::Fork { role: 1, times: count }], leave], forks: 2 * count }
    }

    /// A root with this many lanes, in each of which a process lives only until it has forked the next.
    pub fn relays(lanes: u32) -> Self {
        let lane = vec![Step::NewSession, Step::Relay];
        Self { roles: vec![vec![Step::Fork { role: 1, times: lanes }], lane], forks: RELAY_FORKS }
    }

    /// A fork bomb that tries this many forks.
    pub fn bomb(forks: u32) -> Self {
        Self { roles: vec![vec![Step::Swarm]], forks }
    }

    /// Does any role keep forking, so that the tree does not come to rest by itself?
    pub(crate) fn is_restless(&self) -> bool {
        self.roles.iter().flatten().any(|step| matches!(step, Step::Relay | Step::ForkOn { .. }))
    }

    /// How many processes of a restless tree say that they have come where they hold still or fork on, before any fork
    /// that is repeated.
    pub(crate) fn announced(&self) -> u64 {
        // A role that forks itself is followed as deep as there are roles: enough to know that it is under way.
        self.announced_by(0, self.roles.len())
    }

    fn announced_by(&self, role: RoleIndex, depth: usize) -> u64 {
        let steps = self.roles.get(role).map_or(&[] as &[Step], Vec::as_slice);
        let mut announced = 0u64;
        for step in steps {
            match *step {
                Step::Fork { role, times } if depth > 0 => {
                    announced = announced.saturating_add(u64::from(times) * self.announced_by(role, depth - 1));
                }
                Step::Exit => return announced,
                _ => {}
            }
        }
        announced + 1
    }
}

/// The fork counter, in memory that all members share. Members write it: it bounds them, and no judge reads it.
pub(crate) struct Budget(*const AtomicI64);

// SAFETY: the page is mapped for the life of the value and holds one atomic.
unsafe impl Send for Budget {}
// SAFETY: as above.
unsafe impl Sync for Budget {}

impl Budget {
    pub(crate) fn new(forks: u32) -> Result<Self, MeasureError> {
        let (length, prot, flags) =
            (size_of::<AtomicI64>(), libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh anonymous mapping, at an address of the kernel's choice.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), length, prot, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(MeasureError::io("mmap")(std::io::Error::last_os_error()));
        }
        let budget = Self(page.cast());
        budget.counter().store(i64::from(forks), Ordering::SeqCst);
        Ok(budget)
    }

    fn counter(&self) -> &AtomicI64 {
        // SAFETY: page-aligned, zeroed at birth, unmapped only in `drop`.
        unsafe { &*self.0 }
    }

    /// One fork less; `false` if none is left.
    pub(crate) fn take(&self) -> bool {
        self.counter().fetch_sub(1, Ordering::SeqCst) > 0
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; no reference outlives the value.
        unsafe { libc::munmap(self.0.cast_mut().cast(), size_of::<AtomicI64>()) };
    }
}

/// What a member needs, laid out before the fork.
pub(crate) struct Member<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) budget: &'a Budget,
    pub(crate) hold: &'a Hold,
    /// Where a member says that it holds still.
    pub(crate) ready: libc::c_int,
}

impl Member<'_> {
    /// Runs a role to its end.
    ///
    /// # Safety
    /// For a child after fork: async-signal-safe, allocates nothing. Its descriptor 1 is lost at [`Step::Exec`].
    pub(crate) unsafe fn run(&self, role: RoleIndex) -> ! {
        // SAFETY: bare system calls on integers and on memory that was laid out before the fork.
        unsafe {
            libc::alarm(raw::LIFE_S);
            let steps = self.tree.roles.get(role).map_or(&[] as &[Step], Vec::as_slice);
            for step in steps {
                match *step {
                    Step::Fork { role, times } => {
                        for _ in 0..times {
                            if self.fork() == 0 {
                                self.run(role);
                            }
                        }
                    }
                    Step::ForkOn { role } => {
                        raw::tell(self.ready, raw::READY);
                        loop {
                            match self.fork() {
                                0 => self.run(role),
                                REFUSED_BY_BOUND => break,
                                _ => pause_a_moment(),
                            }
                        }
                    }
                    Step::NewSession => {
                        libc::syscall(libc::SYS_setsid);
                    }
                    Step::Detach => match self.fork() {
                        0 => {
                            libc::alarm(raw::LIFE_S);
                        }
                        // Refused: it goes on where it is.
                        ..0 => {}
                        _ => raw::exit_now(0),
                    },
                    Step::Exec => {
                        libc::dup2(self.ready, 1);
                        self.hold.exec(self.hold.raw_fd());
                        raw::exit_now(127);
                    }
                    Step::Exit => raw::exit_now(0),
                    Step::Relay => {
                        raw::tell(self.ready, raw::READY);
                        self.relay();
                    }
                    Step::Swarm => while self.fork() != REFUSED_BY_BOUND {},
                }
            }
            raw::tell(self.ready, raw::READY);
            loop {
                libc::pause();
            }
        }
    }

    /// 0 in the child, -1 if the kernel refused, [`REFUSED_BY_BOUND`] if the tree's bound is used up.
    unsafe fn fork(&self) -> libc::pid_t {
        if !self.budget.take() {
            return REFUSED_BY_BOUND;
        }
        // SAFETY: the child goes on in `run`, under its rules.
        unsafe { raw::clone_process(0) }
    }

    unsafe fn relay(&self) {
        loop {
            // SAFETY: bare system calls, and the child goes on under the same rules.
            unsafe {
                match self.fork() {
                    0 => {
                        libc::alarm(raw::LIFE_S);
                        pause_a_moment();
                    }
                    -1 => pause_a_moment(),
                    REFUSED_BY_BOUND => return,
                    _ => raw::exit_now(0),
                }
            }
        }
    }
}

/// Async-signal-safe, as all that members run.
fn pause_a_moment() {
    let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: a live local; the time left is not asked for.
    unsafe { libc::syscall(libc::SYS_nanosleep, &raw const moment, 0) };
}

const REFUSED_BY_BOUND: libc::pid_t = -2;
