//! How values are written.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::object::{Decode, Nested};
use super::{Cx, suggest};
use crate::node::{Node, Value};
use crate::{Fate, ProblemKind, Spanned};

/// How a value is written.
pub(crate) trait Shape {
    /// What it is read into.
    type Out;
    /// Reads a value. `None` when it could not be read, which was then reported.
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out>;
    /// Its type in words.
    fn words(&self) -> String;
    /// The object in it.
    fn nested(&self) -> Option<Nested> {
        None
    }
    /// Whether an empty text says nothing, where the field may be left out: so it is with the texts of protobuf, and
    /// templates write them.
    fn may_be_empty_for_none(&self) -> bool {
        false
    }
    /// Values just outside of what it takes, as they would be written: beyond a range, or a misspelt word. For a list or
    /// a mapping those of an item.
    fn refused(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a text is not allowed.
pub(crate) struct Invalid {
    /// In a sentence without a full stop, the text included.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Invalid {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// What a shape says of itself whose values are written as those of the shape within: a place or a box is made by reading,
/// and nobody writes it.
macro_rules! described_by_inner {
    () => {
        fn words(&self) -> String {
            self.0.words()
        }
        fn nested(&self) -> Option<Nested> {
            self.0.nested()
        }
        fn may_be_empty_for_none(&self) -> bool {
            self.0.may_be_empty_for_none()
        }
        fn refused(&self) -> Vec<String> {
            self.0.refused()
        }
    };
}

/// What a list says of itself, whatever becomes of its items when one is wrong.
macro_rules! described_as_list {
    () => {
        fn words(&self) -> String {
            format!("list of: {}", self.0.words())
        }
        fn nested(&self) -> Option<Nested> {
            self.0.nested().map(|(_, object)| ("[]", object))
        }
        fn refused(&self) -> Vec<String> {
            self.0.refused()
        }
    };
}

/// A value together with its place.
pub(crate) struct At<S>(pub S);

/// A value together with its place.
pub(crate) const fn at<S>(shape: S) -> At<S> {
    At(shape)
}

impl<S: Shape> Shape for At<S> {
    type Out = Spanned<S::Out>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        Some(Spanned::new(self.0.decode(cx, node)?, node.pos))
    }
    described_by_inner!();
}

/// A value on the heap, for a field that few objects have: the others then do not carry its size.
pub(crate) struct Boxed<S>(pub S);

/// A value on the heap, for a field that few objects have: the others then do not carry its size.
pub(crate) const fn boxed<S>(shape: S) -> Boxed<S> {
    Boxed(shape)
}

impl<S: Shape> Shape for Boxed<S> {
    type Out = Box<S::Out>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        self.0.decode(cx, node).map(Box::new)
    }
    described_by_inner!();
}

/// Any text.
pub(crate) struct Str;

/// Any text, with its place.
pub(crate) const TEXT: At<Str> = At(Str);

impl Shape for Str {
    type Out = Arc<str>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<str>> {
        text(cx, node).map(Into::into)
    }
    fn words(&self) -> String {
        "text".to_owned()
    }
    fn may_be_empty_for_none(&self) -> bool {
        true
    }
}

fn text<'n>(cx: &mut Cx, node: &'n Node<'_>) -> Option<&'n str> {
    let text = node.as_str();
    if text.is_none() {
        cx.wrong_type(node, "text");
    }
    text
}

/// Text that is read further.
pub(crate) struct Parsed<T>(pub &'static str, pub fn(&str) -> Result<T, Invalid>);

impl<T> Shape for Parsed<T> {
    type Out = T;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<T> {
        match (self.1)(text(cx, node)?) {
            Ok(value) => Some(value),
            Err(Invalid { message, help }) => {
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
        }
    }
    fn words(&self) -> String {
        self.0.to_owned()
    }
    fn may_be_empty_for_none(&self) -> bool {
        true
    }
}

/// `true` or `false`.
pub(crate) const TRUE_FALSE: Bool = Bool;

/// `true` or `false`.
pub(crate) struct Bool;

impl Shape for Bool {
    type Out = bool;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        cx.wrong_type(node, "true or false");
        None
    }
    fn words(&self) -> String {
        "true or false".to_owned()
    }
}

/// A whole number within bounds, both included.
pub(crate) struct Int<T> {
    least: i64,
    most: i64,
    out: PhantomData<fn() -> T>,
}

/// A whole number within bounds, both included.
#[expect(non_snake_case, reason = "reads as the shape that it makes")]
pub(crate) const fn Uint<T>(least: i64, most: i64) -> Int<T> {
    Int {
        least,
        most,
        out: PhantomData,
    }
}

impl Int<u16> {
    /// The number of a port.
    pub const fn port() -> Self {
        Uint(1, 65535)
    }
}

impl<T: TryFrom<i64>> Shape for Int<T> {
    type Out = T;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<T> {
        let written = match node.value {
            Value::Int(number) if (self.least..=self.most).contains(&number) => {
                return T::try_from(number).ok();
            }
            Value::Int(number) => number.to_string(),
            Value::Float(number) if number.fract() != 0.0 => {
                cx.wrong_type(node, "a whole number");
                return None;
            }
            Value::Float(number) => number.to_string(),
            _ => {
                cx.wrong_type(node, "a whole number");
                return None;
            }
        };
        let message = format!("{written} is not {}", self.words());
        let help = format!("write {}", self.words());
        cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        None
    }
    fn words(&self) -> String {
        if [i64::MAX, i64::from(u32::MAX), i64::from(i32::MAX)].contains(&self.most) {
            format!("a whole number from {}", self.least)
        } else {
            format!("a whole number from {} to {}", self.least, self.most)
        }
    }
    fn refused(&self) -> Vec<String> {
        let outside = [self.least.checked_sub(1), self.most.checked_add(1)];
        outside
            .into_iter()
            .flatten()
            .map(|number| number.to_string())
            .collect()
    }
}

/// One of some words.
pub(crate) struct OneOf<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy> Shape for OneOf<T> {
    type Out = T;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<T> {
        let written = text(cx, node)?;
        if let Some((_, value)) = self.0.iter().find(|(word, _)| *word == written) {
            return Some(*value);
        }
        let words = self.0.iter().map(|(word, _)| *word);
        let help = match suggest::nearest(written, words.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of {}", suggest::enumerate(words, "or")),
        };
        let message = format!("{written:?} is not one of the values of this field");
        cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        None
    }
    fn words(&self) -> String {
        let quoted: Vec<String> = self.0.iter().map(|(word, _)| format!("`{word}`")).collect();
        suggest::enumerate(quoted.iter().map(String::as_str), "or")
    }
    fn refused(&self) -> Vec<String> {
        self.0.iter().map(|(word, _)| format!("{word}x")).collect()
    }
}

/// A list. Items that cannot be read are reported, each.
pub(crate) struct List<S>(pub S);

impl<S: Shape> Shape for List<S> {
    type Out = Vec<S::Out>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let Value::Seq(items) = &node.value else {
            cx.wrong_type(node, "a list");
            return None;
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            read.extend(cx.within_item(index, |cx| self.0.decode(cx, item)));
        }
        Some(read)
    }
    described_as_list!();
}

/// A list of parts that stand for themselves: one that is wrong is reported and left out, and the object is used.
///
/// Each comes with its index in the list as it is written, which messages name it by.
pub(crate) struct SoundOnes<S>(pub S);

impl<S: Shape> Shape for SoundOnes<S> {
    type Out = Vec<(usize, S::Out)>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let Value::Seq(items) = &node.value else {
            cx.wrong_type(node, "a list");
            return None;
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let part = cx.within_item(index, |cx| {
                cx.contained(Fate::LeftOut, |cx| self.0.decode(cx, item))
            });
            read.extend(part.map(|part| (index, part)));
        }
        Some(read)
    }
    described_as_list!();
}

