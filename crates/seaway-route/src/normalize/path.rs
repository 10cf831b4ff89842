//! Paths: slashes merged, dot segments resolved, what needs no escape written without one, everything else as it was
//! sent.
//!
//! `/%61` and `/a` are the same path (RFC 3986, 6.2.2.2), and servers decode it before they look, so a route for the one
//! must not be passed by with the other.
//!
//! Two passes. The first looks at every byte once and is all that a usual path needs. Only a path with a percent sign, a
//! double slash or a segment that begins with a dot is taken apart, and only one that changes is written anew.

use std::borrow::Cow;

/// The path of `OPTIONS *` (RFC 9112, 3.2.4). Every other normal path starts with a slash, so it cannot be mistaken;
/// only routes for any path take it, and rewrites leave it alone.
pub const ASTERISK: &str = "*";

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not start with a slash.
    #[error("the path does not start with a slash")]
    NotAbsolute,
    /// A byte that is not visible ASCII, or `\`, `#` or `?` inside the path.
    #[error("the request target contains a character that must be percent-encoded")]
    Character,
    /// A percent sign without two hexadecimal digits.
    #[error("the path contains a percent sign without two hexadecimal digits")]
    Escape,
    /// `%00`.
    #[error("the path contains an encoded NUL")]
    Nul,
    /// A dot segment that some readers see and others do not: behind an encoded slash or backslash, or before a `;`.
    #[error("the path hides a dot segment")]
    HiddenDots,
    /// An ASCII character written as a longer UTF-8 sequence than it needs, which careless decoders accept.
    #[error("the path contains an overlong UTF-8 sequence")]
    Overlong,
}

/// The form in which paths are matched and forwarded. `//` becomes `/`, `.` and `..` are resolved (never above the root),
/// also when written with `%2e`; escapes of letters, digits, `-`, `.`, `_` and `~` are undone, all others stay. Borrows if
/// the path is already normal. An empty path becomes `/`, and [`ASTERISK`]
/// stays.
///
/// # Errors
/// Refuses what is not a path, and what two readers could read differently.
pub fn path(raw: &str) -> Result<Cow<'_, str>, BadPath> {
    if raw.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    if raw == ASTERISK {
        return Ok(Cow::Borrowed(raw));
    }
    if !raw.starts_with('/') {
        return Err(BadPath::NotAbsolute);
    }
    let mut suspicious = false;
    let mut before = 0;
    for byte in raw.bytes() {
        match byte {
            b'%' => suspicious = true,
            b'/' | b'.' if before == b'/' => suspicious = true,
            b'\\' | b'#' | b'?' | 0..=0x20 | 0x7f.. => return Err(BadPath::Character),
            _ => {}
        }
        before = byte;
    }
    if suspicious {
        carefully(raw)
    } else {
        Ok(Cow::Borrowed(raw))
    }
}

/// Whether a query, without its question mark, may pass: visible ASCII without `#`. It is never changed.
///
/// # Errors
/// [`BadPath::Character`].
pub fn query(raw: &str) -> Result<(), BadPath> {
    if raw.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        Ok(())
    } else {
        Err(BadPath::Character)
    }
}

/// What a segment means for the path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    Name,
    Empty,
    Dot,
    DotDot,
}

fn carefully(raw: &str) -> Result<Cow<'_, str>, BadPath> {
    let raw = match check_escapes(raw.as_bytes())? {
        Escapes::Needed => Cow::Borrowed(raw),
        Escapes::Idle => Cow::Owned(without_idle_escapes(raw)),
    };
    Ok(match resolve(&raw)? {
        Some(resolved) => Cow::Owned(resolved),
        None => raw,
    })
}

