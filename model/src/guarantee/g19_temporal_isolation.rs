//! G19, temporal isolation: what a scheduling context is promised of the core it has, whatever the others do.
//!
//! Formally, for every scheduling context with a budget (Q, T), every behaviour of the contexts of all others, and by the kind of its
//! [server](crate::sched::servers):
//! - *deferrable*: every period [kT, (k+1)T): if from kT + e to its end some context of it is ready, it has the core for at least Q − e of that time;
//! - *polling*: every period: if some context is ready from its beginning to its end, it has the core for at least Q of it;
//! - *sporadic*, and *MCS* from wake-up: every refill: if it may be used from t on and some context is ready from then on, it is used up (or put off, being
//!   less than the minimum) by t + T;
//! - *MCS* from dispatch: whatever may be used at a time t at which the server is wanted and owes nothing: the same;
//! - *constant bandwidth*: every deadline d of the server: if some context is ready from when the deadline was set to d, what was left then is used up by d.
//!
//! What follows for the supply in any interval in which some context is ready throughout is its supply bound function ([`supply`](crate::analysis::supply)). For a
//! deferrable server it is the least of max(0, Q − e) + mQ + max(0, f − (T − Q)) over all e, f < T and m with Δ = (T − e) + mT + f (I. Shin, I. Lee, *Periodic
//! resource model for compositional real-time guarantees*, RTSS 2003): the first part is the clause with e, each whole period the clause with 0, and of the
//! last period what is had by f is Q less at most the T − f that are left. It is a statement about the scheduler alone, and no safety guarantee of
//! the untimed relation.
//!
//! And for every window of the declared major frame: while somebody who has no budget, and whose window it is, is ready, the core is with
//! somebody whose window it is. Whoever has a budget is promised that, and no more.
//!
//! Trigger: a scheduling context that is in use has a budget or a window.
