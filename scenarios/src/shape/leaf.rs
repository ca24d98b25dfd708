//! The form of single values: names, durations, sizes, numbers, guarantees.

use lacuna_model::guarantee::GuaranteeId;

use crate::schema::expectable;
use lacuna_model::units::{Nanos, UnitError};

use super::{Shape, Shaper};
use crate::diagnostic::{Mistake, nearest, quote};
use crate::schema::{Kind, MAX_NAME, is_name_character};
use crate::source::Format;
use crate::tree::{Node, Span, Value};

impl Shaper<'_, '_> {
    /// Names are printed everywhere and typed by people.
    pub(super) fn check_name(&mut self, span: &Span, name: &str, kind: &Kind) -> bool {
        let problem = if name.is_empty() {
            "the name is empty".into()
        } else if name.chars().count() > MAX_NAME {
            format!("the name has more than {MAX_NAME} characters")
        } else if let Some(c) = name.chars().find(|c| !is_name_character(*c)) {
            format!("{} cannot stand in a name", quote(c.encode_utf8(&mut [0; 4])))
        } else {
            return true;
        };
        let expected = format!("{}, of letters, digits, `-`, `_` and `.`", kind.expected());
        self.report.push(Mistake::new(span, problem).expected(expected));
        false
    }

    pub(super) fn unit_error(&mut self, node: &Node, text: &str, error: &UnitError, kind: &Kind) -> Option<Shape> {
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
                // Of `1e-3s` the number is wrong, not the unit: only what would be right is a suggestion.
                let is_number =
                    Nanos::parse(&format!("{number}ns")).is_ok() || Nanos::parse(&format!("{number}s")).is_ok();
                match known.or_else(|| nearest(unit, units)) {
                    Some(near) if is_number => {
                        mistake.help(format!("did you mean {}?", quote(&format!("{number}{near}"))))
                    }
                    _ => mistake,
                }
            }
        };
        self.report.push(mistake.expected(kind.expected()));
        None
    }

    pub(super) fn duration(&mut self, node: &Node, text: &str, kind: &Kind) -> Option<Shape> {
        match Nanos::parse(text) {
            Ok(Nanos(0)) if matches!(kind, Kind::PositiveDuration) => {
                self.report.push(Mistake::new(&node.span, "this is zero").expected(kind.expected()));
                None
            }
            Ok(duration) => Some(Shape::Duration(duration)),
            Err(error) => self.unit_error(node, text, &error, kind),
        }
    }

    pub(super) fn integer(&mut self, node: &Node, digits: &str, min: u64, max: u64, kind: &Kind) -> Option<Shape> {
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

    pub(super) fn guarantee(&mut self, node: &Node, kind: &Kind) -> Option<Shape> {
        let Some(name) = self.bare(node) else {
            self.wrong_kind(node, kind);
            return None;
        };
        match expectable().find(|id| id.name() == name) {
            Some(id) => Some(Shape::Guarantee(id)),
            None => {
                let mistake =
                    Mistake::new(&node.span, format!("{} is no guarantee that a profile decides", quote(name)));
                let known = expectable().map(GuaranteeId::name);
                self.report.push(mistake.expected(kind.expected()).nearest(name, known));
                None
            }
        }
    }

    /// A bare name; in JSON a text.
    pub(super) fn bare<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Name(name) => Some(name),
            Value::Text(name) if self.format == Format::Json => Some(name),
            _ => None,
        }
    }
}
