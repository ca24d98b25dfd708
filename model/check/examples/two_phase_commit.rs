//! Two-phase commit, after Lamport's specification `TwoPhase` (Gray and Lamport, *Consensus on Transaction Commit*, 2006,
//! section 3): a transaction manager and N resource managers, who talk by a set of messages that never shrinks.
//!
//! `cargo run --release -p lacuna-check --example two_phase_commit -- 9 [THREADS]` prints the counts and the time; with
//! `--workers N`, or `--cluster HOSTFILE --process I` on each of several machines, a cluster explores the same; with
//! `--checkpoint DIR` it can be stopped, and goes on with `--resume`.
#![allow(dead_code, unreachable_pub, reason = "the bench and the tests take the system from here")]

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use lacuna_check::engine::cluster::{self, ClusterConfig, Processes};
use lacuna_check::engine::{
    Checkpoints, Edge, Limits, Start, Summary, Symmetric, TransitionSystem, Unrepresentable, explore,
    explore_with_checkpoints,
};

/// So many resource managers; a state has four bits for each, and four for the transaction manager.
pub struct TwoPhaseCommit {
    managers: u32,
    /// The lowest bit of each manager's four.
    ones: u64,
}

// A resource manager's four bits: two for its state, ...
const WORKING: u64 = 0;
const PREPARED: u64 = 1;
const COMMITTED: u64 = 2;
const ABORTED: u64 = 3;
const STATE: u64 = 3;
/// ... whether it has sent that it is prepared, ...
const SENT: u64 = 4;
/// ... and whether the transaction manager has received that.
const RECEIVED: u64 = 8;

// The transaction manager's, above all of them: two for its state, and two for the messages it has sent. It commits and
// aborts as it sends them, so its state is theirs; the specification has both, and so have we.
const DECIDED_COMMIT: u64 = 1;
const DECIDED_ABORT: u64 = 2;
const SAID_COMMIT: u64 = 4;
const SAID_ABORT: u64 = 8;

/// The mark of an edge to a state in which one has committed and another aborted.
pub const INCONSISTENT: u64 = 1;

impl TwoPhaseCommit {
    /// With 1 to 15 resource managers.
    pub fn new(managers: u32) -> Option<Self> {
        let ones = (0..managers).fold(0, |ones, manager| ones | 1u64.checked_shl(4 * manager).unwrap_or(0));
        (1..=15).contains(&managers).then_some(Self { managers, ones })
    }

    fn shift(&self) -> u32 {
        4 * self.managers
    }

    /// The lowest bits of those in that state.
    fn those_in(&self, word: u64, state: u64) -> u64 {
        let low = if state & 1 != 0 { word } else { !word };
        let high = (if state & 2 != 0 { word } else { !word }) >> 1;
        low & high & self.ones
    }

    /// Has one committed and another aborted?
    pub fn inconsistent(&self, word: u64) -> bool {
        self.those_in(word, COMMITTED) != 0 && self.those_in(word, ABORTED) != 0
    }
}

/// Calls `each` with the place of every bit of a set.
#[inline]
fn for_each_bit(mut set: u64, mut each: impl FnMut(u32)) {
    while set != 0 {
        each(set.trailing_zeros());
        set &= set - 1;
    }
}

impl TransitionSystem for TwoPhaseCommit {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    #[inline]
    fn edges(
        &self,
        (): &mut (),
        &[word]: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        let (top, ones) = (self.shift(), self.ones);
        let manager = word >> top;
        let mut take = |action: u32, after: u64| {
            let marks = if self.inconsistent(after) { INCONSISTENT } else { 0 };
            visit(Edge { after: [after], marks, label: action });
        };
        if manager & (DECIDED_COMMIT | DECIDED_ABORT) == 0 {
            if (word / RECEIVED) & ones == ones {
                take(0, word | (DECIDED_COMMIT | SAID_COMMIT) << top);
            }
            take(1, word | (DECIDED_ABORT | SAID_ABORT) << top);
            for_each_bit((word / SENT) & ones, |at| take(2 | at << 3, word | RECEIVED << at));
        }
        for_each_bit(self.those_in(word, WORKING), |at| {
            take(3 | at << 3, word | (PREPARED | SENT) << at);
            take(4 | at << 3, word | ABORTED << at);
        });
        if manager & SAID_COMMIT != 0 {
            for_each_bit(ones, |at| take(5 | at << 3, word & !(STATE << at) | COMMITTED << at));
        }
        if manager & SAID_ABORT != 0 {
            for_each_bit(ones, |at| take(6 | at << 3, word | ABORTED << at));
        }
        Ok(())
    }
}

/// The resource managers are interchangeable, four bits each.
impl Symmetric for TwoPhaseCommit {
    fn canonical(&self, (): &mut (), &[word]: &[u64; 1]) -> [u64; 1] {
        // How many managers have each of the sixteen values; then the values in order.
        let mut counts = [0u8; 16];
        for manager in 0..self.managers {
            counts[(word >> (4 * manager) & 15) as usize] += 1;
        }
        let (mut sorted, mut at) = (0, 0);
        for (value, count) in (0u64..).zip(counts) {
            for _ in 0..count {
                sorted |= value << at;
                at += 4;
            }
        }
        [word >> self.shift() << self.shift() | sorted]
    }

