//! Hostile input on the wire: what is answered, and that none of it reaches the pipeline.

use super::support::*;

#[track_caller]
fn refused(gate: &Gate, input: &str, status: u16) {
    let answer = gate.connect().send(input).rest();
    assert_eq!(statuses(&answer), [status], "{input:?} was answered {answer:?}");
    assert!(
        answer.contains("\r\nconnection: close\r\n"),
        "{input:?} was answered {answer:?}"
    );
    assert!(gate.is_untouched(), "{input:?} reached the pipeline");
}

#[test]
fn hostile_heads_are_refused_and_reach_nobody() {
    let gate = Gate::http();
    let with = |lines: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
    for input in [
        with("Content-Length: 3\r\nContent-Length: 3") + "abc",
        with("Content-Length: 3\r\nContent-Length: 4") + "abc",
        with("Content-Length: 3, 3") + "abc",
        with("Content-Length: +3") + "abc",
        with("Content-Length: 99999999999999999999"),
        with("Content-Length: 3\r\nTransfer-Encoding: chunked") + "0\r\n\r\n",
        with("Transfer-Encoding: xchunked") + "0\r\n\r\n",
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity") + "0\r\n\r\n",
        with("Transfer-Encoding : chunked") + "0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        with("X: a\r\n b"),
        with("X: a\rY: b"),
        with("X: a\nY: b"),
        with("X: a\u{0}b"),
        with("X\t: a"),
        with(": a"),
        with("Host: b"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: a\n\n".to_owned(),
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(),
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /\r\n".to_owned(),
        "GET / HTTP/01.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ] {
        refused(&gate, &input, 400);
    }
}

#[test]
fn what_is_not_ours_to_understand_is_refused_with_its_own_status() {
    let gate = Gate::http();
    refused(&gate, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    refused(&gate, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505);
    refused(&gate, &format!("{} / HTTP/1.1\r\n", "M".repeat(100)), 501);
    let coded = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    refused(&gate, coded, 501);
}

#[test]
fn what_is_too_large_is_refused_with_its_own_status() {
    let mut options = options();
    options.limits.head_bytes = 1024;
    options.limits.head_fields = 10;
    let gate = Gate::with(options);
    refused(&gate, &format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000)), 414);
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(2000));
    refused(&gate, &large, 431);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10));
    refused(&gate, &many, 431);
}

#[test]
fn requests_before_a_bad_one_are_answered_first() {
    let gate = Gate::http();
    let input = format!(
        "{}{}GET /c HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        get("/a"),
        get("/b")
    );
    let answer = gate.connect().send(input).rest();
    assert_eq!(statuses(&answer), [200, 200, 400], "{answer}");
    assert!(answer.find("GET /a").unwrap() < answer.find("GET /b").unwrap());
    assert_eq!([gate.next(), gate.next()], ["http-80 GET /a", "http-80 GET /b"]);
    assert!(gate.is_untouched());
}

#[test]
fn a_bad_request_waits_for_a_slow_answer_before_it() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(format!("{}BAD\r\n\r\n", get("/hold")));
    gate.next();
    gate.release.add_permits(1);
    let answer = client.rest();
    assert!(
        answer.find(" 200 ").unwrap() < answer.find(" 400 ").unwrap(),
        "{answer}"
    );
}

#[test]
fn a_head_that_comes_slowly_is_refused() {
    let mut options = options();
    options.limits.head_timeout = std::time::Duration::from_millis(30);
    let gate = Gate::with(options);
    refused(&gate, "GET / HTTP/1.1\r\nHo", 408);
}

#[test]
fn a_slow_head_on_a_used_connection_is_refused_too() {
    let mut options = options();
    options.limits.head_timeout = std::time::Duration::from_millis(30);
    let gate = Gate::with(options);
    let mut client = gate.connect();
    client.send(get("/")).response();
    let answer = client.send("GET / HT").rest();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_body_that_breaks_its_framing_ends_in_an_error_and_a_400() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_eq!(gate.next(), "http-80 POST /body");
    client.send("3\nabc");
    assert_eq!(gate.next(), "refused Some(\"bare_lf\")");
    let answer = client.rest();
    assert_eq!(statuses(&answer), [400], "{answer}");
}

#[test]
fn refusals_are_counted_and_recorded() {
    let gate = Gate::http();
    gate.connect().send("GET / HTTP/1.1\r\n\r\n").rest();
    let stats = gate.proxy.stats();
    assert_eq!(stats.protocol_errors.get("host_missing"), Some(&1), "{stats:?}");
    assert_eq!(*gate.records.lock().unwrap(), [(400, "host_missing".to_owned())]);
}

#[test]
fn a_large_answer_before_a_bad_request_arrives_whole() {
    let gate = Gate::http();
    let body = "x".repeat(4 * 1024 * 1024);
    let mut client = gate.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let input = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}BAD\r\n",
        body.len()
    );
    let sender =
        std::thread::spawn(move || std::io::Write::write_all(&mut writer, input.as_bytes()).unwrap());
    let (head, echoed) = client.response();
    sender.join().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(echoed.len(), body.len());
    assert!(client.rest().starts_with("HTTP/1.1 400 "));
}
