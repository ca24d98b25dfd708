//! Servers: what becomes of a budget while time passes. Each kind is a file; a scheduling context declares one of them.
//!
//! | kind | budget while unused | comes back |
//! |---|---|---|
//! | [`polling`] | lost | whole, at each multiple of the period |
//! | [`deferrable`] | kept | whole, at each multiple of the period |
//! | [`sporadic`] | kept | each part a period after it could be used first |
//! | [`mcs`] | kept | the same, in a queue of bounded length, as seL4 does it |
//! | [`constant_bandwidth`] | kept while the deadline is not too near | whole, with a deadline that is a period later |
//!
//! **When a server is wanted.** It is while somebody is ready who runs by it, or would run on it, having a lock that one of its contexts waits for. It stops
//! being wanted when time passes and nobody does: one job that ends at the instant at which the next is released leaves no gap.
//!
//! # Invariants
//! - State is relative: times are counted from now.
//! - In any state what is left is at most the amount.
//! - While nobody wants it, a server's state follows from how long that has been so, and has finitely many values.

pub mod constant_bandwidth;
pub mod deferrable;
pub mod mcs;
pub mod polling;
pub mod refills;
pub mod sporadic;

use crate::coding::Coder;
use crate::system::{Budget, Server};
use crate::units::Nanos;

use self::constant_bandwidth::Bandwidth;
use self::deferrable::Deferred;
use self::polling::Polled;
use self::refills::Refills;

/// What a budget is used for while time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Whoever has the core is charged to it.
    Charged,
    /// Somebody is ready who could be.
    Wanted,
    /// Nobody is.
    None,
}

/// What is left of a budget, and when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Account {
    /// Of a [`polling`] server.
    Polled(Polled),
    /// Of a [`deferrable`] one.
    Deferred(Deferred),
    /// Of a [`sporadic`] one, or of [`mcs`].
    Refills(Refills),
    /// Of a [`constant_bandwidth`] one.
    Bandwidth(Bandwidth),
}

impl Account {
    /// At the start, when nothing has been used.
    pub fn full(budget: &Budget) -> Self {
        match budget.server {
            Server::Polling => Self::Polled(Polled::full(budget)),
            Server::Deferrable => Self::Deferred(Deferred::full(budget)),
            Server::Sporadic | Server::Mcs { .. } => Self::Refills(Refills::full(budget)),
            Server::ConstantBandwidth | Server::HardConstantBandwidth => Self::Bandwidth(Bandwidth::full(budget)),
        }
    }

    /// How much may be charged now, without anything coming back before.
    pub fn left(&self) -> Nanos {
        match self {
            Self::Polled(polled) => polled.left,
            Self::Deferred(deferred) => deferred.left,
            Self::Refills(refills) => refills.left(),
            Self::Bandwidth(bandwidth) => bandwidth.left,
        }
    }

    /// Until when whoever runs on it is due, in nanoseconds from now, if the server has a deadline of its own.
    pub fn deadline(&self) -> Option<i128> {
        match self {
            Self::Bandwidth(bandwidth) => Some(bandwidth.due),
            Self::Polled(_) | Self::Deferred(_) | Self::Refills(_) => None,
        }
    }

    /// What will come back, with the times, if that is kept as a queue.
    pub fn refills(&self) -> Option<&Refills> {
        match self {
            Self::Refills(refills) => Some(refills),
            Self::Polled(_) | Self::Deferred(_) | Self::Bandwidth(_) => None,
        }
    }

    /// Is it to be replenished now?
    pub fn is_due(&self, budget: &Budget) -> bool {
        match self {
            Self::Polled(polled) => polled.until_refill == Nanos(0),
            Self::Deferred(deferred) => deferred.until_refill == Nanos(0),
            Self::Refills(_) => false,
            Self::Bandwidth(bandwidth) => bandwidth.is_due(budget),
        }
    }

    /// It is replenished.
    pub fn replenish(&mut self, budget: &Budget) {
        match self {
            Self::Polled(polled) => *polled = Polled::full(budget),
            Self::Deferred(deferred) => *deferred = Deferred::full(budget),
            Self::Refills(_) => {}
            Self::Bandwidth(bandwidth) => bandwidth.replenish(budget),
        }
    }

    /// After how long something happens to it that the scheduler has to do with; never zero.
    pub fn next_event(&self, budget: &Budget, used: Use) -> Option<Nanos> {
        let event = match self {
            Self::Polled(polled) => polled.next_event(used),
            Self::Deferred(deferred) => deferred.next_event(budget, used),
            Self::Refills(refills) => refills.next_event(budget, used),
            Self::Bandwidth(bandwidth) => bandwidth.next_event(budget, used),
        };
        event.filter(|event| event.0 > 0)
    }

    /// Time passes, at most until the next event.
    pub fn pass(&mut self, budget: &Budget, duration: Nanos, used: Use) {
        match self {
            Self::Polled(polled) => polled.pass(budget, duration, used),
            Self::Deferred(deferred) => deferred.pass(budget, duration, used),
            Self::Refills(refills) => refills.pass(budget, duration, used),
            Self::Bandwidth(bandwidth) => bandwidth.pass(budget, duration, used),
        }
    }

    /// Writes it, or reads it.
    pub fn code(&mut self, budget: &Budget, coder: &mut impl Coder) {
        match self {
            Self::Polled(polled) => polled.code(budget, coder),
            Self::Deferred(deferred) => deferred.code(budget, coder),
            Self::Refills(refills) => refills.code(budget, coder),
            Self::Bandwidth(bandwidth) => bandwidth.code(budget, coder),
        }
    }
}

/// Time until the next multiple of a period, after so much time; a multiple that is now counts as 0.
fn until_multiple(until: Nanos, duration: Nanos, period: Nanos) -> Nanos {
    match duration.0.checked_sub(until.0) {
        None => Nanos(until.0 - duration.0),
        Some(beyond) => match beyond % period.0.max(1) {
            0 => Nanos(0),
            into => Nanos(period.0 - into),
        },
    }
}
