//! What the guard remembers of a head (or of trailers) while it passes by: little, and nothing that it does not judge.

use super::bytes;
use super::refusal::Reason;
use super::target::{self, Method};

/// Longest token that is compared with anything: `transfer-encoding`.
const TOKEN_BYTES: usize = 17;
/// A method longer than this is nobody's.
pub(super) const METHOD_BYTES: usize = 64;
/// Kept of a value's buffer between heads.
const KEEP_BYTES: usize = 256;

/// Facts about the head under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the head so far, request line included.
    pub(super) bytes: usize,
    fields: usize,
    token: Token,
    method: Option<Method>,
    target_bytes: usize,
    /// Only of targets that do not begin with a slash.
    target: Vec<u8>,
    pub(super) is_http10: bool,
    field: Field,
    /// Of a field that is judged.
    value: Vec<u8>,
    /// As sent, whitespace included.
    host: Option<Vec<u8>>,
    length: Option<u64>,
    is_chunked: bool,
    wants_upgrade: bool,
}

/// The fields that the guard looks into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Upgrade,
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    pub(super) body: Framing,
    /// What comes after the message is not HTTP if the answer says so.
    pub(super) may_switch: bool,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes; at least one.
    Length(u64),
    /// After the last chunk and the trailers.
    Chunked,
}

/// What decides about a message, however it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) method: Method,
    /// Empty if it begins with a slash: then it needs no second look.
    pub(super) target: &'a [u8],
    pub(super) is_http10: bool,
    /// Without whitespace.
    pub(super) host: Option<&'a [u8]>,
    pub(super) length: Option<u64>,
    pub(super) is_chunked: bool,
    pub(super) wants_upgrade: bool,
}

impl Facts<'_> {
    /// At the empty line: the rules that need the whole head.
    pub(super) fn judge(&self) -> Result<Follows, Reason> {
        if self.is_chunked && self.is_http10 {
            return Err(Reason::EncodingInHttp10);
        }
        if self.is_chunked && self.length.is_some() {
            return Err(Reason::LengthWithEncoding);
        }
        self.check_host()?;
        let body = match self.length {
            _ if self.is_chunked => Framing::Chunked,
            None | Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
        };
        if self.method == Method::Connect && body != Framing::None {
            return Err(Reason::ConnectBody);
        }
        Ok(Follows {
            body,
            may_switch: self.method == Method::Connect || self.wants_upgrade,
        })
    }

    fn check_host(&self) -> Result<(), Reason> {
        if self.host.is_none() && !self.is_http10 {
            return Err(Reason::HostMissing);
        }
        if self.target.is_empty() {
            // It begins with a slash, which CONNECT does not allow. Its authority is the host, which no http URI is without
            // (RFC 9110, 4.2.1).
            return match self.host {
                _ if self.method == Method::Connect => Err(Reason::Target),
                Some([]) if !self.is_http10 => Err(Reason::HostInvalid),
                _ => Ok(()),
            };
        }
        let authority = target::authority(self.method, self.target)?;
        match (authority, self.host) {
            (Some(authority), Some(host)) if !target::same(authority, host) => Err(Reason::HostMismatch),
            _ => Ok(()),
        }
    }
}

impl Head {
    /// Forgets the last message, keeps small buffers.
    pub(super) fn reset(&mut self) {
        let mut target = std::mem::take(&mut self.target);
        let mut value = std::mem::take(&mut self.value);
        let mut host = self.host.take().unwrap_or_default();
        for buffer in [&mut target, &mut value, &mut host] {
            buffer.clear();
        }
        // The host's buffer becomes the next value's: `finish_field` moves it the other way round.
        let value = if host.capacity() > value.capacity() {
            host
        } else {
            value
        };
        *self = Self {
            target: keep_if_small(target),
            value: keep_if_small(value),
            ..Self::default()
        };
    }

    /// Starts counting anew for the trailers of the same message.
    pub(super) fn begin_trailers(&mut self) {
        self.bytes = 0;
        self.fields = 0;
        self.token.clear();
    }

    pub(super) fn push_method(&mut self, run: &[u8]) -> Result<(), Reason> {
        self.token.push(run);
        if self.token.length > METHOD_BYTES {
            return Err(Reason::MethodTooLong);
        }
        Ok(())
    }

    pub(super) fn end_method(&mut self) -> Result<(), Reason> {
        if self.token.length == 0 {
            return Err(Reason::Method);
        }
        self.method = Some(Method::of(self.token.text()));
        self.token.clear();
        Ok(())
    }

    pub(super) fn push_target(&mut self, run: &[u8], max_bytes: usize) -> Result<(), Reason> {
        if self.target_bytes == 0 && run.first() != Some(&b'/') || !self.target.is_empty() {
            self.target.extend_from_slice(run);
        }
        self.target_bytes += run.len();
        if self.target_bytes > max_bytes {
            return Err(Reason::TargetTooLong);
        }
        Ok(())
    }

