//! A running job: its output, its end, and the kernel's own account of who is alive.
//!
//! The end of a job is the end of its *first process*, its deadline, or a [`Job::kill`]; each is followed by a kill of
//! the whole group and a wait until the kernel says that nobody is left. Signals go through pidfds, so they reach the
//! process that was meant or none. Source: `pidfd_open(2)`, `cgroups(7)`, `pid_namespaces(7)`.
//!
//! Invariant: a [`Job`] that is dropped, in whatever state, leaves no process and no cgroup behind.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lacuna_model::profile::Profile;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};

use crate::LaunchError;
use crate::end::{Account, Cause, End, Status, WaitError, kernel};
use crate::linux::cgroup_v1;
use crate::linux::family::{descendants_of, number_of};
use crate::linux::groups::Groups;
use crate::linux::launch::receive;
use crate::linux::protocol::{Message, Others, WORD_END, WORD_LET_GO};
use crate::linux::sys;
use crate::measure::raw;
use crate::output::OutputReader;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::primitive::{PrimitiveId, strengthen};

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
    pub(crate) deadline: Option<Instant>,
    input: Option<OwnedFd>,
    pub(crate) output: Option<OwnedFd>,
    applied: Vec<PrimitiveId>,
    policy: Policy,
    /// What the first process ended with, and whether others lived on.
    ended: Option<(Status, Others)>,
    /// The keeper has no child left, or is dead.
    childless: bool,
    keeper_gone: bool,
    escaped: usize,
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

/// A keeper that says nothing for so long may have been stopped.
const SILENCE: Duration = Duration::from_millis(20);

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
            policy: plan.policy().clone(),
            ended: None,
            childless: false,
            keeper_gone: false,
            escaped: 0,
            closed: None,
        };
        let mut applied: BTreeSet<_> = job.groups.limited().collect();
        loop {
            while !raw::wait_for(job.control.as_fd(), PollFlags::IN, SILENCE) {
                job.wake_keeper();
            }
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

    /// Whom nothing hinders may stop the keeper, which is to end it: it goes on whenever it is waited for.
    fn wake_keeper(&self) {
        let _ = pidfd_send_signal(&self.keeper, Signal::CONT);
    }

    /// Has the first process ended, as far as we have heard?
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some() || self.keeper_gone || self.closed.is_some()
    }

    fn note(&mut self, message: Message) {
        match message {
            Message::Ended { status, others } => {
                self.ended = Some((Status::from_wait(status), others));
                self.childless |= others == Others::None;
            }
            Message::Empty => self.childless = true,
            Message::Escaped(count) => self.escaped = usize::try_from(count).unwrap_or(0),
            Message::Applied(_) | Message::Failed(..) | Message::Born | Message::Started => {}
        }
    }

    /// Takes in what the keeper says until `until`, or until something other than words happens.
    pub(crate) fn listen(&mut self, until: Option<Instant>, output: Watch) -> io::Result<Heard> {
        let (output_ready, word, gone) = {
            let none = self.keeper.as_fd();
            let watched = match (&self.output, output) {
                (Some(fd), Watch::Output) => fd.as_fd(),
                _ => none,
            };
            let control = if self.keeper_gone { none } else { self.control.as_fd() };
            let mut fds = [
                PollFd::new(&self.keeper, PollFlags::IN),
                PollFd::from_borrowed_fd(control, PollFlags::IN),
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
            // An init is reported dead when all others in its namespace are; a subreaper's death says nothing of them.
            self.childless |= self.account == Account::PidNamespace;
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
        strengthen(&self.applied.iter().copied().collect(), &self.policy)
    }

    /// The first process, by a handle that can never name another.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.first.as_ref().map(AsFd::as_fd)
    }

    /// The number of the first process in our own namespace, for people. It may be another's by the time it is read;
    /// 0 if it is gone.
    pub fn id(&self) -> u32 {
        self.first.as_ref().and_then(number_of).unwrap_or(0)
    }

    /// Sends a signal, by its number in `signal(7)`, to the first process alone.
    ///
    /// # Errors
    /// It is gone, or the kernel refuses.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
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
        OutputReader::new(self)
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
                if self.keeper_gone && !self.childless {
                    return Err(io::Error::other(WaitError::KeeperLost));
                }
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
            escaped: self.escaped,
            kill_duration: closed.kill_duration,
            reap_duration: closed.reap_duration,
            run_duration: closed.run_duration,
            account: self.account,
            applied: std::mem::take(&mut self.applied),
            policy: self.policy.clone(),
        })
    }

    /// Kills, waits until empty, lets the keeper go and removes the groups. A second call changes nothing.
    fn close(&mut self, cause: Cause) -> Result<Closed, WaitError> {
        if let Some(closed) = self.closed {
            return Ok(closed);
        }
        // The last words before the kill: the first process may have ended by itself at this very moment.
        while self.listen(Some(Instant::now()), Watch::KeeperOnly).map_err(kernel("hear the keeper"))? == Heard::Word {}
        let survivors = self.survivors();
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

    /// How many are alive, before the kill. A walk of `/proc` is too slow to hold up a deadline with.
    fn survivors(&self) -> usize {
        let others = match self.ended {
            _ if self.childless => return 0,
            Some((_, others)) => others,
            None => Others::Some,
        };
        let listed = self.groups.v2.is_some() || self.groups.freezer.is_some();
        match (listed || self.ended.is_some(), others) {
            (_, Others::None) => 0,
            (true, Others::Some) => self.members().map_or(1, |members| members.len()),
            (false, Others::Some) => 1,
        }
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
        while self.account == Account::Keeper && !self.childless {
            if self.keeper_gone {
                return Err(WaitError::KeeperLost);
            }
            if Instant::now() >= until {
                empty = false;
                break;
            }
            self.wake_keeper();
            let _ = rustix::io::write(&self.control, &[WORD_END]);
            let soon = Instant::now() + Duration::from_millis(1);
            self.listen(Some(soon), Watch::KeeperOnly).map_err(kernel("hear the keeper"))?;
        }
        if empty { Ok(()) } else { Err(WaitError::Undead(self.members().map_or(0, |members| members.len()))) }
    }

    /// Waits for the keeper's death, taking in its last words.
    fn wait_keeper(&mut self, until: Instant) -> Result<bool, WaitError> {
        loop {
            let soon = until.min(Instant::now() + SILENCE);
            match self.listen(Some(soon), Watch::KeeperOnly).map_err(kernel("hear the keeper"))? {
                Heard::Gone => return Ok(true),
                _ if Instant::now() >= until => return Ok(false),
                Heard::Nothing => self.wake_keeper(),
                _ => {}
            }
        }
    }

    /// Hears what the first process ended with, dismisses the keeper and reaps it.
    fn let_go(&mut self) -> Result<(), WaitError> {
        let until = Instant::now() + PATIENCE;
        while self.ended.is_none() && !self.keeper_gone && Instant::now() < until {
            let soon = until.min(Instant::now() + SILENCE);
            if self.listen(Some(soon), Watch::KeeperOnly).map_err(kernel("hear the keeper"))? == Heard::Nothing {
                self.wake_keeper();
            }
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
pub(crate) enum Watch {
    Output,
    KeeperOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A word of the keeper, taken in.
    Word,
    /// The output is readable or closed.
    Output,
    /// The keeper is dead and has said all.
    Gone,
    /// The time is over, or a signal came.
    Nothing,
}