/// An object declared with `object!`.
pub(crate) struct Obj<T>(PhantomData<fn() -> T>);

/// An object declared with `object!`.
pub(crate) const fn obj<T>() -> Obj<T> {
    Obj(PhantomData)
}

impl<T: Decode> Shape for Obj<T> {
    type Out = T;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<T> {
        T::decode(cx, node)
    }
    fn words(&self) -> String {
        "mapping".to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        Some(("", T::describe))
    }
}

/// A mapping of any keys, which `S` reads the values of. The keys are checked by the function.
pub(crate) struct TextMap<S>(pub &'static str, pub fn(&str) -> Result<(), Invalid>, pub S);

impl<S: Shape> Shape for TextMap<S> {
    type Out = BTreeMap<Arc<str>, S::Out>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let mut read = BTreeMap::new();
        for entry in cx.mapping(node)? {
            cx.within(&entry.key, |cx| {
                if let Err(Invalid { message, help }) = (self.1)(&entry.key) {
                    cx.report(ProblemKind::InvalidValue, entry.pos, message, help);
                }
                let key = cx.intern(&entry.key);
                if let Some(value) = self.2.decode(cx, &entry.value) {
                    read.insert(key, value);
                }
            });
        }
        Some(read)
    }
    fn words(&self) -> String {
        self.0.to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        self.2.nested().map(|(_, object)| (".*", object))
    }
    fn refused(&self) -> Vec<String> {
        self.2.refused()
    }
}

/// Labels as Kubernetes has them: text to text, where nothing counts as empty.
pub(crate) struct LabelMap;

impl Shape for LabelMap {
    type Out = BTreeMap<Arc<str>, Arc<str>>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let mut read = BTreeMap::new();
        for entry in cx.mapping(node)? {
            if let Some(value) = cx.within(&entry.key, |cx| Quoted.decode(cx, &entry.value)) {
                read.insert(cx.intern(&entry.key), value);
            }
        }
        Some(read)
    }
    fn words(&self) -> String {
        "mapping of text to text".to_owned()
    }
}

/// Text that many objects share, where nothing counts as empty.
pub(crate) struct Quoted;

impl Shape for Quoted {
    type Out = Arc<str>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Arc<str>> {
        let written = if node.is_null() { "" } else { text(cx, node)? };
        Some(cx.intern(written))
    }
    fn words(&self) -> String {
        "text".to_owned()
    }
}

/// Something that is written as an object `F` and means a `T`.
pub(crate) struct Via<F, T>(pub fn(F, &mut Cx, &Node<'_>) -> Option<T>);

impl<F: Decode, T> Shape for Via<F, T> {
    type Out = T;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<T> {
        let fields = F::decode(cx, node)?;
        (self.0)(fields, cx, node)
    }
    fn words(&self) -> String {
        "mapping".to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        Some(("", F::describe))
    }
}
