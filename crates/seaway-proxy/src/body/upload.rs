//! The client's body on its way up: counted, copied to mirrors, held back while the upstream has not said "continue".

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use smallvec::SmallVec;

use super::{Body, BodyError, Gate, Tee, Transfer};
use crate::error::Failure;

/// A request body, read once.
#[derive(Debug)]
pub(crate) struct Upload {
    source: Body,
    transfer: Arc<Transfer>,
    tees: SmallVec<[Tee; 1]>,
    gate: Option<Gate>,
}

impl Upload {
    /// Wraps a body that has not ended.
    pub(crate) fn new(source: Body, transfer: Arc<Transfer>) -> Self {
        Self {
            source,
            transfer,
            tees: SmallVec::new(),
            gate: None,
        }
    }

    /// Everything that is read from now on is copied there too.
    pub(crate) fn copy_to(&mut self, tee: Tee) {
        self.tees.push(tee);
    }

    /// Nothing is read before this opens.
    pub(crate) fn hold(&mut self, gate: Gate) {
        self.gate = Some(gate);
    }

    fn note(&mut self, frame: Option<&Frame<Bytes>>) {
        match frame {
            Some(frame) => {
                if let Some(data) = frame.data_ref() {
                    self.transfer.moved(data.len());
                    self.tees.iter_mut().for_each(|tee| tee.data(data));
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.transfer.moved(0);
                    self.tees.iter_mut().for_each(|tee| tee.trailers(trailers));
                }
                if self.source.is_end_stream() {
                    self.end();
                }
            }
            None => self.end(),
        }
    }

    fn end(&mut self) {
        self.tees.drain(..).for_each(Tee::end);
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(gate) = &mut this.gate {
            ready!(gate.poll_open(cx));
            this.gate = None;
        }
        let polled = Pin::new(&mut this.source).poll_frame(cx);
        this.transfer.set_awaited(polled.is_pending());
        let frame = ready!(polled)
            .transpose()
            .inspect_err(|error| this.transfer.set_broken(blame(error)))?;
        this.note(frame.as_ref());
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

/// Whether the client left in the middle, was too slow, or sent what is no body. The codec says the last as invalid
/// data.
fn blame(error: &BodyError) -> Failure {
    let mut source: Option<&(dyn std::error::Error + 'static)> = match error {
        BodyError::Failure(failure) => return *failure,
        BodyError::Connection(error) => Some(error),
        BodyError::Http2(error) => Some(error),
        BodyError::Socket(error) => Some(error),
        BodyError::Superseded | BodyError::CopyGivenUp => None,
    };
    while let Some(here) = source {
        match here.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::InvalidData) => {
                return Failure::BadRequest("the body is not framed as HTTP says");
            }
            Some(io::ErrorKind::TimedOut) => return Failure::BodyTimeout,
            _ => source = here.source(),
        }
    }
    Failure::ClientGone
}
