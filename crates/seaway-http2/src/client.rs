//! The client's side of a connection: [`handshake`] gives who opens streams, and what drives the connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::core::{Core, Shared};
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::{Handle, RecvStream, SendStream};
use crate::limits::Limits;

/// What a connection allows its peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder {
    limits: Limits,
}

impl Builder {
    /// Content of one stream that comes before somebody takes it; at most 2^31 - 1.
    #[must_use]
    pub fn window(mut self, bytes: u32) -> Self {
        self.limits = self.limits.window(bytes);
        self
    }

    /// The same of all streams together. At least 65,535, with which every connection begins.
    #[must_use]
    pub fn connection_window(mut self, bytes: u32) -> Self {
        self.limits = self.limits.connection_window(bytes);
        self
    }

    /// The largest frame that the peer may send: from 16 KiB to 16 MiB.
    #[must_use]
    pub fn frame(mut self, bytes: u32) -> Self {
        self.limits = self.limits.frame(bytes);
        self
    }

    /// The largest head, as RFC 9113, 6.5.2 counts it.
    #[must_use]
    pub fn header_list(mut self, bytes: u32) -> Self {
        self.limits.header_list = bytes;
        self
    }

    /// Begins a connection. Nothing is written before [`Connection`] is polled.
    pub fn handshake<IO: AsyncRead + AsyncWrite + Unpin>(self, io: IO) -> (SendRequest, Connection<IO>) {
        let shared = Arc::new(Shared::new(Core::client(self.limits)));
        let opener = Arc::new(Opener(Arc::clone(&shared)));
        (SendRequest { opener }, Connection(Driver::new(io, shared)))
    }
}

/// The right to open streams.
#[derive(Debug)]
struct Opener(Arc<Shared>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.with(Core::leave);
    }
}

/// Opens streams. Copies are of the same connection, which ends when the last is dropped and its streams are over.
#[derive(Clone, Debug)]
pub struct SendRequest {
    opener: Arc<Opener>,
}

impl SendRequest {
    /// How many streams the peer takes at once; none before it has said so.
    #[must_use]
    pub fn most_streams(&self) -> usize {
        self.opener.0.most()
    }

    /// Ready when there is a place for one more stream.
    ///
    /// # Errors
    /// The connection takes no more.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.opener.0.with(|core| match core.refusal() {
            Some(refusal) => Poll::Ready(Err(refusal)),
            None if core.has_place(cx.waker()) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        })
    }

    /// Sends the head of a request. `is_over`: it has no content.
    ///
    /// # Errors
    /// The connection takes no more.
    pub fn send_request<B>(
        &mut self,
        request: &Request<B>,
        is_over: bool,
    ) -> Result<(ResponseFuture, SendStream), Error> {
        let shared = &self.opener.0;
        let key = shared.with(|core| {
            let key = core.open(request, is_over)?;
            core.hold(key);
            core.hold(key);
            Ok::<_, Error>(key)
        })?;
        let response = Handle::hearing(Arc::clone(shared), key);
        let request = Handle::held(Arc::clone(shared), key);
        let response = ResponseFuture {
            stream: Some(response),
            early: Vec::new(),
        };
        Ok((response, SendStream(request)))
    }
}

/// The answer to a request. Dropped before, it does without.
#[derive(Debug)]
pub struct ResponseFuture {
    stream: Option<Handle>,
    early: Vec<Response<()>>,
}

impl ResponseFuture {
    /// The informational answers (RFC 9110, 15.2) that came in the last polls. Does not look for others.
    pub fn take_informational(&mut self) -> Vec<Response<()>> {
        std::mem::take(&mut self.early)
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<RecvStream>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let head = loop {
            let Some(handle) = &this.stream else {
                return Poll::Ready(Err(Error::Ended));
            };
            let polled = handle
                .shared()
                .with(|core| core.poll_head(handle.key(), cx.waker()));
            let head = ready!(polled)?;
            if !head.status().is_informational() {
                break head;
            }
            this.early.push(*head);
        };
        let (head, ()) = head.into_parts();
        Poll::Ready(match this.stream.take() {
            Some(handle) => Ok(Response::from_parts(head, RecvStream::new(handle))),
            None => Err(Error::Ended),
        })
    }
}

/// A connection, which goes on as long as it is polled. Ready when it is over.
#[derive(Debug)]
pub struct Connection<IO>(Driver<IO>);

impl<IO> Connection<IO> {
    /// Asks the peer whether it is there.
    pub fn send_ping(&mut self) {
        self.0.shared().with(Core::send_ping);
    }

    /// Whether it has answered since.
    pub fn take_pong(&mut self) -> bool {
        self.0.shared().with(Core::take_pong)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Future for Connection<IO> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
