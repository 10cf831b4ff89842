use super::*;

mod properties;
mod unknown;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 512,
    fields: 8,
};

/// What a whole input came to: how many heads passed, how many bytes may be passed on, and why it stopped.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    messages: u64,
    stop: Option<Stop>,
}

fn verdict_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Verdict {
    let mut guard = Guard::new(LIMITS, true);
    let mut stop = None;
    for part in parts {
        let fed = guard.feed(part);
        assert!(fed.consumed <= part.len());
        assert!(fed.stop.is_some() || fed.consumed == part.len());
        stop = fed.stop;
        if stop.is_some() {
            break;
        }
    }
    Verdict {
        messages: guard.messages(),
        stop,
    }
}

/// The verdict, after making sure that no way of cutting the input in two or in single bytes changes it.
fn verdict(input: &[u8]) -> Verdict {
    let whole = verdict_of_parts([input]);
    for at in 0..=input.len() {
        let (left, right) = input.split_at(at);
        assert_eq!(verdict_of_parts([left, right]), whole, "cut at {at}");
    }
    assert_eq!(verdict_of_parts(input.chunks(1)), whole, "single bytes");
    whole
}

fn refusal(input: &str) -> Option<Reason> {
    match verdict(input.as_bytes()).stop {
        Some(Stop::Refused(refusal)) => Some(refusal.reason),
        _ => None,
    }
}

#[track_caller]
fn passes(input: &str, messages: u64) {
    assert_eq!(
        verdict(input.as_bytes()),
        Verdict { messages, stop: None },
        "{input:?}"
    );
}

#[track_caller]
fn refused(input: &str, reason: Reason) {
    assert_eq!(refusal(input), Some(reason), "{input:?}");
}

