//! What a peer says, and what its mistakes cost it: its stream, or its connection (RFC 9113, 5.4).

use bytes::{Buf as _, Bytes, BytesMut};

use super::accept::FAREWELL_PING;
use super::{Core, MOST_ANSWERS, MOST_FAULTS, PING, Ping};
use crate::error::{By, Error, Reason};
use crate::frame::{self, Head};
use crate::settings::{MOST_WINDOW, Settings};
use crate::stream::{Coming, Going};

/// Content up to this is copied out of what was read, so that the memory it was read into can be read into again: a copy
/// costs less than new memory for the next read, and a small piece that waits does not keep a large one.
const COPIED: usize = 4 << 10;

impl Core {
    /// Takes all frames that are complete. An error is one of the connection.
    pub(crate) fn receive(&mut self, input: &mut BytesMut) -> Result<(), Reason> {
        if self.preface > 0 && !self.read_preface(input)? {
            return Ok(());
        }
        while let Some(head) = Head::of(input) {
            if head.length > self.limits.frame as usize {
                return Err(Reason::FRAME_SIZE_ERROR);
            }
            let Some(payload) = input.get(frame::HEAD..frame::HEAD + head.length) else {
                break;
            };
            self.check_order(head)?;
            if head.kind == frame::DATA && head.length <= COPIED {
                let payload = Bytes::copy_from_slice(payload);
                input.advance(frame::HEAD + head.length);
                self.data(head, payload)?;
            } else if head.kind == frame::DATA {
                input.advance(frame::HEAD);
                let payload = input.split_to(head.length).freeze();
                self.data(head, payload)?;
            } else {
                self.control(head, payload)?;
                input.advance(frame::HEAD + head.length);
            }
        }
        Ok(())
    }

    /// What a client says first (RFC 9113, 3.4). Whether all of it has come.
    fn read_preface(&mut self, input: &mut BytesMut) -> Result<bool, Reason> {
        let expected = frame::PREFACE
            .get(frame::PREFACE.len() - self.preface..)
            .unwrap_or_default();
        let length = expected.len().min(input.len());
        if input.get(..length) != expected.get(..length) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        input.advance(length);
        self.preface -= length;
        Ok(self.preface == 0)
    }

    /// The first frame is SETTINGS (RFC 9113, 3.4), and a header block is not interrupted (6.10).
    fn check_order(&self, head: Head) -> Result<(), Reason> {
        let is_first = !self.is_settled;
        if is_first && (head.kind != frame::SETTINGS || head.has(frame::ACK)) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        match &self.block {
            Some(block) if head.kind != frame::CONTINUATION || head.stream != block.stream => {
                Err(Reason::PROTOCOL_ERROR)
            }
            None if head.kind == frame::CONTINUATION => Err(Reason::PROTOCOL_ERROR),
            _ => Ok(()),
        }
    }

    fn control(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let is_of_connection = matches!(head.kind, frame::SETTINGS | frame::PING | frame::GOAWAY);
        let is_of_stream = matches!(
            head.kind,
            frame::HEADERS | frame::PRIORITY | frame::RST_STREAM | frame::CONTINUATION
        );
        if is_of_connection && head.stream != 0 || is_of_stream && head.stream == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        match head.kind {
            frame::HEADERS => self.headers(head, payload),
            frame::CONTINUATION => self.continuation(head, payload),
            frame::PRIORITY => self.priority(head, payload),
            frame::RST_STREAM => self.was_reset(head, payload),
            frame::SETTINGS => self.settings(head, payload),
            // It was not allowed to.
            frame::PUSH_PROMISE => Err(Reason::PROTOCOL_ERROR),
            frame::PING => self.pinged(head, payload),
            frame::GOAWAY => self.farewell(payload),
            frame::WINDOW_UPDATE => self.grown(head, payload),
            // RFC 9113, 5.5.
            _ => Ok(()),
        }
    }

