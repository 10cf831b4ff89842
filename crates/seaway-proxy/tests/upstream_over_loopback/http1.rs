use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use seaway_model::{Millis, UpstreamProtocol};
use seaway_proxy::body::Body;
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::{HealthWord, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = serve(Kind::http1("a")).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[server.address]));
    assert_eq!(fetch(&cluster).await, ("a".into(), false));
    assert_eq!(fetch(&cluster).await, ("a".into(), true));
    assert_eq!(*server.opened.borrow(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_have_connections_of_their_own() {
    let mut kind = Kind::http1("a");
    kind.together = 3;
    let server = serve(kind).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[server.address]));
    tokio::join!(fetch(&cluster), fetch(&cluster), fetch(&cluster));
    assert_eq!(*server.opened.borrow(), 3);
}

#[tokio::test]
async fn what_is_under_way_is_counted_until_the_guard_is_dropped() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[server.address]));
    let sent = once(&cluster, get("/")).await.unwrap();
    assert_eq!(sent.endpoint, server.address);
    let status = registry.status();
    assert_eq!((status[0].in_flight, status[0].endpoints[0].in_flight), (1, 1));
    text(sent.response.into_body()).await;
    drop(sent.in_flight);
    let status = registry.status();
    assert_eq!((status[0].in_flight, status[0].endpoints[0].in_flight), (0, 0));
    assert_eq!(
        (
            status[0].endpoints[0].requests,
            status[0].endpoints[0].connections
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_guard_dropped_with_half_a_body_does_not_spoil_the_pool() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab";
    let address = raw(head, |mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    drop(once(&cluster, get("/")).await.unwrap());
    let again = once(&cluster, get("/")).await.unwrap();
    assert!(!again.reused);
}

/// Serves one request on each of two connections. When told, closes the first, and says that it has.
fn closing_when_told() -> (SocketAddr, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    let (closed, seen) = mpsc::channel();
    std::thread::spawn(move || {
        let first = serve_one(&listener);
        told.recv().unwrap();
        drop(first);
        closed.send(()).unwrap();
        let _second = serve_one(&listener);
        // Until the test is over.
        let _ = told.recv();
    });
    (address, tell, seen)
}

fn serve_one(listener: &std::net::TcpListener) -> std::net::TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    stream
}

#[tokio::test]
async fn a_pooled_connection_that_was_just_closed_is_replaced() {
    let (address, tell, closed) = closing_when_told();
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    fetch(&cluster).await;
    let used = Instant::now();
    // Blocks this thread, so that the connection's task cannot see the end before the next request comes.
    tell.send(()).unwrap();
    closed.recv_timeout(SOON).unwrap();
    // A connection that was used less than 10 ms ago is taken as it is.
    while used.elapsed() < Duration::from_millis(10) {
        std::thread::yield_now();
    }
    let second = once(&cluster, get("/")).await.unwrap();
    assert_eq!(second.response.status(), StatusCode::OK);
    assert!(!second.reused);
}

#[tokio::test]
async fn a_refused_endpoint_is_ejected_and_the_others_serve() {
    let server = serve(Kind::http1("a")).await;
    let (_bound, refusing) = refusing();
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[refusing, server.address]));
    let error = once(&cluster, get("/")).await.unwrap_err();
    assert_eq!(
        (error.failure, error.endpoint),
        (Failure::ConnectFailed, Some(refusing))
    );
    let retried = avoiding(&cluster, *error.request.unwrap(), &[refusing])
        .await
        .unwrap();
    assert_eq!(retried.endpoint, server.address);
    drop(retried);
    for _ in 0..20 {
        assert_eq!(fetch(&cluster).await.0, "a");
    }
    let endpoints = &registry.status()[0].endpoints;
    assert_eq!(
        (endpoints[0].health, endpoints[1].health),
        (HealthWord::Ejected, HealthWord::Healthy)
    );
    assert_eq!((endpoints[0].connect_failures, endpoints[0].ejections), (1, 1));
}

#[tokio::test]
async fn a_cluster_of_which_all_are_ejected_still_tries() {
    let (bound, address) = refusing();
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[address]));
    assert_eq!(
        once(&cluster, get("/")).await.unwrap_err().failure,
        Failure::ConnectFailed
    );
    assert_eq!(registry.status()[0].endpoints[0].health, HealthWord::Ejected);
    let _server = serve_on(bound.listen(16).unwrap(), Kind::http1("a"));
    assert_eq!(fetch(&cluster).await.0, "a");
    assert_eq!(registry.status()[0].endpoints[0].health, HealthWord::Healthy);
}

#[tokio::test]
async fn a_tried_endpoint_is_avoided_while_there_is_another() {
    let (a, b) = (serve(Kind::http1("a")).await, serve(Kind::http1("b")).await);
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[a.address, b.address]));
    for _ in 0..4 {
        let sent = avoiding(&cluster, get("/"), &[a.address]).await.unwrap();
        assert_eq!(sent.endpoint, b.address);
    }
}

