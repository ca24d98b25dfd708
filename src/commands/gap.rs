//! `lacuna gap`: first what got out, then what could not be tested, then the table, then requested against effective.

use std::sync::atomic::AtomicBool;

use lacuna_hosted::probe::Row as ProbeRow;
use lacuna_model::evidence::{AnalysisVerdict, HostOutcome, SimVerdict};
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::system::System;
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use crate::accepted::Accepted;
use crate::cases::{self, Answer, Case, Notation};
use crate::cli::{AttackOptions, Form};
use crate::exit::{Exit, Failure};
use crate::gap::{Agreement, BoundRow, Gap, Row, counts, gather};
use crate::host;
use crate::load::load;
use crate::print::{document, line};
use crate::results::Results;
use crate::signals;

/// Runs it.
///
/// # Errors
/// If the scenario is wrong, or the host cannot.
pub fn run(
    scenario: &str,
    with: &[String],
    options: &AttackOptions,
    interrupt: &AtomicBool,
    form: Form,
) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let accepted = Accepted::of(&options.accept)?;
    let others = with.iter().map(|file| other(file, system)).collect::<Result<Vec<_>, _>>()?;
    let gap = gather(system, options.host.setup, accepted, interrupt)?;
    match form {
        Form::Junit => cases::print(Notation::Junit, scenario, &cases_of(system, &gap))?,
        Form::Sarif => cases::print(Notation::Sarif, scenario, &cases_of(system, &gap))?,
        Form::Json => document(json_of(system, &gap, &others)),
        Form::Text => {
            print(system, &gap);
            print_others(&gap, &others);
        }
    }
    Ok(gap.exit)
}

/// What decides the exit status, each a case: the model's verdicts, attacks, signals, and deadlines on paper and as simulated.
fn cases_of(system: &System, gap: &Gap) -> Vec<Case> {
    let model = gap.judged.iter().flat_map(|judged| judged.cases(system));
    let probes = gap.probes.iter().map(|row| Case::of_probe(row, &gap.accepted));
    let signals = gap.signals.iter().map(|row| Case {
        suite: "host: signals".into(),
        name: format!("{} as {}", row.buffer, row.signal),
        guarantee: GuaranteeId::G16,
        answer: Answer::of(row.outcome()),
        outcome: row.outcome().name(),
        message: format!("the model: {}", signals::describe(&row.model)),
        detail: row.host.as_ref().err().cloned().unwrap_or_default(),
    });
    let tasks = gap.analysed.iter().flat_map(|analysis| &analysis.tasks).map(|row| {
        let (answer, outcome) = match &row.verdict {
            AnalysisVerdict::Bound => (Answer::Passed, "bound"),
            AnalysisVerdict::Unschedulable { .. } => (Answer::Failed, "unschedulable"),
            // The search in time decides it.
            AnalysisVerdict::Unknown { .. } if gap.searched_in_time() => (Answer::Skipped, "unknown"),
            AnalysisVerdict::Unknown { .. } => (Answer::Undecided, "unknown"),
        };
        deadline_case("on paper", &row.task.name, (answer, outcome), super::analyse::says(&row.verdict))
    });
    let simulated = gap.run.summary.contexts.iter().map(|context| {
        let (answer, outcome, message) = match &context.verdict {
            SimVerdict::Held => (Answer::Passed, "held", "in this run; it proves nothing".into()),
            SimVerdict::Missed { job, released_ns } => {
                (Answer::Failed, "missed", format!("job {job}, released at {}", Nanos(*released_ns)))
            }
            SimVerdict::Vacuous => (Answer::Skipped, "vacuous", "no job ended".into()),
        };
        deadline_case("simulated", &context.name, (answer, outcome), message)
    });
    model.chain(probes).chain(signals).chain(tasks).chain(simulated).collect()
}

