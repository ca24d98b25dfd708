//! Primitives `cgroup-v1-pids`, `cgroup-v1-memory`, `cgroup-v1-freezer`: limits and the kill where version 1 rules.
//!
//! Calls: `mkdir`; the job's first process writes `0` to `cgroup.procs` before the program starts; `pids.max`,
//! `memory.limit_in_bytes`, `memory.memsw.limit_in_bytes`; `freezer.state`. Source: `cgroups(7)`, the kernel's
//! `admin-guide/cgroup-v1/`.
//!
//! The kill is: freeze, wait for `FROZEN` (no member runs, so none forks), SIGKILL each member through a pidfd, thaw;
//! again until the list is empty. Assumptions: the job cannot write to the tree. Holes: `pids.max` counts the dead who
//! are not reaped (the keeper reaps at once); memory charged to the keeper before the join stays there; a member that
//! sleeps uninterruptibly delays `FROZEN`, so after a bounded wait members are killed unfrozen and the loop goes on.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::cgroup::{Group, members};

/// Sets `pids.max`.
pub(crate) fn limit_processes(group: &Group, at_most: u32) -> io::Result<()> {
    group.set("pids.max", &at_most.to_string())
}

/// Sets the limit of memory, and of memory with swap where the kernel counts it.
pub(crate) fn limit_memory(group: &Group, bytes: u64) -> io::Result<()> {
    group.set("memory.limit_in_bytes", &bytes.to_string())?;
    match group.set("memory.memsw.limit_in_bytes", &bytes.to_string()) {
        // The file is there only where swap is counted.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Kills all members of a freezer group, frozen. Returns when the list of members is empty, or `false` at `until`.
pub(crate) fn kill_frozen(group: &Group, until: Instant) -> io::Result<bool> {
    loop {
        if group.members()?.is_empty() {
            return Ok(true);
        }
        if Instant::now() > until {
            return Ok(false);
        }
        group.set("freezer.state", "FROZEN")?;
        let patience = Instant::now() + Duration::from_millis(100);
        while fs::read_to_string(group.path().join("freezer.state"))?.trim() != "FROZEN" && Instant::now() < patience {
            std::thread::sleep(Duration::from_micros(200));
        }
        let killed = kill_members(group.path());
        group.set("freezer.state", "THAWED")?;
        killed?;
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// SIGKILL to each process that is a member now. A number is turned into a pidfd, and the list read again, before
/// the signal: so it reaches a member, not a stranger who got the number since.
pub(crate) fn kill_members(path: &Path) -> io::Result<()> {
    let held: Vec<_> = members(path)?
        .into_iter()
        .filter_map(|pid| Some((pid, pidfd_open(Pid::from_raw(pid as i32)?, PidfdFlags::empty()).ok()?)))
        .collect();
    let still = members(path)?;
    for (pid, pidfd) in held {
        if still.contains(&pid) {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
    }
    Ok(())
}
