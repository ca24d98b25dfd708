//! G6: the processes and the memory of a job never pass its limits.
//!
//! The limits are those of the trial, small, in place of the policy's; which primitives apply is the plan's affair. The
//! judge counts living processes, and adds up what `/proc` says of their memory. Source: proc_pid_status(5) RssAnon,
//! memfd_create(2), getrlimit(2), cgroup-v2.rst.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use lacuna_model::guarantee::GuaranteeId::G6;

use super::stage::{Setting, Trouble, replan};
use super::tally::Tally;
use super::trees::TreeJob;
use super::{Attack, Claims, Deciders, Probe};
use crate::Plan;
use crate::PrimitiveId::{self, *};
use crate::actor::Task;
use crate::measure::tree::Tree;

const PROCESSES: u32 = 24;
pub(super) const MEMORY_BYTES: u64 = 64 << 20;
/// More than this is more than the limit: a page that processes share until one writes it is counted in each.
const PASSED_BYTES: u64 = MEMORY_BYTES + MEMORY_BYTES / 4;
/// The attacker stops here, twice the limit, if nothing else stops it.
pub(super) const MOST_BYTES: u64 = 2 * MEMORY_BYTES;
const BLOCK_BYTES: usize = 2 << 20;
const RUNS: u64 = 2;

pub(super) const MEMORY: &[PrimitiveId] = &[CgroupV2Memory, CgroupV1Memory, RlimitMemory];
pub(super) const FIX_MEMORY: &str =
    "memory.max of a cgroup: RLIMIT_AS counts each process alone, and no file in memory";

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "G6.processes",
        guarantee: G6,
        about: "a bounded fork bomb keeps more processes alive than the limit",
        deciders: Deciders::silent(&[CgroupV2Pids, CgroupV1Pids, RlimitProcesses]),
        fix: "pids.max of a cgroup, or RLIMIT_NPROC in a user namespace",
        trial: processes,
        attack: |_, _| {},
    },
    Probe {
        id: "G6.memory.one",
        guarantee: G6,
        about: "one process takes twice the limit",
        deciders: Deciders { expected: MEMORY, says: &[(RlimitMemory, libc::ENOMEM)] },
        fix: FIX_MEMORY,
        trial: memory,
        attack: |_, claims| {
            fill(claims, MOST_BYTES);
            rest(claims);
        },
    },
    Probe {
        id: "G6.memory.many",
        guarantee: G6,
        about: "four processes take half the limit each",
        deciders: Deciders::silent(MEMORY),
        fix: FIX_MEMORY,
        trial: memory,
        attack: |_, claims| {
            let Ok((mut ready, full)) = std::io::pipe() else { return };
            for _ in 0..4 {
                // SAFETY: the actor has one thread.
                if unsafe { libc::fork() } == 0 {
                    fill(claims, MEMORY_BYTES / 2);
                    drop(full);
                    // Until the job is ended, with the parent.
                    std::thread::sleep(Duration::from_secs(5));
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(0) }
                }
            }
            drop(full);
            // Ends when each is full, or dead.
            let _ = ready.read(&mut [0]);
            rest(claims);
        },
    },
    Probe {
        id: "G6.memory.file",
        guarantee: G6,
        about: "a file in memory grows to twice the limit",
        deciders: Deciders::silent(MEMORY),
        fix: FIX_MEMORY,
        trial: memory,
        attack: |_, claims| {
            let file = rustix::fs::memfd_create(MEMORY_FILE, rustix::fs::MemfdFlags::CLOEXEC);
            match file.map(std::fs::File::from) {
                Ok(mut file) => {
                    let block = vec![1; BLOCK_BYTES];
                    let blocks = 0..MOST_BYTES / BLOCK_BYTES as u64;
                    let result = blocks.map(|_| file.write_all(&block)).find(Result::is_err).unwrap_or(Ok(()));
                    claims.say("write", &result);
                    rest(claims);
                }
                Err(errno) => claims.say("memfd_create", &Err::<(), _>(errno.into())),
            }
        },
    },
];

const MEMORY_FILE: &str = "lacuna-fill";

// --- inside

/// Takes memory and touches it, block by block.
fn fill(claims: &mut Claims, bytes: u64) {
    for _ in 0..bytes / BLOCK_BYTES as u64 {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh mapping at an address of the kernel's choice, never unmapped.
        let block = unsafe { libc::mmap(std::ptr::null_mut(), BLOCK_BYTES, prot, flags, -1, 0) };
        if block == libc::MAP_FAILED {
            return claims.say("mmap", &Err::<(), _>(std::io::Error::last_os_error()));
        }
        // SAFETY: just mapped for writing, this long.
        unsafe { std::ptr::write_bytes(block.cast::<u8>(), 1, BLOCK_BYTES) };
    }
    claims.say("mmap", &Ok(()));
}

