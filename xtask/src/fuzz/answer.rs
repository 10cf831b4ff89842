//! Bytes, to the reader of endpoints' answers over HTTP/1.1.
//!
//! Promised: it never panics; what it reads does not depend on how the bytes are cut; and where it says that both sides
//! know where the answer ended, one byte less is an answer that was cut short, and one more is noticed.

use http::Method;
use seaway_proxy::upstream::http1::{Asked, End, Reading, read};

use super::Trace;

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    let kinds = [(Method::GET, false), (Method::GET, true), (Method::HEAD, false)];
    let readings = kinds.map(|(method, upgrade)| check(&Asked { method, upgrade }, input));
    let seen = readings.map(|reading| {
        let status = reading
            .head
            .map(|(status, headers)| (status, headers.len().min(4)));
        (
            reading.end,
            status,
            reading.body.len().min(4),
            reading.trailers.is_some(),
        )
    });
    Trace::of(&seen)
}

fn check(asked: &Asked, input: &[u8]) -> Reading {
    let whole = read(asked, &[input]);
    for size in [1, 7] {
        let pieces: Vec<&[u8]> = input.chunks(size).collect();
        assert_eq!(
            whole,
            read(asked, &pieces),
            "it reads something else when the bytes come {size} at a time"
        );
    }
    assert!(whole.body.len() <= input.len(), "it made up a body");
    if whole.end == End::Reusable {
        let less = input.split_last().map(|(_, less)| less).unwrap_or_default();
        assert_eq!(read(asked, &[less]).end, End::CutShort, "it ended before its end");
        let more = read(asked, &[input, b"x"]);
        assert_eq!(
            (more.end, &more.body),
            (End::Closed, &whole.body),
            "what follows was not noticed"
        );
    }
    whole
}
