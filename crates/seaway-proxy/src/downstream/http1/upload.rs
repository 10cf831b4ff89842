//! A request's body on its way from the socket to whoever reads it.
//!
//! The reader may be in another task than the connection, and the connection must keep its socket (to answer, and to
//! hand it on), so the two share a letter box: the reader says that it wants more, the connection reads only then
//! and puts one piece in. A channel was rejected: it would buffer more, and cost a request without a body as much as one
//! with. Where both are in one task, as is usual, nobody is woken: the connection looks after each poll of the handler
//! whether more is wanted.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use smallvec::SmallVec;

use super::super::guard::{self, Chunked, Framing, Guard, HeadLimits, Refusal};
use super::request::append;
use crate::body::{Body, BodyError};

/// The connection's end.
#[derive(Debug)]
pub(super) struct Upload {
    letters: Arc<Mutex<Letters>>,
    decoder: Decoder,
    /// `100 Continue` is owed when the body is first asked for.
    pub(super) owes_continue: bool,
    pub(super) refusal: Option<Refusal>,
}

/// The reader's end.
#[derive(Debug)]
struct Incoming {
    letters: Arc<Mutex<Letters>>,
    /// So many bytes come, where that is known.
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct Letters {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    end: Option<End>,
    is_wanted: bool,
    is_abandoned: bool,
    reader: Option<Waker>,
    connection: Option<Waker>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    Refused(Refusal),
    Broken(io::ErrorKind),
}

/// Finds the end of a body.
#[derive(Debug)]
enum Decoder {
    Length(u64),
    Chunked { guard: Box<Guard>, trailers: Vec<u8> },
    Ended,
}

/// A body that has one, and the request's view of it.
pub(super) fn open(framing: Framing, limits: HeadLimits, owes_continue: bool) -> Option<(Upload, Body)> {
    let (decoder, left) = match framing {
        Framing::None => return None,
        Framing::Length(length) => (Decoder::Length(length), Some(length)),
        Framing::Chunked => {
            let guard = Box::new(Guard::for_chunks(limits));
            let trailers = Vec::new();
            (Decoder::Chunked { guard, trailers }, None)
        }
    };
    let letters = Arc::new(Mutex::new(Letters::default()));
    let incoming = Incoming {
        letters: Arc::clone(&letters),
        left,
    };
    let upload = Upload {
        letters,
        decoder,
        owes_continue,
        refusal: None,
    };
    Some((upload, Body::boxed(incoming)))
}

impl Upload {
    /// Whether the connection should read on.
    pub(super) fn is_wanted(&self, cx: &Context<'_>) -> bool {
        let mut letters = lock(&self.letters);
        if !letters
            .connection
            .as_ref()
            .is_some_and(|w| w.will_wake(cx.waker()))
        {
            letters.connection = Some(cx.waker().clone());
        }
        letters.is_wanted && !letters.is_abandoned && letters.end.is_none()
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        lock(&self.letters).is_abandoned
    }

    /// Whether everything of it has been read from the socket.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.decoder, Decoder::Ended)
    }

    /// Whether what is left is known to be more than so many bytes.
    pub(super) fn is_longer_than(&self, bytes: u64) -> bool {
        matches!(self.decoder, Decoder::Length(left) if left > bytes)
    }

    /// Takes what came. Says whether the reader, in the task of `cx`, got something; gives back what is not the body's.
    pub(super) fn receive(&mut self, cx: &Context<'_>, mut input: Bytes) -> (bool, Bytes) {
        let data = match &mut self.decoder {
            Decoder::Length(left) => {
                let count = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                let data = input.split_to(count);
                *left -= count as u64;
                if *left == 0 {
                    self.decoder = Decoder::Ended;
                }
                data
            }
            Decoder::Chunked { guard, trailers } => match unchunk(guard, trailers, &mut input) {
                Unchunked::Some(data) => data,
                Unchunked::Last(data) => {
                    let trailers = Bytes::from(std::mem::take(trailers));
                    self.decoder = Decoder::Ended;
                    lock(&self.letters).trailers = parse_trailers(&trailers);
                    data
                }
                Unchunked::Refused(data, refusal) => {
                    self.refusal = Some(refusal);
                    lock(&self.letters).end = Some(End::Refused(refusal));
                    data
                }
            },
            Decoder::Ended => Bytes::new(),
        };
        let mut letters = lock(&self.letters);
        if self.is_over() {
            letters.end.get_or_insert(End::Whole);
        }
        letters.data = Some(data).filter(|data| !data.is_empty());
        if letters.data.is_none() && letters.end.is_none() {
            return (false, input);
        }
        (letters.deliver(cx), input)
    }

