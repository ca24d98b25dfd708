//! `lacuna check --all-profiles`: a row a guarantee, a column a profile.

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{BOUNDED, TIMED, ends_within};
use lacuna_model::system::System;

use super::check::Judged;
use crate::exit::Exit;
use crate::print::line;

/// What a cell says.
pub fn cell(verdict: &ModelVerdict) -> &'static str {
    match verdict {
        ModelVerdict::Proved => "proved",
        ModelVerdict::ProvedToDepth { .. } => "to depth",
        ModelVerdict::ProvedToTable { .. } => "to table",
        ModelVerdict::Refuted { .. } => "REFUTED",
        ModelVerdict::Assumed { .. } => "assumed",
        ModelVerdict::Vacuous => "-",
        ModelVerdict::Unknown { .. } => "unknown",
    }
}

/// Prints the table; all were asked the same.
pub fn print(system: &System, judged: &[Judged]) {
    let Some(first) = judged.first() else { return };
    let names: Vec<&str> = judged.iter().map(|judged| judged.profile.name.as_str()).collect();
    let width = |name: &str| name.len().max("to depth".len());
    let row = |left: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> =
            names.iter().zip(cells).map(|(name, cell)| format!("{cell:<w$}", w = width(name))).collect();
        line(format_args!("{left:<27}{}", cells.join("  ").trim_end()));
    };
    line(format_args!(""));
    row("", &mut names.iter().map(ToString::to_string));
    let mut silent = Vec::new();
    for id in first.checked().map(|checked| checked.id) {
        let verdicts: Vec<Option<&ModelVerdict>> = judged.iter().map(|judged| judged.verdict(id)).collect();
        if verdicts.iter().all(|verdict| matches!(verdict, Some(ModelVerdict::Vacuous))) {
            silent.push(id.name());
            continue;
        }
        let mut cells = verdicts.into_iter().map(|verdict| verdict.map_or("", cell).to_owned());
        row(&format!("{id:<4}{}", id.short()), &mut cells);
    }
    row(
        "deadlock",
        &mut judged.iter().map(|judged| match (judged.report.deadlocks, judged.report.is_complete()) {
            (0, true) => "none".into(),
            (0, false) => "unknown".into(),
            _ => "yes".into(),
        }),
    );
    row("states", &mut judged.iter().map(|judged| judged.report.states.to_string()));
    let bounds = judged.iter().filter_map(|judged| judged.report.cut_at).max();
    if let Some(depth) = bounds {
        line(format_args!("to depth: with at most {depth} steps of the adversary"));
    }
    if judged.iter().any(|judged| judged.report.table_full) {
        line(format_args!("to table: with a process table that was full; a larger one may show more"));
    }
    if let Some(timed) = &first.timed {
        let bounds = BOUNDED.iter().filter(|id| ends_within(system, **id).is_some()).map(|id| id.name());
        let timed_ids: Vec<&str> = TIMED.iter().map(|id| id.name()).chain(bounds).collect();
        line(format_args!("in time, tick {}: {}", timed.tick, timed_ids.join(", ")));
    }
    line(format_args!("-: nothing that the guarantee speaks of ever happens there"));
    if !silent.is_empty() {
        line(format_args!("nor anywhere of {}", silent.join(", ")));
    }
    for other in judged.iter().filter(|judged| judged.exit == Exit::NotAsExpected) {
        line(format_args!("{}: not as the scenario expects", other.profile.name));
    }
}
