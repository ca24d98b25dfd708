//! Small systems whose verdicts are known from what POSIX and Linux do; each was once, or could be, told wrongly.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;

use lacuna_check::{Limits, check};
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::{Context, Objects, Phase, Process, State, Status};
use lacuna_model::profile::{Inheritance, Kill, Profile, Quota, Tracking};

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
    let report = check(&Objects::new(&system, profile).unwrap(), &ids, &Limits::default()).unwrap();
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
    assert_eq!(verdict(&bomb(6), &Profile::linux(), GuaranteeId::G3), "proved-to-table");
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
    let found = plain::states(&objects);
    let in_other = |state: &State| state.processes.iter().any(|p| p.group.is_some_and(|g| g.0 == 1));
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

#[test]
fn a_limit_that_nobody_reaches_says_nothing() {
    let fields = "job_groups: { \"job\": (processes: 4, memory: \"1MiB\") },";
    let text = scenario(
        fields,
        &[
            ("s", "domain: \"d\"", "Spawn(process: \"b\")"),
            ("b", "domain: \"e\", group: \"job\"", "Allocate(\"1MiB\")"),
        ],
    );
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G6), "vacuous");
}

#[test]
fn a_reservation_keeps_entries_for_its_group() {
    let fields = "job_groups: { \"job\": (processes: 2) }, process_table: 4,";
    let text = scenario(
        fields,
        &[
            ("s", "domain: \"d\"", "Loop(times: 2, do: [Spawn(process: \"other\")]), Spawn(process: \"b\")"),
            ("other", "domain: \"d\"", "Forever([Compute(\"1ms\")])"),
            ("b", "domain: \"e\", group: \"job\"", "Exit"),
        ],
    );
    let system = lacuna_scenarios::parse(&text).unwrap();
    let others_at_once = |profile: Profile| {
        let objects = Objects::new(&system, &profile).unwrap();
        let found = plain::states(&objects);
        let others = |state: &State| state.processes.iter().filter(|one| one.lives() && one.instance_of.0 == 1).count();
        found.iter().map(others).max()
    };
    assert_eq!(others_at_once(Profile::linux_hardened()), Some(2));
    assert_eq!(others_at_once(Profile::ideal()), Some(1));
}

/// The most that any reachable state has of something.
fn most(text: &str, profile: &Profile, count: impl Fn(&State) -> u64) -> u64 {
    let system = lacuna_scenarios::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let objects = Objects::new(&system, profile).unwrap();
    let found = plain::states(&objects);
    found.iter().map(count).max().unwrap()
}

/// getrlimit(2), `RLIMIT_NPROC`: all processes of the user count, zombies too, and nobody else's.
#[test]
fn a_quota_per_user_counts_the_users_other_processes_and_nobody_elses() {
    let with = |process_quota| Profile { process_quota, ..Profile::linux() };
    let members = |domain_of_other: &str, other: &str| {
        let fields = "job_groups: { \"job\": (processes: 3) }, process_table: 7,";
        let text = scenario(
            fields,
            &[
                ("s", "domain: \"d\"", "Spawn(process: \"other\"), Loop(times: 4, do: [Spawn(process: \"b\")])"),
                ("other", &format!("domain: \"{domain_of_other}\""), other),
                ("b", "domain: \"e\", group: \"job\"", "Forever([Compute(\"1ms\")])"),
            ],
        );
        let members =
            |state: &State| state.processes.iter().filter(|one| one.instance_of.0 == 2 && one.lives()).count();
        [Quota::PerUser, Quota::PerJobGroup].map(|quota| most(&text, &with(quota), |state| members(state) as u64))
    };
    let runs = "Forever([Compute(\"1ms\")])";
    assert_eq!(members("e", runs), [2, 3], "one of the same user is counted");
    assert_eq!(members("e", "Exit"), [2, 3], "and so is a zombie");
    assert_eq!(members("d", runs), [3, 3], "those of another user are not");
}

#[test]
fn a_memory_quota_per_user_counts_the_users_other_memory_and_nobody_elses() {
    let with = |memory_quota| Profile { memory_quota, ..Profile::linux() };
    let taken = |domain_of_other: &str| {
        let text = scenario(
            "job_groups: { \"job\": (memory: \"3MiB\") }, process_table: 3,",
            &[
                (
                    "s",
                    &format!("domain: \"{domain_of_other}\""),
                    "Allocate(\"1MiB\"), Spawn(process: \"b\"), Wait(process: \"b\")",
                ),
                ("b", "domain: \"e\", group: \"job\"", "Loop(times: 4, do: [Allocate(\"1MiB\")]), Exit"),
            ],
        );
        let in_group =
            |state: &State| state.processes.iter().filter(|one| one.group.is_some()).map(|one| one.memory).sum();
        [Quota::PerUser, Quota::PerJobGroup].map(|quota| most(&text, &with(quota), in_group) >> 20)
    };
    assert_eq!(taken("e"), [2, 3], "what the user has outside the group is counted");
    assert_eq!(taken("d"), [3, 3], "what another user has is not");
}

