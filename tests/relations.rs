//! Relations, as `lacuna relations` tells them; and what is read off declarations against what the checker finds in states and in time.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/plain.rs"]
mod plain;
mod support;
#[path = "../sim/tests/support/mod.rs"]
mod systems;

use std::cell::Cell;

use lacuna_check::{End, Limits, check, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{ContextSlot, Objects, State, Wait, WaitPoint};
use lacuna_model::profile::{Attachment, Profile, Waiting};
use lacuna_model::relations::chains::chains;
use lacuna_model::relations::circles::{Circles, circles};
use lacuna_model::system::{Buffer, BufferId, DomainId, Instruction, Lock, LockId, Overflow, Process, System, Task};
use lacuna_model::units::Nanos;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use support::{file, lacuna};

const MS: u64 = 1_000_000;

/// What the program says of a scenario of these fields.
fn relations(fields: &str) -> Value {
    let text = format!("Scenario(name: \"x\", about: \"y\", domains: [\"d\"], {fields})");
    let (_directory, path) = file("x.ron", &text);
    let run = lacuna(&["relations", &path, "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    run.json()
}

fn process(name: &str, program: &str) -> String {
    format!("\"{name}\": (domain: \"d\", contexts: {{ \"main\": (program: [{program}]) }}),")
}

fn programs(all: &[(&str, &str)]) -> String {
    let all: String = all.iter().map(|(name, program)| process(name, program)).collect();
    format!("processes: {{ {all} }},")
}

fn buffer(name: &str) -> String {
    format!("\"{name}\": (capacity: 1, overflow: Block, send: [\"d\"], receive: [\"d\"]),")
}

fn list<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    value[key].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn a_circle_is_told_as_a_sentence_and_so_is_what_breaks_it() {
    let locks = "locks: { \"l\": (), \"m\": (), \"gate\": () },";
    let (one, other) =
        (r#"Lock("l"), Lock("m"), Unlock("m"), Unlock("l")"#, r#"Lock("m"), Lock("l"), Unlock("l"), Unlock("m")"#);
    let told = relations(&format!("{locks}{}", programs(&[("p", one), ("q", other)])));
    assert_eq!(told["circles"].as_array().unwrap().len(), 1);
    assert_eq!(
        told["circles"][0]["says"],
        "p/main may wait for the lock `m`, that q/main may hold; q/main may wait for the lock `l`, that p/main may hold"
    );
    assert_eq!((&told["circles"][0]["broken"], &told["no_circle_closes"]), (&Value::Null, &Value::Bool(false)));
    // In one order nobody can; and behind a gate not all at once.
    let told = relations(&format!("{locks}{}", programs(&[("p", one), ("q", one)])));
    assert_eq!((told["circles"].as_array().unwrap().len(), &told["no_circle_closes"]), (0, &Value::Bool(true)));
    let gated = |program: &str| format!("Lock(\"gate\"), {program}, Unlock(\"gate\")");
    let told = relations(&format!("{locks}{}", programs(&[("p", &gated(one)), ("q", &gated(other))])));
    assert_eq!(told["circles"][0]["broken"], "never all at once: two of them would hold the lock `gate`");
    assert_eq!(told["no_circle_closes"], true);
    // A lock that is taken twice.
    let told = relations(&format!("{locks}{}", programs(&[("p", r#"Lock("l"), Lock("l")"#)])));
    assert_eq!(told["circles"][0]["says"], "p/main may wait for the lock `l`, that it would have to give itself");
}

#[test]
fn a_request_that_is_on_its_way_keeps_both_from_waiting() {
    let buffers = format!("buffers: {{ {}{} }},", buffer("ask"), buffer("answer"));
    let server = ("server", r#"Forever([Receive("ask"), Compute("1ms"), Send("answer")])"#);
    let client = ("client", r#"Forever([Send("ask"), Receive("answer")])"#);
    let told = relations(&format!("{buffers}{}", programs(&[server, client])));
    let found = told["circles"].as_array().unwrap();
    let both = found.iter().find(|circle| {
        let says = circle["says"].as_str().unwrap();
        says.contains("a message in `ask`") && says.contains("a message in `answer`")
    });
    assert_eq!(
        both.unwrap()["broken"],
        "never all at once: whenever client/main waits there, it has given a message in `ask`"
    );
    assert_eq!(told["no_circle_closes"], true, "{found:#?}");
    // Who waits before it asks waits for ever.
    let late = ("client", r#"Forever([Receive("answer"), Send("ask")])"#);
    let told = relations(&format!("{buffers}{}", programs(&[server, late])));
    assert_eq!(told["no_circle_closes"], false);
    let open = told["circles"].as_array().unwrap().iter().filter(|circle| circle["broken"].is_null());
    let says: Vec<&str> = open.map(|circle| circle["says"].as_str().unwrap()).collect();
    assert!(says[0].contains("a message in `ask`") && says[0].contains("a message in `answer`"), "{says:?}");
    // And where somebody else may take the answer, or the request, nothing is claimed.
    let thief = ("thief", r#"Receive("answer")"#);
    let told = relations(&format!("{buffers}{}", programs(&[server, client, thief])));
    assert_eq!(told["no_circle_closes"], false);
}

/// The circles of which it is not known that they never close.
fn open(told: &Value) -> Vec<&str> {
    let all = told["circles"].as_array().unwrap().iter().filter(|circle| circle["broken"].is_null());
    all.map(|circle| circle["says"].as_str().unwrap()).collect()
}

#[test]
fn a_circle_is_broken_only_by_what_is_sure() {
    let locks = "locks: { \"l\": (), \"m\": (), \"gate\": () },";
    let maybe =
        |first: &str, second: &str| format!("Choose([[Lock(\"gate\")], []]), Lock(\"{first}\"), Lock(\"{second}\")");
    let told = relations(&format!("{locks}{}", programs(&[("p", &maybe("l", "m")), ("q", &maybe("m", "l"))])));
    assert!(open(&told).iter().any(|says| says.contains("the lock `l`") && says.contains("the lock `m`")), "{told:#}");
    // A poll may have found nothing: both buffers are full, and each waits for room in one.
    let buffers = format!("buffers: {{ {}{} }},", buffer("in"), buffer("out"));
    let polls = ("client", r#"Forever([Poll("out"), Send("in")])"#);
    let server = ("server", r#"Send("out"), Forever([Send("out"), Receive("in")])"#);
    let told = relations(&format!("{buffers}{}", programs(&[polls, server])));
    assert!(open(&told).iter().any(|says| says.contains("room in `in`") && says.contains("room in `out`")), "{told:#}");
    // Of two requests one is lost, and so there is one answer.
    let buffers = buffers.replacen("overflow: Block", "overflow: DropOldest", 1);
    let client = ("client", r#"Forever([Send("in"), Send("in"), Receive("out"), Receive("out")])"#);
    let server = ("server", r#"Forever([Receive("in"), Send("out")])"#);
    let told = relations(&format!("{buffers}{}", programs(&[client, server])));
    assert!(
        open(&told).iter().any(|says| says.contains("message in `in`") && says.contains("message in `out`")),
        "{told:#}"
    );
    let kept = buffers.replacen("DropOldest", "Block", 1);
    assert_eq!(relations(&format!("{kept}{}", programs(&[client, server])))["no_circle_closes"], true);
}

#[test]
fn two_instances_of_one_process_may_wait_for_each_other() {
    let locks = "locks: { \"l\": (), \"m\": () }, process_table: 3,";
    let worker = r#"Choose([[Lock("l"), Lock("m"), Unlock("m"), Unlock("l")], [Lock("m"), Lock("l"), Unlock("l"), Unlock("m")]])"#;
    let spawn = r#"Spawn(process: "worker", pass: [])"#;
    let with = |parent: &str| relations(&format!("{locks}{}", programs(&[("parent", parent), ("worker", worker)])));
    assert_eq!(with(spawn)["no_circle_closes"], true);
    let twice = |says: &&str| {
        ["l", "m"].iter().all(|lock| says.contains(&format!("the lock `{lock}`, that worker/main may hold")))
    };
    for parent in [format!("{spawn}, {spawn}"), format!("Loop(times: 2, do: [{spawn}])")] {
        let told = with(&parent);
        assert!(open(&told).iter().any(twice), "{told:#}");
    }
}

#[test]
fn whoever_gives_too_is_not_in_between() {
    let process = |name: &str, program: &str| {
        format!(
            "\"{name}\": (domain: \"d\", contexts: {{ \"main\": (schedule: \"{name}\", task: (period: \"9ms\"), program: [{program}]) }}),"
        )
    };
    let with = |middle: &str| {
        let (low, high) = (r#"Compute("1ms"), Send("b")"#, r#"Receive("b"), Compute("1ms")"#);
        let fields = format!(
            "buffers: {{ {} }}, processes: {{ {}{}{} }}, scheduling_contexts: {{ \"low\": (priority: 1), \"middle\": (priority: 2), \"high\": (priority: 3) }},",
            buffer("b"),
            process("low", low),
            process("middle", middle),
            process("high", high)
        );
        let told = relations(&fields);
        told["inversions"].as_array().unwrap().len()
    };
    assert_eq!((with(r#"Compute("2ms")"#), with(r#"Compute("2ms"), Send("b")"#)), (1, 0));
}

#[test]
fn what_a_change_of_mode_may_break() {
    let task = |program: &str| format!("(task: (period: \"10ms\"), program: [{program}])");
    let process = |name: &str, contexts: &[(&str, String)]| {
        let contexts: String = contexts.iter().map(|(name, what)| format!("\"{name}\": {what},")).collect();
        format!("\"{name}\": (domain: \"d\", contexts: {{ {contexts} }}),")
    };
    let fields = [
        format!("buffers: {{ {}{} }}, locks: {{ \"l\": (), \"m\": () }},", buffer("in"), buffer("out")),
        "modes: { \"a\": (processes: [\"old\"], by: [\"d\"], next: [\"b\"]), \"b\": (processes: [\"new\"], by: [\"d\"], next: [\"a\", \"b\"]) },"
            .into(),
        "processes: {".into(),
        process("old", &[
            ("reader", task(r#"Receive("in"), Compute("1ms")"#)),
            ("writer", task(r#"Compute("1ms"), Send("out")"#)),
            ("keeper", task(r#"Lock("l"), Compute("1ms")"#)),
            ("waiter", task(r#"Lock("m"), Receive("out"), Unlock("m")"#)),
        ]),
        process("new", &[("main", task(r#"Compute("1ms")"#))]),
        process("always", &[
            ("source", task(r#"Compute("1ms"), Send("in")"#)),
            ("sink", "(program: [Forever([Receive(\"out\")])])".into()),
        ]),
        "},".into(),
    ];
    let told = relations(&fields.concat());
    let changes = told["changes"].as_array().unwrap();
    let names: Vec<_> =
        changes.iter().map(|one| (one["from"].as_str().unwrap(), one["to"].as_str().unwrap())).collect();
    assert_eq!(names, [("a", "b"), ("b", "a")]);
    assert_eq!(list(&changes[0], "gone"), ["old/reader", "old/writer", "old/keeper", "old/waiter"]);
    assert_eq!(list(&changes[0], "come"), ["new/main"]);
    assert_eq!(
        list(&changes[0], "breaks"),
        [
            "nobody takes messages from `in` any more, and always/source waits for room as long as that mode lasts",
            "nobody sends to `out` any more, and always/sink waits as long as that mode lasts",
            "old/keeper may leave with the lock `l`",
            "old/waiter may leave with the lock `m`, waiting for what old/writer no longer gives",
        ]
    );
    assert_eq!(list(&changes[1], "breaks"), Vec::<&str>::new());
    // Whoever is no task goes on, and takes what is sent.
    let fields = [
        format!("buffers: {{ {} }},", buffer("in")),
        "modes: { \"a\": (processes: [\"old\"], by: [\"d\"], next: [\"b\"]), \"b\": (processes: [\"new\"], by: [\"d\"]) },".into(),
        "processes: {".into(),
        process("old", &[("main", task(r#"Compute("1ms")"#)), ("drain", "(program: [Forever([Receive(\"in\")])])".into())]),
        process("new", &[("main", task(r#"Compute("1ms"), Send("in")"#))]),
        "},".into(),
    ];
    assert_eq!(list(&relations(&fields.concat())["changes"][0], "breaks"), Vec::<&str>::new());
    let told = lacuna(&["relations", "mode-change"]);
    assert!(told.out.contains("cruise to landing: navigation/main gone, radar/main come\n"), "{}", told.out);
}

#[test]
fn the_library_s_relations_and_their_picture() {
    let told = lacuna(&["relations", "priority-inversion", "--format", "json"]).json();
    assert_eq!(told["inversions"][0]["waiter"], "spacecraft/manager");
    assert_eq!(told["inversions"][0]["giver"], "spacecraft/meteorology");
    assert_eq!(list(&told["inversions"][0], "between"), ["spacecraft/communications"]);
    assert_eq!(told["inversions"][0]["seen_by"], "blocking edges");
    assert_eq!((&told["circles"], &told["chains"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    // 1 ms of the source, and 9 ms of the effect that goes on by its frame; the source is due after 8 and is done after 1.
    let told = lacuna(&["relations", "audio-pipeline", "--format", "json"]).json();
    assert_eq!(
        (&told["chains"][0]["total_ns"], &told["chains"][0]["deadline_ns"]),
        (&(10 * MS).into(), &(8 * MS).into())
    );
    assert_eq!(told["chains"][0]["late"], Value::Null);
    let told = lacuna(&["relations", "partitions"]);
    assert!(told.out.contains("static      window at 5ms is the window of payload/image\n"), "{}", told.out);

    let (_directory, path) = file("x.dot", "");
    let run = lacuna(&["relations", "mode-change", "--dot", &path]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let dot = std::fs::read_to_string(&path).unwrap();
    assert!(dot.starts_with("digraph relations {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(
        dot.contains("[shape=octagon, label=\"cruise\"]")
            && dot.contains("[label=\"may be followed by\", style=dashed]"),
        "{dot}"
    );
    let run = lacuna(&["relations", "mode-change", "--dot", "/no/such/directory/x.dot"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(lacuna(&["relations", "nothing"]).code, Some(2));
    assert_eq!(lacuna(&["relations", "minimal", "--kernel", "nothing"]).code, Some(2));
}

/// Of each context that waits in a state, its number and the point at which it does.
fn waiting<'p>(objects: &Objects, points: &'p [WaitPoint], state: &State) -> Vec<((ContextSlot, Wait), &'p WaitPoint)> {
    let at = |context: ContextSlot| {
        let wait = objects.waits_for(state, context)?;
        let slot = usize::from(objects.process_of(context));
        let of = (state.processes[slot].instance_of, objects.index_in_process(context));
        let position = state.contexts[usize::from(context)].position;
        let point = points.iter().find(|point| point.of == of && point.positions.contains(&position));
        Some(((context, wait), point.unwrap_or_else(|| panic!("no point for {of:?} at {position} in {state:?}"))))
    };
    (0..state.contexts.len() as ContextSlot).filter_map(at).collect()
}

/// Is there a circle among those who wait in this state?
fn is_in_a_circle(objects: &Objects, state: &State, waiting: &[((ContextSlot, Wait), &WaitPoint)]) -> bool {
    let mut left: Vec<(ContextSlot, Wait)> = waiting.iter().map(|(one, _)| *one).collect();
    loop {
        let waits = |one: &(ContextSlot, Wait)| left.iter().any(|other| objects.waits_on(state, *one, other.0));
        let still: Vec<_> = left.iter().copied().filter(waits).collect();
        if still.len() == left.len() {
            return !left.is_empty();
        }
        left = still;
    }
}

/// What of one system: (states in which somebody waits in a circle, is it said that no circle closes, are there circles that are broken).
fn compare(objects: &Objects, most: usize) -> Result<Option<(usize, bool, bool)>, TestCaseError> {
    let (states, _) = plain::explore(objects, most, |_| {});
    if states.len() >= most {
        return Ok(None);
    }
    let points = objects.wait_points();
    let Circles { circles: found, complete } = circles(objects);
    let none_closes = complete && found.iter().all(|circle| circle.broken.is_some());
    let mut closed = 0;
    for state in &states {
        let waiting = waiting(objects, &points, state);
        for (one, point) in &waiting {
            prop_assert_eq!(one.1, point.wait);
            for ((other, _), of_other) in &waiting {
                if objects.waits_on(state, *one, *other) {
                    prop_assert!(objects.may_wait_on(point, of_other), "{:?} on {:?} in {:?}", point, of_other, state);
                }
            }
        }
        if is_in_a_circle(objects, state, &waiting) {
            closed += 1;
            prop_assert!(!none_closes, "said not to close: {:?} in {:?}", found, state);
        }
    }
    let broken = found.iter().any(|circle| circle.broken.is_some());
    Ok(Some((closed, none_closes, broken)))
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let named: Vec<Profile> = Profile::all().collect();
    let attachments = vec![Attachment::None, Attachment::Free, Attachment::Predefined];
    let of = (
        proptest::sample::select(named),
        proptest::sample::select(Waiting::ALL.to_vec()),
        proptest::sample::select(attachments),
    );
    of.prop_map(|(named, waiting, attachment)| Profile { waiting, attachment, ..named })
}

fn runner(cases: u32) -> (TestRunner, u32) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    (TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() }), cases)
}

#[test]
fn whoever_waits_for_another_is_told_before() {
    let (mut runner, cases) = runner(300);
    let counted = Cell::new((0u32, 0u32));
    runner
        .run(&(systems::random::waiting(), any_profile()), |(system, profile)| {
            let Ok(objects) = Objects::new(&system, &profile) else { return Ok(()) };
            if let Some((closed, none_closes, _)) = compare(&objects, 1_500)? {
                let (circles, none) = counted.get();
                counted.set((circles + u32::from(closed > 0), none + u32::from(none_closes)));
            }
            Ok(())
        })
        .unwrap();
    let (circles, none) = counted.get();
    println!("in {circles} systems somebody waits in a circle, and of {none} it is said that nobody can");
    assert!(circles > cases / 40 && none > cases / 8, "{circles} and {none} of {cases}");
}

/// Two or three that send, receive and take locks over and over, as programs do that are meant to work: each begins or not with a send.
fn talking() -> impl Strategy<Value = System> {
    let leaf = prop_oneof![
        3 => (0u8..3).prop_map(|buffer| vec![Instruction::Send(BufferId(buffer))]),
        3 => (0u8..3).prop_map(|buffer| vec![Instruction::Receive(BufferId(buffer))]),
        1 => (0u8..3).prop_map(|buffer| vec![Instruction::Poll(BufferId(buffer))]),
        1 => (0u8..2).prop_map(|lock| vec![Instruction::Lock(LockId(lock)), Instruction::Unlock(LockId(lock))]),
        2 => (0u8..2, 0u8..3).prop_map(|(lock, other)| vec![
            Instruction::Lock(LockId(lock)),
            Instruction::Lock(LockId((lock + 1 + other % 2) % 3)),
            Instruction::Unlock(LockId((lock + 1 + other % 2) % 3)),
            Instruction::Unlock(LockId(lock)),
        ]),
    ];
    let gated = (any::<bool>(), proptest::collection::vec(leaf, 1..3)).prop_map(|(gated, parts)| {
        let mut program: Vec<Instruction> = parts.into_iter().flatten().collect();
        if gated {
            program.insert(0, Instruction::Lock(LockId(3)));
            program.push(Instruction::Unlock(LockId(3)));
        }
        program
    });
    let context = (gated.clone(), gated).prop_map(|(first, body)| {
        let mut program = if body.len() % 2 == 0 { first } else { Vec::new() };
        program.push(Instruction::Loop { times: None, body });
        program
    });
    let capacities = proptest::collection::vec(0u8..3, 3);
    let overflows =
        proptest::collection::vec(prop_oneof![4 => Just(Overflow::Block), 1 => Just(Overflow::DropOldest)], 3);
    (proptest::collection::vec(context, 2..4), capacities, overflows).prop_map(|(programs, capacities, overflows)| {
        let mut system = systems::empty();
        system.process_table = programs.len() as u8;
        let all = || vec![DomainId(0)];
        for (index, (capacity, overflow)) in capacities.into_iter().zip(overflows).enumerate() {
            let overflow = if capacity == 0 { Overflow::Block } else { overflow };
            system.buffers.push(Buffer {
                name: format!("b{index}"),
                capacity,
                overflow,
                send: all(),
                receive: all(),
                ..Buffer::default()
            });
            system.handles.push(format!("b{index}"));
        }
        system.locks = ["l", "m", "n", "gate"].map(|name| Lock { name: name.into(), ceiling: None }).into();
        for (index, program) in programs.into_iter().enumerate() {
            let context = lacuna_model::system::Context { name: "main".into(), schedule: None, program, task: None };
            system.processes.push(Process {
                name: format!("p{index}"),
                domain: DomainId(0),
                group: None,
                contexts: vec![context],
            });
        }
        system
    })
}

#[test]
fn a_circle_that_is_broken_never_closes() {
    let (mut runner, cases) = runner(600);
    let counted = Cell::new((0u32, 0u32));
    runner
        .run(&(talking(), any_profile()), |(system, profile)| {
            let objects = Objects::new(&system, &profile).unwrap();
            if let Some((closed, none_closes, broken)) = compare(&objects, 3_000)? {
                let (circles, none) = counted.get();
                counted.set((circles + u32::from(closed > 0), none + u32::from(none_closes && broken)));
                // Where no circle closes, what the checker refutes is a resource that nobody gives back.
                let found = check(&objects, &[GuaranteeId::G21], &Limits::default()).unwrap().guarantees.remove(0);
                if let ModelVerdict::Refuted { violation, .. } = found.verdict {
                    let resource =
                        ["for room in", "for the lock", "wake-up is lost"].iter().any(|one| violation.contains(one));
                    prop_assert!(resource || !none_closes, "{}", violation);
                }
            }
            Ok(())
        })
        .unwrap();
    let (circles, none) = counted.get();
    println!("in {circles} systems somebody waits in a circle, and in {none} each circle that there is is broken");
    assert!(circles > cases / 8 && none > cases / 40, "{circles} and {none} of {cases}");
}

/// A line of tasks, each of which waits for the one before and passes something on to the next; the least urgent is any of them.
fn line_of(computing: &[u64], priorities: &[u32]) -> System {
    let mut system = systems::task_set(
        &computing
            .iter()
            .zip(priorities)
            .map(|(wcet, priority)| systems::T { priority: *priority, ..systems::task(*wcet, 40) })
            .collect::<Vec<_>>(),
        MS,
    );
    system.tick = Some(Nanos(MS));
    let last = computing.len() - 1;
    for index in 0..last {
        let name = format!("b{index}");
        system.handles.push(name.clone());
        let all = || vec![DomainId(0)];
        system.buffers.push(Buffer { name, capacity: 1, send: all(), receive: all(), ..Buffer::default() });
    }
    for (index, process) in system.processes.iter_mut().enumerate() {
        let context = &mut process.contexts[0];
        if index > 0 {
            context.program.insert(0, Instruction::Receive(BufferId(index as u8 - 1)));
        }
        if index < last {
            context.program.push(Instruction::Send(BufferId(index as u8)));
        }
        context.task =
            Some(Task { period: Nanos(40 * MS), deadline: Nanos(40 * MS), offset: Nanos(0), jitter: Nanos(0) });
    }
    system
}

#[test]
fn a_chain_is_as_long_as_the_checker_s_worst_response() {
    for (computing, priorities) in [(vec![1, 2, 3], [1, 2, 3]), (vec![3, 1, 2], [3, 2, 1]), (vec![2, 4, 1], [1, 3, 2])]
    {
        let system = line_of(&computing, &priorities);
        let objects = Objects::new(&system, &Profile::ideal()).unwrap();
        let found = chains(&objects);
        let critical = &found.chains[0];
        let names: Vec<String> = critical.links.iter().map(|link| objects.declared_name(link.of)).collect();
        assert_eq!(names, ["p0/t0", "p1/t1", "p2/t2"]);
        assert_eq!(critical.total, Some(Nanos(computing.iter().sum::<u64>() * MS)));
        let report = check_timed(&objects, &[GuaranteeId::G18], &Limits::default()).unwrap();
        assert_eq!(report.end, End::Complete);
        assert_eq!(report.worst[2], critical.total, "{computing:?}");
        assert_eq!(critical.late(), None);
        // One tick less of a deadline is one too few.
        let mut late = system.clone();
        late.processes[2].contexts[0].task.as_mut().unwrap().deadline = Nanos((computing.iter().sum::<u64>() - 1) * MS);
        let objects = Objects::new(&late, &Profile::ideal()).unwrap();
        let found = chains(&objects).chains[0].late().unwrap();
        assert_eq!((objects.declared_name(found.of), found.after), ("p2/t2".into(), critical.total.unwrap()));
        let report = check_timed(&objects, &[GuaranteeId::G18], &Limits::default()).unwrap();
        assert!(matches!(report.guarantees[0].verdict, ModelVerdict::Refuted { .. }));
    }
}

#[test]
fn chains_lead_through_replies_creations_and_ends_and_loops_once() {
    let fields = |client: &str| {
        format!(
            "buffers: {{ {}{} }}, processes: {{
                \"server\": (domain: \"d\", contexts: {{ \"main\": (program: [Forever([Receive(\"ask\"), Compute(\"2ms\"), Send(\"answer\"), Compute(\"7ms\")])]) }}),
                \"client\": (domain: \"d\", contexts: {{ \"main\": (task: (period: \"20ms\", deadline: \"3ms\"), program: [{client}]) }}),
                \"child\": (domain: \"d\", contexts: {{ \"main\": (program: [Loop(times: 2, do: [Compute(\"4ms\")])]) }}),
            }}, process_table: 4,",
            buffer("ask"),
            buffer("answer")
        )
    };
    // The server's own work after it has answered keeps nobody, and takes longer than what does.
    let told = relations(&fields(
        r#"Compute("1ms"), Send("ask"), Receive("answer"), Compute("1ms"), Spawn(process: "child", pass: []), Wait(process: "child")"#,
    ));
    let chain = &told["chains"][0];
    let links: Vec<(String, u64)> = chain["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["context"].as_str().unwrap().into(), link["computing_ns"].as_u64().unwrap() / MS))
        .collect();
    let expected = [("client/main", 1), ("server/main", 2), ("client/main", 1), ("child/main", 8), ("client/main", 0)];
    assert_eq!(links, expected.map(|(name, ms)| (name.to_string(), ms)));
    assert_eq!((&chain["total_ns"], &chain["late"]), (&(12 * MS).into(), &"client/main".into()));
    let told = relations(&fields(r#"Send("ask"), Spawn(process: "child", pass: [])"#));
    assert_eq!(told["chains"][0]["total_ns"], 9 * MS, "2 ms, an answer that nobody takes, and 7 ms");
    // Without end, where somebody computes on and waits for nobody.
    let told = relations(
        &fields(r#"Send("ask"), Spawn(process: "child", pass: [])"#).replace("Loop(times: 2, do: [", "Forever(["),
    );
    assert_eq!(told["chains"][0]["total_ns"], Value::Null);
}
