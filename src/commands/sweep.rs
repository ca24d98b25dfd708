//! `lacuna sweep`: generated task sets, and what share of them passes which test.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use lacuna_model::sweep::Sweep;
use lacuna_sim::sweep::{Point, sweep};
use serde_json::json;

use super::simulate::write;
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load_sweep;
use crate::print::{document, line, progress};
use crate::ratios;

/// What `sweep` was asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a str,
    /// On how many threads; without, as many as there are processors.
    pub threads: Option<usize>,
    /// Where to write the counts.
    pub csv: Option<PathBuf>,
    /// Where to draw them.
    pub svg: Option<PathBuf>,
    /// Set by the interrupt.
    pub interrupt: &'a AtomicBool,
}

/// Runs it.
///
/// # Errors
/// If the file is wrong, another cannot be written, or somebody interrupts.
pub fn run(request: &Request<'_>, format: Format) -> Result<Exit, Failure> {
    let asked = load_sweep(request.file)?;
    let all = u64::from(asked.sets) * asked.utilisations.len() as u64;
    let threads = request.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let tell = |done| progress(format_args!("{done} of {all} sets"));
    let points = sweep(&asked, threads, request.interrupt, tell).ok_or_else(Failure::interrupted)?;
    progress(format_args!(""));
    if let Some(path) = &request.csv {
        write(path, |file| csv(&asked, &points, file))?;
    }
    if let Some(path) = &request.svg {
        let picture = ratios::draw(&asked, &points).map_err(Failure::host)?;
        write(path, |file| file.write_all(picture.as_bytes()))?;
    }
    match format {
        Format::Json => document(json!({
            "sweep": asked.name,
            "seed": asked.seed,
            "tasks": asked.tasks,
            "sets": asked.sets,
            "tests": asked.tests.iter().map(|test| test.name()).collect::<Vec<_>>(),
            "points": points,
        })),
        Format::Text => print(&asked, &points),
    }
    Ok(Exit::AsExpected)
}

/// One row a utilisation and test.
fn csv(asked: &Sweep, points: &[Point], file: &mut impl Write) -> io::Result<()> {
    writeln!(file, "utilisation_percent,test,sets,accepted,undecided")?;
    for point in points {
        for (test, counts) in asked.tests.iter().zip(&point.tests) {
            let (name, sets) = (test.name(), asked.sets);
            writeln!(file, "{},{name},{sets},{},{}", point.utilisation, counts.accepted, counts.undecided)?;
        }
    }
    Ok(())
}

fn print(asked: &Sweep, points: &[Point]) {
    line(format_args!("{}   {}", asked.name, asked.about));
    line(format_args!(
        "{} sets of {} tasks at each utilisation, seed {}; the share that passes each test\n",
        asked.sets, asked.tasks, asked.seed
    ));
    let head: String = asked.tests.iter().map(|test| format!(" {:>12}", test.name())).collect();
    line(format_args!("{:>11}{head}", "utilisation"));
    for point in points {
        let share = |accepted: u64| {
            let thousandths = accepted * 1000 / u64::from(asked.sets.max(1));
            format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
        };
        let row: String = point.tests.iter().map(|counts| format!(" {:>12}", share(counts.accepted))).collect();
        line(format_args!("{:>10}%{row}", point.utilisation));
    }
    let undecided: u64 = points.iter().flat_map(|point| &point.tests).map(|counts| counts.undecided).sum();
    if undecided > 0 {
        line(format_args!("\nnot found out, and counted as not passed: {undecided}"));
    }
}
