//! What hosts answered, through the command line: `diff` of two documents, `gap --with` others, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

mod support;

use serde_json::{Value, json};
use support::{Run, lacuna};

fn host(release: &str) -> Value {
    json!({ "os": "linux", "release": release, "arch": "x86_64", "uid": 0, "landlock_abi": 2 })
}

fn row(id: &str, guarantee: &str, outcome: &str) -> Value {
    json!({ "id": id, "guarantee": guarantee, "outcome": outcome, "evidence": format!("seen of {id}") })
}

/// A directory with these files.
fn files(files: &[(&str, String)]) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_owned();
    for (name, text) in files {
        std::fs::write(place.join(name), text).unwrap();
    }
    (directory, move |name: &str| place.join(name).to_str().unwrap().to_owned())
}

fn probed(release: &str, rows: &[Value]) -> String {
    json!({ "version": 1, "scenario": "ci-job", "host": host(release), "rows": rows }).to_string()
}

#[test]
fn diff_says_what_appeared_vanished_and_changed() {
    let old =
        probed("6.1", &[row("G3.a", "G3", "enforced"), row("G4.b", "G4", "enforced"), row("G7.c", "G7", "partial")]);
    let new = probed(
        "6.12",
        &[row("G3.a", "G3", "enforced"), row("G7.c", "G7", "enforced"), row("G7.d", "G7", "not-enforced")],
    );
    let (_kept, at) = files(&[("old.json", old), ("new.json", new)]);
    let run = lacuna(&["diff", &at("old.json"), &at("new.json"), "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    let said = run.json();
    let change = |id: &str, from: Option<&str>, to: Option<&str>, evidence: Option<&str>| json!([{ "id": id, "from": from, "to": to, "evidence": evidence }]);
    assert_eq!(said["appeared"], change("G7.d", None, Some("not-enforced"), Some("seen of G7.d")));
    assert_eq!(said["vanished"], change("G4.b", Some("enforced"), None, None));
    assert_eq!(said["changed"], change("G7.c", Some("partial"), Some("enforced"), Some("seen of G7.c")));

    let text = lacuna(&["diff", &at("old.json"), &at("new.json")]).out;
    for words in ["before   linux 6.1 x86_64", "APPEARED (1)", "VANISHED (1)", "CHANGED (1)", "partial -> enforced"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let same = lacuna(&["diff", &at("old.json"), &at("old.json")]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.contains("no row differs"), "{}", same.out);
}

#[test]
fn diff_of_gaps_has_the_guarantees_too() {
    let gap = |measured: &str| {
        let rows = json!([{ "id": "G3", "measured": measured, "plan": "proved" }]);
        json!({ "version": 1, "scenario": "s", "host": host("6.1"), "rows": rows, "probes": [row("G3.a", "G3", "enforced")] })
            .to_string()
    };
    let (_kept, at) = files(&[("a.json", gap("enforced")), ("b.json", gap("partial"))]);
    let run = lacuna(&["diff", &at("a.json"), &at("b.json"), "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert_eq!(run.json()["changed"][0]["id"], "G3");
    assert_eq!(run.json()["changed"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_document_of_a_host_is_wrong_input() {
    let good = probed("6.1", &[row("G3.a", "G3", "enforced")]);
    let later = good.replace("\"version\":1", "\"version\":2");
    let other = good.replace("ci-job", "residue");
    let check = json!({ "version": 1, "scenario": "s", "kernel": "linux", "guarantees": [] }).to_string();
    let (_kept, at) = files(&[
        ("good.json", good),
        ("later.json", later),
        ("other.json", other),
        ("check.json", check),
        ("text.json", "host: none".into()),
    ]);
    let refused = |run: Run, words: &str| {
        assert_eq!(run.code, Some(2), "{words}: {}\n{}", run.out, run.err);
        assert!(run.err.contains(words) && run.out.is_empty(), "{words}: {}\n{}", run.out, run.err);
    };
    let diff = |name: &str| lacuna(&["diff", &at("good.json"), &at(name)]);
    refused(diff("later.json"), "it is of version 2, and this program reads version 1");
    refused(diff("text.json"), "it is no JSON");
    refused(diff("check.json"), "it has no `host` and `rows`");
    refused(diff("none.json"), "No such file");
    refused(diff("."), "it is no regular file");
    refused(diff("other.json"), "nothing is comparable");
    // Refused before anything is run.
    let with = |name: &str| lacuna(&["gap", "ci-job", "--with", &at(name)]);
    refused(with("later.json"), "it is of version 2");
    refused(with("other.json"), "is of `residue`, and this is `ci-job`");
    refused(lacuna(&["measure", "speed"]), "there is no meter `speed`");
    refused(lacuna(&["measure", "--tasks", "minimal", "--bounds", &at("good.json")]), "minimal");
}

#[test]
fn a_gap_with_other_hosts_has_a_column_for_each() {
    let old = probed("6.1", &[row("G3.detach", "G3", "not-enforced"), row("G3.session", "G3", "enforced")]);
    let (_kept, at) = files(&[("old.json", old)]);
    let run = lacuna(&["gap", "double-fork", "--with", &at("old.json")]);
    assert_eq!(run.code, Some(2), "the probes were made under the policy of ci-job: {}", run.err);
    let text = std::fs::read_to_string(at("old.json")).unwrap().replace("ci-job", "double-fork");
    std::fs::write(at("old.json"), text).unwrap();
    let run = lacuna(&["gap", "double-fork", "--with", &at("old.json"), "--format", "json"]);
    let with = &run.json()["with"][0];
    assert_eq!(with["host"], "linux 6.1 x86_64, uid 0; Landlock 2");
    assert_eq!(with["probes"]["G3.detach"], "not-enforced");
    // Of two rows one got out: as in this host's own column.
    assert_eq!(run.row("rows", "G3")["with"], json!(["partial"]));
    assert_eq!(run.row("rows", "G4")["with"], json!([null]));
    let text = lacuna(&["gap", "double-fork", "--with", &at("old.json")]).out;
    let line = text.lines().find(|line| line.trim_start().starts_with("G3.detach") && line.ends_with("not-enforced"));
    assert!(line.is_some(), "{text}");
    assert!(text.contains("[1] linux 6.1 x86_64, uid 0; Landlock 2"), "{text}");
}

#[test]
fn meters_have_a_control_and_a_picture() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    let run = lacuna(&["measure", "wake-up", "spawn", "--times", "20", "--svg", place, "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let meters = run.json()["meters"].as_array().unwrap().clone();
    for meter in ["wake-up", "spawn"] {
        let of: Vec<&Value> = meters.iter().filter(|row| row["meter"] == meter).collect();
        assert_eq!(of.iter().filter(|row| row["control"] == true).count(), 1, "{of:#?}");
        for row in &of {
            assert!(row["times"]["n"] == 20 || row["unavailable"].is_string(), "{row:#}");
        }
        let svg = std::fs::read_to_string(directory.path().join(format!("{meter}.svg"))).unwrap();
        assert!(svg.contains("n=20"), "{svg}");
    }
}
