//! The reference page is that of this schema, and every word of the format is described.

use lacuna_scenarios::{describe, reference, words};

#[test]
fn the_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FORMAT.md");
    let page = reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        written == page,
        "FORMAT.md is stale: `UPDATE=1 cargo test -p lacuna-scenarios --test page` writes it anew"
    );
}

#[test]
fn every_word_is_described_and_on_the_page() {
    let page = reference();
    for word in words() {
        assert!(describe(word).is_some(), "{word}");
        assert!(page.contains(word), "{word}");
    }
    assert_eq!(describe("perioid"), None);
}

#[test]
fn a_word_of_several_places_is_described_for_each() {
    assert_eq!(
        describe("budget").as_deref(),
        Some(
            "budget, of a scheduling context: at most so much computing in every period; at most the period. It is a \
             duration above zero such as `\"10ms\"`, in `min`, `s`, `ms`, `us` or `ns`; without it: unlimited."
        )
    );
    assert_eq!(describe("processes").map(|text| text.lines().count()), Some(3));
}
