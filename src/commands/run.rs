//! `lacuna run` and `lacuna probe`: this host under attack.

use std::sync::atomic::AtomicBool;

use lacuna_hosted::probe::{self, Decided, Probe, Row};
use lacuna_model::evidence::HostOutcome;
use lacuna_model::system::System;
use serde_json::json;

use crate::accepted::{Accepted, unknown};
use crate::cases::{self, Case, Notation};
use crate::cli::{AttackOptions, Form};
use crate::exit::{Exit, Failure};
use crate::gap::attack;
use crate::host;
use crate::load::load;
use crate::print::{document, line};

/// Attacks the set-up that a scenario's policy gets on this host, with every probe.
///
/// # Errors
/// If the scenario is wrong, the host cannot, or somebody interrupts.
pub fn scenario(scenario: &str, options: &AttackOptions, interrupt: &AtomicBool, form: Form) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    if host::confined(system).is_none() {
        return Err(Failure::input(format!("`{}` confines nothing: no process has a job group", system.name)));
    }
    attacked(scenario, system, &probe::all(), options, interrupt, form)
}

/// Attacks the set-up that the policy of `ci-job` gets on this host, with the probes named, or all.
///
/// # Errors
/// If a name is wrong, the host cannot, or somebody interrupts.
pub fn probes(ids: &[String], options: &AttackOptions, interrupt: &AtomicBool, form: Form) -> Result<Exit, Failure> {
    let mut probes = Vec::new();
    for id in ids {
        // A guarantee's name stands for all that attack it.
        let of_it = |known: &&Probe| known.guarantee.name().eq_ignore_ascii_case(id);
        match probe::find(id) {
            Some(probe) => probes.push(probe),
            None if probe::all().iter().any(&of_it) => probes.extend(probe::all().into_iter().filter(of_it)),
            None => return Err(unknown(id)),
        }
    }
    if ids.is_empty() {
        probes = probe::all();
    }
    let loaded = load("ci-job")?;
    attacked("ci-job", &loaded.scenario.system, &probes, options, interrupt, form)
}

fn attacked(
    scenario: &str,
    system: &System,
    probes: &[&'static Probe],
    options: &AttackOptions,
    interrupt: &AtomicBool,
    form: Form,
) -> Result<Exit, Failure> {
    let accepted = Accepted::of(&options.accept)?;
    let facts = host::facts()?;
    let plan = host::plan(host::set_up(options.host.setup, &facts), &host::policy(system, &[]), &facts)?;
    let rows = attack(&plan, probes, interrupt)?;
    let cases = |notation| {
        let cases: Vec<Case> = rows.iter().map(|row| Case::of_probe(row, &accepted)).collect();
        cases::print(notation, scenario, &cases)
    };
    match form {
        Form::Junit => cases(Notation::Junit)?,
        Form::Sarif => cases(Notation::Sarif)?,
        Form::Json => document(json!({
            "scenario": system.name,
            "host": facts,
            "setup": plan.set_up(),
            "effective": plan.effective(),
            "rows": rows,
            "accepted": accepted.names().collect::<Vec<_>>(),
        })),
        Form::Text => {
            line(format_args!("host     {}", host::describe(&facts)));
            line(format_args!("plan     {}\n", super::plan::summary(&plan)));
            rows.iter().for_each(print);
        }
    }
    Ok(rows.iter().fold(Exit::AsExpected, |exit, row| {
        exit.and(match row.outcome {
            _ if accepted.fails(row) => Exit::NotAsExpected,
            HostOutcome::Inconclusive => Exit::Unknown,
            _ => Exit::AsExpected,
        })
    }))
}

fn print(row: &Row) {
    let by = match (row.decided, row.outcome.got_out()) {
        (None, _) => String::new(),
        (Some(Decided::Observed(primitive)), false) => format!(", by {primitive}"),
        (Some(Decided::Expected(primitive)), false) => format!(", as expected of {primitive}"),
        // Of what got through in part, the rest was stopped by it.
        (Some(Decided::Observed(primitive)), true) => format!(", the rest stopped by {primitive}"),
        (Some(Decided::Expected(primitive)), true) => format!(", expected of {primitive}"),
    };
    line(format_args!("{:<26}{}{by}", row.id, row.outcome.name()));
    line(format_args!("  {:<24}{}", "", row.evidence));
    line(format_args!("  {:<24}control: {}", "", row.control));
    if let Some(fix) = row.fix {
        line(format_args!("  {:<24}fix: {fix}", ""));
    }
}