/// A request with these lines after the Host.
fn with(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

#[test]
fn ordinary_requests_pass() {
    passes("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    passes(
        "get /x?y=z HTTP/1.1\r\nhOsT:\ta:80 \r\nX:\r\nY: \u{f6}\t b\r\n\r\n",
        1,
    );
    passes("GET / HTTP/1.0\r\n\r\n", 1);
    passes("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", 1);
    passes("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    passes(
        "P / HTTP/1.1\r\nHost: a\r\n\r\nPR / HTTP/1.1\r\nHost: a\r\n\r\n",
        2,
    );
    passes("PRI / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
}

#[test]
fn bodies_are_followed_to_the_next_request() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    passes(&format!("{}hello{get}", with("Content-Length: 5")), 2);
    passes(&format!("{}{get}", with("Content-Length: 0")), 2);
    let chunked = with("Transfer-Encoding: Chunked");
    passes(&format!("{chunked}5\r\nhello\r\n00\r\n\r\n{get}"), 2);
    passes(
        &format!("{chunked}A;x=y;z=\"q\\\"\"\r\n0123456789\r\n0 ; n\r\nT: v\r\n\r\n{get}"),
        2,
    );
    passes(&format!("{chunked}3\r\n\r\n0\r\n0\r\n\r\n{get}"), 2);
}

#[test]
fn a_body_is_released_as_it_comes_and_a_head_only_as_a_whole() {
    let mut guard = Guard::new(LIMITS, true);
    let head = with("Content-Length: 5");
    let (most, last) = head.split_at(head.len() - 1);
    assert_eq!(guard.feed(most.as_bytes()).stop, None);
    assert_eq!(guard.unreleased(), most.len());
    assert_eq!(guard.phase(), Phase::Head);
    guard.feed(last.as_bytes());
    assert_eq!(guard.unreleased(), 0);
    assert_eq!(guard.phase(), Phase::Body);
    guard.feed(b"hel");
    assert_eq!(guard.unreleased(), 0);
    guard.feed(b"loGE");
    assert_eq!(guard.unreleased(), 2);
    assert_eq!(guard.phase(), Phase::Head);
}

#[test]
fn a_refusal_takes_nothing_from_the_good_request_before_it() {
    let good = with("X: y");
    let mut guard = Guard::new(LIMITS, true);
    let fed = guard.feed(format!("{good}GET / HTTP/1.1\r\nX: y\r\n\r\n").as_bytes());
    assert!(matches!(fed.stop, Some(Stop::Refused(_))), "{fed:?}");
    assert!(
        fed.consumed - guard.unreleased() >= good.len(),
        "{fed:?}, {}",
        guard.unreleased()
    );
}

#[test]
fn the_request_line_has_one_reading() {
    refused("GET  / HTTP/1.1\r\n", Reason::Target);
    refused("GET\t/ HTTP/1.1\r\n", Reason::Method);
    refused(" GET / HTTP/1.1\r\n", Reason::Method);
    refused("G\u{e9}T / HTTP/1.1\r\n", Reason::Method);
    refused("G(T / HTTP/1.1\r\n", Reason::Method);
    refused("GET /\r\n", Reason::Version);
    refused("GET /\n", Reason::Version);
    refused("GET / \r\n", Reason::Version);
    refused("GET /  HTTP/1.1\r\n", Reason::Version);
    refused("GET / HTTP/1.1 \r\n", Reason::Version);
    refused("GET / http/1.1\r\n", Reason::Version);
    refused("GET /a b HTTP/1.1\r\n", Reason::Version);
    refused("GET /\tHTTP/1.1\r\n", Reason::Target);
    refused("GET /\u{0}x HTTP/1.1\r\n", Reason::Target);
    refused("GET /\u{7f} HTTP/1.1\r\n", Reason::Target);
    refused("GET /\u{e9} HTTP/1.1\r\n", Reason::Target);
    refused("GET /a#b HTTP/1.1\r\n", Reason::Target);
    refused("GET a HTTP/1.1\r\nHost: a\r\n\r\n", Reason::Target);
    refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Reason::Target);
    refused("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::Target);
    refused("\r\n\r\nGET / HTTP/1.1\r\n", Reason::LeadingLines);
    refused("\nGET / HTTP/1.1\r\n", Reason::BareLf);
    refused(
        &format!("{} / HTTP/1.1\r\n", "M".repeat(65)),
        Reason::MethodTooLong,
    );
}

#[test]
fn lines_end_with_both_characters_everywhere() {
    refused("GET / HTTP/1.1\nHost: a\n\n", Reason::BareLf);
    refused("GET / HTTP/1.1\rHost: a\r\n\r\n", Reason::BareCr);
    refused("GET / HTTP/1.1\r\nHost: a\n\r\n", Reason::BareLf);
    refused("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Reason::BareCr);
    refused("GET / HTTP/1.1\r\nHost: a\r\n\n", Reason::BareLf);
    refused("GET / HTTP/1.1\r\nHost: a\r\n\rX", Reason::BareCr);
    refused("\rGET", Reason::BareCr);
    let chunked = with("Transfer-Encoding: chunked");
    refused(&format!("{chunked}5\nhello"), Reason::BareLf);
    refused(&format!("{chunked}5\rhello"), Reason::BareCr);
    refused(&format!("{chunked}5;a\nhello"), Reason::BareLf);
    refused(&format!("{chunked}5\r\nhello\n0"), Reason::ChunkEnd);
    refused(&format!("{chunked}0\r\nT: v\n\r\n"), Reason::BareLf);
    refused(&format!("{chunked}0\r\n\n"), Reason::BareLf);
}

#[test]
fn field_lines_have_one_reading() {
    refused(&with("X : y"), Reason::SpaceBeforeColon);
    refused(&with("X\t: y"), Reason::SpaceBeforeColon);
    refused(&with(": y"), Reason::FieldName);
    refused(&with("X"), Reason::FieldName);
    refused(&with("X(: y"), Reason::FieldName);
    refused(&with("\u{0}X: y"), Reason::FieldName);
    refused(&with("X: a\r\n b"), Reason::Folding);
    refused(&with("X: a\r\n\tb"), Reason::Folding);
    refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Reason::LeadingWhitespace);
    refused(&with("X: a\u{0}b"), Reason::FieldValue);
    refused(&with("X: a\u{8}b"), Reason::FieldValue);
    refused(&with("X: a\u{7f}b"), Reason::FieldValue);
}

#[test]
fn a_length_is_one_number() {
    refused(
        &with("Content-Length: 5\r\nContent-Length: 5"),
        Reason::LengthRepeated,
    );
    refused(
        &with("Content-Length: 5\r\ncontent-length: 6"),
        Reason::LengthRepeated,
    );
    for bad in [
        "5, 5",
        "5,6",
        "+5",
        "-5",
        "0x5",
        "5 5",
        "",
        "five",
        "18446744073709551616",
        "9223372036854775808",
    ] {
        refused(&with(&format!("Content-Length: {bad}")), Reason::LengthInvalid);
    }
}

#[test]
fn an_encoding_is_exactly_chunked() {
    for bad in [
        "gzip",
        "chunked, chunked",
        "identity",
        "",
        "chunked;q=1",
        "xchunked",
        "\"chunked\"",
    ] {
        refused(&with(&format!("Transfer-Encoding: {bad}")), Reason::Encoding);
    }
    refused(
        &with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        Reason::Encoding,
    );
    refused(
        &with("Transfer-Encoding: chunked\r\nContent-Length: 5"),
        Reason::LengthWithEncoding,
    );
    refused(
        &with("Content-Length: 0\r\nTransfer-Encoding: chunked"),
        Reason::LengthWithEncoding,
    );
    refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Reason::EncodingInHttp10,
    );
}

