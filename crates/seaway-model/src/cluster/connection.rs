//! How connections to a cluster are made and kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Millis, SecretName};

/// TLS to an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamTls {
    /// The server name that is sent, and checked where `subject_alt_names` is empty. `None`: the request's host, as it
    /// is sent upstream; for what is not HTTP, the DNS name of the endpoint if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<Arc<str>>,
    /// One of the certificate's names must be one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<Arc<str>>,
    /// Who is believed.
    pub trust: Trust,
    /// What proves who we are: a secret with a key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<SecretName>,
}

/// Which authorities are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// Those of the operating system.
    #[default]
    System,
    /// Those of a secret.
    Secret(SecretName),
    /// Anybody: the connection is encrypted, and to whom is not known.
    Anybody,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProxyProtocolVersion {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// How connections are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionPool {
    /// A connection is closed after so many requests; 1: no connection is used twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests_per_connection: Option<u32>,
    /// A connection without a request is closed after so long; a minute where not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Millis>,
    /// A connection is closed after so long, once it has no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connection_duration: Option<Millis>,
    /// Probes that find connections which have silently died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Streams of one HTTP/2 connection at once, if fewer than the upstream allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_streams: Option<u32>,
    /// HTTP/2 pings that find connections which have silently died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_keepalive: Option<Http2Keepalive>,
}

impl ConnectionPool {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `SO_KEEPALIVE`; what is `None` is the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TcpKeepalive {
    /// Probes without an answer until the connection counts as dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Millis>,
    /// Between probes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Millis>,
}

/// HTTP/2 pings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Http2Keepalive {
    /// Between pings.
    pub interval: Millis,
    /// Until the connection counts as dead.
    pub timeout: Millis,
}
