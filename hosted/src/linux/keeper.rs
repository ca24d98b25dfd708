//! Primitive `guardian`: the keeper, a process of ours between the supervisor and the job.
//!
//! It is a copy of the supervisor that never execs: init of the job's process namespace where there is one, else a
//! subreaper. It makes the job's first process, reaps every orphan, tells the supervisor what ended, and ends the job
//! when the supervisor is gone or the deadline has passed without it. Calls: `poll` on the supervisor's *pidfd*, on the
//! control socket and on a `signalfd`; then `cgroup.kill`, or `kill(-1)` as init, or the freezer, or a walk of its
//! children until none is left; `rmdir` of the job's cgroups.
//!
//! Source: `pid_namespaces(7)`, `PR_SET_CHILD_SUBREAPER(2const)`, `pidfd_open(2)`. Not `PR_SET_PDEATHSIG`: that follows
//! the *thread* that forked, and is lost when set too late. A pidfd is readable at once if the process died before
//! anyone looked, so there is no window; and no copy of it in another child keeps it silent, as that of a pipe would.
//!
//! It is outside of the job's cgroup, so it is neither counted nor killed with it. Holes: its memory is a copy-on-write
//! image of the supervisor's (undumpable, so the job cannot look inside); without a process namespace a job of the same
//! user can signal it unless Landlock's scopes forbid that; killed together with the supervisor, without a process
//! namespace, it leaves the job running until the next `clean`.

use std::ffi::CString;
use std::os::fd::RawFd;

use super::child::{self, First};
use super::namespaces::{Identity, loopback_up};
use super::protocol::{Message, Others, Stage, WORD_END, WORD_LET_GO, send, send_with};
use super::sys::{self, CloneCall, Errno, NewProcess, Reaped, Side};
use crate::primitive::PrimitiveId;

/// How the keeper ends the job.
#[derive(Debug)]
pub(crate) enum Means {
    /// An open `cgroup.kill`.
    CgroupKill(RawFd),
    /// It is init: all others in its namespace.
    Namespace,
    /// A freezer: its open `freezer.state`, and the path of its list.
    Freezer { state: RawFd, procs: CString },
    /// Its children, until there are none.
    Children,
}

/// What the keeper's network namespace gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loopback {
    Up,
    AsItIs,
}

/// All that the keeper needs, prepared in the supervisor.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) call: CloneCall,
    pub(crate) control: RawFd,
    /// The supervisor's pidfd.
    pub(crate) supervisor: RawFd,
    pub(crate) identity: Option<Identity>,
    pub(crate) loopback: Loopback,
    /// Namespaces that exist since the clone, as their primitives.
    pub(crate) namespaces: Vec<PrimitiveId>,
    /// A directory of cgroup v2 for the first process to be born in.
    pub(crate) born_in: Option<RawFd>,
    /// Is it init of a process namespace? Numbers that `/proc` shows are then not those it may kill by.
    pub(crate) is_init: bool,
    pub(crate) means: Means,
    /// When to end the job if the supervisor has not, on the monotonic clock.
    pub(crate) backstop_ns: Option<u64>,
    /// Cgroups to remove when the supervisor is gone.
    pub(crate) remove: Vec<CString>,
    pub(crate) first: First,
}

/// Goes on as the keeper. Every signal is blocked.
pub(crate) fn run(keeper: &mut Keeper) -> ! {
    match begin(keeper) {
        Ok(kept) => watch(keeper, kept),
        Err((stage, errno)) => {
            send(keeper.control, Message::Failed(stage, errno));
            sys::exit(126)
        }
    }
}

/// What the keeper watches.
struct Kept {
    first: libc::pid_t,
    exec_watch: RawFd,
    signals: RawFd,
}

