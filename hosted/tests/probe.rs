//! The probes against plans of which we know what they enforce, and above all against those that enforce nothing: a
//! judge that can say `enforced` of a bare launch is broken.
//!
//! Without the usual harness, because the actor is this very program: `enter` is the first line of `main`.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    lacuna_hosted::actor::enter();
    linux::run();
}

#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used, reason = "clippy knows a test by its harness")]
mod linux {
    use lacuna_hosted::PrimitiveId::{self, *};
    use lacuna_hosted::probe::{self, Decided, Row};
    use lacuna_hosted::{Facts, Network, Plan, Policy, SetUp, Status};
    use lacuna_model::evidence::HostOutcome::{self, *};
    use rustix::fs::{MemfdFlags, SealFlags};

    const ROUNDS: u64 = 3;

    type Test = fn(&Facts);

    const TESTS: &[(&str, Test)] = &[
        ("a_bare_launch_enforces_nothing", a_bare_launch_enforces_nothing),
        ("what_is_applied_and_does_nothing_is_found_out", what_is_applied_and_does_nothing_is_found_out),
        ("a_minimal_plan_enforces_what_it_says", a_minimal_plan_enforces_what_it_says),
        ("landlock_alone_has_the_holes_that_it_documents", landlock_alone_has_the_holes_that_it_documents),
        ("the_kernels_answer_names_who_decided", the_kernels_answer_names_who_decided),
        ("without_who_decided_the_answer_is_another", without_who_decided_the_answer_is_another),
        ("without_exact_descriptors_they_leak", without_exact_descriptors_they_leak),
        ("a_policy_that_grants_the_network_has_none_to_attack", a_policy_that_grants_the_network_has_none_to_attack),
        ("limits_that_a_policy_sets_are_held", limits_that_a_policy_sets_are_held),
        ("rows_are_in_order_and_serialise", rows_are_in_order_and_serialise),
        ("the_executable_is_sealed", the_executable_is_sealed),
        ("only_a_sealed_task_makes_an_actor", only_a_sealed_task_makes_an_actor),
        ("nothing_is_left_behind", nothing_is_left_behind),
    ];

