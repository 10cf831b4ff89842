//! What protects a cluster, and what protects its callers from it.

use serde::{Deserialize, Serialize};

use crate::{Fraction, Millis};

/// Limits on what may be under way at once, of the whole process. What is above is answered 503 with the flag `UO`.
/// `None`: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreakers {
    /// Connections to the cluster. A request that needs another one waits for one to come free, as far as
    /// `max_pending_requests` allows; a connection that is not HTTP is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Requests that wait for a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pending_requests: Option<u32>,
    /// Requests under way, those that wait included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u32>,
    /// Retries under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
}

impl CircuitBreakers {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Passive ejection: an endpoint that fails is left out for a while. The names are Envoy's.
///
/// Failures are of two kinds: an answer that says so, and none at all (no connection, reset, time-out: of *local
/// origin*). Unless they are split, one of local origin counts as a 5xx and as a gateway error as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlierDetection {
    /// Ejected after so many connections in a row that could not be made. `None`: not counted by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_connect_failures: Option<u32>,
    /// Ejected after so many 5xx answers in a row. `None`: not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_5xx: Option<u32>,
    /// Ejected after so many 502, 503 and 504 in a row. `None`: not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_gateway_errors: Option<u32>,
    /// Ejected after so many failures of local origin in a row; only where they are split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_local_origin_failures: Option<u32>,
    /// Whether failures of local origin are counted apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split_local_origin: bool,
    /// Statuses that count as 5xx instead of 500 to 599; empty: those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_codes: Vec<u16>,
    /// How often it is looked whether an ejection is over. `None`: it is over to the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Millis>,
    /// How long, times the number of ejections in a row.
    pub base_ejection_time: Millis,
    /// Never longer than this.
    pub max_ejection_time: Millis,
    /// Never more than this share of the endpoints, rounded down: of nine endpoints a tenth is none.
    pub max_ejection: Fraction,
    /// Nobody is ejected while less than this share of the endpoints is healthy, and those who are may be chosen while
    /// moreover the healthy ones cannot carry everything (Envoy's panic threshold): less than 5 in 7 of them, all
    /// priorities together.
    #[serde(default, skip_serializing_if = "Fraction::is_zero")]
    pub min_health: Fraction,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_connect_failures: Some(1),
            consecutive_5xx: None,
            consecutive_gateway_errors: None,
            consecutive_local_origin_failures: None,
            split_local_origin: false,
            error_codes: Vec::new(),
            interval: None,
            base_ejection_time: Millis(5_000),
            max_ejection_time: Millis(60_000),
            max_ejection: Fraction::ALL,
            min_health: Fraction::ZERO,
        }
    }
}

/// How many retries may be under way, so that retries never multiply an outage (Envoy's `retry_budget`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
