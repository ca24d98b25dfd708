//! The command line: what may be typed, and nothing of what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lacuna_hosted::SetUp;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{AnyPolicy, Policy};

use crate::commands::search::SearchOptions;
use crate::exit::Failure;

/// A gap between what a kernel could guarantee and what this host does: proved, simulated, run, side by side.
///
/// Without a command: `lacuna gap ci-job`.
///
/// SCENARIO is a file (it contains a separator or a dot) or a name of the library (`lacuna scenarios`).
///
/// Exit status: 0 as the scenario expects; 1 refuted, missed, or got out; 2 the input is wrong; 3 the host cannot;
/// 4 unknown or inconclusive; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "lacuna", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to print.
    #[arg(long, global = true, value_enum, default_value_t = Form::Text)]
    pub format: Form,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a person.
    Text,
    /// One document, with a version.
    Json,
    /// Cases as JUnit XML, for a forge's page of tests: of `gap`, `check`, `run` and `probe`.
    Junit,
    /// Cases as SARIF 2.1.0, for a forge's page of findings: of the same.
    Sarif,
}

/// How to print what is no list of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person.
    Text,
    /// One document, with a version.
    Json,
}

impl Form {
    /// Without the notations of cases.
    ///
    /// # Errors
    /// If it is one of them.
    pub fn plain(self) -> Result<Format, Failure> {
        match self {
            Self::Text => Ok(Format::Text),
            Self::Json => Ok(Format::Json),
            Self::Junit | Self::Sarif => Err(Failure::input(
                "`--format junit` and `sarif` are of what has cases: `gap`, `check`, `run` and `probe`; `--format json` is of all",
            )),
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check, analyse, simulate, run here, and print the gap.
    Gap {
        /// A file, or a name of the library.
        #[arg(default_value = "ci-job")]
        scenario: String,
        /// Also show what another host answered: a document that `gap` or `run` of this scenario printed there with `--format json`
        /// (or `probe`, for `ci-job`); may be given several times.
        #[arg(long, value_name = "HOST.json", num_args = 1..)]
        with: Vec<String>,
        #[command(flatten)]
        attack: AttackOptions,
    },
    /// What changed between two documents that `gap`, `run` or `probe` printed with `--format json`: 0 if no row differs, 1 if one does.
    Diff {
        /// The earlier, or one host's.
        #[arg(value_name = "A.json")]
        before: String,
        /// The later, or the other host's.
        #[arg(value_name = "B.json")]
        after: String,
    },
    /// Measure this host: how long, how often, with the unprotected way or an ordinary thread beside as control.
    Measure(MeasureOptions),
    /// Explore every interleaving of the model.
    Check {
        /// A file, or a name of the library.
        scenario: String,
        /// Under this profile; may be given several times. Otherwise under `ideal`, `linux` and `linux-hardened`.
        #[arg(long, value_name = "PROFILE")]
        kernel: Vec<String>,
        /// Under each profile that has a name, as a table.
        #[arg(long, conflicts_with_all = ["kernel", "explore"])]
        all_profiles: bool,
        /// Only this guarantee; may be given several times.
        #[arg(long, value_name = "ID", value_parser = guarantee)]
        guarantee: Vec<GuaranteeId>,
        /// A state in which nobody can go on, and somebody waits, is wrong too.
        #[arg(long)]
        deadlock: bool,
        /// A run that never comes to rest is wrong too, if it is fair.
        #[arg(long, conflicts_with_all = ["workers", "cluster", "hash_compact", "bitstate"])]
        ends: bool,
        /// How fair the runs are that --ends speaks of.
        #[arg(long, value_enum, default_value_t = Fairness::Weak, requires = "ends")]
        fairness: Fairness,
        /// Let the adversary take so many steps, instead of as many as the scenario says.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
        adversary_depth: Option<u8>,
        #[command(flatten)]
        search: SearchOptions,
        /// Serve stateright's Explorer page at this address instead (needs a build with `--features explore`).
        #[arg(long, value_name = "ADDR")]
        explore: Option<String>,
    },
    /// Bound the worst response of every task, on paper.
    Analyse {
        /// A file, or a name of the library.
        scenario: String,
        /// With its tasks scheduled by this policy: `rm`, `dm`, `opa` (optimal priorities), `edf`, `np-fp`, `np-edf`, `llf` (least
        /// laxity); or with every budget served by `polling`, `deferrable`, `sporadic`, `mcs` (seL4's), `cbs` (constant bandwidth), `hard-cbs`; otherwise as declared.
        #[arg(long, value_name = "POLICY", value_parser = policy, default_value_t = Policy::Declared)]
        policy: Policy,
        /// Also say by how much each execution time may grow, the others as they are, until a deadline is no longer known to be met.
        #[arg(long)]
        sensitivity: bool,
    },
    /// Who is related to whom: windows, modes, and who may wait for whom; circles of waits, the longest chain of computing, what a change of mode may
    /// break. Read off the declarations; nothing is explored.
    Relations {
        /// A file, or a name of the library.
        scenario: String,
        /// Under this profile.
        #[arg(long, value_name = "PROFILE", default_value = "ideal")]
        kernel: String,
        /// Write the graph, for Graphviz.
        #[arg(long, value_name = "FILE.dot")]
        dot: Option<PathBuf>,
    },
    /// Let simulated time pass, once.
    Simulate {
        /// A file, or a name of the library.
        scenario: String,
        /// How much simulated time.
        #[arg(long = "for", value_name = "TIME", value_parser = nanos, default_value = "10s")]
        horizon: Nanos,
        /// Under this profile.
        #[arg(long, value_name = "PROFILE", default_value = "ideal")]
        kernel: String,
        /// With its tasks scheduled by this policy: `rm`, `dm`, `opa` (optimal priorities), `edf`, `np-fp`, `np-edf`, `llf` (least
        /// laxity); with every budget served by `polling`, `deferrable`, `sporadic`, `mcs` (seL4's), `cbs` (constant bandwidth), `hard-cbs`; or as a regular
        /// system schedules: `eevdf`, `linux-fifo`, `linux-rr`, `windows`, `windows-rt`, `ule`, `freebsd-rt`, `macos`, `macos-rt`; otherwise as declared.
        #[arg(long, value_name = "POLICY", value_parser = any_policy, default_value_t = AnyPolicy::Ideal(Policy::Declared))]
        policy: AnyPolicy,
        /// Where choices start from.
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// How long executions take within their declared intervals.
        #[arg(long, value_enum, default_value_t = Execution::Worst)]
        execution: Execution,
        /// Write what happened, for a trace viewer.
        #[arg(long, value_name = "FILE.json")]
        trace: Option<PathBuf>,
        /// Write a Gantt chart.
        #[arg(long, value_name = "FILE.svg")]
        gantt: Option<PathBuf>,
        /// Write how response times are distributed.
        #[arg(long, value_name = "FILE.svg")]
        responses: Option<PathBuf>,
    },
    /// Simulate under every policy, side by side. Missed deadlines are a result, and no failure.
    Compare {
        /// A file, or a name of the library.
        scenario: String,
        /// How much simulated time.
        #[arg(long = "for", value_name = "TIME", value_parser = nanos, default_value = "10s")]
        horizon: Nanos,
        /// Under this profile.
        #[arg(long, value_name = "PROFILE", default_value = "ideal")]
        kernel: String,
        /// Where choices start from.
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// How long executions take within their declared intervals.
        #[arg(long, value_enum, default_value_t = Execution::Worst)]
        execution: Execution,
    },
    /// Generate many task sets, and say what share of them passes which test of schedulability, by utilisation.
    Sweep {
        /// The file, `Sweep(…)`: see the format's page.
        #[arg(value_name = "FILE.ron")]
        file: String,
        /// On so many threads, instead of one a processor; the result is the same on any number.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
        threads: Option<u16>,
        /// Write the counts.
        #[arg(long, value_name = "FILE.csv")]
        csv: Option<PathBuf>,
        /// Draw the shares.
        #[arg(long, value_name = "FILE.svg")]
        svg: Option<PathBuf>,
    },
    /// Run a scenario's plan and probes on this host; or its own programs, and compare what they did with the model (--validate).
    Run {
        /// A file, or a name of the library.
        scenario: String,
        #[command(flatten)]
        attack: AttackOptions,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// The steps that would be taken on this host; nothing is run.
    Plan {
        /// A file, or a name of the library.
        scenario: String,
        #[command(flatten)]
        host: HostOptions,
    },
    /// Run a real command, confined, with evidence.
    Exec(ExecOptions),
    /// Attack this host's set-up: every probe, or those named.
    Probe {
        /// Probes, such as `G7.net.tcp`, or `G7` for all of a guarantee; all without.
        ids: Vec<String>,
        #[command(flatten)]
        attack: AttackOptions,
    },
    /// Replay the trace by which the model refutes a guarantee, on this host, many times.
    Replay {
        /// A file, or a name of the library.
        scenario: String,
        /// How many times each way: children that are spawned (for at most 30 s), trees that are killed, bombs that are
        /// set off, workers that are killed by name, jobs that leave something, or processes that ask for a priority, whatever the trace has.
        /// Without: 4000 spawns; 50 kills or 400 bombs, and 10 of the unprotected way; 200 of the others, and 50 of the unprotected way.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        times: Option<u32>,
    },
    /// The library.
    Scenarios,
    /// Write a commented scenario to begin with.
    New {
        /// The file to make, ending in .ron; the scenario is named after it.
        #[arg(value_name = "FILE.ron")]
        file: PathBuf,
    },
    /// What a name means: a guarantee (where it holds, where it breaks, and by what), a profile, an axis, a check of the kernel's, or a
    /// word of a scenario. Without one, everything that can be explained.
    Explain {
        /// Such as `G4`, `linux-hardened`, `kill`, or `overflow`.
        topic: Option<String>,
    },
    /// Check that a file is a scenario; nothing is explored. Or that a record of its run is a behaviour of the model (--record).
    Validate {
        /// The file, or a name of the library.
        scenario: String,
        /// A record that `run --validate --record` kept.
        #[arg(long, value_name = "FILE.json")]
        record: Option<PathBuf>,
        /// Under this profile, instead of the one that follows from what was applied.
        #[arg(long, value_name = "PROFILE", requires = "record")]
        kernel: Option<String>,
        /// At most so many states of the model with what was observed up to them.
        #[arg(long, value_name = "N", default_value_t = 200_000, requires = "record")]
        states: usize,
    },
    /// Remove what a killed run left behind.
    Clean,
}

/// How fair a run is to every context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fairness {
    /// Not at all: whoever can go on may still never do so.
    None,
    /// Whoever is for ever able to go on does.
    Weak,
    /// Whoever is again and again able to go on does.
    Strong,
}

/// How long executions take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Execution {
    /// As long as they may.
    Worst,
    /// As short as they may.
    Best,
    /// Anything in between, by the seed.
    Random,
}

/// What is used of this host.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct HostOptions {
    /// How much of the host's means to use; without, tight for root and minimal otherwise.
    #[arg(long, value_parser = set_up, value_name = "SETUP")]
    pub setup: Option<SetUp>,
}

