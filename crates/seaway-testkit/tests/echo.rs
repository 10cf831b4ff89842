//! The backends and clients that other crates' tests stand on, against each other.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use seaway_testkit::client::{Client, ClientTls, Raw, Wire, exchange, websocket};
use seaway_testkit::echo::{Backend, Behaviour, Ending};
use seaway_testkit::load::{Goal, Kind, Load};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

const LONG: Duration = Duration::from_secs(30);

fn backend() -> Backend {
    Backend::start("b1").expect("a port")
}

async fn get(backend: &Backend, headers: &[(&str, &str)]) -> std::io::Result<seaway_testkit::client::Answer> {
    let mut client = Client::open(backend.addr(), Wire::Http1).await?;
    let request = headers
        .iter()
        .fold(Request::get("/x").header("host", "a"), |r, (name, value)| {
            r.header(*name, *value)
        });
    client.send(request, "").await
}

#[tokio::test]
async fn a_backend_says_what_it_received_over_http1() {
    let backend = backend();
    let mut client = Client::open(backend.addr(), Wire::Http1)
        .await
        .expect("a connection");
    let request = Request::post("/cart?x=1")
        .header("host", "shop.example.com")
        .header("x-a", "1");
    let received = client
        .send(request, "hello")
        .await
        .expect("an answer")
        .received()
        .expect("JSON");
    assert_eq!(
        (
            received.backend.as_str(),
            received.method.as_str(),
            received.path.as_str(),
            received.host.as_str()
        ),
        ("b1", "POST", "/cart?x=1", "shop.example.com")
    );
    assert_eq!(received.protocol, "HTTP/1.1");
    assert_eq!(received.header("x-a"), Some("1"));
    assert_eq!(
        (received.body_bytes, received.body.as_deref()),
        (5, Some("hello"))
    );
    assert_eq!(backend.requests(), [received]);
}

#[tokio::test]
async fn a_backend_speaks_http2_by_prior_knowledge_on_the_same_port() {
    let backend = backend();
    let mut client = Client::open(backend.addr(), Wire::Http2)
        .await
        .expect("a connection");
    let answer = client
        .send(Request::get("http://shop.example.com/x"), "")
        .await
        .expect("an answer");
    let received = answer.received().expect("JSON");
    assert_eq!(
        (received.protocol.as_str(), received.host.as_str()),
        ("HTTP/2.0", "shop.example.com")
    );
}

#[tokio::test]
async fn a_backend_does_what_the_headers_ask_for() {
    let backend = backend();
    let answer = get(&backend, &[("x-echo-status", "503"), ("x-echo-header", "x-y=z")])
        .await
        .expect("an answer");
    assert_eq!((answer.status, answer.header("x-y")), (503, Some("z")));
    let answer = get(&backend, &[("x-echo-answer", "chunked=100000")])
        .await
        .expect("an answer");
    assert_eq!(
        (answer.body.len(), answer.header("content-length")),
        (100_000, None)
    );
    let answer = get(&backend, &[("x-echo-answer", "sized=100000")])
        .await
        .expect("an answer");
    assert_eq!(
        (answer.body.len(), answer.header("content-length")),
        (100_000, Some("100000"))
    );
}

#[tokio::test]
async fn connections_end_as_the_headers_ask_for() {
    let backend = backend();
    for ending in ["reset", "close", "refuse", "truncate"] {
        let headers = [("x-echo-end", ending), ("x-echo-answer", "sized=100000")];
        assert!(get(&backend, &headers).await.is_err(), "{ending}");
    }
    assert_eq!(backend.count(), 4);
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let backend = backend();
    for (ending, is_reset) in [(Ending::Reset, true), (Ending::Close, false)] {
        backend.script([Behaviour::ending(ending)]);
        let mut stream = tokio::net::TcpStream::connect(backend.addr())
            .await
            .expect("a connection");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .expect("sent");
        let read = stream.read_to_end(&mut Vec::new()).await;
        assert_eq!(read.is_err(), is_reset, "{ending:?}: {read:?}");
    }
}

