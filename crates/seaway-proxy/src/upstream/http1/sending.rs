//! A request on its way out.
//!
//! What can be written at once is never stored: the head is put into the thread's buffer together with the first piece
//! of the body, and only what the system does not take is kept. Pieces of bodies are written from where they are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::{Method, Request};
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::AsyncWrite as _;

use super::super::stream::Stream;
use super::encode::{self, Framing};
use super::scratch;
use crate::body::{Body, BodyError};
use crate::error::Failure;
use crate::small_writes;

/// A piece of a body that is no longer is copied behind the head: cheaper than to tell the system of two pieces.
const COPIED: usize = 8 << 10;

/// What is left to be sent of a request.
#[derive(Debug)]
pub(super) struct Sending {
    body: Body,
    framing: Framing,
    unsent: Unsent,
    /// Nothing follows what is unsent.
    ended: bool,
}

/// Bytes in the order in which they go.
#[derive(Debug, Default)]
struct Unsent {
    before: Vec<u8>,
    /// How much of `before` has gone.
    at: usize,
    data: Bytes,
    after: &'static [u8],
}

/// Why a request was not sent to its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its body failed.
    Body(BodyError),
    /// The connection did.
    Connection(io::Error),
}

/// Why nothing of a request was sent.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// The request is as good as before.
    Unsent(Hindrance),
    /// Its body failed, or began to be lost.
    Lost(Broken),
}

/// What kept a request from being begun.
#[derive(Debug)]
pub(super) enum Hindrance {
    Request(Failure),
    Connection(io::Error),
}

/// Writes the head, and what is there of the body. `None`: that was all. The request keeps its head, and loses its body
/// unless nothing was sent.
pub(super) fn begin(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    request: &mut Request<Body>,
) -> Result<Option<Box<Sending>>, NotBegun> {
    // As the head says it; what is left of a length is another matter.
    let mut framing =
        Framing::of(request).map_err(|failure| NotBegun::Unsent(Hindrance::Request(failure)))?;
    let mut sending = Sending {
        body: Body::Empty,
        framing,
        unsent: Unsent::default(),
        ended: framing == Framing::None,
    };
    if !sending.ended
        && let Poll::Ready(frame) = Pin::new(request.body_mut()).poll_frame(cx)
    {
        let is_last = request.body().is_end_stream();
        if frame.is_none() && framing == Framing::Chunked && is_bodiless(request.method()) {
            // HTTP/2 may say only after the head that nothing follows.
            framing = Framing::None;
            sending.framing = framing;
        }
        sending.take(frame, is_last).map_err(NotBegun::Lost)?;
    }
    scratch::writing(|out| {
        encode::head(request, framing, out);
        if let Err(error) = sending.write_first(stream, cx, out) {
            put_back(request, sending.unsent.data.clone());
            let of_trailers = sending.unsent.data.is_empty() && !sending.unsent.before.is_empty();
            return Err(if stream.is_encrypted() || of_trailers {
                // Of what was encrypted nobody knows how much has gone; and trailers are not put back.
                NotBegun::Lost(Broken::Connection(error))
            } else {
                NotBegun::Unsent(Hindrance::Connection(error))
            });
        }
        Ok(())
    })?;
    if sending.ended && sending.unsent.is_empty() {
        let flushed = Pin::new(stream).poll_flush(cx);
        if let Poll::Ready(flushed) = flushed {
            flushed.map_err(|error| NotBegun::Lost(Broken::Connection(error)))?;
            return Ok(None);
        }
    }
    sending.body = std::mem::take(request.body_mut());
    Ok(Some(Box::new(sending)))
}

/// Whether a request of that kind has no body unless it says so.
fn is_bodiless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns the first piece of a body that could not be sent.
fn put_back(request: &mut Request<Body>, data: Bytes) {
    if !data.is_empty() {
        let rest = std::mem::take(request.body_mut());
        *request.body_mut() = Body::boxed(Resumed { data, rest });
    }
}

