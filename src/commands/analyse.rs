//! `lacuna analyse`: bounds on paper.

use lacuna_model::analysis::response_time::{Bound, Demand, response_times, task_set};
use lacuna_model::evidence::AnalysisVerdict;
use lacuna_model::guarantee::g18_deadlines;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// What the analysis says of one task.
#[derive(Debug)]
pub struct Row {
    /// The task.
    pub task: Demand,
    /// Its worst response, if bounded.
    pub worst: Option<Nanos>,
    /// Whether that is within the deadline.
    pub verdict: AnalysisVerdict,
}

impl Row {
    /// What it means for the exit status.
    pub fn exit(&self) -> Exit {
        match self.verdict {
            AnalysisVerdict::Bound => Exit::AsExpected,
            AnalysisVerdict::Unschedulable { .. } => Exit::NotAsExpected,
            AnalysisVerdict::Unknown { .. } => Exit::Unknown,
        }
    }
}

/// The rows of a system; none if it has no tasks.
///
/// # Errors
/// If the system's tasks are not of the kind that the analysis covers: the reason.
pub fn rows(system: &System) -> Result<Vec<Row>, String> {
    let tasks = task_set(system).map_err(|error| error.to_string())?;
    Ok((0..tasks.len())
        .map(|index| {
            let responses = response_times(&tasks, index);
            let worst = match responses.worst() {
                Bound::Finite(worst) => Some(worst),
                Bound::Unbounded | Bound::Unknown(_) => None,
            };
            let verdict = g18_deadlines::verdict(&responses, tasks[index].deadline);
            Row { task: tasks[index].clone(), worst, verdict }
        })
        .collect())
}

/// Runs it.
///
/// # Errors
/// If the scenario is not there or wrong, or has nothing to analyse.
pub fn run(scenario: &str, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let rows = rows(system)
        .map_err(|why| Failure { exit: Exit::Unknown, message: format!("no bound for `{}`: {why}", system.name) })?;
    if rows.is_empty() {
        return Err(Failure::input(format!(
            "`{}` has no tasks to analyse: no context has a `task: (period: …)`",
            system.name
        )));
    }
    match format {
        Format::Json => {
            let contexts: Vec<Value> = rows.iter().map(json_of).collect();
            document(json!({ "scenario": system.name, "contexts": contexts }));
        }
        Format::Text => print(system, &rows),
    }
    Ok(rows.iter().fold(Exit::AsExpected, |exit, row| exit.and(row.exit())))
}

/// A row as JSON.
pub fn json_of(row: &Row) -> Value {
    let mut value = json!(row.verdict);
    value["name"] = json!(row.task.name);
    value["wcrt_ns"] = json!(row.worst);
    value["deadline_ns"] = json!(row.task.deadline);
    value
}

fn print(system: &System, rows: &[Row]) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!("fixed priorities, preemptive, one core (Lehoczky 1990)\n"));
    let width = rows.iter().map(|row| row.task.name.chars().count()).max().unwrap_or(0).max(7);
    line(format_args!(
        "{:<width$} {:>8} {:>10} {:>10} {:>10}   {:>14}",
        "context", "priority", "wcet", "period", "deadline", "worst response"
    ));
    for row in rows {
        let Demand { name, wcet, period, deadline, priority, .. } = &row.task;
        let worst = row.worst.map_or("none".into(), |worst| worst.to_string());
        let says = match &row.verdict {
            AnalysisVerdict::Bound => "bound".into(),
            AnalysisVerdict::Unschedulable { witness } => format!("unschedulable: {witness}"),
            AnalysisVerdict::Unknown { limit } => format!("unknown: {limit}"),
        };
        line(format_args!(
            "{name:<width$} {priority:>8} {wcet:>10} {period:>10} {deadline:>10}   {worst:>14}   {says}"
        ));
    }
}
