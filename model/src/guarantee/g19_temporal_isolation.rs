//! G19, temporal isolation: a scheduling context that is promised an amount Q in every period T has it, whatever the others do.
//!
//! Formally, for every scheduling context with a budget (Q, T), every behaviour of the contexts of all others, and every period
//! [kT, (k+1)T): if from kT + e to its end some context of it is ready, it has the core for at least Q − e of that time. Then in every
//! window of length Δ in which one is ready throughout, the supply is at least sbf(Δ) = max(0, Q − e) + mQ + max(0, f − (T − Q)),
//! the least over all e, f < T and m with Δ = (T − e) + mT + f (I. Shin, I. Lee, *Periodic resource model for compositional
//! real-time guarantees*, RTSS 2003): the first part is the clause with e, each whole period the clause with 0, and of the last period what is
//! had by f is Q less at most the T − f that are left. It is a statement about the scheduler alone, and no safety guarantee of the untimed relation.
//!
//! And for every window of the declared major frame: while somebody who has no budget, and whose window it is, is ready, the core is with
//! somebody whose window it is. Whoever has a budget is promised that, and no more.
//!
//! Trigger: a scheduling context that is in use has a budget or a window.
