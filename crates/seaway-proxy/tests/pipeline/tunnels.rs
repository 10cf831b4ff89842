//! Upgrades.

use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use seaway_proxy::options::{Limits, Options};
use seaway_telemetry::Flag;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::*;

/// Accepts every upgrade and sends back what it gets.
pub async fn echo() -> std::net::SocketAddr {
    upstream(|mut request| async move {
        let protocol = request.headers()["upgrade"].clone();
        tokio::spawn(async move {
            let tunnel = hyper::upgrade::on(&mut request).await.unwrap();
            let (mut read, mut write) = tokio::io::split(TokioIo::new(tunnel));
            let _bytes = tokio::io::copy(&mut read, &mut write).await;
            let _half = write.shutdown().await;
        });
        http::Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", protocol)
            .body(empty())
            .unwrap()
    })
    .await
}

pub fn upgrade(protocol: &'static str) -> Request<TestBody> {
    let mut request = get("/chat");
    request
        .headers_mut()
        .insert("connection", "Upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", protocol.parse().unwrap());
    request
}

#[tokio::test]
async fn a_websocket_passes_and_is_recorded_when_it_closes() {
    let address = echo().await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, upgrade("websocket")).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["upgrade"], "websocket");
    let mut tunnel = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    tunnel.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    within(tunnel.read_exact(&mut echoed)).await.unwrap();
    assert_eq!(&echoed, b"hello");
    // Half closed: the other half still answers.
    tunnel.write_all(b"bye").await.unwrap();
    tunnel.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(tunnel.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"bye");
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.request_bytes, seen.response_bytes),
        (101, 8, 8)
    );
    assert!(seen.flags.is_empty());
}

#[tokio::test]
async fn an_upgrade_that_the_upstream_declines_is_an_ordinary_answer() {
    let address = upstream(|_| async { text(403, "no") }).await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let (status, body) = fetch(gateway.http1, upgrade("websocket")).await;
    assert_eq!((status, body.as_str()), (StatusCode::FORBIDDEN, "no"));
}

#[tokio::test]
async fn an_upgrade_to_another_http_is_not_passed_on() {
    let address = upstream(|request| async move {
        text(
            200,
            if request.headers().contains_key("upgrade") {
                "passed"
            } else {
                "plain"
            },
        )
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    assert_eq!(
        fetch(gateway.http1, upgrade("h2c")).await,
        (StatusCode::OK, "plain".to_owned())
    );
}

/// An extended CONNECT, after the server's settings, which allow it, have come with a first answer.
async fn connect_to(gateway: &Gateway, protocol: &'static str) -> http::Response<hyper::body::Incoming> {
    let mut client = connect_http2(gateway.http2).await;
    let first = Request::builder().uri("http://example.com/");
    let first = client.send_request(first.body(empty()).unwrap());
    read(within(first).await.unwrap()).await;
    let request = Request::builder()
        .method("CONNECT")
        .uri("http://example.com/chat");
    let mut request = request.body(empty()).unwrap();
    let protocol = hyper::ext::Protocol::from_static(protocol);
    request.extensions_mut().insert(protocol);
    within(client.send_request(request)).await.unwrap()
}

#[tokio::test]
async fn a_tunnel_over_http2_to_another_http_is_refused() {
    for protocol in ["h2c", "H2C", "http/2.0", "websocket, h2c", "tls/1.3"] {
        let address = upstream(|_| async { text(200, "a page") }).await;
        let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
        let status = connect_to(&gateway, protocol).await.status();
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{protocol}");
    }
}

#[tokio::test]
async fn an_answer_that_asks_for_an_upgrade_says_to_what() {
    let address = upstream(|_| async {
        let mut response = text(426, "no");
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["connection"], "upgrade");
}

#[tokio::test]
async fn a_tunnel_on_which_nothing_moves_is_closed() {
    let address = echo().await;
    let options = Options {
        limits: Limits {
            stream_idle_timeout: std::time::Duration::from_millis(100),
            ..Limits::default()
        },
        ..Options::default()
    };
    let routes = vec![forward("c")];
    let mut gateway = Gateway::with_options(routes, vec![cluster("c", &[address])], options).await;
    let response = send(gateway.http1, upgrade("websocket")).await;
    let mut tunnel = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    assert_eq!(within(tunnel.read(&mut [0; 1])).await.unwrap_or(0), 0);
    assert_eq!(gateway.record().await.flags, [Flag::StreamIdleTimeout]);
}

#[tokio::test]
async fn a_success_that_is_no_tunnel_is_no_success_over_http2() {
    let address = upstream(|_| async { text(200, "a page") }).await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let response = connect_to(&gateway, "websocket").await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_websocket_over_http2_reaches_an_http1_upstream() {
    let address = echo().await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    // The server's settings, which allow extended CONNECT, come with its first answer at the latest.
    let first = Request::builder()
        .uri("http://example.com/")
        .header("x", "1")
        .body(empty())
        .unwrap();
    let _settled = within(client.send_request(first)).await;
    gateway.record().await;
    let mut request = Request::builder()
        .method("CONNECT")
        .uri("http://example.com/chat")
        .body(empty())
        .unwrap();
    request
        .extensions_mut()
        .insert(hyper::ext::Protocol::from_static("websocket"));
    let response = within(client.send_request(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut tunnel = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    tunnel.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    within(tunnel.read_exact(&mut echoed)).await.unwrap();
    assert_eq!(&echoed, b"hello");
    drop(tunnel);
    assert_eq!(gateway.record().await.status, 200);
}
