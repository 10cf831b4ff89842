//! What a cluster does besides being an address: said where it is out of the ordinary, so that nobody has to look for
//! what is as everywhere.

use std::fmt;

use seaway_model::{Balancing, Cluster, OutlierDetection, RetryBudget, Trust, UpstreamProtocol, UpstreamTls};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A cluster's policies. As JSON: `balancing` and `connectTimeoutMs` always, the others under the model's names where
/// somebody has said something.
#[derive(Clone, Copy, Debug)]
pub struct Policies<'a>(pub &'a Cluster);

impl Policies<'_> {
    /// Detection as it is where nobody says otherwise is not worth a word; none at all is.
    fn outliers(self) -> Option<Option<&'static str>> {
        match &self.0.outlier_detection {
            Some(detection) if *detection == OutlierDetection::default() => None,
            Some(_) => Some(Some("outlier detection")),
            None => Some(None),
        }
    }
}

impl Serialize for Policies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cluster = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("balancing", &cluster.balancing)?;
        map.serialize_entry("connectTimeoutMs", &cluster.connect_timeout.0)?;
        if !cluster.balancing_settings.is_default() {
            map.serialize_entry("balancingSettings", &cluster.balancing_settings)?;
        }
        if cluster.protocol != UpstreamProtocol::default() {
            map.serialize_entry("protocol", &cluster.protocol)?;
        }
        if let Some(tls) = &cluster.tls {
            map.serialize_entry("tls", tls)?;
        }
        if let Some(version) = &cluster.proxy_protocol {
            map.serialize_entry("proxyProtocol", version)?;
        }
        if !cluster.connection_pool.is_default() {
            map.serialize_entry("connectionPool", &cluster.connection_pool)?;
        }
        if !cluster.circuit_breakers.is_default() {
            map.serialize_entry("circuitBreakers", &cluster.circuit_breakers)?;
        }
        if self.outliers().is_some() {
            map.serialize_entry("outlierDetection", &cluster.outlier_detection)?;
        }
        if cluster.retry_budget != RetryBudget::default() {
            map.serialize_entry("retryBudget", &cluster.retry_budget)?;
        }
        map.end()
    }
}

/// `ring hash, TLS to db.example.com, circuit breakers`; empty where nothing is out of the ordinary.
impl fmt::Display for Policies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self.0;
        let balancing = match cluster.balancing {
            Balancing::LeastRequest => None,
            Balancing::RoundRobin => Some("round robin"),
            Balancing::Random => Some("random"),
            Balancing::RingHash => Some("ring hash"),
            Balancing::Maglev => Some("Maglev"),
        };
        let words = [
            balancing,
            cluster.balancing_settings.warmup.is_some().then_some("warm-up"),
            (!cluster.balancing_settings.locality_weights.is_empty()).then_some("locality weights"),
            (cluster.protocol == UpstreamProtocol::Http2).then_some("HTTP/2"),
            cluster.proxy_protocol.is_some().then_some("PROXY protocol"),
            (!cluster.connection_pool.is_default()).then_some("a connection pool of its own"),
            (!cluster.circuit_breakers.is_default()).then_some("circuit breakers"),
            self.outliers().flatten(),
        ];
        let mut joint = "";
        for word in words.into_iter().flatten() {
            write!(f, "{joint}{word}")?;
            joint = ", ";
        }
        match &cluster.tls {
            Some(tls) => write!(f, "{joint}{}", Tls(tls)),
            None => Ok(()),
        }
    }
}

struct Tls<'a>(&'a UpstreamTls);

impl fmt::Display for Tls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.client_certificate.is_some() {
            "mutual TLS"
        } else {
            "TLS"
        };
        f.write_str(kind)?;
        if let Some(name) = &self.0.server_name {
            write!(f, " to {name}")?;
        }
        match self.0.trust {
            Trust::Anybody => f.write_str(" (without a check of who answers)"),
            Trust::System | Trust::Secret(_) => Ok(()),
        }
    }
}
