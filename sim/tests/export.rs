//! What is exported says what happened: read back, it agrees with an account of its own, made from the labels.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use lacuna_model::evidence::SimVerdict;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::relation::Label;
use lacuna_model::time::TimeStep;
use lacuna_model::units::Nanos;
use lacuna_sim::export::gantt::{self, MAX_BARS, Window};
use lacuna_sim::export::perfetto;
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, Run, simulate};
use lacuna_sim::timeline::{Job, JobEnd, Timeline};
use proptest::prelude::*;
use serde_json::Value;
use support::{T, rate_monotonic, task};

fn run(objects: &Objects, seed: u64, options: Options) -> Run {
    let policy = FixedPriority::new(&objects.system().scheduling_contexts);
    simulate(objects, policy, &mut Seeded::new(seed), &options).unwrap()
}

fn of_tasks(tasks: &[T], options: Options) -> (Objects, Run) {
    let objects = support::objects(&support::task_set(tasks, 1), &Profile::ideal());
    let run = run(&objects, 1, options);
    (objects, run)
}

/// By name, the time that contexts executed, from the labels alone.
fn executed(objects: &Objects, run: &Run) -> BTreeMap<String, u64> {
    let mut executed = BTreeMap::new();
    run.log.replay(objects, |state, record, _| {
        if let (Label::Time(TimeStep::Elapse(duration)), Some(running)) = (record.label, record.running) {
            *executed.entry(objects.context_name(state, running)).or_default() += duration.0;
        }
    });
    executed
}

/// Microseconds, as the format has them, in nanoseconds.
fn ns(value: &Value) -> u64 {
    (value.as_f64().unwrap() * 1000.0).round() as u64
}

fn perfetto_events(timeline: &Timeline) -> Vec<Value> {
    let mut out = Vec::new();
    perfetto::write(timeline, &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    document["traceEvents"].as_array().unwrap().clone()
}

fn of_kind<'a>(events: &'a [Value], ph: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["ph"] == ph)
}

