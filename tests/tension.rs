//! MODEL.md's chapter on the tension between what a system knows and what can be proved of it: its numbers, from the checker.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::fmt::Write;

use lacuna_check::{End, Limits, check, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::expand::Expander;
use lacuna_model::guarantee::{Asked, GuaranteeId, GuaranteeSet, TIMED, safety};
use lacuna_model::objects::{Action, Objects, Outcome};
use lacuna_model::profile::{Axis, Profile};
use lacuna_model::system::System;
use lacuna_model::units::Nanos;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MODEL.md");
const BEGIN: &str = "<!-- tension: UPDATE=1 cargo test --test tension -->\n";
const END: &str = "<!-- end of tension -->\n";

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

/// The ids of those that are refuted.
fn refuted<'a>(checked: impl Iterator<Item = (GuaranteeId, &'a ModelVerdict)>) -> String {
    let ids: Vec<&str> = checked
        .filter(|(_, verdict)| matches!(verdict, ModelVerdict::Refuted { .. }))
        .map(|(id, _)| id.name())
        .collect();
    if ids.is_empty() { "none".into() } else { ids.join(", ") }
}

/// What a search in time says under a profile.
struct InTime {
    states: u64,
    bits: usize,
    refuted: String,
    worst: Option<Nanos>,
}

fn in_time(system: &System, profile: &Profile) -> InTime {
    let objects = Objects::new(system, profile).unwrap();
    let report = check_timed(&objects, TIMED, &Limits::default()).unwrap();
    assert_eq!(report.end, End::Complete);
    InTime {
        states: report.states + report.isolation_states,
        bits: report.bits,
        refuted: refuted(report.guarantees.iter().map(|checked| (checked.id, &checked.verdict))),
        worst: report.worst[0],
    }
}

/// The attacks that succeed in some reachable state, each once.
fn attacks(objects: &Objects) -> usize {
    let mut expander = Expander::<8>::new(objects).unwrap();
    let start = expander.initial().unwrap();
    let (mut seen, mut open, mut found) = (HashSet::from([start]), vec![start], HashSet::new());
    while let Some(state) = open.pop() {
        let mut steps = Vec::new();
        expander.successors(&state, Asked::of(GuaranteeSet::NONE), |step| steps.push(*step));
        let attackers: HashSet<_> =
            steps.iter().filter(|step| step.step.action == Action::GiveUp).map(|step| step.step.context).collect();
        for step in steps {
            let done = !matches!(step.outcome, Outcome::Refused(_));
            if done && step.step.action != Action::GiveUp && attackers.contains(&step.step.context) {
                found.insert(step.step.action);
            }
            let after = step.after.unwrap();
            if seen.insert(after) {
                open.push(after);
            }
        }
    }
    found.len()
}

/// The profile with this axis as `ideal` has it.
fn idealised(profile: &Profile, axis: &Axis) -> Profile {
    let wanted = axis.choice_of(&Profile::ideal());
    let mut choices = axis.with_each_choice(profile).into_iter();
    Profile { name: profile.name.clone(), ..choices.find(|choice| axis.choice_of(choice) == wanted).unwrap() }
}

#[test]
fn the_page_has_the_numbers() {
    let mut text = String::new();
    writeln!(text, "| scenario | the scheduler sees | states to decide | bits a state | worst response of the first task | refuted |").unwrap();
    writeln!(text, "|---|---|---|---|---|---|").unwrap();
    for (name, axis) in [
        ("priority-inversion", "inversion"),
        ("priority-inversion", "awareness"),
        ("server-inversion", "awareness"),
        ("overrun", "time isolation"),
        ("partitions", "time isolation"),
    ] {
        let system = library(name);
        let axis = Axis::ALL.iter().find(|known| known.name == axis).unwrap();
        for profile in axis.with_each_choice(&Profile::ideal()) {
            let InTime { states, bits, refuted, worst } = in_time(&system, &profile);
            let worst = worst.map_or("none".into(), |worst| worst.to_string());
            let choice = axis.choice_of(&profile);
            writeln!(text, "| `{name}` | {}: {choice} | {states} | {bits} | {worst} | {refuted} |", axis.name).unwrap();
        }
    }
    writeln!(text, "\n| `ci-job`, two steps of the adversary | states to decide | attacks that succeed | refuted |")
        .unwrap();
    writeln!(text, "|---|---|---|---|").unwrap();
    let mut system = library("ci-job");
    system.set_adversary_depth(2);
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let mut profile = Profile::linux();
    let mut surface = Vec::new();
    let mut row = |what: String, profile: &Profile| {
        let objects = Objects::new(&system, profile).unwrap();
        let report = check(&objects, &ids, &Limits::default()).unwrap();
        assert_eq!(report.end, End::Complete);
        let refuted = refuted(report.guarantees.iter().map(|checked| (checked.id, &checked.verdict)));
        let attacks = attacks(&objects);
        writeln!(text, "| {what} | {} | {attacks} | {refuted} |", report.states).unwrap();
        surface.push((attacks, refuted));
    };
    row("`linux`".into(), &profile);
    for axis in Axis::ALL {
        let better = idealised(&profile, axis);
        if axis.choice_of(&better) != axis.choice_of(&profile) {
            row(format!("and {}: {}", axis.name, axis.choice_of(&better)), &better);
        }
        profile = better;
    }
    // Whatever is on the page: with every mechanism less gets through than with none, and nothing is refuted.
    let ((first, _), (last, rest)) = (surface.first().unwrap(), surface.last().unwrap());
    assert!(last < first && rest == "none", "{surface:?}");

    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = [before, BEGIN, "\n", &text, "\n", END, after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    } else {
        assert!(page == fresh, "MODEL.md is stale: `UPDATE=1 cargo test --test tension` writes the table anew");
    }
}