impl Sending {
    /// Goes on. Ready when the whole request was sent.
    pub(super) fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            while !self.unsent.is_empty() {
                let wrote = ready!(self.unsent.poll_write(stream, cx)).map_err(Broken::Connection)?;
                self.unsent.advance(wrote);
            }
            if self.ended {
                return Pin::new(stream).poll_flush(cx).map_err(Broken::Connection);
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    let is_last = self.body.is_end_stream();
                    self.take(frame, is_last)?;
                }
                Poll::Pending => {
                    // What the endpoint waits for must not wait for what it has not asked for yet.
                    if let Poll::Ready(Err(error)) = Pin::new(stream).poll_flush(cx) {
                        return Poll::Ready(Err(Broken::Connection(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Takes what the body gave. `is_last`: it has said that nothing follows.
    fn take(&mut self, frame: Option<Result<Frame<Bytes>, BodyError>>, is_last: bool) -> Result<(), Broken> {
        let Some(frame) = frame.transpose().map_err(Broken::Body)? else {
            return self.end();
        };
        match frame.into_data() {
            Ok(data) => self.data(data, is_last),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers()
                    && self.framing == Framing::Chunked
                {
                    self.unsent.before_all(|out| encode::trailers(&trailers, out));
                    self.ended = true;
                    return Ok(());
                }
                self.end()
            }
        }
    }

    fn data(&mut self, data: Bytes, is_last: bool) -> Result<(), Broken> {
        match &mut self.framing {
            Framing::None => self.ended = true,
            Framing::Length(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or_else(|| broken("the body is longer than its content-length"))?;
                self.ended = *left == 0;
                if is_last && !self.ended {
                    return Err(cut_short());
                }
                self.unsent.data = data;
            }
            Framing::Chunked if data.is_empty() => {
                if is_last {
                    return self.end();
                }
            }
            Framing::Chunked => {
                self.unsent.before_all(|out| encode::chunk_line(&data, out));
                self.unsent.after = encode::after_chunk(is_last);
                self.unsent.data = data;
                self.ended = is_last;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        match self.framing {
            Framing::Length(left) if left > 0 => return Err(cut_short()),
            Framing::Chunked => self.unsent.after = encode::end_of_chunks(),
            Framing::None | Framing::Length(_) => {}
        }
        self.ended = true;
        Ok(())
    }

    /// Writes the head, which is in `out`, and what is unsent, once. What the system does not take becomes unsent.
    fn write_first(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let unsent = &mut self.unsent;
        let head = out.len();
        out.extend_from_slice(&unsent.before);
        let data = unsent.data.len();
        let together = data <= COPIED;
        if together {
            out.extend_from_slice(&unsent.data);
            out.extend_from_slice(unsent.after);
        }
        let wrote = if together {
            Pin::new(stream).poll_write(cx, out)
        } else {
            let slices = [
                IoSlice::new(out),
                IoSlice::new(&unsent.data),
                IoSlice::new(unsent.after),
            ];
            Pin::new(stream).poll_write_vectored(cx, &slices)
        };
        let wrote = match wrote {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(wrote) => wrote?,
            Poll::Pending => 0,
        };
        if together && wrote == out.len() {
            *unsent = Unsent::default();
            return Ok(());
        }
        let first = if together {
            head + unsent.before.len()
        } else {
            out.len()
        };
        unsent.before = out.get(..first).unwrap_or_default().to_vec();
        unsent.advance(wrote);
        Ok(())
    }
}

impl Unsent {
    fn is_empty(&self) -> bool {
        self.at == self.before.len() && self.data.is_empty() && self.after.is_empty()
    }

    /// Puts something before what follows; there is nothing else.
    fn before_all(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.before.clear();
        self.at = 0;
        encode(&mut self.before);
    }

    fn poll_write(&self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = self.before.get(self.at..).unwrap_or_default();
        let wrote = if before.is_empty() && self.after.is_empty() {
            Pin::new(stream).poll_write(cx, &self.data)
        } else {
            let slices = [
                IoSlice::new(before),
                IoSlice::new(&self.data),
                IoSlice::new(self.after),
            ];
            small_writes::poll_write(stream, cx, &slices)
        };
        match ready!(wrote)? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            wrote => Poll::Ready(Ok(wrote)),
        }
    }

    fn advance(&mut self, wrote: usize) {
        let of_before = wrote.min(self.before.len() - self.at);
        self.at += of_before;
        let wrote = wrote - of_before;
        let of_data = wrote.min(self.data.len());
        if of_data == self.data.len() {
            // Lets go of the memory, which its owner may want to read into again.
            self.data = Bytes::new();
        } else {
            self.data.advance(of_data);
        }
        let of_after = (wrote - of_data).min(self.after.len());
        self.after = self.after.get(of_after..).unwrap_or_default();
    }
}

fn cut_short() -> Broken {
    broken("the body is shorter than its content-length")
}

fn broken(what: &'static str) -> Broken {
    Broken::Body(BodyError::Failure(Failure::BadRequest(what)))
}

/// A body whose first piece was taken out and put back.
#[derive(Debug)]
struct Resumed {
    data: Bytes,
    rest: Body,
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.data)))));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.size_hint();
        let here = self.data.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(here));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(here)) {
            hint.set_upper(upper);
        }
        hint
    }
}
