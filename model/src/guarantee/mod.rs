//! Guarantees: the rows of everything, one file each, with the formal statement in its doc.
//!
//! A guarantee has a *trigger*: what must happen for it to say anything at all. Where nothing triggers it, a search
//! finds it `vacuous`, never `proved`.

pub mod g10_noninterference;
pub mod g11_timing_noninterference;
pub mod g12_irrevocable_shutdown;
pub mod g13_buffer_authority;
pub mod g14_bounded_buffers;
pub mod g15_conservation;
pub mod g16_delivery;
pub mod g17_reattachment;
pub mod g18_deadlines;
pub mod g19_temporal_isolation;
pub mod g1_one_domain;
pub mod g20_bounded_inversion;
pub mod g21_no_deadlock;
pub mod g22_separation;
pub mod g23_kernel_time;
pub mod g2_explicit_transfer;
pub mod g3_complete_tracking;
pub mod g4_complete_kill;
pub mod g5_stable_identity;
pub mod g6_quotas;
pub mod g7_confinement;
pub mod g8_no_residue;
pub mod g9_monotone_authority;
mod marks;
mod set;

pub use marks::{Asked, Marks};
pub use set::GuaranteeSet;

use serde::{Deserialize, Serialize};

use crate::objects::{Objects, Outcome, State, Step, Touched};
use crate::system::System;
use crate::units::Nanos;

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
    G1 "one domain" "all contexts of a process have the same credentials",
    G2 "explicit transfer" "a child's handles are among those that its creation listed",
    G3 "complete tracking" "every descendant stays in its job group",
    G4 "complete kill" "after a kill of a job group has returned, no descendant runs again",
    G5 "stable identity" "a kill reaches the process or the members of the group that it names, or nobody",
    G6 "quotas" "the processes and the memory of a job group never pass its limits",
    G7 "confinement" "every access that succeeds is allowed by the policy",
    G8 "no residue" "after a job group has ended, nothing that it made persists but its declared outputs",
    G9 "monotone authority" "no context has a right that it did not have and that nobody granted",
    G10 "noninterference" "what a domain sees depends only on those that may flow to it",
    G11 "timing noninterference" "what a domain sees, and when, depends only on those that may flow to it",
    G12 "irrevocable shutdown" "after a domain was locked down, no action of it succeeds",
    G13 "buffer authority" "whoever uses a buffer has the right on that buffer",
    G14 "bounded buffers" "no buffer holds more than its capacity, and overflow is as declared",
    G15 "conservation" "every message accepted is queued, delivered, or dropped by the declared rule, in order",
    G16 "delivery" "a message is processed when, and by whom, its buffer declares",
    G17 "safe reattachment" "a buffer comes to another receiver that may have it, after the last has ended, with all messages in time",
    G18 "deadlines" "every job ends by its deadline",
    G19 "temporal isolation" "a scheduling context has its budget in every period and its windows in every frame, whatever the others do",
    G20 "bounded inversion" "less urgent contexts delay a job for at most as long as is declared",
    G21 "no deadlock" "nobody waits for ever for a lock or for room in a buffer, in a circle of waits, or for what is there",
    G22 "separation" "who may do what, and who is tracked with whom, changes no schedule, and a schedule changes no decision",
    G23 "kernel time" "every kernel operation ends within its declared bound",
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

/// Those that are statements about time, and that timed checking decides.
pub const TIMED: &[GuaranteeId] =
    &[GuaranteeId::G11, GuaranteeId::G18, GuaranteeId::G19, GuaranteeId::G20, GuaranteeId::G22];

/// Those of steps that also ask for a bound in time, which timed checking decides beside what is asked of steps.
pub const BOUNDED: &[GuaranteeId] = &[GuaranteeId::G4, GuaranteeId::G12];

/// Within what time a guarantee of [`BOUNDED`] asks whoever is ended to have ended; none, if the system says nothing of it.
pub fn ends_within(system: &System, id: GuaranteeId) -> Option<Nanos> {
    let (bounds, within) = (&system.kernel_bounds, &system.ends_within);
    let (within, declared) = match id {
        GuaranteeId::G4 => (within.kill_group, bounds.kill_group),
        GuaranteeId::G12 => (within.lock_down, bounds.lock_down),
        _ => return None,
    };
    within.or_else(|| Some(declared).filter(|declared| *declared > Nanos(0)))
}

