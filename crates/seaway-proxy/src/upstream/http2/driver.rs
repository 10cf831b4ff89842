//! The task of a connection: frames, windows, and finding out that a peer has vanished.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use seaway_http2::Error;
use seaway_http2::client::Connection;
use seaway_model::Http2Keepalive;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Link;
use crate::downstream::LazyTimer;
use crate::small_writes;
use crate::upstream::stream::Stream;

/// gRPC servers close connections that ping more often than every five minutes while no data flows. Peers that
/// vanish are found earlier, by the keep-alive of TCP.
const PING_INTERVAL: Duration = Duration::from_secs(310);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Drives a connection until it ends.
pub(super) struct Driver {
    connection: Connection<Heard>,
    link: Arc<Link>,
    watch: Watch,
}

impl Driver {
    pub(super) fn new(
        connection: Connection<Heard>,
        link: Arc<Link>,
        keepalive: Option<&Http2Keepalive>,
    ) -> Self {
        let watch = Watch {
            interval: keepalive.map_or(PING_INTERVAL, |ping| ping.interval.duration()),
            timeout: keepalive.map_or(PING_TIMEOUT, |ping| ping.timeout.duration()),
            while_idle: keepalive.is_some(),
            timer: LazyTimer::default(),
            is_asked: false,
            end: None,
        };
        Self {
            connection,
            link,
            watch,
        }
    }

    pub(super) async fn run(mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = Pin::new(&mut self.connection).poll(cx);
        if polled.is_pending() && !self.link.is_settled.load(Ordering::Relaxed) {
            self.link.moved.notify_one();
        }
        if polled.is_ready() {
            return polled;
        }
        // The connection is dropped, and with it everything on it.
        self.watch
            .poll_vanished(cx, &mut self.connection, &self.link)
            .map(Ok)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.link.ended.store(true, Ordering::Relaxed);
        self.link.moved.notify_one();
    }
}

/// Asks a peer that has been silent for long whether it is still there.
struct Watch {
    interval: Duration,
    timeout: Duration,
    /// Also while there are no streams.
    while_idle: bool,
    timer: LazyTimer,
    /// A ping is on its way.
    is_asked: bool,
    /// When to look next.
    end: Option<Instant>,
}

impl Watch {
    /// Ready when it does not answer.
    fn poll_vanished(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Heard>,
        link: &Link,
    ) -> Poll<()> {
        if self.is_asked && connection.take_pong() {
            self.is_asked = false;
            self.end = None;
            self.timer = LazyTimer::default();
        }
        // The connection lives in one task, so a timer that is armed wakes it without being asked each time.
        if self.timer.is_armed() {
            return Poll::Pending;
        }
        loop {
            let wait = if self.is_asked {
                self.timeout
            } else {
                self.interval
            };
            let end = *self.end.get_or_insert_with(|| Instant::now() + wait);
            ready!(self.timer.poll(cx, end));
            self.end = None;
            if self.is_asked {
                return Poll::Ready(());
            }
            let was_heard = link.heard.swap(false, Ordering::Relaxed);
            let is_wanted = self.while_idle || link.streams() > 0;
            if !was_heard && is_wanted {
                self.is_asked = true;
                // This task is polled again, since it has that to write.
                connection.send_ping();
            }
        }
    }
}

/// A socket that notes when something is read from it, and writes what is small in one piece.
pub(super) struct Heard {
    io: Stream,
    link: Arc<Link>,
}

impl Heard {
    pub(super) fn new(io: Stream, link: Arc<Link>) -> Self {
        Self { io, link }
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.link.heard.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        small_writes::poll_write(&mut self.io, cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
