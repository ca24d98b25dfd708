//! Which processes a cluster has, and what each is told.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::ClusterError;
use crate::engine::Checkpoints;

/// How a cluster runs. All processes are told the same, but for their places and where each listens.
#[derive(Debug, Clone)]
pub struct ClusterConfig<'a> {
    /// Workers in each process.
    pub workers: NonZeroUsize,
    /// The processes.
    pub processes: Processes,
    /// For so long a process waits for the others at the beginning, and later for a sign of life of each.
    pub patience: Duration,
    /// Tells systems apart: all that makes a difference to what a state or an edge is should make one to this. The
    /// processes compare it, and [`Checkpoints`] must have the same.
    pub fingerprint: u64,
    /// Where each process keeps the checkpoints of its own workers, if it does: on a disk of its own, or a shared one.
    pub checkpoints: Option<Checkpoints<'a>>,
}

/// The processes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processes {
    /// This one.
    One,
    /// One at each address.
    Several {
        /// Where the others reach each: `host:port`. The same list in the same order for all.
        addresses: Vec<String>,
        /// Which of them is this one, from 0.
        process: usize,
        /// Where this one listens, if not at its address: behind a tunnel, for example.
        listen: Option<String>,
    },
}

impl ClusterConfig<'_> {
    /// So many workers in this process: patience of half a minute, and no checkpoints.
    pub fn workers(workers: NonZeroUsize) -> Self {
        let patience = Duration::from_secs(30);
        Self { workers, processes: Processes::One, patience, fingerprint: 0, checkpoints: None }
    }

    /// The place of this process, and how many there are.
    pub(super) fn place(&self) -> (usize, usize) {
        match &self.processes {
            Processes::One => (0, 1),
            Processes::Several { addresses, process, .. } => (*process, addresses.len()),
        }
    }

    pub(super) fn check(&self) -> Result<(), ClusterError> {
        let (process, processes) = self.place();
        if process >= processes {
            let message = format!("there is no process {process} among {processes}; the first is 0");
            return Err(ClusterError::Settings(message));
        }
        if self.workers.get().saturating_mul(processes) > 1 << 12 {
            return Err(ClusterError::Settings(format!("more than {} workers are too many", 1 << 12)));
        }
        if self.checkpoints.is_some_and(|checkpoints| checkpoints.fingerprint != self.fingerprint) {
            return Err(ClusterError::Settings("the checkpoints have another fingerprint than the cluster".into()));
        }
        if self.patience < Duration::from_millis(100) {
            return Err(ClusterError::Settings(format!("{:?} is too little patience", self.patience)));
        }
        Ok(())
    }
}

impl Processes {
    /// Reads a list of addresses, `host:port` in each line, as timely's programs read it; `#` begins a comment.
    ///
    /// # Errors
    /// If a line is none, or two are the same.
    pub fn read(list: &str, process: usize) -> Result<Self, ClusterError> {
        let mut addresses: Vec<String> = Vec::new();
        for (number, line) in (1..).zip(list.lines()) {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            let port = line.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.is_none_or(|(_, port)| port.parse::<u16>().unwrap_or(0) == 0) {
                let message =
                    format!("line {number}: host:port is expected, with a port from 1 to 65535, not {line:?}");
                return Err(ClusterError::Settings(message));
            }
            if addresses.iter().any(|address| address == line) {
                return Err(ClusterError::Settings(format!("line {number}: {line} is there twice")));
            }
            addresses.push(line.to_owned());
        }
        if addresses.is_empty() {
            return Err(ClusterError::Settings("no address is there; host:port is expected, one a line".into()));
        }
        if process >= addresses.len() {
            let message = format!("there is no process {process} among {}; the first is 0", addresses.len());
            return Err(ClusterError::Settings(message));
        }
        Ok(Self::Several { addresses, process, listen: None })
    }
}
