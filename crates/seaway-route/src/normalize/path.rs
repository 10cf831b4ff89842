//! Paths: slashes merged, dot segments resolved, everything else as it was sent.
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
/// also when written with `%2e`. Borrows if the path is already normal. An empty path becomes `/`, and [`ASTERISK`]
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
    check_escapes(raw.as_bytes())?;
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
        return Ok(Cow::Borrowed(raw));
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
    Ok(Cow::Owned(out))
}

fn check_escapes(raw: &[u8]) -> Result<(), BadPath> {
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
            _ => {}
        }
    }
    Ok(())
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(raw: &str) -> String {
        path(raw).map_or_else(|e| format!("{e:?}"), Cow::into_owned)
    }

    #[test]
    fn a_normal_path_is_borrowed() {
        for raw in [
            "/",
            "/a",
            "/a/",
            "/a/b.c/d..e/...",
            "/a%20b",
            "/a%2fb",
            "/%2E%2E%2e",
            "/a;b/c",
            "*",
        ] {
            assert!(matches!(path(raw), Ok(Cow::Borrowed(p)) if p == raw), "{raw}");
        }
    }

    #[test]
    fn slashes_are_merged() {
        for (raw, normal) in [
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a///", "/a/"),
            ("///a//b//", "/a/b/"),
        ] {
            assert_eq!(plain(raw), normal, "{raw}");
        }
    }

    #[test]
    fn dot_segments_are_resolved_in_every_spelling() {
        for (raw, normal) in [
            ("/.", "/"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/%2e/b", "/a/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a/../b", "/b"),
            ("/a/%2e%2e/b", "/b"),
            ("/a/%2E./b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/b"),
            ("/a/%2e%2E", "/"),
        ] {
            assert_eq!(plain(raw), normal, "{raw}");
        }
    }

    #[test]
    fn nothing_climbs_above_the_root() {
        assert_eq!(plain("/../../etc/passwd"), "/etc/passwd");
        assert_eq!(plain("/a/../../../b"), "/b");
    }

    #[test]
    fn other_encodings_stay_as_they_are() {
        assert_eq!(plain("/a%2Fb//%41"), "/a%2Fb/%41");
        assert_eq!(plain("/%252e%252e/a/./b"), "/%252e%252e/a/b");
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(plain(""), "/");
    }

    #[test]
    fn what_two_readers_read_differently_is_refused() {
        for (raw, error) in [
            ("a", BadPath::NotAbsolute),
            ("**", BadPath::NotAbsolute),
            ("/a b", BadPath::Character),
            ("/a\\b", BadPath::Character),
            ("/a#b", BadPath::Character),
            ("/a?b", BadPath::Character),
            ("/\u{7f}", BadPath::Character),
            ("/ä", BadPath::Character),
            ("/a\tb", BadPath::Character),
            ("/%", BadPath::Escape),
            ("/%2", BadPath::Escape),
            ("/%zz", BadPath::Escape),
            ("/%+1", BadPath::Escape),
            ("/a%00", BadPath::Nul),
            ("/..%2fb", BadPath::HiddenDots),
            ("/a%2f..", BadPath::HiddenDots),
            ("/a%2F%2e%2E%2Fb", BadPath::HiddenDots),
            ("/..%5cb", BadPath::HiddenDots),
            ("/%2e%2e%5Cb", BadPath::HiddenDots),
            ("/a%5c.%5cb", BadPath::HiddenDots),
            ("/..;/b", BadPath::HiddenDots),
            ("/..;x=1/b", BadPath::HiddenDots),
            ("/%2e%2e%3b/b", BadPath::HiddenDots),
            ("/.;/b", BadPath::HiddenDots),
            ("/a%2f..;/b", BadPath::HiddenDots),
            ("/%c0%ae%c0%ae/b", BadPath::Overlong),
            ("/%e0%80%af", BadPath::Overlong),
            ("/%F0%80%80%AF", BadPath::Overlong),
        ] {
            assert_eq!(path(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn a_query_is_visible_ascii() {
        assert_eq!(query("a=1&b=?/%zz"), Ok(()));
        for raw in ["a b", "a#b", "ä", "a\u{0}"] {
            assert_eq!(query(raw), Err(BadPath::Character), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_path_is_normal_for_good(raw in "/([ab./;]|%2e|%2f|%5C|//|/\\.\\./){0,12}") {
            if let Ok(once) = path(&raw) {
                let again = path(&once);
                prop_assert!(matches!(again, Ok(Cow::Borrowed(p)) if p == once), "{} to {}", raw, once);
                prop_assert!(!once.contains("//"));
                prop_assert!(once.split('/').all(|s| s != "." && s != ".."));
            }
        }

        #[test]
        fn no_input_is_too_strange(raw in any::<String>()) {
            let _ = (path(&raw), super::super::host(&raw), query(&raw));
        }
    }
}
