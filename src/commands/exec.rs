//! `lacuna exec`: a real command, confined, with evidence. What the command writes goes where ours would; with `--format
//! json` it goes to the standard error, and the one document to the standard output.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lacuna_hosted::{Access, Cause, End, Input, LaunchError, Output, Plan, Policy, Status};
use serde_json::json;

use crate::cli::{ExecOptions, Format};
use crate::exit::{Exit, Failure};
use crate::host;
use crate::print::document;

/// Runs it.
///
/// # Errors
/// If the host cannot give what is required, or the command cannot be started.
pub fn run(options: &ExecOptions, interrupt: &AtomicBool, format: Format) -> Result<Exit, Failure> {
    let facts = host::facts()?;
    let policy = policy(options)?;
    let plan = host::plan(host::set_up(options.host.setup, &facts), &policy, &facts)?;
    plan.require(options.require.iter().copied()).map_err(|error| match error.is_of_the_policy() {
        true => Failure::input(format!("{error} (--memory SIZE)")),
        false => Failure::host(error),
    })?;

    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Failure::input("no command"));
    };
    let mut command = plan.command(program).args(arguments).stdin(Input::Inherit).stderr(Output::Inherit).env_clear();
    if let Some((_, directory)) = options.bind.first() {
        let directory = host::absolute(directory)?;
        command = command.env("HOME", &directory).env("TMPDIR", &directory).cwd(directory);
    } else if plan.own_tmp() {
        command = command.env("TMPDIR", "/tmp");
    }
    for (name, value) in environment(&options.env)? {
        command = command.env(name, value);
    }
    command = match format {
        Format::Text => command.stdout(Output::Inherit),
        Format::Json => {
            let error = io::stderr().as_fd().try_clone_to_owned().map_err(Failure::host)?;
            command.stdout(Output::Descriptor(error))
        }
    };
    let job = command.spawn().map_err(|error| {
        Failure::host(format!("cannot start `{}`: {}", Path::new(program).display(), why_not(&error, &policy)))
    })?;
    let end = job.wait_unless(interrupt).map_err(Failure::host)?;
    match format {
        Format::Json => document(json!({
            "host": facts,
            "command": options.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
            "end": end,
            "effective": end.effective(),
            "unmet": plan.unmet(),
            "unlimited": plan.unlimited(),
            "own_tmp": plan.own_tmp(),
        })),
        Format::Text => print(&plan, &end),
    }
    Ok(match (end.cause, end.status) {
        (Cause::Asked, _) => Exit::Interrupted,
        // As a shell has it, and timeout(1) for the deadline.
        (Cause::Deadline, _) => Exit::Command(124),
        (_, Status::Exited(code)) => Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)),
        (_, Status::Signaled(signal)) => Exit::Command(128u8.saturating_add(u8::try_from(signal).unwrap_or(127))),
    })
}

/// Why a command was not started: which file, what the policy grants, and what would help.
fn why_not(error: &LaunchError, policy: &Policy) -> String {
    let granted = || {
        let execute = policy.paths().iter().filter(|rule| rule.access.contains(Access::EXECUTE));
        let paths: Vec<String> = execute.map(|rule| rule.path.display().to_string()).collect();
        paths.join(", ")
    };
    let parent = |program: &Path| program.parent().unwrap_or(program).display().to_string();
    match error {
        LaunchError::NoProgram(_) => {
            format!("{error} in the PATH that the command gets; name it by its path, or set one (--env PATH=...)")
        }
        LaunchError::NotGranted(path) => {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let link = if real == *path { String::new() } else { format!(" ({})", real.display()) };
            format!("{error}{link}, only what is in {}; grant it: --read {}", granted(), parent(&real))
        }
        LaunchError::Exec { program, source } if source.kind() == io::ErrorKind::NotFound && !program.exists() => {
            format!("there is no {}, seen from where the command starts (--bind NAME=DIR)", program.display())
        }
        LaunchError::Exec { program, .. } => format!(
            "{error}; the file, {} must be executable, and in what the policy lets the command execute: {} (--read DIR)",
            match interpreter(program) {
                Some(interpreter) => format!("its interpreter {interpreter}"),
                None => "and what loads it,".into(),
            },
            granted()
        ),
        _ => error.to_string(),
    }
}

/// What the first line of a script says is to run it.
fn interpreter(script: &Path) -> Option<String> {
    let mut start = [0; 256];
    let length = io::Read::read(&mut std::fs::File::open(script).ok()?, &mut start).ok()?;
    let text = String::from_utf8_lossy(start.get(..length)?).into_owned();
    text.lines().next()?.strip_prefix("#!")?.split_whitespace().next().map(ToOwned::to_owned)
}

/// What an untrusted command may know of our environment: nothing secret is passed by default.
const PASSED: [&str; 7] = ["PATH", "LANG", "LC_ALL", "TERM", "TZ", "USER", "SHELL"];

fn environment(asked: &[String]) -> Result<Vec<(String, OsString)>, Failure> {
    let ours = |name: &str| std::env::var_os(name).map(|value| (name.to_owned(), value));
    let mut variables: Vec<(String, OsString)> = PASSED.iter().filter_map(|name| ours(name)).collect();
    for asked in asked {
        variables.push(match asked.split_once('=') {
            Some(("", _)) => return Err(Failure::input(format!("`{asked}` names no variable"))),
            Some((name, value)) => (name.into(), value.into()),
            None => ours(asked).ok_or_else(|| Failure::input(format!("there is no variable `{asked}` to pass on")))?,
        });
    }
    Ok(variables)
}

fn policy(options: &ExecOptions) -> Result<Policy, Failure> {
    let mut policy = Policy::new().system().own_tmp().processes(options.processes);
    for (_, directory) in &options.bind {
        policy = policy.dir(host::absolute(directory)?, Access::ALL);
    }
    for path in &options.read {
        policy = policy.dir(host::absolute(path)?, Access::READ | Access::EXECUTE);
    }
    if let Some(memory) = options.memory {
        policy = policy.memory_bytes(memory.0);
    }
    if let Some(deadline) = options.deadline {
        policy = policy.deadline(Duration::from_nanos(deadline.0));
    }
    Ok(policy)
}

/// The evidence, on the standard error, so that a pipe gets the command's output alone.
fn print(plan: &Plan, end: &End) {
    let how = match end.status {
        Status::Exited(code) => format!("exit {code}"),
        Status::Signaled(signal) => format!("signal {signal}"),
    };
    let why = match end.cause {
        Cause::OwnAccord if end.status == Status::Signaled(9) => "killed by another than us, such as its memory limit",
        Cause::OwnAccord => "by itself",
        Cause::Deadline => "killed at the deadline",
        Cause::Asked => "killed, interrupted",
        _ => "its supervision was ended from outside",
    };
    anstream::eprintln!(
        "lacuna: {how}, {why}, after {:.1?}; {} left over, the last dead {:.1?} after the kill; nobody is left by {}",
        end.run_duration,
        match end.survivors {
            0 => "nobody".into(),
            1 => "1 process".into(),
            more => format!("{more} processes"),
        },
        end.kill_duration,
        json!(end.account).as_str().unwrap_or_default()
    );
    let applied: Vec<&str> = end.applied.iter().map(|id| id.name()).collect();
    anstream::eprintln!("lacuna: applied {}", applied.join(", "));
    for unmet in plan.unmet() {
        anstream::eprintln!("lacuna: unmet {unmet}");
    }
    for part in plan.unlimited() {
        // Processes are always limited here.
        anstream::eprintln!("lacuna: {} for processes only: no limit of {} was asked for", part.guarantee, part.part);
    }
}
