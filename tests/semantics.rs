//! Small systems whose verdicts are known from what POSIX and Linux do; each was once, or could be, told wrongly.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;

use lacuna_check::{Limits, check, check_flows};
use lacuna_model::guarantee::{GuaranteeId, safety};
use lacuna_model::objects::{Action, Context, Objects, Outcome, Phase, Precondition, Process, Refusal, State, Status};
use lacuna_model::profile::{
    BufferKind, Buffers, CapacityRule, Inheritance, Kill, LockRecovery, Profile, Quota, Shutdown, Teardown, Tracking,
};
use lacuna_model::system::{BufferId, Overflow};

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
        for name in Profile::NAMED.iter().map(|named| named.name) {
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

/// One context holds a lock at a time; whoever takes its own again, or waits for one who ended with it where it is not passed on, waits for ever.
#[test]
fn a_lock_has_one_owner_and_dies_with_it() {
    use lacuna_model::objects::LockState;
    let under = |lock_recovery: LockRecovery, programs: [&str; 2]| {
        let [one, other] = programs.map(|program| ("domain: \"d\"", program));
        let text = scenario("locks: { \"l\": (), \"m\": () },", &[("p", one.0, one.1), ("q", other.0, other.1)]);
        let system = lacuna_scenarios::parse(&text).unwrap();
        let objects = Objects::new(&system, &Profile { lock_recovery, ..Profile::ideal() }).unwrap();
        let holders = |state: &State| state.locks.iter().filter(|lock| matches!(lock, LockState::Held(_))).count();
        let (mut most, mut orphans) = (0, false);
        for state in plain::states(&objects) {
            most = most.max(holders(&state));
            orphans |= state.locks.contains(&LockState::Orphaned);
        }
        (check(&objects, &[], &Limits::default()).unwrap().deadlocks > 0, most, orphans)
    };
    let deadlocks = |programs| under(LockRecovery::None, programs);
    let twice = r#"Lock("l"), Lock("m"), Unlock("m"), Unlock("l")"#;
    assert_eq!(deadlocks([twice, twice]), (false, 2, false));
    // In the other order: the embrace.
    assert_eq!(deadlocks([twice, r#"Lock("m"), Lock("l"), Unlock("l"), Unlock("m")"#]), (true, 2, false));
    assert_eq!(deadlocks([r#"Lock("l"), Lock("l")"#, "Exit"]), (true, 1, false));
    // The owner ends, by itself or with its process, and takes the lock with it.
    assert_eq!(deadlocks([r#"Lock("l")"#, "Exit"]), (false, 1, true));
    assert_eq!(deadlocks([r#"Lock("l"), Exit"#, r#"Lock("l")"#]), (true, 1, true));
    // Or leaves it to the next, who is told.
    assert_eq!(under(LockRecovery::OwnerDead, [r#"Lock("l"), Exit"#, r#"Lock("l")"#]), (false, 1, true));
    // What one does not hold one cannot give back: or the last of these would not wait.
    assert_eq!(deadlocks([r#"Lock("l"), Lock("l")"#, r#"Unlock("l")"#]), (true, 1, false));
}

/// What comes of each use of a buffer, by its name, in whatever order.
fn outcomes(objects: &Objects) -> std::collections::BTreeMap<(&'static str, String), Vec<Outcome>> {
    let mut found = std::collections::BTreeMap::<_, Vec<Outcome>>::new();
    plain::explore(objects, usize::MAX, |transition| {
        let event = objects.event(transition.before, transition.step, transition.outcome, transition.after);
        let of = found.entry((event.action, event.target.unwrap_or_default())).or_default();
        if !of.contains(&transition.outcome) {
            of.push(transition.outcome);
        }
    });
    found
}

#[test]
fn signals_are_merged_queued_or_processed_at_once() {
    let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == "signal-kinds").unwrap();
    let objects = Objects::new(&entry.system().unwrap(), &Profile::linux()).unwrap();
    let found = outcomes(&objects);
    let of = |action: &'static str, buffer: &str| found[&(action, buffer.to_owned())].clone();
    let full = Outcome::Refused(Refusal::Full);
    assert_eq!(of("send", "SIGTERM"), [Outcome::Done, Outcome::Overflowed(Overflow::Coalesce)], "two may be one");
    assert_eq!(of("send", "SIGRTMIN"), [Outcome::Done, full], "the pool's limit refuses the next");
    assert_eq!(of("send", "SIGKILL"), [Outcome::Done]);
    assert_eq!(of("poll", "SIGRTMIN"), [Outcome::Refused(Refusal::Empty), Outcome::Done]);
    assert_eq!(of("deliver", "SIGTERM"), [Outcome::Done]);
    assert!(!found.contains_key(&("deliver", "SIGKILL".into())), "it is never deferred");
    let states = plain::states(&objects);
    let most = |buffer: usize| states.iter().map(|state| state.buffers[buffer].queued).max();
    assert_eq!([most(0), most(1), most(2)], [Some(1), Some(2), Some(0)]);
}

/// A sender and a receiver, of the domains `d` and `e`, and a buffer of this kind between them.
fn between(buffer: &str, sends: &str, receives: &str) -> String {
    let fields = format!(
        "pools: {{ \"pool\": (limit: 2) }}, buffers: {{ \"b\": ({buffer}, send: [\"d\"], receive: [\"e\"]),
         \"c\": (pool: \"pool\", overflow: Refuse, send: [\"d\"], receive: [\"e\"]) }},"
    );
    scenario(&fields, &[("s", "domain: \"d\"", sends), ("r", "domain: \"e\"", receives)])
}

fn objects(text: &str, profile: &Profile) -> Objects {
    let system = lacuna_scenarios::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    Objects::new(&system, profile).unwrap()
}

#[test]
fn a_full_buffer_follows_its_rule() {
    let sent = |rule: &str, profile: &Profile| {
        let text =
            between(&format!("capacity: 2, overflow: {rule}"), "Loop(times: 3, do: [Send(\"b\")])", "Receive(\"b\")");
        let objects = objects(&text, profile);
        assert!(plain::states(&objects).iter().all(|state| state.buffers[0].queued <= 2), "{rule}");
        (outcomes(&objects)[&("send", "b".into())].clone(), verdict(&text, profile, GuaranteeId::G14))
    };
    let ideal = Profile::ideal();
    assert_eq!(sent("Block", &ideal), (vec![Outcome::Done], "proved"));
    assert_eq!(sent("Refuse", &ideal), (vec![Outcome::Done, Outcome::Refused(Refusal::Full)], "proved"));
    for (rule, name) in
        [(Overflow::Coalesce, "Coalesce"), (Overflow::DropNewest, "DropNewest"), (Overflow::DropOldest, "DropOldest")]
    {
        assert_eq!(sent(name, &ideal), (vec![Outcome::Done, Outcome::Overflowed(rule)], "proved"));
    }
    // Linux has eventfd, which merges; what drops becomes what refuses.
    assert_eq!(sent("Coalesce", &Profile::linux()).1, "proved");
    let refuses = (vec![Outcome::Done, Outcome::Refused(Refusal::Full)], "refuted");
    assert_eq!(sent("DropNewest", &Profile::linux()), refuses);
    assert_eq!(sent("DropOldest", &Profile::linux()), refuses);
}

#[test]
fn a_message_merged_by_no_declared_rule_is_not_conserved() {
    let only = |kind| Profile { buffers: Buffers::Only("one kind", Box::leak(Box::new([kind]))), ..Profile::ideal() };
    let merging = only(BufferKind::polled(CapacityRule::Fixed, Overflow::Coalesce));
    let text = between("capacity: 2, overflow: Refuse", "Loop(times: 3, do: [Send(\"b\")])", "Poll(\"b\")");
    assert_eq!(verdict(&text, &Profile::ideal(), GuaranteeId::G15), "proved");
    assert_eq!(verdict(&text, &merging, GuaranteeId::G15), "refuted");
    // Where every buffer makes wait, one that is to refuse does too.
    let blocking = only(BufferKind::polled(CapacityRule::Fixed, Overflow::Block));
    assert_eq!(verdict(&text, &blocking, GuaranteeId::G14), "refuted");
    let narrow = only(BufferKind::polled(CapacityRule::One, Overflow::Refuse));
    assert_eq!(verdict(&text, &narrow, GuaranteeId::G14), "refuted", "it is full before it should be");
}

#[test]
fn sender_and_receiver_meet_where_nothing_is_held() {
    let text = between("capacity: 0, overflow: Block", "Send(\"b\"), Exit", "Compute(\"1ms\"), Receive(\"b\"), Exit");
    let ideal = objects(&text, &Profile::ideal());
    assert!(plain::states(&ideal).iter().all(|state| state.buffers[0].queued == 0));
    let found = outcomes(&ideal);
    assert_eq!(found[&("hand-over", "b".into())], [Outcome::Done]);
    assert!(!found.contains_key(&("receive", "b".into())) && !found.contains_key(&("send", "b".into())));
    // Neither goes on without the other.
    plain::explore(&ideal, usize::MAX, |transition| {
        let ends = |slot: usize| !transition.after.processes[slot].lives();
        let met = |slot: usize| transition.before.contexts[slot].position != ideal.initial().contexts[slot].position;
        assert!(!ends(0) || met(0));
        if matches!(transition.step.action, Action::HandOver(..)) {
            assert!(transition.after.contexts[..2].iter().all(|context| context.phase == Phase::Begin));
        }
    });
    assert_eq!(verdict(&text, &Profile::ideal(), GuaranteeId::G15), "proved");
    // No pipe is without room: the sender goes on before the receiver asks.
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G14), "refuted");
    let refuse = text.replace("overflow: Block", "overflow: Refuse");
    let found = outcomes(&objects(&refuse, &Profile::ideal()));
    assert_eq!(found[&("send", "b".into())], [Outcome::Refused(Refusal::Full)], "nobody waits yet");
}

#[test]
fn a_limit_is_set_where_the_kernel_can_and_the_messages_fit() {
    let program = "Send(\"b\"), Send(\"b\"), Send(\"b\")";
    let text =
        between("capacity: 2, overflow: Refuse", program, "SetLimit(buffer: \"b\", capacity: 1), Receive(\"b\")");
    for profile in [Profile::ideal(), Profile::linux()] {
        let found = outcomes(&objects(&text, &profile));
        assert_eq!(found[&("set-limit", "b".into())], [Outcome::Done, Outcome::Refused(Refusal::NoSuchLimit)]);
        assert_eq!(verdict(&text, &profile, GuaranteeId::G14), "proved");
    }
    let without = objects(&text, &Profile::ideal()).without(Precondition::LimitFits);
    assert!(plain::states(&without).iter().any(|state| state.buffers[0].queued > state.buffers[0].limit));
    let fixed = BufferKind::polled(CapacityRule::Fixed, Overflow::Refuse);
    let profile = Profile { buffers: Buffers::Only("fixed", Box::leak(Box::new([fixed]))), ..Profile::ideal() };
    let found = outcomes(&objects(&text, &profile));
    assert_eq!(found[&("set-limit", "b".into())], [Outcome::Refused(Refusal::NoSuchLimit)]);
    let strange = text.replace("receive: [\"e\"]", "receive: [\"d\"]");
    let found = outcomes(&objects(&strange, &Profile::ideal()));
    assert_eq!(found[&("set-limit", "b".into())], [Outcome::Refused(Refusal::NoRight)]);
}

#[test]
fn a_deferred_signal_interrupts_before_anything_else_and_an_immediate_one_is_not_queued() {
    let text = |when: &str, receives: &str| {
        let buffer = format!(
            "capacity: 1, overflow: Coalesce, when: {when}, by: Automatic, attachments: [(process: \"r\")], effect: Terminate"
        );
        between(&buffer, "Send(\"b\"), Exit", receives)
    };
    // A receiver that waits for something else is interrupted too.
    let waits = text("Deferred", "Receive(\"c\")");
    let deferred = objects(&waits, &Profile::ideal());
    let mut steps = Vec::new();
    for state in plain::states(&deferred) {
        steps.clear();
        deferred.enabled(&state, &mut steps);
        if state.buffers[0].queued > 0 {
            let others = steps.iter().filter(|step| deferred.process_of(step.context) == 1);
            assert!(others.into_iter().all(|step| step.action == Action::Deliver(BufferId(0))), "{steps:?}");
            assert!(steps.iter().any(|step| step.action == Action::Deliver(BufferId(0))));
        }
    }
    let immediate = text("Immediate", "Forever([Compute(\"1ms\")])");
    assert!(plain::states(&objects(&immediate, &Profile::ideal())).iter().all(|state| state.buffers[0].queued == 0));
    for text in [&waits, &immediate] {
        assert_eq!(verdict(text, &Profile::ideal(), GuaranteeId::G16), "proved");
    }
    // What cannot be done at once is done later; what is not done unasked waits for ever.
    let later = BufferKind::signal(CapacityRule::One, Overflow::Coalesce);
    let asked = BufferKind::polled(CapacityRule::One, Overflow::Coalesce);
    for kind in [later, asked] {
        let profile = Profile { buffers: Buffers::Only("one", Box::leak(Box::new([kind]))), ..Profile::ideal() };
        assert_eq!(verdict(&immediate, &profile, GuaranteeId::G16), "refuted");
        let of_deferred = if kind == later { "proved" } else { "refuted" };
        let computes = text("Deferred", "Forever([Compute(\"1ms\")])");
        assert_eq!(verdict(&computes, &profile, GuaranteeId::G16), of_deferred);
    }
    // And what is to be asked for is not forced on anybody.
    let unasked = Profile { buffers: Buffers::Only("signals", Box::leak(Box::new([later]))), ..Profile::ideal() };
    let polled =
        between("capacity: 1, overflow: Coalesce, attachments: [(process: \"r\")]", "Send(\"b\")", "Compute(\"1ms\")");
    assert_eq!(verdict(&polled, &unasked, GuaranteeId::G16), "refuted");
}

#[test]
fn a_right_on_a_buffer_is_asked_of_everybody_but_for_a_signal_of_the_same_user() {
    let text = |by: &str| {
        let fields = format!(
            "buffers: {{ \"b\": (capacity: 1, overflow: Coalesce, {by}, send: [\"d\"], receive: [\"e\"], attachments: [(process: \"r\")]) }},"
        );
        let processes = [
            ("stranger", "domain: \"e\"", "Send(\"b\")"),
            ("thief", "domain: \"d\"", "Poll(\"b\")"),
            ("s", "domain: \"d\"", "Send(\"b\")"),
            ("r", "domain: \"e\"", "Compute(\"1ms\")"),
        ];
        scenario(&fields, &processes)
    };
    let of = |by: &str, profile: Profile| verdict(&text(by), &profile, GuaranteeId::G13);
    for by in ["by: Automatic", "by: Polled"] {
        assert_eq!(of(by, Profile::linux_hardened()), "proved");
        assert_eq!(of(by, Profile::ideal()), "proved");
    }
    assert_eq!(of("by: Polled", Profile::linux()), "proved", "the ends of a pipe have modes");
    assert_eq!(of("by: Automatic", Profile::linux()), "refuted");
    let found = outcomes(&objects(&text("by: Automatic"), &Profile::linux()));
    assert_eq!(found[&("poll", "b".into())], [Outcome::Refused(Refusal::NoRight)], "nobody takes another's signal");
    let unchecked = objects(&text("by: Polled"), &Profile::ideal()).without(Precondition::BufferRight);
    assert!(outcomes(&unchecked)[&("poll", "b".into())].contains(&Outcome::Done));
}

#[test]
fn a_spare_takes_over_what_is_in_time_and_nobody_else_does() {
    let of = |name: &str| {
        let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap();
        entry.source.text.clone()
    };
    let attached = |name: &str| {
        let objects = objects(&of(name), &Profile::ideal());
        let mut found = std::collections::BTreeSet::new();
        plain::explore(&objects, usize::MAX, |transition| {
            if let Action::Attach(_) = transition.step.action {
                let (was, is) = (transition.before.buffers[0], transition.after.buffers[0]);
                assert!(!is.taken && objects.receivers(transition.before, BufferId(0)) == 0);
                let admitted = transition.outcome == Outcome::Done;
                let there = was.queued + u8::from(was.taken);
                assert_eq!(is.queued, if admitted { there } else { 0 }, "kept, the unacknowledged one too, or dropped");
                found.insert((there, admitted));
            }
        });
        found.into_iter().collect::<Vec<_>>()
    };
    // The driver fails with a message in its hands, so there is always one.
    assert_eq!(attached("driver-failover"), [(1, true), (2, true), (3, true)]);
    assert_eq!(attached("driver-failover-late"), [(1, true), (2, true), (3, false)]);
    // Where attaching is free, whoever holds the handle receives: the client, say.
    let stolen = of("driver-failover")
        .replace("Loop(times: 4, do: [Send(\"requests\")])", "Send(\"requests\"), Attach(\"requests\")");
    let of_client = |profile: &Profile, id| verdict(&stolen, profile, id);
    assert_eq!(of_client(&Profile::linux(), GuaranteeId::G13), "refuted");
    assert_eq!(of_client(&Profile::ideal(), GuaranteeId::G13), "proved");
    assert_eq!(of_client(&Profile::ideal(), GuaranteeId::G17), "proved");
}

/// What comes of accesses by the second context of a process whose first gives its rights up, before and after it has.
#[test]
fn a_right_is_given_up_by_the_context_or_by_its_process() {
    use lacuna_model::profile::Credentials;
    let text = r#"(name: "x", about: "y", domains: ["d"], objects: {
        "f": (class: File, allow: {"d": [Read]}), "g": (class: File, allow: {"d": [Read]})},
        processes: {"p": (domain: "d", contexts: {
            "a": (program: [DropRights(objects: ["g"])]),
            "b": (program: [Access(object: "g", right: Read), Access(object: "f", right: Read)])})})"#;
    let after = |credentials, object: &str| {
        let mut found = [vec![], vec![]];
        let objects = objects(text, &Profile { credentials, ..Profile::ideal() });
        plain::explore(&objects, usize::MAX, |transition| {
            let event = objects.event(transition.before, transition.step, transition.outcome, transition.after);
            if event.action == "access" && event.target.as_deref() == Some(object) {
                let first = transition.before.contexts[0];
                let found = &mut found[usize::from(first.dropped != 0 || first.phase == Phase::Gone)];
                if !found.contains(&transition.outcome) {
                    found.push(transition.outcome);
                }
            }
        });
        found
    };
    let (done, refused) = (Outcome::Done, Outcome::Refused(Refusal::NoRight));
    assert_eq!(after(Credentials::PerContext, "g"), [[done], [done]]);
    assert_eq!(after(Credentials::PerProcess, "g"), [[done], [refused]]);
    let others = after(Credentials::PerProcess, "f");
    assert!(others.iter().flatten().all(|outcome| *outcome == done), "nobody gave that up: {others:?}");
    let of = |profile: &Profile| verdict(text, profile, GuaranteeId::G1);
    assert_eq!((of(&Profile::linux()), of(&Profile::ideal())), ("refuted", "proved"));
    // Whoever is alone in its process says nothing of the domain that it shares with nobody.
    let alone = text
        .replace("\"b\": (program: [", "\"b\": (program: [Exit, ")
        .replace("\"a\": (program: [", "\"a\": (program: [Exit, ");
    assert_eq!(verdict(&alone, &Profile::linux(), GuaranteeId::G1), "vacuous");
}

/// credentials(7): a child inherits copies of its parent's, and execve(2) preserves what was given up.
#[test]
fn a_child_has_nothing_that_its_creator_had_given_up() {
    let accesses = |create: &str, drop: &str, profile: &Profile| {
        let text = format!(
            r#"(name: "x", about: "y", domains: ["d"], objects: {{"f": (class: File, allow: {{"d": [Read]}})}}, processes: {{
            "p": (domain: "d", contexts: {{
                "a": (program: [{drop} {create}]),
                "b": (program: [Choose([[DropRights(objects: ["f"]), Forever([Compute("1ms")])], []])])}}),
            "c": (domain: "d", contexts: {{
                "a": (program: [Access(object: "f", right: Read)]),
                "b": (program: [Access(object: "f", right: Read)])}})}})"#
        );
        outcomes(&objects(&text, profile)).remove(&("access", "f".into())).unwrap()
    };
    let (done, refused) = (Outcome::Done, Outcome::Refused(Refusal::NoRight));
    let drop = "DropRights(objects: [\"f\"]),";
    for create in ["Spawn(process: \"c\")", "Fork(\"c\")"] {
        for profile in [Profile::linux(), Profile::ideal()] {
            assert_eq!(accesses(create, drop, &profile), [refused], "{create}, {}", profile.name);
        }
        // What another context of its creator has given up a child lacks only where that is the process's.
        assert_eq!(accesses(create, "", &Profile::linux()), [done], "{create}");
        let either = accesses(create, "", &Profile::ideal());
        assert!(either.contains(&done) && either.contains(&refused), "{create}: {either:?}");
    }
}

/// sysvipc(7), unlink(2): what was made stays until it is removed; ipc_namespaces(7): it goes with the namespace's last process.
#[test]
fn what_a_group_made_goes_with_its_last_process_and_not_before() {
    let of = |class: &str, further: &str, group: &str, child: &str| {
        let fields = format!(
            "objects: {{ \"o\": (class: {class}, allow: {{ \"e\": [Create] }}{further}) }},\
             job_groups: {{ \"job\": () }}, process_table: 4,"
        );
        let member = format!("domain: \"e\"{group}");
        scenario(
            &fields,
            &[
                ("s", "domain: \"d\"", "Spawn(process: \"b\"), Exit"),
                ("b", &member, "Fork(\"c\"), Access(object: \"o\", right: Create), Exit"),
                ("c", "domain: \"e\"", child),
            ],
        )
    };
    let (group, ends) = (", group: \"job\"", "Detach, Compute(\"1ms\"), Exit");
    let hard = Profile::linux_hardened;
    for (class, left) in [
        ("Directory", Profile { file_teardown: Teardown::None, ..hard() }),
        ("Ipc", Profile { ipc_teardown: Teardown::None, ..hard() }),
    ] {
        let text = of(class, "", group, ends);
        assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G8), "refuted", "{class}");
        assert_eq!(verdict(&text, &left, GuaranteeId::G8), "refuted", "{class}: the other axis does not matter");
        assert_eq!(verdict(&text, &hard(), GuaranteeId::G8), "proved", "{class}");
        // A daemon that is no longer tracked is of the group all the same, and keeps what the group made.
        let system = lacuna_scenarios::parse(&text).unwrap();
        for profile in [hard(), Profile { tracking: Tracking::ProcessGroup, ..hard() }] {
            let found = plain::states(&Objects::new(&system, &profile).unwrap());
            let living = |state: &State, of: u8| state.processes.iter().any(|p| p.lives() && p.instance_of.0 == of);
            let kept = |state: &State| state.made == [true];
            assert!(found.iter().any(|state| kept(state) && !living(state, 1) && living(state, 2)), "{class}");
            assert!(found.iter().all(|state| !kept(state) || living(state, 1) || living(state, 2)), "{class}");
        }
        // Whoever never ends leaves nothing behind, an output is meant to stay, and what is nobody's is no group's.
        let daemon = of(class, "", group, "Forever([Compute(\"1ms\")])");
        let output = of(class, ", output: true", group, ends);
        let nobody = of(class, "", "", ends);
        for text in [daemon, output, nobody] {
            assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G8), "vacuous", "{text}");
        }
    }
    // Who may make nothing has made nothing.
    let text = of("Directory", "", group, ends).replace("allow: { \"e\"", "allow: { \"d\"");
    let confined = Profile { file_teardown: Teardown::None, ..hard() };
    assert_eq!(verdict(&text, &confined, GuaranteeId::G8), "vacuous");
    assert_eq!(verdict(&text, &Profile::linux(), GuaranteeId::G8), "refuted");
}

/// seteuid(2), RevertToSelf: by asking; execve(2) of a set-user-ID program: by execution; prctl(2), PR_SET_NO_NEW_PRIVS: never.
#[test]
fn a_right_given_up_comes_back_as_the_kernel_has_it() {
    use lacuna_model::profile::Regain;
    let verdicts = |program: &str, regain| {
        let fields = r#"objects: {
            "f": (class: File, allow: {"d": [Read]}), "su": (class: PrivilegedProgram, allow: {"d": [Execute]})},"#;
        let text = scenario(fields, &[("p", "domain: \"d\"", &format!("DropRights(objects: [\"f\"]), {program}"))]);
        verdict(&text, &Profile { regain, ..Profile::linux_hardened() }, GuaranteeId::G9)
    };
    let execute = "Access(object: \"su\", right: Execute)";
    for (program, by_asking, by_execution, never) in [
        ("Regain(\"f\")", "refuted", "proved", "proved"),
        (execute, "refuted", "refuted", "proved"),
        ("Adversary(depth: 1)", "refuted", "refuted", "proved"),
        ("Access(object: \"f\", right: Read)", "proved", "proved", "proved"),
        ("Compute(\"1ms\")", "vacuous", "vacuous", "vacuous"),
    ] {
        for (regain, expected) in
            [(Regain::ByAsking, by_asking), (Regain::ByExecution, by_execution), (Regain::Never, never)]
        {
            // Of an adversary, to its depth.
            let found = verdicts(program, regain);
            assert!(found.starts_with(expected), "{program}, {regain:?}: {found}");
        }
    }
}

#[test]
fn a_right_is_granted_by_who_has_it_and_by_nobody_else() {
    let (done, refused) = (Outcome::Done, Outcome::Refused(Refusal::NoRight));
    let accesses = |keeper: &str, checked: bool| {
        let fields = r#"objects: {"f": (class: File, allow: {"d": [Read], "e": [Read]}), "g": (class: File, allow: {"e": [Read]})},"#;
        let user = "DropRights(objects: [\"f\", \"g\"]), Compute(\"1ms\"), Access(object: \"f\", right: Read), Access(object: \"g\", right: Read)";
        let text = scenario(fields, &[("k", "domain: \"d\"", keeper), ("u", "domain: \"e\"", user)]);
        let objects = objects(&text, &Profile::ideal());
        let objects = if checked { objects } else { objects.without(Precondition::RightHeld) };
        let mut found = outcomes(&objects);
        let report = check(&objects, &[GuaranteeId::G9], &Limits::default()).unwrap();
        let mut of = |object: &str| {
            let mut of = found.remove(&("access", object.into())).unwrap();
            of.sort_by_key(|outcome| *outcome == refused);
            of
        };
        (of("f"), of("g"), report.guarantees[0].verdict.name())
    };
    let grant = "Grant(object: \"f\", process: \"u\")";
    // Before the other has given it up a grant gives nothing.
    assert_eq!(accesses(grant, true), (vec![done, refused], vec![refused], "proved"));
    let dropped = format!("DropRights(objects: [\"f\"]), {grant}");
    assert_eq!(accesses(&dropped, true), (vec![refused], vec![refused], "proved"));
    assert_eq!(accesses(&dropped, false), (vec![done, refused], vec![refused], "refuted"));
    // The domain of who grants has no right to this one.
    assert_eq!(accesses("Grant(object: \"g\", process: \"u\")", true), (vec![refused], vec![refused], "proved"));
    assert_eq!(accesses("Grant(object: \"f\", process: \"k\")", true).0, [refused], "to another");
    // An adversary may hand on what it has.
    let (f, g, verdict) = accesses("Adversary(depth: 1)", true);
    assert!(f.contains(&done) && g == [refused] && verdict.starts_with("proved"), "{f:?}, {g:?}, {verdict}");
}

/// kill(2): −1 leaves out the caller, and whoever is created afterwards.
#[test]
fn a_lock_down_is_of_the_domain_whoever_made_it_and_whoever_asks() {
    let text = |watch: &str, service: &str| {
        let member = "domain: \"e\", group: \"job\"";
        let processes = [
            ("s", "domain: \"d\"", "Spawn(process: \"b\"), Spawn(process: \"c\")"),
            ("w", "domain: \"d\"", watch),
            ("b", member, service),
            ("c", "domain: \"e\"", "Compute(\"1ms\")"),
        ];
        scenario("job_groups: { \"job\": () }, process_table: 6,", &processes)
    };
    let with = |shutdown| Profile { shutdown, ..Profile::linux_hardened() };
    let (none, walk, for_good) = (with(Shutdown::None), with(Shutdown::BestEffort), with(Shutdown::Irrevocable));
    let plain = text("LockDown(\"e\")", "Compute(\"1ms\")");
    for (profile, verdicts) in [(&none, "refuted"), (&walk, "refuted"), (&for_good, "proved")] {
        assert_eq!(verdict(&plain, profile, GuaranteeId::G12), verdicts);
    }
    // With all that there ever is before its eyes a walk is enough; a child that is born behind it is missed.
    let alone = |service: &str| {
        let watch = "Receive(\"go\"), LockDown(\"e\")";
        let fields =
            "buffers: { \"go\": (capacity: 1, overflow: Block, send: [\"e\"], receive: [\"d\"]) }, process_table: 4,";
        scenario(
            fields,
            &[("w", "domain: \"d\"", watch), ("b", "domain: \"e\"", service), ("c", "domain: \"e\"", "Exit")],
        )
    };
    let starts = |service: &str| alone(service).replace("\"c\": (domain: \"e\"", "\"unused\": (domain: \"d\"");
    assert_eq!(verdict(&starts("Send(\"go\"), Forever([Compute(\"1ms\")])"), &walk, GuaranteeId::G12), "proved");
    let forks = alone("Send(\"go\"), Fork(\"c\")");
    assert_eq!(verdict(&forks, &walk, GuaranteeId::G12), "refuted");
    assert_eq!(verdict(&forks, &for_good, GuaranteeId::G12), "proved");
    // Whoever locks its own domain down ends with it, or goes last.
    let own = scenario(
        "",
        &[("w", "domain: \"d\"", "LockDown(\"d\")"), ("b", "domain: \"d\"", "Forever([Compute(\"1ms\")])")],
    );
    for (profile, living) in [(&for_good, 0), (&walk, 1)] {
        let system = lacuna_scenarios::parse(&own).unwrap();
        let objects = Objects::new(&system, profile).unwrap();
        let ended = plain::states(&objects).into_iter().filter(|state| state.locked_down == [true]);
        let count = |state: &State| state.processes.iter().filter(|process| process.lives()).count();
        assert_eq!(ended.map(|state| count(&state)).max(), Some(living));
    }
    // The lock-down itself does not come after it.
    assert_eq!(verdict(&own, &for_good, GuaranteeId::G12), "proved");
    // Where nobody of the domain lives, nothing is said.
    assert_eq!(verdict(&text("LockDown(\"d\")", "Exit"), &none, GuaranteeId::G12), "refuted", "the caller acts on");
    let nobody = scenario("", &[("w", "domain: \"d\"", "LockDown(\"e\")")]);
    assert_eq!(verdict(&nobody, &none, GuaranteeId::G12), "vacuous");
}

/// Marks are of steps; here there is none.
#[test]
fn what_is_wrong_from_the_start_is_seen_without_a_step() {
    let buffer = |name: &str| {
        format!("\"{name}\": (capacity: 1, overflow: Block, send: [\"d\", \"e\"], receive: [\"d\", \"e\"])")
    };
    let circle = |before: &str, second: &str| {
        let first = format!("{before}Receive(\"a\"), Send(\"b\"), Exit");
        let fields = format!("buffers: {{ {}, {} }},", buffer("a"), buffer("b"));
        scenario(&fields, &[("p", "domain: \"d\"", &first), ("q", "domain: \"e\"", second)])
    };
    for before in ["", "Compute(\"1ms\"), "] {
        let verdict = |second: &str| verdict(&circle(before, second), &Profile::ideal(), GuaranteeId::G21);
        assert_eq!(verdict("Receive(\"b\"), Send(\"a\"), Exit"), "refuted", "{before}");
        // Whoever waits for nobody in particular is idle.
        assert_eq!(verdict("Exit"), "proved", "{before}");
    }
    let nobody = scenario("", &[("p", "domain: \"d\"", "Exit")]);
    assert_eq!(verdict(&nobody, &Profile::ideal(), GuaranteeId::G21), "vacuous");
}

#[test]
fn a_domain_that_is_shut_for_good_stays_so_and_its_neighbours_do_not_notice() {
    let text = scenario(
        "process_table: 4,",
        &[
            ("w", "domain: \"d\"", "LockDown(\"e\"), Spawn(process: \"b\"), Spawn(process: \"c\")"),
            ("b", "domain: \"e\"", "Exit"),
            ("c", "domain: \"d\"", "Exit"),
        ],
    );
    let system = lacuna_scenarios::parse(&text).unwrap();
    for (shutdown, omit, expected) in [
        (Shutdown::Irrevocable, false, Outcome::Refused(Refusal::LockedDown)),
        (Shutdown::Irrevocable, true, Outcome::Created(1)),
        (Shutdown::BestEffort, false, Outcome::Created(1)),
    ] {
        let mut objects = Objects::new(&system, &Profile { shutdown, ..Profile::ideal() }).unwrap();
        if omit {
            objects = objects.without(Precondition::DomainOpen);
        }
        let found = outcomes(&objects);
        let of = |target: &str| found[&("spawn", target.to_owned())].clone();
        assert!(of("b").iter().all(|outcome| *outcome == expected), "{shutdown:?}: {:?}", of("b"));
        assert!(of("c").iter().all(|outcome| matches!(outcome, Outcome::Created(_))), "{shutdown:?}");
    }
}

/// From the first mode the second follows, and from that none; `d` may change to both, `e` to the second alone.
const MODES: &str = r#"modes: {
    "first": (by: ["d"], next: ["second"]),
    "second": (by: ["d", "e"]),
},"#;

#[test]
fn a_mode_is_changed_by_who_may_to_what_may_follow() {
    let (done, no_right, no_change) =
        (Outcome::Done, Outcome::Refused(Refusal::NoRight), Outcome::Refused(Refusal::NoSuchChange));
    let changes = |domain: &str, program: &str, left_out: Option<Precondition>| {
        let text = scenario(MODES, &[("p", &format!("domain: \"{domain}\""), program)]);
        let objects = objects(&text, &Profile::ideal());
        let objects = left_out.into_iter().fold(objects, Objects::without);
        let mut found = outcomes(&objects);
        let verdict = check(&objects, &[GuaranteeId::G7], &Limits::default()).unwrap().guarantees[0].verdict.name();
        let of = |mode: &str| found.remove(&("switch-mode", mode.into())).unwrap_or_default();
        (["first", "second"].map(of), verdict)
    };
    let there_and_back = "SwitchMode(\"first\"), SwitchMode(\"second\"), SwitchMode(\"first\")";
    assert_eq!(changes("d", there_and_back, None), ([vec![done, no_change], vec![done]], "proved"));
    let back = Some(Precondition::KnownChange);
    assert_eq!(changes("d", there_and_back, back), ([vec![done], vec![done]], "refuted"));
    assert_eq!(
        changes("d", "SwitchMode(\"second\")", None),
        ([vec![], vec![done]], "vacuous"),
        "nobody tries what he may not"
    );
    assert_eq!(changes("e", there_and_back, None), ([vec![no_right], vec![done]], "proved"));
    let anybody = Some(Precondition::ModeRight);
    assert_eq!(changes("e", there_and_back, anybody).1, "refuted");
    let attack = "Adversary(depth: 2)";
    assert_eq!(changes("e", attack, None).1, "proved-to-depth");
    assert_eq!(changes("e", attack, None).0, [vec![no_right], vec![done]]);
    assert_eq!(changes("e", attack, anybody).1, "refuted");
}

/// Whether its change is refused tells who may change the mode which it is; who may not learns nothing.
#[test]
fn the_mode_is_a_channel_between_those_who_may_change_it() {
    let of = |text: &str| {
        let report = check_flows(&objects(text, &Profile::ideal()), &[GuaranteeId::G10], &Limits::default());
        report.guarantees[0].verdict.name()
    };
    let verdicts = |other: &str| {
        let fields = format!("{MODES} flows: [],");
        let fields = fields.replace("\"first\": (by: [\"d\"]", &format!("\"first\": (by: [\"d\"{other}]"));
        let programs =
            [("p", "domain: \"d\"", "SwitchMode(\"second\")"), ("q", "domain: \"e\"", "SwitchMode(\"first\")")];
        of(&scenario(&fields, &programs))
    };
    assert_eq!(verdicts(", \"e\""), "refuted");
    let fields = MODES.replace("by: [\"d\", \"e\"]", "by: [\"d\"]");
    let programs = [("p", "domain: \"d\"", "SwitchMode(\"second\")"), ("q", "domain: \"e\"", "SwitchMode(\"second\")")];
    let text = scenario(&format!("{fields} flows: [],"), &programs);
    assert_eq!(of(&text), "proved");
    // Who alone may change it knows which it is.
    let own = "Choose([[SwitchMode(\"second\")], []]), SwitchMode(\"first\")";
    let text = scenario(&format!("{fields} flows: [],"), &[programs[1], ("p", "domain: \"d\"", own)]);
    assert_eq!(of(&text), "proved");
}
