//! A tree of values with the place of each: what YAML and JSON have in common.
//!
//! Owns syntax. Knows nothing of kinds and fields. YAML is read with `saphyr-parser`'s events, since its tree forgets
//! where keys stand; JSON has a small reader of its own, because YAML forbids the tabs that JSON allows, and reads
//! `"\ud83d\ude00"` as two broken characters.
//!
//! A file is cut at its `---` lines before anything is parsed: such a line ends a document whatever stands before it
//! (YAML 1.2, 9.1.2), so a mistake in one document can never reach the next one.

mod chunks;
mod json;
mod outdented;
mod scalar;
mod yaml;

use std::borrow::Cow;

use crate::Pos;

/// How deep values may be nested. Far above any manifest, far below what a stack can bear.
pub const MAX_DEPTH: usize = 100;

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// Of its first character: the quote of a quoted text, the first key of a block mapping.
    pub pos: Pos,
    /// What it is.
    pub value: Value<'a>,
}

/// A value, with plain scalars resolved by YAML's core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(Cow<'a, str>),
    /// A list.
    Seq(Vec<Node<'a>>),
    /// A mapping in the order written. A key that is written twice stands here twice.
    Map(Vec<Entry<'a>>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The key. Numbers and the like are kept as they are written.
    pub key: Cow<'a, str>,
    /// Where the key stands.
    pub pos: Pos,
    /// Its value.
    pub value: Node<'a>,
}

/// Why a document is not YAML or JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where the reader noticed.
    pub pos: Pos,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Node<'_> {
    /// The entries, if it is a mapping.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'_>] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of that key, if it has a value other than null.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry<'_>> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key && !entry.value.is_null())
    }

    /// The value of that key, if it is not null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node<'_>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// What it is, for a message: `a number`.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The same, with nothing borrowed.
    fn into_owned(self) -> Node<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let value = match self.value {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::Float(value) => Value::Float(value),
            Value::String(text) => Value::String(owned(text)),
            Value::Seq(items) => Value::Seq(items.into_iter().map(Node::into_owned).collect()),
            Value::Map(entries) => {
                let own = |entry: Entry<'_>| Entry {
                    key: owned(entry.key),
                    pos: entry.pos,
                    value: entry.value.into_owned(),
                };
                Value::Map(entries.into_iter().map(own).collect())
            }
        };
        Node { pos: self.pos, value }
    }

    /// About how many bytes a copy takes.
    fn weight(&self) -> usize {
        size_of::<Self>()
            + match &self.value {
                Value::String(text) => text.len(),
                Value::Seq(items) => items.iter().map(Node::weight).sum(),
                Value::Map(entries) => entries
                    .iter()
                    .map(|entry| size_of::<Entry<'_>>() + entry.key.len() + entry.value.weight())
                    .sum(),
                _ => 0,
            }
    }
}

/// What a document is read into.
pub type Document<'a> = Result<Node<'a>, SyntaxError>;

/// Reads every document of a text. Each stands for itself: one that is broken is an error in its place, and those
/// before and after it are read. Empty documents are passed over.
///
/// One document is read at a time, so that a file of many costs the memory of one.
pub fn documents(text: &str) -> Box<dyn Iterator<Item = Document<'_>> + '_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Box::new(read(text).map(move |document| document.map_err(|error| advise_on_template(text, error))))
}

/// Templates of Helm and the like are seldom YAML, and what is wrong with them as YAML says little.
fn advise_on_template(text: &str, mut error: SyntaxError) -> SyntaxError {
    let line = usize::try_from(error.pos.line)
        .unwrap_or_default()
        .saturating_sub(1);
    if text.lines().nth(line).is_some_and(|line| line.contains("{{")) {
        error.help = "this is a template: render it first, for example with \"helm template\", and read what comes out"
            .to_owned();
    }
    error
}

fn read(text: &str) -> Box<dyn Iterator<Item = Document<'_>> + '_> {
    if !text.trim_start().starts_with(['{', '[']) {
        return Box::new(yaml_documents(text));
    }
    let (nodes, stopped) = json::documents(text);
    let nodes = nodes.into_iter().map(Ok);
    let Some(json_error) = stopped else {
        return Box::new(nodes);
    };
    // Flow style YAML looks like JSON at first. Where neither works, whoever got further knows better what is wrong.
    let yaml_error = yaml_documents(text).find_map(Result::err);
    match yaml_error {
        Some(error) if error.pos <= json_error.pos && text.trim_end().ends_with(['}', ']']) => {
            Box::new(nodes.chain([Err(json_error)]))
        }
        _ => Box::new(yaml_documents(text)),
    }
}

fn yaml_documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    chunks::chunks(text).into_iter().flat_map(|chunk| {
        let mut results = Vec::new();
        yaml::read(&chunk, &mut results);
        results
    })
}

#[cfg(test)]
mod tests;
