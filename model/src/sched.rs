//! Sched: the automaton that owns dispatch. In: ready, block, jobs that arrive and end, who waits for whom, elapse, replenish. Out: which context of which
//! core, and when it will next have something to do. It sees contexts as numbers and what they are scheduled by; no
//! domain, no right, no handle reaches it.

pub mod deadlines;
pub mod fixed_priority;
pub mod frame;
pub mod policy;
pub mod regular;
pub mod servers;

pub use fixed_priority::FixedPriority;
pub use policy::Policy;
pub use regular::Regular;

use std::fmt::Debug;
use std::hash::Hash;

use crate::coding::Coder;
use crate::objects::ContextSlot;
use crate::system::SchedulingContextId;
use crate::units::Nanos;

use self::servers::Account;

/// A step of the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchedStep {
    /// The core goes to this context; whoever had it and is still ready is preempted.
    Dispatch(ContextSlot),
    /// The core goes idle.
    Idle,
    /// The budget of a scheduling context is refilled.
    Replenish(SchedulingContextId),
}

/// Why one context waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// The other holds the lock that it waits for.
    Lock,
    /// The other may bring about what it waits for.
    Precedence,
}

/// A context that waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Who waits.
    pub waiter: ContextSlot,
    /// What the one who waits is scheduled by; nothing, if it has no urgency of its own to pass on.
    pub by: Option<SchedulingContextId>,
    /// For whom.
    pub of: ContextSlot,
    /// Why.
    pub kind: EdgeKind,
}

/// What becomes of a job of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    /// It has arrived.
    Arrived {
        /// When it is due, from now.
        deadline: Nanos,
        /// When the next one arrives, from now.
        period: Nanos,
        /// How long it computes at most; nothing, if that is not known.
        demand: Nanos,
    },
    /// The first that had arrived has ended.
    Ended,
    /// The context is no more, nor its jobs.
    Gone,
}

/// Why a context becomes ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It begins.
    Begun,
    /// The time has come: a job of its task is released, or its time is out.
    Timer,
    /// What it waited for has happened: a message, a lock, the end of a child.
    Other,
}

/// A scheduling policy, as an automaton on one core.
pub trait Sched {
    /// Its state; relative, without absolute time.
    type State: Clone + Eq + Hash + Debug;

    /// Before anything is ready.
    fn initial(&self) -> Self::State;
    /// A context has become ready; it is scheduled by that scheduling context, if by any.
    fn ready(&self, state: &mut Self::State, context: ContextSlot, by: Option<SchedulingContextId>);
    /// The same, to whom it matters why.
    fn woken(&self, state: &mut Self::State, context: ContextSlot, by: Option<SchedulingContextId>, _: Cause) {
        self.ready(state, context, by);
    }
    /// A context is no longer ready: it waits, sleeps, or is gone.
    fn block(&self, state: &mut Self::State, context: ContextSlot);
    /// Something has become of a job of the context.
    fn job(&self, _: &mut Self::State, _: ContextSlot, _by: Option<SchedulingContextId>, _: JobEvent) {}
    /// Who waits for whom now, as far as it is to know, and whom a lock has raised to its ceiling. Told again whenever that may have changed.
    fn relations(&self, _: &mut Self::State, _edges: &[Edge], _ceilings: &[(ContextSlot, u32)]) {}
    /// Does it do anything with what it is told of that?
    fn looks_at_relations(&self) -> bool {
        false
    }
    /// May the context be dispatched, were it the most urgent? A ready one may not while its budget is spent.
    fn may_be_dispatched(&self, _: &Self::State, _: ContextSlot) -> bool {
        true
    }
    /// May the context take steps now?
    fn runs(&self, state: &Self::State, context: ContextSlot) -> bool;
    /// The context that has the core, where there is a core to have.
    fn running(&self, state: &Self::State) -> Option<ContextSlot>;
    /// What is left of the budget of a scheduling context, if it has one that is kept.
    fn account<'s>(&self, _: &'s Self::State, _: SchedulingContextId) -> Option<&'s Account> {
        None
    }
    /// What time that passes is charged to, if somebody has the core on a budget.
    fn charged(&self, _: &Self::State) -> Option<SchedulingContextId> {
        None
    }
    /// What the scheduler may do next; several entries are a tie for the resolver.
    fn steps(&self, state: &Self::State) -> Vec<SchedStep>;
    /// Takes one of its steps.
    fn apply(&self, state: &mut Self::State, step: SchedStep);
    /// After how long the scheduler will have a step, if nothing becomes ready or blocks before; never zero.
    fn next_event(&self, state: &Self::State) -> Option<Nanos>;
    /// Is what the core keeps for whoever runs on it emptied while so much time passes?
    fn flushes(&self, _: &Self::State, _duration: Nanos) -> bool {
        false
    }
    /// Time passes, at most until the next event; the running context is charged for it.
    fn elapse(&self, state: &mut Self::State, duration: Nanos);
    /// Writes the state, or reads it; the same fields for every state of a system of so many contexts. Without a form for it no state has a place, and a search is `unknown`.
    fn code(&self, _: &mut Self::State, _contexts: usize, coder: &mut impl Coder) {
        coder.lose_if(true);
    }
}

/// Every ready context may run at any moment: what no policy can exceed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demonic;

impl Sched for Demonic {
    type State = ();

    fn initial(&self) {}
    fn ready(&self, (): &mut (), _: ContextSlot, _: Option<SchedulingContextId>) {}
    fn block(&self, (): &mut (), _: ContextSlot) {}
    fn runs(&self, (): &(), _: ContextSlot) -> bool {
        true
    }
    fn running(&self, (): &()) -> Option<ContextSlot> {
        None
    }
    fn steps(&self, (): &()) -> Vec<SchedStep> {
        Vec::new()
    }
    fn apply(&self, (): &mut (), _: SchedStep) {}
    fn next_event(&self, (): &()) -> Option<Nanos> {
        None
    }
    fn elapse(&self, (): &mut (), _: Nanos) {}
    fn code(&self, (): &mut (), _: usize, _: &mut impl Coder) {}
}
