//! A whole head in one buffer, read in one go.
//!
//! The fast sibling of the state machine: the same rules (it shares the judgements, and a property test compares the
//! rest), but it looks at eight bytes at a time, keeps nothing, and says where everything is instead of forgetting it.
//! What it does not take may be incomplete or wrong; the machine knows which. Telling that here as well would be a
//! second place for every reason.

use std::ops::Range;

use smallvec::SmallVec;

use super::head::{self, Facts, Framing, METHOD_BYTES};
use super::step::MAX_TARGET_BYTES;
use super::target::{self, Method};
use super::{HeadLimits, bytes};

/// Most heads have no more fields.
const USUAL_FIELDS: usize = 16;

/// More than any limit allows, and what a [`Span`] can say.
const MAX_BYTES: usize = u32::MAX as usize;

/// Where something is in a head. Half as large as two `usize`: there are two for each field, and they move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// A line of a field section: its name, and its value without the whitespace around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// The lines of a head. Beside [`Whole`] and not in it: it is large, and whoever wants it has a place for it.
pub(crate) type Fields = SmallVec<[FieldSpan; USUAL_FIELDS]>;

/// A good head, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Bytes, an empty line before it included.
    pub(crate) length: usize,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) is_http10: bool,
    pub(crate) body: Framing,
    /// What comes after the message is not HTTP if the answer says so.
    pub(crate) may_switch: bool,
    /// Of the connection the client says `close`, `keep-alive`.
    pub(crate) says_close: bool,
    pub(crate) says_keep_alive: bool,
    /// The client waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// The client takes trailers.
    pub(crate) takes_trailers: bool,
    /// There is an Upgrade field.
    pub(crate) has_upgrade: bool,
}

/// Reads a head, if a good one is all there. Puts its lines into `fields`, instead of what was there.
pub(crate) fn whole(input: &[u8], limits: HeadLimits, fields: &mut Fields) -> Option<Whole> {
    let limits = limits.sensible();
    let input = input.get(..input.len().min(MAX_BYTES)).unwrap_or_default();
    let mut reader = Reader { input, at: 0 };
    // One empty line before a request (RFC 9112, 2.2).
    if input.first() == Some(&b'\r') {
        reader.expect(b"\r\n")?;
    }
    let method = reader.run(|rest| bytes::run(rest, bytes::is_token), b' ')?;
    let target = reader.run(target_run, b' ')?;
    let is_too_long = target.length() > limits.bytes.min(MAX_TARGET_BYTES);
    if method.length() > METHOD_BYTES || is_too_long {
        return None;
    }
    reader.expect(b"HTTP/1.")?;
    let is_http10 = match reader.next()? {
        b'0' => true,
        b'1' => false,
        _ => return None,
    };
    reader.expect(b"\r\n")?;

    let target_text = target.of(input);
    let facts = Facts {
        method: Method::of(method.of(input)),
        target: if target_text.first() == Some(&b'/') {
            &[]
        } else {
            target_text
        },
        is_http10,
        host: None,
        length: None,
        is_chunked: false,
        wants_upgrade: false,
    };
    let mut noted = Noted {
        facts,
        says_close: false,
        says_keep_alive: false,
        expects_continue: false,
        takes_trailers: false,
    };
    fields.clear();
    while let Some(field) = reader.field()? {
        if fields.len() == limits.fields {
            return None;
        }
        noted.note(field.name.of(input), field.value.of(input))?;
        fields.push(field);
    }
    if reader.at > limits.bytes {
        return None;
    }
    let follows = noted.facts.judge().ok()?;
    Some(Whole {
        length: reader.at,
        method,
        target,
        is_http10,
        body: follows.body,
        may_switch: follows.may_switch,
        says_close: noted.says_close,
        says_keep_alive: noted.says_keep_alive,
        expects_continue: noted.expects_continue && !is_http10,
        takes_trailers: noted.takes_trailers,
        has_upgrade: noted.facts.wants_upgrade,
    })
}

/// The lines of a field section that ends with its empty line; trailers, which the machine has judged.
pub(crate) fn fields(input: &[u8]) -> Option<Vec<FieldSpan>> {
    let input = input.get(..input.len().min(MAX_BYTES)).unwrap_or_default();
    let mut reader = Reader { input, at: 0 };
    let mut fields = Vec::new();
    while let Some(field) = reader.field()? {
        fields.push(field);
    }
    Some(fields)
}

impl Span {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is read is cut off at what fits"
    )]
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    fn length(self) -> usize {
        self.range().len()
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.range()).unwrap_or_default()
    }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.input.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.rest().starts_with(text).then(|| self.at += text.len())
    }

    /// At least one byte that `length` takes, and then `end`.
    fn run(&mut self, length: impl Fn(&[u8]) -> usize, end: u8) -> Option<Span> {
        let start = self.at;
        self.at += length(self.rest());
        let span = Span::new(start, self.at);
        (span.length() > 0 && self.next()? == end).then_some(span)
    }

    /// A field line; inside: `None` at the empty line.
    #[expect(clippy::option_option, reason = "not good, and no more, are different things")]
    fn field(&mut self) -> Option<Option<FieldSpan>> {
        if self.input.get(self.at) == Some(&b'\r') {
            self.expect(b"\r\n")?;
            return Some(None);
        }
        let name = self.run(|rest| bytes::run(rest, bytes::is_token), b':')?;
        let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        while is_space(self.input.get(self.at)) {
            self.at += 1;
        }
        let start = self.at;
        self.at += value_run(self.rest());
        let mut end = self.at;
        while end > start && is_space(self.input.get(end - 1)) {
            end -= 1;
        }
        self.expect(b"\r\n")?;
        let value = Span::new(start, end);
        Some(Some(FieldSpan { name, value }))
    }
}

