//! Every source of `papers/` is in the index, has all its parts, and says in the same way whether it was read.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("papers")
}

/// The text of every entry but the index, by file name.
fn entries() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    named
        .filter(|(name, _)| name.ends_with(".md") && name != "README.md")
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// What stands between `](` and `)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The last column of the index, by the file that its row links to.
fn index() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(directory().join("README.md")).unwrap();
    let row = |line: &str| {
        let file = links(line).next()?.to_owned();
        Some((file, line.trim_end_matches('|').rsplit('|').next()?.trim().to_owned()))
    };
    page.lines().filter(|line| line.starts_with('|')).filter_map(row).collect()
}

/// What the index says for what a `Read:` line says, if that has one of the three forms.
fn column(read: &str) -> Option<&'static str> {
    if read == "in full" {
        Some("in full")
    } else if read.starts_with("in part (") {
        Some("in part")
    } else if read.starts_with("not read; known from ") {
        Some("no")
    } else {
        None
    }
}

#[test]
fn every_source_is_in_the_index_once_with_what_it_says_of_reading() {
    let mut expected = Vec::new();
    for (name, text) in entries() {
        let read: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("Read: ")).collect();
        let [read] = read[..] else { panic!("{name}: one line must begin with `Read: `, not {}", read.len()) };
        let column = column(read).unwrap_or_else(|| panic!("{name}: `Read: {read}` has none of the three forms"));
        expected.push((name, column.to_owned()));
    }
    let mut index = index();
    index.sort();
    assert_eq!(index, expected);
}

#[test]
fn every_source_has_its_parts() {
    for (name, text) in entries() {
        assert!(text.starts_with("# "), "{name} has no title");
        for part in ["\n## What it says\n", "\n## What the model takes\n", "\n## What it does not take"] {
            assert_eq!(text.matches(part).count(), 1, "{name}: {}", part.trim());
        }
    }
}

#[test]
fn every_link_to_another_source_leads_there() {
    for (name, text) in entries() {
        for target in links(&text).filter(|target| !target.starts_with("https://")) {
            assert!(directory().join(target).is_file(), "{name} links to {target}");
        }
    }
}
