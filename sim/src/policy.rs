//! Scheduling policies: those of the model, by which the tasks of a system are arranged, and those of regular systems.

use std::fmt;

use lacuna_model::objects::Objects;
use lacuna_model::sched::regular::With;

pub use lacuna_model::sched::fixed_priority;
pub use lacuna_model::sched::policy::CannotAssign;
pub use lacuna_model::sched::regular::CannotAsk;
pub use lacuna_model::sched::{FixedPriority, Policy, Regular};
use lacuna_model::system::System;

/// One of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnyPolicy {
    /// Of the model.
    Ideal(Policy),
    /// Of a regular system.
    Regular(Regular),
}

/// Why a system cannot be scheduled so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSchedulable {
    /// See [`CannotAssign`].
    #[error(transparent)]
    Assign(#[from] CannotAssign),
    /// See [`CannotAsk`].
    #[error(transparent)]
    Ask(#[from] CannotAsk),
}

impl AnyPolicy {
    /// All of them: of the model first.
    pub fn all() -> impl Iterator<Item = Self> {
        Policy::ALL.into_iter().map(Self::Ideal).chain(Regular::ALL.into_iter().map(Self::Regular))
    }

    /// `"edf"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ideal(policy) => policy.name(),
            Self::Regular(policy) => policy.name(),
        }
    }

    /// In a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Ideal(policy) => policy.about(),
            Self::Regular(policy) => policy.about(),
        }
    }

    /// The system with its tasks arranged for it: a regular system takes what is declared.
    ///
    /// # Errors
    /// See [`NotSchedulable`].
    pub fn assign(self, system: &System) -> Result<System, NotSchedulable> {
        match self {
            Self::Ideal(policy) => Ok(policy.assign(system)?),
            Self::Regular(policy) => Ok(policy.check(system).map(|()| system.clone())?),
        }
    }

    /// Does something with the scheduler of a system that is so arranged.
    ///
    /// # Errors
    /// See [`CannotAsk`].
    pub fn give<W: With>(self, objects: &Objects, with: W) -> Result<W::Outcome, CannotAsk> {
        match self {
            Self::Ideal(_) => Ok(with.with(FixedPriority::of(objects))),
            Self::Regular(policy) => policy.give(objects.system(), with),
        }
    }
}

impl fmt::Display for AnyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
