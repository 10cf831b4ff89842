//! The two halves of a stream, as those hold them who send and take its content.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;

use crate::core::Shared;
use crate::error::{Error, Reason};

/// Holds on to a stream. When nobody does any more, what is left of it is cancelled.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    key: usize,
    /// It takes what comes.
    hears: bool,
}

impl Handle {
    /// `key` must be a stream on which this counts as a holder already.
    pub(crate) fn held(shared: Arc<Shared>, key: usize) -> Self {
        Self {
            shared,
            key,
            hears: false,
        }
    }

    /// The same of the one who takes what comes.
    pub(crate) fn hearing(shared: Arc<Shared>, key: usize) -> Self {
        let mut handle = Self::held(shared, key);
        handle.hears = true;
        handle
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn key(&self) -> usize {
        self.key
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let called = self.shared.with(|core| {
            if self.hears {
                core.ignore(self.key);
            }
            core.let_go(self.key)
        });
        // Not under the lock: a task that is dropped with its waker may hold on to a stream.
        drop(called);
    }
}

/// Notes whom to wake. Whom it was before is nobody's loss: a task that moved has a new waker.
pub(crate) fn note(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    if place.as_ref().is_some_and(|before| before.will_wake(waker)) {
        return None;
    }
    place.replace(waker.clone())
}

/// The half that says something.
#[derive(Debug)]
pub struct SendStream(pub(crate) Handle);

impl SendStream {
    /// How many bytes of content can be sent now: ready when there is at least one.
    ///
    /// # Errors
    /// The stream is over.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let key = self.0.key;
        self.0.shared.with(|core| match core.room(key) {
            Ok(0) => {
                core.await_room(key, cx.waker());
                Poll::Pending
            }
            other => Poll::Ready(other),
        })
    }

    /// Sends content; what there is no room for waits, and nobody else's content passes it.
    ///
    /// # Errors
    /// The stream is over.
    pub fn send_data(&mut self, data: Bytes, is_over: bool) -> Result<(), Error> {
        let key = self.0.key;
        self.0.shared.with(|core| core.send_content(key, data, is_over))
    }

    /// Ends the message with trailers.
    ///
    /// # Errors
    /// The stream is over.
    pub fn send_trailers(&mut self, trailers: HeaderMap) -> Result<(), Error> {
        let key = self.0.key;
        self.0.shared.with(|core| core.send_trailers(key, trailers))
    }

    /// Breaks the stream off, in both directions.
    pub fn send_reset(&mut self, reason: Reason) {
        let key = self.0.key;
        self.0.shared.with(|core| core.give_up(key, reason));
    }

    /// Ready when the stream was broken off, or its connection was.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let key = self.0.key;
        self.0.shared.with(|core| core.poll_error(key, cx.waker()))
    }
}

/// The half that is heard. What comes is kept until it is taken, as far as the window goes; for what was taken, the peer
/// may send more.
#[derive(Debug)]
pub struct RecvStream {
    handle: Handle,
    /// Everything was taken.
    is_over: bool,
}

impl RecvStream {
    pub(crate) fn new(handle: Handle) -> Self {
        let is_over = handle.shared.with(|core| core.is_taken(handle.key));
        Self { handle, is_over }
    }

    /// The next piece of content; `None` when there is no more.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let key = self.handle.key;
        let (polled, is_over) = self.handle.shared.with(|core| {
            let polled = core.poll_content(key, cx.waker());
            (polled, core.is_taken(key))
        });
        self.is_over = is_over;
        polled
    }

    /// The trailers, once there is no more content.
    ///
    /// # Errors
    /// The stream is over before its message is.
    pub fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Error>> {
        let key = self.handle.key;
        self.handle
            .shared
            .with(|core| core.poll_trailers(key, cx.waker()))
    }

    /// Whether there is known to be nothing more to take: when the head came, or when something was last taken.
    #[must_use]
    pub fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
