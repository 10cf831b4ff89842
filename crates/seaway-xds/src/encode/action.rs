//! Where a request is sent, and how.

use envoy_types::pb::envoy::config::route::v3::retry_policy::{
    RetryBackOff, RetryHostPredicate, retry_host_predicate,
};
use envoy_types::pb::envoy::config::route::v3::route_action::hash_policy::{
    self, ConnectionProperties, Cookie, CookieAttribute, PolicySpecifier,
};
use envoy_types::pb::envoy::config::route::v3::route_action::{
    ClusterNotFoundResponseCode, ClusterSpecifier, HashPolicy, HostRewriteSpecifier, RequestMirrorPolicy,
};
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{
    RetryPolicy as XdsRetryPolicy, RouteAction, WeightedCluster,
};
use envoy_types::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use seaway_model::{
    Destination, Failure, Forward, HashOn, HostRewrite, Millis, Mirror, PathMatch, RetryOn, RetryPolicy,
    Target,
};

use super::headers::Changes;
use super::rewrite::{self, Rewritten};
use crate::notes::Notes;
use crate::words::{any, duration, headers, number, removed, runtime_share};

/// So many times Envoy looks for an endpoint that was not tried yet.
const OTHER_ENDPOINTS: i64 = 5;

type Losses = Vec<(&'static str, String)>;

/// Says where a request is sent. `changes` are those to headers of requests and of answers, the destinations' among them.
pub(crate) fn forward(
    forward: &Forward,
    mirrors: &[Mirror],
    matched: &PathMatch,
    changes: [&Changes; 2],
    notes: &mut Notes,
    losses: &mut Losses,
) -> RouteAction {
    let mut action = RouteAction {
        // Without one, Envoy has a limit of its own.
        timeout: duration(forward.timeout.unwrap_or_default()),
        retry_policy: forward.retry.as_deref().map(retry),
        hash_policy: forward.hash_on.iter().map(hash).collect(),
        request_mirror_policies: mirrors.iter().map(mirror).collect(),
        host_rewrite_specifier: forward.rewrite.host.as_ref().map(|host| match host {
            HostRewrite::Literal(host) => HostRewriteSpecifier::HostRewriteLiteral(host.to_string()),
        }),
        cluster_specifier: Some(destinations(&forward.destinations, changes, notes)),
        ..RouteAction::default()
    };
    if let Some(status) = failing_status(&forward.destinations, losses) {
        action.cluster_not_found_response_code = status.into();
    }
    match forward
        .rewrite
        .path
        .as_ref()
        .map(|path| rewrite::path(path, matched))
    {
        Some(Ok(Rewritten::Prefix(prefix))) => action.prefix_rewrite = prefix,
        Some(Ok(Rewritten::Regex(regex))) => action.regex_rewrite = Some(regex),
        Some(Err(error)) => losses.push(("rewrite", format!("{error}; the path stays"))),
        None => {}
    }
    action
}

fn destinations(all: &[Destination], changes: [&Changes; 2], notes: &mut Notes) -> ClusterSpecifier {
    let failures: Vec<Option<&Failure>> = all
        .iter()
        .map(|destination| match &destination.target {
            Target::Cluster(_) => None,
            Target::Fail(failure) => Some(failure),
        })
        .collect();
    if failures.iter().any(Option::is_some) {
        notes.set("failures", &failures);
    }
    if let [only] = all
        && only.request_headers.is_empty()
        && only.response_headers.is_empty()
    {
        notes.unless_read("weight", &only.weight, Some(&1));
        return ClusterSpecifier::Cluster(target(&only.target));
    }
    let [requests, answers] = changes;
    let clusters = all
        .iter()
        .zip(requests.destinations())
        .zip(answers.destinations())
        .map(|((destination, request), answer)| ClusterWeight {
            name: target(&destination.target),
            weight: number(destination.weight),
            request_headers_to_add: headers(request),
            request_headers_to_remove: removed(request),
            response_headers_to_add: headers(answer),
            response_headers_to_remove: removed(answer),
            ..ClusterWeight::default()
        });
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: clusters.collect(),
        ..WeightedCluster::default()
    })
}

/// The cluster, or the name of one that there is not: Envoy answers such a share itself.
pub(crate) fn target(target: &Target) -> String {
    match target {
        Target::Cluster(name) => name.0.to_string(),
        Target::Fail(failure) => format!("fail:{}", failure.reason.as_str()),
    }
}

