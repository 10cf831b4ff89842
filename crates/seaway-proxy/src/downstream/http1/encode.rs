//! The head of an answer, and how its body is framed (RFC 9112, 6 and 9).
//!
//! How a message ends is decided here and nowhere else: what the handler says of `transfer-encoding` is not passed on,
//! and its `content-length` is the promise that the body is held to. What cannot be promised cleanly is refused, rather
//! than written in a way that two readers could read differently.

use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body as _;

use super::date;
use super::request::Asked;
use crate::body::Body;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Nothing is.
    Nothing,
    /// So many bytes are promised.
    Length(u64),
    Chunked,
    /// The end of the connection is the end of the body.
    UntilClose,
}

/// What the head says of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) coding: Coding,
    /// The connection ends with this answer.
    pub(super) closes: bool,
    /// The connection leaves HTTP with this answer.
    pub(super) switches: bool,
    /// A length that the handler did not say itself.
    length: Option<u64>,
    /// The handler's own length is passed on.
    keeps_length: bool,
    is_http10: bool,
}

impl Plan {
    /// Of an answer that says nothing, and is the last.
    pub(super) fn last() -> Self {
        Self {
            coding: Coding::Length(0),
            closes: true,
            switches: false,
            length: Some(0),
            keeps_length: false,
            is_http10: false,
        }
    }
}

/// The answer cannot be written as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritable;

/// Plans an answer. `closes`: the connection has to end with it, whatever it says itself.
pub(super) fn plan(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Body,
    asked: &Asked,
    closes: bool,
) -> Result<Plan, Unwritable> {
    let switches = is_switch(status, asked);
    if status.is_informational() && !switches {
        return Err(Unwritable);
    }
    let bodiless = switches || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let said = Said::of(headers)?;
    let ends = body.is_end_stream();
    let exact = if ends { Some(0) } else { body.size_hint().exact() };
    let (coding, length, keeps_length) = if bodiless {
        (Coding::Nothing, None, false)
    } else if asked.is_head {
        (Coding::Nothing, exact.filter(|_| !ends), said.length.is_some())
    } else if let Some(said) = said.length {
        (Coding::Length(said), None, true)
    } else if let Some(exact) = exact {
        (Coding::Length(exact), Some(exact), false)
    } else if asked.is_http10 {
        (Coding::UntilClose, None, false)
    } else {
        (Coding::Chunked, None, false)
    };
    let closes = closes || said.closes || !asked.keeps_alive || coding == Coding::UntilClose;
    Ok(Plan {
        coding,
        closes: closes && !switches,
        switches,
        length: length.filter(|_| !keeps_length),
        keeps_length,
        is_http10: asked.is_http10,
    })
}

/// 101, or success to CONNECT (RFC 9110, 15.2.2 and 9.3.6), where the request allowed it.
fn is_switch(status: StatusCode, asked: &Asked) -> bool {
    asked.may_switch && status == StatusCode::SWITCHING_PROTOCOLS || asked.is_connect && status.is_success()
}

/// What the handler says of the message's end.
#[derive(Default)]
struct Said {
    /// The length that it promises. Twice the same is once.
    length: Option<u64>,
    closes: bool,
}

impl Said {
    /// In one pass: to ask the map for each name costs more.
    fn of(headers: &HeaderMap) -> Result<Self, Unwritable> {
        let mut said = Self::default();
        for (name, value) in headers {
            if name == CONTENT_LENGTH {
                let length = number(value).ok_or(Unwritable)?;
                if said.length.is_some_and(|said| said != length) {
                    return Err(Unwritable);
                }
                said.length = Some(length);
            } else if name == CONNECTION {
                said.closes |= has_token(value, b"close");
            }
        }
        Ok(said)
    }
}

/// Decimal digits and nothing else.
fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.as_bytes();
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Writes the head.
pub(super) fn head(status: StatusCode, headers: &HeaderMap, plan: Plan, now: SystemTime, out: &mut Vec<u8>) {
    status_line(status, plan.is_http10, out);
    let mut has_date = false;
    let mut keeps_length = plan.keeps_length;
    let mut has_connection = false;
    for (name, value) in headers {
        if name == CONTENT_LENGTH {
            if !std::mem::take(&mut keeps_length) {
                continue;
            }
        } else if name == TRANSFER_ENCODING || name == TRAILER && plan.coding != Coding::Chunked {
            continue;
        } else if name == CONNECTION {
            has_connection = true;
            continue;
        } else if name == DATE {
            has_date = true;
        }
        field(name, value, out);
    }
    if has_connection || plan.closes || plan.is_http10 {
        connection(headers, plan, out);
    }
    if plan.coding == Coding::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if let Some(length) = plan.length {
        out.extend_from_slice(b"content-length: ");
        decimal(length, out);
        out.extend_from_slice(b"\r\n");
    }
    if !has_date {
        out.extend_from_slice(b"date: ");
        date::write(now, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The whole of an answer before the answer.
pub(super) fn informational(head: &Response<()>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    status_line(head.status(), false, &mut out);
    for (name, value) in head.headers() {
        field(name, value, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn status_line(status: StatusCode, is_http10: bool, out: &mut Vec<u8>) {
    if status == StatusCode::OK && !is_http10 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(if is_http10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A value cannot hold a line end: its type does not allow it.
pub(super) fn field(name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// What the handler says of the connection, and what we do, in one line.
fn connection(headers: &HeaderMap, plan: Plan, out: &mut Vec<u8>) {
    let own: &[u8] = match (plan.closes, plan.is_http10) {
        (true, _) if !plan.switches => b"close",
        (false, true) if !plan.switches => b"keep-alive",
        _ => b"",
    };
    let said = headers.get_all(CONNECTION);
    let is_said = said.iter().any(|value| has_token(value, own));
    let own = Some(own).filter(|own| !own.is_empty() && !is_said);
    let mut before: &[u8] = b"connection: ";
    for text in said.iter().map(HeaderValue::as_bytes).chain(own) {
        out.extend_from_slice(before);
        out.extend_from_slice(text);
        before = b", ";
    }
    if before == b", " {
        out.extend_from_slice(b"\r\n");
    }
}

fn has_token(list: &HeaderValue, token: &[u8]) -> bool {
    list.as_bytes()
        .split(|b| *b == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

/// The line before a chunk of so many bytes.
pub(super) fn chunk_line(length: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let value = u8::try_from(length >> (digit * 4) & 0xf).unwrap_or_default();
        out.push(if value < 10 {
            b'0' + value
        } else {
            b'a' - 10 + value
        });
    }
    out.extend_from_slice(b"\r\n");
}

/// The end of a body in chunks: the last chunk and the trailers, of which those are left out that would decide about
/// the message after its end (RFC 9110, 6.5.1).
pub(super) fn last_chunk(trailers: Option<&HeaderMap>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if may_trail(name) {
            field(name, value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn may_trail(name: &HeaderName) -> bool {
    use http::header::*;
    ![
        AUTHORIZATION,
        CACHE_CONTROL,
        CONNECTION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_TYPE,
        HOST,
        MAX_FORWARDS,
        SET_COOKIE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests;
