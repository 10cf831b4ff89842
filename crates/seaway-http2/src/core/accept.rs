//! The server's side: streams that a client opens, and how it is told that there will be no more.

use std::collections::VecDeque;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::Core;
use super::heads::announced;
use crate::error::{By, Error, Reason};
use crate::frame;
use crate::limits::Limits;
use crate::message::{self, Fault, Protocol};
use crate::settings::{DEFAULT_WINDOW, MOST_WINDOW, Settings};
use crate::stream::{Coming, Stream};

/// Streams that we have reset and of which frames may still be under way.
const REMEMBERED: usize = 256;
/// What the ping carries that finds out when a client knows of our farewell.
pub(super) const FAREWELL_PING: [u8; 8] = *b"goodbye!";

/// What a server allows its clients beside [`Limits`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Streams at once.
    pub(crate) streams: u32,
    /// Streams that were reset before anybody looked at them, beyond those that somebody did look at.
    pub(crate) early_resets: usize,
    /// Whether CONNECT may name a protocol (RFC 8441).
    pub(crate) connect: bool,
}

/// How far our farewell has gone (RFC 9113, 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    None,
    /// The client hears that it will be said, and may have opened streams before it did.
    Warned,
    /// Streams after this one are not looked at.
    Said(u32),
}

/// What a server knows.
#[derive(Debug)]
pub(crate) struct Accepting {
    allowance: Allowance,
    /// The latest stream.
    last: u32,
    /// Requests that nobody has looked at.
    waiting: VecDeque<(usize, Request<()>)>,
    early: usize,
    resets: VecDeque<u32>,
    /// The latest of those that are not among them any more.
    forgiven: u32,
    /// The client knows of our settings.
    is_heard: bool,
    farewell: Farewell,
}

impl Accepting {
    /// Whether a stream has been, and we were not the ones to break it off: what comes on it is a mistake.
    pub(super) fn is_mistaken(&self, id: u32) -> bool {
        let is_unseen = matches!(self.farewell, Farewell::Said(last) if id > last);
        !is_unseen && id > self.forgiven && !self.resets.contains(&id)
    }

    /// Whether a stream has never been.
    pub(super) fn is_new(&self, id: u32) -> bool {
        id % 2 == 1 && id > self.last
    }

    pub(super) fn remember(&mut self, id: u32) {
        if self.resets.len() == REMEMBERED {
            let oldest = self.resets.pop_front().unwrap_or(0);
            self.forgiven = self.forgiven.max(oldest);
        }
        self.resets.push_back(id);
    }

    /// The last stream that was looked at.
    pub(super) fn last(&self) -> u32 {
        match self.farewell {
            Farewell::Said(last) => last,
            Farewell::None | Farewell::Warned => self.last,
        }
    }

    pub(super) fn has_said_farewell(&self) -> bool {
        matches!(self.farewell, Farewell::Said(_))
    }
}

impl Core {
    /// The server's side, which has said its settings.
    pub(crate) fn server(limits: Limits, allowance: Allowance) -> Self {
        let accepting = Accepting {
            allowance,
            last: 0,
            waiting: VecDeque::new(),
            early: 0,
            resets: VecDeque::new(),
            forgiven: 0,
            is_heard: false,
            farewell: Farewell::None,
        };
        let settings = Settings {
            streams: Some(allowance.streams),
            connect: allowance.connect.then_some(true),
            ..Settings::default()
        };
        Self::new(limits, settings, Some(Box::new(accepting)))
    }

    /// The next request. Whoever takes it holds on to its stream twice.
    pub(crate) fn accept(&mut self) -> Option<(usize, Request<()>)> {
        loop {
            let accepting = self.accepting.as_mut()?;
            let (key, request) = accepting.waiting.pop_front()?;
            if self.streams.get(key).is_some_and(|stream| stream.error.is_none()) {
                accepting.early = accepting.early.saturating_sub(1);
                return Some((key, request));
            }
            // It was taken back.
            self.drop_waiting(key);
        }
    }

    /// The client has acknowledged our settings.
    pub(super) fn was_heard(&mut self) {
        if let Some(accepting) = &mut self.accepting {
            accepting.is_heard = true;
        }
    }

