//! What decoding carries along: where we are, and what was wrong so far.

use std::fmt::Write as _;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Group, Shape, suggest, syntax};
use crate::node::{Entry, Node, Value};
use crate::{Fate, Pos, Problem, ProblemKind};

/// What decoding carries along.
pub(crate) struct Cx {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Of the object being read.
    pub group: Group,
    /// Of the object being read, as far as known; copied into every problem.
    pub object: Identity,
    /// What was wrong, in the order of finding.
    pub problems: Vec<Problem>,
    /// `spec.destinations[0]`
    path: String,
    /// How many problems so far leave their object out.
    fatal: usize,
    texts: FxHashSet<Arc<str>>,
}

/// Which object is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

/// What became of a field.
pub(crate) enum Field<T> {
    /// Not written, or null.
    Absent,
    /// Written, wrong, and reported.
    Bad,
    /// Written.
    Good(T),
}

impl Cx {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            group: Group::default(),
            object: Identity::default(),
            problems: Vec::new(),
            path: String::new(),
            fatal: 0,
            texts: FxHashSet::default(),
        }
    }

    /// The shared copy of a text that many objects have in common.
    pub fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.texts.insert(new.clone());
        new
    }

    /// Starts another object.
    pub fn begin(&mut self, group: Group, object: Identity) {
        self.group = group;
        self.object = object;
        self.path.clear();
        self.fatal = 0;
    }

    /// Whether the object that was begun has to be left out.
    pub fn is_fatal(&self) -> bool {
        self.fatal > 0
    }

    /// Reports a problem with the value at hand.
    pub fn report(
        &mut self,
        kind: ProblemKind,
        pos: Pos,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.fatal += usize::from(kind.is_fatal());
        let Identity {
            api_version,
            kind: object_kind,
            namespace,
            name,
        } = self.object.clone();
        self.problems.push(Problem {
            kind,
            api_version,
            object_kind,
            namespace,
            name,
            field: self.path.clone(),
            file: self.file.clone(),
            pos,
            message: message.into(),
            help: help.into(),
            fate: Fate::default(),
        });
    }

    /// Reads a part of an object that stands for itself: a mistake in it does not leave the object out. Gives the part,
    /// or why it cannot be used; `fate` is what becomes of it then.
    pub fn contained<T>(
        &mut self,
        fate: Fate,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Arc<str>> {
        let (fatal, known) = (self.fatal, self.problems.len());
        let part = read(self);
        self.fatal = fatal;
        let mut reason = None;
        for problem in self.problems.iter_mut().skip(known) {
            // What is contained in a part of the part costs no more than that.
            if problem.is_fatal() {
                problem.fate = fate;
                reason.get_or_insert_with(|| format!("{}: {}", problem.field, problem.message).into());
            }
        }
        match (reason, part) {
            (None, Some(part)) => Ok(part),
            (reason, _) => Err(reason.unwrap_or_else(|| "it cannot be read".into())),
        }
    }

    /// Reads something again of which all problems are reported already.
    pub fn silently<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let (fatal, known) = (self.fatal, self.problems.len());
        let value = read(self);
        self.fatal = fatal;
        self.problems.truncate(known);
        value
    }

    /// Reports a problem with a field of the value at hand.
    pub fn report_in(
        &mut self,
        field: &str,
        kind: ProblemKind,
        pos: Pos,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.within(field, |cx| cx.report(kind, pos, message, help));
    }

    /// Says what becomes of the parts that the contained problems from the `first` one on are in, by their fields.
    pub fn decide(&mut self, first: usize, fate: impl Fn(&str) -> Fate) {
        for problem in self.problems.iter_mut().skip(first) {
            if problem.is_contained() {
                problem.fate = fate(&problem.field);
            }
        }
    }

    /// Where we are: `spec.destinations[0]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Does something one step deeper in the path.
    pub fn within<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            let _ = write!(self.path, "[{key}]");
        } else {
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
        }
        let result = work(self);
        self.path.truncate(length);
        result
    }

    /// Does something with an item of the list at hand.
    pub fn within_item<T>(&mut self, index: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        let _ = write!(self.path, "[{index}]");
        let result = work(self);
        self.path.truncate(length);
        result
    }

    /// Reports a value of the wrong type.
    pub fn wrong_type(&mut self, node: &Node<'_>, expected: &str) {
        let help = match (&node.value, expected) {
            (Value::Int(_) | Value::Float(_) | Value::Bool(_), "text") => {
                "put the value in quotes".to_owned()
            }
            (Value::String(text), "a number" | "a whole number") if text.trim().parse::<f64>().is_ok() => {
                "remove the quotes".to_owned()
            }
            (_, "a list") => "write one item a line, each after \"- \"".to_owned(),
            (_, "a mapping") => "write \"key: value\" lines, indented under this field".to_owned(),
            _ => format!("write {expected} here"),
        };
        let message = format!("expected {expected}, found {}", node.describe());
        self.report(ProblemKind::WrongType, node.pos, message, help);
    }

    /// The entries of a mapping. Keys that are written twice are reported.
    pub fn mapping<'n, 'a>(&mut self, node: &'n Node<'a>) -> Option<&'n [Entry<'a>]> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, "a mapping");
            return None;
        };
        self.refuse_duplicates(entries);
        Some(entries)
    }

    /// Reports keys that are written twice.
    pub fn refuse_duplicates(&mut self, entries: &[Entry<'_>]) {
        // Comparing all pairs is the fastest for the few keys that nearly all mappings have.
        if entries.len() <= 16 {
            for (index, entry) in entries.iter().enumerate() {
                if let Some(first) = entries.iter().take(index).find(|e| e.key == entry.key) {
                    self.duplicate(entry, first.pos);
                }
            }
            return;
        }
        let mut seen = rustc_hash::FxHashMap::default();
        for entry in entries {
            if let Some(first) = seen.insert(&*entry.key, entry.pos) {
                self.duplicate(entry, first);
            }
        }
    }

    fn duplicate(&mut self, entry: &Entry<'_>, first: Pos) {
        let message = format!("\"{}\" is written twice, first on line {}", entry.key, first.line);
        let help = "keep one of the two";
        self.report_in(&entry.key, ProblemKind::DuplicateKey, entry.pos, message, help);
    }

    /// Warns of keys that are none of `known`.
    pub fn warn_unknown(&mut self, entries: &[Entry<'_>], known: &[&[&str]]) {
        for entry in entries {
            let mut all = known.iter().flat_map(|names| names.iter());
            if all.any(|name| self.is_named(entry, name)) {
                continue;
            }
            let all = known.iter().flat_map(|names| names.iter().copied());
            let help = match suggest::nearest(&entry.key, all.clone()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!(
                    "remove it; the fields here are {}",
                    suggest::enumerate(all, "and")
                ),
            };
            let message = format!("unknown field \"{}\"", entry.key);
            self.report_in(&entry.key, ProblemKind::UnknownField, entry.pos, message, help);
        }
    }

    /// Warns of fields that mean something elsewhere and nothing here.
    pub fn warn_unimplemented(&mut self, node: &Node<'_>, names: &[&str]) {
        for name in names {
            if let Some(entry) = self.entry(node, name) {
                let message = format!("\"{}\" is not implemented, and does nothing", entry.key);
                let help = "remove it, if what it does can be done without";
                self.report_in(&entry.key, ProblemKind::IgnoredField, entry.pos, message, help);
            }
        }
    }

    /// Whether a key is a field's name. Istio's fields have a second one, that of the field in protobuf.
    fn is_named(&self, entry: &Entry<'_>, name: &str) -> bool {
        entry.key == name || (self.group == Group::Istio && syntax::is_proto_name(&entry.key, name))
    }

    /// The entry of a field, if it has a value other than null, and of Istio's other than an empty text.
    pub fn entry<'n>(&self, node: &'n Node<'_>, name: &str) -> Option<&'n Entry<'n>> {
        let entry = node.entry(name).or_else(|| self.proto_entry(node, name));
        entry.filter(|entry| !self.says_nothing(entry))
    }

    /// In protobuf, an empty text is one that was not written.
    fn says_nothing(&self, entry: &Entry<'_>) -> bool {
        self.group == Group::Istio && entry.value.as_str() == Some("")
    }

    fn proto_entry<'n>(&self, node: &'n Node<'_>, name: &str) -> Option<&'n Entry<'n>> {
        if self.group != Group::Istio {
            return None;
        }
        let mut entries = node.entries().iter();
        entries.find(|entry| !entry.value.is_null() && syntax::is_proto_name(&entry.key, name))
    }

    /// Reads a field under the first of its names that is written.
    pub fn field<S: Shape>(&mut self, node: &Node<'_>, names: &[&str], shape: &S) -> Field<S::Out> {
        let plain = names.iter().filter_map(|name| node.entry(name));
        let mut written = plain.chain(names.iter().filter_map(|name| self.proto_entry(node, name)));
        let Some(entry) = written.next() else {
            return Field::Absent;
        };
        if let Some(other) = written.next() {
            let message = format!("\"{}\" and \"{}\" mean the same", entry.key, other.key);
            self.report_in(
                &other.key,
                ProblemKind::ConflictingFields,
                other.pos,
                message,
                "keep one of the two",
            );
        }
        match self.within(&entry.key, |cx| shape.decode(cx, &entry.value)) {
            Some(value) => Field::Good(value),
            None => Field::Bad,
        }
    }

    /// The same for a field that may be absent, and is when it says nothing.
    fn field_or_none<S: Shape>(&mut self, node: &Node<'_>, names: &[&str], shape: &S) -> Field<S::Out> {
        let is_unsaid = shape.may_be_empty_for_none()
            && names.iter().all(|name| {
                let written = node.entry(name).or_else(|| self.proto_entry(node, name));
                written.is_none_or(|entry| self.says_nothing(entry))
            });
        if is_unsaid {
            return Field::Absent;
        }
        self.field(node, names, shape)
    }

    /// A field that has to be there.
    pub fn required<S: Shape>(&mut self, node: &Node<'_>, names: &[&str], shape: &S) -> Option<S::Out> {
        match self.field(node, names, shape) {
            Field::Good(value) => Some(value),
            Field::Bad => None,
            Field::Absent => {
                let name = names.first().copied().unwrap_or_default();
                let words = shape.words().replace('`', "\"");
                self.missing(node, name, &format!("add \"{name}\" ({words})"));
                None
            }
        }
    }

    /// A field that may be there.
    #[expect(clippy::option_option, reason = "the outer one says whether it could be read")]
    pub fn optional<S: Shape>(
        &mut self,
        node: &Node<'_>,
        names: &[&str],
        shape: &S,
    ) -> Option<Option<S::Out>> {
        match self.field_or_none(node, names, shape) {
            Field::Good(value) => Some(Some(value)),
            Field::Bad => None,
            Field::Absent => Some(None),
        }
    }

    /// A field with a default.
    pub fn or_default<S: Shape>(
        &mut self,
        node: &Node<'_>,
        names: &[&str],
        shape: &S,
        default: impl FnOnce() -> S::Out,
    ) -> Option<S::Out> {
        match self.field_or_none(node, names, shape) {
            Field::Good(value) => Some(value),
            Field::Bad => None,
            Field::Absent => Some(default()),
        }
    }

    /// Reports a field that is not there.
    pub fn missing(&mut self, node: &Node<'_>, name: &str, help: &str) {
        let message = format!("\"{name}\" is missing");
        self.report_in(name, ProblemKind::MissingField, node.pos, message, help);
    }

    /// Reports a list that has to have items and has none.
    pub fn refuse_empty(&mut self, node: &Node<'_>, name: &str, help: &str) {
        let entry = self.entry(node, name);
        if entry.is_some_and(|entry| matches!(&entry.value.value, Value::Seq(items) if items.is_empty())) {
            self.missing(node, name, help);
        }
    }

    /// Reports a field that excludes another, if both are written.
    pub fn refuse_both(&mut self, node: &Node<'_>, one: &str, other: &str, help: &str) {
        if let (Some(one), Some(other)) = (self.entry(node, one), self.entry(node, other)) {
            let message = format!("\"{}\" and \"{}\" exclude each other", one.key, other.key);
            self.report_in(
                &other.key,
                ProblemKind::ConflictingFields,
                other.pos,
                message,
                help,
            );
        }
    }

    /// Warns of a field that does nothing here, if it is written.
    pub fn ignored(&mut self, node: &Node<'_>, name: &str, because: &str) {
        if let Some(entry) = self.entry(node, name) {
            let message = format!("\"{name}\" does nothing {because}");
            self.report_in(name, ProblemKind::IgnoredField, entry.pos, message, "remove it");
        }
    }
}
