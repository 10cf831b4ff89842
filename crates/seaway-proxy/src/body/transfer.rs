//! What is known of a request body while it is on its way up.
//!
//! The body itself is handed to the upstream connection, which may live in another task; the exchange keeps this to
//! count it, to see that it moves, and to know whether it ended. Only made for requests that have a body.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Failure;

/// Counters of one request body. Relaxed: each stands alone, and both sides run on one thread.
#[derive(Debug)]
pub(crate) struct Transfer {
    began: Instant,
    moved_millis: AtomicU64,
    bytes: AtomicU64,
    awaited: AtomicBool,
    broken: OnceLock<Failure>,
}

impl Transfer {
    /// Starts counting.
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            moved_millis: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            awaited: AtomicBool::new(false),
            broken: OnceLock::new(),
        }
    }

    /// Some bytes moved.
    pub(crate) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_millis.store(millis, Ordering::Relaxed);
    }

    /// The same where somebody else sees to it that they do.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the upstream waits for more of the body.
    pub(crate) fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::Relaxed);
    }

    /// The client's side of it failed; the first reason stays.
    pub(crate) fn set_broken(&self, failure: Failure) {
        let _earlier = self.broken.set(failure);
    }

    /// Why the client's side failed, if it did. Whatever went wrong upstream went wrong because of that.
    pub(crate) fn broken(&self) -> Option<Failure> {
        self.broken.get().copied()
    }

    /// When something last moved.
    pub(crate) fn last_moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved_millis.load(Ordering::Relaxed))
    }

    /// Bytes read from the client.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether it is the client that keeps everybody waiting.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }
}
