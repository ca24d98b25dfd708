//! Every mistake is found, at its place. In a case, `^` before a character marks where a mistake must be; the marks are
//! taken out before the text is read, so a case shows its own expectation.

use lacuna_scenarios::{Severity, Source};

/// Places of the marks, as line and column, and the text without them.
fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let (mut text, mut marks, mut line, mut column) = (String::new(), Vec::new(), 1, 1);
    for c in marked.chars() {
        match c {
            '^' => marks.push((line, column)),
            '\n' => {
                text.push(c);
                (line, column) = (line + 1, 1);
            }
            _ => {
                text.push(c);
                column += 1;
            }
        }
    }
    (text, marks)
}

/// The mistakes of a marked text are at its marks, and each message holds its part.
#[track_caller]
fn check(name: &str, marked: &str, parts: &[&str]) {
    let (text, marks) = unmark(marked);
    let found = Source::new(name, text).parse().expect_err("there are mistakes");
    let printed: Vec<_> = found.iter().map(ToString::to_string).collect();
    let printed = printed.join("\n");
    let places: Vec<_> = found.iter().map(|mistake| (mistake.line, mistake.column)).collect();
    assert_eq!(places, marks, "\n{printed}");
    assert_eq!(parts.len(), marks.len(), "\n{printed}");
    for (mistake, part) in found.iter().zip(parts) {
        assert!(mistake.to_string().contains(part), "no {part:?} in\n{printed}");
        assert_eq!(mistake.severity, Severity::Error, "\n{printed}");
    }
}

/// A case in the middle of a scenario that is right otherwise.
#[track_caller]
fn check_program(program: &str, parts: &[&str]) {
    check("x.ron", &with_program(program), parts);
}

fn with_program(program: &str) -> String {
    let text = r#"Scenario(name: "x", about: "x", domains: ["a", "b"],
    objects: {"home": (class: Directory), "net": (class: Network), "file": (class: File)},
    job_groups: {"job": (processes: 4)},
    buffers: {"log": (capacity: 1, overflow: Block, send: ["b"], receive: ["a"])},
    processes: {
        "parent": (domain: "a", contexts: {"main": (schedule: "s", program: [
            PROGRAM
        ])}),
        "child": (domain: "a", group: "job", contexts: {"main": (program: [Open("hers"), Exit])}),
        "stranger": (domain: "b", contexts: {"main": (program: [Exit])}),
    },
    scheduling_contexts: {"s": (priority: 1)},
)"#;
    text.replace("PROGRAM", program)
}

#[track_caller]
fn accepts_program(program: &str) {
    let text = with_program(program);
    if let Err(mistakes) = Source::new("x.ron", text).parse() {
        panic!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}

/// A case among the fields of a scenario that is right otherwise.
#[track_caller]
fn check_fields(fields: &str, parts: &[&str]) {
    let text = r#"(name: "x", about: "x", domains: ["a"], processes: {
    "p": (domain: "a", contexts: {"main": (program: [Exit])})},
    FIELDS)"#;
    check("x.ron", &text.replace("FIELDS", fields), parts);
}

#[test]
fn several_mistakes_at_once() {
    check(
        "ci.ron",
        r#"Scenario(
    name: "x", about: "x",
    domains: ["supervisor", "build", ^"build"],
    job_groups: { "job": (processes: ^0, memory: ^"512MB") },
    processes: {
        "supervisor": (domain: ^"supervisr", contexts: { "main": (^scedule: "s", program: [
            Spawn(process: ^"buidler"), Wait(process: "builder", until: ^2), Kill(group: ^"jobs"), ^Exlt,
        ])}),
        "builder": (domain: "build", group: "job", contexts: { "main": (schedule: "s", program: [
            Compute(bcet: ^"5ms", wcet: "4ms"), Send(^"log"),
        ])}),
    },
    scheduling_contexts: { "s": (priority: 1, budget: ^"11ms", period: "10ms") },
    expect: { "linux": Fails([G2, ^G99, ^G2]), ^"linux-hardend": Holds },
)"#,
        &[
            "`build` is declared twice, first at line 3, column 29",
            "expected a whole number from 1 to 4294967295",
            "did you mean `512MiB`?",
            "no domain is called `supervisr` (expected `supervisor` or `build`; did you mean `supervisor`?)",
            "an execution context has no field `scedule` (expected one of `schedule`, `program` or `task`; did you mean \
             `schedule`?)",
            "did you mean `builder`?",
            "write it with a unit and in quotes: `\"2ms\"`",
            "no job group is called `jobs` (expected `job`; did you mean `job`?)",
            "no instruction is called `Exlt`",
            "the `bcet` is larger than the `wcet`, 4ms",
            "no buffer is called `log` (expected the name of a buffer, of which none is declared)",
            "the budget is larger than its period, 10ms",
            "`G99` is no guarantee that a profile decides",
            "this guarantee is here twice",
            "did you mean `linux-hardened`?",
        ],
    );
}