    /// Neighbours change places.
    fn permuted(&self, (): &mut (), &[word]: &[u64; 1], choice: u64) -> [u64; 1] {
        let at = 4 * choice;
        let differ = (word >> at ^ word >> (at + 4)) & 15;
        [word ^ differ << at ^ differ << (at + 4)]
    }

    fn permutations(&self) -> u64 {
        u64::from(self.managers) - 1
    }
}

/// What is to be done.
#[derive(Default)]
struct Arguments {
    managers: u32,
    threads: Option<NonZeroUsize>,
    workers: Option<NonZeroUsize>,
    hosts: Option<String>,
    process: usize,
    checkpoint: Option<String>,
    every: u64,
    start: Option<Start>,
}

const USAGE: &str = "\
two_phase_commit [MANAGERS] [THREADS]
    --workers N          N workers of a cluster, instead of threads
    --cluster HOSTFILE   with the processes at host:port in each line
    --process I          of which this is the I-th, from 0
    --checkpoint DIR     keeps checkpoints
    --every MS           so many milliseconds apart; 0 after each level [60000]
    --resume             goes on from the last";

fn arguments() -> Result<Arguments, String> {
    let mut read = Arguments { managers: 8, every: 60_000, ..Arguments::default() };
    let mut arguments = std::env::args().skip(1);
    let mut numbers = 0;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument}: a value is missing"));
        let number = |text: String| text.parse().map_err(|_| format!("{text}: a number is expected"));
        match argument.as_str() {
            "--workers" => read.workers = NonZeroUsize::new(number(value()?)?),
            "--cluster" => read.hosts = Some(value()?),
            "--process" => read.process = number(value()?)?,
            "--checkpoint" => read.checkpoint = Some(value()?),
            "--every" => read.every = number(value()?)? as u64,
            "--resume" => read.start = Some(Start::Resume),
            _ if argument.starts_with('-') => return Err(USAGE.to_owned()),
            _ if numbers == 0 => (read.managers, numbers) = (number(argument)? as u32, 1),
            _ => read.threads = NonZeroUsize::new(number(argument)?),
        }
    }
    Ok(read)
}

/// Explores, with what was asked for.
fn run(system: &TwoPhaseCommit, arguments: &Arguments) -> Result<Summary<[u64; 1]>, Box<dyn std::error::Error>> {
    let threads = arguments.threads.unwrap_or(NonZeroUsize::MIN);
    let limits = Limits { threads, max_memory: 16 << 30, ..Limits::default() };
    let checkpoints = arguments.checkpoint.as_ref().map(|directory| Checkpoints {
        directory: directory.as_ref(),
        every: Duration::from_millis(arguments.every),
        fingerprint: u64::from(arguments.managers),
        start: arguments.start.unwrap_or(Start::Anew),
    });
    if arguments.workers.is_none() && arguments.hosts.is_none() {
        return match checkpoints {
            Some(checkpoints) => Ok(explore_with_checkpoints(system, &limits, &checkpoints)?.summary),
            None => Ok(explore(system, &limits).summary),
        };
    }
    let mut config = ClusterConfig::workers(arguments.workers.unwrap_or(NonZeroUsize::MIN));
    if let Some(file) = &arguments.hosts {
        config.processes = Processes::read(&std::fs::read_to_string(file)?, arguments.process)?;
    }
    (config.fingerprint, config.checkpoints) = (u64::from(arguments.managers), checkpoints);
    Ok(cluster::explore(system, &limits, &config)?.summary)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let managers = arguments.managers;
    let Some(system) = TwoPhaseCommit::new(managers) else {
        eprintln!("error: 1 to 15 resource managers");
        return ExitCode::from(2);
    };
    let found = match run(&system, &arguments) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The other processes of a cluster know the same.
    if arguments.process != 0 {
        return ExitCode::SUCCESS;
    }
    let threads = arguments.threads.unwrap_or(NonZeroUsize::MIN);
    let workers = arguments.workers.unwrap_or(NonZeroUsize::MIN);
    let by = match (&arguments.hosts, arguments.workers) {
        (Some(_), _) => format!("workers: {workers} in each process"),
        (None, Some(_)) => format!("workers: {workers}"),
        (None, None) => format!("threads: {threads}"),
    };
    let seconds = found.elapsed.as_secs_f64();
    println!(
        "{managers} managers, {by}; {} states, {} transitions, depth {}, {:?}; {seconds:.2} s, {:.2} M states/s, {:.1} bytes a state; {}",
        found.states,
        found.transitions,
        found.depth,
        found.end,
        found.states as f64 / seconds / 1e6,
        found.bytes as f64 / found.states as f64,
        if found.marks & INCONSISTENT == 0 { "consistent" } else { "inconsistent" },
    );
    ExitCode::SUCCESS
}
