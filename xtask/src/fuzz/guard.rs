//! Bytes, to the guard that stands before the HTTP/1.1 parser.
//!
//! Promised: it never panics; its verdict does not depend on how the bytes are cut; and what it releases has one
//! reading only, which a second reader that shares no code with it confirms.

use seaway_proxy::downstream::guard::{Guard, HeadLimits, Stop};

use super::{Trace, strict};

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    let whole = verdict(input, input.len().max(1));
    for piece in [1, 7] {
        let pieces = verdict(input, piece);
        assert_eq!(
            whole, pieces,
            "the verdict changes when the bytes come {piece} at a time"
        );
    }
    if !matches!(whole.stop, Some(Stop::Http2 | Stop::Held)) {
        let released = input.get(..whole.released).unwrap_or_default();
        match strict::read(released, true) {
            Ok(read) => assert_eq!(
                read.heads, whole.messages,
                "two readers see a different number of requests"
            ),
            Err(why) => panic!("the guard released {why}"),
        }
    }
    let stop = whole.stop.map(|stop| format!("{stop:?}"));
    Trace::of(&(stop, whole.messages.min(4)))
}

#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    stop: Option<Stop>,
    messages: u64,
    released: usize,
}

fn verdict(input: &[u8], piece: usize) -> Verdict {
    let limits = HeadLimits {
        bytes: 4096,
        fields: 20,
    };
    let mut guard = Guard::new(limits, true);
    let (mut consumed, mut stop) = (0, None);
    for bytes in input.chunks(piece) {
        let fed = guard.feed(bytes);
        consumed += fed.consumed;
        stop = fed.stop;
        if stop.is_some() {
            break;
        }
    }
    Verdict {
        stop,
        messages: guard.messages(),
        released: consumed - guard.unreleased().min(consumed),
    }
}
