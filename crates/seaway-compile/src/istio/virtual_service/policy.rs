//! What happens to a request on its way: retries, faults, CORS, header changes.

use std::sync::Arc;

use seaway_api::Spanned;
use seaway_api::istio::{
    Cors as ApiCors, Fault as ApiFault, HeaderOperations, HttpRule, Retries, StringMatch, UnmatchedPreflights,
};
use seaway_model::{
    Abort, Code, Cors, Delay, Fault, Fraction, HeaderMutation, Millis, OriginMatch, RetryOn, RetryPolicy,
};

use super::matching;
use crate::findings::Reporter;
use crate::headers;

/// What is tried again where a rule says nothing, and how often: nothing of the request has been worked on then.
const DEFAULT_RETRY_ON: [RetryOn; 4] = [
    RetryOn::ConnectFailure,
    RetryOn::RefusedStream,
    RetryOn::Cancelled,
    RetryOn::Unavailable,
];
const DEFAULT_ATTEMPTS: u32 = 2;
/// What `retriable-status-codes` means where no code is written.
const DEFAULT_STATUS: u16 = 503;

/// The time for the whole request. A rule with a fault has none, as in Istio: the fault is to be seen by clients.
pub(super) fn timeout(rule: &HttpRule) -> Option<Millis> {
    match rule.fault {
        Some(_) => None,
        None => rule.timeout.as_ref().map(|limit| Millis(limit.value)),
    }
}

/// Whether and when to try again; a rule that says nothing gets Istio's default.
pub(super) fn retry(rule: &HttpRule, field: &str, reporter: &mut Reporter<'_>) -> Option<RetryPolicy> {
    if rule.fault.is_some() {
        return None;
    }
    let Some(retries) = &rule.retries else {
        return Some(default_retry());
    };
    if retries.attempts.value == 0 {
        return None;
    }
    Some(RetryPolicy {
        attempts: retries.attempts.value,
        per_try_timeout: retries.per_try_timeout.as_ref().map(|limit| Millis(limit.value)),
        on: retry_on(retries, &format!("{field}.retries.retryOn"), reporter),
        backoff: retries.backoff.as_ref().map(|pause| Millis(pause.value)),
    })
}

/// What Istio does where nobody says anything.
pub(crate) fn default_retry() -> RetryPolicy {
    RetryPolicy {
        attempts: DEFAULT_ATTEMPTS,
        per_try_timeout: None,
        on: sorted(DEFAULT_RETRY_ON.to_vec()),
        backoff: None,
    }
}

fn sorted(mut on: Vec<RetryOn>) -> Vec<RetryOn> {
    on.sort();
    on.dedup();
    on
}

fn retry_on(retries: &Retries, field: &str, reporter: &mut Reporter<'_>) -> Vec<RetryOn> {
    let mut on = Vec::new();
    for word in &retries.retry_on {
        match outcome(word) {
            Some(outcome) => on.push(outcome),
            None if &*word.value == "retriable-status-codes" => {}
            None => reporter.report(
                Code::IgnoredField,
                field,
                word.pos,
                format!(
                    "\"{}\" is not implemented, and nothing is tried again for it",
                    word.value
                ),
                "remove it, or name the statuses that are to be tried again",
            ),
        }
    }
    let asks_for_statuses = (retries.retry_on.iter()).any(|word| &*word.value == "retriable-status-codes");
    if asks_for_statuses && !on.iter().any(|outcome| matches!(outcome, RetryOn::Status(_))) {
        on.push(RetryOn::Status(DEFAULT_STATUS));
    }
    if retries.retry_on.is_empty() {
        on.extend(DEFAULT_RETRY_ON);
    }
    sorted(on)
}

/// Envoy's words, and statuses.
fn outcome(word: &str) -> Option<RetryOn> {
    RetryOn::of_word(word).or_else(|| Some(RetryOn::Status(word.parse().ok()?)))
}

/// A fault for no request is none.
pub(super) fn fault(spec: &ApiFault) -> Option<Fault> {
    let delay = spec.delay.as_ref().map(|delay| Delay {
        fraction: Fraction::from_millionths(delay.share().value),
        duration: Millis(delay.fixed_delay.value),
    });
    let abort = spec.abort.as_ref().map(|abort| {
        let grpc = abort.grpc_status.as_ref().map(|status| status.value);
        Abort {
            fraction: Fraction::from_millionths(abort.share().value),
            status: match (&abort.http_status, grpc) {
                (Some(status), _) => status.value,
                (None, grpc) => http_status(grpc.unwrap_or_default()),
            },
            grpc_status: grpc.filter(|status| *status > 0),
        }
    });
    let fault = Fault {
        delay: delay.filter(|delay| !delay.fraction.is_zero()),
        abort: abort.filter(|abort| !abort.fraction.is_zero()),
    };
    (fault != Fault::default()).then_some(fault)
}

/// What a client that does not speak gRPC is told instead (google.rpc.Code, HTTP mapping).
fn http_status(grpc: u8) -> u16 {
    match grpc {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// `None`: an expression in it is wrong, which is reported.
pub(super) fn cors(spec: &ApiCors, field: &str, reporter: &mut Reporter<'_>) -> Option<Cors> {
    let texts = |list: &[Spanned<Arc<str>>]| list.iter().map(|text| text.value.clone()).collect();
    let mut allow_origins = Vec::new();
    for (index, origin) in spec.origins().iter().enumerate() {
        allow_origins.push(match &origin.value {
            StringMatch::Exact(text) if **text == *"*" => OriginMatch::Any,
            // Browsers send scheme and host in lower case (RFC 6454, 6.2).
            StringMatch::Exact(text) => OriginMatch::Exact(text.to_ascii_lowercase().into()),
            StringMatch::Prefix(text) => OriginMatch::Prefix(text.to_ascii_lowercase().into()),
            StringMatch::Regex(source) => {
                let source = Spanned::new(source.clone(), origin.pos);
                let field = format!("{field}.allowOrigins[{index}].regex");
                OriginMatch::Regex(matching::pattern(
                    &source,
                    &field,
                    matching::RULE_FAILS,
                    reporter,
                )?)
            }
            StringMatch::Present => OriginMatch::Any,
        });
    }
    Some(Cors {
        allow_origins,
        allow_methods: texts(&spec.allow_methods),
        allow_headers: texts(&spec.allow_headers),
        expose_headers: texts(&spec.expose_headers),
        allow_credentials: spec.allow_credentials.value,
        forward_unmatched_preflights: spec.unmatched_preflights.value == UnmatchedPreflights::Forward,
        max_age_seconds: spec.max_age.as_ref().map(|age| age.value / 1000),
    })
}

/// Changes in one direction.
pub(super) fn mutation(operations: &HeaderOperations) -> HeaderMutation {
    headers::mutation(&operations.set, &operations.add, &operations.remove)
}
