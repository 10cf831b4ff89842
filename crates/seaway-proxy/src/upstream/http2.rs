//! An HTTP/2 connection by prior knowledge, and how many streams it may carry.
//!
//! Such a connection counts as made when the peer's SETTINGS have come: nothing else proves that it speaks HTTP/2, and
//! before them nobody knows how many streams it takes. hyper tells the number only to who polls its dispatch task,
//! and polls the task that reads the SETTINGS elsewhere; so until they are here, each poll of the latter wakes the
//! former ([`Watched`]). After that, nothing is added to either.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::client::conn::http2::{Builder, Connection};
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::sync::Notify;

use super::breakers::Breakers;
use super::classify;
use super::endpoint::Place;
use super::pool::Http2Sender;
use super::stream::Stream;
use crate::body::Body;
use crate::error::Failure;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const FRAME: u32 = 64 << 10;
const HEADER_LIST: u32 = 64 << 10;
const SEND_BUFFER: usize = 256 << 10;
/// gRPC servers close connections that ping more often than every five minutes while no data flows. Peers that
/// vanish are found earlier, by the keep-alive of TCP.
const PING_INTERVAL: Duration = Duration::from_secs(310);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What is known of a connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// How many streams the peer allows; 0 until its SETTINGS came.
    allowed: AtomicUsize,
    streams: AtomicUsize,
    ended: AtomicBool,
    /// Tells who waits for the SETTINGS.
    settled: Notify,
    /// The dispatch task, until they came.
    dispatch: AtomicWaker,
    /// Never more streams than this, where somebody says so.
    most: Option<usize>,
    /// Who hears that a stream is over, where others may wait for it.
    common: Option<Arc<Breakers>>,
}

impl Link {
    fn to(place: &Place) -> Self {
        let most = place.transport.pool().max_concurrent_streams;
        Self {
            most: most.map(|most| usize::try_from(most.max(1)).unwrap_or(usize::MAX)),
            common: place.common.clone(),
            ..Self::default()
        }
    }

    /// A place for one stream, if there is one.
    pub(super) fn try_stream(link: &Arc<Self>) -> Option<StreamGuard> {
        let allowed = link
            .allowed
            .load(Ordering::Relaxed)
            .min(link.most.unwrap_or(usize::MAX));
        if link.streams.fetch_add(1, Ordering::Relaxed) >= allowed {
            link.streams.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(StreamGuard(Arc::clone(link)))
    }

    /// A place for one stream whatever the peer allows: it is queued until there is one.
    pub(super) fn queue_stream(link: &Arc<Self>) -> StreamGuard {
        link.streams.fetch_add(1, Ordering::Relaxed);
        StreamGuard(Arc::clone(link))
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    fn is_settled(&self) -> bool {
        self.allowed.load(Ordering::Relaxed) > 0 || self.ended.load(Ordering::Relaxed)
    }

    async fn wait_settled(&self) {
        while !self.is_settled() {
            self.settled.notified().await;
        }
    }
}

/// One stream of a connection; frees its place when dropped.
#[derive(Debug)]
pub(super) struct StreamGuard(Arc<Link>);

impl StreamGuard {
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.0
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
        if let Some(common) = &self.0.common {
            common.freed();
        }
    }
}

/// Makes a connection and spawns its tasks. Returns when the peer's SETTINGS are here, with a place for one stream.
pub(super) async fn handshake(stream: Stream, place: &Place) -> Result<(Http2Sender, StreamGuard), Failure> {
    let link = Arc::new(Link::to(place));
    let refusal = stream.refusal();
    let keepalive = place.transport.pool().http2_keepalive.as_ref();
    let mut builder = Builder::new(Spawner(Arc::clone(&link)));
    builder
        .timer(TokioTimer::new())
        .initial_max_send_streams(0)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_while_idle(keepalive.is_some())
        .keep_alive_interval(keepalive.map_or(PING_INTERVAL, |ping| ping.interval.duration()))
        .keep_alive_timeout(keepalive.map_or(PING_TIMEOUT, |ping| ping.timeout.duration()));
    let (sender, connection) = builder
        .handshake::<_, Body>(TokioIo::new(stream))
        .await
        .map_err(|error| classify::connecting(&error))?;
    let dispatch = Dispatch {
        connection,
        link: Arc::clone(&link),
    };
    let task = tokio::spawn(dispatch);
    link.wait_settled().await;
    if link.ended.load(Ordering::Relaxed) {
        let refused = refusal.as_deref().and_then(OnceLock::get);
        return Err(match (refused, task.await) {
            (Some(fault), _) => Failure::UpstreamTls(*fault),
            (None, Ok(Err(error))) => classify::connecting(&error),
            (None, _) => Failure::ConnectFailed,
        });
    }
    let guard = Link::queue_stream(&link);
    Ok((sender, guard))
}

/// hyper's dispatch task, which after each poll says how many streams there may be.
struct Dispatch {
    connection: Connection<TokioIo<Stream>, Body, Spawner>,
    link: Arc<Link>,
}

impl Future for Dispatch {
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.link.is_settled() {
            this.link.dispatch.register(cx.waker());
        }
        let polled = Pin::new(&mut this.connection).poll(cx);
        let allowed = match polled {
            Poll::Pending => this.connection.current_max_send_streams(),
            Poll::Ready(_) => 0,
        };
        let before = this.link.allowed.swap(allowed, Ordering::Relaxed);
        if before == 0 && allowed > 0 {
            this.link.settled.notify_one();
        }
        polled
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        self.link.allowed.store(0, Ordering::Relaxed);
        self.link.ended.store(true, Ordering::Relaxed);
        self.link.settled.notify_one();
    }
}

/// Spawns hyper's tasks, watched until the SETTINGS came.
#[derive(Clone)]
struct Spawner(Arc<Link>);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        if self.0.is_settled() {
            tokio::spawn(future);
        } else {
            let link = Arc::clone(&self.0);
            tokio::spawn(Watched { future, link });
        }
    }
}

pin_project! {
    /// Wakes the dispatch task after each poll, until the SETTINGS came.
    struct Watched<F> {
        #[pin]
        future: F,
        link: Arc<Link>,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if !this.link.is_settled() {
            this.link.dispatch.wake();
        }
        polled
    }
}