/// Slices are disjoint on the core, not negative, and together what was executed, track by track.
fn agrees(objects: &Objects, run: &Run) -> Result<(), TestCaseError> {
    let timeline = Timeline::new(objects, &run.log);
    let events = perfetto_events(&timeline);
    let mut names = BTreeMap::new();
    for event in of_kind(&events, "M") {
        let name = event["args"]["name"].as_str().unwrap_or_default().to_owned();
        match event["name"].as_str().unwrap() {
            "process_name" => names.insert((event["pid"].as_u64().unwrap(), None), name),
            "thread_name" => names.insert((event["pid"].as_u64().unwrap(), event["tid"].as_u64()), name),
            _ => None,
        };
    }
    let mut intervals = Vec::new();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for event in of_kind(&events, "X") {
        let (from, duration) = (ns(&event["ts"]), ns(&event["dur"]));
        prop_assert!(duration > 0);
        intervals.push((from, from + duration));
        let pid = event["pid"].as_u64().unwrap();
        let track = format!("{}/{}", names[&(pid, None)], names[&(pid, event["tid"].as_u64())]);
        *sums.entry(track).or_default() += duration;
    }
    intervals.sort_unstable();
    prop_assert!(intervals.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two at once on one core");
    prop_assert!(intervals.last().is_none_or(|(_, to)| *to <= timeline.until.0));
    prop_assert_eq!(sums, executed(objects, run));
    // A counter never leaves its budget.
    for event in of_kind(&events, "C") {
        let name = event["name"].as_str().unwrap().strip_prefix("budget of ").unwrap();
        let budget = timeline.budgets.iter().find(|budget| budget.name == name).unwrap();
        prop_assert!(event["args"]["left_ns"].as_u64().unwrap() <= budget.amount.0);
    }
    // Its course is one of time, and ends where the timeline does.
    for budget in &timeline.budgets {
        prop_assert!(budget.points.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{:?}", budget);
        prop_assert_eq!(budget.points.last().map(|(at, _)| *at), Some(timeline.until));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn slices_are_what_was_executed(objects in support::random::objects(), seed: u64, kept in prop_oneof![Just(1 << 20), 0usize..200]) {
        let run = run(&objects, seed, Options::new(Nanos(60)).keep(kept));
        agrees(&objects, &run)?;
    }

    /// The course of a run, counted job by job, is what was counted while it ran.
    #[test]
    fn the_summary_is_the_timeline_counted(objects in support::random::objects(), seed: u64) {
        let run = run(&objects, seed, Options::new(Nanos(60)));
        let timeline = Timeline::new(&objects, &run.log);
        let mut summaries = run.summary.contexts.iter();
        for process in &objects.system().processes {
            for context in process.contexts.iter().filter(|context| context.task.is_some()) {
                let summary = summaries.next().unwrap();
                let is_instance = |name: &str| name.split('#').next() == Some(&process.name);
                let rows = timeline.rows.iter().filter(|row| is_instance(&row.process) && row.context == context.name);
                let jobs: Vec<Job> = rows.flat_map(|row| row.jobs.clone()).collect();
                let missed = jobs.iter().filter(|job| job.missed(timeline.until)).count();
                let responses = jobs.iter().filter_map(|job| match job.end {
                    JobEnd::Done(at) => Some(at.0 - job.arrival.0),
                    _ => None,
                });
                let mut responses: Vec<u64> = responses.collect();
                responses.sort_unstable();
                prop_assert_eq!(summary.jobs, jobs.len() as u64);
                prop_assert_eq!(summary.missed, missed as u64);
                prop_assert_eq!(summary.finished, responses.len() as u64);
                prop_assert_eq!(summary.response_ns.map(|quantiles| quantiles.max), responses.last().copied());
                let median = responses.get(responses.len().saturating_sub(1) / 2).copied();
                prop_assert_eq!(summary.response_ns.map(|quantiles| quantiles.p50), median);
                let kept = (missed == 0, responses.is_empty());
                prop_assert_eq!(summary.verdict == SimVerdict::Held, kept == (true, false));
                prop_assert_eq!(summary.verdict == SimVerdict::Vacuous, kept == (true, true));
            }
        }
    }

    /// Whatever the system and the window, a picture is well-formed and bounded.
    #[test]
    fn a_picture_is_well_formed(objects in support::random::objects(), seed: u64, window in proptest::option::of((0u64..90, 0u64..90))) {
        let run = run(&objects, seed, Options::new(Nanos(60)));
        let window = window.map(|(from, to)| Window { from: Nanos(from), to: Nanos(to) });
        well_formed(&gantt::draw(&Timeline::new(&objects, &run.log), "<&\"'\u{1}>", window));
    }
}

/// Tags are closed in order, attributes are numbers or names, nothing runs a script.
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>') || open.last() == Some(&"style"), "a bare > in {text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(!svg.contains("script") && !svg.contains("NaN") && !svg.contains("inf"));
    assert!(!svg.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn instants_are_the_jobs() {
    // The second of two misses at 7, 14, …: three units of its own after four of the other's in each seven.
    let tasks = [T { priority: 2, ..task(4, 7) }, T { priority: 1, deadline: 6, ..task(3, 7) }];
    let (objects, run) = of_tasks(&tasks, Options::new(Nanos(70)));
    let events = perfetto_events(&Timeline::new(&objects, &run.log));
    let count = |name: &str| of_kind(&events, "i").filter(|event| event["name"] == name).count();
    assert_eq!((count("arrival"), count("end")), (20, 20));
    assert_eq!((count("deadline"), count("deadline missed")), (10, 10));
    let first = of_kind(&events, "i").find(|event| event["name"] == "deadline missed").unwrap();
    assert_eq!((ns(&first["ts"]), first["args"]["job"].as_u64()), (6, Some(0)));
    let names: Vec<_> = of_kind(&events, "X").map(|event| event["name"].as_str().unwrap().to_owned()).collect();
    let jobs: Vec<_> = (0..10).map(|job| format!("job {job}")).collect();
    assert_eq!(names, [jobs.clone(), jobs].concat(), "a slice for each job");
    let responses: Vec<_> = of_kind(&events, "i").filter_map(|event| event["args"]["response_ns"].as_u64()).collect();
    assert_eq!(responses, [[4; 10], [7; 10]].concat());
}

#[test]
fn a_long_run_is_cut_and_says_so() {
    let (objects, run) = of_tasks(&rate_monotonic(&[(1, 4), (1, 5)]), Options::new(Nanos(100_000)));
    let timeline = Timeline::new(&objects, &run.log);
    let chosen = gantt::draw(&timeline, "long", None);
    assert!(chosen.contains("cut to the first") && chosen.len() < 60_000, "{}", chosen.len());
    let all = gantt::draw(&timeline, "long", Some(Window { from: Nanos(0), to: Nanos(100_000) }));
    assert!(all.contains("cut to the first"));
    assert!(all.matches("class=\"run\"").count() <= MAX_BARS + 1, "the legend has one more");

    let (objects, run) = of_tasks(&rate_monotonic(&[(1, 4)]), Options::new(Nanos(1000)).keep(50));
    let timeline = Timeline::new(&objects, &run.log);
    assert_eq!(timeline.until, run.log.covers());
    assert!(gantt::draw(&timeline, "log", None).contains("steps more are not kept"));
}

#[test]
fn a_window_shows_the_first_miss() {
    // One job in the middle of a long run is too long: its second competitor comes at 5000.
    let late = T { offset: 5000, priority: 3, ..task(30, 100_000) };
    let tasks = [T { priority: 2, ..task(2, 10) }, T { priority: 1, deadline: 20, ..task(3, 20) }, late];
    let (objects, run) = of_tasks(&tasks, Options::new(Nanos(20_000)));
    assert_eq!(run.summary.contexts[1].missed, 2);
    let picture = gantt::draw(&Timeline::new(&objects, &run.log), "late", None);
    assert!(picture.contains("class=\"miss\""), "no miss is drawn");
    assert!(picture.contains("cut to the time from"));
}

#[test]
fn a_trace_is_a_story() {
    let (objects, run) = of_tasks(&[task(1, 4)], Options::new(Nanos(4)));
    let texts: Vec<_> = run.log.trace(&objects).events.into_iter().map(|event| event.text).collect();
    let expected = [
        "p0/t0 has a job arrive, to be released after 0ns",
        "p0/t0 has a job released",
        "p0/t0 starts a job",
        "p0/t0 gets the core",
        "p0/t0 begins a step that takes 1ns",
        "1ns pass",
        "p0/t0 computes",
        "p0/t0 ends a job",
        "3ns pass",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn the_json_has_the_promised_shape() {
    let (_, run) = of_tasks(&rate_monotonic(&[(1, 4), (1, 5)]), Options::new(Nanos(20)));
    let json = serde_json::to_value(&run.summary).unwrap();
    assert_eq!(json["horizon_ns"], 20);
    let first = &json["contexts"][0];
    assert_eq!((&first["name"], &first["jobs"], &first["missed"]), (&"t0".into(), &5.into(), &0.into()));
    assert_eq!(first["response_ns"], serde_json::json!({ "min": 1, "p50": 1, "p99": 1, "max": 1 }));
    assert_eq!(first["verdict"], "held");
}
