//! `lacuna validate`: is the file a scenario?

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use serde_json::json;

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// Runs it.
///
/// # Errors
/// Every mistake of the file.
pub fn run(scenario: &str, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    Objects::new(system, &Profile::ideal()).map_err(Failure::input)?;
    let contexts: usize = system.processes.iter().map(|process| process.contexts.len()).sum();
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "valid": true,
            "processes": system.processes.len(),
            "contexts": contexts,
            "tasks": system.tasks().len(),
        })),
        Format::Text => line(format_args!(
            "{}: valid; {} processes, {contexts} contexts, {} of them tasks",
            loaded.source.name,
            system.processes.len(),
            system.tasks().len()
        )),
    }
    Ok(Exit::AsExpected)
}
