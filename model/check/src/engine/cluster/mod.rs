//! The same search by several processes, on one machine or on many.
//!
//! A state belongs to one worker, by a hash; that one knows whether it is new, keeps it and expands it. A successor is sent
//! to its owner, unless it was sent a moment ago. All workers expand a level before any begins the next, so the counts,
//! the first edges and the paths to them are those of [`explore`](super::explore), however many workers there are; and
//! every process ends with all of them.
//!
//! Workers talk through the channels of [timely](timely::communication), which carry words within a process and over TCP
//! alike. Its dataflow is not needed: a channel keeps its order, so that a level is over when all have said that they
//! have sent what they had.
//!
//! # When a process dies
//! The others notice when its connections close, or when they have heard nothing for as long as they have patience; then
//! they end with [`ClusterError::Lost`], and with what one of them says if it gives up by itself. Go on from a checkpoint
//! then: with as many workers as before each process needs only what it wrote itself; with another number, each needs
//! the files of all.
//!
//! # What the wire is trusted with
//! There is no authentication and no encryption. Whoever can connect can take part, and say anything: false states, or a
//! length that takes all memory. A fingerprint guards against mistakes, not against anybody. So keep it on a network of
//! its own, or in a tunnel, and let each process listen only there. See `CLUSTER.md`.

mod connect;
mod error;
mod headers;
mod link;
mod message;
mod node;
mod owner;
mod paths;
mod post;
mod process;
mod resume;
mod settings;
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{Allocator, Hooks, allocator::ProcessBuilder};

use super::search::{Limits, Path, Summary};
use super::system::{Packed, TransitionSystem};
use connect::{Hello, connect};
pub use error::ClusterError;
use headers::Headers;
use link::{Link, Net, Wire};
use message::{Kind, text};
use node::Node;
use post::{Failed, Post};
use process::Process;
pub use settings::{ClusterConfig, Processes};

/// Signs of life in the time that others have patience for one.
const SIGNS: u32 = 5;
/// After a failure the others are told for at most so long.
const TELL: Duration = Duration::from_secs(3);

/// What a cluster found; the same in every process.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterOutcome<S> {
    /// What the search says.
    pub summary: Summary<S>,
    /// For each mark that was seen, the path to the state that its first edge leaves.
    pub firsts: Vec<(u32, Path<S>)>,
    /// The path to the first deadlock.
    pub deadlock: Option<Path<S>>,
}

/// Explores everything reachable, together with the other processes of a cluster. The limits are those of this process,
/// but for the number of states, which counts all; threads do not matter.
///
/// # Errors
/// If the settings make no sense, not all processes come together in time, one is lost or gives up, or a checkpoint cannot
/// be written or read. What is explored then says nothing.
pub fn explore<T: TransitionSystem>(
    system: &T,
    limits: &Limits<'_>,
    config: &ClusterConfig<'_>,
) -> Result<ClusterOutcome<T::State>, ClusterError> {
    config.check()?;
    let starts = system.initial();
    let Some(known) = starts.first().copied() else {
        return Ok(ClusterOutcome { summary: Summary::new(), firsts: Vec::new(), deadlock: None });
    };
    let net = Arc::new(Net::default());
    let workers = config.workers.get();
    let (builders, links) = build::<T>(config, limits, &net)?;
    // Connecting is not a part of it.
    let process = Process::new(config, limits);
    let work = |builder: Builder| {
        let post = Post::new(builder.build(), &net, workers);
        let mut node = Node::new(system, known, &process, post);
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut node, &starts)));
        if !matches!(outcome, Ok(Ok(_))) {
            if outcome.is_err() {
                net.fail(ClusterError::Settings("a worker panicked".into()));
            }
            if let Some(why) = net.to_tell() {
                node.post.tell(Kind::GiveUp, &text(&why));
            }
        }
        outcome
    };
    let outcomes = std::thread::scope(|scope| {
        for link in &links {
            let spawn = std::thread::Builder::new().name("cluster:alive".into());
            let every = config.patience / SIGNS;
            if let Err(source) = spawn.spawn_scoped(scope, move || link.keep_alive(every)) {
                net.fail(ClusterError::System { doing: "start a thread", source });
            }
        }
        let mut spawned = Vec::new();
        for builder in builders {
            match std::thread::Builder::new().name("cluster:work".into()).spawn_scoped(scope, || work(builder)) {
                Ok(thread) => spawned.push(thread),
                Err(source) => net.fail(ClusterError::System { doing: "start a thread", source }),
            }
        }
        let outcomes: Vec<_> = spawned.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        net.close(2 * links.len(), if net.failed() { TELL.min(config.patience) } else { config.patience });
        links.iter().for_each(|link| link.close());
        outcomes
    });
    let mut result = None;
    for outcome in outcomes {
        match outcome.unwrap_or_else(Err) {
            Ok(Ok(found)) if result.is_none() => result = Some(Ok(found)),
            Ok(Ok(_)) => {}
            Ok(Err(Failed)) => result = Some(Err(Failed)),
            Err(panic) => resume_unwind(panic),
        }
    }
    match result {
        Some(Ok(found)) => Ok(found),
        _ => Err(net.take().unwrap_or_else(|| ClusterError::Settings("no worker could start".into()))),
    }
}

