//! Hosts with less than this one, played here by facts that say less: every other way to keep account and to kill.

use std::collections::BTreeSet;
use std::io::Read;
use std::time::{Duration, Instant};

use lacuna_hosted::{Cause, Facts, Namespaces, SetUp, Status, Support};

use crate::common::{Test, attacker, facts, policy, skip};

pub(crate) const TESTS: &[Test] = &[
    ("fallback::every_account_ends_the_detached", accounts),
    ("fallback::old_clone", old_clone),
    ("fallback::many_at_once", many_at_once),
    ("fallback::a_stopped_supervisor_does_not_stop_the_deadline", backstop),
    ("fallback::who_stops_its_keeper_stops_nobody_else", stopped_keeper),
    ("fallback::leftovers_of_the_dead_are_removed", leftovers),
];

fn no() -> Support {
    Support::Fails("as a test".into())
}

pub(crate) fn without_namespaces(facts: &Facts) -> Facts {
    let namespaces = Namespaces { user: no(), pid: no(), network: no(), ipc: no(), mount: no() };
    Facts { namespaces, ..facts.clone() }
}

fn accounts() {
    let here = facts();
    let no_v2 = Facts { cgroup_v2: None, ..here.clone() };
    let no_groups = Facts { cgroup_v1: vec![], ..no_v2.clone() };
    let hosts = [
        here.clone(),
        without_namespaces(here),
        no_v2.clone(),
        without_namespaces(&no_v2),
        no_groups.clone(),
        without_namespaces(&no_groups),
    ];
    let mut seen = BTreeSet::new();
    for facts in hosts {
        for set_up in [SetUp::Bare, SetUp::Minimal, SetUp::Tight] {
            let plan = set_up.plan(&policy(), &facts).unwrap();
            let mut job = attacker(&plan, &["detach", "50"]).spawn().unwrap();
            let mut text = String::new();
            job.output().read_to_string(&mut text).unwrap();
            let account = job.account();
            seen.insert(format!("{account:?}"));
            let alive = job.members().unwrap();
            assert!(alive.len() >= 50, "{account:?} {set_up:?} {}", alive.len());
            assert!(!job.is_empty().unwrap());
            let end = job.wait().unwrap();
            assert_eq!(end.status, Status::Exited(0), "{account:?} {set_up:?}");
            assert!(end.survivors >= 50, "{account:?} {set_up:?} {end:?}");
            let still = alive.iter().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()).count();
            assert_eq!(still, 0, "{account:?} {set_up:?}");
        }
    }
    println!("  accounts: {seen:?}");
    assert!(seen.contains("PidNamespace") && seen.contains("Keeper"), "{seen:?}");
}

fn old_clone() {
    let facts = Facts { clone3: no(), ..facts().clone() };
    for set_up in [SetUp::Bare, SetUp::Minimal, SetUp::Tight] {
        let plan = set_up.plan(&policy().processes(30), &facts).unwrap();
        let mut job = attacker(&plan, &["detach", "20"]).spawn().unwrap();
        let mut text = String::new();
        job.output().read_to_string(&mut text).unwrap();
        let end = job.wait().unwrap();
        assert!(end.status.success() && end.survivors >= 20, "{set_up:?} {end:?}");
    }
}

fn many_at_once() {
    let plan = SetUp::Tight.plan(&policy().processes(30), facts()).unwrap();
    let bare = SetUp::Bare.plan(&policy(), facts()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let plan = if thread % 2 == 0 { &plan } else { &bare };
            scope.spawn(move || {
                for round in 0..10 {
                    let code = format!("exit {}", thread * 10 + round);
                    let job = plan.command("/bin/sh").args(["-c", &code]).cwd("/").spawn().unwrap();
                    let end = job.wait().unwrap();
                    assert_eq!((end.status, end.cause), (Status::Exited(thread * 10 + round), Cause::OwnAccord));
                }
            });
        }
    });
}

fn backstop() {
    let policy = policy().deadline(Duration::from_millis(200));
    let plan = SetUp::Tight.plan(&policy, facts()).unwrap();
    let mut job = attacker(&plan, &["sleep"]).spawn().unwrap();
    let begin = Instant::now();
    // This supervisor does not look: neither reads nor waits.
    while !job.is_empty().unwrap() && begin.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    let end = job.wait().unwrap();
    assert_eq!(end.status, Status::Signaled(9));
}

/// From its first moment on, where neither a namespace nor Landlock hinders it.
fn stopped_keeper() {
    let grouped = without_namespaces(facts());
    let alone = Facts { cgroup_v2: None, cgroup_v1: vec![], ..grouped.clone() };
    let policy = policy().deadline(Duration::from_millis(300));
    for facts in [grouped, alone] {
        let plan = SetUp::Bare.plan(&policy, &facts).unwrap();
        let begin = Instant::now();
        let job = attacker(&plan, &["stop-parent"]).spawn().unwrap();
        let account = job.account();
        let end = job.wait().unwrap();
        assert_eq!((end.status, end.cause), (Status::Signaled(9), Cause::Deadline), "{account:?}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{account:?} {:?}", begin.elapsed());
    }
}

fn leftovers() {
    let mark = std::fs::metadata("/proc/self/ns/pid").unwrap();
    let namespace = std::os::unix::fs::MetadataExt::ino(&mark);
    // The number of nobody: above every maximum.
    let dead = format!("lacuna-{namespace}-{}-1-0", 1 << 30);
    let foreign = format!("lacuna-1-{}-1-0", 1 << 30);
    let temporary = std::env::temp_dir();
    std::fs::create_dir(temporary.join(&dead)).unwrap();
    std::fs::create_dir(temporary.join(&foreign)).unwrap();
    let group = facts().v2_usable().map(|v2| v2.own.join(&dead));
    let mut child = std::process::Command::new("/bin/sleep").arg("100").spawn().unwrap();
    if let Some(group) = &group {
        std::fs::create_dir(group).unwrap();
        std::fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
    } else {
        skip("leftovers in a cgroup", "none to write to");
        child.kill().unwrap();
    }
    let cleaned = lacuna_hosted::clean().unwrap();
    assert!(cleaned.removed.contains(&temporary.join(&dead)), "{cleaned:?}");
    assert!(temporary.join(&foreign).exists(), "of another process namespace: not ours to judge");
    std::fs::remove_dir(temporary.join(&foreign)).unwrap();
    assert!(group.is_none_or(|group| !group.exists()));
    assert!(!child.wait().unwrap().success(), "what lived in a dead run's cgroup is ended");
}
