//! `lacuna run --validate` and `lacuna validate --record`: is what a host did a behaviour of the model of it?

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_check::{Divergence, Effort, Validation, Verdict, validate};
use lacuna_hosted::record::{NotRecorded, record};
use lacuna_hosted::{Policy, PrimitiveId, SetUp, primitive};
use lacuna_model::profile::Profile;
use lacuna_model::record::Record;
use lacuna_model::system::System;
use serde_json::{Value, json};

use crate::cli::{Format, RecordOptions};
use crate::exit::{Exit, Failure};
use crate::host;
use crate::load::load;
use crate::print::{document, line, progress};

/// A record of so many bytes is no record of ours.
const MOST_BYTES: u64 = 4 << 20;

/// One record and what became of it.
struct Judged {
    record: Record,
    found: Validation,
    /// Of one that diverges: what becomes of it where nobody inside is believed.
    from_outside: Option<Validation>,
}

/// Runs a scenario's own program here, records it, and validates the record under the effective profile.
///
/// # Errors
/// If the scenario is wrong, this host cannot play it, or somebody interrupts.
pub fn run(
    scenario: &str,
    set_up: Option<SetUp>,
    options: &RecordOptions,
    interrupt: &AtomicBool,
    format: Format,
) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let facts = host::facts()?;
    let set_up = if options.bare { SetUp::Bare } else { host::set_up(set_up, &facts) };
    let plan = host::plan(set_up, &host::policy(system, &[]), &facts)?;
    let mut judged: Vec<Judged> = Vec::new();
    let mut effective = None;
    for run in 0..options.times {
        progress(format_args!("run {}", run + 1));
        let recorded = record(system, &plan, options.seed.wrapping_add(run.into()), interrupt);
        let recorded = recorded.map_err(|error| match error {
            NotRecorded::Interrupted => Failure::interrupted(),
            error => Failure::host(error),
        })?;
        let profile = effective.get_or_insert(recorded.effective);
        let one = judge(system, profile, recorded.record, options.states, interrupt)?;
        let stop = one.found.verdict != Verdict::Consistent;
        judged.push(one);
        // The first that is not explained is the finding.
        if stop {
            break;
        }
    }
    progress(format_args!(""));
    let Some((profile, last)) = effective.as_ref().zip(judged.last()) else { return Ok(Exit::AsExpected) };
    if let Some(file) = &options.record {
        write(file, &last.record)?;
    }
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "host": facts,
            "setup": plan.set_up(),
            "kernel": profile,
            "runs": judged.iter().map(json_of).collect::<Vec<Value>>(),
            "record": last.record,
        })),
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            line(format_args!("host     {}", host::describe(&facts)));
            line(format_args!("plan     {}", super::plan::summary(&plan)));
            last.record.left_out.iter().for_each(|what| line(format_args!("left out {what}")));
            judged.iter().for_each(|judged| print(judged, profile));
        }
    }
    Ok(exit(&judged))
}

/// Validates a record that was kept, under the profile that follows from what was applied, or another.
///
/// # Errors
/// If the scenario, the record or the profile's name is wrong.
pub fn kept(
    scenario: &str,
    file: &Path,
    kernel: Option<&str>,
    states: usize,
    interrupt: &AtomicBool,
    format: Format,
) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let record = read(file)?;
    let profile = match kernel {
        Some(name) => super::check::profile(name)?,
        None => effective(system, &record)?,
    };
    let judged = judge(system, &profile, record, states, interrupt)?;
    match format {
        Format::Json => {
            let mut value = json_of(&judged);
            value["scenario"] = json!(system.name);
            value["kernel"] = json!(profile);
            document(value);
        }
        Format::Text => print(&judged, &profile),
    }
    Ok(exit(std::slice::from_ref(&judged)))
}

fn judge(
    system: &System,
    profile: &Profile,
    record: Record,
    states: usize,
    interrupt: &AtomicBool,
) -> Result<Judged, Failure> {
    let validated = |record: &Record| {
        let found = validate(system, profile, record, Effort { states, interrupt: Some(interrupt) });
        let found = found.map_err(Failure::input)?;
        if interrupt.load(Ordering::Relaxed) { Err(Failure::interrupted()) } else { Ok(found) }
    };
    let found = validated(&record)?;
    let diverged = matches!(found.verdict, Verdict::Divergent(_));
    let from_outside = diverged.then(|| validated(&record.from_outside())).transpose()?;
    Ok(Judged { record, found, from_outside })
}

