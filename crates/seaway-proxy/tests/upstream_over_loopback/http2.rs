use std::net::SocketAddr;

use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use seaway_model::UpstreamProtocol;
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const HTTP2: UpstreamProtocol = UpstreamProtocol::Http2;

#[tokio::test]
async fn requests_at_the_same_time_share_a_connection() {
    let mut kind = Kind::http2("a");
    kind.together = 10;
    let server = serve(kind).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[server.address]));
    let answers = join_all((0..10).map(|_| fetch(&cluster))).await;
    assert!(answers.iter().all(|(name, _)| name == "a"));
    assert_eq!(*server.opened.borrow(), 1);
}

#[tokio::test]
async fn a_peer_that_takes_few_streams_gets_more_connections() {
    let mut kind = Kind::http2("a");
    (kind.together, kind.max_streams) = (6, 2);
    let server = serve(kind).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[server.address]));
    join_all((0..6).map(|_| fetch(&cluster))).await;
    assert_eq!(*server.opened.borrow(), 3);
}

#[tokio::test]
async fn each_request_is_balanced_by_itself() {
    let (a, b) = (serve(Kind::http2("a")).await, serve(Kind::http2("b")).await);
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[a.address, b.address]));
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(fetch(&cluster).await.0);
    }
    assert_eq!(names, ["a", "b", "a", "b", "a", "b"]);
    assert_eq!((*a.opened.borrow(), *b.opened.borrow()), (1, 1));
}

#[tokio::test]
async fn a_place_is_free_again_when_the_guard_is_dropped() {
    let mut kind = Kind::http2("a");
    kind.max_streams = 1;
    let server = serve(kind).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[server.address]));
    for _ in 0..5 {
        fetch(&cluster).await;
    }
    assert_eq!(*server.opened.borrow(), 1);
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_replaced() {
    let mut server = serve(Kind::http2("a")).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[server.address]));
    fetch(&cluster).await;
    server.goodbye.send_replace(());
    // Not waited for: the goodbye may come before, while or after the request is queued.
    assert_eq!(fetch(&cluster).await.0, "a");
    until(&mut server.closed, 1).await;
    assert_eq!(fetch(&cluster).await.0, "a");
}

#[tokio::test]
async fn an_endpoint_that_leaves_has_its_connection_closed() {
    let mut server = serve(Kind::http2("a")).await;
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP2, &[server.address]));
    fetch(&cluster).await;
    let _ = apply(&registry, static_cluster(HTTP2, &[]));
    until(&mut server.closed, 1).await;
}

#[tokio::test]
async fn an_endpoint_that_leaves_finishes_what_is_under_way() {
    let mut kind = Kind::http2("a");
    kind.together = 2;
    let mut server = serve(kind).await;
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP2, &[server.address]));
    let first = fetch(&cluster);
    let second = async {
        until(&mut server.requests, 1).await;
        let other = cluster_named(&server.address);
        // The second request, by another registry, is what lets the first be answered.
        let _ = apply(&registry, static_cluster(HTTP2, &[]));
        fetch(&apply(&Registry::new(), other)).await
    };
    let (first, _) = tokio::join!(first, second);
    assert_eq!(first.0, "a");
}

fn cluster_named(address: &SocketAddr) -> seaway_model::Cluster {
    static_cluster(HTTP2, &[*address])
}

#[tokio::test]
async fn an_upgrade_is_refused_clearly() {
    let server = serve(Kind::http2("a")).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[server.address]));
    let mut request = get("/chat");
    request
        .headers_mut()
        .insert("upgrade", "websocket".parse().unwrap());
    let error = once(&cluster, request).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Configuration(..)));
    assert_eq!(*server.requests.borrow(), 0);
}

#[tokio::test]
async fn a_peer_that_speaks_http1_is_found_out_while_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = apply(
        &Registry::new(),
        static_cluster(HTTP2, &[listener.local_addr().unwrap()]),
    );
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    let (_stream, error) = tokio::join!(serving, once(&cluster, get("/")));
    let error = error.unwrap_err();
    assert_eq!(error.failure, Failure::UpstreamProtocol);
    assert!(error.request.is_some());
}

#[tokio::test]
async fn a_peer_that_hangs_up_on_the_preface_could_not_be_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = apply(
        &Registry::new(),
        static_cluster(HTTP2, &[listener.local_addr().unwrap()]),
    );
    let hanging_up = async { drop(listener.accept().await.unwrap()) };
    let ((), error) = tokio::join!(hanging_up, once(&cluster, get("/")));
    let error = error.unwrap_err();
    assert_eq!(error.failure, Failure::ConnectFailed);
    assert!(error.request.is_some());
}

/// Frames as they are on the wire: length, type, flags, stream, payload.
fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, 0]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A peer that answers the first request of each connection with a frame, and leaves the connection open.
async fn answering_with(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut preface = [0; 24];
                stream.read_exact(&mut preface).await.unwrap();
                stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
                while let Some(kind) = read_frame(&mut stream).await {
                    if kind == HEADERS {
                        stream.write_all(&answer).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

async fn read_frame(stream: &mut TcpStream) -> Option<u8> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some(head[3])
}

async fn failure_of(answer: Vec<u8>) -> Failure {
    let cluster = apply(
        &Registry::new(),
        static_cluster(HTTP2, &[answering_with(answer).await]),
    );
    once(&cluster, get("/")).await.unwrap_err().failure
}

#[tokio::test]
async fn a_refused_stream_is_told_apart() {
    assert_eq!(
        failure_of(frame(RST_STREAM, 1, &7u32.to_be_bytes())).await,
        Failure::RefusedStream
    );
}

#[tokio::test]
async fn a_stream_that_a_goaway_leaves_out_was_refused() {
    assert_eq!(
        failure_of(frame(GOAWAY, 0, &[0; 8])).await,
        Failure::RefusedStream
    );
}

#[tokio::test]
async fn a_stream_that_is_reset_was_not_refused() {
    assert_eq!(
        failure_of(frame(RST_STREAM, 1, &2u32.to_be_bytes())).await,
        Failure::UpstreamReset
    );
}

#[tokio::test]
async fn a_frame_that_breaks_the_protocol_is_told_apart() {
    // DATA on stream 0.
    assert_eq!(failure_of(frame(0, 0, b"x")).await, Failure::UpstreamProtocol);
}

/// The head of an answer with status 200, and a piece of a body, neither of which is the last.
fn begun() -> Vec<u8> {
    let mut head = frame(HEADERS, 1, &[0x88]);
    // END_HEADERS.
    head[4] = 4;
    [head, frame(DATA, 1, b"half")].concat()
}

#[tokio::test]
async fn a_body_that_its_sender_breaks_off_is_no_complete_body_whatever_the_reason() {
    for reason in [0_u32, 2, 8] {
        let answer = [begun(), frame(RST_STREAM, 1, &reason.to_be_bytes())].concat();
        let endpoint = answering_with(answer).await;
        let cluster = apply(&Registry::new(), static_cluster(HTTP2, &[endpoint]));
        let body = once(&cluster, get("/")).await.unwrap().response.into_body();
        let read = tokio::time::timeout(SOON, body.collect()).await.unwrap();
        assert!(read.is_err(), "reason {reason}");
    }
}