    /// There will be no more. Says whether the reader is in the task of `cx`.
    pub(super) fn break_off(&mut self, cx: &Context<'_>, why: io::ErrorKind) -> bool {
        let mut letters = lock(&self.letters);
        letters.end.get_or_insert(End::Broken(why));
        letters.deliver(cx)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut letters = lock(&self.letters);
        if letters.end.is_none() {
            letters.end = Some(End::Broken(io::ErrorKind::ConnectionReset));
            if let Some(reader) = letters.reader.take() {
                reader.wake();
            }
        }
    }
}

impl Letters {
    fn deliver(&mut self, cx: &Context<'_>) -> bool {
        self.is_wanted = false;
        match self.reader.take() {
            Some(reader) if reader.will_wake(cx.waker()) => true,
            Some(reader) => {
                reader.wake();
                false
            }
            None => false,
        }
    }
}

enum Unchunked {
    Some(Bytes),
    Last(Bytes),
    Refused(Bytes, Refusal),
}

/// The data in what came; what is left of `input` afterwards comes after the body. One run of data is not copied.
fn unchunk(guard: &mut Guard, trailers: &mut Vec<u8>, input: &mut Bytes) -> Unchunked {
    let mut runs: SmallVec<[Bytes; 8]> = SmallVec::new();
    loop {
        match guard.feed_chunked(input, trailers) {
            Chunked::Data(range) => {
                let mut run = input.split_to(range.end);
                bytes::Buf::advance(&mut run, range.start);
                runs.push(run);
            }
            Chunked::More => {
                input.clear();
                return Unchunked::Some(join(&runs));
            }
            Chunked::End(length) => {
                bytes::Buf::advance(input, length);
                return Unchunked::Last(join(&runs));
            }
            Chunked::Refused(refusal) => {
                input.clear();
                return Unchunked::Refused(join(&runs), refusal);
            }
        }
    }
}

fn join(runs: &[Bytes]) -> Bytes {
    match runs {
        [] => Bytes::new(),
        [one] => one.clone(),
        many => many.concat().into(),
    }
}

fn parse_trailers(section: &Bytes) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for field in guard::fields(section)? {
        append(&mut trailers, section, field)?;
    }
    (!trailers.is_empty()).then_some(trailers)
}

fn lock(letters: &Mutex<Letters>) -> MutexGuard<'_, Letters> {
    letters.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut letters = lock(&this.letters);
        if let Some(data) = letters.data.take() {
            if let Some(left) = &mut this.left {
                *left = left.saturating_sub(data.len() as u64);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(end) = letters.end {
            let trailers = letters.trailers.take();
            return Poll::Ready(match end {
                End::Whole => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                End::Refused(refusal) => {
                    Some(Err(io::Error::new(io::ErrorKind::InvalidData, refusal).into()))
                }
                End::Broken(kind) => Some(Err(io::Error::from(kind).into())),
            });
        }
        letters.is_wanted = true;
        letters.reader = Some(cx.waker().clone());
        if let Some(connection) = &letters.connection
            && !connection.will_wake(cx.waker())
        {
            connection.wake_by_ref();
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut letters = lock(&self.letters);
        letters.is_abandoned = true;
        // The connection may wait for it to be read on.
        if letters.end.is_none()
            && let Some(connection) = letters.connection.take()
        {
            connection.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Called(AtomicBool);

    impl Wake for Called {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_connection_that_waits_for_a_reader_hears_that_there_is_none_any_more() {
        let limits = HeadLimits {
            bytes: 1000,
            fields: 10,
        };
        let (upload, body) = open(Framing::Length(5), limits, false).unwrap();
        let called = Arc::new(Called::default());
        let waker = Waker::from(Arc::clone(&called));
        assert!(!upload.is_wanted(&Context::from_waker(&waker)));
        drop(body);
        assert!(called.0.load(Ordering::SeqCst) && upload.is_abandoned());
    }
}