/// With what Envoy answers the shares that fail: one status for all of them.
fn failing_status(all: &[Destination], losses: &mut Losses) -> Option<ClusterNotFoundResponseCode> {
    let mut statuses = all.iter().filter_map(|destination| match &destination.target {
        Target::Fail(failure) => Some(failure.status),
        Target::Cluster(_) => None,
    });
    let first = statuses.next()?;
    if statuses.any(|other| other != first) {
        let why = format!("shares that fail have one status in Envoy, here {first}");
        losses.push(("statuses of failing destinations", why));
    }
    Some(match first {
        500 => ClusterNotFoundResponseCode::InternalServerError,
        404 => ClusterNotFoundResponseCode::NotFound,
        _ => ClusterNotFoundResponseCode::ServiceUnavailable,
    })
}

fn mirror(mirror: &Mirror) -> RequestMirrorPolicy {
    RequestMirrorPolicy {
        cluster: mirror.cluster.0.to_string(),
        runtime_fraction: runtime_share(mirror.fraction),
        // A copy names the host that the request names.
        disable_shadow_host_suffix_append: true,
        ..RequestMirrorPolicy::default()
    }
}

fn retry(policy: &RetryPolicy) -> XdsRetryPolicy {
    let mut words = Vec::new();
    let mut codes = Vec::new();
    for on in &policy.on {
        match on {
            RetryOn::Status(status) => codes.push(u32::from(*status)),
            other => words.push(word(*other)),
        }
    }
    if !codes.is_empty() {
        words.push("retriable-status-codes");
    }
    let backoff = policy.backoff.map(|base| RetryBackOff {
        // Nothing is less than Envoy's least.
        base_interval: duration(Millis(base.0.max(1))),
        max_interval: duration(Millis(base.0.max(1).saturating_mul(10))),
    });
    XdsRetryPolicy {
        retry_on: words.join(","),
        num_retries: number(policy.attempts),
        per_try_timeout: policy.per_try_timeout.and_then(duration),
        retriable_status_codes: codes,
        retry_back_off: backoff,
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".into(),
            config_type: Some(retry_host_predicate::ConfigType::TypedConfig(any(
                &PreviousHostsPredicate {},
            ))),
        }],
        host_selection_retry_max_attempts: OTHER_ENDPOINTS,
        ..XdsRetryPolicy::default()
    }
}

fn word(on: RetryOn) -> &'static str {
    match on {
        RetryOn::ServerError => "5xx",
        RetryOn::GatewayError => "gateway-error",
        RetryOn::Reset => "reset",
        RetryOn::ResetBeforeRequest => "reset-before-request",
        RetryOn::ConnectFailure => "connect-failure",
        RetryOn::RefusedStream => "refused-stream",
        RetryOn::Retriable4xx => "retriable-4xx",
        RetryOn::Cancelled => "cancelled",
        RetryOn::DeadlineExceeded => "deadline-exceeded",
        RetryOn::Internal => "internal",
        RetryOn::ResourceExhausted => "resource-exhausted",
        RetryOn::Unavailable => "unavailable",
        RetryOn::Status(_) => "retriable-status-codes",
    }
}

fn hash(on: &HashOn) -> HashPolicy {
    HashPolicy {
        // The first that the request has counts.
        terminal: true,
        policy_specifier: Some(match on {
            HashOn::Header(name) => PolicySpecifier::Header(hash_policy::Header {
                header_name: name.to_string(),
                regex_rewrite: None,
            }),
            HashOn::Cookie(name) => PolicySpecifier::Cookie(Cookie {
                name: name.to_string(),
                ..Cookie::default()
            }),
            HashOn::GeneratedCookie(made) => PolicySpecifier::Cookie(Cookie {
                name: made.name.to_string(),
                ttl: duration(made.ttl),
                path: made.path.as_deref().unwrap_or_default().to_owned(),
                attributes: made
                    .attributes
                    .iter()
                    .map(|(name, value)| CookieAttribute {
                        name: name.to_string(),
                        value: value.to_string(),
                    })
                    .collect(),
            }),
            HashOn::Query(name) => PolicySpecifier::QueryParameter(hash_policy::QueryParameter {
                name: name.to_string(),
            }),
            HashOn::SourceIp => {
                PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })
            }
        }),
    }
}