/// Of what attacks this host.
#[derive(Debug, Default, Args)]
pub struct AttackOptions {
    #[command(flatten)]
    pub host: HostOptions,
    /// A probe whose getting out is known and accepted: it is shown, and does not fail; may be given several times, or as a list.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub accept: Vec<String>,
}

/// How a scenario's own programs are run here, and what they did compared with the model.
#[derive(Debug, Args)]
pub struct RecordOptions {
    /// Run the scenario's own programs instead of probes, record from outside what happens, and say whether the model of this host, as it
    /// was used, can behave so.
    #[arg(long, conflicts_with = "accept")]
    pub validate: bool,
    /// Keep the last run's record, to be validated again: `lacuna validate SCENARIO --record FILE.json`.
    #[arg(long, value_name = "FILE.json", requires = "validate")]
    pub record: Option<PathBuf>,
    /// So many runs; the first that the model does not explain ends them.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "validate", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub times: u32,
    /// What the programs leave open starts from here.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "validate")]
    pub seed: u64,
    /// Apply nothing: Linux as it is used every day, whose kill is that of the process group.
    #[arg(long, requires = "validate", conflicts_with = "setup")]
    pub bare: bool,
    /// At most so many states of the model with what was observed up to them.
    #[arg(long, value_name = "N", default_value_t = 200_000, requires = "validate")]
    pub states: usize,
}