/// What is noted of the fields.
struct Noted<'a> {
    facts: Facts<'a>,
    says_close: bool,
    says_keep_alive: bool,
    expects_continue: bool,
    takes_trailers: bool,
}

impl<'a> Noted<'a> {
    /// `None`: the field is not good, alone or beside those before it.
    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Option<()> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            2 if is(b"te") => self.takes_trailers |= has_token(value, b"trailers"),
            4 if is(b"host") => {
                if self.facts.host.is_some() || !target::is_host_field(value) {
                    return None;
                }
                self.facts.host = Some(value);
            }
            6 if is(b"expect") => self.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
            7 if is(b"upgrade") => self.facts.wants_upgrade = true,
            10 if is(b"connection") => {
                self.says_close |= has_token(value, b"close");
                self.says_keep_alive |= has_token(value, b"keep-alive");
            }
            14 if is(b"content-length") => {
                if self.facts.length.is_some() {
                    return None;
                }
                self.facts.length = Some(head::length(value).ok()?);
            }
            17 if is(b"transfer-encoding") => {
                if self.facts.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return None;
                }
                self.facts.is_chunked = true;
            }
            _ => {}
        }
        Some(())
    }
}

/// Whether a comma-separated list has it.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|b| *b == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The high bit of the first byte that is below `limit` (at most 0x80) is the lowest bit set. Bits of bytes after that
/// may be wrong, since a subtraction borrows.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS
}

/// The same for the first byte that is `byte`.
fn equals(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// How many bytes at the front are [`bytes::is_value`].
fn value_run(input: &[u8]) -> usize {
    run(input, bytes::is_value, |word| {
        below(word, b' ') | equals(word, 0x7f)
    })
}

/// How many bytes at the front are [`bytes::is_target`].
fn target_run(input: &[u8]) -> usize {
    run(input, bytes::is_target, |word| {
        below(word, b'!') | equals(word, 0x7f) | equals(word, b'#') | word & HIGHS
    })
}

/// How many bytes at the front are of a class. `doubts` marks, in a word, at least the first byte that is not.
fn run(input: &[u8], is: impl Fn(u8) -> bool, doubts: impl Fn(u64) -> u64) -> usize {
    let mut at = 0;
    while let Some(chunk) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = doubts(u64::from_le_bytes(*chunk));
        if marks == 0 {
            at += 8;
            continue;
        }
        at += (marks.trailing_zeros() / 8) as usize;
        if !input.get(at).is_some_and(|byte| is(*byte)) {
            return at;
        }
        at += 1;
    }
    at + bytes::run(input.get(at..).unwrap_or_default(), is)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_and_bytes_see_the_same_runs(input in prop::collection::vec(any::<u8>(), 0..40), good in "[ -~]{0,30}") {
            for input in [input.clone(), [good.as_bytes(), &input].concat()] {
                prop_assert_eq!(value_run(&input), bytes::run(&input, bytes::is_value));
                prop_assert_eq!(target_run(&input), bytes::run(&input, bytes::is_target));
            }
        }
    }

    /// What lets values be taken without another look at them.
    #[test]
    fn what_is_taken_for_a_value_is_one() {
        for byte in 0..=u8::MAX {
            let is_one = http::HeaderValue::from_bytes(&[byte]).is_ok();
            assert_eq!(bytes::is_value(byte), is_one, "{byte}");
        }
    }

    #[test]
    fn it_says_where_everything_is() {
        let input = b"\r\nPOST /x?y HTTP/1.1\r\nHost: a\r\nX:\t b c \r\nEmpty:  \r\nTE: gzip, Trailers\r\n\
            Expect: 100-Continue\r\nConnection: x, Close\r\nContent-Length: 3\r\n\r\nabc";
        let limits = HeadLimits {
            bytes: 1000,
            fields: 10,
        };
        let mut fields = Fields::new();
        let whole = whole(input, limits, &mut fields).unwrap();
        assert_eq!(whole.length, input.len() - 3);
        assert_eq!(whole.method.of(input), b"POST");
        assert_eq!(whole.target.of(input), b"/x?y");
        let field = |at: usize| (fields[at].name.of(input), fields[at].value.of(input));
        assert_eq!(field(1), (&b"X"[..], &b"b c"[..]));
        assert_eq!(field(2), (&b"Empty"[..], &b""[..]));
        assert_eq!(whole.body, Framing::Length(3));
        assert!(whole.takes_trailers && whole.expects_continue && whole.says_close && !whole.says_keep_alive);
    }
}
