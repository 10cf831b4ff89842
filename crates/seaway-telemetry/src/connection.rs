//! What is known of a connection that is relayed and not read: TCP, TLS that goes through or ends here, and sessions of
//! datagrams. The proxy fills it in; metrics and the access log read it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaway_model::{Cluster, L4Route};

use crate::Flag;

/// Everything about one relayed connection at one moment of its life. Nothing is allocated for it.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are those of the access log, see docs")]
pub struct ConnectionRecord<'a> {
    /// When it was accepted, and how long ago that is.
    pub start: SystemTime,
    pub duration: Duration,
    pub listener: &'a str,
    pub transport: Transport,
    /// The TLS server name, where the client sent one.
    pub server_name: Option<&'a str>,
    pub flags: &'a [Flag],
    /// A stable word saying why it came to nothing or was cut off: `connect_failed`, `no_endpoints`, …
    pub reason: Option<&'a str>,
    /// The same for a person, where the configuration is at fault.
    pub message: Option<&'a str>,
    /// All so far.
    pub bytes: Bytes,
    /// As much of it as earlier events have told.
    pub told: Bytes,
    pub downstream: SocketAddr,
    pub route: Option<&'a Arc<L4Route>>,
    pub cluster: Option<&'a Arc<Cluster>>,
    pub upstream: Option<SocketAddr>,
    /// Endpoints that were tried before the last.
    pub retries: u32,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A stream of bytes.
    Tcp,
    /// Datagrams; a session of them counts as a connection.
    Udp,
}

/// Bytes of payload, as the client sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// From the client.
    pub received: u64,
    /// To the client.
    pub sent: u64,
}

impl Transport {
    /// As the access log has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// As Istio's label `request_protocol` has it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl ConnectionRecord<'_> {
    /// What no event has told yet.
    pub(crate) fn news(&self) -> Bytes {
        Bytes {
            received: self.bytes.received.saturating_sub(self.told.received),
            sent: self.bytes.sent.saturating_sub(self.told.sent),
        }
    }
}
