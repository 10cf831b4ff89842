//! JSON (RFC 8259), one value or several after each other.

use std::borrow::Cow;

use super::scalar::number;
use super::{Entry, MAX_DEPTH, Node, SyntaxError, Value};
use crate::Pos;

/// The values of a text, up to the first mistake.
pub(super) fn documents(text: &str) -> (Vec<Node<'_>>, Option<SyntaxError>) {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        column: 1,
    };
    let mut nodes = Vec::new();
    loop {
        reader.skip_space();
        if reader.peek().is_none() {
            return (nodes, None);
        }
        match reader.value(0) {
            Ok(node) => nodes.push(node),
            Err(error) => return (nodes, Some(error)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

type Read<T> = Result<T, SyntaxError>;

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves over one byte. A character counts as one column, however many bytes it has.
    fn advance(&mut self) {
        match self.peek() {
            Some(b'\n') => {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            }
            Some(byte) if byte & 0xc0 != 0x80 => self.column = self.column.saturating_add(1),
            _ => {}
        }
        self.at += 1;
    }

    fn pos(&self) -> Pos {
        Pos {
            line: self.line,
            column: self.column,
        }
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.advance();
        }
    }

    fn error<T>(&self, message: &str, help: &str) -> Read<T> {
        Err(SyntaxError {
            pos: self.pos(),
            message: format!("not valid JSON: {message}"),
            help: help.to_owned(),
        })
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("{c:?}"),
            None => "the end of the file".to_owned(),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Node<'a>> {
        if depth > MAX_DEPTH {
            return self.error("nested too deeply", "no manifest needs more than 100 levels");
        }
        let pos = self.pos();
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { pos, value })
    }

    fn object(&mut self, depth: usize) -> Read<Value<'a>> {
        self.advance();
        let mut entries = Vec::new();
        self.skip_space();
        while self.peek() != Some(b'}') {
            let pos = self.pos();
            if self.peek() != Some(b'"') {
                let message = format!("expected a key in double quotes, found {}", self.found());
                return self.error(
                    &message,
                    "put keys in double quotes, and no comma after the last one",
                );
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                let message = format!("expected \":\" after the key, found {}", self.found());
                return self.error(&message, "write a colon between a key and its value");
            }
            self.advance();
            self.skip_space();
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, pos, value });
            if !self.comma_or(b'}')? {
                break;
            }
        }
        self.advance();
        Ok(Value::Map(entries))
    }

    fn array(&mut self, depth: usize) -> Read<Value<'a>> {
        self.advance();
        let mut items = Vec::new();
        self.skip_space();
        while self.peek() != Some(b']') {
            items.push(self.value(depth + 1)?);
            if !self.comma_or(b']')? {
                break;
            }
        }
        self.advance();
        Ok(Value::Seq(items))
    }

    /// Whether another item follows. Stops before the closing bracket.
    fn comma_or(&mut self, close: u8) -> Read<bool> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.advance();
                self.skip_space();
                if self.peek() == Some(close) {
                    return self.error("a comma with nothing after it", "remove the last comma");
                }
                Ok(true)
            }
            Some(byte) if byte == close => Ok(false),
            _ => {
                let message = format!(
                    "expected a comma or \"{}\", found {}",
                    char::from(close),
                    self.found()
                );
                self.error(&message, "put a comma between items, and close every bracket")
            }
        }
    }

    fn string(&mut self) -> Read<Cow<'a, str>> {
        self.advance();
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut copied = start;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.since(copied);
                    self.advance();
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(self.text.get(copied..self.at).unwrap_or_default());
                    let c = self.escape()?;
                    owned.get_or_insert_default().push(c);
                    copied = self.at;
                }
                Some(0..=0x1f) => {
                    let message = format!("{} inside of text", self.found());
                    return self.error(
                        &message,
                        "write \\n for a new line and \\t for a tab, or close the quote",
                    );
                }
                Some(_) => self.advance(),
                None => return self.error("a quote is not closed", "close it"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.advance();
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.error("an unknown escape", "write \\\\ for a backslash"),
        };
        self.advance();
        Ok(c)
    }

    /// `u` and four digits, twice for a character outside of the basic plane (RFC 8259, 7).
    fn unicode(&mut self) -> Read<char> {
        let mut unit = self.hex4()?;
        if (0xd800..0xdc00).contains(&unit) && self.text.get(self.at..).is_some_and(|t| t.starts_with("\\u"))
        {
            self.advance();
            let low = self.hex4()?;
            if (0xdc00..0xe000).contains(&low) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        match char::from_u32(unit) {
            Some(c) => Ok(c),
            None => self.error(
                "half of a surrogate pair",
                "write the character itself, or both halves of the pair",
            ),
        }
    }

    fn hex4(&mut self) -> Read<u32> {
        self.advance();
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return self.error("\\u without four hexadecimal digits", "write four digits");
        }
        for _ in 0..4 {
            self.advance();
        }
        Ok(u32::from_str_radix(digits, 16).unwrap_or(u32::MAX))
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Read<Value<'a>> {
        let (start, pos) = (self.at, self.pos());
        while matches!(self.peek(), Some(b) if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            self.advance();
        }
        let word = self.since(start);
        let value = match word {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => number(word),
            _ => None,
        };
        value.ok_or_else(|| SyntaxError {
            pos,
            message: match word {
                "" => format!("not valid JSON: expected a value, found {}", self.found()),
                _ => format!("not valid JSON: {word:?} is not a value"),
            },
            help: "put text in double quotes".to_owned(),
        })
    }
}
