//! Shape: does every value have the form that the [schema](crate::schema) asks for? All mistakes of form are reported
//! here, whatever the format of the source was; what is wrong becomes a hole, which later stages skip in silence.

mod choice;
mod compound;
mod leaf;

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::units::{Bytes, Nanos};

use crate::diagnostic::{Mistake, Report, quote};
use crate::schema::{Kind, Record};
use crate::source::Format;
use crate::tree::{Node, Span, Value, Word};

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) span: Span,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// Something whose mistake has been reported.
    Hole,
    Text(String),
    Integer(u64),
    Duration(Nanos),
    Size(Bytes),
    Guarantee(GuaranteeId),
    List(Vec<Item>),
    Map(Vec<(Word, Item)>),
    Record(Fields),
    Chosen(&'static str, Payload),
}

/// What belongs to a variant.
#[derive(Debug)]
pub(crate) enum Payload {
    Nothing,
    One(Box<Item>),
    Fields(Fields),
}

/// The fields of a record.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Where to point for something about the whole.
    pub(crate) head: Span,
    record: &'static Record,
    /// In the order of the schema, each with the place of its name.
    values: Vec<Option<(Span, Item)>>,
}

impl Fields {
    fn entry(&self, name: &str) -> Option<&(Span, Item)> {
        let index = self.record.fields.iter().position(|field| field.name == name);
        debug_assert!(index.is_some(), "{} has no field {name}", self.record.title);
        self.values.get(index?)?.as_ref()
    }

    /// The value of a field of the schema, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Item> {
        self.entry(name).map(|(_, item)| item)
    }

    /// Where the name of a field stands, if it is there.
    pub(crate) fn key(&self, name: &str) -> Option<&Span> {
        self.entry(name).map(|(span, _)| span)
    }

    pub(crate) fn list(&self, name: &str) -> &[Item] {
        self.get(name).map(Item::list).unwrap_or_default()
    }

    pub(crate) fn map(&self, name: &str) -> &[(Word, Item)] {
        match self.get(name).map(|item| &item.shape) {
            Some(Shape::Map(pairs)) => pairs,
            _ => &[],
        }
    }

    pub(crate) fn record(&self, name: &str) -> Option<&Fields> {
        self.get(name)?.record()
    }

    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        match self.get(name)?.shape {
            Shape::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Nanos> {
        self.get(name)?.duration()
    }

    /// Calls `visit` with every duration that is written anywhere in it, and its place.
    pub(crate) fn for_each_duration(&self, visit: &mut impl FnMut(&Span, Nanos)) {
        self.values.iter().flatten().for_each(|(_, item)| item.for_each_duration(visit));
    }
}

