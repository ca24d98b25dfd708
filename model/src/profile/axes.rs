//! The axes as a list: what each is called, what may be chosen on it, and which choice is claimed to be below which.
//!
//! `a < b` claims that `b` is simulated by `a`, so that a safety guarantee that holds under `a` holds under `b` (MODEL.md, T4). Nothing is
//! claimed of two choices that are not joined, and nothing of noninterference, timing or progress.

use super::{
    Attachment, Authority, Awareness, BufferRights, Buffers, Coupling, Creation, Credentials, Identity, Inheritance,
    Inversion, Kill, LockRecovery, ModeChange, Named, Profile, Quota, Regain, Scheduling, Shutdown, Teardown,
    TimeIsolation, Tracking, Waiting,
};

/// An axis.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// Its name.
    pub name: &'static str,
    choice: fn(&Profile) -> &'static str,
    with_each: fn(&Profile) -> Vec<Profile>,
    below: fn() -> Vec<(&'static str, &'static str)>,
}

impl Axis {
    /// All of them, in the order in which a profile is told.
    pub const ALL: &'static [Self] = ALL;

    /// What a profile has chosen.
    pub fn choice_of(&self, profile: &Profile) -> &'static str {
        (self.choice)(profile)
    }

    /// The profile with each choice of this axis instead of its own, and its own among them.
    pub fn with_each_choice(&self, profile: &Profile) -> Vec<Profile> {
        let own = self.choice_of(profile);
        let mut profiles = (self.with_each)(profile);
        for other in &mut profiles {
            let choice = self.choice_of(other);
            if choice != own {
                other.name = format!("{}, {}: {choice}", profile.name, self.name);
            }
        }
        profiles
    }

    /// The pairs that `<` joins, the weaker one first.
    pub fn below(&self) -> Vec<(&'static str, &'static str)> {
        (self.below)()
    }
}

macro_rules! axes {
    ($($name:literal $field:ident $kind:ty,)*) => {
        const ALL: &[Axis] = &[$(Axis {
            name: $name,
            choice: |profile| profile.$field.name(),
            with_each: |profile| {
                <$kind>::all().into_iter().map(|$field| Profile { $field, ..profile.clone() }).collect()
            },
            below: || <$kind>::below().into_iter().map(|(weak, strong)| (weak.name(), strong.name())).collect(),
        }),*];
    };
}

axes! {
    "inheritance" inheritance Inheritance,
    "creation" creation Creation,
    "tracking" tracking Tracking,
    "kill" kill Kill,
    "identity" identity Identity,
    "process quota" process_quota Quota,
    "memory quota" memory_quota Quota,
    "files" files Authority,
    "network" network Authority,
    "credentials" credentials Credentials,
    "ipc" ipc Authority,
    "teardown of files" file_teardown Teardown,
    "teardown of ipc objects" ipc_teardown Teardown,
    "regain" regain Regain,
    "time isolation" time_isolation TimeIsolation,
    "inversion" inversion Inversion,
    "lock recovery" lock_recovery LockRecovery,
    "waiting" waiting Waiting,
    "buffers offered" buffers Buffers,
    "buffer rights" buffer_rights BufferRights,
    "attachment" attachment Attachment,
    "shutdown" shutdown Shutdown,
    "coupling" coupling Coupling,
    "mode change" mode_change ModeChange,
    "awareness" awareness Awareness,
    "scheduling" scheduling Scheduling,
}

/// The choices of an axis.
trait Choices: Sized {
    fn all() -> Vec<Self>;
    fn below() -> Vec<(Self, Self)>;
}

macro_rules! choices {
    ($($kind:ty: $below:expr,)*) => { $(
        impl Choices for $kind {
            fn all() -> Vec<Self> {
                Self::ALL.to_vec()
            }
            fn below() -> Vec<(Self, Self)> {
                $below
            }
        }
    )* };
}

/// Each below the next.
fn chain<T: Copy>(choices: &[T]) -> Vec<(T, T)> {
    choices.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect()
}

/// Each of them below the last, and nothing else.
fn last_above<T: Copy>(choices: &[T]) -> Vec<(T, T)> {
    let last = choices.split_last();
    last.map_or_else(Vec::new, |(last, others)| others.iter().map(|other| (*other, *last)).collect())
}

choices! {
    Inheritance: chain(&Self::ALL),
    Creation: chain(&Self::ALL),
    Tracking: last_above(&Self::ALL),
    Kill: last_above(&Self::ALL),
    Identity: chain(&Self::ALL),
    Quota: last_above(&Self::ALL),
    Authority: Vec::new(),
    Credentials: chain(&Self::ALL),
    Teardown: chain(&Self::ALL),
    Regain: chain(&Self::ALL),
    TimeIsolation: Vec::new(),
    Inversion: Vec::new(),
    LockRecovery: Vec::new(),
    Waiting: chain(&Self::ALL),
    BufferRights: Vec::new(),
    Attachment: chain(&[Self::Free, Self::Predefined]),
    Coupling: Vec::new(),
    ModeChange: Vec::new(),
    Awareness: Vec::new(),
    Scheduling: Vec::new(),
    Shutdown: chain(&[Self::BestEffort, Self::Irrevocable]),
}

impl Choices for Buffers {
    /// What each named profile has.
    fn all() -> Vec<Self> {
        let mut sets = Vec::new();
        for set in Profile::NAMED.iter().map(|named: &&Named| named.profile().buffers) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        sets
    }
    fn below() -> Vec<(Self, Self)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_axis_changes_what_it_is_named_for_and_nothing_else() {
        let base = Profile::linux();
        for axis in Axis::ALL {
            let variants = axis.with_each_choice(&base);
            assert!(variants.len() > 1 && variants.contains(&base), "{}", axis.name);
            for variant in variants {
                for other in Axis::ALL.iter().filter(|other| other.name != axis.name) {
                    assert_eq!(other.choice_of(&variant), other.choice_of(&base), "{} by {}", other.name, axis.name);
                }
            }
        }
        assert_eq!(
            Axis::ALL
                .iter()
                .filter(|axis| axis.with_each_choice(&base).iter().all(|one| one.name == base.name))
                .count(),
            0
        );
    }

    #[test]
    fn what_is_joined_are_choices_and_no_cycle() {
        for axis in Axis::ALL {
            let names: Vec<_> =
                axis.with_each_choice(&Profile::ideal()).iter().map(|one| axis.choice_of(one)).collect();
            for (weak, strong) in axis.below() {
                assert!(weak != strong && names.contains(&weak) && names.contains(&strong), "{}", axis.name);
                assert!(!axis.below().contains(&(strong, weak)), "{}", axis.name);
            }
        }
    }
}
