//! What is known of a request body while it is on its way up.
//!
//! The body itself is handed to the upstream connection, which may live in another task; the exchange keeps this to
//! count it, to see that it moves, and to know whether it ended. Only made for requests that have a body.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Counters of one request body. Relaxed: each stands alone, and both sides run on one thread.
#[derive(Debug)]
pub(crate) struct Transfer {
    began: Instant,
    moved_millis: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicBool,
    polled: AtomicBool,
}

impl Transfer {
    /// Starts counting.
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            moved_millis: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            polled: AtomicBool::new(false),
        }
    }

    /// Some bytes moved.
    pub(crate) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_millis.store(millis, Ordering::Relaxed);
    }

    /// The whole body was read.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Somebody has asked for the body.
    pub(crate) fn poll(&self) {
        self.polled.store(true, Ordering::Relaxed);
    }

    /// When something last moved.
    pub(crate) fn last_moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved_millis.load(Ordering::Relaxed))
    }

    /// Bytes read from the client.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the upstream waits for a body that the client does not finish.
    pub(crate) fn is_awaited(&self) -> bool {
        self.polled.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed)
    }
}
