//! A copy of a request body for a mirror.
//!
//! The original's reader fills a bounded queue as it goes, and never waits: a copy that cannot keep up is given up as a
//! whole. Slowing the original for its mirror, or buffering without bound, are the two ways in which mirrors hurt.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::BodyError;

#[derive(Debug)]
struct Queue {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    bytes: usize,
    limit: usize,
    end: End,
    hint: SizeHint,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// The original ended.
    Reached,
    /// The copy is worthless.
    GivenUp,
}

/// The writing side. Dropped before the end, the copy is given up.
#[derive(Debug)]
pub(crate) struct Tee(Arc<Mutex<Queue>>);

/// The copy.
#[derive(Debug)]
pub(crate) struct CopyBody(Arc<Mutex<Queue>>);

impl Tee {
    /// Holds at most `limit` bytes that the copy has not sent yet. `hint` is the original's size.
    pub(crate) fn new(limit: usize, hint: SizeHint) -> (Self, CopyBody) {
        let queue = Arc::new(Mutex::new(Queue {
            chunks: VecDeque::new(),
            trailers: None,
            bytes: 0,
            limit,
            end: End::Open,
            hint,
            waker: None,
        }));
        (Self(Arc::clone(&queue)), CopyBody(queue))
    }

    /// Copies some data.
    pub(crate) fn data(&mut self, data: &Bytes) {
        let mut queue = lock(&self.0);
        if queue.end != End::Open {
            return;
        }
        if queue.bytes + data.len() > queue.limit {
            queue.close(End::GivenUp);
        } else {
            queue.bytes += data.len();
            queue.chunks.push_back(data.clone());
            queue.wake();
        }
    }

    /// Copies the trailers.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        lock(&self.0).trailers = Some(trailers.clone());
    }

    /// The original ended.
    pub(crate) fn end(self) {
        lock(&self.0).close(End::Reached);
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        lock(&self.0).close(End::GivenUp);
    }
}

impl Drop for CopyBody {
    /// Nobody reads any more: what is queued is freed, and what comes is not queued.
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.end = End::GivenUp;
        queue.chunks = VecDeque::new();
    }
}

impl Queue {
    /// The first end stays.
    fn close(&mut self, end: End) {
        if self.end == End::Open {
            self.end = end;
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for CopyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut queue = lock(&self.0);
        if queue.end == End::GivenUp {
            return Poll::Ready(Some(Err(BodyError::CopyGivenUp)));
        }
        if let Some(chunk) = queue.chunks.pop_front() {
            queue.bytes -= chunk.len();
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if queue.end == End::Reached {
            return Poll::Ready(queue.trailers.take().map(|t| Ok(Frame::trailers(t))));
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The original's; it is asked for once, before the first frame.
    fn size_hint(&self) -> SizeHint {
        lock(&self.0).hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    use super::*;

    const TEN: Bytes = Bytes::from_static(b"0123456789");

    fn pair() -> (Tee, CopyBody) {
        Tee::new(25, SizeHint::new())
    }

    #[test]
    fn a_copy_gets_what_its_original_got() {
        let (mut tee, copy) = pair();
        tee.data(&TEN);
        tee.data(&TEN);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("1"));
        tee.trailers(&trailers);
        tee.end();
        let whole = copy.collect().now_or_never().unwrap().unwrap();
        assert_eq!(whole.trailers(), Some(&trailers));
        assert_eq!(whole.to_bytes(), "01234567890123456789");
    }

    #[test]
    fn a_copy_that_lags_beyond_the_bound_is_given_up() {
        let (mut tee, mut copy) = pair();
        (0..3).for_each(|_| tee.data(&TEN));
        assert!(copy.frame().now_or_never().unwrap().unwrap().is_err());
    }

    #[test]
    fn a_copy_that_keeps_up_is_not_bounded() {
        let (mut tee, mut copy) = pair();
        for _ in 0..10 {
            tee.data(&TEN);
            let frame = copy.frame().now_or_never().unwrap().unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), TEN);
        }
    }

    #[test]
    fn a_copy_of_a_request_that_was_given_up_is_not_taken_for_whole() {
        let (mut tee, copy) = pair();
        tee.data(&TEN);
        drop(tee);
        assert!(copy.collect().now_or_never().unwrap().is_err());
    }

    #[test]
    fn nothing_is_kept_for_a_copy_that_nobody_reads() {
        let (mut tee, copy) = pair();
        drop(copy);
        tee.data(&TEN);
        assert!(lock(&tee.0).chunks.is_empty());
    }
}
