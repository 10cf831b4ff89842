//! Responses as bytes.
//!
//! A response is put together from what was written once for all clients: large resources are not copied, so a thousand
//! clients that read the same one share its bytes. Rejected: the codec of tonic. It writes every response into a buffer of
//! the stream, which keeps room for the largest that it ever had: 3.5 MiB for each client of 10,000 routes, for as
//! long as it is connected.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use envoy_types::pb::envoy::config::core::v3::ControlPlane;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
use http::HeaderMap;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use tokio::sync::mpsc;
use tonic::Status;

use super::session::{Response, Wire};
use super::snapshot::Versioned;

/// Smaller resources are copied: a frame of their own would cost more.
const SHARED_BYTES: usize = 16 << 10;
/// The flag that says whether it is compressed, which it never is, and the length.
const HEAD_BYTES: usize = 5;

/// Field numbers of `DiscoveryResponse` and `DeltaDiscoveryResponse`, of `Resource`, and of `Any`.
const RESOURCES: u32 = 2;
const RESOURCE_VERSION: u32 = 1;
const RESOURCE_RESOURCE: u32 = 2;
const RESOURCE_NAME: u32 = 3;
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;

/// A message with its head, in pieces.
pub(super) type Frame = Vec<Bytes>;

/// Writes a response. `None`: it has more bytes than a message of gRPC may have.
pub(super) fn frame(wire: Wire, response: &Response, identifier: &str) -> Option<Frame> {
    let envelope = envelope(wire, response, identifier);
    let entries = response.resources.iter().map(|entry| Entry::new(wire, entry));
    let all = entries.clone().map(|entry| field_bytes(entry.length()));
    let length = envelope.len() + all.sum::<usize>();
    let mut pieces = Pieces::default();
    pieces.small.put_u8(0);
    pieces.small.put_u32(u32::try_from(length).ok()?);
    pieces.small.extend_from_slice(&envelope);
    for entry in entries {
        entry.write(&mut pieces);
    }
    let pieces = pieces.end();
    debug_assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), length + HEAD_BYTES);
    Some(pieces)
}

/// Everything but the resources, which follow: fields may come in any order.
fn envelope(wire: Wire, response: &Response, identifier: &str) -> Vec<u8> {
    let control_plane = Some(ControlPlane {
        identifier: identifier.to_owned(),
    });
    let type_url = response.kind.type_url().to_owned();
    match wire {
        Wire::StateOfTheWorld => DiscoveryResponse {
            version_info: response.version.to_string(),
            type_url,
            nonce: response.nonce.clone(),
            control_plane,
            ..DiscoveryResponse::default()
        }
        .encode_to_vec(),
        Wire::Delta => DeltaDiscoveryResponse {
            system_version_info: response.version.to_string(),
            type_url,
            removed_resources: response.removed.iter().map(ToString::to_string).collect(),
            nonce: response.nonce.clone(),
            control_plane,
            ..DeltaDiscoveryResponse::default()
        }
        .encode_to_vec(),
    }
}

/// A resource, as an `Any` or as a `Resource` with one.
struct Entry<'a> {
    type_url: &'a str,
    body: &'a Bytes,
    /// Only on the incremental wire: its name and version.
    named: Option<(&'a str, String)>,
}

impl<'a> Entry<'a> {
    fn new(wire: Wire, entry: &'a Versioned) -> Self {
        let resource = &entry.resource;
        Self {
            type_url: resource.kind.type_url(),
            body: &resource.body,
            named: (wire == Wire::Delta).then(|| (&*resource.name, format!("{:016x}", entry.version))),
        }
    }

    fn any_length(&self) -> usize {
        field_bytes(self.type_url.len()) + field_bytes(self.body.len())
    }

    fn length(&self) -> usize {
        match &self.named {
            None => self.any_length(),
            Some((name, version)) => {
                field_bytes(name.len()) + field_bytes(version.len()) + field_bytes(self.any_length())
            }
        }
    }

    fn write(&self, pieces: &mut Pieces) {
        pieces.begin(RESOURCES, self.length());
        if let Some((name, version)) = &self.named {
            pieces.text(RESOURCE_VERSION, version);
            pieces.text(RESOURCE_NAME, name);
            pieces.begin(RESOURCE_RESOURCE, self.any_length());
        }
        pieces.text(ANY_TYPE_URL, self.type_url);
        pieces.begin(ANY_VALUE, self.body.len());
        pieces.share(self.body);
    }
}

/// How long a field of so many bytes is, with its tag, which is small, and its length.
fn field_bytes(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

#[derive(Default)]
struct Pieces {
    done: Vec<Bytes>,
    small: BytesMut,
}

impl Pieces {
    fn begin(&mut self, field: u32, length: usize) {
        encode_key(field, WireType::LengthDelimited, &mut self.small);
        encode_varint(length as u64, &mut self.small);
    }

    fn text(&mut self, field: u32, text: &str) {
        self.begin(field, text.len());
        self.small.extend_from_slice(text.as_bytes());
    }

    fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES {
            self.small.extend_from_slice(bytes);
        } else {
            self.done.push(self.small.split().freeze());
            self.done.push(bytes.clone());
        }
    }

    fn end(mut self) -> Frame {
        if !self.small.is_empty() {
            self.done.push(self.small.freeze());
        }
        self.done
    }
}

/// The body of an answer: frames until there are no more, and how it ended.
#[derive(Debug)]
pub(super) struct Responses {
    receiver: mpsc::Receiver<Result<Frame, Status>>,
    pending: std::vec::IntoIter<Bytes>,
    has_ended: bool,
}

impl Responses {
    pub(super) fn new(receiver: mpsc::Receiver<Result<Frame, Status>>) -> Self {
        Self {
            receiver,
            pending: Vec::new().into_iter(),
            has_ended: false,
        }
    }
}

impl http_body::Body for Responses {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        loop {
            if let Some(piece) = this.pending.next() {
                return Poll::Ready(Some(Ok(http_body::Frame::data(piece))));
            }
            let status = match ready!(this.receiver.poll_recv(cx)) {
                Some(Ok(frame)) => {
                    this.pending = frame.into_iter();
                    continue;
                }
                Some(Err(status)) => status,
                None => Status::ok(""),
            };
            this.has_ended = true;
            let mut trailers = HeaderMap::new();
            if let Err(status) = status.add_header(&mut trailers) {
                // Words that no header can carry are left out; the code is not.
                let _: Result<(), Status> = Status::new(status.code(), "").add_header(&mut trailers);
            }
            return Poll::Ready(Some(Ok(http_body::Frame::trailers(trailers))));
        }
    }
}

#[cfg(test)]
mod tests;
