//! Axis *inheritance*: which handles of its creator a new process holds.
//!
//! `Ambient < FlagLater < AtomicFlag < ExplicitList` for safety: whatever a stronger choice lets through, the
//! weaker lets through too.
//!
//! Sources: POSIX.1-2024 `fork`, `exec`, `fcntl(F_SETFD)`; Linux `open(2)` (`O_CLOEXEC` and the race it was made
//! for), `close_range(2)`; seL4 `seL4_CNode_Copy` (a new capability space holds what was put there).

use serde::{Deserialize, Serialize};

/// How handles pass from a creator to the process it creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inheritance {
    /// Every handle passes; nothing is flagged.
    Ambient,
    /// A handle is flagged close-on-exec by a second call, after it was created: `pipe` then `fcntl`.
    FlagLater,
    /// A handle is created with the flag already set: `pipe2(O_CLOEXEC)`.
    AtomicFlag,
    /// A child holds exactly what its creation listed, whatever the flags say: `close_range` in the child, a handle
    /// list in the creation call, an empty capability space that is filled.
    ExplicitList,
}

/// Whether a handle carries the close-on-exec flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// Closed by exec.
    CloseOnExec,
    /// Kept by exec.
    Keep,
}

/// Whether the creation of a process listed a handle to be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// On the list of the creation.
    Listed,
    /// Not on it.
    Unlisted,
}

impl Inheritance {
    /// All choices, weakest first.
    pub const ALL: [Self; 4] = [Self::Ambient, Self::FlagLater, Self::AtomicFlag, Self::ExplicitList];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ambient => "ambient",
            Self::FlagLater => "flag later",
            Self::AtomicFlag => "atomic flag",
            Self::ExplicitList => "explicit list",
        }
    }

    /// The flag of a handle at the moment it comes into being.
    pub fn flag_at_creation(self) -> Flag {
        match self {
            Self::Ambient | Self::FlagLater => Flag::Keep,
            Self::AtomicFlag | Self::ExplicitList => Flag::CloseOnExec,
        }
    }

    /// Does the creator set the flag by a second action?
    pub fn flags_in_a_second_action(self) -> bool {
        self == Self::FlagLater
    }

    /// Does a handle of the creator reach the new program? A flag does not close a handle that the creation listed:
    /// the child clears it first, as `dup2` does.
    pub fn reaches_child(self, flag: Flag, listing: Listing) -> bool {
        match (self, listing, flag) {
            (_, Listing::Listed, _) => true,
            (Self::ExplicitList, Listing::Unlisted, _) => false,
            (_, Listing::Unlisted, flag) => flag == Flag::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_choice_never_lets_more_through() {
        for flag in [Flag::Keep, Flag::CloseOnExec] {
            for listing in [Listing::Listed, Listing::Unlisted] {
                for pair in Inheritance::ALL.windows(2) {
                    assert!(pair[0].reaches_child(flag, listing) >= pair[1].reaches_child(flag, listing));
                }
            }
        }
    }

    #[test]
    fn only_the_list_stops_an_unflagged_handle() {
        let stops: Vec<_> = Inheritance::ALL
            .into_iter()
            .filter(|choice| !choice.reaches_child(Flag::Keep, Listing::Unlisted))
            .collect();
        assert_eq!(stops, [Inheritance::ExplicitList]);
    }
}