#[tokio::test]
async fn a_tried_endpoint_is_tried_again_when_there_is_no_other() {
    let server = serve(Kind::http1("a")).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[server.address]));
    let sent = avoiding(&cluster, get("/"), &[server.address]).await.unwrap();
    assert_eq!(sent.endpoint, server.address);
}

#[tokio::test]
async fn a_cluster_without_endpoints_says_so_and_gives_the_request_back() {
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[]));
    let error = once(&cluster, get("/kept")).await.unwrap_err();
    assert_eq!((error.failure, error.endpoint), (Failure::NoEndpoints, None));
    assert_eq!(error.request.unwrap().uri().path(), "/kept");
}

#[tokio::test]
async fn connecting_ends_with_its_time_out() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // The backlog takes one connection that nobody accepts; the next one waits for an answer.
    let _filler = TcpStream::connect(address).await.unwrap();
    let mut config = static_cluster(HTTP1, &[address]);
    config.connect_timeout = Millis(50);
    let error = once(&apply(&Registry::new(), config), get("/"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, Failure::ConnectTimeout);
    assert!(error.request.is_some());
}

#[tokio::test]
async fn an_endpoint_that_leaves_has_its_idle_connections_closed() {
    let (mut leaving, staying) = (serve(Kind::http1("a")).await, serve(Kind::http1("b")).await);
    let registry = Registry::new();
    let both = [leaving.address, staying.address];
    let cluster = apply(&registry, static_cluster(HTTP1, &both));
    fetch(&cluster).await;
    fetch(&cluster).await;
    let cluster = apply(&registry, static_cluster(HTTP1, &[staying.address]));
    until(&mut leaving.closed, 1).await;
    assert_eq!(fetch(&cluster).await, ("b".into(), true));
}

#[tokio::test]
async fn a_cluster_that_leaves_has_its_idle_connections_closed() {
    let mut server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[server.address]));
    fetch(&cluster).await;
    drop(cluster);
    let _ = registry.apply(&seaway_model::Model::default());
    until(&mut server.closed, 1).await;
}

#[tokio::test]
async fn a_connection_closed_before_the_answer_is_a_reset() {
    let address = raw("", |stream| async move { drop(stream) }).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let error = once(&cluster, get("/")).await.unwrap_err();
    assert_eq!(error.failure, Failure::UpstreamReset);
    assert!(error.request.is_none() && !error.reused);
}

async fn failure_of(answer: &'static str) -> Failure {
    let address = raw(answer, |stream| async move { drop(stream) }).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    once(&cluster, get("/")).await.unwrap_err().failure
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_refused() {
    assert_eq!(
        failure_of("220 mail.example.com ESMTP\r\n\r\n").await,
        Failure::UpstreamProtocol
    );
}

#[tokio::test]
async fn an_answer_with_a_length_and_chunks_is_refused() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(failure_of(answer).await, Failure::UpstreamProtocol);
}

#[tokio::test]
async fn an_answer_with_two_lengths_is_refused() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    assert_eq!(failure_of(answer).await, Failure::UpstreamProtocol);
}

#[tokio::test]
async fn informational_answers_are_not_the_answer() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                  HTTP/1.1 204 No Content\r\n\r\n";
    let address = raw(answer, |stream| async move { drop(stream) }).await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let sent = once(&cluster, get("/")).await.unwrap();
    assert_eq!(sent.response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let address = raw(answer, |mut stream| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let mut request = get("/chat");
    request
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let mut sent = once(&cluster, request).await.unwrap();
    let mut tunnel = seaway_proxy::switch::of(sent.response.extensions_mut())
        .await
        .unwrap();
    tunnel.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    tunnel.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

#[tokio::test]
async fn an_endpoint_that_switches_before_it_has_the_whole_request_is_refused() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let address = raw(answer, |mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let endless = http_body_util::StreamBody::new(futures_util::stream::pending());
    let mut request = get("/chat");
    *request.body_mut() = Body::boxed(endless);
    request
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let error = once(&cluster, request).await.unwrap_err();
    assert_eq!(error.failure, Failure::UpstreamProtocol);
}

#[tokio::test]
async fn the_endpoint_sees_origin_form_and_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = apply(
        &Registry::new(),
        static_cluster(HTTP1, &[listener.local_addr().unwrap()]),
    );
    let request = Request::builder()
        .uri("http://shop.example.com/a?b=c")
        .body(Body::Empty)
        .unwrap();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        head
    };
    let (head, sent) = tokio::join!(serving, once(&cluster, request));
    assert!(sent.is_ok());
    assert_eq!(head, "GET /a?b=c HTTP/1.1\r\nhost: shop.example.com\r\n\r\n");
}

#[tokio::test]
async fn a_body_in_pieces_is_streamed() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let address = raw(answer, |mut stream| async move {
        // The rest is sent only once the client has closed or asked on: it does neither before it has seen "abc".
        let _ = stream.read_u8().await;
    })
    .await;
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let mut sent = once(&cluster, get("/")).await.unwrap();
    let frame = tokio::time::timeout(SOON, sent.response.body_mut().frame())
        .await
        .unwrap();
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "abc");
}
