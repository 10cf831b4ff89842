//! Frames (RFC 9113, 4 and 6): what stands in their heads, and those that have little else.

use bytes::{BufMut as _, BytesMut};

use crate::error::Reason;

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 9;
/// The largest frame that may be sent to a peer that has not said otherwise.
pub(crate) const DEFAULT_FRAME: usize = 16 << 10;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const HAS_PRIORITY: u8 = 0x20;

/// The highest bit of a stream's number and of a window's growth has no meaning.
const LOW: u32 = u32::MAX >> 1;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// The one that `input` begins with, if it is all there.
    pub(crate) fn of(input: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, s1, s2, s3, s4] = *input.first_chunk::<HEAD>()?;
        Some(Self {
            length: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind,
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & LOW,
        })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Its bytes. What is longer than a length can say is never made: frames are cut before.
    pub(crate) fn bytes(self) -> [u8; HEAD] {
        let [_, a, b, c] = u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes();
        let [s1, s2, s3, s4] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, s1, s2, s3, s4]
    }
}

/// What is left of a payload without its padding (RFC 9113, 6.1).
pub(crate) fn unpadded(head: Head, payload: &[u8]) -> Result<std::ops::Range<usize>, Reason> {
    if !head.has(PADDED) {
        return Ok(0..payload.len());
    }
    let padding = payload.first().copied().ok_or(Reason::FRAME_SIZE_ERROR)?;
    let end = payload.len().checked_sub(usize::from(padding));
    let end = end.filter(|end| *end >= 1).ok_or(Reason::PROTOCOL_ERROR)?;
    Ok(1..end)
}

/// The number in a payload that is one.
pub(crate) fn number(payload: &[u8]) -> Result<u32, Reason> {
    match payload {
        [a, b, c, d] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(Reason::FRAME_SIZE_ERROR),
    }
}

/// By how much a window grows.
pub(crate) fn growth(payload: &[u8]) -> Result<u32, Reason> {
    Ok(number(payload)? & LOW)
}

/// The last stream that a peer who goes away has looked at, and why it goes.
pub(crate) fn farewell(payload: &[u8]) -> Result<(u32, Reason), Reason> {
    let Some([a, b, c, d, e, f, g, h]) = payload.first_chunk::<8>().copied() else {
        return Err(Reason::FRAME_SIZE_ERROR);
    };
    let last = u32::from_be_bytes([a, b, c, d]) & LOW;
    Ok((last, Reason::from(u32::from_be_bytes([e, f, g, h]))))
}

fn small(out: &mut BytesMut, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let head = Head {
        length: payload.len(),
        kind,
        flags,
        stream,
    };
    out.put_slice(&head.bytes());
    out.put_slice(payload);
}

pub(crate) fn reset(out: &mut BytesMut, stream: u32, reason: Reason) {
    small(out, RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes());
}

pub(crate) fn window_update(out: &mut BytesMut, stream: u32, by: u32) {
    small(out, WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
}

pub(crate) fn ping(out: &mut BytesMut, flags: u8, payload: [u8; 8]) {
    small(out, PING, flags, 0, &payload);
}

pub(crate) fn settings(out: &mut BytesMut, flags: u8, payload: &[u8]) {
    small(out, SETTINGS, flags, 0, payload);
}

pub(crate) fn go_away(out: &mut BytesMut, last: u32, reason: Reason) {
    let [a, b, c, d] = last.to_be_bytes();
    let [e, f, g, h] = u32::from(reason).to_be_bytes();
    small(out, GOAWAY, 0, 0, &[a, b, c, d, e, f, g, h]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_that_was_written_is_read_again(
            length in 0..(1_usize << 24), kind: u8, flags: u8, stream in 0..=LOW,
        ) {
            let head = Head { length, kind, flags, stream };
            prop_assert_eq!(Head::of(&head.bytes()), Some(head));
        }
    }

    #[test]
    fn a_head_is_nine_bytes() {
        assert_eq!(Head::of(&[0; 8]), None);
        assert!(Head::of(&[0; 9]).is_some());
    }

    #[test]
    fn padding_that_is_longer_than_the_frame_is_an_error() {
        let head = |flags| Head {
            length: 3,
            kind: DATA,
            flags,
            stream: 1,
        };
        assert_eq!(unpadded(head(0), b"abc"), Ok(0..3));
        assert_eq!(unpadded(head(PADDED), &[1, b'a', 0]), Ok(1..2));
        assert_eq!(unpadded(head(PADDED), &[2, 0, 0]), Ok(1..1));
        assert_eq!(unpadded(head(PADDED), &[3, 0, 0]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(unpadded(head(PADDED), &[]), Err(Reason::FRAME_SIZE_ERROR));
    }
}
