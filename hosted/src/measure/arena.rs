//! An arena: a tree of processes under a judge that its members cannot leave.
//!
//! A *supervisor* process is forked from the caller. It adopts every orphan of the tree (PR_SET_CHILD_SUBREAPER, or
//! because it is the init of a pid namespace), so it is told by the kernel when the last one has been reaped; and it
//! carries out those kills that only a relative can. The judging is done by the caller, see [`super::account`].
//!
//! Source: prctl(2) PR_SET_CHILD_SUBREAPER, pid_namespaces(7), user_namespaces(7), proc_pid_children(5).
//!
//! Assumption: the tree does not attack the supervisor; what does, is started through a plan and not here.
//!
//! When the arena is dropped every member is dead and reaped, whatever the measurement did. Should the *caller* be
//! killed, the supervisor dies with it and members follow: with their pid namespace, or of old age.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::pipe::PipeFlags;

use super::MeasureError;
use super::account::Account;
use super::cgroup::Cgroup;
use super::hold::Hold;
use super::raw::{self, Child};
use super::tree::{Budget, Member, Tree};

/// How long a tree may take to come to rest, or to be gone.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What surrounds the tree besides its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Surroundings {
    /// The tree has a pid namespace of its own, inside whatever the account needs.
    pub(crate) pid_namespace: Option<PidNamespace>,
    /// The tree is in a user namespace of its own, with this RLIMIT_NPROC, and is nobody that anyone else is.
    pub(crate) processes: Option<u32>,
}

/// The tree's own pid namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PidNamespace;

/// What the supervisor can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Command {
    /// `killpg` of the root's group.
    KillGroup = b'g',
    /// Kill what is a child, reap, until there is none.
    KillChildren = b's',
    /// Kill the init of the tree's pid namespace, and reap it.
    KillInit = b'n',
    /// Reap until there is none.
    Wait = b'w',
}

const UP: u8 = b'u';
const DONE: u8 = b'k';
const GONE: u8 = b'd';

/// A tree that runs.
pub(crate) struct Arena {
    /// The judge.
    pub(crate) account: Account,
    /// What a walk of `/proc` can know members by.
    pub(crate) name: String,
    supervisor: Child,
    command: OwnedFd,
    reply: OwnedFd,
    ready: OwnedFd,
    ready_count: u64,
    _budget: Budget,
    gone: bool,
}

impl Arena {
    /// Starts a tree under an account, and in further groups.
    pub(crate) fn start(
        tree: &Tree,
        account: Account,
        groups: &[&Cgroup],
        around: Surroundings,
    ) -> Result<Self, MeasureError> {
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"));
        let (command_in, command) = pipe()?;
        let (reply, reply_out) = pipe()?;
        let (ready, ready_out) = pipe()?;
        rustix::io::ioctl_fionbio(&ready, true).map_err(MeasureError::sys("ioctl(FIONBIO)"))?;
        let entrances = account.group().into_iter().chain(groups.iter().copied()).map(Cgroup::entrance);
        let entrances: Vec<OwnedFd> =
            entrances.collect::<std::io::Result<_>>().map_err(MeasureError::io("open cgroup.procs"))?;
        let (hold, budget) = (Hold::open()?, Budget::new(tree.forks)?);
        let name = new_name();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let wanted: Vec<RawFd> =
            [&command_in, &reply_out, &ready_out].into_iter().chain(&entrances).map(raw_fd).collect();
        let plan = SupervisorPlan {
            close: raw::gaps(wanted.len() as libc::c_uint, [hold.raw_fd()].into_iter()),
            scratch: vec![0; wanted.len()],
            wanted,
            member: Member { tree, budget: &budget, hold: &hold, ready: READY_FD },
            name: name_bytes(&name),
            around,
            own_namespace: account.group().is_none(),
            privileged: rustix::process::geteuid().is_root(),
            maps: [
                (c"/proc/self/setgroups", b"deny".to_vec()),
                (c"/proc/self/uid_map", format!("{uid} {uid} 1").into_bytes()),
                (c"/proc/self/gid_map", format!("{gid} {gid} 1").into_bytes()),
            ],
        };
        let inner = if plan.own_namespace { libc::CLONE_NEWPID | libc::CLONE_NEWNS } else { 0 };
        let namespaces = if plan.own_namespace && !plan.privileged { inner | libc::CLONE_NEWUSER } else { inner };
        // SAFETY: the child runs `supervise` alone, which makes bare system calls and ends in `_exit`.
        let pid = unsafe { raw::clone_process(namespaces) };
        if pid == 0 {
            // SAFETY: as above.
            unsafe { plan.supervise() }
        }
        if pid < 0 {
            let reason = format!("clone: {}", std::io::Error::last_os_error());
            return Err(MeasureError::Unavailable { what: "a pid namespace", reason });
        }
        let supervisor = Child::adopt(pid)?;
        drop((command_in, reply_out, ready_out));
        let arena =
            Self { account, name, supervisor, command, reply, ready, ready_count: 0, _budget: budget, gone: false };
        match raw::read_byte(arena.reply.as_fd(), PATIENCE) {
            Some(UP) => Ok(arena),
            Some(step) => {
                let reason = format!("the tree could not be set up: step `{}` was refused", char::from(step));
                Err(MeasureError::Unavailable { what: "the arena", reason })
            }
            None => Err(MeasureError::Timeout { what: "starting a tree", limit_ms: PATIENCE.as_millis() as u64 }),
        }
    }

