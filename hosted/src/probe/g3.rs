//! G3: every descendant stays in the job's account.
//!
//! Escape is attempted by what leaves a process group and a session (setsid, double fork), and by what leaves a cgroup (a
//! write into another one). Where the plan has no job group, and so in the control, a job is tracked as is done then: by
//! its process group. (That our judge knows better is not the plan's merit.)
//!
//! Source: setsid(2), daemon(7), cgroups(7) on migration.

use std::collections::HashSet;
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G3;

use super::stage::{Setting, Trouble};
use super::tally::Tally;
use super::trees::TreeJob;
use super::{Deciders, Probe};
use crate::PrimitiveId::{self, *};
use crate::actor::Task;
use crate::measure::account::{self, Stat};
use crate::measure::arena::{name_bytes, new_name};
use crate::measure::tree::Tree;

pub(super) const TRACKING: &[PrimitiveId] = &[CgroupV2, PidNamespace, CgroupV1Freezer];
const ESCAPEES: u32 = 6;
const RUNS: u64 = 3;

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G3.detach",
        guarantee: G3,
        about: "leaves session, process group and parent by setsid and a second fork",
        deciders: Deciders::silent(TRACKING),
        fix: "a cgroup or a pid namespace from birth",
        trial: detach,
        attack: |_, _| {},
    },
    Probe {
        id: "G3.migrate",
        guarantee: G3,
        about: "writes itself into another cgroup",
        deciders: Deciders {
            expected: &[LandlockFiles, PrivateRoot],
            // EACCES tells nothing: the tree of cgroups has its own rules of who may move whom.
            says: &[(PrivateRoot, libc::ENOENT)],
        },
        fix: "Landlock or a private root, so that the tree of cgroups cannot be written",
        trial: migrate,
        attack: |attack, claims| {
            let name = name_bytes(attack.target("name"));
            // SAFETY: sixteen bytes that end in a zero.
            unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
            let result = std::fs::OpenOptions::new()
                .write(true)
                .open(attack.target("group"))
                .and_then(|mut file| std::io::Write::write_all(&mut file, b"0"));
            claims.say("write to cgroup.procs", &result);
            std::thread::sleep(Duration::from_secs(5));
        },
    },
    Probe {
        id: "G3.born",
        guarantee: G3,
        about: "has a child born in another cgroup",
        deciders: Deciders {
            expected: &[SeccompSurface, LandlockFiles, PrivateRoot],
            says: &[(SeccompSurface, libc::ENOSYS), (PrivateRoot, libc::ENOENT)],
        },
        fix: "a private root, so that no other cgroup can be opened, and a filter of clone3",
        trial: migrate,
        attack: |attack, claims| {
            let name = name_bytes(attack.target("name"));
            let group = std::path::Path::new(attack.target("group")).parent().map(std::path::Path::to_path_buf);
            let opened = std::fs::File::open(group.unwrap_or_default());
            // struct clone_args, 88 bytes: flags first, the exit signal fifth, the cgroup last.
            const INTO_CGROUP: u64 = 0x2_0000_0000;
            let group = opened.as_ref().map_or(0, std::os::fd::AsRawFd::as_raw_fd) as u64;
            let arguments = [INTO_CGROUP, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0, 0, 0, group];
            // SAFETY: a live local of the size passed; without CLONE_VM it is a fork of a process with one thread.
            let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
            if pid == 0 {
                // SAFETY: sixteen bytes that end in a zero.
                unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
                std::thread::sleep(Duration::from_secs(5));
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) }
            }
            let born = super::inside::check(pid);
            // Where none could be opened that is the answer, unless the call is not there at all.
            let not_there = born.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS));
            match opened {
                Err(error) if !not_there => claims.say("open", &Err::<(), _>(error)),
                _ => claims.say("clone3(CLONE_INTO_CGROUP)", &born),
            }
            std::thread::sleep(Duration::from_secs(5));
        },
    },
];

/// Those of the living that the tracking knows nothing of.
fn lost(setting: &Setting<'_>, tree: &TreeJob, alive: &[i32]) -> Result<u64, Trouble> {
    let job = &tree.running.job;
    let known: HashSet<i32> = if setting.applies(TRACKING) {
        let members = job.members().map_err(Trouble::io("the account of the job"))?;
        members.into_iter().map(u32::cast_signed).collect()
    } else {
        let leader = job.id().cast_signed();
        alive.iter().copied().filter(|pid| Stat::read(*pid).is_some_and(|stat| stat.group == leader)).collect()
    };
    Ok(alive.iter().filter(|pid| !known.contains(pid)).count() as u64)
}

fn detach(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let mut tally = Tally { effect: "escaped the account", ..Tally::default() };
    for _ in 0..RUNS {
        let mut tree = TreeJob::start(setting, Tree::escapees(ESCAPEES))?;
        let alive = tree.settle()?;
        tally.n += u64::from(ESCAPEES);
        // The root does not try to escape.
        tally.through += lost(setting, &tree, &alive)?;
    }
    Ok(tally)
}

fn migrate(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let Some(hierarchy) = setting.plan.facts().v2_usable() else {
        return Err(Trouble::NotHere {
            why: "no cgroup of version 2 may be made here, so there is none to leave".into(),
            remedy: "systemd-run --user --scope -p Delegate=yes".into(),
        });
    };
    let setting = Setting { rounds: 1, ..*setting };
    let name = new_name();
    let mut attack = setting.attack();
    attack.targets.insert("name".into(), name.clone());
    attack.targets.insert("group".into(), hierarchy.own.join("cgroup.procs").to_string_lossy().into_owned());
    let mut running = setting.start(&Task::Attack(attack))?;
    // One claim, then it waits to be judged.
    let claims = running.first_claim();
    let start = std::time::Instant::now();
    let done = claims.iter().any(|claim| claim.errno.is_none());
    while done && account::bearers(&name)?.is_empty() && start.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let members = running.job.members().map_err(Trouble::io("the account of the job"))?;
    let alive = account::bearers(&name)?;
    let lost = alive.iter().filter(|pid| !members.contains(&pid.cast_unsigned())).count() as u64;
    account::kill_bearers(alive, &name);
    let _ = running.job.kill();
    Ok(setting.tally("left the account", lost, &claims))
}
