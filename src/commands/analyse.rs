//! `lacuna analyse`: bounds on paper.

use lacuna_model::analysis::response_time::Demand;
use lacuna_model::analysis::schedulability::{Analysis, TaskBound, analyse};
use lacuna_model::analysis::sensitivity::{Margin, margin};
use lacuna_model::evidence::AnalysisVerdict;
use lacuna_model::sched::Policy;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// Is it asked by how much execution times may grow?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margins {
    /// It is.
    Asked,
    /// It is not.
    NotAsked,
}

/// What an analysis means for the exit status.
pub fn exit(analysis: &Analysis) -> Exit {
    let of = |verdict: &AnalysisVerdict| match verdict {
        AnalysisVerdict::Bound => Exit::AsExpected,
        AnalysisVerdict::Unschedulable { .. } => Exit::NotAsExpected,
        AnalysisVerdict::Unknown { .. } => Exit::Unknown,
    };
    analysis.verdicts().fold(Exit::AsExpected, |exit, verdict| exit.and(of(verdict)))
}

/// Runs it.
///
/// # Errors
/// If the scenario is not there or wrong, or has nothing to analyse.
pub fn run(scenario: &str, policy: Policy, margins: Margins, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &policy.assign(&loaded.scenario.system).map_err(Failure::input)?;
    let analysis = analyse(system)
        .map_err(|why| Failure { exit: Exit::Unknown, message: format!("no bound for `{}`: {why}", system.name) })?;
    if analysis.tasks.is_empty() {
        return Err(Failure::input(format!(
            "`{}` has no tasks to analyse: no context has a `task: (period: …)`",
            system.name
        )));
    }
    let demands: Vec<Demand> = analysis.tasks.iter().map(|bound| bound.task.clone()).collect();
    let margins: Vec<Margin> = match margins {
        Margins::Asked => (0..demands.len()).map(|index| margin(&demands, analysis.discipline, index)).collect(),
        Margins::NotAsked => Vec::new(),
    };
    match format {
        Format::Json => {
            let mut contexts: Vec<Value> = analysis.tasks.iter().map(json_of).collect();
            for (context, margin) in contexts.iter_mut().zip(&margins) {
                let (by, exact) = match margin {
                    Margin::Exactly(by) => (Some(by), true),
                    Margin::AtLeast(by, _) => (Some(by), false),
                    Margin::None => (None, true),
                };
                context["margin_ns"] = json!(by);
                context["margin_is_exact"] = json!(exact);
            }
            let mut value = json!({ "scenario": system.name, "policy": policy.name(), "contexts": contexts });
            if let Some((demand, verdict)) = &analysis.demand {
                value["demand"] = json!(verdict);
                value["demand"]["limit_ns"] = json!(demand.limit.and_then(|limit| u64::try_from(limit).ok()));
                value["demand"]["points"] = json!(demand.points);
            }
            document(value);
        }
        Format::Text => print(system, &analysis, &margins),
    }
    Ok(exit(&analysis))
}

/// The bound of a task as JSON.
pub fn json_of(row: &TaskBound) -> Value {
    let mut value = json!(row.verdict);
    value["name"] = json!(row.task.name);
    value["wcrt_ns"] = json!(row.worst);
    value["deadline_ns"] = json!(row.task.deadline);
    value
}

fn print(system: &System, analysis: &Analysis, margins: &[Margin]) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!("{}, one core\n", analysis.discipline.about()));
    let width = analysis.tasks.iter().map(|row| row.task.name.chars().count()).max().unwrap_or(0).max(7);
    line(format_args!(
        "{:<width$} {:>8} {:>10} {:>10} {:>10}   {:>14}{}",
        "context",
        "priority",
        "wcet",
        "period",
        "deadline",
        "worst response",
        if margins.is_empty() { String::new() } else { format!("   {:>14}", "may grow by") }
    ));
    for (index, row) in analysis.tasks.iter().enumerate() {
        let Demand { name, wcet, period, deadline, priority, .. } = &row.task;
        let worst = row.worst.map_or("none".into(), |worst| worst.to_string());
        let says = says(&row.verdict);
        line(format_args!(
            "{name:<width$} {priority:>8} {wcet:>10} {period:>10} {deadline:>10}   {worst:>14}{}   {says}",
            margins.get(index).map_or(String::new(), |margin| format!("   {:>14}", may_grow_by(*margin)))
        ));
    }
    if let Some((demand, verdict)) = &analysis.demand {
        let says = match (verdict, demand.limit) {
            (AnalysisVerdict::Bound, Some(limit)) => {
                let (points, limit) =
                    (demand.points, u64::try_from(limit).map_or("2^64 ns".into(), |limit| Nanos(limit).to_string()));
                format!("never more than the time there is; computed at {points} deadlines before {limit}")
            }
            (AnalysisVerdict::Bound, None) => {
                "never more than the time there is, for no deadline is before its period's end".into()
            }
            _ => says(verdict),
        };
        line(format_args!("\ndemand: {says}"));
    }
}

fn may_grow_by(margin: Margin) -> String {
    match margin {
        Margin::Exactly(by) => by.to_string(),
        Margin::AtLeast(by, _) => format!(">= {by}"),
        Margin::None => "-".into(),
    }
}

/// A verdict in words.
pub fn says(verdict: &AnalysisVerdict) -> String {
    match verdict {
        AnalysisVerdict::Bound => "bound".into(),
        AnalysisVerdict::Unschedulable { witness } => format!("unschedulable: {witness}"),
        AnalysisVerdict::Unknown { limit } => format!("unknown: {limit}"),
    }
}
