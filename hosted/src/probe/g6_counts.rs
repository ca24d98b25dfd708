//! G6, what is counted: threads, the dead that nobody has waited for, the size of a file, descriptors; and the group that
//! counts, which a job may not leave.
//!
//! The limits are those of the trial, small, in place of the policy's. Source: pids.rst of the kernel's cgroup-v1, getrlimit(2), cgroups(7)
//! on migration.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G6;

use super::g6::{no_limit, status_number};
use super::named::{Kind, Named, Removed};
use super::stage::{Running, Setting, Trouble, replan};
use super::tally::Tally;
use super::{Attack, Claims, Deciders, Probe};
use crate::PrimitiveId::{self, *};
use crate::actor::Task;

const PROCESSES: u32 = 24;
const FILE_BYTES: u64 = 1 << 20;
const DESCRIPTORS: u64 = 64;

const COUNTED: &[PrimitiveId] = &[CgroupV2Pids, CgroupV1Pids, RlimitProcesses];
const FIX_COUNTED: &str = "pids.max of a cgroup, or RLIMIT_NPROC in a user namespace";

pub(super) const PROBES: &[Probe] = &[
    probe(
        "G6.threads",
        "one process has more threads than the limit of processes",
        Deciders::silent(COUNTED),
        FIX_COUNTED,
        threads,
        |_, claims| {
            let stack = || std::thread::Builder::new().stack_size(64 << 10);
            let sleep = || std::thread::sleep(Duration::from_secs(5));
            let result = (0..3 * PROCESSES).try_for_each(|_| stack().spawn(sleep).map(drop));
            claims.say("clone", &result);
            sleep();
        },
    ),
    probe(
        "G6.unreaped",
        "more children are dead and not waited for than the limit",
        Deciders::silent(COUNTED),
        FIX_COUNTED,
        unreaped,
        |_, claims| {
            let mut result = Ok(());
            for _ in 0..3 * PROCESSES {
                // SAFETY: the actor has one thread.
                match unsafe { libc::fork() } {
                    // SAFETY: ends the child.
                    0 => unsafe { libc::_exit(0) },
                    -1 => {
                        result = Err(io::Error::last_os_error());
                        break;
                    }
                    _ => {}
                }
            }
            claims.say("fork", &result);
            std::thread::sleep(Duration::from_secs(5));
        },
    ),
    probe(
        "G6.leave",
        "leaves the group that counts its processes",
        Deciders {
            expected: &[LandlockFiles, PrivateRoot],
            says: &[(LandlockFiles, libc::EACCES), (PrivateRoot, libc::ENOENT)],
        },
        "Landlock or a private root, so that the tree of cgroups cannot be written",
        left,
        |attack, claims| {
            let file = fs::OpenOptions::new().write(true).open(attack.target("group"));
            claims.say("write to cgroup.procs", &file.and_then(|mut file| file.write_all(b"0")));
            std::thread::sleep(Duration::from_secs(5));
        },
    ),
    probe(
        "G6.file",
        "writes a file that is larger than the limit",
        Deciders { expected: &[RlimitFileSize], says: &[(RlimitFileSize, libc::EFBIG)] },
        "RLIMIT_FSIZE",
        file,
        |attack, claims| {
            // The errno is wanted, and not the signal.
            // SAFETY: of this process alone.
            unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
            let block = vec![1u8; 64 << 10];
            let result = fs::File::create(format!("{}/large", attack.target("inside")))
                .and_then(|mut file| (0..2 * FILE_BYTES / block.len() as u64).try_for_each(|_| file.write_all(&block)));
            claims.say("write", &result);
        },
    ),
    probe(
        "G6.descriptors",
        "has more descriptors open than the limit",
        Deciders { expected: &[RlimitDescriptors], says: &[(RlimitDescriptors, libc::EMFILE)] },
        "RLIMIT_NOFILE",
        descriptors,
        |_, claims| {
            let mut held = Vec::new();
            let result = (0..3 * DESCRIPTORS).try_for_each(|_| fs::File::open("/dev/null").map(|file| held.push(file)));
            claims.say("open", &result);
            std::thread::sleep(Duration::from_secs(5));
            drop(held);
        },
    ),
];

