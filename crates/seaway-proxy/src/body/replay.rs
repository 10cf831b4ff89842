//! A request body that can be sent again, as long as little of it has gone by.
//!
//! The first try streams; what goes by is recorded up to a bound. A later try first gets the record, then the rest of
//! the stream. Above the bound the record is thrown away and there is no later try: buffering the whole body first
//! would delay every upload for the few that fail, and an unbounded record would be a way to exhaust us.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::{BodyError, Upload};

/// A bound on the number of chunks beside the one on bytes: a chunk of one byte costs a hundred.
const MAX_CHUNKS: usize = 512;

/// Owns the body of a request and what of it has gone by. Readers take turns; see [`Recording::reader`].
#[derive(Clone, Debug)]
pub(crate) struct Recording(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    source: Upload,
    chunks: Vec<Bytes>,
    bytes: usize,
    limit: usize,
    trailers: Option<HeaderMap>,
    overflowed: bool,
    ended: bool,
    generation: u32,
}

/// One try's view of the body.
#[derive(Debug)]
pub(crate) struct Replay {
    recording: Recording,
    generation: u32,
    next: usize,
    trailers_sent: bool,
}

impl Recording {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(source: Upload, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            source,
            chunks: Vec::new(),
            bytes: 0,
            limit,
            trailers: None,
            overflowed: false,
            ended: false,
            generation: 0,
        })))
    }

    /// A body from the beginning. Readers made before fail from now on, so that two tries never share the stream.
    pub(crate) fn reader(&self) -> Replay {
        let mut state = self.lock();
        state.generation = state.generation.wrapping_add(1);
        Replay {
            generation: state.generation,
            recording: self.clone(),
            next: 0,
            trailers_sent: false,
        }
    }

    /// Whether a reader made now would get the whole body.
    pub(crate) fn is_complete(&self) -> bool {
        !self.lock().overflowed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
            self.ended = true;
        }
        let Some(data) = frame.data_ref().filter(|_| !self.overflowed) else {
            return;
        };
        if self.bytes + data.len() > self.limit || self.chunks.len() == MAX_CHUNKS {
            self.overflowed = true;
            self.chunks = Vec::new();
        } else {
            self.bytes += data.len();
            self.chunks.push(data.clone());
        }
    }
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut state = this.recording.lock();
        if state.generation != this.generation {
            return Poll::Ready(Some(Err(BodyError::Superseded)));
        }
        if let Some(chunk) = state.chunks.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if state.ended {
            let trailers = state.trailers.clone().filter(|_| !this.trailers_sent);
            this.trailers_sent = true;
            return Poll::Ready(trailers.map(|t| Ok(Frame::trailers(t))));
        }
        let frame = ready!(Pin::new(&mut state.source).poll_frame(cx)).transpose()?;
        match &frame {
            Some(frame) => {
                state.record(frame);
                this.trailers_sent = state.ended;
                this.next = state.chunks.len();
            }
            None => state.ended = true,
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let state = self.recording.lock();
        let nothing_left = state.source.is_end_stream() || state.ended;
        let trailers_left = state.trailers.is_some() && !self.trailers_sent;
        state.generation == self.generation
            && self.next >= state.chunks.len()
            && nothing_left
            && !trailers_left
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.recording.lock();
        let recorded: u64 = state.chunks.iter().skip(self.next).map(|c| c.len() as u64).sum();
        let rest = state.source.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(recorded.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(recorded.saturating_add(upper));
        }
        hint
    }
}