/// Without double slashes and dot segments; `None` where there are none.
fn resolve(raw: &str) -> Result<Option<String>, BadPath> {
    let body = raw.strip_prefix('/').unwrap_or(raw);
    let mut normal = true;
    let mut segments = body.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match classify(segment)? {
            Segment::Name => {}
            Segment::Empty if last => {}
            _ => normal = false,
        }
    }
    if normal {
        return Ok(None);
    }
    let mut out = String::with_capacity(raw.len());
    let mut open = false;
    for segment in body.split('/') {
        // A dot segment at the end leaves the slash before it; a name at the end has none after it.
        open = false;
        match classify(segment)? {
            Segment::Name => {
                out.push('/');
                out.push_str(segment);
                open = true;
            }
            Segment::Empty | Segment::Dot => {}
            Segment::DotDot => out.truncate(out.rfind('/').unwrap_or(0)),
        }
    }
    if !open {
        out.push('/');
    }
    Ok(Some(out))
}

/// Whether all escapes have to be there.
enum Escapes {
    Needed,
    /// Some say what needs none.
    Idle,
}

fn check_escapes(raw: &[u8]) -> Result<Escapes, BadPath> {
    let mut escapes = Escapes::Needed;
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            continue;
        }
        let Some(value) = escape(tail) else {
            return Err(BadPath::Escape);
        };
        rest = tail.get(2..).unwrap_or_default();
        let next = match rest.split_first() {
            Some((b'%', tail)) => escape(tail),
            _ => None,
        };
        match (value, next) {
            (0, _) => return Err(BadPath::Nul),
            (0xc0 | 0xc1, Some(0x80..=0xbf)) | (0xe0, Some(0x80..=0x9f)) | (0xf0, Some(0x80..=0x8f)) => {
                return Err(BadPath::Overlong);
            }
            (byte, _) if is_unreserved(byte) => escapes = Escapes::Idle,
            _ => {}
        }
    }
    Ok(escapes)
}

/// `unreserved` of RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// No new escape can come of it: a percent sign is not unreserved.
fn without_idle_escapes(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match escape(after.as_bytes()) {
            Some(byte) if is_unreserved(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The byte that the two hexadecimal digits at the beginning stand for.
fn escape(digits: &[u8]) -> Option<u8> {
    let (&[high, low], _) = digits.split_first_chunk::<2>()?;
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

fn classify(segment: &str) -> Result<Segment, BadPath> {
    let bytes = segment.as_bytes();
    // Only a dot or an escape can make a segment anything but a name.
    if !bytes.iter().any(|b| matches!(b, b'.' | b'%')) {
        return Ok(if bytes.is_empty() {
            Segment::Empty
        } else {
            Segment::Name
        });
    }
    let mut reader = Reader::default();
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let (value, encoded) = match (byte, escape(tail)) {
            (b'%', Some(value)) => (value, true),
            _ => (byte, false),
        };
        rest = if encoded {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
        reader.read(value, encoded);
    }
    reader.finish()
}

/// Reads a segment as the most eager of decoders would, and sees where dot segments come up.
#[derive(Default)]
struct Reader {
    /// Dots since the last boundary.
    dots: u32,
    /// Something else than dots since the last boundary.
    other: bool,
    /// A parameter has begun; what follows it up to the next boundary does not count.
    parameter: bool,
    /// An encoded slash or backslash was met.
    divided: bool,
    /// A dot segment ended at a boundary, or has a parameter.
    hidden: bool,
}

impl Reader {
    fn read(&mut self, value: u8, encoded: bool) {
        match value {
            b'/' | b'\\' if encoded => {
                self.hidden |= self.is_dots();
                self.divided = true;
                (self.dots, self.other, self.parameter) = (0, false, false);
            }
            b';' => {
                self.hidden |= self.is_dots();
                self.parameter = true;
            }
            _ if self.parameter => {}
            b'.' => self.dots += 1,
            _ => self.other = true,
        }
    }

    fn is_dots(&self) -> bool {
        !self.other && (1..=2).contains(&self.dots)
    }

    fn finish(&self) -> Result<Segment, BadPath> {
        if self.hidden || (self.divided && self.is_dots()) {
            return Err(BadPath::HiddenDots);
        }
        Ok(match (self.divided || self.other || self.parameter, self.dots) {
            (false, 1) => Segment::Dot,
            (false, 2) => Segment::DotDot,
            _ => Segment::Name,
        })
    }
}

#[cfg(test)]
mod tests;
