//! Where the endpoints of a cluster come from, and where they stand.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

/// Where endpoints come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointSource {
    /// These. An empty list is a cluster without endpoints: 503, `UH`.
    Static(Vec<Endpoint>),
    /// Every address that one of these DNS names resolves to, asked again when its TTL is over (Envoy's `STRICT_DNS`).
    Dns(Vec<NamedEndpoint>),
    /// The first address that the name resolves to at the time of connecting, the others if that cannot be reached:
    /// for names behind which stand very many (Envoy's `LOGICAL_DNS`).
    LogicalDns(NamedEndpoint),
}

/// Addresses that a DNS name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedEndpoint {
    /// The name.
    pub host: Arc<str>,
    /// The port of every address.
    pub port: u16,
    /// Of each address, relative to the other endpoints'.
    pub weight: u32,
    /// Where they stand, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
    /// As for [`Endpoint::priority`].
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: u32,
}

impl NamedEndpoint {
    /// A name, with nothing out of the ordinary.
    #[must_use]
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            weight: 1,
            locality: None,
            priority: 0,
        }
    }
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
    /// Where it stands, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
    /// Used only as far as those of lower numbers are not healthy enough: the share that goes to the next priority grows
    /// as the healthy share, times 1.4, falls below one (Envoy's over-provisioning). Without gaps, from 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: u32,
}

impl Endpoint {
    /// A healthy address, with nothing out of the ordinary.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            weight: 1,
            health: EndpointHealth::Healthy,
            locality: None,
            priority: 0,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A place in the world: `region/zone/subzone`, of which the later parts may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    /// `eu-central-1`
    pub region: Arc<str>,
    /// `eu-central-1a`
    pub zone: Arc<str>,
    /// A rack, a room.
    pub subzone: Arc<str>,
}

impl Locality {
    /// Only the zone is known, as in an EndpointSlice.
    #[must_use]
    pub fn of_zone(zone: impl Into<Arc<str>>) -> Self {
        Self {
            zone: zone.into(),
            ..Self::default()
        }
    }
}

/// `region/zone/subzone`, without empty parts at the end.
impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.region)?;
        if !self.zone.is_empty() || !self.subzone.is_empty() {
            write!(f, "/{}", self.zone)?;
        }
        if !self.subzone.is_empty() {
            write!(f, "/{}", self.subzone)?;
        }
        Ok(())
    }
}

impl Serialize for Locality {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
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
