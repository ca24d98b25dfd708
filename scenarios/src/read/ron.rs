//! Reads RON: records, tagged values, maps, lists, texts (plain and raw), numbers, names, nested comments.
//!
//! Left out, because no scenario has a use for them: extensions (`implicit_some` is always on), characters, byte
//! strings.
//!
//! Source: the RON grammar, `docs/grammar.md` of ron-rs/ron.

use super::{After, Cursor};
use crate::diagnostic::{Mistake, quote};
use crate::tree::{Node, Value, Word};

const A_VALUE: &str = "a value: `\"text\"`, a number, a name, `(…)`, `[…]` or `{…}`";

/// Names that are values of their own, and take nothing.
const LITERALS: [&str; 5] = ["true", "false", "None", "inf", "NaN"];

/// The tree of a text.
pub(crate) fn read(text: &str) -> Result<Node, Mistake> {
    let mut reader = Ron { cursor: Cursor::new(text) };
    reader.skip()?;
    if reader.cursor.rest().starts_with("#![") {
        return Err(Mistake::new(&reader.cursor.here(), "a scenario enables no extensions")
            .help("leave the line out: `implicit_some` is always on"));
    }
    let node = reader.value()?;
    reader.skip()?;
    match reader.cursor.peek() {
        None => Ok(node),
        Some(_) => Err(reader.cursor.unexpected("the end of the text")),
    }
}

struct Ron<'t> {
    cursor: Cursor<'t>,
}

/// White space as RON has it: Unicode's `Pattern_White_Space`.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r' | '\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
}

fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Ron<'_> {
    /// Steps over blanks and comments.
    fn skip(&mut self) -> Result<(), Mistake> {
        loop {
            self.cursor.eat_while(is_blank);
            let start = self.cursor.at;
            if self.cursor.eat("//") {
                self.cursor.eat_while(|c| c != '\n');
            } else if self.cursor.eat("/*") {
                let mut depth = 1usize;
                while depth > 0 {
                    if self.cursor.eat("*/") {
                        depth -= 1;
                    } else if self.cursor.eat("/*") {
                        depth += 1;
                    } else if self.cursor.next().is_none() {
                        return Err(Mistake::new(&(start..start + 2), "this comment never ends").expected("`*/`"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Result<Node, Mistake> {
        let start = self.cursor.at;
        let rest = self.cursor.rest();
        let value = match self.cursor.peek() {
            Some('"') => Value::Text(self.text()?),
            Some('r') if rest.starts_with("r\"") || rest.starts_with("r#") => Value::Text(self.raw_text()?),
            Some('[') => self.list()?,
            Some('{') => self.map()?,
            Some('(') => self.group(None)?,
            Some('0'..='9' | '+' | '-' | '.') => Value::Number(self.number()?),
            Some(c) if begins_name(c) => {
                let name = self.cursor.eat_while(continues_name).to_owned();
                let end = self.cursor.at;
                self.skip()?;
                if self.cursor.peek() == Some('(') && !LITERALS.contains(&name.as_str()) {
                    self.group(Some(Word { span: start..end, text: name }))?
                } else if name == "Some" {
                    return Err(self.cursor.unexpected("`Some(…)`"));
                } else {
                    self.cursor.at = end;
                    Value::Name(name)
                }
            }
            _ => return Err(self.cursor.unexpected(A_VALUE)),
        };
        match &value {
            Value::Record { tag: Some(tag), .. } if tag.text == "Some" => {
                Err(Mistake::new(&tag.span, "`Some` holds one value").expected("`Some(…)`"))
            }
            Value::Tuple { tag: Some(tag), items } if tag.text == "Some" && items.len() != 1 => {
                Err(Mistake::new(&tag.span, "`Some` holds one value").expected("`Some(…)`"))
            }
            _ => Ok(Node { span: start..self.cursor.at, value }),
        }
    }

    fn number(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.at;
        let text = self.cursor.eat_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '_') {
            return Ok(text.to_owned());
        }
        let span = start..self.cursor.at;
        let mistake = Mistake::new(&span, format!("{} is not a whole number", quote(text)));
        let has_unit = digits.ends_with(|c: char| c.is_ascii_alphabetic());
        Err(if has_unit {
            mistake.help(format!("durations and sizes are texts: {}", quote(&format!("\"{text}\""))))
        } else {
            mistake.expected("decimal digits")
        })
    }

    fn list(&mut self) -> Result<Value, Mistake> {
        self.cursor.open()?;
        let mut items = Vec::new();
        loop {
            self.skip()?;
            if self.cursor.close(']') {
                return Ok(Value::List(items));
            }
            items.push(self.value()?);
            self.skip()?;
            if let After::Closed = self.cursor.comma_or_close(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn map(&mut self) -> Result<Value, Mistake> {
        self.cursor.open()?;
        let mut pairs = Vec::new();
        loop {
            self.skip()?;
            if self.cursor.close('}') {
                return Ok(Value::Map(pairs));
            }
            let key = self.value()?;
            self.skip()?;
            if !self.cursor.eat(":") {
                return Err(self.cursor.unexpected("`:` and a value after the key"));
            }
            self.skip()?;
            pairs.push((key, self.value()?));
            self.skip()?;
            if let After::Closed = self.cursor.comma_or_close('}')? {
                return Ok(Value::Map(pairs));
            }
        }
    }

    /// The field name that is next with its colon, if a record begins here.
    fn field(&mut self) -> Result<Option<Word>, Mistake> {
        let start = self.cursor.at;
        if self.cursor.peek().is_some_and(begins_name) {
            let text = self.cursor.eat_while(continues_name).to_owned();
            let span = start..self.cursor.at;
            self.skip()?;
            if self.cursor.eat(":") {
                return Ok(Some(Word { span, text }));
            }
        }
        self.cursor.at = start;
        Ok(None)
    }

    fn group(&mut self, tag: Option<Word>) -> Result<Value, Mistake> {
        self.cursor.open()?;
        self.skip()?;
        if self.cursor.close(')') {
            return Ok(Value::Record { tag, fields: Vec::new() });
        }
        let mut fields = Vec::new();
        if let Some(name) = self.field()? {
            let mut name = name;
            loop {
                self.skip()?;
                fields.push((name, self.value()?));
                self.skip()?;
                if let After::Closed = self.cursor.comma_or_close(')')? {
                    return Ok(Value::Record { tag, fields });
                }
                self.skip()?;
                if self.cursor.close(')') {
                    return Ok(Value::Record { tag, fields });
                }
                let Some(next) = self.field()? else {
                    return Err(self.cursor.unexpected("a field: `name: value`"));
                };
                name = next;
            }
        }
        let mut items = Vec::new();
        loop {
            items.push(self.value()?);
            self.skip()?;
            if let After::Closed = self.cursor.comma_or_close(')')? {
                return Ok(Value::Tuple { tag, items });
            }
            self.skip()?;
            if self.cursor.close(')') {
                return Ok(Value::Tuple { tag, items });
            }
        }
    }

    fn text(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.at;
        self.cursor.next();
        let mut text = String::new();
        loop {
            text.push_str(self.cursor.eat_while(|c| c != '"' && c != '\\'));
            let at = self.cursor.at;
            match self.cursor.next() {
                Some('"') => return Ok(text),
                Some(_) => match self.escape() {
                    Some(c) => text.push(c),
                    None => {
                        return Err(Mistake::new(&(at..self.cursor.at), "this escape means nothing")
                            .expected("`\\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, `\\0`, `\\x41` or `\\u{e9}`"));
                    }
                },
                None => {
                    return Err(Mistake::new(&(start..start + 1), "this text never ends").expected("a closing `\"`"));
                }
            }
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Option<char> {
        match self.cursor.next()? {
            c @ ('"' | '\\' | '\'') => Some(c),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            '0' => Some('\0'),
            'x' => {
                let digits = self.cursor.rest().get(..2)?;
                if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                self.cursor.at += 2;
                u8::from_str_radix(digits, 16).ok().map(char::from)
            }
            'u' => {
                if !self.cursor.eat("{") {
                    return None;
                }
                let digits = self.cursor.eat_while(|c| c.is_ascii_hexdigit());
                let value = (digits.len() <= 6).then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
                if self.cursor.eat("}") { char::from_u32(value) } else { None }
            }
            _ => None,
        }
    }

    fn raw_text(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.at;
        self.cursor.next();
        let hashes = self.cursor.eat_while(|c| c == '#').len();
        if !self.cursor.eat("\"") {
            return Err(self.cursor.unexpected("a raw text: `r#\"…\"#`"));
        }
        let end = format!("\"{}", "#".repeat(hashes));
        match self.cursor.rest().find(&end) {
            Some(length) => {
                let text = self.cursor.rest().get(..length).unwrap_or_default().to_owned();
                self.cursor.at += length + end.len();
                Ok(text)
            }
            None => Err(Mistake::new(&(start..self.cursor.at), "this text never ends")
                .expected(format!("a closing {}", quote(&end)))),
        }
    }
}
