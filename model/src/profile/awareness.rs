//! Axis *awareness*: what the scheduler is told of who waits for whom.
//!
//! `None · BlockingEdges · FullGraph`. What it does with the edges of blocking is the axis [*inversion*](super::inversion): a scheduler that is told nothing can
//! neither let an owner inherit nor donate to it. A ceiling is the lock's, and needs nobody who waits. Under the full graph also:
//!
//! *A job of a task that waits for a message, for room in a buffer, for an end or to take over makes whoever may bring that about by its own program as urgent as
//! itself, directly or by way of others who wait; its budget stays its own.* Who may is decided by where each is in its program, whatever its rights are, so
//! that none of them reaches the scheduler. Who waits and is no job of a task, a server without a request, say, has no urgency to pass on, but passes on what it is given.
//!
//! Nothing is claimed of one against another: whoever waits shows to whoever it waits for, in time, and that is a flow against the messages'.
//!
//! Sources: H. Chetto, M. Silly, T. Bouchentouf, *Dynamic scheduling of real-time tasks under precedence constraints*, Real-Time Systems 2, 1990 (a task is as urgent as the most
//! urgent of those behind it); M. Spuri, J. A. Stankovic, *How to integrate precedence constraints and shared resources in real-time scheduling*, IEEE Transactions on
//! Computers 43(12), 1994 (both kinds of edges together); QNX, *Priority inheritance and messages* (a kernel that sees its own calls).

use serde::{Deserialize, Serialize};

/// What the scheduler is told of who waits for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awareness {
    /// Nothing.
    None,
    /// Who waits for a lock, and who holds it.
    BlockingEdges,
    /// That, and who may bring about what somebody waits for.
    FullGraph,
}

impl Awareness {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::None, Self::BlockingEdges, Self::FullGraph];

    /// In a word or three.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BlockingEdges => "blocking edges",
            Self::FullGraph => "full relation graph",
        }
    }

    /// Is it told who waits for whose lock?
    pub fn sees_locks(self) -> bool {
        self != Self::None
    }

    /// Is it told who may bring about what somebody else waits for?
    pub fn sees_precedence(self) -> bool {
        self == Self::FullGraph
    }
}
