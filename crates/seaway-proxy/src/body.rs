//! The one body type that flows through the proxy in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::error::Failure;
use crate::http2::Received;

mod gate;
mod replay;
mod tee;
mod transfer;
mod upload;

pub(crate) use gate::Gate;
pub(crate) use replay::Recording;
pub(crate) use tee::{CopyBody, Tee};
pub(crate) use transfer::Transfer;
pub(crate) use upload::Upload;

/// A body: a codec's own where it only passes through, so that nothing is boxed on the common path.
#[derive(Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes that are here.
    Full(Bytes),
    /// Streaming from a connection.
    Incoming(Incoming),
    /// Streaming from an HTTP/2 connection.
    Http2(Received),
    /// Anything else.
    Boxed(Pin<Box<dyn BodyStream>>),
}

/// What a boxed body must be.
pub trait BodyStream: http_body::Body<Data = Bytes, Error = BodyError> + Send + std::fmt::Debug {}
impl<B: http_body::Body<Data = Bytes, Error = BodyError> + Send + std::fmt::Debug> BodyStream for B {}

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection it came from failed.
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    /// The HTTP/2 stream or connection that it came from failed.
    #[error(transparent)]
    Http2(#[from] seaway_http2::Error),
    /// The socket that our own HTTP/1.1 reads it from failed, or what came is no body (`InvalidData`).
    #[error("{0}")]
    Socket(#[from] std::io::Error),
    /// We ended it.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A newer try of the same request reads this body now.
    #[error("another try has taken this body over")]
    Superseded,
    /// A copy that could not keep up, or whose original was given up.
    #[error("the copy was given up")]
    CopyGivenUp,
}

impl Body {
    /// Puts a body of another kind into the one type.
    #[must_use]
    pub fn boxed<B: BodyStream + 'static>(body: B) -> Self {
        Self::Boxed(Box::pin(body))
    }
}

impl From<Incoming> for Body {
    /// An ended body is `Empty`, so that what sends it need not look into it.
    fn from(incoming: Incoming) -> Self {
        if http_body::Body::is_end_stream(&incoming) {
            Self::Empty
        } else {
            Self::Incoming(incoming)
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Incoming(incoming) => Pin::new(incoming).poll_frame(cx).map_err(BodyError::from),
            Self::Http2(received) => received.poll_frame(cx),
            Self::Boxed(boxed) => boxed.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
            Self::Http2(received) => received.is_end_stream(),
            Self::Boxed(boxed) => boxed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Incoming(incoming) => incoming.size_hint(),
            Self::Http2(received) => received.size_hint(),
            Self::Boxed(boxed) => boxed.size_hint(),
        }
    }
}
