//! Targets in their less usual forms, and methods with rules of their own, as bytes on a connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::headers::mirror_of_heads;
use super::support::*;

/// All that is answered to these requests by the time the connection is closed. The upstream sends back what it got.
async fn answered(requests: &str) -> String {
    let address = mirror_of_heads().await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut client = TcpStream::connect(gateway.http1).await.unwrap();
    client.write_all(requests.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(client.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// Of one request with these lines.
async fn answer(lines: &str) -> String {
    answered(&format!("{lines}\r\nconnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn a_port_that_the_scheme_implies_is_the_same_as_none() {
    for (target, host) in [
        ("http://a:80/x", "a"),
        ("http://a/x", "A:80"),
        ("https://a/x", "a:443"),
        ("http://[::1]:80/x", "[::1]"),
    ] {
        let got = answer(&format!("GET {target} HTTP/1.1\r\nhost: {host}")).await;
        assert!(got.contains("\r\n\r\nGET /x\n"), "{target} {host}: {got}");
    }
    for (target, host) in [
        ("http://a:443/x", "a"),
        ("http://a:81/x", "a:80"),
        ("http://[::80]/x", "[::"),
    ] {
        let got = answer(&format!("GET {target} HTTP/1.1\r\nhost: {host}")).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{target} {host}: {got}");
    }
}

#[tokio::test]
async fn options_of_a_place_without_a_path_is_about_the_server() {
    for (line, forwarded) in [
        ("OPTIONS http://a", "OPTIONS *"),
        ("OPTIONS http://a/", "OPTIONS /"),
        ("OPTIONS http://a?q", "OPTIONS /?q"),
        ("GET http://a", "GET /"),
    ] {
        let got = answer(&format!("{line} HTTP/1.1\r\nhost: a")).await;
        assert!(got.contains(&format!("\r\n\r\n{forwarded}\n")), "{line}: {got}");
    }
}

#[tokio::test]
async fn options_and_trace_go_as_far_as_they_say() {
    for (method, max, forwarded) in [
        ("OPTIONS", "3", "max-forwards: 2\n"),
        ("TRACE", "1", "max-forwards: 0\n"),
        ("OPTIONS", "99999999999", "max-forwards: 4294967294\n"),
        ("OPTIONS", "soon", "max-forwards: soon\n"),
        ("GET", "0", "max-forwards: 0\n"),
    ] {
        let got = answer(&format!("{method} / HTTP/1.1\r\nhost: a\r\nmax-forwards: {max}")).await;
        assert!(got.contains(forwarded), "{method} {max}: {got}");
    }
    for (method, status) in [("OPTIONS", "200"), ("TRACE", "405")] {
        let got = answer(&format!("{method} / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0")).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        assert!(
            got.contains("\r\nallow: GET, ") && got.ends_with("\r\n\r\n"),
            "{got}"
        );
    }
}

#[tokio::test]
async fn trace_with_content_is_refused() {
    let got = answer("TRACE / HTTP/1.1\r\nhost: a\r\ncontent-length: 0").await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    let got =
        answered("TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc").await;
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
}

#[tokio::test]
async fn what_follows_a_connect_that_is_refused_is_no_request() {
    let got = answered("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 405 "), "{got}");
    assert!(got.contains("\r\nconnection: close\r\n"), "{got}");
    assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{got}");
}
