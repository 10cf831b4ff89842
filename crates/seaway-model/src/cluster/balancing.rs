//! How an endpoint is chosen.

use serde::Serialize;

use crate::{Fraction, Locality, Millis};

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
    /// By a hash of what the route says, in a table that spreads keys more evenly than a ring, for some more moves.
    Maglev,
}

/// How a balancing is tuned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BalancingSettings {
    /// `RingHash`: at least so many points on the ring. An endpoint has 1,024 where nothing is said, fewer where there are
    /// hundreds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_ring_size: Option<u32>,
    /// `Maglev`: entries of the table, a prime; 65,537 where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maglev_table_size: Option<u32>,
    /// `RoundRobin` and `LeastRequest`: a new endpoint gets its share bit by bit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// First a locality is chosen by these weights, then an endpoint in it. Localities that are not named get nothing;
    /// empty: localities play no part. Only those of one priority are weighed against each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locality_weights: Vec<LocalityWeight>,
}

impl BalancingSettings {
    /// Whether nothing is tuned.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The share of a locality.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct LocalityWeight {
    /// Exactly this one.
    pub locality: Locality,
    /// Relative to the other localities'.
    pub weight: u32,
}

/// Slow start (Envoy's `slow_start_config`): for `duration` after it appears, an endpoint's weight is multiplied by
/// `max(minimum, (age / duration) ^ (1 / aggression))`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Warmup {
    /// How long.
    pub duration: Millis,
    /// The least share.
    pub minimum: Fraction,
    /// In thousandths; 1,000 is linear.
    pub aggression: u32,
}
