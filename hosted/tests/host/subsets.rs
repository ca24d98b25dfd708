//! The live half of the property: for random subsets of the steps, what is reported as applied is what was planned,
//! and the effective profile follows from the report.

use lacuna_hosted::primitive::strengthen;
use lacuna_hosted::{Access, Network, PlanError, PrimitiveId, SetUp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::{Test, attack, plan, policy};

pub(crate) const TESTS: &[Test] = &[("subsets::claims_follow_from_reports", claims)];

fn claims() {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let network = prop_oneof![
        Just(Network::None),
        Just(Network::Loopback),
        Just(Network::Host),
        Just(Network::Tcp { connect: vec![443], bind: vec![] })
    ];
    let set_up = prop_oneof![Just(SetUp::Bare), Just(SetUp::Minimal), Just(SetUp::Tight)];
    let runs = std::cell::Cell::new(0);
    let result = runner.run(&(any::<u32>(), network, set_up), |(mask, network, set_up)| {
        let policy = policy()
            .dir("/proc", Access::READ)
            .network(network)
            .processes(50)
            .memory_bytes(1 << 30)
            .file_bytes(1 << 20)
            .descriptors(100);
        let whole = plan(set_up, &policy);
        let mut keep: Vec<_> = PrimitiveId::ALL.iter().copied().filter(|id| mask & (1 << *id as u32) != 0).collect();
        // What cannot stand without something left out is left out too.
        let plan = loop {
            match whole.only(&keep) {
                Ok(plan) => break plan,
                Err(PlanError::Needs { primitive, .. }) => keep.retain(|id| *id != primitive),
                Err(error) => panic!("{error}"),
            }
        };
        let (said, end) = attack(&plan, &["capabilities"]);
        prop_assert!(said.starts_with("0000"), "{}", said);
        let planned: Vec<_> = plan.steps().iter().map(|step| step.primitive).collect();
        prop_assert_eq!(&end.applied, &planned);
        prop_assert_eq!(end.effective(), plan.effective());
        prop_assert_eq!(plan.effective(), strengthen(&end.applied.iter().copied().collect(), plan.policy()));
        runs.set(runs.get() + 1);
        Ok(())
    });
    result.unwrap();
    println!("  {} subsets launched", runs.get());
}
