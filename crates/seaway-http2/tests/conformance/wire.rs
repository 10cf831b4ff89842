//! Frames as bytes, and a peer that is free to say any of them.
//!
//! Time is paused in these tests: a deadline only passes when nobody has anything left to do.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const HAS_PRIORITY: u8 = 0x20;
/// What most requests and answers without content have.
pub const WHOLE: u8 = END_STREAM | END_HEADERS;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const COMPRESSION_ERROR: u32 = 9;
pub const ENHANCE_YOUR_CALM: u32 = 11;

pub const TABLE_SIZE: u16 = 1;
pub const ENABLE_PUSH: u16 = 2;
pub const MAX_STREAMS: u16 = 3;
pub const WINDOW: u16 = 4;
pub const MAX_FRAME: u16 = 5;

/// The largest window.
pub const MOST: u32 = u32::MAX >> 1;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], self.kind, self.flags];
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The number that its payload begins with.
    pub fn number(&self) -> u32 {
        u32::from_be_bytes(*self.payload.first_chunk().unwrap())
    }

    /// Of GOAWAY: the reason.
    pub fn reason(&self) -> u32 {
        u32::from_be_bytes(*self.payload[4..].first_chunk().unwrap())
    }

    pub fn ends(&self) -> bool {
        self.flags & END_STREAM != 0
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Frame {
    Frame {
        kind,
        flags,
        stream,
        payload: payload.into(),
    }
}

pub fn setting(key: u16, value: u32) -> Vec<u8> {
    [&key.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

pub fn settings(all: &[(u16, u32)]) -> Frame {
    let payload: Vec<u8> = all
        .iter()
        .flat_map(|(key, value)| setting(*key, *value))
        .collect();
    frame(SETTINGS, 0, 0, payload)
}

pub fn window_update(stream: u32, by: u32) -> Frame {
    frame(WINDOW_UPDATE, 0, stream, by.to_be_bytes())
}

pub fn reset(stream: u32, reason: u32) -> Frame {
    frame(RST_STREAM, 0, stream, reason.to_be_bytes())
}

pub fn go_away(last: u32, reason: u32) -> Frame {
    frame(GOAWAY, 0, 0, [last.to_be_bytes(), reason.to_be_bytes()].concat())
}

pub fn data(stream: u32, flags: u8, content: &[u8]) -> Frame {
    frame(DATA, flags, stream, content)
}

/// A header block without a table: every field is spelled out.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            text_length(text.len(), &mut block);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn text_length(length: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(127) else {
        block.push(u8::try_from(length).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// One end of a connection.
#[derive(Debug)]
pub struct Peer {
    io: DuplexStream,
    input: BytesMut,
}

impl Peer {
    pub fn new(io: DuplexStream) -> Self {
        Self {
            io,
            input: BytesMut::new(),
        }
    }

    /// Writes bytes. The other side may have closed before, which is for [`Peer::hear`] to find out.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _closed = self.write_all(bytes).await;
    }

    /// Writes bytes. False: the other side has closed.
    pub async fn write_all(&mut self, bytes: &[u8]) -> bool {
        self.io.write_all(bytes).await.is_ok()
    }

    /// Writes some of the bytes, and says how many.
    pub async fn write_some(&mut self, bytes: &[u8]) -> usize {
        self.io.write(bytes).await.unwrap()
    }

    pub async fn say(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.write(&bytes).await;
    }

    /// So many bytes that are no frame.
    pub async fn read(&mut self, length: usize) -> Vec<u8> {
        while self.input.len() < length {
            assert_ne!(self.io.read_buf(&mut self.input).await.unwrap(), 0);
        }
        self.input.split_to(length).to_vec()
    }

    /// The next frame; `None` at the end.
    pub async fn hear(&mut self) -> Option<Frame> {
        let heard = tokio::time::timeout(Duration::from_secs(60), self.next());
        heard.await.expect("nothing was said")
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if !matches!(self.io.read_buf(&mut self.input).await, Ok(1..)) {
                return None;
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = *self.input.first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.input.get(9..9 + length)?.to_vec();
        self.input.advance(9 + length);
        let stream = u32::from_be_bytes(*head[5..].first_chunk().unwrap());
        Some(frame(head[3], head[4], stream, payload))
    }

    /// The next frame of a kind; others before it do not matter, unless they end the connection.
    pub async fn hear_a(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.hear().await.expect("the connection has ended");
            if frame.kind == kind {
                return frame;
            }
            assert_ne!(frame.kind, GOAWAY, "the connection ends: {frame:?}");
        }
    }

    /// Everything that is said before the answer to a ping.
    pub async fn is_alive(&mut self) -> Vec<Frame> {
        let ping = frame(PING, 0, 0, *b"is alive");
        self.say(std::slice::from_ref(&ping)).await;
        let mut before = Vec::new();
        loop {
            let heard = self.hear().await.expect("the connection has ended");
            if heard.kind == PING && heard.payload == ping.payload {
                return before;
            }
            assert_ne!(heard.kind, GOAWAY, "the connection ends: {heard:?}");
            before.push(heard);
        }
    }

    /// Nothing that was said is a mistake.
    pub async fn is_unharmed(&mut self) {
        let heard = self.is_alive().await;
        assert!(heard.iter().all(|frame| frame.kind != RST_STREAM), "{heard:?}");
    }

    /// A connection error.
    pub async fn breaks(&mut self, reason: u32) {
        loop {
            let heard = self
                .hear()
                .await
                .expect("the connection has ended without a word");
            if heard.kind == GOAWAY {
                assert_eq!(heard.reason(), reason, "{heard:?}");
                break;
            }
        }
        while self.hear().await.is_some() {}
    }

    /// A stream error, and no more than that.
    pub async fn breaks_off(&mut self, stream: u32, reason: u32) {
        let heard = self.hear_a(RST_STREAM).await;
        assert_eq!((heard.stream, heard.number()), (stream, reason));
        self.is_alive().await;
    }

    /// Closes this side.
    pub async fn close(&mut self) {
        self.io.shutdown().await.unwrap();
    }
}
