//! Meter `kernel`: what the kernel takes of a processor beside the programs, for an analysis to count on (G23).
//!
//! - `wake_up`: from the time that a thread sleeps until, to its first instruction, while nobody more urgent runs;
//! - `context_switch`: from the last instruction of a thread that gives way to the first of the next of its priority;
//! - `interrupt`: how long a thread that nobody may take off is kept from its next instruction, and how far apart the beginnings of that
//!   are: the timer's tick and what follows it. What is closer together than [`TOGETHER_NS`] is one.
//!
//! The longest that was seen is no bound. [`Seen::bounds`] adds half, and whoever relies on it measures again: a bound that is seen broken is
//! told.
//!
//! Source: D. I. Katcher, H. Arakawa, J. K. Strosnider, *Engineering and analysis of fixed priority schedulers*, IEEE TSE 19(9), 1993, for
//! which costs there are; the processor that is kept from a thread is measured as by `hwlat_detector` of the kernel, by reading the clock without end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::realtime::{MOST_URGENT, a_processor, be_urgent, give_way, now_ns, set_priority, sleep_until, stay_on};
use super::{MeasureError, wake_up};

/// Two times at which a thread is kept off are one, if there is less between them.
pub const TOGETHER_NS: u64 = 100_000;

/// What the kernel takes at most, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Waking a thread up.
    pub wake_up_ns: u64,
    /// Going from one thread to another.
    pub context_switch_ns: u64,
    /// One interrupt that belongs to no thread.
    pub interrupt_ns: u64,
    /// They begin at least so far apart.
    pub interrupt_every_ns: u64,
}

/// What was seen, each in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Of wake-ups.
    pub wake_up: Vec<u64>,
    /// Of ordinary threads' wake-ups, beside.
    pub ordinary: Vec<u64>,
    /// Of switches.
    pub context_switch: Vec<u64>,
    /// Of interrupts: when one began, and how long it was.
    pub interrupts: Vec<(u64, u64)>,
}

impl Seen {
    /// The longest of each, and half more; interrupts begin no closer than half of the way between the two that were closest.
    pub fn bounds(&self) -> Bounds {
        let most = |times: &mut dyn Iterator<Item = u64>| times.max().unwrap_or(0);
        let more = |ns: u64| ns + ns / 2 + 1;
        Bounds {
            wake_up_ns: more(most(&mut self.wake_up.iter().copied())),
            context_switch_ns: more(most(&mut self.context_switch.iter().copied())),
            interrupt_ns: more(most(&mut self.interrupts.iter().map(|(_, ns)| *ns))),
            interrupt_every_ns: self.closest().map_or(1_000_000_000, |ns| (ns / 2).max(1)),
        }
    }

    /// How far apart the beginnings of the two closest interrupts were.
    pub fn closest(&self) -> Option<u64> {
        self.interrupts.windows(2).map(|pair| pair[1].0 - pair[0].0).min()
    }

    /// Which bounds were seen broken: the name, the bound, and what was seen, in nanoseconds.
    pub fn broken(&self, bounds: &Bounds) -> Vec<(&'static str, u64, u64)> {
        let longest = |times: &[u64]| times.iter().copied().max().unwrap_or(0);
        let interrupts: Vec<u64> = self.interrupts.iter().map(|(_, ns)| *ns).collect();
        let mut broken: Vec<_> = [
            ("wake_up", bounds.wake_up_ns, longest(&self.wake_up)),
            ("context_switch", bounds.context_switch_ns, longest(&self.context_switch)),
            ("interrupt", bounds.interrupt_ns, longest(&interrupts)),
        ]
        .into_iter()
        .filter(|(_, bound, seen)| seen > bound)
        .collect();
        if let Some(closest) = self.closest().filter(|closest| *closest < bounds.interrupt_every_ns) {
            broken.push(("interrupt_every", bounds.interrupt_every_ns, closest));
        }
        broken
    }
}

/// Looks, for about so long at each.
///
/// # Errors
/// [`MeasureError::Unavailable`] without realtime priorities, [`MeasureError::Io`] when a call fails that has no reason to.
pub fn measure(each: Duration) -> Result<Seen, MeasureError> {
    let each_ns = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX);
    let n = u32::try_from(each_ns / 1_000_000).unwrap_or(u32::MAX);
    let wake_ups = wake_up::measure(n, Duration::from_millis(1))?;
    let wake_up =
        wake_ups.urgent.map_err(|reason| MeasureError::Unavailable { what: "the meter of kernel time", reason })?;
    Ok(Seen { wake_up, ordinary: wake_ups.ordinary, context_switch: switches(n)?, interrupts: interrupts(each_ns)? })
}

