//! Shape: does every value have the form that the [schema](crate::schema) asks for? All mistakes of form are reported
//! here, whatever the format of the source was; what is wrong becomes a hole, which later stages skip in silence.

use std::collections::HashMap;

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::units::{Bytes, Nanos, UnitError};

use crate::diagnostic::{Mistake, Report, nearest, quote};
use crate::schema::{Choice, Field, Form, Kind, Need, Record, Variant, article};
use crate::source::Format;
use crate::tree::{Node, Span, Value, Word};

/// A value of the right form, or a hole.
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
}

impl Item {
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

/// Longest name, in characters.
const MAX_NAME: usize = 64;

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

    /// Names are printed everywhere and typed by people.
    fn check_name(&mut self, span: &Span, name: &str, kind: &Kind) -> bool {
        let problem = if name.is_empty() {
            "the name is empty".into()
        } else if name.chars().count() > MAX_NAME {
            format!("the name has more than {MAX_NAME} characters")
        } else if let Some(c) = name.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
            format!("{} cannot stand in a name", quote(c.encode_utf8(&mut [0; 4])))
        } else {
            return true;
        };
        let expected = format!("{}, of letters, digits, `-`, `_` and `.`", kind.expected());
        self.report.push(Mistake::new(span, problem).expected(expected));
        false
    }

    fn unit_error(&mut self, node: &Node, text: &str, error: &UnitError, kind: &Kind) -> Option<Shape> {
        let written = quote(text);
        let mistake = match error {
            UnitError::TooFine(_) => Mistake::new(&node.span, format!("{written} is finer than can be said")),
            UnitError::TooLarge(_) => Mistake::new(&node.span, format!("{written} is too large")),
            UnitError::Malformed { what, units, .. } => {
                let mistake = Mistake::new(&node.span, format!("{written} is not {what}"));
                let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
                let unit = text.get(number.len()..).unwrap_or_default().trim();
                let unit = unit.strip_suffix("ec").unwrap_or(unit);
                let units = units.split(", ").map(|unit| unit.trim_matches('`'));
                let known = units.clone().find(|known| *known == unit);
                match known.or_else(|| nearest(unit, units)) {
                    Some(near) if !number.is_empty() => {
                        mistake.help(format!("did you mean {}?", quote(&format!("{number}{near}"))))
                    }
                    _ => mistake,
                }
            }
        };
        self.report.push(mistake.expected(kind.expected()));
        None
    }

    fn duration(&mut self, node: &Node, text: &str, kind: &Kind) -> Option<Shape> {
        match Nanos::parse(text) {
            Ok(Nanos(0)) if matches!(kind, Kind::PositiveDuration) => {
                self.report.push(Mistake::new(&node.span, "this is zero").expected(kind.expected()));
                None
            }
            Ok(duration) => Some(Shape::Duration(duration)),
            Err(error) => self.unit_error(node, text, &error, kind),
        }
    }

    fn integer(&mut self, node: &Node, digits: &str, min: u64, max: u64, kind: &Kind) -> Option<Shape> {
        let plain = digits.strip_prefix('+').unwrap_or(digits).replace('_', "");
        match plain.parse::<u64>() {
            Ok(value) if (min..=max).contains(&value) => Some(Shape::Integer(value)),
            _ => {
                let mistake = Mistake::new(&node.span, format!("{} is out of range", quote(digits)));
                self.report.push(mistake.expected(kind.expected()));
                None
            }
        }
    }

    fn guarantee(&mut self, node: &Node, kind: &Kind) -> Option<Shape> {
        let Some(name) = self.bare(node) else {
            self.wrong_kind(node, kind);
            return None;
        };
        match GuaranteeId::ALL.iter().find(|id| id.name() == name) {
            Some(id) => Some(Shape::Guarantee(*id)),
            None => {
                let mistake = Mistake::new(&node.span, format!("no guarantee is called {}", quote(name)));
                let known = GuaranteeId::ALL.iter().map(|id| id.name());
                self.report.push(mistake.expected(kind.expected()).nearest(name, known));
                None
            }
        }
    }

    /// A bare name; in JSON a text.
    fn bare<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Name(name) => Some(name),
            Value::Text(name) if self.format == Format::Json => Some(name),
            _ => None,
        }
    }

    fn map<'n>(
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

    fn record(&mut self, node: &Node, record: &'static Record) -> Option<Fields> {
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

    fn fields(&mut self, head: Span, pairs: &[(Word, Node)], record: &'static Record) -> Fields {
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
            if let Some(node) = given(node, field) {
                values[index] = Some((name.span.clone(), self.item(node, &field.kind)));
            }
        }
        for (index, field) in record.fields.iter().enumerate() {
            let needed = match field.need {
                Need::Required => true,
                Need::Unless(other) => !pairs.iter().any(|(name, _)| name.text == other),
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
        let expected = format!("{expected}{}", crate::schema::list_of(known()));
        self.report.push(mistake.expected(expected).nearest(&name.text, known()));
    }

    fn choice(&mut self, node: &Node, choice: &'static Choice, kind: &Kind) -> Option<Shape> {
        if let Some(name) = self.bare(node) {
            let variant = self.variant(&node.span, name, choice)?;
            return self.bare_variant(&node.span, variant);
        }
        match &node.value {
            Value::Record { tag: Some(tag), fields } => {
                let variant = self.variant(&tag.span, &tag.text, choice)?;
                match form_with_fields(variant) {
                    Some(record) => {
                        let fields = self.fields(tag.span.clone(), fields, record);
                        Some(Shape::Chosen(variant.name, Payload::Fields(fields)))
                    }
                    None => self.wrong_form(&tag.span, variant),
                }
            }
            Value::Tuple { tag: Some(tag), items } => {
                let variant = self.variant(&tag.span, &tag.text, choice)?;
                match (form_with_one(variant), items.as_slice()) {
                    (Some(kind), [item]) => self.one(variant, item, kind),
                    _ => self.wrong_form(&tag.span, variant),
                }
            }
            Value::Object(pairs) => {
                let [(tag, payload)] = pairs.as_slice() else {
                    let mistake = Mistake::new(&node.head(), format!("this object has {} keys", pairs.len()));
                    self.report.push(mistake.expected(format!("exactly one, the name of {}", article(choice.noun))));
                    return None;
                };
                let variant = self.variant(&tag.span, &tag.text, choice)?;
                match (&payload.value, form_with_fields(variant), form_with_one(variant)) {
                    (Value::Object(pairs), Some(record), _) => {
                        let fields = self.fields(tag.span.clone(), pairs, record);
                        Some(Shape::Chosen(variant.name, Payload::Fields(fields)))
                    }
                    (_, _, Some(kind)) => self.one(variant, payload, kind),
                    _ => self.wrong_form(&tag.span, variant),
                }
            }
            _ => {
                self.wrong_kind(node, kind);
                None
            }
        }
    }

    fn one(&mut self, variant: &Variant, node: &Node, kind: &'static Kind) -> Option<Shape> {
        Some(Shape::Chosen(variant.name, Payload::One(Box::new(self.item(node, kind)))))
    }

    fn bare_variant(&mut self, span: &Span, variant: &'static Variant) -> Option<Shape> {
        let bare = variant.forms.iter().any(|form| matches!(form, Form::Bare));
        if bare { Some(Shape::Chosen(variant.name, Payload::Nothing)) } else { self.wrong_form(span, variant) }
    }

    fn variant(&mut self, span: &Span, name: &str, choice: &'static Choice) -> Option<&'static Variant> {
        let found = choice.variants.iter().find(|variant| variant.name == name);
        if found.is_none() {
            let mistake = Mistake::new(span, format!("no {} is called {}", choice.noun, quote(name)));
            let known = choice.variants.iter().map(|variant| variant.name);
            let expected = format!("one of {}", choice.names());
            self.report.push(mistake.expected(expected).nearest(name, known));
        }
        found
    }

    fn wrong_form(&mut self, span: &Span, variant: &Variant) -> Option<Shape> {
        let mistake = Mistake::new(span, format!("`{}` is not written so", variant.name));
        self.report.push(mistake.expected(format!("`{}`", variant.example)));
        None
    }
}

/// What was written, as the text that it should have been.
fn in_quotes(written: &str, unit: &str) -> String {
    quote(&format!("\"{written}{unit}\""))
}

fn form_with_fields(variant: &Variant) -> Option<&'static Record> {
    variant.forms.iter().find_map(|form| match form {
        Form::Fields(record) => Some(*record),
        _ => None,
    })
}

fn form_with_one(variant: &Variant) -> Option<&'static Kind> {
    variant.forms.iter().find_map(|form| match form {
        Form::One(kind) => Some(*kind),
        _ => None,
    })
}

/// The value that a field is given: of an optional one, `None` and `null` are nothing, `Some(x)` is `x`.
fn given<'n>(node: &'n Node, field: &Field) -> Option<&'n Node> {
    if !matches!(field.need, Need::Absent(_)) {
        return Some(node);
    }
    match &node.value {
        Value::Name(name) if name == "None" || name == "null" => None,
        Value::Tuple { tag: Some(tag), items } if tag.text == "Some" && items.len() == 1 => items.first(),
        _ => Some(node),
    }
}
