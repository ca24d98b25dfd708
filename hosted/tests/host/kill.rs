//! Complete tracking and complete kill: who detached, who forks for ever.

use std::io::Read;
use std::time::{Duration, Instant};

use lacuna_hosted::{SetUp, Status};

use crate::common::{Test, attack, attacker, facts, plan, policy, skip};

pub(crate) const TESTS: &[Test] = &[
    ("kill::the_detached", detached),
    ("kill::relays", relays),
    ("kill::drop_is_a_kill", dropped),
    ("kill::who_leaves_its_cgroup_is_ended_all_the_same", leave),
];

const ALL: [SetUp; 3] = [SetUp::Bare, SetUp::Minimal, SetUp::Tight];

fn detached() {
    for set_up in ALL {
        let plan = plan(set_up, &policy());
        let mut job = attacker(&plan, &["detach", "200"]).spawn().unwrap();
        let mut text = String::new();
        job.output().read_to_string(&mut text).unwrap();
        assert_eq!(text, "ok\n");
        // The streams are closed; the first process itself may take a moment more to be gone.
        let mut alive = job.members().unwrap();
        for _ in 0..100 {
            if alive.len() == 200 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            alive = job.members().unwrap();
        }
        assert_eq!(alive.len(), 200, "{set_up:?}");
        assert!(!job.is_empty().unwrap());
        let took = job.kill().unwrap();
        assert!(job.is_empty().unwrap());
        let end = job.wait().unwrap();
        assert_eq!((end.status, end.survivors), (Status::Exited(0), 200));
        let left = alive.iter().filter(|pid| is_ours(**pid)).count();
        assert_eq!(left, 0, "{set_up:?}");
        println!("  {set_up:?}: 200 detached, last death after {took:.2?} by {:?}", end.account);
    }
}

fn relays() {
    for set_up in ALL {
        let plan = plan(set_up, &policy().processes(64));
        let mut job = attacker(&plan, &["relay", "4"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let took = job.kill().unwrap();
        assert!(job.is_empty().unwrap());
        assert!(took < Duration::from_secs(5), "{set_up:?} {took:?}");
        println!("  {set_up:?}: 4 relays, last death after {took:.2?} by {:?}", job.account());
    }
}

fn dropped() {
    for set_up in ALL {
        let plan = plan(set_up, &policy());
        let mut job = attacker(&plan, &["sleep"]).spawn().unwrap();
        let mut word = [0; 7];
        job.output().read_exact(&mut word).unwrap();
        let pid = job.id();
        assert!(is_ours(pid), "{set_up:?}");
        let begin = Instant::now();
        drop(job);
        assert!(!is_ours(pid), "{set_up:?}");
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}

fn leave() {
    let Some(v2) = facts().v2_usable().filter(|_| facts().uid == 0) else {
        return skip("kill::who_leaves", "no cgroup that the job's user could write to");
    };
    let refuge = v2.own.join(format!("refuge-{}", std::process::id()));
    std::fs::create_dir(&refuge).unwrap();
    let procs = refuge.join("cgroup.procs");
    let words = ["leave", procs.to_str().unwrap()];
    let bare = attack(&plan(SetUp::Bare, &policy()), &words);
    let tight = attack(&plan(SetUp::Tight, &policy()), &words);
    std::fs::remove_dir(&refuge).unwrap();
    let (said, end) = bare;
    assert!(said.contains("left"), "the control: {said}");
    assert_eq!((end.survivors, end.escaped), (0, 1), "{end:?}");
    let (said, end) = tight;
    assert!(said.contains("held"), "{said}");
    assert_eq!((end.survivors, end.escaped), (1, 0), "{end:?}");
}

/// Is there a living attacker of this number?
fn is_ours(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    state.is_some_and(|state| state != b'Z')
        && std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.contains("attack"))
}