    /// A head of a client that is of no stream yet.
    pub(super) fn request(&mut self, id: u32, is_end: bool, block: &[u8]) -> Result<(), Reason> {
        let limit = self.limits.header_list as usize;
        let decoded = message::request(&mut self.decoder, block, limit);
        let decoded = decoded.map_err(|_| Reason::COMPRESSION_ERROR)?;
        let Some(accepting) = &mut self.accepting else {
            return Err(Reason::PROTOCOL_ERROR);
        };
        let most = if accepting.is_heard {
            self.limits.window
        } else {
            self.limits.window.max(DEFAULT_WINDOW)
        };
        accepting.last = id;
        if accepting.has_said_farewell() {
            return Ok(());
        }
        let is_full = self.active >= accepting.allowance.streams as usize;
        let takes_connect = accepting.allowance.connect;
        let mut stream = Stream::new(id, most, i64::from(self.allowed.window));
        stream.coming = Coming::Content;
        let key = self.streams.insert(stream);
        self.keys.insert(id, key);
        self.active += 1;
        if is_full {
            self.answer()?;
            self.reset(key, Reason::REFUSED_STREAM, By::Codec);
            return Ok(());
        }
        match decoded {
            Err(Fault::TooLarge) => self.too_large(key, is_end),
            Ok(request) if is_allowed(&request, takes_connect) => self.requested(key, is_end, request),
            Ok(_) | Err(Fault::Malformed) => self.fault(key, Reason::PROTOCOL_ERROR),
        }
    }

    fn requested(&mut self, key: usize, is_end: bool, request: Request<()>) -> Result<(), Reason> {
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        // What goes through a tunnel has no length (RFC 9110, 9.3.6); whoever takes the request sees to the field.
        let length = if request.method() == Method::CONNECT {
            Ok(None)
        } else {
            announced(request.headers())
        };
        stream.left = length.unwrap_or(None);
        if length.is_err() || is_end && !stream.count(0, true) {
            return self.fault(key, Reason::PROTOCOL_ERROR);
        }
        // Until it is taken, and for both halves after that.
        stream.holders = 2;
        if is_end {
            self.came_to_end(key);
        }
        if let Some(accepting) = &mut self.accepting {
            accepting.waiting.push_back((key, request));
        }
        Ok(())
    }

    /// RFC 9113, 10.5.1: a server may answer 431 to a head that it will not keep.
    fn too_large(&mut self, key: usize, is_end: bool) -> Result<(), Reason> {
        self.answer()?;
        if is_end {
            self.came_to_end(key);
        }
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        response.headers_mut().insert(CONTENT_LENGTH, 0.into());
        let _told: Result<(), Error> = self.respond(key, &response, true);
        Ok(())
    }

    /// Answers a request.
    pub(crate) fn respond<B>(
        &mut self,
        key: usize,
        response: &Response<B>,
        is_over: bool,
    ) -> Result<(), Error> {
        self.open_stream(key)?;
        let Some(stream) = self.streams.get(key) else {
            return Err(Error::Ended);
        };
        let (id, at) = (stream.id, self.begin_section());
        let (status, headers): (_, &HeaderMap) = (response.status(), response.headers());
        self.encoder.response(status, headers, &mut self.output.tail);
        self.end_section(at, id, is_over);
        self.call_driver();
        if is_over {
            self.went_to_end(key);
        }
        Ok(())
    }

    /// A client takes a request back before anybody has looked at it, which costs it nothing (CVE-2023-44487).
    pub(super) fn taken_back(&mut self, key: usize) -> Result<(), Reason> {
        let Some(accepting) = &mut self.accepting else {
            return Ok(());
        };
        if accepting.waiting.iter().all(|(waiting, _)| *waiting != key) {
            return Ok(());
        }
        accepting.early += 1;
        if accepting.early > accepting.allowance.early_resets {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        Ok(())
    }

    /// Tells a client that there will be an end, so that it opens no more streams.
    pub(crate) fn warn(&mut self) {
        let Some(accepting) = &mut self.accepting else {
            return;
        };
        if accepting.farewell != Farewell::None {
            return;
        }
        accepting.farewell = Farewell::Warned;
        frame::go_away(&mut self.output.tail, MOST_WINDOW, Reason::NO_ERROR);
        frame::ping(&mut self.output.tail, 0, FAREWELL_PING);
        self.call_driver();
    }

    /// It has heard it.
    pub(super) fn was_warned(&mut self) {
        let Some(accepting) = &mut self.accepting else {
            return;
        };
        if accepting.farewell != Farewell::Warned {
            return;
        }
        accepting.farewell = Farewell::Said(accepting.last);
        frame::go_away(&mut self.output.tail, accepting.last, Reason::NO_ERROR);
    }

    /// Nobody will take a request, whose two holders never were.
    fn drop_waiting(&mut self, key: usize) {
        for _ in 0..2 {
            let _nobody = self.let_go(key);
        }
    }

    /// Streams that are not taken by anybody when the connection ends.
    pub(super) fn forget_waiting(&mut self) {
        let Some(accepting) = &mut self.accepting else {
            return;
        };
        for (key, _) in std::mem::take(&mut accepting.waiting) {
            self.drop_waiting(key);
        }
    }
}

/// Without our word, CONNECT does not name a protocol (RFC 8441, 3).
fn is_allowed(request: &Request<()>, takes_connect: bool) -> bool {
    takes_connect || request.extensions().get::<Protocol>().is_none()
}
