//! An HTTP/1.1 connection from its first byte to its last.
//!
//! hyper speaks; the adapter in `guarded` decides what it hears, keeps time, and gives the socket back when hyper is
//! done. While no request is under way for a while hyper is not there at all: its buffers are most of what an idle
//! connection costs, so they are dropped with it and made anew with the next request.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer;
use super::closing::{Closing, Seldom};
use super::guarded::{Ended, Guarded};
use super::handler::Handler;
use super::stats::Counters;
use super::wire::Wire;
use crate::body::Body;
use crate::context::Connection;
use crate::options::Limits;

/// hyper's settings. No timer: the adapter keeps time.
pub(crate) fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .half_close(true)
        .keep_alive(true)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes + BUFFER_BYTES);
    // The guard holds everybody to the limit; saying it to hyper costs an allocation a request, so only where its
    // default is too low.
    if limits.head_fields > HYPER_FIELDS {
        builder.max_headers(limits.head_fields);
    }
    builder
}

/// hyper's default limit of fields.
const HYPER_FIELDS: usize = 100;

/// What is buffered of a body, in either direction, besides a head. Large enough for large writes.
const BUFFER_BYTES: usize = 64 * 1024;

/// What is common to all requests of a connection.
#[derive(Debug)]
pub(crate) struct Http1<'a, H> {
    pub(crate) builder: &'a Builder,
    pub(crate) handler: &'a H,
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) wire: &'a Arc<Wire>,
}

impl<H: Handler> Http1<'_, H> {
    /// Serves until the connection ends. Gives it back if it is HTTP/2.
    pub(crate) async fn serve<IO>(&self, mut io: Guarded<IO>, closing: &mut Closing) -> Option<Guarded<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        loop {
            let ended = match self.wait(&mut io, closing).await {
                None => {
                    let (back, result) = Box::pin(self.converse(io, closing)).await?;
                    io = back;
                    if result.is_err_and(|e| e.is_parse()) {
                        let counter: &AtomicU64 = &self.connection.shared.counters.unreadable;
                        Counters::count(counter);
                    }
                    io.ended()
                }
                ended => ended,
            };
            match ended {
                Some(Ended::Hibernate) => {}
                Some(Ended::Http2) => return Some(io),
                Some(Ended::Refused(refusal)) if !refusal.in_body => {
                    answer::record(self.connection, refusal.reason);
                    Box::pin(answer::refuse(io.io_mut(), refusal.reason)).await;
                    return None;
                }
                Some(Ended::Refused(refusal)) => {
                    self.connection.shared.counters.count_refusal(refusal.reason);
                    Box::pin(answer::linger(io.io_mut())).await;
                    return None;
                }
                None => {
                    Box::pin(answer::linger(io.io_mut())).await;
                    return None;
                }
                Some(Ended::Eof | Ended::Idle) => return None,
            }
        }
    }

    /// Waits for a head, with next to nothing in memory.
    async fn wait<IO>(&self, io: &mut Guarded<IO>, closing: &mut Closing) -> Option<Ended>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            tokio::select! {
                biased;
                ended = poll_fn(|cx| io.poll_head(cx)) => return ended,
                () = closing.begun() => self.wire.close(),
            }
        }
    }

    /// Lets hyper serve until it is done. `None`: the connection belongs to an upgraded protocol now.
    async fn converse<IO>(
        &self,
        io: Guarded<IO>,
        closing: &mut Closing,
    ) -> Option<(Guarded<IO>, hyper::Result<()>)>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.answer(request));
        let mut hyper = self
            .builder
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let result = {
            let look = closing.clone();
            let begun = pin!(closing.begun());
            let mut begun = Seldom::new(begun, look);
            poll_fn(|cx| {
                loop {
                    let polled = Pin::new(&mut hyper).poll(cx);
                    if polled.is_ready() || begun.poll(cx).is_pending() {
                        return polled;
                    }
                    self.wire.close();
                }
            })
            .await
        };
        match hyper.into_parts() {
            Some(parts) => Some((parts.io.into_inner(), result)),
            None if self.wire.is_switched() => None,
            None => Some((self.take_back().await?, result)),
        }
    }

    /// The socket of a connection that hyper believes to be upgraded, because a request had asked for that.
    async fn take_back<IO>(&self) -> Option<Guarded<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let upgraded = self.wire.offered()?.await.ok()?;
        let parts = upgraded.downcast::<TokioIo<Guarded<IO>>>().ok()?;
        Some(parts.io.into_inner())
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<H> {
        let offer = request.extensions().get::<OnUpgrade>();
        let is_offered = offer.is_some();
        if let Some(offer) = offer {
            self.wire.offer(offer.clone());
        }
        // hyper sees the field on HTTP/1.1 only, and says so by the offer.
        if is_offered || request.version() != Version::HTTP_11 {
            forget_h2c(&mut request);
        }
        let is_connect = request.method() == Method::CONNECT;
        let wire = Arc::clone(self.wire);
        let answer = self
            .handler
            .handle(Arc::clone(self.connection), request.map(Body::from));
        async move {
            let mut response = answer.await;
            let status = response.status();
            let switches = status == StatusCode::SWITCHING_PROTOCOLS || is_connect && status.is_success();
            wire.answer(switches);
            // Whatever went wrong behind us, it went wrong because the body was bad.
            if let Some(refusal) = wire.refusal()
                && status.is_server_error()
            {
                response = answer::response(refusal);
            }
            if wire.is_closing() && !switches {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response)
        }
    }
}

/// `Upgrade: h2c` is not offered (RFC 9113, 3.1 dropped it), and must not reach a backend that might accept it: what
/// follows would pass unseen.
fn forget_h2c(request: &mut Request<Incoming>) {
    let asks = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|b| *b == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    };
    if request.headers().get_all(header::UPGRADE).iter().any(asks) {
        request.headers_mut().remove(header::UPGRADE);
        request.headers_mut().remove("http2-settings");
        request.extensions_mut().remove::<OnUpgrade>();
    }
}
