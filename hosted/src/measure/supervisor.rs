//! The supervisor of an arena: what it does between the fork that makes it and its end.
//!
//! It sets up its descriptors and namespaces, starts the first process of the tree, and then does as it is told by
//! single bytes. It is a copy of a threaded process that never execs, so all of it is bare system calls.
//!
//! Source: signal-safety(7), user_namespaces(7), getrlimit(2), proc_pid_children(5).

use std::ffi::CStr;
use std::os::fd::RawFd;

use super::arena::Surroundings;
use super::raw;
use super::tree::Member;

/// The tree is about to run.
pub(super) const UP: u8 = b'u';
/// A kill has returned.
pub(super) const DONE: u8 = b'k';
/// There is no child left.
pub(super) const GONE: u8 = b'd';

const COMMAND_FD: RawFd = 0;
const REPLY_FD: RawFd = 1;
/// Where members say that they are at rest.
pub(super) const READY_FD: RawFd = 2;
const FIRST_ENTRANCE_FD: RawFd = 3;
/// Above what is arranged, below the held program.
const SCRATCH_FD: RawFd = 60;

/// All that the supervisor needs, laid out before the fork.
pub(super) struct SupervisorPlan<'a> {
    /// Become descriptors 0, 1, 2 …; the rest is closed.
    pub(super) wanted: Vec<RawFd>,
    pub(super) scratch: Vec<RawFd>,
    pub(super) close: raw::Ranges,
    pub(super) member: Member<'a>,
    pub(super) name: [u8; 16],
    pub(super) around: Surroundings,
    pub(super) own_namespace: bool,
    pub(super) privileged: bool,
    /// Files below `/proc/self` and what is written to them in a user namespace of the supervisor's own.
    pub(super) maps: [(&'static CStr, Vec<u8>); 3],
}

impl SupervisorPlan<'_> {
    /// # Safety
    /// For a child after fork: async-signal-safe, allocates nothing.
    pub(super) unsafe fn supervise(mut self) -> ! {
        // SAFETY: bare system calls on integers and on memory that was laid out before the fork; the descriptors are
        // this process's own copies.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            for (to, from) in self.scratch.iter_mut().zip(&self.wanted) {
                *to = libc::fcntl(*from, libc::F_DUPFD, SCRATCH_FD);
            }
            for (to, from) in self.scratch.iter().enumerate() {
                libc::dup2(*from, to as RawFd);
            }
            raw::close_ranges(&self.close);
            if self.own_namespace && !self.privileged {
                // Without a map the tree could make no user namespace below this one.
                for (file, text) in &self.maps {
                    let fd = libc::open(file.as_ptr(), libc::O_WRONLY);
                    libc::write(fd, text.as_ptr().cast(), text.len());
                    libc::close(fd);
                }
            }
            if self.own_namespace {
                let (none, proc) = (std::ptr::null(), c"proc".as_ptr());
                let private = libc::MS_REC | libc::MS_PRIVATE;
                libc::mount(none, c"/".as_ptr(), none, private, none.cast());
                // Refused where the outer /proc is covered in part: then the children cannot be listed.
                libc::mount(proc, c"/proc".as_ptr(), proc, 0, none.cast());
            }
            let namespaces = if self.around.pid_namespace.is_some() { libc::CLONE_NEWPID } else { 0 };
            let root = raw::clone_process(namespaces);
            if root == 0 {
                self.begin_tree();
            }
            if root < 0 {
                self.refuse(b'c');
            }
            // The root may call itself the group's leader only now; both sides set it, whoever is first.
            libc::setpgid(root, root);
            self.obey(root)
        }
    }

    unsafe fn obey(&self, root: libc::pid_t) -> ! {
        // SAFETY: as in `supervise`.
        unsafe {
            loop {
                let mut command = 0u8;
                if libc::read(COMMAND_FD, (&raw mut command).cast(), 1) != 1 {
                    raw::exit_now(0);
                }
                let told = match command {
                    b'g' => {
                        libc::kill(-root, libc::SIGKILL);
                        DONE
                    }
                    b'n' => {
                        // The kernel lets an init be reaped when the last of its namespace is gone.
                        libc::kill(root, libc::SIGKILL);
                        libc::waitpid(root, std::ptr::null_mut(), 0);
                        DONE
                    }
                    b's' => kill_children(),
                    _ => {
                        while libc::waitpid(-1, std::ptr::null_mut(), 0) > 0 {}
                        GONE
                    }
                };
                raw::tell(REPLY_FD, told);
            }
        }
    }

    /// The first process of the tree; in a pid namespace of its own, the first but one.
    unsafe fn begin_tree(&self) -> ! {
        // SAFETY: as in `supervise`.
        unsafe {
            libc::setpgid(0, 0);
            for entrance in FIRST_ENTRANCE_FD..self.wanted.len() as RawFd {
                if libc::write(entrance, c"0".as_ptr().cast(), 1) != 1 {
                    self.refuse(b'j');
                }
            }
            libc::prctl(libc::PR_SET_NAME, self.name.as_ptr());
            if let Some(limit) = self.around.processes {
                self.limit_processes(limit);
            }
            if self.around.pid_namespace.is_some() {
                match raw::clone_process(0) {
                    0 => self.run_tree(),
                    -1 => self.refuse(b'c'),
                    _ => {}
                }
                // An init that reaps, and that counts as a member at rest.
                raw::tell(READY_FD, raw::READY);
                loop {
                    if libc::waitpid(-1, std::ptr::null_mut(), 0) < 0 {
                        libc::pause();
                    }
                }
            }
            self.run_tree()
        }
    }

    unsafe fn run_tree(&self) -> ! {
        // SAFETY: as in `supervise`.
        unsafe {
            raw::tell(REPLY_FD, UP);
            // A member speaks through `READY_FD` alone, and can join no group again.
            libc::close(COMMAND_FD);
            libc::close(REPLY_FD);
            for entrance in FIRST_ENTRANCE_FD..self.wanted.len() as RawFd {
                libc::close(entrance);
            }
            self.member.run(0)
        }
    }

    /// RLIMIT_NPROC counts a user's processes in a user namespace, and does not bind root.
    unsafe fn limit_processes(&self, limit: u32) {
        // SAFETY: as in `supervise`; `value` is a live local.
        unsafe {
            if self.privileged {
                // An id that nobody else uses: the count goes by user.
                let alone = 1_900_000_000 + u64::from(libc::getpid().cast_unsigned());
                libc::syscall(libc::SYS_setgroups, 0, 0);
                libc::syscall(libc::SYS_setresgid, alone, alone, alone);
                if libc::syscall(libc::SYS_setresuid, alone, alone, alone) != 0 {
                    self.refuse(b'i');
                }
            }
            let value = libc::rlimit { rlim_cur: limit.into(), rlim_max: limit.into() };
            if libc::setrlimit(libc::RLIMIT_NPROC, &raw const value) != 0 {
                self.refuse(b'l');
            }
            if libc::unshare(libc::CLONE_NEWUSER) != 0 {
                self.refuse(b'n');
            }
        }
    }

    /// Reports the step that failed, and ends.
    unsafe fn refuse(&self, step: u8) -> ! {
        // SAFETY: as in `supervise`.
        unsafe { raw::tell(REPLY_FD, step) };
        raw::exit_now(1)
    }
}

/// Kills and reaps children until the kernel says that there is none; every orphan of the tree becomes one.
///
/// # Safety
/// As [`SupervisorPlan::supervise`].
unsafe fn kill_children() -> u8 {
    let mut text = [0u8; 4096];
    // SAFETY: bare system calls; the buffer is a live local of the length passed.
    unsafe {
        loop {
            let fd = libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if fd < 0 {
                return b'x';
            }
            let length = libc::read(fd, text.as_mut_ptr().cast(), text.len());
            libc::close(fd);
            // A number that the buffer cuts off is not followed by a space, and is left for the next round.
            let mut pid: libc::pid_t = 0;
            for byte in text.iter().take(length.max(0).cast_unsigned()) {
                match byte {
                    b'0'..=b'9' => pid = pid * 10 + libc::pid_t::from(byte - b'0'),
                    // A child of ours that is not reaped yet: the number still names it.
                    _ => {
                        libc::kill(pid, libc::SIGKILL);
                        pid = 0;
                    }
                }
            }
            if libc::waitpid(-1, std::ptr::null_mut(), 0) < 0 {
                return DONE;
            }
            while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {}
        }
    }
}
