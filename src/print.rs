//! Printing: lines and documents to the standard output. A reader that went away (`lacuna | head`) changes nothing, the
//! exit status included.

use std::io::{ErrorKind, Write};

use serde_json::Value;

use crate::exit::Exit;

/// The version of every JSON document.
pub const VERSION: u32 = 1;

fn put(text: std::fmt::Arguments<'_>) {
    match writeln!(anstream::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // Half a document must not look like success.
            anstream::eprintln!("error: cannot write the output: {error}");
            std::process::exit(i32::from(Exit::HostCannot.code()));
        }
        _ => {}
    }
}

/// Prints a line.
pub fn line(text: std::fmt::Arguments<'_>) {
    put(text);
}

/// Prints one JSON document, marking it, or each entry of a list, with the version.
pub fn document(mut value: Value) {
    let mark = |value: &mut Value| {
        if let Value::Object(fields) = value {
            fields.insert("version".into(), VERSION.into());
        }
    };
    match &mut value {
        Value::Array(entries) => entries.iter_mut().for_each(mark),
        value => mark(value),
    }
    put(format_args!("{value:#}"));
}

/// Says what went wrong and does not end what is under way, terminal or not.
pub fn warn(text: std::fmt::Arguments<'_>) {
    progress(format_args!(""));
    // Where not even that can be said, nothing else can be done.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Says what goes on, on a terminal only; the next one overwrites it.
pub fn progress(text: std::fmt::Arguments<'_>) {
    let mut error = std::io::stderr();
    if std::io::IsTerminal::is_terminal(&error) {
        // Nothing depends on it.
        let _ = write!(error, "\r\x1b[2K{text}\r");
        let _ = error.flush();
    }
}
