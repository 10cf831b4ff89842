//! Whether to try again, and how long to wait before. Pure: outcomes and random numbers in, verdicts out.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use seaway_model::{Millis, RetryOn, RetryPolicy};

use crate::error::Failure;

/// Envoy's base interval.
const BASE: Millis = Millis(25);
/// Envoy's cap, in base intervals.
const CAP: u32 = 10;

/// Tries on other endpoints that are made without being asked for, for requests that no endpoint has touched.
pub(crate) const MAX_UNTOUCHED: u32 = 2;

/// Whether a policy covers a failure. `unsent`: nothing of the request was written anywhere. That there was no room
/// ([`Failure::Overflow`]) is never covered: more of the same would not make any.
pub(crate) fn covers_failure(policy: &RetryPolicy, failure: Failure, unsent: bool) -> bool {
    use Failure::{PerTryTimeout, RefusedStream, UpstreamProtocol, UpstreamReset};
    let connect = failure.is_unreachable();
    let broken = matches!(
        failure,
        UpstreamReset | RefusedStream | UpstreamProtocol | PerTryTimeout
    );
    if !connect && !broken {
        return false;
    }
    let status = failure.outcome().status;
    policy.on.iter().any(|on| match on {
        RetryOn::ServerError => true,
        RetryOn::GatewayError => is_gateway_error(status),
        RetryOn::Reset => broken,
        RetryOn::ResetBeforeRequest => broken && unsent,
        RetryOn::ConnectFailure => connect,
        RetryOn::RefusedStream => failure == RefusedStream,
        _ => false,
    })
}

/// Whether a policy covers a response, by its head.
pub(crate) fn covers_response(policy: &RetryPolicy, status: StatusCode, headers: &HeaderMap) -> bool {
    let status = status.as_u16();
    let grpc = || headers.get("grpc-status").map(|v| v.as_bytes());
    policy.on.iter().any(|on| match on {
        RetryOn::ServerError => (500..600).contains(&status),
        RetryOn::GatewayError => is_gateway_error(status),
        RetryOn::Retriable4xx => status == 409,
        RetryOn::Status(wanted) => status == *wanted,
        RetryOn::Cancelled => grpc() == Some(b"1"),
        RetryOn::DeadlineExceeded => grpc() == Some(b"4"),
        RetryOn::ResourceExhausted => grpc() == Some(b"8"),
        RetryOn::Internal => grpc() == Some(b"13"),
        RetryOn::Unavailable => grpc() == Some(b"14"),
        RetryOn::Reset | RetryOn::ResetBeforeRequest | RetryOn::ConnectFailure | RetryOn::RefusedStream => {
            false
        }
    })
}

fn is_gateway_error(status: u16) -> bool {
    (502..=504).contains(&status)
}

/// How long to wait before retry number `retry`, from 1: anything up to a limit that doubles, so that clients that
/// failed together do not come back together.
pub(crate) fn backoff(base: Option<Millis>, retry: u32, below: impl FnOnce(u64) -> u64) -> Duration {
    let factor = 2_u32.saturating_pow(retry.saturating_sub(1)).min(CAP);
    let limit = base.unwrap_or(BASE).duration().saturating_mul(factor);
    Duration::from_micros(below(u64::try_from(limit.as_micros()).unwrap_or(0) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(on: RetryOn) -> RetryPolicy {
        RetryPolicy {
            attempts: 1,
            per_try_timeout: None,
            on: vec![on],
            backoff: None,
        }
    }

    #[test]
    fn a_failed_connection_is_a_server_error_a_gateway_error_and_itself_but_no_reset() {
        let covers = |word| covers_failure(&on(word), Failure::ConnectFailed, true);
        assert!(
            covers(RetryOn::ServerError) && covers(RetryOn::GatewayError) && covers(RetryOn::ConnectFailure)
        );
        assert!(!covers(RetryOn::Reset) && !covers(RetryOn::RefusedStream) && !covers(RetryOn::Status(503)));
    }

    #[test]
    fn a_try_that_took_too_long_counts_as_reset() {
        assert!(covers_failure(&on(RetryOn::Reset), Failure::PerTryTimeout, false));
    }

    #[test]
    fn the_end_of_the_routes_time_is_never_retried() {
        let covers = |failure| covers_failure(&on(RetryOn::ServerError), failure, true);
        assert!(!covers(Failure::Timeout) && !covers(Failure::NoEndpoints) && !covers(Failure::Overflow));
    }

    #[test]
    fn a_reset_before_the_request_is_one_before_anything_was_written() {
        let covers = |failure, unsent| covers_failure(&on(RetryOn::ResetBeforeRequest), failure, unsent);
        assert!(covers(Failure::UpstreamReset, true) && covers(Failure::RefusedStream, true));
        assert!(!covers(Failure::UpstreamReset, false) && !covers(Failure::ConnectFailed, true));
    }

    #[test]
    fn each_word_covers_its_statuses() {
        let covers = |word, status| {
            covers_response(
                &on(word),
                StatusCode::from_u16(status).unwrap(),
                &HeaderMap::new(),
            )
        };
        assert!(covers(RetryOn::ServerError, 500) && !covers(RetryOn::ServerError, 499));
        assert!(covers(RetryOn::GatewayError, 502) && !covers(RetryOn::GatewayError, 500));
        assert!(covers(RetryOn::Retriable4xx, 409) && !covers(RetryOn::Retriable4xx, 404));
        assert!(covers(RetryOn::Status(429), 429) && !covers(RetryOn::Status(429), 503));
    }

    #[test]
    fn a_grpc_status_in_the_head_is_seen() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", http::HeaderValue::from_static("14"));
        assert!(covers_response(
            &on(RetryOn::Unavailable),
            StatusCode::OK,
            &headers
        ));
        assert!(!covers_response(&on(RetryOn::Internal), StatusCode::OK, &headers));
    }

    #[test]
    fn waiting_grows_up_to_a_cap() {
        let most = |base, retry| backoff(base, retry, |bound| bound.saturating_sub(1)).as_millis();
        assert_eq!(
            [1, 2, 3, 4, 5, 30].map(|n| most(None, n)),
            [25, 50, 100, 200, 250, 250]
        );
        assert_eq!([1, 2, 5].map(|n| most(Some(Millis(100)), n)), [100, 200, 1000]);
        assert_eq!(backoff(None, 3, |_| 0), Duration::ZERO);
    }
}
