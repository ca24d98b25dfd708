//! Meter `signals`: what becomes of a burst of signals that a process is sent before it is dispatched again (G14 to G16).
//!
//! Three kinds: a *standard* signal with a handler (SIGTERM: deferred, automatic, merged with one that is pending), a
//! *realtime* signal that is asked for (SIGRTMIN: deferred, polled, queued, refused beyond a limit), and the *kill*
//! (SIGKILL: immediate). The receiver is stopped while the burst is sent, so that no dispatch of it lies in between; SIGSTOP is
//! the one way to hold a process off a core that does not touch what is pending. The receiver of a kill has besides blocked and
//! ignored all that can be.
//!
//! Each has its control, by the same receiver: two standard signals with a dispatch between them are two; without the limit
//! no realtime signal is refused; SIGTERM in place of SIGKILL leaves the receiver alive.
//!
//! Source: signal(7) ("standard signals do not queue"), sigqueue(3) (EAGAIN), `RLIMIT_SIGPENDING` in getrlimit(2), which the kernel
//! asks of the *receiver* and counts for its user (`__sigqueue_alloc` in `kernel/signal.c`); `SigQ` in proc_pid_status(5).
//!
//! The receiver of realtime signals has a user namespace of its own, where the host gives one: what is queued is then counted apart
//! (`inc_rlimit_get_ucounts` in `kernel/ucount.c`). Where not, others of the user may queue signals too; a trial before and after
//! which the number differs is made again. The receiver's word on what it received is believed: it is ours, and attacks nothing.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use lacuna_model::evidence::HostOutcome;
use rustix::event::PollFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, pidfd_send_signal};
use serde::Serialize;

use super::MeasureError;
use super::raw::{self, Child, READY};
use super::stats::Durations;

/// Which signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// SIGTERM, with a handler.
    Standard,
    /// SIGRTMIN, blocked and asked for, of which so many may be queued.
    Realtime {
        /// So many.
        limit: u8,
    },
    /// SIGKILL.
    Kill,
}

/// What became of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Burst {
    /// Messages that were sent.
    pub sent: u8,
    /// Those that the send refused.
    pub refused: u8,
    /// Those that the receiver processed. What is neither was merged.
    pub processed: u8,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signals {
    /// Which signal.
    pub kind: Kind,
    /// What should become of a burst.
    pub expected: Burst,
    /// Trials.
    pub n: u32,
    /// Those in which that became of it.
    pub as_expected: u32,
    /// The first that became otherwise.
    pub otherwise: Option<Burst>,
    /// Controls, as many as trials, and those that succeeded.
    pub controls: u32,
    /// Realtime signals that came out of order.
    pub out_of_order: u32,
    /// Of a kill: from the call to the death, for whoever waits for it.
    pub until_dead: Option<Durations>,
}

impl Signals {
    /// What that comes to, by the rule for all that is measured: nothing without its control.
    pub fn outcome(&self) -> HostOutcome {
        match self.as_expected {
            _ if self.n == 0 || self.controls < self.n => HostOutcome::Inconclusive,
            same if same == self.n && self.out_of_order == 0 => HostOutcome::Enforced,
            0 => HostOutcome::NotEnforced,
            _ => HostOutcome::Partial,
        }
    }
}

/// How long a receiver may take for anything.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a receiver that must not die is watched.
const WATCHED: Duration = Duration::from_millis(5);

/// Sends bursts of `sends` and counts those of which came what is expected.
///
/// # Errors
/// Those of the calls, and [`MeasureError::Interrupted`].
pub fn measure_unless(kind: Kind, expected: Burst, n: u32, interrupt: &AtomicBool) -> Result<Signals, MeasureError> {
    let mut seen = Signals {
        kind,
        expected,
        n: 0,
        as_expected: 0,
        otherwise: None,
        controls: 0,
        out_of_order: 0,
        until_dead: None,
    };
    let mut deaths = Vec::new();
    for _ in 0..n {
        if interrupt.load(Ordering::Relaxed) {
            return Err(MeasureError::Interrupted);
        }
        let trial = match kind {
            Kind::Standard => standard(expected.sent)?,
            Kind::Realtime { limit } => realtime(expected.sent, limit)?,
            Kind::Kill => kill(expected.sent)?,
        };
        seen.n += 1;
        seen.controls += u32::from(trial.control);
        seen.out_of_order += u32::from(!trial.in_order);
        if trial.burst == expected {
            seen.as_expected += 1;
        } else {
            seen.otherwise = seen.otherwise.or(Some(trial.burst));
        }
        deaths.extend(trial.dead_after.map(|after| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)));
    }
    seen.until_dead = Durations::of(deaths);
    Ok(seen)
}

