//! Meter `tasks`: a task set run as realtime threads on one processor, for its wake-ups and responses (G18).
//!
//! Each task is a thread with a priority of `SCHED_FIFO`, in the order of the tasks' own. A job is released at an absolute time of
//! `CLOCK_MONOTONIC`, works for its execution time, and ends; its wake-up is from the release to its first reading of the clock, its response to the last.
//! The work is a fixed number of rounds of a loop, as many as fit into the execution time when nothing comes in between, less
//! what its own readings of the clock take: so what comes in between lengthens the response, and not the work.
//!
//! Source: sched(7), clock_nanosleep(2). What an analysis says of it is for whoever compares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::MeasureError;
use super::realtime::{MOST_URGENT, Pace, a_processor, be_urgent, now_ns, sleep_until, stay_on, work};

/// The most tasks that have a priority of their own, above those of the kernel's threads for interrupts (50).
pub const MOST_TASKS: usize = 40;
/// What a job is taken to spend on its own account.
const OWN_NS: u64 = 10_000;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periodic {
    /// Its name.
    pub name: String,
    /// Larger is more urgent; equal ones are served in the order of their release.
    pub priority: u32,
    /// Between releases, in nanoseconds.
    pub period_ns: u64,
    /// The first release, from the start.
    pub offset_ns: u64,
    /// Execution time of a job.
    pub execution_ns: u64,
}

/// What was seen of a task's jobs, in nanoseconds, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// From the release to the first instruction.
    pub wake_up: Vec<u64>,
    /// From the release to the last.
    pub response: Vec<u64>,
}

/// Runs them for so long, unless somebody interrupts.
///
/// # Errors
/// [`MeasureError::Unavailable`] without realtime priorities or with too many tasks, [`MeasureError::Interrupted`].
pub fn run(tasks: &[Periodic], length: Duration, interrupt: &AtomicBool) -> Result<Vec<Jobs>, MeasureError> {
    if tasks.len() > MOST_TASKS {
        let reason = format!("there are {} tasks, and priorities of the host for {MOST_TASKS}", tasks.len());
        return Err(MeasureError::Unavailable { what: "a run of the tasks", reason });
    }
    let processor = a_processor()?;
    let pace = std::thread::scope(|scope| {
        let measured = scope.spawn(|| {
            stay_on(processor)?;
            be_urgent(MOST_URGENT)?;
            Ok(Pace::measure())
        });
        measured
            .join()
            .unwrap_or_else(|_| Err(MeasureError::io("a thread of the meter")(std::io::ErrorKind::Other.into())))
    })?;
    let begin = now_ns() + 50_000_000;
    let end = begin + u64::try_from(length.as_nanos()).unwrap_or(u64::MAX / 2);
    let one = |task: &Periodic| {
        stay_on(processor)?;
        be_urgent(urgency(tasks, task.priority))?;
        let rounds = pace.rounds_in(task.execution_ns.saturating_sub(OWN_NS));
        let mut jobs = Jobs { wake_up: Vec::new(), response: Vec::new() };
        let mut release = begin + task.offset_ns;
        while release < end && !interrupt.load(Ordering::Relaxed) {
            sleep_until(release);
            let woken = now_ns();
            work(rounds);
            let done = now_ns();
            jobs.wake_up.push(woken.saturating_sub(release));
            jobs.response.push(done.saturating_sub(release));
            release += task.period_ns.max(1);
        }
        Ok(jobs)
    };
    let one = &one;
    let jobs = std::thread::scope(|scope| {
        let threads: Vec<_> = tasks.iter().map(|task| scope.spawn(move || one(task))).collect();
        let died = || Err(MeasureError::io("a task's thread")(std::io::ErrorKind::Other.into()));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| died())).collect::<Result<Vec<_>, _>>()
    })?;
    if interrupt.load(Ordering::Relaxed) { Err(MeasureError::Interrupted) } else { Ok(jobs) }
}

/// The host's priority for a task's: the most urgent gets the second most, then one less for each different one.
fn urgency(tasks: &[Periodic], priority: u32) -> u32 {
    let mut above: Vec<u32> = tasks.iter().map(|task| task.priority).filter(|other| *other > priority).collect();
    above.sort_unstable();
    above.dedup();
    MOST_URGENT - 1 - above.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, priority: u32, period_ns: u64) -> Periodic {
        Periodic { name: name.into(), priority, period_ns, offset_ns: 0, execution_ns: 200_000 }
    }

    #[test]
    fn priorities_keep_their_order_and_their_ties() {
        let tasks = [task("a", 7, 1), task("b", 300, 1), task("c", 7, 1), task("d", 1, 1)];
        assert_eq!(tasks.each_ref().map(|task| urgency(&tasks, task.priority)), [96, 97, 96, 95]);
    }

    #[test]
    fn each_release_is_a_job() {
        let tasks = [task("a", 2, 5_000_000), task("b", 1, 10_000_000)];
        match run(&tasks, Duration::from_millis(50), &AtomicBool::new(false)) {
            Ok(jobs) => {
                assert_eq!(jobs.iter().map(|jobs| jobs.response.len()).collect::<Vec<_>>(), [10, 5]);
                for (response, wake_up) in jobs.iter().flat_map(|jobs| jobs.response.iter().zip(&jobs.wake_up)) {
                    // Nobody is faster than the work that there is.
                    assert!(response - wake_up >= 150_000, "{response} {wake_up}");
                }
            }
            Err(MeasureError::Unavailable { what, .. }) => assert_eq!(what, "SCHED_FIFO"),
            Err(error) => panic!("{error}"),
        }
    }
}