/// What the attacker says when it has taken all that it could.
const REST: &str = "rest";

/// Holds what was taken until the judge has looked, and the job is ended.
fn rest(claims: &mut Claims) {
    claims.say(REST, &Ok(()));
    std::thread::sleep(Duration::from_secs(5));
}

// --- outside

fn processes(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let policy = setting.plan.policy();
    if policy.processes_limit().is_none() {
        return Err(no_limit("processes"));
    }
    let plan = replan(setting.plan, &policy.clone().processes(PROCESSES), setting.plan.facts())?;
    let setting = Setting { plan: &plan, ..*setting };
    let mut tally = Tally { effect: "passed the limit", ..Tally::default() };
    let mut peak = 0;
    for _ in 0..RUNS {
        let mut tree = TreeJob::start(&setting, Tree::bomb(3 * PROCESSES))?;
        let alive = tree.settle()?.len() as u64;
        peak = peak.max(alive);
        tally.n += 1;
        tally.through += u64::from(alive > u64::from(PROCESSES));
    }
    tally.numbers.insert("limit".into(), PROCESSES.into());
    tally.numbers.insert("peak".into(), peak);
    Ok(tally)
}

pub(super) fn no_limit(what: &str) -> Trouble {
    Trouble::NotHere { why: format!("the policy does not limit {what}"), remedy: "set a limit, and probe again".into() }
}

/// The plan with a limit of the trial's.
pub(super) fn limited_to(setting: &Setting<'_>, bytes: u64) -> Result<Plan, Trouble> {
    let policy = setting.plan.policy();
    if policy.memory_limit_bytes().is_none() {
        return Err(no_limit("memory"));
    }
    replan(setting.plan, &policy.clone().memory_bytes(bytes), setting.plan.facts())
}

fn memory(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let plan = limited_to(setting, MEMORY_BYTES)?;
    let setting = Setting { plan: &plan, rounds: 1, ..*setting };
    let mut tally = Tally { effect: "passed the limit", ..Tally::default() };
    let mut peak = 0;
    for _ in 0..RUNS {
        let mut running = setting.start(&Task::Attack(Attack { rounds: 1, ..setting.attack() }))?;
        let mut most = 0;
        let mut before: BTreeMap<u32, u64> = BTreeMap::new();
        let start = std::time::Instant::now();
        let (mut claims, mut looks) = (Vec::new(), 3);
        while running.alive() && looks > 0 && start.elapsed() < super::stage::PATIENCE {
            let members = running.job.members().map_err(Trouble::io("the account of the job"))?;
            let now: BTreeMap<u32, u64> = members.into_iter().map(|pid| (pid, bytes_of(pid))).collect();
            // The processes are read one after the other. What one held at the earlier look and still holds, it held at
            // the moment between the two looks, together with the others.
            let held = before.iter().map(|(pid, bytes)| now.get(pid).map_or(0, |now| *now.min(bytes)));
            most = most.max(held.sum());
            before = now;
            claims.extend(std::iter::from_fn(|| running.next_claim(Duration::ZERO)));
            looks -= i32::from(claims.iter().any(|claim| claim.call == REST));
            std::thread::sleep(Duration::from_millis(5));
        }
        // The children of the attacker still hold on.
        running.job.kill().map_err(|e| Trouble::Launch(e.to_string()))?;
        claims.extend(running.finish());
        peak = peak.max(most);
        tally.n += 1;
        tally.through += u64::from(most > PASSED_BYTES);
        tally.refusals_of(&claims);
        if claims.is_empty() {
            tally.refused("killed before it could say anything", None);
        }
    }
    tally.numbers.insert("limit_bytes".into(), MEMORY_BYTES);
    tally.numbers.insert("peak_bytes".into(), peak);
    Ok(tally)
}

/// Anonymous memory of a process, and its file in memory; 0 if it is gone.
fn bytes_of(pid: u32) -> u64 {
    let in_files: u64 = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().contains(MEMORY_FILE)))
        .filter_map(|fd| std::fs::metadata(fd.path()).ok())
        .map(|file| file.blocks() * 512)
        .sum();
    (status_number(pid, "RssAnon:") << 10) + in_files
}

/// A number of a process's `status`; 0 if it is gone.
pub(super) fn status_number(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
