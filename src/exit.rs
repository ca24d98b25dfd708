//! How a command ends.

use std::fmt;
use std::process::ExitCode;

/// The exit status; the worst of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: as the scenario expects.
    AsExpected,
    /// 1: refuted, missed, got out; or not refuted where the scenario expects it.
    NotAsExpected,
    /// 2: the input is wrong.
    WrongInput,
    /// 3: the host cannot.
    HostCannot,
    /// 4: unknown or inconclusive.
    Unknown,
    /// 130: interrupted.
    Interrupted,
    /// The status of the command that `exec` ran.
    Command(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::AsExpected => 0,
            Self::NotAsExpected => 1,
            Self::WrongInput => 2,
            Self::HostCannot => 3,
            Self::Unknown => 4,
            Self::Interrupted => 130,
            Self::Command(status) => status,
        }
    }

    /// Of two, the one that says more: interrupted, then wrong, then unknown, then fine.
    pub fn and(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::AsExpected => 0,
            Self::Unknown => 1,
            Self::HostCannot => 2,
            Self::NotAsExpected => 3,
            Self::Command(_) => 4,
            Self::WrongInput => 5,
            Self::Interrupted => 6,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// How to exit.
    pub exit: Exit,
    /// What to say; may be several lines, and already has its colours.
    pub message: String,
}

impl Failure {
    /// The input is wrong.
    pub fn input(message: impl fmt::Display) -> Self {
        Self { exit: Exit::WrongInput, message: format!("error: {message}") }
    }

    /// The host cannot.
    pub fn host(message: impl fmt::Display) -> Self {
        Self { exit: Exit::HostCannot, message: format!("error: {message}") }
    }
}
