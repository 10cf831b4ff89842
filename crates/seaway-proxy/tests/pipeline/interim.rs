//! Answers before the answer (1xx).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use seaway_model::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::support::*;
use super::threads::start_with;

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n";

/// Says `heads` at once, and its answer when it is told to.
async fn saying(heads: &'static str, go_on: &Arc<Notify>) -> SocketAddr {
    let go_on = Arc::clone(go_on);
    raw(move |mut stream| {
        let go_on = Arc::clone(&go_on);
        async move {
            let _head = stream.read(&mut [0; 4096]).await;
            let _said = stream.write_all(heads.as_bytes()).await;
            go_on.notified().await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let _answered = stream.write_all(answer).await;
        }
    })
    .await
}

/// The same over HTTP/2.
async fn saying_http2(go_on: &Arc<Notify>) -> SocketAddr {
    let go_on = Arc::clone(go_on);
    raw(move |stream| {
        let go_on = Arc::clone(&go_on);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
            let hints = Response::builder().status(103).header("link", "</a>");
            respond.send_informational(hints.body(()).unwrap()).unwrap();
            tokio::select! {
                () = go_on.notified() => {}
                _ = connection.accept() => {}
            }
            let answer = Response::builder().status(200).body(()).unwrap();
            respond.send_response(answer, true).unwrap();
            while connection.accept().await.is_some() {}
        }
    })
    .await
}

async fn gateway(address: SocketAddr) -> Gateway {
    Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await
}

async fn ask(gateway: &Gateway, version: &str) -> TcpStream {
    let mut client = TcpStream::connect(gateway.http1).await.unwrap();
    let head = format!("GET / HTTP/{version}\r\nhost: a\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

async fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(client.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn hints_are_passed_on_before_the_answer_without_what_is_of_the_connection() {
    let go_on = Arc::new(Notify::new());
    let gateway = gateway(saying(HINTS, &go_on).await).await;
    let mut client = ask(&gateway, "1.1").await;
    let hints = head(&mut client).await;
    assert!(hints.starts_with("HTTP/1.1 103 "), "{hints}");
    assert!(hints.ends_with("\r\nlink: </a>\r\n\r\n"), "{hints}");
    go_on.notify_one();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn several_that_come_together_are_passed_on_in_order() {
    let go_on = Arc::new(Notify::new());
    let heads = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n";
    let gateway = gateway(saying(heads, &go_on).await).await;
    let mut client = ask(&gateway, "1.1").await;
    assert_eq!(head(&mut client).await, "HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(head(&mut client).await, "HTTP/1.1 199 \r\n\r\n");
    go_on.notify_one();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_of_http_1_0_and_one_that_did_not_expect_to_be_told_to_continue_get_the_answer_alone() {
    let continues = "HTTP/1.1 100 Continue\r\n\r\n";
    for (heads, version) in [(HINTS, "1.0"), (continues, "1.1")] {
        let go_on = Arc::new(Notify::new());
        go_on.notify_one();
        let gateway = gateway(saying(heads, &go_on).await).await;
        let answer = head(&mut ask(&gateway, version).await).await;
        assert!(answer.starts_with(&format!("HTTP/{version} 200 ")), "{answer}");
    }
}

async fn connect(address: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    within(client.ready()).await.unwrap()
}

/// Hints, and then the answer, to a client of HTTP/2.
async fn hints_over_http2(cluster: Cluster, go_on: &Notify) {
    let (_proxy, bound, _records) = start_with(1, cluster);
    let mut client = connect(bound).await;
    let request = Request::get("http://a/").body(()).unwrap();
    let (mut response, _) = client.send_request(request, true).unwrap();
    let hints = within(poll_fn(|cx| response.poll_informational(cx))).await;
    let hints = hints.unwrap().unwrap();
    assert_eq!(
        (hints.status().as_u16(), &hints.headers()["link"]),
        (103, &"</a>".parse().unwrap())
    );
    assert_eq!(hints.headers().len(), 1);
    go_on.notify_one();
    assert_eq!(within(response).await.unwrap().status(), 200);
}

#[tokio::test]
async fn hints_of_an_http1_upstream_reach_a_client_of_http2() {
    let go_on = Arc::new(Notify::new());
    let address = saying(HINTS, &go_on).await;
    hints_over_http2(cluster("c", &[address]), &go_on).await;
}

#[tokio::test]
async fn hints_of_an_http2_upstream_reach_a_client_of_http2() {
    let go_on = Arc::new(Notify::new());
    let address = saying_http2(&go_on).await;
    hints_over_http2(cluster_http2("c", &[address]), &go_on).await;
}

#[tokio::test]
async fn a_client_of_http2_is_told_to_send_its_body_when_the_upstream_wants_it() {
    for over_http2 in [false, true] {
        let echo = |request: Request<hyper::body::Incoming>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Response::new(full(body))
        };
        let cluster = if over_http2 {
            cluster_http2("c", &[upstream_http2(echo).await])
        } else {
            cluster("c", &[upstream(echo).await])
        };
        let (_proxy, bound, _records) = start_with(1, cluster);
        let mut client = connect(bound).await;
        let request = Request::post("http://a/").header("expect", "100-continue");
        let (mut response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        let told = within(poll_fn(|cx| response.poll_informational(cx))).await;
        assert_eq!(told.unwrap().unwrap().status(), 100);
        body.send_data("hello".into(), true).unwrap();
        let mut answer = within(response).await.unwrap().into_body();
        assert_eq!(within(answer.data()).await.unwrap().unwrap(), "hello");
    }
}
