//! What this host does when it runs a scenario's programs, against the model of it: from run to verdict, and records forged on the way.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

mod support;

use serde_json::{Value, json};
use support::lacuna;

/// A record of `double-fork` in which the daemon appeared before the kill; how it was applied is in `options`.
fn double_fork(options: &[&str]) -> Value {
    for _ in 0..10 {
        let run = lacuna(&[&["run", "double-fork", "--validate", "--format", "json"], options].concat());
        assert_eq!(run.code.unwrap(), 0, "{}{}", run.out, run.err);
        let record = run.json()["record"].clone();
        let (daemon, kill) = (appears(&record, "daemon"), position(&record, |event| event["operation"] == "kill"));
        let before = |one: usize, other: usize| {
            record["events"][one]["to_ns"].as_u64() < record["events"][other]["from_ns"].as_u64()
        };
        if let (Some(daemon), Some(kill)) = (daemon, kill)
            && before(daemon, kill)
        {
            return record;
        }
    }
    panic!("the daemon never appeared before the kill")
}

fn position(record: &Value, so: impl Fn(&Value) -> bool) -> Option<usize> {
    record["events"].as_array().unwrap().iter().position(so)
}

fn appears(record: &Value, process: &str) -> Option<usize> {
    position(record, |event| event["what"] == "appears" && event["process"] == process)
}

/// The verdict on a record, under a profile or the one that it was made under.
fn validated(record: &Value, kernel: Option<&str>) -> (i32, Value) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("record.json");
    std::fs::write(&file, record.to_string()).unwrap();
    let mut words = vec!["validate", "double-fork", "--record", file.to_str().unwrap(), "--format", "json"];
    words.extend(kernel.iter().flat_map(|kernel| ["--kernel", kernel]));
    let run = lacuna(&words);
    (run.code.unwrap(), run.json())
}

#[test]
fn what_this_host_does_the_model_of_it_explains_ten_times_in_a_row() {
    for scenario in ["minimal", "double-fork", "fork-bomb", "ci-job", "parallel-spawn"] {
        for options in [&["--bare"][..], &["--setup", "minimal"], &[]] {
            let run =
                lacuna(&[&["run", scenario, "--validate", "--times", "10", "--format", "json"], options].concat());
            assert_eq!(run.code.unwrap(), 0, "{scenario} {options:?}: {}{}", run.out, run.err);
            let found = run.json();
            let verdicts: Vec<&Value> = found["runs"].as_array().unwrap().iter().map(|run| &run["verdict"]).collect();
            assert_eq!(verdicts, vec!["consistent"; 10], "{scenario} {options:?}");
        }
    }
}

#[test]
fn a_job_that_was_killed_whole_is_no_behaviour_of_a_process_group() {
    let record = double_fork(&[]);
    assert_eq!(validated(&record, None).1["verdict"], "consistent");
    let (code, found) = validated(&record, Some("linux"));
    assert_eq!((code, &found["verdict"]), (1, &json!("divergent")));
    // The daemon left the process group, and is in the job group of this host, or ends with it.
    assert!(found["instead"].to_string().contains("lives, lost to its job group"), "{found}");
}

#[test]
fn what_survives_the_kill_of_a_process_group_is_no_behaviour_of_a_job_group() {
    let record = double_fork(&["--bare"]);
    assert_eq!(validated(&record, None).1["verdict"], "consistent");
    let (code, found) = validated(&record, Some("ideal"));
    assert_eq!((code, &found["verdict"]), (1, &json!("divergent")));
    let unexplained = found["unexplained_text"].to_string();
    assert!(unexplained.contains("daemon#") && unexplained.contains("lives"), "{found}");
}

