//! The watcher: a thread that hears claims, and sees processes end.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lacuna_model::record::{By, Instance, Observed, What};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::enact::Said;
use crate::linux::sys;
use crate::measure::raw;

/// The queue that all claims come through.
pub(super) const CLAIMS: &str = "claims";
/// How long it waits for something to happen.
const ROUND: Duration = Duration::from_millis(2);
const MOST_CLAIM_BYTES: usize = 1_024;
/// More would be no record of what these scenarios do.
const MOST_EVENTS: usize = 4_000;

/// A process that appeared.
pub(super) struct Seen {
    pub(super) instance: Instance,
    pub(super) pid: i32,
    /// Nothing, if it was gone before it could be pinned.
    pub(super) pidfd: Option<OwnedFd>,
    ended: bool,
    /// When it was last seen alive, or first heard of.
    alive_ns: u64,
}

impl Seen {
    /// Does it live, at some moment of the call?
    pub(super) fn lives(&self) -> bool {
        self.pidfd.as_ref().is_some_and(|pidfd| !raw::wait_for(pidfd.as_fd(), PollFlags::IN, Duration::ZERO))
    }
}

#[derive(Default)]
struct Notes {
    events: Vec<Observed>,
    seen: Vec<Seen>,
    held: usize,
    lost: usize,
}

/// What is observed, by whoever observes it.
pub(super) struct Watch {
    notes: Mutex<Notes>,
    origin_ns: u64,
    first_inside: Instance,
    rounds: AtomicU64,
    done: AtomicBool,
}

impl Watch {
    /// Instances from `first_inside` on are those that say something.
    pub(super) fn new(first_inside: Instance) -> Self {
        Self {
            notes: Mutex::default(),
            origin_ns: sys::monotonic_ns(),
            first_inside,
            rounds: AtomicU64::new(0),
            done: AtomicBool::new(false),
        }
    }

    /// Nanoseconds since the beginning of the record.
    pub(super) fn now(&self) -> u64 {
        sys::monotonic_ns().saturating_sub(self.origin_ns)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Whoever panicked with it left it whole: every change is one push.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, from_ns: u64, to_ns: u64, by: By, what: What) {
        let mut notes = self.notes();
        if notes.events.len() < MOST_EVENTS {
            notes.events.push(Observed { from_ns, to_ns, by, queue: None, what });
        } else {
            notes.lost += 1;
        }
    }

    /// Something that is so now, and is not told of by anybody but the one who looks.
    pub(super) fn now_is(&self, by: By, what: What) {
        let now = self.now();
        self.note(now, now, by, what);
    }

    /// Calls `visit` with each process that appeared and was not seen to end.
    pub(super) fn for_each_living(&self, mut visit: impl FnMut(&Seen)) {
        self.notes().seen.iter().filter(|seen| !seen.ended).for_each(&mut visit);
    }

    /// Looks who lives, and notes it.
    pub(super) fn look_who_lives(&self) {
        let mut alive = Vec::new();
        self.for_each_living(|seen| {
            let from = self.now();
            if seen.lives() {
                alive.push((from, self.now(), seen.instance));
            }
        });
        for (from, to, instance) in alive {
            self.note(from, to, By::Kernel, What::Lives { instance });
        }
    }

    /// Waits until the watcher has heard what was said, and seen who had ended, before now.
    pub(super) fn catch_up(&self) {
        // The round under way may have begun before; the one after it has not.
        let wanted = self.rounds.load(Ordering::SeqCst) + 2;
        while self.rounds.load(Ordering::SeqCst) < wanted && !self.done.load(Ordering::SeqCst) {
            std::thread::sleep(ROUND / 2);
        }
    }

    /// Ends the watcher.
    pub(super) fn end(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// What was observed; how many processes made as many calls as they may; how many events there was no room for.
    pub(super) fn into_events(self) -> (Vec<Observed>, usize, usize) {
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        (notes.events, notes.held, notes.lost)
    }

    /// Watches until it is ended.
    pub(super) fn run(&self, claims: &OwnedFd) {
        // When the queue of claims was last seen empty.
        let mut quiet = self.now();
        while !self.done.load(Ordering::SeqCst) {
            self.wait(claims);
            self.look_who_ended();
            self.hear(claims, &mut quiet);
            self.rounds.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn wait(&self, claims: &OwnedFd) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: ROUND.as_nanos() as i64 };
        // An end is seen in the next round at the latest; what else the call says is asked again.
        let _ = poll(&mut [PollFd::new(claims, PollFlags::IN)], Some(&timeout));
    }

    fn look_who_ended(&self) {
        let mut notes = self.notes();
        let mut ended = Vec::new();
        for seen in notes.seen.iter_mut().filter(|seen| !seen.ended) {
            let before = self.now();
            if seen.lives() {
                seen.alive_ns = before;
            } else {
                seen.ended = true;
                ended.push((seen.alive_ns, self.now(), seen.instance));
            }
        }
        drop(notes);
        for (from, to, instance) in ended {
            self.note(from, to, By::Kernel, What::Ended { instance });
        }
    }

    fn hear(&self, claims: &OwnedFd, quiet: &mut u64) {
        loop {
            let before = self.now();
            let mut bytes = [0u8; MOST_CLAIM_BYTES];
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
            match recvmsg(claims, &mut parts, &mut control, RecvFlags::DONTWAIT) {
                Ok(message) if message.bytes > 0 => {
                    let writer = control.drain().find_map(|part| match part {
                        RecvAncillaryMessage::ScmCredentials(of) => Some(of.pid),
                        _ => None,
                    });
                    let said = bytes.get(..message.bytes).and_then(|text| serde_json::from_slice(text).ok());
                    match (writer, said) {
                        (Some(pid), Some(said)) => self.take(*quiet, pid, said),
                        _ => self.notes().lost += 1,
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    // It was empty at some moment after `before`.
                    *quiet = before;
                    return;
                }
                // Nobody holds the other end.
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Something that a process said, after `from`.
    fn take(&self, from: u64, pid: Pid, said: Said) {
        let to_ns = self.now();
        let number = pid.as_raw_nonzero().get();
        let known = |notes: &Notes| notes.seen.iter().rev().find(|seen| seen.pid == number).map(|seen| seen.instance);
        let mut notes = self.notes();
        let (by, what) = match said {
            Said::Appears { process } => {
                let instance = self.first_inside + notes.seen.len() as Instance;
                let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
                notes.seen.push(Seen { instance, pid: number, pidfd, ended: false, alive_ns: from });
                (By::Kernel, What::Appears { instance, process })
            }
            Said::Calls { context, operation, target } => match known(&notes) {
                Some(instance) => (By::Inside, What::Calls { instance, context, operation, target }),
                None => return notes.lost += 1,
            },
            Said::Returns { context, came } => match known(&notes) {
                Some(instance) => (By::Inside, What::Returns { instance, context, came }),
                None => return notes.lost += 1,
            },
            Said::Holds => return notes.held += 1,
        };
        if notes.events.len() < MOST_EVENTS {
            notes.events.push(Observed { from_ns: from, to_ns, by, queue: Some(CLAIMS.into()), what });
        } else {
            notes.lost += 1;
        }
    }
}
