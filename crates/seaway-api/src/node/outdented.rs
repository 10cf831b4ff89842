//! Quoted texts and flow collections whose later lines stand too far left.
//!
//! YAML 1.2 wants every line of them deeper than the block around (7.3, 7.4). libyaml and all that descends from it,
//! `kubectl` included, never did: a closing bracket right under its key is common, and the generator of most
//! CustomResourceDefinitions folds long texts that way. The scanner refuses such documents. Here their lines are moved
//! to the right, which changes no value, since white space at the start of such a line belongs to none.
//!
//! Only what the scanner has refused comes here, and what was moved has to turn out to start where the scanner sees a
//! quoted text or a collection: lines of a block scalar, whose white space counts, must never be moved by a mistake of
//! the reading here, which is coarser than the scanner's.
//!
//! A tab between a key and its value is another thing that the scanner refuses and YAML does not (6.2): it becomes a space.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

/// A text with lines moved to the right.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// The whole of it.
    pub text: String,
    /// By how many columns lines were moved; lines count from 1.
    pub columns: FxHashMap<usize, usize>,
    /// Where that begins which the moved lines belong to: line from 1, column from 0.
    pub starts: FxHashSet<(usize, usize)>,
}

/// What a line leaves open.
#[derive(Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    /// A block scalar, in lines deeper than this column; `None` for one at the top.
    Block(Option<usize>),
    /// Something that begins at this byte with a quote or a bracket, in a block of this column.
    Enclosed {
        at: usize,
        column: usize,
    },
}

/// The text with the lines moved of everything that goes over several; `None` where there is nothing of the kind, or
/// where it does not end.
pub(super) fn moved(text: &str) -> Option<Moved> {
    // The scanner counts a CR alone as a line.
    if text.replace("\r\n", "\n").contains('\r') {
        return None;
    }
    let mut moved = Moved::default();
    let mut has_tabs = false;
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let spaced = spaced(line);
        has_tabs |= matches!(spaced, Cow::Owned(_));
        let line = &*spaced;
        moved.text.push_str(line);
        match open(line) {
            Open::Nothing => {}
            Open::Block(column) => {
                let is_inside = |line: &str| line.trim().is_empty() || Some(indent(line)) > column;
                while let Some((_, line)) = lines.next_if(|(_, line)| is_inside(line)) {
                    moved.text.push_str(line);
                }
            }
            Open::Enclosed { at, column } => {
                let mut enclosed = Enclosed::default();
                let mut is_open = enclosed.read(line.get(at..)?);
                if is_open {
                    let before = line.get(..at)?.chars().count();
                    moved.starts.insert((index + 1, before));
                }
                while is_open {
                    let (index, line) = lines.next()?;
                    if !line.trim().is_empty() {
                        moved.text.extend(std::iter::repeat_n(' ', column + 2));
                        moved.columns.insert(index + 1, column + 2);
                    }
                    moved.text.push_str(line);
                    is_open = enclosed.read(line);
                }
            }
        }
    }
    (has_tabs || !moved.starts.is_empty()).then_some(moved)
}

/// The line of a block, with spaces for the tabs between a key and its value.
fn spaced(line: &str) -> Cow<'_, str> {
    let tabs = line
        .find(":\t")
        .filter(|colon| plain_key_end(line, content(line).0) == Some(colon + 1));
    let Some(colon) = tabs else {
        return Cow::Borrowed(line);
    };
    let (key, value) = line.split_at(colon + 1);
    let spaces = value.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let value = value.trim_start_matches([' ', '\t']);
    Cow::Owned(format!("{key}{:spaces$}{value}", ""))
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|b| *b == b' ').count()
}

/// Where the content of a line begins behind its dashes, and the column of the last of those.
fn content(line: &str) -> (usize, Option<usize>) {
    let mut at = indent(line);
    let mut dash = None;
    while let Some(rest) = line.get(at..).and_then(|rest| rest.strip_prefix('-')) {
        if !rest.starts_with([' ', '\t', '\r', '\n']) {
            break;
        }
        dash = Some(at);
        at += 1 + spaces(rest);
    }
    (at, dash)
}

