//! `lacuna clean`: removes what a killed run left.

use serde_json::json;

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::print::{document, line};

/// Runs it.
///
/// # Errors
/// If this process cannot tell who it is.
pub fn run(format: Format) -> Result<Exit, Failure> {
    let cleaned = lacuna_hosted::clean().map_err(Failure::host)?;
    match format {
        Format::Json => document(json!(cleaned)),
        Format::Text => {
            cleaned.removed.iter().for_each(|path| line(format_args!("removed {}", path.display())));
            cleaned.left.iter().for_each(|(path, why)| line(format_args!("left    {}: {why}", path.display())));
            if cleaned.removed.is_empty() && cleaned.left.is_empty() {
                line(format_args!("nothing was left"));
            }
        }
    }
    Ok(if cleaned.left.is_empty() { Exit::AsExpected } else { Exit::HostCannot })
}
