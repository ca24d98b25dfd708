//! Small systems whose verdicts are known from what POSIX and Linux do; each was once, or could be, told wrongly.
#![allow(clippy::unwrap_used, reason = "a test")]

use lacuna_check::{Limits, check};
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::Objects;
use lacuna_model::profile::{Inheritance, Profile};

/// A scenario: further fields, and for each process its header (domain, group) and its program.
fn scenario(fields: &str, processes: &[(&str, &str, &str)]) -> String {
    let process = |(name, header, program): &(&str, &str, &str)| {
        format!("\"{name}\": ({header}, contexts: {{ \"main\": (program: [{program}]) }}),\n")
    };
    let processes: String = processes.iter().map(process).collect();
    format!("Scenario(name: \"x\", about: \"y\", domains: [\"d\", \"e\"], {fields} processes: {{ {processes} }})")
}

fn verdict(text: &str, profile: &Profile, id: GuaranteeId) -> &'static str {
    let system = lacuna_scenarios::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let report = check(&Objects::new(&system, profile).unwrap(), &ids, &Limits::default());
    report.guarantees.iter().find(|checked| checked.id == id).unwrap().verdict.name()
}

#[test]
fn a_full_process_table_proves_no_quota() {
    let bomb = |table: u8| {
        let fields = format!("job_groups: {{ \"job\": (processes: 4) }}, process_table: {table},");
        scenario(
            &fields,
            &[
                ("s", "domain: \"d\"", "Spawn(process: \"b\"), Exit"),
                ("b", "domain: \"e\", group: \"job\"", "Forever([Fork(\"b\")])"),
            ],
        )
    };
    assert_eq!(verdict(&bomb(4), &Profile::linux(), GuaranteeId::G6), "unknown");
    assert_eq!(verdict(&bomb(6), &Profile::linux(), GuaranteeId::G6), "refuted");
    assert_eq!(verdict(&bomb(6), &Profile::linux_hardened(), GuaranteeId::G6), "proved");
}

#[test]
fn a_member_cannot_have_its_child_in_another_group() {
    let fields = "job_groups: { \"job\": (), \"other\": () }, process_table: 5,";
    let text = scenario(
        fields,
        &[
            ("s", "domain: \"d\"", "Spawn(process: \"b\"), Wait(process: \"b\", until: \"1s\"), Kill(group: \"job\")"),
            ("b", "domain: \"e\", group: \"job\"", "Spawn(process: \"c\"), Exit"),
            ("c", "domain: \"e\", group: \"other\"", "Forever([Compute(\"1ms\")])"),
        ],
    );
    let system = lacuna_scenarios::parse(&text).unwrap();
    let objects = Objects::new(&system, &Profile::linux_hardened()).unwrap();
    let found = lacuna_check::explore(&objects, &Limits::default(), |_| {});
    let in_other =
        |state: &lacuna_model::objects::State| state.processes.iter().any(|p| p.group.is_some_and(|g| g.0 == 1));
    assert!(!found.iter().any(in_other), "whoever descends from `job` is in `job`");
    assert_eq!(verdict(&text, &Profile::linux_hardened(), GuaranteeId::G4), "proved");
}

#[test]
fn the_users_own_files_are_open_to_every_domain_of_the_user() {
    let fields = "objects: { \"secret\": (class: File, allow: {}) },";
    let text = scenario(fields, &[("s", "domain: \"d\"", "Access(object: \"secret\", right: Read)")]);
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G7), "refuted");
    assert_eq!(verdict(&text, &Profile::linux_hardened(), GuaranteeId::G7), "proved");
}

#[test]
fn a_quota_speaks_of_whoever_fills_the_group() {
    let fields = "job_groups: { \"job\": (processes: 2) }, process_table: 6,";
    let text = scenario(
        fields,
        &[
            ("s", "domain: \"d\"", "Loop(times: 3, do: [Spawn(process: \"b\")]), Exit"),
            ("b", "domain: \"e\", group: \"job\"", "Forever([Compute(\"1ms\")])"),
        ],
    );
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G6), "refuted");
    assert_eq!(verdict(&text, &Profile::linux_hardened(), GuaranteeId::G6), "proved");
}

#[test]
fn a_kill_of_nobody_says_nothing() {
    let fields = "job_groups: { \"job\": () },";
    let text = scenario(
        fields,
        &[
            ("s", "domain: \"d\"", "Kill(group: \"job\"), Spawn(process: \"b\"), Exit"),
            ("b", "domain: \"e\", group: \"job\"", "Exit"),
        ],
    );
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G4), "vacuous");
}

/// setsid(2): EPERM, "the process group ID of any process equals the PID of the calling process".
#[test]
fn the_leader_of_a_process_group_cannot_leave_it_and_its_child_can() {
    let text = |leader: &str, child: &str| {
        let watch = "Spawn(process: \"b\"), Wait(process: \"b\", until: \"1s\"), Kill(group: \"job\")";
        let processes = [
            ("s", "domain: \"d\"", watch),
            ("b", "domain: \"e\", group: \"job\"", leader),
            ("c", "domain: \"e\"", child),
        ];
        scenario("job_groups: { \"job\": () }, process_table: 4,", &processes)
    };
    let (leader, child) = (text("Detach, Fork(\"c\")", "Exit"), text("Fork(\"c\")", "Detach, Exit"));
    assert_eq!(verdict(&leader, &Profile::linux(), GuaranteeId::G3), "proved");
    assert_eq!(verdict(&child, &Profile::linux(), GuaranteeId::G3), "refuted");
}

/// POSIX exec: descriptors that stay open have the close-on-exec flag clear, and so pass on again.
#[test]
fn what_came_through_exec_goes_through_the_next() {
    let text = scenario(
        "",
        &[
            ("s", "domain: \"d\"", "Open(\"pipe\"), Spawn(process: \"b\", pass: [\"pipe\"]), Exit"),
            ("b", "domain: \"e\"", "Spawn(process: \"c\"), Exit"),
            ("c", "domain: \"e\"", "Exit"),
        ],
    );
    let with = |inheritance| Profile { inheritance, ..Profile::linux_hardened() };
    assert_eq!(verdict(&text, &with(Inheritance::AtomicFlag), GuaranteeId::G2), "refuted");
    assert_eq!(verdict(&text, &with(Inheritance::ExplicitList), GuaranteeId::G2), "proved");
}

#[test]
fn more_starting_processes_than_the_limit_are_no_system() {
    let fields = "job_groups: { \"job\": (processes: 1) },";
    let member = "domain: \"d\", group: \"job\"";
    let text = scenario(fields, &[("a", member, "Exit"), ("b", member, "Exit")]);
    let system = lacuna_scenarios::parse(&text).unwrap();
    assert!(Objects::new(&system, &Profile::ideal()).is_err());
}
