//! `lacuna new`: a commented scenario to begin with.

use std::io::Write;
use std::path::Path;

use lacuna_scenarios::{Source, starter};
use serde_json::json;

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::print::{document, line};

/// Writes it to a file that is not there yet, named after the file.
///
/// # Errors
/// If the file's name is no scenario's, or it cannot be made.
pub fn run(path: &Path, format: Format) -> Result<Exit, Failure> {
    let shown = path.display();
    if path.extension().is_none_or(|extension| extension != "ron") {
        return Err(Failure::input(format!(
            "`{shown}` does not end in .ron, which a scenario of this kind does; try `{shown}.ron`"
        )));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let text = starter(&name);
    // A name that is none would be wrong in every later command: better here.
    if let Err(mistakes) = Source::new(shown.to_string(), text.clone()).parse() {
        let mistakes: Vec<String> = mistakes.iter().map(|mistake| mistake.message.clone()).collect();
        return Err(Failure::input(format!("`{name}` cannot name a scenario: {}", mistakes.join("; "))));
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::input(format!("`{shown}` is there already, and is left as it is"))
        }
        _ => Failure::host(format!("cannot write `{shown}`: {error}")),
    })?;
    match format {
        Format::Json => document(json!({ "scenario": name, "file": shown.to_string() })),
        Format::Text => line(format_args!(
            "{shown}: made; `lacuna check {shown}` explores it, `lacuna explain WORD` says what a word means"
        )),
    }
    Ok(Exit::AsExpected)
}
