//! The framing guard: follows the bytes of an HTTP/1.1 connection and refuses every message that two readers could
//! read differently.
//!
//! hyper and httparse are lenient where RFC 9112 lets them be: a bare line feed ends a line, equal lengths collapse
//! into one, a length gives way to chunks. Each of these is harmless alone and a request smuggler's tool in a chain,
//! since the next reader may have chosen otherwise. The guard stands between the socket and hyper, and what it passes
//! on has one reading only. It is a pure state machine over bytes: no I/O, no clock, and the same verdict however the
//! input is cut. A stricter parser of our own in hyper's place was rejected: hyper's connection handling is worth
//! keeping, and two machines that must agree on every message check each other.
//!
//! The rules are the table of [`Reason`], each with its section. What is *allowed*: one empty line before a request
//! (2.2), whitespace around field values (RFC 9110, 5.5), bytes above 0x7f in them, bodies with any method but
//! CONNECT, chunk extensions in small numbers, trailers that decide nothing, an absolute target that agrees with Host
//! (3.2.2), `*` for OPTIONS, HTTP/1.0 with or without Host.
//!
//! A head is released only as a whole, so hyper never holds half of one: when the guard refuses, hyper sees the end of
//! the input between two messages, finishes the answers that it owes, and gives the socket back. After a request that
//! may switch protocols the guard holds every byte until the answer says whether it does (RFC 9110, 7.8).
//!
//! At the very start of a connection without TLS it also tells HTTP/2 by prior knowledge (RFC 9113, 3.3), deciding at
//! the first byte that differs.

mod bytes;
mod chunk;
mod head;
mod refusal;
mod target;

#[cfg(test)]
mod tests;

use chunk::ChunkLine;
use head::{Framing, Head};
pub use refusal::{Reason, Refusal};

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper's and `http`'s limit for a target.
const MAX_TARGET_BYTES: usize = 65_534;

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
    Switched,
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
    /// A request that may switch protocols is complete: call [`Guard::resume`] or [`Guard::switch`].
    Held,
    /// The message is refused. For good: nothing after it can be trusted.
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

