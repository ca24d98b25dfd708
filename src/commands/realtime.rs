//! `lacuna measure --tasks`: a task set as realtime threads of this host, its wake-ups and responses beside what the analysis allows them under
//! bounds of the kernel; and the kernel measured again, for a bound that is broken makes what rests on it worth nothing.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lacuna_hosted::measure::MeasureError;
use lacuna_hosted::measure::kernel_time::{self, Bounds};
use lacuna_hosted::measure::tasks::{self, Periodic};
use lacuna_model::analysis::kernel_time::{KernelTime, WithKernel, with_kernel};
use lacuna_model::analysis::response_time::{Bound, Demand, task_set};
use lacuna_model::analysis::schedulability::{Discipline, discipline};
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use super::measure::round;
use crate::cli::{Format, MeasureOptions};
use crate::exit::{Exit, Failure};
use crate::host;
use crate::load::load;
use crate::print::{VERSION, document, line};

/// How long each operation of the kernel is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// A task's longest times, beside their bounds.
struct Row<'a> {
    task: &'a Demand,
    n: usize,
    wake_up: (u64, Bound),
    response: (u64, Bound),
}

/// Runs it: 0 if everything is within its bound, 1 if something is not, 4 if something has no bound.
///
/// # Errors
/// If the scenario or the bounds are wrong, the host cannot, or somebody interrupts.
pub fn run(
    scenario: &str,
    bounds: &str,
    options: &MeasureOptions,
    interrupt: &AtomicBool,
    format: Format,
) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    let set = task_set(system).and_then(|set| Ok((discipline(system, &set)?, set)));
    let (by, set) = set.map_err(|why| Failure::input(format!("`{}` cannot be analysed: {why}", system.name)))?;
    if set.is_empty() || by != Discipline::FixedPriority {
        return Err(Failure::input(format!("`{}` has no tasks under preemptive fixed priorities alone", system.name)));
    }
    if let Some(task) = set.iter().find(|task| task.jitter > Nanos(0) || task.blocking > Nanos(0)) {
        return Err(Failure::input(format!(
            "`{}` has jitter or inversion, which this host is not made to have",
            task.name
        )));
    }
    let bounds = overridden(read_bounds(bounds)?, &options.bound)?;
    let kernel = KernelTime {
        wake_up: Nanos(bounds.wake_up_ns),
        context_switch: Nanos(bounds.context_switch_ns),
        interrupt: Nanos(bounds.interrupt_ns),
        interrupt_every: Nanos(bounds.interrupt_every_ns),
    };
    let periodic: Vec<Periodic> = set.iter().map(periodic).collect();
    let cannot = |error| match error {
        MeasureError::Interrupted => Failure::interrupted(),
        error => Failure::host(error),
    };
    let jobs = tasks::run(&periodic, Duration::from_nanos(options.length.0), interrupt).map_err(cannot)?;
    let again = kernel_time::measure(AGAIN).map_err(cannot)?;
    let broken = again.broken(&bounds);

    let longest = |times: &[u64]| times.iter().copied().max().unwrap_or(0);
    let rows: Vec<Row<'_>> = set
        .iter()
        .enumerate()
        .zip(&jobs)
        .map(|((index, task), jobs)| {
            let WithKernel { wake_up, response } = with_kernel(&set, index, &kernel);
            let n = jobs.response.len();
            Row { task, n, wake_up: (longest(&jobs.wake_up), wake_up), response: (longest(&jobs.response), response) }
        })
        .collect();
    let exit = rows.iter().flat_map(|row| [row.wake_up, row.response]).map(|(seen, bound)| match bound {
        Bound::Finite(bound) if seen <= bound.0 => Exit::AsExpected,
        Bound::Finite(_) => Exit::NotAsExpected,
        Bound::Unbounded | Bound::Unknown(_) => Exit::Unknown,
    });
    let exit = exit.fold(if broken.is_empty() { Exit::AsExpected } else { Exit::NotAsExpected }, Exit::and);
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "host": host::facts()?,
            "kernel_bounds": bounds,
            "tasks": rows.iter().map(json_of).collect::<Vec<_>>(),
            "broken": broken.iter().map(|(name, bound, seen)| json!({ "bound": name, "bound_ns": bound, "seen_ns": seen })).collect::<Vec<_>>(),
            "as_expected": exit == Exit::AsExpected,
        })),
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            line(format_args!("host     {}", host::describe(&host::facts()?)));
            line(format_args!(
                "kernel   wake_up {}, context_switch {}, interrupt {} every {} at most\n",
                round(bounds.wake_up_ns),
                round(bounds.context_switch_ns),
                round(bounds.interrupt_ns),
                round(bounds.interrupt_every_ns)
            ));
            line(format_args!("{:<14}{:>6}   {:-^34}   {:-^34}", "", "", " wake-up ", " response "));
            line(format_args!(
                "{:<14}{:>6}   {:>10}{:>12}{:>12}   {:>10}{:>12}{:>12}",
                "task", "n", "max", "bound", "left", "max", "bound", "left"
            ));
            rows.iter().for_each(print);
            for (name, bound, seen) in &broken {
                line(format_args!("BROKEN   {name}: {} was seen, and the bound is {}", round(*seen), round(*bound)));
            }
        }
    }
    Ok(exit)
}

