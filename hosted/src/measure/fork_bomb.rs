//! How many processes live at once under a limit, when a tree forks as fast as it can (G6).
//!
//! A bomb of [`super::tree::Tree::bomb`] tries a bounded number of forks, in every process of it at once; what was
//! forked holds still, so that when the bomb is spent the number of the living is its peak, and the account counts it
//! at leisure. The bound is a counter in shared memory, so even without a limit no more live than that.
//!
//! Source: getrlimit(2) RLIMIT_NPROC, user_namespaces(7), cgroup-v2.rst `pids.max`, cgroup-v1/pids.rst.
//!
//! Known holes of what is measured: RLIMIT_NPROC does not bind root, so a privileged caller measures it as a user
//! id that nobody else has; for another caller the count includes the user's other processes, and the limit binds
//! earlier than it says. `pids.current` counts what is dead and not reaped.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::account::Account;
use super::arena::{Arena, Surroundings};
use super::cgroup::{Cgroup, Hierarchy};
use super::tree::Tree;

/// What limits the bomb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing. The unprotected way.
    Unlimited,
    /// RLIMIT_NPROC in a user namespace of the tree's own.
    RlimitInUserNamespace,
    /// `pids.max` of version 2.
    PidsMaxV2,
    /// `pids.max` of version 1.
    PidsMaxV1,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 4] = [Self::Unlimited, Self::RlimitInUserNamespace, Self::PidsMaxV2, Self::PidsMaxV1];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlimited => "no limit",
            Self::RlimitInUserNamespace => "RLIMIT_NPROC in a user namespace",
            Self::PidsMaxV2 => "pids.max v2",
            Self::PidsMaxV1 => "pids.max v1",
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkBomb {
    /// Under which mode.
    pub mode: Mode,
    /// Whose word it is.
    pub judge: String,
    /// Processes that the mode was to allow at once.
    pub limit: u32,
    /// Forks that the bomb could try.
    pub tries: u32,
    /// Processes that lived at once, the greatest of all runs.
    pub peak: u64,
    /// What the controller says of its own peak, where it says it; zombies counted.
    pub controller_peak: Option<u64>,
    /// Runs.
    pub runs: u32,
    /// Runs in which more lived than the limit.
    pub exceeded: u32,
}

/// Lets this tree run so many times under a limit of `limit` processes, and counts the living.
///
/// # Errors
/// [`MeasureError::Unavailable`] where the mode needs what this host or user has not; the others when something
/// failed that has no reason to. No process is left either way.
pub fn measure(tree: &Tree, mode: Mode, limit: u32, runs: u32) -> Result<ForkBomb, MeasureError> {
    measure_unless(tree, mode, limit, runs, &super::NEVER)
}

/// As [`measure`], unless somebody interrupts: then it ends with the bomb that is under way.
///
/// # Errors
/// Those of [`measure`], and [`MeasureError::Interrupted`].
pub fn measure_unless(
    tree: &Tree,
    mode: Mode,
    limit: u32,
    runs: u32,
    interrupt: &AtomicBool,
) -> Result<ForkBomb, MeasureError> {
    let mut seen = ForkBomb {
        mode,
        judge: String::new(),
        limit,
        tries: tree.forks,
        peak: 0,
        controller_peak: None,
        runs,
        exceeded: 0,
    };
    for _ in 0..runs {
        let account = Account::open();
        seen.judge = account.name().into();
        let limiter = match mode {
            Mode::PidsMaxV1 => Some(Cgroup::make(Hierarchy::V1("pids"))?),
            Mode::PidsMaxV2 => Some(Cgroup::make(Hierarchy::V2)?),
            Mode::Unlimited | Mode::RlimitInUserNamespace => None,
        };
        if let Some(group) = &limiter {
            let refused = |e: std::io::Error| MeasureError::Unavailable {
                what: "pids.max",
                reason: format!("the pids controller is not in this hierarchy, or not delegated: {e}"),
            };
            group.write("pids.max", &limit.to_string()).map_err(refused)?;
        }
        // In version 2 a process is in one group, which is then account and limit at once.
        let (account, limiter) = match (mode, limiter) {
            (Mode::PidsMaxV2, Some(group)) => (Account::Group(group), None),
            (_, limiter) => (account, limiter),
        };
        let around = Surroundings {
            processes: (mode == Mode::RlimitInUserNamespace).then_some(limit),
            ..Surroundings::default()
        };
        let mut arena = Arena::start(tree, account, &limiter.iter().collect::<Vec<_>>(), around)?;
        let alive = arena.settle();
        // One that reached the tree too has made what was seen worthless, an error included.
        if interrupt.load(Ordering::SeqCst) {
            return Err(MeasureError::Interrupted);
        }
        let alive = alive?;
        let group = limiter.as_ref().or(arena.account.group());
        let own = group.and_then(|g| g.read("pids.peak").ok()).and_then(|text| text.trim().parse().ok());
        seen.peak = seen.peak.max(alive);
        seen.controller_peak = seen.controller_peak.max(own);
        seen.exceeded += u32::from(alive > u64::from(limit));
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    /// Prints past the harness, which keeps what a test that passes prints to itself.
    macro_rules! say {
    ($($text:tt)*) => { std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", format_args!($($text)*)).as_bytes()).unwrap() };
}
    use super::*;

    #[test]
    fn a_bomb_passes_no_limit_that_binds_and_is_itself_bounded() {
        let tree = Tree::bomb(30);
        for mode in Mode::ALL {
            let seen = match measure(&tree, mode, 10, 2) {
                Ok(seen) => seen,
                Err(MeasureError::Unavailable { what, reason }) => {
                    say!("skipped: a_bomb_passes_no_limit: {what}: {reason}");
                    continue;
                }
                Err(error) => panic!("{mode:?}: {error}"),
            };
            match mode {
                Mode::Unlimited => assert_eq!((seen.peak, seen.exceeded), (31, 2)),
                // An unprivileged user's other processes count too.
                Mode::RlimitInUserNamespace if !rustix::process::geteuid().is_root() => assert!(seen.peak <= 10),
                _ => assert_eq!((seen.peak, seen.exceeded), (10, 0), "{mode:?}"),
            }
        }
    }
}
