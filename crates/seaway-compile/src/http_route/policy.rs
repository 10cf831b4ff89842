//! What happens to a request on its way: faults, CORS, header changes, retries, timeouts.

use std::sync::Arc;

use crate::headers;
use seaway_api::Spanned;
use seaway_api::http_route::{Cors as ApiCors, HeaderChange, HttpRoute};
use seaway_model::{
    Abort, Cors, Delay, Fault, FieldChanges, Fraction, HeaderMutation, Millis, OriginMatch, RetryOn,
    RetryPolicy,
};

/// When `retryOn` is empty: outcomes after which the upstream has most likely done nothing. Kalm's default.
const DEFAULT_RETRY_ON: [RetryOn; 3] = [
    RetryOn::GatewayError,
    RetryOn::ConnectFailure,
    RetryOn::RefusedStream,
];

/// Request headers by which a client could pretend to have passed Kalm's single sign-on.
const KALM_MARKERS: [&str; 5] = [
    "allow-to-pass-if-has-bearer-token",
    "kalm-auth-email",
    "kalm-route",
    "kalm-set-cookie",
    "kalm-sso-userinfo",
];

pub(super) fn timeout(route: &HttpRoute) -> Option<Millis> {
    route.timeout.as_ref().map(|timeout| Millis(timeout.value))
}

/// No tries after the first is no retrying.
pub(super) fn retry(route: &HttpRoute) -> Option<RetryPolicy> {
    let spec = route
        .retries
        .as_ref()
        .filter(|retries| retries.attempts.value > 0)?;
    let mut on: Vec<RetryOn> = spec.retry_on.iter().filter_map(|word| retry_on(word)).collect();
    if on.is_empty() {
        on.extend(DEFAULT_RETRY_ON);
    }
    on.sort();
    on.dedup();
    Some(RetryPolicy {
        attempts: spec.attempts.value,
        per_try_timeout: spec.per_try_timeout.as_ref().map(|limit| Millis(limit.value)),
        on,
        backoff: None,
    })
}

/// Words are checked while decoding, so an unknown one cannot arrive here.
fn retry_on(word: &str) -> Option<RetryOn> {
    Some(match word {
        "5xx" => RetryOn::ServerError,
        "gateway-error" => RetryOn::GatewayError,
        "reset" => RetryOn::Reset,
        "connect-failure" => RetryOn::ConnectFailure,
        "refused-stream" => RetryOn::RefusedStream,
        "retriable-4xx" => RetryOn::Retriable4xx,
        "cancelled" => RetryOn::Cancelled,
        "deadline-exceeded" => RetryOn::DeadlineExceeded,
        "internal" => RetryOn::Internal,
        "resource-exhausted" => RetryOn::ResourceExhausted,
        "unavailable" => RetryOn::Unavailable,
        status => RetryOn::Status(status.parse().ok()?),
    })
}

pub(super) fn fault(route: &HttpRoute) -> Option<Fault> {
    if route.fault.is_none() && route.delay.is_none() {
        return None;
    }
    Some(Fault {
        delay: route.delay.as_ref().map(|delay| Delay {
            fraction: Fraction::from_millionths(delay.percentage.value),
            duration: Millis(delay.delay.value),
        }),
        abort: route.fault.as_ref().map(|fault| Abort {
            fraction: Fraction::from_millionths(fault.percentage.value),
            status: fault.error_status.value,
            grpc_status: None,
        }),
    })
}

pub(super) fn cors(spec: &ApiCors) -> Cors {
    let texts = |list: &[Spanned<Arc<str>>]| list.iter().map(|text| text.value.clone()).collect();
    Cors {
        forward_unmatched_preflights: true,
        allow_origins: spec.allow_origins.iter().map(|text| origin(text)).collect(),
        allow_methods: texts(&spec.allow_methods),
        allow_headers: texts(&spec.allow_headers),
        expose_headers: texts(&spec.expose_headers),
        allow_credentials: spec.allow_credentials,
        max_age_seconds: spec.max_age_seconds,
    }
}

/// Browsers send scheme and host in lower case (RFC 6454, 6.2).
fn origin(text: &str) -> OriginMatch {
    let lower = text.to_ascii_lowercase();
    match lower.split_once('*') {
        Some(("", "")) => OriginMatch::Any,
        Some((before, after)) => OriginMatch::Wildcard {
            before: before.into(),
            after: after.into(),
        },
        None => OriginMatch::Exact(lower.into()),
    }
}

pub(super) fn request_headers(route: &HttpRoute) -> HeaderMutation {
    route
        .headers
        .as_ref()
        .map(|headers| mutation(&headers.request))
        .unwrap_or_default()
}

pub(super) fn response_headers(route: &HttpRoute) -> HeaderMutation {
    route
        .headers
        .as_ref()
        .map(|headers| mutation(&headers.response))
        .unwrap_or_default()
}

fn mutation(change: &HeaderChange) -> HeaderMutation {
    headers::mutation(&change.set, &change.add, &change.remove)
}

/// Removing comes before setting, so a route that sets one of them itself still does.
pub(super) fn without_kalm_markers(mutation: &HeaderMutation) -> HeaderMutation {
    let mut changes = FieldChanges::clone(mutation);
    changes.remove.extend(KALM_MARKERS.map(Arc::from));
    changes.remove.sort();
    changes.remove.dedup();
    changes.into()
}
