//! A control group of our own, for a judge: who is in it, is it empty, what is its limit.
//!
//! Source: cgroups(7), Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{freezer-subsystem,pids}.rst.
//!
//! It is made below the group of the caller, in whichever hierarchy is asked for, and removed when dropped, members
//! killed. Membership is inherited by every fork and left only by a write into another group, which the members
//! measured here never get a descriptor for; so it is the kernel's own account of a tree.
//!
//! Known hole: a process that is exiting leaves `cgroup.procs` before it is reaped: emptiness is the last *death*.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};

use super::MeasureError;

/// Which tree of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// The unified one.
    V2,
    /// The one of this controller.
    V1(&'static str),
}

/// A group that exists as long as this value.
pub(crate) struct Cgroup {
    dir: PathBuf,
}

impl Cgroup {
    /// Makes a fresh, empty group below the caller's own.
    pub(crate) fn make(hierarchy: Hierarchy) -> Result<Self, MeasureError> {
        let what = match hierarchy {
            Hierarchy::V2 => "cgroup v2",
            Hierarchy::V1("freezer") => "cgroup v1 freezer",
            Hierarchy::V1("cpu") => "cgroup v1 cpu",
            Hierarchy::V1(_) => "cgroup v1 pids",
        };
        let unavailable = |reason: String| MeasureError::Unavailable { what, reason };
        let parent = own_group(hierarchy).ok_or_else(|| unavailable("not mounted".into()))?;
        let name = crate::clean::fresh_name().map_err(MeasureError::io("/proc/self/stat"))?;
        let dir = parent.join(name);
        fs::create_dir(&dir).map_err(|e| unavailable(format!("{}: {e}", dir.display())))?;
        let group = Self { dir };
        // Permission to make a group is not yet permission to move into it.
        group.entrance().map_err(|e| unavailable(format!("cgroup.procs: {e}")))?;
        Ok(group)
    }

    /// A descriptor through which a process joins, by writing `0`.
    pub(crate) fn entrance(&self) -> io::Result<OwnedFd> {
        Ok(fs::OpenOptions::new().write(true).open(self.dir.join("cgroup.procs"))?.into())
    }

    /// Opens a file of the group for reading.
    pub(crate) fn open(&self, file: &str) -> io::Result<fs::File> {
        fs::File::open(self.dir.join(file))
    }

    /// Reads a file of the group.
    pub(crate) fn read(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(self.dir.join(file))
    }

    /// Writes a file of the group.
    pub(crate) fn write(&self, file: &str, value: &str) -> io::Result<()> {
        fs::OpenOptions::new().write(true).open(self.dir.join(file))?.write_all(value.as_bytes())
    }

    /// Is there such a file?
    pub(crate) fn has(&self, file: &str) -> bool {
        self.dir.join(file).exists()
    }

    /// The living processes in it, by number.
    pub(crate) fn members(&self) -> io::Result<Vec<i32>> {
        let mut pids: Vec<i32> = self.read("cgroup.procs")?.lines().filter_map(|l| l.parse().ok()).collect();
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Signals each member once, by a descriptor that is checked against the group again: never by a bare number.
    pub(crate) fn kill_each(&self) -> io::Result<()> {
        for pid in self.members()? {
            let Some(pid) = Pid::from_raw(pid) else { continue };
            let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
            if self.members()?.contains(&pid.as_raw_nonzero().get()) {
                let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
            }
        }
        Ok(())
    }

    /// Kills until it is empty, by whatever this hierarchy has.
    pub(crate) fn clear(&self, limit: Duration) -> Result<(), MeasureError> {
        let start = Instant::now();
        loop {
            if self.has("freezer.state") {
                let _ = self.write("freezer.state", "THAWED");
            }
            if !self.has("cgroup.kill") || self.write("cgroup.kill", "1").is_err() {
                let _ = self.kill_each();
            }
            match self.members() {
                Ok(pids) if pids.is_empty() => return Ok(()),
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                _ if start.elapsed() > limit => {
                    let limit_ms = limit.as_millis() as u64;
                    return Err(MeasureError::Timeout { what: "emptying a control group", limit_ms });
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.clear(Duration::from_secs(5));
        // Members that are still exiting hold the directory for a moment.
        for _ in 0..500 {
            match fs::remove_dir(&self.dir) {
                Err(e) if e.kind() == ErrorKind::ResourceBusy => std::thread::sleep(Duration::from_millis(2)),
                _ => return,
            }
        }
    }
}

/// The directory of the caller's own group.
fn own_group(hierarchy: Hierarchy) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    find_group(hierarchy, &mounts, &groups).filter(|dir| dir.is_dir())
}

/// From the text of `/proc/self/mountinfo` and `/proc/self/cgroup`; proc_pid_mountinfo(5).
fn find_group(hierarchy: Hierarchy, mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let matches = match hierarchy {
            Hierarchy::V2 => id == "0" && controllers.is_empty(),
            Hierarchy::V1(name) => controllers.split(',').any(|c| c == name),
        };
        matches.then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        let (kind, options) = (filesystem.next()?, filesystem.nth(1)?);
        let matches = match hierarchy {
            Hierarchy::V2 => kind == "cgroup2",
            Hierarchy::V1(name) => kind == "cgroup" && options.split(',').any(|o| o == name),
        };
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let below = Path::new(own).strip_prefix(root).ok()?;
        matches.then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_either_layout() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
                      31 23 0:27 / /sys/fs/cgroup/pids rw,relatime shared:3 - cgroup cgroup rw,pids\n\
                      32 23 0:28 /box /mnt/cpu rw - cgroup cgroup rw,cpu,cpuacct";
        let groups = "8:pids:/a/b\n4:cpu,cpuacct:/box/c\n0::/u";
        let find = |h| find_group(h, mounts, groups);
        assert_eq!(find(Hierarchy::V2), Some("/sys/fs/cgroup/unified/u".into()));
        assert_eq!(find(Hierarchy::V1("pids")), Some("/sys/fs/cgroup/pids/a/b".into()));
        assert_eq!(find(Hierarchy::V1("cpuacct")), Some("/mnt/cpu/c".into()));
        assert_eq!(find(Hierarchy::V1("freezer")), None);
    }
}
