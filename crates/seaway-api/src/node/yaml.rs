//! YAML events to nodes.

mod errors;

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use self::errors::{advice, complex_key, too_deep, unsupported_tag};
use super::chunks::Chunk;
use super::outdented::{self, Moved};
use super::{Entry, MAX_DEPTH, Node, SyntaxError, Value, scalar};
use crate::Pos;

/// How many bytes the copies that anchors and aliases ask for may take in one document. A file of a kilobyte can ask
/// for a billion copies; no manifest needs them.
const MAX_COPIED: usize = 16 << 20;

/// What the scanner says of that which `outdented` mends.
const REFUSED: [&str; 2] = ["invalid indentation", "':' must be followed by"];

type Read<T> = Result<T, SyntaxError>;

/// Reads the documents of a chunk, until the first mistake.
pub(super) fn read<'a>(chunk: &Chunk<'a>, results: &mut Vec<Read<Node<'a>>>) {
    if let Some(error) = refuse_nul(chunk) {
        results.push(Err(error));
        return;
    }
    let known = results.len();
    read_text(chunk.text, Builder::new(chunk.lines_before), results);
    if let Some(Err(error)) = results.last()
        && REFUSED.iter().any(|refused| error.message.contains(refused))
        && let Some(moved) = outdented::moved(chunk.text)
    {
        reread(chunk, moved, known, results);
    }
}

/// Reads a chunk of which lines were moved, in place of the results after the `known` ones.
fn reread<'a>(chunk: &Chunk<'a>, moved: Moved, known: usize, results: &mut Vec<Read<Node<'a>>>) {
    let mut builder = Builder::new(chunk.lines_before);
    builder.moved = moved.columns;
    builder.unseen = moved.starts;
    let mut again = Vec::new();
    let unseen = read_text(&moved.text, builder, &mut again);
    if let Some(Err(error)) = again.pop_if(|last| last.is_err()) {
        // Whichever of the two was found later is what is left to mend.
        if let Some(Err(known)) = results.last_mut()
            && known.pos < error.pos
        {
            *known = error;
        }
    } else if unseen.is_empty() {
        results.truncate(known);
        results.extend(again.into_iter().map(|document| document.map(Node::into_owned)));
    }
}

/// Reads the documents of a text. Gives what was moved and not seen to begin where it should.
fn read_text<'a>(
    text: &'a str,
    mut builder: Builder<'a>,
    results: &mut Vec<Read<Node<'a>>>,
) -> FxHashSet<(usize, usize)> {
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(builder.scan_error(&error)),
        };
        match step {
            Ok(None) => {}
            Ok(Some(Node {
                value: Value::Null, ..
            })) => {}
            Ok(Some(node)) => results.push(Ok(node)),
            Err(error) => {
                results.push(Err(error));
                break;
            }
        }
    }
    builder.unseen
}

/// The scanner takes a NUL for the end of the text; what follows would be lost in silence.
fn refuse_nul(chunk: &Chunk<'_>) -> Option<SyntaxError> {
    let at = chunk.text.find('\0')?;
    let before = chunk.text.get(..at)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let columns = before.get(line_start..)?.chars().count();
    Some(SyntaxError {
        pos: Pos {
            line: chunk.lines_before + clamp(before.matches('\n').count() + 1),
            column: clamp(columns + 1),
        },
        message: "a NUL byte, which YAML does not allow".to_owned(),
        help: "remove it, and check that the file is UTF-8 text".to_owned(),
    })
}

/// A list or mapping that is not closed yet.
struct Frame<'a> {
    pos: Pos,
    anchor: usize,
    content: Content<'a>,
}

enum Content<'a> {
    Seq(Vec<Node<'a>>),
    Map {
        entries: Vec<Entry<'a>>,
        key: Option<Key<'a>>,
        /// What `<<` names.
        merged: Vec<Node<'a>>,
    },
}

struct Key<'a> {
    text: Cow<'a, str>,
    pos: Pos,
    /// A plain `<<`.
    merge: bool,
}

struct Builder<'a> {
    lines_before: u32,
    stack: Vec<Frame<'a>>,
    anchors: FxHashMap<usize, Node<'a>>,
    copied: usize,
    root: Option<Node<'a>>,
    /// By how many columns lines were moved to the right before they came here; lines count from 1.
    moved: FxHashMap<usize, usize>,
    /// Where something begins of which lines were moved, and that has not been seen yet.
    unseen: FxHashSet<(usize, usize)>,
}

impl<'a> Builder<'a> {
    fn new(lines_before: u32) -> Self {
        Self {
            lines_before,
            stack: Vec::new(),
            anchors: FxHashMap::default(),
            copied: 0,
            root: None,
            moved: FxHashMap::default(),
            unseen: FxHashSet::default(),
        }
    }

