//! Holes that are known and accepted, by the names of their probes.
//!
//! Whoever gates on the exit status names those that are accepted on this host: they are attacked and shown all the
//! same, and do not fail. What is not named fails as ever, so that a new hole is seen on the day it opens.

use std::collections::BTreeSet;

use lacuna_hosted::probe::{self, Row};

use crate::exit::Failure;

/// The probes whose getting out is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted(BTreeSet<&'static str>);

impl Accepted {
    /// Those named.
    ///
    /// # Errors
    /// If there is no such probe.
    pub fn of(ids: &[String]) -> Result<Self, Failure> {
        let named = ids.iter().map(|id| probe::find(id).map(|probe| probe.id).ok_or_else(|| unknown(id)));
        named.collect::<Result<_, _>>().map(Self)
    }

    /// Did something get out here that is not accepted?
    pub fn fails(&self, row: &Row) -> bool {
        row.outcome.got_out() && !self.0.contains(row.id)
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied()
    }
}

/// There is no probe of this name.
pub fn unknown(id: &str) -> Failure {
    let near = probe::all().into_iter().map(|known| (strsim::damerau_levenshtein(known.id, id), known.id)).min();
    let hint = near.map_or(String::new(), |(_, known)| format!(": did you mean `{known}`?"));
    Failure::input(format!("there is no probe `{id}`{hint}"))
}
