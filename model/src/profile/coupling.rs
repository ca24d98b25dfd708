//! Axis *coupling*: whether what a context is scheduled by is an object of its own, or hangs on what decides its rights or tracks its process.
//!
//! `WithDomain · WithGroup · Separate`. Where the two are one object, what competes for the core is the group (or the domain): all contexts of it by what the first of its
//! declared contexts is scheduled by, and among each other as they became ready. Whoever wants to move a process for the one reason moves it
//! for the other too. Nothing is claimed of one against another.
//!
//! Sources: `cgroups(7)` and the cgroup v2 documentation (one membership in one hierarchy decides limits, `cgroup.kill`, `cpu.weight` and `cpu.max`); `sched(7)`,
//! *The autogroup feature* (a session is what competes, and `nice(2)` counts inside it); Windows, *Job Objects* (scheduling class, priority class and
//! CPU rate are the job's); the seL4 reference manual, *Domains* (a thread's domain says in which slots it runs), and *Scheduling Contexts*; A. Lyons, K.
//! McLeod, H. Almatary, G. Heiser, *Scheduling-context capabilities*, EuroSys 2018 (time as an object of its own).

use serde::{Deserialize, Serialize};

use crate::system::{DomainId, GroupId, Process};

/// Whether schedules hang on domains or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coupling {
    /// The security domain is what is scheduled.
    WithDomain,
    /// The job group is.
    WithGroup,
    /// Each context is, by an object that is neither.
    Separate,
}

impl Coupling {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::WithDomain, Self::WithGroup, Self::Separate];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::WithDomain => "with the domain",
            Self::WithGroup => "with the job group",
            Self::Separate => "separate",
        }
    }

    /// Is a context of that domain, in that group, scheduled together with those of the declared process?
    pub fn joins(self, domain: DomainId, group: Option<GroupId>, with: &Process) -> bool {
        match self {
            Self::WithDomain => with.domain == domain,
            Self::WithGroup => group.is_some() && with.group == group,
            Self::Separate => false,
        }
    }
}
