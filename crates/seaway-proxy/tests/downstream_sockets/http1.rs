//! HTTP/1.1 as it should be.

use std::net::Shutdown;
use std::time::Duration;

use super::support::*;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send([get("/a"), get("/b"), get("/c")].concat());
    for path in ["/a", "/b", "/c"] {
        assert_eq!(client.response().1, format!("http-80 GET {path} 0"));
    }
}

#[test]
fn a_request_may_come_in_single_bytes() {
    let gate = Gate::http();
    let mut client = gate.connect();
    for byte in
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n"
            .bytes()
    {
        client.send([byte]);
    }
    assert_eq!(client.response().1, "http-80 POST /x 3");
}

#[test]
fn a_body_is_asked_for_when_it_is_read() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    client.send("abc");
    assert_eq!(client.response().1, "http-80 POST /x 3");
}

#[test]
fn a_body_that_nobody_reads_is_not_asked_for() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert!(client.response().0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_client_that_has_closed_its_side_still_gets_its_answer() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(get("/hold"));
    client.stream.shutdown(Shutdown::Write).unwrap();
    gate.next();
    gate.release.add_permits(1);
    assert!(client.rest().starts_with("HTTP/1.1 200 "));
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let gate = Gate::http();
    let answer = gate.connect().send("GET / HTTP/1.0\r\n\r\n").rest();
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let mut options = options();
    options.limits.idle_timeout = Duration::from_millis(30);
    let gate = Gate::with(options);
    let mut client = gate.connect();
    client.send(get("/")).response();
    assert_eq!(client.rest(), "");
}

#[test]
fn a_connection_that_never_says_anything_is_closed_without_a_word() {
    let mut options = options();
    options.limits.head_timeout = Duration::from_millis(30);
    let gate = Gate::with(options);
    assert_eq!(gate.connect().rest(), "");
}

#[test]
fn a_connection_that_gave_its_buffers_back_serves_on() {
    let gate = Gate::http();
    let mut client = gate.connect();
    for _ in 0..5 {
        client.send(get("/x"));
        assert_eq!(client.response().1, "http-80 GET /x 0");
    }
    let big = "y".repeat(100_000);
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{big}",
        big.len()
    ));
    assert_eq!(client.response().1, big);
}

#[test]
fn a_slow_answer_does_not_count_as_idle() {
    let mut options = options();
    options.limits.idle_timeout = Duration::from_millis(1);
    let gate = Gate::with(options);
    let mut client = gate.connect();
    client.send(get("/hold"));
    gate.next();
    // A second connection idles out while the first waits for its answer.
    let mut other = gate.connect();
    other.send(get("/")).response();
    assert_eq!(other.rest(), "");
    gate.release.add_permits(1);
    assert_eq!(client.response().1, "http-80 GET /hold 0");
}

#[test]
fn an_upgraded_connection_passes_everything() {
    let gate = Gate::http();
    let mut client = gate.connect();
    let request = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    client.send(format!("{request}\0early\n"));
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    assert_eq!(client.until("\n"), "\0early\n");
    client.send("GET / nonsense\r\r\n");
    assert_eq!(client.until("\n"), "GET / nonsense\r\r\n");
    assert_eq!(gate.proxy.connections(), 1);
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "");
}

#[test]
fn a_declined_upgrade_stays_http() {
    let gate = Gate::http();
    let mut client = gate.connect();
    let request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    client.send(format!("{request}{}", get("/y")));
    assert_eq!(client.response().1, "http-80 GET /x 0");
    assert_eq!(client.response().1, "http-80 GET /y 0");
    client.send(format!("{request}BAD\r\n"));
    assert_eq!(client.response().1, "http-80 GET /x 0");
    assert_eq!(statuses(&client.rest()), [400]);
}

#[test]
fn a_declined_upgrade_may_be_followed_by_a_pause() {
    let gate = Gate::http();
    let mut client = gate.connect();
    let request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    for _ in 0..3 {
        client.send(request);
        assert_eq!(client.response().1, "http-80 GET /x 0");
        client.send(get("/y"));
        assert_eq!(client.response().1, "http-80 GET /y 0");
    }
}

#[test]
fn an_upgrade_to_http2_is_not_passed_on() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(
        "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    );
    let (_, headers) = client.response();
    assert!(
        !headers.contains("\"upgrade\":") && !headers.contains("http2-settings\":"),
        "{headers}"
    );
}

#[test]
fn connections_over_the_limit_are_closed_at_once() {
    let mut options = options();
    options.limits.connections = 1;
    let gate = Gate::with(options);
    let mut first = gate.connect();
    first.send(get("/")).response();
    assert_eq!(gate.connect().rest(), "");
    assert_eq!(gate.proxy.stats().over_limit, 1);
    first.send(get("/x"));
    assert_eq!(first.response().1, "http-80 GET /x 0");
}
