//! What a text means: names become ids, defaults are filled in, task sets are written out.

use lacuna_model::system::{
    Attachment, Budget, Buffer, BufferId, By, Context, DomainId, Effect, GroupId, HandleId, Instruction, ObjectClass,
    ObjectId, Overflow, Pool, ProcessId, Right, SchedulingContextId, Server, System, Task, When,
};
use lacuna_model::units::{Bytes, Nanos};
use lacuna_scenarios::{Source, library, parse};

const MS: u64 = 1_000_000;

fn library_system(name: &str) -> System {
    let entry = library().iter().find(|entry| entry.name == name);
    entry.expect("it is in the library").system().expect("it is valid")
}

/// (bcet, wcet) and release of every task, with its priority, by name.
fn tasks(system: &System) -> Vec<(String, (u64, u64), Task, u32)> {
    let contexts = &system.processes[0].contexts;
    contexts
        .iter()
        .map(|Context { name, schedule, program, task }| {
            let [Instruction::Compute { bcet, wcet }] = program[..] else { panic!("{program:?}") };
            let priority = system.scheduling_contexts[schedule.expect("each has one").index()].priority;
            (name.clone(), (bcet.0, wcet.0), task.expect("each is one"), priority)
        })
        .collect()
}

#[test]
fn the_ci_job() {
    let system = library_system("ci-job");
    assert_eq!(system.domains, ["supervisor", "build", "other-job"]);
    assert_eq!(system.handles, ["log", "output", "private"]);
    let workdir = &system.objects[0];
    assert_eq!((workdir.name.as_str(), workdir.class), ("workdir", ObjectClass::Directory));
    assert_eq!(workdir.allow, [(DomainId(1), Right::ALL.to_vec())]);
    assert_eq!(system.objects[2].allow, []);
    assert_eq!((system.job_groups[0].processes, system.job_groups[0].memory), (Some(32), Some(Bytes(512 << 20))));
    let log = &system.buffers[0];
    assert_eq!((log.capacity, log.overflow), (64, Overflow::Block));
    assert_eq!((&log.send[..], &log.receive[..]), (&[DomainId(1)][..], &[DomainId(0)][..]));
    let [supervisor, builder] = &system.processes[..] else { panic!() };
    assert_eq!((supervisor.domain, supervisor.group), (DomainId(0), None));
    assert_eq!((builder.domain, builder.group), (DomainId(1), Some(GroupId(0))));
    assert_eq!(
        supervisor.contexts[0].program,
        [
            Instruction::Open(HandleId(1)),
            Instruction::Spawn { process: ProcessId(1), pass: vec![HandleId(0), HandleId(1)] },
            Instruction::Close(HandleId(1)),
            Instruction::Wait { process: ProcessId(1), until: Some(Nanos(2000 * MS)) },
            Instruction::Kill(GroupId(0)),
            Instruction::Exit,
        ]
    );
    assert_eq!(
        builder.contexts[0].program,
        [
            Instruction::Compute { bcet: Nanos(100 * MS), wcet: Nanos(400 * MS) },
            Instruction::Send(BufferId(0)),
            Instruction::Adversary { depth: Some(3) },
            Instruction::Exit,
        ]
    );
    let bulk = &system.scheduling_contexts[2];
    assert_eq!(
        bulk.budget,
        Some(Budget { amount: Nanos(80 * MS), period: Nanos(100 * MS), server: Server::Deferrable })
    );
    assert_eq!((system.kernel_bounds.spawn, system.kernel_bounds.kill_group), (Nanos(2 * MS), Nanos(50 * MS)));
    assert_eq!(system.process_table, 8);
    assert_eq!(system.tasks(), [(ProcessId(0), 2)]);
    assert!(system.starts_with_the_system(ProcessId(0)) && !system.starts_with_the_system(ProcessId(1)));
}

