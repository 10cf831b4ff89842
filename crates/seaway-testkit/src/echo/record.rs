//! What a backend remembers of the requests it got.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Version, header};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A request as a backend received it; also its JSON answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// The backend's name.
    pub backend: String,
    /// Method.
    pub method: String,
    /// Path with the query.
    pub path: String,
    /// `:authority` or `Host`.
    pub host: String,
    /// Every value of every field, by lower-case name, in the order they came.
    pub headers: BTreeMap<String, Vec<String>>,
    /// `HTTP/1.1` or `HTTP/2.0`
    pub protocol: String,
    /// Which of the backend's connections it came by, from 1.
    pub connection: u64,
    /// Length of the body that was read.
    pub body_bytes: usize,
    /// The body, where it is short and UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Fields after the body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trailers: BTreeMap<String, Vec<String>>,
}

impl Received {
    /// How many requests a backend remembers.
    pub const KEPT: usize = 256;

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.first().map(String::as_str)
    }

    fn new<B>(backend: &str, request: &Request<B>, connection: u64) -> Self {
        let host = match request.uri().authority() {
            Some(authority) => authority.to_string(),
            None => request
                .headers()
                .get(header::HOST)
                .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
                .unwrap_or_default(),
        };
        Self {
            backend: backend.to_owned(),
            method: request.method().to_string(),
            path: request
                .uri()
                .path_and_query()
                .map_or_else(|| "*".to_owned(), ToString::to_string),
            host,
            headers: fields(request.headers()),
            protocol: match request.version() {
                Version::HTTP_2 => "HTTP/2.0".to_owned(),
                other => format!("{other:?}"),
            },
            connection,
            ..Self::default()
        }
    }
}

/// Fields as text; what is not UTF-8 shows as replacement characters.
pub(super) fn fields(headers: &http::HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        fields
            .entry(name.as_str().to_owned())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    fields
}

/// Counts all requests and keeps the newest.
#[derive(Debug)]
pub(super) struct Records {
    kept: Mutex<Kept>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Kept {
    newest: VecDeque<(usize, Received)>,
    connections: BTreeSet<u64>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            count: watch::channel(0).0,
        }
    }
}

impl Records {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the head of a request; the answer names it for [`Records::finish`].
    pub(super) fn arrived<B>(&self, backend: &str, request: &Request<B>, connection: u64) -> usize {
        let received = Received::new(backend, request, connection);
        let mut kept = self.lock();
        let id = *self.count.borrow();
        kept.connections.insert(connection);
        kept.newest.push_back((id, received));
        if kept.newest.len() > Received::KEPT {
            kept.newest.pop_front();
        }
        // Under the lock, so that numbers are given once.
        self.count.send_replace(id + 1);
        id
    }

    /// Notes what came after the head, and gives the whole back. `None` if it is long forgotten.
    pub(super) fn finish(&self, id: usize, change: impl FnOnce(&mut Received)) -> Option<Received> {
        let mut kept = self.lock();
        let (_, received) = kept.newest.iter_mut().rev().find(|(other, _)| *other == id)?;
        change(received);
        Some(received.clone())
    }

    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    pub(super) fn newest(&self) -> Vec<Received> {
        self.lock().newest.iter().map(|(_, r)| r.clone()).collect()
    }

    pub(super) async fn reached(&self, count: usize) {
        // The sender lives as long as we do, so this cannot fail.
        let _ = self.count.subscribe().wait_for(|seen| *seen >= count).await;
    }
}
