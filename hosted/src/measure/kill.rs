//! Who survives the kill of a whole tree, and how long the last death and the last reap take (G3, G4).
//!
//! Each run starts a tree in an arena whose account the members cannot leave, kills it in one [`Mode`], and
//! asks the account who is left. Afterwards all are killed, whatever the mode left.
//!
//! Source: killpg(3), prctl(2) PR_SET_CHILD_SUBREAPER, freezer-subsystem.rst, pid_namespaces(7), cgroup-v2.rst
//! `cgroup.kill`. The walk is what build servers do with a cookie in the environment; the cookie here is the name that
//! every member inherits.
//!
//! A survivor is a member that still lives when the kill has returned and the deaths under way have had time: the
//! number has not changed for [`GRACE`]. Where members keep forking, whoever is there a good while later is one.
//!
//! Known holes: a member may change its name and so escape the walk, as it may drop a cookie. Times include the
//! wake-up of the judge; on a shared machine the tail is the hypervisor's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::account::{self, Account, Emptiness};
use super::arena::{Arena, Command, PATIENCE, PidNamespace, Surroundings};
use super::cgroup::{Cgroup, Hierarchy};
use super::stats::{Durations, Proportion, ns_since};
use super::tree::Tree;

/// How long the number of the living must stay the same before they are called survivors.
pub const GRACE: Duration = Duration::from_millis(100);

/// How long forkers may take to die of a kill that has returned, and how long a walk may chase them. They never die of
/// themselves.
const FORKING: Duration = Duration::from_millis(300);

/// A way to kill a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `killpg` of the root's process group. The unprotected way.
    ProcessGroup,
    /// Walks of `/proc`, killing who bears the tree's name, until one finds nobody.
    ProcWalk,
    /// A subreaper kills its children and reaps, until it has none.
    Subreaper,
    /// Freeze a cgroup of version 1, kill each member, thaw.
    FreezerV1,
    /// Kill the init of a pid namespace.
    PidNamespace,
    /// `cgroup.kill` of version 2.
    CgroupKill,
}

impl Mode {
    /// All of them, the unprotected one first.
    pub const ALL: [Self; 6] =
        [Self::ProcessGroup, Self::ProcWalk, Self::Subreaper, Self::FreezerV1, Self::PidNamespace, Self::CgroupKill];

    /// Its name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessGroup => "killpg",
            Self::ProcWalk => "/proc walk",
            Self::Subreaper => "subreaper loop",
            Self::FreezerV1 => "freezer v1",
            Self::PidNamespace => "pid namespace",
            Self::CgroupKill => "cgroup.kill",
        }
    }
}

/// What was seen in all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// Under which mode.
    pub mode: Mode,
    /// Whose word it is: `cgroup v2` or `pid namespace`.
    pub judge: String,
    /// Kills, and those that somebody survived.
    pub survived: Proportion,
    /// Members alive when the kill began, all runs together.
    pub members: u64,
    /// Survivors, all runs together; for members that keep forking, those alive when it was looked.
    pub survivors: u64,
    /// From the start of the kill to the last death, over the runs that nobody survived. Where the judge is the pid
    /// namespace this is the last reap.
    pub last_death: Option<Durations>,
    /// From the start of the kill to the last reap, over the same runs.
    pub last_reap: Option<Durations>,
}

/// Kills this tree so many times.
///
/// # Errors
/// [`MeasureError::Unavailable`] where the mode needs what this host or user has not; the others when something
/// failed that has no reason to. No member is left alive either way.
pub fn measure(tree: &Tree, mode: Mode, runs: u32) -> Result<Kill, MeasureError> {
    measure_unless(tree, mode, runs, &super::NEVER)
}

