//! MODEL.md says what the model has: the profiles with every choice and its source, and each guarantee.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::profile::Profile;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MODEL.md");
const BEGIN: &str = "<!-- profiles: UPDATE=1 cargo test --test model_page -->\n";
const END: &str = "<!-- end of profiles -->\n";

fn table() -> String {
    let mut table = String::new();
    for named in Profile::NAMED {
        write!(table, "\n**`{}`**: {}.\n\n| axis | choice | source |\n|---|---|---|\n", named.name, named.about)
            .unwrap();
        for ((axis, choice), (_, source)) in named.profile().choices().into_iter().zip(named.sources) {
            writeln!(table, "| {axis} | {choice} | {source} |").unwrap();
        }
    }
    table + "\n"
}

#[test]
fn the_page_has_every_profile_with_its_sources() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = [before, BEGIN, &table(), END, after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    }
    assert!(
        page == fresh || std::env::var_os("UPDATE").is_some(),
        "MODEL.md is stale: `UPDATE=1 cargo test --test model_page` writes the table anew"
    );
}

#[test]
fn the_page_the_files_and_the_ids_are_the_same_guarantees() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let stated: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| G")?.split_once(" |").map(|(number, _)| number))
        .filter(|number| number.parse::<u8>().is_ok())
        .collect();
    let ids: Vec<String> = GuaranteeId::ALL.iter().map(|id| id.name()[1..].to_owned()).collect();
    assert_eq!(stated, ids, "each has one row of MODEL.md, in order");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/model/src/guarantee");
    let mut files: Vec<u8> = std::fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_prefix('g')?.split('_').next()?.parse().ok())
        .collect();
    files.sort_unstable();
    let numbers: Vec<u8> = ids.iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(files, numbers, "each has one file");
}
