//! The server's side of a connection.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::core::{Allowance, Core, Shared};
use crate::driver::Driver;
use crate::error::{Error, Reason};
use crate::handle::{Handle, RecvStream, SendStream};
use crate::limits::Limits;

/// What a connection allows its client.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    limits: Limits,
    allowance: Allowance,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            allowance: Allowance {
                streams: 100,
                early_resets: 20,
                connect: false,
            },
        }
    }
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

    /// The largest head, as RFC 9113, 6.5.2 counts it.
    #[must_use]
    pub fn header_list(mut self, bytes: u32) -> Self {
        self.limits.header_list = bytes;
        self
    }

    /// Streams at once. More are refused, and their clients may try again.
    #[must_use]
    pub fn streams(mut self, most: u32) -> Self {
        self.allowance.streams = most;
        self
    }

    /// Streams that a client may take back before anybody has looked at them.
    #[must_use]
    pub fn early_resets(mut self, most: usize) -> Self {
        self.allowance.early_resets = most;
        self
    }

    /// Lets CONNECT name a protocol (RFC 8441).
    #[must_use]
    pub fn connect_protocol(mut self) -> Self {
        self.allowance.connect = true;
        self
    }

    /// Begins a connection, on which the client's preface has not been read.
    pub fn serve<IO: AsyncRead + AsyncWrite + Unpin>(self, io: IO) -> Connection<IO> {
        let core = Core::server(self.limits, self.allowance);
        Connection(Driver::new(io, Arc::new(Shared::new(core))))
    }
}

/// A request, and the right to answer it.
pub type Accepted = (Request<RecvStream>, SendResponse);

/// A connection, which goes on as long as it is asked for requests.
#[derive(Debug)]
pub struct Connection<IO>(Driver<IO>);

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// The next request; `None` when the connection has ended as it should.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Accepted, Error>>> {
        if let Some(accepted) = self.accept() {
            return Poll::Ready(Some(Ok(accepted)));
        }
        let polled = self.0.poll(cx);
        if let Some(accepted) = self.accept() {
            // There may be more to do than to take it.
            return Poll::Ready(Some(Ok(accepted)));
        }
        Poll::Ready(ready!(polled).err().map(Err))
    }

    fn accept(&mut self) -> Option<Accepted> {
        let shared = self.0.shared();
        let (key, request) = shared.with(Core::accept)?;
        let (head, ()) = request.into_parts();
        let content = RecvStream::new(Handle::hearing(Arc::clone(shared), key));
        let request = Request::from_parts(head, content);
        Some((request, SendResponse(Handle::held(Arc::clone(shared), key))))
    }

    /// Ready when the client has said that it speaks HTTP/2.
    ///
    /// # Errors
    /// It has said something else, or nothing.
    pub fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = self.0.poll(cx);
        if self.0.shared().with(|core| core.has_begun()) {
            return Poll::Ready(Ok(()));
        }
        polled
    }

    /// Tells the client that there will be an end. What it has begun goes on.
    pub fn graceful_shutdown(&mut self) {
        self.0.shared().with(Core::warn);
    }
}

/// The right to answer a request.
#[derive(Debug)]
pub struct SendResponse(Handle);

impl SendResponse {
    /// Sends the head of the answer. `is_over`: it has no content.
    ///
    /// # Errors
    /// The stream is over.
    pub fn send_response<B>(self, response: &Response<B>, is_over: bool) -> Result<SendStream, Error> {
        let (shared, key) = (self.0.shared(), self.0.key());
        shared.with(|core| core.respond(key, response, is_over))?;
        Ok(SendStream(self.0))
    }

    /// Sends the head of an informational answer (RFC 9110, 15.2), which is followed by another.
    ///
    /// # Errors
    /// The stream is over.
    pub fn send_informational<B>(&mut self, response: &Response<B>) -> Result<(), Error> {
        let (shared, key) = (self.0.shared(), self.0.key());
        shared.with(|core| core.respond(key, response, false))
    }

    /// Breaks the stream off.
    pub fn send_reset(&mut self, reason: Reason) {
        self.0.shared().with(|core| core.give_up(self.0.key(), reason));
    }

    /// Ready when the client has taken its request back, or is gone.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.0
            .shared()
            .with(|core| core.poll_error(self.0.key(), cx.waker()))
    }
}
