//! The form of maps and records.

use std::collections::HashMap;

use super::{Fields, Item, Shape, Shaper};
use crate::diagnostic::{Mistake, quote};
use crate::schema::{Field, Kind, Need, Record, list_of};
use crate::source::Format;
use crate::tree::{Node, Span, Value, Word};

impl Shaper<'_, '_> {
    pub(super) fn map<'n>(
        &mut self,
        pairs: impl Iterator<Item = (&'n Word, &'n Node)>,
        key: &'static Kind,
        value: &'static Kind,
    ) -> Shape {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut shaped = Vec::new();
        for (word, node) in pairs {
            if self.report.is_full() {
                break;
            }
            let item = self.item(node, value);
            if let Some(first) = seen.get(word.text.as_str()) {
                let mistake = Mistake::new(&word.span, format!("{} is here twice, first", quote(&word.text)));
                self.report.push(mistake.seen_at(*first).expected("every name once"));
                continue;
            }
            seen.insert(&word.text, word.span.start);
            if matches!(key, Kind::Declares(_)) {
                self.check_name(&word.span, &word.text, key);
            }
            shaped.push((word.clone(), item));
        }
        Shape::Map(shaped)
    }

    pub(super) fn record(&mut self, node: &Node, record: &'static Record) -> Option<Fields> {
        match &node.value {
            Value::Record { tag, fields } => {
                if let Some(tag) = tag
                    && record.tag != Some(tag.text.as_str())
                {
                    let mistake = Mistake::new(&tag.span, format!("{} cannot stand here", quote(&tag.text)));
                    self.report.push(mistake.expected(Kind::Record(record).expected()));
                }
                Some(self.fields(node.head(), fields, record))
            }
            Value::Object(pairs) => Some(self.fields(node.head(), pairs, record)),
            _ => {
                self.wrong_kind(node, &Kind::Record(record));
                None
            }
        }
    }

    pub(super) fn fields(&mut self, head: Span, pairs: &[(Word, Node)], record: &'static Record) -> Fields {
        let mut values: Vec<Option<(Span, Item)>> = record.fields.iter().map(|_| None).collect();
        let mut present = vec![None; values.len()];
        for (name, node) in pairs {
            if self.report.is_full() {
                break;
            }
            let Some(index) = record.fields.iter().position(|field| field.name == name.text) else {
                self.unknown_field(name, record);
                continue;
            };
            if let Some(first) = present[index] {
                let mistake = Mistake::new(&name.span, format!("{} is here twice, first", quote(&name.text)));
                self.report.push(mistake.seen_at(first).expected("every field once"));
                continue;
            }
            present[index] = Some(name.span.start);
            let field = &record.fields[index];
            if let Some(node) = given(node, field, self.format) {
                values[index] = Some((name.span.clone(), self.item(node, &field.kind)));
            }
        }
        for (index, field) in record.fields.iter().enumerate() {
            let needed = match field.need {
                Need::Required => true,
                Need::Unless(other) => !record.fields.iter().zip(&values).any(|(f, v)| f.name == other && v.is_some()),
                Need::Absent(_) => false,
            };
            if needed && present[index].is_none() {
                let message = format!("{} has no `{}`", record.noun, field.name);
                self.report.push(Mistake::new(&head, message).expected(field.kind.expected()));
            }
        }
        Fields { head, record, values }
    }

    fn unknown_field(&mut self, name: &Word, record: &'static Record) {
        let known = || record.fields.iter().map(|field| field.name);
        let mistake = Mistake::new(&name.span, format!("{} has no field {}", record.noun, quote(&name.text)));
        let expected = if known().count() == 1 { "only " } else { "one of " };
        let expected = format!("{expected}{}", list_of(known()));
        self.report.push(mistake.expected(expected).nearest(&name.text, known()));
    }
}

/// The value that a field is given: of an optional one, `None` (in JSON `null`) is nothing, `Some(x)` is `x`.
fn given<'n>(node: &'n Node, field: &Field, format: Format) -> Option<&'n Node> {
    if !matches!(field.need, Need::Absent(_)) {
        return Some(node);
    }
    match &node.value {
        Value::Name(name) if name == if format == Format::Json { "null" } else { "None" } => None,
        Value::Tuple { tag: Some(tag), items } if tag.text == "Some" && items.len() == 1 => items.first(),
        _ => Some(node),
    }
}
