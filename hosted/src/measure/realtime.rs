//! What a thread needs that is to be on time: a realtime priority, one processor, and the monotonic clock.
//!
//! Source: sched(7), sched_setscheduler(2), clock_nanosleep(2). An absolute time on `CLOCK_MONOTONIC` is slept until in the kernel, so that
//! nothing is lost between reading the clock and going to sleep.
//!
//! Known holes: threads of the kernel may be more urgent than any of ours (irq threads have priority 50, migration and watchdog 99 or more);
//! of each second the kernel keeps 5 % from realtime threads (`sched_rt_runtime_us`) where others are ready; a hypervisor keeps
//! what it likes.

use std::io;

use rustix::thread::{ClockId, CpuSet, clock_nanosleep_absolute, sched_getaffinity, sched_getcpu, sched_setaffinity};
use rustix::time::{Timespec, clock_gettime};

use super::MeasureError;

/// The most urgent that a meter's thread may be; above it is the kernel's.
pub(super) const MOST_URGENT: u32 = 98;

/// Nanoseconds on `CLOCK_MONOTONIC`.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sleeps until that time, or not at all if it is past.
pub(crate) fn sleep_until(ns: u64) {
    let time = Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as _ };
    while clock_nanosleep_absolute(ClockId::Monotonic, &time) == Err(rustix::io::Errno::INTR) {}
}

/// Gives the calling thread this priority among realtime threads (`SCHED_FIFO`, 1 to 99); none takes it back.
pub(crate) fn set_priority(priority: Option<u32>) -> io::Result<()> {
    let (policy, priority) = priority.map_or((libc::SCHED_OTHER, 0), |priority| (libc::SCHED_FIFO, priority));
    let parameters = libc::sched_param { sched_priority: priority as libc::c_int };
    // SAFETY: a live local; 0 is the calling thread.
    let returned = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// As [`set_priority`], with the failure told as what is missing.
pub(crate) fn be_urgent(priority: u32) -> Result<(), MeasureError> {
    set_priority(Some(priority)).map_err(|error| MeasureError::Unavailable {
        what: "SCHED_FIFO",
        reason: format!(
            "{error}; it takes CAP_SYS_NICE or RLIMIT_RTPRIO, and in a cgroup of version 1 cpu.rt_runtime_us"
        ),
    })
}

/// Keeps the calling thread on this processor.
pub(crate) fn stay_on(processor: usize) -> Result<(), MeasureError> {
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(None, &set).map_err(MeasureError::sys("sched_setaffinity"))
}

/// A processor that this thread may use: the one that it is on.
pub(crate) fn a_processor() -> Result<usize, MeasureError> {
    let allowed = sched_getaffinity(None).map_err(MeasureError::sys("sched_getaffinity"))?;
    let here = sched_getcpu();
    Ok(if allowed.is_set(here) { here } else { (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu)).unwrap_or(0) })
}

/// Gives up the processor to the next of the same priority.
pub(crate) fn give_way() {
    // SAFETY: takes nothing.
    unsafe { libc::sched_yield() };
}

/// Work of a known amount: so many rounds of a loop that touches no memory and makes no call.
#[inline(never)]
pub(crate) fn work(rounds: u64) {
    for round in 0..rounds {
        std::hint::black_box(round);
    }
}

/// How long [`work`] takes where nothing comes in between: the least of some attempts, for so many rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    rounds: u64,
    ns: u64,
}

impl Pace {
    /// Measured on the calling thread.
    pub(crate) fn measure() -> Self {
        const ROUNDS: u64 = 200_000;
        let attempt = || {
            let begin = now_ns();
            work(ROUNDS);
            now_ns() - begin
        };
        Self { rounds: ROUNDS, ns: (0..30).map(|_| attempt()).min().unwrap_or(1).max(1) }
    }

    /// As many rounds as take at most so long.
    pub(crate) fn rounds_in(self, ns: u64) -> u64 {
        u64::try_from(u128::from(ns) * u128::from(self.rounds) / u128::from(self.ns)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_rounded_down() {
        let pace = Pace { rounds: 10, ns: 30 };
        assert_eq!([0, 2, 3, 29, 30].map(|ns| pace.rounds_in(ns)), [0, 0, 1, 9, 10]);
    }

    #[test]
    fn a_sleep_ends_no_earlier() {
        let until = now_ns() + 2_000_000;
        sleep_until(until);
        assert!(now_ns() >= until);
        sleep_until(until);
    }
}
