//! HTTP/1.1 towards clients: a codec of our own.
//!
//! One task serves a connection, from its first byte to its last: it waits for a head, calls the handler, polls the
//! handler's future and the answer's body itself, and writes. Nothing is handed from task to task, and in the usual case
//! a request is one read and one write. Between requests nothing is kept but the socket.
//!
//! hyper's server did this before. Its way of reading, buffering and dispatching was a quarter of what a request cost
//! beyond the kernel, everything was parsed twice (once by the guard, once by hyper), and its buffers were most of what
//! an idle connection kept. What is refused is still decided by the [`guard`](super::guard) alone; hyper is the oracle of
//! a property test.
//!
//! Requests are answered one after the other. What a client sends ahead waits in the system's buffers, but for a little.

mod date;
mod encode;
mod line;
mod output;
mod reply;
mod request;
mod scratch;
mod upload;

#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::line::Line;
use self::line::{Heard, Next};
use self::reply::Reply;
use self::request::Asked;
use self::upload::Upload;
use super::answer;
use super::clock::Timeouts;
use super::closing::{Closing, Seldom};
use super::guard::{Framing, HeadLimits, Reason};
use super::handler::Handler;
use super::socket::Socket;
use crate::body::Body;
use crate::context::Connection;
use crate::in_place;
use crate::interim;
use crate::switch::{self, Promise};

/// What of a body that nobody reads is read away, so that the connection can be used again, and for how long. More is
/// not worth it.
const DISCARDED_BYTES: u64 = 64 * 1024;
const DISCARD: Duration = Duration::from_secs(1);

/// Requests that were sent ahead and need no waiting are answered so many in a row, then everybody else has a turn.
const IN_A_ROW: u32 = 16;

/// What is common to all requests of a connection.
#[derive(Debug)]
pub(crate) struct Http1<'a, H> {
    pub(crate) handler: &'a H,
    pub(crate) connection: &'a Arc<Connection>,
}

/// What is left of a connection that is served no longer.
#[derive(Debug)]
pub(crate) enum Left {
    /// It may be closed.
    Nothing,
    /// It is HTTP/2.
    Http2,
    /// It belongs to whoever waits for this.
    Promise(Promise),
}

/// Serves one connection of HTTP/1.1 on this thread, without a listener: for who brings a connection of another kind.
/// The limits are those of the process. It ends with the connection, or when that has left HTTP.
pub async fn serve<IO, H>(io: IO, connection: &Arc<Connection>, handler: &H)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let shared = &connection.shared;
    let Some(permit) = shared.connections.admit() else {
        return;
    };
    let timeouts = Timeouts::new(&shared.options.limits);
    let (_sender, closing) = Closing::channel();
    let (mut begun, look) = (closing.clone(), closing);
    let begun = pin!(begun.begun());
    let mut line = Line::new(
        Socket::new(io, timeouts.stall, permit),
        Seldom::new(begun, look),
        &timeouts,
        HeadLimits::of(&shared.options.limits),
        false,
    );
    let http1 = Http1 { handler, connection };
    if let Left::Promise(promise) = http1.serve(&mut line).await {
        promise.keep(Box::new(line.into_socket()));
    }
}

/// A request that is being answered.
struct Turn<W> {
    work: Pin<Box<W>>,
    asked: Asked,
    upload: Option<Upload>,
    promise: Option<Promise>,
}

/// What came of waiting for a request.
enum Begun<W> {
    Turn(Turn<W>),
    Refused(Reason),
    Http2,
    Over,
}

/// What is to be done after an answer.
enum After {
    Next,
    /// It said that it would be the last.
    Close,
    /// The connection has failed, or the answer has.
    Gone,
    Switch(Promise),
}