struct Trial {
    burst: Burst,
    control: bool,
    in_order: bool,
    dead_after: Option<Duration>,
}

fn standard(sends: u8) -> Result<Trial, MeasureError> {
    let receiver = Receiver::start(Habit::Handler)?;
    receiver.stop()?;
    (0..sends).try_for_each(|_| receiver.send(Signal::TERM))?;
    receiver.resume()?;
    let processed = receiver.ask()?;
    // With a dispatch in between each is one of its own.
    let mut apart = 0;
    for _ in 0..sends {
        receiver.send(Signal::TERM)?;
        apart += receiver.ask()?;
    }
    Ok(Trial {
        burst: Burst { sent: sends, refused: 0, processed },
        control: apart == sends,
        in_order: true,
        dead_after: None,
    })
}

fn realtime(sends: u8, limit: u8) -> Result<Trial, MeasureError> {
    let control = queued(sends, None)?;
    let limited = queued(sends, Some(limit))?;
    Ok(Trial {
        burst: limited.0,
        control: control.0 == Burst { sent: sends, refused: 0, processed: sends },
        in_order: control.1 && limited.1,
        dead_after: None,
    })
}

/// What becomes of realtime signals, and whether they come in the order in which they were sent.
fn queued(sends: u8, limit: Option<u8>) -> Result<(Burst, bool), MeasureError> {
    const TIMES: usize = 100;
    for _ in 0..TIMES {
        let receiver = Receiver::start(Habit::Asks)?;
        let before = receiver.queued()?;
        if let Some(limit) = limit {
            receiver.limit(before + u64::from(limit))?;
        }
        receiver.stop()?;
        let mut refused = 0;
        for number in 0..sends {
            refused += u8::from(!receiver.queue(number)?);
        }
        let counted = receiver.queued()?;
        receiver.resume()?;
        let processed = receiver.ask()?;
        let in_order = receiver.ask()? == 1;
        // Somebody else of the user has queued or taken one meanwhile: the limit was another than was meant.
        if limit.is_some() && (counted != before + u64::from(sends - refused) || receiver.queued()? != before) {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        return Ok((Burst { sent: sends, refused, processed }, in_order));
    }
    Err(MeasureError::Unavailable {
        what: "RLIMIT_SIGPENDING",
        reason: "others of this user keep queueing signals, which are counted together".into(),
    })
}

fn kill(sends: u8) -> Result<Trial, MeasureError> {
    let mut receiver = Receiver::start(Habit::PutsOff)?;
    receiver.stop()?;
    receiver.send(Signal::TERM)?;
    let control = !receiver.dies_within(WATCHED);
    let begin = Instant::now();
    // The second finds nobody.
    for _ in 0..sends {
        let _ = pidfd_send_signal(receiver.child.pidfd(), Signal::KILL);
    }
    let dead = receiver.dies_within(PATIENCE);
    let after = begin.elapsed();
    receiver.child.end();
    Ok(Trial {
        burst: Burst { sent: sends, refused: 0, processed: u8::from(dead).min(sends) },
        control,
        in_order: true,
        dead_after: dead.then_some(after),
    })
}

/// What a receiver does about signals.
#[derive(Clone, Copy)]
enum Habit {
    /// Handles SIGTERM, and counts.
    Handler,
    /// Blocks SIGRTMIN and asks for it.
    Asks,
    /// Blocks and ignores whatever it can.
    PutsOff,
}

/// A process of ours that is sent signals and tells what it received.
struct Receiver {
    child: Child,
    ask: OwnedFd,
    answer: OwnedFd,
}

impl Receiver {
    fn start(habit: Habit) -> Result<Self, MeasureError> {
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(MeasureError::sys("pipe2"));
        let (asked, ask) = pipe()?;
        let (answer, answers) = pipe()?;
        let (read, write) = (asked.as_raw_fd(), answers.as_raw_fd());
        let others = [ask.as_raw_fd(), answer.as_raw_fd()];
        let namespaces: &[libc::c_int] = match habit {
            Habit::Asks => &[libc::CLONE_NEWUSER, 0],
            Habit::Handler | Habit::PutsOff => &[0],
        };
        let mut pid = -1;
        for namespace in namespaces {
            // SAFETY: the child goes on in `receive`, which makes bare system calls and never returns.
            pid = unsafe { raw::clone_process(*namespace) };
            if pid >= 0 {
                break;
            }
        }
        if pid == 0 {
            // SAFETY: as above.
            unsafe { receive(habit, read, write, others) }
        }
        let receiver = Self { child: Child::adopt(pid)?, ask, answer };
        drop((asked, answers));
        match receiver.hear()? {
            READY => Ok(receiver),
            _ => Err(MeasureError::Unavailable {
                what: "a receiver of signals",
                reason: "it could not set its mask".into(),
            }),
        }
    }

    /// Holds it off every core, and returns when it is.
    fn stop(&self) -> Result<(), MeasureError> {
        self.send(Signal::STOP)?;
        let status = rustix::process::waitid(WaitId::PidFd(self.child.pidfd()), WaitIdOptions::STOPPED);
        match status.map_err(MeasureError::sys("waitid"))? {
            Some(status) if status.stopped() => Ok(()),
            _ => Err(MeasureError::Timeout { what: "a stop", limit_ms: 0 }),
        }
    }

    /// How many signals are queued for its user, by the kernel's own account.
    fn queued(&self) -> Result<u64, MeasureError> {
        let path = format!("/proc/{}/status", self.child.pid());
        let status = std::fs::read_to_string(path).map_err(MeasureError::io("read the status of a receiver"))?;
        let field = status.lines().find_map(|line| line.strip_prefix("SigQ:")?.trim().split('/').next()?.parse().ok());
        field.ok_or_else(|| MeasureError::Unavailable {
            what: "RLIMIT_SIGPENDING",
            reason: "/proc/PID/status has no SigQ".into(),
        })
    }

    /// So many may be.
    fn limit(&self, most: u64) -> Result<(), MeasureError> {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        let set = rustix::process::prlimit(Pid::from_raw(self.child.pid()), Resource::Sigpending, limit);
        set.map(|_| ()).map_err(MeasureError::sys("prlimit"))
    }

    fn resume(&self) -> Result<(), MeasureError> {
        self.send(Signal::CONT)
    }

    fn send(&self, signal: Signal) -> Result<(), MeasureError> {
        pidfd_send_signal(self.child.pidfd(), signal).map_err(MeasureError::sys("pidfd_send_signal"))
    }

    /// Queues SIGRTMIN with a number. `false`: there was no room.
    fn queue(&self, number: u8) -> Result<bool, MeasureError> {
        let value = libc::sigval { sival_ptr: std::ptr::without_provenance_mut(usize::from(number)) };
        // SAFETY: takes numbers; the child is ours and not reaped, so its number is its own.
        match unsafe { libc::sigqueue(self.child.pid(), libc::SIGRTMIN(), value) } {
            0 => Ok(true),
            _ => match std::io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EAGAIN) => Ok(false),
                error => Err(MeasureError::io("sigqueue")(error)),
            },
        }
    }

    /// What it has received since it was last asked.
    fn ask(&self) -> Result<u8, MeasureError> {
        rustix::io::write(&self.ask, b"?").map_err(MeasureError::sys("write"))?;
        self.hear()
    }

    fn hear(&self) -> Result<u8, MeasureError> {
        raw::read_byte(self.answer.as_fd(), PATIENCE)
            .ok_or(MeasureError::Timeout { what: "an answer of the receiver", limit_ms: 5_000 })
    }

    fn dies_within(&self, limit: Duration) -> bool {
        raw::wait_for(self.child.pidfd(), PollFlags::IN, limit)
    }
}

