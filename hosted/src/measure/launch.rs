//! Meter `launch`: how long a plan takes from the call until the program runs (G23, `spawn`).
//!
//! It is what a supervisor waits for: namespaces, cgroups, filters and the rest of the plan, two forks and an exec. The program is
//! the system's `true`, which the policy is made to grant. The clock is read in the supervisor, before the call and when the exec of the
//! program is reported.

use std::time::Instant;

use super::stats::Durations;
use crate::{LaunchError, Plan, WaitError};

/// Why it could not be timed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimedLaunchError {
    /// The plan cannot be made with that program granted.
    #[error("cannot plan a launch of `true`: {0}")]
    Plan(String),
    /// It did not start.
    #[error("cannot time a launch: {0}")]
    Launch(#[from] LaunchError),
    /// It did not end.
    #[error("a launch that was timed did not end: {0}")]
    Wait(#[from] WaitError),
}

/// Launches `true` so many times under the plan; `None` if there is no such program here.
///
/// # Errors
/// See [`TimedLaunchError`].
pub fn measure(plan: &Plan, n: u32) -> Result<Option<Durations>, TimedLaunchError> {
    let policy = plan.policy().clone().system();
    let plan = plan.set_up().plan(&policy, plan.facts()).map_err(|error| TimedLaunchError::Plan(error.to_string()))?;
    let mut times = Vec::new();
    for _ in 0..n {
        let begin = Instant::now();
        let job = match plan.command("true").spawn() {
            Err(LaunchError::NoProgram(_)) => return Ok(None),
            launched => launched?,
        };
        times.push(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
        job.wait()?;
    }
    Ok(Durations::of(times))
}
