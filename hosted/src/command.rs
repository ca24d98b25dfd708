//! A command to be launched under a plan: what is run, with which words, descriptors and directory.
//!
//! Nothing is inherited that is not said here, with two exceptions that are everyday Linux: the environment, unless
//! [`JobCommand::env_clear`] or `env` change it, and whatever [`SetUp::Bare`](crate::SetUp) lets through.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use crate::linux::launch;
use crate::plan::Plan;
use crate::{Job, LaunchError};

/// Where a job's standard input comes from.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Input {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// The supervisor's own.
    Inherit,
    /// A pipe, taken from the job with [`Job::take_input`].
    Pipe,
    /// This.
    Descriptor(OwnedFd),
}

/// Where a job's standard output or error goes.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Output {
    /// The one pipe that [`Job::output`] reads, both streams in the order written.
    #[default]
    Capture,
    /// Nowhere: `/dev/null`.
    Null,
    /// The supervisor's own.
    Inherit,
    /// This.
    Descriptor(OwnedFd),
}

/// What is executed.
#[derive(Debug)]
pub(crate) enum Program {
    Named(PathBuf),
    Open(OwnedFd),
}

/// A command under a plan.
#[derive(Debug)]
pub struct JobCommand {
    pub(crate) plan: Plan,
    pub(crate) program: Program,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: BTreeMap<OsString, OsString>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) passed: Vec<(OwnedFd, RawFd)>,
    error: Option<std::io::Error>,
}

impl Plan {
    /// A command under this plan. A name without `/` is looked up in the `PATH` of the job's environment, among what the
    /// policy lets it execute; one that is there and not granted is [`LaunchError::NotGranted`].
    pub fn command(&self, program: impl AsRef<Path>) -> JobCommand {
        let name = program.as_ref();
        JobCommand::new(self, Program::Named(name.to_path_buf()), name.as_os_str())
    }

    /// A command whose program is an open file, executed by its descriptor: no path that anybody could write.
    /// It is a binary: the interpreter of a script could not open a descriptor that closes at `exec`.
    pub fn command_open(&self, program: OwnedFd, name: impl AsRef<OsStr>) -> JobCommand {
        JobCommand::new(self, Program::Open(program), name.as_ref())
    }
}

impl JobCommand {
    fn new(plan: &Plan, program: Program, name: &OsStr) -> Self {
        Self {
            plan: plan.clone(),
            program,
            arguments: vec![name.to_os_string()],
            environment: std::env::vars_os().collect(),
            directory: None,
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            passed: Vec::new(),
            error: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_os_string());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_os_string()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_os_string(), value.as_ref().to_os_string());
        self
    }

    /// Empties the environment.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// The working directory, seen from inside. Without it: the supervisor's, or `/` in a private root.
    #[must_use]
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_path_buf());
        self
    }

    /// Standard input; nothing by default.
    #[must_use]
    pub fn stdin(mut self, from: Input) -> Self {
        self.stdin = from;
        self
    }

    /// Standard output; captured by default.
    #[must_use]
    pub fn stdout(mut self, to: Output) -> Self {
        self.stdout = to;
        self
    }

    /// Standard error; captured by default.
    #[must_use]
    pub fn stderr(mut self, to: Output) -> Self {
        self.stderr = to;
        self
    }

    /// Passes a copy of a descriptor, which the job has at this number, 3 or above.
    #[must_use]
    pub fn pass(mut self, descriptor: impl AsFd, as_number: RawFd) -> Self {
        match descriptor.as_fd().try_clone_to_owned() {
            Ok(copy) => self.passed.push((copy, as_number)),
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// Launches it: when this returns, the program runs and every step of the plan is applied.
    ///
    /// # Errors
    /// The step that could not be applied, by name; nothing of the job remains then.
    pub fn spawn(mut self) -> Result<Job, LaunchError> {
        match self.error.take() {
            Some(source) => Err(LaunchError::Prepare { what: "a passed descriptor", source }),
            None => launch::spawn(self),
        }
    }
}
