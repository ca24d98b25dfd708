//! Sweeps: from the shaped tree, with every check that needs more than one value.

use lacuna_model::sweep::{Deadlines, Sweep, Test};
use lacuna_model::units::Nanos;

use super::{about, name};
use crate::diagnostic::{Mistake, Report};
use crate::shape::{Fields, Item, Shape};

/// The sweep that a file says. It is of use only if nothing was reported.
pub(crate) fn sweep(root: &Fields, report: &mut Report<'_>) -> Sweep {
    let number = |name: &str| root.integer(name).and_then(|value| u32::try_from(value).ok()).unwrap_or(1);
    Sweep {
        name: name(root),
        about: about(root, report),
        tasks: number("tasks"),
        sets: number("sets"),
        utilisations: utilisations(root, report),
        periods: periods(root, report),
        deadlines: match root.get("deadlines").and_then(Item::chosen) {
            Some(("Constrained", _)) => Deadlines::Constrained,
            _ => Deadlines::Implicit,
        },
        tests: tests(root, report),
        seed: root.integer("seed").unwrap_or(0),
    }
}

fn utilisations(root: &Fields, report: &mut Report<'_>) -> Vec<u8> {
    let Some(fields) = root.record("utilisation") else { return Vec::new() };
    let percent = |name: &str| fields.integer(name).and_then(|value| u8::try_from(value).ok());
    let Some(from) = percent("from") else { return Vec::new() };
    let to = percent("to").unwrap_or(from);
    if let (true, Some(item)) = (to < from, fields.get("to")) {
        let message = format!("the last utilisation is below the first, {from}");
        report.push(Mistake::new(&item.span, message).expected("at least the first"));
    }
    (from..=to).step_by(percent("step").unwrap_or(1).max(1).into()).collect()
}

fn periods(root: &Fields, report: &mut Report<'_>) -> (Nanos, Nanos) {
    let Some(fields) = root.record("periods") else { return (Nanos(1), Nanos(1)) };
    let from = fields.duration("from").unwrap_or(Nanos(1));
    let to = fields.duration("to").unwrap_or(from);
    if let (true, Some(item)) = (to < from, fields.get("to")) {
        let message = format!("the longest period is below the shortest, {from}");
        report.push(Mistake::new(&item.span, message).expected("at least the shortest"));
    }
    (from, to)
}

fn tests(root: &Fields, report: &mut Report<'_>) -> Vec<Test> {
    let mut tests = Vec::new();
    for item in root.list("tests") {
        let Some((name, _)) = item.chosen() else { continue };
        let test = match name {
            "LiuLayland" => Test::LiuLayland,
            "Hyperbolic" => Test::Hyperbolic,
            "RateMonotonic" => Test::RateMonotonic,
            "DeadlineMonotonic" => Test::DeadlineMonotonic,
            "NonPreemptive" => Test::NonPreemptive,
            "EarliestDeadline" => Test::EarliestDeadline,
            _ => Test::NonPreemptiveDeadline,
        };
        if tests.contains(&test) {
            report.push(Mistake::new(&item.span, "this test is here twice").expected("every test once"));
        } else {
            tests.push(test);
        }
    }
    if let Some(item) = root.get("tests")
        && matches!(&item.shape, Shape::List(items) if items.is_empty())
    {
        report.push(Mistake::new(&item.span, "there is no test").expected("at least one"));
    }
    tests
}