/// Signals that the handler has counted; of each child its own copy.
static HANDLED: AtomicU8 = AtomicU8::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// The receiver: makes ready, then answers each question with what it has received since the last; who asks for signals answers
/// the next one with whether all came in order.
///
/// # Safety
/// For a child after fork; async-signal-safe, and never returns.
unsafe fn receive(habit: Habit, asked: RawFd, answers: RawFd, others: [RawFd; 2]) -> ! {
    // SAFETY: bare system calls on numbers and on locals that live meanwhile; the sets and actions are plain data.
    unsafe {
        raw::bound_life();
        for fd in others {
            libc::close(fd);
        }
        HANDLED.store(0, Ordering::Relaxed);
        let ready = match habit {
            Habit::Handler => {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = count as *const () as usize;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut()) == 0
            }
            Habit::Asks => {
                let set = only_realtime();
                libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) == 0
            }
            Habit::PutsOff => {
                for number in 1..=libc::SIGRTMAX() {
                    libc::signal(number, libc::SIG_IGN);
                }
                // What is ignored is thrown away; what is to stay pending must not be.
                libc::signal(libc::SIGTERM, libc::SIG_DFL);
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut set);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) == 0
            }
        };
        raw::tell(answers, if ready { READY } else { 0 });
        let mut byte = 0u8;
        while libc::read(asked, (&raw mut byte).cast(), 1) == 1 {
            match habit {
                Habit::Handler => raw::tell(answers, HANDLED.swap(0, Ordering::Relaxed)),
                Habit::Asks => {
                    let (received, in_order) = ask_the_kernel();
                    raw::tell(answers, received);
                    if libc::read(asked, (&raw mut byte).cast(), 1) == 1 {
                        raw::tell(answers, u8::from(in_order));
                    }
                }
                Habit::PutsOff => {}
            }
        }
    }
    raw::exit_now(0)
}