/// The profile that a record was made under.
fn effective(system: &System, record: &Record) -> Result<Profile, Failure> {
    let applied: Result<BTreeSet<PrimitiveId>, Failure> = record
        .applied
        .iter()
        .map(|name| {
            let known = PrimitiveId::ALL.iter().find(|id| id.name() == name);
            known.copied().ok_or_else(|| Failure::input(format!("the record has a primitive `{name}`: there is none")))
        })
        .collect();
    let policy: Policy = host::policy(system, &[]);
    Ok(primitive::strengthen(&applied?, &policy))
}

fn exit(judged: &[Judged]) -> Exit {
    judged.iter().fold(Exit::AsExpected, |exit, judged| {
        exit.and(match judged.found.verdict {
            Verdict::Consistent => Exit::AsExpected,
            Verdict::Divergent(_) => Exit::NotAsExpected,
            Verdict::Unknown { .. } => Exit::Unknown,
        })
    })
}

fn write(file: &Path, record: &Record) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::input(format!("cannot write `{}`: {error}", file.display()));
    let text = serde_json::to_string_pretty(record).map_err(|error| wrong(&error))?;
    std::fs::write(file, text + "\n").map_err(|error| wrong(&error))
}

fn read(file: &Path) -> Result<Record, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::input(format!("cannot read `{}`: {error}", file.display()));
    let known = std::fs::metadata(file).map_err(|error| wrong(&error))?;
    if !known.is_file() || known.len() > MOST_BYTES {
        return Err(wrong(&format!("it is no regular file of at most {MOST_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn json_of(judged: &Judged) -> Value {
    let Validation { verdict, events, states } = &judged.found;
    let from_outside = judged.from_outside.as_ref().map(|found| name(&found.verdict));
    let sentences = |places: &[usize]| {
        let known = places.iter().filter_map(|place| judged.record.events.get(*place));
        known.map(|event| judged.record.sentence(event)).collect::<Vec<_>>()
    };
    let mut value = json!({ "verdict": name(verdict), "events": events, "states": states });
    match verdict {
        Verdict::Consistent => {}
        Verdict::Unknown { limit } => value["limit"] = json!(limit),
        Verdict::Divergent(Divergence { explained, unexplained, instead, possible }) => {
            value["from_outside"] = json!(from_outside);
            value["explained"] = json!(explained);
            value["unexplained"] = json!(unexplained);
            value["unexplained_text"] = json!(sentences(unexplained));
            value["instead"] = json!(instead);
            value["possible"] = json!(possible);
        }
    }
    value
}

/// A verdict in a word.
fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Consistent => "consistent",
        Verdict::Divergent(_) => "divergent",
        Verdict::Unknown { .. } => "unknown",
    }
}

fn print(judged: &Judged, profile: &Profile) {
    let Validation { verdict, events, states } = &judged.found;
    match verdict {
        Verdict::Consistent => {
            line(format_args!("consistent  {events} events under `{}`, {states} states", profile.name));
        }
        Verdict::Unknown { limit } => {
            line(format_args!("unknown     {events} events under `{}`, {states} states: {limit}", profile.name));
        }
        Verdict::Divergent(found) => diverged(judged, profile, found),
    }
}

fn diverged(judged: &Judged, profile: &Profile, found: &Divergence) {
    let record = &judged.record;
    let shown = |place: &usize| {
        if let Some(event) = record.events.get(*place) {
            let (from, to) = (event.from_ns / 1000, event.to_ns / 1000);
            let by = json!(event.by);
            let by = by.as_str().unwrap_or_default();
            line(format_args!("  {from:>8}-{to:<8} {by:<10} {}", record.sentence(event)));
        }
    };
    let events = record.events.len();
    let name = &profile.name;
    line(format_args!("DIVERGENT   {} of {events} events are explained under `{name}`", found.explained.len()));
    line(format_args!("explained, in an order that their times allow (µs)"));
    let mut explained = found.explained.clone();
    explained.sort_by_key(|place| record.events.get(*place).map(|event| (event.to_ns, *place)));
    explained.iter().for_each(shown);
    line(format_args!("next, and explained by no state"));
    found.unexplained.iter().for_each(shown);
    line(format_args!("in the model, there"));
    found.instead.iter().chain(&found.possible).for_each(|what| line(format_args!("  {what}")));
    let from_outside = judged.from_outside.as_ref().map(|found| &found.verdict);
    line(format_args!(
        "{}",
        match from_outside {
            Some(Verdict::Divergent(_)) =>
                "the model of this host is wrong, or the host is: it diverges also where nobody inside is believed",
            Some(Verdict::Consistent) =>
                "the model of this host is wrong, or the host is, or somebody inside lied: where nobody inside is believed it is consistent",
            _ => "the model of this host is wrong, or the host is, or somebody inside lied",
        }
    ));
}
