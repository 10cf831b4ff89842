//! Bytes in both directions, until both sides are done.
//!
//! Many relayed connections are idle nearly always, so an idle one has no buffer. What is read goes into one buffer of
//! the thread and from there straight to the other side; only what that does not take is kept, and while something is
//! kept nothing more is read: that is the back-pressure, and the most that a connection can make us hold is one read in
//! each direction. Once all is written the room is given back. Much that flows from one plain socket to another does not
//! come to us at all ([`half`]).
//!
//! A side that has said all it has to say is passed on as such (half-close), and the other direction goes on. A reset is
//! passed on as a reset: an orderly end would tell the other side that it has everything.

mod half;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use self::half::Half;
use crate::downstream::LazyTimer;
use crate::switch::Switched;
use crate::upstream;

/// One side of a relay.
pub(crate) trait Side: AsyncRead + AsyncWrite + Unpin {
    /// The socket under it. `None` where there is none of its own (a stream of HTTP/2), or nobody knows.
    fn socket(&self) -> Option<&TcpStream>;

    /// The same where what is on it is what is relayed, so that the system may move it.
    fn plain(&self) -> Option<&TcpStream> {
        None
    }

    /// The same for one direction: what is read from the socket next is what is relayed.
    fn to_read(&self) -> Option<&TcpStream> {
        self.plain()
    }
}

impl Side for TcpStream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }

    fn plain(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl Side for Box<TlsStream<TcpStream>> {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.get_ref().0)
    }
}

impl Side for upstream::Stream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.tcp())
    }

    fn plain(&self) -> Option<&TcpStream> {
        self.plain_tcp()
    }
}

/// A connection that left HTTP knows how long its writes may take, so nobody writes past it.
impl Side for Switched {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    fn to_read(&self) -> Option<&TcpStream> {
        (**self).to_read()
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
    idle: Option<Duration>,
    timer: LazyTimer,
    moved_at: Instant,
}

impl<D: Side, U: Side> Relay<D, U> {
    /// Joins them. `first` is sent upstream before anything is read; `idle` is how long nothing may move.
    pub(crate) fn new(downstream: D, first: Vec<u8>, upstream: U, idle: Option<Duration>) -> Self {
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
            // A relay lives in one task, so a timer that is armed wakes it without being asked each time. It fires early
            // after something has moved, and is armed again.
            _ if now != before && self.timer.is_armed() => Poll::Pending,
            _ => self.poll_idle(cx),
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let Some(end) = self.idle.and_then(|idle| self.moved_at.checked_add(idle)) else {
            return Poll::Pending;
        };
        ready!(self.timer.poll(cx, end));
        Poll::Ready(Ended::Idle)
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
        let _: Option<io::Result<()>> = other.map(TcpStream::set_zero_linger);
    }
}

#[cfg(test)]
mod tests;
