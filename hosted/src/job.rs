//! A running job: its output, its end, and the kernel's own account of who is alive.
//!
//! The end of a job is the end of its *first process*, its deadline, or a [`Job::kill`]; each is followed by a kill of
//! the whole group and a wait until the kernel says that nobody is left. Signals go through pidfds, so they reach the
//! process that was meant or none. Source: `pidfd_open(2)`, `cgroups(7)`, `pid_namespaces(7)`.
//!
//! Invariant: a [`Job`] that is dropped, in whatever state, leaves no process and no cgroup behind.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lacuna_model::profile::Profile;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use serde::Serialize;

use crate::LaunchError;
use crate::linux::cgroup_v1;
use crate::linux::launch::{Groups, receive};
use crate::linux::protocol::{Message, Others, WORD_END, WORD_LET_GO};
use crate::linux::sys;
use crate::plan::Plan;
use crate::primitive::{PrimitiveId, strengthen};

/// Whose word it is that nobody of the job is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Account {
    /// `cgroup.events` of version 2: `populated 0`.
    CgroupV2,
    /// `cgroup.procs` of a freezer group of version 1 is empty.
    CgroupV1Freezer,
    /// The init of the process namespace is dead: the kernel waits for all others first.
    PidNamespace,
    /// The subreaper has no child left.
    Keeper,
}

/// How the first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl Status {
    fn from_wait(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signaled(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }

    /// Did it end by itself with code 0?
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }
}

/// Why the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// Its first process ended.
    OwnAccord,
    /// The policy's deadline passed.
    Deadline,
    /// It was killed by [`Job::kill`].
    Asked,
    /// The keeper ended first: someone outside killed it, or the machine ran out of memory.
    KeeperLost,
}

/// What is known when nobody of the job is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// How the first process ended; killed, if nobody could say otherwise.
    pub status: Status,
    /// Why the job ended.
    pub cause: Cause,
    /// Processes that were alive when the first had ended, before the kill of the group; 1 stands for some where the
    /// host keeps no list. After a deadline or a kill that was asked for: those alive at that moment.
    pub survivors: usize,
    /// From the kill of the group to the last death by the kernel's account.
    pub kill_duration: Duration,
    /// From the kill of the group to the last reaping: the process table holds nothing of the job any more.
    pub reap_duration: Duration,
    /// From the launch to the last death.
    pub run_duration: Duration,
    /// Whose word it is that nobody is left.
    pub account: Account,
    /// The primitives that were reported as applied, the judge's own left out.
    pub applied: Vec<PrimitiveId>,
}

impl End {
    /// Was it the deadline?
    pub fn killed_by_deadline(&self) -> bool {
        self.cause == Cause::Deadline
    }

    /// The profile that the job really ran on: from what was applied, not from what was planned.
    pub fn effective(&self) -> Profile {
        strengthen(&self.applied.iter().copied().collect())
    }
}

/// A job could not be brought to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The kernel refused what it should not.
    #[error("cannot {what}: {source}")]
    Kernel {
        /// What was done.
        what: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
    /// The group was killed and is not empty after ten seconds: a member sleeps in the kernel.
    #[error("killed, and {0} processes are still there after 10 s")]
    Undead(usize),
}

fn kernel(what: &'static str) -> impl Fn(io::Error) -> WaitError {
    move |source| WaitError::Kernel { what, source }
}

/// What a launch hands over.
pub(crate) struct Started {
    pub(crate) plan: Plan,
    pub(crate) groups: Groups,
    pub(crate) account: Account,
    pub(crate) control: OwnedFd,
    pub(crate) keeper: OwnedFd,
    pub(crate) started: Instant,
    pub(crate) deadline: Option<Instant>,
    pub(crate) input: Option<OwnedFd>,
    pub(crate) output: Option<OwnedFd>,
}

/// A running job.
#[derive(Debug)]
pub struct Job {
    groups: Groups,
    account: Account,
    control: OwnedFd,
    keeper: OwnedFd,
    first: Option<OwnedFd>,
    started: Instant,
    deadline: Option<Instant>,
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    applied: Vec<PrimitiveId>,
    /// What the first process ended with, and whether others lived on.
    ended: Option<(Status, Others)>,
    /// The keeper has no child left, or is dead.
    childless: bool,
    keeper_gone: bool,
    closed: Option<Closed>,
}

/// The group was killed and is empty.
#[derive(Debug, Clone, Copy)]
struct Closed {
    cause: Cause,
    survivors: usize,
    kill_duration: Duration,
    reap_duration: Duration,
    run_duration: Duration,
}

/// How long a killed group may take to be empty.
const PATIENCE: Duration = Duration::from_secs(10);