/// As [`measure`], unless somebody interrupts: then it ends with the kill that is under way.
///
/// # Errors
/// Those of [`measure`], and [`MeasureError::Interrupted`].
pub fn measure_unless(tree: &Tree, mode: Mode, runs: u32, interrupt: &AtomicBool) -> Result<Kill, MeasureError> {
    let mut seen = Kill {
        mode,
        judge: String::new(),
        survived: Proportion::default(),
        members: 0,
        survivors: 0,
        last_death: None,
        last_reap: None,
    };
    let (mut deaths, mut reaps) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let run = kill_once(tree, mode);
        // One that reached the tree too has made what was seen worthless, an error included.
        if interrupt.load(Ordering::SeqCst) {
            return Err(MeasureError::Interrupted);
        }
        let run = run?;
        seen.judge = run.judge.into();
        seen.members += run.members;
        seen.survivors += run.survivors;
        seen.survived.n += 1;
        seen.survived.hits += u64::from(run.survivors > 0);
        deaths.extend(run.last_death_ns);
        reaps.extend(run.last_reap_ns);
    }
    (seen.last_death, seen.last_reap) = (Durations::of(deaths), Durations::of(reaps));
    Ok(seen)
}

struct Run {
    judge: &'static str,
    members: u64,
    survivors: u64,
    last_death_ns: Option<u64>,
    last_reap_ns: Option<u64>,
}

fn kill_once(tree: &Tree, mode: Mode) -> Result<Run, MeasureError> {
    let account = Account::open();
    let freezer = (mode == Mode::FreezerV1).then(|| Cgroup::make(Hierarchy::V1("freezer"))).transpose()?;
    if mode == Mode::CgroupKill && !account.group().is_some_and(|group| group.has("cgroup.kill")) {
        let reason = "needs a writable cgroup of version 2, and Linux 5.14".into();
        return Err(MeasureError::Unavailable { what: "cgroup.kill", reason });
    }
    let around =
        Surroundings { pid_namespace: (mode == Mode::PidNamespace).then_some(PidNamespace), ..Surroundings::default() };
    let groups: Vec<&Cgroup> = freezer.iter().collect();
    let mut arena = Arena::start(tree, account, &groups, around)?;
    let members = if tree.is_restless() {
        // They do not come to rest; let every one get where it forks on, and go on for a while.
        arena.wait_announced(tree.announced() + u64::from(around.pid_namespace.is_some()))?;
        std::thread::sleep(Duration::from_millis(5));
        arena.members()?.len() as u64
    } else {
        arena.settle()?
    };
    let start = Instant::now();
    match mode {
        Mode::ProcessGroup => arena.kill(Command::KillGroup)?,
        Mode::Subreaper => arena.kill(Command::KillChildren)?,
        Mode::PidNamespace => arena.kill(Command::KillInit)?,
        Mode::ProcWalk => walk(&arena)?,
        Mode::FreezerV1 => freeze_and_kill(freezer.as_ref())?,
        Mode::CgroupKill => {
            let group = arena.account.group();
            group.map_or(Ok(()), |g| g.write("cgroup.kill", "1")).map_err(MeasureError::io("write cgroup.kill"))?;
        }
    }
    let mut run = Run { judge: arena.account.name(), members, survivors: 0, last_death_ns: None, last_reap_ns: None };
    arena.ask_gone()?;
    let returned = Instant::now();
    let mut unchanged = (usize::MAX, returned);
    loop {
        let gone = match arena.account.wait_empty(Duration::from_millis(5))? {
            Some(Emptiness::Empty) => true,
            Some(Emptiness::Populated) => false,
            None => arena.wait_gone(Duration::from_millis(5)),
        };
        if gone {
            run.last_death_ns = Some(ns_since(start));
            // Reaping is the supervisor's work and follows at once; if it does not, that is a finding of its own.
            run.last_reap_ns = arena.wait_gone(PATIENCE).then(|| ns_since(start));
            return Ok(run);
        }
        let alive = arena.members()?;
        if alive.len() != unchanged.0 {
            unchanged = (alive.len(), Instant::now());
        }
        // Of members that fork the number tells nothing, and a count may miss them; that somebody is left does not.
        let lasting = if tree.is_restless() { returned.elapsed() > FORKING } else { unchanged.1.elapsed() > GRACE };
        if lasting {
            run.survivors = alive.len().max(1) as u64;
            return Ok(run);
        }
        if start.elapsed() > PATIENCE {
            return Err(MeasureError::Timeout { what: "a verdict", limit_ms: PATIENCE.as_millis() as u64 });
        }
    }
}

