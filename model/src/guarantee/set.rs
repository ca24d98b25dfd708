//! A set of guarantees, a bit each: what a step says of all of them at once.

use super::GuaranteeId;

/// A set of guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GuaranteeSet(u32);

impl GuaranteeSet {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Each of them.
    pub const ALL: Self = Self((1 << GuaranteeId::ALL.len()) - 1);

    /// Is it in the set?
    pub fn contains(self, id: GuaranteeId) -> bool {
        self.0 & (1 << id as u8) != 0
    }

    /// The set with it.
    #[must_use]
    pub fn with(self, id: GuaranteeId) -> Self {
        Self(self.0 | (1 << id as u8))
    }

    /// The set with it, if `holds`.
    #[must_use]
    pub(crate) fn with_if(self, holds: bool, id: GuaranteeId) -> Self {
        Self(self.0 | (u32::from(holds) << id as u8))
    }

    /// What is in one of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// A bit each, in order.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Is nothing in it?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it, in order.
    pub fn iter(self) -> impl Iterator<Item = GuaranteeId> {
        GuaranteeId::ALL.iter().copied().filter(move |id| self.contains(*id))
    }
}

impl FromIterator<GuaranteeId> for GuaranteeSet {
    fn from_iter<I: IntoIterator<Item = GuaranteeId>>(ids: I) -> Self {
        ids.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_in_all() {
        let all: GuaranteeSet = GuaranteeId::ALL.iter().copied().collect();
        assert_eq!(all, GuaranteeSet::ALL);
        assert_eq!(all.iter().collect::<Vec<_>>(), GuaranteeId::ALL);
        assert!(all.without(GuaranteeSet::NONE.with(GuaranteeId::G4)).iter().all(|id| id != GuaranteeId::G4));
    }
}
