//! `explain` and `new`; and what `explain` computes, on MODEL.md: which mechanism carries each guarantee of the ideal kernel.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write;

use lacuna_model::guarantee::GuaranteeId;
use serde_json::Value;
use support::lacuna;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MODEL.md");
const BEGIN: &str = "<!-- carriers: UPDATE=1 cargo test --test explain -->\n";
const END: &str = "<!-- end of carriers -->\n";

fn explain(id: GuaranteeId) -> Value {
    let run = lacuna(&["explain", id.name(), "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    run.json()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn each_guarantee_is_stated_held_and_carried_by_what_is_on_the_page() {
    let mut table = String::from("| on `ideal` | carries | without it |\n|---|---|---|\n");
    for &id in GuaranteeId::ALL {
        let explained = explain(id);
        for key in ["statement", "formally", "trigger", "decided_by"] {
            assert!(explained[key].as_str().unwrap().len() > 5, "{id}: {key}");
        }
        let rows = explained["library"].as_array().unwrap();
        if id == GuaranteeId::G23 {
            // What is assumed is carried by nothing, and never proved.
            let verdicts = rows.iter().flat_map(|row| row["verdicts"].as_object().unwrap().values());
            assert!(!rows.is_empty() && verdicts.into_iter().all(|verdict| verdict == "assumed"), "{rows:?}");
            assert_eq!(explained["carried_by"], serde_json::json!([]));
            continue;
        }
        let verdict = |profile: &str, verdict: &str| {
            rows.iter().any(|row| row["verdicts"][profile].as_str().unwrap().starts_with(verdict))
        };
        assert!(verdict("ideal", "proved"), "{id} is proved nowhere in the library");
        let profiles = explained["library"][0]["verdicts"].as_object().unwrap();
        assert!(profiles.keys().any(|profile| verdict(profile, "refuted")), "{id} is refuted nowhere in the library");
        let carriers = explained["carried_by"].as_array().unwrap();
        assert!(!carriers.is_empty(), "{id} is carried by nothing");
        for carrier in carriers {
            let (mechanism, without) = (carrier["mechanism"].as_str().unwrap(), carrier["without"].as_str().unwrap());
            let refuted = strings(&carrier["refuted_in"]).join("`, `");
            writeln!(table, "| {mechanism} | {id} | {without}: refuted in `{refuted}` |").unwrap();
        }
    }
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = [before, BEGIN, "\n", &table, "\n", END, after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    } else {
        assert!(page == fresh, "MODEL.md is stale: `UPDATE=1 cargo test --test explain` writes the table anew");
    }
}

#[test]
fn whatever_is_listed_is_explained_and_nothing_else() {
    let listed = lacuna(&["explain", "--format", "json"]).json();
    let kinds = listed.as_object().unwrap();
    // The guarantees have a test of their own, and take longer.
    let names = kinds
        .iter()
        .filter(|(kind, list)| *kind != "guarantees" && list.is_array())
        .flat_map(|(_, list)| strings(list));
    let mut explained = 0;
    for name in names {
        let text = lacuna(&["explain", name]);
        assert!(text.code == Some(0) && text.out.contains(name), "{name}: {}{}", text.out, text.err);
        assert_eq!(lacuna(&["explain", name, "--format", "json"]).json()["topic"], name);
        explained += 1;
    }
    assert!(explained > 100, "{explained}");
    let axis = lacuna(&["explain", "kill"]);
    assert!(axis.out.contains("walk < atomic") && axis.out.contains("openbsd"), "{}", axis.out);
    let profile = lacuna(&["explain", "linux"]);
    assert!(profile.out.contains("tracking") && profile.out.contains("setsid(2)"), "{}", profile.out);
    let wrong = lacuna(&["explain", "Spwan"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("did you mean `Spawn`"), "{}", wrong.err);
    let far = lacuna(&["explain", "nonsense-beyond-help"]);
    assert!(far.code == Some(2) && far.err.contains("lacuna explain"), "{}", far.err);
}

#[test]
fn a_guarantee_is_explained_for_a_person() {
    let text = lacuna(&["explain", "g4"]).out;
    for words in ["complete kill", "formally", "trigger", "double-fork", "kill: atomic", "walk: refuted in"] {
        assert!(text.contains(words), "no {words} in:\n{text}");
    }
}

#[test]
fn a_new_scenario_is_as_it_expects_and_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.ron");
    let file = path.to_str().unwrap();
    assert_eq!(lacuna(&["new", file]).code, Some(0));
    let checked = lacuna(&["check", file]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert!(checked.out.starts_with("mine "), "it is named after its file");
    assert!(checked.out.contains("refuted"), "it shows something");
    let simulated = lacuna(&["simulate", file, "--for", "1s"]);
    assert_eq!(simulated.code, Some(0), "{}{}", simulated.out, simulated.err);

    std::fs::write(&path, "mine alone").unwrap();
    let again = lacuna(&["new", file]);
    assert!(again.code == Some(2) && again.err.contains("is there already"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine alone");
    for (wrong, why) in
        [("a b.ron", "cannot name a scenario"), ("mine.txt", "does not end in .ron"), ("mine", "does not end in .ron")]
    {
        let path = directory.path().join(wrong);
        let run = lacuna(&["new", path.to_str().unwrap()]);
        assert!(run.code == Some(2) && run.err.contains(why), "{wrong}: {}", run.err);
        assert!(!path.exists(), "{wrong}");
    }
    let nowhere = lacuna(&["new", directory.path().join("no/such/place.ron").to_str().unwrap()]);
    assert_eq!(nowhere.code, Some(3), "{}", nowhere.err);
}
