//! What the kernel checks before it does what it is asked for, each check by a name: so that a test can leave one out and see which
//! verdict rests on it ([`Objects::without`]). A check that an axis does not make at all under a profile is the axis's
//! affair, not a precondition's.

use super::Objects;

macro_rules! preconditions {
    ($($name:ident $short:literal $statement:literal,)*) => {
        /// A check of the kernel's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Precondition {
            $(#[doc = $statement] $name,)*
        }

        impl Precondition {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// In two or three words.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $short,)* }
            }

            /// In a sentence.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$name => $statement,)* }
            }
        }
    };
}

preconditions! {
    DomainOpen "domain open" "fork and spawn: the child's domain is not locked down, where that is irrevocable",
    ProcessQuota "process quota" "fork and spawn: the quota of processes admits one more",
    MemoryQuota "memory quota" "allocate: the quota of memory admits the amount",
    Authority "authority" "access: the authority over the object permits it",
    RightKept "right kept" "access: the caller has not given up its rights to the object",
    GivenUpForGood "given up for good" "regain, and execution of a privileged program: what was given up stays so, unless the kernel gives it back",
    RightHeld "right held" "grant: the caller has rights to the object itself",
    NoLeader "no leader" "detach: the caller does not lead its process group",
    Tracked "tracked" "kill: it reaches those alone that the kernel still finds in the group",
    SameProcess "same process" "kill of a process: whoever has its number is the one that was named, where a name is a handle",
    ChildEnded "child ended" "wait: a child has ended, or there is none",
    HandleHeld "handle held" "send and receive: the caller holds a handle to the buffer",
    BufferRight "buffer right" "send and receive: the caller's domain has the right on the buffer",
    Room "room" "send: the buffer has room for the message",
    PoolRoom "room in the pool" "send: the pool that the buffer draws on has room for the message",
    MessageThere "message there" "receive: there is a message",
    LockFree "lock free" "lock: nobody holds the lock, or whoever held it has ended and locks are passed on",
    LockOwned "lock owned" "unlock: the caller holds the lock",
    Attached "attached" "receive from a buffer with successors, and acknowledge: it is attached to the caller",
    Unattached "unattached" "attach: nobody lives whom the buffer is attached to",
    Predefined "predefined" "attach: the buffer names the caller's process, whose domain may receive",
    Admission "admission" "attach: every message that is there will be done by its deadline",
    ModeRight "mode right" "switch-mode: the caller's domain may change to that mode",
    KnownChange "known change" "switch-mode: the mode is the present one, or one that may follow it",
    LimitFits "limit fits" "set-limit: the messages that are there fit",
}

/// A set of them, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Omitted(u64);

impl Objects {
    /// The same system on a kernel that leaves this check out.
    #[must_use]
    pub fn without(mut self, precondition: Precondition) -> Self {
        self.omitted.0 |= 1 << precondition as u64;
        self.future = super::future::Future::of(&self);
        self
    }

    /// Does the check pass, or is it left out?
    #[inline]
    pub(super) fn requires(&self, precondition: Precondition, holds: bool) -> bool {
        holds || self.omitted.0 & (1 << precondition as u64) != 0
    }

    /// Is the check left out?
    pub(super) fn omits(&self, precondition: Precondition) -> bool {
        self.requires(precondition, false)
    }
}
