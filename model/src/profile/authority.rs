//! Axis *authority*: what decides whether an access succeeds, one choice a class of objects.
//!
//! `AmbientByUser · Subtractive · CapabilityOnly`: the first grants everything, for every domain and every object of the
//! scenario belong to one user, who may also make writable what is not; the second removes from a domain, irrevocably, what the policy does not allow; in the third
//! nothing is reachable but by a handle that was given. For G7 the last two decide alike; they differ in what may be
//! granted later (G9).
//!
//! Sources: POSIX.1-2024 file access permissions; Linux `landlock(7)`, `seccomp(2)`, `network_namespaces(7)`
//! (subtractive, irrevocable); Watson et al., *Capsicum*, USENIX Security 2010; seL4 capabilities.

use serde::{Deserialize, Serialize};

/// What decides an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The user's own rights; all domains and all objects of a scenario belong to one user.
    AmbientByUser,
    /// The user's rights less what was removed from the domain before it ran.
    Subtractive,
    /// Only handles that were given.
    CapabilityOnly,
}

/// What the policy says of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Allowed to this domain.
    ToThisDomain,
    /// Not allowed to it, whoever else may.
    NotToThisDomain,
}

impl Authority {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::AmbientByUser, Self::Subtractive, Self::CapabilityOnly];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::AmbientByUser => "ambient by user",
            Self::Subtractive => "subtractive",
            Self::CapabilityOnly => "capability only",
        }
    }

    /// Does an access succeed?
    pub fn permits(self, allowed: Allowed) -> bool {
        match self {
            Self::AmbientByUser => true,
            Self::Subtractive | Self::CapabilityOnly => allowed == Allowed::ToThisDomain,
        }
    }
}
