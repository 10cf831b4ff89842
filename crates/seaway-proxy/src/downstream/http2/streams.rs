//! The streams of a connection: how many there are, since when there are none, and how many were wasted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::context::Connection;
use crate::downstream::resets::ResetBudget;

/// Everything happens in the connection's task; atomics are here because tasks must be `Send`, and cost nothing.
#[derive(Debug)]
pub(super) struct Streams {
    open: AtomicUsize,
    idle_since: Mutex<Instant>,
    start: Instant,
    budget: Mutex<ResetBudget>,
    is_flooded: AtomicBool,
}

impl Streams {
    pub(super) fn new(reset_streams: usize) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            open: AtomicUsize::new(0),
            idle_since: Mutex::new(now),
            start: now,
            budget: Mutex::new(ResetBudget::new(reset_streams)),
            is_flooded: AtomicBool::new(false),
        })
    }

    /// `None` while there are streams. One that became a tunnel (RFC 8441) is not counted any more, but whoever works
    /// for a connection holds on to what is known of it.
    pub(super) fn idle_since(&self, connection: &Arc<Connection>) -> Option<Instant> {
        (self.open.load(Ordering::Relaxed) == 0 && Arc::strong_count(connection) == 1)
            .then(|| *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// More were reset than an honest client would.
    pub(super) fn is_flooded(&self) -> bool {
        self.is_flooded.load(Ordering::Relaxed)
    }
}

/// One of them, from its request to the end of its answer.
#[derive(Debug)]
pub(super) struct Stream {
    streams: Arc<Streams>,
    is_answered: bool,
}

impl Stream {
    pub(super) fn open(streams: &Arc<Streams>) -> Self {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Self {
            streams: Arc::clone(streams),
            is_answered: false,
        }
    }

    pub(super) fn answered(&mut self) {
        self.is_answered = true;
        let budget = &self.streams.budget;
        budget.lock().unwrap_or_else(PoisonError::into_inner).answered();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = &self.streams;
        if streams.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *streams.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        if self.is_answered {
            return;
        }
        // The client has reset it.
        let age = streams.start.elapsed();
        let mut budget = streams.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if budget.reset(age) {
            streams.is_flooded.store(true, Ordering::Relaxed);
        }
    }
}
