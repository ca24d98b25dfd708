//! `lacuna replay`: the traces by which the model of this host, unprotected, refutes guarantees, made into real calls and
//! run many times; beside each workaround.

use std::sync::atomic::{AtomicBool, Ordering};

use lacuna_check::Checked;
use lacuna_hosted::measure::MeasureError;
use lacuna_hosted::replay::{Calls, Detail, Measured, Mode, ReplayError, Script, Way};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::trace::Trace;
use serde_json::{Value, json};

use super::check::{judge, story};
use super::search::limits;
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::host;
use crate::load::load;
use crate::print::{document, line, progress};

/// One way of making the calls, and what came of it.
#[derive(Debug)]
enum Ran {
    Measured(Measured),
    NotTestableHere(String),
}

/// A guarantee that the model refutes, and its replay.
#[derive(Debug)]
struct Replayed {
    ids: Vec<GuaranteeId>,
    trace: Trace,
    violation: String,
    /// The calls, or why there are none.
    calls: Result<Script, String>,
    ran: Vec<(Mode, Ran)>,
}

impl Replayed {
    /// Was the violation seen the unprotected way, and prevented by some other? A way that is no job group's (a walk, a flag
    /// in the parent) may fail: that is its finding. What is shown as a warning prevents nothing, even where it was lucky.
    fn exit(&self) -> Exit {
        let seen = |ran: &Ran| matches!(ran, Ran::Measured(measured) if measured.violations.hits > 0);
        let prevented = |ran: &Ran| matches!(ran, Ran::Measured(measured) if measured.violations.hits == 0);
        match self.ran.split_first() {
            // Refuted, and without a call to show it by.
            None => Exit::Unknown,
            Some((unprotected, _)) if !seen(&unprotected.1) => Exit::Unknown,
            Some((_, ways)) if ways.iter().any(|(mode, ran)| mode.way() == Way::Workaround && prevented(ran)) => {
                Exit::AsExpected
            }
            Some(_) => Exit::NotAsExpected,
        }
    }
}

/// What was not explored to its end, and why: it refutes nothing, and must not read as nothing to replay.
fn undecided(guarantees: &[Checked]) -> Vec<(GuaranteeId, &str)> {
    let unknown = guarantees.iter().filter_map(|checked| match &checked.verdict {
        ModelVerdict::Unknown { limit } => Some((checked.id, limit.as_str())),
        _ => None,
    });
    unknown.collect()
}

/// How often, where nobody says: so that all of it is done in some twenty seconds, and what was not reproduced is below a
/// bound that says something. The help of `--times` says the same.
fn usual_times(calls: &Calls, way: Way) -> u32 {
    match (calls, way) {
        (Calls::Handles(_), _) => 4000,
        (Calls::Killed(_) | Calls::Multiplied { .. }, Way::Unprotected) => 10,
        (Calls::Killed(_), _) => 50,
        (Calls::Multiplied { .. }, _) => 400,
        (Calls::Named | Calls::Left | Calls::Grouped, Way::Unprotected) => 50,
        (Calls::Named | Calls::Left | Calls::Grouped, _) => 200,
    }
}

/// What is counted of such calls.
fn counted(calls: &Calls) -> &'static str {
    match calls {
        Calls::Handles(_) => "spawns",
        Calls::Killed(_) | Calls::Named => "kills",
        Calls::Multiplied { .. } => "bombs",
        Calls::Left => "jobs",
        Calls::Grouped => "processes",
    }
}

/// Runs it, so many times each way; without, as often as is usual for the kind of calls.
///
/// # Errors
/// If the scenario is wrong, or this host cannot be measured at all.
pub fn run(scenario: &str, times: Option<u32>, interrupt: &AtomicBool, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let facts = host::facts()?;
    let unprotected = host::unprotected(&host::policy(system, &[]), &facts)?;
    let mut ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    // The one statement about time that calls can show, where there is something that may be coupled.
    if system.tick.is_some() && !system.job_groups.is_empty() {
        ids.push(GuaranteeId::G22);
    }
    let judged = judge(system, unprotected, &ids, &limits(interrupt))?;

    if interrupt.load(Ordering::Relaxed) {
        return Err(Failure::interrupted());
    }

    let mut replays: Vec<Replayed> = Vec::new();
    let in_time = judged.timed.iter().flat_map(|timed| &timed.guarantees);
    let guarantees: Vec<Checked> = judged.report.guarantees.iter().chain(in_time).cloned().collect();
    for checked in &guarantees {
        let ModelVerdict::Refuted { trace, violation, .. } = &checked.verdict else { continue };
        let calls = Script::of(checked.id, trace).map_err(|error| error.to_string());
        // Two guarantees may be refuted by the same calls: they are run once.
        let same = |known: &&mut Replayed| matches!((&known.calls, &calls), (Ok(a), Ok(b)) if a.calls == b.calls);
        if let Some(known) = replays.iter_mut().find(same) {
            known.ids.push(checked.id);
            continue;
        }
        let (trace, violation) = (trace.clone(), violation.clone());
        replays.push(Replayed { ids: vec![checked.id], trace, violation, calls, ran: Vec::new() });
    }
    for replay in &mut replays {
        let Ok(script) = &replay.calls else { continue };
        for mode in script.modes() {
            if interrupt.load(Ordering::Relaxed) {
                return Err(Failure::interrupted());
            }
            let n = times.unwrap_or_else(|| usual_times(&script.calls, mode.way()));
            progress(format_args!("{} {}, {n} {}", replay.ids[0], mode.name(), counted(&script.calls)));
            let ran = match script.run(mode, n, interrupt) {
                Ok(measured) => Ran::Measured(measured),
                Err(ReplayError::Measure(error @ MeasureError::Unavailable { .. })) => {
                    Ran::NotTestableHere(error.to_string())
                }
                Err(ReplayError::Measure(MeasureError::Interrupted)) => return Err(Failure::interrupted()),
                Err(error) => return Err(Failure::host(error)),
            };
            replay.ran.push((mode, ran));
        }
    }
    progress(format_args!(""));
    let undecided = undecided(&guarantees);
    let searched = if undecided.is_empty() { Exit::AsExpected } else { Exit::Unknown };
    let exit = replays.iter().fold(searched, |exit, replay| exit.and(replay.exit()));
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "host": facts,
            "kernel": judged.profile,
            "undecided": undecided.iter().map(|(id, limit)| json!({ "id": id, "limit": limit })).collect::<Vec<Value>>(),
            "replays": replays.iter().map(json_of).collect::<Vec<Value>>(),
        })),
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            line(format_args!("host     {}", host::describe(&facts)));
            for (id, limit) in &undecided {
                line(format_args!("\n{id} unknown: {limit}; whether there is something to replay is not known"));
            }
            if replays.is_empty() && undecided.is_empty() {
                line(format_args!("\nnothing to replay: the model of this host, unprotected, refutes nothing here"));
            }
            replays.iter().for_each(print);
        }
    }
    Ok(exit)
}

