//! What a plan gives on this very host: every attack succeeds without the primitive and fails with it.
//!
//! One executable in three roles: the runner of the tests, the attacker (started in the sandbox from a sealed memfd),
//! and the supervisor that is killed. Attacks are bounded in processes, memory and time.
#![allow(clippy::unwrap_used)]

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod attack;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod fallback;
#[cfg(target_os = "linux")]
mod kill;
#[cfg(target_os = "linux")]
mod quota;
#[cfg(target_os = "linux")]
mod subsets;
#[cfg(target_os = "linux")]
mod supervisor;

#[cfg(target_os = "linux")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("attack") => attack::main(&words[1..]),
        Some("supervise") => supervisor::main(&words[1..]),
        _ => run(&words),
    }
}

/// Runs every test whose name contains one of the words that are no options.
#[cfg(target_os = "linux")]
fn run(words: &[String]) {
    let filters: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let tests =
        [confine::TESTS, fallback::TESTS, kill::TESTS, quota::TESTS, subsets::TESTS, supervisor::TESTS].concat();
    if words.iter().any(|word| word == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let mut failed = 0;
    for (name, test) in tests {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let begin = std::time::Instant::now();
        let outcome = std::panic::catch_unwind(test);
        failed += usize::from(outcome.is_err());
        println!("test {name} ... {} ({:.2?})", if outcome.is_ok() { "ok" } else { "FAILED" }, begin.elapsed());
    }
    common::nothing_is_left();
    if failed > 0 {
        println!("{failed} failed");
        std::process::exit(101);
    }
}

/// What the tests share.
#[cfg(target_os = "linux")]
mod common {
    use std::io::{Read, Write};
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::sync::OnceLock;
    use std::time::Duration;

    use lacuna_hosted::{End, Facts, JobCommand, Plan, Policy, SetUp};

    pub(crate) type Test = (&'static str, fn());

    pub(crate) fn facts() -> &'static Facts {
        static FACTS: OnceLock<Facts> = OnceLock::new();
        FACTS.get_or_init(|| Facts::detect().unwrap())
    }

    pub(crate) fn plan(set_up: SetUp, policy: &Policy) -> Plan {
        set_up.plan(policy, facts()).unwrap()
    }

    /// A policy under which the attacker can start and nothing more. Its deadline bounds every attack.
    pub(crate) fn policy() -> Policy {
        Policy::new().system().deadline(Duration::from_secs(20))
    }

    /// This very executable, in a sealed memfd.
    pub(crate) fn image() -> OwnedFd {
        let mut bytes = Vec::new();
        std::fs::File::open("/proc/self/exe").unwrap().read_to_end(&mut bytes).unwrap();
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name ends in NUL; the returned descriptor is ours.
        let fd = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"attacker".as_ptr(), flags)) };
        let mut file = std::fs::File::from(fd);
        file.write_all(&bytes).unwrap();
        let fd = OwnedFd::from(file);
        use rustix::fs::SealFlags;
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        lacuna_hosted::linux::memfd::seal(&fd, seals).unwrap();
        fd
    }

    pub(crate) fn attacker(plan: &Plan, words: &[&str]) -> JobCommand {
        plan.command_open(image(), "attacker").arg("attack").args(words).cwd("/")
    }

    /// Runs an attack; what it printed, and its end.
    pub(crate) fn attack(plan: &Plan, words: &[&str]) -> (String, End) {
        let mut job = attacker(plan, words).spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let mut text = String::new();
        job.output().read_to_string(&mut text).unwrap();
        (text.trim().to_owned(), job.wait().unwrap())
    }

    pub(crate) fn skip(test: &str, reason: &str) {
        println!("skipped: {test}: {reason}");
    }

    /// No cgroup and no child of this process is left.
    pub(crate) fn nothing_is_left() {
        let cleaned = lacuna_hosted::clean().unwrap();
        assert!(cleaned.left.is_empty(), "{cleaned:?}");
        let facts = facts();
        let v1 = facts.cgroup_v1.iter().map(|v1| &v1.own);
        let mark = format!("-{}-", std::process::id());
        for own in v1.chain(facts.cgroup_v2.iter().map(|v2| &v2.own)) {
            for entry in std::fs::read_dir(own).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                // The leaf that a supervisor lives in stays as long as it does.
                let ours = name.starts_with("lacuna-") && name.contains(&mark) && !name.ends_with("-supervisor");
                assert!(!ours, "left: {:?}", entry.path());
            }
        }
        let mut status = 0;
        // SAFETY: the status is ours to write.
        let child = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::WNOHANG) };
        assert_eq!(child, -1, "a child is left: {child}");
    }
}
