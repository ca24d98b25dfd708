//! Two-phase commit, after Lamport's specification `TwoPhase` (Gray and Lamport, *Consensus on Transaction Commit*, 2006,
//! section 3): a transaction manager and N resource managers, who talk by a set of messages that never shrinks.
//!
//! `cargo run --release -p lacuna-check --example two_phase_commit -- 9 [THREADS]` prints the counts and the time; with
//! `--workers N`, or `--cluster HOSTFILE --process I` on each of several machines, a cluster explores the same; with
//! `--checkpoint DIR` it can be stopped, and goes on with `--resume`.
#![allow(dead_code, unreachable_pub, reason = "the bench and the tests take the system from here")]

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use lacuna_check::engine::cluster::{self, ClusterConfig, Processes};
use lacuna_check::engine::{
    Checkpoints, Edge, End, Limits, MOST_THREADS, Start, Summary, Symmetric, TransitionSystem, Unrepresentable,
    explore, explore_with_checkpoints,
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
struct Arguments {
    managers: u32,
    threads: Option<NonZeroUsize>,
    workers: Option<NonZeroUsize>,
    hosts: Option<String>,
    process: Option<usize>,
    checkpoint: Option<String>,
    every: Option<u64>,
    resume: bool,
}

const USAGE: &str = "\
two_phase_commit [MANAGERS] [THREADS]
    --workers N          N workers of a cluster, instead of threads
    --cluster HOSTFILE   with the processes at host:port in each line
    --process I          of which this is the I-th, from 0
    --checkpoint DIR     keeps checkpoints
    --every MS           so many milliseconds apart; 0 after each level [60000]
    --resume             goes on from the last";

/// A number within some bounds, and nothing else.
fn number<N: FromStr + PartialOrd + Display>(what: &str, text: &str, bounds: RangeInclusive<N>) -> Result<N, String> {
    let read = text.parse().ok().filter(|number| bounds.contains(number));
    read.ok_or_else(|| {
        format!("{what}: a number from {} to {} is expected, not `{text}`", bounds.start(), bounds.end())
    })
}

/// A number of threads or workers.
fn count(what: &str, text: &str) -> Result<NonZeroUsize, String> {
    let most = NonZeroUsize::new(MOST_THREADS).unwrap_or(NonZeroUsize::MIN);
    number(what, text, NonZeroUsize::MIN..=most)
}

/// Reads what was typed. Nothing: help was asked for.
fn arguments(mut typed: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut read = Arguments {
        managers: 8,
        threads: None,
        workers: None,
        hosts: None,
        process: None,
        checkpoint: None,
        every: None,
        resume: false,
    };
    let mut numbers = 0;
    while let Some(argument) = typed.next() {
        let mut value = || typed.next().ok_or(format!("{argument}: a value is missing"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--workers" => read.workers = Some(count(&argument, &value()?)?),
            "--cluster" => read.hosts = Some(value()?),
            "--process" => read.process = Some(number(&argument, &value()?, 0..=usize::MAX)?),
            "--checkpoint" => read.checkpoint = Some(value()?),
            "--every" => read.every = Some(number(&argument, &value()?, 0..=u64::MAX)?),
            "--resume" => read.resume = true,
            _ if argument.starts_with('-') => return Err(format!("there is no option `{argument}`")),
            _ if numbers == 0 => (read.managers, numbers) = (number("MANAGERS", &argument, 1..=15)?, 1),
            _ if numbers == 1 => (read.threads, numbers) = (Some(count("THREADS", &argument)?), 2),
            _ => return Err(format!("`{argument}` is one number too many")),
        }
    }
    let wrong = [
        (read.resume && read.checkpoint.is_none(), "--resume: goes on from where? --checkpoint is missing"),
        (read.every.is_some() && read.checkpoint.is_none(), "--every: --checkpoint is missing"),
        (read.process.is_some() && read.hosts.is_none(), "--process: --cluster is missing"),
        (read.hosts.is_some() && read.process.is_none(), "--cluster: --process is missing"),
        (read.threads.is_some() && read.workers.is_some(), "--workers: give these or threads, not both"),
        (read.threads.is_some() && read.hosts.is_some(), "--cluster: has --workers, and no threads"),
    ];
    match wrong.iter().find(|(is, _)| *is) {
        Some((_, why)) => Err((*why).to_owned()),
        None => Ok(Some(read)),
    }
}

/// Why there is no result, and the exit status.
pub type Failure = (String, u8);

/// Explores, with what was asked for.
fn run(system: &TwoPhaseCommit, arguments: &Arguments) -> Result<Summary<[u64; 1]>, Failure> {
    let failed = |error: &dyn Display| (error.to_string(), 1);
    let threads = arguments.threads.unwrap_or(NonZeroUsize::MIN);
    let limits = Limits { threads, max_memory: 16 << 30, ..Limits::default() };
    let checkpoints = arguments.checkpoint.as_ref().map(|directory| Checkpoints {
        directory: directory.as_ref(),
        every: Duration::from_millis(arguments.every.unwrap_or(60_000)),
        fingerprint: u64::from(arguments.managers),
        start: if arguments.resume { Start::Resume } else { Start::Anew },
    });
    if arguments.workers.is_none() && arguments.hosts.is_none() {
        let Some(checkpoints) = checkpoints else { return Ok(explore(system, &limits).summary) };
        let found = explore_with_checkpoints(system, &limits, &checkpoints).map_err(|error| failed(&error))?;
        if let Some(why) = found.not_kept() {
            return Err((format!("the search ended, and its last checkpoint was not written: {why}"), 1));
        }
        return Ok(found.summary);
    }
    let mut config = ClusterConfig::workers(arguments.workers.unwrap_or(NonZeroUsize::MIN));
    if let (Some(file), Some(process)) = (&arguments.hosts, arguments.process) {
        let wrong = |error: &dyn Display| (format!("{file}: {error}"), 2);
        let list = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        config.processes = Processes::read(&list, process).map_err(|error| wrong(&error))?;
    }
    (config.fingerprint, config.checkpoints) = (u64::from(arguments.managers), checkpoints);
    Ok(cluster::explore(system, &limits, &config).map_err(|error| failed(&error))?.summary)
}

/// Prints a line; a reader that went away changes nothing.
fn print(out: &mut dyn Write, text: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    match writeln!(out, "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err((format!("cannot write the output: {error}"), 1)),
        _ => Ok(()),
    }
}

/// What was found out. What was not explored may be inconsistent.
pub fn verdict(found: &Summary<[u64; 1]>) -> &'static str {
    match (found.marks & INCONSISTENT, found.end) {
        (0, End::Complete) => "consistent",
        (0, _) => "unknown",
        _ => "inconsistent",
    }
}

/// Does what was typed.
pub fn program(typed: impl Iterator<Item = String>, out: &mut impl Write) -> Result<(), Failure> {
    let read = arguments(typed).map_err(|why| (format!("{why}\n{USAGE}"), 2))?;
    let Some(arguments) = read else { return print(out, format_args!("{USAGE}")) };
    let managers = arguments.managers;
    let system = TwoPhaseCommit::new(managers).ok_or_else(|| ("1 to 15 resource managers".to_owned(), 2))?;
    let found = run(&system, &arguments)?;
    let threads = arguments.threads.unwrap_or(NonZeroUsize::MIN);
    let workers = arguments.workers.unwrap_or(NonZeroUsize::MIN);
    let by = match (&arguments.hosts, arguments.workers) {
        (Some(_), _) => format!("workers: {workers} in each process"),
        (None, Some(_)) => format!("workers: {workers}"),
        (None, None) => format!("threads: {threads}"),
    };
    let seconds = found.elapsed.as_secs_f64();
    // What was read from a checkpoint was not found in that time.
    let rate = if arguments.resume {
        "resumed".to_owned()
    } else {
        format!("{:.2} M states/s", found.states as f64 / seconds / 1e6)
    };
    // The other processes of a cluster know the same, and one tells.
    let mut nobody = std::io::sink();
    let out: &mut dyn Write = if arguments.process.is_none_or(|process| process == 0) { out } else { &mut nobody };
    print(
        out,
        format_args!(
            "{managers} managers, {by}; {} states, {} transitions, depth {}, {:?}; {seconds:.2} s, {rate}, {:.1} bytes a state; {}",
            found.states,
            found.transitions,
            found.depth,
            found.end,
            found.bytes as f64 / found.states as f64,
            verdict(&found),
        ),
    )?;
    match found.end {
        End::Complete => Ok(()),
        end => Err((format!("not every state was explored: {end:?}"), 4)),
    }
}

fn main() -> ExitCode {
    match program(std::env::args().skip(1), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err((why, status)) => {
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::from(status)
        }
    }
}
