//! A connection that has left HTTP: bytes in both directions until both sides are done.
//!
//! Runs in a task of its own, because a codec gives its connection away only after the response that upgrades it. The
//! exchange goes along and keeps its downstream connection counted, so a drain waits for it; the route's time limit does
//! not, since a tunnel has no end that one could be late for. The idle limit stays.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::Instant;

use super::exchange::Exchange;
use crate::body::Transfer;
use crate::error::Failure;
use crate::switch::{Switched, Switching};

/// Joins two connections once both are there, in the background. The exchange is recorded when it is over.
pub(crate) fn join(mut exchange: Box<Exchange>, client: Switching, upstream: Switching) {
    tokio::spawn(async move {
        let now = Instant::now();
        let (up, down, any) = (counter(now), counter(now), counter(now));
        exchange.clock.go_on_without_end(now);
        exchange.clock.watch(Arc::clone(&any));
        exchange.upload = Some(Arc::clone(&up));
        let work = async {
            let (client, upstream) = tokio::try_join!(client, upstream).map_err(|_| Failure::ClientGone)?;
            let mut client = Counted::new(client, Arc::clone(&up), Arc::clone(&any));
            let mut upstream = Counted::new(upstream, Arc::clone(&down), any);
            // An error here is one side hanging up without a goodbye, which is how most tunnels end.
            let _ended = copy_bidirectional(&mut client, &mut upstream).await;
            Ok(())
        };
        let outcome = exchange.clock.limit(None, pin!(work)).await;
        if let Err(failure) = outcome.and_then(|joined| joined) {
            exchange.note(failure);
        }
        exchange.count_response(down.bytes());
        exchange.end();
    });
}

fn counter(now: Instant) -> Arc<Transfer> {
    Arc::new(Transfer::new(now))
}

/// A connection whose incoming bytes are counted.
struct Counted {
    io: Switched,
    count: Arc<Transfer>,
    any: Arc<Transfer>,
}

impl Counted {
    fn new(io: Switched, count: Arc<Transfer>, any: Arc<Transfer>) -> Self {
        Self { io, count, any }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        self.count.moved(read);
        self.any.moved(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