    /// Takes an event, and gives a document when it is whole.
    fn event(&mut self, event: Event<'a>, span: Span) -> Read<Option<Node<'a>>> {
        let pos = self.pos(&span.start);
        if !self.unseen.is_empty() && is_enclosed(&event) {
            self.unseen.remove(&(span.start.line(), span.start.col()));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(text, style, anchor, tag.as_deref(), pos)?;
            }
            Event::Alias(id) => self.alias(id, pos)?,
            Event::SequenceStart(anchor, tag) => {
                self.open(pos, anchor, tag.as_deref(), Content::Seq(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.open(pos, anchor, tag.as_deref(), content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::DocumentEnd => {
                self.anchors.clear();
                self.copied = 0;
                return Ok(self.root.take());
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
        Ok(None)
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        pos: Pos,
    ) -> Read<()> {
        if self.wants_key() {
            if anchor > 0 {
                let value = Value::String(text.clone());
                self.remember(anchor, &Node { pos, value }, pos)?;
            }
            let merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
            self.set_key(Key { text, pos, merge });
            return Ok(());
        }
        let value = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Value::String(text),
            Some(tag) => tagged(tag, text).ok_or_else(|| unsupported_tag(tag, pos))?,
        };
        self.complete(Node { pos, value }, anchor)
    }

    fn alias(&mut self, id: usize, pos: Pos) -> Read<()> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(SyntaxError {
                pos,
                message: "an alias inside of the value that it names".to_owned(),
                help: "a value cannot contain itself; write it out".to_owned(),
            });
        };
        let weight = node.weight();
        self.charge(weight, pos)?;
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Ok(());
        };
        if !self.wants_key() {
            return self.complete(node, 0);
        }
        let Value::String(text) = node.value else {
            return Err(complex_key(pos));
        };
        self.set_key(Key {
            text,
            pos,
            merge: false,
        });
        Ok(())
    }

    fn open(&mut self, pos: Pos, anchor: usize, tag: Option<&Tag>, content: Content<'a>) -> Read<()> {
        if self.wants_key() {
            return Err(complex_key(pos));
        }
        if let Some(tag) = tag.filter(|tag| !is_collection_tag(tag)) {
            return Err(unsupported_tag(tag, pos));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(pos));
        }
        self.stack.push(Frame { pos, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Read<()> {
        let Some(Frame { pos, anchor, content }) = self.stack.pop() else {
            return Ok(());
        };
        let value = match content {
            Content::Seq(items) => Value::Seq(items),
            Content::Map {
                mut entries, merged, ..
            } => {
                for node in merged {
                    merge(&mut entries, node)?;
                }
                Value::Map(entries)
            }
        };
        self.complete(Node { pos, value }, anchor)
    }

    /// Puts a whole value where it belongs.
    fn complete(&mut self, node: Node<'a>, anchor: usize) -> Read<()> {
        if anchor > 0 {
            self.remember(anchor, &node, node.pos)?;
        }
        match self.stack.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Content::Seq(items)) => items.push(node),
            Some(Content::Map { entries, key, merged }) => match key.take() {
                Some(key) if key.merge => merged.push(node),
                Some(key) => entries.push(Entry {
                    key: key.text,
                    pos: key.pos,
                    value: node,
                }),
                None => {}
            },
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node<'a>, pos: Pos) -> Read<()> {
        self.charge(node.weight(), pos)?;
        self.anchors.insert(anchor, node.clone());
        Ok(())
    }

    fn charge(&mut self, weight: usize, pos: Pos) -> Read<()> {
        self.copied = self.copied.saturating_add(weight);
        if self.copied <= MAX_COPIED {
            return Ok(());
        }
        Err(SyntaxError {
            pos,
            message: "anchors and aliases make this document too large".to_owned(),
            help: "write the values out, or use fewer aliases".to_owned(),
        })
    }

    /// Whether the next value is the key of a mapping.
    fn wants_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Frame {
                content: Content::Map { key: None, .. },
                ..
            })
        )
    }

    fn set_key(&mut self, new: Key<'a>) {
        if let Some(Frame {
            content: Content::Map { key, .. },
            ..
        }) = self.stack.last_mut()
        {
            *key = Some(new);
        }
    }

    fn pos(&self, marker: &Marker) -> Pos {
        let moved = self.moved.get(&marker.line()).copied().unwrap_or_default();
        Pos {
            line: self.lines_before.saturating_add(clamp(marker.line().max(1))),
            column: clamp(marker.col().saturating_sub(moved) + 1),
        }
    }

    fn scan_error(&self, error: &ScanError) -> SyntaxError {
        let info = error.info();
        if info.contains("recursion limit") {
            return too_deep(self.pos(error.marker()));
        }
        SyntaxError {
            pos: self.pos(error.marker()),
            message: format!("not valid YAML: {info}"),
            help: advice(info).to_owned(),
        }
    }
}

/// Whether it begins with a quote or, for all that an event says, with a bracket.
fn is_enclosed(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(_, style, ..) => matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted),
        Event::SequenceStart(..) | Event::MappingStart(..) => true,
        _ => false,
    }
}

/// Adds what `<<` names: keys that are written out win, then the first mapping that has them.
fn merge<'a>(entries: &mut Vec<Entry<'a>>, node: Node<'a>) -> Read<()> {
    match node.value {
        Value::Map(from) => {
            for entry in from {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
            Ok(())
        }
        Value::Seq(nodes) if nodes.iter().all(|n| matches!(n.value, Value::Map(_))) => {
            nodes.into_iter().try_for_each(|node| merge(entries, node))
        }
        _ => Err(SyntaxError {
            pos: node.pos,
            message: "\"<<\" needs a mapping, or a list of mappings".to_owned(),
            help: "name an anchored mapping, as in \"<<: *base\"".to_owned(),
        }),
    }
}

fn tagged<'a>(tag: &Tag, text: Cow<'a, str>) -> Option<Value<'a>> {
    let name = if tag.is_yaml_core_schema() {
        tag.suffix.as_str()
    } else if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() {
        "str"
    } else {
        return None;
    };
    match name {
        "str" => Some(Value::String(text)),
        "null" | "bool" | "int" | "float" => Some(scalar::resolve(text)),
        _ => None,
    }
}

fn is_collection_tag(tag: &Tag) -> bool {
    (tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq"))
        || (tag.handle.is_empty() && tag.suffix == "!")
        || (tag.handle == "!" && tag.suffix.is_empty())
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
