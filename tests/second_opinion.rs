//! Stateright's opinion of the library: the same number of states, the same guarantees refuted.
#![allow(clippy::unwrap_used, reason = "a test")]

use lacuna_check::{End, Limits, SecondOpinion, check, explore};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use stateright::{Checker, Model};

#[test]
fn stateright_finds_the_same() {
    for entry in lacuna_scenarios::library() {
        let system = entry.source.parse().unwrap().system;
        for (name, _) in Profile::NAMED {
            let objects = Objects::new(&system, &Profile::named(name).unwrap()).unwrap();
            let ours = explore(&objects, &Limits::default(), |_| {});
            assert_eq!(ours.end, End::Complete, "{} {name}", entry.name);
            let theirs = SecondOpinion::new(objects.clone(), &[]).checker().spawn_dfs().join();
            assert_eq!(ours.states(), theirs.unique_state_count(), "{} {name}", entry.name);

            let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
            let report = check(&objects, &ids, &Limits::default());
            let refuted: Vec<&str> = report
                .guarantees
                .iter()
                .filter(|checked| matches!(checked.verdict, ModelVerdict::Refuted { .. }))
                .map(|checked| checked.id.name())
                .collect();
            let theirs = SecondOpinion::new(objects, &ids).checker().spawn_dfs().join();
            let mut discovered: Vec<&str> = theirs.discoveries().into_keys().collect();
            discovered.sort_unstable_by_key(|id| ids.iter().position(|known| known.name() == *id));
            assert_eq!(refuted, discovered, "{} {name}", entry.name);
            println!("{} {name}: {} states, {} transitions", entry.name, ours.states(), ours.transitions);
        }
    }
}
