//! Readers: from a text to the located value tree, one file a format.
//!
//! They are hand-written, because what is asked of them is what the readers of others do not give together: the place
//! of every key and value, repeated keys kept, nesting bounded before the stack is used, one pass over any text. Those
//! others (`ron`, `serde_json`, `csv`) are their judges in the tests: what is read here, they must read alike.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod ron;

use crate::diagnostic::{Mistake, quote};
use crate::tree::Span;

/// How deep brackets may be nested.
pub const MAX_DEPTH: usize = 64;

/// A place in a text that moves forward.
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
    open: Vec<(char, usize)>,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, open: Vec::new() }
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Steps over this text, if it is next.
    pub(crate) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Steps over all characters that are so.
    pub(crate) fn eat_while(&mut self, is_so: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !is_so(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// The next character's place, empty at the end.
    pub(crate) fn here(&self) -> Span {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    /// Steps over an opening bracket.
    pub(crate) fn open(&mut self) -> Result<(), Mistake> {
        let here = self.here();
        if self.open.len() >= MAX_DEPTH {
            return Err(Mistake::new(&here, "brackets are nested too deep")
                .expected(format!("at most {MAX_DEPTH} inside one another")));
        }
        if let Some(c) = self.next() {
            self.open.push((c, here.start));
        }
        Ok(())
    }

    /// Steps over the closing bracket of the innermost opened one, if it is next.
    pub(crate) fn close(&mut self, closing: char) -> bool {
        let found = self.peek() == Some(closing);
        if found {
            self.next();
            self.open.pop();
        }
        found
    }

    /// What is next is not what was expected.
    pub(crate) fn unexpected(&self, expected: &str) -> Mistake {
        let here = self.here();
        match (self.peek(), self.open.last()) {
            (None, Some((bracket, opened))) => {
                Mistake::new(&here, format!("the text ends inside the `{bracket}` opened"))
                    .seen_at(*opened)
                    .expected(expected)
            }
            (None, None) => Mistake::new(&here, "the text ends here").expected(expected),
            (Some(c @ (')' | ']' | '}')), Some((bracket, opened))) => {
                Mistake::new(&here, format!("`{c}` cannot stand here, inside the `{bracket}` opened"))
                    .seen_at(*opened)
                    .expected(expected)
            }
            (Some(c), _) => Mistake::new(&here, format!("{} cannot stand here", quote(c.encode_utf8(&mut [0; 4]))))
                .expected(expected),
        }
    }

    /// After an item of a list: true if another may follow, false if the list is closed.
    pub(crate) fn comma_or_close(&mut self, closing: char) -> Result<After, Mistake> {
        if self.close(closing) {
            return Ok(After::Closed);
        }
        if self.eat(",") {
            return Ok(After::Comma);
        }
        let mistake = self.unexpected(&format!("`,` or `{closing}`"));
        let begins = |c: char| c.is_alphanumeric() || matches!(c, '"' | '(' | '[' | '{' | '_' | '-');
        Err(if self.peek().is_some_and(begins) { mistake.help("a `,` is missing before this") } else { mistake })
    }
}

/// What came after an item of a list.
pub(crate) enum After {
    Comma,
    Closed,
}
