//! One request on a connection, until the head of its answer is here.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
            if let Some((head, rest)) = ready!(self.poll_head(cx))? {
                return Poll::Ready(self.answer(head, rest, place));
            }
        }
    }

    /// Reads once. The head of the answer, if all of it is there, and what follows it.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<(Head, Bytes)>, Failure>> {
        if !self.partial.is_empty() {
            ready!(self.poll_more(cx))?;
            let partial = std::mem::take(&mut self.partial);
            return Poll::Ready(self.take(&partial));
        }
        scratch::reading(|buffer| {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(Err(Failure::UpstreamReset));
            };
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut connection.stream).poll_read(cx, &mut buffer));
            read.map_err(|error| classify::broken(&error))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Err(Failure::UpstreamReset));
            }
            Poll::Ready(self.take(buffer.filled()))
        })
    }

    /// Looks at what came. What is no whole head yet is kept.
    fn take(&mut self, mut bytes: &[u8]) -> Result<Option<(Head, Bytes)>, Failure> {
        while !bytes.is_empty() {
            let Some((head, length)) = head::parse(bytes).map_err(refuse)? else {
                self.partial = BytesMut::from(bytes);
                break;
            };
            bytes = bytes.get(length..).unwrap_or_default();
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some((head, Bytes::copy_from_slice(bytes))));
            }
            self.informational(head)?;
        }
        Ok(None)
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

    /// Reads what may be the rest of a head. Ready when it is worth a look.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(Failure::UpstreamReset));
        };
        loop {
            let before = self.partial.len();
            self.partial.reserve(MORE);
            let read = {
                let reading = pin!(connection.stream.read_buf(&mut self.partial));
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
                return Poll::Ready(Ok(()));
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
        let rest = if self.sending.is_none() {
            match whole(&framing, rest) {
                Ok((body, left)) => {
                    if reusable && left == 0 {
                        pool::give_back(place, connection);
                    }
                    return body;
                }
                Err(rest) => rest,
            }
        } else {
            rest
        };
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

/// A body that is here as a whole, in one piece, and how much follows it. Otherwise what is here is given back.
pub(super) fn whole(framing: &Framing, mut rest: Bytes) -> Result<(Body, usize), Bytes> {
    match framing {
        Framing::Length(0) => Ok((Body::Empty, rest.len())),
        Framing::Length(length) => match usize::try_from(*length) {
            Ok(length) if length == rest.len() => Ok((Body::Full(rest), 0)),
            Ok(length) if length < rest.len() => {
                let after = rest.len() - length;
                rest.truncate(length);
                Ok((Body::Full(rest), after))
            }
            _ => Err(rest),
        },
        Framing::Chunked(_) => match one_chunk(&rest) {
            Some(found) => Ok(found),
            None => Err(rest),
        },
        Framing::UntilClosed(_) => Err(rest),
    }
}

fn one_chunk(rest: &Bytes) -> Option<(Body, usize)> {
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

impl switch::Bytes for Tunnel {
    fn to_read(&self) -> Option<&TcpStream> {
        self.stream.plain_tcp().filter(|_| self.early.is_empty())
    }
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
