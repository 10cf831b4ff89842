//! The framing guard: follows the bytes of an HTTP/1.1 connection and refuses every message that two readers could
//! read differently.
//!
//! Most readers are lenient where RFC 9112 lets them be: a bare line feed ends a line, equal lengths collapse into one,
//! a length gives way to chunks. Each of these is harmless alone and a request smuggler's tool in a chain, since the
//! next reader may have chosen otherwise. What the guard passes has one reading only. It is a pure state machine over
//! bytes: no I/O, no clock, and the same verdict however the input is cut.
//!
//! Most heads come whole. For those there is a fast sibling, [`whole`], which takes a head in one buffer and yields
//! what a request needs of it. It knows only good heads; what it does not take goes through the machine, which says
//! whether it is incomplete or what is wrong with it. A property test holds the two to the same verdict, so the machine
//! stays the one place where the rules are told. Bodies in chunks go through it in any case ([`Guard::for_chunks`]).
//!
//! The rules are the table of [`Reason`], each with its section. What is *allowed*: one empty line before a request
//! (2.2), whitespace around field values (RFC 9110, 5.5), bytes above 0x7f in them, bodies with any method but
//! CONNECT, chunk extensions in small numbers, trailers that decide nothing, an absolute target that agrees with Host
//! (3.2.2), `*` for OPTIONS, HTTP/1.0 with or without Host.
//!
//! A head is released only as a whole. After a request that may switch protocols the guard holds every byte until the
//! answer says whether it does (RFC 9110, 7.8).
//!
//! At the very start of a connection without TLS it also tells HTTP/2 by prior knowledge (RFC 9113, 3.3), deciding at
//! the first byte that differs.

mod bytes;
mod chunk;
mod head;
mod refusal;
mod step;
mod target;
mod whole;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::options::Limits;
use chunk::ChunkLine;
pub(crate) use head::Framing;
use head::Head;
pub use refusal::{Reason, Refusal};
pub(crate) use whole::{FieldSpan, Fields, Whole, fields, whole};

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A limit below this would refuse everybody.
const MIN_HEAD_BYTES: usize = 256;

/// What a head may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, request line included; trailers may have as many again.
    pub bytes: usize,
    /// Fields; trailers may have as many again.
    pub fields: usize,
}

/// The state machine. [`Guard::feed`] it everything that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    limits: HeadLimits,
    state: State,
    head: Head,
    may_switch: bool,
    unreleased: usize,
    messages: u64,
}

/// Where in the stream the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of the HTTP/2 preface have been seen, and nothing else.
    Preface(u8),
    /// Between messages; `true` after an empty line.
    Start(bool),
    StartCr,
    Method,
    Target,
    /// So many bytes of `HTTP/1.1` have been seen.
    Version(u8),
    /// So many bytes behind the major version of one that is not ours.
    OtherVersion(u8),
    VersionCr,
    FieldStart(Section),
    Name(Section),
    Value(Section),
    ValueCr(Section),
    EndCr(Section),
    Fixed(u64),
    ChunkLine(ChunkLine),
    ChunkData(ChunkLine, u64),
    /// The line end after chunk data; `true` after its carriage return.
    ChunkEnd(ChunkLine, bool),
    Held,
    Http2,
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Trailers,
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// So many of them were read. All, unless `stop` says why not.
    pub consumed: usize,
    /// Why the guard reads no further.
    pub stop: Option<Stop>,
}

/// Why the guard reads no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The connection speaks HTTP/2; the preface is among the unreleased bytes.
    Http2,
    /// A request that may switch protocols is complete. What follows is HTTP only after [`Guard::resume`].
    Held,
    /// The message is refused. For good: nothing after it can be trusted.
    Refused(Refusal),
}

/// What became of the bytes of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFed {
    /// All were read, and the head goes on.
    Incomplete,
    /// The head ends after so many of them; the rest was not read.
    Complete(usize),
    Stop(Stop),
}

/// What comes next of a body in chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// These bytes are data; what is before them was its line. Call again for what is after them.
    Data(Range<usize>),
    /// Nothing but lines so far; more has to come.
    More,
    /// The body has ended after so many bytes.
    End(usize),
    Refused(Refusal),
}

/// What the connection is in the middle of, for those who keep time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between messages.
    Between,
    /// A head has begun.
    Head,
    /// Anything else.
    Body,
}

impl HeadLimits {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            bytes: limits.head_bytes,
            fields: limits.head_fields,
        }
    }

    fn sensible(self) -> Self {
        Self {
            bytes: self.bytes.max(MIN_HEAD_BYTES),
            fields: self.fields,
        }
    }
}

