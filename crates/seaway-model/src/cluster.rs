//! Upstreams: a cluster is a set of endpoints that are balanced together.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::{Fraction, Millis, Origin};

/// The identity of a cluster, stable over configuration changes: `namespace/service:port`, `/subset` after it where
/// there is one, `;policy` after that where a route asks for a balancing of its own; `host:port` for an address or a
/// DNS name. Pools, health and balancer state are kept under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ClusterName(pub Arc<str>);

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of endpoints that are balanced together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its identity.
    pub name: ClusterName,
    /// What made it: the Service, or the destination that names an address.
    pub origin: Origin,
    /// The Service it stands for; `None` for an address or a DNS name outside the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRef>,
    /// The subset of that Service's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset: Option<Arc<str>>,
    /// Where its endpoints come from.
    pub endpoints: EndpointSource,
    /// How one is chosen.
    pub balancing: Balancing,
    /// What is spoken to it.
    pub protocol: UpstreamProtocol,
    /// Limit for making a connection.
    pub connect_timeout: Millis,
    /// When an endpoint is left out for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    /// How many retries may be under way.
    pub retry_budget: RetryBudget,
}

/// A port of a Kubernetes Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ServiceRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The Service's port, not the pods'.
    pub port: u16,
}

/// Where endpoints come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointSource {
    /// These. An empty list is a cluster without endpoints: 503, `UH`.
    Static(Vec<Endpoint>),
    /// Every address that a DNS name resolves to, asked again when its TTL is over.
    Dns {
        /// The name.
        host: Arc<str>,
        /// The port of every endpoint.
        port: u16,
    },
}

/// One address that serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Where.
    pub address: SocketAddr,
    /// Relative to the other endpoints'; 1 unless a dialect says otherwise.
    pub weight: u32,
    /// Whether it may get new requests.
    pub health: EndpointHealth,
    /// Its zone, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Arc<str>>,
}

/// What discovery says of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointHealth {
    /// Ready.
    #[default]
    Healthy,
    /// Terminating but still serving: used only when no healthy one is left.
    Draining,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Balancing {
    /// The one with fewer requests under way, of two chosen at random.
    #[default]
    LeastRequest,
    /// In turn, by weight.
    RoundRobin,
    /// At random, by weight.
    Random,
    /// By a hash of what the route says, on a ring, so that few keys move when endpoints change.
    RingHash,
}

/// What is spoken upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UpstreamProtocol {
    /// HTTP/1.1 in clear text.
    #[default]
    Http1,
    /// HTTP/2 in clear text, by prior knowledge (`appProtocol: kubernetes.io/h2c`, port names `http2…`, `grpc…`).
    Http2,
}

/// Passive ejection: an endpoint that fails is left out for a while.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlierDetection {
    /// Ejected after so many connections in a row that could not be made.
    pub consecutive_connect_failures: u32,
    /// How long, times the number of ejections in a row.
    pub base_ejection_time: Millis,
    /// Never longer than this.
    pub max_ejection_time: Millis,
    /// Never more than this share of the endpoints, but always at least one of two or more.
    pub max_ejection: Fraction,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_connect_failures: 1,
            base_ejection_time: Millis(5_000),
            max_ejection_time: Millis(60_000),
            max_ejection: Fraction::ALL,
        }
    }
}

/// How many retries may be under way, so that retries never multiply an outage (Envoy's `retry_budget`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryBudget {
    /// Share of the requests under way.
    pub budget: Fraction,
    /// But so many are always allowed.
    pub min_concurrency: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            budget: Fraction::from_millionths(200_000),
            min_concurrency: 10,
        }
    }
}
