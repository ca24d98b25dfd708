//! From what was typed as SCENARIO to a checked scenario, or to diagnostics that show the place.

use std::io::Read;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use lacuna_model::sweep::Sweep;
use lacuna_model::system::System;
use lacuna_scenarios::{Diagnostic, MAX_SIZE, Scenario, Severity, Source, library};

use crate::exit::{Exit, Failure};

/// A scenario and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The text.
    pub source: Source,
    /// What it means.
    pub scenario: Scenario,
}

/// Loads a file if the name contains a separator or a dot, and the library's scenario otherwise. Warnings go to the
/// standard error.
///
/// # Errors
/// If it cannot be read or is no scenario; every mistake is shown.
pub fn load(name: &str) -> Result<Loaded, Failure> {
    let source = source(name)?;
    match source.parse() {
        Ok(scenario) => {
            for warning in &scenario.warnings {
                anstream::eprintln!("{}", render(&source, warning));
            }
            Ok(Loaded { source, scenario })
        }
        Err(diagnostics) => Err(wrong(&source, &diagnostics)),
    }
}

/// The systems of the library.
pub fn library_systems() -> impl Iterator<Item = System> {
    library().iter().filter_map(|entry| entry.system().ok())
}

/// Loads a sweep, which is always a file.
///
/// # Errors
/// If it cannot be read or is no sweep; every mistake is shown.
pub fn load_sweep(name: &str) -> Result<Sweep, Failure> {
    let source = file(name)?;
    source.parse_sweep().map_err(|diagnostics| wrong(&source, &diagnostics))
}

fn file(name: &str) -> Result<Source, Failure> {
    let bytes = read(Path::new(name)).map_err(|error| Failure::input(format!("cannot read `{name}`: {error}")))?;
    Source::from_bytes(name, &bytes).map_err(|diagnostics| {
        let readable = Source::new(name, String::from_utf8_lossy(&bytes));
        wrong(&readable, &diagnostics)
    })
}

fn source(name: &str) -> Result<Source, Failure> {
    if name.contains(['/', '\\', '.']) {
        return file(name);
    }
    let entries = library();
    if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
        return Ok(entry.source.clone());
    }
    let names = entries.iter().map(|entry| entry.name);
    let near = names.map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    let hint = match near {
        Some((distance, known)) if distance <= 3 => format!("did you mean `{known}`?"),
        _ => "`lacuna scenarios` lists the library; a file's name contains a dot or a separator".into(),
    };
    Err(Failure::input(format!("the library has no scenario `{name}`: {hint}")))
}

/// Reads a file, but no more of it than a scenario may have, so that no file and no device fills the memory.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn wrong(source: &Source, diagnostics: &[Diagnostic]) -> Failure {
    let shown: Vec<String> = diagnostics.iter().map(|diagnostic| render(source, diagnostic)).collect();
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let count = if errors == 1 { "1 error".into() } else { format!("{errors} errors") };
    Failure { exit: Exit::WrongInput, message: format!("{}\n{}: {count}", shown.join("\n"), source.name) }
}

/// A diagnostic with the lines it is about. The first line is `file:line:column: …`, for tools.
fn render(source: &Source, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let label = diagnostic.expected.as_ref().map(|expected| format!("expected {expected}"));
    let mut annotation = AnnotationKind::Primary.span(diagnostic.span.clone());
    if let Some(label) = &label {
        annotation = annotation.label(label.as_str());
    }
    let snippet = Snippet::source(source.text.as_str()).path(source.name.as_str()).annotation(annotation);
    let mut group: Group<'_> = level.primary_title(diagnostic.message.as_str()).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}
