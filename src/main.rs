//! `lacuna`: the command line. It parses what was typed, has the libraries do the work, and prints.
#![allow(unreachable_pub, reason = "a program exports nothing; `pub` here says: for the other modules")]

mod accepted;
mod cases;
mod cli;
mod commands;
mod exit;
mod gap;
mod histogram;
mod host;
mod load;
mod plot;
mod print;
mod ratios;
mod responses;
mod results;
mod signals;
mod verdict;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use lacuna_sim::policy::{AnyPolicy, Policy};

use cli::{AttackOptions, Cli, Command};
use commands::analyse::Margins;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    // Nothing before this line: launched as the actor, this program does the actor's work and never returns.
    lacuna_hosted::actor::enter();
    // As the first process of a guest it is the guest's init, and does not return either.
    lacuna_hosted::guest::enter();
    let cli = Cli::parse();
    let interrupt = Arc::new(AtomicBool::new(false));
    // The others have nothing to clean up: a signal ends them as it ends any program.
    let signals = if cleans_up(cli.command.as_ref()) { &SIGNALS[..] } else { &[] };
    for &signal in signals {
        // Asked twice, the program ends at once.
        let registered = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupt))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupt)));
        if let Err(error) = registered {
            eprintln!("error: no handler for signal {signal}: {error}");
            return Exit::HostCannot.into();
        }
    }
    match run(cli, &interrupt) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            anstream::eprintln!("{}", failure.message);
            failure.exit.into()
        }
    }
}

const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// Does the command look at the interrupt, and end in order?
fn cleans_up(command: Option<&Command>) -> bool {
    !matches!(
        command,
        Some(
            Command::Analyse { .. }
                | Command::Relations { .. }
                | Command::Validate { record: None, .. }
                | Command::Scenarios
                | Command::New { .. }
                | Command::Plan { .. }
                | Command::Diff { .. }
                | Command::Clean
        )
    )
}

fn run(cli: Cli, interrupt: &AtomicBool) -> Result<Exit, Failure> {
    let form = cli.format;
    let command = cli.command.unwrap_or_else(|| Command::Gap {
        scenario: "ci-job".into(),
        with: Vec::new(),
        attack: AttackOptions::default(),
    });
    match command {
        Command::Gap { scenario, with, attack } => commands::gap::run(&scenario, &with, &attack, interrupt, form),
        Command::Diff { before, after } => commands::diff::run(&before, &after, form.plain()?),
        Command::Measure(options) => commands::measure::run(&options, interrupt, form.plain()?),
        Command::Run { scenario, attack, record } if record.validate => {
            commands::record::run(&scenario, attack.host.setup, &record, interrupt, form.plain()?)
        }
        Command::Run { scenario, attack, .. } => commands::run::scenario(&scenario, &attack, interrupt, form),
        Command::Probe { ids, attack } => commands::run::probes(&ids, &attack, interrupt, form),
        Command::Check {
            scenario,
            kernel,
            all_profiles,
            guarantee,
            deadlock,
            ends,
            fairness,
            adversary_depth,
            search,
            explore,
        } => {
            let request = commands::check::Request {
                scenario: &scenario,
                kernels: &kernel,
                all_profiles,
                guarantees: &guarantee,
                deadlock,
                ends: ends.then_some(fairness),
                adversary_depth,
                search: &search,
                interrupt,
            };
            match explore {
                Some(address) => commands::check::serve(&request, &address),
                None => commands::check::run(&request, form),
            }
        }
        Command::Analyse { scenario, policy, sensitivity } => {
            let margins = if sensitivity { Margins::Asked } else { Margins::NotAsked };
            commands::analyse::run(&scenario, policy, margins, form.plain()?)
        }
        Command::Relations { scenario, kernel, dot } => {
            commands::relations::run(&scenario, &kernel, dot.as_deref(), form.plain()?)
        }
        Command::Compare { scenario, horizon, kernel, seed, execution } => {
            let request = commands::simulate::Request {
                scenario: &scenario,
                horizon,
                kernel: &kernel,
                policy: AnyPolicy::Ideal(Policy::Declared),
                seed,
                execution,
                trace: None,
                gantt: None,
                responses: None,
                interrupt,
            };
            commands::compare::run(&request, form.plain()?)
        }
        Command::Scenarios => commands::scenarios::run(form.plain()?),
        Command::New { file } => commands::new::run(&file, form.plain()?),
        Command::Explain { topic } => commands::explain::run(topic.as_deref(), interrupt, form.plain()?),
        Command::Validate { scenario, record: Some(file), kernel, states } => {
            commands::record::kept(&scenario, &file, kernel.as_deref(), states, interrupt, form.plain()?)
        }
        Command::Validate { scenario, .. } => commands::validate::run(&scenario, form.plain()?),
        Command::Simulate { scenario, horizon, kernel, policy, seed, execution, trace, gantt, responses } => {
            let request = commands::simulate::Request {
                scenario: &scenario,
                horizon,
                kernel: &kernel,
                policy,
                seed,
                execution,
                trace,
                gantt,
                responses,
                interrupt,
            };
            commands::simulate::run(&request, form.plain()?)
        }
        Command::Sweep { file, threads, csv, svg } => {
            let threads = threads.map(usize::from);
            let request = commands::sweep::Request { file: &file, threads, csv, svg, interrupt };
            commands::sweep::run(&request, form.plain()?)
        }
        Command::Plan { scenario, host } => commands::plan::run(&scenario, host.setup, form.plain()?),
        Command::Exec(options) => commands::exec::run(&options, interrupt, form.plain()?),
        Command::Clean => commands::clean::run(form.plain()?),
        Command::Replay { scenario, times } => commands::replay::run(&scenario, times, interrupt, form.plain()?),
    }
}
