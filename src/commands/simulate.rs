//! `lacuna simulate`: one timed run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_model::evidence::SimVerdict;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{Instruction, Order, SchedulingContext, System};
use lacuna_model::units::Nanos;
use lacuna_sim::durations::Quantiles;
use lacuna_sim::export::{gantt, perfetto};
use lacuna_sim::policy::{FixedPriority, Policy};
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Run, Simulation};
use lacuna_sim::statistics::OperationSummary;
use lacuna_sim::steady::{Extrapolation, Repetition};
use lacuna_sim::timeline::Timeline;
use serde_json::json;

use crate::cli::{Execution, Format};
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line, progress};
use crate::responses;

/// What `simulate` was asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// How long.
    pub horizon: Nanos,
    /// Under which profile.
    pub kernel: &'a str,
    /// How its tasks are scheduled.
    pub policy: Policy,
    /// Where choices start from.
    pub seed: u64,
    /// How long executions take.
    pub execution: Execution,
    /// Where to write a trace.
    pub trace: Option<PathBuf>,
    /// Where to write a chart.
    pub gantt: Option<PathBuf>,
    /// Where to write the distribution of responses.
    pub responses: Option<PathBuf>,
    /// Set by the interrupt.
    pub interrupt: &'a AtomicBool,
}

/// One run of a system; whether what repeats itself is run but once is asked for.
///
/// # Errors
/// If the system has no semantics, the run gets nowhere or plainly too far, or somebody interrupts.
pub fn once(
    system: &System,
    profile: &Profile,
    request: &Request<'_>,
    extrapolation: Extrapolation,
) -> Result<(Objects, Run), Failure> {
    let system = &request.policy.assign(system).map_err(Failure::input)?;
    let objects = Objects::new(system, profile).map_err(Failure::input)?;
    let policy = FixedPriority::of(&objects);
    let draw = match request.execution {
        Execution::Worst => Draw::Most,
        Execution::Best => Draw::Least,
        Execution::Random => Draw::Uniform,
    };
    let mut resolver = Seeded::new(request.seed).executions(draw);
    let extrapolation = if draws(system, request.execution) { Extrapolation::Off } else { extrapolation };
    let options = Options { extrapolation, ..Options::new(request.horizon) };
    let least = least_labels(system, request.horizon);
    if extrapolation == Extrapolation::Off && least > u128::from(options.labels) {
        return Err(Failure::input(format!(
            "within {} there are at least {least} labels to take, and a run takes at most {}; a shorter time (--for) fits",
            request.horizon, options.labels
        )));
    }
    let mut simulation = Simulation::new(&objects, policy, options);
    let mut taken = 0u64;
    while simulation.step(&mut resolver).map_err(Failure::input)?.is_some() {
        taken += 1;
        if taken.is_multiple_of(1 << 12) && request.interrupt.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
        if taken.is_multiple_of(1 << 20) {
            progress(format_args!("{} of {}, {taken} labels", simulation.now(), request.horizon));
        }
    }
    progress(format_args!(""));
    let run = simulation.finish();
    Ok((objects, run))
}

/// Is something drawn again and again, so that a run never repeats itself?
fn draws(system: &System, execution: Execution) -> bool {
    let mut tasks = system.processes.iter().flat_map(|process| &process.contexts).filter_map(|context| context.task);
    execution == Execution::Random || tasks.any(|task| task.jitter > Nanos(0))
}

/// As many labels a run has at least: each job of a task arrives, and time passes until the next one. Tasks of processes
/// that are created in the run may never begin.
fn least_labels(system: &System, horizon: Nanos) -> u128 {
    let mut created = Vec::new();
    system.for_each_instruction(|_, instruction| match instruction {
        Instruction::Spawn { process, .. } | Instruction::Fork(process) => created.push(process.index()),
        _ => {}
    });
    let processes = system.processes.iter().enumerate().filter(|(id, _)| !created.contains(id));
    let tasks = processes.flat_map(|(_, process)| process.contexts.iter().filter_map(|context| context.task.as_ref()));
    tasks.map(|task| u128::from(horizon.0.saturating_sub(task.offset.0) / task.period.0.max(1))).sum()
}

