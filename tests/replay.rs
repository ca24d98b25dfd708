//! What `linux` refutes beside leaks, escapes and bombs, replayed on this host, with what closes it.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

mod support;

use support::lacuna;

/// Prints past the harness, which keeps what a test that passes prints to itself.
macro_rules! say {
    ($($text:tt)*) => { std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", format_args!($($text)*)).as_bytes()).unwrap() };
}

#[test]
fn names_residue_and_groups_are_replayed_with_what_closes_them() {
    for (scenario, guarantee, counted, closed_by) in [
        ("pid-reuse", "G5", "kills", &["pidfd_send_signal"][..]),
        ("residue", "G8", "jobs", &["a tmpfs and an ipc namespace"]),
        ("group-schedule", "G22", "processes", &["cpu.rt_runtime_us", "a cgroup without the cpu controller"]),
    ] {
        let run = lacuna(&["replay", scenario, "--times", "20", "--format", "json"]);
        let json = run.json();
        let replays = json["replays"].as_array().unwrap();
        let of = |replay: &&serde_json::Value| replay["guarantees"].as_array().unwrap().contains(&guarantee.into());
        let replay = replays.iter().find(of).unwrap_or_else(|| panic!("{scenario}: {json:#}"));
        assert_eq!(replay["counted"], counted, "{scenario}");
        let modes = replay["modes"].as_array().unwrap();
        if let Some(why) = modes[0]["not_testable_here"].as_str() {
            assert_eq!(run.code, Some(4), "{scenario}: what was not seen is no success");
            say!("skipped: {scenario}, {guarantee}: {why}");
            continue;
        }
        assert_eq!((&modes[0]["n"], &modes[0]["violations"]), (&20.into(), &20.into()), "{scenario}: {:#}", modes[0]);
        let mut tested = 0;
        for mode in &modes[1..] {
            let name = mode["mode"].as_str().unwrap();
            assert!(closed_by.contains(&name), "{scenario}: {name}");
            match mode["not_testable_here"].as_str() {
                Some(why) => say!("skipped: {scenario}, {guarantee} by {name}: {why}"),
                None => {
                    assert_eq!((&mode["n"], &mode["violations"]), (&20.into(), &0.into()), "{scenario}: {mode:#}");
                    tested += 1;
                }
            }
        }
        if tested > 0 {
            assert_eq!(run.code, Some(0), "{scenario}: {}{}", run.out, run.err);
        }
    }
}

#[test]
fn what_no_meter_counts_is_not_replayed_and_no_success() {
    // Both have calls: forks, and a kill; but nobody counts locks that are orphaned, or what goes on after a lock-down.
    for (scenario, guarantee) in [("orphaned-lock", "G21"), ("shutdown", "G12")] {
        let run = lacuna(&["replay", scenario, "--times", "1"]);
        assert_eq!(run.code, Some(4), "{scenario}: {}", run.out);
        assert!(run.out.contains(&format!("nothing here counts violations of {guarantee}")), "{}", run.out);
    }
}