impl<H: Handler> Http1<'_, H> {
    /// Serves until the connection ends, or stops being HTTP/1.1. Borrows the line, since a future keeps room twice for
    /// what it is given and moves on.
    pub(crate) async fn serve<IO, F>(&self, line: &mut Line<'_, IO, F>) -> Left
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = ()>,
    {
        let mut in_a_row = 0;
        loop {
            in_a_row += 1;
            if line.socket.early.is_empty() {
                in_a_row = 0;
            } else if in_a_row >= IN_A_ROW {
                in_a_row = 0;
                tokio::task::yield_now().await;
            }
            let turn = match poll_fn(|cx| self.poll_begin(cx, line)).await {
                Begun::Turn(turn) => turn,
                Begun::Http2 => return Left::Http2,
                Begun::Refused(reason) => {
                    answer::record(self.connection, reason);
                    Box::pin(answer::refuse(&mut line.socket, reason)).await;
                    return Left::Nothing;
                }
                Begun::Over => {
                    // A farewell is heard only where it is said inside of TLS.
                    if self.connection.tls.is_some() {
                        Box::pin(answer::hang_up(&mut line.socket)).await;
                    }
                    return Left::Nothing;
                }
            };
            match answer(turn, line, self.connection).await {
                After::Next => {}
                After::Close => {
                    Box::pin(answer::linger(&mut line.socket)).await;
                    return Left::Nothing;
                }
                After::Gone => return Left::Nothing,
                After::Switch(promise) => return Left::Promise(promise),
            }
        }
    }

    /// Waits for a head, and calls the handler, if it is a request that came.
    fn poll_begin<IO, F>(
        &self,
        cx: &mut Context<'_>,
        line: &mut Line<'_, IO, F>,
    ) -> Poll<Begun<impl Future<Output = Box<Response<Body>>> + Send + use<IO, F, H>>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = ()>,
    {
        let (mut request, asked) = match ready!(line.poll_next(cx)) {
            Next::Request(request, asked) => (request, asked),
            Next::Refused(reason) => return Poll::Ready(Begun::Refused(reason)),
            Next::Http2 => return Poll::Ready(Begun::Http2),
            Next::Over => return Poll::Ready(Begun::Over),
        };
        let promise = asked.may_switch.then(|| switch::offer(request.extensions_mut()));
        let mut upload = None;
        match whole_body(asked.body, &mut line.socket) {
            Some(body) => *request.body_mut() = body,
            None => {
                if let Some(opened) = upload::open(asked.body, line.limits, asked.expects_continue) {
                    upload = Some(opened.0);
                    *request.body_mut() = opened.1;
                }
            }
        }
        let work = in_place::boxed(|| self.handler.handle(Arc::clone(self.connection), request));
        Poll::Ready(Begun::Turn(Turn {
            work: Box::into_pin(work),
            asked,
            upload,
            promise,
        }))
    }
}

/// A body that came together with its head needs nobody who reads it.
fn whole_body<IO: AsyncRead + AsyncWrite + Unpin>(framing: Framing, socket: &mut Socket<IO>) -> Option<Body> {
    let Framing::Length(length) = framing else {
        return None;
    };
    let length = usize::try_from(length).ok()?;
    let body = Bytes::copy_from_slice(socket.early.get(..length)?);
    socket.consume(length);
    Some(Body::Full(body))
}