fn begin(keeper: &mut Keeper) -> Result<Kept, (Stage, Errno)> {
    let own = |errno: Errno| (Stage::Keeper, errno);
    // Out of the supervisor's process group: a kill of that group must not reach both.
    // SAFETY: takes numbers only.
    sys::check(unsafe { libc::setpgid(0, 0) }.into()).map_err(own)?;
    if let Some(identity) = &keeper.identity {
        identity.map().map_err(|errno| (Stage::Primitive(PrimitiveId::UserNamespace), errno))?;
    }
    if keeper.loopback == Loopback::Up {
        loopback_up().map_err(|errno| (Stage::Primitive(PrimitiveId::NetworkNamespace), errno))?;
    }
    keeper.namespaces.iter().for_each(|id| send(keeper.control, Message::Applied(*id)));
    // Only now: the files of an undumpable process in /proc are root's. The first process becomes dumpable at exec.
    sys::prctl(libc::PR_SET_DUMPABLE, 0, 0).map_err(own)?;
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0).map_err(own)?;
    let guardian = Stage::Primitive(PrimitiveId::Guardian);
    let signals = child_signals().map_err(|errno| (guardian, errno))?;
    send(keeper.control, Message::Applied(PrimitiveId::Guardian));

    let mut pipe = [-1, -1];
    // SAFETY: the array of two is ours to write.
    sys::check(unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) }.into()).map_err(own)?;
    let [exec_watch, exec_end] = pipe;
    let new = NewProcess { call: keeper.call, flags: 0, exit_signal: libc::SIGCHLD, cgroup: keeper.born_in };
    // SAFETY: the child goes on in `child::run`, which makes raw calls on what was prepared and never returns.
    let side = unsafe { sys::clone_process(&new) };
    let stage = if keeper.born_in.is_some() { Stage::Primitive(PrimitiveId::CgroupV2) } else { Stage::Fork };
    match side.map_err(|errno| (stage, errno))? {
        Side::Child => child::run(&mut keeper.first, exec_end),
        Side::Parent { pid, pidfd } => {
            sys::close(exec_end);
            if keeper.born_in.is_some() {
                send(keeper.control, Message::Applied(PrimitiveId::CgroupV2));
            }
            send_with(keeper.control, Message::Born, pidfd).map_err(own)?;
            let mut kept = [keeper.control, keeper.supervisor, exec_watch, signals, keeper.means.descriptor()];
            close_others(&mut kept).map_err(own)?;
            Ok(Kept { first: pid, exec_watch, signals })
        }
    }
}

impl Means {
    /// The descriptor it needs, or one that is no descriptor.
    fn descriptor(&self) -> RawFd {
        match self {
            Self::CgroupKill(fd) | Self::Freezer { state: fd, .. } => *fd,
            Self::Namespace | Self::Children => -1,
        }
    }
}

/// Closes all descriptors but these.
fn close_others(kept: &mut [RawFd]) -> Result<(), Errno> {
    kept.sort_unstable();
    let mut next = 0u32;
    for &fd in kept.iter() {
        let Ok(fd) = u32::try_from(fd) else { continue };
        if fd > next {
            sys::close_range(next, fd - 1, 0)?;
        }
        next = fd + 1;
    }
    sys::close_range(next, u32::MAX, 0)
}

/// A `signalfd` for the end of children.
fn child_signals() -> Result<RawFd, Errno> {
    let mask = [1u64 << (libc::SIGCHLD - 1); 1];
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the mask is the kernel's 8 bytes and lives during the call.
    sys::check(unsafe { libc::syscall(libc::SYS_signalfd4, -1, mask.as_ptr(), 8, flags) }).map(|fd| fd as RawFd)
}

/// Until the supervisor lets go.
fn watch(keeper: &mut Keeper, kept: Kept) -> ! {
    let Kept { first, exec_watch, signals } = kept;
    let readable = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // A negative descriptor is ignored by poll.
    let mut fds = [readable(keeper.supervisor), readable(keeper.control), readable(signals), readable(exec_watch)];
    let mut told_empty = false;
    let mut first_ended = false;
    let mut more = false;
    loop {
        let timeout_ms = match keeper.backstop_ns {
            _ if more => 0,
            None => -1,
            Some(at) => i32::try_from(at.saturating_sub(sys::monotonic_ns()).div_ceil(1_000_000)).unwrap_or(i32::MAX),
        };
        if sys::poll(&mut fds, timeout_ms).is_err() {
            abandon(keeper);
        }
        let [gone, word, child, exec] = fds.map(|fd| fd.revents != 0);
        if gone {
            abandon(keeper);
        }
        if exec {
            fds[3].fd = -1;
            sys::close(exec_watch);
            send(keeper.control, Message::Started);
        }
        if word {
            let mut bytes = [0u8; 1];
            match sys::read(keeper.control, &mut bytes) {
                Ok(1) if bytes == [WORD_LET_GO] => let_go(keeper),
                Ok(1) if bytes == [WORD_END] => end_all(&keeper.means),
                Err(libc::EINTR | libc::EAGAIN) => {}
                // The other side is closed: nobody will ever ask.
                _ => abandon(keeper),
            }
        }
        if keeper.backstop_ns.is_some_and(|at| sys::monotonic_ns() >= at) {
            keeper.backstop_ns = None;
            end_all(&keeper.means);
        }
        if child || word {
            // What the signalfd says is not needed, only that it is read.
            while sys::read(signals, &mut [0u8; 128]).is_ok_and(|read| read > 0) {}
        }
        let reaped = reap_some(first);
        let none_left = reaped.left == Left::None;
        more = reaped.left == Left::MaybeDead;
        if let Some(status) = reaped.first_status {
            first_ended = true;
            let others = if none_left { Others::None } else { Others::Some };
            send(keeper.control, Message::Ended { status, others });
        }
        if first_ended && none_left && !told_empty {
            told_empty = true;
            send(keeper.control, Message::Empty);
        }
    }
}