#[test]
fn every_instruction() {
    let text = r#"(name: "x", about: "x", domains: ["a"],
        objects: {"o": (class: File)}, job_groups: {"g": ()},
        buffers: {"b": (capacity: 1, overflow: Coalesce), "s": (
            pool: "u", overflow: Refuse, when: Immediate, by: Automatic, effect: Terminate, named_by: ["a"],
            attachments: [(process: "p")],
        )},
        pools: {"t": (limit: 1), "u": (limit: 3)},
        processes: {"p": (domain: "a", group: "g", contexts: {"c": (program: [
            Compute("1ms"), Open("h"), Close("h"), Spawn(process: "p"), Fork("p"), Detach, Wait(process: "p"),
            Kill(group: "g"), Send("b"), Receive("b"), Access(object: "o", right: Execute), Allocate("1KiB"), Poll("s"), SetLimit(buffer: "b", capacity: 2),
            Loop(times: 3, do: [Exit]), Forever([Choose([[], [Exit]])]), Adversary, Adversary(), Adversary(depth: 2),
        ])})}"#;
    let system = parse(&format!("{text})")).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let p = ProcessId(0);
    let exit = || vec![Instruction::Exit];
    assert_eq!(
        system.processes[0].contexts[0].program,
        [
            Instruction::Compute { bcet: Nanos(MS), wcet: Nanos(MS) },
            Instruction::Open(HandleId(2)),
            Instruction::Close(HandleId(2)),
            Instruction::Spawn { process: p, pass: vec![] },
            Instruction::Fork(p),
            Instruction::Detach,
            Instruction::Wait { process: p, until: None },
            Instruction::Kill(GroupId(0)),
            Instruction::Send(BufferId(0)),
            Instruction::Receive(BufferId(0)),
            Instruction::Access { object: ObjectId(0), right: Right::Execute },
            Instruction::Allocate(Bytes(1024)),
            Instruction::Poll(BufferId(1)),
            Instruction::SetLimit { buffer: BufferId(0), capacity: 2 },
            Instruction::Loop { times: Some(3), body: exit() },
            Instruction::Loop { times: None, body: vec![Instruction::Choose(vec![vec![], exit()])] },
            Instruction::Adversary { depth: None },
            Instruction::Adversary { depth: None },
            Instruction::Adversary { depth: Some(2) },
        ]
    );
    assert_eq!((system.buffers[0].overflow, system.job_groups[0].processes), (Overflow::Coalesce, None));
    let signal = Buffer {
        name: "s".into(),
        capacity: u8::MAX,
        pool: Some(Pool { id: 1, limit: 3 }),
        overflow: Overflow::Refuse,
        when: When::Immediate,
        by: By::Automatic,
        effect: Effect::Terminate,
        named_by: vec![DomainId(0)],
        attachments: vec![Attachment { process: p, backlog: Nanos(0) }],
        ..Buffer::default()
    };
    assert_eq!(system.buffers[1], signal);
    assert_eq!((system.buffers[0].when, system.buffers[0].by), (When::Deferred, By::Polled));
    assert_eq!(system.process_table, 3, "no limits, one process, and 2");
}

#[test]
fn the_process_table_is_large_enough_unless_it_is_given() {
    let with = |limit: u32| {
        format!(
            r#"(name: "x", about: "x", domains: ["a"], job_groups: {{"g": (processes: {limit}), "h": (processes: 1)}},
        processes: {{"p": (domain: "a", contexts: {{"c": (program: [Exit])}})}})"#
        )
    };
    assert_eq!(parse(&with(5)).unwrap().process_table, 5 + 1 + 1 + 2);
    assert_eq!(parse(&with(u32::MAX)).unwrap().process_table, 64);
}

#[test]
fn a_csv_task_set() {
    let text = "wcet,period\n1ms,4ms\n1ms,5ms\n3ms,9ms\n3ms,18ms\n";
    let system = Source::new("papers/lehoczky.csv", text).parse().unwrap().system;
    assert_eq!((system.name.as_str(), system.about.as_str()), ("lehoczky", "A task set of 4."));
    for (file, name) in [("my set (2).csv", "my-set--2-"), (".csv", "tasks"), ("a\\b.c.csv", "b.c")] {
        assert_eq!(Source::new(file, text).parse().map(|scenario| scenario.system.name).as_deref(), Ok(name));
    }
    let expected = [("t1", 1, 4, 4), ("t2", 1, 5, 3), ("t3", 3, 9, 2), ("t4", 3, 18, 1)];
    let expected = expected.map(|(name, wcet, period, priority)| {
        let period = Nanos(period * MS);
        let task = Task { period, deadline: period, offset: Nanos(0), jitter: Nanos(0) };
        (name.to_owned(), (wcet * MS, wcet * MS), task, priority)
    });
    assert_eq!(tasks(&system), expected);
    assert_eq!(system.scheduling_contexts[2].name, "t3");
    assert_eq!((system.process_table, system.expect.len()), (3, 0));
}

#[test]
fn every_column_of_a_csv_task_set() {
    let text = "\u{feff}# from a paper\r\npriority,jitter,offset,deadline,period,bcet,wcet,name\r\n\
                7,1us,2us,30us,\"40us\",5us,6us,\"first\"\r\n3,,,,40us,,6us,τ2\r\n";
    let system = Source::new("set.CSV", text).parse().unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).system;
    let us = |n: u64| Nanos(n * 1000);
    let first = Task { period: us(40), deadline: us(30), offset: us(2), jitter: us(1) };
    let second = Task { period: us(40), deadline: us(40), offset: us(0), jitter: us(0) };
    let expected = [("first".to_owned(), (5000, 6000), first, 7), ("τ2".to_owned(), (6000, 6000), second, 3)];
    assert_eq!(tasks(&system), expected);
}

