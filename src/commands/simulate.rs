//! `lacuna simulate`: one timed run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_model::evidence::SimVerdict;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::sched::Sched;
use lacuna_model::sched::regular::With;
use lacuna_model::system::{Instruction, Order, SchedulingContext, System};
use lacuna_model::units::Nanos;
use lacuna_sim::durations::Quantiles;
use lacuna_sim::export::{gantt, perfetto};
use lacuna_sim::policy::{AnyPolicy, Policy};
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, Run, Simulation};
use lacuna_sim::statistics::{OperationSummary, Summary};
use lacuna_sim::steady::Repetition;
use lacuna_sim::task_set::TaskSet;
use lacuna_sim::timeline::Timeline;
use serde_json::json;

use crate::cli::{Execution, Format};
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line, progress};
use crate::responses;

/// What `simulate` was asked.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// How long.
    pub horizon: Nanos,
    /// Under which profile.
    pub kernel: &'a str,
    /// How its tasks are scheduled.
    pub policy: AnyPolicy,
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

/// One run of a system, with its log.
///
/// # Errors
/// If the system has no semantics, the run gets nowhere or plainly too far, or somebody interrupts.
pub fn once(system: &System, profile: &Profile, request: &Request<'_>) -> Result<(Objects, Run), Failure> {
    let objects = objects(system, profile, request)?;
    let options = Options::new(request.horizon);
    fits(objects.system(), request.horizon, options.labels)?;
    let run = drive(&objects, request, options, u64::MAX)?;
    Ok((objects, run.ok_or_else(|| Failure::input("the run has no end"))?))
}

/// What is counted of the same run, as fast as may be: what repeats itself is run but once, and a pure task set in a loop of its own.
///
/// # Errors
/// Those of [`once`].
pub fn counted(system: &System, profile: &Profile, request: &Request<'_>) -> Result<Summary, Failure> {
    let objects = objects(system, profile, request)?;
    let options = Options::new(request.horizon).keep(0);
    // The loop knows priorities alone.
    let set = matches!(request.policy, AnyPolicy::Ideal(_)).then(|| TaskSet::of(&objects)).flatten();
    if !draws(objects.system(), request.execution) {
        let most = if set.is_some() { LABELS_BEFORE_THE_LOOP } else { u64::MAX };
        if let Some(run) = drive(&objects, request, options.extrapolate(), most)? {
            return Ok(run.summary);
        }
    }
    let Some(set) = set else {
        fits(objects.system(), request.horizon, options.labels)?;
        let run = drive(&objects, request, options, u64::MAX)?;
        return Ok(run.ok_or_else(|| Failure::input("the run has no end"))?.summary);
    };
    fits(objects.system(), request.horizon, options.labels.saturating_mul(10))?;
    let stop = || request.interrupt.load(Ordering::Relaxed);
    let summary = set.simulate(&mut resolver(request), request.horizon, stop, |_, _| {});
    summary.ok_or_else(Failure::interrupted)
}

/// The same, if it ends or repeats itself within so many labels.
///
/// # Errors
/// Those of [`once`].
pub fn counted_within(
    system: &System,
    profile: &Profile,
    request: &Request<'_>,
    most: u64,
) -> Result<Option<Summary>, Failure> {
    let objects = objects(system, profile, request)?;
    let options = Options::new(request.horizon).keep(0);
    let options = if !draws(objects.system(), request.execution) {
        options.extrapolate()
    } else if least_labels(objects.system(), request.horizon) > u128::from(most) {
        return Ok(None);
    } else {
        options
    };
    Ok(drive(&objects, request, options, most)?.map(|run| run.summary))
}

/// A set of tasks that has not repeated itself by then is run in the loop.
const LABELS_BEFORE_THE_LOOP: u64 = 1 << 22;

fn objects(system: &System, profile: &Profile, request: &Request<'_>) -> Result<Objects, Failure> {
    let system = &request.policy.assign(system).map_err(Failure::input)?;
    Objects::new(system, profile).map_err(Failure::input)
}

fn resolver(request: &Request<'_>) -> Seeded {
    Seeded::new(request.seed).executions(match request.execution {
        Execution::Worst => Draw::Most,
        Execution::Best => Draw::Least,
        Execution::Random => Draw::Uniform,
    })
}

/// Runs it; nothing, if it has not ended or repeated itself after so many labels.
fn drive(objects: &Objects, request: &Request<'_>, options: Options, most: u64) -> Result<Option<Run>, Failure> {
    request.policy.give(objects, Drive { objects, request, options, most }).map_err(Failure::input)?
}

struct Drive<'r> {
    objects: &'r Objects,
    request: &'r Request<'r>,
    options: Options,
    most: u64,
}

impl With for Drive<'_> {
    type Outcome = Result<Option<Run>, Failure>;

    fn with<S: Sched + Clone>(self, sched: S) -> Self::Outcome {
        let Self { objects, request, options, most } = self;
        let mut resolver = resolver(request);
        let mut simulation = Simulation::new(objects, sched, options);
        let mut taken = 0u64;
        while simulation.step(&mut resolver).map_err(Failure::input)?.is_some() {
            taken += 1;
            if taken.is_multiple_of(1 << 12) && request.interrupt.load(Ordering::Relaxed) {
                return Err(Failure::interrupted());
            }
            if taken.is_multiple_of(1 << 20) {
                progress(format_args!("{} of {}, {taken} labels", simulation.now(), request.horizon));
            }
            if taken >= most {
                return Ok(None);
            }
        }
        progress(format_args!(""));
        Ok(Some(simulation.finish()))
    }
}