/// The supervisor is gone: ends the job, removes what was made for it, and goes too.
fn abandon(keeper: &Keeper) -> ! {
    let until = sys::monotonic_ns() + 10_000_000_000;
    loop {
        end_all(&keeper.means);
        end_children(keeper);
        let left = reap_some(0).left;
        if left == Left::None || sys::monotonic_ns() > until {
            break;
        }
        pause_for(left);
    }
    for path in &keeper.remove {
        // What stays busy longer than this is left to `clean`: a dead member is unlinked when it was last switched from.
        for _ in 0..200 {
            // SAFETY: the path ends in NUL and lives during the call.
            if unsafe { libc::rmdir(path.as_ptr()) } == 0 || sys::errno() != libc::EBUSY {
                break;
            }
            let _ = sys::poll(&mut [], 1);
        }
    }
    sys::exit(0)
}

/// The supervisor has read that nobody is left: reaps the dead, so that the machine's init need not. Whoever is alive
/// all the same has left the group that was to hold it; it is ended too, and told.
fn let_go(keeper: &Keeper) -> ! {
    // Between the last death by the account and the last one to be reaped lies a moment, not more.
    let moment = sys::monotonic_ns() + 200_000_000;
    let until = moment + 5_000_000_000;
    let mut escaped = 0;
    loop {
        let late = sys::monotonic_ns() > moment;
        if late {
            end_children(keeper);
        }
        let reaped = reap_some(0);
        if late {
            escaped += reaped.count;
        }
        if reaped.left == Left::None || sys::monotonic_ns() > until {
            break;
        }
        pause_for(reaped.left);
    }
    if escaped > 0 {
        send(keeper.control, Message::Escaped(escaped));
    }
    sys::exit(0)
}

/// Who is left of the keeper's children.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    None,
    /// Some, and none of them dead.
    Living,
    /// As many as one turn reaps were dead, so there may be more.
    MaybeDead,
}

struct ReapedSome {
    count: i32,
    /// The status of the first process, if it is among them.
    first_status: Option<i32>,
    left: Left,
}

/// Reaps some of the dead. Not all: a job whose processes fork and exit for ever makes orphans as fast as they can be
/// reaped, and the keeper must look up between.
fn reap_some(first: libc::pid_t) -> ReapedSome {
    let mut some = ReapedSome { count: 0, first_status: None, left: Left::MaybeDead };
    while some.count < 32 {
        match sys::reap(libc::WNOHANG) {
            Reaped::Child { pid, status } => {
                some.count += 1;
                if pid == first {
                    some.first_status = Some(status);
                }
            }
            Reaped::StillRunning => {
                some.left = Left::Living;
                break;
            }
            Reaped::NoChildren => {
                some.left = Left::None;
                break;
            }
        }
    }
    some
}

/// Waits a little, if it is for the living that one waits.
fn pause_for(left: Left) {
    if left == Left::Living {
        let _ = sys::poll(&mut [], 1);
    }
}

/// SIGKILL to whoever has this process as its parent, or as its init.
fn end_children(keeper: &Keeper) {
    end_all(if keeper.is_init { &Means::Namespace } else { &Means::Children });
}

/// One blow to every process of the job.
fn end_all(means: &Means) {
    match means {
        Means::CgroupKill(fd) => drop(sys::write(*fd, b"1")),
        // SAFETY: takes numbers only; as init of a process namespace, -1 is every other process in it.
        Means::Namespace => drop(unsafe { libc::kill(-1, libc::SIGKILL) }),
        Means::Freezer { state, procs } => {
            let _ = sys::write(*state, b"FROZEN");
            let _ = sys::poll(&mut [], 1);
            kill_listed(procs);
            let _ = sys::write(*state, b"THAWED");
        }
        Means::Children => kill_listed(c"/proc/thread-self/children"),
    }
}

/// SIGKILL to every process that a file lists. They are our children, dead or alive, or frozen: no number is another's.
fn kill_listed(path: &std::ffi::CStr) {
    let Ok(fd) = sys::open(path, libc::O_RDONLY) else { return };
    let mut pid: libc::pid_t = 0;
    let mut bytes = [0u8; 512];
    while let Ok(read @ 1..) = sys::read(fd, &mut bytes) {
        for byte in bytes.iter().take(read) {
            if byte.is_ascii_digit() {
                pid = pid.wrapping_mul(10).wrapping_add(libc::pid_t::from(byte - b'0'));
            } else if pid > 1 {
                // SAFETY: takes numbers only.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                pid = 0;
            }
        }
    }
    if pid > 1 {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    sys::close(fd);
}
