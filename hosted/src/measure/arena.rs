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

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::pipe::PipeFlags;

use super::MeasureError;
use super::account::Account;
use super::cgroup::Cgroup;
use super::hold::Hold;
use super::raw::{self, Child};
use super::supervisor::{DONE, GONE, READY_FD, SupervisorPlan, UP};
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
