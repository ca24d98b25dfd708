//! Three searches of the library: the engine on packed states, the plainest one, and stateright: the same number of
//! states, the same guarantees refuted, the same stories at any number of threads and workers.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;

use std::num::NonZeroUsize;

use lacuna_check::engine::cluster::ClusterConfig;
use lacuna_check::{End, Limits, Means, NO_DEADLOCK, Question, Report, SecondOpinion, check, check_by};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use stateright::{Checker, Model};

#[test]
fn stateright_finds_the_same() {
    let mut deadlocks = 0;
    for entry in lacuna_scenarios::library() {
        let system = entry.source.parse().unwrap().system;
        let mut known: Vec<Profile> = Vec::new();
        for profile in Profile::all() {
            // Some are the same but for the name, or for what no untimed step looks at.
            let name = profile.name.clone();
            let ideal = Profile::ideal();
            let (time_isolation, inversion) = (ideal.time_isolation, ideal.inversion);
            let nameless = Profile { name: String::new(), time_isolation, inversion, ..profile.clone() };
            if known.contains(&nameless) {
                continue;
            }
            known.push(nameless);
            let objects = Objects::new(&system, &profile).unwrap();
            let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
            let report = check(&objects, &ids, &Limits::default()).unwrap();
            assert_eq!(report.end, End::Complete, "{} {name}", entry.name);
            let (states, transitions) = plain::explore(&objects, usize::MAX, |_| {});
            assert_eq!(
                (report.states, report.transitions),
                (states.len() as u64, transitions),
                "{} {name}",
                entry.name
            );
            let theirs = SecondOpinion::new(objects.clone(), &[]).checker().spawn_dfs().join();
            assert_eq!(report.states, theirs.unique_state_count() as u64, "{} {name}", entry.name);
            by_all_means_the_same(&objects, &ids, &report);

            let refuted: Vec<&str> = report
                .guarantees
                .iter()
                .filter(|checked| matches!(checked.verdict, ModelVerdict::Refuted { .. }))
                .map(|checked| checked.id.name())
                .collect();
            let theirs = SecondOpinion::new(objects, &ids).checker().spawn_dfs().join();
            let mut discovered: Vec<&str> = theirs.discoveries().into_keys().collect();
            let deadlock = discovered.iter().position(|name| *name == NO_DEADLOCK);
            assert_eq!(deadlock.is_some(), report.deadlocks > 0, "{} {name}", entry.name);
            deadlock.map(|place| discovered.swap_remove(place));
            deadlocks += u32::from(report.deadlocks > 0);
            discovered.sort_unstable_by_key(|id| ids.iter().position(|known| known.name() == *id));
            assert_eq!(refuted, discovered, "{} {name}", entry.name);
            println!("{} {name}: {} states, {} transitions", entry.name, report.states, report.transitions);
        }
    }
    assert!(deadlocks > 0, "some of the library stop");
}

fn by_all_means_the_same(objects: &Objects, ids: &[GuaranteeId], report: &Report) {
    let question = Question { guarantees: ids, ends: None, symmetry: false };
    for count in [2, 3] {
        let count = NonZeroUsize::new(count).unwrap();
        let limits = Limits { threads: count, ..Limits::default() };
        let cluster = ClusterConfig::workers(count);
        for means in [Means::Threads, Means::Cluster(&cluster)] {
            let again = check_by(objects, &question, &limits, &means).unwrap();
            let same = Report { bytes: report.bytes, elapsed: report.elapsed, ..again };
            assert_eq!(same, *report, "{means:?}");
        }
    }
}
