//! `connectionPool`.

use seaway_api::Spanned;
use seaway_api::istio::{ConnectionPool as Written, UpgradePolicy};
use seaway_model::{CircuitBreakers, ConnectionPool, Http2Keepalive, Millis, TcpKeepalive};

use crate::resolve::policy::Pool;

pub(super) fn pool(written: &Written) -> Pool {
    let tcp = written
        .tcp
        .as_ref()
        .map(|tcp| tcp.value.clone())
        .unwrap_or_default();
    let http = written
        .http
        .as_ref()
        .map(|http| http.value.clone())
        .unwrap_or_default();
    Pool {
        connect_timeout: time(&tcp.connect_timeout),
        connections: ConnectionPool {
            max_requests_per_connection: limit(&http.max_requests_per_connection),
            idle_timeout: time(&http.idle_timeout),
            max_connection_duration: time(&tcp.max_connection_duration),
            tcp_keepalive: tcp.keepalive.as_ref().map(|keepalive| TcpKeepalive {
                probes: limit(&keepalive.probes),
                time: time(&keepalive.time),
                interval: time(&keepalive.interval),
            }),
            max_concurrent_streams: limit(&http.max_concurrent_streams),
            http2_keepalive: http.keepalive.as_ref().map(|keepalive| Http2Keepalive {
                interval: Millis(keepalive.interval.value),
                timeout: Millis(keepalive.timeout.value),
            }),
        },
        circuit_breakers: CircuitBreakers {
            max_connections: limit(&tcp.max_connections),
            max_pending_requests: limit(&http.max_pending_requests),
            max_requests: limit(&http.max_requests),
            max_retries: limit(&http.max_retries),
        },
        upgrade: http
            .upgrade_policy
            .as_ref()
            .is_some_and(|policy| policy.value == UpgradePolicy::Upgrade),
        tcp_idle_timeout: time(&tcp.idle_timeout),
    }
}

/// Zero is what protobuf writes for nothing: no limit.
fn limit(number: &Option<Spanned<u32>>) -> Option<u32> {
    number
        .as_ref()
        .map(|number| number.value)
        .filter(|number| *number > 0)
}

fn time(duration: &Option<Spanned<u64>>) -> Option<Millis> {
    duration.as_ref().map(|duration| Millis(duration.value))
}
