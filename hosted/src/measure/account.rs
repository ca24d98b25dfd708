//! The judge's account of a tree: who lives, and is it empty, by the kernel's own word.
//!
//! - A cgroup of version 2 where one may be made: `cgroup.procs`, and `populated` in `cgroup.events`.
//! - Else the pid namespace around the tree, which takes a user namespace and no privilege: its init, the arena's
//!   supervisor, inherits every orphan, so `ECHILD` to it means empty, and who descends from it is a member.
//!
//! Source: cgroup-v2.rst, "populated"; pid_namespaces(7).
//!
//! Known hole: the second account is *counted* by a walk of `/proc`, exact for members at rest, a lower bound for
//! members that keep forking. Whether it is *empty* is exact in both.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::MeasureError;
use super::cgroup::{Cgroup, Hierarchy};
use super::raw;

/// See the module.
pub(crate) enum Account {
    /// A group made for this tree.
    Group(Cgroup),
    /// The namespace whose init is the arena's supervisor.
    PidNamespace,
}

impl Account {
    /// The best that may be had here.
    pub(crate) fn open() -> Self {
        Cgroup::make(Hierarchy::V2).map_or(Self::PidNamespace, Self::Group)
    }

    /// Its name, for the evidence.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Group(_) => "cgroup v2",
            Self::PidNamespace => "pid namespace",
        }
    }

    /// The group, if it is one.
    pub(crate) fn group(&self) -> Option<&Cgroup> {
        match self {
            Self::Group(group) => Some(group),
            Self::PidNamespace => None,
        }
    }

    /// The living members, by number, the supervisor not among them.
    pub(crate) fn members(&self, supervisor: i32) -> Result<Vec<i32>, MeasureError> {
        match self {
            Self::Group(group) => group.members().map_err(MeasureError::io("read cgroup.procs")),
            Self::PidNamespace => descendants(supervisor),
        }
    }

    /// Waits until the group is empty; `None` where only the supervisor can tell.
    pub(crate) fn wait_empty(&self, limit: Duration) -> Result<Option<Emptiness>, MeasureError> {
        let Some(group) = self.group() else { return Ok(None) };
        let events = group.open("cgroup.events").map_err(MeasureError::io("open cgroup.events"))?;
        let deadline = Instant::now() + limit;
        loop {
            let text = group.read("cgroup.events").map_err(MeasureError::io("read cgroup.events"))?;
            if text.lines().any(|line| line == "populated 0") {
                return Ok(Some(Emptiness::Empty));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Some(Emptiness::Populated));
            }
            // A change may come before the poll begins: it is looked at again after a while in any case.
            raw::wait_for(events.as_fd(), PollFlags::PRI, left.min(Duration::from_millis(5)));
        }
    }
}

/// Is anybody left?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// Nobody.
    Empty,
    /// Somebody, when the limit passed.
    Populated,
}

/// What `/proc` says of a process: its name, state, parent and process group; proc_pid_stat(5).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
}

impl Stat {
    pub(crate) fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(") ")?;
        let mut fields = tail.split(' ');
        Some(Self {
            name: head.split_once('(')?.1.into(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }

    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// The living processes of this name, by number.
pub(crate) fn bearers(name: &str) -> Result<Vec<i32>, MeasureError> {
    let all = processes()?;
    Ok(all.into_iter().filter(|(_, stat)| stat.lives() && stat.name == name).map(|(pid, _)| pid).collect())
}

/// Kills who bears this name, each by a descriptor that is checked against the name again: never by a bare number.
pub(crate) fn kill_bearers(pids: Vec<i32>, name: &str) {
    for pid in pids.into_iter().filter_map(Pid::from_raw) {
        let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
        // Read again now that the descriptor pins it: the number may have passed to somebody else before.
        if Stat::read(pid.as_raw_nonzero().get()).is_some_and(|stat| stat.name == name) {
            let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
        }
    }
}

/// All processes that `/proc` shows.
pub(crate) fn processes() -> Result<HashMap<i32, Stat>, MeasureError> {
    let entries = fs::read_dir("/proc").map_err(MeasureError::io("read /proc"))?;
    let pids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
    Ok(pids.filter_map(|pid| Some((pid, Stat::read(pid)?))).collect())
}

fn descendants(ancestor: i32) -> Result<Vec<i32>, MeasureError> {
    let all = processes()?;
    let descends = |pid: i32| {
        let mut at = pid;
        // A chain longer than the table is one that changed while it was read.
        for _ in 0..all.len() {
            match all.get(&at) {
                Some(stat) if stat.parent == ancestor => return true,
                Some(stat) => at = stat.parent,
                None => return false,
            }
        }
        false
    };
    Ok(all.iter().filter(|(pid, stat)| stat.lives() && descends(**pid)).map(|(pid, _)| *pid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let stat = Stat::parse("12 (a) b) (c) S 7 12 12 0").unwrap();
        assert_eq!(stat, Stat { name: "a) b) (c".into(), state: 'S', parent: 7, group: 12 });
        assert!(stat.lives());
    }
}
