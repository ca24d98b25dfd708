//! `lacuna compare`: one scenario under every policy, side by side.

use lacuna_model::analysis::schedulability::{Analysis, analyse};
use lacuna_model::evidence::AnalysisVerdict;
use lacuna_model::profile::Profile;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use lacuna_sim::policy::{AnyPolicy, CannotAssign, NotSchedulable};
use lacuna_sim::statistics::{ContextSummary, Summary};
use serde_json::{Value, json};

use super::simulate::{Request, counted, counted_within};
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// Of a run under a regular system: with its ticks, and what it keeps of the past, it may never repeat itself.
const LABELS: u64 = 1 << 24;

/// What came of one policy.
struct Row {
    policy: AnyPolicy,
    /// What the run says, or why the tasks cannot be scheduled so.
    outcome: Result<Outcome, String>,
}

struct Outcome {
    analysis: &'static str,
    summary: Summary,
}

impl Outcome {
    fn jobs(&self) -> u64 {
        self.summary.contexts.iter().map(|context| context.jobs).sum()
    }

    fn missed(&self) -> u64 {
        self.summary.contexts.iter().map(|context| context.missed).sum()
    }

    fn tardiness(&self) -> Nanos {
        Nanos(self.summary.contexts.iter().map(|context| context.tardiness_ns).max().unwrap_or(0))
    }

    fn worst(&self) -> Option<Nanos> {
        self.summary.contexts.iter().filter_map(|context| context.response_ns).map(|of| Nanos(of.max)).max()
    }
}

/// Runs it. Every row is the same scenario with the same seed: the n-th job of a task takes as long under each policy.
///
/// # Errors
/// If the scenario or the profile is wrong, a run gets nowhere, or somebody interrupts. That some policy misses deadlines is a result.
pub fn run(request: &Request<'_>, format: Format) -> Result<Exit, Failure> {
    let loaded = load(request.scenario)?;
    let system = &loaded.scenario.system;
    let profile = super::check::profile(request.kernel)?;
    let mut rows = Vec::new();
    for policy in AnyPolicy::all() {
        let outcome = match policy.assign(system) {
            Ok(assigned) => {
                let request = Request { policy, ..request.clone() };
                let summary = match policy {
                    AnyPolicy::Ideal(_) => Some(counted(system, &profile, &request)?),
                    AnyPolicy::Regular(_) => counted_within(system, &profile, &request, LABELS)?,
                };
                let outcome = summary.map(|summary| Outcome { analysis: analysis(policy, &assigned), summary });
                outcome.ok_or_else(|| {
                    format!("not run to its end, for it has more than {LABELS} labels; a shorter time (--for) fits")
                })
            }
            // Without a budget there is nothing to compare in how budgets are served.
            Err(NotSchedulable::Assign(CannotAssign::NoBudget)) => continue,
            Err(why) => Err(why.to_string()),
        };
        rows.push(Row { policy, outcome });
    }
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "kernel": profile.name,
            "seed": request.seed,
            "horizon_ns": request.horizon,
            "policies": rows.iter().map(json_of).collect::<Vec<_>>(),
        })),
        Format::Text => print(system, &profile, request, &rows),
    }
    Ok(Exit::AsExpected)
}

/// What the analysis says; nothing of a regular system.
fn analysis(policy: AnyPolicy, assigned: &System) -> &'static str {
    match policy {
        AnyPolicy::Ideal(_) => analyse(assigned).map_or("-", |analysis| verdict(&analysis)),
        AnyPolicy::Regular(_) => "-",
    }
}

fn verdict(analysis: &Analysis) -> &'static str {
    if analysis.tasks.is_empty() {
        "-"
    } else if analysis.verdicts().any(|verdict| matches!(verdict, AnalysisVerdict::Unschedulable { .. })) {
        "unschedulable"
    } else if analysis.verdicts().all(|verdict| *verdict == AnalysisVerdict::Bound) {
        "bound"
    } else {
        "unknown"
    }
}

fn json_of(row: &Row) -> Value {
    match &row.outcome {
        Ok(outcome) => json!({
            "policy": row.policy.name(),
            "analysis": outcome.analysis,
            "jobs": outcome.jobs(),
            "missed": outcome.missed(),
            "tardiness_ns": outcome.tardiness(),
            "worst_response_ns": outcome.worst(),
            "switches": outcome.summary.switches,
            "preemptions": outcome.summary.preemptions,
            "contexts": outcome.summary.contexts,
        }),
        Err(why) => json!({ "policy": row.policy.name(), "impossible": why }),
    }
}

fn print(system: &System, profile: &Profile, request: &Request<'_>, rows: &[Row]) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!(
        "{} simulated under {} by each policy, seed {}; one run each, no proof\n",
        request.horizon, profile.name, request.seed
    ));
    line(format_args!(
        "{:<10} {:<14} {:>9} {:>8} {:>12} {:>14} {:>10} {:>12}",
        "policy", "analysis", "jobs", "missed", "tardiness", "worst response", "switches", "preemptions"
    ));
    for row in rows {
        match &row.outcome {
            Ok(outcome) => line(format_args!(
                "{:<10} {:<14} {:>9} {:>8} {:>12} {:>14} {:>10} {:>12}",
                row.policy,
                outcome.analysis,
                outcome.jobs(),
                outcome.missed(),
                outcome.tardiness(),
                outcome.worst().map_or("-".into(), |worst| worst.to_string()),
                outcome.summary.switches,
                outcome.summary.preemptions
            )),
            Err(why) => line(format_args!("{:<10} {why}", row.policy)),
        }
    }
    let runs: Vec<(AnyPolicy, &Summary)> =
        rows.iter().filter_map(|row| Some((row.policy, &row.outcome.as_ref().ok()?.summary))).collect();
    let Some((_, first)) = runs.first() else { return };
    if first.contexts.is_empty() {
        return;
    }
    let widths = || first.contexts.iter().map(|context| context.name.chars().count().max(9) + 1);
    let names: String =
        first.contexts.iter().zip(widths()).map(|(context, width)| format!(" {:>width$}", context.name)).collect();
    line(format_args!("\nworst response of each\n{:<10}{names}", ""));
    for (policy, summary) in &runs {
        let worst = |context: &ContextSummary| {
            let late = if context.missed > 0 { "!" } else { "" };
            context.response_ns.map_or(format!("-{late}"), |of| format!("{}{late}", Nanos(of.max)))
        };
        let cells =
            summary.contexts.iter().zip(widths()).map(|(context, width)| format!(" {:>width$}", worst(context)));
        line(format_args!("{policy:<10}{}", cells.collect::<String>()));
    }
    if runs.iter().any(|(_, summary)| summary.contexts.iter().any(|context| context.missed > 0)) {
        line(format_args!("!: a deadline was missed"));
    }
}