    pub(super) fn end_target(&self) -> Result<(), Reason> {
        if self.target_bytes == 0 {
            return Err(Reason::Target);
        }
        Ok(())
    }

    pub(super) fn begin_field(&mut self, max_fields: usize) -> Result<(), Reason> {
        self.token.clear();
        self.fields += 1;
        if self.fields > max_fields {
            return Err(Reason::TooManyFields);
        }
        Ok(())
    }

    pub(super) fn has_fields(&self) -> bool {
        self.fields > 0
    }

    pub(super) fn push_name(&mut self, run: &[u8]) {
        self.token.push(run);
    }

    /// At the colon.
    pub(super) fn end_name(&mut self, in_trailers: bool) -> Result<(), Reason> {
        self.field = match self.token.text() {
            name if name.eq_ignore_ascii_case(b"host") => Field::Host,
            name if name.eq_ignore_ascii_case(b"upgrade") => Field::Upgrade,
            name if name.eq_ignore_ascii_case(b"content-length") => Field::ContentLength,
            name if name.eq_ignore_ascii_case(b"transfer-encoding") => Field::TransferEncoding,
            _ => Field::Other,
        };
        if in_trailers && self.field != Field::Other {
            return Err(Reason::Trailer);
        }
        Ok(())
    }

    pub(super) fn push_value(&mut self, run: &[u8]) {
        if !matches!(self.field, Field::Other | Field::Upgrade) {
            self.value.extend_from_slice(run);
        }
    }

    /// At the end of the field's line.
    pub(super) fn end_field(&mut self) -> Result<(), Reason> {
        match std::mem::take(&mut self.field) {
            Field::Other => return Ok(()),
            Field::Upgrade => self.wants_upgrade = true,
            Field::Host => {
                if self.host.is_some() {
                    return Err(Reason::HostRepeated);
                }
                let text = trim(&self.value);
                if !target::is_host_field(text) {
                    return Err(Reason::HostInvalid);
                }
                self.host = Some(std::mem::take(&mut self.value));
            }
            Field::ContentLength => {
                if self.length.is_some() {
                    return Err(Reason::LengthRepeated);
                }
                self.length = Some(length(trim(&self.value))?);
            }
            Field::TransferEncoding => {
                let codings = trim(&self.value);
                if self.is_chunked || !codings.eq_ignore_ascii_case(b"chunked") {
                    return Err(if !self.is_chunked && is_coded_in_chunks(codings) {
                        Reason::EncodingUnknown
                    } else {
                        Reason::Encoding
                    });
                }
                self.is_chunked = true;
            }
        }
        self.value.clear();
        Ok(())
    }

    /// At the empty line: the rules that need the whole head.
    pub(super) fn finish(&self) -> Result<Follows, Reason> {
        let facts = Facts {
            method: self.method.unwrap_or(Method::Other),
            target: &self.target,
            is_http10: self.is_http10,
            host: self.host.as_deref().map(trim),
            length: self.length,
            is_chunked: self.is_chunked,
            wants_upgrade: self.wants_upgrade,
        };
        facts.judge()
    }
}

/// One decimal number that every reader can hold (RFC 9110, 8.6).
pub(super) fn length(text: &[u8]) -> Result<u64, Reason> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Reason::LengthInvalid);
    }
    str::from_utf8(text)
        .ok()
        .and_then(|t| t.parse::<i64>().ok())
        .and_then(|n| u64::try_from(n).ok())
        .ok_or(Reason::LengthInvalid)
}

/// Whether other codings come before one that ends the message: its end is certain, and we do not know the others.
fn is_coded_in_chunks(codings: &[u8]) -> bool {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let is_token = |coding: &[u8]| !coding.is_empty() && coding.iter().all(|b| bytes::is_token(*b));
    let mut codings = codings.rsplit(|b| *b == b',').map(trim);
    codings.next().is_some_and(is_chunked) && codings.all(|coding| is_token(coding) && !is_chunked(coding))
}

/// Without the optional whitespace around a value (RFC 9110, 5.6.3).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = value.iter().position(|b| !is_space(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !is_space(b)).map_or(start, |i| i + 1);
    value.get(start..end).unwrap_or_default()
}

fn keep_if_small(buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() > KEEP_BYTES {
        Vec::new()
    } else {
        buffer
    }
}

/// The beginning of a method or a field name, and its true length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Token {
    start: [u8; TOKEN_BYTES],
    length: usize,
}

impl Token {
    fn clear(&mut self) {
        self.length = 0;
    }

    fn push(&mut self, run: &[u8]) {
        if let Some(room) = self.start.get_mut(self.length..) {
            for (to, from) in room.iter_mut().zip(run) {
                *to = *from;
            }
        }
        self.length += run.len();
    }

    /// Empty for a token that is too long to be one of those that matter.
    fn text(&self) -> &[u8] {
        self.start.get(..self.length).unwrap_or_default()
    }
}