/// The options of `measure`.
#[derive(Debug, Args)]
pub struct MeasureOptions {
    /// Meters: `wake-up`, `spawn`, `leak`, `kill`, `kernel`; all without.
    pub meters: Vec<String>,
    /// So many samples of each, instead of each meter's own number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub times: Option<u32>,
    /// Write the distribution of each meter's times into this directory, as METER.svg.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Instead, run a scenario's tasks as realtime threads, and compare their wake-ups and responses with what the analysis allows under these
    /// bounds of the kernel: a document of `measure kernel --format json`.
    #[arg(long, value_name = "SCENARIO", requires = "bounds", conflicts_with = "meters")]
    pub tasks: Option<String>,
    /// The bounds of the kernel.
    #[arg(long, value_name = "FILE.json", requires = "tasks")]
    pub bounds: Option<String>,
    /// One of them otherwise, such as `wake_up=5us`: `wake_up`, `context_switch`, `interrupt`, `interrupt_every`.
    #[arg(long, value_name = "NAME=TIME", requires = "tasks", value_parser = bound)]
    pub bound: Vec<(String, Nanos)>,
    /// For how long the tasks are run.
    #[arg(long = "for", value_name = "TIME", value_parser = nanos, default_value = "5s", requires = "tasks")]
    pub length: Nanos,
}

