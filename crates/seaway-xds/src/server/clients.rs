//! Who is connected, and how far they are: what `/clients` and the metrics show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use super::session::{Session, Wire};
use crate::Kind;

/// A client, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientStatus {
    /// Its node's id.
    pub node: String,
    /// Its node's cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// `envoy 1.40.0`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// Where it connects from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// `delta` or `stateOfTheWorld`.
    pub wire: &'static str,
    /// Seconds since 1970.
    pub connected_at: u64,
    /// The newest version of the configuration that it holds whole, apart from what it rejected.
    pub accepted: u64,
    /// The version that it shall hold.
    pub current: u64,
    /// By type.
    pub types: Vec<TypeStatus>,
    /// What it rejected and still would be sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// What it said that could not be understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<String>,
}

/// What a client asks for of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeStatus {
    /// `clusters`
    pub kind: &'static str,
    /// How many resources it named; `None`: it wants all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<usize>,
    /// The newest version that it holds whole.
    pub accepted: u64,
}

/// A resource that a client rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// `clusters`
    pub kind: &'static str,
    /// The resource.
    pub name: String,
    /// The client's words.
    pub message: String,
}

/// What was sent and heard since the start. Only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Streams that were opened.
    pub streams: u64,
    /// Responses sent.
    pub responses: u64,
    /// Resources in them.
    pub resources: u64,
    /// Bytes of those resources.
    pub bytes: u64,
    /// Responses accepted.
    pub accepted: u64,
    /// Responses rejected.
    pub rejected: u64,
    /// Answers to responses that were not under way.
    pub stale: u64,
}

/// All clients.
#[derive(Debug, Default)]
pub struct Clients(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    connected: BTreeMap<u64, ClientStatus>,
    counts: Counts,
}

impl Clients {
    /// By the order in which they came.
    #[must_use]
    pub fn list(&self) -> Vec<ClientStatus> {
        self.with(|inner| inner.connected.values().cloned().collect())
    }

    /// What was sent and heard.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|inner| inner.counts)
    }

    /// How many are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.with(|inner| inner.connected.len())
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        self.with(|inner| count(&mut inner.counts));
    }

    /// A client that is shown until the entry is dropped.
    pub(super) fn enter(&self, wire: Wire, address: Option<SocketAddr>) -> Entry<'_> {
        let connected_at = SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.as_secs());
        let status = ClientStatus {
            node: String::new(),
            cluster: String::new(),
            agent: String::new(),
            address,
            wire: match wire {
                Wire::StateOfTheWorld => "stateOfTheWorld",
                Wire::Delta => "delta",
            },
            connected_at,
            accepted: 0,
            current: 0,
            types: Vec::new(),
            rejected: Vec::new(),
            complaints: Vec::new(),
        };
        let number = self.with(|inner| {
            inner.next += 1;
            inner.counts.streams += 1;
            inner.connected.insert(inner.next, status);
            inner.next
        });
        Entry {
            clients: self,
            number,
        }
    }

    fn with<T>(&self, touch: impl FnOnce(&mut Inner) -> T) -> T {
        touch(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connected client.
#[derive(Debug)]
pub(super) struct Entry<'c> {
    clients: &'c Clients,
    number: u64,
}

impl Entry<'_> {
    pub(super) fn change(&self, change: impl FnOnce(&mut ClientStatus)) {
        self.clients.with(|inner| {
            if let Some(status) = inner.connected.get_mut(&self.number) {
                change(status);
            }
        });
    }

    /// Shows where a session stands.
    pub(super) fn show(&self, session: &Session, current: u64) {
        let asked = Kind::ALL.into_iter().filter(|kind| session.asks_for(*kind));
        let types: Vec<TypeStatus> = asked
            .map(|kind| TypeStatus {
                kind: kind.word(),
                named: session.subscribed(kind),
                accepted: session.accepted(kind),
            })
            .collect();
        let rejected = session.rejections().map(|(kind, name, why)| Rejected {
            kind: kind.word(),
            name: name.to_string(),
            message: why.message.to_string(),
        });
        let rejected: Vec<Rejected> = rejected.collect();
        self.change(|status| {
            status.accepted = types.iter().map(|of_kind| of_kind.accepted).min().unwrap_or(0);
            status.current = current;
            status.types = types;
            status.rejected = rejected;
        });
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.clients.with(|inner| inner.connected.remove(&self.number));
    }
}
