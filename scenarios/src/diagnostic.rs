//! Diagnostics: what is wrong with a source, where, and what would be right. Plain data; the command line draws them.
//!
//! Invariants: `span` lies inside the text; text that came from the source is quoted by [`quote`], so that neither its
//! length nor its control characters reach a terminal.

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
pub(crate) const MAX_MISTAKES: usize = 200;

/// The mistakes of one source so far.
pub(crate) struct Report<'s> {
    source: &'s Source,
    line_starts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
    unreported: usize,
}

impl<'s> Report<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        let line_starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, line_starts, diagnostics: Vec::new(), unreported: 0 }
    }

    /// Line and column, from 1, of a byte; the nearest character's before it, if it is inside one.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.source.text.get(start..).unwrap_or_default().char_indices();
        let column = before.take_while(|(at, _)| start + at < offset).count() + 1;
        (line, column)
    }

    pub(crate) fn push(&mut self, mistake: Mistake) {
        if self.diagnostics.len() >= MAX_MISTAKES {
            self.unreported += 1;
            return;
        }
        let (line, column) = self.position(mistake.span.start);
        let mut message = mistake.message;
        if let Some(offset) = mistake.seen_at {
            let (line, column) = self.position(offset);
            message = format!("{message} at line {line}, column {column}");
        }
        self.diagnostics.push(Diagnostic {
            file: self.source.name.clone(),
            severity: mistake.severity,
            span: mistake.span,
            line,
            column,
            message,
            expected: mistake.expected,
            help: mistake.help,
        });
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.unreported > 0 || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All of them in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.unreported > 0 {
            let end = self.source.text.len();
            let (line, column) = self.position(end);
            self.diagnostics.push(Diagnostic {
                file: self.source.name.clone(),
                severity: Severity::Error,
                span: end..end,
                line,
                column,
                message: format!("{} more mistakes are not shown", self.unreported),
                expected: None,
                help: None,
            });
        }
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        self.diagnostics
    }
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
        let source = Source::new("x.ron", "é = ü\nöäx");
        let report = Report::new(&source);
        assert_eq!(report.position(source.text.find('x').unwrap()), (2, 3));
        assert_eq!(report.position(source.text.len()), (2, 4));
        assert_eq!(report.position(0), (1, 1));
    }
}