/// What a line of a block leaves open. Everything before the first quote or bracket of a value is ASCII in manifests;
/// where it is not, columns are too large, which moves lines further than they need.
fn open(line: &str) -> Open {
    let (at, dash) = content(line);
    match value(line, at) {
        Value::Enclosed(start) => {
            let column = dash.unwrap_or(at);
            let Some(after) = key_end(line, start) else {
                return Open::Enclosed { at: start, column };
            };
            of_key(line, at, after)
        }
        Value::Block => Open::Block(dash.or_else(|| at.checked_sub(1))),
        Value::Other(start) => match plain_key_end(line, start) {
            Some(after) => of_key(line, at, after),
            None => Open::Nothing,
        },
    }
}

/// What the value of a key leaves open, which begins behind the colon.
fn of_key(line: &str, column: usize, after: usize) -> Open {
    match value(line, after) {
        Value::Enclosed(at) => Open::Enclosed { at, column },
        Value::Block => Open::Block(Some(column)),
        Value::Other(_) => Open::Nothing,
    }
}

enum Value {
    Enclosed(usize),
    Block,
    Other(usize),
}

/// What stands at this byte, behind white space, anchors and tags.
fn value(line: &str, mut at: usize) -> Value {
    loop {
        let rest = line.get(at..).unwrap_or_default();
        at += spaces(rest);
        let rest = line.get(at..).unwrap_or_default();
        match rest.chars().next() {
            Some('&' | '!') => at += rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len()),
            Some('"' | '\'' | '[' | '{') => return Value::Enclosed(at),
            Some('|' | '>') => return Value::Block,
            _ => return Value::Other(at),
        }
    }
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Behind the colon, if what begins here is a quoted key.
fn key_end(line: &str, start: usize) -> Option<usize> {
    let rest = line.get(start..).filter(|rest| rest.starts_with(['"', '\'']))?;
    let mut enclosed = Enclosed::default();
    let last = rest.char_indices().find(|(_, c)| !enclosed.step(*c))?.0;
    // A single quote has ended a text only if none follows it.
    let end = if rest.starts_with('\'') { last } else { last + 1 };
    let after = rest.get(end..)?;
    let colon = after.strip_prefix(' ').unwrap_or(after).strip_prefix(':')?;
    let is_key = colon.starts_with([' ', '\t', '\r', '\n']);
    is_key.then(|| line.len() - colon.len())
}

/// Behind the colon, if what begins here is a plain key.
fn plain_key_end(line: &str, start: usize) -> Option<usize> {
    let rest = line.get(start..)?;
    let end = rest.find(" #").unwrap_or(rest.len());
    let content = rest.get(..end)?;
    if content.starts_with('#') {
        return None;
    }
    let colon = content.match_indices(':').find(|(at, _)| {
        content
            .get(at + 1..)
            .is_some_and(|next| next.is_empty() || next.starts_with([' ', '\t', '\r', '\n']))
    })?;
    Some(start + colon.0 + 1)
}

/// The inside of a quoted text or a flow collection, read character by character.
#[derive(Debug, Default)]
struct Enclosed {
    depth: usize,
    quote: Option<char>,
    /// The character before was a backslash that takes this one with it.
    escaped: bool,
    /// The character before was a quote that ends the text, unless it is written twice.
    closing: bool,
    comment: bool,
    /// The last character that is no white space, and the last of all.
    last: Option<char>,
    before: Option<char>,
}

impl Enclosed {
    /// Reads a line, or the rest of it. Whether it is still open at the end.
    fn read(&mut self, text: &str) -> bool {
        text.chars().all(|c| self.step(c)) && !(self.closing && self.depth == 0)
    }

