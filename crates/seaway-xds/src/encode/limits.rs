//! What protects a cluster, and what protects its callers from it.

use envoy_types::pb::envoy::config::cluster::v3::circuit_breakers::{
    Thresholds, thresholds::RetryBudget as XdsRetryBudget,
};
use envoy_types::pb::envoy::config::cluster::v3::{
    CircuitBreakers as XdsCircuitBreakers, OutlierDetection as XdsOutlierDetection,
};
use seaway_model::{CircuitBreakers, Millis, OutlierDetection, RetryBudget};

use crate::words::{duration, number, percent, yes_or_no};

/// Envoy's own limits are about a thousand; ours are none.
pub(crate) const UNLIMITED: u32 = u32::MAX;
/// How often it is looked whether an ejection is over, where ours ends to the moment.
const LOOK: Millis = Millis(1_000);
/// Of failures of local origin, fewer in a row say nothing: besides connections they count every reset.
const LEAST_LOCAL: u32 = 5;

/// Says the limits, and which retry budget will be read: Envoy knows either a budget or a number.
pub(crate) fn circuit_breakers(
    limits: &CircuitBreakers,
    budget: &RetryBudget,
) -> (XdsCircuitBreakers, Option<RetryBudget>) {
    let limit = |said: Option<u32>| number(said.unwrap_or(UNLIMITED));
    let budgeted = limits.max_retries.is_none();
    let thresholds = Thresholds {
        max_connections: limit(limits.max_connections),
        max_pending_requests: limit(limits.max_pending_requests),
        max_requests: limit(limits.max_requests),
        max_retries: limits.max_retries.and_then(number),
        retry_budget: budgeted.then(|| XdsRetryBudget {
            budget_percent: percent(budget.budget),
            min_retry_concurrency: number(budget.min_concurrency),
            ..XdsRetryBudget::default()
        }),
        ..Thresholds::default()
    };
    let read = if budgeted { Some(budget.clone()) } else { None };
    let said = XdsCircuitBreakers {
        thresholds: vec![thresholds],
        ..XdsCircuitBreakers::default()
    };
    (said, read)
}

/// Says when an endpoint is left out. A count that is not asked for is not enforced; what Envoy does besides (success
/// rates) is off. Connections that fail count by themselves only where failures of local origin are split off.
pub(crate) fn outlier_detection(said: &OutlierDetection) -> XdsOutlierDetection {
    let counts_connections = !said.split_local_origin && said.consecutive_connect_failures.is_some();
    let only_connections =
        counts_connections && said.consecutive_5xx.is_none() && said.consecutive_gateway_errors.is_none();
    let local = if only_connections {
        said.consecutive_connect_failures
            .map(|count| count.max(LEAST_LOCAL))
    } else {
        said.consecutive_local_origin_failures
    };
    let enforced = |count: Option<u32>| number(if count.is_some() { 100 } else { 0 });
    XdsOutlierDetection {
        consecutive_5xx: said.consecutive_5xx.and_then(number),
        enforcing_consecutive_5xx: enforced(said.consecutive_5xx),
        consecutive_gateway_failure: said.consecutive_gateway_errors.and_then(number),
        enforcing_consecutive_gateway_failure: enforced(said.consecutive_gateway_errors),
        split_external_local_origin_errors: said.split_local_origin || only_connections,
        consecutive_local_origin_failure: local.and_then(number),
        enforcing_consecutive_local_origin_failure: enforced(local),
        enforcing_success_rate: number(0),
        enforcing_local_origin_success_rate: number(0),
        enforcing_failure_percentage: number(0),
        enforcing_failure_percentage_local_origin: number(0),
        interval: duration(said.interval.unwrap_or(LOOK)),
        base_ejection_time: duration(said.base_ejection_time),
        max_ejection_time: duration(Millis(said.max_ejection_time.0.max(said.base_ejection_time.0))),
        max_ejection_percent: number(said.max_ejection.millionths() / 10_000),
        always_eject_one_host: yes_or_no(true),
        ..XdsOutlierDetection::default()
    }
}