#[test]
fn a_forged_record_diverges_where_it_was_forged() {
    let record = double_fork(&[]);
    let events = record["events"].as_array().unwrap().len();
    let last = record["events"].as_array().unwrap().iter().filter_map(|event| event["to_ns"].as_u64()).max().unwrap();
    let daemon = appears(&record, "daemon").unwrap();
    let instance = record["events"][daemon]["instance"].clone();
    // Something of the daemon's after the kill has returned.
    for what in [json!("lives"), json!("outside")] {
        let mut forged = record.clone();
        let event = json!({ "from_ns": last + 1, "to_ns": last + 1, "by": "kernel", "what": what, "instance": instance, "group": "job" });
        forged["events"].as_array_mut().unwrap().push(event);
        let (code, found) = validated(&forged, None);
        assert_eq!((code, &found["verdict"]), (1, &json!("divergent")), "{what}");
        assert_eq!(found["unexplained"], json!([events]), "{what}: {found}");
        assert_eq!(found["from_outside"], "divergent", "{what}: it is the kernel's word");
        assert_eq!(found["explained"].as_array().unwrap().len(), events, "{what}");
    }
    // The daemon before the fork that made it.
    let mut forged = record.clone();
    let fork = position(&record, |event| event["operation"] == "fork" && event["target"] == "daemon").unwrap();
    let before = record["events"][fork]["from_ns"].as_u64().unwrap() - 1;
    let mut moved = forged["events"].as_array_mut().unwrap().remove(daemon);
    moved.as_object_mut().unwrap().remove("queue");
    forged["events"].as_array_mut().unwrap().insert(fork, moved);
    forged["events"][fork]["from_ns"] = json!(before);
    forged["events"][fork]["to_ns"] = json!(before);
    let (code, found) = validated(&forged, None);
    assert_eq!((code, &found["verdict"]), (1, &json!("divergent")), "{found}");
    assert!(found["unexplained"].as_array().unwrap().contains(&json!(fork)), "{found}");
    // A result that no kernel gives.
    let mut forged = record.clone();
    let detach = position(&record, |event| event["operation"] == "detach").unwrap();
    let returns = record["events"].as_array().unwrap()[detach..]
        .iter()
        .position(|event| event["what"] == "returns" && event["instance"] == record["events"][detach]["instance"]);
    forged["events"][detach + returns.unwrap()]["came"] = json!("refused");
    let (_, found) = validated(&forged, None);
    assert_eq!(
        (&found["verdict"], &found["from_outside"]),
        (&json!("divergent"), &json!("consistent")),
        "a lie from inside"
    );
}

#[test]
fn what_is_no_record_is_wrong_input_and_a_limit_is_unknown() {
    let record = double_fork(&[]);
    let (code, found) = {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("record.json");
        std::fs::write(&file, record.to_string()).unwrap();
        let run = lacuna(&[
            "validate",
            "double-fork",
            "--record",
            file.to_str().unwrap(),
            "--states",
            "3",
            "--format",
            "json",
        ]);
        let other = lacuna(&["validate", "fork-bomb", "--record", file.to_str().unwrap()]);
        assert_eq!(other.code.unwrap(), 2, "{}", other.err);
        assert!(other.err.contains("the record is of scenario `double-fork`"), "{}", other.err);
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(lacuna(&["validate", "double-fork", "--record", file.to_str().unwrap()]).code.unwrap(), 2);
        assert_eq!(lacuna(&["validate", "double-fork", "--record", "/dev/zero"]).code.unwrap(), 2);
        (run.code.unwrap(), run.json())
    };
    assert_eq!((code, &found["verdict"], &found["limit"]), (4, &json!("unknown"), &json!("the number of states")));
    let mut other = record;
    other["version"] = json!(7);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("record.json");
    std::fs::write(&file, other.to_string()).unwrap();
    let run = lacuna(&["validate", "double-fork", "--record", file.to_str().unwrap()]);
    assert_eq!(run.code.unwrap(), 2);
    assert!(run.err.contains("version 7"), "{}", run.err);
    // What cannot be played is said by name, and is no verdict.
    let run = lacuna(&["run", "lost-wakeup", "--validate"]);
    assert_eq!(run.code.unwrap(), 3, "{}", run.err);
    assert!(run.err.contains("cannot be played"), "{}", run.err);
}
