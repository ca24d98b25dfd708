//! Axis *waiting*: how a program waits for a condition that another makes true in memory they share.
//!
//! `CheckThenSleep < Atomic`. Who looks first, and then asks to sleep, may miss the wake-up in between: whoever makes the condition true
//! finds nobody asleep, and whoever sleeps then sleeps for ever. Atomic is what looks and sleeps in one step, as the kernel does
//! that is told what value the sleeper has seen, or that remembers a wake-up that came too early.
//!
//! Every step of the second is one of the first: whoever may miss a wake-up may also look when there is something to see.
//!
//! Sources: Linux `futex(2)` (FUTEX_WAIT "tests that the value … still contains the expected value … and if so, then sleeps … atomically");
//! POSIX.1-2024 `pthread_cond_wait` ("atomically release mutex and cause the calling thread to block"); `pause(2)` against
//! `sigsuspend(2)`; Windows `WaitOnAddress`, and `PulseEvent` ("unreliable"); the seL4 reference manual, Notifications.

use serde::{Deserialize, Serialize};

/// How a program waits for a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// It looks, and then it goes to sleep.
    CheckThenSleep,
    /// It does both in one step.
    Atomic,
}

impl Waiting {
    /// All choices, each stronger than the one before.
    pub const ALL: [Self; 2] = [Self::CheckThenSleep, Self::Atomic];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckThenSleep => "check, then sleep",
            Self::Atomic => "atomic",
        }
    }

    /// May something happen between looking and sleeping?
    pub fn may_miss(self) -> bool {
        self == Self::CheckThenSleep
    }
}
