//! What protects a cluster, from Envoy's words.

use envoy_types::pb::envoy::config::cluster::v3::{
    CircuitBreakers as XdsCircuitBreakers, OutlierDetection as XdsOutlierDetection,
};
use envoy_types::pb::google::protobuf::UInt32Value;
use seaway_model::{CircuitBreakers, Fraction, Millis, OutlierDetection, RetryBudget};

use crate::encode::UNLIMITED;
use crate::words::{millis, of_percent};

/// Reads the limits for requests of usual priority, and the retry budget if there is one. What is not said is Envoy's
/// own limit.
pub(crate) fn circuit_breakers(said: Option<&XdsCircuitBreakers>) -> (CircuitBreakers, Option<RetryBudget>) {
    const ENVOYS: u32 = 1_024;
    const ENVOYS_RETRIES: u32 = 3;
    let usual = said.and_then(|said| said.thresholds.iter().find(|thresholds| thresholds.priority == 0));
    let limit = |value: Option<&UInt32Value>, own: u32| {
        Some(value.map_or(own, |value| value.value)).filter(|limit| *limit != UNLIMITED)
    };
    let budget = usual
        .and_then(|usual| usual.retry_budget.as_ref())
        .map(|budget| RetryBudget {
            budget: of_percent(budget.budget_percent.as_ref()).unwrap_or(Fraction::from_millionths(200_000)),
            min_concurrency: budget
                .min_retry_concurrency
                .as_ref()
                .map_or(3, |number| number.value),
        });
    let limits = CircuitBreakers {
        max_connections: limit(usual.and_then(|u| u.max_connections.as_ref()), ENVOYS),
        max_pending_requests: limit(usual.and_then(|u| u.max_pending_requests.as_ref()), ENVOYS),
        max_requests: limit(usual.and_then(|u| u.max_requests.as_ref()), ENVOYS),
        max_retries: if budget.is_some() {
            None
        } else {
            limit(usual.and_then(|u| u.max_retries.as_ref()), ENVOYS_RETRIES)
        },
    };
    (limits, budget)
}

/// Reads when an endpoint is left out. What is not said is as Envoy has it; success rates are not read.
pub(crate) fn outlier_detection(said: &XdsOutlierDetection) -> OutlierDetection {
    let count = |count: Option<&UInt32Value>, enforcing: Option<&UInt32Value>, usually: u32, own: u32| {
        (enforcing.map_or(usually, |share| share.value) > 0).then(|| count.map_or(own, |number| number.value))
    };
    let split = said.split_external_local_origin_errors;
    let base = millis(said.base_ejection_time.as_ref()).unwrap_or(Millis(30_000));
    OutlierDetection {
        consecutive_connect_failures: None,
        consecutive_5xx: count(
            said.consecutive_5xx.as_ref(),
            said.enforcing_consecutive_5xx.as_ref(),
            100,
            5,
        ),
        consecutive_gateway_errors: count(
            said.consecutive_gateway_failure.as_ref(),
            said.enforcing_consecutive_gateway_failure.as_ref(),
            0,
            5,
        ),
        consecutive_local_origin_failures: count(
            said.consecutive_local_origin_failure.as_ref(),
            said.enforcing_consecutive_local_origin_failure.as_ref(),
            if split { 100 } else { 0 },
            5,
        ),
        split_local_origin: split,
        error_codes: Vec::new(),
        interval: Some(millis(said.interval.as_ref()).unwrap_or(Millis(10_000))),
        base_ejection_time: base,
        max_ejection_time: millis(said.max_ejection_time.as_ref()).unwrap_or(Millis(base.0.max(300_000))),
        max_ejection: Fraction::from_millionths(
            said.max_ejection_percent
                .as_ref()
                .map_or(10, |share| share.value)
                .saturating_mul(10_000),
        ),
        min_health: Fraction::ZERO,
    }
}
