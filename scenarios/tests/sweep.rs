//! Sweeps: what a file means, and its mistakes.
#![allow(clippy::unwrap_used, reason = "a test")]

use lacuna_model::sweep::{Deadlines, Sweep, Test};
use lacuna_model::units::Nanos;
use lacuna_scenarios::Source;

const RIGHT: &str = r#"Sweep(
    name: "rm-edf", about: "Rate monotonic against earliest deadline first.",
    tasks: 10, sets: 1000, seed: 7,
    utilisation: (from: 50, to: 99, step: 10),
    periods: (from: "10ms", to: "1s"),
    deadlines: Constrained,
    tests: [LiuLayland, RateMonotonic, EarliestDeadline],
)"#;

fn mistakes(text: &str) -> String {
    let found = Source::new("x.ron", text).parse_sweep().expect_err("there are mistakes");
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_sweep_means_what_it_says() {
    let expected = Sweep {
        name: "rm-edf".into(),
        about: "Rate monotonic against earliest deadline first.".into(),
        tasks: 10,
        sets: 1000,
        utilisations: vec![50, 60, 70, 80, 90],
        periods: (Nanos(10_000_000), Nanos(1_000_000_000)),
        deadlines: Deadlines::Constrained,
        tests: vec![Test::LiuLayland, Test::RateMonotonic, Test::EarliestDeadline],
        seed: 7,
    };
    assert_eq!(Source::new("x.ron", RIGHT).parse_sweep(), Ok(expected));
}

#[test]
fn every_mistake_has_its_place() {
    let wrong = RIGHT
        .replace("tasks: 10", "tasks: 0")
        .replace("to: 99", "to: 40")
        .replace("to: \"1s\"", "to: \"1ms\"")
        .replace("EarliestDeadline", "LiuLayland")
        .replace("seed", "sead");
    let found = mistakes(&wrong);
    for part in ["x.ron:3:12", "from 1 to 100", "seed", "below the first, 50", "below the shortest, 10ms", "here twice"]
    {
        assert!(found.contains(part), "no {part:?} in\n{found}");
    }
    assert!(mistakes(&RIGHT.replace("[LiuLayland, RateMonotonic, EarliestDeadline]", "[]")).contains("at least one"));
    let csv = Source::new("x.csv", "wcet,period\n1ms,2ms\n").parse_sweep().unwrap_err();
    assert!(csv[0].to_string().contains("`.ron` or `.json`"), "{}", csv[0]);
    // A scenario is no sweep, nor the other way round.
    assert!(Source::new("x.ron", RIGHT).parse().is_err());
}
