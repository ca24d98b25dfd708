//! `lacuna check`: every interleaving, under one profile or several.

use std::sync::atomic::AtomicBool;

use lacuna_check::engine::CheckpointError;
use lacuna_check::engine::cluster::ClusterError;
use lacuna_check::{CheckError, End, Ends, Limits, Question, Report, check_by};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{Expectation, System};
use lacuna_model::trace::Trace;
use serde_json::{Value, json};

use super::search::SearchOptions;
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// What `check` was asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// Profiles by name; all without.
    pub kernels: &'a [String],
    /// Guarantees; all without.
    pub guarantees: &'a [GuaranteeId],
    /// Whether a deadlock is wrong.
    pub deadlock: bool,
    /// Whether a run that never comes to rest is.
    pub ends: bool,
    /// How to search.
    pub search: &'a SearchOptions,
    /// Set by the interrupt.
    pub interrupt: &'a AtomicBool,
}

/// A report and what the scenario expects of it.
#[derive(Debug)]
pub struct Judged {
    /// Under which profile.
    pub profile: Profile,
    /// What was found.
    pub report: Report,
    /// How that compares.
    pub exit: Exit,
}

/// Runs it.
///
/// # Errors
/// If the scenario or a profile is not there or wrong.
pub fn run(request: &Request<'_>, format: Format) -> Result<Exit, Failure> {
    let loaded = load(request.scenario)?;
    let system = &loaded.scenario.system;
    let ids = asked(request.guarantees)?;
    let profiles = profiles(request.kernels)?;
    if let Some(why) = request.search.wants_one_profile().filter(|_| profiles.len() != 1) {
        return Err(Failure::input(why));
    }
    let cluster = request.search.cluster()?;
    let question = Question { guarantees: &ids, ends: request.ends };
    let mut judged = Vec::new();
    for profile in profiles {
        let objects = Objects::new(system, &profile).map_err(Failure::input)?;
        let means = request.search.means(cluster.as_ref());
        let report =
            check_by(&objects, &question, &request.search.limits(request.interrupt), &means).map_err(failure)?;
        judged.push(judged_of(system, profile, report, request.deadlock));
    }
    // The other processes of a cluster have found the same; one tells.
    if request.search.process.is_some_and(|process| process != 0) {
        return Ok(judged.iter().fold(Exit::AsExpected, |exit, judged| exit.and(judged.exit)));
    }
    match format {
        Format::Json => {
            let mut documents: Vec<Value> = judged.iter().map(|judged| json_of(system, judged)).collect();
            document(if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) });
        }
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            judged.iter().for_each(|judged| print(system, judged, request.deadlock));
        }
    }
    Ok(judged.iter().fold(Exit::AsExpected, |exit, judged| exit.and(judged.exit)))
}

/// Serves stateright's Explorer page for the first profile, until the program is ended.
///
/// # Errors
/// If the scenario or the profile is wrong, or the page is not built in.
pub fn serve(request: &Request<'_>, address: &str) -> Result<Exit, Failure> {
    let loaded = load(request.scenario)?;
    let ids = asked(request.guarantees)?;
    let first = profiles(request.kernels)?.into_iter().next().unwrap_or_else(Profile::ideal);
    let objects = Objects::new(&loaded.scenario.system, &first).map_err(Failure::input)?;
    explorer(objects, &ids, address)
}

#[cfg(feature = "explore")]
fn explorer(objects: Objects, ids: &[GuaranteeId], address: &str) -> Result<Exit, Failure> {
    use stateright::Model;
    let address: std::net::SocketAddr = address
        .parse()
        .map_err(|error| Failure::input(format!("`{address}` is no address, such as 127.0.0.1:3000: {error}")))?;
    lacuna_check::SecondOpinion::new(objects, ids).checker().serve(address);
    Ok(Exit::AsExpected)
}

#[cfg(not(feature = "explore"))]
fn explorer(_: Objects, _: &[GuaranteeId], _: &str) -> Result<Exit, Failure> {
    Err(Failure::input("the Explorer page is not built in; build with `--features explore`"))
}

fn asked(ids: &[GuaranteeId]) -> Result<Vec<GuaranteeId>, Failure> {
    let decided: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    if let Some(other) = ids.iter().find(|id| !decided.contains(id)) {
        return Err(Failure::input(format!(
            "{other} ({}) is not decided by exploring the untimed model; try `lacuna analyse` or `lacuna simulate`",
            other.short()
        )));
    }
    Ok(if ids.is_empty() { decided } else { ids.to_vec() })
}

fn profiles(names: &[String]) -> Result<Vec<Profile>, Failure> {
    let known = || Profile::NAMED.iter().map(|(name, _)| *name);
    if names.is_empty() {
        return Ok(known().filter_map(Profile::named).collect());
    }
    names.iter().map(|name| profile(name)).collect()
}

