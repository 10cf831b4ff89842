//! One request on a connection, until the head of its answer is here.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::super::endpoint::Place;
use super::super::pool::{self, Http1Connection};
use super::super::slot::Slot;
use super::super::stream::Stream;
use super::super::{classify, shape};
use super::OnContinue;
use super::framing::{Framing, Malformed, Step};
use super::head::{self, Head};
use super::incoming::Incoming;
use super::scratch;
use super::sending::{self, Broken, Hindrance, NotBegun, Sending};
use crate::blocks;
use crate::body::Body;
use crate::error::Failure;
use crate::interim;
use crate::switch;

/// Answers before the answer.
const MAX_INFORMATIONAL: u8 = 64;
/// What is read at once of a head that came in pieces.
const MORE: usize = 4 << 10;

/// A request, and the connection that it has for itself.
#[derive(Debug)]
pub(in super::super) struct Call {
    connection: Option<Box<Http1Connection>>,
    sending: Option<Box<Sending>>,
    /// The beginning of a head.
    partial: BytesMut,
    method: Method,
    asks: Asks,
    informational: u8,
    begun: bool,
    /// Whether all of the request was sent, or still may be.
    whole: bool,
}

/// What a request wants beside an answer.
#[derive(Default)]
struct Asks {
    upgrade: bool,
    close: bool,
    on_continue: Option<OnContinue>,
}

impl std::fmt::Debug for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asks")
            .field("upgrade", &self.upgrade)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// Nothing happens before the first poll.
    pub(in super::super) fn new(connection: Box<Http1Connection>) -> Self {
        Self {
            connection: Some(connection),
            sending: None,
            partial: BytesMut::new(),
            method: Method::GET,
            asks: Asks::default(),
            informational: 0,
            begun: false,
            whole: true,
        }
    }

    /// Sends what is in the slot, and waits for the answer. After an error the request is still in its slot if nothing
    /// of it was sent. `place`: where the connection goes when it is free.
    pub(in super::super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        slot: &mut Slot,
        place: &Arc<Place>,
    ) -> Poll<Result<Box<Response<Body>>, Failure>> {
        let polled = self.poll_inner(cx, slot, place);
        if let Poll::Ready(Err(_)) = &polled {
            self.connection = None;
        }
        polled
    }

    fn poll_inner(
        &mut self,
        cx: &mut Context<'_>,
        slot: &mut Slot,
        place: &Arc<Place>,
    ) -> Poll<Result<Box<Response<Body>>, Failure>> {
        if !self.begun {
            self.begin(cx, slot)?;
        }
        if self.sending.is_some() {
            self.send(cx)?;
        }
        loop {
            let mut bytes = ready!(self.poll_read(cx))?;
            loop {
                match head::parse(&bytes).map_err(refuse)? {
                    Some((head, length)) => {
                        bytes.advance(length);
                        if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                            self.informational(head)?;
                            if bytes.is_empty() {
                                break;
                            }
                            continue;
                        }
                        return Poll::Ready(self.answer(head, bytes, place));
                    }
                    None => {
                        self.partial = bytes
                            .try_into_mut()
                            .unwrap_or_else(|bytes| BytesMut::from(bytes.as_ref()));
                        break;
                    }
                }
            }
        }
    }

    fn begin(&mut self, cx: &mut Context<'_>, slot: &mut Slot) -> Result<(), Failure> {
        let (Some(connection), Some(request)) = (&mut self.connection, slot.request()) else {
            return Err(Failure::UpstreamReset);
        };
        self.begun = true;
        match sending::begin(&mut connection.stream, cx, request) {
            Ok(sending) => self.sending = sending,
            Err(NotBegun::Unsent(Hindrance::Request(failure))) => return Err(failure),
            Err(NotBegun::Unsent(Hindrance::Connection(error))) => return Err(classify::broken(&error)),
            Err(NotBegun::Lost(broken)) => {
                slot.spend();
                return Err(match broken {
                    Broken::Body(error) => classify::body(&error),
                    Broken::Connection(error) => classify::broken(&error),
                });
            }
        }
        self.method = request.method().clone();
        self.asks = Asks {
            upgrade: shape::is_upgrade(request),
            close: asks_to_close(request),
            on_continue: request.extensions_mut().remove(),
        };
        slot.spend();
        Ok(())
    }

    /// Goes on sending. An endpoint that reads no more may have answered.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let Some((sending, connection)) = self.sending.as_mut().zip(self.connection.as_mut()) else {
            return Ok(());
        };
        match sending.poll(&mut connection.stream, cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(Broken::Connection(_))) => self.whole = false,
            Poll::Ready(Err(Broken::Body(error))) => return Err(classify::body(&error)),
        }
        self.sending = None;
        Ok(())
    }

    /// Bytes that may be a head.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Failure>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(Failure::UpstreamReset));
        };
        let stream = &mut connection.stream;
        if self.partial.is_empty() {
            let bytes = scratch::reading(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok::<_, io::Error>(blocks::keep(buffer.filled())))
            });
            return Poll::Ready(arrived(ready!(bytes)));
        }
        loop {
            let before = self.partial.len();
            self.partial.reserve(MORE);
            let read = {
                let reading = pin!(stream.read_buf(&mut self.partial));
                ready!(reading.poll(cx))
            };
            match read {
                Ok(0) => return Poll::Ready(Err(Failure::UpstreamReset)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(classify::broken(&error))),
            }
            // A head is looked at again only when a line has come, so that one that trickles in costs no more.
            let new = self.partial.get(before..).unwrap_or_default();
            if memchr::memchr(b'\n', new).is_some() || self.partial.len() >= head::MAX_HEAD {
                return Poll::Ready(Ok(std::mem::take(&mut self.partial).freeze()));
            }
        }
    }

    fn informational(&mut self, mut head: Head) -> Result<(), Failure> {
        self.informational += 1;
        if self.informational > MAX_INFORMATIONAL {
            return Err(Failure::UpstreamProtocol);
        }
        if head.status == StatusCode::CONTINUE
            && let Some(OnContinue(go_on)) = &self.asks.on_continue
        {
            go_on();
        }
        shape::strip_connection_fields(&mut head.headers);
        interim::say(head.status, head.headers);
        Ok(())
    }

    /// The answer, with what came behind its head.
    fn answer(
        &mut self,
        head: Head,
        rest: Bytes,
        place: &Arc<Place>,
    ) -> Result<Box<Response<Body>>, Failure> {
        let Some(connection) = self.connection.take() else {
            return Err(Failure::UpstreamReset);
        };
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
        // Before the whole request is there, nobody could tell what is left of it from what follows it.
        if switches && (!self.asks.upgrade || self.sending.is_some()) {
            return Err(Failure::UpstreamProtocol);
        }
        let framing = Framing::of(&head, &self.method);
        let mut response = Box::new(Response::new(Body::Empty));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        if switches || self.method == Method::CONNECT && head.status.is_success() {
            let promise = switch::offer(response.extensions_mut());
            let stream = connection.into_stream();
            promise.keep(Box::new(Tunnel { early: rest, stream }));
            return Ok(response);
        }
        let reusable =
            head.keep_alive && !self.asks.close && self.whole && !matches!(framing, Framing::UntilClosed(_));
        *response.body_mut() = self.body(connection, framing, rest, place, reusable);
        Ok(response)
    }

    /// Most bodies came with their heads: for those nothing is kept but their bytes.
    fn body(
        &mut self,
        connection: Box<Http1Connection>,
        framing: Framing,
        rest: Bytes,
        place: &Arc<Place>,
        reusable: bool,
    ) -> Body {
        if self.sending.is_none()
            && let Some((body, left)) = whole(&framing, &rest)
        {
            if reusable && left == 0 {
                pool::give_back(place, connection);
            }
            return body;
        }
        let sending = self.sending.take();
        Body::boxed(Incoming::new(
            connection,
            Arc::clone(place),
            framing,
            rest,
            sending,
            reusable,
        ))
    }
}

