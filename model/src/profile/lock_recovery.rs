//! Axis *lock recovery*: what becomes of a lock whose owner ends without giving it back.
//!
//! `None · OwnerDead`. Nothing is claimed of one against the other, not even for safety: whoever waits for ever does nothing wrong any
//! more, and whoever comes to a lock after all may.
//!
//! Under `OwnerDead` whoever takes the lock next is told, and has to mend what the lock protects before it goes on: that is the program's
//! affair. A lock that the kernel releases without a word (`flock(2)`, `fcntl(2)`) is the same here, for the model knows nothing of
//! what a lock protects.
//!
//! Sources: POSIX.1-2024 `pthread_mutexattr_setrobust` (`PTHREAD_MUTEX_STALLED`, the default, and `PTHREAD_MUTEX_ROBUST`, by which
//! `pthread_mutex_lock` gives EOWNERDEAD); Linux `get_robust_list(2)` and Documentation/locking/robust-futexes; Windows, Mutex Objects
//! (WAIT_ABANDONED). Which of the others lack it: the Gnulib manual on `pthread_mutexattr_setrobust`.

use serde::{Deserialize, Serialize};

/// What becomes of a lock whose owner has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockRecovery {
    /// Nobody ever has it again.
    None,
    /// The next one has it, and is told.
    OwnerDead,
}

impl LockRecovery {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::None, Self::OwnerDead];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OwnerDead => "owner dead",
        }
    }

    /// Does the lock come to the next one?
    pub fn passes_on(self) -> bool {
        self == Self::OwnerDead
    }
}
