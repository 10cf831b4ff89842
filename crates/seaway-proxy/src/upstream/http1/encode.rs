//! The head of a request, and the pieces of its body, as bytes.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, Method, Request};
use http_body::Body as _;

use crate::body::Body;
use crate::error::Failure;

const CRLF: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n";
const LAST_CHUNK_AND_END: &[u8] = b"0\r\n\r\n";
const DATA_AND_END: &[u8] = b"\r\n0\r\n\r\n";

/// How the end of a request's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is no body.
    None,
    /// By its length; what is left of it.
    Length(u64),
    /// In chunks.
    Chunked,
}

impl Framing {
    /// By the length that the head says, or that the body knows; in chunks otherwise (RFC 9112, 6.3).
    ///
    /// # Errors
    /// A head that says what the body does not have would make the next request part of this one's body.
    pub(super) fn of(request: &Request<Body>) -> Result<Self, Failure> {
        let headers = request.headers();
        let body = request.body();
        if body.is_end_stream() {
            let says_more = |length: &http::HeaderValue| length.as_bytes().iter().any(|digit| *digit != b'0');
            return if headers.get_all(header::CONTENT_LENGTH).iter().any(says_more) {
                Err(Failure::BadRequest("the body is shorter than its content-length"))
            } else {
                Ok(Self::None)
            };
        }
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Ok(Self::Chunked);
        }
        let said = match headers.get(header::CONTENT_LENGTH) {
            Some(length) => Some(
                number(length.as_bytes()).ok_or(Failure::BadRequest("the content-length is no number"))?,
            ),
            None => body.size_hint().exact(),
        };
        Ok(match said {
            Some(0) => Self::None,
            Some(length) => Self::Length(length),
            None => Self::Chunked,
        })
    }
}

/// Digits and nothing else; `None` also for what is too large.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Appends the head of a request that has the shape of HTTP/1.1 ([`super::super::shape::for_http1`]).
pub(super) fn head(request: &Request<Body>, framing: Framing, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target(request).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut has_length = false;
    for (name, value) in request.headers() {
        if *name == header::TRANSFER_ENCODING {
            continue;
        }
        if *name == header::CONTENT_LENGTH {
            if framing == Framing::Chunked || has_length {
                continue;
            }
            has_length = true;
        }
        field(name, value.as_bytes(), out);
    }
    match framing {
        Framing::Length(length) if !has_length => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(CRLF);
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // Many servers refuse those without a length (411), and on HTTP/2 they need none.
        Framing::None if !has_length && has_usually_content(request.method()) => {
            out.extend_from_slice(b"content-length: 0\r\n");
        }
        Framing::None | Framing::Length(_) => {}
    }
    out.extend_from_slice(CRLF);
}

/// The methods that give content a meaning (RFC 9110, 8.6).
fn has_usually_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn target(request: &Request<Body>) -> &str {
    let uri = request.uri();
    if request.method() == Method::CONNECT
        && let Some(authority) = uri.authority()
    {
        return authority.as_str();
    }
    uri.path_and_query().map_or("/", |path| path.as_str())
}

fn field(name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CRLF);
}

/// What comes after the data of a chunk.
pub(super) fn after_chunk(is_last: bool) -> &'static [u8] {
    if is_last { DATA_AND_END } else { CRLF }
}

/// The end of a body without trailers.
pub(super) fn end_of_chunks() -> &'static [u8] {
    LAST_CHUNK_AND_END
}

/// Appends the line before the data of a chunk.
pub(super) fn chunk_line(data: &Bytes, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = data.len();
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (length >> (4 * place)) & 0xf;
        out.push(DIGITS.get(digit).copied().unwrap_or(b'0'));
    }
    out.extend_from_slice(CRLF);
}

/// Appends the end of a body with its trailers.
pub(super) fn trailers(trailers: &HeaderMap, out: &mut Vec<u8>) {
    out.extend_from_slice(LAST_CHUNK);
    for (name, value) in trailers {
        if may_trail(name) {
            field(name, value.as_bytes(), out);
        }
    }
    out.extend_from_slice(CRLF);
}

/// Whether a field may come after the body. Not what frames a message, says where it goes, or changes how it is read
/// (RFC 9110, 6.5.1): who merges trailers into the head would believe it.
pub(super) fn may_trail(name: &HeaderName) -> bool {
    const NEVER: [HeaderName; 16] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::HOST,
        header::MAX_FORWARDS,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    !NEVER.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(request: &Request<Body>) -> String {
        let mut out = Vec::new();
        head(request, Framing::of(request).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn post(fields: &[(&'static str, &'static str)], body: Body) -> Request<Body> {
        let mut request = Request::post("/a?b");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }

    #[test]
    fn a_length_that_the_head_does_not_say_is_the_bodys() {
        assert_eq!(
            encoded(&post(&[("host", "a")], Body::Full("hello".into()))),
            "POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
        );
    }

    #[test]
    fn a_method_that_usually_has_content_says_that_it_has_none() {
        assert_eq!(
            encoded(&post(&[("host", "a")], Body::Empty)),
            "POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
        );
        let said = post(&[("content-length", "0")], Body::Empty);
        assert_eq!(encoded(&said), "POST /a?b HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
        let get = Request::get("/").body(Body::Empty).unwrap();
        assert_eq!(encoded(&get), "GET / HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn a_body_of_unknown_length_goes_in_chunks() {
        let body = Body::boxed(http_body_util::StreamBody::new(futures_util::stream::pending()));
        let request = post(&[("trailer", "x-sum")], body);
        assert_eq!(
            encoded(&request),
            "POST /a?b HTTP/1.1\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn a_length_beside_chunks_and_a_second_length_are_not_sent() {
        let both = [("transfer-encoding", "chunked"), ("content-length", "5")];
        assert_eq!(
            encoded(&post(&both, Body::Full("hello".into()))),
            "POST /a?b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(
            encoded(&post(&twice, Body::Full("hello".into()))),
            "POST /a?b HTTP/1.1\r\ncontent-length: 5\r\n\r\n"
        );
    }

    #[test]
    fn a_length_without_a_body_is_refused() {
        assert!(Framing::of(&post(&[("content-length", "5")], Body::Empty)).is_err());
        assert!(Framing::of(&post(&[("content-length", "0")], Body::Empty)).is_ok());
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        for (digits, expected) in [
            ("0", Some(0)),
            ("00012", Some(12)),
            ("9223372036854775807", Some(u64::MAX >> 1)),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("", None),
            ("+1", None),
            ("1 ", None),
        ] {
            assert_eq!(number(digits.as_bytes()), expected, "{digits}");
        }
    }

    #[test]
    fn chunk_lines_are_hexadecimal() {
        for (length, expected) in [
            (1, "1\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (0x1_2345, "12345\r\n"),
        ] {
            let mut out = Vec::new();
            chunk_line(&Bytes::from(vec![0; length]), &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn trailers_that_would_change_the_message_are_not_sent() {
        let mut fields = HeaderMap::new();
        fields.insert("x-sum", "1".parse().unwrap());
        fields.insert("content-length", "5".parse().unwrap());
        let mut out = Vec::new();
        trailers(&fields, &mut out);
        assert_eq!(out, b"0\r\nx-sum: 1\r\n\r\n");
    }
}
