//! HTTP/2, by frames that are put together by hand: a client that keeps the rules for streams and windows would take more
//! of a core than the gateway does.
//!
//! Each request is a stream without content. Nothing is packed by a table, in either direction, so that a status can be
//! read without the answers before it.

use std::sync::Mutex;

use super::{Ask, Seen, Speech, count, lock};
use crate::way::Way;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const HEAD: usize = 9;
/// `SETTINGS_HEADER_TABLE_SIZE`: nothing.
const NO_TABLE: [u8; 6] = [0, 1, 0, 0, 0, 0];
/// All that a connection's window may grow by.
const WINDOW: u32 = 0x7fff_ffff - 65_535;

pub(super) struct Frames {
    block: Vec<u8>,
    has_begun: bool,
    /// Settings of the gateway have come that are to be confirmed.
    confirms: bool,
    next: u32,
}

impl Frames {
    pub(super) fn new(way: Way, ask: Ask) -> Self {
        // Of the static table: GET, http or https, /, and the name of the authority.
        let scheme = if way.over.is_tls { 0x87 } else { 0x86 };
        let mut block = vec![0x82, scheme, 0x84, 0x01];
        literal(&mut block, ask.host);
        for (name, value) in ask.fields {
            block.push(0);
            literal(&mut block, name);
            literal(&mut block, value);
        }
        Self {
            block,
            has_begun: false,
            confirms: false,
            next: 1,
        }
    }
}

impl Speech for Frames {
    fn asks(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            bytes.extend(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            frame(&mut bytes, SETTINGS, 0, 0, &NO_TABLE);
            frame(&mut bytes, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
        }
        if std::mem::take(&mut self.confirms) {
            frame(&mut bytes, SETTINGS, ACK, 0, &[]);
        }
        for _ in 0..count {
            let flags = END_STREAM | END_HEADERS;
            frame(&mut bytes, HEADERS, flags, self.next, &self.block);
            self.next += 2;
        }
        bytes
    }

    fn takes(&mut self, buffer: &mut Vec<u8>, seen: &Mutex<Seen>) -> usize {
        let mut seen = lock(seen);
        let (mut at, mut ended) = (0, 0);
        while let Some(head) = buffer.get(at..at + HEAD) {
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let (kind, flags) = (head[3], head[4]);
            let Some(payload) = buffer.get(at + HEAD..at + HEAD + length) else {
                break;
            };
            match kind {
                HEADERS => count(&mut seen, status(payload)),
                SETTINGS if flags & ACK == 0 => self.confirms = true,
                RST_STREAM | GOAWAY => panic!("an answer is refused: {kind} {payload:?}"),
                _ => {}
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                ended += 1;
            }
            at += HEAD + length;
        }
        buffer.drain(..at);
        ended
    }
}

/// `:status`, the first field of an answer.
fn status(block: &[u8]) -> u16 {
    // A change of the table's size may come first.
    let block = match block {
        [0x20..=0x3f, rest @ ..] => rest,
        all => all,
    };
    match block {
        [0x88, ..] => 200,
        [0x8d, ..] => 404,
        // A literal with a name of the static table.
        [0x08 | 0x18 | 0x48, 3, text @ ..] => {
            let text = text.get(..3).and_then(|text| std::str::from_utf8(text).ok());
            text.and_then(|text| text.parse().ok()).expect("a status")
        }
        _ => panic!("not a status: {block:?}"),
    }
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    bytes.extend(&length[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// A text of less than 127 bytes.
fn literal(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).expect("a short text"));
    block.extend(text.as_bytes());
}
