//! Planning, for any host on any host: a plan claims what its steps give, and says what they do not.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use lacuna_hosted::PrimitiveId::*;
use lacuna_hosted::primitive::strengthen;
use lacuna_hosted::{
    Access, CgroupV1, CgroupV2, Facts, Lack, Network, Plan, PlanError, Policy, PrimitiveId, SetUp, Support,
};
use lacuna_model::guarantee::GuaranteeId::{self, G2, G3, G4, G6, G7, G18};
use lacuna_model::profile::{Authority, Inheritance, Profile, Quota, Tracking};
use proptest::prelude::*;

fn support() -> impl Strategy<Value = Support> {
    prop_oneof![Just(Support::Works), Just(Support::Fails("refused".into()))]
}

fn controllers() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(vec!["pids".to_owned(), "memory".into(), "freezer".into(), "cpu".into()], 0..=4)
}

prop_compose! {
    fn v2()(create in support(), kill in support(), enabled in controllers(), can_enable in controllers()) -> CgroupV2 {
        CgroupV2 { own: "/sys/fs/cgroup/own".into(), create, kill, enabled, can_enable }
    }
}

prop_compose! {
    fn v1()(create in support(), controllers in controllers()) -> CgroupV1 {
        CgroupV1 { controllers, own: "/sys/fs/cgroup/v1/own".into(), create }
    }
}

prop_compose! {
    fn any_facts()(
        namespaces in prop::array::uniform5(support()),
        cgroup_v2 in prop::option::of(v2()),
        cgroup_v1 in prop::collection::vec(v1(), 0..3),
        calls in prop::array::uniform3(support()),
        landlock_abi in 0u32..8,
        uid in prop_oneof![Just(0u32), Just(1000)],
        capabilities in prop_oneof![Just(0u64), Just(u64::MAX)],
    ) -> Facts {
        let mut facts = Facts { uid, capabilities, cgroup_v1, cgroup_v2, landlock_abi, ..Facts::bare_linux() };
        let [user, pid, network, ipc, mount] = namespaces;
        // Without privilege no namespace comes without that of users: so a host would have said.
        let all = user.works() || capabilities != 0;
        let with = |own: Support| if all { own } else { Support::Fails("refused".into()) };
        facts.namespaces.pid = with(pid);
        facts.namespaces.network = with(network);
        facts.namespaces.ipc = with(ipc);
        facts.namespaces.mount = with(mount);
        facts.namespaces.user = user;
        [facts.seccomp, facts.close_range, facts.clone3] = calls;
        facts.pidfd = Support::Works;
        facts
    }
}

prop_compose! {
    fn any_policy()(
        network in prop_oneof![
            Just(Network::None),
            Just(Network::Loopback),
            Just(Network::Host),
            Just(Network::Tcp { connect: vec![443], bind: vec![] }),
        ],
        limits in prop::array::uniform4(any::<bool>()),
        work in prop_oneof![Just(None), Just(Some(Access::ALL)), Just(Some(Access::READ | Access::CREATE))],
    ) -> Policy {
        let mut policy = Policy::new().dir("/usr", Access::READ | Access::EXECUTE).network(network);
        let [processes, memory, files, descriptors] = limits;
        if let Some(access) = work { policy = policy.dir("/work", access) }
        if processes { policy = policy.processes(32) }
        if memory { policy = policy.memory_bytes(1 << 30) }
        if files { policy = policy.file_bytes(1 << 20) }
        if descriptors { policy = policy.descriptors(64) }
        policy.deadline(Duration::from_secs(1))
    }
}

fn any_set_up() -> impl Strategy<Value = SetUp> {
    prop_oneof![Just(SetUp::Bare), Just(SetUp::Minimal), Just(SetUp::Tight)]
}

