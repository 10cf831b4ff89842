//! What is known of a request once it is over. The proxy fills it in; metrics and the access log read it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaway_model::{Cluster, Route};

use crate::ConnectionRecord;

/// Everything about one finished request. Borrowed text lives in the request; nothing is allocated for a log that is off.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are those of the access log, see docs")]
pub struct RequestRecord<'a> {
    /// When its head came; [`RequestSink::logs`].
    pub start: Option<SystemTime>,
    pub duration: Duration,
    /// From the start to the upstream's response head; [`RequestSink::logs`].
    pub upstream_duration: Option<Duration>,
    pub listener: &'a str,
    /// `HTTP/1.1`, `HTTP/2`
    pub protocol: &'static str,
    /// Whether the downstream connection is TLS, and the server name it sent.
    pub tls: bool,
    pub server_name: Option<&'a str>,
    pub method: &'a str,
    /// As it was sent.
    pub host: &'a str,
    /// As it was sent, query included.
    pub path: &'a str,
    /// 0 when the client went away before there was one.
    pub status: u16,
    /// From the `grpc-status` header or trailer.
    pub grpc_status: Option<u16>,
    pub is_grpc: bool,
    pub flags: &'a [Flag],
    /// A stable word saying why an answer was made here: `no_route`, `no_endpoints`, `connect_failed`, …
    pub reason: Option<&'a str>,
    /// The same for a person, where the configuration is at fault.
    pub message: Option<&'a str>,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub downstream: SocketAddr,
    pub request_id: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub forwarded_for: Option<&'a str>,
    pub route: Option<&'a Arc<Route>>,
    pub cluster: Option<&'a Arc<Cluster>>,
    pub upstream: Option<SocketAddr>,
    /// Tries after the first.
    pub retries: u32,
}

/// Envoy's response flags, as they apply here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// `NR`: no route.
    NoRoute,
    /// `UH`: no healthy endpoint.
    NoHealthyUpstream,
    /// `UF`: no connection.
    UpstreamConnectionFailure,
    /// `UC`: the upstream closed the connection.
    UpstreamConnectionTermination,
    /// `UT`: the upstream took too long.
    UpstreamRequestTimeout,
    /// `URX`: no retries left.
    UpstreamRetryLimitExceeded,
    /// `UO`: too much is under way.
    UpstreamOverflow,
    /// `UR`: the upstream reset the stream.
    UpstreamRemoteReset,
    /// `UPE`: the upstream broke the protocol.
    UpstreamProtocolError,
    /// `DC`: the client went away.
    DownstreamConnectionTermination,
    /// `DPE`: the client broke the protocol.
    DownstreamProtocolError,
    /// `FI`: a fault was injected.
    FaultInjected,
    /// `DI`: a delay was injected.
    DelayInjected,
    /// `SI`: the stream was idle too long.
    StreamIdleTimeout,
    /// `DT`: the request took longer than its whole allowance.
    DurationTimeout,
    /// `OM`: shed because of overload.
    OverloadManager,
}

impl Flag {
    /// Every flag, in the order in which several are written.
    pub const ALL: &'static [Self] = &[
        Self::NoRoute,
        Self::NoHealthyUpstream,
        Self::UpstreamConnectionFailure,
        Self::UpstreamConnectionTermination,
        Self::UpstreamRequestTimeout,
        Self::UpstreamRetryLimitExceeded,
        Self::UpstreamOverflow,
        Self::UpstreamRemoteReset,
        Self::UpstreamProtocolError,
        Self::DownstreamConnectionTermination,
        Self::DownstreamProtocolError,
        Self::FaultInjected,
        Self::DelayInjected,
        Self::StreamIdleTimeout,
        Self::DurationTimeout,
        Self::OverloadManager,
    ];

    /// A bit of its own, for sets of flags.
    #[must_use]
    pub fn bit(self) -> u32 {
        1 << (self as u32)
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NoRoute => "No route takes the request.",
            Self::NoHealthyUpstream => "The destination has no healthy endpoint.",
            Self::UpstreamConnectionFailure => "No connection to the endpoint could be made.",
            Self::UpstreamConnectionTermination => "The endpoint closed the connection.",
            Self::UpstreamRequestTimeout => "The endpoint took too long.",
            Self::UpstreamRetryLimitExceeded => "No tries were left.",
            Self::UpstreamOverflow => "Too much was under way to that destination.",
            Self::UpstreamRemoteReset => "The endpoint reset the stream.",
            Self::UpstreamProtocolError => "The endpoint broke the protocol.",
            Self::DownstreamConnectionTermination => "The client went away.",
            Self::DownstreamProtocolError => "The client broke the protocol.",
            Self::FaultInjected => "The route injected an error.",
            Self::DelayInjected => "The route injected a delay.",
            Self::StreamIdleTimeout => "Nothing moved on the stream for too long.",
            Self::DurationTimeout => "The request took longer than its whole allowance.",
            Self::OverloadManager => "The gateway shed the request because of overload.",
        }
    }

    /// `NR`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "NR",
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamConnectionFailure => "UF",
            Self::UpstreamConnectionTermination => "UC",
            Self::UpstreamRequestTimeout => "UT",
            Self::UpstreamRetryLimitExceeded => "URX",
            Self::UpstreamOverflow => "UO",
            Self::UpstreamRemoteReset => "UR",
            Self::UpstreamProtocolError => "UPE",
            Self::DownstreamConnectionTermination => "DC",
            Self::DownstreamProtocolError => "DPE",
            Self::FaultInjected => "FI",
            Self::DelayInjected => "DI",
            Self::StreamIdleTimeout => "SI",
            Self::DurationTimeout => "DT",
            Self::OverloadManager => "OM",
        }
    }
}

/// Takes finished requests, and the events of relayed connections. One per worker thread, so it needs no lock.
pub trait RequestSink {
    /// Counts and logs a request.
    fn record(&self, record: &RequestRecord<'_>);

    /// Whether it reads what only a log has of a request: [`RequestRecord::start`], [`RequestRecord::upstream_duration`],
    /// [`RequestRecord::user_agent`], [`RequestRecord::request_id`] and [`RequestRecord::forwarded_for`]. Otherwise these
    /// may be missing, which saves looking at clocks and copying texts. Always the same.
    fn logs(&self) -> bool {
        true
    }

    /// Counts a relayed connection, once, when it is known where it goes, or that it goes nowhere.
    fn opened(&self, _: &ConnectionRecord<'_>) {}

    /// Counts what a relayed connection has moved since the last event. Call it now and then while something moves
    /// (Istio: every fifteen seconds), so that a connection that lives for weeks is seen.
    fn moved(&self, _: &ConnectionRecord<'_>) {}

    /// Counts the end of a relayed connection that was [`Self::opened`], and logs it.
    fn closed(&self, _: &ConnectionRecord<'_>) {}
}

/// Makes one sink per worker thread.
pub trait Sinks: Send + Sync {
    /// For a worker.
    fn sink(&self, worker: usize) -> Box<dyn RequestSink>;
}