fn only_realtime() -> libc::sigset_t {
    // SAFETY: plain data, of which all zeroes is a set, filled in by the two calls.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGRTMIN());
        set
    }
}

/// Takes every pending realtime signal: how many, and whether their numbers rise.
fn ask_the_kernel() -> (u8, bool) {
    let (mut received, mut in_order, mut last) = (0u8, true, None);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let set = only_realtime();
    loop {
        // SAFETY: locals that live during the call; the information is written by the kernel before it is read.
        let number = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            if libc::sigtimedwait(&raw const set, &raw mut info, &raw const at_once) < 0 {
                return (received, in_order);
            }
            info.si_value().sival_ptr.addr()
        };
        in_order &= last.is_none_or(|last| number > last);
        last = Some(number);
        received = received.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn seen(kind: Kind, sent: u8, refused: u8, processed: u8) -> Signals {
        measure_unless(kind, Burst { sent, refused, processed }, 10, &super::super::NEVER).unwrap()
    }

    #[test]
    fn standard_signals_merge_and_the_kill_is_at_once() {
        for sent in [1, 2, 5] {
            assert_eq!(seen(Kind::Standard, sent, 0, 1).outcome(), HostOutcome::Enforced, "{sent}");
        }
        let killed = seen(Kind::Kill, 1, 0, 1);
        assert_eq!((killed.outcome(), killed.controls), (HostOutcome::Enforced, 10));
        assert!(killed.until_dead.is_some_and(|times| times.n == 10));
    }

    #[test]
    fn realtime_signals_queue_up_to_the_limit_and_in_order() {
        for (sent, limit) in [(3, 2), (9, 5), (2, 2)] {
            let refused = sent - limit;
            let seen = seen(Kind::Realtime { limit }, sent, refused, limit);
            assert_eq!(seen.outcome(), HostOutcome::Enforced, "{seen:?}");
        }
    }

    #[test]
    fn what_is_not_so_is_not_measured_so() {
        let two = seen(Kind::Standard, 2, 0, 2);
        assert_eq!(
            (two.outcome(), two.otherwise),
            (HostOutcome::NotEnforced, Some(Burst { sent: 2, refused: 0, processed: 1 }))
        );
        let unlimited = seen(Kind::Realtime { limit: 2 }, 3, 0, 3);
        assert_eq!((unlimited.outcome(), unlimited.as_expected), (HostOutcome::NotEnforced, 0));
    }

    #[test]
    fn without_a_control_nothing_is_enforced() {
        let mut seen = seen(Kind::Standard, 2, 0, 1);
        seen.controls -= 1;
        assert_eq!(seen.outcome(), HostOutcome::Inconclusive);
        seen.controls += 1;
        seen.out_of_order = 1;
        assert_eq!(seen.outcome(), HostOutcome::Partial);
    }
}
