//! Meter `wake-up`: how late a thread runs that sleeps until a time, as a realtime thread and, beside it, as an ordinary one (G16, G23).
//!
//! Two threads take turns on one processor, each sleeping until absolute times that are a period apart, half a period after the
//! other's; what is measured is the time from there until the thread has read the clock. Meanwhile an ordinary thread keeps the processor and the
//! kernel busy, so that there is somebody to be taken off.
//!
//! Source: clock_nanosleep(2); T. Gleixner and C. Williams, cyclictest(8) of rt-tests, which measures the same.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::MeasureError;
use super::realtime::{MOST_URGENT, a_processor, be_urgent, now_ns, sleep_until, stay_on};

/// Latencies in nanoseconds, in the order in which they were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeUps {
    /// Of the realtime thread; or why there is none.
    pub urgent: Result<Vec<u64>, String>,
    /// Of the ordinary one.
    pub ordinary: Vec<u64>,
}

/// So many of each, a period apart.
///
/// # Errors
/// [`MeasureError::Io`] when a call fails that has no reason to.
pub fn measure(n: u32, period: Duration) -> Result<WakeUps, MeasureError> {
    let processor = a_processor()?;
    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(2);
    let begin = now_ns() + 20_000_000;
    let done = AtomicBool::new(false);
    let late = |first: u64| {
        let times = (0..u64::from(n)).map(move |turn| first + turn * period);
        times.map(|at| {
            sleep_until(at);
            now_ns().saturating_sub(at)
        })
    };
    let (urgent, ordinary) = std::thread::scope(|scope| {
        let busy = scope.spawn(|| stay_on(processor).and_then(|()| keep_busy(&done)));
        let urgent = scope.spawn(|| {
            stay_on(processor)?;
            be_urgent(MOST_URGENT)?;
            Ok(late(begin).collect::<Vec<_>>())
        });
        let ordinary = scope.spawn(|| stay_on(processor).map(|()| late(begin + period / 2).collect::<Vec<_>>()));
        let (urgent, ordinary) = (joined(urgent), joined(ordinary));
        done.store(true, Ordering::Relaxed);
        (urgent, joined(busy).and(ordinary))
    });
    let urgent = match urgent {
        Err(error @ MeasureError::Unavailable { .. }) => Err(error.to_string()),
        other => Ok(other?),
    };
    Ok(WakeUps { urgent, ordinary: ordinary? })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, MeasureError>>) -> Result<T, MeasureError> {
    thread.join().unwrap_or_else(|_| Err(MeasureError::io("a thread of the meter")(std::io::ErrorKind::Other.into())))
}

/// Computes and calls, until it is done: pipes, memory, files of the kernel.
pub(crate) fn keep_busy(done: &AtomicBool) -> Result<(), MeasureError> {
    let (mut read, mut write) = std::io::pipe().map_err(MeasureError::io("pipe"))?;
    let mut block = vec![0u8; 4096];
    while !done.load(Ordering::Relaxed) {
        let fresh = vec![1u8; 1 << 20];
        std::hint::black_box(&fresh);
        write.write_all(&block).map_err(MeasureError::io("write"))?;
        read.read_exact(&mut block).map_err(MeasureError::io("read"))?;
        let _ = std::fs::read("/proc/self/status");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_seen_as_often_as_asked() {
        let seen = measure(20, Duration::from_millis(1)).unwrap();
        assert_eq!(seen.ordinary.len(), 20);
        match seen.urgent {
            Ok(times) => assert_eq!(times.len(), 20),
            Err(why) => assert!(why.contains("SCHED_FIFO"), "{why}"),
        }
    }
}
