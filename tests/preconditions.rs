//! Every check that the kernel makes decides something: without it some verdict of the library is another. Those of which none
//! does are listed, each with the reason.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/library.rs"]
mod library;

use lacuna_check::{Limits, check, check_timed};
use lacuna_model::guarantee::{GuaranteeId, TIMED, safety};
use lacuna_model::objects::{Objects, Precondition};
use lacuna_model::profile::Profile;

/// The checks on which no verdict of the library rests, and why.
const DECIDES_NOTHING: &[(Precondition, &str)] = &[
    (Precondition::NoLeader, "a leader that may not leave has a child that may"),
    (Precondition::LockOwned, "every program of the library gives back what it holds, and nothing else"),
    (Precondition::HandleHeld, "whoever the right is denied to in the library holds no handle either"),
    (Precondition::Attached, "in the library nobody asks a buffer with successors that is not attached to it"),
    (Precondition::Predefined, "in the library only a predefined successor attaches"),
];

/// The verdict on each guarantee, also in time, and whether somebody waits for ever.
fn verdicts(objects: &Objects) -> (Vec<&'static str>, bool) {
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let report = check(objects, &ids, &Limits::default()).unwrap();
    let timed = objects.system().tick.map(|_| check_timed(objects, TIMED, &Limits::default()).unwrap().guarantees);
    let rows = report.guarantees.into_iter().chain(timed.into_iter().flatten());
    (rows.map(|checked| checked.verdict.name()).collect(), report.deadlocks > 0)
}

#[test]
fn some_verdict_rests_on_every_precondition() {
    let mut cases = Vec::new();
    for system in library::shallow() {
        for name in Profile::NAMED.iter().map(|named| named.name) {
            let objects = Objects::new(&system, &Profile::named(name).unwrap()).unwrap();
            let whole = verdicts(&objects);
            cases.push((objects, whole));
        }
    }
    let decides = |precondition: Precondition| {
        cases.iter().any(|(objects, whole)| verdicts(&objects.clone().without(precondition)) != *whole)
    };
    for precondition in Precondition::ALL {
        let excused = DECIDES_NOTHING.iter().any(|(of, _)| of == precondition);
        assert_eq!(decides(*precondition), !excused, "{}: {}", precondition.name(), precondition.statement());
    }
}