const fn probe(
    id: &'static str,
    about: &'static str,
    deciders: Deciders,
    fix: &'static str,
    trial: fn(&Setting<'_>) -> Result<Tally, Trouble>,
    attack: fn(&Attack, &mut Claims),
) -> Probe {
    Probe { id, guarantee: G6, about, deciders, fix, trial, attack }
}

// --- outside

/// Has it made under a plan with a limit of the trial's, and counts when the attacker says that it is done.
fn counted(
    setting: &Setting<'_>,
    limit: u64,
    plan: crate::Plan,
    count: impl Fn(&Running) -> Result<u64, Trouble>,
) -> Result<Tally, Trouble> {
    let setting = Setting { plan: &plan, rounds: 1, ..*setting };
    let mut attack = setting.attack();
    attack.targets.insert("inside".into(), setting.place.inside().to_string_lossy().into_owned());
    let running = setting.start(&Task::Attack(attack))?;
    let claims = running.first_claim();
    let count = count(&running)?;
    drop(running);
    let mut tally = setting.tally("passed the limit", u64::from(count > limit), &claims);
    tally.numbers.insert("limit".into(), limit);
    tally.numbers.insert("peak".into(), count);
    Ok(tally)
}

fn few_processes(setting: &Setting<'_>) -> Result<crate::Plan, Trouble> {
    let policy = setting.plan.policy();
    policy.processes_limit().ok_or_else(|| no_limit("processes"))?;
    replan(setting.plan, &policy.clone().processes(PROCESSES), setting.plan.facts())
}

fn threads(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    counted(setting, PROCESSES.into(), few_processes(setting)?, |running| {
        let members = running.job.members().map_err(Trouble::io("the account of the job"))?;
        Ok(members.into_iter().map(|pid| status_number(pid, "Threads:")).sum())
    })
}

/// The attacker itself, and its children that are dead and still there.
fn unreaped(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    counted(setting, PROCESSES.into(), few_processes(setting)?, |running| {
        let parent = running.job.id();
        let entries = fs::read_dir("/proc").map_err(Trouble::io("list /proc"))?.flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let of_it = |pid: &u32| crate::linux::family::parent_of(*pid) == Some(parent);
        Ok(1 + pids.filter(of_it).count() as u64)
    })
}

fn left(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let facts = setting.plan.facts();
    let trees = [facts.v2_with("pids").map(|v2| &v2.own), facts.v1_with("pids").map(|v1| &v1.own)];
    let Some(tree) = trees.into_iter().flatten().next() else {
        return Err(Trouble::NotHere {
            why: "no cgroup that counts processes may be made here".into(),
            remedy: "systemd-run --user --scope -p Delegate=yes".into(),
        });
    };
    let name = crate::clean::fresh_name().map_err(Trouble::io("/proc/self/stat"))?;
    let path = tree.join(&name);
    let group = Removed(Named::new(Kind::Directory, path.to_string_lossy()));
    group.0.make("").map_err(Trouble::io("make a cgroup"))?;
    let setting = Setting { rounds: 1, ..*setting };
    let mut attack = setting.attack();
    attack.targets.insert("group".into(), path.join("cgroup.procs").to_string_lossy().into_owned());
    let mut running = setting.start(&Task::Attack(attack))?;
    let claims = running.first_claim();
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", running.job.id())).unwrap_or_default();
    let there = groups.lines().any(|line| line.ends_with(&name));
    // Before the group can be removed.
    let _ = running.job.kill();
    Ok(setting.tally("left it", u64::from(there), &claims))
}

fn file(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let policy = setting.plan.policy();
    policy.file_limit_bytes().ok_or_else(|| no_limit("the size of files"))?;
    let plan = replan(setting.plan, &policy.clone().file_bytes(FILE_BYTES), setting.plan.facts())?;
    let path = setting.place.inside().join("large");
    counted(setting, FILE_BYTES, plan, |_| Ok(fs::metadata(&path).map_or(0, |file| file.len())))
}

fn descriptors(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let policy = setting.plan.policy();
    policy.descriptors_limit().ok_or_else(|| no_limit("descriptors"))?;
    let plan = replan(setting.plan, &policy.clone().descriptors(DESCRIPTORS), setting.plan.facts())?;
    counted(setting, DESCRIPTORS, plan, |running| {
        let open = fs::read_dir(format!("/proc/{}/fd", running.job.id()));
        Ok(open.map_err(Trouble::io("list descriptors"))?.count() as u64)
    })
}
