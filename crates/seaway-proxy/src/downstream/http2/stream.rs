//! A stream from its request to the end of its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{CONTENT_LENGTH, COOKIE, DATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use pin_project_lite::pin_project;

use super::streams::{Stream, Streams};
use crate::body::Body;
use crate::context::Connection;
use crate::downstream::guard::Reason;
use crate::downstream::handler::Handler;
use crate::downstream::patience;
use crate::http2::{Asked, Pump, Received, Tunnel, date, strip_response};
use crate::switch::{self, Promise};

pin_project! {
    /// The work on one. Dropping it resets the stream.
    pub(super) struct Work<F> {
        #[pin]
        state: State<F>,
        respond: SendResponse<Bytes>,
        tunnel: Option<Offered>,
        stream: Stream,
    }
}

pin_project! {
    #[project = StateNow]
    enum State<F> {
        Handled { #[pin] answer: F },
        Sent { pump: Pump },
    }
}

/// What becomes a tunnel if the answer says so.
struct Offered {
    promise: Promise,
    receive: RecvStream,
}

/// Begins. `None` where the request is none: its stream was reset, or answered.
pub(super) fn work<H: Handler>(
    handler: &H,
    connection: &Arc<Connection>,
    streams: &Arc<Streams>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Option<Work<impl Future<Output = Response<Body>> + Send + use<H>>> {
    let (mut head, receive) = request.into_parts();
    let shared = &connection.shared;
    if has_more_fields(&head.headers, shared.options.limits.head_fields) {
        shared.counters.count_refusal(Reason::TooManyFields);
        refuse(&mut respond, Reason::TooManyFields.status());
        return None;
    }
    let mut tunnel = None;
    let body = if head.method == Method::CONNECT {
        // RFC 9110, 9.3.6: there is no content, only what goes through the tunnel.
        if head
            .headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length != "0")
        {
            respond.send_reset(h2::Reason::PROTOCOL_ERROR);
            return None;
        }
        let promise = switch::offer(&mut head.extensions);
        tunnel = Some(Offered { promise, receive });
        Body::Empty
    } else {
        Received::body(receive, &head.headers)
    };
    let answer = handler.handle(Arc::clone(connection), Request::from_parts(head, body));
    Some(Work {
        state: State::Handled { answer },
        respond,
        tunnel,
        stream: Stream::open(streams),
    })
}

impl<F: Future<Output = Response<Body>>> Future for Work<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateNow::Handled { answer } => {
                    let Poll::Ready(response) = answer.poll(cx) else {
                        // The client may take it back.
                        return this.respond.poll_reset(cx).map(drop);
                    };
                    this.stream.answered();
                    let Some(pump) = send(this.respond, response, this.tunnel.take()) else {
                        return Poll::Ready(());
                    };
                    this.state.set(State::Sent { pump });
                }
                StateNow::Sent { pump } => {
                    let polled = pump.poll(cx);
                    match pump.asked() {
                        Asked::Never => {}
                        Asked::Gave(bytes) => patience::gave(bytes),
                        Asked::Waits => patience::waits(),
                    }
                    return polled.map(|_broken| ());
                }
            }
        }
    }
}

/// Cookies that are sent in pieces are one field (RFC 9113, 8.2.3).
fn has_more_fields(headers: &HeaderMap, most: usize) -> bool {
    headers.len() > most && {
        let cookies = headers.get_all(COOKIE).iter().count();
        headers.len() - cookies.saturating_sub(1) > most
    }
}

/// Answers what is no request as briefly as h2 does that is too large.
fn refuse(respond: &mut SendResponse<Bytes>, status: StatusCode) {
    let mut response = Response::new(());
    *response.status_mut() = status;
    finish(response.headers_mut(), &Body::Empty, false);
    if respond.send_response(response, true).is_err() {
        respond.send_reset(h2::Reason::INTERNAL_ERROR);
    }
}

/// Sends a head, and says what is to follow.
fn send(
    respond: &mut SendResponse<Bytes>,
    response: Response<Body>,
    tunnel: Option<Offered>,
) -> Option<Pump> {
    let (head, body) = response.into_parts();
    let mut response = Response::from_parts(head, ());
    let becomes_tunnel = tunnel.filter(|_| response.status().is_success());
    let is_over = becomes_tunnel.is_none() && body.is_end_stream();
    finish(response.headers_mut(), &body, is_over || becomes_tunnel.is_some());
    let Ok(stream) = respond.send_response(response, is_over) else {
        respond.send_reset(h2::Reason::INTERNAL_ERROR);
        return None;
    };
    if let Some(Offered { promise, receive }) = becomes_tunnel {
        promise.keep(Box::new(Tunnel::new(stream, receive)));
        return None;
    }
    (!is_over).then(|| Pump::new(stream, body))
}

/// What a codec adds to an answer: its date (RFC 9110, 6.6.1), and its length where it is known.
fn finish(headers: &mut HeaderMap, body: &Body, has_no_body: bool) {
    strip_response(headers);
    if !headers.contains_key(DATE)
        && let Some(date) = date(SystemTime::now())
    {
        headers.insert(DATE, date);
    }
    if !has_no_body
        && !headers.contains_key(CONTENT_LENGTH)
        && let Some(length) = body.size_hint().exact()
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
