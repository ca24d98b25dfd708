//! Axis *quota*: who is counted when a process is created or memory is charged, one choice a resource.
//!
//! `None · PerUser · PerJobGroup < Reserved`. A per-user quota binds the group only together with everyone else of
//! that user; a reservation also keeps the others from using up what the group was promised.
//!
//! Sources: Linux `getrlimit(2)` (`RLIMIT_NPROC` counts the real user), cgroup v1 and v2 `pids` and `memory`
//! documentation; seL4 untyped memory (a reservation).

use serde::{Deserialize, Serialize};

/// Whose use is counted against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// Nobody's: the limit is not enforced.
    None,
    /// Everything of the same user: of the same domain, unless the scenario says that several belong to one.
    PerUser,
    /// The job group's.
    PerJobGroup,
    /// The job group's, set aside when the group is made.
    Reserved,
}

/// How much of a resource is in use, by the ways a quota may count. Only what a choice needs is asked for.
pub trait Usage {
    /// By the job group.
    fn group(&self) -> u64;
    /// By the whole user of the job group's domain.
    fn user(&self) -> u64;
    /// What is free in the whole system.
    fn free(&self) -> u64;
    /// What of that is set aside for other groups, were they to reserve.
    fn set_aside_for_others(&self) -> u64;
}

impl Quota {
    /// All choices; the last is stronger than each other one.
    pub const ALL: [Self; 4] = [Self::None, Self::PerUser, Self::PerJobGroup, Self::Reserved];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PerUser => "per user",
            Self::PerJobGroup => "per job group",
            Self::Reserved => "reserved",
        }
    }

    /// Does the limit of a group hold for each member's own use too?
    pub fn binds_each_member(self) -> bool {
        self != Self::None
    }

    /// May `more` units be taken, under a limit (none means unlimited)?
    pub fn admits(self, usage: &impl Usage, limit: Option<u64>, more: u64) -> bool {
        more <= self.left(usage, limit)
    }

    /// How many units may be taken now.
    pub fn left(self, usage: &impl Usage, limit: Option<u64>) -> u64 {
        let within = |used: u64| limit.map_or(u64::MAX, |limit| limit.saturating_sub(used));
        match self {
            Self::None => usage.free(),
            Self::PerUser => within(usage.user()).min(usage.free()),
            Self::PerJobGroup => within(usage.group()).min(usage.free()),
            Self::Reserved => within(usage.group()).min(usage.free().saturating_sub(usage.set_aside_for_others())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed {
        group: u64,
        user: u64,
        free: u64,
    }

    impl Usage for Fixed {
        fn group(&self) -> u64 {
            self.group
        }

        fn user(&self) -> u64 {
            self.user
        }

        fn free(&self) -> u64 {
            self.free
        }

        fn set_aside_for_others(&self) -> u64 {
            self.free
        }
    }

    #[test]
    fn each_choice_counts_someone_else() {
        let usage = Fixed { group: 1, user: 3, free: 10 };
        let admitted: Vec<_> = Quota::ALL.into_iter().filter(|quota| quota.admits(&usage, Some(3), 1)).collect();
        assert_eq!(admitted, [Quota::None, Quota::PerJobGroup]);
    }

    #[test]
    fn nobody_passes_the_whole_system() {
        let usage = Fixed { group: 0, user: 0, free: 0 };
        assert!(Quota::ALL.into_iter().all(|quota| !quota.admits(&usage, None, 1)));
    }
}
