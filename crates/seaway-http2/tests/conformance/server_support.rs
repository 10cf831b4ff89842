//! Our server with a small application, and a client that is free to say anything.

use std::future::poll_fn;

use bytes::Bytes;
use http::{Request, Response};
use seaway_http2::server::{Builder, Connection, SendResponse};
use seaway_http2::{Error, RecvStream};
use tokio::io::DuplexStream;

use crate::wire::*;

/// What becomes of requests.
#[derive(Clone, Copy, Debug)]
pub enum App {
    /// They are kept, and not answered.
    Holds,
    /// They get their content back, and their trailers.
    Echoes,
    /// So many are kept, and the rest get their content back.
    Parks(usize),
    /// They get so much content without being read.
    Answers(usize),
    /// They get a head with so long a field, and no content.
    Greets(usize),
}

/// A client whose preface was accepted.
pub async fn client_of(app: App) -> Peer {
    client_with(app, Builder::default(), &[]).await
}

pub async fn client_with(app: App, builder: Builder, all: &[(u16, u32)]) -> Peer {
    let mut peer = stranger(app, builder, 1 << 20);
    peer.write(PREFACE).await;
    peer.say(&[settings(all)]).await;
    assert_eq!(peer.hear().await.map(|frame| frame.kind), Some(SETTINGS));
    peer.hear_a(SETTINGS).await;
    peer.say(&[frame(SETTINGS, ACK, 0, [])]).await;
    peer
}

/// One that has said nothing. `room`: what its socket takes.
pub fn stranger(app: App, builder: Builder, room: usize) -> Peer {
    let (ours, theirs) = tokio::io::duplex(room);
    tokio::spawn(serve(builder.serve(ours), app));
    Peer::new(theirs)
}

async fn serve(mut connection: Connection<DuplexStream>, app: App) -> Option<Error> {
    let mut held = Vec::new();
    loop {
        match poll_fn(|cx| connection.poll_accept(cx)).await {
            Some(Ok(accepted)) => match app {
                App::Holds => held.push(accepted),
                App::Parks(most) if held.len() < most => held.push(accepted),
                App::Parks(_) | App::Echoes => drop(tokio::spawn(echo(accepted.0, accepted.1))),
                App::Answers(length) => answer(accepted.1, length),
                App::Greets(length) => greet(accepted.1, length),
            },
            Some(Err(error)) => return Some(error),
            None => return None,
        }
    }
}

fn answer(respond: SendResponse, length: usize) {
    if let Ok(mut stream) = respond.send_response(&Response::new(()), false) {
        let _broken = stream.send_data(Bytes::from(vec![b'x'; length]), true);
    }
}

fn greet(respond: SendResponse, length: usize) {
    let mut response = Response::new(());
    let value = "x".repeat(length).parse().unwrap();
    response.headers_mut().insert("x-long", value);
    let _broken = respond.send_response(&response, true);
}

async fn echo(request: Request<RecvStream>, respond: SendResponse) -> Result<(), Error> {
    let mut body = request.into_body();
    let mut content = Vec::new();
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        content.extend_from_slice(&data?);
    }
    let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?;
    let mut stream = respond.send_response(&Response::new(()), false)?;
    match trailers {
        None => stream.send_data(content.into(), true),
        Some(trailers) => {
            stream.send_data(content.into(), false)?;
            stream.send_trailers(trailers)
        }
    }
}

/// What every request has.
pub const REQUEST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a.test"),
    (":path", "/"),
];

/// A request with more fields.
pub fn request(more: &[(&str, &str)]) -> Vec<u8> {
    block(&[REQUEST, more].concat())
}

/// A request without content.
pub fn get(stream: u32) -> Frame {
    frame(HEADERS, WHOLE, stream, block(REQUEST))
}

/// A request that has content to come.
pub fn post(stream: u32) -> Frame {
    frame(HEADERS, END_HEADERS, stream, block(REQUEST))
}

impl Peer {
    /// The content of an answer, with its head and its end; `None` if it was reset.
    pub async fn content_of(&mut self, stream: u32) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let frame = self.hear().await.expect("the connection has ended");
            assert_ne!(frame.kind, GOAWAY, "the connection ends: {frame:?}");
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                DATA => content.extend_from_slice(&frame.payload),
                RST_STREAM => return None,
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.ends() {
                return Some(content);
            }
        }
    }
}
