//! Any bytes: no panic, no stack overflow, no long wait; and what is read here, the readers of others read alike.

use std::time::{Duration, Instant};

use lacuna_scenarios::{Source, library, parse_bytes};
use proptest::prelude::*;
use ron::value::RawValue;

const NAMES: [&str; 3] = ["x.ron", "x.json", "x.csv"];

/// Reads it in every format; every mistake lies inside the text.
fn read(bytes: &[u8]) {
    for name in NAMES {
        if let Err(mistakes) = parse_bytes(name, bytes) {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(mistake.span.start <= mistake.span.end && mistake.span.end <= bytes.len(), "{mistake}");
                if let Ok(text) = std::str::from_utf8(bytes) {
                    assert!(text.get(mistake.span.clone()).is_some(), "{mistake} is inside a character");
                }
                assert!(mistake.line >= 1 && mistake.column >= 1, "{mistake}");
                assert!(!mistake.to_string().chars().any(char::is_control), "{mistake}");
                assert!(mistake.to_string().len() < 1000, "{mistake}");
            }
        }
    }
}

/// Pieces that matter to some format.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\u{",
    "r#\"",
    "\"#",
    "/*",
    "*/",
    "//",
    "\n",
    " ",
    "#",
    "-",
    "+",
    "_",
    "0",
    "99999999999999999999",
    "1.5",
    "0x1F",
    "Exit",
    "Spawn(",
    "Forever([",
    "None",
    "Some(\"1ms\")",
    "null",
    "true",
    "'a'",
    "b\"x\"",
    "\"1ms\"",
    "\"log\"",
    "name:",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "τ",
    "\0",
    "\\x41",
    "\\ud800",
    "ron",
    "inf",
    "NaN",
    "()",
    "\\'",
    "..",
    "e5",
    "r",
    "b",
    "_x",
    "1_000",
    "\u{a0}",
    "\u{200e}",
];

/// A text, edited here and there.
fn mutations(texts: Vec<String>) -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..40, prop::option::of(prop::sample::select(PIECES)));
    (prop::sample::select(texts), prop::collection::vec(edit, 0..4)).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(chars.len() + 1);
            let removed = if piece.is_some() { removed % 3 } else { removed };
            let end = (at + removed).min(chars.len());
            chars.splice(at..end, piece.unwrap_or_default().chars());
        }
        chars.into_iter().collect()
    })
}

fn ron_texts() -> Vec<String> {
    let small = r#"(a: [1, -2, +3, 1_000], b: {"k": Some("v"), 2: ()}, c: T(x: "\n\u{e9}"), d: U("x", r"y"), e: /* c */ N) // end"#;
    let mut texts: Vec<_> = library().iter().map(|entry| entry.source.text.clone()).collect();
    texts.extend(vec![small.to_owned(); 4]);
    texts
}

fn json_texts() -> Vec<String> {
    let small = r#"{"a": [1, -2, 0], "b": {"k": null, "l": true}, "c": "\n\u00e9\ud83d\ude00\/", "a": {}, "e": []}"#;
    let mut texts: Vec<_> = library().iter().map(|entry| entry.source.to_json().expect("it is read")).collect();
    texts.extend(vec![small.to_owned(); 4]);
    texts
}

fn csv_texts() -> Vec<String> {
    vec!["name,wcet,period\na,1ms,4ms\n\"b\",\"1ms\",5ms\r\nc,\"3\"\"\",9ms".into(), "wcet,period\n1ms,4ms\n".into()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        read(pieces.concat().as_bytes());
    }

    #[test]
    fn mutations_never_panic(text in mutations([ron_texts(), json_texts(), csv_texts()].concat())) {
        read(text.as_bytes());
    }

    #[test]
    fn what_is_read_as_ron_is_ron(text in mutations(ron_texts())) {
        if Source::new("x.ron", text.clone()).to_json().is_ok() {
            // A raw value may not end inside a line comment, as a file may.
            let ended = format!("{}\n", text.trim_start_matches('\u{feff}'));
            let judged = RawValue::from_ron(&ended);
            prop_assert!(judged.is_ok(), "{:?}\n{text}", judged.err());
        }
    }

    #[test]
    fn what_is_read_as_json_is_that_json(text in mutations(json_texts())) {
        let judged = serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}'));
        match Source::new("x.json", text.clone()).to_json() {
            Ok(read) => {
                prop_assert!(judged.is_ok(), "{:?}\n{text}", judged.err());
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&read).ok(), judged.ok(), "{}", text);
            }
            Err(mistakes) => {
                let ours_alone = ["not a whole number", "nested too deep"];
                let excused = ours_alone.iter().any(|why| mistakes[0].message.contains(why));
                prop_assert!(excused || judged.is_err(), "{}\n{text}", mistakes[0]);
            }
        }
    }
}

