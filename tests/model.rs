//! The model through the command line: check, analyse, simulate, and what they say of wrong input.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{file, lacuna};

/// (scenario, guarantees that `linux` refutes)
const REFUTED: [(&str, &[&str]); 6] = [
    ("parallel-spawn", &["G2"]),
    ("double-fork", &["G3", "G4"]),
    ("fork-bomb", &["G6"]),
    ("ci-job", &["G2", "G3", "G4", "G6", "G7"]),
    ("residue", &["G8"]),
    ("shutdown", &["G12"]),
];

#[test]
fn linux_is_refuted_with_a_trace_and_the_others_prove_it() {
    for (scenario, refuted) in REFUTED {
        let linux = lacuna(&["check", scenario, "--kernel", "linux", "--format", "json"]);
        assert_eq!(linux.code, Some(0), "{scenario}: the scenario expects this\n{}", linux.err);
        for id in refuted {
            let row = linux.row("guarantees", id);
            assert_eq!(row["verdict"], "refuted", "{scenario} {id}");
            assert!(row["trace"].as_array().is_some_and(|trace| !trace.is_empty()), "{scenario} {id} has a trace");
        }
        // There is no irrevocable shutdown to harden it by.
        for kernel in
            ["linux-hardened", "ideal"].into_iter().filter(|kernel| scenario != "shutdown" || *kernel == "ideal")
        {
            let run = lacuna(&["check", scenario, "--kernel", kernel, "--format", "json"]);
            assert_eq!(run.code, Some(0), "{scenario} {kernel}");
            for id in refuted {
                let row = run.row("guarantees", id);
                assert_eq!(row["complete"], true, "{scenario} {kernel} {id}");
                // An adversary whose steps are bounded proves no more than that.
                let proved = if scenario == "ci-job" && *id != "G2" { "proved-to-depth" } else { "proved" };
                let verdict = row["verdict"].as_str().unwrap();
                assert!(
                    verdict == proved || (scenario == "ci-job" && verdict == "proved-to-depth"),
                    "{scenario} {kernel} {id}: {verdict}"
                );
            }
        }
    }
}

