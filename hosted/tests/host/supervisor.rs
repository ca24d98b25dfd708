//! `kill -9` of the supervisor at any moment leaves nothing of the sandbox one second later.
//!
//! The supervisor is this executable in another role; the judge is outside of it. Whoever of the job lives is found by
//! a mark in its environment, which every descendant inherits, and by the cgroups named after the supervisor.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lacuna_hosted::{Facts, SetUp};

use crate::common::{Test, facts, image, policy};
use crate::fallback::without_namespaces;

pub(crate) const TESTS: &[Test] = &[("supervisor::killed_at_any_moment", killed)];

/// How often each set-up's supervisor is killed.
const KILLS: u32 = 50;

/// The supervisor: launches attackers that detach and relay, one after the other, until it is killed.
pub(crate) fn main(words: &[String]) {
    let (set_up, facts) = host(&words[0]);
    let plan = set_up.plan(&policy().processes(40), &facts).unwrap();
    let image = std::fs::File::from(image());
    println!("ready");
    loop {
        let fd = image.try_clone().unwrap().into();
        let words = ["attack", if std::process::id().is_multiple_of(2) { "relay" } else { "detach" }, "3"];
        let mut job = plan.command_open(fd, "attacker").args(words).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(3));
        job.kill().unwrap();
    }
}

/// The set-up and the facts that a name stands for: this host, or less than it.
fn host(name: &str) -> (SetUp, Facts) {
    let here = facts().clone();
    match name {
        "Bare" => (SetUp::Bare, here),
        "Minimal" => (SetUp::Minimal, here),
        "Tight" => (SetUp::Tight, here),
        "Freezer" => (SetUp::Tight, without_namespaces(&Facts { cgroup_v2: None, ..here })),
        "Keeper" => (SetUp::Tight, without_namespaces(&Facts { cgroup_v2: None, cgroup_v1: vec![], ..here })),
        other => panic!("{other}"),
    }
}

fn killed() {
    for name in ["Minimal", "Tight", "Bare", "Freezer", "Keeper"] {
        let mut worst = Duration::ZERO;
        let mut left = 0;
        for round in 0..KILLS {
            let mark = format!("{}-{name}-{round}", std::process::id());
            let mut supervisor = Command::new("/proc/self/exe")
                .args(["supervise", name])
                .env("LACUNA_TEST_MARK", &mark)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut ready = [0; 6];
            supervisor.stdout.take().unwrap().read_exact(&mut ready).unwrap();
            // Moments spread over several launches, each about 10 ms long.
            std::thread::sleep(Duration::from_micros(u64::from(round) * 7919 % 40_000));
            let pid = supervisor.id();
            supervisor.kill().unwrap();
            supervisor.wait().unwrap();
            let begin = Instant::now();
            // A look takes its time: what counts is when the one that found nobody was begun.
            let alive = loop {
                let look = begin.elapsed();
                let alive = marked(&mark);
                if alive.is_empty() || look > Duration::from_secs(1) {
                    worst = worst.max(look);
                    break alive;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            assert!(alive.is_empty(), "{name} round {round}: {alive:?} live after 1 s");
            // Then the killed die, the keeper goes, and no group has a member.
            let members = || {
                let lists = groups_of(pid).into_iter().map(|group| std::fs::read_to_string(group.join("cgroup.procs")));
                lists.filter(|list| list.as_ref().is_ok_and(|list| !list.is_empty())).count()
            };
            while members() + carriers(&mark).len() > 0 {
                assert!(begin.elapsed() < Duration::from_secs(15), "{name} round {round}: the killed do not die");
                std::thread::sleep(Duration::from_millis(5));
            }
            left += usize::from(!groups_of(pid).is_empty());
        }
        println!(
            "  {name}: {KILLS} supervisors killed, nobody lives, at the latest after {worst:.2?}; \
             {left} left empty cgroups for `clean`"
        );
    }
}

/// Processes that carry the mark: the sandbox's, and the supervisor's keepers.
fn carriers(mark: &str) -> Vec<u32> {
    let wanted = format!("LACUNA_TEST_MARK={mark}\0");
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(wanted.len()).any(|window| window == wanted.as_bytes())
        })
        .collect()
}

/// Those of them that are of the sandbox and may still run. Not keepers, which are ours and outside of it: copies of the
/// supervisor whose parent is none of the carriers, waiting for the last to die. Not those with SIGKILL pending: they
/// never return to user mode, and on an overloaded machine they wait for a processor to die on, as has been seen of
/// newborns that had not run once, for longer than a second.
fn marked(mark: &str) -> Vec<u32> {
    let carriers = carriers(mark);
    let may_run = |pid: &u32| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let pending = [field("SigPnd:"), field("ShdPnd:")];
        let mut pending = pending.into_iter().flatten().filter_map(|set| u64::from_str_radix(set, 16).ok());
        let killed = status.is_empty() || pending.any(|set| set & (1 << 8) != 0);
        let parent = field("PPid:").and_then(|parent| parent.parse::<u32>().ok());
        let keeper = words.contains("supervise") && parent.is_some_and(|parent| !carriers.contains(&parent));
        !killed && !keeper
    };
    carriers.iter().copied().filter(may_run).collect()
}

/// Cgroups that a supervisor of this number has made and that still exist.
fn groups_of(pid: u32) -> Vec<std::path::PathBuf> {
    let v1 = facts().cgroup_v1.iter().map(|v1| &v1.own);
    let all = v1.chain(facts().cgroup_v2.iter().map(|v2| &v2.own));
    let named = |name: &str| name.starts_with("lacuna-") && name.split('-').nth(2) == Some(&pid.to_string());
    all.flat_map(|own| std::fs::read_dir(own).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_str().is_some_and(named))
        .map(|entry| entry.path())
        .collect()
}
