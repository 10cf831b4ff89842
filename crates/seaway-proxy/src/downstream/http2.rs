//! An HTTP/2 connection. hyper and h2 check its framing; what is added here is time, farewell, and bounds on floods.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::closing::Closing;
use super::frames::Frames;
use super::handler::Handler;
use super::patience::{self, Patience};
use super::resets::ResetBudget;
use super::socket::Socket;
use super::stats::Counters;
use crate::body::{Body, BodyError};
use crate::context::Connection;
use crate::options::Limits;

/// A stream's window: a body of a mebibyte needs no round trip.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// All streams' together; also the most that a client can make us hold.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
/// Streams that we reset because of the client's mistakes, before the connection is closed (RUSTSEC-2024-0003).
const LOCAL_RESETS: usize = 256;
/// After our farewell, a connection without streams gets so long to end by itself.
const FAREWELL: Duration = Duration::from_secs(5);

/// hyper's settings.
pub(crate) fn builder(limits: &Limits) -> Builder<Patience> {
    let mut builder = Builder::new(Patience(limits.least()));
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .enable_connect_protocol()
        .max_concurrent_streams(limits.concurrent_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(limits.reset_streams)
        .max_local_error_reset_streams(LOCAL_RESETS);
    builder
}

/// Serves until the connection ends.
pub(crate) async fn serve<IO, H>(
    builder: &Builder<Patience>,
    handler: &H,
    connection: &Arc<Connection>,
    io: Socket<IO>,
    closing: &mut Closing,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let limits = &connection.shared.options.limits;
    let streams = Streams::new(limits.reset_streams);
    let service = service_fn(|request| answer(handler, connection, &streams, request));
    let io = Frames::new(io, Arc::clone(&connection.shared));
    let mut hyper = builder.serve_connection(TokioIo::new(io), service);
    let mut timer = Box::pin(tokio::time::sleep(limits.idle_timeout));
    let mut is_leaving = false;
    loop {
        tokio::select! {
            biased;
            result = &mut hyper => {
                if result.is_err_and(|e| is_flood(&e)) {
                    Counters::count(&connection.shared.counters.reset_floods);
                }
                return;
            }
            () = streams.flood.notified() => {
                Counters::count(&connection.shared.counters.reset_floods);
                return;
            }
            () = closing.begun() => {
                Pin::new(&mut hyper).graceful_shutdown();
                is_leaving = true;
                timer.as_mut().reset(Instant::now() + FAREWELL);
            }
            () = timer.as_mut() => {
                let limit = if is_leaving { FAREWELL } else { limits.idle_timeout };
                let end = streams.idle_since(connection).map(|since| since + limit);
                match end {
                    Some(end) if end > Instant::now() => timer.as_mut().reset(end),
                    None => timer.as_mut().reset(Instant::now() + limit),
                    Some(_) if is_leaving => return,
                    Some(_) => {
                        Pin::new(&mut hyper).graceful_shutdown();
                        is_leaving = true;
                        timer.as_mut().reset(Instant::now() + FAREWELL);
                    }
                }
            }
        }
    }
}

/// h2's own limits answer a flood with this.
fn is_flood(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|e| e.downcast_ref::<h2::Error>())
        .is_some_and(|e| e.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

fn answer<H: Handler>(
    handler: &H,
    connection: &Arc<Connection>,
    streams: &Arc<Streams>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Counted>, Infallible>> + Send + use<H> {
    let stream = Stream::open(streams);
    let answer = handler.handle(Arc::clone(connection), request.map(Body::from));
    async move {
        let response = answer.await;
        stream.answered();
        Ok(response.map(|body| Counted {
            body,
            _stream: stream,
        }))
    }
}

/// The streams of a connection.
#[derive(Debug)]
struct Streams {
    open: AtomicUsize,
    idle_since: Mutex<Instant>,
    start: Instant,
    budget: Mutex<ResetBudget>,
    flood: Notify,
}

impl Streams {
    fn new(reset_streams: usize) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            open: AtomicUsize::new(0),
            idle_since: Mutex::new(now),
            start: now,
            budget: Mutex::new(ResetBudget::new(reset_streams)),
            flood: Notify::new(),
        })
    }

    /// `None` while there are streams. One that became a tunnel (RFC 8441) is not counted any more, but whoever works
    /// for a connection holds on to what is known of it.
    fn idle_since(&self, connection: &Arc<Connection>) -> Option<Instant> {
        (self.open.load(Ordering::Relaxed) == 0 && Arc::strong_count(connection) == 1)
            .then(|| *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One of them, from its request to the end of its answer.
#[derive(Debug)]
struct Stream {
    streams: Arc<Streams>,
    is_answered: AtomicBool,
}

impl Stream {
    fn open(streams: &Arc<Streams>) -> Self {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Self {
            streams: Arc::clone(streams),
            is_answered: AtomicBool::new(false),
        }
    }

    fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
        self.streams
            .budget
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .answered();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = &self.streams;
        if streams.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *streams.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        if self.is_answered.load(Ordering::Relaxed) {
            return;
        }
        // hyper drops the work on a stream when the client resets it.
        let age = streams.start.elapsed();
        let mut budget = streams.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if budget.reset(age) {
            streams.flood.notify_one();
        }
    }
}

/// An answer's body that keeps its stream counted.
#[derive(Debug)]
struct Counted {
    body: Body,
    _stream: Stream,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.get_mut().body).poll_frame(cx);
        match &polled {
            Poll::Pending => patience::waits(),
            Poll::Ready(Some(Ok(frame))) => patience::gave(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(_) => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
