//! What serves a port, on its way into the model.
//!
//! A backend still knows its labels, by which subsets choose, and may be an address or a name; the model's endpoints are
//! the one or the other, and know neither.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use seaway_model::{Endpoint, EndpointHealth, EndpointSource, Locality, NamedEndpoint};

use super::pods::Labels;

/// One address or name that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend<'a> {
    pub(super) address: Address,
    pub(super) weight: u32,
    pub(super) health: EndpointHealth,
    pub(super) locality: Option<Locality>,
    pub(super) priority: u32,
    /// Of its Pod or WorkloadEntry, where that is known. Without any it is in no subset.
    pub(super) labels: Option<Cow<'a, Labels>>,
}

/// Where a backend is reached. Addresses sort before names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    Ip(SocketAddr),
    Name(Arc<str>, u16),
}

impl<'a> Backend<'a> {
    /// Healthy, with nothing out of the ordinary.
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            weight: 1,
            health: EndpointHealth::Healthy,
            locality: None,
            priority: 0,
            labels: None,
        }
    }

    /// Whether it has all of these labels.
    pub(super) fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(key, value)| self.label(key) == Some(*value))
    }

    /// The value of a label.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key).map(|value| &**value)
    }
}

/// Each address once, in order. Of two entries for one address the healthy one stays, then the one with labels.
pub(super) fn settle(backends: &mut Vec<Backend<'_>>) {
    backends.sort_by(|a, b| order(a).cmp(&order(b)));
    backends.dedup_by(|later, first| later.address == first.address);
}

fn order<'b>(backend: &'b Backend<'_>) -> impl Ord + 'b {
    (
        &backend.address,
        backend.health,
        backend.labels.is_none(),
        &backend.locality,
        backend.weight,
        backend.labels.as_deref(),
    )
}

/// How names among backends are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Every address of each is an endpoint.
    #[default]
    Strict,
    /// Whatever the first one stands for when a connection is made.
    Logical,
}

/// As the model has them. Addresses among names are names that stand for themselves.
pub(super) fn source(backends: &[Backend<'_>], lookup: Lookup) -> EndpointSource {
    let names: Vec<NamedEndpoint> = match backends.iter().any(|b| matches!(b.address, Address::Name(..))) {
        true => backends.iter().map(named).collect(),
        false => return EndpointSource::Static(backends.iter().filter_map(endpoint).collect()),
    };
    match (lookup, names.first()) {
        (Lookup::Logical, Some(first)) => EndpointSource::LogicalDns(first.clone()),
        _ => EndpointSource::Dns(names),
    }
}

fn endpoint(backend: &Backend<'_>) -> Option<Endpoint> {
    let Address::Ip(address) = backend.address else {
        return None;
    };
    Some(Endpoint {
        address,
        weight: backend.weight,
        health: backend.health,
        locality: backend.locality.clone(),
        priority: backend.priority,
    })
}

fn named(backend: &Backend<'_>) -> NamedEndpoint {
    let (host, port) = match &backend.address {
        Address::Name(host, port) => (host.clone(), *port),
        Address::Ip(address) => (address.ip().to_string().into(), address.port()),
    };
    NamedEndpoint {
        weight: backend.weight,
        locality: backend.locality.clone(),
        priority: backend.priority,
        ..NamedEndpoint::new(host, port)
    }
}