fn deadline_case(how: &str, task: &str, (answer, outcome): (Answer, &'static str), message: String) -> Case {
    Case {
        suite: format!("deadlines: {how}"),
        name: task.into(),
        guarantee: GuaranteeId::G18,
        answer,
        outcome,
        message,
        detail: String::new(),
    }
}

/// What another host answered, if it was asked the same.
fn other(file: &str, system: &System) -> Result<Results, Failure> {
    let other = Results::read(file)?;
    match &other.scenario {
        Some(name) if *name != system.name => Err(Failure::input(format!(
            "`{file}` is of `{name}`, and this is `{}`: under another policy nothing is comparable; there, `lacuna run {} --format json` is asked the same",
            system.name, system.name
        ))),
        _ => Ok(other),
    }
}

/// What a host measured of a guarantee, as in the table.
fn measured_by(other: &Results, id: &str) -> Option<String> {
    if let Some([measured, _]) = other.guarantees.get(id) {
        return Some(measured.clone());
    }
    let attacked = other.probes.iter().filter(|probe| probe.guarantee == id);
    let attacked: Vec<_> = attacked.map(|probe| (probe.id.as_str(), probe.outcome)).collect();
    crate::gap::measured(&attacked).map(|outcome| outcome.name().into())
}

/// Guarantees, and the probes that do not come to the same everywhere, a column a host.
fn print_others(gap: &Gap, others: &[Results]) {
    if others.is_empty() {
        return;
    }
    let cells = |first: &str, rest: Vec<Option<String>>| {
        let rest = rest.into_iter().map(|cell| format!("{:<23}", cell.unwrap_or("-".into())));
        format!("{first:<23}{}", rest.collect::<String>())
    };
    let hosts = (1..=others.len()).map(|number| Some(format!("[{number}]"))).collect();
    line(format_args!("\n{:<28}{}", "ON OTHER HOSTS", cells("this host", hosts).trim_end()));
    for row in &gap.rows {
        let rest = others.iter().map(|other| measured_by(other, row.id.name())).collect();
        let name = format!("{:<4}{}", row.id, row.id.short());
        line(format_args!("{name:<28}{}", cells(&row.measured, rest).trim_end()));
    }
    for row in &gap.probes {
        let rest: Vec<_> =
            others.iter().map(|other| other.probe(row.id).map(|probe| probe.outcome.name().to_owned())).collect();
        if rest.iter().flatten().any(|outcome| outcome != row.outcome.name()) {
            line(format_args!("  {:<26}{}", row.id, cells(row.outcome.name(), rest).trim_end()));
        }
    }
    for (number, other) in (1..).zip(others) {
        line(format_args!("[{number}] {}   {}", other.host, other.file));
    }
}

fn json_of(system: &System, gap: &Gap, others: &[Results]) -> Value {
    let rows: Vec<Value> = gap
        .rows
        .iter()
        .map(|row| {
            let [ideal, host, plan] = &row.model;
            json!({
                "id": row.id,
                "guarantee": row.id.short(),
                "ideal": ideal,
                "linux": host,
                "plan": plan,
                "sim": row.sim,
                "measured": row.measured,
                "with": others.iter().map(|other| measured_by(other, row.id.name())).collect::<Vec<_>>(),
                "open": row.open,
                "agree": row.agree.name(),
                "note": match &row.agree { Agreement::No(note) => Some(note), _ => None },
                "bound": row.bounds.first().map(json_of_bound),
                "bounds": row.bounds.iter().map(json_of_bound).collect::<Vec<_>>(),
            })
        })
        .collect();
    let states = |index: usize| {
        let judged = &gap.judged[index];
        json!({
            "kernel": judged.profile,
            "states": judged.report.states,
            "complete": judged.report.is_complete(),
        })
    };
    json!({
        "scenario": system.name,
        "host": gap.facts,
        "setup": gap.plan.set_up(),
        "steps": gap.plan.steps().iter().map(|step| step.primitive).collect::<Vec<_>>(),
        "unmet": gap.plan.unmet(),
        "effective": gap.plan.effective(),
        "model": { "ideal": states(0), "linux": states(1), "plan": states(2) },
        "analysed": match &gap.analysed {
            Ok(analysis) => json!({ "contexts": analysis.tasks.iter().map(super::analyse::json_of).collect::<Vec<_>>() }),
            Err(why) => json!({ "unknown": why.to_string() }),
        },
        "simulated": gap.run.summary,
        "rows": rows,
        "with": others.iter().map(|other| json!({
            "file": other.file,
            "host": other.host,
            "probes": other.probes.iter().map(|probe| (probe.id.clone(), probe.outcome.name().into())).collect::<serde_json::Map<_, Value>>(),
        })).collect::<Vec<_>>(),
        "probes": gap.probes,
        "accepted": gap.accepted.names().collect::<Vec<_>>(),
        "signals": gap.signals.iter().map(|row| json!({
            "buffer": row.buffer,
            "signal": row.signal,
            "model": row.model,
            "outcome": row.outcome().name(),
            "host": row.host.as_ref().ok(),
            "why": row.host.as_ref().err(),
        })).collect::<Vec<_>>(),
        "as_expected": gap.exit == Exit::AsExpected,
    })
}

fn json_of_bound(bound: &BoundRow) -> Value {
    json!({
        "what": bound.what,
        "bound_ns": bound.bound,
        "sim_max_ns": bound.sim,
        "measured_max_ns": bound.measured.map(|(longest, _)| longest),
        "n": bound.measured.map(|(_, n)| n),
    })
}

fn print(system: &System, gap: &Gap) {
    line(format_args!("{}   {}", system.name, system.about));
    line(format_args!("host     {}", host::describe(&gap.facts)));
    let count = |outcome: HostOutcome| counts(&gap.probes).get(outcome.name()).copied().unwrap_or(0);
    line(format_args!("plan     {:<60} lacuna plan {}", super::plan::summary(&gap.plan), system.name));
    line(format_args!(
        "attacks  {} probes: {} enforced, {} got out, {} could not be tested",
        gap.probes.len(),
        count(HostOutcome::Enforced),
        gap.probes.iter().filter(|row| row.outcome.got_out()).count(),
        gap.probes.len() - count(HostOutcome::Enforced) - gap.probes.iter().filter(|row| row.outcome.got_out()).count()
    ));
    print_probes(&gap.probes, &gap.accepted);

    line(format_args!("\n{:26} {:-^40}   {:-^29}", "", " model ", " this host "));
    line(format_args!("{:26} {:<14}{:<14}{:<14}{:<10}{:<26}agree", "", "ideal", "linux", "plan", "sim", "measured"));
    let mut notes = Vec::new();
    for row in &gap.rows {
        print_row(row, &mut notes);
    }
    for (number, note) in (1..).zip(&notes) {
        line(format_args!("[{number}] {note}"));
    }
    print_signals(&gap.signals);
    let judged = &gap.judged;
    line(format_args!(
        "\nmodel: {}, {} and {} states; a simulated run of {} with seed 0 proves nothing; `lacuna check {}` tells the stories",
        judged[0].report.states,
        judged[1].report.states,
        judged[2].report.states,
        Nanos(gap.run.summary.horizon_ns),
        system.name
    ));
    if !gap.plan.unmet().is_empty() {
        line(format_args!("\nREQUESTED AND NOT EFFECTIVE ({})", gap.plan.unmet().len()));
        for unmet in gap.plan.unmet() {
            line(format_args!("  {:<4}{:<12}{}", unmet.guarantee, unmet.part, unmet.why));
            line(format_args!("  {:16}{}", "", unmet.remedy));
        }
    }
}

/// What got out and what could not be tested.
fn print_probes(probes: &[ProbeRow], accepted: &Accepted) {
    let out = probes.iter().filter(|row| row.outcome.got_out());
    let (failing, known): (Vec<&ProbeRow>, Vec<&ProbeRow>) = out.partition(|row| accepted.fails(row));
    for (heading, rows) in [("GOT OUT", failing), ("GOT OUT, AND ACCEPTED", known)] {
        if !rows.is_empty() {
            line(format_args!("\n{heading} ({})", rows.len()));
        }
        for row in rows {
            line(format_args!("  {:<28}{}: {} (control: {})", row.id, row.outcome.name(), row.evidence, row.control));
            line(format_args!("  {:<28}again: {}   fix: {}", "", row.again, row.fix.unwrap_or("none is known")));
        }
    }
    let untested: Vec<&ProbeRow> =
        probes.iter().filter(|row| !row.outcome.got_out() && row.outcome != HostOutcome::Enforced).collect();
    if !untested.is_empty() {
        line(format_args!("\nCOULD NOT TEST ({})", untested.len()));
    }
    for row in untested {
        line(format_args!("  {:<28}{}: {} (control: {})", row.id, row.outcome.name(), row.evidence, row.control));
    }
}

/// Bursts of signals, sent before their receiver is dispatched again.
fn print_signals(rows: &[signals::Row]) {
    if !rows.is_empty() {
        line(format_args!("\nsent before a dispatch of the receiver"));
    }
    for row in rows {
        let host = match &row.host {
            Err(why) => why.clone(),
            Ok(seen) => {
                let same = format!("so in {} of {}", seen.as_expected, seen.n);
                let other = seen.otherwise.map(|burst| format!("; once {}", signals::describe(&burst)));
                let control = match seen.controls {
                    all if all == seen.n => String::new(),
                    some => format!("; the control succeeded in {some} of {}", seen.n),
                };
                let order = match seen.out_of_order {
                    0 => String::new(),
                    times => format!("; out of order {times} times"),
                };
                let dead = seen.until_dead.map(|times| format!("; dead after {} at most", round(Nanos(times.max_ns))));
                format!("{same}{}{control}{order}{}", other.unwrap_or_default(), dead.unwrap_or_default())
            }
        };
        let model = signals::describe(&row.model);
        line(format_args!("  {:<12}{:<10}model: {model:<34}{}: {host}", row.buffer, row.signal, row.outcome().name()));
    }
}

fn print_row(row: &Row, notes: &mut Vec<String>) {
    let [ideal, linux, plan] = &row.model;
    let mut agree = row.agree.name().to_owned();
    if let Agreement::No(note) = &row.agree {
        notes.push(note.clone());
        agree = format!("{agree}  [{}]", notes.len());
    }
    let measured = match row.open {
        0 => row.measured.clone(),
        open => format!("{}, {open} open", row.measured),
    };
    line(format_args!(
        "{:<4}{:<22} {ideal:<14}{linux:<14}{plan:<14}{:<10}{measured:<26}{agree}",
        row.id,
        row.id.short(),
        row.sim,
    ));
    for BoundRow { what, bound, sim, measured } in &row.bounds {
        let show = |time: &Option<Nanos>| time.map_or("none".into(), round);
        let (host, n) = measured
            .map_or(("-".into(), String::new()), |(longest, n)| (format!("max {}", round(longest)), format!("n={n}")));
        line(format_args!(
            "{:4}{what:<22} {:<14}{:<14}{:<14}{:<10}{host:<26}{n}",
            "",
            show(bound),
            "",
            show(bound),
            sim.map_or("-".into(), round)
        ));
    }
}

/// Three digits are enough for a table; the JSON has them all.
fn round(time: Nanos) -> String {
    let ns = time.0;
    let (unit, scale) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => ("us", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let tenths = ns / (scale / 10);
    if tenths >= 100 || tenths.is_multiple_of(10) {
        format!("{} {unit}", ns.div_ceil(scale))
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}