/// What a worker does.
fn run<T: TransitionSystem>(node: &mut Node<'_, T>, starts: &[T::State]) -> Result<ClusterOutcome<T::State>, Failed> {
    node.begin(starts)?;
    node.explore()?;
    let Summary { firsts, deadlock, .. } = node.summary.clone();
    let ends: Vec<_> = firsts.iter().map(|(_, first)| (first.level, first.sighting.state)).chain(deadlock).collect();
    let mut paths = node.paths(&ends)?;
    let deadlock = deadlock.and_then(|_| paths.pop());
    // Whoever gets here has seen that nobody gave up.
    node.round(Vec::new())?;
    let mut summary = node.summary.clone();
    summary.elapsed = node.process.elapsed();
    let firsts = firsts.iter().map(|(mark, _)| *mark).zip(paths).collect();
    Ok(ClusterOutcome { summary, firsts, deadlock })
}

/// What becomes a worker's allocator in its own thread.
enum Builder {
    /// In a process alone.
    Process(ProcessBuilder),
    /// With other processes.
    Tcp(timely::communication::allocator::zero_copy::allocator::TcpBuilder),
}

impl Builder {
    fn build(self) -> Allocator {
        match self {
            Self::Process(builder) => Allocator::Process(builder.build()),
            Self::Tcp(builder) => Allocator::Tcp(builder.build()),
        }
    }
}

/// Connects the processes.
fn build<T: TransitionSystem>(
    config: &ClusterConfig<'_>,
    limits: &Limits<'_>,
    net: &Arc<Net>,
) -> Result<(Vec<Builder>, Vec<Arc<Link>>), ClusterError> {
    let hooks = Hooks::default();
    let workers = config.workers.get();
    let inner = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), None);
    let (Processes::Several { addresses, process, listen }, (_, 2..)) = (&config.processes, config.place()) else {
        return Ok((inner.into_iter().map(Builder::Process).collect(), Vec::new()));
    };
    let hello = Hello {
        process: *process,
        processes: addresses.len(),
        workers,
        words: T::State::WORDS,
        fingerprint: config.fingerprint,
        checkpoints: config.checkpoints.map_or(0, |checkpoints| 1 + checkpoints.start as u64),
        max_states: limits.max_states,
    };
    let mut links = Vec::new();
    let mut wires = Vec::new();
    let refused = |source| ClusterError::System { doing: "set up a connection", source };
    let sockets = connect(addresses, listen.as_deref(), hello, config.patience, limits.interrupt)?;
    for (other, socket) in sockets.into_iter().enumerate() {
        wires.push(match socket {
            Some(socket) => {
                let of = |process: usize| (process * workers) as u64..((process + 1) * workers) as u64;
                let link = Link::new(other, socket, net, config.patience, Headers::new(of(other), of(*process)))?;
                links.push(Arc::clone(&link));
                Some(Wire::new(link).map_err(refused)?)
            }
            None => None,
        });
    }
    let (builders, guard) =
        initialize_networking_from_sockets(inner, wires, *process, workers, hooks).map_err(refused)?;
    // Its threads end when the workers have gone; to wait for them would be to wait for those of a lost process.
    std::mem::forget(guard);
    Ok((builders.into_iter().map(Builder::Tcp).collect(), links))
}
