//! The transitions of the guard: what each byte means where, and which rule it breaks.

use super::chunk::ChunkLine;
use super::head::Framing;
use super::{Guard, PREFACE, Reason, Section, State, bytes};

/// `http`'s limit for a target.
pub(super) const MAX_TARGET_BYTES: usize = 65_534;

impl Guard {
    /// Takes at least a byte, or changes the state.
    pub(super) fn step(&mut self, first: u8, rest: &[u8]) -> Result<usize, Reason> {
        match self.state {
            State::Preface(seen) => Ok(self.preface(seen, first)),
            State::Start(_)
            | State::StartCr
            | State::Method
            | State::Target
            | State::Version(_)
            | State::OtherVersion(_)
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
            State::Held | State::Http2 | State::Refused(_) => Ok(rest.len()),
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
            (State::OtherVersion(seen), byte) => (1, Self::other_version(seen, byte)?),
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
            (_, b'0'..=b'9') if seen == 5 => Ok(State::OtherVersion(0)),
            (_, b'0'..=b'9') if seen == 7 => Ok(State::OtherVersion(2)),
            _ => Err(Reason::Version),
        }
    }

    /// Whether it is a version at all.
    fn other_version(seen: u8, byte: u8) -> Result<State, Reason> {
        match (seen, byte) {
            (0, b'.') | (1, b'0'..=b'9') => Ok(State::OtherVersion(seen + 1)),
            (2, b'\r') => Err(Reason::VersionUnsupported),
            (2, b'\n') => Err(Reason::BareLf),
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
