//! A body that comes over HTTP/2.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use seaway_http2::RecvStream;

use crate::body::{Body, BodyError};
use crate::interim;

/// The receiving half of a stream. The sender may send so much more as soon as it is taken: whoever takes it passes it on
/// before taking more.
#[derive(Debug)]
pub struct Received {
    stream: RecvStream,
    /// What is left of the announced length. The codec checks that it is kept.
    left: Option<u64>,
    has_all_data: bool,
    /// The client waits to be told to send it.
    owes_continue: bool,
}

impl Received {
    /// The body of a message with these headers. One that has ended is `Empty`, so that who sends it on need not look.
    pub(crate) fn body(stream: RecvStream, headers: &HeaderMap) -> Body {
        if stream.is_end_stream() {
            return Body::Empty;
        }
        Body::Http2(Self {
            stream,
            left: length(headers),
            has_all_data: false,
            owes_continue: false,
        })
    }

    /// The body of a request. Where its client waits to be told to send it, it is told when it is first asked for.
    pub(crate) fn of_request(stream: RecvStream, headers: &HeaderMap) -> Body {
        let mut body = Self::body(stream, headers);
        if let Body::Http2(received) = &mut body {
            let expects = headers.get(EXPECT);
            received.owes_continue =
                expects.is_some_and(|expects| expects.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        }
        body
    }

    /// The next frame.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.has_all_data {
            let polled = self.stream.poll_data(cx);
            if std::mem::take(&mut self.owes_continue) && polled.is_pending() {
                interim::go_on();
            }
            match ready!(polled) {
                Some(Ok(data)) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // Also where the reason is NO_ERROR or CANCEL: an end that was not said is no end.
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => self.has_all_data = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|fields| Ok(Frame::trailers(fields))),
            Err(error) => Some(Err(error.into())),
        })
    }

    /// Whether there is nothing more.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// What was announced.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The announced length, if it is one.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}
