//! Upstreams: a cluster is a set of endpoints that are balanced together.

mod balancing;
mod connection;
mod endpoint;
mod limits;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Millis, Origin};

pub use balancing::{Balancing, BalancingSettings, LocalityWeight, Warmup};
pub use connection::{
    ConnectionPool, Http2Keepalive, ProxyProtocolVersion, TcpKeepalive, Trust, UpstreamTls,
};
pub use endpoint::{Endpoint, EndpointHealth, EndpointSource, Locality, NamedEndpoint};
pub use limits::{CircuitBreakers, OutlierDetection, RetryBudget};

/// The identity of a cluster, stable over configuration changes: `namespace/service:port`, `/subset` after it where
/// there is one, `;for=namespace` where that namespace has a DestinationRule of its own for it, and `;policy` at the end
/// where a route asks for a balancing of its own. `host:port` for an address, a DNS name or a host of a ServiceEntry
/// (`;of=namespace/name` where another ServiceEntry has the plain name, `;dns` where no ServiceEntry is meant); `;udp`
/// for a port of datagrams. Pools, health and balancer state are kept under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// How the balancing is tuned.
    #[serde(skip_serializing_if = "BalancingSettings::is_default")]
    pub balancing_settings: BalancingSettings,
    /// What is spoken to it.
    pub protocol: UpstreamProtocol,
    /// TLS to it; `None` is clear text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
    /// Whether each connection begins with a PROXY protocol header that says who the client is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocolVersion>,
    /// Limit for making a connection.
    pub connect_timeout: Millis,
    /// How connections are kept.
    #[serde(skip_serializing_if = "ConnectionPool::is_default")]
    pub connection_pool: ConnectionPool,
    /// What may be under way at once.
    #[serde(skip_serializing_if = "CircuitBreakers::is_default")]
    pub circuit_breakers: CircuitBreakers,
    /// When an endpoint is left out for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    /// How many retries may be under way. Where `circuit_breakers` limits retries, that limit holds instead.
    pub retry_budget: RetryBudget,
}

impl Cluster {
    /// A cluster of these endpoints in clear-text HTTP/1.1, with everything else as it is where nobody says otherwise.
    #[must_use]
    pub fn new(name: ClusterName, origin: Origin, endpoints: EndpointSource) -> Self {
        Self {
            name,
            origin,
            service: None,
            subset: None,
            endpoints,
            balancing: Balancing::default(),
            balancing_settings: BalancingSettings::default(),
            protocol: UpstreamProtocol::default(),
            tls: None,
            proxy_protocol: None,
            connect_timeout: Millis(5_000),
            connection_pool: ConnectionPool::default(),
            circuit_breakers: CircuitBreakers::default(),
            outlier_detection: Some(OutlierDetection::default()),
            retry_budget: RetryBudget::default(),
        }
    }
}

/// A port of a Kubernetes Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The Service's port, not the pods'.
    pub port: u16,
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
