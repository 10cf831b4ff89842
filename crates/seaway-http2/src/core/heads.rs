//! Header blocks: from frames to the head or the trailers of a message.

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};

use super::{Block, Core};
use crate::error::Reason;
use crate::frame::{self, Head};
use crate::message::{self, Fault};
use crate::stream::Coming;

/// Frames of one header block, beyond those that its size explains.
const MOST_CONTINUATIONS: usize = 16;

/// Heads before the head.
const MOST_EARLY: u8 = 64;

impl Core {
    pub(super) fn headers(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let range = frame::unpadded(head, payload)?;
        let mut block = payload.get(range).unwrap_or_default();
        let mut depends = None;
        if head.has(frame::HAS_PRIORITY) {
            let (on, rest) = block.split_at_checked(5).ok_or(Reason::FRAME_SIZE_ERROR)?;
            depends = on.get(..4).map(frame::growth).transpose()?;
            block = rest;
        }
        let is_end = head.has(frame::END_STREAM);
        if !head.has(frame::END_HEADERS) {
            self.block = Some(Block {
                stream: head.stream,
                is_end,
                bytes: BytesMut::from(block),
                frames: 1,
            });
            return Ok(());
        }
        self.section(head.stream, is_end, block)?;
        if depends == Some(head.stream)
            && let Some(key) = self.key(head.stream)?
        {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        }
        Ok(())
    }

    /// Bounded in bytes and in frames: one without content costs the peer nothing (CVE-2024-27316).
    pub(super) fn continuation(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let Some(mut block) = self.block.take() else {
            return Err(Reason::PROTOCOL_ERROR);
        };
        block.bytes.extend_from_slice(payload);
        block.frames += 1;
        // One that is too large should still come to its end, to be answered.
        let most = 2 * self.limits.header_list as usize;
        let explained = block.bytes.len() / frame::DEFAULT_FRAME;
        if block.bytes.len() > most || block.frames > MOST_CONTINUATIONS + explained {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        if head.has(frame::END_HEADERS) {
            return self.section(block.stream, block.is_end, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A whole header block. It is decoded even where nobody wants it, since the next one may build on it.
    fn section(&mut self, id: u32, is_end: bool, block: &[u8]) -> Result<(), Reason> {
        if self
            .accepting
            .as_ref()
            .is_some_and(|accepting| accepting.is_new(id))
        {
            return self.request(id, is_end, block);
        }
        let limit = self.limits.header_list as usize;
        let key = self.key(id)?;
        let coming = key
            .and_then(|key| self.streams.get(key))
            .map(|stream| stream.coming);
        let (Some(key), Some(coming)) = (key, coming) else {
            let decoded = message::trailers(&mut self.decoder, block, limit);
            decoded.map(drop).map_err(|_| Reason::COMPRESSION_ERROR)?;
            return self.forgotten(id);
        };
        if coming == Coming::Head {
            let response = message::response(&mut self.decoder, block, limit);
            return match response.map_err(|_| Reason::COMPRESSION_ERROR)? {
                Ok(response) => self.response(key, is_end, response),
                Err(Fault::Malformed | Fault::TooLarge) => self.fault(key, Reason::PROTOCOL_ERROR),
            };
        }
        let trailers = message::trailers(&mut self.decoder, block, limit);
        let trailers = trailers.map_err(|_| Reason::COMPRESSION_ERROR)?;
        match trailers {
            _ if coming == Coming::Over => self.late(key),
            Ok(trailers) if is_end => self.trailers(key, trailers),
            _ => self.fault(key, Reason::PROTOCOL_ERROR),
        }
    }

    fn response(&mut self, key: usize, is_end: bool, response: Response<()>) -> Result<(), Reason> {
        if response.status().is_informational() {
            // It is followed by another head (RFC 9113, 8.1).
            return if is_end {
                self.fault(key, Reason::PROTOCOL_ERROR)
            } else {
                self.early(key, response)
            };
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        let length = announced(response.headers());
        stream.is_head |= response.status() == StatusCode::NOT_MODIFIED;
        let Ok(left) = length else {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        };
        stream.left = left;
        if is_end && !stream.count(0, true) {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        }
        if !stream.is_ignored {
            stream.head = Some(Box::new(response));
        }
        stream.coming = Coming::Content;
        if is_end {
            self.came_to_end(key);
        }
        self.call_reader(key);
        Ok(())
    }

    /// Kept for who waits for the head, who is faster than those are sent, or not served any more.
    fn early(&mut self, key: usize, response: Response<()>) -> Result<(), Reason> {
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        if stream.is_ignored {
            return Ok(());
        }
        stream.informational = stream.informational.saturating_add(1);
        if stream.informational > MOST_EARLY {
            return self.fault(key, Reason::ENHANCE_YOUR_CALM);
        }
        stream.early.push(response);
        self.call_reader(key);
        Ok(())
    }

    fn trailers(&mut self, key: usize, trailers: HeaderMap) -> Result<(), Reason> {
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        if !stream.count(0, true) {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        }
        if !stream.is_ignored {
            stream.trailers = Some(Box::new(trailers));
        }
        self.came_to_end(key);
        self.call_reader(key);
        Ok(())
    }

    /// Priorities are not used (RFC 9113, 5.3.2); their form is looked at.
    pub(super) fn priority(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let on = payload.get(..4).filter(|_| payload.len() == 5);
        let reason = match on.map(frame::growth).transpose()? {
            Some(on) if on != head.stream => return Ok(()),
            Some(_) => Reason::PROTOCOL_ERROR,
            None => Reason::FRAME_SIZE_ERROR,
        };
        match self.keys.get(&head.stream) {
            Some(key) => self.fault(*key, reason),
            None => Err(reason),
        }
    }
}

/// The length that a head announces. One that is no number is an error, and so are two that differ (RFC 9110, 8.6).
pub(super) fn announced(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(None);
    };
    let digits = length.as_bytes();
    if lengths.any(|other| other != length) || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(());
    }
    let text = std::str::from_utf8(digits).map_err(drop)?;
    text.parse().map(Some).map_err(drop)
}
