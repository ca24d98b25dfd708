//! The meters: what a host really does, counted from outside.
//!
//! - [`spawn_leak`]: how often a child inherits a descriptor that nobody meant for it (G2);
//! - [`kill`]: who survives the kill of a whole tree, and how long the last death takes (G3, G4);
//! - [`fork_bomb`]: how many processes live at once under a limit (G6);
//! - [`pid_reuse`]: whom a kill by number reaches once the number is another's (G5);
//! - [`residue`]: what a killed job leaves behind (G8);
//! - [`coupled`]: whether a control group decides who may have a realtime priority (G22);
//! - [`signals`]: what becomes of a burst of signals before its receiver is dispatched (G14 to G16);
//! - [`launch`]: how long it takes until a program runs (G23);
//! - [`wake_up`]: how late a thread runs that slept until a time; [`kernel_time`]: what else the kernel takes of a processor (G23);
//! - [`tasks`]: wake-ups and responses of a task set that is run as realtime threads (G18).
//!
//! One machinery serves them and [`crate::replay`]: threads that run a [`spawn_leak::Script`], and an `arena` in which
//! a tree of processes runs the steps of a [`tree::Tree`] while the kernel's own account counts them. A meter is a
//! fixed script; a replay is a script read off a trace.
//!
//! Counts and times are integers. A rate is for display: no verdict is taken from a floating-point number.

pub mod stats;

#[cfg(target_os = "linux")]
pub(crate) mod account;
#[cfg(target_os = "linux")]
pub(crate) mod arena;
#[cfg(target_os = "linux")]
pub(crate) mod cgroup;
#[cfg(target_os = "linux")]
pub mod coupled;
#[cfg(target_os = "linux")]
pub mod fork_bomb;
#[cfg(target_os = "linux")]
pub(crate) mod hold;
#[cfg(target_os = "linux")]
pub mod kernel_time;
#[cfg(target_os = "linux")]
pub mod kill;
#[cfg(target_os = "linux")]
pub mod launch;
#[cfg(target_os = "linux")]
pub mod pid_reuse;
#[cfg(target_os = "linux")]
pub(crate) mod raw;
#[cfg(target_os = "linux")]
mod realtime;
#[cfg(target_os = "linux")]
pub mod residue;
#[cfg(target_os = "linux")]
pub mod signals;
#[cfg(target_os = "linux")]
pub mod spawn_leak;
#[cfg(target_os = "linux")]
mod supervisor;
#[cfg(target_os = "linux")]
pub mod tasks;
#[cfg(target_os = "linux")]
pub mod tree;
#[cfg(target_os = "linux")]
pub mod wake_up;

/// Nobody interrupts.
#[cfg(target_os = "linux")]
static NEVER: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Why a measurement could not be made. A measurement that was made never ends in one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// This host, or this user, lacks what the mode needs.
    #[error("{what} cannot be used here: {reason}")]
    Unavailable {
        /// The mode or facility.
        what: &'static str,
        /// The privilege or feature that is missing.
        reason: String,
    },
    /// A call failed that has no reason to.
    #[error("{what}: {source}")]
    Io {
        /// The call, or what it was for.
        what: &'static str,
        /// The errno.
        source: std::io::Error,
    },
    /// Somebody asked to stop; what was measured until then is thrown away.
    #[error("interrupted")]
    Interrupted,
    /// The processes under measurement did not come to rest.
    #[error("{what} did not happen within {limit_ms} ms")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// For how long, in milliseconds.
        limit_ms: u64,
    },
}

impl MeasureError {
    #[cfg(target_os = "linux")]
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn sys(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Io { what, source: errno.into() }
    }
}
