//! What happened on downstream connections outside of requests. Requests are counted by the telemetry sinks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::guard::Reason;

/// Counters of all workers. Touched per connection or per fault, never per good request.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) over_limit: AtomicU64,
    pub(crate) over_memory: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) frame_floods: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) handshakes: AtomicU64,
    pub(crate) handshakes_resumed: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) server_names_unknown: AtomicU64,
    pub(crate) passed_through: AtomicU64,
    pub(crate) proxy_headers_refused: AtomicU64,
    pub(crate) reset_floods: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) sessions_over_limit: AtomicU64,
    pub(crate) datagrams_dropped: AtomicU64,
    refused: RefusedCounters,
}

#[derive(Debug)]
struct RefusedCounters(Vec<AtomicU64>);

impl Default for RefusedCounters {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Open connections, upgraded ones included.
    pub connections: usize,
    /// Sessions of datagrams under way.
    pub open_sessions: usize,
    /// Connections accepted so far, those over the limit not included.
    pub accepted: u64,
    /// Connections closed at once because there were too many.
    pub over_limit: u64,
    /// Connections closed at once because the process holds as much memory as it may.
    pub over_memory: u64,
    /// Connections that asked for nothing, closed to make room for new ones.
    pub evicted: u64,
    /// HTTP/2 connections closed because of too many frames for nothing.
    pub frame_floods: u64,
    /// Times that accepting failed.
    pub accept_errors: u64,
    /// TLS handshakes that succeeded.
    pub handshakes: u64,
    /// Those of them that resumed a session.
    pub handshakes_resumed: u64,
    /// TLS handshakes that failed or took too long, unknown names included.
    pub handshakes_failed: u64,
    /// TLS handshakes refused because no certificate is for that name.
    pub server_names_unknown: u64,
    /// TLS connections that went through untouched, by their server name.
    pub passed_through: u64,
    /// Connections closed because the header of the PROXY protocol was wrong, missing or late.
    pub proxy_headers_refused: u64,
    /// Sessions of datagrams so far.
    pub sessions: u64,
    /// Sessions that were not begun because there were too many; their datagrams were dropped.
    pub sessions_over_limit: u64,
    /// Datagrams of clients that went nowhere for any other reason: no route, no endpoint, no room in a queue.
    pub datagrams_dropped: u64,
    /// HTTP/2 connections closed because of too many resets (CVE-2023-44487).
    pub reset_floods: u64,
    /// Messages refused, by the word of the reason; only those above zero.
    pub protocol_errors: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refusal(&self, reason: Reason) {
        let counter = Reason::ALL
            .iter()
            .zip(&self.refused.0)
            .find(|(r, _)| **r == reason);
        if let Some((_, counter)) = counter {
            Self::count(counter);
        }
    }

    /// Reads them all.
    #[must_use]
    pub fn stats(&self, connections: usize, open_sessions: usize) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = Reason::ALL
            .iter()
            .zip(&self.refused.0)
            .map(|(reason, counter)| (reason.word(), read(counter)));
        Stats {
            connections,
            open_sessions,
            accepted: read(&self.accepted),
            over_limit: read(&self.over_limit),
            over_memory: read(&self.over_memory),
            evicted: read(&self.evicted),
            frame_floods: read(&self.frame_floods),
            accept_errors: read(&self.accept_errors),
            handshakes: read(&self.handshakes),
            handshakes_resumed: read(&self.handshakes_resumed),
            handshakes_failed: read(&self.handshakes_failed),
            server_names_unknown: read(&self.server_names_unknown),
            passed_through: read(&self.passed_through),
            proxy_headers_refused: read(&self.proxy_headers_refused),
            sessions: read(&self.sessions),
            sessions_over_limit: read(&self.sessions_over_limit),
            datagrams_dropped: read(&self.datagrams_dropped),
            reset_floods: read(&self.reset_floods),
            protocol_errors: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