    pub(crate) fn run() {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        let facts = Facts::detect().unwrap();
        for (name, test) in TESTS {
            if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
                let start = std::time::Instant::now();
                test(&facts);
                println!("test {name} ... ok ({} ms)", start.elapsed().as_millis());
            }
        }
    }

    fn policy() -> Policy {
        Policy::new().system().network(Network::None).processes(64).memory_bytes(256 << 20)
    }

    fn rows(plan: &Plan) -> Vec<Row> {
        probe::run_all(plan, ROUNDS)
    }

    fn outcome(rows: &[Row], id: &str) -> HostOutcome {
        rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row {id}")).outcome
    }

    /// These need nothing but what every Linux has, so their controls must succeed for every user.
    const EVERYWHERE: &[&str] = &[
        "G2.inherited",
        "G2.race",
        "G3.detach",
        "G4.escape",
        "G4.relay",
        "G4.deadline",
        "G4.keeper",
        "G6.processes",
        "G6.memory.one",
        "G6.memory.many",
        "G6.memory.file",
        "G7.files.read",
        "G7.files.root",
        "G7.files.symlink",
        "G7.files.dirfd",
        "G7.files.list",
        "G7.files.write",
        "G7.files.truncate",
        "G7.files.remove",
        "G7.files.rename",
        "G7.files.stat",
        "G7.files.chmod",
        "G7.files.utimes",
        "G7.files.inotify",
        "G7.net.tcp",
        "G7.net.fastopen",
        "G7.net.udp",
        "G7.net.listen",
        "G7.net.abstract",
        "G7.net.pathname",
        "G7.ipc.signal",
        "G7.ipc.priority",
        "G7.ipc.prlimit",
        "G7.ipc.environ",
        "G7.ipc.shm",
        "G7.signal.thread",
        "G7.signal.group",
        "G7.signal.pidfd",
        "G7.signal.queue",
        "G7.signal.descriptor",
        "G7.process.maps",
        "G7.process.cmdline",
        "G7.process.cwd",
        "G7.process.root",
        "G7.process.pipe",
        "G7.process.oom",
        "G7.process.scheduler",
        "G7.process.ioprio",
        "G7.terminal.open",
        "G7.files.readonly",
        "G7.ipc.semaphores",
        "G7.ipc.messages",
        "G7.ipc.destroy",
        "G7.ipc.shm_file",
        "G1.descriptors",
        "G8.file",
        "G8.shm_file",
        "G8.shm",
        "G8.semaphores",
        "G8.messages",
        "G8.listener",
        "G8.setuid",
        "G8.setuid_born",
        "G9.reopen",
        "G6.threads",
        "G6.unreaped",
        "G6.memory.shm",
        "G6.memory.tables",
        "G6.memory.pipes",
        "G6.memory.sockets",
        "G7.files.dotdot",
        "G7.files.swap",
        "G7.files.opath",
        "G7.files.exists",
        "G7.files.readlink",
        "G7.files.mkdir",
        "G7.files.symlink_out",
        "G7.files.fifo",
        "G7.files.bind",
        "G7.files.rmdir",
        "G7.files.replace",
        "G7.exec.outside",
        "G7.exec.readable",
        "G7.exec.loader",
        "G7.net.steal",
        "G7.net.diag",
        "G7.net.proc",
        "G7.net.usersock",
        "G7.net.inherited",
    ];

    /// Of these not every attempt need be won.
    const RACES: &[&str] = &["G2.race", "G4.relay", "G7.files.swap"];

    /// Nor do these need anything, and no primitive closes them.
    const OPEN: &[&str] = &["G1.filter", "G8.lock", "G8.flags", "G8.terminal", "G9.chmod"];

    fn a_bare_launch_enforces_nothing(facts: &Facts) {
        let plan = SetUp::Bare.plan(&policy(), facts).unwrap();
        for row in rows(&plan) {
            assert_ne!(row.outcome, Enforced, "{row:#?}");
            assert_eq!(row.decided, None, "{row:#?}");
            // Every control has succeeded, or the row says why it could not.
            if row.numbers.get("control_through").is_none_or(|through| *through == 0) {
                assert!(matches!(row.outcome, NotTestableHere | SurfaceAbsent), "{row:#?}");
                assert!(!row.evidence.is_empty(), "{row:#?}");
            }
            if EVERYWHERE.contains(&row.id) || OPEN.contains(&row.id) {
                // A race need not be won every time.
                let races = RACES.contains(&row.id);
                assert!(row.outcome == NotEnforced || races && row.outcome == Partial, "{row:#?}");
                assert!(row.fix.is_some() && row.numbers["n"] > 0, "{row:#?}");
            }
        }
    }

    /// A launch that reports every step of a plan and applies none of them. No probe may be deceived.
    fn what_is_applied_and_does_nothing_is_found_out(facts: &Facts) {
        let plan = SetUp::Minimal.plan(&policy(), facts).unwrap();
        let broken = SetUp::Bare.plan(&policy(), facts).unwrap();
        let deceive = |probe: &'static probe::Probe| {
            let row = probe::run_as_if(&plan, &broken, probe, 1);
            assert_ne!(row.outcome, Enforced, "{row:#?}");
            if EVERYWHERE.contains(&row.id) && !RACES.contains(&row.id) {
                let applied = probe.deciders.expected.iter().any(|id| plan.has(*id));
                let outcome = if applied { AcceptedNotEnforced } else { NotEnforced };
                assert_eq!(row.outcome, outcome, "{row:#?}");
            }
        };
        let probes = probe::all();
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (probes, deceive) = (&probes, &deceive);
                scope.spawn(move || probes.iter().skip(first).step_by(4).for_each(|probe| deceive(probe)));
            }
        });
    }

    fn a_minimal_plan_enforces_what_it_says(facts: &Facts) {
        let plan = SetUp::Minimal.plan(&policy(), facts).unwrap();
        let needed = [ExactDescriptors, PidNamespace, PrivateRoot, NetworkNamespace, IpcNamespace, SeccompSurface];
        if let Some(missing) = needed.iter().find(|id| !plan.has(**id)) {
            println!("skipped: a_minimal_plan_enforces_what_it_says: no {missing} on this host");
            return;
        }
        let rows = rows(&plan);
        for id in EVERYWHERE.iter().filter(|id| !id.starts_with("G6")) {
            let row = rows.iter().find(|row| row.id == *id).unwrap();
            assert_eq!(row.outcome, Enforced, "{row:#?}");
        }
        for id in OPEN {
            assert_eq!(outcome(&rows, id), NotEnforced, "{id}");
        }
        // The limit of an address space is that of each process; no limit of processes binds root.
        assert_eq!(outcome(&rows, "G6.memory.one"), Enforced);
        assert_eq!(outcome(&rows, "G6.memory.many"), AcceptedNotEnforced);
        assert_eq!(outcome(&rows, "G6.memory.file"), AcceptedNotEnforced);
        for id in ["G6.memory.shm", "G6.memory.tables"] {
            assert_eq!(outcome(&rows, id), Enforced, "{id}");
        }
        for id in ["G6.memory.pipes", "G6.memory.sockets"] {
            assert_eq!(outcome(&rows, id), AcceptedNotEnforced, "{id}");
        }
        let processes = if facts.uid == 0 { NotEnforced } else { Enforced };
        for id in ["G6.processes", "G6.threads", "G6.unreaped"] {
            assert_eq!(outcome(&rows, id), processes, "{id}");
        }
    }

    fn landlock_alone_has_the_holes_that_it_documents(facts: &Facts) {
        let test = "landlock_alone_has_the_holes_that_it_documents";
        if !(6..=7).contains(&facts.landlock_abi) {
            println!("skipped: {test}: written for ABI 6 and 7, this host has {}", facts.landlock_abi);
            return;
        }
        let policy = policy().network(Network::Tcp { connect: vec![], bind: vec![] });
        let keep: &[PrimitiveId] = &[NoNewPrivileges, LandlockFiles, LandlockNetwork, LandlockScopes];
        let plan = SetUp::Minimal.plan(&policy, facts).unwrap().only(keep).unwrap();
        let rows = rows(&plan);
        for id in ["G7.files.read", "G7.files.symlink", "G7.files.dirfd", "G7.files.write", "G7.files.rename"] {
            assert_eq!(outcome(&rows, id), Enforced, "{id}");
        }
        for id in ["G7.net.tcp", "G7.net.listen", "G7.net.abstract", "G7.ipc.signal", "G7.ipc.environ"] {
            assert_eq!(outcome(&rows, id), Enforced, "{id}");
        }
        for id in ["G7.files.stat", "G7.files.chmod", "G7.files.utimes", "G7.files.inotify", "G7.net.pathname"] {
            assert_eq!(outcome(&rows, id), NotEnforced, "{id}");
        }
        for id in ["G7.net.udp", "G7.net.fastopen"] {
            assert_eq!(outcome(&rows, id), AcceptedNotEnforced, "{id}");
        }
        // Not every kernel has it.
        assert!(matches!(outcome(&rows, "G7.net.mptcp"), AcceptedNotEnforced | SurfaceAbsent));
        // It tracks and limits nothing. Scopes are no account; the group that the judge keeps is no step of the plan.
        assert_eq!(outcome(&rows, "G7.ipc.shm"), NotEnforced);
        assert_eq!(outcome(&rows, "G2.inherited"), NotEnforced);
    }

    /// Each primitive alone, and a probe to which it answers.
    const ANSWERS: &[(PrimitiveId, &[&str])] = &[
        (LandlockFiles, &["G7.files.read", "G7.files.hardlink", "G7.files.list", "G7.files.write", "G7.files.rename"]),
        (LandlockFiles, &["G7.files.dirfd"]),
        (LandlockTruncate, &["G7.files.truncate"]),
        (LandlockScopes, &["G7.net.abstract", "G7.ipc.signal", "G4.keeper"]),
        (PrivateRoot, &["G3.migrate", "G3.born"]),
        (PrivateRoot, &["G2.proc", "G7.files.read", "G7.files.truncate", "G7.files.stat", "G7.files.chmod"]),
        (PrivateRoot, &["G7.net.pathname", "G7.ipc.environ"]),
        (ExactDescriptors, &["G7.files.dirfd"]),
        (NetworkNamespace, &["G7.net.tcp", "G7.net.fastopen", "G7.net.udp", "G7.net.abstract"]),
        (SeccompNoInternet, &["G7.net.tcp", "G7.net.fastopen", "G7.net.udp", "G7.net.listen"]),
        (PidNamespace, &["G7.ipc.signal", "G7.ipc.priority", "G7.ipc.prlimit"]),
        (PidNamespace, &["G7.signal.thread", "G7.signal.group", "G7.signal.pidfd", "G7.signal.queue"]),
        (PidNamespace, &["G7.signal.descriptor", "G7.process.getfd", "G7.process.scheduler", "G7.process.ioprio"]),
        (LandlockScopes, &["G7.signal.thread", "G7.signal.group", "G7.signal.pidfd", "G7.signal.queue"]),
        (PrivateRoot, &["G7.process.maps", "G7.process.cwd", "G7.process.pipe", "G7.terminal.open"]),
        (LandlockFiles, &["G7.terminal.open", "G7.files.readonly"]),
        (IpcNamespace, &["G7.ipc.shm"]),
        (RlimitMemory, &["G6.memory.one"]),
        (SeccompSurface, &["G7.kernel.clone3", "G7.process.vm_read", "G7.process.ptrace", "G7.process.kcmp"]),
        (SeccompSurface, &["G7.terminal.push", "G7.terminal.high_bits", "G7.terminal.discipline"]),
        (SeccompSurface, &["G7.mount.bind", "G7.mount.tree", "G7.mount.fsopen", "G7.mount.setattr"]),
        (SeccompSurface, &["G7.machine.reboot", "G7.machine.clock", "G7.kernel.keys", "G7.kernel.netfilter"]),
        (SeccompSurface, &["G7.ipc.user_key", "G7.ipc.session_key", "G8.user_key", "G8.session_key"]),
        (SeccompSurface, &["G1.descriptors", "G8.setuid", "G8.setuid_born"]),
        (IpcNamespace, &["G7.ipc.semaphores", "G7.ipc.messages", "G7.ipc.queue", "G7.ipc.destroy"]),
        (
            LandlockFiles,
            &["G7.files.dotdot", "G7.files.mkdir", "G7.files.symlink_out", "G7.files.fifo", "G7.files.bind"],
        ),
        (
            LandlockFiles,
            &["G7.files.rmdir", "G7.files.replace", "G7.files.opath", "G7.files.chroot", "G7.exec.readable"],
        ),
        (LandlockFiles, &["G7.files.mknod", "G7.files.device", "G7.files.sysctl", "G7.net.proc", "G6.leave"]),
        (PrivateRoot, &["G7.files.swap", "G7.files.exists", "G7.files.readlink", "G7.files.chown", "G7.exec.outside"]),
        (PrivateRoot, &["G7.exec.readable", "G7.exec.loader"]),
        (SeccompSurface, &["G7.files.handle", "G7.files.fanotify"]),
        (DropCapabilities, &["G7.files.handle", "G7.files.mknod"]),
        (SeccompNoInternet, &["G7.net.diag", "G7.net.usersock", "G7.net.route", "G7.net.uevent", "G7.net.packet"]),
        (SeccompNoInternet, &["G7.net.raw", "G7.net.vsock", "G7.net.audit", "G7.net.steal"]),
        (NetworkNamespace, &["G7.net.usersock", "G7.net.raw"]),
        (ExactDescriptors, &["G7.net.inherited"]),
        (LandlockFiles, &["G7.ipc.shm_file", "G8.file", "G9.reopen", "G9.above"]),
        (PrivateRoot, &["G7.ipc.shm_file", "G8.file", "G8.shm_file", "G8.cgroup", "G9.reopen"]),
        (UserNamespace, &["G1.user", "G9.user", "G9.group"]),
        (DropCapabilities, &["G1.user", "G9.user", "G9.groups", "G9.ambient", "G9.credentials", "G8.immutable"]),
        (DropCapabilities, &["G7.machine.realtime", "G7.machine.nice", "G7.machine.chroot", "G7.machine.swap"]),
    ];

    fn the_kernels_answer_names_who_decided(facts: &Facts) {
        let whole = SetUp::Minimal.plan(&policy(), facts).unwrap();
        let loopback = SetUp::Minimal.plan(&policy().network(Network::Loopback), facts).unwrap();
        let ports = policy().network(Network::Tcp { connect: vec![], bind: vec![] });
        let ports = SetUp::Minimal.plan(&ports, facts).unwrap();
        let others: [(&Plan, PrimitiveId, &[&str]); 3] = [
            (&loopback, NetworkNamespace, &["G7.net.tcp"]),
            (&ports, LandlockNetwork, &["G7.net.tcp", "G7.net.listen"]),
            (&ports, SeccompSockets, &["G7.net.fastopen", "G7.net.mptcp", "G7.net.udp"]),
        ];
        let alone = ANSWERS.iter().map(|(primitive, ids)| (&whole, *primitive, *ids));
        for (whole, primitive, ids) in alone.chain(others) {
            let mut keep = vec![primitive, NoNewPrivileges];
            if primitive == LandlockTruncate {
                keep.push(LandlockFiles);
            }
            if facts.capabilities == 0 {
                keep.push(UserNamespace);
            }
            let Some(plan) = whole.only(&keep).ok().filter(|plan| plan.has(primitive)) else {
                println!("skipped: the_kernels_answer_names_who_decided: no {primitive} on this host");
                continue;
            };
            let probes: Vec<_> = ids.iter().map(|id| probe::find(id).unwrap()).collect();
            for row in probe::run_some(&plan, &probes, ROUNDS) {
                let id = row.id;
                if matches!(row.outcome, SurfaceAbsent | NotTestableHere) {
                    println!("skipped: the_kernels_answer_names_who_decided: {id}: {}", row.evidence);
                    continue;
                }
                assert_eq!(row.decided, Some(Decided::Observed(primitive)), "{row:#?}");
            }
        }
        // Nothing is answered to who looks for a descriptor that is not there, or is killed.
        for id in ["G2.inherited", "G4.escape"] {
            let row = probe::run(&whole, probe::find(id).unwrap(), ROUNDS);
            assert!(matches!(row.decided, None | Some(Decided::Expected(_))), "{row:#?}");
        }
        // What was not decided was decided by nobody.
        let granted = SetUp::Minimal.plan(&policy().network(Network::Host), facts).unwrap();
        assert_eq!(probe::run(&granted, probe::find("G7.net.tcp").unwrap(), 1).decided, None);
    }

    /// Of every answer that is said to be one primitive's: leave that one out, and it is not given.
    fn without_who_decided_the_answer_is_another(facts: &Facts) {
        let whole = SetUp::Minimal.plan(&policy(), facts).unwrap();
        let observed: Vec<(Row, PrimitiveId)> = rows(&whole)
            .into_iter()
            .filter_map(|row| match row.decided {
                Some(Decided::Observed(primitive)) => Some((row, primitive)),
                _ => None,
            })
            .collect();
        let leave_out = |(row, primitive): &(Row, PrimitiveId)| {
            let leave_out: &[PrimitiveId] = match primitive {
                LandlockFiles => &[LandlockFiles, LandlockTruncate],
                primitive => std::slice::from_ref(primitive),
            };
            // A user namespace cannot be left out by whoever needs it for the others.
            let Ok(plan) = whole.without(leave_out) else { return };
            let without = probe::run(&plan, probe::find(row.id).unwrap(), ROUNDS);
            assert_ne!(without.evidence, row.evidence, "{row:#?}\n{without:#?}");
        };
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (observed, leave_out) = (&observed, &leave_out);
                scope.spawn(move || observed.iter().skip(first).step_by(4).for_each(leave_out));
            }
        });
        let observed = observed.len();
        if whole.has(PrivateRoot) && whole.has(NetworkNamespace) {
            assert!(observed > 20, "{observed}");
        }
    }

    fn without_exact_descriptors_they_leak(facts: &Facts) {
        let whole = SetUp::Minimal.plan(&policy(), facts).unwrap();
        let plan = whole.without(&[ExactDescriptors]).unwrap();
        let row = |plan, id| probe::run(plan, probe::find(id).unwrap(), ROUNDS);
        for id in ["G2.inherited", "G2.race"] {
            assert_eq!(row(&whole, id).outcome, Enforced, "{id}");
            assert!(row(&plan, id).outcome.got_out(), "{id}");
        }
    }

    fn a_policy_that_grants_the_network_has_none_to_attack(facts: &Facts) {
        let plan = SetUp::Minimal.plan(&policy().network(Network::Host), facts).unwrap();
        let row = probe::run(&plan, probe::find("G7.net.tcp").unwrap(), ROUNDS);
        assert_eq!(row.outcome, NotTestableHere, "{row:#?}");
        let plan = SetUp::Minimal.plan(&Policy::new().system(), facts).unwrap();
        let row = probe::run(&plan, probe::find("G6.processes").unwrap(), ROUNDS);
        assert_eq!(row.outcome, NotTestableHere, "{row:#?}");
    }

    fn limits_that_a_policy_sets_are_held(facts: &Facts) {
        let plan = SetUp::Minimal.plan(&policy().file_bytes(1 << 30).descriptors(1000), facts).unwrap();
        for (id, primitive) in [("G6.file", RlimitFileSize), ("G6.descriptors", RlimitDescriptors)] {
            let row = probe::run(&plan, probe::find(id).unwrap(), 1);
            assert_eq!((row.outcome, row.decided), (Enforced, Some(Decided::Observed(primitive))), "{row:#?}");
        }
    }

    fn rows_are_in_order_and_serialise(facts: &Facts) {
        let plan = SetUp::Bare.plan(&policy(), facts).unwrap();
        let probes: Vec<_> = ["G7.files.read", "G2.inherited"].into_iter().filter_map(probe::find).collect();
        let rows = probe::run_some(&plan, &probes, 1);
        let json = serde_json::to_value(&rows).unwrap();
        assert_eq!(json[0]["id"], "G7.files.read");
        assert_eq!(json[0]["outcome"], "not-enforced");
        assert_eq!(json[0]["again"], "lacuna probe G7.files.read");
        assert_eq!(json[0]["numbers"]["through"], 1);
        assert!(json[0]["decided"].is_null());
        let decided = serde_json::to_value(Decided::Observed(PrivateRoot)).unwrap();
        assert_eq!(decided, serde_json::json!({ "basis": "observed", "primitive": "private-root" }));
        assert_eq!(json[1]["guarantee"], "G2");
    }

    fn the_executable_is_sealed(_: &Facts) {
        use std::io::Write;
        let copy = lacuna_hosted::actor::executable().unwrap().try_clone_to_owned().unwrap();
        let mut file = std::fs::File::from(copy);
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
    }

    /// Started with this at descriptor 3, and asked for a test that is not there: what does it come to?
    fn status_with(facts: &Facts, text: &[u8], seals: SealFlags) -> Status {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let task = rustix::fs::memfd_create("task", flags).unwrap();
        rustix::io::write(&task, text).unwrap();
        rustix::fs::fcntl_add_seals(&task, seals).unwrap();
        let plan = SetUp::Bare.plan(&policy(), facts).unwrap();
        let command = plan.command(std::env::current_exe().unwrap()).arg("no-such-test").pass(&task, 3);
        command.spawn().unwrap().wait().unwrap().status
    }

    fn only_a_sealed_task_makes_an_actor(facts: &Facts) {
        let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        let broken = b"lacuna-actor-task-1\n{\"no\":\"task\"}";
        // Sealed and marked it is one of ours, and a task that is none is an error.
        assert_eq!(status_with(facts, broken, all), Status::Exited(2));
        // Whoever can still change it could have put anything there; without our mark it is somebody else's.
        assert_eq!(status_with(facts, broken, SealFlags::WRITE), Status::Exited(0));
        assert_eq!(status_with(facts, b"something else", all), Status::Exited(0));
    }

    /// Last: of all that ran before.
    fn nothing_is_left_behind(_: &Facts) {
        let own = format!("-{}-", std::process::id());
        let dirs = ["/tmp", "/var/tmp", "/dev/shm", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"];
        for entry in dirs.iter().flat_map(std::fs::read_dir).flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(!(name.starts_with("lacuna-") && name.contains(&own)), "{}", entry.path().display());
        }
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        assert_eq!(children, "", "children are left");
    }
}
