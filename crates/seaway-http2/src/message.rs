//! From header blocks to messages (RFC 9113, 8.2 and 8.3).
//!
//! Owns the rules that a list of fields must keep to be a request, a response or trailers. A message that breaks one
//! ends its stream and nothing else; only a block that cannot be decoded ends the connection. Refuses to judge what
//! needs more than the one list: Content-Length against the data, `host` against `:authority`, or which response may
//! follow which request.

mod rules;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use crate::hpack::{Broken, Decoder};
use rules::List;

/// Why a header block is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It breaks a rule of RFC 9113: a stream error PROTOCOL_ERROR.
    Malformed,
    /// Its list of fields is larger than the limit. What else is wrong with it is then unknown.
    TooLarge,
}

/// The `:protocol` of an extended CONNECT (RFC 8441), an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol(Bytes);

impl Protocol {
    /// The protocol's name, as it was sent.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Protocol {
    fn from(protocol: &str) -> Self {
        Self(Bytes::copy_from_slice(protocol.as_bytes()))
    }
}

/// Most requests and responses have fewer fields, also after a proxy added its own.
const FIELDS: usize = 12;

/// gRPC ends with two or three.
const TRAILERS: usize = 6;

pub(crate) fn request(
    decoder: &mut Decoder,
    block: &[u8],
    limit: usize,
) -> Result<Result<Request<()>, Fault>, Broken> {
    let mut list = List::new(FIELDS);
    Ok(match read(decoder, block, limit, &mut list)? {
        None => list.into_request().ok_or(Fault::Malformed),
        Some(fault) => Err(fault),
    })
}

/// A response, informational ones included.
pub(crate) fn response(
    decoder: &mut Decoder,
    block: &[u8],
    limit: usize,
) -> Result<Result<Response<()>, Fault>, Broken> {
    let mut list = List::new(FIELDS);
    Ok(match read(decoder, block, limit, &mut list)? {
        None => list.into_response().ok_or(Fault::Malformed),
        Some(fault) => Err(fault),
    })
}

pub(crate) fn trailers(
    decoder: &mut Decoder,
    block: &[u8],
    limit: usize,
) -> Result<Result<HeaderMap, Fault>, Broken> {
    let mut list = List::new(TRAILERS);
    Ok(match read(decoder, block, limit, &mut list)? {
        None => list.into_trailers().ok_or(Fault::Malformed),
        Some(fault) => Err(fault),
    })
}

/// Fills `list`; it is not returned, since it is large and would be moved with each return.
fn read(decoder: &mut Decoder, block: &[u8], limit: usize, list: &mut List) -> Result<Option<Fault>, Broken> {
    let outcome = decoder.decode(block, limit, &mut |field| list.take(field))?;
    Ok(if outcome.too_large || list.is_full() {
        Some(Fault::TooLarge)
    } else if outcome.malformed || list.is_malformed() {
        Some(Fault::Malformed)
    } else {
        None
    })
}