impl Guard {
    /// For the start of a connection. `may_be_http2`: without TLS, where no ALPN has settled it.
    #[must_use]
    pub fn new(limits: HeadLimits, may_be_http2: bool) -> Self {
        Self {
            limits: limits.sensible(),
            state: if may_be_http2 {
                State::Preface(0)
            } else {
                State::Start(false)
            },
            head: Head::default(),
            may_switch: false,
            unreleased: 0,
            messages: 0,
        }
    }

    /// For a body in chunks whose head another has read. The limits are those of its trailers.
    pub(crate) fn for_chunks(limits: HeadLimits) -> Self {
        Self {
            state: State::ChunkLine(ChunkLine::default()),
            ..Self::new(limits, false)
        }
    }

    /// Reads on. Never panics, whatever comes in.
    pub fn feed(&mut self, input: &[u8]) -> Fed {
        self.feed_up_to(input, u64::MAX)
    }

    /// Reads on, to the end of the head.
    pub(crate) fn feed_head(&mut self, input: &[u8]) -> HeadFed {
        let message = self.messages + 1;
        let fed = self.feed_up_to(input, message);
        match fed.stop {
            _ if self.messages == message => HeadFed::Complete(fed.consumed),
            Some(stop) => HeadFed::Stop(stop),
            None => HeadFed::Incomplete,
        }
    }

    /// Reads on in a body, to its next data. Fields of the trailers are copied to `trailers`, their empty line
    /// included.
    pub(crate) fn feed_chunked(&mut self, input: &[u8], trailers: &mut Vec<u8>) -> Chunked {
        let mut at = 0;
        loop {
            if self.phase() != Phase::Body {
                return Chunked::End(at);
            }
            let rest = input.get(at..).unwrap_or_default();
            let Some(first) = rest.first() else {
                return Chunked::More;
            };
            let before = self.state;
            let taken = match self.step(*first, rest) {
                Ok(taken) => taken,
                Err(reason) => return Chunked::Refused(self.refuse(reason)),
            };
            match before {
                State::ChunkData(..) => return Chunked::Data(at..at + taken),
                State::ChunkLine(_) | State::ChunkEnd(..) => {}
                _ => trailers.extend_from_slice(rest.get(..taken).unwrap_or_default()),
            }
            at += taken;
        }
    }

    /// Reads on, until so many heads have passed.
    fn feed_up_to(&mut self, input: &[u8], messages: u64) -> Fed {
        let mut consumed = 0;
        loop {
            if let Some(stop) = self.stop() {
                return Fed {
                    consumed,
                    stop: Some(stop),
                };
            }
            if self.messages >= messages {
                return Fed { consumed, stop: None };
            }
            let rest = input.get(consumed..).unwrap_or_default();
            let Some(first) = rest.first() else {
                return Fed { consumed, stop: None };
            };
            let before = self.unreleased;
            match self.step(*first, rest) {
                Ok(taken) => consumed += taken,
                Err(reason) => {
                    // What a refused step looked at was not consumed, so it is not held back either.
                    self.unreleased = before;
                    self.refuse(reason);
                }
            }
        }
    }

    /// How many of the bytes read last must be kept back: they belong to a head that is not complete.
    #[must_use]
    pub fn unreleased(&self) -> usize {
        self.unreleased
    }

    /// How many heads have been released.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// What the connection is in the middle of.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Preface(0) | State::Start(_) | State::StartCr => Phase::Between,
            State::Preface(_)
            | State::Method
            | State::Target
            | State::Version(_)
            | State::OtherVersion(_)
            | State::VersionCr => Phase::Head,
            _ if self.unreleased > 0 => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// After [`Stop::Held`]: the protocol stays HTTP/1.1.
    pub fn resume(&mut self) {
        if self.state == State::Held {
            self.state = State::Start(false);
        }
    }

    /// Refuses from outside, for a rule that is not about bytes.
    pub fn refuse(&mut self, reason: Reason) -> Refusal {
        let in_body = self.phase() == Phase::Body;
        let refusal = Refusal { reason, in_body };
        self.state = State::Refused(refusal);
        refusal
    }

    fn stop(&self) -> Option<Stop> {
        match self.state {
            State::Http2 => Some(Stop::Http2),
            State::Held => Some(Stop::Held),
            State::Refused(refusal) => Some(Stop::Refused(refusal)),
            _ => None,
        }
    }
}
