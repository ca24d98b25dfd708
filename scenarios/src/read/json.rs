//! Reads JSON, strictly: no comments, no trailing commas. Repeated keys are kept.
//!
//! Source: RFC 8259.

use super::{After, Cursor};
use crate::diagnostic::Mistake;
use crate::tree::{Node, Value, Word};

const A_VALUE: &str = "a value: `\"text\"`, a number, `[…]` or `{…}`";

/// The tree of a text.
pub(crate) fn read(text: &str) -> Result<Node, Mistake> {
    let mut reader = Json { cursor: Cursor::new(text) };
    reader.skip();
    let node = reader.value()?;
    reader.skip();
    match reader.cursor.peek() {
        None => Ok(node),
        Some(_) => Err(reader.cursor.unexpected("the end of the text")),
    }
}

struct Json<'t> {
    cursor: Cursor<'t>,
}

impl Json<'_> {
    fn skip(&mut self) {
        self.cursor.eat_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    fn value(&mut self) -> Result<Node, Mistake> {
        let start = self.cursor.at;
        let value = match self.cursor.peek() {
            Some('"') => Value::Text(self.text()?),
            Some('[') => self.list()?,
            Some('{') => self.object()?,
            Some('0'..='9' | '-') => Value::Number(self.number()?),
            Some('t') if self.cursor.eat("true") => Value::Name("true".into()),
            Some('f') if self.cursor.eat("false") => Value::Name("false".into()),
            Some('n') if self.cursor.eat("null") => Value::Name("null".into()),
            Some('/') => return Err(self.cursor.unexpected(A_VALUE).help("JSON has no comments")),
            _ => return Err(self.cursor.unexpected(A_VALUE)),
        };
        Ok(Node { span: start..self.cursor.at, value })
    }

    fn number(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.at;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let text = self.cursor.eat_while(is_part).to_owned();
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if whole && (digits == "0" || !digits.starts_with('0')) {
            return Ok(text);
        }
        Err(Mistake::new(&(start..self.cursor.at), "this is not a whole number").expected("decimal digits"))
    }

    fn list(&mut self) -> Result<Value, Mistake> {
        self.cursor.open()?;
        let mut items = Vec::new();
        self.skip();
        if self.cursor.close(']') {
            return Ok(Value::List(items));
        }
        loop {
            self.skip();
            items.push(self.value()?);
            self.skip();
            if let After::Closed = self.cursor.comma_or_close(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Mistake> {
        self.cursor.open()?;
        let mut pairs = Vec::new();
        self.skip();
        if self.cursor.close('}') {
            return Ok(Value::Object(pairs));
        }
        loop {
            self.skip();
            let start = self.cursor.at;
            if self.cursor.peek() != Some('"') {
                return Err(self.cursor.unexpected("a key in quotes"));
            }
            let text = self.text()?;
            let key = Word { span: start..self.cursor.at, text };
            self.skip();
            if !self.cursor.eat(":") {
                return Err(self.cursor.unexpected("`:` and a value after the key"));
            }
            self.skip();
            pairs.push((key, self.value()?));
            self.skip();
            if let After::Closed = self.cursor.comma_or_close('}')? {
                return Ok(Value::Object(pairs));
            }
        }
    }

    fn text(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.at;
        self.cursor.next();
        let mut text = String::new();
        loop {
            text.push_str(self.cursor.eat_while(|c| c != '"' && c != '\\' && c >= ' '));
            let at = self.cursor.at;
            match self.cursor.next() {
                Some('"') => return Ok(text),
                Some('\\') => match self.escape() {
                    Some(c) => text.push(c),
                    None => {
                        return Err(Mistake::new(&(at..self.cursor.at), "this escape means nothing")
                            .expected("`\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` or `\\u00e9`"));
                    }
                },
                Some(_) => {
                    let span = at..self.cursor.at;
                    return Err(Mistake::new(&span, "a control character cannot stand in a text").expected("an escape"));
                }
                None => {
                    return Err(Mistake::new(&(start..start + 1), "this text never ends").expected("a closing `\"`"));
                }
            }
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Option<char> {
        match self.cursor.next()? {
            c @ ('"' | '\\' | '/') => Some(c),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let unit = self.unit()?;
                if !(0xd800..0xdc00).contains(&unit) {
                    return char::from_u32(unit.into());
                }
                let second = if self.cursor.eat("\\u") { self.unit()? } else { return None };
                char::decode_utf16([unit, second]).next()?.ok()
            }
            _ => None,
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.cursor.rest().get(..4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.cursor.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}