fn json_of(replay: &Replayed) -> Value {
    let modes: Vec<Value> = replay
        .ran
        .iter()
        .map(|(mode, ran)| match ran {
            Ran::Measured(measured) => json!({
                "mode": mode.name(),
                "way": mode.way(),
                "warning": mode.warning(),
                "n": measured.violations.n,
                "violations": measured.violations.hits,
                "interval_95": measured.violations.wilson_95(),
                "detail": measured.detail,
            }),
            Ran::NotTestableHere(why) => {
                json!({ "mode": mode.name(), "way": mode.way(), "warning": mode.warning(), "not_testable_here": why })
            }
        })
        .collect();
    let mut value = json!({
        "guarantees": replay.ids,
        "violation": replay.violation,
        "trace": replay.trace.events,
        "modes": modes,
    });
    match &replay.calls {
        Ok(script) => {
            value["calls"] = json!(script.describe());
            value["counted"] = json!(counted(&script.calls));
            value["added"] = json!(script.added);
            value["left_out"] = json!(script.left_out);
        }
        Err(why) => value["not_replayable"] = json!(why),
    }
    value
}

fn print(replay: &Replayed) {
    let ids: Vec<&str> = replay.ids.iter().map(|id| id.name()).collect();
    line(format_args!("\n{} refuted by the model: {}", ids.join(" and "), replay.violation));
    story(&replay.trace, "  ");
    let script = match &replay.calls {
        Ok(script) => script,
        Err(why) => return line(format_args!("  not replayed: {why}")),
    };
    line(format_args!("  as calls"));
    script.describe().iter().for_each(|role| line(format_args!("    {role}")));
    script.added.iter().for_each(|what| line(format_args!("    added: {what}")));
    script.left_out.iter().for_each(|step| line(format_args!("    left out: {step}")));
    let counted = counted(&script.calls);
    line(format_args!("  seen, of so many {counted} each way (--times)"));
    let width = replay.ran.iter().map(|(mode, _)| mode.name().chars().count()).max().unwrap_or(0);
    for (mode, ran) in &replay.ran {
        let what = match mode.way() {
            Way::Unprotected => "  unprotected",
            Way::Workaround => "",
            Way::Warning => "  WARNING: no workaround",
        };
        let warning = mode.warning();
        let mode = mode.name();
        match ran {
            Ran::Measured(measured) => line(format_args!("  {mode:<width$}  {}{what}", measured.violations)),
            Ran::NotTestableHere(why) => line(format_args!("  {mode:<width$}  not testable here: {why}")),
        }
        if let Ran::Measured(measured) = ran {
            line(format_args!("  {:<width$}  {}", "", account(&measured.detail)));
        }
        if let Some(why) = warning {
            line(format_args!("  {:<width$}  {why}", ""));
        }
    }
}

/// What was counted in all, and whose word it is: none of those that are counted has a say in it.
fn account(detail: &Detail) -> String {
    match detail {
        Detail::Handles(seen) => format!("{} pipes too many in all, by /proc/PID/fd of each child", seen.pipes),
        Detail::Killed(seen) => {
            format!("{} survivors of {} members in all, by the kernel's {}", seen.survivors, seen.members, seen.judge)
        }
        Detail::Multiplied(seen) => {
            format!("at most {} at once where {} were allowed, by the kernel's {}", seen.peak, seen.limit, seen.judge)
        }
        Detail::Named(seen) => format!(
            "{} others killed in place of a worker, by the end that whoever started them waits for; a number is given again here after {} processes",
            seen.another_died, seen.numbers
        ),
        Detail::Left(seen) => {
            format!("{} files and {} segments left, by who looks for them afterwards", seen.files, seen.segments)
        }
        Detail::Grouped(seen) => format!("{} refused SCHED_FIFO, by the call's own word", seen.refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_ended_early_is_told_from_one_that_found_nothing() {
        let checked = |id, verdict| Checked { id, verdict };
        let early = ModelVerdict::Unknown { limit: "memory".into() };
        let found = [checked(GuaranteeId::G2, early), checked(GuaranteeId::G3, ModelVerdict::Vacuous)];
        assert_eq!(undecided(&found), [(GuaranteeId::G2, "memory")]);
        assert_eq!(undecided(&found[1..]), []);
    }
}