#[test]
fn rate_monotonic_priorities_follow_the_file_when_periods_tie() {
    let row = |period: &str| format!("(wcet: \"1ms\", period: \"{period}\")");
    let set = ["9ms", "4ms", "9ms", "4ms"].map(row).join(", ");
    let system = parse(&format!("(name: \"x\", about: \"x\", tasks: [{set}])")).unwrap();
    assert_eq!(tasks(&system).iter().map(|task| task.3).collect::<Vec<_>>(), [2, 4, 1, 3]);
    assert_eq!(system.processes[0].contexts[3].schedule, Some(SchedulingContextId(3)));
}

#[test]
fn a_task_set_in_three_formats() {
    let ron = r#"Scenario(name: "set", about: "A task set of 2.", tasks: [
        (name: "a", wcet: "1ms", period: "4ms", deadline: "3ms"), (name: "b", wcet: "2ms", period: "8ms", deadline: None)])"#;
    let csv = Source::new("set.csv", "name,wcet,period,deadline\na,1ms,4ms,3ms\nb,2ms,8ms,\n");
    let ron = Source::new("set.ron", ron);
    let json = Source::new("set.json", ron.to_json().unwrap());
    let system = ron.parse().unwrap().system;
    assert_eq!(csv.parse().unwrap().system, system);
    assert_eq!(json.parse().unwrap().system, system);
    let json = Source::new("set.json", csv.to_json().unwrap());
    assert_eq!(json.parse().unwrap().system, system);
}

#[test]
fn expectations_and_bounds_of_a_task_set() {
    let text = r#"(name: "x", about: "x", tasks: [(wcet: "1ms", period: "4ms")], kernel_bounds: (spawn: "1us"),
        expect: {"linux": Fails([G7])})"#;
    let system = parse(text).unwrap();
    assert_eq!((system.kernel_bounds.spawn, system.expect.len()), (Nanos(1000), 1));
}

#[test]
fn texts_and_comments_of_ron() {
    let about = |written: &str| {
        let text = format!(
            "/* a /* b */ \" */ (name: // ' \"\n \"x\", about: {written}, /**/ tasks: [(wcet: \"1ms\", period: \"1ms\",),],)//"
        );
        parse(&text).map(|system| system.about).unwrap_or_else(|mistakes| mistakes[0].to_string())
    };
    assert_eq!(about(r##"r#"a "b" \n c"#"##), r#"a "b" \n c"#);
    assert_eq!(about(r#"r"a\""#), r"a\");
    assert_eq!(about(r#""a\"\\\'\n\x41\u{e9}\u{1F600}/""#), "a\"\\'\nAé😀/");
    for wrong in
        [r#""\x4""#, r#""\xg0""#, r#""\u{110000}""#, r#""\u{d800}""#, r#""\u41""#, r#""\u{}""#, r#""\u{1234567}""#]
    {
        assert!(about(wrong).contains("this escape means nothing"), "{wrong}");
    }
    assert!(about("r#x").contains("a raw text"));
    assert!(about("r#\"x\"").contains("this text never ends (expected a closing `\"#`)"));
    assert!(about("_name(1)").contains("this is a tagged value (expected a text in quotes)"));
}

#[test]
fn texts_of_json() {
    let about = |written: &str| {
        let text = format!(
            "{{\"name\": \"x\", \"about\": {written}, \"tasks\": [{{\"wcet\": \"1ms\", \"period\": \"1ms\"}}]}}\n"
        );
        let read = Source::new("x.json", text).parse();
        read.map(|scenario| scenario.system.about).unwrap_or_else(|mistakes| mistakes[0].to_string())
    };
    assert_eq!(about(r#""a\"\\\/\n\u0041\u00e9\ud83d\ude00""#), "a\"\\/\nAé😀");
    for wrong in [r#""\u41""#, r#""\u00g0""#, r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\ude00""#, r#""\x41""#] {
        assert!(about(wrong).contains("this escape means nothing"), "{wrong}");
    }
    assert!(about("\"a\nb\"").contains("a control character cannot stand in a text"));
    assert!(about("true").contains("this is a bare name"));
}

#[test]
fn locks_and_the_lattice() {
    use lacuna_model::system::{Lock, LockId};
    let system = library_system("priority-inversion");
    assert_eq!(system.tick, Some(Nanos(MS)));
    assert_eq!(system.locks, [Lock { name: "bus".into(), ceiling: Some(30) }]);
    assert_eq!(system.scheduling_contexts[0].inversion, Some(Nanos(3 * MS)));
    assert_eq!(system.scheduling_contexts[1].inversion, None);
    let compute = Instruction::Compute { bcet: Nanos(MS), wcet: Nanos(MS) };
    let program = [Instruction::Lock(LockId(0)), compute, Instruction::Unlock(LockId(0))];
    assert_eq!(system.processes[0].contexts[0].program, program);
    let set = parse(r#"Scenario(name: "x", about: "x", tick: "1ms", tasks: [(wcet: "1ms", period: "2ms")])"#);
    assert_eq!(set.expect("it is right").tick, Some(Nanos(MS)));
}
