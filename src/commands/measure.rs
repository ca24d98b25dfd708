//! `lacuna measure`: the meters of this host, each with its control, as a table and as pictures.

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lacuna_hosted::measure::spawn_leak::{Effort, Script};
use lacuna_hosted::measure::stats::{Durations, Proportion};
use lacuna_hosted::measure::tree::Tree;
use lacuna_hosted::measure::{MeasureError, kernel_time, kill, launch, spawn_leak, wake_up};
use lacuna_hosted::{Facts, SetUp};
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use crate::cli::{Format, MeasureOptions};
use crate::exit::{Exit, Failure};
use crate::host;
use crate::load::load;
use crate::print::{document, line, progress};

/// The meters, by name.
const METERS: [&str; 5] = ["wake-up", "spawn", "leak", "kill", "kernel"];
/// Lanes of forkers that have left their session and fork on for ever.
const LANES: u32 = 4;

/// One way that was measured, or why it could not be.
struct Row {
    meter: &'static str,
    way: String,
    /// Is it what the others are compared with?
    control: bool,
    seen: Result<Seen, String>,
}

/// What was seen of it.
enum Seen {
    /// How long.
    Times(Vec<u64>),
    /// How often, with what is counted, and how long the others took, in words.
    Count { what: &'static str, count: Proportion, times: Option<Durations>, more: Option<Durations> },
}

/// Runs the meters named, or all; or a scenario's tasks.
///
/// # Errors
/// If a name is wrong, the host cannot, or somebody interrupts.
pub fn run(options: &MeasureOptions, interrupt: &AtomicBool, format: Format) -> Result<Exit, Failure> {
    if let (Some(scenario), Some(bounds)) = (&options.tasks, &options.bounds) {
        return super::realtime::run(scenario, bounds, options, interrupt, format);
    }
    if let Some(wrong) = options.meters.iter().find(|name| !METERS.contains(&name.as_str())) {
        return Err(Failure::input(format!("there is no meter `{wrong}`: there are {}", METERS.join(", "))));
    }
    let facts = host::facts()?;
    let mut rows = Vec::new();
    let mut bounds = None;
    for meter in METERS.into_iter().filter(|name| options.meters.is_empty() || options.meters.iter().any(|m| m == name))
    {
        if interrupt.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
        progress(format_args!("measuring: {meter}"));
        match meter {
            "wake-up" => rows.extend(wake_ups(options.times.unwrap_or(1_000))?),
            "spawn" => rows.extend(spawns(options.times.unwrap_or(50), &facts)?),
            "leak" => rows.extend(leaks(options.times.unwrap_or(1_000).into(), interrupt)?),
            "kill" => rows.extend(kills(options.times.unwrap_or(10), interrupt)?),
            _ => match kernel_time::measure(Duration::from_millis(options.times.unwrap_or(2_000).into())) {
                Ok(seen) => {
                    bounds = Some(seen.bounds());
                    rows.extend(kernel(seen));
                }
                Err(error) => rows.push(unavailable("kernel", "SCHED_FIFO", error)?),
            },
        }
    }
    progress(format_args!(""));
    if let Some(directory) = &options.svg {
        draw(directory, &rows)?;
    }
    match format {
        Format::Json => document(json!({
            "host": facts,
            "meters": rows.iter().map(json_of).collect::<Vec<_>>(),
            "kernel_bounds": bounds,
        })),
        Format::Text => {
            line(format_args!("host     {}\n", host::describe(&facts)));
            line(format_args!("{:<10}{:<36}{:>8}{:>12}{:>12}{:>12}", "meter", "", "n", "median", "p99", "max"));
            rows.iter().for_each(print);
            if let Some(bounds) = bounds {
                line(format_args!(
                    "\nbounds for an analysis, half above: wake_up {}, context_switch {}, interrupt {} every {} at most",
                    Nanos(bounds.wake_up_ns),
                    Nanos(bounds.context_switch_ns),
                    Nanos(bounds.interrupt_ns),
                    Nanos(bounds.interrupt_every_ns)
                ));
            }
        }
    }
    Ok(Exit::AsExpected)
}

fn times(meter: &'static str, way: impl Display, control: bool, times: Vec<u64>) -> Row {
    Row { meter, way: way.to_string(), control, seen: Ok(Seen::Times(times)) }
}

/// A way that this host or user lacks is a row; what has no reason to fail ends the command.
fn unavailable(meter: &'static str, way: impl Display, error: MeasureError) -> Result<Row, Failure> {
    match error {
        MeasureError::Interrupted => Err(Failure::interrupted()),
        MeasureError::Unavailable { .. } | MeasureError::Timeout { .. } => {
            Ok(Row { meter, way: way.to_string(), control: false, seen: Err(error.to_string()) })
        }
        other => Err(Failure::host(other)),
    }
}

fn wake_ups(n: u32) -> Result<Vec<Row>, Failure> {
    let seen = wake_up::measure(n, Duration::from_millis(1)).map_err(Failure::host)?;
    let urgent = Row { meter: "wake-up", way: "SCHED_FIFO".into(), control: false, seen: seen.urgent.map(Seen::Times) };
    Ok(vec![times("wake-up", "ordinary priority", true, seen.ordinary), urgent])
}

fn spawns(n: u32, facts: &Facts) -> Result<Vec<Row>, Failure> {
    let loaded = load("ci-job")?;
    let policy = host::policy(&loaded.scenario.system, &[]);
    let plans = [SetUp::Minimal, SetUp::Tight].map(|set_up| (set_up, set_up.plan(&policy, facts)));
    let (can, cannot): (Vec<_>, Vec<_>) = plans.into_iter().partition(|(_, plan)| plan.is_ok());
    let can: Vec<_> = can.into_iter().filter_map(|(set_up, plan)| Some((set_up, plan.ok()?))).collect();
    let plans: Vec<_> = can.iter().map(|(_, plan)| plan).collect();
    let all = launch::in_turn(&plans, n).map_err(Failure::host)?;
    let mut all = all.ok_or_else(|| Failure::host("there is no `true` to start"))?.into_iter();
    let mut rows = vec![times("spawn", "fork and exec", true, all.next().unwrap_or_default())];
    let name = |set_up: SetUp| json!(set_up).as_str().unwrap_or_default().to_owned();
    rows.extend(can.iter().zip(all).map(|((set_up, _), seen)| times("spawn", name(*set_up), false, seen)));
    rows.extend(cannot.into_iter().filter_map(|(set_up, plan)| {
        let why = plan.err()?.to_string();
        Some(Row { meter: "spawn", way: name(set_up), control: false, seen: Err(why) })
    }));
    Ok(rows)
}

fn leaks(spawns: u64, interrupt: &AtomicBool) -> Result<Vec<Row>, Failure> {
    let effort = Effort { spawns, limit: Duration::from_secs(10), ..Effort::default() };
    let row = |mode: spawn_leak::Mode| match spawn_leak::measure_unless(&Script::default(), mode, effort, interrupt) {
        Ok(seen) => Ok(Row {
            meter: "leak",
            way: mode.name().into(),
            control: mode == spawn_leak::Mode::ALL[0],
            seen: Ok(Seen::Count { what: "leaked", count: seen.leaks, times: seen.spawn, more: None }),
        }),
        Err(error) => unavailable("leak", mode.name(), error),
    };
    spawn_leak::Mode::ALL.into_iter().map(row).collect()
}

fn kills(runs: u32, interrupt: &AtomicBool) -> Result<Vec<Row>, Failure> {
    let tree = Tree::relays(LANES);
    let row = |mode: kill::Mode| match kill::measure_unless(&tree, mode, runs, interrupt) {
        Ok(seen) => Ok(Row {
            meter: "kill",
            way: mode.name().into(),
            control: mode == kill::Mode::ALL[0],
            seen: Ok(Seen::Count {
                what: "survived",
                count: seen.survived,
                times: seen.last_death,
                more: seen.last_reap,
            }),
        }),
        Err(error) => unavailable("kill", mode.name(), error),
    };
    kill::Mode::ALL.into_iter().map(row).collect()
}

fn kernel(seen: kernel_time::Seen) -> [Row; 4] {
    let interrupts = seen.interrupts.iter().map(|(_, ns)| *ns).collect();
    [
        times("kernel", "wake_up, ordinary priority", true, seen.ordinary),
        times("kernel", "wake_up", false, seen.wake_up),
        times("kernel", "context_switch", false, seen.context_switch),
        times("kernel", "interrupt", false, interrupts),
    ]
}

fn json_of(row: &Row) -> Value {
    let mut value = match &row.seen {
        Err(why) => json!({ "unavailable": why }),
        Ok(Seen::Times(times)) => json!({ "times": Durations::of(times.clone()) }),
        Ok(Seen::Count { what, count, times, more }) => {
            let times_name = if row.meter == "kill" { "last_death" } else { "times" };
            let mut value = json!({ "counted": what, "n": count.n, "hits": count.hits, (times_name): times });
            if row.meter == "kill" {
                value["last_reap"] = json!(more);
            }
            value
        }
    };
    value["meter"] = row.meter.into();
    value["way"] = row.way.clone().into();
    value["control"] = row.control.into();
    value
}

fn print(row: &Row) {
    let way = if row.control { format!("{} (control)", row.way) } else { row.way.clone() };
    let print_times = |meter: &str, way: &str, times: Option<Durations>| match times {
        Some(of) => line(format_args!(
            "{meter:<10}{way:<36}{:>8}{:>12}{:>12}{:>12}",
            of.n,
            round(of.p50_ns),
            round(of.p99_ns),
            round(of.max_ns)
        )),
        None => line(format_args!("{meter:<10}{way:<36}{:>8}", 0)),
    };
    match &row.seen {
        Err(why) => line(format_args!("{:<10}{way:<36}{why}", row.meter)),
        Ok(Seen::Times(times)) => print_times(row.meter, &way, Durations::of(times.clone())),
        Ok(Seen::Count { what, count, times, more }) => {
            line(format_args!("{:<10}{way:<36}{what} {count}", row.meter));
            let names = if row.meter == "kill" { ["to last death", "to last reap"] } else { ["until it runs", ""] };
            for (name, times) in names.into_iter().zip([times, more]).filter(|(_, times)| times.is_some()) {
                print_times("", &format!("  {name}"), *times);
            }
        }
    }
}

/// A time in the unit that leaves it three digits or so.
pub fn round(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..10_000 => format!("{}.{:02} us", ns / 1_000, ns % 1_000 / 10),
        10_000..10_000_000 => format!("{} us", ns / 1_000),
        _ => format!("{} ms", ns / 1_000_000),
    }
}

/// A picture for each meter that has times.
fn draw(directory: &Path, rows: &[Row]) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::input(format!("cannot write to `{}`: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(cannot)?;
    for meter in METERS {
        let series: Vec<(String, Vec<u64>)> = rows
            .iter()
            .filter(|row| row.meter == meter)
            .filter_map(|row| match &row.seen {
                Ok(Seen::Times(times)) if !times.is_empty() => Some((row.way.clone(), times.clone())),
                _ => None,
            })
            .collect();
        if !series.is_empty() {
            let svg = crate::histogram::draw(meter, &series).map_err(Failure::host)?;
            std::fs::write(directory.join(format!("{meter}.svg")), svg).map_err(cannot)?;
        }
    }
    Ok(())
}