/// Drives the handler's future, and writes what it answers.
async fn answer<IO, F, W>(mut turn: Turn<W>, line: &mut Line<'_, IO, F>, connection: &Connection) -> After
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
    W: Future<Output = Box<Response<Body>>>,
{
    let is_http10 = turn.asked.is_http10;
    let Some(response) =
        poll_fn(|cx| poll_work(cx, turn.work.as_mut(), line, turn.upload.as_mut(), is_http10)).await
    else {
        return After::Gone;
    };
    drop(turn.work);
    let (mut reply, plan) = prepare(response, &turn.asked, line, turn.upload.as_mut(), connection);
    let sent = poll_fn(|cx| reply.poll_send(cx, line, turn.upload.as_mut())).await;
    drop(reply);
    if sent.is_err() {
        return After::Gone;
    }
    let is_over = match turn.upload {
        Some(upload) if !upload.is_over() => !plan.closes && Box::pin(finish_upload(upload, line)).await,
        _ => true,
    };
    match turn.promise {
        _ if plan.closes || !is_over => After::Close,
        Some(promise) if plan.switches => After::Switch(promise),
        _ => After::Next,
    }
}

/// Ready with `None` when the client is gone: nobody wants an answer any more.
fn poll_work<IO, F, W>(
    cx: &mut Context<'_>,
    mut work: Pin<&mut W>,
    line: &mut Line<'_, IO, F>,
    mut upload: Option<&mut Upload>,
    is_http10: bool,
) -> Poll<Option<Box<Response<Body>>>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
    W: Future<Output = Box<Response<Body>>>,
{
    loop {
        let (polled, was_said) = interim::listen(|| work.as_mut().poll(cx));
        if was_said {
            let heads = interim::take();
            // RFC 9110, 15.2: HTTP/1.0 knows of none.
            if !is_http10 && line.pass_on(cx, &heads).is_err() {
                return Poll::Ready(None);
            }
        }
        if let Poll::Ready(response) = polled {
            return Poll::Ready(Some(response));
        }
        match line.poll_listen(cx, upload.as_deref_mut()) {
            Poll::Ready(Heard::Body) => {}
            Poll::Ready(Heard::Gone) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Decides how an answer is written.
fn prepare<IO, F: Future<Output = ()>>(
    mut response: Box<Response<Body>>,
    asked: &Asked,
    line: &Line<'_, IO, F>,
    upload: Option<&mut Upload>,
    connection: &Connection,
) -> (Reply, encode::Plan) {
    let refusal = upload.as_ref().and_then(|upload| upload.refusal);
    if let Some(refusal) = refusal {
        connection.shared.counters.count_refusal(refusal.reason);
        // Whatever went wrong behind us, it went wrong because the body was bad.
        if response.status().is_server_error() {
            *response = answer::response(refusal);
        }
    }
    let is_left = upload.is_some_and(|upload| {
        // A body that was not asked for may come or not, so what comes after this answer cannot be told.
        let is_unasked = std::mem::take(&mut upload.owes_continue);
        !upload.is_over() && (is_unasked || is_too_much(upload, DISCARDED_BYTES))
    });
    let closes = line.closing.has_begun() || refusal.is_some() || is_left;
    let plan = encode::plan(
        response.status(),
        response.headers(),
        response.body(),
        asked,
        closes,
    );
    let plan = plan.unwrap_or_else(|_unwritable| {
        *response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        encode::Plan::last()
    });
    (Reply::new(response, plan, asked.takes_trailers), plan)
}

/// Whether nobody reads what is left of a body, and it is known to be more than so much, so that it is not read away.
fn is_too_much(upload: &Upload, left: u64) -> bool {
    upload.is_abandoned() && upload.is_longer_than(left)
}

/// The answer is written, and the request's body is not over. Whoever reads it may read on for a moment; if nobody does,
/// a little of it is read away. Says whether it came to its end.
async fn finish_upload<IO, F>(mut upload: Upload, line: &mut Line<'_, IO, F>) -> bool
where
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
{
    let mut left = DISCARDED_BYTES;
    let work = poll_fn(|cx| {
        loop {
            if upload.is_over() {
                return Poll::Ready(true);
            }
            if upload.refusal.is_some() || is_too_much(&upload, left) {
                return Poll::Ready(false);
            }
            if !upload.is_wanted(cx) && !upload.is_abandoned() {
                return Poll::Pending;
            }
            let input = match line.poll_body(cx) {
                Poll::Ready(Ok(input)) if !input.is_empty() => input,
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            };
            if upload.is_abandoned() {
                match left.checked_sub(input.len() as u64) {
                    Some(rest) => left = rest,
                    None => return Poll::Ready(false),
                }
            }
            line.take_body(cx, &mut upload, input);
        }
    });
    tokio::time::timeout(DISCARD, work).await.unwrap_or(false)
}