impl Job {
    /// Listens until the program runs.
    pub(crate) fn begin(started: Started) -> Result<Self, LaunchError> {
        let Started { plan, groups, account, control, keeper, started, deadline, input, output } = started;
        let mut job = Self {
            groups,
            account,
            control,
            keeper,
            first: None,
            started,
            deadline,
            input,
            output,
            applied: Vec::new(),
            ended: None,
            childless: false,
            keeper_gone: false,
            closed: None,
        };
        let mut applied: BTreeSet<_> = job.groups.limited().collect();
        loop {
            let received = receive(&job.control);
            match received.map_err(|source| LaunchError::Prepare { what: "the keeper's word", source })? {
                None => return Err(LaunchError::Died),
                Some((Message::Applied(id), _)) => drop(applied.insert(id)),
                Some((Message::Failed(stage, errno), _)) => {
                    return Err(LaunchError::Step { stage, source: io::Error::from_raw_os_error(errno) });
                }
                Some((Message::Born, pidfd)) => job.first = pidfd,
                Some((Message::Started, _)) => break,
                Some((message, _)) => job.note(message),
            }
        }
        let mut planned = plan.steps().iter().map(|step| step.primitive);
        if let Some(missing) = planned.find(|id| !applied.contains(id)) {
            // The first process died by a signal on its way: then it is not the step that failed.
            return Err(if job.ended.is_some() { LaunchError::Died } else { LaunchError::Unreported(missing) });
        }
        job.applied = applied.into_iter().filter(|id| !plan.judge().contains(id)).collect();
        Ok(job)
    }

    fn note(&mut self, message: Message) {
        match message {
            Message::Ended { status, others } => {
                self.ended = Some((Status::from_wait(status), others));
                self.childless |= others == Others::None;
            }
            Message::Empty => self.childless = true,
            Message::Applied(_) | Message::Failed(..) | Message::Born | Message::Started => {}
        }
    }

