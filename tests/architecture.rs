//! The dependencies between our crates are what ARCHITECTURE.md says.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn ours(word: &str) -> bool {
    word == "lacuna" || word.starts_with("lacuna-")
}

/// Lines such as `lacuna-check -> lacuna-model` of the document.
fn documented() -> Edges {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    let lines = page.lines().filter_map(|line| line.split_once("->"));
    lines
        .filter(|(from, _)| ours(from.trim()))
        .map(|(from, to)| {
            (from.trim().into(), to.split_whitespace().filter(|word| ours(word)).map(Into::into).collect())
        })
        .collect()
}

/// What `cargo tree` says.
fn actual() -> Edges {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--no-dedupe",
            "--offline",
            "--edges",
            "normal",
            "--depth",
            "1",
            "--prefix",
            "depth",
            "--format",
            " {p}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut edges = Edges::new();
    let mut from = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name)) = (words.next(), words.next()) else { continue };
        if depth == "0" {
            from = name.into();
            edges.entry(from.clone()).or_default();
        } else if ours(name) {
            edges.entry(from.clone()).or_default().insert(name.into());
        }
    }
    edges
}

#[test]
fn crates_depend_on_each_other_as_documented() {
    let actual = actual();
    assert!(actual.len() >= 6, "{actual:?}");
    assert_eq!(documented(), actual);
}
