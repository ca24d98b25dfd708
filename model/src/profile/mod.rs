//! Profiles: what a kernel **offers**, and what a supervisor **uses** of it, one file an axis.
//!
//! A [`Kernel`] is a set of choices on every axis. A [`Profile`] is one choice on every axis: the use of some kernel.
//! `linux` and `linux-hardened` are one kernel used in two ways. The relation asks an axis narrow questions ("does
//! this handle reach the child?"); nothing outside this module matches on a choice.

pub mod authority;
pub mod creation;
pub mod inheritance;
pub mod kill;
pub mod quota;
pub mod tracking;

pub use authority::Authority;
pub use creation::Creation;
pub use inheritance::Inheritance;
pub use kill::Kill;
pub use quota::Quota;
pub use tracking::Tracking;

use serde::Serialize;

/// One choice on every axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Profile {
    /// Its name, as in `--kernel`.
    pub name: String,
    /// How handles pass to a child.
    pub inheritance: Inheritance,
    /// How a process comes into being.
    pub creation: Creation,
    /// How descendants are found again.
    pub tracking: Tracking,
    /// What a kill of a group reaches.
    pub kill: Kill,
    /// Whose processes are counted.
    pub process_quota: Quota,
    /// Whose memory is counted.
    pub memory_quota: Quota,
    /// What decides an access to files and directories.
    pub files: Authority,
    /// What decides an access to the network.
    pub network: Authority,
}

/// What a kernel offers: the choices on every axis, each with the source that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub name: &'static str,
    /// Choices of [`Profile::inheritance`].
    pub inheritance: &'static [Inheritance],
    /// Choices of [`Profile::creation`].
    pub creation: &'static [Creation],
    /// Choices of [`Profile::tracking`].
    pub tracking: &'static [Tracking],
    /// Choices of [`Profile::kill`].
    pub kill: &'static [Kill],
    /// Choices of both quotas.
    pub quota: &'static [Quota],
    /// Choices of both authorities.
    pub authority: &'static [Authority],
}

/// Linux 5.14 and later: `pipe`, `pipe2`, `close_range(2)`; `fork`, `execve` (a `posix_spawn` of the C library is
/// both); parents, process groups, subreapers, cgroups and pid namespaces; `kill(2)`, `cgroup.kill`; `getrlimit(2)`,
/// the `pids` and `memory` controllers; user accounts, `landlock(7)`, `seccomp(2)`, namespaces.
pub const LINUX: Kernel = Kernel {
    name: "linux",
    inheritance: &Inheritance::ALL,
    creation: &[Creation::ForkThenExec],
    tracking: &Tracking::ALL,
    kill: &Kill::ALL,
    quota: &[Quota::None, Quota::PerUser, Quota::PerJobGroup],
    authority: &[Authority::AmbientByUser, Authority::Subtractive],
};

/// The kernel that could be: on every axis nothing but the strongest choice (MODEL.md, "The ideal kernel").
pub const IDEAL: Kernel = Kernel {
    name: "ideal",
    inheritance: &[Inheritance::ExplicitList],
    creation: &[Creation::Spawn],
    tracking: &[Tracking::JobGroup],
    kill: &[Kill::Atomic],
    quota: &[Quota::Reserved],
    authority: &[Authority::CapabilityOnly],
};

impl Kernel {
    /// Is every choice of the profile offered by this kernel? If not, the axis of the first that is not.
    ///
    /// # Errors
    /// The name of that axis.
    pub fn offers(&self, profile: &Profile) -> Result<(), &'static str> {
        let axes = [
            ("inheritance", self.inheritance.contains(&profile.inheritance)),
            ("creation", self.creation.contains(&profile.creation)),
            ("tracking", self.tracking.contains(&profile.tracking)),
            ("kill", self.kill.contains(&profile.kill)),
            ("process quota", self.quota.contains(&profile.process_quota)),
            ("memory quota", self.quota.contains(&profile.memory_quota)),
            ("files", self.authority.contains(&profile.files)),
            ("network", self.authority.contains(&profile.network)),
        ];
        axes.into_iter().find(|(_, offered)| !offered).map_or(Ok(()), |(axis, _)| Err(axis))
    }
}

impl Profile {
    /// The names that [`Profile::named`] knows, with a line on each.
    pub const NAMED: [(&'static str, &'static str); 3] = [
        ("ideal", "the kernel that could be: the strongest choice on every axis"),
        ("linux", "Linux as it is used every day: pipe and fcntl, fork and exec, killpg, no limits"),
        ("linux-hardened", "the same kernel, used well: close_range, cgroup.kill, limits, Landlock, namespaces"),
    ];

    /// The profile of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ideal" => Some(Self::ideal()),
            "linux" => Some(Self::linux()),
            "linux-hardened" => Some(Self::linux_hardened()),
            _ => None,
        }
    }

    /// The strongest choice on every axis.
    pub fn ideal() -> Self {
        Self {
            name: "ideal".into(),
            inheritance: Inheritance::ExplicitList,
            creation: Creation::Spawn,
            tracking: Tracking::JobGroup,
            kill: Kill::Atomic,
            process_quota: Quota::Reserved,
            memory_quota: Quota::Reserved,
            files: Authority::CapabilityOnly,
            network: Authority::CapabilityOnly,
        }
    }

    /// Linux with nothing applied: what a program gets that calls `pipe`, `fcntl`, `fork`, `execve`, `killpg`.
    pub fn linux() -> Self {
        Self {
            name: "linux".into(),
            inheritance: Inheritance::FlagLater,
            creation: Creation::ForkThenExec,
            tracking: Tracking::ProcessGroup,
            kill: Kill::Atomic,
            process_quota: Quota::None,
            memory_quota: Quota::None,
            files: Authority::AmbientByUser,
            network: Authority::AmbientByUser,
        }
    }

    /// Linux with what it has applied.
    pub fn linux_hardened() -> Self {
        Self {
            name: "linux-hardened".into(),
            inheritance: Inheritance::ExplicitList,
            creation: Creation::ForkThenExec,
            tracking: Tracking::JobGroup,
            kill: Kill::Atomic,
            process_quota: Quota::PerJobGroup,
            memory_quota: Quota::PerJobGroup,
            files: Authority::Subtractive,
            network: Authority::Subtractive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_uses_only_what_its_kernel_offers() {
        assert_eq!(LINUX.offers(&Profile::linux()), Ok(()));
        assert_eq!(LINUX.offers(&Profile::linux_hardened()), Ok(()));
        assert_eq!(IDEAL.offers(&Profile::ideal()), Ok(()));
        assert_eq!(LINUX.offers(&Profile::ideal()), Err("creation"));
        assert_eq!(IDEAL.offers(&Profile::linux()), Err("inheritance"));
    }

    #[test]
    fn every_listed_name_is_known() {
        for (name, _) in Profile::NAMED {
            assert_eq!(Profile::named(name).map(|profile| profile.name).as_deref(), Some(name));
        }
    }
}
