//! G11, timing noninterference: what a domain sees, and when, depends on those alone who may flow to it.
//!
//! It is a statement about a policy × Lattice, and about pairs of its runs α and β, each scheduled from its own state. What may come from outside are
//! the choices that a run makes (an arm, an attack, an execution time, a jitter), and each is one of the domain whose context it is. The scheduler
//! breaks ties as it likes; but as it sees nothing but who is tied, it breaks the same tie at the same instant in both runs alike.
//!
//! At each instant t, let
//!
//! - o_u(α, t) be what u sees: its declared view ([`crate::objects::Views`]), which of its contexts has the core, and the steps of its own in that instant with
//!   what each came to. A context that reads the clock without end sees no more;
//! - A(t) be the domains to which the same may have come in both runs, at first all of them: the largest subset of A(t − 1) such that no d that may
//!   flow to one of it chooses one thing in α at t and another in β, of the same alternatives, nor acts at t in either without being in A(t).
//!
//! For all α, β, u and t: u ∈ A(t) ⟹ o_u(α, t) = o_u(β, t). That is TA-security (G10) of the choices alone: *when* a step is taken is no input any
//! more, but the system's own doing, and is seen. Where u has a step in one run alone, or other choices, it sees a difference.
//!
//! Within an instant there is no order: what d chooses at t may be known to u at t.
//!
//! The product of two runs decides it, both ways. Not covered: a finer tick; what the views leave out; and whatever of a core two contexts share at once.
//!
//! Trigger: the scenario declares flows, and a domain chooses between two things while another may not learn of it.
