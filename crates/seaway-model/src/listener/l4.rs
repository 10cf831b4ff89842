//! Where connections and sessions go that are not HTTP.

use serde::Serialize;

use crate::{Millis, Origin, Target};

/// Where connections or sessions that are not HTTP go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct L4Route {
    /// The rule it came from.
    pub origin: Origin,
    /// The rule's index in its object.
    pub rule: u32,
    /// At least one; the sum of their weights is above zero. The share of each is its weight over the sum, exactly.
    pub destinations: Vec<L4Destination>,
    /// Closed when nothing moves in either direction for so long; 0: never, for TCP. `None`: an hour for TCP, a
    /// minute for UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Millis>,
    /// Whether a hashing balancer hashes the client's address; else it goes by chance.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hash_source_ip: bool,
}

/// One of the destinations of a split of connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct L4Destination {
    /// Where to. A failure closes the connection.
    pub target: Target,
    /// Relative to the other destinations' weights.
    pub weight: u32,
}
