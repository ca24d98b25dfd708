//! How a search is run: what was asked of threads, memory, checkpoints and a cluster, and how it tells of itself.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use lacuna_check::engine::cluster::{ClusterConfig, Processes};
use lacuna_check::engine::{Checkpoints, Lossy, MOST_THREADS, Start};
use lacuna_check::{Limits, Means, Progress};
use lacuna_model::units::Bytes;

use crate::exit::Failure;
use crate::print::{progress, warn};

/// The options of a search.
#[derive(Debug, Args)]
pub struct SearchOptions {
    /// Search with so many threads; without, with as many as there are processors.
    #[arg(long, value_name = "N", value_parser = few, conflicts_with_all = ["workers", "cluster"])]
    pub threads: Option<NonZeroUsize>,
    /// Stop, as unknown, when states, the table of them, and what each thread or worker needs would take more memory.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = bytes)]
    pub max_memory: Bytes,
    /// Stop, as unknown, if there are more states than this.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub max_states: u64,
    /// Explore one state of all that differ only in which entry of the process table is which: fewer states, the same
    /// verdicts. Tested first; where entries are not interchangeable every state is explored, and the report says why.
    #[arg(long, conflicts_with_all = ["ends", "explore"])]
    pub symmetry: bool,
    /// Know states by 64 bits of hash, on one thread: a search that ends takes less memory, and what is not refuted is unknown. Pairs of runs, and
    /// the model in time, are explored exactly all the same.
    #[arg(long, conflicts_with_all = ["threads", "checkpoint", "workers", "cluster"])]
    pub hash_compact: bool,
    /// Know states by three bits in a field of this size, on one thread: still less memory, and the same holds.
    #[arg(long, value_name = "SIZE", value_parser = bytes, conflicts_with_all = ["threads", "checkpoint", "workers", "cluster", "hash_compact"])]
    pub bitstate: Option<Bytes>,
    /// Keep checkpoints in this directory, of the search without time; wants one --kernel. Pairs of runs, and the model in time, are explored anew.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// At least so many seconds apart; 0 after every level.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "checkpoint")]
    pub every: u64,
    /// Go on from the last checkpoint.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Search with so many workers that share nothing, as a cluster does: all but pairs of runs, and the model in time.
    #[arg(long, value_name = "N", value_parser = few)]
    pub workers: Option<NonZeroUsize>,
    /// Search together with the processes in this file, `host:port` in each line; wants one --kernel.
    #[arg(long, value_name = "HOSTFILE", requires = "process")]
    pub cluster: Option<PathBuf>,
    /// Which of them this one is, from 0.
    #[arg(long, value_name = "I", requires = "cluster")]
    pub process: Option<usize>,
    /// Listen here, if the others reach this process by way of something else, such as a tunnel.
    #[arg(long, value_name = "HOST:PORT", value_parser = place, requires = "cluster")]
    pub listen: Option<String>,
}

fn bytes(text: &str) -> Result<Bytes, String> {
    Bytes::parse(text).map_err(|error| error.to_string())
}

fn place(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    port.map(|_| text.to_owned()).ok_or_else(|| "expected a host and a port, as in 10.0.0.1:7000".into())
}

fn few(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MOST_THREADS);
    number.ok_or_else(|| format!("expected a number from 1 to {MOST_THREADS}"))
}

/// Limits for a search that nobody gave options for: every processor, 4 GiB.
pub fn limits(interrupt: &AtomicBool) -> Limits<'_> {
    Limits { threads: processors(), interrupt: Some(interrupt), progress: Some(&tell), ..Limits::default() }
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

impl SearchOptions {
    /// As limits.
    pub fn limits<'a>(&self, interrupt: &'a AtomicBool) -> Limits<'a> {
        let threads = self.threads.unwrap_or_else(processors);
        Limits { threads, max_memory: self.max_memory.0, max_states: self.max_states, ..limits(interrupt) }
    }

    /// Must there be one profile only, and why?
    pub fn wants_one_profile(&self) -> Option<&'static str> {
        match (&self.checkpoint, &self.cluster) {
            (Some(_), _) => Some("--checkpoint keeps one search: give one --kernel"),
            (None, Some(_)) => Some("--cluster runs one search: give one --kernel"),
            (None, None) => None,
        }
    }

    fn checkpoints(&self) -> Option<Checkpoints<'_>> {
        let start = if self.resume { Start::Resume } else { Start::Anew };
        let every = Duration::from_secs(self.every);
        self.checkpoint.as_deref().map(|directory| Checkpoints { directory, every, fingerprint: 0, start })
    }

    /// The cluster, if one is to search.
    ///
    /// # Errors
    /// If the list of hosts cannot be read, or is none.
    pub fn cluster(&self) -> Result<Option<ClusterConfig<'_>>, Failure> {
        if self.workers.is_none() && self.cluster.is_none() {
            return Ok(None);
        }
        let mut config = ClusterConfig::workers(self.workers.unwrap_or(NonZeroUsize::MIN));
        config.checkpoints = self.checkpoints();
        if let Some(file) = &self.cluster {
            let wrong = |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", file.display()));
            let list = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
            config.processes = Processes::read(&list, self.process.unwrap_or(0)).map_err(|error| wrong(&error))?;
            if let Processes::Several { listen, .. } = &mut config.processes {
                listen.clone_from(&self.listen);
            }
        }
        Ok(Some(config))
    }

    /// By which means to search.
    pub fn means<'a>(&'a self, cluster: Option<&'a ClusterConfig<'a>>) -> Means<'a> {
        if self.hash_compact {
            return Means::Lossy(Lossy::HashCompact);
        }
        if let Some(Bytes(bytes)) = self.bitstate {
            return Means::Lossy(Lossy::Bitstate { bytes });
        }
        match (cluster, self.checkpoints()) {
            (Some(config), _) => Means::Cluster(config),
            (None, Some(checkpoints)) => Means::Checkpoints(checkpoints),
            (None, None) => Means::Threads,
        }
    }
}

/// Tells how a search goes, on a terminal.
fn tell(now: &Progress) {
    match now {
        Progress::At { states, read, depth, frontier, expanded, elapsed, bytes } => {
            let rate = states.saturating_sub(*read) as f64 / elapsed.as_secs_f64().max(0.001) / 1e6;
            let done = expanded * 100 / frontier.max(&1);
            let used = *bytes >> 20;
            progress(format_args!("{states} states, {rate:.2} M/s; depth {depth}: {done} % of {frontier}; {used} MiB"));
        }
        Progress::Deciding { waiting, expanded, components: 0, .. } => {
            progress(format_args!("ends: {expanded} of {waiting} states that are not at rest"));
        }
        Progress::Deciding { waiting, components, .. } => {
            progress(format_args!("ends: {components} components of {waiting} states that are not at rest"));
        }
        Progress::Growing { from, to } => {
            progress(format_args!("the table of states grows from {} to {} MiB", from >> 20, to >> 20));
        }
        Progress::NotKept { why } => {
            warn(format_args!(
                "a checkpoint could not be written, and the one before, if there was one, is the last: {why}"
            ));
        }
    }
}
