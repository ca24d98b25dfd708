//! Who descends from a process, by the parents that `/proc` shows: for people and counts, never for a verdict.
//!
//! Source: `proc_pid_stat(5)`. Holes: it is a walk, not a snapshot: a process that forks and exits while it goes on is
//! seen twice or not at all. The judge's word is a cgroup's or an init's (see [`Account`](crate::Account)).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The number of a pidfd's process in our own namespace, for people; `None` once it is reaped.
pub(crate) fn number_of(pidfd: &OwnedFd) -> Option<u32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
}

/// Living descendants of a pidfd's process.
pub(crate) fn descendants_of(ancestor: &OwnedFd) -> io::Result<Vec<u32>> {
    let Some(root) = number_of(ancestor) else { return Ok(Vec::new()) };
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let mut fields = fields.split_ascii_whitespace();
        if let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse::<u32>))
            && !matches!(state, "Z" | "X")
        {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}
