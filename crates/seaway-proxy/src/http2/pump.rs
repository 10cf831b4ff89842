//! A body that goes over HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use seaway_http2::{Reason, SendStream};

use crate::body::{Body, BodyError};

/// Moves a body into a stream, as fast as the peer's windows let it. At most one piece of it is held here.
#[derive(Debug)]
pub(crate) struct Pump {
    stream: SendStream,
    body: Body,
    /// Waits for the window, and whether it is the last.
    waits: Option<(Bytes, bool)>,
    /// What the body did in the last poll.
    asked: Asked,
}

/// What a body that was asked for its next piece did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It was not asked: the peer's windows are closed.
    Never,
    /// It gave so many bytes.
    Gave(usize),
    /// It has nothing yet.
    Waits,
}

/// It could not be sent to its end. The stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Pump {
    pub(crate) fn new(stream: SendStream, body: Body) -> Self {
        Self {
            stream,
            body,
            waits: None,
            asked: Asked::Never,
        }
    }

    /// What the body did in the last poll.
    pub(crate) fn asked(&self) -> Asked {
        self.asked
    }

    /// Ready when everything is the codec's, or nothing more can be sent.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.asked = Asked::Never;
        let polled = self.poll_all(cx);
        if polled.is_pending() && self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(Broken));
        }
        polled
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if let Some((data, _)) = &self.waits {
                // The codec cuts it to the windows and keeps the rest; there need be room only for its beginning.
                if !data.is_empty() && ready!(self.stream.poll_room(cx)).is_err() {
                    return Poll::Ready(Err(Broken));
                }
                let Some((data, is_last)) = self.waits.take() else {
                    continue;
                };
                self.stream.send_data(data, is_last).map_err(|_| Broken)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
            }
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            self.note(&polled);
            match ready!(polled) {
                None => return Poll::Ready(self.stream.send_data(Bytes::new(), true).map_err(|_| Broken)),
                Some(Err(error)) => {
                    self.stream.send_reset(reason(&error));
                    return Poll::Ready(Err(Broken));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.waits = Some((data, self.body.is_end_stream())),
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            return Poll::Ready(self.stream.send_trailers(trailers).map_err(|_| Broken));
                        }
                    }
                },
            }
        }
    }

    fn note(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, BodyError>>>) {
        let before = match self.asked {
            Asked::Gave(before) => before,
            Asked::Never | Asked::Waits => 0,
        };
        match polled {
            Poll::Pending => self.asked = Asked::Waits,
            Poll::Ready(Some(Ok(frame))) => {
                self.asked = Asked::Gave(before + frame.data_ref().map_or(0, Bytes::len));
            }
            Poll::Ready(_) => {}
        }
    }
}

/// How the peer hears that a body broke off.
fn reason(error: &BodyError) -> Reason {
    match error {
        BodyError::Http2(error) => error.reason(),
        _ => None,
    }
    .unwrap_or(Reason::INTERNAL_ERROR)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::Request;
    use seaway_http2::client;

    use super::*;

    /// A stream of a connection whose peer has not answered anything, so that only the windows of the standard are open.
    fn opened() -> (client::ResponseFuture, SendStream, impl Sized) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (mut requests, connection) = client::Builder::default().handshake(ours);
        let (response, stream) = requests.send_request(&Request::new(()), false).unwrap();
        (response, stream, (requests, connection, theirs))
    }

    #[tokio::test]
    async fn a_small_body_leaves_in_one_poll() {
        let (_response, stream, _connection) = opened();
        let mut pump = Pump::new(stream, Body::Full(Bytes::from_static(b"small")));
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!(polled, Poll::Ready(Ok(())));
    }

    #[tokio::test]
    async fn a_body_is_not_asked_for_more_than_the_windows_take() {
        let (_response, stream, _connection) = opened();
        let (tee, copy) = crate::body::Tee::new(1 << 20, http_body::SizeHint::default());
        let (mut tee, body) = (tee, Body::boxed(copy));
        let mut pump = Pump::new(stream, body);
        tee.data(&vec![0; 100_000].into());
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!((polled, pump.asked()), (Poll::Pending, Asked::Waits));
        tee.data(&Bytes::from_static(b"second"));
        tee.data(&Bytes::from_static(b"third"));
        // The second may be taken and wait; the third may not.
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!((polled, pump.asked()), (Poll::Pending, Asked::Gave(6)));
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!((polled, pump.asked()), (Poll::Pending, Asked::Never));
    }
}