    /// Takes in what the keeper says until `until`, or until something other than words happens.
    fn listen(&mut self, until: Option<Instant>, output: Watch) -> io::Result<Heard> {
        let (output_ready, word, gone) = {
            let none = self.keeper.as_fd();
            let watched = match (&self.output, output) {
                (Some(fd), Watch::Output) => fd.as_fd(),
                _ => none,
            };
            let control_flags = if self.keeper_gone { PollFlags::empty() } else { PollFlags::IN };
            let mut fds = [
                PollFd::new(&self.keeper, PollFlags::IN),
                PollFd::new(&self.control, control_flags),
                PollFd::from_borrowed_fd(watched, PollFlags::IN),
            ];
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout =
                left.map(|left| Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }));
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(Heard::Nothing),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [keeper, control, watched] = fds.map(|fd| !fd.revents().is_empty());
            (watched && self.output.is_some() && output == Watch::Output, control, keeper)
        };
        if word && !self.keeper_gone {
            match receive(&self.control)? {
                Some((message, _)) => self.note(message),
                None => self.keeper_gone = true,
            }
            return Ok(Heard::Word);
        }
        if gone {
            self.keeper_gone = true;
            self.childless = true;
        }
        Ok(match (output_ready, gone) {
            (true, _) => Heard::Output,
            (false, true) => Heard::Gone,
            (false, false) => Heard::Nothing,
        })
    }

    /// The primitives that were applied, in order; the judge's own are not among them.
    pub fn applied(&self) -> &[PrimitiveId] {
        &self.applied
    }

    /// The profile of the model that the job runs on, from what was applied.
    pub fn effective(&self) -> Profile {
        strengthen(&self.applied.iter().copied().collect())
    }

    /// The first process, by a handle that can never name another.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.first.as_ref().map(AsFd::as_fd)
    }

    /// The number of the first process in our own namespace, for people. It may be another's by the time it is read;
    /// 0 if it is gone.
    pub fn id(&self) -> u32 {
        let Some(pidfd) = &self.first else { return 0 };
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap_or_default();
        info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Sends a signal to the first process alone.
    ///
    /// # Errors
    /// It is gone, or the kernel refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pidfd = self.first.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(pidfd_send_signal(pidfd, signal)?)
    }

    /// The writing end of the job's standard input, if it is a pipe.
    pub fn take_input(&mut self) -> Option<OwnedFd> {
        self.input.take()
    }

    /// What the job writes to its captured streams. Reading ends when they are closed, when the first process has ended
    /// and what it left is read, or at the deadline: then [`Job::wait`] ends the job.
    pub fn output(&mut self) -> OutputReader<'_> {
        OutputReader { job: self, left_after_end: None }
    }

    /// Whose word [`Job::is_empty`] is.
    pub fn account(&self) -> Account {
        self.account
    }

    /// Processes of the job alive now, as numbers in our own namespace: the kernel's list where it keeps one, else a
    /// walk of `/proc`, which is no snapshot.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn members(&self) -> io::Result<Vec<u32>> {
        if self.closed.is_some() {
            return Ok(Vec::new());
        }
        let group = self.groups.v2.as_ref().map(|v2| &v2.group).or(self.groups.freezer.as_ref());
        match group {
            Some(group) => group.members(),
            None => descendants_of(&self.keeper),
        }
    }

    /// Is nobody of the job left, by the kernel's own account?
    ///
    /// # Errors
    /// The account cannot be read.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        if self.closed.is_some() {
            return Ok(true);
        }
        match self.account {
            Account::CgroupV2 => self.groups.v2.as_ref().map_or(Ok(true), |v2| v2.is_empty()),
            Account::CgroupV1Freezer => {
                self.groups.freezer.as_ref().map_or(Ok(true), |group| Ok(group.members()?.is_empty()))
            }
            Account::PidNamespace | Account::Keeper => {
                while self.listen(Some(Instant::now()), Watch::KeeperOnly)? == Heard::Word {}
                Ok(self.childless)
            }
        }
    }

    /// Kills the job whole and waits until nobody is left. Returns how long that took.
    ///
    /// # Errors
    /// As [`Job::wait`].
    pub fn kill(&mut self) -> Result<Duration, WaitError> {
        self.close(Cause::Asked).map(|closed| closed.kill_duration)
    }

    /// Waits for the end: of the first process, or the deadline; then nobody is left. Output nobody read is discarded.
    ///
    /// # Errors
    /// The kernel refuses what it should not, or the killed do not die.
    pub fn wait(self) -> Result<End, WaitError> {
        self.wait_unless(&AtomicBool::new(false))
    }

    /// As [`Job::wait`], and kills the job soon after `interrupt` becomes true: what a handler of SIGINT sets.
    ///
    /// # Errors
    /// As [`Job::wait`].
    pub fn wait_unless(mut self, interrupt: &AtomicBool) -> Result<End, WaitError> {
        drop(self.input.take());
        let mut discarded = [0u8; 4096];
        let cause = loop {
            if self.closed.is_some() || self.ended.is_some() {
                break Cause::OwnAccord;
            }
            if interrupt.load(Ordering::Relaxed) {
                break Cause::Asked;
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break Cause::Deadline;
            }
            // The flag may be set between the look at it and the wait, so the wait is short.
            let soon = Instant::now() + Duration::from_millis(100);
            let until = self.deadline.map_or(soon, |deadline| deadline.min(soon));
            match self.listen(Some(until), Watch::Output).map_err(kernel("wait for the job"))? {
                Heard::Output => {
                    let read = self.output.as_ref().map_or(Ok(0), |fd| rustix::io::read(fd, &mut discarded));
                    if !read.is_ok_and(|read| read > 0) {
                        self.output = None;
                    }
                }
                Heard::Gone => break Cause::KeeperLost,
                Heard::Word | Heard::Nothing => {}
            }
        };
        let closed = self.close(cause)?;
        let killed = Status::Signaled(libc::SIGKILL);
        Ok(End {
            status: self.ended.map_or(killed, |(status, _)| status),
            cause: closed.cause,
            survivors: closed.survivors,
            kill_duration: closed.kill_duration,
            reap_duration: closed.reap_duration,
            run_duration: closed.run_duration,
            account: self.account,
            applied: std::mem::take(&mut self.applied),
        })
    }

    /// Kills, waits until empty, lets the keeper go and removes the groups. A second call changes nothing.
    fn close(&mut self, cause: Cause) -> Result<Closed, WaitError> {
        if let Some(closed) = self.closed {
            return Ok(closed);
        }
        // The last words before the kill: the first process may have ended by itself at this very moment.
        while self.listen(Some(Instant::now()), Watch::KeeperOnly).map_err(kernel("hear the keeper"))? == Heard::Word {}
        let listed = self.members().unwrap_or_default().len();
        let survivors = match (listed, self.ended) {
            (0, Some((_, Others::Some))) if !self.childless => 1,
            (listed, _) => listed,
        };
        let begin = Instant::now();
        self.end_everyone(begin + PATIENCE)?;
        let kill_duration = begin.elapsed();
        let run_duration = self.started.elapsed();
        self.let_go()?;
        let reap_duration = begin.elapsed();
        self.groups.remove().map_err(kernel("remove the job's cgroups"))?;
        let closed = Closed { cause, survivors, kill_duration, reap_duration, run_duration };
        self.closed = Some(closed);
        Ok(closed)
    }

    /// Kills whoever is left and returns when nobody is.
    fn end_everyone(&mut self, until: Instant) -> Result<(), WaitError> {
        let mut empty = match self.account {
            Account::CgroupV2 => match &self.groups.v2 {
                None => true,
                Some(v2) => {
                    v2.kill().map_err(kernel("kill the cgroup"))?;
                    v2.wait_empty(until).map_err(kernel("read the cgroup's account"))?
                }
            },
            Account::CgroupV1Freezer => match &self.groups.freezer {
                None => true,
                Some(group) => cgroup_v1::kill_frozen(group, until).map_err(kernel("kill the frozen group"))?,
            },
            Account::PidNamespace => {
                // The keeper is init: its death is everyone's, and it is not reported dead before that is done.
                let _ = pidfd_send_signal(&self.keeper, Signal::KILL);
                self.wait_keeper(until)?
            }
            Account::Keeper => true,
        };
        // Nobody is in the list, and yet a subreaper may have children: the list's assumption did not hold.
        while self.account == Account::Keeper && !self.childless {
            if Instant::now() >= until {
                empty = false;
                break;
            }
            let _ = rustix::io::write(&self.control, &[WORD_END]);
            let soon = Instant::now() + Duration::from_millis(1);
            self.listen(Some(soon), Watch::KeeperOnly).map_err(kernel("hear the keeper"))?;
        }
        if empty { Ok(()) } else { Err(WaitError::Undead(self.members().map_or(0, |members| members.len()))) }
    }

    /// Waits for the keeper's death, taking in its last words.
    fn wait_keeper(&mut self, until: Instant) -> Result<bool, WaitError> {
        loop {
            match self.listen(Some(until), Watch::KeeperOnly).map_err(kernel("hear the keeper"))? {
                Heard::Gone => return Ok(true),
                _ if Instant::now() >= until => return Ok(false),
                _ => {}
            }
        }
    }

    /// Hears what the first process ended with, dismisses the keeper and reaps it.
    fn let_go(&mut self) -> Result<(), WaitError> {
        let until = Instant::now() + PATIENCE;
        while self.ended.is_none() && !self.keeper_gone && Instant::now() < until {
            self.listen(Some(until), Watch::KeeperOnly).map_err(kernel("hear the keeper"))?;
        }
        let _ = rustix::io::write(&self.control, &[WORD_LET_GO]);
        if !self.wait_keeper(until)? {
            let _ = pidfd_send_signal(&self.keeper, Signal::KILL);
            self.wait_keeper(until + PATIENCE)?;
        }
        sys::reap_pidfd(self.keeper.as_raw_fd())
            .map_err(|errno| kernel("reap the keeper")(io::Error::from_raw_os_error(errno)))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.closed.is_none() && self.close(Cause::Asked).is_err() {
            // The keeper sees the socket close and goes on trying.
            let _ = pidfd_send_signal(&self.keeper, Signal::KILL);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Output,
    KeeperOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// A word of the keeper, taken in.
    Word,
    /// The output is readable or closed.
    Output,
    /// The keeper is dead and has said all.
    Gone,
    /// The time is over, or a signal came.
    Nothing,
}

/// Reads a job's captured output, see [`Job::output`].
#[derive(Debug)]
pub struct OutputReader<'job> {
    job: &'job mut Job,
    /// Once the first process has ended: the bytes that were in the pipe then.
    left_after_end: Option<u64>,
}

