//! The located value tree: what every reader makes of its text, and all that the rest of the crate sees of it.
//!
//! Every node knows its bytes. Nothing is dropped: keys are kept in order with their places, repeated ones too.

use std::ops::Range;

/// Bytes of the text.
pub(crate) type Span = Range<usize>;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// A name and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) span: Span,
    pub(crate) text: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `"…"`.
    Text(String),
    /// Digits as written.
    Number(String),
    /// `Exit`; in JSON `true`, `false`, `null`.
    Name(String),
    /// `[…]`.
    List(Vec<Node>),
    /// `{key: …}` of RON.
    Map(Vec<(Node, Node)>),
    /// `(field: …)` or `Tag(field: …)` of RON; also `()`.
    Record { tag: Option<Word>, fields: Vec<(Word, Node)> },
    /// `(…, …)` or `Tag(…, …)` of RON.
    Tuple { tag: Option<Word>, items: Vec<Node> },
    /// `{"key": …}` of JSON: a map, a record, or a tag with what belongs to it.
    Object(Vec<(Word, Node)>),
}

impl Node {
    /// What a person would call it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a text",
            Value::Number(_) => "a number",
            Value::Name(_) => "a bare name",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Record { tag: None, .. } => "a record",
            Value::Tuple { tag: None, .. } => "a tuple",
            Value::Record { tag: Some(_), .. } | Value::Tuple { tag: Some(_), .. } => "a tagged value",
            Value::Object(_) => "an object",
        }
    }

    /// Where to point for something about the whole: its tag or its first character.
    pub(crate) fn head(&self) -> Span {
        match &self.value {
            Value::Record { tag: Some(tag), .. } | Value::Tuple { tag: Some(tag), .. } => tag.span.clone(),
            Value::Record { .. } | Value::Tuple { .. } | Value::List(_) | Value::Map(_) | Value::Object(_) => {
                self.span.start..(self.span.start + 1).min(self.span.end)
            }
            Value::Text(_) | Value::Number(_) | Value::Name(_) => self.span.clone(),
        }
    }
}
