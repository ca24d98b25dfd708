//! Why a cluster did not end with a result.

use std::io;
use std::time::Duration;

use crate::engine::CheckpointError;

/// What went wrong, as this process knows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Settings(String),
    /// This process cannot listen where the others expect it.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Not all processes were there in time.
    #[error("no connection with process {process} at {address} after {waited:?}: {why}")]
    Absent {
        /// The first that is missing.
        process: usize,
        /// Where it was expected.
        address: String,
        /// For how long.
        waited: Duration,
        /// What was last heard.
        why: String,
    },
    /// Somebody asked to stop before all processes were there.
    #[error("interrupted while waiting for the other processes")]
    Interrupted,
    /// Another process explores something else, or otherwise.
    #[error("process {process} does not fit: its {what} is {other:#x}, here it is {own:#x}")]
    Unlike {
        /// Which.
        process: usize,
        /// In what it differs.
        what: &'static str,
        /// Of this process.
        own: u64,
        /// Of that process.
        other: u64,
    },
    /// The connection to a process broke, or nothing was heard of it for too long.
    #[error("lost process {process}: {why}")]
    Lost {
        /// Which.
        process: usize,
        /// What was seen.
        why: String,
    },
    /// Another process gave up, and said why.
    #[error("process {process} gave up: {message}")]
    Remote {
        /// Which.
        process: usize,
        /// In its words.
        message: String,
    },
    /// A process sent what makes no sense.
    #[error("worker {worker} sent what makes no sense")]
    Senseless {
        /// Which of its workers.
        worker: usize,
    },
    /// A checkpoint was not written, or not read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The operating system refused a thread or a connection's setting.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
}
