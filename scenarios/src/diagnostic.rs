//! Diagnostics: what is wrong with a source, where, and what would be right. Plain data; the command line draws them.
//!
//! Invariants: `span` lies inside the text; text that came from the source is quoted by [`quote`], so that neither its
//! length nor its control characters reach a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use crate::source::Source;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The source means something, though probably not what was intended.
    Warning,
    /// The source cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the source.
    pub file: String,
    /// How bad it is.
    pub severity: Severity,
    /// The bytes of the text that it is about; empty at the end of the text.
    pub span: Range<usize>,
    /// Line of its start, from 1.
    pub line: usize,
    /// Column of its start in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right here.
    pub expected: Option<String>,
    /// A way out: the nearest known name, or a hint.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, severity, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message}")?;
        match (&self.expected, &self.help) {
            (Some(expected), Some(help)) => write!(f, " (expected {expected}; {help})"),
            (Some(expected), None) => write!(f, " (expected {expected})"),
            (None, Some(help)) => write!(f, " ({help})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// A mistake whose place is not yet a line and a column.
#[derive(Debug)]
pub(crate) struct Mistake {
    severity: Severity,
    span: Range<usize>,
    message: String,
    expected: Option<String>,
    help: Option<String>,
    seen_at: Option<usize>,
}

impl Mistake {
    pub(crate) fn new(span: &Range<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, span: span.clone(), message, expected: None, help: None, seen_at: None }
    }

    pub(crate) fn warning(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(span, message) }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean", if some known name is near.
    pub(crate) fn nearest<'k>(mut self, written: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        if let Some(name) = nearest(written, known) {
            self.help = Some(format!("did you mean {}?", quote(name)));
        }
        self
    }

    /// Adds the line and column of this byte to the message, after its last word.
    pub(crate) fn seen_at(mut self, offset: usize) -> Self {
        self.seen_at = Some(offset);
        self
    }
}

/// How many mistakes of one source are reported.
const MAX_MISTAKES: usize = 200;

/// The mistakes of one source so far.
pub(crate) struct Report<'s> {
    source: &'s Source,
    mistakes: Vec<Mistake>,
}

impl<'s> Report<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self { source, mistakes: Vec::new() }
    }

    /// What the source says there.
    pub(crate) fn written(&self, span: &Range<usize>) -> &'s str {
        self.source.text.get(span.clone()).unwrap_or_default()
    }

    /// Adds a mistake, unless there are enough.
    pub(crate) fn push(&mut self, mistake: Mistake) {
        if !self.is_full() {
            self.mistakes.push(mistake);
        }
    }

    /// Are there so many that no more are looked for?
    pub(crate) fn is_full(&self) -> bool {
        self.mistakes.len() > MAX_MISTAKES
    }

    /// Is there an error? Where no more was looked for, there may be.
    pub(crate) fn has_errors(&self) -> bool {
        self.is_full() || self.mistakes.iter().any(|mistake| mistake.severity == Severity::Error)
    }

    /// All of them in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        let more = self.is_full();
        self.mistakes.truncate(MAX_MISTAKES);
        if more {
            let end = self.source.text.len();
            self.mistakes.push(Mistake::new(&(end..end), "there are more mistakes than are shown"));
        }
        self.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        let offsets = self.mistakes.iter().flat_map(|mistake| [Some(mistake.span.start), mistake.seen_at]).flatten();
        let positions = positions(&self.source.text, offsets.collect());
        let position = |offset| positions.get(&offset).copied().unwrap_or((1, 1));
        let diagnostic = |mistake: Mistake| {
            let (line, column) = position(mistake.span.start);
            let message = match mistake.seen_at.map(position) {
                Some((line, column)) => format!("{} at line {line}, column {column}", mistake.message),
                None => mistake.message,
            };
            // Whoever points at the first byte of something means its first character.
            let text = &self.source.text;
            let end = (mistake.span.end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            Diagnostic {
                file: self.source.name.clone(),
                severity: mistake.severity,
                span: mistake.span.start..end,
                line,
                column,
                message,
                expected: mistake.expected,
                help: mistake.help,
            }
        };
        self.mistakes.into_iter().map(diagnostic).collect()
    }
}

/// Line and column in characters, both from 1, of each of these bytes, in one pass over the text.
fn positions(text: &str, offsets: BTreeSet<usize>) -> BTreeMap<usize, (usize, usize)> {
    let mut positions = BTreeMap::new();
    let (mut line, mut column, mut at) = (1, 1, 0);
    for offset in offsets {
        for c in text.get(at..offset).unwrap_or_default().chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = offset;
        positions.insert(offset, (line, column));
    }
    positions
}

/// Longest piece of the source that a message repeats, in characters.
const MAX_QUOTED: usize = 48;

/// The text in backticks, escaped and cut.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == MAX_QUOTED {
            quoted.push('…');
            break;
        }
        if c == '\'' || c == '"' { quoted.push(c) } else { quoted.extend(c.escape_debug()) }
    }
    quoted.push('`');
    quoted
}

/// The known name that was probably meant, if any is near.
pub(crate) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = written.chars().count();
    if length == 0 || length > MAX_QUOTED {
        return None;
    }
    let lower = written.to_lowercase();
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (length / 3).max(1) && distance < length && name != written).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["builder", "supervisor"];
        assert_eq!(nearest("buidler", known), Some("builder"));
        assert_eq!(nearest("Builder", known), Some("builder"));
        assert_eq!(nearest("other", known), None);
        assert_eq!(nearest("q", ["p"]), None);
        assert_eq!(nearest(&"b".repeat(100_000), known), None);
    }

    #[test]
    fn quoting_tames_what_was_written() {
        assert_eq!(quote("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert!(quote(&"x".repeat(1000)).chars().count() < 60);
    }

    #[test]
    fn columns_count_characters() {
        let text = "é = ü\nöäx";
        let x = text.find('x').unwrap();
        let positions = positions(text, [0, x, text.len()].into());
        assert_eq!(positions.into_values().collect::<Vec<_>>(), [(1, 1), (2, 3), (2, 4)]);
    }
}
