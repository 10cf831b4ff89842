//! Our server and our client, with an application that listens and says as little as it can: what it takes and when
//! would move windows, and so depend on how the bytes are cut.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http::{Method, Request};
use seaway_http2::client::{self, ResponseFuture};
use seaway_http2::server::{self, Accepted};
use seaway_http2::{Error, RecvStream, SendStream};

use super::io::{Heard, Pieces, heard};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Settings that say nothing, and an acknowledgement of ours.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
/// Small enough to be used up.
const WINDOW: u32 = 200;

/// A message that came.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Message {
    head: String,
    content: Vec<u8>,
    /// Its trailers, or why it has no end.
    end: Result<String, String>,
}

impl Message {
    pub(super) fn length(&self) -> usize {
        self.content.len()
    }

    pub(super) fn kind(&self) -> (usize, usize, bool) {
        (self.head.len() / 16, self.content.len().min(3), self.end.is_ok())
    }
}

/// The messages, what was said, and what was heard of the connection's end.
pub(super) type Came = (Vec<Message>, Heard, Option<String>);

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// As many polls as read everything, one piece in every second, and give out every request.
fn polls(bytes: &[u8], piece: usize) -> usize {
    2 * (2 + bytes.chunks(piece).count()) + bytes.len() / 8
}

pub(super) fn server(bytes: &[u8], piece: usize) -> Came {
    let (io, said) = Pieces::new(&[PREFACE, SETTINGS].concat(), bytes, piece);
    let builder = server::Builder::default()
        .window(WINDOW)
        .streams(4)
        .early_resets(usize::MAX);
    let mut connection = builder.connect_protocol().serve(io);
    let (mut accepted, mut end): (Vec<Accepted>, _) = (Vec::new(), None);
    for _ in 0..polls(bytes, piece) {
        match connection.poll_accept(&mut cx()) {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(request))) => accepted.push(request),
            Poll::Ready(Some(Err(error))) => {
                end = Some(error.to_string());
                break;
            }
            Poll::Ready(None) => {
                end = Some("as it should".into());
                break;
            }
        }
    }
    let heard = heard(&said, 0);
    let mut messages = Vec::new();
    // Requests that were broken off may not have been given out. With the connection all are.
    if end.is_none() {
        for (request, mut respond) in accepted {
            if respond.poll_reset(&mut cx()).is_pending() {
                let (head, mut body) = request.into_parts();
                messages.push(read(
                    format!("{} {} {:?}", head.method, head.uri, head.headers),
                    &mut body,
                ));
            }
        }
    }
    (messages, heard, end)
}

pub(super) fn client(bytes: &[u8], piece: usize) -> Came {
    let (io, said) = Pieces::new(SETTINGS, bytes, piece);
    let (mut requests, mut connection) = client::Builder::default().window(WINDOW).handshake(io);
    let mut asked: Vec<(ResponseFuture, SendStream)> = Vec::new();
    for (method, is_over) in [
        (Method::GET, true),
        (Method::POST, false),
        (Method::HEAD, true),
        (Method::PUT, true),
    ] {
        let mut request = Request::new(());
        *request.method_mut() = method;
        asked.extend(requests.send_request(&request, is_over).ok());
    }
    let mut end = None;
    for _ in 0..polls(bytes, piece) {
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(&mut cx()) {
            end = Some(
                ended
                    .err()
                    .map_or_else(|| "as it should".into(), |error| error.to_string()),
            );
            break;
        }
    }
    let heard = heard(&said, PREFACE.len());
    let messages =
        asked.into_iter().map(
            |(mut response, _stream)| match Pin::new(&mut response).poll(&mut cx()) {
                Poll::Pending => none(&"nothing"),
                Poll::Ready(Err(error)) => none(&error),
                Poll::Ready(Ok(response)) => {
                    let (head, mut body) = response.into_parts();
                    read(format!("{} {:?}", head.status, head.headers), &mut body)
                }
            },
        );
    (messages.collect(), heard, end)
}

fn none(why: &impl ToString) -> Message {
    Message {
        head: String::new(),
        content: Vec::new(),
        end: Err(why.to_string()),
    }
}

/// What has come of a message.
fn read(head: String, body: &mut RecvStream) -> Message {
    let mut content = Vec::new();
    let end = loop {
        match body.poll_data(&mut cx()) {
            Poll::Ready(Some(Ok(data))) => content.extend_from_slice(&data),
            Poll::Ready(Some(Err(error))) => break Err(error.to_string()),
            Poll::Ready(None) => break trailers(body.poll_trailers(&mut cx())),
            Poll::Pending => break Err("more may come".into()),
        }
    };
    Message { head, content, end }
}

fn trailers(polled: Poll<Result<Option<http::HeaderMap>, Error>>) -> Result<String, String> {
    match polled {
        Poll::Ready(Ok(trailers)) => Ok(format!("{trailers:?}")),
        Poll::Ready(Err(error)) => Err(error.to_string()),
        Poll::Pending => Err("trailers may come".into()),
    }
}
