//! How requests and answers share a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use seaway_model::UpstreamProtocol;
use seaway_proxy::body::{Body, BodyError};
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::{ClusterState, Registry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::support::*;

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn to(address: SocketAddr) -> Arc<ClusterState> {
    apply(
        &Registry::new(),
        static_cluster(UpstreamProtocol::Http1, &[address]),
    )
}

async fn listening() -> (TcpListener, Arc<ClusterState>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = to(listener.local_addr().unwrap());
    (listener, cluster)
}

fn post(body: Body) -> Request<Body> {
    let request = Request::post("/").header("host", "a");
    request.body(body).unwrap()
}

/// A body that gives what it is sent.
fn fed() -> (mpsc::UnboundedSender<Frame<Bytes>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver| async move {
        let frame = receiver.recv().await?;
        Some((Ok::<_, BodyError>(frame), receiver))
    });
    (sender, Body::boxed(Debugged(StreamBody::new(frames.boxed()))))
}

/// Bodies must be able to describe themselves.
struct Debugged<B>(B);

impl<B> std::fmt::Debug for Debugged<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Debugged")
    }
}

impl<B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin> http_body::Body for Debugged<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// Reads until so much has come.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end) {
        all.push(
            tokio::time::timeout(SOON, stream.read_u8())
                .await
                .unwrap()
                .unwrap(),
        );
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_head_and_a_small_body_arrive_together() {
    let (listener, cluster) = listening().await;
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = [0; 4096];
        let read = stream.read(&mut all).await.unwrap();
        stream.write_all(NO_CONTENT).await.unwrap();
        String::from_utf8(all[..read].to_vec()).unwrap()
    };
    let (request, sent) = tokio::join!(serving, once(&cluster, post(Body::Full("hello".into()))));
    assert!(sent.is_ok());
    assert_eq!(
        request,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
    );
}

#[tokio::test]
async fn a_body_of_unknown_length_goes_in_chunks_with_its_trailers() {
    let (listener, cluster) = listening().await;
    let (feed, body) = fed();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = read_until(&mut stream, b"\r\n\r\n").await;
        feed.send(Frame::data("hello".into())).unwrap();
        request += &read_until(&mut stream, b"hello\r\n").await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        feed.send(Frame::trailers(trailers)).unwrap();
        request += &read_until(&mut stream, b"\r\n\r\n").await;
        stream.write_all(NO_CONTENT).await.unwrap();
        request
    };
    let (request, sent) = tokio::join!(serving, once(&cluster, post(body)));
    assert!(sent.is_ok());
    assert_eq!(
        request,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"
    );
}

#[tokio::test]
async fn a_large_body_arrives_whole_whatever_the_system_takes_at_once() {
    const LARGE: usize = 20 << 20;
    let (listener, cluster) = listening().await;
    let body: Bytes = (0..LARGE)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect::<Vec<_>>()
        .into();
    let expected = body.clone();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        let mut got = vec![0; LARGE];
        stream.read_exact(&mut got).await.unwrap();
        stream.write_all(NO_CONTENT).await.unwrap();
        got == expected
    };
    let (same, sent) = tokio::join!(serving, once(&cluster, post(Body::Full(body))));
    assert!(same && sent.is_ok());
}