    /// The stream of a frame. `None`: it is over, and the frame was under way. One that never was is an error (5.1).
    pub(super) fn key(&self, id: u32) -> Result<Option<usize>, Reason> {
        if let Some(key) = self.keys.get(&id) {
            return Ok(Some(*key));
        }
        let has_been = id % 2 == 1
            && match &self.accepting {
                Some(accepting) => !accepting.is_new(id),
                None => id < self.next,
            };
        has_been.then_some(None).ok_or(Reason::PROTOCOL_ERROR)
    }

    /// Something came on a stream that is forgotten. A client may not have known it; servers are not asked.
    pub(super) fn forgotten(&self, id: u32) -> Result<(), Reason> {
        match &self.accepting {
            Some(accepting) if accepting.is_mistaken(id) => Err(Reason::STREAM_CLOSED),
            _ => Ok(()),
        }
    }

    /// An answer to a frame that made us work.
    pub(super) fn answer(&mut self) -> Result<(), Reason> {
        self.answers += 1;
        if self.answers > MOST_ANSWERS {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        Ok(())
    }

    /// A peer broke a rule on one stream.
    pub(super) fn fault(&mut self, key: usize, reason: Reason) -> Result<(), Reason> {
        self.faults += 1;
        if self.faults > MOST_FAULTS {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        self.reset(key, reason, By::Codec);
        Ok(())
    }

    fn data(&mut self, head: Head, mut payload: Bytes) -> Result<(), Reason> {
        if head.stream == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let key = self.key(head.stream)?;
        // Padding counts (RFC 9113, 6.9.1).
        let length = i64::try_from(payload.len()).unwrap_or(i64::MAX);
        self.receives -= length;
        if self.receives < 0 {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        let range = frame::unpadded(head, &payload)?;
        let (whole, padding) = (payload.len(), payload.len() - range.len());
        payload.truncate(range.end);
        payload.advance(range.start);
        let data = payload;
        let is_end = head.has(frame::END_STREAM);
        let Some((key, stream)) = key.and_then(|key| Some((key, self.streams.get_mut(key)?))) else {
            self.credit_connection(whole);
            return self.forgotten(head.stream);
        };
        if stream.coming != Coming::Content {
            let is_early = stream.coming == Coming::Head;
            self.credit_connection(whole);
            return if is_early {
                self.fault(key, Reason::PROTOCOL_ERROR)
            } else {
                self.late(key)
            };
        }
        stream.receives -= length;
        let is_too_much = stream.receives < 0;
        if is_too_much || !stream.count(data.len(), is_end) {
            self.credit_connection(whole);
            let reason = if is_too_much {
                Reason::FLOW_CONTROL_ERROR
            } else {
                Reason::PROTOCOL_ERROR
            };
            return self.fault(key, reason);
        }
        let (is_ignored, taken) = (stream.is_ignored, data.len());
        if !is_ignored && !data.is_empty() {
            stream.content.push(data);
        }
        if is_ignored {
            self.credit_connection(taken);
        }
        self.credit(key, padding);
        if is_end {
            self.came_to_end(key);
        }
        self.call_reader(key);
        Ok(())
    }

    /// A frame of a stream that the peer has ended before. That it was reset by us it cannot have known.
    pub(super) fn late(&mut self, key: usize) -> Result<(), Reason> {
        let Some(stream) = self.streams.get(key) else {
            return Ok(());
        };
        match &stream.error {
            None if !stream.is_over() => self.fault(key, Reason::STREAM_CLOSED),
            None | Some(Error::Reset { by: By::Peer, .. }) => self.forgotten(stream.id),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn call_reader(&mut self, key: usize) {
        let reader = self.streams.get_mut(key).and_then(|stream| stream.reader.take());
        self.wake(reader);
    }

    pub(super) fn came_to_end(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.coming = Coming::Over;
        stream.is_whole = true;
        if stream.is_over() {
            self.ended_well(key);
        }
    }

    fn was_reset(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let reason = Reason::from(frame::number(payload)?);
        if let Some(key) = self.key(head.stream)? {
            self.taken_back(key)?;
            self.close(key, &Error::reset(reason, By::Peer));
        }
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if head.has(frame::ACK) {
            return if payload.is_empty() {
                self.was_heard();
                Ok(())
            } else {
                Err(Reason::FRAME_SIZE_ERROR)
            };
        }
        let settings = Settings::read(payload)?;
        // A server cannot allow us to push (RFC 9113, 6.5.2).
        if settings.push == Some(true) && self.accepting.is_none() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if let Some(table) = settings.table {
            self.encoder.table_size(table);
        }
        if let Some(frame) = settings.frame {
            self.allowed.frame = frame as usize;
        }
        if let Some(streams) = settings.streams {
            self.allowed.streams = usize::try_from(streams).unwrap_or(usize::MAX);
        }
        if let Some(window) = settings.window {
            self.resize_windows(window)?;
        }
        self.is_settled = true;
        self.wakes.append(&mut self.openers);
        self.answer()?;
        frame::settings(&mut self.output.tail, frame::ACK, &[]);
        Ok(())
    }

    /// RFC 9113, 6.9.2.
    fn resize_windows(&mut self, window: u32) -> Result<(), Reason> {
        let by = i64::from(window) - i64::from(self.allowed.window);
        self.allowed.window = window;
        let keys: Vec<usize> = self.streams.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            stream.sends += by;
            if stream.sends > i64::from(MOST_WINDOW) {
                return Err(Reason::FLOW_CONTROL_ERROR);
            }
            if by > 0 {
                self.has_room(key);
            }
        }
        Ok(())
    }

    fn pinged(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let payload: [u8; 8] = payload.try_into().map_err(|_| Reason::FRAME_SIZE_ERROR)?;
        if head.has(frame::ACK) {
            if payload == PING && self.ping == Ping::Sent {
                self.ping = Ping::Answered;
            }
            if payload == FAREWELL_PING {
                self.was_warned();
            }
            return Ok(());
        }
        self.answer()?;
        frame::ping(&mut self.output.tail, frame::ACK, payload);
        Ok(())
    }

    /// Streams that the peer will not look at may be tried elsewhere (RFC 9113, 6.8).
    fn farewell(&mut self, payload: &[u8]) -> Result<(), Reason> {
        let (last, reason) = frame::farewell(payload)?;
        if self.farewell.is_some_and(|(before, _)| last > before) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.farewell = Some((last, reason));
        let by = By::Peer;
        let keys = self.keys.iter().filter(|(id, _)| **id > last);
        let mut keys: Vec<usize> = keys.map(|(_, key)| *key).collect();
        if self.accepting.is_some() {
            // A client means streams that we would have opened. Its own go on.
            keys.clear();
        }
        for key in keys {
            self.close(key, &Error::GoAway { reason, by });
        }
        self.wakes.append(&mut self.openers);
        Ok(())
    }

    fn grown(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let by = i64::from(frame::growth(payload)?);
        if head.stream == 0 {
            self.sends += by;
            if by == 0 {
                return Err(Reason::PROTOCOL_ERROR);
            }
            if self.sends > i64::from(MOST_WINDOW) {
                return Err(Reason::FLOW_CONTROL_ERROR);
            }
            self.go_on();
            return Ok(());
        }
        let Some(key) = self.key(head.stream)? else {
            return Ok(());
        };
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        if by == 0 {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        }
        if matches!(stream.going, Going::Over) {
            return Ok(());
        }
        stream.sends += by;
        let is_too_large = stream.sends > i64::from(MOST_WINDOW);
        if is_too_large {
            return self.fault(key, Reason::FLOW_CONTROL_ERROR);
        }
        self.has_room(key);
        Ok(())
    }
}