/// The profile of that name.
///
/// # Errors
/// If there is none.
pub fn profile(name: &str) -> Result<Profile, Failure> {
    Profile::named(name).ok_or_else(|| {
        let known: Vec<String> = Profile::NAMED.iter().map(|(name, _)| format!("`{name}`")).collect();
        Failure::input(format!("there is no profile `{name}`; there are {}", known.join(", ")))
    })
}

/// Checks one system under one profile, and compares with what is expected there.
///
/// # Errors
/// If the system has no semantics.
pub fn judge(system: &System, profile: Profile, ids: &[GuaranteeId], limits: &Limits<'_>) -> Result<Judged, Failure> {
    let objects = Objects::new(system, &profile).map_err(Failure::input)?;
    let report = lacuna_check::check(&objects, ids, limits).map_err(failure)?;
    Ok(judged_of(system, profile, report, false))
}

fn judged_of(system: &System, profile: Profile, report: Report, deadlock_is_wrong: bool) -> Judged {
    let mut exit = compare(system, &profile, &report);
    if deadlock_is_wrong && report.deadlocks > 0 {
        exit = exit.and(Exit::NotAsExpected);
    } else if deadlock_is_wrong && !report.is_complete() {
        exit = exit.and(Exit::Unknown);
    }
    exit = exit.and(match &report.ends {
        Some(Ends::Not { .. }) => Exit::NotAsExpected,
        Some(Ends::Unknown { .. }) => Exit::Unknown,
        Some(Ends::Always) | None => Exit::AsExpected,
    });
    Judged { profile, report, exit }
}

/// What was asked for was wrong, or the host could not.
fn failure(error: CheckError) -> Failure {
    match error {
        CheckError::Cluster(ClusterError::Interrupted) => Failure::interrupted(),
        CheckError::Cluster(ClusterError::Settings(_)) | CheckError::TooWide(_) | CheckError::EndsNeedsTheGraph => {
            Failure::input(error)
        }
        CheckError::Checkpoint(CheckpointError::Io { .. }) | CheckError::Cluster(_) => Failure::host(error),
        _ => Failure::input(error),
    }
}

/// Is every verdict as the scenario expects it? What is vacuous holds.
fn compare(system: &System, profile: &Profile, report: &Report) -> Exit {
    if report.end == End::Interrupted {
        return Exit::Interrupted;
    }
    let expected = system.expect.iter().find(|(name, _)| *name == profile.name).map(|(_, expected)| expected);
    report.guarantees.iter().fold(Exit::AsExpected, |exit, checked| {
        let may_fail = matches!(expected, Some(Expectation::Fails(ids)) if ids.contains(&checked.id));
        exit.and(match (&checked.verdict, may_fail) {
            (ModelVerdict::Unknown { .. }, _) => Exit::Unknown,
            (ModelVerdict::Refuted { .. }, fails) if fails => Exit::AsExpected,
            (ModelVerdict::Refuted { .. }, _) => Exit::NotAsExpected,
            (_, fails) if fails => Exit::NotAsExpected,
            _ => Exit::AsExpected,
        })
    })
}

fn json_of(system: &System, judged: &Judged) -> Value {
    let guarantees: Vec<Value> = judged
        .report
        .guarantees
        .iter()
        .map(|checked| {
            let mut row = json!({
                "id": checked.id,
                "verdict": checked.verdict.name(),
                "states": judged.report.states,
                "complete": judged.report.is_complete(),
            });
            match &checked.verdict {
                ModelVerdict::Refuted { trace, violation } => {
                    row["trace"] = json!(trace.events);
                    row["violation"] = json!(violation);
                }
                ModelVerdict::ProvedToDepth { depth } => row["depth"] = json!(depth),
                ModelVerdict::ProvedToTable { entries, depth } => {
                    row["process_table"] = json!(entries);
                    row["depth"] = json!(depth);
                }
                ModelVerdict::Unknown { limit } => row["limit"] = json!(limit),
                _ => {}
            }
            row
        })
        .collect();
    json!({
        "scenario": system.name,
        "kernel": judged.profile.name,
        "profile": judged.profile,
        "as_expected": judged.exit == Exit::AsExpected,
        "transitions": judged.report.transitions,
        "depth": judged.report.depth,
        "process_table": system.process_table,
        "end": end_name(judged.report.end),
        "adversary_cut_at": judged.report.cut_at,
        "process_table_full": judged.report.table_full,
        "omitted_states_expected": judged.report.omitted,
        "deadlocks": judged.report.deadlocks,
        "deadlock": judged.report.deadlock.as_ref().map(|trace| &trace.events),
        "ends": judged.report.ends.as_ref().map(|ends| match ends {
            Ends::Always => json!({"verdict": holds(system, &judged.report).name()}),
            Ends::Not { stem, cycle } => json!({"verdict": "refuted", "stem": stem.events, "cycle": cycle.events}),
            Ends::Unknown { limit } => json!({"verdict": "unknown", "limit": limit}),
        }),
        "bits_per_state": judged.report.bits,
        "memory_bytes": judged.report.bytes,
        "elapsed_ns": judged.report.elapsed.as_nanos() as u64,
        "guarantees": guarantees,
    })
}

