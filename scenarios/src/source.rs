//! A source: a named text, its format, and the way from it to a checked system.
//!
//! Invariant: no bytes make it panic, overflow the stack, or take more than time linear in a bounded size.

use lacuna_model::sweep::Sweep;
use lacuna_model::system::System;

use crate::diagnostic::{Diagnostic, Mistake, Report};
use crate::tree::Node;
use crate::{lower, read, schema, shape, write};

/// Largest source that is read, in bytes.
pub const MAX_SIZE: usize = 1 << 20;

/// A format of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rusty object notation, `.ron`.
    Ron,
    /// The same structure, `.json`.
    Json,
    /// A task set, one row a task, `.csv`.
    Csv,
}

impl Format {
    /// All of them, each with its extension.
    pub const ALL: [(&'static str, Self); 3] = [("ron", Self::Ron), ("json", Self::Json), ("csv", Self::Csv)];

    /// The format of a file of this name.
    pub fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, format)| format)
    }
}

/// A named text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, as diagnostics show it; the extension decides the format.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What a source means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scenario {
    /// The checked system.
    pub system: System,
    /// What is probably not meant; no errors.
    pub warnings: Vec<Diagnostic>,
}

impl Source {
    /// A source of this name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A source of this name, if the bytes are text.
    ///
    /// # Errors
    /// The place of the first byte that is not UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let source = Self::new(name, String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
                let end = source.text.len();
                let mut report = Report::new(&source);
                report.push(Mistake::new(&(end..end), "this byte is not UTF-8").expected("text in UTF-8"));
                Err(report.finish())
            }
        }
    }

    /// Reads and checks it.
    ///
    /// # Errors
    /// Every mistake in the order of the text, warnings among them; of syntax errors only the first.
    pub fn parse(&self) -> Result<Scenario, Vec<Diagnostic>> {
        let mut report = Report::new(self);
        let system = self.shaped(&mut report).map(|root| lower::system(&root, &mut report));
        let failed = report.has_errors();
        let diagnostics = report.finish();
        match system {
            Some(system) if !failed => Ok(Scenario { system, warnings: diagnostics }),
            _ => Err(diagnostics),
        }
    }

    /// Reads and checks it as a sweep.
    ///
    /// # Errors
    /// As [`Self::parse`]; also if it is a table.
    pub fn parse_sweep(&self) -> Result<Sweep, Vec<Diagnostic>> {
        let mut report = Report::new(self);
        let sweep = match self.tree(&mut report) {
            Some((_, Format::Csv)) => {
                let mistake = Mistake::new(&(0..0), "a table is no sweep");
                report.push(mistake.expected("a name that ends in `.ron` or `.json`"));
                None
            }
            Some((root, format)) => shape::record(&root, &schema::SWEEP, format, &mut report),
            None => None,
        };
        let sweep = sweep.map(|root| lower::sweep(&root, &mut report));
        let failed = report.has_errors();
        match sweep {
            Some(sweep) if !failed => Ok(sweep),
            _ => Err(report.finish()),
        }
    }

    /// The same scenario as JSON, whatever format it is in.
    ///
    /// # Errors
    /// The first syntax error; nothing else is checked.
    pub fn to_json(&self) -> Result<String, Vec<Diagnostic>> {
        let mut report = Report::new(self);
        match self.tree(&mut report) {
            Some((root, _)) => Ok(write::json(&root)),
            None => Err(report.finish()),
        }
    }

    fn tree(&self, report: &mut Report<'_>) -> Option<(Node, Format)> {
        match self.read(report) {
            Ok(read) => read,
            Err(mistake) => {
                report.push(mistake);
                None
            }
        }
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Option<(Node, Format)>, Mistake> {
        if self.text.len() > MAX_SIZE {
            // Not how many: who read it may have stopped there.
            let message = format!("the source has more than {MAX_SIZE} bytes");
            return Err(Mistake::new(&(0..0), message).expected("a shorter text"));
        }
        let Some(format) = Format::of(&self.name) else {
            let mistake = Mistake::new(&(0..0), "the format is unknown");
            return Err(mistake.expected("a name that ends in `.ron`, `.json` or `.csv`"));
        };
        let root = match format {
            Format::Ron => Some(read::ron::read(&self.text)?),
            Format::Json => Some(read::json::read(&self.text)?),
            Format::Csv => read::csv::read(&self.name, &self.text, report)?,
        };
        Ok(root.map(|root| (root, format)))
    }

    fn shaped(&self, report: &mut Report<'_>) -> Option<shape::Fields> {
        let (root, format) = self.tree(report)?;
        shape::record(&root, &schema::SCENARIO, format, report)
    }
}

/// Reads and checks the text of a RON scenario.
///
/// # Errors
/// As [`Source::parse`].
pub fn parse(text: &str) -> Result<System, Vec<Diagnostic>> {
    Source::new("scenario.ron", text).parse().map(|scenario| scenario.system)
}

/// Reads and checks bytes; the extension of the name decides the format.
///
/// # Errors
/// As [`Source::parse`]; also if they are not UTF-8.
pub fn parse_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Scenario, Vec<Diagnostic>> {
    Source::from_bytes(name, bytes)?.parse()
}