    /// Reads a character. Whether it is still open behind it.
    fn step(&mut self, c: char) -> bool {
        let before = self.before.replace(c);
        if std::mem::take(&mut self.escaped) {
            return true;
        }
        if let Some(quote) = self.quote {
            return self.quoted(quote, c);
        }
        if std::mem::take(&mut self.closing) {
            if c == '\'' {
                self.quote = Some('\'');
                return true;
            }
            if self.depth == 0 {
                return false;
            }
        }
        if self.comment {
            self.comment = c != '\n';
            return true;
        }
        match c {
            // Inside of a plain text a quote is a character like any other.
            '"' | '\'' if self.last.is_none_or(|last| matches!(last, '[' | '{' | ',' | ':')) => {
                self.quote = Some(c);
            }
            '#' if before.is_none_or(char::is_whitespace) => {
                self.comment = true;
                return true;
            }
            '[' | '{' => self.depth += 1,
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if !c.is_whitespace() {
            self.last = Some(c);
        }
        self.depth > 0 || self.quote.is_some()
    }

    fn quoted(&mut self, quote: char, c: char) -> bool {
        if c == '\\' && quote == '"' {
            self.escaped = true;
        } else if c == quote {
            self.quote = None;
            self.last = Some(c);
            // In single quotes, a quote that is written twice stands for one.
            self.closing = quote == '\'';
            return self.closing || self.depth > 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Open, moved, open};

    #[test]
    fn a_line_says_what_it_leaves_open() {
        for (line, expected) in [
            ("a: b\n", Open::Nothing),
            ("a: it's\n", Open::Nothing),
            ("# a: [\n", Open::Nothing),
            ("a: b # c: [\n", Open::Nothing),
            ("  a: |-\n", Open::Block(Some(2))),
            ("- >\n", Open::Block(Some(0))),
            ("  - a: |\n", Open::Block(Some(4))),
            ("  a: [\n", Open::Enclosed { at: 5, column: 2 }),
            ("  - a: 'x\n", Open::Enclosed { at: 7, column: 4 }),
            ("  - \"x\n", Open::Enclosed { at: 4, column: 2 }),
            ("\"a\": &x !!str \"b\n", Open::Enclosed { at: 14, column: 0 }),
            ("'a': |\n", Open::Block(Some(0))),
        ] {
            assert_eq!(open(line), expected, "{line}");
        }
    }

    #[test]
    fn lines_of_texts_and_collections_are_moved() {
        for (text, expected) in [
            (
                "a:\n  b: [\n  x, 'it''s [', # ]\n  ]\n  c: 1\n",
                "a:\n  b: [\n      x, 'it''s [', # ]\n      ]\n  c: 1\n",
            ),
            ("a: 'x ''\ny\n\nz'\nb: 1\n", "a: 'x ''\n  y\n\n  z'\nb: 1\n"),
            ("a: \"x \\\"\ny\"\nb: 1\n", "a: \"x \\\"\n  y\"\nb: 1\n"),
            ("a: [it's,\nx]\n", "a: [it's,\n  x]\n"),
        ] {
            assert_eq!(moved(text).map(|m| m.text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_block_scalar_is_left_alone() {
        let text = "a: |\n  b: [\n\n    'x\nc: >-\n  d: \"\n";
        assert!(moved(text).is_none());
        let text = "- |\n b: [\n- a: |\n    c: [\n  d: [\n  ]\n";
        assert_eq!(
            moved(text).map(|m| m.columns.into_keys().collect()),
            Some(vec![6])
        );
    }

    #[test]
    fn tabs_before_a_value_become_spaces() {
        let text = "a:\tb\n- c: \td:\te\n- f:\t'g\n  h'\ni: |\n  j:\tk\n";
        let expected = "a: b\n- c: \td:\te\n- f: 'g\n      h'\ni: |\n  j:\tk\n";
        assert_eq!(moved(text).map(|m| m.text).as_deref(), Some(expected));
    }

    #[test]
    fn what_does_not_end_is_left_alone() {
        assert!(moved("a: [\nb\n").is_none());
        assert!(moved("a: 'b\nc\n").is_none());
    }
}
