//! Other kernels, booted by `guests/run`: what they answered, where somebody has asked them (`.ci/run` asks one, `.ci/full` all), and that
//! nothing but a guest that asked for it makes this program an init.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::program;

/// Prints past the harness, which keeps what a test that passes prints to itself.
macro_rules! say {
    ($($text:tt)*) => { std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", format_args!($($text)*)).as_bytes()).unwrap() };
}

#[test]
fn the_first_process_of_a_container_is_an_ordinary_program() {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"]);
    if !unshare.arg("true").status().is_ok_and(|status| status.success()) {
        say!("skipped: no process namespace can be made here");
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"]);
    let output = unshare.arg(program()).arg("--version").env("lacuna_guest", "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("lacuna "), "{output:?}");
}

/// What is known of a kernel before it is asked: how its release begins, and the version of Landlock's interface
/// (`landlock_create_ruleset(2)`: 2 came with Linux 5.19, 3 with 6.2, 6 with 6.12).
const KERNELS: [(&str, &str, u64); 4] =
    [("6.1", "6.1.", 2), ("6.1-rt", "6.1.", 2), ("6.12", "6.12.", 6), ("6.12-rt", "6.12.", 6)];

#[test]
fn what_guests_answered() {
    let Some(results) = std::env::var_os("LACUNA_GUESTS") else {
        say!(
            "skipped: no guest was asked; `guests/run` boots one, and LACUNA_GUESTS names a directory with its results, by the kernel's name"
        );
        return;
    };
    let mut asked = 0;
    for (kernel, release, landlock) in KERNELS {
        let directory = Path::new(&results).join(kernel);
        // `guests/run` fails where a guest did not end its errands, and says why there was none.
        if !directory.join("guest.json").exists() {
            continue;
        }
        asked += 1;
        let guest = document(&directory.join("guest.json"));
        assert!(guest["release"].as_str().unwrap().starts_with(release), "{kernel}: {guest}");
        for (name, end) in guest["errands"].as_object().unwrap() {
            let of = format!("{kernel}, {name}");
            assert_eq!(end["left"], 0, "{of}: it left processes behind: {end}");
            // As expected, or something got out; wrong input or a host that cannot is neither.
            assert!([0, 1].contains(&end["exit"].as_i64().unwrap()), "{of}: {end}");
            let said = document(&directory.join(format!("{name}.json")));
            facts(&of, &said["host"], landlock);
            if let Some(rows) = said.get("probes").or(said.get("rows")) {
                probes(&of, rows.as_array().unwrap(), said["host"]["uid"] == 0);
            }
        }
    }
    if asked == 0 {
        say!("skipped: no guest could be booted");
    }
}

fn document(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the guest was built to have.
fn facts(of: &str, host: &Value, landlock: u64) {
    assert_eq!(host["landlock_abi"], landlock, "{of}");
    assert_eq!(host["cgroup_v1"], Value::Array(vec![]), "{of}");
    if host["uid"] == 0 {
        let enabled = host["cgroup_v2"]["enabled"].as_array().unwrap();
        for controller in ["cpu", "memory", "pids"] {
            assert!(enabled.iter().any(|known| known == controller), "{of}: {controller} is not on: {enabled:?}");
        }
    }
}

/// What must come out on every one of these kernels.
fn probes(of: &str, rows: &[Value], root: bool) {
    for row in rows {
        let id = row["id"].as_str().unwrap();
        assert_ne!(row["outcome"], "inconclusive", "{of}: {row:#}");
        // With cgroups whose controllers are on nobody leaves the group, survives its kill, or passes its limits. What records that a
        // file's bytes are locked is charged to nobody, up to Linux 6.12 at least.
        let group =
            ["G2.", "G3.", "G4.", "G6.memory."].iter().any(|prefix| id.starts_with(prefix)) || id == "G6.processes";
        if root && group && id != "G6.memory.locks" {
            assert_eq!(row["outcome"], "enforced", "{of}: {row:#}");
        }
    }
}