/// Is there room for the labels that a run has at least?
fn fits(system: &System, horizon: Nanos, most: u64) -> Result<(), Failure> {
    let least = least_labels(system, horizon);
    if least > u128::from(most) {
        return Err(Failure::input(format!(
            "within {horizon} there are at least {least} labels to take, and a run takes at most {most}; a shorter time (--for) fits"
        )));
    }
    Ok(())
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
    let summary = if files {
        let (objects, run) = once(system, &profile, request)?;
        // Whoever has interrupted wants no files of it.
        if request.interrupt.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
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
        run.summary
    } else {
        counted(system, &profile, request)?
    };
    match format {
        Format::Json => {
            let mut value = json!(summary);
            value["scenario"] = json!(system.name);
            value["kernel"] = json!(profile.name);
            value["policy"] = json!(request.policy.name());
            value["seed"] = json!(request.seed);
            document(value);
        }
        Format::Text => print(system, &profile, request, &summary),
    }
    let missed = summary.contexts.iter().any(|context| context.missed > 0);
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

fn print(system: &System, profile: &Profile, request: &Request<'_>, summary: &Summary) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!(
        "{} simulated under {}, {}, seed {}; one run, no proof\n",
        Nanos(summary.horizon_ns),
        profile.name,
        scheduling(system, profile, request.policy),
        request.seed
    ));
    let names = summary.contexts.iter().map(|context| context.name.as_str());
    let operations = summary.kills.iter().chain(&summary.spawns).map(|operation| operation.name.as_str());
    let width = names.chain(operations).map(|name| name.chars().count() + 6).max().unwrap_or(0).max(7);
    line(format_args!(
        "{:<width$} {:>8} {:>7}   {:>12} {:>12} {:>12} {:>12}",
        "", "jobs", "missed", "min", "median", "p99", "max"
    ));
    for context in &summary.contexts {
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
    let operation = |kind: &str, operation: &OperationSummary| {
        let name = format!("{kind} {}", operation.name);
        line(format_args!("{name:<width$} {:>8} {:>7}   {}", operation.count, "", quantiles_of(operation)));
    };
    summary.kills.iter().for_each(|summary| operation("kill", summary));
    summary.spawns.iter().for_each(|summary| operation("spawn", summary));
    if let Some(since) = summary.quiescent_at_ns {
        line(format_args!("nothing happens after {}", Nanos(since)));
    }
    if let Some(Repetition { from_ns, every_ns, times }) = summary.repeats {
        let (from, every, again) = (Nanos(from_ns), Nanos(every_ns), Nanos(from_ns + every_ns));
        line(format_args!(
            "from {from} on it repeats itself every {every}: exact, {times} times counted without being run; nothing new after {again}"
        ));
    }
}

/// How the tasks are scheduled, in a few words; and what the kernel has instead of what is asked for.
fn scheduling(system: &System, profile: &Profile, policy: AnyPolicy) -> String {
    let differ =
        |scheduling: &SchedulingContext| scheduling.order != Order::Readiness || scheduling.threshold.is_some();
    let AnyPolicy::Ideal(ideal) = policy else { return policy.about().into() };
    let asked = match ideal {
        Policy::Declared if !system.scheduling_contexts.iter().any(differ) => "fixed priorities",
        Policy::Declared => "priorities, orders and thresholds as declared",
        _ => policy.about(),
    };
    let assigned = ideal.assign(system);
    let instead = assigned.map(|assigned| profile.scheduling.given(&assigned).instead).unwrap_or_default();
    let instead: String = instead.iter().map(|instead| format!(" ({instead})")).collect();
    format!("{asked}{instead}")
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use lacuna_sim::policy::Regular;

    use super::*;

    #[test]
    fn a_run_that_goes_on_is_given_up() {
        let system = &load("overrun").map_err(|failure| failure.message).unwrap().scenario.system;
        let interrupt = AtomicBool::new(false);
        let within = |execution, horizon, most| {
            let request = Request {
                scenario: "overrun",
                horizon: Nanos(horizon),
                kernel: "ideal",
                policy: AnyPolicy::Regular(Regular::LinuxFair),
                seed: 0,
                execution,
                trace: None,
                gantt: None,
                responses: None,
                interrupt: &interrupt,
            };
            counted_within(system, &Profile::ideal(), &request, most).map_err(|failure| failure.message).unwrap()
        };
        let second = 1_000_000_000;
        assert_eq!(within(Execution::Worst, second, 1000), None);
        assert_eq!(within(Execution::Worst, second, 100_000).map(|summary| summary.horizon_ns), Some(second));
        // A hundred jobs a second are drawn, and so they are not even begun.
        assert_eq!(within(Execution::Random, u64::MAX, 1 << 24), None);
        assert!(within(Execution::Random, second, 100_000).is_some());
    }
}