impl Read for OutputReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let job = &mut *self.job;
            let Some(output) = &job.output else { return Ok(0) };
            if job.ended.is_some() || job.keeper_gone {
                // Survivors may hold the pipe and write for ever: only what is there now is read.
                let left = match self.left_after_end {
                    Some(left) => left,
                    None => rustix::io::ioctl_fionread(output)?,
                };
                let size = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                if size == 0 {
                    return Ok(0);
                }
                let read = rustix::io::read(output, &mut buffer[..size])?;
                self.left_after_end = Some(left - read as u64);
                return Ok(read);
            }
            if job.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(0);
            }
            if job.listen(job.deadline, Watch::Output)? == Heard::Output {
                let read = job.output.as_ref().map_or(Ok(0), |output| rustix::io::read(output, &mut *buffer))?;
                if read == 0 {
                    job.output = None;
                }
                return Ok(read);
            }
        }
    }
}

/// Descendants of the keeper, by the parents that `/proc` shows.
fn descendants_of(keeper: &OwnedFd) -> io::Result<Vec<u32>> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", keeper.as_raw_fd()))?;
    let Some(root) = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<u32>().ok()) else {
        return Ok(Vec::new());
    };
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let mut fields = fields.split_ascii_whitespace();
        if let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse::<u32>))
            && !matches!(state, "Z" | "X")
        {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}
