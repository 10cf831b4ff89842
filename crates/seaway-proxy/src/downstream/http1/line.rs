//! The wire of one connection: heads that come in, and what comes while a request is being answered.
//!
//! While it waits for a head there is nothing in memory but the socket, its timer, and the beginning of a head where a
//! part of one has come.

use std::future::Future;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::clock::{Clock, Timeouts, Waiting};
use super::super::closing::Seldom;
use super::super::guard::{self, Fields, Guard, HeadFed, HeadLimits, Phase, Reason, Stop};
use super::super::socket::Socket;
use super::encode;
use super::output::Output;
use super::request::{self, Asked};
use super::scratch;
use super::upload::Upload;
use crate::body::Body;

/// What is read ahead of the answer before, of requests that do not wait for it.
const AHEAD_BYTES: usize = 16 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One per connection.
pub(crate) struct Line<'a, IO, F> {
    pub(super) socket: Socket<IO>,
    pub(super) output: Output,
    pub(super) closing: Seldom<'a, F>,
    timeouts: &'a Timeouts,
    pub(super) limits: HeadLimits,
    clock: Clock,
    /// Follows a head that did not come in one piece.
    guard: Option<Box<Guard>>,
    /// What it has read of the bytes that came early.
    followed: usize,
    /// Nothing has been answered yet.
    is_fresh: bool,
    may_be_http2: bool,
    /// The client will send no more.
    has_ended: bool,
}

/// What came of waiting for a head.
pub(super) enum Next {
    Request(Box<Request<Body>>, Asked),
    Refused(Reason),
    Http2,
    /// The client closed its side, or has been idle for too long.
    Over,
}

/// What came while a request was being answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Whoever reads the request's body should be polled.
    Body,
    /// The connection has failed.
    Gone,
}

impl<'a, IO, F> Line<'a, IO, F>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
{
    pub(crate) fn new(
        socket: Socket<IO>,
        closing: Seldom<'a, F>,
        timeouts: &'a Timeouts,
        limits: HeadLimits,
        may_be_http2: bool,
    ) -> Self {
        Self {
            socket,
            output: Output::default(),
            closing,
            timeouts,
            limits,
            clock: Clock::new(),
            guard: None,
            followed: 0,
            is_fresh: true,
            may_be_http2,
            has_ended: false,
        }
    }

    /// The socket, and what was read of it too early.
    pub(crate) fn into_socket(self) -> Socket<IO> {
        self.socket
    }