/// Two threads of one priority on one processor give way to each other: how long from one's clock to the other's.
fn switches(n: u32) -> Result<Vec<u64>, MeasureError> {
    let processor = a_processor()?;
    let last = AtomicU64::new(0);
    let (turn, times) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let begin = now_ns() + 20_000_000;
    let side = |mine: bool| {
        stay_on(processor)?;
        be_urgent(MOST_URGENT)?;
        sleep_until(begin);
        let mut left = n;
        while left > 0 {
            // Whose turn it was not has been switched to; where both were not there yet nothing is told.
            if turn.load(Ordering::SeqCst) != mine {
                let now = now_ns();
                let before = last.load(Ordering::SeqCst);
                if before > 0 {
                    times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(now - before);
                }
                turn.store(mine, Ordering::SeqCst);
                left -= 1;
            }
            last.store(now_ns(), Ordering::SeqCst);
            give_way();
        }
        // The other may need another turn to see that it had its last.
        turn.store(mine, Ordering::SeqCst);
        last.store(0, Ordering::SeqCst);
        set_priority(None).map_err(MeasureError::io("sched_setscheduler"))
    };
    let side = &side;
    std::thread::scope(|scope| {
        let sides = [false, true].map(|mine| scope.spawn(move || side(mine)));
        sides.into_iter().try_for_each(|side| side.join().unwrap_or_else(|_| died()))
    })?;
    Ok(times.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn died<T>() -> Result<T, MeasureError> {
    Err(MeasureError::io("a thread of the meter")(std::io::ErrorKind::Other.into()))
}

/// The times at which the most urgent thread was kept from its next instruction.
fn interrupts(for_ns: u64) -> Result<Vec<(u64, u64)>, MeasureError> {
    let processor = a_processor()?;
    let look = || {
        stay_on(processor)?;
        be_urgent(MOST_URGENT)?;
        // The kernel keeps 5 % of each second from such threads: looks are short, and there is rest between them.
        const LOOK_NS: u64 = 40_000_000;
        let mut found = Vec::new();
        let mut looked = 0;
        while looked < for_ns {
            sleep_until(now_ns() + LOOK_NS / 4);
            let begin = now_ns();
            gaps(begin, begin + LOOK_NS, now_ns, &mut found);
            looked += LOOK_NS;
        }
        Ok(found)
    };
    std::thread::scope(|scope| scope.spawn(look).join().unwrap_or_else(|_| died()))
}

/// Reads the clock from one time until another; two readings that are further apart than four of the shortest have something between them.
fn gaps(begin: u64, end: u64, clock: impl Fn() -> u64, found: &mut Vec<(u64, u64)>) {
    let mut readings = Vec::new();
    let mut shortest = u64::MAX;
    let mut before = begin;
    while before < end {
        let now = clock();
        let step = now - before;
        shortest = shortest.min(step.max(1));
        // Few are kept: those that may turn out to be gaps.
        if step > 4 * shortest {
            readings.push((before, step));
        }
        before = now;
    }
    let mut of_this_look: Vec<(u64, u64)> = Vec::new();
    for (at, step) in readings.into_iter().filter(|(_, step)| *step > 4 * shortest) {
        let lost = step - shortest;
        match of_this_look.last_mut() {
            Some((first, ns)) if at - (*first + *ns) < TOGETHER_NS => *ns += lost,
            _ => of_this_look.push((at, lost)),
        }
    }
    found.extend(of_this_look);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn what_comes_between_two_readings_is_found_and_what_is_close_is_one() {
        // A clock that is read every 10 ns, and stands aside for 5 us at 1000, 2 us at 8000 and 7 us at 400,000.
        let readings: RefCell<Vec<u64>> = RefCell::new(Vec::new());
        let mut at = 0;
        while at < 500_000 {
            at += match at {
                1_000 => 5_000,
                8_000 => 2_000,
                400_000 => 7_000,
                _ => 10,
            };
            readings.borrow_mut().push(at);
        }
        readings.borrow_mut().reverse();
        let mut found = Vec::new();
        gaps(0, 500_000, || readings.borrow_mut().pop().unwrap_or(u64::MAX), &mut found);
        assert_eq!(found, [(1_000, 4_990 + 1_990), (400_000, 6_990)]);
    }

    fn seen() -> Seen {
        Seen {
            wake_up: vec![900, 1_000],
            ordinary: vec![],
            context_switch: vec![400],
            interrupts: vec![(0, 2_000), (4_000_000, 2_400), (9_000_000, 100)],
        }
    }

    #[test]
    fn bounds_are_half_above_and_hold_of_what_they_come_from() {
        let bounds = seen().bounds();
        let by_hand =
            Bounds { wake_up_ns: 1_501, context_switch_ns: 601, interrupt_ns: 3_601, interrupt_every_ns: 2_000_000 };
        assert_eq!(bounds, by_hand);
        assert_eq!(seen().broken(&bounds), []);
    }

    #[test]
    fn a_bound_that_is_halved_is_seen_broken() {
        let whole = seen().bounds();
        let halved = |change: fn(&mut Bounds)| {
            let mut bounds = whole;
            change(&mut bounds);
            seen().broken(&bounds).iter().map(|(name, ..)| *name).collect::<Vec<_>>()
        };
        assert_eq!(halved(|bounds| bounds.wake_up_ns /= 2), ["wake_up"]);
        assert_eq!(halved(|bounds| bounds.context_switch_ns /= 2), ["context_switch"]);
        assert_eq!(halved(|bounds| bounds.interrupt_ns /= 2), ["interrupt"]);
        assert_eq!(halved(|bounds| bounds.interrupt_every_ns = 4_000_001), ["interrupt_every"]);
    }
}
