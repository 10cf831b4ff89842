//! What our own HTTP/1.1 client makes of the bytes of an answer, beside what hyper's makes of them.
//!
//! hyper is the oracle: what ours takes, hyper takes and reads in the same way, wherever the bytes are cut. Ours may
//! refuse more, and only for a reason that is named here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

#[path = "http1_answers/generate.rs"]
mod generate;
#[path = "http1_answers/oracle.rs"]
mod oracle;

use http::Method;
use proptest::prelude::*;
use seaway_proxy::upstream::http1::{Asked, End, Reading, read};

use generate::{answers, cut, mutations};

fn get() -> Asked {
    Asked {
        method: Method::GET,
        upgrade: false,
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let method = prop_oneof![3 => Just(Method::GET), 1 => Just(Method::HEAD), 1 => Just(Method::POST)];
    (method, prop::bool::weighted(0.2)).prop_map(|(method, upgrade)| Asked { method, upgrade })
}

/// Whether these bytes have something that ours refuses and hyper takes.
fn is_stricter(asked: &Asked, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let values = |name: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    let (codings, lengths) = (values("transfer-encoding:"), values("content-length:"));
    let is_bare = |(at, byte): (usize, &u8)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r');
    let is_switch = |line: &str| line.starts_with("http/1.") && line.split_whitespace().nth(1) == Some("101");
    let is_odd = |length: &String| length.len() > 18 || !length.bytes().all(|digit| digit.is_ascii_digit());
    bytes.iter().enumerate().any(is_bare)
        // An empty line before an answer, also one before the answer proper.
        || bytes.starts_with(b"\r\n")
        || text.contains("\r\n\r\n\r\n")
        || codings.iter().any(|coding| coding != "chunked")
        || codings.len() + lengths.len() > 1
        || lengths.iter().any(|length| length.is_empty() || is_odd(length))
        || (text.contains("http/1.0") && !codings.is_empty())
        || (text.lines().any(is_switch) && !asked.upgrade)
}

fn compare(asked: &Asked, bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let pieces = cut(bytes, cuts);
    let text = String::from_utf8_lossy(bytes);
    let ours = read(asked, &pieces);
    prop_assert_eq!(
        &read(asked, &[bytes]),
        &ours,
        "it depends on where the bytes are cut"
    );
    let theirs = oracle::read(asked, &pieces);
    if ours.end == End::Refused && theirs.end == End::CutShort {
        // Ours does not wait for the rest of what cannot become an answer.
        return Ok(());
    }
    if ours.end == End::CutShort && theirs.end == End::Refused {
        // Ours judges lines when they, or trailers when all of them, are there, and must refuse them then.
        let ended = [bytes, b"\r\n\r\n"].concat();
        let end = read(asked, &[&ended]).end;
        prop_assert_eq!(end, End::Refused, "hyper refuses {:?}", text);
        return Ok(());
    }
    if ours.end == End::Refused && theirs.end != End::Refused {
        prop_assert!(
            is_stricter(asked, bytes),
            "ours refuses {:?}, hyper reads {:?}",
            text,
            theirs
        );
        return Ok(());
    }
    let (ours, mut theirs) = (comparable(ours), comparable(theirs));
    if ours.end == End::Closed && theirs.end == End::Reusable && !bytes.is_ascii() {
        // Options of the connection that cannot be read may be a wish to close it.
        theirs.end = End::Closed;
    }
    prop_assert_eq!(ours, theirs, "{:?}", text);
    Ok(())
}

/// Without what differs on purpose: several equal lengths become one in ours, and trailers that would change the message
/// are left out.
fn comparable(mut reading: Reading) -> Reading {
    if let Some((_, headers)) = &mut reading.head {
        headers.remove("content-length");
    }
    for name in [
        "transfer-encoding",
        "content-length",
        "connection",
        "upgrade",
        "set-cookie",
    ] {
        reading.trailers.as_mut().map(|trailers| trailers.remove(name));
    }
    if reading.end == End::Refused {
        // How far each got before it refused is its own affair.
        reading.head = None;
        reading.body.clear();
        reading.trailers = None;
    }
    reading
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_answer_is_read_as_hyper_reads_it((asked, bytes, cuts) in (asked(), answers(), prop::collection::vec(0..400_usize, 0..6))) {
        compare(&asked, &bytes, &cuts)?;
    }

    #[test]
    fn an_answer_that_was_tampered_with_is_read_as_hyper_reads_it_or_refused(
        (asked, bytes, mutations, cuts) in
            (asked(), answers(), mutations(), prop::collection::vec(0..400_usize, 0..6))
    ) {
        let mut bytes = bytes;
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        compare(&asked, &bytes, &cuts)?;
    }
}

fn end(bytes: &str) -> End {
    read(&get(), &[bytes.as_bytes()]).end
}

#[test]
fn a_body_that_is_cut_short_has_not_ended() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
        "",
    ] {
        assert_eq!(end(bytes), End::CutShort, "{bytes:?}");
    }
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    for bytes in [
        "\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "<html>hello</html>",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\n\r\n",
        "HTTP/1.1 200 OK\r\nx: 1\r\n folded\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n",
    ] {
        assert_eq!(end(bytes), End::Refused, "{bytes:?}");
    }
}

#[test]
fn a_connection_serves_again_only_where_both_sides_know_where_the_answer_ended() {
    for (bytes, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na", End::Reusable),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: x, Close\r\n\r\na",
            End::Closed,
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", End::Closed),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\na",
            End::Reusable,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", End::Closed),
        ("HTTP/1.1 200 OK\r\n\r\na", End::Closed),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
            End::Reusable,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", End::Reusable),
    ] {
        assert_eq!(end(bytes), expected, "{bytes:?}");
    }
}

#[test]
fn a_head_has_limits() {
    let fields = |count: usize, size: usize| {
        let field = |at| format!("x-{at}: {}\r\n", "v".repeat(size));
        let fields: String = (0..count).map(field).collect();
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n")
    };
    assert_eq!(end(&fields(99, 100)), End::Reusable);
    assert_eq!(end(&fields(100, 100)), End::Refused);
    assert_eq!(end(&fields(70, 1_000)), End::Refused);
}
