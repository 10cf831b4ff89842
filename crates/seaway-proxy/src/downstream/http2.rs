//! An HTTP/2 connection. The codec checks its framing; what is added here is time, farewell, and bounds on floods.
//!
//! All of a connection's streams are worked on in its own task. What they have to say when it is polled leaves in one
//! write, and no waker goes from a stream's task to the connection's.

mod calls;
mod stream;
mod streams;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream as _;
use futures_util::stream::FuturesUnordered;
use http::Request;
use seaway_http2::server::{self, Builder, SendResponse};
use seaway_http2::{Error, Reason, RecvStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::calls::Calls;
use self::streams::Streams;
use super::clock::LazyTimer;
use super::closing::{Closing, Seldom};
use super::frames::Frames;
use super::handler::Handler;
use super::patience::Patient;
use super::socket::Socket;
use super::stats::Counters;
use crate::context::Connection;
use crate::options::Limits;

/// A stream's window: a body of a mebibyte needs no round trip.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// All streams' together; also the most that a client can make us hold.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// Turns of the codec and the streams in one poll: they speak in the first, and what they said leaves in the second. With more to
/// do than that, other connections come first.
const TURNS: usize = 2;
/// After our farewell, a connection without streams gets so long to end by itself.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the codec allows a client.
pub(crate) fn builder(limits: &Limits) -> Builder {
    Builder::default()
        .window(STREAM_WINDOW)
        .connection_window(CONNECTION_WINDOW)
        .connect_protocol()
        .streams(limits.concurrent_streams)
        .header_list(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .early_resets(limits.reset_streams)
}

/// Serves until the connection ends.
pub(crate) async fn serve<IO, H>(
    builder: &Builder,
    handler: &H,
    connection: &Arc<Connection>,
    io: Socket<IO>,
    closing: &Closing,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let limits = &connection.shared.options.limits;
    let io = Frames::new(io, Arc::clone(&connection.shared));
    let mut h2 = builder.serve(io);
    match shake_hands(&mut h2, limits, closing.clone()).await {
        Some(Ok(())) => {}
        Some(Err(error)) => return ended(connection, &error),
        None => return,
    }
    let streams = Streams::new(limits.reset_streams);
    let mut work = pin!(FuturesUnordered::new());
    let mut talk = Talk {
        h2,
        connection,
        streams: &streams,
        timer: LazyTimer::default(),
        is_leaving: None,
    };
    let (mut heard, look) = (closing.clone(), closing.clone());
    let begun = pin!(heard.begun());
    let mut begun = Seldom::new(begun, look);
    let (mut of_h2, mut of_work) = (Calls::default(), Calls::default());
    poll_fn(|cx| {
        if begun.poll(cx).is_ready() {
            talk.leave();
        }
        let (to_h2, to_work) = (of_h2.begin(cx.waker()), of_work.begin(cx.waker()));
        for _ in 0..TURNS {
            of_h2.answer();
            let polled = talk.poll_h2(&mut Context::from_waker(&to_h2), |request, respond| {
                let begun = stream::work(handler, connection, &streams, request, respond);
                if let Some(begun) = begun {
                    work.push(Patient::new(begun, limits.least()));
                }
            });
            if polled.is_ready() {
                return Poll::Ready(());
            }
            of_work.answer();
            let mut cx = Context::from_waker(&to_work);
            while work.as_mut().poll_next(&mut cx) == Poll::Ready(Some(())) {}
            if streams.is_flooded() {
                Counters::count(&connection.shared.counters.reset_floods);
                return Poll::Ready(());
            }
            // What streams say calls h2, which is asked to send it when all had their turn.
            if !of_h2.are_waiting() && !of_work.are_waiting() {
                break;
            }
        }
        of_h2.end();
        of_work.end();
        talk.poll_idle(cx)
    })
    .await;
}

/// Waits for the client's first words; `None` if they do not come. Where the listener goes away they may be on their way,
/// with a request right behind them, which is then answered.
async fn shake_hands<IO: AsyncRead + AsyncWrite + Unpin>(
    h2: &mut server::Connection<IO>,
    limits: &Limits,
    mut closing: Closing,
) -> Option<Result<(), Error>> {
    let mut shaken = pin!(poll_fn(|cx| h2.poll_begun(cx)));
    let left = tokio::select! {
        biased;
        shaken = &mut shaken => return Some(shaken),
        () = closing.begun() => limits.drain_grace,
        () = tokio::time::sleep(limits.idle_timeout) => return None,
    };
    tokio::time::timeout(left, shaken).await.ok()
}

/// A connection that is spoken on.
struct Talk<'t, IO> {
    h2: server::Connection<Frames<Socket<IO>>>,
    connection: &'t Arc<Connection>,
    streams: &'t Streams,
    timer: LazyTimer,
    /// Since when no new streams are taken.
    is_leaving: Option<Instant>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Talk<'_, IO> {
    /// Lets the codec read and write. Ready when the connection is over.
    fn poll_h2(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(Request<RecvStream>, SendResponse),
    ) -> Poll<()> {
        loop {
            match ready!(self.h2.poll_accept(cx)) {
                Some(Ok((request, respond))) => take(request, respond),
                Some(Err(error)) => {
                    ended(self.connection, &error);
                    return Poll::Ready(());
                }
                None => return Poll::Ready(()),
            }
        }
    }

    /// Says that no new streams are taken.
    fn leave(&mut self) {
        self.h2.graceful_shutdown();
        self.is_leaving = Some(Instant::now());
        // It may be set to long after that.
        self.timer = LazyTimer::default();
    }

    /// Ready when the connection has been without streams for too long.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_armed() {
            return Poll::Pending;
        }
        loop {
            let now = Instant::now();
            let limit = match self.is_leaving {
                Some(_) => FAREWELL,
                None => self.connection.shared.options.limits.idle_timeout,
            };
            let since = self.streams.idle_since(self.connection);
            let since = since.map(|since| self.is_leaving.map_or(since, |left| since.max(left)));
            let end = since.unwrap_or(now).checked_add(limit);
            match end {
                None => return Poll::Pending,
                Some(end) if end > now => match self.timer.poll(cx, end) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {}
                },
                Some(_) if self.is_leaving.is_some() => return Poll::Ready(()),
                Some(_) => {
                    self.leave();
                    // It says so when it is polled.
                    cx.waker().wake_by_ref();
                }
            }
        }
    }
}

/// The connection broke, or was broken off: the codec's own limits answer a flood like this.
fn ended(connection: &Connection, error: &Error) {
    if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
        Counters::count(&connection.shared.counters.reset_floods);
    }
}
