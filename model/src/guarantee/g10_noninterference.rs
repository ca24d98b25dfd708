//! G10, noninterference: what a domain sees depends on those alone who may flow to it.
//!
//! Formally, the system is TA-secure for the declared ⇝ (reflexive, not always transitive) and the declared views
//! ([`crate::objects::Views`]). Steps are named by their domain ([`crate::objects::Named`]); a step that is named and not possible changes
//! nothing, so `step(s, a)` is total. With dom(a) the domain whose step a is, let
//!
//! - ta_u(ε) = ε, and ta_u(αa) = (ta_u(α), ta_dom(a)(α), a) if dom(a) ⇝ u, else ta_u(α): what may have come to u's knowledge;
//! - for all α, β and u: ta_u(α) = ta_u(β) ⟹ view_u(s₀·α) = view_u(s₀·β), and if the last step is u's own it is told the same.
//!
//! (R. van der Meyden, *What, indeed, is intransitive noninterference?*, ESORICS 2007; for a transitive ⇝ it is purge-based
//! noninterference, Goguen and Meseguer 1982.) It is decided by J. Rushby's unwinding conditions (CSL-92-02, 1992) with s ~u t ⟺ view_u(s) = view_u(t),
//! in one pass over the reachable states:
//!
//! - **local respect**: dom(a) does not flow to u ⟹ s ~u step(s, a). Where a reachable s breaks it, ta_u is the same without a and with
//!   it, so it is refuted by these two runs;
//! - **weak step consistency**: s ~u t and s ~dom(a) t ⟹ step(s, a) ~u step(t, a);
//! - **agreement on what is possible**: s ~d t ⟹ d can take the same steps in both, and each is told the same. Who is dispatched is the
//!   demonic choice and an input that both runs share, so dom(a) depends on no state at all.
//!
//! The last two are sufficient alone: where a pair of states breaks one of them, two runs that TA-security tells must look alike and do not
//! are searched for; if none is found, it is `unknown`. The contents of objects are no part of a state: a write by d to what u may read and does,
//! under the profile, breaks local respect.
//!
//! Trigger: the scenario declares flows, and a domain acts that may not flow to every other.
