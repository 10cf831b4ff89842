//! What becomes of a connection whose client does not do the usual: leaves, does not read, does not send.

use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;

use super::support::*;
use super::tls::{TlsClient, made, serve, trusting};

#[test]
fn a_client_that_is_gone_is_not_worked_for() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(get("/hold"));
    gate.next();
    // A handler that is dropped gives back its way to tell, and nobody has let it go on.
    SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    eventually(|| gate.proxy.connections() == 0);
    assert_eq!(gate.release.available_permits(), 0);
}

#[test]
fn the_little_that_is_left_of_a_body_is_read_away() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert!(client.response().0.starts_with("HTTP/1.1 200 "));
    client.send(format!("abcde{}", get("/x")));
    assert_eq!(client.response().1, "http-80 GET /x 0");
    client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert!(client.response().0.starts_with("HTTP/1.1 200 "));
    client.send(format!("0\r\n\r\n{}", get("/y")));
    assert_eq!(client.response().1, "http-80 GET /y 0");
}

#[test]
fn much_that_is_left_of_a_body_is_not_waited_for() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\nabc");
    let answer = client.rest();
    // So that the client does not ask again where nobody listens.
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(statuses(&answer), [200]);
}

#[test]
fn a_body_that_was_not_asked_for_ends_the_connection() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let answer = client.rest();
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(statuses(&answer), [200]);
}

#[test]
fn http_1_0_may_ask_for_more() {
    let gate = Gate::http();
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send("GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        let (head, body) = client.response();
        assert!(head.contains("\r\nconnection: keep-alive\r\n"), "{head}");
        assert_eq!(body, "http-80 GET /x 0");
    }
    client.send("GET /x HTTP/1.0\r\n\r\n");
    assert!(client.rest().contains("\r\nconnection: close\r\n"));
}

#[test]
fn a_client_that_asks_for_the_end_gets_it() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n");
    let answer = client.rest();
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn a_client_that_does_not_read_is_not_waited_for() {
    let mut options = options();
    options.limits.stream_idle_timeout = Duration::from_millis(50);
    let gate = Gate::with(options);
    let mut client = gate.connect();
    let body = "x".repeat(16 * 1024 * 1024);
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head + &body);
    eventually(|| gate.proxy.connections() == 0);
}

#[test]
fn a_client_may_take_its_time_where_streams_may_stand_still_for_ever() {
    let mut options = options();
    options.limits.stream_idle_timeout = Duration::ZERO;
    let gate = Gate::with(options);
    let mut client = gate.connect();
    let body = "x".repeat(16 * 1024 * 1024);
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head + &body);
    assert!(client.rest().ends_with(&format!("\r\n\r\n{body}")));
}

#[test]
fn large_bodies_go_both_ways_at_once_over_tls() {
    use std::io::{Read as _, Write as _};
    let gate = Gate::empty(options());
    let a = made("a.example");
    serve(&gate, &[&a]);
    let mut client = TlsClient::connect(&gate, &trusting(&[&a], &[]), "a.example").unwrap();
    let body = "y".repeat(300_000);
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = rustls::Stream::new(&mut client.tls, &mut client.tcp.stream);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // Ends without an error only after a proper farewell (close_notify).
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")));
}

#[test]
fn an_idle_tls_connection_is_closed_with_a_farewell() {
    let mut options = options();
    options.limits.idle_timeout = Duration::from_millis(30);
    let gate = Gate::empty(options);
    let a = made("a.example");
    serve(&gate, &[&a]);
    let mut client = TlsClient::connect(&gate, &trusting(&[&a], &[]), "a.example").unwrap();
    assert_eq!(client.ask("/x"), "https-443 GET /x 0");
    assert_eq!(client.rest(), "");
}

#[test]
fn requests_that_come_ahead_wait_and_lose_nothing() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(get("/hold"));
    gate.next();
    // More than is read ahead of an answer.
    let count = 3000;
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, get("/x").repeat(count).as_bytes()).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    gate.release.add_permits(1);
    assert_eq!(client.response().1, "http-80 GET /hold 0");
    for _ in 0..count {
        assert_eq!(client.response().1, "http-80 GET /x 0");
    }
    sender.join().unwrap();
    assert_eq!(client.rest(), "");
}