/// Whoever walks a list of numbers hits who has the number by now, and misses who was born after the list was made.
#[test]
fn a_walk_hits_whoever_has_taken_the_place_of_a_member() {
    let text = scenario(
        "job_groups: { \"job\": () }, process_table: 5,",
        &[
            ("s", "domain: \"d\"", "Spawn(process: \"p\"), Kill(group: \"job\"), Wait(process: \"p\")"),
            ("x", "domain: \"d\"", "Spawn(process: \"victim\"), Wait(process: \"victim\")"),
            ("p", "domain: \"d\"", "Spawn(process: \"b\"), Exit"),
            ("b", "domain: \"e\", group: \"job\"", "Exit"),
            ("victim", "domain: \"d\"", "Forever([Compute(\"1ms\")])"),
        ],
    );
    let system = lacuna_scenarios::parse(&text).unwrap();
    let victims_killed = |kill| {
        let objects = Objects::new(&system, &Profile { kill, ..Profile::linux() }).unwrap();
        let mut killed = 0;
        plain::explore(&objects, usize::MAX, |edge| {
            let lives = |state: &State| state.processes.iter().any(|one| one.instance_of.0 == 4 && one.lives());
            killed += usize::from(lives(edge.before) && !lives(edge.after));
        });
        killed
    };
    assert!(victims_killed(Kill::Walk) > 0, "nothing but a kill ends it, and it is in no group");
    assert_eq!([Kill::Atomic, Kill::OneProcess].map(victims_killed), [0, 0]);
}

#[test]
fn a_walk_misses_whoever_is_born_behind_it() {
    let text = scenario(
        "job_groups: { \"job\": () }, process_table: 4,",
        &[
            ("s", "domain: \"d\"", "Spawn(process: \"b\"), Kill(group: \"job\"), Wait(process: \"b\")"),
            ("b", "domain: \"e\", group: \"job\"", "Fork(\"c\"), Exit"),
            ("c", "domain: \"e\"", "Forever([Compute(\"1ms\")])"),
        ],
    );
    let with = |kill| Profile { kill, ..Profile::linux_hardened() };
    assert_eq!(verdict(&text, &with(Kill::Walk), GuaranteeId::G4), "refuted");
    assert_eq!(verdict(&text, &with(Kill::Atomic), GuaranteeId::G4), "proved");
    // Those that were there are all hit.
    let twins = scenario(
        "job_groups: { \"job\": () }, process_table: 4,",
        &[
            ("s", "domain: \"d\"", "Loop(times: 2, do: [Spawn(process: \"b\")]), Kill(group: \"job\")"),
            ("b", "domain: \"e\", group: \"job\"", "Forever([Compute(\"1ms\")])"),
        ],
    );
    assert_eq!(verdict(&twins, &with(Kill::Walk), GuaranteeId::G4), "proved");
    assert_eq!(verdict(&twins, &with(Kill::OneProcess), GuaranteeId::G4), "refuted");
}

/// The invariants that `objects/state.rs` states, in every state of the library under every profile.
#[test]
fn states_keep_their_invariants() {
    for entry in lacuna_scenarios::library() {
        for (name, _) in Profile::NAMED {
            for tracking in Tracking::ALL {
                let profile = Profile { tracking, ..Profile::named(name).unwrap() };
                let objects = Objects::new(&entry.system().unwrap(), &profile).unwrap();
                for state in plain::explore(&objects, 20_000, |_| {}).0 {
                    check_invariants(&objects, &state);
                }
            }
        }
    }
}

fn check_invariants(objects: &Objects, state: &State) {
    let lives = |slot: u8| state.processes[usize::from(slot)].lives();
    for (slot, process) in (0u8..).zip(&state.processes) {
        let contexts = &state.contexts[objects.contexts_of(slot)];
        let running = contexts.iter().any(|context| context.phase != Phase::Gone);
        match process.status {
            Status::Free => assert_eq!(*process, Process::FREE),
            Status::Zombie => {
                assert!(process.parent.is_some_and(lives), "a zombie waits for a living parent: {process:?}");
                assert_eq!((process.handles, process.memory), (0, 0));
            }
            Status::Embryo | Status::Alive => assert!(process.parent.is_none_or(lives), "{process:?}"),
        }
        assert_eq!(running, process.lives());
        assert!(contexts.iter().filter(|one| one.phase == Phase::Gone).all(|one| *one == Context::FREE));
        assert_eq!(process.flagged & !process.handles, 0);
        assert!(process.listed == 0 || process.status == Status::Embryo);
    }
    assert!(state.supervisors.iter().flatten().all(|slot| lives(*slot)), "{:?}", state.supervisors);
}
