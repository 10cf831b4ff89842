//! Connections to a host, and what may be under way at once.

use super::super::shapes::{COUNT, DURATION, DURATION_OR_ZERO};
use crate::decode::{Cx, OneOf, at, obj, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

object! {
    /// Connections to a host, and what may be under way at once.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ConnectionPool {
        /// For HTTP and everything else.
        tcp: Option<Spanned<TcpPool>> = "tcp", optional, at(obj());
        /// For HTTP.
        http: Option<Spanned<HttpPool>> = "http", optional, at(obj());
    }
    finish check_pool;
}

fn check_pool(pool: ConnectionPool, cx: &mut Cx, node: &Node<'_>) -> Option<ConnectionPool> {
    if pool == ConnectionPool::default() {
        let message = "a connection pool that says nothing";
        cx.report(
            ProblemKind::MissingField,
            node.pos,
            message,
            "add tcp or http, or remove it",
        );
    }
    Some(pool)
}

object! {
    /// Connections of any kind.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TcpPool {
        /// So many at once; 0: no limit.
        max_connections: Option<Spanned<u32>> = "maxConnections", optional, COUNT;
        /// How long making one may take.
        connect_timeout: Option<Spanned<u64>> = "connectTimeout", optional, DURATION;
        /// Probes that find connections which have silently died.
        keepalive: Option<Spanned<TcpKeepalive>> = "tcpKeepalive", optional, at(obj());
        /// One is closed after so long.
        max_connection_duration: Option<Spanned<u64>> = "maxConnectionDuration", optional, DURATION;
        /// One that carries nothing is closed after so long; 0: never.
        idle_timeout: Option<Spanned<u64>> = "idleTimeout", optional, DURATION_OR_ZERO;
    }
}

object! {
    /// Probes on connections.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TcpKeepalive {
        /// So many without an answer, until the connection counts as dead.
        probes: Option<Spanned<u32>> = "probes", optional, COUNT;
        /// After so long without anything the first one is sent.
        time: Option<Spanned<u64>> = "time", optional, DURATION;
        /// Between them.
        interval: Option<Spanned<u64>> = "interval", optional, DURATION;
    }
}

/// Whether HTTP/1.1 becomes HTTP/2 on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpgradePolicy {
    /// As the port of the service says.
    #[default]
    Default,
    /// No.
    DoNotUpgrade,
    /// Yes.
    Upgrade,
}

const UPGRADE: OneOf<UpgradePolicy> = OneOf(&[
    ("DEFAULT", UpgradePolicy::Default),
    ("DO_NOT_UPGRADE", UpgradePolicy::DoNotUpgrade),
    ("UPGRADE", UpgradePolicy::Upgrade),
]);

object! {
    /// Connections that carry HTTP.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HttpPool {
        /// So many requests wait for a connection; 0: no limit.
        max_pending_requests: Option<Spanned<u32>> = "http1MaxPendingRequests", optional, COUNT;
        /// So many requests are under way, in any version of HTTP; 0: no limit.
        max_requests: Option<Spanned<u32>> = "http2MaxRequests", optional, COUNT;
        /// So many requests on one connection; 0: no limit, 1: no connection is used twice.
        max_requests_per_connection: Option<Spanned<u32>> = "maxRequestsPerConnection", optional, COUNT;
        /// So many retries are under way; 0: no limit.
        max_retries: Option<Spanned<u32>> = "maxRetries", optional, COUNT;
        /// A connection without a request is closed after so long.
        idle_timeout: Option<Spanned<u64>> = "idleTimeout", optional, DURATION;
        /// Whether HTTP/1.1 becomes HTTP/2 on the way.
        upgrade_policy: Option<Spanned<UpgradePolicy>> = "h2UpgradePolicy", optional, at(UPGRADE);
        /// So many requests at once on one HTTP/2 connection; 0: as many as the other side takes.
        max_concurrent_streams: Option<Spanned<u32>> = "maxConcurrentStreams", optional, COUNT;
        /// HTTP/2 pings that find connections which have silently died.
        keepalive: Option<Spanned<Http2Keepalive>> = "http2KeepAlive", optional, at(obj());
    }
    unimplemented ["useClientProtocol"];
    finish check_http;
}

fn check_http(pool: HttpPool, cx: &mut Cx, node: &Node<'_>) -> Option<HttpPool> {
    let upgrades = pool.upgrade_policy.as_ref().map(|policy| policy.value) == Some(UpgradePolicy::Upgrade);
    if upgrades
        && cx
            .entry(node, "useClientProtocol")
            .is_some_and(|entry| entry.value.value == Value::Bool(true))
    {
        let help = "requests go on as HTTP/2, or as they came; keep one of the two";
        cx.refuse_both(node, "h2UpgradePolicy", "useClientProtocol", help);
    }
    Some(pool)
}

object! {
    /// HTTP/2 pings.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Http2Keepalive {
        /// Between them.
        interval: Spanned<u64> = "interval", required, DURATION;
        /// How long an answer may take.
        timeout: Spanned<u64> = "timeout", required, DURATION;
    }
}
