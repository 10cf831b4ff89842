//! Our client, and a server that is free to say anything.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use seaway_http2::client::{Builder, ResponseFuture, SendRequest};
use seaway_http2::{Error, RecvStream, SendStream};
use tokio::task::JoinHandle;

use crate::wire::*;

/// Our client with its connection, whose end can be awaited.
pub struct Client {
    pub requests: SendRequest,
    pub connection: JoinHandle<Result<(), Error>>,
}

/// A server that has heard our preface, and said nothing.
pub async fn silent_with(builder: Builder) -> (Peer, Client) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (requests, connection) = builder.handshake(ours);
    let connection = tokio::spawn(connection);
    let mut peer = Peer::new(theirs);
    assert_eq!(peer.read(PREFACE.len()).await, PREFACE);
    assert_eq!(peer.hear().await.map(|frame| frame.kind), Some(SETTINGS));
    (peer, Client { requests, connection })
}

/// A server that has said its settings.
pub async fn server_with(builder: Builder, all: &[(u16, u32)]) -> (Peer, Client) {
    let (mut peer, client) = silent_with(builder).await;
    peer.say(&[settings(all), frame(SETTINGS, ACK, 0, [])]).await;
    assert_eq!(peer.hear_a(SETTINGS).await.flags, ACK);
    (peer, client)
}

pub async fn server() -> (Peer, Client) {
    server_with(Builder::default(), &[]).await
}

impl Client {
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.requests.poll_ready(cx)).await
    }

    pub fn sends(&mut self, method: Method, is_over: bool) -> (ResponseFuture, SendStream) {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = "http://a.test/".parse().unwrap();
        self.requests.send_request(&request, is_over).unwrap()
    }

    pub fn gets(&mut self) -> ResponseFuture {
        self.sends(Method::GET, true).0
    }
}

/// An answer with its content and its trailers.
#[derive(Debug)]
pub struct Answer {
    pub head: Response<()>,
    pub content: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// What comes while anybody has something left to do.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    let soon = tokio::time::timeout(Duration::from_secs(60), future).await;
    soon.expect("nothing came")
}

pub async fn answer(response: ResponseFuture) -> Result<Answer, Error> {
    soon(whole(response)).await
}

async fn whole(response: ResponseFuture) -> Result<Answer, Error> {
    let (head, mut body) = response.await?.into_parts();
    let content = content(&mut body).await?;
    let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?;
    let head = Response::from_parts(head, ());
    Ok(Answer {
        head,
        content,
        trailers,
    })
}

pub async fn content(body: &mut RecvStream) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    while let Some(piece) = poll_fn(|cx| body.poll_data(cx)).await {
        let piece: Bytes = piece?;
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

/// A head of an answer.
pub fn head(stream: u32, flags: u8, status: &str, more: &[(&str, &str)]) -> Frame {
    let fields = [&[(":status", status)], more].concat();
    frame(HEADERS, flags | END_HEADERS, stream, block(&fields))
}
