//! The head of an answer.
//!
//! httparse finds the fields; what it lets pass and RFC 9112 does not ask us to is refused here: lines that end with a
//! bare LF, empty lines before the first, transfer codings beside chunked, lengths beside chunks or of two minds
//! ([`super::super::shape`]). Each value has memory of its own, for the reason that requests' have.

use std::mem::MaybeUninit;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};

use super::super::shape;
use super::encode::number;
use super::framing::Malformed;

/// Bytes of a head.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Fields of a head, and of trailers.
pub(super) const MAX_FIELDS: usize = 100;

const SYNTAX: Malformed = Malformed("its head is not HTTP/1.1");

/// A head that may be believed.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) chunked: bool,
    pub(super) length: Option<u64>,
    /// Whether the connection serves another request.
    pub(super) keep_alive: bool,
}

/// What is said of the message as a whole, gathered on the way over its fields.
#[derive(Default)]
struct Said {
    codings: u32,
    lengths: u32,
    /// The last length, where it is a number and nothing else.
    length: Option<u64>,
    close: bool,
    keep_alive: bool,
}

/// Reads the head that `bytes` begin with, and where it ends. `None`: more is to come.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
    if !b"HTTP/1."
        .iter()
        .zip(bytes.iter())
        .all(|(expected, byte)| expected == byte)
    {
        return Err(Malformed("it does not begin with HTTP/1"));
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut fields,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(_) => return Err(Malformed("its head is too large")),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed("its head has too many fields")),
        Err(_) => return Err(SYNTAX),
    };
    if has_bare_lf(bytes.get(..length).unwrap_or_default()) {
        return Err(Malformed("a line of its head ends with a bare LF"));
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let version = if response.version == Some(1) {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    let mut said = Said::default();
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| SYNTAX)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| SYNTAX)?;
        said.note(&name, &value);
        headers.append(name, value);
    }
    let head = said.of(status.ok_or(SYNTAX)?, version, headers)?;
    Ok(Some((head, length)))
}

/// httparse takes a line that ends with LF alone; others see the next line as part of it.
fn has_bare_lf(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head.get(at - 1) != Some(&b'\r'))
}

impl Said {
    fn note(&mut self, name: &HeaderName, value: &HeaderValue) {
        if *name == header::CONTENT_LENGTH {
            self.lengths += 1;
            self.length = number(value.as_bytes());
        } else if *name == header::TRANSFER_ENCODING {
            self.codings += 1;
        } else if *name == header::CONNECTION {
            // What cannot be read may be a wish to close.
            self.close |= value.to_str().is_err();
            for option in value.as_bytes().split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }

    fn of(&self, status: StatusCode, version: Version, mut headers: HeaderMap) -> Result<Head, Malformed> {
        const LENGTH: Malformed = Malformed("the length of its body is not certain");
        if self.codings > 0 && version == Version::HTTP_10 {
            return Err(Malformed("HTTP/1.0 has no transfer codings"));
        }
        let plain = self.codings == 0 && (self.lengths == 0 || self.lengths == 1 && self.length.is_some());
        let length = if plain {
            self.length
        } else {
            shape::check_framing(&mut headers).map_err(|_| LENGTH)?;
            let length = headers.get(header::CONTENT_LENGTH);
            let number = length.map(|length| number(length.as_bytes()).ok_or(LENGTH));
            number.transpose()?
        };
        Ok(Head {
            status,
            chunked: self.codings > 0,
            length,
            keep_alive: !self.close && (version == Version::HTTP_11 || self.keep_alive),
            headers,
        })
    }
}
