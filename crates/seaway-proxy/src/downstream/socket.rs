//! A client's socket, whichever protocol is spoken on it: what was read too early, a limit on stalled writes, and the
//! permit by which the connection is counted.
//!
//! It moves as a whole, from HTTP/1.1 to HTTP/2 or to a tunnel, so none of the three can be lost on the way.

use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::clock::LazyTimer;
use super::connections::Permit;
use crate::pace::Least;
use crate::small_writes;
use crate::switch::Bytes;
use crate::tcp::Tcp;

/// The socket.
#[derive(Debug)]
pub(crate) struct Socket<IO> {
    io: IO,
    /// Read from the socket, and not yet from this.
    pub(crate) early: Vec<u8>,
    stall: Stall,
    _permit: Permit,
}

/// How long a client may be waited for while it takes next to nothing. Only the time counts in which a write waits.
#[derive(Debug)]
struct Stall {
    least: Least,
    timer: LazyTimer,
    /// Since when a write waits, or a flush.
    since: Option<Instant>,
    is_flush: bool,
    /// How long writes have waited before, and what was written meanwhile.
    waited: Duration,
    bytes: u64,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Socket<IO> {
    pub(crate) fn new(io: IO, least: Least, permit: Permit) -> Self {
        Self {
            io,
            early: Vec::new(),
            stall: Stall::new(least),
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

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Bytes for Socket<IO> {
    fn to_read(&self) -> Option<&TcpStream> {
        let io: &dyn Any = &self.io;
        io.downcast_ref()
            .filter(|_| self.early.is_empty())
            .map(Tcp::get_ref)
    }
}

impl Stall {
    fn new(least: Least) -> Self {
        Self {
            least,
            timer: LazyTimer::default(),
            since: None,
            is_flush: false,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Lets a write that has to wait fail in time.
    fn written(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &polled {
            Poll::Pending => return self.wait(cx).map(Err),
            Poll::Ready(Ok(bytes)) => self.moved(*bytes),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }

    /// The same for a flush. One that is over at once says nothing of a write that waits.
    fn flushed(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if polled.is_pending() {
            self.is_flush = true;
            return self.wait(cx).map(Err);
        }
        if self.is_flush {
            self.moved(0);
        }
        polled
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.least.window.saturating_sub(self.waited);
        ready!(self.timer.poll(cx, since + left));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn moved(&mut self, bytes: usize) {
        self.is_flush = false;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        if self.waited.is_zero() {
            return;
        }
        self.bytes += bytes as u64;
        if self.bytes >= self.least.bytes() {
            self.waited = Duration::ZERO;
            self.bytes = 0;
        }
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
        this.stall.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = small_writes::poll_write(&mut this.io, cx, data);
        this.stall.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.stall.flushed(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const LEAST: Least = Least {
        window: Duration::from_millis(40),
        rate: 1_000,
    };

    /// Lets writes wait until one fails; each time they have waited a little, so many bytes are written. Says whether one
    /// failed before a hundred were written.
    async fn is_given_up(bytes: usize) -> bool {
        let mut stall = Stall::new(LEAST);
        let mut ticks = tokio::time::interval(LEAST.window / 8);
        for _ in 0..100 {
            let failed = std::future::poll_fn(|cx| {
                let waits = stall.written(cx, Poll::Pending);
                if waits.is_pending() && ticks.poll_tick(cx).is_pending() {
                    return Poll::Pending;
                }
                Poll::Ready(waits.is_ready())
            });
            if failed.await {
                return true;
            }
            let mut cx = Context::from_waker(Waker::noop());
            assert!(stall.written(&mut cx, Poll::Ready(Ok(bytes))).is_ready());
        }
        false
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_next_to_nothing_is_given_up() {
        assert!(is_given_up(1).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_enough_is_not() {
        assert!(!is_given_up(100).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_waits_does_not_count() {
        let mut stall = Stall::new(LEAST);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(stall.written(&mut cx, Poll::Pending).is_pending());
            assert!(stall.written(&mut cx, Poll::Ready(Ok(1))).is_ready());
            tokio::time::timeout(LEAST.window, std::future::pending::<()>())
                .await
                .unwrap_err();
        }
        assert!(stall.written(&mut cx, Poll::Pending).is_pending());
    }
}
