//! G4: after a kill of the job has returned, nobody of it runs; and how long that takes.
//!
//! The trees are those of the kill meter: members that left session, group and parent, and lanes in which no process
//! lives longer than it takes to fork the next. Where the plan has no job group, and so in the control, the kill is that
//! of a process group, and nobody looks at the clock.
//!
//! Whether anybody is left is asked of the job's account, and of `/proc` besides: a member that escaped the account
//! would be missed by the first, a member that keeps forking by the second.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use lacuna_model::guarantee::GuaranteeId::G4;
use rustix::process::{Pid, Signal};

use super::g3::TRACKING;
use super::stage::{Running, Setting, Trouble, replan};
use super::tally::Tally;
use super::trees::TreeJob;
use super::{Deciders, Probe};
use crate::PrimitiveId::*;
use crate::measure::kill::GRACE;
use crate::measure::stats::Durations;
use crate::measure::tree::Tree;
use crate::{Cause, Support};

const FIX: &str = "cgroup.kill or the death of a pid namespace's init";
/// A kill of a job group costs milliseconds; to be sure that one of a process group is over takes longer.
const RUNS: u64 = 6;
const UNGROUPED_RUNS: u64 = 2;
const DEADLINE: Duration = Duration::from_millis(120);
/// Where an attacker waits to be let go.
const GATE: i32 = 5;

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G4.escape",
        guarantee: G4,
        about: "members that left session, process group and parent survive a kill",
        deciders: Deciders::silent(TRACKING),
        fix: FIX,
        trial: |setting| kills(setting, &Tree::escapees(12), Shape::AtRest),
        attack: |_, _| {},
    },
    Probe {
        id: "G4.relay",
        guarantee: G4,
        about: "lanes of processes that fork the next and exit survive a kill",
        deciders: Deciders::silent(TRACKING),
        fix: FIX,
        trial: |setting| kills(setting, &Tree::relays(4), Shape::Forking),
        attack: |_, _| {},
    },
    Probe {
        id: "G4.deadline",
        guarantee: G4,
        about: "a tree that escapes runs on after its deadline",
        deciders: Deciders::silent(TRACKING),
        fix: FIX,
        trial: deadline,
        attack: |_, _| {},
    },
    Probe {
        id: "G4.keeper",
        guarantee: G4,
        about: "stops the process that is to end it",
        deciders: Deciders { expected: &[PidNamespace, LandlockScopes], says: &[(LandlockScopes, libc::EPERM)] },
        fix: "a pid namespace, whose init nobody in it can stop, or Landlock's scope of signals",
        trial: keeper_stopped,
        attack: |_, claims| {
            // Not before the launch is over: one that is stopped says nothing, and the supervisor would wait for it.
            // SAFETY: whoever wrote the task passed this number with it.
            crate::measure::raw::read_byte(unsafe { BorrowedFd::borrow_raw(GATE) }, Duration::from_secs(5));
            // SAFETY: takes integers; in a pid namespace the parent is its init, or of no number.
            let stopped = super::inside::check(unsafe { libc::kill(libc::getppid(), libc::SIGSTOP) });
            claims.say("kill", &stopped);
            std::thread::sleep(Duration::from_secs(5));
        },
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    AtRest,
    Forking,
}

