//! Two-phase commit by our engine, by stateright and by SPIN, each in a process of its own, as a table:
//! `cargo bench -p lacuna-check --bench two_phase_commit -- 8 9`, the numbers of resource managers. Compare by ratio,
//! machines differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

mod peers;

use std::process::Command;
use std::time::Instant;

use lacuna_check::{Limits, explore};
use peers::packed::Packed;
use peers::spin::{Promela, search};
use peers::structured::Structured;

/// Who searches.
#[derive(Debug, Clone, Copy)]
enum Engine {
    Lacuna,
    Packed { threads: usize },
    Structured { threads: usize },
    Spin,
}

const ENGINES: [Engine; 6] = [
    Engine::Lacuna,
    Engine::Packed { threads: 1 },
    Engine::Packed { threads: 2 },
    Engine::Structured { threads: 1 },
    Engine::Structured { threads: 2 },
    Engine::Spin,
];

impl Engine {
    fn name(self) -> String {
        match self {
            Self::Lacuna => "lacuna, packed".into(),
            Self::Packed { threads } => format!("stateright, packed, {threads} threads"),
            Self::Structured { threads } => format!("stateright, {threads} threads"),
            Self::Spin => "SPIN".into(),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [one, engine, managers] = &arguments[..]
        && one == "--one"
    {
        println!("{}", row(ENGINES[engine.parse::<usize>().unwrap()], managers.parse().unwrap()));
        return;
    }
    let sizes: Vec<u32> = arguments.iter().map(|argument| argument.parse().expect("numbers of managers")).collect();
    println!("{:>2} {:32} {:>12} {:>14} {:>10} {:>10} {:>9}", "N", "", "states", "generated", "s", "states/s", "MB");
    for managers in if sizes.is_empty() { vec![7, 8] } else { sizes } {
        for (index, engine) in ENGINES.into_iter().enumerate() {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let output = child.args(["--one", &index.to_string(), &managers.to_string()]).output().unwrap();
            let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
            println!("{managers:>2} {:32} {}", engine.name(), said.trim_end());
        }
    }
}

/// Searches once; what is printed of it.
fn row(engine: Engine, managers: u32) -> String {
    let of_stateright = |found: peers::Stateright| {
        assert!(found.violated.is_empty(), "{found:?}");
        line(found.states as u64, found.generated as u64, found.elapsed.as_secs_f64(), peak_mb())
    };
    match engine {
        Engine::Lacuna => {
            let model = Packed::new(managers);
            let mut consistent = true;
            let limits = Limits { max_states: usize::MAX, ..Limits::default() };
            let begun = Instant::now();
            let found = explore(&model, &limits, |edge| consistent &= model.is_consistent(*edge.after));
            assert!(consistent);
            line(found.states() as u64, found.transitions + 1, begun.elapsed().as_secs_f64(), peak_mb())
        }
        Engine::Packed { threads } => of_stateright(peers::stateright(Packed::new(managers), threads)),
        Engine::Structured { threads } => {
            of_stateright(peers::stateright(Structured { managers: managers as usize }, threads))
        }
        Engine::Spin => {
            let text = include_str!("peers/two_phase_commit.pml");
            let size = format!("N={managers}");
            match search(&Promela { name: "two_phase_commit", text, macros: &[&size], slots: 24 }) {
                Ok(found) => {
                    assert_eq!(found.errors, 0);
                    line(found.stored, found.transitions, found.elapsed.as_secs_f64(), Some(found.memory_mb))
                }
                Err(missing) => missing.to_string(),
            }
        }
    }
}

fn line(states: u64, generated: u64, seconds: f64, memory_mb: Option<f64>) -> String {
    let rate = states as f64 / seconds;
    let memory = memory_mb.map_or("-".into(), |mb| format!("{mb:.0}"));
    format!("{states:>12} {generated:>14} {seconds:>10.2} {rate:>10.0} {memory:>9}")
}

/// The most memory that this process ever had, where the system says it.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb / 1024.0)
}
