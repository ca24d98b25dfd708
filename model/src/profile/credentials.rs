//! Axis *credentials*: whose the rights are that a context gives up.
//!
//! `PerContext < PerProcess`. Where credentials are a context's, whoever gives up a right gives up its own: the other contexts of the
//! process, in the same memory, have theirs as before. Where they are the process's, the right is gone for all its contexts in one
//! step. What a process has given up its children do not have either, nor has the program that it executes.
//!
//! A library that has all threads change theirs one after the other (glibc by a signal, `nptl(7)`) closes no gap: until the
//! last has, some have the right. It is *per context* here.
//!
//! Sources: Linux `credentials(7)`, `nptl(7)`, `capset(2)`, `seccomp(2)` (SECCOMP_FILTER_FLAG_TSYNC), `landlock_restrict_self(2)`
//! (LANDLOCK_RESTRICT_SELF_TSYNC, Linux 7.0); Windows, Impersonation Tokens; macOS `pthread_setugid_np(2)`; FreeBSD `setuid(2)`,
//! `cap_enter(2)`; OpenBSD `pledge(2)`; NetBSD `kauth(9)`; the seL4 reference manual, Capability Spaces.

use serde::{Deserialize, Serialize};

/// Whose the rights are that a context gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// Its own.
    PerContext,
    /// Those of its whole process.
    PerProcess,
}

impl Credentials {
    /// All choices, each stronger than the one before.
    pub const ALL: [Self; 2] = [Self::PerContext, Self::PerProcess];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerContext => "per context",
            Self::PerProcess => "per process",
        }
    }

    /// Does a context that gives up a right leave it to the others of its process?
    pub fn are_per_context(self) -> bool {
        self == Self::PerContext
    }
}
