//! The state of a connection, without its socket: frames go in ([`receive`]), messages go out ([`send`]), and whoever has
//! to go on is noted in `wakes` and woken when nothing is locked any more.
//!
//! One lock holds all of it. Everything happens on one thread, so that it is never waited for; it is there because handles
//! have to be `Send`. Nothing of others is called or dropped under it: a waker may own a task, a task may own a handle,
//! and a handle takes the lock when it is dropped.

mod accept;
mod ending;
mod heads;
mod receive;
mod send;
mod shared;
mod take;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::task::Waker;

use bytes::BytesMut;
use rustc_hash::FxHashMap;
use slab::Slab;

use self::accept::Accepting;
pub(crate) use self::accept::Allowance;
pub(crate) use self::shared::Shared;
use crate::error::{By, Error, Reason};
use crate::frame;
use crate::hpack::{Decoder, Encoder};
use crate::limits::Limits;
use crate::output::Output;
use crate::settings::{DEFAULT_WINDOW, Settings};
use crate::stream::{Coming, Going, Stream};

/// The table that our peers may use, which is that of the standard.
const TABLE: usize = 4096;
/// Answers to control frames that wait for a peer that does not read them.
const MOST_ANSWERS: usize = 1024;
/// Streams of a connection that may break a rule, beyond those that ended as they should.
const MOST_FAULTS: usize = 256;
/// Heads and answers that wait for a client that does not read them.
const MOST_SAID: usize = 64 << 10;

/// What the peer allows us.
#[derive(Debug)]
struct Allowed {
    window: u32,
    frame: usize,
    streams: usize,
}

/// A header block whose frames have not all come.
#[derive(Debug)]
struct Block {
    stream: u32,
    is_end: bool,
    bytes: BytesMut,
    frames: usize,
}

/// A ping of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    None,
    Sent,
    Answered,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Core {
    limits: Limits,
    allowed: Allowed,
    /// The peer's first SETTINGS came.
    is_settled: bool,
    streams: Slab<Stream>,
    keys: FxHashMap<u32, usize>,
    /// Streams that are not over.
    active: usize,
    /// The next stream of ours.
    next: u32,
    /// What a server knows; a client has none.
    accepting: Option<Box<Accepting>>,
    /// What of the preface has not come.
    preface: usize,
    decoder: Decoder,
    encoder: Encoder,
    block: Option<Block>,
    /// What the peer may still send on all streams.
    receives: i64,
    /// What was taken of it, and not said to the peer.
    owed: u32,
    /// What we may still send on all streams.
    sends: i64,
    /// Streams that wait for what is common to all. Their numbers tell those that are gone from those that came after.
    queue: VecDeque<(usize, u32)>,
    pub(crate) output: Output,
    answers: usize,
    faults: usize,
    ping: Ping,
    /// What the peer said when it went away: the last stream that it looks at, and why.
    farewell: Option<(u32, Reason)>,
    /// Nobody will open another stream.
    is_left: bool,
    end: Option<Error>,
    driver: Option<Waker>,
    /// Who waits for a place for a stream.
    openers: Vec<Waker>,
    wakes: Vec<Waker>,
}

impl Core {
    /// The client's side, which has said its preface and its settings.
    pub(crate) fn client(limits: Limits) -> Self {
        let settings = Settings {
            push: Some(false),
            ..Settings::default()
        };
        Self::new(limits, settings, None)
    }

    fn new(limits: Limits, settings: Settings, accepting: Option<Box<Accepting>>) -> Self {
        let mut output = Output::default();
        if accepting.is_none() {
            output.tail.extend_from_slice(frame::PREFACE);
        }
        let settings = Settings {
            window: Some(limits.window),
            frame: Some(limits.frame),
            header_list: Some(limits.header_list),
            ..settings
        };
        frame::settings(&mut output.tail, 0, &settings.bytes());
        if let Some(more) = limits.connection_window.checked_sub(DEFAULT_WINDOW)
            && more > 0
        {
            frame::window_update(&mut output.tail, 0, more);
        }
        Self {
            limits,
            allowed: Allowed {
                window: DEFAULT_WINDOW,
                frame: frame::DEFAULT_FRAME,
                streams: usize::MAX,
            },
            is_settled: false,
            streams: Slab::new(),
            keys: FxHashMap::default(),
            active: 0,
            next: 1,
            preface: if accepting.is_some() {
                frame::PREFACE.len()
            } else {
                0
            },
            accepting,
            decoder: Decoder::new(TABLE),
            encoder: Encoder::default(),
            block: None,
            receives: i64::from(limits.connection_window.max(DEFAULT_WINDOW)),
            owed: 0,
            sends: i64::from(DEFAULT_WINDOW),
            queue: VecDeque::new(),
            output,
            answers: 0,
            faults: 0,
            ping: Ping::None,
            farewell: None,
            is_left: false,
            end: None,
            driver: None,
            openers: Vec::new(),
            wakes: Vec::new(),
        }
    }

