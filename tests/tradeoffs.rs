//! MODEL.md's chapter on what regular systems trade away in scheduling: its numbers, from `compare`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write;

use lacuna_model::units::Nanos;
use serde_json::Value;
use support::{file, lacuna};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MODEL.md");
const BEGIN: &str = "<!-- trade-offs: UPDATE=1 cargo test --test tradeoffs -->\n";
const END: &str = "<!-- end of trade-offs -->\n";
/// Beside what is declared.
const POLICIES: [&str; 7] = ["declared", "eevdf", "linux-fifo", "windows", "ule", "freebsd-rt", "macos-rt"];

/// Of one task under one policy.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    worst: Option<Nanos>,
    missed: u64,
    jobs: u64,
}

/// What `compare` says of a task in ten seconds, under each of the policies.
fn compare(scenario: &str, task: &str) -> [Outcome; 7] {
    let run = lacuna(&["compare", scenario, "--for", "10s", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json = run.json();
    let list = |value: &Value, key: &str| value[key].as_array().unwrap().clone();
    POLICIES.map(|policy| {
        let row = list(&json, "policies").into_iter().find(|row| row["policy"] == policy).unwrap();
        let of = list(&row, "contexts").into_iter().find(|context| context["name"] == task).unwrap();
        let worst = of["response_ns"]["max"].as_u64().map(Nanos);
        Outcome { worst, missed: of["missed"].as_u64().unwrap(), jobs: of["jobs"].as_u64().unwrap() }
    })
}

/// A task of 1 ms in every 10 ms, beside so many who compute without end and have asked for nothing.
fn beside(others: usize) -> String {
    let hogs = (0..others).map(|index| format!("\"other{index}\": (program: [Forever([Compute(\"1s\")])]),"));
    format!(
        r#"Scenario(
            name: "beside", about: "A task beside others.", domains: ["d"],
            processes: {{
                "p": (domain: "d", contexts: {{
                    "task": (schedule: "task", task: (period: "10ms"), program: [Compute("1ms")]),
                    {}
                }}),
            }},
            scheduling_contexts: {{ "task": (priority: 1) }},
        )"#,
        hogs.collect::<String>()
    )
}

fn row(text: &mut String, what: &str, outcomes: &[Outcome]) {
    let cell = |outcome: &Outcome| {
        let worst = outcome.worst.map_or("none ended".into(), |worst| worst.to_string());
        if outcome.missed > 0 { format!("{worst}, {} late", outcome.missed) } else { worst }
    };
    writeln!(text, "| {what} | {} |", outcomes.iter().map(cell).collect::<Vec<_>>().join(" | ")).unwrap();
}

#[test]
fn the_page_has_the_numbers() {
    let mut text = String::new();
    let header = POLICIES.map(|policy| format!("`{policy}`")).join(" | ");
    writeln!(text, "| worst response in 10 s | {header} |\n|---|{}", "---|".repeat(POLICIES.len())).unwrap();
    let mut fair = Vec::new();
    for others in [0, 1, 2, 4, 8] {
        let (_directory, path) = file("beside.ron", &beside(others));
        let outcomes = compare(&path, "task");
        row(&mut text, &format!("1 ms of every 10 ms, beside {others} without end"), &outcomes);
        // Whatever is on the page: what is more urgent has nothing to do with what is less.
        for index in [0, 2, 5, 6] {
            assert_eq!(outcomes[index].worst, Some(Nanos(1_000_000)), "{others}: {outcomes:?}");
        }
        fair.push(outcomes[1].worst);
    }
    assert!(fair.is_sorted() && fair[0] < fair[4], "more of the others, a longer wait: {fair:?}");
    for (scenario, task) in [
        ("overrun", "loop"),
        ("priority-inversion", "manager"),
        ("audio-pipeline", "playback"),
        ("group-schedule", "watchdog/main"),
    ] {
        let outcomes = compare(scenario, task);
        assert!(outcomes[0].missed == 0 && outcomes[0].jobs > 0, "{scenario}: {outcomes:?}");
        row(&mut text, &format!("`{scenario}`, `{task}`"), &outcomes);
    }

    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = [before, BEGIN, "\n", &text, "\n", END, after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    } else {
        assert!(page == fresh, "MODEL.md is stale: `UPDATE=1 cargo test --test tradeoffs` writes the table anew");
    }
}