/// Those that no single run violates: they are decided on pairs of runs.
pub const OF_PAIRS: &[GuaranteeId] = &[GuaranteeId::G10];

/// There is no guarantee of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no guarantee is called `{0}`; there are {all}", all = GuaranteeId::ALL.iter().map(|id| id.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownGuarantee(pub String);

/// One step of the untimed relation.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// Where it was taken.
    pub before: &'a State,
    /// The step.
    pub step: Step,
    /// What came of it.
    pub outcome: Outcome,
    /// Where it led.
    pub after: &'a State,
}

/// A guarantee that a single step of the untimed relation can violate.
pub trait Safety: std::fmt::Debug + Sync {
    /// Which one.
    fn id(&self) -> GuaranteeId;
    /// Does the step give the guarantee something to say?
    fn triggered(&self, objects: &Objects, transition: &Transition<'_>) -> bool;
    /// Does the step violate it?
    fn violated(&self, objects: &Objects, transition: &Transition<'_>) -> bool;
    /// Is it one that a state can give something to say, and does this one, whatever step led to it?
    fn triggered_in(&self, _: &Objects, _: &State) -> bool {
        false
    }
    /// Is it one that a state can violate, and does this one, whatever step led to it?
    fn violated_in(&self, _: &Objects, _: &State) -> bool {
        false
    }
    /// What is wrong with the state, in words, if that can be said without a step.
    fn violation_in(&self, _: &Objects, _: &State) -> Option<String> {
        None
    }
    /// As [`Safety::violated`], of a step from a state in which it is not [violated](Safety::violated_in): looks only
    /// at what the step can have made wrong.
    fn newly_violated(&self, objects: &Objects, transition: &Transition<'_>, _: Touched) -> bool {
        self.violated(objects, transition)
    }
    /// What is wrong, in words, if the step violates it.
    fn violation(&self, objects: &Objects, transition: &Transition<'_>) -> Option<String>;
}

macro_rules! safety {
    ($($guarantee:path,)*) => {
        /// The safety guarantees, in order.
        pub fn safety() -> &'static [&'static dyn Safety] {
            &[$(&$guarantee),*]
        }

        /// Those of `asked` that are violated in the state, whatever step led to it.
        pub fn violated_in(objects: &Objects, state: &State, asked: GuaranteeSet) -> GuaranteeSet {
            let violated = GuaranteeSet::NONE;
            $(let violated = marks::violated_in(&$guarantee, objects, state, asked, violated);)*
            violated
        }

        /// What a step says of what is `asked`. `already` is what is [violated in](violated_in) the state
        /// that it leaves.
        #[inline]
        pub fn marks(
            objects: &Objects,
            transition: &Transition<'_>,
            touched: Touched,
            asked: Asked,
            already: GuaranteeSet,
        ) -> Marks {
            // One after the other and not in a loop: each is asked by its own type, at every step of every search.
            let marks = Marks::default();
            $(let marks = marks::mark(&$guarantee, objects, transition, touched, asked, already, marks);)*
            marks
        }
    };
}

safety! {
    g1_one_domain::OneDomain,
    g2_explicit_transfer::ExplicitTransfer,
    g3_complete_tracking::CompleteTracking,
    g4_complete_kill::CompleteKill,
    g5_stable_identity::StableIdentity,
    g6_quotas::Quotas,
    g7_confinement::Confinement,
    g8_no_residue::NoResidue,
    g9_monotone_authority::MonotoneAuthority,
    g12_irrevocable_shutdown::IrrevocableShutdown,
    g13_buffer_authority::BufferAuthority,
    g14_bounded_buffers::BoundedBuffers,
    g15_conservation::Conservation,
    g16_delivery::Delivery,
    g17_reattachment::Reattachment,
    g21_no_deadlock::NoDeadlock,
}
