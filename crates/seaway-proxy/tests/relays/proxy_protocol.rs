//! Clients that come through somebody who says who they are.

use std::time::Duration;

use seaway_model::*;
use tokio::io::AsyncReadExt as _;

use super::support::*;

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
const CLIENT: &str = "192.0.2.7:4711";

/// The same in binary, with a TLV that nobody knows.
fn v2() -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11".to_vec();
    bytes.extend([192, 0, 2, 7, 198, 51, 100, 1]);
    bytes.extend([4711_u16.to_be_bytes(), 443_u16.to_be_bytes()].concat());
    bytes.extend([0xee, 0, 2, 1, 2]);
    bytes
}

fn expecting(listener: Listener) -> Listener {
    Listener {
        proxy_protocol: true,
        ..listener
    }
}

#[tokio::test]
async fn requests_come_from_whom_the_header_names() {
    let gate = Gate::new();
    gate.serve(
        vec![expecting(listener(80, Protocol::Http, None))],
        Vec::new(),
        Vec::new(),
    );
    for header in [V1.to_vec(), v2()] {
        let mut client = gate.connect(80).await;
        write(&mut client, &[&header, GET].concat()).await;
        assert_eq!(
            introduction(&rest(&mut client).await),
            format!("http-80 {CLIENT} - -")
        );
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces() {
    let gate = Gate::new();
    gate.serve(
        vec![expecting(listener(80, Protocol::Http, None))],
        Vec::new(),
        Vec::new(),
    );
    for header in [V1.to_vec(), v2()] {
        let mut client = gate.connect(80).await;
        for piece in [&header, GET].concat().chunks(3) {
            write(&mut client, piece).await;
        }
        assert_eq!(
            introduction(&rest(&mut client).await),
            format!("http-80 {CLIENT} - -")
        );
    }
}

#[tokio::test]
async fn whoever_speaks_for_himself_is_the_client() {
    let gate = Gate::new();
    gate.serve(
        vec![expecting(listener(80, Protocol::Http, None))],
        Vec::new(),
        Vec::new(),
    );
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let mut client = gate.connect(80).await;
        let peer = client.local_addr().unwrap();
        write(&mut client, &[header, GET].concat()).await;
        assert_eq!(
            introduction(&rest(&mut client).await),
            format!("http-80 {peer} - -")
        );
    }
}

#[tokio::test]
async fn tls_begins_after_the_header() {
    let a = made("a.example");
    let gate = Gate::new();
    let listener = expecting(https(vec![certificate("a.example")], Vec::new()));
    gate.serve(vec![listener], Vec::new(), vec![a.secret.clone()]);
    let mut tcp = gate.connect(443).await;
    write(&mut tcp, V1).await;
    let mut client = shake_on(tcp, &trusting(&[&a], &[]), "a.example").await.unwrap();
    write(&mut client, GET).await;
    let answer = introduction(&rest(&mut client).await);
    assert_eq!(answer, format!("https-443 {CLIENT} a.example -"));
}

#[tokio::test]
async fn a_relayed_connection_is_of_whom_the_header_names_and_begins_after_it() {
    let server = Server::start().await;
    let mut gate = Gate::new();
    let listener = expecting(listener(9000, Protocol::Tcp, Some(to("c"))));
    gate.serve(vec![listener], vec![cluster("c", &[server.address])], Vec::new());
    let mut client = gate.connect(9000).await;
    write(&mut client, &[&v2(), &b"hello"[..]].concat()).await;
    let mut upstream = server.accept().await;
    assert_eq!(read(&mut upstream, 5).await, b"hello");
    assert_eq!(gate.opened().await.downstream, CLIENT.parse().unwrap());
}

#[tokio::test]
async fn whoever_sends_no_header_or_a_bad_one_is_not_served() {
    let mut options = options();
    options.limits.head_timeout = Duration::from_millis(30);
    let gate = Gate::with(options);
    gate.serve(
        vec![expecting(listener(80, Protocol::Http, None))],
        Vec::new(),
        Vec::new(),
    );
    for start in [
        GET,
        b"",
        b"PROXY TCP4 192.0.2.7",
        b"PROXY TCP4 1 2 3 4\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21",
    ] {
        let mut client = gate.connect(80).await;
        write(&mut client, start).await;
        // What was not read makes the end a reset.
        let mut answer = Vec::new();
        within(client.read_to_end(&mut answer)).await.ok();
        assert_eq!(answer, b"", "{start:?}");
    }
    assert_eq!(gate.proxy.stats().proxy_headers_refused, 5);
}

#[tokio::test]
async fn nobody_is_believed_where_no_header_is_expected() {
    let gate = Gate::new();
    gate.serve(vec![listener(80, Protocol::Http, None)], Vec::new(), Vec::new());
    let mut client = gate.connect(80).await;
    write(&mut client, &[V1, GET].concat()).await;
    let answer = rest(&mut client).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 400 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}