impl Item {
    fn for_each_duration(&self, visit: &mut impl FnMut(&Span, Nanos)) {
        match &self.shape {
            Shape::Duration(duration) => visit(&self.span, *duration),
            Shape::List(items) => items.iter().for_each(|item| item.for_each_duration(visit)),
            Shape::Map(pairs) => pairs.iter().for_each(|(_, item)| item.for_each_duration(visit)),
            Shape::Record(fields) | Shape::Chosen(_, Payload::Fields(fields)) => fields.for_each_duration(visit),
            Shape::Chosen(_, Payload::One(item)) => item.for_each_duration(visit),
            _ => {}
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn duration(&self) -> Option<Nanos> {
        match self.shape {
            Shape::Duration(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn size(&self) -> Option<Bytes> {
        match self.shape {
            Shape::Size(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Item] {
        match &self.shape {
            Shape::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn record(&self) -> Option<&Fields> {
        match &self.shape {
            Shape::Record(fields) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn chosen(&self) -> Option<(&'static str, &Payload)> {
        match &self.shape {
            Shape::Chosen(name, payload) => Some((name, payload)),
            _ => None,
        }
    }
}

/// The root as this record, or nothing if it is not even a record.
pub(crate) fn record(node: &Node, record: &'static Record, format: Format, report: &mut Report<'_>) -> Option<Fields> {
    Shaper { format, report }.record(node, record)
}

struct Shaper<'r, 's> {
    format: Format,
    report: &'r mut Report<'s>,
}

impl Shaper<'_, '_> {
    fn item(&mut self, node: &Node, kind: &'static Kind) -> Item {
        let shape = if self.report.is_full() { None } else { self.shape(node, kind) };
        Item { span: node.span.clone(), shape: shape.unwrap_or(Shape::Hole) }
    }

    fn wrong_kind(&mut self, node: &Node, kind: &Kind) {
        let mut mistake = Mistake::new(&node.head(), format!("this is {}", node.kind())).expected(kind.expected());
        match (&node.value, kind) {
            (Value::Name(name), Kind::Text | Kind::Declares(_) | Kind::Refers(_) | Kind::Duration | Kind::Size) => {
                mistake = mistake.help(format!("write it in quotes: {}", in_quotes(name, "")));
            }
            (Value::Text(text), Kind::Integer { .. }) if text.parse::<u64>().is_ok() => {
                mistake = mistake.help(format!("write it without quotes: {}", quote(text)));
            }
            (Value::Text(_), Kind::OneOf(_) | Kind::Guarantee) => {
                mistake = mistake.help("write it without quotes");
            }
            (Value::Number(number), Kind::Duration | Kind::PositiveDuration) => {
                mistake = mistake.help(format!("write it with a unit and in quotes: {}", in_quotes(number, "ms")));
            }
            (Value::Number(number), Kind::Size) => {
                mistake = mistake.help(format!("write it with a unit and in quotes: {}", in_quotes(number, "MiB")));
            }
            (Value::Record { .. }, Kind::Map(..)) => {
                mistake = mistake.help("maps have braces: `{\"name\": …}`");
            }
            (Value::Map(_), Kind::Record(_)) => mistake = mistake.help("records have parentheses: `(field: …)`"),
            _ => {}
        }
        self.report.push(mistake);
    }

    fn shape(&mut self, node: &Node, kind: &'static Kind) -> Option<Shape> {
        match (kind, &node.value) {
            (Kind::Text | Kind::Refers(_), Value::Text(text)) => Some(Shape::Text(text.clone())),
            (Kind::Declares(_), Value::Text(text)) => {
                self.check_name(&node.span, text, kind).then(|| Shape::Text(text.clone()))
            }
            (Kind::Duration | Kind::PositiveDuration, Value::Text(text)) => self.duration(node, text, kind),
            (Kind::Size, Value::Text(text)) => match Bytes::parse(text) {
                Ok(size) => Some(Shape::Size(size)),
                Err(error) => self.unit_error(node, text, &error, kind),
            },
            (Kind::Integer { min, max }, Value::Number(digits)) => self.integer(node, digits, *min, *max, kind),
            (Kind::Integer { min, max }, Value::Text(digits)) if self.format == Format::Csv => {
                self.integer(node, digits, *min, *max, kind)
            }
            (Kind::Guarantee, _) => self.guarantee(node, kind),
            (Kind::OneOf(choice), _) => self.choice(node, choice, kind),
            (Kind::List(item), Value::List(nodes)) => {
                Some(Shape::List(nodes.iter().map(|node| self.item(node, item)).collect()))
            }
            (Kind::Pair(item, _), Value::Tuple { tag: None, items } | Value::List(items)) if items.len() == 2 => {
                Some(Shape::List(items.iter().map(|node| self.item(node, item)).collect()))
            }
            (Kind::Map(key, value), Value::Map(pairs)) => {
                let pairs = pairs.iter().filter_map(|(node, value)| match &node.value {
                    Value::Text(text) => Some((Word { span: node.span.clone(), text: text.clone() }, value)),
                    _ => {
                        self.wrong_kind(node, key);
                        None
                    }
                });
                let pairs = pairs.collect::<Vec<_>>();
                Some(self.map(pairs.iter().map(|(word, node)| (word, *node)), key, value))
            }
            (Kind::Map(key, value), Value::Object(pairs)) => {
                Some(self.map(pairs.iter().map(|(word, node)| (word, node)), key, value))
            }
            (Kind::Record(record), _) => self.record(node, record).map(Shape::Record),
            _ => {
                self.wrong_kind(node, kind);
                None
            }
        }
    }
}

/// What was written, as the text that it should have been.
fn in_quotes(written: &str, unit: &str) -> String {
    quote(&format!("\"{written}{unit}\""))
}