fn print(system: &System, judged: &Judged, deadlock_is_wrong: bool) {
    let Report { states, transitions, depth, end, table_full, guarantees, bits, elapsed, .. } = &judged.report;
    let full = if *table_full { ", which was full" } else { "" };
    let ended = match end {
        End::Complete if !judged.report.is_complete() => "ended, and may have missed states",
        End::Complete => "complete",
        End::MaxStates => "cut off at the limit on states",
        End::MaxMemory => "cut off at the limit on memory",
        End::Interrupted => "interrupted",
        End::Unrepresentable(_) => "cut off at a state that does not fit",
    };
    line(format_args!(""));
    line(format_args!(
        "kernel {}   {states} states, {transitions} transitions, depth {depth}, {ended}; process table {}{full}",
        judged.profile.name, system.process_table
    ));
    line(format_args!("  {:.2} s, {} KiB for states of {bits} bits", elapsed.as_secs_f64(), judged.report.bytes >> 10));
    for checked in guarantees {
        let (id, short, verdict) = (checked.id, checked.id.short(), &checked.verdict);
        let more = match verdict {
            ModelVerdict::Proved => String::new(),
            ModelVerdict::ProvedToDepth { depth } => format!(": with at most {depth} steps of the adversary"),
            ModelVerdict::ProvedToTable { entries, .. } => {
                format!(": with a process table of {entries} entries, which was full; a larger one may show more")
            }
            ModelVerdict::Refuted { violation, .. } => format!(": {violation}"),
            ModelVerdict::Vacuous if *table_full => {
                ": nothing that it speaks of ever happens here, where the process table was full; a larger one may show more".into()
            }
            ModelVerdict::Vacuous => ": nothing that it speaks of ever happens here".into(),
            ModelVerdict::Unknown { limit } => format!(": {limit}"),
        };
        line(format_args!("  {id:<4}{short:<20}{}{more}", verdict.name()));
        if let ModelVerdict::Refuted { trace, .. } = verdict {
            story(trace, "      ");
        }
    }
    print_stopping(system, &judged.report, deadlock_is_wrong);
    if judged.exit == Exit::NotAsExpected {
        line(format_args!("  not as the scenario expects"));
    }
}

/// How a search ended, in a word.
fn end_name(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::MaxStates => "max-states",
        End::MaxMemory => "max-memory",
        End::Interrupted => "interrupted",
        End::Unrepresentable(_) => "unrepresentable",
    }
}

/// What can be said of what holds in every state that was found: within which bounds.
fn holds(system: &System, report: &Report) -> ModelVerdict {
    match (report.cut_at, report.table_full) {
        (depth, true) => ModelVerdict::ProvedToTable { entries: system.process_table, depth },
        (Some(depth), false) => ModelVerdict::ProvedToDepth { depth },
        (None, false) => ModelVerdict::Proved,
    }
}

/// The bounds that the system itself set to a search, in words.
fn within(report: &Report) -> String {
    let depth = report.cut_at.map(|depth| format!(", with at most {depth} steps of the adversary"));
    let table = if report.table_full { ", with a process table that was full" } else { "" };
    format!("{}{table}", depth.unwrap_or_default())
}

/// Deadlocks, and whether every run ends.
fn print_stopping(system: &System, report: &Report, deadlock_is_wrong: bool) {
    match (report.deadlocks, report.is_complete()) {
        (0, true) => line(format_args!("  deadlock                none{}", within(report))),
        (0, _) => line(format_args!("  deadlock                none found, but not all was explored")),
        (many, _) => {
            let steps = report.deadlock.as_ref().map_or(0, |trace| trace.events.len());
            line(format_args!(
                "  deadlock                {many} states, the first after {steps} steps: nobody can go on, somebody waits"
            ));
            if let Some(trace) = report.deadlock.as_ref().filter(|_| deadlock_is_wrong) {
                story(trace, "      ");
            }
        }
    }
    match &report.ends {
        None => {}
        Some(Ends::Always) => line(format_args!(
            "  ends                    {}: every weakly fair run comes to rest{}",
            holds(system, report).name(),
            within(report)
        )),
        Some(Ends::Unknown { limit }) => line(format_args!("  ends                    unknown: {limit}")),
        Some(Ends::Not { stem, cycle }) => {
            line(format_args!("  ends                    refuted: this run never comes to rest"));
            story(stem, "      ");
            match cycle.events.len() {
                0 => line(format_args!("      and there nobody can go on")),
                _ => {
                    line(format_args!("      and from there round and round:"));
                    story(cycle, "      ");
                }
            }
        }
    }
}

/// Prints a trace, a numbered line an event.
pub fn story(trace: &Trace, indent: &str) {
    for (number, event) in (1..).zip(&trace.events) {
        line(format_args!("{indent}{number:>2}. {}", event.text));
    }
}