    /// Waits for a head.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            if let Some(next) = self.judge_early() {
                return Poll::Ready(next);
            }
            if self.has_ended {
                return Poll::Ready(Next::Over);
            }
            match self.poll_read(cx) {
                Poll::Pending => return self.poll_clock(cx),
                Poll::Ready(Ok(Some(next))) => return Poll::Ready(next),
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Next::Over),
            }
        }
    }

    /// Reads once. A request, if that brought a whole one and nothing was there before.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Next>>> {
        let limits = self.limits;
        let (io, early) = self.socket.parts();
        let (is_end, next) = ready!(scratch::read(io, cx, |input| {
            let mut taken = 0;
            let mut next = None;
            let mut fields = Fields::new();
            if early.is_empty()
                && let Some(whole) = guard::whole(input, limits, &mut fields)
            {
                taken = whole.length;
                next = Some(request(input, &whole, &fields));
            }
            let rest = input.get(taken..).unwrap_or_default();
            if !rest.is_empty() {
                early.extend_from_slice(rest);
            }
            (input.is_empty(), next)
        }))?;
        self.has_ended = is_end;
        if next.is_some() {
            self.began();
        }
        Poll::Ready(Ok(next))
    }

    /// Looks at what was read before.
    fn judge_early(&mut self) -> Option<Next> {
        let early = &self.socket.early;
        if early.len() == self.followed {
            return None;
        }
        let mut fields = Fields::new();
        let whole = match self.guard {
            None => guard::whole(early, self.limits, &mut fields),
            Some(_) => None,
        };
        let whole = match whole {
            Some(whole) => whole,
            None => match self.follow() {
                HeadFed::Incomplete => return None,
                HeadFed::Complete(length) => {
                    let head = self.socket.early.get(..length).unwrap_or_default();
                    match guard::whole(head, self.limits, &mut fields) {
                        Some(whole) => whole,
                        // The two never disagree, a test says. If they did, to refuse is the safe side.
                        None => return Some(Next::Refused(Reason::Target)),
                    }
                }
                HeadFed::Stop(Stop::Http2) => return Some(Next::Http2),
                HeadFed::Stop(Stop::Refused(refusal)) => return Some(Next::Refused(refusal.reason)),
                HeadFed::Stop(Stop::Held) => return None,
            },
        };
        let next = request(&self.socket.early, &whole, &fields);
        self.socket.consume(whole.length);
        self.began();
        Some(next)
    }

    /// Lets the machine read on. A complete head is counted from the beginning of what came early.
    fn follow(&mut self) -> HeadFed {
        let (limits, may_be_http2) = (self.limits, self.may_be_http2);
        let guard = self
            .guard
            .get_or_insert_with(|| Box::new(Guard::new(limits, may_be_http2)));
        let fed = guard.feed_head(self.socket.early.get(self.followed..).unwrap_or_default());
        match fed {
            HeadFed::Complete(count) => HeadFed::Complete(self.followed + count),
            other => {
                self.followed = self.socket.early.len();
                other
            }
        }
    }

    /// A request has come.
    fn began(&mut self) {
        self.guard = None;
        self.followed = 0;
        self.is_fresh = false;
        self.may_be_http2 = false;
        self.clock.touch();
    }

    /// Nothing to read.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let _told: Poll<()> = self.closing.poll(cx);
        let phase = self.guard.as_ref().map_or(Phase::Between, |guard| guard.phase());
        let waiting = Waiting {
            phase,
            is_fresh: self.is_fresh,
            is_closing: self.closing.has_begun(),
        };
        ready!(self.clock.poll(cx, self.timeouts, waiting));
        Poll::Ready(if phase == Phase::Head {
            Next::Refused(Reason::HeadTimeout)
        } else {
            Next::Over
        })
    }

    /// Listens while a request is being answered: to its body, as far as somebody wants it, or else to what comes after
    /// it and to the client going away.
    pub(super) fn poll_listen(&mut self, cx: &mut Context<'_>, upload: Option<&mut Upload>) -> Poll<Heard> {
        match upload {
            Some(upload) if !upload.is_over() => self.poll_upload(cx, upload),
            _ => self.poll_ahead(cx),
        }
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>, upload: &mut Upload) -> Poll<Heard> {
        while upload.is_wanted(cx) {
            if std::mem::take(&mut upload.owes_continue) {
                self.output.push(CONTINUE);
            }
            if !self.output.is_empty() && self.poll_drained(cx).is_err() {
                return Poll::Ready(Heard::Gone);
            }
            match ready!(self.poll_body(cx)) {
                Ok(input) if input.is_empty() => {
                    self.has_ended = true;
                    if upload.break_off(cx, io::ErrorKind::UnexpectedEof) {
                        return Poll::Ready(Heard::Body);
                    }
                }
                Ok(input) => {
                    if self.take_body(cx, upload, input) {
                        return Poll::Ready(Heard::Body);
                    }
                }
                Err(error) => {
                    upload.break_off(cx, error.kind());
                    return Poll::Ready(Heard::Gone);
                }
            }
        }
        Poll::Pending
    }

    /// Writes heads before the answer's, as far as that goes at once. A client that does not take them does without.
    #[cold]
    pub(super) fn pass_on(&mut self, cx: &mut Context<'_>, heads: &[Response<()>]) -> io::Result<()> {
        for head in heads {
            if self.output.len() < AHEAD_BYTES {
                self.output.push(&encode::informational(head));
            }
        }
        self.poll_drained(cx)
    }

    /// Writes what is left as far as that goes at once.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        for polled in [
            self.output.poll_drain(&mut self.socket, cx),
            std::pin::Pin::new(&mut self.socket).poll_flush(cx),
        ] {
            if let Poll::Ready(result) = polled {
                result?;
            }
        }
        Ok(())
    }

    /// The next piece of what may be a body; an empty one is the end.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.socket.early.is_empty() {
            return scratch::read_body(self.socket.io_mut(), cx);
        }
        Poll::Ready(Ok(std::mem::take(&mut self.socket.early).into()))
    }

    /// Says whether the reader should be polled.
    pub(super) fn take_body(&mut self, cx: &Context<'_>, upload: &mut Upload, input: Bytes) -> bool {
        let (is_ours, rest) = upload.receive(cx, input);
        if !rest.is_empty() {
            self.socket.early = rest.into();
        }
        is_ours
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        while !self.has_ended && self.socket.early.len() < AHEAD_BYTES {
            let (io, early) = self.socket.parts();
            let take = |input: &[u8]| {
                early.extend_from_slice(input);
                input.is_empty()
            };
            match ready!(scratch::read(io, cx, take)) {
                Ok(is_end) => self.has_ended = is_end,
                Err(_) => return Poll::Ready(Heard::Gone),
            }
        }
        Poll::Pending
    }
}

fn request(input: &[u8], whole: &guard::Whole, fields: &Fields) -> Next {
    match request::request(input, whole, fields) {
        Some((request, asked)) => Next::Request(request, asked),
        None => Next::Refused(Reason::Target),
    }
}
