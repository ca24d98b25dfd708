//! Meter `launch`: how long a plan takes from the call until the program runs (G23, `spawn`).
//!
//! It is what a supervisor waits for: namespaces, cgroups, filters and the rest of the plan, two forks and an exec. The program is
//! the system's `true`, which the policy is made to grant. The clock is read in the supervisor, before the call and when the exec of the
//! program is reported.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::stats::{Durations, ns_since};
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
    let times = in_turn(&[plan], n)?;
    Ok(times.and_then(|mut times| Durations::of(times.pop()?)))
}

/// Launches `true` so many times under each plan, in turn, so that what else goes on meets all of them alike; before each turn it is started
/// without any, by the standard library: the control, which comes first. In nanoseconds; `None` if there is no such program here.
///
/// # Errors
/// See [`TimedLaunchError`].
pub fn in_turn(plans: &[&Plan], n: u32) -> Result<Option<Vec<Vec<u64>>>, TimedLaunchError> {
    let granted = plans.iter().map(|plan| {
        let policy = plan.policy().clone().system();
        plan.set_up().plan(&policy, plan.facts()).map_err(|error| TimedLaunchError::Plan(error.to_string()))
    });
    let granted = granted.collect::<Result<Vec<_>, _>>()?;
    let mut times = vec![Vec::new(); plans.len() + 1];
    for _ in 0..n {
        let begin = Instant::now();
        let quiet = || Stdio::null();
        let plain = Command::new("true").stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
        let Ok(mut plain) = plain else { return Ok(None) };
        times[0].push(ns_since(begin));
        // How it ended is nothing to the meter.
        let _ = plain.wait();
        for (plan, times) in granted.iter().zip(&mut times[1..]) {
            let begin = Instant::now();
            let job = match plan.command("true").spawn() {
                Err(LaunchError::NoProgram(_)) => return Ok(None),
                launched => launched?,
            };
            times.push(ns_since(begin));
            job.wait()?;
        }
    }
    Ok(Some(times))
}
