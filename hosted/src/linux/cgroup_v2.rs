//! Primitives `cgroup-v2`, `cgroup-v2-pids`, `cgroup-v2-memory`: membership from birth, the kernel's account, limits.
//!
//! Calls: `mkdir`, `clone3(CLONE_INTO_CGROUP)` or a write of `0` to `cgroup.procs` before the program starts,
//! `cgroup.kill`, `cgroup.events`, `pids.max`, `memory.max`, `memory.swap.max`, `memory.oom.group`.
//! Source: `cgroups(7)`, the kernel's `admin-guide/cgroup-v2.rst`.
//!
//! `populated 0` means that no member is alive; members that are dead and unreaped do not count there, though they do
//! in `pids.current`. `cgroup.kill` (Linux 5.14) also reaches what is being forked.
//!
//! Holes: a controller can be enabled for children only in a cgroup without processes of its own. Where ours has no
//! process but us, we move into a leaf `lacuna-…-supervisor`; where others live beside us, the controller is unmet.

use std::fs;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use super::cgroup::{Group, SUPERVISOR, members};

/// A cgroup of version 2 of a job.
#[derive(Debug)]
pub(crate) struct JobGroup {
    pub(crate) group: Group,
    kill: OwnedFd,
    events: fs::File,
}

impl JobGroup {
    pub(crate) fn create(own: &Path) -> io::Result<Self> {
        let group = Group::create(own)?;
        let kill = group.open("cgroup.kill", OFlags::WRONLY)?;
        let events = group.open("cgroup.events", OFlags::RDONLY)?.into();
        Ok(Self { group, kill, events })
    }

    /// The open `cgroup.kill`.
    pub(crate) fn kill_file(&self) -> &OwnedFd {
        &self.kill
    }

    /// Kills every member at once.
    pub(crate) fn kill(&self) -> io::Result<()> {
        rustix::io::write(&self.kill, b"1")?;
        Ok(())
    }

    /// Is nobody alive in it?
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        let mut text = String::new();
        (&self.events).rewind()?;
        (&self.events).read_to_string(&mut text)?;
        populated(&text).map(|populated| !populated).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Waits until nobody is alive in it. `false` if that was not so by then.
    pub(crate) fn wait_empty(&self, until: Instant) -> io::Result<bool> {
        loop {
            if self.is_empty()? {
                return Ok(true);
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else { return Ok(false) };
            // The file turns to POLLPRI when its text changes after the read above: no change is lost between.
            let timeout = rustix::event::Timespec::try_from(left).unwrap_or_default();
            match poll(&mut [PollFd::new(&self.events, PollFlags::PRI)], Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn populated(events: &str) -> Option<bool> {
    events.lines().find_map(|line| line.strip_prefix("populated ")).map(|value| value != "0")
}

/// Sets `pids.max`.
pub(crate) fn limit_processes(group: &Group, at_most: u32) -> io::Result<()> {
    group.set("pids.max", &at_most.to_string())
}

/// Sets `memory.max`, allows no swap, and lets the group die as one.
pub(crate) fn limit_memory(group: &Group, bytes: u64) -> io::Result<()> {
    group.set("memory.max", &bytes.to_string())?;
    match group.set("memory.swap.max", "0") {
        // A kernel without swap has no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => result?,
    }
    group.set("memory.oom.group", "1")
}

/// Controllers that children of `own` have, and those that could be enabled for them.
pub(crate) fn controllers(own: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let words = |file: &str| -> io::Result<Vec<String>> {
        let text = fs::read_to_string(own.join(file))?;
        Ok(text.split_ascii_whitespace().map(Into::into).collect())
    };
    let enabled = words("cgroup.subtree_control")?;
    // Only the root of the whole hierarchy has no type, and only it may have both processes and controllers.
    let is_root = !own.join("cgroup.type").exists();
    let this = std::process::id();
    let alone = members(own)?.iter().all(|pid| *pid == this);
    let writable = rustix::fs::access(own.join("cgroup.subtree_control"), rustix::fs::Access::WRITE_OK).is_ok();
    let can_enable = if writable && (is_root || alone) { words("cgroup.controllers")? } else { Vec::new() };
    Ok((enabled.clone(), can_enable.into_iter().filter(|name| !enabled.contains(name)).collect()))
}

/// Enables a controller for the children of our own cgroup, moving ourselves to a leaf where the kernel wants it.
pub(crate) fn enable(own: &Path, controller: &str) -> io::Result<()> {
    if controllers(own)?.0.iter().any(|name| name == controller) {
        return Ok(());
    }
    if own.join("cgroup.type").exists() && !members(own)?.is_empty() {
        let leaf = own.join(crate::clean::fresh_name()? + SUPERVISOR);
        fs::create_dir(&leaf)?;
        fs::write(leaf.join("cgroup.procs"), std::process::id().to_string())?;
    }
    fs::write(own.join("cgroup.subtree_control"), format!("+{controller}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_tell_life() {
        assert_eq!(populated("populated 1\nfrozen 0\n"), Some(true));
        assert_eq!(populated("populated 0\nfrozen 0\n"), Some(false));
        assert_eq!(populated("frozen 0\n"), None);
    }
}