impl Guard {
    /// For the start of a connection. `may_be_http2`: without TLS, where no ALPN has settled it.
    #[must_use]
    pub fn new(limits: HeadLimits, may_be_http2: bool) -> Self {
        Self {
            limits: HeadLimits {
                bytes: limits.bytes.max(MIN_HEAD_BYTES),
                fields: limits.fields,
            },
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

    /// Reads on. Never panics, whatever comes in.
    pub fn feed(&mut self, input: &[u8]) -> Fed {
        let mut consumed = 0;
        loop {
            if let Some(stop) = self.stop() {
                return Fed {
                    consumed,
                    stop: Some(stop),
                };
            }
            let rest = input.get(consumed..).unwrap_or_default();
            let Some(first) = rest.first() else {
                return Fed { consumed, stop: None };
            };
            match self.step(*first, rest) {
                Ok(taken) => consumed += taken,
                Err(reason) => self.refuse(reason),
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
            State::Preface(_) | State::Method | State::Target | State::Version(_) | State::VersionCr => {
                Phase::Head
            }
            _ if self.unreleased > 0 => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// Whether it waits for an answer that says which protocol follows.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == State::Held
    }

    /// After [`Stop::Held`]: the protocol stays HTTP/1.1.
    pub fn resume(&mut self) {
        if self.state == State::Held {
            self.state = State::Start(false);
        }
    }

    /// After [`Stop::Held`]: the protocol has changed; everything passes from now on.
    pub fn switch(&mut self) {
        if self.state == State::Held {
            self.state = State::Switched;
        }
    }

    /// Refuses from outside, for a rule that is not about bytes.
    pub fn refuse(&mut self, reason: Reason) {
        let in_body = self.phase() == Phase::Body;
        self.state = State::Refused(Refusal { reason, in_body });
    }

    fn stop(&self) -> Option<Stop> {
        match self.state {
            State::Http2 => Some(Stop::Http2),
            State::Held => Some(Stop::Held),
            State::Refused(refusal) => Some(Stop::Refused(refusal)),
            _ => None,
        }
    }

    /// Takes at least a byte, or changes the state.
    fn step(&mut self, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        match self.state {
            State::Preface(seen) => Ok(self.preface(seen, first)),
            State::Start(_)
            | State::StartCr
            | State::Method
            | State::Target
            | State::Version(_)
            | State::VersionCr => {
                let taken = self.request_line(first, rest)?;
                self.count(taken)
            }
            State::FieldStart(section)
            | State::Name(section)
            | State::Value(section)
            | State::ValueCr(section)
            | State::EndCr(section) => self.field_section(section, first, rest),
            State::Fixed(left) => Ok(self.fixed(left, rest)),
            State::ChunkLine(_) | State::ChunkData(..) | State::ChunkEnd(..) => self.chunked(first, rest),
            State::Switched | State::Held | State::Http2 | State::Refused(_) => Ok(rest.len()),
        }
    }

    fn preface(&mut self, seen: u8, first: u8) -> usize {
        if PREFACE.get(usize::from(seen)) == Some(&first) {
            self.unreleased += 1;
            let seen = seen + 1;
            self.state = if usize::from(seen) == PREFACE.len() {
                State::Http2
            } else {
                State::Preface(seen)
            };
            return 1;
        }
        // It was the beginning of an HTTP/1.1 request after all; what was matched is known by heart.
        self.state = State::Start(false);
        self.unreleased = 0;
        self.feed(PREFACE.get(..usize::from(seen)).unwrap_or_default());
        0
    }

    /// Counts bytes of a head and holds them to its limit.
    fn count(&mut self, taken: usize) -> Result<usize, Reason> {
        self.head.bytes += taken;
        self.unreleased += taken;
        if self.head.bytes > self.limits.bytes {
            return Err(match self.state {
                State::Method | State::Target => Reason::TargetTooLong,
                _ => Reason::HeadTooLarge,
            });
        }
        Ok(taken)
    }

    fn request_line(&mut self, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        let (taken, next) = match (self.state, first) {
            (State::Start(false), b'\r') => (1, State::StartCr),
            (State::Start(true), b'\r') => return Err(Reason::LeadingLines),
            (State::Start(_), b'\n') => return Err(Reason::BareLf),
            (State::Start(_), _) => {
                self.head.reset();
                // An empty line before it is still held back, and counts.
                self.head.bytes = self.unreleased;
                (0, State::Method)
            }
            (State::StartCr, b'\n') => (1, State::Start(true)),
            (State::StartCr, _) => return Err(Reason::BareCr),
            (State::Method, b' ') => {
                self.head.end_method()?;
                (1, State::Target)
            }
            (State::Method, _) => {
                let run = run_of(rest, bytes::is_token).ok_or(Reason::Method)?;
                self.head.push_method(run)?;
                (run.len(), State::Method)
            }
            (State::Target, b' ') => {
                self.head.end_target()?;
                (1, State::Version(0))
            }
            (State::Target, b'\r' | b'\n') => return Err(Reason::Version),
            (State::Target, _) => {
                let run = run_of(rest, bytes::is_target).ok_or(Reason::Target)?;
                self.head
                    .push_target(run, self.limits.bytes.min(MAX_TARGET_BYTES))?;
                (run.len(), State::Target)
            }
            (State::Version(seen), byte) => (1, self.version(seen, byte)?),
            (_, b'\n') => (1, State::FieldStart(Section::Head)),
            _ => return Err(Reason::BareCr),
        };
        self.state = next;
        Ok(taken)
    }

    fn version(&mut self, seen: u8, byte: u8) -> Result<State, Reason> {
        match (b"HTTP/1.".get(usize::from(seen)), byte) {
            (Some(expected), _) if *expected == byte => Ok(State::Version(seen + 1)),
            (None, b'0' | b'1') if seen == 7 => {
                self.head.is_http10 = byte == b'0';
                Ok(State::Version(seen + 1))
            }
            (None, b'\r') if seen == 8 => Ok(State::VersionCr),
            (None, b'\n') if seen == 8 => Err(Reason::BareLf),
            _ => Err(Reason::Version),
        }
    }

    fn field_section(&mut self, section: Section, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        let is_head = section == Section::Head;
        let taken = self.field_step(section, first, rest)?;
        self.head.bytes += taken;
        if is_head {
            self.unreleased += taken;
        }
        if self.head.bytes > self.limits.bytes {
            return Err(Reason::HeadTooLarge);
        }
        if first == b'\n' && self.state == State::EndCr(section) {
            if is_head {
                self.finish_head()?;
            } else {
                self.finish_message();
            }
        }
        Ok(taken)
    }

    fn field_step(&mut self, section: Section, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        let (taken, next) = match (self.state, first) {
            (State::FieldStart(_), b'\r') => (1, State::EndCr(section)),
            (State::FieldStart(_), b' ' | b'\t') if self.head.has_fields() => return Err(Reason::Folding),
            (State::FieldStart(_), b' ' | b'\t') => return Err(Reason::LeadingWhitespace),
            (State::FieldStart(_) | State::Name(_) | State::Value(_), b'\n') => return Err(Reason::BareLf),
            (State::FieldStart(_), byte) if bytes::is_token(byte) => {
                self.head.begin_field(self.limits.fields)?;
                (0, State::Name(section))
            }
            (State::Name(_), b':') => {
                self.head.end_name(section == Section::Trailers)?;
                (1, State::Value(section))
            }
            (State::Name(_), b' ' | b'\t') => return Err(Reason::SpaceBeforeColon),
            (State::FieldStart(_) | State::Name(_), _) => {
                let run = run_of(rest, bytes::is_token).ok_or(Reason::FieldName)?;
                self.head.push_name(run);
                (run.len(), State::Name(section))
            }
            (State::Value(_), b'\r') => (1, State::ValueCr(section)),
            (State::Value(_), _) => {
                let run = run_of(rest, bytes::is_value).ok_or(Reason::FieldValue)?;
                self.head.push_value(run);
                (run.len(), State::Value(section))
            }
            (State::ValueCr(_), b'\n') => {
                self.head.end_field()?;
                (1, State::FieldStart(section))
            }
            (State::EndCr(_), b'\n') => (1, State::EndCr(section)),
            _ => return Err(Reason::BareCr),
        };
        self.state = next;
        Ok(taken)
    }

    fn finish_head(&mut self) -> Result<(), Reason> {
        let follows = self.head.finish()?;
        self.may_switch = follows.may_switch;
        self.unreleased = 0;
        self.messages += 1;
        match follows.body {
            Framing::None => self.finish_message(),
            Framing::Length(length) => self.state = State::Fixed(length),
            Framing::Chunked => self.state = State::ChunkLine(ChunkLine::default()),
        }
        Ok(())
    }

    fn finish_message(&mut self) {
        self.head.bytes = 0;
        self.state = if std::mem::take(&mut self.may_switch) {
            State::Held
        } else {
            State::Start(false)
        };
    }

    fn fixed(&mut self, left: u64, rest: &[u8]) -> usize {
        let taken = at_most(rest.len(), left);
        let left = left - taken as u64;
        if left == 0 {
            self.finish_message();
        } else {
            self.state = State::Fixed(left);
        }
        taken
    }

    fn chunked(&mut self, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        let (taken, next) = match self.state {
            State::ChunkLine(mut line) => match line.push(first)? {
                None => (1, State::ChunkLine(line)),
                Some(0) => {
                    self.head.begin_trailers();
                    (1, State::FieldStart(Section::Trailers))
                }
                Some(size) => (1, State::ChunkData(line, size)),
            },
            State::ChunkData(line, left) => {
                let taken = at_most(rest.len(), left);
                match left - taken as u64 {
                    0 => (taken, State::ChunkEnd(line, false)),
                    left => (taken, State::ChunkData(line, left)),
                }
            }
            State::ChunkEnd(line, false) if first == b'\r' => (1, State::ChunkEnd(line, true)),
            State::ChunkEnd(line, true) if first == b'\n' => (1, State::ChunkLine(line)),
            _ => return Err(Reason::ChunkEnd),
        };
        self.state = next;
        Ok(taken)
    }
}

/// The bytes at the front that are of a class; `None` if there is none.
fn run_of(rest: &[u8], is: impl Fn(u8) -> bool) -> Option<&[u8]> {
    match bytes::run(rest, is) {
        0 => None,
        length => rest.get(..length),
    }
}

fn at_most(available: usize, left: u64) -> usize {
    usize::try_from(left).map_or(available, |left| available.min(left))
}