    pub(crate) fn stream(&mut self, key: usize) -> Option<&mut Stream> {
        self.streams.get_mut(key)
    }

    /// The peer's preface and its settings came.
    pub(crate) fn has_begun(&self) -> bool {
        self.is_settled
    }

    fn wake(&mut self, waker: Option<Waker>) {
        self.wakes.extend(waker);
    }

    /// Somebody has something to be sent.
    fn call_driver(&mut self) {
        let driver = self.driver.take();
        self.wake(driver);
    }

    /// The driver has done what there was to do, and is to be called. False: there is more.
    pub(crate) fn rest(&mut self, driver: &Waker) -> bool {
        if !self.output.is_empty() {
            return false;
        }
        let before = crate::handle::note(&mut self.driver, driver);
        self.wake(before);
        true
    }

    /// Everything that was said before is with the socket, and what was said since is about to be written.
    pub(crate) fn written(&mut self) {
        self.answers = 0;
        if self.output.is_full() {
            self.wakes.append(&mut self.openers);
        }
    }

    pub(crate) fn is_client(&self) -> bool {
        self.accepting.is_none()
    }

    /// A client that does not read what it made us say is not heard until it does.
    pub(crate) fn has_said_enough(&self) -> bool {
        self.accepting.is_some() && self.output.beside_content() >= MOST_SAID
    }

    /// One more holds on to a stream.
    pub(crate) fn hold(&mut self, key: usize) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.holders += 1;
        }
    }

    /// One less does. A stream that nobody holds on to, and that has not come to its end, is no longer wanted. Whom it
    /// would have called is given back, to be dropped elsewhere.
    pub(crate) fn let_go(&mut self, key: usize) -> [Option<Waker>; 2] {
        let Some(stream) = self.streams.get_mut(key) else {
            return [None, None];
        };
        stream.holders = stream.holders.saturating_sub(1);
        if stream.holders > 0 {
            return [None, None];
        }
        let called = [stream.reader.take(), stream.writer.take()];
        self.ignore(key);
        self.abandon(key);
        self.tidy(key);
        called
    }

    /// What nobody holds on to is broken off. An answer is said to its end, after which the rest of its request is not
    /// needed (RFC 9113, 8.1).
    fn abandon(&mut self, key: usize) {
        let is_server = self.accepting.is_some();
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.holders > 0 {
            return;
        }
        let reason = match (&stream.going, stream.coming) {
            (Going::Open, _) => Reason::CANCEL,
            (_, Coming::Over) => return,
            (Going::Ending(_), _) if is_server => return,
            (Going::Over, _) if is_server => Reason::NO_ERROR,
            _ => Reason::CANCEL,
        };
        self.reset(key, reason, By::User);
    }

    /// Ends a stream, and says so to the peer.
    pub(crate) fn reset(&mut self, key: usize, reason: Reason, by: By) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.is_over() {
            return;
        }
        let id = stream.id;
        frame::reset(&mut self.output.tail, id, reason);
        if let Some(accepting) = &mut self.accepting {
            accepting.remember(id);
        }
        self.call_driver();
        self.close(key, &Error::reset(reason, by));
    }

    /// A stream is over, whatever it had still to say.
    fn close(&mut self, key: usize, error: &Error) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        if stream.is_over() {
            return;
        }
        stream.coming = Coming::Over;
        stream.going = Going::Over;
        stream.error = Some(error.clone());
        stream.waiting.clear();
        let wakers = [stream.reader.take(), stream.writer.take()];
        self.wakes.extend(wakers.into_iter().flatten());
        self.ended(key);
    }

    /// A stream has just become over.
    fn ended(&mut self, key: usize) {
        self.active = self.active.saturating_sub(1);
        self.wakes.append(&mut self.openers);
        if self.is_done() {
            self.call_driver();
        }
        self.tidy(key);
    }

    /// The same, as it should: that pays for a mistake.
    fn ended_well(&mut self, key: usize) {
        self.faults = self.faults.saturating_sub(1);
        self.ended(key);
    }

    /// Forgets a stream that is over and that nobody knows.
    fn tidy(&mut self, key: usize) {
        if let Some(stream) = self.streams.get(key)
            && stream.holders == 0
            && stream.is_over()
        {
            self.keys.remove(&stream.id);
            self.streams.remove(key);
        }
    }

    /// Asks the peer whether it is there.
    pub(crate) fn send_ping(&mut self) {
        self.ping = Ping::Sent;
        frame::ping(&mut self.output.tail, 0, PING);
        self.call_driver();
    }

    /// Whether it has said so.
    pub(crate) fn take_pong(&mut self) -> bool {
        let is_answered = self.ping == Ping::Answered;
        if is_answered {
            self.ping = Ping::None;
        }
        is_answered
    }
}

/// What our pings carry.
const PING: [u8; 8] = *b"seaway!?";