/// Until a walk of `/proc` finds no living bearer of the name, or patience ends: forkers can outrun it for ever.
fn walk(arena: &Arena) -> Result<(), MeasureError> {
    let start = Instant::now();
    loop {
        let bearers = account::bearers(&arena.name)?;
        if bearers.is_empty() || start.elapsed() > FORKING {
            return Ok(());
        }
        account::kill_bearers(bearers, &arena.name);
    }
}

fn freeze_and_kill(freezer: Option<&Cgroup>) -> Result<(), MeasureError> {
    let Some(freezer) = freezer else { return Ok(()) };
    let write = |state| freezer.write("freezer.state", state).map_err(MeasureError::io("write freezer.state"));
    let start = Instant::now();
    write("FROZEN")?;
    while freezer.read("freezer.state").map_err(MeasureError::io("read freezer.state"))?.trim() != "FROZEN" {
        if start.elapsed() > PATIENCE {
            return Err(MeasureError::Timeout { what: "freezing", limit_ms: PATIENCE.as_millis() as u64 });
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    freezer.kill_each().map_err(MeasureError::io("read cgroup.procs"))?;
    write("THAWED")
}

#[cfg(test)]
mod tests {
    /// Prints past the harness, which keeps what a test that passes prints to itself.
    macro_rules! say {
    ($($text:tt)*) => { std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", format_args!($($text)*)).as_bytes()).unwrap() };
}
    use super::*;

    /// `None`: said why, and skipped.
    fn run(test: &str, tree: &Tree, mode: Mode) -> Option<Kill> {
        match measure(tree, mode, 2) {
            Ok(seen) => Some(seen),
            Err(MeasureError::Unavailable { what, reason }) => {
                say!("skipped: {test}: {what}: {reason}");
                None
            }
            Err(error) => panic!("{mode:?}: {error}"),
        }
    }

    #[test]
    fn a_process_group_is_escaped_by_every_member_that_detaches() {
        let test = "a_process_group_is_escaped_by_every_member_that_detaches";
        let Some(seen) = run(test, &Tree::escapees(12), Mode::ProcessGroup) else { return };
        assert_eq!((seen.members, seen.survivors), (2 * 13, 2 * 12));
        assert_eq!(seen.survived, Proportion::new(2, 2));
    }

    #[test]
    fn a_process_group_that_nobody_leaves_dies_whole() {
        let stay = Tree { roles: vec![vec![super::super::tree::Step::Fork { role: 1, times: 5 }], vec![]], forks: 5 };
        let test = "a_process_group_that_nobody_leaves_dies_whole";
        let Some(seen) = run(test, &stay, Mode::ProcessGroup) else { return };
        assert_eq!((seen.members, seen.survivors), (2 * 6, 0));
        assert_eq!(seen.last_reap.map(|d| d.n), Some(2));
    }

    #[test]
    fn the_complete_kills_leave_nobody() {
        for mode in [Mode::ProcWalk, Mode::Subreaper, Mode::FreezerV1, Mode::PidNamespace, Mode::CgroupKill] {
            let Some(seen) = run("the_complete_kills_leave_nobody", &Tree::escapees(12), mode) else { continue };
            assert_eq!(seen.survivors, 0, "{mode:?}");
            assert_eq!(seen.last_death.map(|d| d.n), Some(2), "{mode:?}");
        }
    }

    #[test]
    fn relays_survive_a_process_group_and_no_atomic_kill() {
        let test = "relays_survive_a_process_group_and_no_atomic_kill";
        if let Some(seen) = run(test, &Tree::relays(4), Mode::ProcessGroup) {
            assert_eq!(seen.survived, Proportion::new(2, 2));
        }
        for mode in [Mode::PidNamespace, Mode::CgroupKill] {
            let Some(seen) = run(test, &Tree::relays(4), mode) else { continue };
            assert_eq!(seen.survived, Proportion::new(0, 2), "{mode:?}");
        }
    }
}
