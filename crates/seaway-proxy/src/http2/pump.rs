//! A body that goes over HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body as _, Frame};

use crate::body::{Body, BodyError};

/// Moves a body into a stream, as fast as the peer's windows let it. At most one piece of it is held here.
#[derive(Debug)]
pub(crate) struct Pump {
    stream: SendStream<Bytes>,
    body: Body,
    /// Waits for the window, and whether it is the last.
    waits: Option<(Bytes, bool)>,
    /// The first piece need not wait for the peer's windows.
    is_ahead: bool,
    /// A piece went without room for it; the next is not asked for before it has some.
    owes_room: bool,
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
    pub(crate) fn new(stream: SendStream<Bytes>, body: Body) -> Self {
        Self {
            stream,
            body,
            waits: None,
            is_ahead: false,
            owes_room: false,
            asked: Asked::Never,
        }
    }

    /// Leaves the first piece to h2 at once, where it waits if there is no room for it. A stream of ours that has just been
    /// opened has no room before its connection was polled, and so the head of a small request would leave alone, and its
    /// body would need a task and a write of its own.
    pub(crate) fn ahead(mut self) -> Self {
        self.is_ahead = true;
        self
    }

    /// What the body did in the last poll.
    pub(crate) fn asked(&self) -> Asked {
        self.asked
    }

    /// Ready when everything is h2's, or nothing more can be sent.
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
            if let Some((data, is_last)) = &self.waits {
                let (is_empty, is_last) = (data.is_empty(), *is_last);
                if std::mem::take(&mut self.is_ahead) {
                    self.owes_room = !is_empty;
                } else if !is_empty {
                    ready!(self.poll_room(cx))?;
                }
                // h2 cuts it to the windows and keeps the rest; what is asked of the windows is all of it.
                let data = self.waits.take().map(|(data, _)| data).unwrap_or_default();
                self.stream.send_data(data, is_last).map_err(|_| Broken)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
            }
            if self.owes_room {
                ready!(self.poll_room(cx))?;
                self.owes_room = false;
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

    /// Ready when something may be sent. Room is asked for only when there is something to send: room that nobody uses
    /// is taken from the connection's other streams.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Broken)),
            }
        }
        Poll::Ready(Ok(()))
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
    use std::future::{Future as _, poll_fn};

    use h2::client;
    use http::Request;
    use tokio::io::DuplexStream;

    use super::*;

    /// A stream of a connection that knows its peer's settings, and has not been polled since the stream was opened.
    async fn opened() -> (client::Connection<DuplexStream, Bytes>, SendStream<Bytes>) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serve = async {
            let mut server = h2::server::handshake(theirs).await.unwrap();
            let _request = server.accept().await;
        };
        tokio::spawn(serve);
        let (mut requests, mut connection) = client::handshake(ours).await.unwrap();
        poll_fn(|cx| {
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            requests.poll_ready(cx)
        })
        .await
        .unwrap();
        let (_response, stream) = requests.send_request(Request::new(()), false).unwrap();
        (connection, stream)
    }

    #[tokio::test]
    async fn a_small_body_need_not_wait_for_its_stream_to_be_polled() {
        let (_connection, stream) = opened().await;
        let mut pump = Pump::new(stream, Body::Full(Bytes::from_static(b"small"))).ahead();
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!(polled, Poll::Ready(Ok(())));
    }

    #[tokio::test]
    async fn only_the_first_piece_goes_before_there_is_room() {
        let (_connection, stream) = opened().await;
        let (tee, copy) = crate::body::Tee::new(1 << 16, http_body::SizeHint::default());
        let (mut tee, body) = (tee, Body::boxed(copy));
        let mut pump = Pump::new(stream, body).ahead();
        tee.data(&Bytes::from_static(b"first"));
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!((polled, pump.asked()), (Poll::Pending, Asked::Gave(5)));
        tee.data(&Bytes::from_static(b"second"));
        let polled = poll_fn(|cx| Poll::Ready(pump.poll(cx))).await;
        assert_eq!((polled, pump.asked()), (Poll::Pending, Asked::Never));
    }
}