#[tokio::test]
async fn a_script_is_followed_in_turn_and_then_over() {
    let backend = backend();
    backend.script([Behaviour::status(503), Behaviour::ending(Ending::Reset)]);
    assert_eq!(get(&backend, &[]).await.expect("an answer").status, 503);
    assert!(get(&backend, &[]).await.is_err());
    assert_eq!(get(&backend, &[]).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_held_request_is_answered_once_it_is_released() {
    let backend = backend();
    backend.script([Behaviour::hold()]);
    let (answer, ()) = tokio::join!(get(&backend, &[]), async {
        backend.wait_for(1).await.expect("the request arrives");
        backend.release();
    });
    assert_eq!(answer.expect("an answer").status, 200);
}

#[tokio::test]
async fn grpc_messages_come_back_with_a_status_in_the_trailers() {
    let backend = backend();
    let mut client = Client::open(backend.addr(), Wire::Http2)
        .await
        .expect("a connection");
    let request = Request::post("http://a/shop.Shop/Get").header("content-type", "application/grpc");
    let answer = client
        .send(request, &b"\0\0\0\0\x02hi"[..])
        .await
        .expect("an answer");
    assert_eq!(&answer.body[..], b"\0\0\0\0\x02hi");
    let trailers = answer.trailers.expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn a_websocket_echoes_until_the_backend_stops() {
    let mut backend = backend();
    let mut socket = websocket(backend.addr(), "ws://a/chat").await.expect("a socket");
    socket.send(Message::text("hello")).await.expect("sent");
    assert_eq!(
        socket.next().await.expect("a message").expect("a message"),
        Message::text("hello")
    );
    backend.kill().await;
    assert!(!matches!(socket.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn any_other_upgrade_echoes_bytes() {
    let backend = backend();
    let mut raw = Raw::open(backend.addr()).await.expect("a connection");
    raw.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await
        .expect("sent");
    assert_eq!(raw.read_answer().await.expect("an answer").status, 101);
    raw.write(b"any bytes").await.expect("sent");
    raw.finish().await.expect("finished");
    assert_eq!(raw.read_to_close(LONG).await.bytes, b"any bytes");
}

#[tokio::test]
async fn a_killed_backend_refuses_and_restarts_on_the_same_port() {
    let mut backend = backend();
    let mut client = Client::open(backend.addr(), Wire::Http1)
        .await
        .expect("a connection");
    backend.kill().await;
    client.closed().await.expect("closed");
    assert!(Client::open(backend.addr(), Wire::Http1).await.is_err());
    backend.restart().expect("the port is free");
    assert_eq!(get(&backend, &[]).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_stopping_backend_finishes_what_it_has_begun() {
    let mut backend = backend();
    backend.script([Behaviour::hold()]);
    let mut client = Client::open(backend.addr(), Wire::Http1)
        .await
        .expect("a connection");
    let asked = tokio::spawn(async move { client.send(Request::get("/").header("host", "a"), "").await });
    backend.wait_for(1).await.expect("the request arrives");
    backend.release();
    backend.stop().await;
    assert_eq!(asked.await.expect("no panic").expect("an answer").status, 200);
}

#[tokio::test]
async fn a_raw_exchange_sees_every_answer_of_a_pipeline() {
    let backend = backend();
    let two = b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let exchange = exchange(backend.addr(), two, LONG).await.expect("a connection");
    assert!(exchange.closed);
    assert_eq!(exchange.statuses(), [200, 200]);
}

#[tokio::test]
async fn load_counts_what_went_well_and_what_did_not() {
    let backend = backend();
    let goal = Goal {
        address: backend.addr(),
        host: "a".into(),
        path: "/".into(),
    };
    for kind in [Kind::Http1, Kind::Http2, Kind::WebSocket] {
        let load = Load::start(kind, &goal, 2);
        load.wait_for(50).await.expect("answers");
        let totals = load.stop().await;
        assert_eq!(
            (totals.failed, totals.errors.len()),
            (0, 0),
            "{kind:?} {totals:?}"
        );
        assert!(totals.ok >= 50, "{kind:?} {totals:?}");
    }
    backend.script([Behaviour::status(500)]);
    let load = Load::start(Kind::Http1, &goal, 1);
    load.wait_for(1).await.expect("answers");
    let totals = load.stop().await;
    assert_eq!((totals.failed, totals.errors), (1, vec!["status 500".to_owned()]));
}

#[tokio::test]
async fn a_client_trusts_the_given_root_and_no_other() {
    let ca = seaway_testkit::certs::Ca::new("test");
    let leaf = ca.leaf(&["shop.example.com"]);
    let address = serve_tls(&leaf);
    let trusting = ClientTls::trusting(&ca.pem()).expect("a root");
    assert!(trusting.presented(address, "shop.example.com").await.is_ok());
    assert!(trusting.presented(address, "other.example.com").await.is_err());
    let other = ClientTls::trusting(&seaway_testkit::certs::Ca::new("other").pem()).expect("a root");
    assert!(other.presented(address, "shop.example.com").await.is_err());
}

/// Shakes hands with whoever comes.
fn serve_tls(leaf: &seaway_testkit::certs::Leaf) -> std::net::SocketAddr {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("PEM");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key pair");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}
