//! A second, simple and strict reader of HTTP/1.1 requests, written from RFC 9112 alone, to hold the proxy against.
//!
//! It reads a whole buffer at once and knows nothing of hyper, httparse or the guard. What it refuses may be refused
//! needlessly; what it takes has one reading. The proxy may forward only what it takes.

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// How many complete heads.
    pub heads: u64,
    /// Whether the last body is not there as a whole.
    pub cut: bool,
}

/// Reads requests one after the other, to the end of the bytes. The last may be incomplete, if `may_be_cut`.
///
/// # Errors
/// Says what two readers could read differently.
pub fn read(mut bytes: &[u8], may_be_cut: bool) -> Result<Read, String> {
    let mut read = Read::default();
    // RFC 9112, 2.2: an empty line before a request is to be passed over.
    while !bytes.is_empty() {
        bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        if bytes.is_empty() {
            break;
        }
        let Some((head, rest)) = split(bytes, b"\r\n\r\n") else {
            return if may_be_cut {
                Ok(read)
            } else {
                Err("a head without an end".to_owned())
            };
        };
        let framing = head_of(head)?;
        read.heads += 1;
        match body(framing, rest)? {
            Some(rest) => bytes = rest,
            None if may_be_cut => {
                read.cut = true;
                return Ok(read);
            }
            None => return Err("a body without an end".to_owned()),
        }
    }
    Ok(read)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

fn head_of(head: &[u8]) -> Result<Framing, String> {
    if head
        .windows(2)
        .any(|pair| matches!(pair, [a, b'\n'] if *a != b'\r'))
        || head
            .windows(2)
            .any(|pair| matches!(pair, [b'\r', b] if *b != b'\n'))
    {
        return Err("a bare CR or LF".to_owned());
    }
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let version = request_line(lines.next().unwrap_or_default())?;
    let (mut hosts, mut lengths, mut codings) = (0, Vec::new(), Vec::new());
    for line in lines {
        let (name, value) = field(line)?;
        match name.as_str() {
            "host" => hosts += 1,
            "content-length" => lengths.push(value),
            "transfer-encoding" => codings.push(value),
            _ => {}
        }
    }
    if hosts > 1 || (hosts == 0 && version == "HTTP/1.1") {
        return Err(format!("{hosts} Host fields"));
    }
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => length
            .parse()
            .map(Framing::Length)
            .map_err(|_| "a length that is too long".to_owned()),
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            Ok(Framing::Chunked)
        }
        _ => Err(format!("lengths {lengths:?}, codings {codings:?}")),
    }
}

fn request_line(line: &str) -> Result<&str, String> {
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, version @ ("HTTP/1.1" | "HTTP/1.0")] = parts.as_slice() else {
        return Err(format!("a request line of another form: {line:?}"));
    };
    let good_target = !target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if method.is_empty() || !method.bytes().all(is_token) || !good_target {
        return Err(format!("a method or target of another form: {line:?}"));
    }
    Ok(version)
}

fn field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("a field without a colon: {line:?}"))?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("a field name of another form: {line:?}"));
    }
    if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
        return Err(format!("a control character in a field: {line:?}"));
    }
    Ok((
        name.to_ascii_lowercase(),
        value.trim_matches([' ', '\t']).to_owned(),
    ))
}

/// What follows the body; `None` if it is not there as a whole.
fn body(framing: Framing, bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    match framing {
        Framing::Length(length) => Ok(usize::try_from(length)
            .ok()
            .and_then(|length| bytes.get(length..))),
        Framing::Chunked => chunks(bytes),
    }
}

fn chunks(mut bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    loop {
        let Some((line, rest)) = split(bytes, b"\r\n") else {
            return Ok(None);
        };
        if line.contains(&b'\n') || line.contains(&b'\r') {
            return Err("a bare CR or LF in a chunk's line".to_owned());
        }
        let line = String::from_utf8_lossy(line);
        let size = line
            .split(';')
            .next()
            .unwrap_or_default()
            .trim_end_matches([' ', '\t']);
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("a chunk size of another form: {line:?}"));
        }
        let size = u64::from_str_radix(size, 16).map_err(|error| error.to_string())?;
        if size == 0 {
            return trailers(rest);
        }
        let Some(rest) = usize::try_from(size).ok().and_then(|size| rest.get(size..)) else {
            return Ok(None);
        };
        match rest {
            [b'\r', b'\n', rest @ ..] => bytes = rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err("a chunk that does not end where it says".to_owned()),
        }
    }
}

fn trailers(mut bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    loop {
        let Some((line, rest)) = split(bytes, b"\r\n") else {
            return Ok(None);
        };
        if line.is_empty() {
            return Ok(Some(rest));
        }
        if line.contains(&b'\n') || line.contains(&b'\r') {
            return Err("a bare CR or LF in a trailer".to_owned());
        }
        field(&String::from_utf8_lossy(line))?;
        bytes = rest;
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..position)?, bytes.get(position + at.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Result<u64, String> {
        read(text.as_bytes(), false).map(|read| read.heads)
    }

    #[test]
    fn requests_with_every_framing_are_read() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\
                    POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
                    POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: v\r\n\r\n";
        assert_eq!(heads(text), Ok(3));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let with = |fields: &str| heads(&format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n"));
        for fields in [
            "Host: a\r\nHost: a",
            "X: y",
            "Host: a\r\nContent-Length: 0\r\nContent-Length: 0",
            "Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
            "Host: a\r\nContent-Length: +0",
            "Host: a\r\nTransfer-Encoding: gzip, chunked",
            "Host: a\r\n X: folded",
            "Host : a",
            "Host: a\nX: y",
            "Host: a\rX: y",
        ] {
            assert!(with(fields).is_err(), "{fields:?}");
        }
    }

    #[test]
    fn an_incomplete_message_is_an_error_unless_it_may_be_cut() {
        let text = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel";
        assert!(read(text, false).is_err());
        assert_eq!(read(text, true), Ok(Read { heads: 1, cut: true }));
    }
}
