//! `lacuna check`: every interleaving, under one profile or several.

use std::sync::atomic::AtomicBool;

use lacuna_check::{End, Limits, Report};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{Expectation, System};
use lacuna_model::trace::Trace;
use serde_json::{Value, json};

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
    /// The limit on states.
    pub max_states: usize,
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
    let mut judged = Vec::new();
    for profile in profiles(request.kernels)? {
        let limits = Limits { max_states: request.max_states, interrupt: Some(request.interrupt) };
        judged.push(judge(system, profile, &ids, &limits)?);
    }
    match format {
        Format::Json => {
            let mut documents: Vec<Value> = judged.iter().map(|judged| json_of(system, judged)).collect();
            document(if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) });
        }
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            judged.iter().for_each(|judged| print(system, judged));
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
    let report = lacuna_check::check(&objects, ids, limits);
    let exit = compare(system, &profile, &report);
    Ok(Judged { profile, report, exit })
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
                "complete": judged.report.end == End::Complete,
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
        "process_table_full": judged.report.table_full,
        "guarantees": guarantees,
    })
}

fn print(system: &System, judged: &Judged) {
    let Report { states, transitions, depth, end, table_full, guarantees } = &judged.report;
    let full = if *table_full { ", which was full" } else { "" };
    let ended = match end {
        End::Complete => "complete",
        End::MaxStates => "cut off at the limit on states",
        End::Interrupted => "interrupted",
    };
    line(format_args!(""));
    line(format_args!(
        "kernel {}   {states} states, {transitions} transitions, depth {depth}, {ended}; process table {}{full}",
        judged.profile.name, system.process_table
    ));
    for checked in guarantees {
        let (id, short, verdict) = (checked.id, checked.id.short(), &checked.verdict);
        let more = match verdict {
            ModelVerdict::Proved => String::new(),
            ModelVerdict::ProvedToDepth { depth } => format!(": with at most {depth} steps of the adversary"),
            ModelVerdict::ProvedToTable { entries, .. } => {
                format!(": with a process table of {entries} entries, which was full; a larger one may show more")
            }
            ModelVerdict::Refuted { violation, .. } => format!(": {violation}"),
            ModelVerdict::Vacuous => ": nothing that it speaks of ever happens here".into(),
            ModelVerdict::Unknown { limit } => format!(": {limit}"),
        };
        line(format_args!("  {id:<4}{short:<20}{}{more}", verdict.name()));
        if let ModelVerdict::Refuted { trace, .. } = verdict {
            story(trace, "      ");
        }
    }
    if judged.exit == Exit::NotAsExpected {
        line(format_args!("  not as the scenario expects"));
    }
}

/// Prints a trace, a numbered line an event.
pub fn story(trace: &Trace, indent: &str) {
    for (number, event) in (1..).zip(&trace.events) {
        line(format_args!("{indent}{number:>2}. {}", event.text));
    }
}
