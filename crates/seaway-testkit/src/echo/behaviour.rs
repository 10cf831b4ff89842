//! What a test may ask of a backend.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tokio::sync::watch;

/// How one request is answered.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Instead of 200.
    pub status: Option<StatusCode>,
    /// Wait first.
    pub delay: Option<Duration>,
    /// Wait first, until [`super::Backend::release`].
    pub hold: bool,
    /// The body of the answer.
    pub answer: Answer,
    /// Beside those that every answer has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// After the body.
    pub trailers: Vec<(HeaderName, HeaderValue)>,
    /// Answer before, and without, reading the request's body.
    pub unread: bool,
    /// How it ends.
    pub ending: Ending,
}

/// The body of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// JSON that says what was received. gRPC requests get [`Answer::Request`] instead.
    #[default]
    Report,
    /// The request's body, streamed back as it comes.
    Request,
    /// So many bytes without a Content-Length.
    Chunked(usize),
    /// So many bytes with a Content-Length.
    Sized(usize),
    /// Nothing.
    Empty,
}

/// How an exchange ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    #[default]
    Normal,
    /// With a TCP reset before the answer.
    Reset,
    /// With an orderly close before the answer.
    Close,
    /// With `RST_STREAM(REFUSED_STREAM)` on HTTP/2; with a close on HTTP/1.1.
    Refuse,
    /// In the middle of the body. Only for [`Answer::Chunked`] and [`Answer::Sized`].
    Truncate,
}

impl Behaviour {
    /// Answers with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).ok(),
            ..Self::default()
        }
    }

    /// Ends so.
    #[must_use]
    pub fn ending(ending: Ending) -> Self {
        Self {
            ending,
            ..Self::default()
        }
    }

    /// Waits for [`super::Backend::release`] first.
    #[must_use]
    pub fn hold() -> Self {
        Self {
            hold: true,
            ..Self::default()
        }
    }

    /// Reads what a request's headers ask for: `x-echo-status: 503`, `x-echo-delay-ms: 50`, `x-echo-hold: 1`,
    /// `x-echo-answer: report|request|chunked=N|sized=N|empty`, `x-echo-header: name=value` and
    /// `x-echo-trailer: name=value` (both repeatable), `x-echo-unread: 1`,
    /// `x-echo-end: reset|close|refuse|truncate`. What cannot be read is ignored: the JSON answer shows the headers.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status: text("x-echo-status").and_then(|status| status.parse().ok()),
            delay: text("x-echo-delay-ms")
                .and_then(|ms| ms.parse().ok())
                .map(Duration::from_millis),
            hold: text("x-echo-hold").is_some(),
            answer: text("x-echo-answer").and_then(Answer::parse).unwrap_or_default(),
            headers: pairs(headers, "x-echo-header"),
            trailers: pairs(headers, "x-echo-trailer"),
            unread: text("x-echo-unread").is_some(),
            ending: text("x-echo-end").and_then(Ending::parse).unwrap_or_default(),
        }
    }

    /// Sets status and headers of an answer.
    pub(super) fn decorate<B>(&self, backend: &str, response: &mut Response<B>) {
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
        if let Ok(name) = HeaderValue::from_str(backend) {
            response.headers_mut().insert("x-echo-backend", name);
        }
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
    }
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let (word, count) = text.split_once('=').unwrap_or((text, "0"));
        let count = count.parse().ok()?;
        Some(match word {
            "report" => Self::Report,
            "request" => Self::Request,
            "chunked" => Self::Chunked(count),
            "sized" => Self::Sized(count),
            "empty" => Self::Empty,
            _ => return None,
        })
    }
}

impl Ending {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "reset" => Self::Reset,
            "close" => Self::Close,
            "refuse" => Self::Refuse,
            "truncate" => Self::Truncate,
            _ => return None,
        })
    }
}

fn pairs(headers: &HeaderMap, name: &str) -> Vec<(HeaderName, HeaderValue)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|pair| {
            let (name, value) = pair.to_str().ok()?.split_once('=')?;
            Some((
                HeaderName::try_from(name).ok()?,
                HeaderValue::try_from(value).ok()?,
            ))
        })
        .collect()
}

/// What the next requests do, and the gate that held ones wait at.
#[derive(Debug)]
pub(super) struct Script {
    next: Mutex<VecDeque<Behaviour>>,
    open: watch::Sender<bool>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            next: Mutex::default(),
            open: watch::channel(false).0,
        }
    }
}

impl Script {
    pub(super) fn push(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(behaviours);
    }

    pub(super) fn next(&self) -> Option<Behaviour> {
        self.next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    pub(super) fn release(&self) {
        self.open.send_replace(true);
    }

    pub(super) async fn released(&self) {
        // The sender lives as long as we do, so this cannot fail.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}