#[test]
fn the_story_of_the_leak_is_the_race_and_nothing_else() {
    let run = lacuna(&["check", "parallel-spawn", "--kernel", "linux", "--guarantee", "G2", "--format", "json"]);
    let row = run.row("guarantees", "G2");
    let trace = row["trace"].as_array().unwrap();
    let of = |action: &str| trace.iter().filter(|event| event["action"] == action).collect::<Vec<_>>();
    // One context opens; before it sets the flag, the other forks; the child keeps what it was not to have.
    let forks = of("fork");
    assert_eq!(forks.len(), 1, "{trace:#?}");
    assert_eq!(trace.last().unwrap()["action"], "exec");
    let listed: Vec<&str> = forks[0]["listed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let leaked = of("open").into_iter().find(|event| !listed.contains(&event["target"].as_str().unwrap())).unwrap();
    assert_ne!(leaked["who"], forks[0]["who"]);
    assert!(row["violation"].as_str().unwrap().contains(leaked["target"].as_str().unwrap()), "{row:#}");
    assert!(of("set-flag").iter().all(|event| event["target"] != leaked["target"]), "it was never flagged");
}

#[test]
fn what_the_scenario_does_not_expect_is_exit_1() {
    let text = lacuna_scenarios::library().iter().find(|entry| entry.name == "fork-bomb").unwrap().source.text.clone();
    let (_keep, path) = file("mine.ron", &text.replace("Fails([G6])", "Holds"));
    assert_eq!(lacuna(&["check", &path, "--kernel", "linux"]).code, Some(1));
    assert_eq!(lacuna(&["check", &path, "--kernel", "ideal"]).code, Some(0));
}

#[test]
fn a_search_that_is_cut_off_proves_nothing() {
    let run = lacuna(&["check", "double-fork", "--kernel", "ideal", "--max-states", "5", "--format", "json"]);
    assert_eq!(run.code, Some(4));
    assert_eq!(run.row("guarantees", "G4")["verdict"], "unknown");
    assert_eq!(run.row("guarantees", "G4")["complete"], false);
}

const TASKS: &str = "name,wcet,period\na,1ms,4ms\nb,1ms,5ms\nc,3ms,9ms\nd,3ms,18ms\n";

#[test]
fn analysis_and_simulation_agree_on_lehoczkys_example() {
    let (_keep, path) = file("tasks.csv", TASKS);
    let analysed = lacuna(&["analyse", &path, "--format", "json"]);
    let simulated = lacuna(&["simulate", &path, "--for", "10s", "--format", "json"]);
    assert_eq!((analysed.code, simulated.code), (Some(0), Some(0)), "{}{}", analysed.err, simulated.err);
    assert_eq!(simulated.json()["horizon_ns"], 10_000_000_000u64);
    for (task, worst_ms) in [("a", 1), ("b", 2), ("c", 7), ("d", 18)] {
        assert_eq!(analysed.row("contexts", task)["wcrt_ns"], worst_ms * 1_000_000, "{task}");
        assert_eq!(analysed.row("contexts", task)["verdict"], "bound", "{task}");
        let row = simulated.row("contexts", task);
        assert_eq!(row["response_ns"]["max"], worst_ms * 1_000_000, "{task}");
        assert_eq!(row["missed"], 0, "{task}");
    }
    assert_eq!(simulated.row("contexts", "a")["jobs"], 2500);
}

#[test]
fn a_missed_deadline_is_exit_1_from_both() {
    let (_keep, path) = file("over.csv", "name,wcet,period\na,3ms,4ms\nb,2ms,5ms\n");
    let analysed = lacuna(&["analyse", &path, "--format", "json"]);
    assert_eq!((analysed.code, analysed.row("contexts", "b")["verdict"].as_str()), (Some(1), Some("unschedulable")));
    let simulated = lacuna(&["simulate", &path, "--format", "json"]);
    assert_eq!(simulated.code, Some(1));
    assert!(simulated.row("contexts", "b")["missed"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_too_short_for_a_job_does_not_say_held() {
    let (_directory, path) = file("tasks.csv", "name,wcet,period\na,1ms,4ms\nb,3ms,9ms\n");
    let short = ["simulate", &path, "--for", "2ms"];
    let text = lacuna(&short);
    let row = |task: &str| text.out.lines().find(|line| line.starts_with(task)).unwrap().to_owned();
    assert!(row("a ").ends_with("held"), "{}", text.out);
    assert!(row("b ").ends_with("no job ended"), "{}", text.out);
    let json = lacuna(&[&short[..], &["--format", "json"]].concat());
    assert_eq!((json.row("contexts", "a")["verdict"].as_str(), json.code), (Some("held"), Some(0)));
    assert_eq!(json.row("contexts", "b")["verdict"], "vacuous");
}

#[test]
fn a_trace_and_a_chart_are_written() {
    let (keep, path) = file("tasks.csv", TASKS);
    let (trace, chart) = (keep.path().join("t.json"), keep.path().join("g.svg"));
    let run = lacuna(&[
        "simulate",
        &path,
        "--for",
        "36ms",
        "--trace",
        trace.to_str().unwrap(),
        "--gantt",
        chart.to_str().unwrap(),
    ]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(trace).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().iter().any(|event| event["ph"] == "X"));
    assert!(std::fs::read_to_string(chart).unwrap().starts_with("<svg"));

    let responses = keep.path().join("r.svg");
    let run = lacuna(&["simulate", &path, "--responses", responses.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let picture = std::fs::read_to_string(responses).unwrap();
    for words in ["a, 2500 jobs, at most 1ms", "d, 555 jobs, at most 18ms"] {
        assert!(picture.contains(words), "{words}");
    }
}

#[test]
fn wrong_input_is_exit_2_with_its_place_and_a_hint() {
    let (_keep, path) = file("wrong.ron", "Scenario(\n    name: \"x\",\n    about: \"y\",\n    domans: [\"a\"],\n)\n");
    let run = lacuna(&["validate", &path]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("wrong.ron:4:5") && run.err.contains("domains"), "{}", run.err);
    assert!(run.out.is_empty());

    for (arguments, says) in [
        (&["check", "parallel-spwn"][..], "did you mean `parallel-spawn`"),
        (&["check", "parallel-spawn", "--kernel", "lunix"], "`linux`"),
        (&["check", "parallel-spawn", "--guarantee", "G99"], "G99"),
        (&["check", "no/such/file.ron"], "no/such/file.ron"),
        (&["analyse", "parallel-spawn"], "no tasks"),
        (&["simulate", "ci-job", "--for", "0s"], "no time"),
        (&["frobnicate"], "unrecognized"),
    ] {
        let run = lacuna(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn every_scenario_of_the_library_is_listed_valid_and_as_it_expects() {
    let listed = lacuna(&["scenarios", "--format", "json"]).json();
    let names: Vec<&str> =
        listed["scenarios"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    for name in ["ci-job", "parallel-spawn", "double-fork", "fork-bomb"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for name in names {
        assert_eq!(lacuna(&["validate", name]).code, Some(0), "{name}");
        let run = lacuna(&["check", name, "--all-profiles", "--format", "json"]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.out);
        let checked = run.json().as_array().unwrap().len();
        assert_eq!(checked, lacuna_model::profile::Profile::NAMED.len(), "{name}");
    }
}

/// Whoever adds a profile says what is expected of it; without, everything would be expected to hold.
#[test]
fn every_scenario_of_the_library_speaks_of_every_profile() {
    let named: Vec<_> = lacuna_model::profile::Profile::NAMED.iter().map(|named| named.name).collect();
    for entry in lacuna_scenarios::library() {
        let system = entry.system().unwrap();
        let mut expected: Vec<_> = system.expect.iter().map(|(name, _)| name.as_str()).collect();
        expected.sort_by_key(|name| named.iter().position(|known| known == name));
        assert_eq!(expected, named, "{}", entry.name);
    }
}

#[test]
fn all_profiles_are_one_table() {
    let run = lacuna(&["check", "double-fork", "--all-profiles"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let row = |of: &str| run.out.lines().find(|line| line.starts_with(of)).map(str::to_owned).unwrap();
    let cells = |of: &str| {
        row(of)
            .split("  ")
            .filter(|cell| !cell.trim().is_empty())
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let names = cells(" ");
    let killed = cells("G4");
    assert_eq!(killed.len(), names.len() + 2, "{}", run.out);
    for (name, cell) in names.iter().zip(&killed[2..]) {
        let escapes =
            !["ideal", "sel4-mcs", "linux-hardened", "windows-job", "freebsd-capsicum"].contains(&name.as_str());
        assert_eq!(cell, if escapes { "REFUTED" } else { "proved" }, "{name}");
    }
}

#[test]
fn json_keys_stay() {
    let run = lacuna(&["check", "fork-bomb", "--kernel", "linux", "--kernel", "ideal", "--format", "json"]).json();
    for document in run.as_array().unwrap() {
        assert_eq!(document["version"], 1);
        for key in ["scenario", "kernel", "guarantees"] {
            assert!(!document[key].is_null(), "{key}");
        }
    }
    // Nobody attacks there.
    assert_eq!(run[0]["adversary_depth"], serde_json::Value::Null);
    let scenarios = lacuna(&["scenarios", "--format", "json"]).json();
    assert_eq!(scenarios["version"], 1);
}

/// The verdicts and counts of a report, without what differs from run to run.
fn counted(run: &support::Run) -> serde_json::Value {
    let mut json = run.json();
    for noise in ["memory_bytes", "elapsed_ns"] {
        json.as_object_mut().unwrap().remove(noise);
    }
    json
}

#[test]
fn threads_workers_processes_and_checkpoints_find_the_same() {
    let common = ["check", "ci-job", "--kernel", "linux", "--format", "json"];
    let with = |more: &[&str]| lacuna(&[&common[..], more].concat());
    let expected = with(&["--threads", "1"]);
    assert_eq!(expected.code, Some(0));
    let expected = counted(&expected);
    assert!(expected["guarantees"][0]["states"].as_u64().unwrap() > 70_000);
    for more in [["--threads", "2"], ["--workers", "1"], ["--workers", "2"]] {
        assert_eq!(counted(&with(&more)), expected, "{more:?}");
    }

    // Cut off by the number of states, and gone on with from the checkpoint.
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("checkpoint");
    let keep = ["--every", "0", "--checkpoint", place.to_str().unwrap()];
    let cut = with(&[&keep[..], &["--max-states", "20000"]].concat());
    let row = cut.row("guarantees", "G6");
    assert_eq!((&row["complete"], row["states"].as_u64().unwrap() < 30_000), (&false.into(), true), "{}", cut.err);
    assert_eq!(counted(&with(&[&keep[..], &["--resume"]].concat())), expected);
    // A checkpoint is kept, not written over; and it is that of one question.
    assert_eq!(with(&keep).code, Some(2));
    let other = lacuna(&[&["check", "ci-job", "--kernel", "ideal", "--resume"][..], &keep].concat());
    assert_eq!((other.code, other.err.contains("error: ")), (Some(2), true), "{}", other.err);

    // Two processes, over loopback.
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_kept, hosts) = file("hosts", &format!("{}\n{}\n", free(), free()));
    let second = [&common[..], &["--cluster", &hosts, "--process", "1"]].concat();
    let second = std::process::Command::new(support::program()).args(second).spawn().unwrap();
    let first = with(&["--cluster", &hosts, "--process", "0"]);
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(counted(&first), expected);
}

#[test]
fn memory_is_a_limit_and_what_was_covered_is_said() {
    let run = lacuna(&["check", "ci-job", "--kernel", "linux-hardened", "--max-memory", "1MiB", "--format", "json"]);
    assert_eq!(run.code, Some(4));
    let row = run.row("guarantees", "G7");
    assert_eq!(row["verdict"], "unknown");
    let limit = row["limit"].as_str().unwrap();
    assert!(limit.contains("1MiB of memory") && limit.contains("states were found"), "{limit}");
    assert!(run.json()["memory_bytes"].as_u64().unwrap() <= 1 << 20);
}

#[test]
fn options_that_do_not_go_together_are_wrong_input() {
    let (_kept, plain) = file("plain", "no directory");
    let below = format!("{plain}/checkpoint");
    let (_kept, hosts) = file("hosts", "127.0.0.1:7000\n127.0.0.1:7001\n");
    let wrong: [&[&str]; 11] = [
        &["--checkpoint", &plain, "--kernel", "linux"],
        &["--checkpoint", &below, "--kernel", "linux"],
        &["--cluster", &hosts, "--process", "0", "--kernel", "linux", "--listen", "nonsense"],
        &["--threads", "0"],
        &["--threads", "2", "--workers", "2"],
        &["--resume"],
        &["--checkpoint", "/nonexistent/x/y", "--resume", "--kernel", "ideal"],
        &["--checkpoint", "/tmp/never-made"],
        &["--cluster", "/nonexistent"],
        &["--cluster", "/nonexistent", "--process", "0", "--kernel", "ideal"],
        &["--ends", "--workers", "2"],
    ];
    for more in wrong {
        let run = lacuna(&[&["check", "double-fork"][..], more].concat());
        assert_eq!(run.code, Some(2), "{more:?}: {}", run.err);
        assert!(run.err.contains("error: "), "{more:?}: {}", run.err);
    }
}

#[test]
fn deadlocks_and_runs_without_end_are_found_and_told() {
    let text = |wait: &str| {
        let text = format!(
            r#"Scenario(name: "x", about: "y", domains: ["d"], buffers: {{ "b": (capacity: 1, overflow: Block, send: ["d"], receive: ["d"]) }},
            processes: {{ "p": (domain: "d", contexts: {{
                "one": (program: [{wait}]), "two": (program: [Compute("1ms")]) }}) }})"#
        );
        file("x.ron", &text)
    };
    // It waits for a message that nobody sends.
    let (_kept, path) = text(r#"Receive("b")"#);
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--format", "json"]);
    assert_eq!((run.code, &run.json()["deadlocks"]), (Some(0), &1.into()), "{}", run.err);
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--deadlock", "--ends"]);
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("the first after 2 steps") && run.out.contains("nobody can go on"), "{}", run.out);
    // It computes for ever: no deadlock, and no end.
    let (_kept, path) = text(r#"Forever([Compute("1ms")])"#);
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--deadlock", "--ends", "--format", "json"]);
    let json = run.json();
    assert_eq!((run.code, &json["deadlocks"], &json["ends"]["verdict"]), (Some(1), &0.into(), &"refuted".into()));
    assert_eq!(json["ends"]["cycle"].as_array().unwrap().len(), 1);
    // A task that waits for ever in its second job came to rest once, and does not any more.
    let task = r#"Scenario(name: "x", about: "y", domains: ["d"],
        buffers: { "b": (capacity: 1, overflow: Block, send: ["d"], receive: ["d"]) },
        processes: { "p": (domain: "d", contexts: {
            "one": (task: (period: "10ms"), program: [Compute("1ms"), Send("b")]) }) })"#;
    let (_kept, path) = file("x.ron", task);
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--ends", "--format", "json"]);
    let json = run.json();
    assert_eq!((run.code, &json["deadlocks"], &json["ends"]["verdict"]), (Some(1), &1.into(), &"refuted".into()));
    // What was not explored is not without deadlocks.
    // Here G4 is refuted before the search ends early, so the deadlock alone is what is not known.
    let early = ["check", "double-fork", "--kernel", "linux", "--guarantee", "G4", "--max-states", "40"];
    assert_eq!(lacuna(&early).code, Some(0));
    assert_eq!(lacuna(&[&early[..], &["--deadlock"]].concat()).code, Some(4));
    // And what the adversary's bound ended did not end by itself.
    let run = lacuna(&["check", "ci-job", "--kernel", "ideal", "--ends", "--format", "json"]);
    assert_eq!((&run.json()["ends"]["verdict"], &run.json()["end"]), (&"proved-to-depth".into(), &"complete".into()));
    // And this ends.
    let (_kept, path) = text(r#"Send("b"), Receive("b")"#);
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--deadlock", "--ends"]);
    assert_eq!(run.code, Some(0), "{}", run.out);
}

#[test]
fn what_may_miss_states_refutes_and_proves_nothing() {
    for more in [&["--hash-compact"][..], &["--bitstate", "1MiB"]] {
        let check =
            |kernel| lacuna(&[&["check", "double-fork", "--format", "json", "--kernel", kernel][..], more].concat());
        let run = check("ideal");
        assert_eq!(run.code, Some(4), "{more:?}: {}", run.err);
        let row = run.row("guarantees", "G4");
        assert_eq!((&row["verdict"], &row["complete"], &row["states"]), (&"unknown".into(), &false.into(), &36.into()));
        assert!(row["limit"].as_str().unwrap().contains("are expected to have been taken for others"));
        assert!(run.json()["omitted_states_expected"].as_f64().unwrap() < 0.001);
        let row = check("linux").row("guarantees", "G4");
        assert_eq!((&row["verdict"], row["trace"].as_array().unwrap().len()), (&"refuted".into(), 7));
        // Cut off, it does not know which states it has not missed.
        let cut = lacuna(
            &[&["check", "double-fork", "--format", "json", "--kernel", "ideal", "--max-states", "20"][..], more]
                .concat(),
        );
        let limit = cut.row("guarantees", "G4")["limit"].as_str().unwrap().to_owned();
        assert!(limit.contains("more than 20 states") && limit.contains("to have been taken for others"), "{limit}");
        assert!(!limit.contains("every one"), "{limit}");
    }
}

#[test]
fn the_adversary_takes_as_many_steps_as_the_command_line_says() {
    let check =
        |more: &[&str]| lacuna(&[&["check", "ci-job", "--kernel", "ideal", "--format", "json"][..], more].concat());
    let states = |run: &support::Run| run.row("guarantees", "G7")["states"].as_u64().unwrap();
    let (declared, three) = (check(&[]), check(&["--adversary-depth", "3"]));
    assert_eq!(counted(&declared), counted(&three), "as the scenario says");
    let four = check(&["--adversary-depth", "4"]);
    assert_eq!((four.code, &four.row("guarantees", "G7")["depth"]), (Some(0), &4.into()), "{}", four.err);
    assert_eq!((&four.json()["adversary_depth"], &three.json()["adversary_depth"]), (&4.into(), &3.into()));
    assert!(states(&four) > 2 * states(&three), "{} {}", states(&four), states(&three));
    let text = lacuna(&["check", "ci-job", "--kernel", "ideal", "--adversary-depth", "1"]);
    assert!(text.out.contains("the adversary takes at most 1 steps, as asked"), "{}", text.out);
    // What it cannot do within its steps is no proof that it never can.
    assert!(text.out.contains("with at most 1 steps of the adversary"), "{}", text.out);
    for (scenario, depth, why) in [
        ("double-fork", "5", "no adversary"),
        ("ci-job", "0", "1..=255"),
        ("ci-job", "300", "300"),
        ("ci-job", "x", "x"),
    ] {
        let run = lacuna(&["check", scenario, "--adversary-depth", depth]);
        assert_eq!(run.code, Some(2), "{scenario} {depth}");
        assert!(run.err.contains("error: ") && run.err.contains(why), "{}", run.err);
    }
}

#[test]
fn whether_every_run_ends_depends_on_how_fair_runs_are() {
    let verdicts = |scenario: &str| {
        ["none", "weak", "strong"].map(|fairness| {
            let run =
                lacuna(&["check", scenario, "--kernel", "ideal", "--format", "json", "--ends", "--fairness", fairness]);
            let ends = &run.json()["ends"];
            assert_eq!(ends["fairness"], fairness);
            let verdict = ends["verdict"].as_str().unwrap().to_owned();
            assert_eq!(run.code, Some(i32::from(verdict == "refuted")), "{}", run.err);
            verdict
        })
    };
    // The heartbeat alone for ever, and nobody else.
    assert_eq!(verdicts("ci-job"), ["refuted", "proved-to-depth", "proved-to-depth"]);
    // The task takes back what it sends, each time before the other context does: weakly fair, for between two jobs there is
    // nothing to receive.
    let text = r#"Scenario(name: "x", about: "y", domains: ["d"],
        buffers: { "b": (capacity: 1, overflow: Block, send: ["d"], receive: ["d"]) },
        processes: { "p": (domain: "d", contexts: {
            "task": (task: (period: "10ms"), program: [Send("b"), Receive("b")]),
            "other": (program: [Receive("b"), Send("b")]) }) })"#;
    let (_kept, path) = file("x.ron", text);
    assert_eq!(verdicts(&path), ["refuted", "refuted", "proved"]);
    for (fairness, says) in [
        ("none", "this run (no fairness) never"),
        ("weak", "this weakly fair run never"),
        ("strong", "every strongly fair run comes"),
    ] {
        let run = lacuna(&["check", &path, "--kernel", "ideal", "--ends", "--fairness", fairness]);
        assert!(run.out.contains(says), "{fairness}: {}", run.out);
    }
    // Without a word, weakly; and it says nothing where nobody asks whether runs end.
    let run = lacuna(&["check", &path, "--kernel", "ideal", "--ends", "--format", "json"]);
    assert_eq!(run.json()["ends"]["fairness"], "weak");
    assert_eq!(lacuna(&["check", &path, "--fairness", "strong"]).code, Some(2));
}

#[test]
fn a_limit_on_states_that_are_not_more_is_no_limit() {
    let check = |states: &str| {
        let run = lacuna(&["check", "double-fork", "--kernel", "ideal", "--format", "json", "--max-states", states]);
        (run.code, run.json()["end"].as_str().unwrap().to_owned())
    };
    let states =
        lacuna(&["check", "double-fork", "--kernel", "ideal", "--format", "json"]).row("guarantees", "G4")["states"]
            .as_u64()
            .unwrap();
    assert_eq!(check(&states.to_string()), (Some(0), "complete".into()));
    assert_eq!(check(&(states - 1).to_string()), (Some(4), "max-states".into()));
}

#[test]
fn a_full_process_table_qualifies_what_is_vacuous() {
    let run = |kernel| lacuna(&["check", "fork-bomb", "--kernel", kernel, "--format", "json"]);
    let full = run("linux");
    assert_eq!(full.json()["process_table_full"], true);
    let row = full.row("guarantees", "G7");
    assert_eq!((&row["verdict"], &row["process_table"]), (&"vacuous".into(), &6.into()), "{row}");
    // Four processes and the supervisor do not fill six entries.
    let row = run("ideal").row("guarantees", "G7");
    assert_eq!((&row["verdict"], &row["process_table"]), (&"vacuous".into(), &serde_json::Value::Null), "{row}");
    // And the adversary's bound does: with one step it does not leave its group by detaching a child.
    let text = r#"Scenario(name: "x", about: "y", domains: ["d"], process_table: 4,
        processes: { "p": (domain: "d", contexts: { "main": (program: [Adversary(depth: 1)]) }) })"#;
    let (_kept, path) = file("x.ron", text);
    let run = lacuna(&["check", &path, "--kernel", "linux", "--format", "json"]);
    let row = run.row("guarantees", "G7");
    assert_eq!((&row["verdict"], &row["depth"]), (&"vacuous".into(), &1.into()), "{row}");
}

#[test]
fn a_state_that_does_not_fit_ends_the_search_as_unknown() {
    let text = r#"Scenario(name: "x", about: "y", domains: ["d"], processes: { "p": (domain: "d", contexts: {
        "eats": (program: [Forever([Allocate("1B"), Allocate("8GiB")])]) }) })"#;
    let (_kept, path) = file("x.ron", text);
    let run = lacuna(&["check", &path, "--kernel", "linux", "--ends", "--format", "json"]);
    assert_eq!((run.code, &run.json()["end"]), (Some(4), &"unrepresentable".into()), "{}", run.err);
    let limit = run.json()["ends"]["limit"].as_str().unwrap().to_owned();
    assert!(limit.contains("does not fit"), "{limit}");
}
