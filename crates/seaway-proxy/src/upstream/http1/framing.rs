//! Where the body of an answer ends (RFC 9112, 6.3), and its data up to there.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::chunked::Chunked;
use super::head::Head;

/// What came is no answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's answer is malformed: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// How the body goes on.
#[derive(Debug)]
pub(super) enum Framing {
    /// What is left of it.
    Length(u64),
    Chunked(Chunked),
    /// Until the connection is closed; the flag: it was.
    UntilClosed(bool),
}

/// What bytes gave.
#[derive(Debug)]
pub(super) enum Step {
    Data(Bytes),
    /// The end, with fields.
    Trailers(HeaderMap),
    End,
    /// Nothing before more bytes.
    More,
}

impl Framing {
    /// Of the answer to a request. `method`: the request's.
    pub(super) fn of(head: &Head, method: &Method) -> Self {
        let bodiless = *method == Method::HEAD
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless {
            Self::Length(0)
        } else if head.chunked {
            Self::Chunked(Chunked::default())
        } else {
            head.length.map_or(Self::UntilClosed(false), Self::Length)
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_ended(),
            Self::UntilClosed(closed) => *closed,
        }
    }

    /// Takes the next step.
    pub(super) fn step(&mut self, input: &mut Bytes) -> Result<Step, Malformed> {
        match self {
            Self::Length(0) | Self::UntilClosed(true) => Ok(Step::End),
            Self::Chunked(chunked) => chunked.step(input),
            Self::Length(_) | Self::UntilClosed(false) if input.is_empty() => Ok(Step::More),
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= here as u64;
                Ok(Step::Data(input.split_to(here)))
            }
            Self::UntilClosed(false) => Ok(Step::Data(std::mem::take(input))),
        }
    }

    /// The connection was closed. Whether that is the end.
    pub(super) fn close(&mut self) -> bool {
        if let Self::UntilClosed(closed) = self {
            *closed = true;
        }
        self.is_ended()
    }
}
