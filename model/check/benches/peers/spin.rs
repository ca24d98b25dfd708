//! SPIN, where it is installed: generates a verifier from a Promela model, compiles and runs it, and reads what it prints.
//!
//! The search is exact and complete: no partial-order reduction, no bit-state hashing, and it goes on after a violation.
//! Generated with -o2 so that what is written and never read still counts, and compiled with the flags that SPIN's manual
//! gives for safety properties.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// A model to be searched.
#[derive(Debug, Clone, Copy)]
pub struct Promela<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Macros, such as `N=3`.
    pub macros: &'a [&'a str],
    /// Binary logarithm of the slots that the hash table begins with; it grows.
    pub slots: u8,
}

/// What SPIN found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Different states.
    pub stored: u64,
    /// Steps taken, and the initial state; from 10^8 on SPIN prints eight digits, and the rest is lost.
    pub transitions: u64,
    /// How often an assertion was violated.
    pub errors: u64,
    /// Which assertion the first was, as SPIN prints it.
    pub violated: Option<String>,
    /// Memory it used, hash table included, in MB as SPIN counts them.
    pub memory_mb: f64,
    /// How long the search took, without generating and compiling; SPIN prints hundredths of a second.
    pub elapsed: Duration,
}

/// Why there is nothing to compare with.
#[derive(Debug)]
pub enum Missing {
    /// This command is not installed.
    NotInstalled(&'static str),
    /// It is, and did not do it.
    Failed(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled(command) => write!(f, "`{command}` is not installed"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Searches all of a model.
///
/// # Errors
/// If SPIN or a compiler of C is not installed, or one of them fails, or the search was not complete.
pub fn search(model: &Promela<'_>) -> Result<Found, Missing> {
    run("spin", Command::new("spin").arg("-V"))?;
    let failed = |error: io::Error| Missing::Failed(format!("{}: {error}", model.name));
    let directory = tempfile::tempdir().map_err(failed)?;
    let at = directory.path();
    std::fs::write(at.join("model.pml"), model.text).map_err(failed)?;

    let macros = model.macros.iter().map(|one| format!("-D{one}"));
    run("spin", Command::new("spin").arg("-o2").args(macros).args(["-a", "model.pml"]).current_dir(at))?;
    let flags = ["-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"];
    run("cc", Command::new("cc").args(flags).current_dir(at))?;
    let said = verify(at, model.slots)?;
    read(&said).map_err(|why| Missing::Failed(format!("{}: {why}\n{said}", model.name)))
}

/// Runs the verifier: -c0 goes on after a violation, -n lists no unreached code.
fn verify(at: &Path, slots: u8) -> Result<String, Missing> {
    run("pan", Command::new(at.join("pan")).args(["-c0", "-n", "-m100000", &format!("-w{slots}")]).current_dir(at))
}

/// What a command printed, if it is installed and says that it did it.
fn run(name: &'static str, command: &mut Command) -> Result<String, Missing> {
    let Output { status, stdout, stderr } = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Missing::NotInstalled(name),
        _ => Missing::Failed(format!("{name}: {error}")),
    })?;
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() { Ok(said) } else { Err(Missing::Failed(format!("{name}: {status}\n{said}"))) }
}

/// Reads a verifier's summary.
fn read(said: &str) -> Result<Found, String> {
    if let Some(line) = said.lines().find(|line| line.contains("Search not completed") || line.contains("too small")) {
        return Err(format!("the search is not complete: {}", line.trim()));
    }
    let before = |what: &str| {
        let line = said.lines().find(|line| line.contains(what)).ok_or_else(|| format!("no `{what}`"))?;
        number(line.split_whitespace().next(), line)
    };
    let after = |what: &str| {
        let line = said.lines().find_map(|line| line.split_once(what)).ok_or_else(|| format!("no `{what}`"))?;
        number(line.1.split_whitespace().next(), line.1)
    };
    let violated = said.lines().find_map(|line| line.strip_prefix("pan:1: ").map(str::to_owned));
    let seconds = after("pan: elapsed time ")?;
    Ok(Found {
        stored: before(" states, stored")? as u64,
        transitions: before(" transitions (= stored+matched)")? as u64,
        errors: after("errors: ")? as u64,
        violated,
        memory_mb: before("total actual memory usage")?,
        elapsed: Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
    })
}

fn number(word: Option<&str>, line: &str) -> Result<f64, String> {
    let wrong = || format!("no number in `{}`", line.trim());
    word.ok_or_else(wrong)?.parse().map_err(|_| wrong())
}
