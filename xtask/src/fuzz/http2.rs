//! Bytes, to both sides of the HTTP/2 codec.
//!
//! Promised: it never panics; what it says in answer is bounded; and neither the messages that were whole nor how the
//! connection ended depend on how the bytes are cut.
//!
//! The first byte says how the rest is read: to a server or to a client, and as it stands or as frames whose lengths are
//! put right, so that chance need not find them.

mod io;
mod sides;

use super::Trace;
use sides::{Came, Message};

/// More can make a connection end because its answers were not written, which depends on how the bytes are cut.
const LONGEST: usize = 8 << 10;

/// What came of an input.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Outcome {
    messages: Vec<Message>,
    /// Streams that were broken off, and how the connection was: what was said about it, in order of streams.
    ends: Vec<(u32, u32)>,
    /// What the application heard of the connection.
    end: Option<String>,
}

impl Outcome {
    /// Nobody made a mistake.
    fn is_farewell(&self) -> bool {
        self.ends.contains(&(0, 0))
    }
}

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    let Some((how, rest)) = input.split_first() else {
        return Trace(0);
    };
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let bytes = if how & 2 == 0 { rest.to_vec() } else { framed(rest) };
    let run = if how & 1 == 0 {
        sides::server
    } else {
        sides::client
    };
    let whole = outcome(&bytes, bytes.len().max(1), run);
    for piece in [1, 7] {
        let pieces = outcome(&bytes, piece, run);
        // After a farewell it matters whether what follows had come when the last stream was over.
        if !whole.is_farewell() && !pieces.is_farewell() {
            assert_eq!(
                whole, pieces,
                "it is another connection when the bytes come {piece} at a time"
            );
        }
    }
    let messages: Vec<_> = whole.messages.iter().map(Message::kind).collect();
    let ends: Vec<_> = whole.ends.iter().map(|(_, reason)| reason).collect();
    Trace::of(&(how & 1, messages, ends, whole.end))
}

fn outcome(bytes: &[u8], piece: usize, run: fn(&[u8], usize) -> Came) -> Outcome {
    let (messages, heard, end) = run(bytes, piece);
    let content: usize = messages.iter().map(Message::length).sum();
    assert!(content <= bytes.len(), "it made up content");
    assert!(
        heard.bytes <= 4096 + 16 * bytes.len(),
        "{} bytes are said in answer to {}",
        heard.bytes,
        bytes.len()
    );
    Outcome {
        messages,
        ends: heard.ends,
        end,
    }
}

/// Frames of a kind, flags, a stream and a length of one byte each, and so much of what follows.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(([kind, flags, stream, length], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        bytes.extend_from_slice(&[0, 0, length, kind % 12, *flags, 0, 0, 0, stream % 16]);
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Connections that are good and bad, as inputs.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    // GET, and POST with a length, without a table.
    let get = b"\x01\x05\x01\x04\x82\x86\x84\x01";
    let post = b"\x01\x04\x01\x0b\x83\x86\x84\x41\x01a\x0f\x0d\x015";
    let frames: [&[&[u8]]; 6] = [
        &[&get[..7], b"\x01a", b"\x06\x00\x00\x0812345678"],
        &[post, b"\x00\x01\x01\x05hello"],
        &[post, b"\x00\x08\x01\x04\x01ab\x00", b"\x01\x05\x01\x03\x40\x01t"],
        &[
            b"\x01\x05\x01\x01\x88",
            b"\x01\x04\x03\x01\x88",
            b"\x00\x01\x03\x05hello",
        ],
        &[
            b"\x08\x00\x00\x04\x00\x00\x10\x00",
            b"\x03\x00\x01\x04\x00\x00\x00\x08",
        ],
        &[
            b"\x04\x00\x00\x06\x00\x04\x00\x00\x00\x05",
            b"\x07\x00\x00\x08\x00\x00\x00\x03\x00\x00\x00\x00",
        ],
    ];
    let mut seeds = Vec::new();
    for frames in frames {
        let frames = frames.concat();
        for side in [0, 1] {
            seeds.push([&[2 | side], &frames[..]].concat());
            seeds.push([&[side], &framed(&frames)[..]].concat());
        }
    }
    seeds
}

/// Pieces that mean something.
#[must_use]
pub fn words() -> Vec<Vec<u8>> {
    let words: [&[u8]; 20] = [
        b"\x01\x05\x03\x03\x82\x86\x84",
        b"\x01\x04\x05\x03\x82\x86\x84",
        b"\x01\x05\x01\x01\x88",
        b"\x01\x04\x03\x01\x88",
        b"\x09\x04\x01\x00",
        b"\x00\x01\x01\x05hello",
        b"\x00\x09\x03\x03\x01a\x00",
        b"\x03\x00\x01\x04\x00\x00\x00\x00",
        b"\x08\x00\x01\x04\x7f\xff\xff\xff",
        b"\x08\x00\x01\x04\x00\x00\x00\x00",
        b"\x04\x01\x00\x00",
        b"\x07\x00\x00\x08\x7f\xff\xff\xff\x00\x00\x00\x00",
        b"\x02\x00\x01\x05\x00\x00\x00\x01\x00",
        // An entry for the table, and the way back to it; a change of its size.
        b"\x40\x01a\x01b",
        b"\xbe",
        b"\x20",
        b"\x3f\xe1\x1f",
        // content-length: 5, :status 304 and 100.
        b"\x0f\x0d\x015",
        b"\x8b",
        b"\x08\x03100",
    ];
    words.iter().map(|word| word.to_vec()).collect()
}