#[test]
fn every_duration_is_on_the_lattice() {
    check_fields(
        "tick: \"2ms\", scheduling_contexts: {\"s\": (priority: 1, budget: \"2ms\", period: ^\"3ms\")}",
        &["3ms is no multiple of the tick, 2ms"],
    );
    check_fields("tick: ^\"0ms\"", &["zero"]);
    let set = "Scenario(name: \"x\", about: \"x\", tick: \"1ms\",
    tasks: [(wcet: ^\"1500us\", period: \"4ms\", jitter: ^\"1us\")])";
    check("x.ron", set, &["no multiple of the tick", "expected a multiple of 1ms"]);
}

#[test]
fn what_is_decided_in_time_needs_a_tick() {
    check_fields("expect: {\"linux\": Fails([^G18, ^G20])}", &["no `tick`", "G20 is decided in time"]);
}

#[test]
fn locks() {
    check_program("Lock(^\"bus\"), Unlock(^\"log\")", &["bus", "log"]);
    let text = "Scenario(name: \"x\", about: \"x\", domains: [\"a\"], locks: {\"l\": (ceiling: ^1), \"m\": (ceiling: 2), \"n\": ()},
    processes: {\"p\": (domain: \"a\", contexts: {\"main\": (schedule: \"s\", program: [
        Loop(times: 2, do: [Lock(\"l\"), Lock(\"m\"), Lock(\"n\")])])})},
    scheduling_contexts: {\"s\": (priority: 2)})";
    check("x.ron", text, &["lower than the priority of `main`"]);
}

#[test]
fn syntax_errors_have_a_place_and_a_hint() {
    let one = |text, part| check("x.ron", text, &[part]);
    one("^", "the text ends here");
    one("(name: \"x\"^", "the text ends inside the `(` opened at line 1, column 1 (expected `,` or `)`)");
    one("(name: \"x\" ^about: \"x\")", "a `,` is missing before this");
    one("(name: \"x\", domains: [\"a\"^))", "`)` cannot stand here, inside the `[` opened at line 1, column 22");
    one("(name: ^\"x)", "this text never ends");
    one("(name: \"^\\qx\")", "this escape means nothing");
    one("(a: 1) ^x", "expected the end of the text");
    one("^/* never", "this comment never ends");
    one("(a: ^10ms)", "durations and sizes are texts: `\"10ms\"`");
    one("(a: ^1.5)", "`1.5` is not a whole number");
    one("(a: 1, ^2)", "expected a field");
    one("({\"a\" ^1})", "expected `:` and a value after the key");
    one("^#![enable(implicit_some)]\n(a: 1)", "leave the line out");
    one("(^ä)", "`ä` cannot stand here");
}

#[test]
fn values_of_the_wrong_kind() {
    check("x.ron", "^[]", &["this is a list (expected a scenario `(name: …)`)"]);
    check("x.ron", "^Scene(name: \"x\", about: \"x\", tasks: ^[])", &["`Scene` cannot stand here", "there is no task"]);
    check("x.ron", "^^(name: \"x\", about: \"x\", tasks: None)", &["has no `domains`", "has no `processes`"]);
    check(
        "x.json",
        "^^{\"name\": \"x\", \"about\": \"x\", \"tasks\": null}",
        &["has no `domains`", "has no `processes`"],
    );
    check_program("Spawn(process: \"child\"), Wait(process: \"child\", until: ^null)", &["this is a bare name"]);
    check("x.ron", "^^^^()", &["has no `name`", "has no `about`", "has no `domains`", "has no `processes`"]);
    check_fields("objects: ^(home: (class: File))", &["maps have braces"]);
    check_fields("objects: {\"home\": ^{\"class\": File}}", &["records have parentheses"]);
    check_fields("objects: {\"home\": (class: ^\"File\")}", &["write it without quotes"]);
    check_fields("objects: {^home: (class: File)}", &["write it in quotes: `\"home\"`"]);
    check_fields("process_table: ^\"8\"", &["write it without quotes: `8`"]);
    check_fields("job_groups: {\"j\": (memory: ^5)}", &["write it with a unit and in quotes: `\"5MiB\"`"]);
    check_fields("expect: {\"ideal\": ^Fails}", &["`Fails` is not written so (expected `Fails([G2, G3])`)"]);
    check_fields("expect: {\"ideal\": ^Holds([])}", &["`Holds` is not written so"]);
    check_fields("expect: {\"ideal\": Fails([^\"G2\"])}", &["write it without quotes"]);
    check_program(
        "^Spawn(\"child\"), ^Send(buffer: \"log\"), ^Compute(\"1ms\", \"2ms\"), ^Exit(1)",
        &["`Spawn(", "", "", ""],
    );
}

#[test]
fn fields_missing_unknown_and_repeated() {
    check(
        "x.ron",
        "^^(^nme: \"x\", about: \"x\", domains: [\"a\"], ^domains: [\"b\"])",
        &[
            "has no `name`",
            "has no `processes`",
            "did you mean `name`?",
            "`domains` is here twice, first at line 1, column 24",
        ],
    );
    check_fields(
        "objects: {\"o\": (class: File), ^\"o\": (class: File)}",
        &["`o` is here twice, first at line 3, column 15"],
    );
    check_fields("objects: {\"o\": ^()}", &["an object has no `class`"]);
    check_fields("buffers: {\"b\": ^^()}", &["has no `capacity`", "has no `overflow`"]);
}

#[test]
fn durations_and_sizes() {
    let one = |written: &str, part| check_program(&format!("Compute(^\"{written}\")"), &[part]);
    one("5msec", "did you mean `5ms`?");
    one("10 parsec", "is not a duration");
    one("512MiB", "is not a duration");
    one("0.5ns", "finer than can be said");
    one("99999999999999999999s", "is too large");
    one("-1ms", "is not a duration");
    for written in ["1e-3s", "-1ms", "1_000ms", "1,5ms", "1e3msec"] {
        let found = Source::new("x.ron", with_program(&format!("Compute(\"{written}\")"))).parse().unwrap_err();
        assert_eq!(found[0].help, None, "{}", found[0]);
        let found = Source::new("x.csv", format!("wcet,period\n\"{written}\",4ms\n")).parse().unwrap_err();
        assert_eq!(found[0].help, None, "{}", found[0]);
    }
    one("1.5msec", "did you mean `1.5ms`?");
    check_program("Allocate(^\"1ms\")", &["is not a size"]);
    check_program("Compute(bcet: ^\"2ms\", wcet: \"1ms\")", &["larger than the `wcet`, 1ms"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 1, budget: ^\"0ms\", period: ^\"0s\")}", &["zero", "zero"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 1, ^budget: \"1ms\")}", &["no `period`"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 1, ^period: \"1ms\")}", &["no `budget`"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 1, ^server: Polling)}", &["a `server` and no `budget`"]);
    let served = |server| {
        format!("scheduling_contexts: {{\"s\": (priority: 1, budget: \"1ms\", period: \"2ms\", server: {server})}}")
    };
    check_fields(
        &served("^ConstantBandwidth"),
        &["a constant bandwidth server is ordered by its deadline (expected `order: Deadline` beside it"],
    );
    check_fields(&served("^HardConstantBandwidth"), &["ordered by its deadline"]);
    check_fields(&served("^Sporadik"), &["did you mean `Sporadic`?"]);
    check_fields(&served("Mcs(refills: ^1)"), &["from 2 to 255"]);
    check_fields(&served("Mcs(minimum: ^\"1001us\")"), &["the minimum is more than the budget, 1ms"]);
    check_fields(&served("Mcs(from: ^Wakeup)"), &["did you mean `WakeUp`?"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 2, threshold: ^1)}", &["lower than the priority, 2"]);
    check_fields("scheduling_contexts: {\"s\": (priority: 2, order: ^Fifo)}", &["`Readiness`, `Deadline` or `Laxity`"]);
    // A level has one order, whichever of its scheduling contexts says so.
    let two = |first: &str, other: &str| {
        format!("scheduling_contexts: {{\"s\": (priority: 1{first}), ^\"t\": (priority: 1{other})}}")
    };
    check_fields(&two(", order: Deadline", ""), &["`s` has the same priority, and another `order`"]);
    check_fields(&two("", ", order: ^Deadline").replacen('^', "", 1), &["`s` has the same priority"]);
    check_fields("scheduling_contexts: {\"s\": (priority: ^99999999999999999999)}", &["out of range"]);
    check_fields("scheduling_contexts: {\"s\": (priority: ^-1)}", &["out of range"]);
}

#[test]
fn windows_of_a_major_frame() {
    let frame = |frame: &str, parts: &[&str]| {
        let text = r#"(name: "x", about: "x", domains: ["a", "b", "c"], processes: {
    "p": (domain: "a", contexts: {"main": (schedule: "s", program: [Exit]), "aside": (schedule: "t", program: [Exit])}),
    "q": (domain: "b", contexts: {"main": (program: [Exit])})},
    scheduling_contexts: {"s": (priority: 1), "t": (priority: 2)},
    major_frame: FRAME)"#;
        check("x.ron", &text.replace("FRAME", frame), parts);
    };
    frame("^^()", &["a major frame has no `length`", "a major frame has no `windows`"]);
    frame("(length: ^\"0ms\", windows: ^[])", &["this is zero", "no window"]);
    let windows = |windows: &str, parts: &[&str]| frame(&format!("(length: \"10ms\", windows: [{windows}])"), parts);
    windows("^^()", &["a window has no `duration`", "a window has no `scheduling_contexts`"]);
    windows("(duration: \"1ms\", scheduling_contexts: ^[])", &["nobody's"]);
    windows("(duration: ^\"0ms\", domain: \"a\")", &["this is zero"]);
    windows("(duration: \"1ms\", scheduling_contexts: [\"s\", ^\"s\", ^\"u\"])", &["twice", "`u`"]);
    windows("(duration: \"1ms\", ^domain: \"a\", scheduling_contexts: [\"s\"])", &["one of both"]);
    windows("(duration: \"1ms\", domain: ^\"b\")", &["`main` is of this domain, and has no scheduling context"]);
    windows("(duration: \"1ms\", domain: ^\"c\")", &["no process is of this domain"]);
    windows("(duration: ^\"11ms\", domain: \"a\")", &["ends at 11ms, beyond the major frame, which is 10ms long"]);
    windows("(duration: \"6ms\", domain: \"a\"), (duration: ^\"5ms\", domain: \"a\")", &["ends at 11ms"]);
    windows(
        "(offset: \"2ms\", duration: \"4ms\", domain: \"a\"), (offset: ^\"5ms\", duration: \"1ms\", domain: \"a\")",
        &["begins before the one before it ends, at 6ms"],
    );
    windows(
        "(offset: \"18446744073709551615ns\", duration: ^\"1ms\", domain: \"a\")",
        &["ends too late, beyond the major frame"],
    );
    frame(
        "(length: \"10ms\", windows: [(duration: ^\"1500us\", domain: \"a\")]), tick: \"1ms\"",
        &["no multiple of the tick"],
    );
    frame(
        "(length: \"10ms\", windows: [(duration: \"2ms\", domain: \"a\"), (duration: ^\"1ms\", domain: \"a\")]),
    kernel_bounds: (flush: \"1ms\")",
        &["the window is 1ms long, and flushing the core at its beginning takes 1ms"],
    );
    check(
        "x.ron",
        "(name: \"x\", about: \"x\", tasks: [(wcet: \"1ms\", period: \"2ms\")], ^refill: \"1ms\")",
        &["a task set has no `refill`"],
    );
    check(
        "x.ron",
        "(name: \"x\", about: \"x\", tasks: [(wcet: \"1ms\", period: \"2ms\")], ^major_frame: (length: \"1ms\", windows: []))",
        &["a task set has no `major_frame`"],
    );
}

#[test]
fn release_patterns() {
    let text = |task: &str| {
        format!(
            "(name: \"x\", about: \"x\", domains: [\"a\"], processes: {{\"p\": (domain: \"a\", contexts: {{\"c\": \
             (task: {task}, program: [Compute(\"1ms\")])}})}})"
        )
    };
    check("x.ron", &text("(period: ^\"0ms\")"), &["this is zero"]);
    check("x.ron", &text("(period: \"1ms\", jitter: ^\"2ms\")"), &["the jitter is larger than the period, 1ms"]);
    check("x.ron", &text("(period: \"1ms\", deadline: ^\"0ms\")"), &["this is zero"]);
    check("x.ron", &text("^(deadline: \"1ms\")"), &["a release pattern has no `period`"]);
    check(
        "x.ron",
        &text("(period: \"1ms\")").replace("Compute(\"1ms\")", "^Forever([Exit])"),
        &["a job of a task must end"],
    );
    check(
        "x.ron",
        &text("(period: \"1ms\")").replace(", program", ", ^programm").replace("(task", "^(task"),
        &["has no `program`", "did you mean `program`?"],
    );
}

#[test]
fn names() {
    check_fields("objects: {^\"\": (class: File)}", &["the name is empty"]);
    check_fields("objects: {^\"a b\": (class: File)}", &["` ` cannot stand in a name"]);
    check_fields(&format!("objects: {{^\"{}\": (class: File)}}", "a".repeat(65)), &["more than 64 characters"]);
    check_fields(
        "expect: {^\"windws\": Holds}",
        &["`freebsd-capsicum`, `openbsd` or `netbsd`; did you mean `windows`?)"],
    );
    check_fields("expect: {\"ideal\": Fails(^[])}", &["nothing is expected to fail"]);
    check(
        "x.ron",
        "(name: ^\"\", about: ^\"\\u{1b}[2J\", tasks: [(wcet: \"1ms\", period: \"1ms\")])",
        &["the name is empty", "control character `\\u{1b}`"],
    );
}

#[test]
fn rights_given_up() {
    check_program("DropRights(objects: [\"home\", ^\"home\", ^\"hme\"])", &["twice", "did you mean `home`?"]);
    check_program("DropRights(objects: ^[])", &["this list is empty (expected at least one object)"]);
    check_program("^DropRights()", &["has no `objects`"]);
    check_program("Regain(^\"hme\")", &["did you mean `home`?"]);
    check_program("Grant(object: ^\"hme\", process: ^\"chld\")", &["did you mean `home`?", "did you mean `child`?"]);
    check_program("^Grant(object: \"home\")", &["has no `process`"]);
    let names = |many: usize| (0..many).map(|index| format!("\"o{index}\"")).collect::<Vec<_>>();
    let objects = names(33).iter().map(|name| format!("{name}: (class: File)")).collect::<Vec<_>>().join(", ");
    let text = |drops: &str| {
        format!(
            "(name: \"x\", about: \"x\", domains: [\"a\"], objects: {{{objects}}}, processes: {{\"p\": (domain: \"a\", \
             contexts: {{\"c\": (program: [DropRights(objects: [{drops}])])}})}})"
        )
    };
    assert!(Source::new("x.ron", text(&names(32).join(", "))).parse().is_ok());
    check("x.ron", &text(&names(33).join(", ").replace("\"o32\"", "^\"o32\"")), &["one too many"]);
}

#[test]
fn rights_and_domains() {
    check_fields(
        "objects: {\"n\": (class: Network, allow: {\"a\": [Read, ^Execute, ^Read]})}",
        &["`Execute` makes no sense for a network (expected `Read` or `Write`)", "twice"],
    );
    check_fields(
        "objects: {\"n\": (class: PrivilegedProgram, allow: {\"a\": [Execute, ^Write]})}",
        &["`Write` makes no sense for a privileged program (expected `Execute`)"],
    );
    check_fields(
        "objects: {\"n\": (class: File, allow: {^\"b\": [^Create]})}",
        &["no domain is called `b`", "for a file"],
    );
    check_fields(
        "buffers: {\"b\": (capacity: ^256, overflow: Drop, send: [\"a\", ^\"a\"])}".replace("Drop", "^Drop").as_str(),
        &["out of range", "no overflow rule is called `Drop`", "twice"],
    );
    check_program(
        "Access(object: \"net\", right: ^Create), Access(object: ^\"hme\", right: ^Red)",
        &["for a network", "did you mean `home`?", "did you mean `Read`?"],
    );
}

#[test]
fn processes_that_create_each_other() {
    check_program(
        "Fork(^\"stranger\"), Spawn(process: \"stranger\")",
        &["a fork stays in its domain, and this process is of `b`"],
    );
    check_program("Wait(process: ^\"child\")", &["`child` is never a child of this process"]);
    check_program("Spawn(process: ^\"grandchild\"), Wait(process: \"child\")", &["no process is called `grandchild`"]);
    accepts_program("Fork(\"child\"), Wait(process: \"child\", until: \"1s\"), Kill(group: \"job\")");
    check_program(
        "Spawn(process: \"child\"), Wait(process: \"child\", until: ^Any(\"1s\"))",
        &["this is a tagged value"],
    );
    check_program("Spawn(process: \"child\"), Wait(process: \"child\", until: ^Some())", &["`Some` holds one value"]);
    accepts_program("Wait(process: \"child\", until: Some(\"1s\")), Spawn(process: \"child\")");
    let text = r#"(name: "x", about: "x", domains: ["a"], ^processes: {
        "p": (domain: "a", contexts: {"main": (program: [Spawn(process: "q")])}),
        "q": (domain: "a", contexts: {"main": (program: [Fork("p")])}),
    })"#;
    check("x.ron", text, &["every process is created by another"]);
    check("x.ron", "(name: \"x\", about: \"x\", domains: [], processes: ^{})", &["there is no process"]);
    check(
        "x.ron",
        "(name: \"x\", about: \"x\", domains: [\"a\"], processes: {\"p\": (domain: \"a\", contexts: ^{})})",
        &["no execution context"],
    );
}

#[test]
fn handles_that_nobody_gave() {
    check_program("Close(^\"pipe\"), Open(\"pipe\"), Close(\"pipe\")", &["`pipe` is used before it is opened"]);
    check_program("Close(^\"hers\")", &["this process never gets `hers`, which another one opens"]);
    check_program(
        "Close(^\"pip\"), Open(\"pipe\")",
        &["no handle is called `pip` (expected `log`, `pipe` or `hers`; did you mean `pipe`?)"],
    );
    check_program("Open(^\"log\")", &["`log` is a buffer"]);
    check_program("Open(\"pipe\"), Spawn(process: \"child\", pass: [\"pipe\", ^\"pipe\"])", &["twice"]);
    accepts_program("Open(\"pipe\"), Forever([Close(\"pipe\"), Open(\"pipe\")])");
    accepts_program("Spawn(process: \"child\", pass: [\"log\"]), Close(\"log\")");
    let text = |close: &str| with_program("Open(\"pipe\"), CREATE").replace("Open(\"hers\")", close);
    let accepted = [
        ("Spawn(process: \"child\", pass: [\"pipe\"])", true),
        ("Fork(\"child\")", true),
        ("Spawn(process: \"child\")", false),
    ];
    for (create, is_accepted) in accepted {
        let text = text("Close(\"pipe\")").replace("CREATE", create);
        assert_eq!(Source::new("x.ron", text).parse().is_ok(), is_accepted, "{create}");
    }
    check(
        "x.ron",
        &with_program("Exit").replace(
            "Exit])}),\n        \"stranger",
            "Exit]), \"second\": (program: [Open(^\"hers\")])}),\n        \"stranger",
        ),
        &["opened by another execution context too"],
    );
}

#[test]
fn programs_have_limits() {
    check_program(
        "^Loop(do: [Exit]), Loop(times: ^0, do: [Exit]), Loop(times: 2, do: ^[]), Choose(^[]), Forever(^[])",
        &["has no `times`", "out of range", "empty", "nothing to choose from", "empty"],
    );
    let empty = with_program("").replace("program: [\n            \n        ]", "program: ^[]");
    check("x.ron", &empty, &["this list is empty"]);
    let long = with_program("Loop(times: 4096, do: [Loop(times: 4096, do: [Exit])])")
        .replace("program: [\n            Loop", "program: ^[\n            Loop");
    check("x.ron", &long, &["the program has 16777216 instructions"]);
    accepts_program("Loop(times: 4096, do: [Exit])");
    accepts_program("Choose([[], [Exit]])");
    let nested = |depth: usize, mark: &str| {
        let (inner, outer) = (depth.min(15), depth.saturating_sub(15));
        format!("{}{}Exit{}", "Forever([".repeat(inner), format!("Forever({mark}[").repeat(outer), "])".repeat(depth))
    };
    accepts_program(&nested(15, ""));
    accepts_program(&nested(15, "").replace("Forever([", "Loop(times: 1, do: ["));
    accepts_program(&nested(15, "").replace("Forever([", "Choose([[").replace("])", "]])"));
    check_program(
        &nested(16, "").replacen("Forever([", "Loop(times: 1, do: [", 15).replace("Forever([", "Forever(^["),
        &["deep"],
    );
    check_program(
        &nested(16, "").replace("])", "]])").replacen("Forever([", "Choose([[", 15).replace("Forever([", "Choose([^["),
        &["deep"],
    );
    check_program(&nested(16, "^"), &["nested too deep"]);
}

#[test]
fn systems_have_limits() {
    let names = |count: usize| (0..count).map(|i| format!("\"n{i}\": (priority: 1)")).collect::<Vec<_>>().join(", ");
    let text = format!("scheduling_contexts: {{{}, ^\"more\": (priority: 1), \"yet\": (priority: 1)}}", names(250));
    check_fields(&text, &["this scheduling context is one too many (expected at most 250)"]);
    let opens = |count: usize| (0..count).map(|i| format!("Open(\"n{i}\")")).collect::<Vec<_>>().join(", ");
    accepts_program(&opens(30));
    check(
        "x.ron",
        &with_program(&opens(31)).replace("Open(\"hers\")", "Open(^\"hers\")"),
        &["this handle is one too many (expected at most 32)"],
    );
    check_fields("process_table: ^65", &["expected a whole number from 1 to 64"]);
    check_fields("process_table: ^0", &["out of range"]);
    let text = with_program("Exit").replace("\n)", "process_table: ^2)");
    check("x.ron", &text, &["3 processes start with the system"]);
}

#[test]
fn task_sets_are_written_alone() {
    check(
        "x.ron",
        "(name: \"x\", about: \"x\", ^domains: [\"a\"], tasks: [(wcet: \"1ms\", period: \"4ms\")])",
        &["a task set has no `domains`"],
    );
    let tasks = |tasks: &str| format!("(name: \"x\", about: \"x\", tasks: [{tasks}])");
    check(
        "x.ron",
        &tasks("(wcet: \"1ms\", period: \"4ms\", priority: 1), ^(wcet: \"1ms\", period: \"4ms\")"),
        &["priorities for all tasks or for none"],
    );
    check(
        "x.ron",
        &tasks("(name: \"a\", wcet: \"1ms\", period: \"4ms\"), (name: ^\"a\", wcet: \"1ms\", period: \"4ms\")"),
        &["declared twice"],
    );
    check(
        "x.ron",
        &tasks("(wcet: \"1ms\", bcet: ^\"2ms\", period: \"4ms\", jitter: ^\"5ms\"), ^^()"),
        &["`bcet` is larger", "jitter is larger", "has no `wcet`", "has no `period`"],
    );
}

#[test]
fn a_ring_of_processes_that_nobody_starts_is_a_warning_for_each() {
    let process = |name: &str, does: &str| {
        format!("\"{name}\": (domain: \"d\", contexts: {{ \"main\": (program: [{does}, Exit]) }}),\n")
    };
    let ring = [
        process("root", "Spawn(process: \"c\")"),
        process("a", "Spawn(process: \"b\")"),
        process("b", "Spawn(process: \"a\")"),
        process("c", "Fork(\"c\")"),
    ]
    .concat();
    let text = format!("Scenario(name: \"x\", about: \"y\", domains: [\"d\"], processes: {{\n{ring}}})");
    let scenario = Source::new("x.ron", text).parse().expect("a warning is no mistake");
    let printed: Vec<_> = scenario.warnings.iter().map(|warning| (warning.line, warning.message.as_str())).collect();
    assert_eq!(printed, [(3, "`a` never comes into being"), (4, "`b` never comes into being")]);
}

#[test]
fn a_kill_that_can_reach_nobody_is_a_warning() {
    let text = with_program("Kill(group: \"job\"), Kill(group: \"job\")").replace(", group: \"job\"", "");
    let scenario = Source::new("x.ron", text).parse().expect("a warning is no mistake");
    let printed: Vec<_> = scenario.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        printed,
        ["x.ron:7:25: warning: no process is created in this job group (expected a process with this `group`)"]
    );
}

#[test]
fn csv_cells() {
    let one = |text, part| check("x.csv", text, &[part]);
    one("^", "the table is empty");
    one("wcet,period\n^", "the table has no rows");
    one("wcet,period\n1ms,^4mss\n", "did you mean `4ms`?");
    one("wcet,period\n1ms,^4\n", "is not a duration");
    one("name,wcet,^perod,period\na,1ms,2ms,4ms\n", "no column is called `perod`");
    one("wcet,period,^wcet\n1ms,4ms,2ms\n", "the column `wcet` is here twice, first at line 1, column 1");
    one("^name,wcet\na,1ms\n", "there is no column `period`");
    one("wcet,period\n1ms,4ms,^5ms\n", "this row has 3 cells (expected 2, as the header)");
    one("wcet,period\n^1ms\n", "this row has 1 cells");
    one("wcet,period\n\"1ms\" ^x,4ms\n", "after a cell in quotes");
    one("wcet,period\n^\"1ms,4ms\n", "this cell never ends");
    one("wcet,period,priority\n1ms,4ms,^high\n", "out of range");
    one("wcet,period,bcet\n1ms,4ms,^2ms\n", "larger than the `wcet`");
    check(
        "x.csv",
        "# a comment\n\n wcet , period,jitter\n1ms,^\"0ms\",\n 2ms,  4ms, ^5ms\n",
        &["this is zero", "larger than the period"],
    );
}

#[test]
fn json_mistakes_have_places_too() {
    let one = |text, part| check("x.json", text, &[part]);
    one("^", "the text ends here");
    one("{\"name\": \"x\",^}", "expected a key in quotes");
    one("{\"a\": ^01}", "not a whole number");
    one("^// no", "JSON has no comments");
    one("{\"a\": ^\"x}", "this text never ends");
    one("{\"a\": \"^\\x41\"}", "escape");
    check(
        "x.json",
        r#"{"name": "x", "about": "x", "domains": ["a"], ^"name": "y", "processes": {
            "p": {"domain": ^"b", "contexts": {"c": {"program": [
                ^"Exi", {"Compute": ^"1"}, ^{"Send": "x", "Exit": null}, {"Wait": {"process": ^"q", "until": null}}, {^"Exit": 1}
            ]}}},
            ^"p": {"domain": "a", "contexts": {"d": {"program": ["Exit"]}}}
        }}"#,
        &[
            "`name` is here twice",
            "no domain is called `b`",
            "did you mean `Exit`?",
            "is not a duration",
            "this object has 2 keys",
            "no process is called `q`",
            "`Exit` is not written so",
            "`p` is here twice",
        ],
    );
}

#[test]
fn other_formats_and_too_much_of_one() {
    check("x.toml", "^a = 1", &["expected a name that ends in `.ron`, `.json` or `.csv`"]);
    check("scenario", "^", &["the format is unknown"]);
    let large = format!("^{}", " ".repeat((1 << 20) + 1));
    check("x.ron", &large, &["the source has more than 1048576 bytes"]);
    let many = Source::new("x.ron", format!("(name: \"x\", about: \"x\", domains: [{}])", "1, ".repeat(1000)))
        .parse()
        .unwrap_err();
    assert_eq!(many.len(), 201);
    assert!(many[200].message.contains("more mistakes than are shown"), "{}", many[200]);
}

#[test]
fn limits_are_reached_without_a_mistake() {
    accepts_program("Compute(bcet: \"1ms\", wcet: \"1ms\")");
    let name = "n".repeat(64);
    let text = |fields: &str| {
        format!(
            "(name: \"x\", about: \"x\", domains: [\"a\"], processes: {{\"p\": (domain: \"a\", contexts: {{\"c\": (program: [Exit])}})}}, {fields})"
        )
    };
    for fields in [
        format!("objects: {{\"{name}\": (class: File)}}"),
        "scheduling_contexts: {\"s\": (priority: 0, budget: \"1ms\", period: \"1ms\")}".into(),
        "process_table: 64".into(),
        "process_table: 1".into(),
        "process_table: +6_4".into(),
    ] {
        assert_eq!(
            Source::new("x.ron", text(&fields)).parse().map(|scenario| scenario.warnings),
            Ok(vec![]),
            "{fields}"
        );
    }
    let task = "(name: \"x\", about: \"x\", tasks: [(wcet: \"1ms\", bcet: \"1ms\", period: \"4ms\", jitter: \"4ms\")])";
    assert!(Source::new("x.ron", task).parse().is_ok());
    let many = |count: usize, mark: &str, kind: &str| {
        let entries: Vec<_> = (0..count)
            .map(|i| match kind {
                "processes" => format!("\"p{i}\": (domain: \"a\", contexts: {{\"c\": (program: [Exit])}})"),
                _ => format!("{}\"c{i}\": (program: [Exit])", if i == 250 { mark } else { "" }),
            })
            .collect();
        let entries = entries.join(", ");
        match kind {
            "processes" => format!("(name: \"x\", about: \"x\", domains: [\"a\"], {mark}processes: {{{entries}}})"),
            _ => format!(
                "(name: \"x\", about: \"x\", domains: [\"a\"], processes: {{\"p\": (domain: \"a\", contexts: {{{entries}}})}})"
            ),
        }
    };
    assert!(Source::new("x.ron", many(64, "", "processes")).parse().is_ok());
    check("x.ron", &many(65, "^", "processes"), &["65 processes start with the system (expected at most 64)"]);
    assert!(Source::new("x.ron", many(250, "", "contexts")).parse().is_ok());
    check(
        "x.ron",
        &many(251, "^", "contexts"),
        &["this execution context is one too many (expected at most 250 a process)"],
    );
}

#[test]
fn one_mistake_is_reported_once() {
    let text = |domains: &str| {
        format!(
            "(name: \"x\", about: \"x\", {domains}processes: {{\"p\": (domain: \"b\", group: \"j\", contexts: {{\"c\": (program: [Exit])}})}}, job_groups: {{\"j\": ()}})"
        )
    };
    check("x.ron", &text("domains: ^5, "), &["this is a number"]);
    check("x.ron", &text("domains: [\"a\", ^5], "), &["this is a number"]);
    check("x.ron", &format!("^{}", text("")), &["has no `domains`"]);
    check(
        "x.ron",
        &text("domains: [\"b\"], ").replace("job_groups: {\"j\": ()}", "job_groups: ^[]"),
        &["this is a list"],
    );
    check_program("Open(^5), Close(\"pipe\")", &["this is a number"]);
    check_program("Open(\"pipe\"), Spawn(process: ^\"chld\", pass: [\"pipe\"])", &["did you mean `child`?"]);
    check_program("^Opn(\"pipe\"), Close(\"pipe\")", &["did you mean `Open`?"]);
    check_program("Forever(^5), Close(\"pipe\"), Wait(process: \"child\")", &["this is a number"]);
    check("x.ron", &text("domains: [\"a\", ^b], "), &["this is a bare name"]);
    check("x.ron", &text("domains: [\"a\", ^\"b \"], "), &["cannot stand in a name"]);
    check_program("^Lop(times: 2, do: [Open(\"pipe\")]), Close(\"pip\")", &["did you mean `Loop`?"]);
}

#[test]
fn what_is_unreadable_hides_no_other_mistake() {
    let domains = "(name: \"x\", about: \"x\", domains: [\"supervisor\", \"build\", ^\"\"], processes: {\"p\": (domain: ^\"zz\", \
                   contexts: {\"c\": (program: [Exit])})})";
    check("x.ron", domains, &["the name is empty", "no domain is called `zz`"]);
    let program = "^Opne(\"x\"), Close(\"x\"), Spawn(process: \"child\", pass: [^\"nope\"])";
    check_program(program, &["did you mean `Open`?", "no handle is called `nope`"]);
}

#[test]
fn spans_hold_what_the_mistake_is_about() {
    let one = |name: &str, text: &str, about: &str| {
        let found = Source::new(name, text).parse().expect_err("there is a mistake");
        assert_eq!(&text[found[0].span.clone()], about, "{}", found[0]);
    };
    let tasks = |task: &str| format!("(name: \"x\", about: \"x\", tasks: [{task}])");
    one("x.ron", &tasks("(wcet: \"1msx\", period: \"1ms\")"), "\"1msx\"");
    one("x.ron", &tasks("(wcet: \"1ms\", perod: \"1ms\")"), "(");
    one("x.ron", &tasks("5_000"), "5_000");
    one("x.ron", &tasks("(name: \"é\", wcet: \"2ms\", bcet: \"é\", period: \"1ms\")"), "\"é\"");
    one("x.ron", &with_program("Sned(\"log\")"), "Sned");
    one("x.ron", &with_program("Exit, Exit2, Exit"), "Exit2");
    one("x.ron", "(name: \"x", "\"");
    one("x.ron", "(a: 1.5)", "1.5");
    one("x.csv", "wcet,period\n1ms, \"4 mss\" \n", "\"4 mss\"");
    one("x.csv", "wcet,period\n1ms,  4mss  \n", "4mss");
    one("x.csv", "wcet,period\n\"1ms", "\"");
    one("x.json", "{\"name\": \"x\", \"about\": \"x\", \"tasks\": 5}", "5");
    let long = with_program("Loop(times: 4096, do: [Loop(times: 2, do: [Exit])])");
    one("x.ron", &long, "[");
    let task = "(name: \"x\", about: \"x\", domains: [\"a\"], processes: {\"p\": (domain: \"a\", contexts: {\"c\": (task: (period: \"1ms\"), program: [Forever([Exit])])})})";
    one("x.ron", task, "Forever");
}

#[test]
fn so_many_warnings_that_errors_may_be_missed_are_an_error() {
    let many = |count: usize| {
        let groups: Vec<_> = (0..count).map(|i| format!("\"g{i}\": ()")).collect();
        let kills: Vec<_> = (0..count).map(|i| format!("Kill(group: \"g{i}\")")).collect();
        let text = with_program(&kills.join(", "));
        let text = text.replace("\"job\": (processes: 4)", &format!("\"job\": (), {}", groups.join(", ")));
        Source::new("x.ron", text).parse()
    };
    assert_eq!(many(200).expect("only warnings").warnings.len(), 200);
    assert_eq!(many(201).expect_err("there may be more").len(), 201);
}

#[test]
fn buffers_that_contradict_themselves() {
    let buffer = |fields: &str| format!("buffers: {{\"b\": ({fields})}}, pools: {{\"p\": (limit: 2)}}");
    let check_buffer = |fields: &str, parts: &[&str]| check_fields(&buffer(fields), parts);
    check_buffer("capacity: 1, overflow: Block, by: ^Automatic", &["nobody is there for whom"]);
    check_buffer("capacity: 1, overflow: Block, ^effect: Terminate", &["an effect is that of a message"]);
    check_buffer("capacity: 0, overflow: ^DropOldest", &["holds no message to merge with or to drop"]);
    let automatic = "capacity: ^0, overflow: Block, by: Automatic, attachments: [(process: \"p\")]";
    check_buffer(automatic, &["this receiver never asks"]);
    check_fields("buffers: {\"b\": ^(overflow: Block)}", &["no `capacity`"]);
    check_buffer("pool: ^\"q\", overflow: Refuse", &["no pool is called `q`"]);
    let twice = "capacity: 1, overflow: Block, attachments: [(process: \"p\"), (process: ^\"p\")]";
    check_buffer(twice, &["this process is here twice"]);
    check_program("SetLimit(buffer: \"log\", capacity: ^0)", &["from 1 to 255"]);
    check_program("Ack(^\"log\"), Attach(^\"log\")", &["has no successors", "has no successors"]);
    check_program("Poll(^\"lgo\")", &["did you mean `log`?"]);
}

#[test]
fn flows_and_users_name_each_domain_as_they_may() {
    let with = |more: &str| {
        format!(
            r#"Scenario(name: "x", about: "x", domains: ["a", "b", "c"], {more},
            processes: {{ "p": (domain: "a", contexts: {{ "main": (program: [Exit]) }}) }})"#
        )
    };
    let flows = r#"flows: [("a", "b"), ^("a", "b"), ^("c", "c"), ("a", ^"d"), ^("a", "b", "c"), ^"a", ("b", ^1)]"#;
    let says =
        ["twice", "to itself", "no domain is called `d`", "a pair `(…, …)`", "this is a text", "this is a number"];
    check("x.ron", &with(flows), &says);
    check("x.ron", &with(r#"users: {"u": ["a", "b"], "v": [^"b", "c"]}"#), &["has a user already"]);
    check(
        "x.json",
        r#"{"name": "x", "about": "x", "domains": ["a"], "flows": [^["a"]], "processes": ^{}}"#,
        &["this is a list", "there is no process"],
    );
}
