//! An HTTP/2 connection by prior knowledge, and how many streams it may carry.
//!
//! Such a connection counts as made when the peer's SETTINGS have come: nothing else proves that it speaks HTTP/2, and
//! before them nobody knows how many streams it takes.
//!
//! A request is written into the connection by who sends it, and its answer is read by who waits for it. What the
//! connection's task does is frames and windows; it is the only task, unless a request's body takes longer than its head.

mod driver;
mod sender;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use seaway_http2::client::{Builder, SendRequest};
use tokio::sync::Notify;

use self::driver::{Driver, Heard};
pub(super) use self::sender::Sender;
use super::breakers::Breakers;
use super::classify;
use super::endpoint::Place;
use super::stream::Stream;
use crate::error::Failure;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const FRAME: u32 = 64 << 10;
const HEADER_LIST: u32 = 64 << 10;

/// What is known of a connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    streams: AtomicUsize,
    /// The peer's SETTINGS came.
    is_settled: AtomicBool,
    ended: AtomicBool,
    /// Something was read since the last look.
    heard: AtomicBool,
    /// Tells who waits for the SETTINGS.
    moved: Notify,
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

    /// A place for one stream where the peer allows so many, if there is one.
    fn try_stream(link: &Arc<Self>, allowed: usize) -> Option<StreamGuard> {
        let allowed = allowed.min(link.most.unwrap_or(usize::MAX));
        if link.is_ended() || link.streams.fetch_add(1, Ordering::Relaxed) >= allowed {
            link.streams.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(StreamGuard(Arc::clone(link)))
    }

    /// A place for one stream whatever the peer allows: it is queued until there is one.
    fn queue_stream(link: &Arc<Self>) -> StreamGuard {
        link.streams.fetch_add(1, Ordering::Relaxed);
        StreamGuard(Arc::clone(link))
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits until the peer says how many streams it takes, or the connection has ended.
    async fn wait_settled(&self, requests: &SendRequest) {
        while requests.most_streams() == 0 && !self.is_ended() {
            self.moved.notified().await;
        }
        self.is_settled.store(true, Ordering::Relaxed);
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

/// Makes a connection and spawns its task. Returns when the peer's SETTINGS are here, with a place for one stream.
pub(super) async fn handshake(stream: Stream, place: &Place) -> Result<(Sender, StreamGuard), Failure> {
    let link = Arc::new(Link::to(place));
    let refusal = stream.refusal();
    let keepalive = place.transport.pool().http2_keepalive.as_ref();
    let io = Heard::new(stream, Arc::clone(&link));
    let (requests, connection) = builder().handshake(io);
    let task = tokio::spawn(Driver::new(connection, Arc::clone(&link), keepalive).run());
    link.wait_settled(&requests).await;
    if link.is_ended() {
        let refused = refusal.as_deref().and_then(OnceLock::get);
        return Err(match (refused, task.await) {
            (Some(fault), _) => Failure::UpstreamTls(*fault),
            (None, Ok(Err(error))) => classify::shaking(&error),
            (None, _) => Failure::ConnectFailed,
        });
    }
    let guard = Link::queue_stream(&link);
    Ok((Sender::new(requests, link), guard))
}

fn builder() -> Builder {
    Builder::default()
        .window(STREAM_WINDOW)
        .connection_window(CONNECTION_WINDOW)
        .frame(FRAME)
        .header_list(HEADER_LIST)
}
