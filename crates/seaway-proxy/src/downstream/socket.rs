//! A client's socket, whichever protocol is spoken on it: what was read too early, a limit on stalled writes, and the
//! permit by which the connection is counted.
//!
//! It moves as a whole, from HTTP/1.1 to HTTP/2 or to a tunnel, so none of the three can be lost on the way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::clock::LazyTimer;
use super::connections::Permit;
use crate::small_writes;

/// The socket.
#[derive(Debug)]
pub(crate) struct Socket<IO> {
    io: IO,
    /// Read from the socket, and not yet from this.
    pub(crate) early: Vec<u8>,
    stall: Stall,
    _permit: Permit,
}

/// How long a write that the client does not take may last.
#[derive(Debug)]
struct Stall {
    limit: Duration,
    timer: LazyTimer,
    since: Option<Instant>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Socket<IO> {
    pub(crate) fn new(io: IO, stall: Duration, permit: Permit) -> Self {
        Self {
            io,
            early: Vec::new(),
            stall: Stall {
                limit: stall,
                timer: LazyTimer::default(),
                since: None,
            },
            _permit: permit,
        }
    }

    /// The socket itself, for who has taken note of what was read early.
    pub(crate) fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// The same, and what was read early.
    pub(crate) fn parts(&mut self) -> (&mut IO, &mut Vec<u8>) {
        (&mut self.io, &mut self.early)
    }

    /// Takes `count` bytes of what was read early. What is left of it keeps no more room than it needs.
    pub(crate) fn consume(&mut self, count: usize) {
        if count >= self.early.len() {
            self.early = Vec::new();
        } else {
            self.early = self.early.split_off(count);
        }
    }
}

impl Stall {
    /// Lets a write that has to wait fail in time.
    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.since = None;
            return polled;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        ready!(self.timer.poll(cx, since + self.limit));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Socket<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.early.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, out);
        }
        let count = this.early.len().min(out.remaining());
        out.put_slice(this.early.get(..count).unwrap_or_default());
        this.early.drain(..count);
        if this.early.is_empty() {
            this.early = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Socket<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, data);
        this.stall.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = small_writes::poll_write(&mut this.io, cx, data);
        this.stall.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        if flushed.is_ready() {
            return flushed;
        }
        this.stall.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