/// What is said of a whole row points at its first character, which may have several bytes.
#[test]
fn a_row_that_begins_with_a_wide_character_is_pointed_at() {
    for first in ["é", "\u{feff}s", "日", "🦀"] {
        let text = format!("name,wcet,period\n{first},1ms,\n");
        read(text.as_bytes());
        let mistakes = Source::new("x.csv", text.as_str()).parse().unwrap_err();
        let pointed = &text[mistakes[0].span.clone()];
        assert!(first.starts_with(pointed) && pointed.chars().count() == 1, "{pointed:?} of {first:?}");
    }
}

#[test]
fn nesting_bombs_are_mistakes() {
    for bomb in ["(", "[", "{", "a(", "(a:", "{\"a\":", "[[(", "Some(", "Loop(times:2,do:[", "/*", "Forever([", "{0:{"]
    {
        for repeat in [65, 10_000] {
            let text = bomb.repeat(repeat);
            read(text.as_bytes());
            let closed = format!("(name: {text}");
            read(closed.as_bytes());
        }
    }
    let mistakes = parse_bytes("x.ron", "[".repeat(10_000).as_bytes()).unwrap_err();
    assert_eq!(
        mistakes[0].to_string(),
        "x.ron:1:65: error: brackets are nested too deep (expected at most 64 inside one another)"
    );
}

#[test]
fn large_texts_are_read_in_time() {
    let big = |piece: &str| piece.repeat((1 << 18) / piece.len());
    let texts = [
        big("a"),
        big("1"),
        big("\""),
        big("\\"),
        big("\n"),
        big("("),
        big(","),
        big("/* "),
        big("//\n"),
        big("#\""),
        format!("(process_table: \"{}\")", &big("0")[..200_000]),
        format!("(about: {})", &big("1")[..200_000]),
        format!("(about: {})", &big("x")[..200_000]),
        format!("(domains: [\"{}\"], processes: {{\"a\": (domain: \"b\")}})", &big("x")[..200_000]),
        format!("({})", big("a: 1,")),
        format!("[{}]", &big("1,")[2..]),
        format!("{{{}}}", big("\"a\":1,")),
        format!("r{}", big("#")),
        format!("r{}\"", &big("#")[..200_000]),
        big("é"),
        format!("(name: \"{}\")", big("x")),
        big("wcet,"),
        big("\"a\"\"a\","),
        format!("wcet,period\n{}", big("1ms,4ms\n")),
        big("1,1\n"),
        format!("(domains: [{}])", &big("\"aaaaaa\",")[..200_000]),
    ];
    for text in &texts {
        let text = &text[..text.floor_char_boundary(1 << 18)];
        let start = Instant::now();
        read(text.as_bytes());
        let limit = Duration::from_secs(20);
        assert!(start.elapsed() < limit, "{:?} for {:?}…", start.elapsed(), &text[..text.floor_char_boundary(20)]);
    }
}

#[test]
fn bytes_that_are_no_text() {
    let mistakes = parse_bytes("x.ron", b"(name: \"\xc3\xa9\",\n  \"\xff").unwrap_err();
    assert_eq!(mistakes[0].to_string(), "x.ron:2:4: error: this byte is not UTF-8 (expected text in UTF-8)");
}

/// Every text and number of a value, keys too.
fn leaves(value: &ron::Value, into: &mut Vec<String>) {
    match value {
        ron::Value::String(text) => into.push(text.clone()),
        ron::Value::Number(number) => into.push(format!("{}", number.into_f64())),
        ron::Value::Seq(items) => items.iter().for_each(|item| leaves(item, into)),
        ron::Value::Map(map) => map.iter().for_each(|(key, value)| {
            leaves(key, into);
            leaves(value, into);
        }),
        _ => {}
    }
}

#[test]
fn the_library_is_read_as_by_ron() {
    for entry in library() {
        let judged = ron::from_str::<ron::Value>(&entry.source.text).unwrap();
        let (mut theirs, mut missing) = (Vec::new(), Vec::new());
        leaves(&judged, &mut theirs);
        let ours = entry.source.to_json().unwrap();
        for leaf in &theirs {
            let quoted = serde_json::to_string(leaf).unwrap();
            if !ours.contains(&quoted) && !ours.contains(&format!(": {leaf}")) {
                missing.push(leaf.clone());
            }
        }
        assert!(theirs.len() > 15, "{}: {}", entry.name, theirs.len());
        assert_eq!(missing, [""; 0], "{}", entry.name);
    }
}

#[test]
fn cells_are_read_as_by_csv() {
    for text in csv_texts() {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let names: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let json: serde_json::Value = serde_json::from_str(&Source::new("x.csv", text).to_json().unwrap()).unwrap();
        for (row, task) in rows.iter().zip(json["tasks"].as_array().unwrap()) {
            for (name, cell) in names.iter().zip(row) {
                assert_eq!(task[name], cell.as_str());
            }
        }
        assert_eq!(json["tasks"].as_array().unwrap().len(), rows.len());
    }
}