/// The options of `exec`.
#[derive(Debug, Args)]
pub struct ExecOptions {
    #[command(flatten)]
    pub host: HostOptions,
    /// Give the command this directory to read, write and create in, by a name; the first is where it starts,
    /// and its HOME and TMPDIR. Beside that it has an empty /tmp of its own, in memory, where the host gives a private
    /// root.
    #[arg(long, value_name = "NAME=DIR", value_parser = binding)]
    pub bind: Vec<(String, PathBuf)>,
    /// Let it read and execute this directory or file, beside the system's own (/usr, /bin, /lib and the like). It has
    /// no /proc where the host gives a private root: `--read /proc` gives it that of its own processes.
    #[arg(long, value_name = "PATH")]
    pub read: Vec<PathBuf>,
    /// Kill it, whole, after this time.
    #[arg(long, value_name = "TIME", value_parser = nanos)]
    pub deadline: Option<Nanos>,
    /// At most so many processes at once.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub processes: u32,
    /// Give it this variable of the environment, or set it. Without, it gets the names of the place and the terminal
    /// alone: PATH, LANG, LC_ALL, TERM, TZ, USER, SHELL; HOME and TMPDIR are the first directory bound. The command is
    /// looked up in the PATH that it gets, among what it may execute.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// At most so much memory at once.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory: Option<lacuna_model::units::Bytes>,
    /// Start it only if this host can guarantee these: `G2,G4`. G6 is whole with `--memory` only: without a limit it is
    /// not held, and is wrong input.
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = guarantee)]
    pub require: Vec<GuaranteeId>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

fn guarantee(text: &str) -> Result<GuaranteeId, String> {
    text.parse().map_err(|error: lacuna_model::guarantee::UnknownGuarantee| error.to_string())
}

fn policy(text: &str) -> Result<Policy, String> {
    match any_policy(text)? {
        AnyPolicy::Ideal(policy) => Ok(policy),
        AnyPolicy::Regular(policy) => {
            Err(format!("there is no analysis of how a regular system schedules ({})", policy.about()))
        }
    }
}

fn any_policy(text: &str) -> Result<AnyPolicy, String> {
    let known = AnyPolicy::all().find(|policy| policy.name() == text);
    known.ok_or_else(|| {
        let each = AnyPolicy::all().map(|policy| format!("`{policy}` ({})", policy.about()));
        format!("there are {}", each.collect::<Vec<_>>().join(", "))
    })
}

fn nanos(text: &str) -> Result<Nanos, String> {
    match Nanos::parse(text).map_err(|error| error.to_string())? {
        Nanos(0) => Err("no time at all; give some, such as `10s`".into()),
        time => Ok(time),
    }
}

fn bound(text: &str) -> Result<(String, Nanos), String> {
    let (name, time) = text.split_once('=').ok_or("expected a bound and a time, such as `wake_up=5us`")?;
    Ok((name.into(), nanos(time)?))
}

fn bytes(text: &str) -> Result<lacuna_model::units::Bytes, String> {
    lacuna_model::units::Bytes::parse(text).map_err(|error| error.to_string())
}

fn set_up(text: &str) -> Result<SetUp, String> {
    match text {
        "minimal" => Ok(SetUp::Minimal),
        "tight" => Ok(SetUp::Tight),
        _ => Err("there are `minimal` (no privilege) and `tight` (all the privilege there is)".into()),
    }
}

fn binding(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.into(), path.into())),
        _ => Err("expected a name and a directory, such as `workdir=/srv/job/42`".into()),
    }
}