fn kills(setting: &Setting<'_>, tree: &Tree, shape: Shape) -> Result<Tally, Trouble> {
    let grouped = setting.applies(TRACKING);
    let runs = if grouped { RUNS } else { UNGROUPED_RUNS };
    let mut tally = Tally { effect: "runs had survivors", ..Tally::default() };
    let mut times = Vec::new();
    let mut most = 0;
    for _ in 0..runs {
        let mut job = TreeJob::start(setting, tree.clone())?;
        match shape {
            Shape::AtRest => drop(job.settle()?),
            Shape::Forking => {
                job.wait_under_way()?;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let survivors = if grouped {
            let killed = job.running.job.kill().map_err(|e| Trouble::Launch(e.to_string()))?;
            times.push(u64::try_from(killed.as_nanos()).unwrap_or(u64::MAX));
            living(&job)?
        } else {
            kill_group(&job.running)?;
            survivors(&mut job)?
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
pub(super) fn kill_group(running: &Running) -> Result<(), Trouble> {
    let leader = Pid::from_raw(running.job.id().cast_signed());
    let gone = || Trouble::Io { what: "the first process is gone", source: std::io::ErrorKind::NotFound.into() };
    rustix::process::kill_process_group(leader.ok_or_else(gone)?, Signal::KILL).map_err(Trouble::sys("killpg"))
}

/// After a kill that returns before the deaths: who lives when the account's number has not changed for a while. Members
/// that keep forking may be missing from every list, but not from the kernel's word that somebody is left.
fn survivors(job: &mut TreeJob) -> Result<u64, Trouble> {
    let unknown = || Trouble::io("the account of the job");
    let (mut count, mut since, start) = (usize::MAX, Instant::now(), Instant::now());
    loop {
        let job = &mut job.running.job;
        if job.is_empty().map_err(unknown())? {
            return Ok(0);
        }
        let alive = job.members().map_err(unknown())?.len();
        if alive != count {
            (count, since) = (alive, Instant::now());
        }
        if since.elapsed() > GRACE || start.elapsed() > 3 * GRACE {
            return Ok(alive.max(1) as u64);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// After a kill that claims to be complete: anybody at all, at once.
fn living(job: &TreeJob) -> Result<u64, Trouble> {
    let looks = (0..3).map(|_| job.bearers().map(|alive| alive.len() as u64));
    looks.collect::<Result<Vec<_>, _>>().map(|counts| counts.into_iter().max().unwrap_or(0))
}

fn deadline(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let policy = setting.plan.policy().clone().deadline(DEADLINE);
    let plan = replan(setting.plan, &policy, setting.plan.facts())?;
    let setting = Setting { plan: &plan, ..*setting };
    let grouped = setting.applies(TRACKING);
    let runs = if grouped { 3 } else { 1 };
    let mut tally = Tally { effect: "ran on after the deadline", ..Tally::default() };
    let mut late = Vec::new();
    for _ in 0..runs {
        let tree = TreeJob::start(&setting, Tree::escapees(6))?;
        tally.n += 1;
        if !grouped {
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

/// The keeper is the parent of the first process; it goes on when the judge has looked.
fn keeper_stopped(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    // A namespace that only the judge makes for its account would protect the keeper of a control.
    let mut facts = setting.plan.facts().clone();
    if !setting.applies(&[PidNamespace]) {
        facts.namespaces.pid = Support::Fails("left out, so that the keeper is no init".into());
    }
    let plan = replan(setting.plan, setting.plan.policy(), &facts)?;
    let setting = Setting { plan: &plan, rounds: 1, ..*setting };
    let (gate, mut open) = std::io::pipe().map_err(Trouble::io("pipe"))?;
    let task = crate::actor::Task::Attack(setting.attack());
    let running = setting.start_passing(&task, &[(gate.as_fd(), GATE)])?;
    std::io::Write::write_all(&mut open, b"x").map_err(Trouble::io("write to a pipe"))?;
    let claims = running.first_claim();
    let keeper = crate::linux::family::parent_of(running.job.id());
    let gone = || Trouble::Io { what: "the first process is gone", source: std::io::ErrorKind::NotFound.into() };
    let keeper = keeper.and_then(|pid| Pid::from_raw(pid.cast_signed())).ok_or_else(gone)?;
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", keeper.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next())
    };
    // A stop takes effect when the stopped one runs next.
    let stopped = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(2));
        state() == Some('T')
    });
    // Our own child, not yet waited for: the number is still its.
    let _ = rustix::process::kill_process(keeper, Signal::CONT);
    Ok(setting.tally("stopped it", u64::from(stopped), &claims))
}
