//! What we say: heads at once, content as the peer's windows and our buffers allow.

use std::task::Waker;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};

use super::Core;
use crate::error::{By, Error, Reason};
use crate::frame::{self, Head};
use crate::message::Protocol;
use crate::settings::MOST_WINDOW;
use crate::stream::{Coming, End, Going, Stream};

/// Streams in the line that are gone, beside as many as there are.
const MOST_GONE: usize = 64;
/// Content of one frame, though the peer may allow more: others have their turn after it.
const MOST_CONTENT: usize = 64 << 10;

impl Core {
    /// Opens a stream with a request. There must be a place for it.
    pub(crate) fn open<B>(&mut self, request: &Request<B>, is_over: bool) -> Result<usize, Error> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let id = self.next;
        self.next += 2;
        let mut stream = Stream::new(id, self.limits.window, i64::from(self.allowed.window));
        stream.is_head = request.method() == Method::HEAD;
        if is_over {
            stream.going = Going::Over;
        }
        let key = self.streams.insert(stream);
        self.keys.insert(id, key);
        self.active += 1;
        let at = self.begin_section();
        let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
        self.encoder.request(request, protocol, &mut self.output.tail);
        self.end_section(at, id, is_over);
        self.call_driver();
        Ok(key)
    }

    /// Leaves room for a head, and says where.
    pub(super) fn begin_section(&mut self) -> usize {
        let at = self.output.tail.len();
        self.output.tail.extend_from_slice(&[0; frame::HEAD]);
        at
    }

    /// Fills in the head of a section that was written after [`Self::begin_section`], and cuts what is too long.
    pub(super) fn end_section(&mut self, at: usize, stream: u32, is_over: bool) {
        let tail = &mut self.output.tail;
        let length = tail.len().saturating_sub(at + frame::HEAD);
        let most = self.allowed.frame;
        let mut head = Head {
            length: length.min(most),
            kind: frame::HEADERS,
            flags: if is_over { frame::END_STREAM } else { 0 },
            stream,
        };
        if length <= most {
            head.flags |= frame::END_HEADERS;
        }
        if let Some(place) = tail.get_mut(at..at + frame::HEAD) {
            place.copy_from_slice(&head.bytes());
        }
        if length > most {
            let rest = tail.split_off(at + frame::HEAD + most);
            continuations(tail, stream, &rest, most);
        }
    }

    /// How much content may be sent now.
    pub(crate) fn room(&self, key: usize) -> Result<usize, Error> {
        let stream = self.open_stream(key)?;
        if !stream.waiting.is_empty() || self.output.is_full() {
            return Ok(0);
        }
        Ok(usize::try_from(stream.sends.min(self.sends)).unwrap_or(0))
    }

    /// Calls `writer` when there may be room.
    pub(crate) fn await_room(&mut self, key: usize, writer: &Waker) {
        let is_common = self.sends <= 0 || self.output.is_full();
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let before = crate::handle::note(&mut stream.writer, writer);
        self.wake(before);
        if is_common {
            self.line_up(key);
        }
    }

    fn line_up(&mut self, key: usize) {
        if let Some(stream) = self.streams.get_mut(key)
            && !stream.is_queued
        {
            stream.is_queued = true;
            let id = stream.id;
            if self.queue.len() >= MOST_GONE + 2 * self.streams.len() {
                let streams = &self.streams;
                self.queue
                    .retain(|(key, id)| streams.get(*key).is_some_and(|stream| stream.id == *id));
            }
            self.queue.push_back((key, id));
        }
    }

    pub(super) fn open_stream(&self, key: usize) -> Result<&Stream, Error> {
        match self.streams.get(key) {
            Some(stream) if matches!(stream.going, Going::Open) => Ok(stream),
            Some(stream) => Err(stream.error.clone().unwrap_or(Error::Ended)),
            None => Err(Error::Ended),
        }
    }

    /// Sends content, or lets it wait until it can be sent.
    pub(crate) fn send_content(&mut self, key: usize, data: Bytes, is_over: bool) -> Result<(), Error> {
        self.open_stream(key)?;
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        if !data.is_empty() {
            stream.waiting.push_back(data);
        }
        if is_over {
            stream.going = Going::Ending(End::Content);
        }
        self.push(key);
        Ok(())
    }

    /// Ends the message with trailers.
    pub(crate) fn send_trailers(&mut self, key: usize, trailers: HeaderMap) -> Result<(), Error> {
        self.open_stream(key)?;
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        stream.going = Going::Ending(End::Trailers(Box::new(trailers)));
        self.push(key);
        Ok(())
    }

    /// Sends what of a stream can be sent.
    fn push(&mut self, key: usize) {
        while self.push_frame(key) {}
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if !stream.waiting.is_empty() {
            // It also waits for its own window; who is in the line without need only passes.
            if stream.sends > 0 {
                self.line_up(key);
            }
            return;
        }
        self.push_end(key);
    }

    /// Sends one frame of content. False: there is nothing, or no room.
    fn push_frame(&mut self, key: usize) -> bool {
        if self.output.is_full() {
            return false;
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return false;
        };
        let Some(data) = stream.waiting.front_mut() else {
            return false;
        };
        let room = usize::try_from(stream.sends.min(self.sends)).unwrap_or(0);
        let length = data.len().min(room).min(self.allowed.frame).min(MOST_CONTENT);
        if length == 0 {
            return false;
        }
        let piece = data.split_to(length);
        if data.is_empty() {
            stream.waiting.pop_front();
        }
        let is_last = stream.waiting.is_empty() && matches!(stream.going, Going::Ending(End::Content));
        let sent = i64::try_from(length).unwrap_or(i64::MAX);
        stream.sends -= sent;
        self.sends -= sent;
        let head = Head {
            length,
            kind: frame::DATA,
            flags: if is_last { frame::END_STREAM } else { 0 },
            stream: stream.id,
        };
        self.output.tail.extend_from_slice(&head.bytes());
        self.output.content(piece);
        self.call_driver();
        if is_last {
            self.went_to_end(key);
        }
        !is_last
    }

    /// Says the end that waited behind content.
    fn push_end(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if !matches!(stream.going, Going::Ending(_)) {
            return;
        }
        let id = stream.id;
        let Going::Ending(end) = std::mem::replace(&mut stream.going, Going::Open) else {
            return;
        };
        match end {
            End::Content => {
                let head = Head {
                    length: 0,
                    kind: frame::DATA,
                    flags: frame::END_STREAM,
                    stream: id,
                };
                self.output.tail.extend_from_slice(&head.bytes());
            }
            End::Trailers(trailers) => {
                let at = self.begin_section();
                self.encoder.trailers(&trailers, &mut self.output.tail);
                self.end_section(at, id, true);
            }
        }
        self.call_driver();
        self.went_to_end(key);
    }

    pub(super) fn went_to_end(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.going = Going::Over;
        if stream.is_over() {
            self.ended_well(key);
        } else {
            self.abandon(key);
        }
    }

    /// A stream's own window has opened.
    pub(super) fn has_room(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.sends <= 0 {
            return;
        }
        let writer = stream.writer.take();
        self.wake(writer);
        self.push(key);
    }

    /// What is common to all streams has room again: those that wait for it go on in their order.
    pub(crate) fn go_on(&mut self) {
        let mut left = self.queue.len();
        while left > 0 && self.sends > 0 && !self.output.is_full() {
            left -= 1;
            let Some((key, id)) = self.queue.pop_front() else {
                return;
            };
            let Some(stream) = self.streams.get_mut(key).filter(|stream| stream.id == id) else {
                continue;
            };
            stream.is_queued = false;
            self.has_room(key);
        }
    }

    /// So much of a stream's content may be sent again.
    pub(super) fn credit(&mut self, key: usize, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.credit_connection(bytes);
        let threshold = self.limits.window / 2;
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.coming == Coming::Over {
            return;
        }
        stream.owed = stream
            .owed
            .saturating_add(u32::try_from(bytes).unwrap_or(MOST_WINDOW));
        if stream.owed >= threshold.max(1) {
            let by = std::mem::take(&mut stream.owed);
            stream.receives += i64::from(by);
            frame::window_update(&mut self.output.tail, stream.id, by);
            self.call_driver();
        }
    }

    /// The same for what is common to all streams.
    pub(super) fn credit_connection(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(MOST_WINDOW);
        self.owed = self.owed.saturating_add(bytes);
        // With streams that nobody takes from, half of it may never be taken.
        if self.owed >= self.limits.connection_window / 2 || i64::from(self.owed) > self.receives {
            let by = std::mem::take(&mut self.owed);
            self.receives += i64::from(by);
            frame::window_update(&mut self.output.tail, 0, by);
            self.call_driver();
        }
    }

    /// Nobody will take what comes on a stream, or has come.
    pub(crate) fn ignore(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if std::mem::replace(&mut stream.is_ignored, true) {
            return;
        }
        stream.trailers = None;
        stream.early = Vec::new();
        stream.head = None;
        let left = std::mem::take(&mut stream.content);
        self.credit_connection(left.len());
    }

    /// Resets a stream for who uses it.
    pub(crate) fn give_up(&mut self, key: usize, reason: Reason) {
        self.reset(key, reason, By::User);
    }
}

/// The rest of a section.
fn continuations(out: &mut BytesMut, stream: u32, rest: &[u8], most: usize) {
    let mut pieces = rest.chunks(most).peekable();
    while let Some(piece) = pieces.next() {
        let head = Head {
            length: piece.len(),
            kind: frame::CONTINUATION,
            flags: if pieces.peek().is_none() {
                frame::END_HEADERS
            } else {
                0
            },
            stream,
        };
        out.extend_from_slice(&head.bytes());
        out.extend_from_slice(piece);
    }
}
