//! Policies through the command line: one set under each of them, optimal priorities, margins, and what a scenario says of order and threshold.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{file, lacuna};

/// Deadlines beyond the periods: the less urgent by every rule of thumb must be the more urgent. By the published responses (52, 156; and
/// 108, 52 the other way round), Lehoczky 1990.
const NOT_MONOTONIC: &str = "name,wcet,period,deadline\na,52ms,100ms,110ms\nb,52ms,140ms,154ms\n";

#[test]
fn optimal_priorities_are_found_where_no_rule_of_thumb_does() {
    let (_directory, path) = file("set.csv", NOT_MONOTONIC);
    for policy in ["rm", "dm"] {
        let run = lacuna(&["analyse", &path, "--policy", policy, "--format", "json"]);
        assert_eq!(run.code, Some(1), "{policy}: {}", run.out);
        assert_eq!(run.row("contexts", "b")["wcrt_ns"], 156_000_000);
    }
    let run = lacuna(&["analyse", &path, "--policy", "opa", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.out);
    assert_eq!(run.row("contexts", "a")["wcrt_ns"], 108_000_000);
    assert_eq!(run.row("contexts", "b")["wcrt_ns"], 52_000_000);
    let (_directory, none) = file("set.csv", "wcet,period,deadline\n2ms,4ms,3ms\n2ms,4ms,3ms\n");
    let run = lacuna(&["analyse", &none, "--policy", "opa"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("no fixed priorities meet every deadline"), "{}", run.err);
}

#[test]
fn margins_are_to_the_nanosecond() {
    let (_directory, path) = file("set.csv", "name,wcet,period,deadline\na,4ms,8ms,8ms\nb,2ms,16ms,10ms\n");
    let margin = |policy: &str, name: &str| {
        let run = lacuna(&["analyse", &path, "--policy", policy, "--sensitivity", "--format", "json"]);
        let row = run.row("contexts", name);
        assert_eq!(row["margin_is_exact"], true, "{row:#}");
        row["margin_ns"].clone()
    };
    // Of b: a + b ≤ 8, or 2a + b ≤ 10.
    assert_eq!(margin("rm", "a"), 2_000_000);
    assert_eq!(margin("rm", "b"), 2_000_000);
    // Due by 8, a ≤ 8; by 10, a + b ≤ 10; by 16, 2a + b ≤ 16.
    assert_eq!(margin("edf", "a"), 3_000_000);
    assert_eq!(margin("edf", "b"), 4_000_000);
}

#[test]
fn one_scenario_under_every_policy() {
    let (_directory, path) = file("set.csv", NOT_MONOTONIC);
    let run = lacuna(&["compare", &path, "--for", "7s", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json = run.json();
    let rows = json["policies"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["policy"].as_str().unwrap()).collect();
    let (ideal, regular) = names.split_at(8);
    assert_eq!(ideal, ["declared", "rm", "dm", "opa", "edf", "np-fp", "np-edf", "llf"]);
    assert_eq!(
        regular,
        ["eevdf", "linux-fifo", "linux-rr", "windows", "windows-rt", "ule", "freebsd-rt", "macos", "macos-rt"]
    );
    let row = |name: &str| &rows[names.iter().position(|known| *known == name).unwrap()];
    // Ten hyperperiods, and in each one job of b that responds after 156 ms.
    assert_eq!((row("rm")["missed"].as_u64(), row("rm")["tardiness_ns"].as_u64()), (Some(10), Some(2_000_000)));
    assert_eq!(row("rm")["analysis"], "unschedulable");
    assert_eq!((row("llf")["missed"].as_u64(), row("llf")["analysis"].as_str()), (Some(0), Some("-")));
    for policy in ["opa", "edf"] {
        assert_eq!(
            (row(policy)["missed"].as_u64(), row(policy)["analysis"].as_str()),
            (Some(0), Some("bound")),
            "{policy}"
        );
    }
    assert_eq!(row("np-fp")["preemptions"], 0);
    // With levels of their own, and less than 950 ms in any second, regular systems have what the priorities say.
    for policy in ["linux-fifo", "linux-rr", "windows-rt", "freebsd-rt"] {
        let row = row(policy);
        assert_eq!((row["missed"].as_u64(), row["analysis"].as_str()), (Some(10), Some("-")), "{policy}");
        assert_eq!(row["worst_response_ns"], 156_000_000, "{policy}");
    }
    assert!(row("rm")["preemptions"].as_u64() > Some(0));
    // Time constraints are deadlines, and 52 ms of computing no longer than what is safe.
    assert_eq!(row("macos-rt")["worst_response_ns"], row("edf")["worst_response_ns"]);
    assert_eq!(row("macos-rt")["missed"], 0);
    let text = lacuna(&["compare", &path, "--for", "7s"]);
    assert!(text.out.contains("156ms!"), "{}", text.out);
}

/// Four units from 3 on, of a budget of 2 in 5 that nobody else is in the way of: by hand. Deferrable: 3 to 5, and from 5 on what came back then.
/// Sporadic, and seL4's: what was used from 3 on is back at 8. Polling: 5 to 7, and 10 to 12. Constant bandwidth: its deadlines alone go from 8 to 13; a
/// hard one waits until 8.
#[test]
fn one_scenario_by_every_server() {
    let text = r#"Scenario(
        name: "served", about: "One job of a server.", domains: ["d"],
        processes: {"p": (domain: "d", contexts: {
            "job": (schedule: "s", task: (period: "100ms", offset: "3ms"), program: [Compute(bcet: "4ms", wcet: "4ms")]),
        })},
        scheduling_contexts: { "s": (priority: 1, budget: "2ms", period: "5ms") },
    )"#;
    let (_directory, path) = file("served.ron", text);
    let run = lacuna(&["compare", &path, "--for", "100ms", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let json = run.json();
    let worst = |name: &str| {
        let row = json["policies"].as_array().unwrap().iter().find(|row| row["policy"] == name).unwrap();
        row["worst_response_ns"].as_u64().unwrap() / 1_000_000
    };
    let servers = ["declared", "deferrable", "sporadic", "mcs", "polling", "cbs", "hard-cbs"];
    assert_eq!(servers.map(worst), [4, 4, 7, 7, 9, 4, 7]);
    let (_directory, without) = file("set.csv", NOT_MONOTONIC);
    let run = lacuna(&["simulate", &without, "--policy", "cbs"]);
    assert_eq!(run.code, Some(2), "{}", run.out);
    assert!(run.err.contains("no scheduling context has a budget"), "{}", run.err);
}

/// Three years of a set whose periods have 36 ms in common; and as many hours as are run whole, for something is drawn.
#[test]
fn what_repeats_itself_is_counted_and_said() {
    let (_directory, path) = file("set.csv", "name,bcet,wcet,period\na,1ms,1ms,4ms\nb,2ms,2ms,9ms\nc,1ms,4ms,12ms\n");
    let run = lacuna(&["simulate", &path, "--for", "100000000s", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.row("contexts", "b")["jobs"], 100_000_000_000u64.div_ceil(9));
    let repeats = run.json()["repeats"].clone();
    assert_eq!(repeats["every_ns"].as_u64().map(|every| every % 36_000_000), Some(0), "{repeats:#}");
    let text = lacuna(&["simulate", &path, "--for", "100s"]);
    assert!(text.out.contains("it repeats itself every 36ms: exact"), "{}", text.out);
    let drawn = lacuna(&["simulate", &path, "--for", "10s", "--execution", "random", "--format", "json"]);
    assert_eq!(drawn.json()["repeats"], serde_json::Value::Null);
    // In the loop for task sets, and with a trace in the relation.
    let trace = std::path::Path::new(&path).with_extension("json");
    let traced = ["simulate", &path, "--for", "10s", "--execution", "random", "--format", "json", "--trace"];
    let traced = lacuna(&[&traced[..], &[trace.to_str().unwrap()]].concat());
    assert_eq!(traced.json(), drawn.json());
    let long = lacuna(&["simulate", &path, "--for", "100000000s", "--execution", "random"]);
    assert_eq!(long.code, Some(2), "{}", long.out);
    assert!(long.err.contains("a shorter time (--for) fits"), "{}", long.err);
}

/// The threshold of the lower keeps the core from the middle, not from the highest; among two of one priority the earlier deadline goes first.
#[test]
fn a_scenario_says_order_and_threshold() {
    let text = r#"Scenario(
        name: "order", about: "Order and threshold.", domains: ["d"],
        processes: {"p": (domain: "d", contexts: {
            "low": (schedule: "low", task: (period: "100ms"), program: [Compute(bcet: "10ms", wcet: "10ms")]),
            "middle": (schedule: "middle", task: (period: "100ms", offset: "1ms"), program: [Compute(bcet: "10ms", wcet: "10ms")]),
            "high": (schedule: "high", task: (period: "100ms", offset: "2ms"), program: [Compute(bcet: "10ms", wcet: "10ms")]),
            "late": (schedule: "x", task: (period: "100ms", deadline: "90ms"), program: [Compute(bcet: "1ms", wcet: "1ms")]),
            "soon": (schedule: "y", task: (period: "100ms", deadline: "80ms"), program: [Compute(bcet: "1ms", wcet: "1ms")]),
        })},
        scheduling_contexts: {
            "low": (priority: 1, threshold: 2), "middle": (priority: 2), "high": (priority: 3),
            "x": (priority: 0, order: Deadline), "y": (priority: 0, order: Deadline),
        },
    )"#;
    let (_directory, path) = file("order.ron", text);
    let run = lacuna(&["simulate", &path, "--for", "100ms", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let response = |name: &str| run.row("contexts", name)["response_ns"]["max"].as_u64().unwrap() / 1_000_000;
    // 0 to 2 low, 2 to 12 high, 12 to 20 low, 20 to 30 middle, then the one that is due sooner.
    let responses = ["low", "high", "middle", "soon", "late"].map(response);
    assert_eq!(responses, [20, 10, 29, 31, 32]);
    let analysed = lacuna(&["analyse", &path]);
    assert_eq!(analysed.code, Some(4));
    assert!(analysed.err.contains("not ordered by deadline among all tasks"), "{}", analysed.err);
}

const SWEEP: &str = r#"Sweep(
    name: "rm-edf", about: "Rate monotonic against earliest deadline first.",
    tasks: 6, sets: 200, utilisation: (from: 60, to: 100, step: 10), periods: (from: "10ms", to: "1s"),
    tests: [LiuLayland, RateMonotonic, EarliestDeadline],
)"#;

#[test]
fn a_sweep_is_the_same_on_any_number_of_threads() {
    let (directory, path) = file("sweep.ron", SWEEP);
    let csv = |threads: &str| {
        let out = directory.path().join(format!("{threads}.csv"));
        let run = lacuna(&["sweep", &path, "--threads", threads, "--csv", out.to_str().unwrap()]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "nothing is told but on a terminal");
        (std::fs::read_to_string(out).unwrap(), run.out)
    };
    let one = csv("1");
    assert_eq!(one, csv("3"));
    assert_eq!(one.0.lines().count(), 1 + 5 * 3);
    assert!(
        one.0.starts_with("utilisation_percent,test,sets,accepted,undecided\n60,liu-layland,200,200,0\n"),
        "{}",
        one.0
    );
    // Earliest deadline first has all of the core.
    assert!(one.0.ends_with("100,edf,200,200,0\n"), "{}", one.0);
    let svg = directory.path().join("sweep.svg");
    let run = lacuna(&["sweep", &path, "--svg", svg.to_str().unwrap(), "--format", "json"]);
    assert!(std::fs::read_to_string(svg).unwrap().contains("</svg>"));
    let json = run.json();
    assert_eq!(json["tests"], serde_json::json!(["liu-layland", "rm", "edf"]));
    // 6 (2^(1/6) − 1) = 0.735.
    let accepted = |point: usize, test: usize| json["points"][point]["tests"][test]["accepted"].as_u64().unwrap();
    assert_eq!([accepted(0, 0), accepted(1, 0), accepted(2, 0)], [200, 200, 0]);
    assert!(accepted(1, 1) == 200 && accepted(4, 1) < accepted(3, 1), "{json:#}");
}

#[test]
fn a_wrong_sweep_is_told_with_its_place() {
    let (_directory, path) = file("sweep.ron", &SWEEP.replace("sets: 200", "sets: 0"));
    let run = lacuna(&["sweep", &path]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains(":3:21") && run.err.contains("from 1 to"), "{}", run.err);
    assert_eq!(lacuna(&["sweep", "no-such-file.ron"]).code, Some(2));
}

/// Timed checking explores the same automaton: every instant, under deadlines, under priorities, and without preemption.
#[test]
fn deadlines_are_proved_and_refuted_in_time() {
    /// (wcet, deadline, period, offset), in milliseconds.
    fn judged(tasks: &[(u8, u8, u8, u8)], schedule: impl Fn(usize) -> String) -> (Option<i32>, String) {
        let context = |(index, (wcet, deadline, period, offset)): (usize, &(u8, u8, u8, u8))| {
            format!(
                r#""t{index}": (schedule: "t{index}", task: (period: "{period}ms", deadline: "{deadline}ms", offset: "{offset}ms"),
                    program: [Compute(bcet: "0ms", wcet: "{wcet}ms")]),"#
            )
        };
        let contexts: String = tasks.iter().enumerate().map(context).collect();
        let schedules: String =
            (0..tasks.len()).map(|index| format!(r#""t{index}": ({}),"#, schedule(index))).collect();
        let text = format!(
            r#"Scenario(name: "in-time", about: "Deadlines in time.", domains: ["d"],
                processes: {{"p": (domain: "d", contexts: {{ {contexts} }})}},
                scheduling_contexts: {{ {schedules} }}, tick: "1ms")"#
        );
        let (_directory, path) = file("in-time.ron", &text);
        let run = lacuna(&["check", &path, "--kernel", "ideal", "--guarantee", "G18", "--format", "json"]);
        (run.code, run.row("guarantees", "G18")["verdict"].as_str().unwrap().to_owned())
    }
    let (proved, refuted) = ((Some(0), "proved".to_owned()), (Some(1), "refuted".to_owned()));
    // Buttazzo, Table 4.4: by deadline it is feasible; by priority the third responds after 3 + 2 · 2 + 2 · 2 = 11, and not by 7.
    let table = [(2, 4, 6, 0), (2, 5, 8, 0), (3, 7, 9, 0)];
    assert_eq!(judged(&table, |_| "priority: 1, order: Deadline".into()), proved);
    assert_eq!(judged(&table, |index| format!("priority: {}", 3 - index)), refuted);
    // The longer job begins at 0, and the other, which comes at 1, is due at 3.
    let late = [(1, 2, 10, 1), (4, 10, 10, 0)];
    assert_eq!(judged(&late, |_| "priority: 1, order: Deadline".into()), proved);
    assert_eq!(judged(&late, |_| "priority: 1, order: Deadline, threshold: 1".into()), refuted);
}
