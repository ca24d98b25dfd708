//! Sweeps: many generated sets through several tests, on several threads.
//!
//! # Invariants
//! - Sums of counts alone are kept; so the number of threads, and who did what when, does not show.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lacuna_model::analysis::acceptance::passes;
use lacuna_model::sweep::Sweep;
use serde::Serialize;

use crate::generate::task_set;

/// What came of the sets of one utilisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// In percent.
    pub utilisation: u8,
    /// Of each test of the sweep, in its order.
    pub tests: Vec<Counts>,
}

/// How many sets passed a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// So many.
    pub accepted: u64,
    /// Of so many it was not found out; they are not among those accepted.
    pub undecided: u64,
}

/// How many sets a thread takes at once.
const AT_ONCE: u64 = 64;

/// Makes the tests, on so many threads, unless it is interrupted. `tell` is told how many sets are done, now and then.
pub fn sweep(asked: &Sweep, threads: usize, interrupt: &AtomicBool, tell: impl Fn(u64) + Sync) -> Option<Vec<Point>> {
    let sets = u64::from(asked.sets);
    let all = sets * asked.utilisations.len() as u64;
    let next = AtomicU64::new(0);
    let work = |tells: bool| {
        let mut counts = vec![vec![Counts::default(); asked.tests.len()]; asked.utilisations.len()];
        while !interrupt.load(Ordering::Relaxed) {
            let from = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            if from >= all {
                break;
            }
            for set in from..all.min(from + AT_ONCE) {
                let (point, number) = ((set / sets) as usize, (set % sets) as u32);
                let mut tasks = task_set(asked, point, number);
                for (test, counts) in asked.tests.iter().zip(&mut counts[point]) {
                    match passes(*test, &mut tasks) {
                        Ok(accepted) => counts.accepted += u64::from(accepted),
                        Err(_) => counts.undecided += 1,
                    }
                }
            }
            if tells {
                tell(from);
            }
        }
        counts
    };
    let mut sums = vec![vec![Counts::default(); asked.tests.len()]; asked.utilisations.len()];
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(false))).collect();
        let own = work(true);
        // Whoever panicked has nothing to add; it is passed on.
        let all = others.into_iter().map(|other| other.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
        for counts in all.chain([own]) {
            for (sum, more) in sums.iter_mut().flatten().zip(counts.iter().flatten()) {
                sum.accepted += more.accepted;
                sum.undecided += more.undecided;
            }
        }
    });
    let points =
        asked.utilisations.iter().zip(sums).map(|(utilisation, tests)| Point { utilisation: *utilisation, tests });
    (!interrupt.load(Ordering::Relaxed)).then(|| points.collect())
}
