//! Guarantees: the rows of everything, one file each.

use serde::{Deserialize, Serialize};

macro_rules! guarantees {
    ($($id:ident $short:literal $statement:literal,)*) => {
        /// The number of a guarantee; MODEL.md states each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum GuaranteeId {
            $(#[doc = concat!($short, ": ", $statement)] $id,)*
        }

        impl GuaranteeId {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// `"G2"`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)* }
            }

            /// Two or three words.
            pub fn short(self) -> &'static str {
                match self { $(Self::$id => $short,)* }
            }

            /// One sentence.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$id => $statement,)* }
            }
        }
    };
}

guarantees! {
    G2 "explicit transfer" "a child's handles are among those that its creation listed",
    G3 "complete tracking" "every descendant stays in its job group",
    G4 "complete kill" "after a kill of a job group has returned, no descendant runs again",
    G6 "quotas" "the processes and the memory of a job group never pass its limits",
    G7 "confinement" "every access that succeeds is allowed by the policy",
    G18 "deadlines" "every job ends by its deadline",
}

impl std::fmt::Display for GuaranteeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for GuaranteeId {
    type Err = UnknownGuarantee;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|id| id.name().eq_ignore_ascii_case(name));
        known.copied().ok_or_else(|| UnknownGuarantee(name.into()))
    }
}

/// There is no guarantee of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no guarantee is called `{0}`; there are G2, G3, G4, G6, G7 and G18")]
pub struct UnknownGuarantee(pub String);
