//! `lacuna scenarios`: the library.

use lacuna_scenarios::library;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::print::{document, line};

/// Runs it.
///
/// # Errors
/// None at present; the library is part of the program.
pub fn run(format: Format) -> Result<Exit, Failure> {
    let entries: Vec<(String, String)> = library()
        .iter()
        .filter_map(|entry| {
            let system = entry.system().ok()?;
            Some((system.name, system.about))
        })
        .collect();
    match format {
        Format::Json => {
            let entries: Vec<Value> =
                entries.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
            document(json!({ "scenarios": entries }));
        }
        Format::Text => entries.iter().for_each(|(name, about)| line(format_args!("{name:<20} {about}"))),
    }
    Ok(Exit::AsExpected)
}
