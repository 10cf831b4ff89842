//! A stream from its request to the end of its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, COOKIE, DATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use seaway_http2::server::SendResponse;
use seaway_http2::{Error, RecvStream};

use super::streams::{Stream, Streams};
use crate::body::Body;
use crate::context::Connection;
use crate::downstream::guard::Reason;
use crate::downstream::handler::Handler;
use crate::downstream::patience;
use crate::http2::{Asked, Pump, Received, Tunnel, date, strip_response};
use crate::in_place;
use crate::interim;
use crate::switch::{self, Promise};
use crate::wall;

/// The work on one. Dropping it resets the stream.
pub(super) struct Work<F> {
    state: State<F>,
    stream: Stream,
}

enum State<F> {
    Handled(Handled<F>),
    Sent(Pump),
    Over,
}

/// A request that is being answered.
struct Handled<F> {
    /// Boxed, since it is large, and work is moved on its way to where it is polled.
    answer: Pin<Box<F>>,
    respond: SendResponse,
    tunnel: Option<Offered>,
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
    mut respond: SendResponse,
) -> Option<Work<impl Future<Output = Box<Response<Body>>> + Send + use<H>>> {
    let (mut head, receive) = request.into_parts();
    let shared = &connection.shared;
    if has_more_fields(&head.headers, shared.options.limits.head_fields) {
        shared.counters.count_refusal(Reason::TooManyFields);
        refuse(respond, Reason::TooManyFields.status());
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
            respond.send_reset(seaway_http2::Reason::PROTOCOL_ERROR);
            return None;
        }
        let promise = switch::offer(&mut head.extensions);
        tunnel = Some(Offered { promise, receive });
        Body::Empty
    } else {
        Received::of_request(receive, &head.headers)
    };
    let request = Box::new(Request::from_parts(head, body));
    let answer = in_place::boxed(|| handler.handle(Arc::clone(connection), request));
    Some(Work {
        state: State::Handled(Handled {
            answer: Box::into_pin(answer),
            respond,
            tunnel,
        }),
        stream: Stream::open(streams),
    })
}

impl<F: Future<Output = Box<Response<Body>>>> Future for Work<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Handled(handled) => {
                    let (polled, was_said) = interim::listen(|| handled.answer.as_mut().poll(cx));
                    if was_said {
                        handled.pass_on();
                    }
                    let Poll::Ready(response) = polled else {
                        // The client may take it back.
                        return handled.respond.poll_reset(cx).map(drop);
                    };
                    this.stream.answered();
                    if let State::Handled(handled) = std::mem::replace(&mut this.state, State::Over)
                        && let Some(pump) = handled.send(response)
                    {
                        this.state = State::Sent(pump);
                    }
                }
                State::Sent(pump) => {
                    let polled = pump.poll(cx);
                    match pump.asked() {
                        Asked::Never => {}
                        Asked::Gave(bytes) => patience::gave(bytes),
                        Asked::Waits => patience::waits(),
                    }
                    return polled.map(|_broken| ());
                }
                State::Over => return Poll::Ready(()),
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

/// Answers what is no request as briefly as the codec does that is too large.
fn refuse(respond: SendResponse, status: StatusCode) {
    let mut response = Response::new(());
    *response.status_mut() = status;
    finish(response.headers_mut(), &Body::Empty, false);
    // Fails only where the stream is over, and then there is nobody to tell.
    let _told: Result<_, Error> = respond.send_response(&response, true);
}

impl<F> Handled<F> {
    /// Passes on what the endpoint says before its answer.
    #[cold]
    fn pass_on(&mut self) {
        for mut head in interim::take() {
            strip_response(head.headers_mut());
            // Fails only where the stream is over, and then there is nobody to tell.
            let _told: Result<_, Error> = self.respond.send_informational(&head);
        }
    }

    /// Sends a head, and says what is to follow.
    fn send(self, mut response: Box<Response<Body>>) -> Option<Pump> {
        let body = std::mem::take(response.body_mut());
        let becomes_tunnel = self.tunnel.filter(|_| response.status().is_success());
        let is_over = becomes_tunnel.is_none() && body.is_end_stream();
        if response.status() == StatusCode::NO_CONTENT {
            // RFC 9110, 8.6.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        finish(response.headers_mut(), &body, is_over || becomes_tunnel.is_some());
        let stream = self.respond.send_response(&response, is_over).ok()?;
        if let Some(Offered { promise, receive }) = becomes_tunnel {
            promise.keep(Box::new(Tunnel::new(stream, receive)));
            return None;
        }
        (!is_over).then(|| Pump::new(stream, body))
    }
}

/// What a codec adds to an answer: its date (RFC 9110, 6.6.1), and its length where it is known.
fn finish(headers: &mut HeaderMap, body: &Body, has_no_body: bool) {
    strip_response(headers);
    if !headers.contains_key(DATE)
        && let Some(date) = date(wall::coarse())
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
