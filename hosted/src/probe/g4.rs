//! G4: after a kill of the job has returned, nobody of it runs; and how long that takes.
//!
//! The trees are those of the kill meter: members that left session, group and parent, and lanes in which no process
//! lives longer than it takes to fork the next. The control kills as is done without a job group: the process group.
//!
//! Whether anybody is left is asked of the job's account, and of `/proc` besides: a member that escaped the account
//! would be missed by the first, a member that keeps forking by the second.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lacuna_model::guarantee::GuaranteeId::G4;
use rustix::process::{Pid, Signal};

use super::stage::{Running, Setting, Trouble, replan};
use super::tally::Tally;
use super::trees::TreeJob;
use super::{Probe, Side};
use crate::Cause;
use crate::PrimitiveId::{self, *};
use crate::measure::kill::GRACE;
use crate::measure::stats::Durations;
use crate::measure::tree::Tree;

const KILLS: &[PrimitiveId] = &[CgroupV2, PidNamespace, CgroupV1Freezer];
const FIX: &str = "cgroup.kill or the death of a pid namespace's init";
/// Under the plan, where a run costs milliseconds; the control takes a few.
const RUNS: u64 = 10;
const CONTROL_RUNS: u64 = 2;
const DEADLINE: Duration = Duration::from_millis(120);

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G4.escape",
        guarantee: G4,
        about: "members that left session, process group and parent survive a kill",
        deciders: KILLS,
        fix: FIX,
        trial: |setting| kills(setting, &Tree::escapees(12), Shape::AtRest),
        attack: |_, _| {},
    },
    Probe {
        id: "G4.relay",
        guarantee: G4,
        about: "lanes of processes that fork the next and exit survive a kill",
        deciders: KILLS,
        fix: FIX,
        trial: |setting| kills(setting, &Tree::relays(6), Shape::Forking),
        attack: |_, _| {},
    },
    Probe {
        id: "G4.deadline",
        guarantee: G4,
        about: "a tree that escapes runs on after its deadline",
        deciders: KILLS,
        fix: FIX,
        trial: deadline,
        attack: |_, _| {},
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    AtRest,
    Forking,
}

fn kills(setting: &Setting<'_>, tree: &Tree, shape: Shape) -> Result<Tally, Trouble> {
    let runs = if setting.side == Side::Control { CONTROL_RUNS } else { RUNS };
    let mut tally = Tally { effect: "runs had survivors", ..Tally::default() };
    let mut times = Vec::new();
    let mut most = 0;
    for _ in 0..runs {
        let mut job = TreeJob::start(setting, tree.clone())?;
        match shape {
            Shape::AtRest => drop(job.settle()?),
            Shape::Forking => {
                job.wait_started()?;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let survivors = match setting.side {
            Side::Control => {
                kill_group(&job.running)?;
                survivors(&job)?
            }
            Side::Planned => {
                let killed = job.running.job.kill().map_err(|e| Trouble::Launch(e.to_string()))?;
                times.push(u64::try_from(killed.as_nanos()).unwrap_or(u64::MAX));
                living(&job)?
            }
        };
        most = most.max(survivors);
        tally.n += 1;
        tally.through += u64::from(survivors > 0);
    }
    tally.numbers.insert("survivors_max".into(), most);
    note(&mut tally, "kill", times);
    Ok(tally)
}

fn note(tally: &mut Tally, name: &str, times_ns: Vec<u64>) {
    if let Some(times) = Durations::of(times_ns) {
        tally.numbers.insert(format!("{name}_p50_ns"), times.p50_ns);
        tally.numbers.insert(format!("{name}_p99_ns"), times.p99_ns);
        tally.numbers.insert(format!("{name}_max_ns"), times.max_ns);
    }
}

/// `killpg` of the first process's group, whose leader is alive, so that the number is its own.
fn kill_group(running: &Running) -> Result<(), Trouble> {
    let leader = Pid::from_raw(running.job.id().cast_signed());
    let gone = || Trouble::Io { what: "the first process is gone", source: std::io::ErrorKind::NotFound.into() };
    rustix::process::kill_process_group(leader.ok_or_else(gone)?, Signal::KILL).map_err(Trouble::sys("killpg"))
}

/// After a kill that returns before the deaths: who lives when their number has not changed for a while, or was born
/// since.
fn survivors(job: &TreeJob) -> Result<u64, Trouble> {
    let present: HashSet<i32> = job.bearers()?.into_iter().collect();
    let (mut count, mut since) = (present.len(), Instant::now());
    loop {
        let alive = job.bearers()?;
        let born_after = alive.iter().any(|pid| !present.contains(pid));
        if alive.len() != count {
            (count, since) = (alive.len(), Instant::now());
        }
        if born_after || since.elapsed() > GRACE {
            return Ok(alive.len() as u64);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// After a kill that claims to be complete: anybody at all, at once.
fn living(job: &TreeJob) -> Result<u64, Trouble> {
    let looks = (0..3).map(|_| job.bearers().map(|alive| alive.len() as u64));
    looks.collect::<Result<Vec<_>, _>>().map(|counts| counts.into_iter().max().unwrap_or(0))
}

fn deadline(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let policy = setting.plan.policy().clone().deadline(DEADLINE);
    let plan = replan(setting.plan, &policy)?;
    let setting = Setting { plan: &plan, ..*setting };
    let runs = if setting.side == Side::Control { 1 } else { 3 };
    let mut tally = Tally { effect: "ran on after the deadline", ..Tally::default() };
    let mut late = Vec::new();
    for _ in 0..runs {
        let tree = TreeJob::start(&setting, Tree::escapees(6))?;
        tally.n += 1;
        if setting.side == Side::Control {
            // Nobody waits for it, so nothing is done at the deadline but what a program does by itself.
            std::thread::sleep(DEADLINE + GRACE);
            tally.through += u64::from(living(&tree)? > 0);
            continue;
        }
        let (end, left) = tree.wait()?;
        tally.through += u64::from(left > 0 || end.cause != Cause::Deadline);
        late.push(u64::try_from(end.run_duration.saturating_sub(DEADLINE).as_nanos()).unwrap_or(u64::MAX));
    }
    note(&mut tally, "last_death_after_deadline", late);
    Ok(tally)
}
