//! A socket whose input passes the guard before hyper sees it.
//!
//! Reads go straight into hyper's buffer and are judged in place; only what belongs to an incomplete head is copied
//! aside until the rest of it comes. To hyper a refusal in a head looks like the end of the input between two messages,
//! so that it finishes what it owes; a refusal in a body is an error, which ends that body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::clock::{Clock, LazyTimer, Timeouts, Waiting};
use super::connections::Permit;
use super::guard::{Guard, Phase, Reason, Refusal, Stop};
use super::wire::Wire;
use crate::small_writes;

/// What is read at once while no head is complete. Most heads fit.
const READ_BYTES: usize = 4096;

/// Why the input is over, as far as HTTP/1.1 is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client closed its side.
    Eof,
    /// The guard refused a message.
    Refused(Refusal),
    /// No request came for too long.
    Idle,
    /// No request came for a while: whoever keeps buffers for this connection may give them back.
    Hibernate,
    /// It is HTTP/2.
    Http2,
}

/// The adapter.
#[derive(Debug)]
pub(crate) struct Guarded<IO> {
    io: IO,
    guard: Guard,
    wire: Arc<Wire>,
    /// Bytes that hyper has not got: `..ready` may be passed on, `..fed` has been judged.
    held: Vec<u8>,
    ready: usize,
    fed: usize,
    /// The guard has nothing to say any more.
    passes_all: bool,
    ended: Option<Ended>,
    is_hibernating: bool,
    clock: Clock,
    timeouts: Timeouts,
    stall: LazyTimer,
    stalled_since: Option<Instant>,
    _permit: Permit,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Guarded<IO> {
    pub(crate) fn new(io: IO, guard: Guard, wire: Arc<Wire>, timeouts: Timeouts, permit: Permit) -> Self {
        Self {
            io,
            guard,
            wire,
            held: Vec::new(),
            ready: 0,
            fed: 0,
            passes_all: false,
            ended: None,
            is_hibernating: false,
            clock: Clock::new(),
            timeouts,
            stall: LazyTimer::default(),
            stalled_since: None,
            _permit: permit,
        }
    }

    /// For protocols that are not HTTP/1.1: everything passes, what is held first.
    pub(crate) fn pass_all(&mut self) {
        self.passes_all = true;
        self.ended = None;
        self.ready = self.held.len();
        self.fed = self.held.len();
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The socket, for those who answer in hyper's place.
    pub(crate) fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Waits until a head is complete (`None`), or until there will be none.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        self.is_hibernating = true;
        if self.ended == Some(Ended::Hibernate) {
            self.ended = None;
        }
        loop {
            if self.ready > 0 {
                self.is_hibernating = false;
                return Poll::Ready(None);
            }
            if let Some(ended) = self.ended {
                return Poll::Ready(Some(ended));
            }
            if !self.is_decided() {
                return Poll::Pending;
            }
            if ready!(self.poll_more(cx)).is_err() {
                self.ended = Some(Ended::Eof);
            }
        }
    }

    /// Judges what is held, or reads more into it. Ready when something changed.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fed < self.held.len() {
            self.feed_held();
            return Poll::Ready(Ok(()));
        }
        let mut space = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
            Poll::Pending => self.poll_clock(cx).map(Ok),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                self.ended = Some(Ended::Eof);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => {
                self.held.extend_from_slice(buffer.filled());
                self.feed_held();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads into hyper's own buffer. Ready(true): something is in it.
    fn poll_direct(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, out) {
            Poll::Pending => return self.poll_clock(cx).map(|()| Ok(false)),
            Poll::Ready(result) => result?,
        }
        let fresh = out.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            self.ended = Some(Ended::Eof);
            return Poll::Ready(Ok(false));
        }
        let consumed = self.feed(fresh);
        let released = consumed.saturating_sub(self.guard.unreleased());
        self.held
            .extend_from_slice(fresh.get(released..).unwrap_or_default());
        self.fed = consumed - released;
        out.set_filled(before + released);
        Poll::Ready(Ok(released > 0))
    }

    fn feed_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.fed += self.feed(held.get(self.fed..).unwrap_or_default());
        self.held = held;
        self.ready = self.fed.saturating_sub(self.guard.unreleased());
    }

    /// Says how many bytes the guard has read.
    fn feed(&mut self, input: &[u8]) -> usize {
        let messages = self.guard.messages();
        let was_in_head = self.guard.phase() == Phase::Head;
        let fed = self.guard.feed(input);
        if !was_in_head || self.guard.messages() != messages {
            self.clock.touch();
        }
        match fed.stop {
            Some(Stop::Refused(refusal)) => self.refuse(refusal),
            Some(Stop::Http2) => self.ended = Some(Ended::Http2),
            Some(Stop::Held) | None => {}
        }
        fed.consumed
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.wire.refuse(refusal);
        self.ended = Some(Ended::Refused(refusal));
    }

    /// Whether reading may go on: it may not between a request to switch protocols and its answer. Whoever answers
    /// does so in the task that polls us, and hyper then asks again.
    fn is_decided(&mut self) -> bool {
        if !self.guard.is_held() {
            return true;
        }
        if self.wire.answered() < self.guard.messages() {
            return false;
        }
        if self.wire.is_switched() {
            self.pass_all();
        } else {
            self.guard.resume();
        }
        true
    }

    /// Nothing to read. Ready when that has lasted too long; `ended` then says what follows.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.guard.phase();
        let waiting = Waiting {
            phase,
            is_fresh: self.guard.messages() == 0,
            is_closing: self.wire.is_closing(),
            is_hibernating: self.is_hibernating,
        };
        ready!(self.clock.poll(cx, &self.timeouts, waiting));
        if phase == Phase::Head {
            self.guard.refuse(Reason::HeadTimeout);
            self.refuse(Refusal {
                reason: Reason::HeadTimeout,
                in_body: false,
            });
        } else if waiting.is_hibernating
            || waiting.is_closing
            || self.timeouts.idle <= self.timeouts.hibernate
        {
            self.ended = Some(Ended::Idle);
        } else {
            self.ended = Some(Ended::Hibernate);
        }
        Poll::Ready(())
    }

    fn pass_ready(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.ready.min(out.remaining());
        out.put_slice(self.held.get(..count).unwrap_or_default());
        self.held.drain(..count);
        self.ready -= count;
        self.fed -= count;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    /// Whether the socket is needed after hyper: closing it is not hyper's business then.
    fn keeps_socket(&self) -> bool {
        match self.ended {
            Some(Ended::Hibernate | Ended::Http2) => true,
            Some(Ended::Refused(refusal)) => !refusal.in_body,
            Some(Ended::Eof | Ended::Idle) | None => false,
        }
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        ready!(self.stall.poll(cx, since + self.timeouts.stall));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_stall(cx).map(Err);
        }
        self.stalled_since = None;
        written
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.ready > 0 {
                this.pass_ready(out);
                return Poll::Ready(Ok(()));
            }
            if !this.is_decided() {
                return Poll::Pending;
            }
            if this.ready > 0 {
                continue;
            }
            if this.passes_all {
                return Pin::new(&mut this.io).poll_read(cx, out);
            }
            match this.ended {
                Some(Ended::Refused(refusal)) if refusal.in_body => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal)));
                }
                Some(_) => return Poll::Ready(Ok(())),
                None => {}
            }
            if this.held.is_empty() {
                if ready!(this.poll_direct(cx, out))? {
                    return Poll::Ready(Ok(()));
                }
            } else {
                ready!(this.poll_more(cx))?;
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, data);
        this.after_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = small_writes::poll_write(&mut this.io, cx, data);
        this.after_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.io).poll_flush(cx) {
            Poll::Pending => this.poll_stall(cx).map(Err),
            ready => ready,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.keeps_socket() {
            return self.poll_flush(cx);
        }
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
