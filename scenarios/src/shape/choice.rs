//! The form of choices: bare, with one value, with fields; in RON and in JSON.

use super::{Payload, Shape, Shaper};
use crate::diagnostic::{Mistake, quote};
use crate::schema::{Choice, Form, Kind, Record, Variant, article};
use crate::tree::{Node, Span, Value};

impl Shaper<'_, '_> {
    pub(super) fn choice(&mut self, node: &Node, choice: &'static Choice, kind: &Kind) -> Option<Shape> {
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