#[tokio::test]
async fn an_answer_that_comes_early_does_not_stop_the_upload_and_the_connection_serves_again() {
    let (listener, cluster) = listening().await;
    let (feed, body) = fed();
    let (tell, answered) = oneshot::channel();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly")
            .await
            .unwrap();
        let rest = read_until(&mut stream, b"0\r\n\r\n").await;
        assert_eq!(rest, "4\r\nlate\r\n0\r\n\r\n");
        tell.send(()).unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        stream.write_all(NO_CONTENT).await.unwrap();
    };
    let asking = async {
        let sent = once(&cluster, post(body)).await.unwrap();
        assert_eq!(text(sent.response.into_body()).await, "early");
        feed.send(Frame::data("late".into())).unwrap();
        drop(feed);
        answered.await.unwrap();
        // The rest was sent by somebody else, who gives the connection back next.
        while let Ok(again) = tokio::time::timeout(SOON, once(&cluster, get("/")))
            .await
            .unwrap()
        {
            if again.reused {
                return again.response.status();
            }
        }
        StatusCode::BAD_GATEWAY
    };
    let (status, ()) = tokio::join!(asking, serving);
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_endpoint_that_refuses_an_upload_and_reads_no_more_is_heard() {
    let (listener, cluster) = listening().await;
    let (feed, body) = fed();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        // Not closed: what arrives unread would take the answer along.
        (stream, feed)
    };
    let (_held, sent) = tokio::join!(serving, once(&cluster, post(body)));
    assert_eq!(sent.unwrap().response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_fails_is_not_the_endpoints_fault() {
    let (listener, cluster) = listening().await;
    let frames = stream::iter([
        Ok(Frame::data("some".into())),
        Err(BodyError::Failure(Failure::BodyTimeout)),
    ]);
    let body = Body::boxed(Debugged(StreamBody::new(frames)));
    let serving = async { listener.accept().await.unwrap() };
    let (_held, sent) = tokio::join!(serving, once(&cluster, post(body)));
    let error = sent.unwrap_err();
    assert_eq!(
        (error.failure, error.request.is_none()),
        (Failure::BodyTimeout, true)
    );
}

#[tokio::test]
async fn a_request_whose_length_is_wrong_is_not_sent() {
    let (_listener, cluster) = listening().await;
    let mut request = post(Body::Empty);
    request
        .headers_mut()
        .insert("content-length", "5".parse().unwrap());
    let error = once(&cluster, request).await.unwrap_err();
    assert!(matches!(error.failure, Failure::BadRequest(_)) && error.request.is_some());
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_an_error_and_not_an_end() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ] {
        let cluster = to(raw(answer, |stream| async move { drop(stream) }).await);
        let sent = once(&cluster, get("/")).await.unwrap();
        assert!(sent.response.into_body().collect().await.is_err(), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let answer = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    let cluster = to(raw(answer, |stream| async move { drop(stream) }).await);
    assert_eq!(fetch(&cluster).await, ("until the end".to_owned(), false));
    assert_eq!(fetch(&cluster).await, ("until the end".to_owned(), false));
}

#[tokio::test]
async fn chunks_and_trailers_of_an_answer_arrive() {
    let answer =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nx-sum: 1\r\n\r\n";
    let cluster = to(raw(answer, |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await);
    let sent = once(&cluster, get("/")).await.unwrap();
    let body = sent.response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "1");
    assert_eq!(body.to_bytes(), "abcde");
}

#[tokio::test]
async fn what_a_tunnel_says_with_its_first_answer_is_not_lost() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nwelcome";
    let cluster = to(raw(answer, |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await);
    let mut request = get("/chat");
    request
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let mut sent = once(&cluster, request).await.unwrap();
    let mut tunnel = seaway_proxy::switch::of(sent.response.extensions_mut())
        .await
        .unwrap();
    let mut first = [0; 7];
    tunnel.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"welcome");
}

#[tokio::test]
async fn an_idle_connection_that_its_endpoint_closes_is_let_go_though_nobody_asks() {
    let (listener, registry) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Registry::new());
    let address = listener.local_addr().unwrap();
    let cluster = apply(&registry, static_cluster(UpstreamProtocol::Http1, &[address]));
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        stream.write_all(NO_CONTENT).await.unwrap();
        stream
    };
    let (stream, sent) = tokio::join!(serving, once(&cluster, get("/")));
    drop(sent.unwrap());
    assert_eq!(registry.status()[0].endpoints[0].connections, 1);
    drop(stream);
    let closed = async {
        while registry.status()[0].endpoints[0].connections > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, closed).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_answers_before_the_answer_ends() {
    let (listener, cluster) = listening().await;
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, b"\r\n\r\n").await;
        while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {}
    };
    let ((), sent) = tokio::join!(serving, once(&cluster, get("/")));
    assert_eq!(sent.unwrap_err().failure, Failure::UpstreamProtocol);
}
