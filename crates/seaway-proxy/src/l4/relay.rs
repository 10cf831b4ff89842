//! Bytes in both directions, until both sides are done.
//!
//! Many relayed connections are idle nearly always, so an idle one has no buffer. What is read goes into one buffer of
//! the thread and from there straight to the other side; only what that does not take is kept, and while something is
//! kept nothing more is read: that is the back-pressure, and the most that a connection can make us hold is one read in
//! each direction. Once all is written the room is given back.
//!
//! A side that has said all it has to say is passed on as such (half-close), and the other direction goes on. A reset is
//! passed on as a reset: an orderly end would tell the other side that it has everything.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::space;
use crate::downstream::LazyTimer;
use crate::upstream;

/// One side of a relay.
pub(crate) trait Side: AsyncRead + AsyncWrite + Unpin {
    /// The socket under it.
    fn socket(&self) -> &TcpStream;
}

impl Side for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Side for Box<TlsStream<TcpStream>> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl Side for upstream::Stream {
    fn socket(&self) -> &TcpStream {
        self.tcp()
    }
}

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Both sides said all they had to say.
    Done,
    /// Nothing moved for too long.
    Idle,
    /// The client broke off.
    Downstream,
    /// The endpoint broke off.
    Upstream,
}

/// Bytes that went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// Two sides that are joined.
#[derive(Debug)]
pub(crate) struct Relay<D, U> {
    downstream: D,
    upstream: U,
    up: Half,
    down: Half,
    idle: Duration,
    timer: LazyTimer,
    moved_at: Instant,
}

impl<D: Side, U: Side> Relay<D, U> {
    /// Joins them. `first` is sent upstream before anything is read.
    pub(crate) fn new(downstream: D, first: Vec<u8>, upstream: U, idle: Duration) -> Self {
        Self {
            downstream,
            upstream,
            up: Half::starting_with(first),
            down: Half::starting_with(Vec::new()),
            idle,
            timer: LazyTimer::default(),
            moved_at: Instant::now(),
        }
    }

    /// Runs until it is over, and closes both sides. `watch` hears of the bytes whenever some have moved.
    pub(crate) async fn run(mut self, mut watch: impl FnMut(Moved, Instant)) -> Ended {
        poll_fn(|cx| self.poll(cx, &mut watch)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, watch: &mut impl FnMut(Moved, Instant)) -> Poll<Ended> {
        let before = self.moved();
        let up = self.up.poll(cx, &mut self.downstream, &mut self.upstream);
        let up = up.map_err(|broken| broken.by(Ended::Downstream, Ended::Upstream));
        let down = match up {
            Poll::Ready(Err(_)) => Poll::Pending,
            _ => self.down.poll(cx, &mut self.upstream, &mut self.downstream),
        };
        let down = down.map_err(|broken| broken.by(Ended::Upstream, Ended::Downstream));
        let now = self.moved();
        if now != before {
            self.moved_at = Instant::now();
            watch(now, self.moved_at);
        }
        match (up, down) {
            (Poll::Ready(Err(ended)), _) | (_, Poll::Ready(Err(ended))) => {
                self.abort(ended);
                Poll::Ready(ended)
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ended::Done),
            _ => {
                ready!(self.timer.poll(cx, self.moved_at + self.idle));
                Poll::Ready(Ended::Idle)
            }
        }
    }

    fn moved(&self) -> Moved {
        Moved {
            up: self.up.written,
            down: self.down.written,
        }
    }

    /// Makes the close of the side that did not break off a reset.
    fn abort(&self, broken_by: Ended) {
        let other = match broken_by {
            Ended::Upstream => self.downstream.socket(),
            _ => self.upstream.socket(),
        };
        // A socket that cannot be told is closed in order instead.
        let _: io::Result<()> = other.set_zero_linger();
    }
}

/// Which end of a direction broke.
enum Broken {
    Reading,
    Writing,
}

impl Broken {
    fn by(self, reader: Ended, writer: Ended) -> Ended {
        match self {
            Self::Reading => reader,
            Self::Writing => writer,
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Half {
    /// Read and not yet written, from `at` on.
    rest: Vec<u8>,
    at: usize,
    written: u64,
    phase: Phase,
    is_unflushed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Bytes may come.
    Open,
    /// The reader has said all; the writer is to hear it.
    Closing,
    /// It has.
    Closed,
}

impl Half {
    fn starting_with(rest: Vec<u8>) -> Self {
        Self {
            rest,
            at: 0,
            written: 0,
            phase: Phase::Open,
            is_unflushed: false,
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Broken>> {
        loop {
            match self.phase {
                Phase::Open => {
                    ready!(self.poll_rest(cx, to)).map_err(|_| Broken::Writing)?;
                    if ready!(self.poll_fresh(cx, from, to))? == 0 {
                        self.phase = Phase::Closing;
                    }
                }
                Phase::Closing => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(|_| Broken::Writing)?;
                    self.phase = Phase::Closed;
                }
                Phase::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Writes what is kept.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.at..).filter(|rest| !rest.is_empty()) {
            let count = ready!(write(cx, to, rest))?;
            self.at += count;
            self.wrote(count);
        }
        self.rest.clear();
        self.at = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes as much of it as the other side takes. Ready with how much was read.
    fn poll_fresh(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<usize, Broken>> {
        space::with(|space| self.poll_through(cx, from, to, space))
    }

    fn poll_through(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        space: &mut [u8],
    ) -> Poll<Result<usize, Broken>> {
        let mut buffer = ReadBuf::new(space);
        match Pin::new(from).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {}
            // TLS that ends without a farewell: its end may not be genuine, but as many clients say none as there are
            // careless ones, and a reset could lose what they sent.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Reading)),
            Poll::Pending => {
                self.rest = Vec::new();
                return self.poll_flush(cx, to);
            }
        }
        let mut fresh = buffer.filled();
        let count = fresh.len();
        while !fresh.is_empty() {
            match write(cx, to, fresh) {
                Poll::Ready(Ok(written)) => {
                    self.wrote(written);
                    fresh = fresh.get(written..).unwrap_or_default();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Writing)),
                Poll::Pending => {
                    self.rest.extend_from_slice(fresh);
                    break;
                }
            }
        }
        Poll::Ready(Ok(count))
    }

    /// With nothing to read, what was written has to leave.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<usize, Broken>> {
        if self.is_unflushed {
            ready!(Pin::new(to).poll_flush(cx)).map_err(|_| Broken::Writing)?;
            self.is_unflushed = false;
        }
        Poll::Pending
    }

    fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        self.is_unflushed = true;
    }
}

fn write(cx: &mut Context<'_>, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(to).poll_write(cx, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}

#[cfg(test)]
mod tests;
