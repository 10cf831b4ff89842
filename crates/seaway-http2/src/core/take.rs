//! What has come of a message, for who waits for it.

use std::task::{Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::Core;
use crate::error::Error;
use crate::stream::{Coming, Stream};

impl Core {
    /// The head of the message that comes; informational ones before it, each as a head of its own.
    pub(crate) fn poll_head(&mut self, key: usize, waker: &Waker) -> Poll<Result<Box<Response<()>>, Error>> {
        let Some(stream) = self.stream(key) else {
            return Poll::Ready(Err(Error::Ended));
        };
        if !stream.early.is_empty() {
            return Poll::Ready(Ok(Box::new(stream.early.remove(0))));
        }
        match (stream.head.take(), stream.coming) {
            (Some(head), _) => Poll::Ready(Ok(head)),
            (None, Coming::Head) => {
                self.await_reader(key, waker);
                Poll::Pending
            }
            (None, _) => Poll::Ready(Err(stream.error.clone().unwrap_or(Error::Ended))),
        }
    }

    /// Content. What came before a stream was broken off is given first.
    pub(crate) fn poll_content(&mut self, key: usize, waker: &Waker) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(stream) = self.stream(key) else {
            return Poll::Ready(None);
        };
        if let Some(data) = stream.content.pop() {
            self.credit(key, data.len());
            return Poll::Ready(Some(Ok(data)));
        }
        if stream.trailers.is_some() {
            return Poll::Ready(None);
        }
        if stream.coming == Coming::Over {
            return Poll::Ready(failed(stream).map(Err));
        }
        self.await_reader(key, waker);
        Poll::Pending
    }

    pub(crate) fn poll_trailers(
        &mut self,
        key: usize,
        waker: &Waker,
    ) -> Poll<Result<Option<HeaderMap>, Error>> {
        let Some(stream) = self.stream(key) else {
            return Poll::Ready(Ok(None));
        };
        if let Some(trailers) = stream.trailers.take() {
            return Poll::Ready(Ok(Some(*trailers)));
        }
        if stream.coming == Coming::Over {
            return Poll::Ready(failed(stream).map_or(Ok(None), Err));
        }
        self.await_reader(key, waker);
        Poll::Pending
    }

    /// Ready when the stream is over before its time.
    pub(crate) fn poll_error(&mut self, key: usize, waker: &Waker) -> Poll<Error> {
        let Some(stream) = self.stream(key) else {
            return Poll::Ready(Error::Ended);
        };
        if let Some(error) = &stream.error {
            return Poll::Ready(error.clone());
        }
        let before = crate::handle::note(&mut stream.writer, waker);
        self.wake(before);
        Poll::Pending
    }

    pub(crate) fn is_taken(&mut self, key: usize) -> bool {
        self.stream(key).is_none_or(|stream| stream.is_taken())
    }

    fn await_reader(&mut self, key: usize, waker: &Waker) {
        let Some(stream) = self.stream(key) else { return };
        let before = crate::handle::note(&mut stream.reader, waker);
        self.wake(before);
    }
}

/// Why the message has not come to its end. One that had before the stream was broken off is whole: a server may do
/// without the rest of a request (RFC 9113, 8.1).
fn failed(stream: &Stream) -> Option<Error> {
    stream.error.clone().filter(|_| !stream.is_whole)
}
