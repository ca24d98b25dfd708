//! `lacuna explain G4`: the statement, its trigger, where in the library it holds and where it breaks, and what carries it in the
//! ideal kernel: each mechanism without which it is refuted.

use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Objects, Precondition};
use lacuna_model::profile::{Axis, Profile};
use lacuna_model::system::System;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::commands::matrix::cell;
use crate::commands::search::limits;
use crate::exit::{Exit, Failure};
use crate::load::library_systems;
use crate::print::{document, line};
use crate::verdict::verdict;

/// The statement of the model is where it is explained as well.
const MODEL: &str = include_str!("../../../MODEL.md");

/// How many steps the adversaries of the library take here at most.
const DEPTH: u8 = 2;

/// What is known of a guarantee.
struct Explained {
    statement: Statement,
    profiles: Vec<Profile>,
    /// Of every scenario that gives it something to say, the verdict under each profile.
    library: Vec<(String, Vec<ModelVerdict>)>,
    carriers: Vec<Carrier>,
}

/// A row of the model's page.
#[derive(Default)]
struct Statement {
    formally: &'static str,
    trigger: &'static str,
    decided_by: &'static str,
}

/// A mechanism of the ideal kernel without which the guarantee is refuted.
struct Carrier {
    mechanism: String,
    without: String,
    refuted_in: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// If somebody interrupts.
pub fn run(id: GuaranteeId, interrupt: &AtomicBool, format: Format) -> Result<Exit, Failure> {
    let explained = explain(id, interrupt)?;
    match format {
        Format::Json => document(json_of(id, &explained)),
        Format::Text => print(id, &explained),
    }
    Ok(Exit::AsExpected)
}

fn statement(id: GuaranteeId) -> Statement {
    let row = MODEL.lines().find_map(|row| row.strip_prefix("| ")?.strip_prefix(id.name())?.strip_prefix(" | "));
    let mut cells = row.unwrap_or_default().trim_end_matches(" |").split(" | ").skip(1);
    let mut next = || cells.next().unwrap_or_default();
    Statement { formally: next(), trigger: next(), decided_by: next() }
}

fn explain(id: GuaranteeId, interrupt: &AtomicBool) -> Result<Explained, Failure> {
    let profiles: Vec<Profile> = Profile::all().collect();
    let ask = |objects: &Objects| {
        if interrupt.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
        verdict(objects, id, &limits(interrupt))
    };
    let of = |system: &System, profile: &Profile| Objects::new(system, profile).map_err(Failure::input);
    let mut rows = Vec::new();
    let mut carried = Vec::new();
    for mut system in library_systems() {
        system.bound_adversaries(DEPTH);
        let mut verdicts = Vec::new();
        for profile in &profiles {
            verdicts.push(ask(&of(&system, profile)?)?);
        }
        if verdicts.iter().all(|verdict| matches!(verdict, ModelVerdict::Vacuous)) {
            continue;
        }
        let ideal = of(&system, &Profile::ideal())?;
        if ask(&ideal)?.holds() {
            carried.push((system.clone(), ideal));
        }
        rows.push((system.name.clone(), verdicts));
    }
    let mut carriers: Vec<Carrier> = Vec::new();
    let mut note = |mechanism: String, without: String, mut refuted_in: Vec<String>| {
        // Two sets of buffers may have one name.
        let again = |one: &&mut Carrier| one.mechanism == mechanism && one.without == without;
        if let Some(known) = carriers.iter_mut().find(again) {
            refuted_in.retain(|name| !known.refuted_in.contains(name));
            known.refuted_in.append(&mut refuted_in);
        } else if !refuted_in.is_empty() {
            carriers.push(Carrier { mechanism, without, refuted_in });
        }
    };
    for axis in Axis::ALL {
        let ideal = Profile::ideal();
        let own = axis.choice_of(&ideal);
        for weaker in axis.with_each_choice(&ideal).iter().filter(|one| axis.choice_of(one) != own) {
            let mut refuted_in = Vec::new();
            for (system, _) in &carried {
                if matches!(ask(&of(system, weaker)?)?, ModelVerdict::Refuted { .. }) {
                    refuted_in.push(system.name.clone());
                }
            }
            note(format!("{}: {own}", axis.name), axis.choice_of(weaker).to_owned(), refuted_in);
        }
    }
    for check in Precondition::ALL {
        let mut refuted_in = Vec::new();
        for (system, ideal) in &carried {
            if matches!(ask(&ideal.clone().without(*check))?, ModelVerdict::Refuted { .. }) {
                refuted_in.push(system.name.clone());
            }
        }
        note(format!("check: {}", check.name()), "left out".into(), refuted_in);
    }
    Ok(Explained { statement: statement(id), profiles, library: rows, carriers })
}

fn print(id: GuaranteeId, explained: &Explained) {
    let Explained { statement, profiles, library, carriers } = explained;
    line(format_args!("{id}  {}", id.short()));
    line(format_args!("{}", id.statement()));
    line(format_args!("\nformally    {}", statement.formally));
    line(format_args!("trigger     {}", statement.trigger));
    line(format_args!("decided by  {}", statement.decided_by));
    line(format_args!(
        "\nin the library, adversaries of at most {DEPTH} steps; -: nothing that it speaks of happens there"
    ));
    let width = |name: &str| name.len().max("to depth".len());
    let row = |left: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> =
            profiles.iter().zip(cells).map(|(one, cell)| format!("{cell:<w$}", w = width(&one.name))).collect();
        line(format_args!("  {left:<22}{}", cells.join("  ").trim_end()));
    };
    row("", &mut profiles.iter().map(|profile| profile.name.as_str()));
    for (scenario, verdicts) in library {
        row(scenario, &mut verdicts.iter().map(cell));
    }
    if library.iter().flat_map(|(_, verdicts)| verdicts).any(|verdict| matches!(verdict, ModelVerdict::Assumed { .. }))
    {
        line(format_args!(
            "\nit is assumed: bounds on time rest on it, nothing in the model carries it, and a host may refute it"
        ));
        return;
    }
    line(format_args!("\nthe ideal kernel holds it by"));
    for Carrier { mechanism, without, refuted_in } in carriers {
        line(format_args!("  {mechanism:<32}{without}: refuted in {}", refuted_in.join(", ")));
    }
    if carriers.is_empty() {
        line(format_args!("  no one mechanism: with each single one weakened it still holds in the library"));
    }
}

fn json_of(id: GuaranteeId, explained: &Explained) -> Value {
    let Explained { statement, profiles, library, carriers } = explained;
    let library: Vec<Value> = library
        .iter()
        .map(|(scenario, verdicts)| {
            let verdicts =
                profiles.iter().zip(verdicts).map(|(one, verdict)| (one.name.clone(), json!(verdict.name())));
            json!({ "scenario": scenario, "verdicts": Value::Object(verdicts.collect()) })
        })
        .collect();
    let carriers: Vec<Value> = carriers
        .iter()
        .map(|one| json!({ "mechanism": one.mechanism, "without": one.without, "refuted_in": one.refuted_in }))
        .collect();
    json!({
        "topic": id.name(),
        "kind": "guarantee",
        "short": id.short(),
        "statement": id.statement(),
        "formally": statement.formally,
        "trigger": statement.trigger,
        "decided_by": statement.decided_by,
        "adversary_depth": DEPTH,
        "library": library,
        "carried_by": carriers,
    })
}