    /// The supervisor's number.
    pub(crate) fn supervisor(&self) -> i32 {
        self.supervisor.pid()
    }

    /// The living members, by the account.
    pub(crate) fn members(&self) -> Result<Vec<i32>, MeasureError> {
        self.account.members(self.supervisor())
    }

    /// Waits until so many members have said that they are where they will be, or patience ends.
    pub(crate) fn wait_announced(&mut self, count: u64) -> Result<(), MeasureError> {
        let deadline = Instant::now() + PATIENCE;
        while self.ready_count < count && Instant::now() < deadline {
            self.hear();
            std::thread::sleep(Duration::from_micros(500));
        }
        let limit_ms = PATIENCE.as_millis() as u64;
        if self.ready_count < count {
            Err(MeasureError::Timeout { what: "a tree under way", limit_ms })
        } else {
            Ok(())
        }
    }

    fn hear(&mut self) {
        let mut bytes = [0; 256];
        while let Ok(n @ 1..) = rustix::io::read(&self.ready, &mut bytes) {
            self.ready_count += n as u64;
        }
    }

    /// Waits until every living member holds still, and says how many those are.
    ///
    /// A member that has said so lives on and forks no more. Therefore, when as many are alive as had said so before
    /// they were counted, all of them had, and the number is final.
    pub(crate) fn settle(&mut self) -> Result<u64, MeasureError> {
        let start = Instant::now();
        loop {
            self.hear();
            let ready = self.ready_count;
            let alive = self.members()?.len() as u64;
            if alive == ready && alive > 0 {
                return Ok(alive);
            }
            if start.elapsed() > PATIENCE {
                let limit_ms = PATIENCE.as_millis() as u64;
                return Err(MeasureError::Timeout { what: "a tree at rest", limit_ms });
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Has the supervisor carry out a kill, and waits until it has returned.
    pub(crate) fn kill(&mut self, how: Command) -> Result<(), MeasureError> {
        self.tell(how)?;
        match raw::read_byte(self.reply.as_fd(), PATIENCE) {
            Some(DONE) => Ok(()),
            Some(_) => Err(MeasureError::Unavailable {
                what: "/proc/thread-self/children",
                reason: "needs CONFIG_PROC_CHILDREN and a /proc of the tree's own namespace".into(),
            }),
            None => Err(MeasureError::Timeout { what: "a kill", limit_ms: PATIENCE.as_millis() as u64 }),
        }
    }

    /// Asks to be told of the last reap; [`Self::wait_gone`] hears it.
    pub(crate) fn ask_gone(&mut self) -> Result<(), MeasureError> {
        self.tell(Command::Wait)
    }

    /// Has the kernel told the supervisor that it has no child left? Waits so long for it.
    pub(crate) fn wait_gone(&mut self, limit: Duration) -> bool {
        self.gone = self.gone || raw::read_byte(self.reply.as_fd(), limit) == Some(GONE);
        self.gone
    }

    fn tell(&mut self, command: Command) -> Result<(), MeasureError> {
        rustix::io::write(&self.command, &[command as u8]).map(|_| ()).map_err(MeasureError::sys("write"))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let Some(group) = self.account.group() {
            // The supervisor is in no group: it reaps what dies here, if it was told to.
            let _ = group.clear(PATIENCE);
            let _ = self.ask_gone();
            self.wait_gone(PATIENCE);
        }
        // Where there is no group it is the init of a pid namespace, and all go with it.
        self.supervisor.end();
    }
}

fn raw_fd(fd: &OwnedFd) -> RawFd {
    fd.as_raw_fd()
}

/// A name that no other process bears: at most fifteen bytes.
pub(crate) fn new_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("lac{:x}.{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff)
}

/// As the kernel wants it: ended by a zero.
pub(crate) fn name_bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes().take(15)).for_each(|(to, from)| *to = from);
    bytes
}

const COMMAND_FD: RawFd = 0;
const REPLY_FD: RawFd = 1;
const READY_FD: RawFd = 2;
const FIRST_ENTRANCE_FD: RawFd = 3;
/// Above what is arranged, below the held program.
const SCRATCH_FD: RawFd = 60;

/// All that the supervisor needs, laid out before the fork.
struct SupervisorPlan<'a> {
    /// Become descriptors 0, 1, 2 …; the rest is closed.
    wanted: Vec<RawFd>,
    scratch: Vec<RawFd>,
    close: raw::Ranges,
    member: Member<'a>,
    name: [u8; 16],
    around: Surroundings,
    own_namespace: bool,
    privileged: bool,
    /// Files below `/proc/self` and what is written to them in a user namespace of the supervisor's own.
    maps: [(&'static CStr, Vec<u8>); 3],
}

impl SupervisorPlan<'_> {
    /// # Safety
    /// For a child after fork: async-signal-safe, allocates nothing.
    unsafe fn supervise(mut self) -> ! {
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
