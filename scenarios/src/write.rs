//! Writes a tree as JSON, so that a scenario in any format can go to tools that read only that.

use std::fmt::Write;

use crate::tree::{Node, Value, Word};

/// The tree as JSON, in lines.
pub(crate) fn json(node: &Node) -> String {
    let mut out = String::new();
    value(&mut out, node, 0);
    out.push('\n');
    out
}

fn text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                // Control characters are below U+10000: one unit each. Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether items stand on one line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Inline,
    Lines,
}

/// Items between brackets.
fn items<T>(
    out: &mut String,
    brackets: [char; 2],
    (layout, depth): (Layout, usize),
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    let new_line = |out: &mut String, depth| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    out.push(brackets[0]);
    let mut some = false;
    for item in items {
        out.push_str(match (some, layout) {
            (true, Layout::Inline) => ", ",
            (true, Layout::Lines) => ",",
            (false, _) => "",
        });
        if layout == Layout::Lines {
            new_line(out, depth + 1);
        }
        write(out, item);
        some = true;
    }
    if some && layout == Layout::Lines {
        new_line(out, depth);
    }
    out.push(brackets[1]);
}

/// One key stands on one line with what belongs to it.
fn object<'n>(out: &mut String, depth: usize, pairs: &[(&'n str, &'n Node)]) {
    let (layout, inner) = if pairs.len() == 1 { (Layout::Inline, depth) } else { (Layout::Lines, depth + 1) };
    items(out, ['{', '}'], (layout, depth), pairs, |out, (name, node)| {
        text(out, name);
        out.push_str(": ");
        value(out, node, inner);
    });
}

fn fields(out: &mut String, depth: usize, pairs: &[(Word, Node)]) {
    let pairs: Vec<_> = pairs.iter().map(|(name, node)| (name.text.as_str(), node)).collect();
    object(out, depth, &pairs);
}

fn list(out: &mut String, depth: usize, nodes: &[Node]) {
    let is_leaf = |node: &Node| matches!(node.value, Value::Text(_) | Value::Name(_) | Value::Number(_));
    let layout = if nodes.iter().all(is_leaf) { Layout::Inline } else { Layout::Lines };
    items(out, ['[', ']'], (layout, depth), nodes, |out, node| value(out, node, depth + 1));
}

/// `{"Tag": …}`
fn tagged(out: &mut String, tag: &Word, payload: impl Fn(&mut String)) {
    out.push('{');
    text(out, &tag.text);
    out.push_str(": ");
    payload(out);
    out.push('}');
}

fn value(out: &mut String, node: &Node, depth: usize) {
    match &node.value {
        Value::Name(name) if matches!(name.as_str(), "true" | "false" | "null") => out.push_str(name),
        Value::Name(name) if name == "None" => out.push_str("null"),
        Value::Text(string) | Value::Name(string) => text(out, string),
        Value::Number(digits) => out.push_str(digits.trim_start_matches('+').replace('_', "").as_str()),
        Value::List(nodes) => list(out, depth, nodes),
        Value::Map(pairs) => {
            let key = |key: &'_ Node| match &key.value {
                Value::Text(string) | Value::Name(string) | Value::Number(string) => string.clone(),
                _ => String::new(),
            };
            let keys: Vec<_> = pairs.iter().map(|(node, _)| key(node)).collect();
            let pairs: Vec<_> = keys.iter().map(String::as_str).zip(pairs.iter().map(|(_, node)| node)).collect();
            object(out, depth, &pairs);
        }
        Value::Record { tag: Some(tag), fields: pairs } if depth > 0 => {
            tagged(out, tag, |out| fields(out, depth, pairs));
        }
        Value::Record { fields: pairs, .. } | Value::Object(pairs) => fields(out, depth, pairs),
        Value::Tuple { tag: Some(tag), items } if tag.text == "Some" && items.len() == 1 => {
            items.iter().for_each(|node| value(out, node, depth));
        }
        Value::Tuple { tag: Some(tag), items } => tagged(out, tag, |out| match items.as_slice() {
            [node] => value(out, node, depth),
            nodes => list(out, depth, nodes),
        }),
        Value::Tuple { tag: None, items } => list(out, depth, items),
    }
}
