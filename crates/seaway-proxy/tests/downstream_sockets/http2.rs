//! HTTP/2 by prior knowledge on a clear-text listener.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::support::*;
use super::tls::{TlsClient, made, serve, trusting};

type Sender = h2::client::SendRequest<Bytes>;

/// A connection that is driven by a task; the task's result is how the connection ended.
async fn connect(gate: &Gate) -> (Sender, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(gate.address("http-80")).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("http://a{path}")).body(()).unwrap()
}

async fn ask(sender: &mut Sender, path: &str) -> String {
    let mut ready = sender.clone().ready().await.unwrap();
    let (response, _) = ready.send_request(request(path), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// A tunnel to the handler's echo (RFC 8441).
async fn open_tunnel(sender: &Sender) -> (h2::SendStream<Bytes>, h2::RecvStream) {
    // The offer comes with the server's settings.
    within(async {
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut tunnel = Request::builder()
        .method("CONNECT")
        .uri("http://a/upgrade")
        .body(())
        .unwrap();
    tunnel
        .extensions_mut()
        .insert(h2::ext::Protocol::from_static("websocket"));
    let mut ready = within(sender.clone().ready()).await.unwrap();
    let (response, send) = ready.send_request(tunnel, false).unwrap();
    (send, within(response).await.unwrap().into_body())
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}

#[tokio::test]
async fn prior_knowledge_is_heard_on_the_same_port() {
    let gate = Gate::http();
    let (mut sender, _task) = connect(&gate).await;
    assert_eq!(within(ask(&mut sender, "/x")).await, "http-80 GET /x 0");
    let mut http1 = gate.connect();
    http1.send(get("/y"));
    assert_eq!(http1.response().1, "http-80 GET /y 0");
}

#[tokio::test]
async fn the_preface_may_come_in_pieces() {
    let gate = Gate::http();
    let mut stream = TcpStream::connect(gate.address("http-80")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    // An empty SETTINGS frame; the server's own comes first.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut head = [0; 4];
    within(tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head))
        .await
        .unwrap();
    assert_eq!(head[3], 4, "a SETTINGS frame");
}

#[tokio::test]
async fn a_flood_of_resets_closes_the_connection() {
    let mut options = options();
    options.limits.reset_streams = 5;
    let gate = Gate::with(options);
    let (sender, task) = connect(&gate).await;
    for _ in 0..6 {
        let mut ready = within(sender.clone().ready()).await.unwrap();
        let (_response, mut stream) = ready.send_request(request("/hold"), false).unwrap();
        gate.next_async().await;
        stream.send_reset(h2::Reason::CANCEL);
    }
    // How it ends is up to the timing of the last frames; that it ends is not.
    let _how = within(task).await.unwrap();
    assert_eq!(gate.proxy.stats().reset_floods, 1);
}

#[tokio::test]
async fn a_drain_says_goodbye_and_lets_streams_finish() {
    let gate = Gate::http();
    let (sender, task) = connect(&gate).await;
    let mut asker = sender.clone();
    let held = tokio::spawn(async move { ask(&mut asker, "/hold").await });
    gate.next_async().await;
    let proxy = std::sync::Arc::clone(&gate.proxy);
    let drain = tokio::task::spawn_blocking(move || proxy.drain(PATIENCE));
    // The farewell has arrived when no new stream can be opened.
    within(async {
        while let Ok(mut ready) = sender.clone().ready().await {
            let Ok((response, _)) = ready.send_request(request("/ignore"), true) else {
                break;
            };
            if response.await.is_err() {
                break;
            }
        }
    })
    .await;
    drop(sender);
    gate.release.add_permits(1);
    assert_eq!(within(held).await.unwrap(), "http-80 GET /hold 0");
    assert_eq!(within(drain).await.unwrap().cut_off, 0);
    within(task).await.unwrap().unwrap();
}

/// Returns when nobody listens any more, so that all connections have heard of it.
async fn until_refused(address: std::net::SocketAddr) {
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_connection_that_says_only_during_a_drain_what_it_speaks_hears_the_goodbye() {
    let mut options = options();
    options.limits.drain_grace = PATIENCE;
    let gate = Gate::with(options);
    let address = gate.address("http-80");
    let stream = TcpStream::connect(address).await.unwrap();
    let proxy = std::sync::Arc::clone(&gate.proxy);
    let drain = tokio::task::spawn_blocking(move || proxy.drain(PATIENCE));
    until_refused(address).await;
    let (_sender, connection) = h2::client::handshake(stream).await.unwrap();
    within(connection).await.unwrap();
    assert_eq!(within(drain).await.unwrap().cut_off, 0);
}

#[tokio::test]
async fn a_first_request_over_tls_that_comes_during_a_drain_is_answered() {
    let mut options = options();
    options.limits.drain_grace = PATIENCE;
    let gate = Gate::empty(options);
    let a = made("a.example");
    serve(&gate, &[&a]);
    let address = gate.address("https-443");
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(trusting(&[&a], &["h2"]));
    let name = "a.example".try_into().unwrap();
    let stream = within(connector.connect(name, stream)).await.unwrap();
    // The server may have yet to hear the end of the handshake; it has when there is another whole one.
    drop(
        TlsClient::connect(&gate, &trusting(&[&a], &[]), "a.example")
            .unwrap()
            .ask("/x"),
    );
    let proxy = std::sync::Arc::clone(&gate.proxy);
    let drain = tokio::task::spawn_blocking(move || proxy.drain(PATIENCE));
    until_refused(address).await;
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let task = tokio::spawn(connection);
    assert_eq!(within(ask(&mut sender, "/x")).await, "https-443 GET /x 0");
    drop(sender);
    within(task).await.unwrap().unwrap();
    assert_eq!(within(drain).await.unwrap().cut_off, 0);
}

#[tokio::test]
async fn a_connection_without_streams_is_closed_after_a_while() {
    let mut options = options();
    options.limits.idle_timeout = Duration::from_millis(30);
    let gate = Gate::with(options);
    let (mut sender, task) = connect(&gate).await;
    within(ask(&mut sender, "/x")).await;
    within(task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    let mut options = options();
    options.limits.head_bytes = 1024;
    let gate = Gate::with(options);
    let (sender, _task) = connect(&gate).await;
    let mut request = request("/");
    request
        .headers_mut()
        .insert("x", "y".repeat(2000).parse().unwrap());
    let mut ready = within(sender.ready()).await.unwrap();
    let (response, _) = ready.send_request(request, true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 431);
    assert!(gate.is_untouched());
}

#[tokio::test]
async fn a_head_with_too_many_fields_is_answered_431() {
    let mut options = options();
    options.limits.head_fields = 5;
    let gate = Gate::with(options);
    let (mut sender, _task) = connect(&gate).await;
    let mut many = request("/");
    for n in 0..6 {
        many.headers_mut().append("x", n.into());
    }
    let mut ready = within(sender.clone().ready()).await.unwrap();
    let (response, _) = ready.send_request(many, true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 431);
    assert!(gate.is_untouched());
    assert_eq!(within(ask(&mut sender, "/x")).await, "http-80 GET /x 0");
}

#[tokio::test]
async fn a_cookie_in_pieces_is_one_field() {
    let mut options = options();
    options.limits.head_fields = 5;
    let gate = Gate::with(options);
    let (sender, _task) = connect(&gate).await;
    let mut crumbs = request("/");
    for n in 0..20 {
        crumbs
            .headers_mut()
            .append("cookie", format!("a{n}=b").parse().unwrap());
    }
    let mut ready = within(sender.ready()).await.unwrap();
    let (response, _) = ready.send_request(crumbs, true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_tunnel_keeps_its_connection_while_others_idle_out() {
    let mut options = options();
    // Long enough to open the tunnel in.
    options.limits.idle_timeout = Duration::from_millis(500);
    let gate = Gate::with(options);
    let (mut sender, _task) = connect(&gate).await;
    let (mut send, mut receive) = open_tunnel(&sender).await;
    let (mut other, task) = connect(&gate).await;
    within(ask(&mut other, "/x")).await;
    within(task).await.unwrap().unwrap();
    send.send_data(Bytes::from_static(b"hello"), false).unwrap();
    assert_eq!(within(receive.data()).await.unwrap().unwrap(), "hello");
    sender = within(sender.ready()).await.unwrap();
    assert_eq!(within(ask(&mut sender, "/y")).await, "http-80 GET /y 0");
}

#[tokio::test]
async fn an_answer_says_its_date_and_its_length() {
    let gate = Gate::http();
    let (sender, _task) = connect(&gate).await;
    let mut ready = within(sender.ready()).await.unwrap();
    let (response, _) = ready.send_request(request("/x"), true).unwrap();
    let response = within(response).await.unwrap();
    assert!(response.headers().contains_key("date"));
    let length = "http-80 GET /x 0".len().to_string();
    assert_eq!(response.headers()["content-length"], length.as_str());
}

/// RFC 9110, 9.3.6.
#[tokio::test]
async fn a_tunnel_that_announces_content_is_refused() {
    let gate = Gate::http();
    let (sender, _task) = connect(&gate).await;
    let tunnel = Request::builder()
        .method("CONNECT")
        .uri("a:443")
        .header("content-length", "5")
        .body(())
        .unwrap();
    let mut ready = within(sender.ready()).await.unwrap();
    let (response, _stream) = ready.send_request(tunnel, false).unwrap();
    let error = within(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::PROTOCOL_ERROR));
    assert!(gate.is_untouched());
}

#[tokio::test]
async fn both_ends_of_a_tunnel_may_have_said_all_first() {
    let gate = Gate::http();
    let (sender, _task) = connect(&gate).await;
    let (mut send, mut receive) = open_tunnel(&sender).await;
    // More than fits into a window, so that both sides wait for each other's.
    let mut sent = 0;
    let mut heard = 0;
    let (piece, all) = (Bytes::from(vec![7; 16 * 1024]), 4 << 20);
    within(async {
        while heard < all {
            if sent < all {
                send.send_data(piece.clone(), sent + piece.len() == all).unwrap();
                sent += piece.len();
            }
            if sent == all || sent - heard > 1 << 20 {
                let data = receive.data().await.unwrap().unwrap();
                assert!(data.iter().all(|byte| *byte == 7));
                heard += data.len();
                receive.flow_control().release_capacity(data.len()).unwrap();
            }
        }
        // The end is passed on, too, as a frame that is empty.
        while let Some(data) = receive.data().await {
            assert!(data.unwrap().is_empty());
        }
    })
    .await;
    assert_eq!(heard, all);
}
