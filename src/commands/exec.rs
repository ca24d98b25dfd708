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
        return Err(Failure::input("no program is named"));
    };
    if program.is_empty() {
        return Err(Failure::input("no program is named: its name is empty"));
    }
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
    match error {
        LaunchError::NoProgram(_) => {
            format!("{error} in the PATH that the command gets; name it by its path, or set one (--env PATH=...)")
        }
        LaunchError::NotGranted(path) | LaunchError::Exec { program: path, .. } if path.is_dir() => {
            format!("{} is a directory, and no program", path.display())
        }
        LaunchError::NotGranted(path) | LaunchError::Exec { program: path, .. } if is_not_executable(path) => {
            format!("{} is not executable (chmod +x)", path.display())
        }
        LaunchError::NotGranted(path) => {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let link = if real == *path { String::new() } else { format!(" ({})", real.display()) };
            // Of what lies in the root itself, no more than that.
            let grant = match real.parent() {
                Some(parent) if parent.parent().is_some() => parent.display().to_string(),
                _ => real.display().to_string(),
            };
            format!("{error}{link}, only what is in {}; grant it: --read {grant}", granted())
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

/// Is it there, and executable by nobody?
fn is_not_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 == 0)
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
            Some((name, _)) if !is_variable(name) => return Err(no_variable(asked)),
            None if !is_variable(asked) => return Err(no_variable(asked)),
            Some((name, value)) => (name.into(), value.into()),
            None => ours(asked).ok_or_else(|| Failure::input(format!("there is no variable `{asked}` to pass on")))?,
        });
    }
    Ok(variables)
}

/// A name that every shell can read back.
fn is_variable(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_part) && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn no_variable(asked: &str) -> Failure {
    Failure::input(format!(
        "`{asked}` names no variable: letters, digits and `_`, no digit first, then `=` and its value"
    ))
}

fn policy(options: &ExecOptions) -> Result<Policy, Failure> {
    let mut policy = Policy::new().system().own_tmp().processes(options.processes);
    for (name, directory) in &options.bind {
        let there = host::absolute(directory)?;
        if !there.is_dir() {
            let bind = format!("--bind {name}={}", directory.display());
            return Err(Failure::input(format!("`{bind}`: expected a directory; a file is given to read by --read")));
        }
        policy = policy.dir(there, Access::ALL);
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
