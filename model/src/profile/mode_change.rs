//! Axis *mode change*: when the tasks of a new mode begin to arrive.
//!
//! `AtOnce · AtIdle`. The tasks that the new mode does not have stop arriving at the change under either, and what is in progress goes on. At once:
//! the tasks that it adds arrive beside that, and both together may be more than the core can do in time, though each mode is schedulable.
//! At idle: they arrive from the first instant on at which no job of any task is in progress, so that nothing of the one mode meets
//! anything of the other. Nothing is claimed of one against another: the second is late where the first is not.
//!
//! Sources: J. Real, A. Crespo, *Mode change protocols for real-time systems: a survey and a new proposal*, Real-Time Systems 26, 2004 (offsets that delay the tasks of
//! a new mode; protocols that wait for the old tasks against those that do not), who describe the idle time protocol of K. Tindell and A. Alonso,
//! *A very simple protocol for mode changes in priority preemptive systems*, 1996. None of the kernels here knows modes: there, a change is what a
//! supervisor does to the timers of others, and nothing waits.

use serde::{Deserialize, Serialize};

/// When the tasks of a new mode begin to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModeChange {
    /// When the mode changes.
    AtOnce,
    /// When no job is in progress any more.
    AtIdle,
}

impl ModeChange {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::AtOnce, Self::AtIdle];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::AtIdle => "at an idle instant",
        }
    }

    /// Do they wait until no job is in progress?
    pub fn waits(self) -> bool {
        self == Self::AtIdle
    }
}