#[test]
fn there_is_one_host_and_the_target_agrees() {
    refused("GET / HTTP/1.1\r\n\r\n", Reason::HostMissing);
    refused(&with("Host: a"), Reason::HostRepeated);
    refused(&with("HOST: b"), Reason::HostRepeated);
    refused(
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        Reason::HostRepeated,
    );
    for bad in ["a b", "a/b", "u@a", "a:b", "a,b/c", "[::1", ""] {
        refused(
            &format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n"),
            Reason::HostInvalid,
        );
    }
    passes("GET http://A/x HTTP/1.1\r\nHost: a:80\r\n\r\n", 1);
    passes("GET http://a/x HTTP/1.0\r\n\r\n", 1);
    passes("GET / HTTP/1.0\r\nHost:\r\n\r\n", 1);
    refused("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Reason::HostMismatch);
    refused(
        "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
        Reason::HostMismatch,
    );
    refused("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", Reason::Target);
    refused("CONNECT b:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Reason::HostMismatch);
    refused(
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n",
        Reason::ConnectBody,
    );
}

#[test]
fn chunks_are_followed_strictly() {
    let chunked = with("Transfer-Encoding: chunked");
    for (bad, reason) in [
        ("x", Reason::ChunkSize),
        ("\r\n", Reason::ChunkSize),
        (";a\r\n", Reason::ChunkSize),
        ("-1\r\n", Reason::ChunkSize),
        ("0x5\r\n", Reason::ChunkSize),
        ("5 \r\n", Reason::ChunkExtension),
        ("5 5\r\n", Reason::ChunkExtension),
        ("5;\r\n", Reason::ChunkExtension),
        ("5;a=\r\n", Reason::ChunkExtension),
        ("5;a=\"b\r\n", Reason::ChunkExtension),
        ("5;=b\r\n", Reason::ChunkExtension),
        ("5;a=\"b\"c\r\n", Reason::ChunkExtension),
        ("5;a\u{0}\r\n", Reason::ChunkExtension),
        ("ffffffffffffffff\r\n", Reason::ChunkTooLarge),
        ("10000000000000000\r\n", Reason::ChunkTooLarge),
        ("00000000000000005\r\n", Reason::ChunkTooLarge),
        ("5\r\nhelloX", Reason::ChunkEnd),
        ("5\r\nhello0\r\n\r\n", Reason::ChunkEnd),
        ("0\r\nContent-Length: 5\r\n\r\n", Reason::Trailer),
        ("0\r\nHost: b\r\n\r\n", Reason::Trailer),
        ("0\r\nTransfer-Encoding: chunked\r\n\r\n", Reason::Trailer),
        ("0\r\nT : v\r\n\r\n", Reason::SpaceBeforeColon),
        ("0\r\nT: v\r\n w\r\n\r\n", Reason::Folding),
    ] {
        refused(&format!("{chunked}{bad}"), reason);
    }
    let long = format!("{chunked}1;a={}", "b".repeat(5000));
    let verdict = verdict_of_parts([long.as_bytes()]);
    assert_eq!(
        verdict.stop,
        Some(Stop::Refused(Refusal {
            reason: Reason::ChunkExtensionTooLarge,
            in_body: true
        }))
    );
}

#[test]
fn extensions_are_counted_over_the_whole_message() {
    let mut input = with("Transfer-Encoding: chunked");
    for _ in 0..50 {
        input.push_str(&format!("1;a={}\r\nx\r\n", "b".repeat(100)));
    }
    let verdict = verdict_of_parts([input.as_bytes()]);
    assert!(matches!(
        verdict.stop,
        Some(Stop::Refused(Refusal {
            reason: Reason::ChunkExtensionTooLarge,
            ..
        }))
    ));
}

#[test]
fn what_is_too_large_is_told_apart() {
    refused(
        &format!("GET /{} HTTP/1.1\r\n", "x".repeat(600)),
        Reason::TargetTooLong,
    );
    refused(&with(&format!("X: {}", "y".repeat(600))), Reason::HeadTooLarge);
    refused(&with(&"X: y\r\n".repeat(9)), Reason::TooManyFields);
    let chunked = with("Transfer-Encoding: chunked");
    refused(
        &format!("{chunked}0\r\nX: {}", "y".repeat(600)),
        Reason::HeadTooLarge,
    );
    refused(
        &format!("{chunked}0\r\n{}", "X: y\r\n".repeat(9)),
        Reason::TooManyFields,
    );
}

#[test]
fn many_requests_each_below_the_limit_pass() {
    let one = with(&format!("X: {}", "y".repeat(400)));
    let many = one.repeat(10);
    assert_eq!(
        verdict_of_parts(many.as_bytes().chunks(7)),
        Verdict {
            messages: 10,
            stop: None
        }
    );
}

#[test]
fn only_a_fault_after_the_head_is_one_of_the_body() {
    let in_body = |input: &str| match verdict(input.as_bytes()).stop {
        Some(Stop::Refused(refusal)) => refusal.in_body,
        other => panic!("{other:?}"),
    };
    assert!(!in_body("GET / HTTP/1.1\r\n\r\n"));
    assert!(!in_body(&format!("{}GET /\r\n", with("Content-Length: 0"))));
    assert!(!in_body("X".repeat(70).as_str()));
    assert!(in_body(&format!("{}z", with("Transfer-Encoding: chunked"))));
    assert!(in_body(&format!(
        "{}0\r\n: z\r\n",
        with("Transfer-Encoding: chunked")
    )));
}

#[test]
fn bytes_after_an_upgrade_wait_for_the_answer() {
    let request = with("Upgrade: websocket\r\nConnection: upgrade");
    let mut guard = Guard::new(LIMITS, true);
    let input = format!("{request}\u{1}\u{2}");
    let fed = guard.feed(input.as_bytes());
    assert_eq!((fed.consumed, fed.stop), (request.len(), Some(Stop::Held)));
    assert_eq!(guard.unreleased(), 0);

    guard.resume();
    let fed = guard.feed(b"\x01\x02");
    assert!(matches!(fed.stop, Some(Stop::Refused(_))));
}

#[test]
fn an_upgrade_with_a_body_waits_after_the_body() {
    let request = with("Upgrade: x\r\nContent-Length: 2");
    let mut guard = Guard::new(LIMITS, true);
    let fed = guard.feed(format!("{request}ab\u{1}").as_bytes());
    assert_eq!((fed.consumed, fed.stop), (request.len() + 2, Some(Stop::Held)));
}

#[test]
fn http2_is_told_at_its_last_byte_and_only_at_the_start() {
    assert_eq!(
        verdict(PREFACE),
        Verdict {
            messages: 0,
            stop: Some(Stop::Http2)
        }
    );
    let mut later = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    later.extend_from_slice(PREFACE);
    assert!(matches!(verdict(&later).stop, Some(Stop::Refused(_))));
    let mut guard = Guard::new(LIMITS, false);
    assert!(matches!(guard.feed(PREFACE).stop, Some(Stop::Refused(_))));
}