fn periodic(task: &Demand) -> Periodic {
    Periodic {
        name: task.name.clone(),
        priority: task.priority,
        period_ns: task.period.0,
        offset_ns: task.offset.0,
        execution_ns: task.wcet.0,
    }
}

/// The bounds in a document of `measure kernel`.
fn read_bounds(file: &str) -> Result<Bounds, Failure> {
    let wrong = |why: String| Failure::input(format!("cannot use `{file}`: {why}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    if document.get("version").and_then(Value::as_u64) != Some(VERSION.into()) {
        return Err(wrong(format!("it is no document of version {VERSION}")));
    }
    let bounds = document.get("kernel_bounds").cloned().unwrap_or_default();
    serde_json::from_value(bounds).map_err(|error| {
        wrong(format!("it has no `kernel_bounds`, as `lacuna measure kernel --format json` prints them: {error}"))
    })
}

fn overridden(mut bounds: Bounds, by: &[(String, Nanos)]) -> Result<Bounds, Failure> {
    for (name, time) in by {
        *match name.as_str() {
            "wake_up" => &mut bounds.wake_up_ns,
            "context_switch" => &mut bounds.context_switch_ns,
            "interrupt" => &mut bounds.interrupt_ns,
            "interrupt_every" => &mut bounds.interrupt_every_ns,
            _ => {
                let known = "there are wake_up, context_switch, interrupt, interrupt_every";
                return Err(Failure::input(format!("there is no bound `{name}`: {known}")));
            }
        } = time.0;
    }
    Ok(bounds)
}

fn json_of(row: &Row<'_>) -> Value {
    let side = |(seen, bound): (u64, Bound)| match bound {
        Bound::Finite(bound) => json!({ "max": seen, "bound": bound, "within": seen <= bound.0 }),
        Bound::Unbounded | Bound::Unknown(_) => json!({ "max": seen, "bound": null, "within": null }),
    };
    json!({
        "name": row.task.name,
        "n": row.n,
        "wake_up_ns": side(row.wake_up),
        "response_ns": side(row.response),
        "deadline_ns": row.task.deadline,
    })
}

fn print(row: &Row<'_>) {
    let side = |(seen, bound): (u64, Bound)| {
        let (bound, left) = match bound {
            Bound::Finite(bound) if seen <= bound.0 => (round(bound.0), round(bound.0 - seen)),
            Bound::Finite(bound) => (round(bound.0), "BROKEN".into()),
            Bound::Unbounded | Bound::Unknown(_) => ("none".into(), "-".into()),
        };
        format!("{:>10}{bound:>12}{left:>12}", round(seen))
    };
    line(format_args!("{:<14}{:>6}   {}   {}", row.task.name, row.n, side(row.wake_up), side(row.response)));
}
