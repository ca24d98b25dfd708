//! Every choice on every axis changes some verdict, and a stronger one never makes a safety verdict worse.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/library.rs"]
mod library;

use std::collections::{BTreeSet, HashMap};

use lacuna_check::{Limits, check};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::{
    Attachment, Authority, Axis, BufferKind, BufferRights, Buffers, CapacityRule, Creation, Credentials, Inheritance,
    Kill, Profile, Quota, Regain, Shutdown, Teardown, Tracking,
};
use lacuna_model::system::{Overflow, System};

fn system(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

/// The guarantees that are refuted.
fn refuted(system: &System, profile: &Profile) -> Vec<GuaranteeId> {
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let report = check(&Objects::new(system, profile).unwrap(), &ids, &Limits::default()).unwrap();
    let refuted = report.guarantees.iter().filter(|checked| matches!(checked.verdict, ModelVerdict::Refuted { .. }));
    refuted.map(|checked| checked.id).collect()
}

const STANDARD_SIGNALS: Buffers = Buffers::Only(
    "standard signals",
    &[
        BufferKind::signal(CapacityRule::One, Overflow::Coalesce),
        BufferKind::immediate(CapacityRule::One, Overflow::Coalesce),
    ],
);

const QUEUES: Buffers = Buffers::Only("queues", &[BufferKind::polled(CapacityRule::SharedPool, Overflow::Refuse)]);

#[test]
fn each_choice_decides_something() {
    use GuaranteeId::{G1, G2, G3, G4, G6, G7, G8, G9, G12, G13, G14, G15, G16, G17};
    let hard = Profile::linux_hardened;
    let cases: Vec<(&str, Profile, Vec<GuaranteeId>)> = vec![
        ("parallel-spawn", hard(), vec![]),
        ("parallel-spawn", Profile { inheritance: Inheritance::Ambient, ..hard() }, vec![G2]),
        ("parallel-spawn", Profile { inheritance: Inheritance::FlagLater, ..hard() }, vec![G2]),
        ("parallel-spawn", Profile { inheritance: Inheritance::AtomicFlag, ..hard() }, vec![]),
        // The race is between opening and flagging: creation in one action does not close it.
        (
            "parallel-spawn",
            Profile { inheritance: Inheritance::FlagLater, creation: Creation::Spawn, ..hard() },
            vec![G2],
        ),
        ("double-fork", hard(), vec![]),
        // Whoever waits for the middle loses the daemon when the middle ends.
        ("double-fork", Profile { tracking: Tracking::ParentLink, ..hard() }, vec![G3, G4]),
        ("double-fork", Profile { tracking: Tracking::ProcessGroup, ..hard() }, vec![G3, G4]),
        ("double-fork", Profile { tracking: Tracking::Subreaper, ..hard() }, vec![]),
        // A fork between the snapshot and the kill is missed.
        ("double-fork", Profile { tracking: Tracking::Subreaper, kill: Kill::Walk, ..hard() }, vec![G4]),
        ("double-fork", Profile { kill: Kill::Walk, ..hard() }, vec![G4]),
        ("double-fork", Profile { kill: Kill::OneProcess, ..hard() }, vec![G4]),
        ("fork-bomb", hard(), vec![]),
        ("fork-bomb", Profile { process_quota: Quota::None, ..hard() }, vec![G6]),
        ("fork-bomb", Profile { process_quota: Quota::PerUser, ..hard() }, vec![]),
        ("fork-bomb", Profile { process_quota: Quota::Reserved, ..hard() }, vec![]),
        ("ci-job", Profile { memory_quota: Quota::None, ..hard() }, vec![G6]),
        ("ci-job", Profile { files: Authority::AmbientByUser, ..hard() }, vec![G7]),
        ("ci-job", Profile { network: Authority::AmbientByUser, ..hard() }, vec![G7]),
        ("ci-job", Profile { network: Authority::CapabilityOnly, ..hard() }, vec![]),
        ("thread-credentials", hard(), vec![G1]),
        ("thread-credentials", Profile { credentials: Credentials::PerProcess, ..hard() }, vec![]),
        ("residue", hard(), vec![]),
        ("residue", Profile { file_teardown: Teardown::None, ..hard() }, vec![G8]),
        ("residue", Profile { ipc_teardown: Teardown::None, ..hard() }, vec![G8]),
        // Where nobody may make anything outside, nobody leaves anything there.
        ("ci-job", Profile { file_teardown: Teardown::None, ..hard() }, vec![]),
        ("ci-job", Profile { files: Authority::AmbientByUser, file_teardown: Teardown::None, ..hard() }, vec![G7, G8]),
        ("regained-rights", hard(), vec![]),
        ("regained-rights", Profile { regain: Regain::ByExecution, ..hard() }, vec![G9]),
        ("regained-rights", Profile { regain: Regain::ByAsking, ..hard() }, vec![G9]),
        ("shutdown", hard(), vec![G12]),
        ("shutdown", Profile { shutdown: Shutdown::None, ..hard() }, vec![G12]),
        ("shutdown", Profile { shutdown: Shutdown::Irrevocable, ..hard() }, vec![]),
        // Whoever leaves all groups is of the domain all the same.
        (
            "shutdown",
            Profile { shutdown: Shutdown::Irrevocable, tracking: Tracking::ParentLink, kill: Kill::Walk, ..hard() },
            vec![],
        ),
        ("stray-signal", hard(), vec![]),
        ("stray-signal", Profile { buffer_rights: BufferRights::BySendersUser, ..hard() }, vec![G13]),
        ("driver-failover", Profile { attachment: Attachment::Predefined, ..hard() }, vec![]),
        ("driver-failover", hard(), vec![G15, G17]),
        ("driver-failover", Profile { attachment: Attachment::None, ..hard() }, vec![G15, G17]),
        ("telemetry", Profile { buffers: Buffers::Every, ..hard() }, vec![]),
        ("telemetry", hard(), vec![G14]),
        ("signal-kinds", hard(), vec![]),
        // Without realtime signals they are merged; with nothing but queues whoever does not ask is not killed.
        ("signal-kinds", Profile { buffers: STANDARD_SIGNALS, ..hard() }, vec![G14, G15, G16]),
        ("signal-kinds", Profile { buffers: QUEUES, ..hard() }, vec![G14, G16]),
    ];
    for (scenario, profile, expected) in cases {
        assert_eq!(refuted(&system(scenario), &profile), expected, "{scenario} under {profile:?}");
    }
}

/// Where a stronger choice makes a safety verdict worse: scenario, axis, guarantee, and why. MODEL.md (T4) explains each.
const WORSE: &[(&str, &str, GuaranteeId, &str)] = &[(
    "orphaned-lock",
    "kill",
    GuaranteeId::G21,
    "a kill that reaches every process reaches the one that holds a lock; one that ends the first alone does not",
)];

#[test]
fn a_stronger_choice_never_makes_safety_worse() {
    let systems = library::shallow();
    let mut known: HashMap<(usize, String), Vec<GuaranteeId>> = HashMap::new();
    let mut worse = BTreeSet::new();
    let mut compared = 0;
    for base in Profile::all() {
        for axis in Axis::ALL {
            let variants = axis.with_each_choice(&base);
            let with = |choice: &str| variants.iter().find(|one| axis.choice_of(one) == choice).unwrap();
            for (weak, strong) in axis.below() {
                for (number, system) in systems.iter().enumerate() {
                    let mut refuted = |profile: &Profile| {
                        let key = (number, format!("{:?}", profile.choices()));
                        known.entry(key).or_insert_with(|| refuted(system, profile)).clone()
                    };
                    let (weaker, stronger) = (refuted(with(weak)), refuted(with(strong)));
                    compared += 1;
                    let fresh = stronger.iter().filter(|id| !weaker.contains(id));
                    worse.extend(fresh.map(|id| (system.name.clone(), axis.name, *id)));
                }
            }
        }
    }
    let listed: BTreeSet<_> =
        WORSE.iter().map(|(scenario, axis, id, _)| ((*scenario).to_owned(), *axis, *id)).collect();
    assert_eq!(worse, listed, "of {compared} comparisons, {} searches", known.len());
}
