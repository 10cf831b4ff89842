//! Answers read from bytes alone, by the code that reads them from connections: for tests and fuzzing.

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;

use super::call::whole;
use super::framing::{Framing, Step};
use super::head;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method of the request.
    pub method: Method,
    /// Whether it asked to leave HTTP.
    pub upgrade: bool,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The final answer's head.
    pub head: Option<(StatusCode, HeaderMap)>,
    /// Its body, as far as it came.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Option<HeaderMap>,
    /// How it ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Whole, and the connection may serve again.
    Reusable,
    /// Whole, and the connection is closed.
    Closed,
    /// The connection left HTTP.
    Switched,
    /// The bytes ended too early.
    CutShort,
    /// It is no answer.
    Refused,
}

/// Reads an answer that comes in these pieces, after which the connection is closed.
#[must_use]
pub fn read(asked: &Asked, pieces: &[&[u8]]) -> Reading {
    let mut reading = Reading {
        head: None,
        body: Vec::new(),
        trailers: None,
        end: End::CutShort,
    };
    reading.end = go_on(asked, pieces, &mut reading);
    reading
}

fn go_on(asked: &Asked, pieces: &[&[u8]], reading: &mut Reading) -> End {
    let mut pieces = pieces.iter();
    let mut bytes = Bytes::new();
    let head = loop {
        match head::parse(&bytes) {
            Err(_) => return End::Refused,
            Ok(Some((head, length))) => {
                bytes.advance(length);
                if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                    break head;
                }
            }
            Ok(None) => match pieces.next() {
                Some(piece) => bytes = [bytes.as_ref(), piece].concat().into(),
                None => return End::CutShort,
            },
        }
    };
    let mut framing = Framing::of(&head, &asked.method);
    reading.head = Some((head.status, head.headers));
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return if asked.upgrade {
            End::Switched
        } else {
            End::Refused
        };
    }
    let mut reusable = head.keep_alive && !matches!(framing, Framing::UntilClosed(_));
    let mut bytes = match whole(&framing, bytes) {
        Ok((body, left)) => {
            let collected = futures_util::FutureExt::now_or_never(body.collect());
            if let Some(Ok(body)) = collected {
                reading.body.extend_from_slice(&body.to_bytes());
            }
            reusable &= left == 0 && pieces.next().is_none();
            return if reusable { End::Reusable } else { End::Closed };
        }
        Err(bytes) => bytes,
    };
    loop {
        match framing.step(&mut bytes) {
            Err(_) => return End::Refused,
            Ok(Step::Data(data)) => reading.body.extend_from_slice(&data),
            Ok(Step::Trailers(trailers)) => reading.trailers = Some(trailers),
            Ok(Step::End) => break,
            Ok(Step::More) => match pieces.next() {
                Some(piece) => bytes = Bytes::copy_from_slice(piece),
                None if framing.close() => break,
                None => return End::CutShort,
            },
        }
    }
    // What follows is nothing that was asked for.
    reusable &= bytes.is_empty() && pieces.next().is_none();
    if reusable { End::Reusable } else { End::Closed }
}