/// A body that is here as a whole, in one piece, and how much follows it.
pub(super) fn whole(framing: &Framing, rest: &Bytes) -> Option<(Body, usize)> {
    match framing {
        Framing::Length(0) => Some((Body::Empty, rest.len())),
        Framing::Length(length) => {
            let length = usize::try_from(*length).ok()?;
            (length <= rest.len()).then(|| (Body::Full(rest.slice(..length)), rest.len() - length))
        }
        Framing::Chunked(_) => {
            let (mut chunked, mut rest) = (super::chunked::Chunked::default(), rest.clone());
            let body = match chunked.step(&mut rest).ok()? {
                Step::Data(data) => {
                    let Ok(Step::End) = chunked.step(&mut rest) else {
                        return None;
                    };
                    Body::Full(data)
                }
                Step::End => Body::Empty,
                Step::More | Step::Trailers(_) => return None,
            };
            Some((body, rest.len()))
        }
        Framing::UntilClosed(_) => None,
    }
}

fn arrived(bytes: io::Result<Bytes>) -> Result<Bytes, Failure> {
    let bytes = bytes.map_err(|error| classify::broken(&error))?;
    if bytes.is_empty() {
        return Err(Failure::UpstreamReset);
    }
    Ok(bytes)
}

fn refuse(_why: Malformed) -> Failure {
    Failure::UpstreamProtocol
}

fn asks_to_close(request: &Request<Body>) -> bool {
    let mut fields = request.headers().get_all(header::CONNECTION).iter();
    fields.any(|field| {
        let mut options = field.as_bytes().split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

/// A connection that left HTTP, with what the endpoint said first.
struct Tunnel {
    early: Bytes,
    stream: Stream,
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let here = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(here));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