/// Runs it.
///
/// # Errors
/// If the scenario or the profile is wrong, or a file cannot be written.
pub fn run(request: &Request<'_>, format: Format) -> Result<Exit, Failure> {
    let loaded = load(request.scenario)?;
    let system = &loaded.scenario.system;
    let profile = super::check::profile(request.kernel)?;
    let files = request.trace.is_some() || request.gantt.is_some() || request.responses.is_some();
    // A picture shows what was run.
    let extrapolation = if files { Extrapolation::Off } else { Extrapolation::On };
    let (objects, run) = once(system, &profile, request, extrapolation)?;
    // Whoever has interrupted wants no files of it.
    if request.interrupt.load(Ordering::Relaxed) {
        return Err(Failure::interrupted());
    }
    if files {
        let timeline = Timeline::new(&objects, &run.log);
        if let Some(path) = &request.trace {
            write(path, |file| perfetto::write(&timeline, file))?;
        }
        if let Some(path) = &request.gantt {
            write(path, |file| file.write_all(gantt::draw(&timeline, &system.name, None).as_bytes()))?;
        }
        if let Some(path) = &request.responses {
            let picture = responses::draw(&timeline, &system.name).map_err(Failure::host)?;
            write(path, |file| file.write_all(picture.as_bytes()))?;
        }
    }
    match format {
        Format::Json => {
            let mut value = json!(run.summary);
            value["scenario"] = json!(system.name);
            value["kernel"] = json!(profile.name);
            value["policy"] = json!(request.policy.name());
            value["seed"] = json!(request.seed);
            document(value);
        }
        Format::Text => print(system, &profile, request, &run),
    }
    let missed = run.summary.contexts.iter().any(|context| context.missed > 0);
    Ok(if missed { Exit::NotAsExpected } else { Exit::AsExpected })
}

/// Writes a file whole, or not at all.
///
/// # Errors
/// If that fails.
pub(super) fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Failure> {
    // Under another name until it is whole; a terminal or a pipe has no other name.
    let apart = !path.exists() || std::fs::symlink_metadata(path).is_ok_and(|there| there.is_file());
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = if apart { Path::new(&partial) } else { path };
    let whole = File::create(partial).map(BufWriter::new).and_then(|mut file| {
        content(&mut file)?;
        file.flush()
    });
    let written = if apart { whole.and_then(|()| std::fs::rename(partial, path)) } else { whole };
    if written.is_err() && apart {
        // It may not even have been made.
        let _ = std::fs::remove_file(partial);
    }
    written.map_err(|error| Failure::input(format!("cannot write `{}`: {error}", path.display())))
}

fn print(system: &System, profile: &Profile, request: &Request<'_>, run: &Run) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!(
        "{} simulated under {}, {}, seed {}; one run, no proof\n",
        Nanos(run.summary.horizon_ns),
        profile.name,
        scheduling(system, request.policy),
        request.seed
    ));
    let names = run.summary.contexts.iter().map(|context| context.name.as_str());
    let operations = run.summary.kills.iter().chain(&run.summary.spawns).map(|operation| operation.name.as_str());
    let width = names.chain(operations).map(|name| name.chars().count() + 6).max().unwrap_or(0).max(7);
    line(format_args!(
        "{:<width$} {:>8} {:>7}   {:>12} {:>12} {:>12} {:>12}",
        "", "jobs", "missed", "min", "median", "p99", "max"
    ));
    for context in &run.summary.contexts {
        let quantiles = quantiles(context.response_ns.as_ref());
        let verdict = match &context.verdict {
            SimVerdict::Held => "held".into(),
            SimVerdict::Vacuous => "no job ended".into(),
            SimVerdict::Missed { job, released_ns } => {
                format!("missed: first job {job}, which arrived at {}", Nanos(*released_ns))
            }
        };
        line(format_args!(
            "{:<width$} {:>8} {:>7}   {quantiles}   {verdict}",
            context.name, context.jobs, context.missed
        ));
    }
    let operation = |kind: &str, summary: &OperationSummary| {
        let name = format!("{kind} {}", summary.name);
        line(format_args!("{name:<width$} {:>8} {:>7}   {}", summary.count, "", quantiles_of(summary)));
    };
    run.summary.kills.iter().for_each(|summary| operation("kill", summary));
    run.summary.spawns.iter().for_each(|summary| operation("spawn", summary));
    if let Some(since) = run.summary.quiescent_at_ns {
        line(format_args!("nothing happens after {}", Nanos(since)));
    }
    if let Some(Repetition { from_ns, every_ns, times }) = run.summary.repeats {
        let (from, every, again) = (Nanos(from_ns), Nanos(every_ns), Nanos(from_ns + every_ns));
        line(format_args!(
            "from {from} on it repeats itself every {every}: exact, {times} times counted without being run; nothing new after {again}"
        ));
    }
}

/// How the tasks are scheduled, in a few words.
fn scheduling(system: &System, policy: Policy) -> &'static str {
    let differ =
        |scheduling: &SchedulingContext| scheduling.order != Order::Readiness || scheduling.threshold.is_some();
    match policy {
        Policy::Declared if !system.scheduling_contexts.iter().any(differ) => "fixed priorities",
        Policy::Declared => "priorities, orders and thresholds as declared",
        policy => policy.about(),
    }
}

fn quantiles_of(summary: &OperationSummary) -> String {
    quantiles(summary.duration_ns.as_ref())
}

fn quantiles(quantiles: Option<&Quantiles>) -> String {
    match quantiles {
        Some(Quantiles { min, p50, p99, max, .. }) => {
            format!("{:>12} {:>12} {:>12} {:>12}", Nanos(*min), Nanos(*p50), Nanos(*p99), Nanos(*max))
        }
        None => format!("{:>12} {:>12} {:>12} {:>12}", "-", "-", "-", "-"),
    }
}