/// The subset of a plan that a mask picks, less what cannot stand without something left out.
fn subset(plan: &Plan, mask: u32) -> Plan {
    let mut keep: Vec<_> = PrimitiveId::ALL.iter().copied().filter(|id| mask & (1 << *id as u32) != 0).collect();
    loop {
        match plan.only(&keep) {
            Ok(subset) => return subset,
            Err(PlanError::Needs { primitive, .. }) => keep.retain(|id| *id != primitive),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Said a second time, apart from the code: a stronger choice on an axis, and what must have been applied for it.
fn evidence(profile: &Profile) -> Vec<(&'static str, &'static [&'static [PrimitiveId]])> {
    let linux = Profile::linux();
    let mut claims: Vec<(&'static str, &'static [&'static [PrimitiveId]])> = Vec::new();
    if profile.inheritance != linux.inheritance {
        assert_eq!(profile.inheritance, Inheritance::ExplicitList);
        claims.push(("inheritance", &[&[ExactDescriptors]]));
    }
    if profile.tracking != linux.tracking {
        assert_eq!(profile.tracking, Tracking::JobGroup);
        claims.push(("tracking", &[&[PidNamespace], &[CgroupV2, LandlockFiles], &[CgroupV1Freezer, LandlockFiles]]));
    }
    match profile.process_quota {
        Quota::PerUser => claims.push(("processes", &[&[RlimitProcesses]])),
        Quota::PerJobGroup => claims.push((
            "processes",
            &[&[RlimitProcesses, UserNamespace], &[CgroupV2Pids, LandlockFiles], &[CgroupV1Pids, LandlockFiles]],
        )),
        other => assert_eq!(other, linux.process_quota),
    }
    if profile.memory_quota != linux.memory_quota {
        claims.push(("memory", &[&[CgroupV2Memory, LandlockFiles], &[CgroupV1Memory, LandlockFiles]]));
    }
    if profile.files != linux.files {
        assert_eq!(profile.files, Authority::Subtractive);
        claims.push((
            "files",
            &[&[LandlockFiles, NoNewPrivileges, LandlockTruncate], &[LandlockFiles, NoNewPrivileges, PrivateRoot]],
        ));
    }
    if profile.network != linux.network {
        assert_eq!(profile.network, Authority::Subtractive);
        claims.push(("network", &[&[NetworkNamespace], &[SeccompNoInternet], &[SeccompSockets, LandlockNetwork]]));
    }
    assert_eq!((profile.creation, profile.kill), (linux.creation, linux.kill));
    claims
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_claim_without_its_primitive(
        facts in any_facts(), policy in any_policy(), set_up in any_set_up(), mask in any::<u32>(),
    ) {
        let whole = set_up.plan(&policy, &facts).unwrap();
        for plan in [subset(&whole, mask), whole] {
            let steps: Vec<_> = plan.steps().iter().map(|step| step.primitive).collect();
            prop_assert!(steps.is_sorted());
            prop_assert_eq!(plan.without(&[]), Ok(plan.clone()));
            prop_assert!(plan.judge().iter().all(|id| !plan.has(*id)));
            for (axis, ways) in evidence(&plan.effective()) {
                prop_assert!(ways.iter().any(|way| way.iter().all(|id| plan.has(*id))), "{axis} by {steps:?}");
            }
            // By the host's own word, not by the name of a step: before version 3 nobody asks about a truncate, and of
            // what may be changed and not written a private root hides nothing.
            let unseen = facts.landlock_abi < 3 && policy.paths().iter().any(|rule| {
                rule.access.contains(Access::CREATE) && !rule.access.contains(Access::WRITE)
            });
            if unseen || facts.landlock_abi < 3 && !plan.has(PrivateRoot) {
                prop_assert_eq!(plan.effective().files, Authority::AmbientByUser, "{:?}", &steps);
            }
        }
    }

    #[test]
    fn what_is_not_strengthened_is_unmet(facts in any_facts(), policy in any_policy(), set_up in any_set_up()) {
        let plan = set_up.plan(&policy, &facts).unwrap();
        let profile = plan.effective();
        let open = |id: GuaranteeId, part: &str| plan.unmet().iter().any(|unmet| unmet.guarantee == id && unmet.part == part);
        prop_assert_eq!(profile.inheritance != Inheritance::ExplicitList, plan.require([G2]).is_err());
        prop_assert_eq!(profile.tracking != Tracking::JobGroup, plan.require([G3]).is_err());
        let limited = policy.processes_limit().is_some();
        prop_assert_eq!(limited && profile.process_quota < Quota::PerJobGroup, open(G6, "processes"));
        let limited = policy.memory_limit_bytes().is_some();
        prop_assert_eq!(limited && profile.memory_quota < Quota::PerJobGroup, open(G6, "memory"));
        let files = open(G7, "contents of files") || open(G7, "shortening of files");
        prop_assert_eq!(profile.files != Authority::Subtractive, files);
        if *policy.network_granted() != Network::Host {
            prop_assert_eq!(profile.network != Authority::Subtractive, open(G7, "network"));
        }
        for unmet in plan.unmet() {
            prop_assert!(!unmet.why.is_empty() && !unmet.remedy.is_empty());
        }
    }

    #[test]
    fn fewer_steps_claim_no_more(facts in any_facts(), policy in any_policy(), set_up in any_set_up(), mask in any::<u32>()) {
        let whole = set_up.plan(&policy, &facts).unwrap();
        let part = subset(&whole, mask);
        let (more, less) = (whole.effective(), part.effective());
        prop_assert!(less.inheritance <= more.inheritance && less.tracking <= more.tracking);
        prop_assert!(less.process_quota <= more.process_quota && less.memory_quota <= more.memory_quota);
        prop_assert!(less.files <= more.files && less.network <= more.network);
    }

    #[test]
    fn facts_survive_json(facts in any_facts()) {
        let text = serde_json::to_string(&facts).unwrap();
        prop_assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }
}

fn policy() -> Policy {
    Policy::new().dir("/usr", Access::READ).processes(32).memory_bytes(1 << 30)
}

fn launchable() -> Facts {
    Facts { pidfd: Support::Works, ..Facts::bare_linux() }
}

/// A recent kernel for a user without privilege.
fn desktop() -> Facts {
    let mut facts = Facts { landlock_abi: 7, ..launchable() };
    let namespaces = &mut facts.namespaces;
    for space in [
        &mut namespaces.user,
        &mut namespaces.pid,
        &mut namespaces.network,
        &mut namespaces.ipc,
        &mut namespaces.mount,
        &mut facts.seccomp,
        &mut facts.close_range,
        &mut facts.clone3,
    ] {
        *space = Support::Works;
    }
    facts
}

#[test]
fn bare_has_no_step_and_claims_nothing() {
    let plan = SetUp::Bare.plan(&policy(), &desktop()).unwrap();
    assert!(plan.steps().is_empty());
    assert_eq!(plan.judge(), [Guardian, UserNamespace, PidNamespace]);
    assert_eq!(Profile { name: "linux".into(), ..plan.effective() }, Profile::linux());
}

#[test]
fn a_user_without_privilege_lacks_memory_alone() {
    let plan = SetUp::Minimal.plan(&policy(), &desktop()).unwrap();
    plan.require([G2, G3, G4, G7]).unwrap();
    let error = plan.require([G4, G6]).unwrap_err();
    let [unmet] = error.0.as_slice() else { panic!("{error}") };
    assert_eq!((unmet.guarantee, unmet.part), (G6, "memory"));
    assert!(error.to_string().contains("no writable cgroup with the memory controller"), "{error}");
    assert!(error.to_string().contains("systemd-run --user --scope -p Delegate=yes"), "{error}");
}

#[test]
fn a_guarantee_that_is_half_asked_for_is_not_held_whole() {
    let facts = desktop();
    let require = |policy: &Policy, id| SetUp::Minimal.plan(policy, &facts).unwrap().require([id]);
    let error = require(&Policy::new().processes(32), G6).unwrap_err();
    let [unmet] = error.0.as_slice() else { panic!("{error}") };
    assert_eq!((unmet.part, unmet.lack), ("memory", Lack::Limit));
    assert!(error.is_of_the_policy() && error.to_string().contains("no limit was asked for"), "{error}");
    assert_eq!(require(&Policy::new(), G6).unwrap_err().0.len(), 2);
    // What the host cannot is not the policy's.
    assert!(!require(&policy(), G6).unwrap_err().is_of_the_policy());
    // Nothing was asked and nothing denied: a plan has nothing unmet there, and no other guarantee minds.
    let plan = SetUp::Minimal.plan(&Policy::new(), &facts).unwrap();
    assert!(plan.unmet().iter().all(|unmet| unmet.guarantee != G6) && plan.unlimited().len() == 2);
    require(&Policy::new(), G2).unwrap();
}

#[test]
fn a_tmp_of_its_own_needs_a_private_root() {
    let open = |policy: Policy, without: &[PrimitiveId]| {
        let plan = SetUp::Minimal.plan(&policy, &desktop()).unwrap().without(without).unwrap();
        plan.unmet().iter().any(|unmet| unmet.guarantee == G7 && unmet.part == "a /tmp of its own")
    };
    assert!(!open(policy().own_tmp(), &[]));
    assert!(open(policy().own_tmp(), &[PrivateRoot]));
    // Nobody who did not ask, or is granted the host's, lacks one.
    assert!(!open(policy(), &[PrivateRoot]));
    assert!(!open(policy().own_tmp().dir("/tmp", Access::ALL), &[PrivateRoot]));
}

#[test]
fn what_may_be_shortened_is_not_claimed() {
    let files = |facts: &Facts, access: Access, without: &[PrimitiveId]| {
        let plan = SetUp::Minimal.plan(&policy().dir("/work", access), facts).unwrap().without(without).unwrap();
        let unmet = plan.unmet().iter().any(|unmet| unmet.part == "shortening of files");
        assert_eq!(unmet, plan.effective().files != Authority::Subtractive);
        plan.effective().files
    };
    let old = Facts { landlock_abi: 2, ..desktop() };
    let create = Access::READ | Access::CREATE;
    // A private root hides what is not granted; what may be changed there must be writable, or it could be shortened.
    assert_eq!(files(&old, Access::ALL, &[]), Authority::Subtractive);
    assert_eq!(files(&old, create, &[]), Authority::AmbientByUser);
    assert_eq!(files(&old, Access::ALL, &[PrivateRoot]), Authority::AmbientByUser);
    assert_eq!(files(&desktop(), create, &[PrivateRoot]), Authority::Subtractive);
    assert_eq!(files(&desktop(), Access::ALL, &[PrivateRoot, LandlockTruncate]), Authority::AmbientByUser);
}

#[test]
fn a_delegated_cgroup_gives_memory() {
    let v2 = CgroupV2 {
        own: "/sys/fs/cgroup/user.slice/job.scope".into(),
        create: Support::Works,
        kill: Support::Works,
        enabled: vec![],
        can_enable: vec!["pids".into(), "memory".into()],
    };
    let facts = Facts { cgroup_v2: Some(v2), ..desktop() };
    let plan = SetUp::Tight.plan(&policy(), &facts).unwrap();
    assert!(plan.has(CgroupV2Memory) && !plan.has(RlimitMemory));
    plan.require([G2, G3, G4, G6, G7]).unwrap();
    // What needs no privilege does not use the one that is there, and says so.
    let error = SetUp::Minimal.plan(&policy(), &facts).unwrap().require([G6]).unwrap_err();
    assert!(error.to_string().contains("leaves out cgroup-v2-memory"), "{error}");
}

#[test]
fn a_closed_host_names_everything_that_is_missing() {
    let plan = SetUp::Tight.plan(&policy(), &launchable()).unwrap();
    let error = plan.require([G2, G3, G4, G6, G7, G18]).unwrap_err();
    for id in [G2, G3, G4, G6, G7, G18] {
        assert!(error.0.iter().any(|unmet| unmet.guarantee == id), "{id}");
    }
    assert!(plan.judge().is_empty() && plan.has(Guardian));
}

#[test]
fn what_cannot_be_planned_is_said() {
    let elsewhere = Facts { os: "plan9".into(), ..desktop() };
    assert_eq!(SetUp::Tight.plan(&policy(), &elsewhere), Err(PlanError::Unsupported("plan9".into())));
    let old = Facts::bare_linux();
    assert!(matches!(SetUp::Tight.plan(&policy(), &old), Err(PlanError::Indispensable { what: "pidfd_open", .. })));
    let relative = policy().dir("src", Access::READ);
    assert_eq!(SetUp::Tight.plan(&relative, &desktop()), Err(PlanError::RelativePath("src".into())));
    let plan = SetUp::Minimal.plan(&policy(), &desktop()).unwrap();
    let needs = PlanError::Needs { primitive: PidNamespace, needs: UserNamespace };
    assert_eq!(plan.without(&[UserNamespace]), Err(needs));
}

#[test]
fn a_plan_is_data() {
    let plan = SetUp::Tight.plan(&policy(), &desktop()).unwrap();
    let value = serde_json::to_value(&plan).unwrap();
    assert_eq!(value["set_up"], "tight");
    assert_eq!(value["steps"][0]["primitive"], "guardian");
    assert_eq!(strengthen(&plan.steps().iter().map(|step| step.primitive).collect(), plan.policy()), plan.effective());
}
