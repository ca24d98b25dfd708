//! Trees of processes in a sandbox: started by the actor, known from outside by a name that they all bear.
//!
//! The name is the judge's second look: the first is the job's own account, which is what is attacked. A walk of `/proc`
//! misses members that keep forking now and then, so it only ever adds to what the account says.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::stage::{PATIENCE, Running, Setting, Trouble};
use crate::actor::Task;
use crate::measure::account;
use crate::measure::arena::new_name;
use crate::measure::raw;
use crate::measure::tree::Tree;

/// A tree in a sandbox. Dropped, it is dead, even what escaped the job.
pub(super) struct TreeJob {
    // Dropped first, and with it the job; then whoever escaped it.
    pub(super) running: Running,
    name: Name,
    ready: usize,
    announced: u64,
}

impl TreeJob {
    pub(super) fn start(setting: &Setting<'_>, tree: Tree) -> Result<Self, Trouble> {
        let (name, announced) = (new_name(), tree.announced());
        let running = setting.start(&Task::Tree { tree, name: name.clone() })?;
        Ok(Self { running, name: Name(name), ready: 0, announced })
    }

    /// Who bears the name and lives.
    pub(super) fn bearers(&self) -> Result<Vec<i32>, Trouble> {
        Ok(account::bearers(&self.name.0)?)
    }

    /// Waits until every process is where it forks on.
    pub(super) fn wait_under_way(&mut self) -> Result<(), Trouble> {
        for _ in 0..self.announced {
            if raw::read_byte(self.running.claims.as_fd(), PATIENCE) != Some(raw::READY) {
                let source = std::io::ErrorKind::TimedOut.into();
                return Err(Trouble::Io { what: "starting a tree in the sandbox", source });
            }
        }
        Ok(())
    }

    /// Waits until every bearer has said that it holds still, and gives their numbers. As in the arena: when as many
    /// live as had said so before they were counted, all had.
    pub(super) fn settle(&mut self) -> Result<Vec<i32>, Trouble> {
        let start = Instant::now();
        loop {
            while raw::wait_for(self.running.claims.as_fd(), PollFlags::IN, Duration::from_millis(2)) {
                let mut bytes = [0; 256];
                match rustix::io::read(&self.running.claims, &mut bytes) {
                    Ok(n @ 1..) => self.ready += n,
                    _ => break,
                }
            }
            let members = self.running.job.members().map_err(Trouble::io("the account of the job"))?.len();
            if members == self.ready && self.ready > 0 {
                return self.bearers();
            }
            // Where nobody can say anything any more, the wait above returns at once.
            std::thread::sleep(Duration::from_millis(1));
            if start.elapsed() > PATIENCE {
                let source = std::io::ErrorKind::TimedOut.into();
                return Err(Trouble::Io { what: "a tree in the sandbox did not come to rest", source });
            }
        }
    }
}

/// The name of a tree; dropped, nobody who bears it lives.
struct Name(String);

impl Drop for Name {
    fn drop(&mut self) {
        for _ in 0..100 {
            match account::bearers(&self.0) {
                Ok(pids) if !pids.is_empty() => account::kill_bearers(pids, &self.0),
                _ => return,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl TreeJob {
    /// Waits for the job's end, and says who bears the name after it.
    pub(super) fn wait(self) -> Result<(crate::End, usize), Trouble> {
        let Self { running, name, .. } = self;
        let end = running.job.wait().map_err(|e| Trouble::Launch(e.to_string()))?;
        Ok((end, account::bearers(&name.0)?.len()))
    }
}
