//! The failures of a request, in one table: whose fault, whether it may be retried, status, gRPC status, flag, word.

use seaway_model::FailureReason;
use seaway_telemetry::Flag;

/// Whose side a failure is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Downstream,
    /// The endpoint's.
    Upstream,
    /// Ours, or the configuration's.
    Ourselves,
}

/// Why a request failed before, or instead of, an upstream's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says it")]
pub enum Failure {
    #[error("the request is malformed: {0}")]
    BadRequest(&'static str),
    #[error("the request target is too long")]
    UriTooLong,
    #[error("the request head is too large")]
    HeadTooLarge,
    #[error("the request head did not arrive in time")]
    HeadTimeout,
    #[error("the rest of the request body did not arrive in time")]
    BodyTimeout,
    #[error("this gateway does not tunnel: CONNECT has no route")]
    ConnectRefused,
    #[error("this connection's certificate is not for that host")]
    Misdirected,
    #[error("no route")]
    NoRoute,
    #[error("the configuration is at fault: {}", .0.as_str())]
    Configuration(FailureReason, u16),
    #[error("no healthy endpoint")]
    NoEndpoints,
    #[error("the endpoint could not be connected to")]
    ConnectFailed,
    #[error("connecting to the endpoint took too long")]
    ConnectTimeout,
    #[error("no TLS connection to the endpoint: {}", .0.message())]
    UpstreamTls(TlsFault),
    #[error("the endpoint closed the connection before it answered")]
    UpstreamReset,
    #[error("the endpoint refused the stream")]
    RefusedStream,
    #[error("the endpoint's answer is not HTTP")]
    UpstreamProtocol,
    #[error("the endpoint took too long for one try")]
    PerTryTimeout,
    #[error("the request took longer than its route allows")]
    Timeout,
    #[error("nothing moved on the stream for too long")]
    StreamIdle,
    #[error("the client went away")]
    ClientGone,
    #[error("an injected fault")]
    FaultInjected { status: u16, grpc_status: Option<u8> },
    #[error("too much is under way")]
    Overload,
    #[error("too much is under way to that destination")]
    Overflow,
}

/// Why there is no TLS connection to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// It does not speak TLS, or none that we speak.
    Handshake,
    /// Its certificate is of an authority that is not believed.
    UnknownAuthority,
    /// Its certificate is for somebody else.
    WrongName,
    /// Its certificate is not valid now.
    Expired,
    /// Its certificate is bad in another way.
    Certificate,
    /// It does not accept ours, or another thing about us.
    Refused,
    /// A secret is missing or unusable: whom to believe, or who we are.
    NoSecret,
    /// There is no name by which it could be asked for.
    ServerName,
}

impl TlsFault {
    /// For a client: what is wrong, and nothing of our inside.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Handshake => "the handshake failed",
            Self::UnknownAuthority => "its certificate's issuer is not trusted",
            Self::WrongName => "its certificate is for another name",
            Self::Expired => "its certificate is not valid at this time",
            Self::Certificate => "its certificate is not acceptable",
            Self::Refused => "it refused us",
            Self::NoSecret => "a secret that is needed for it cannot be used",
            Self::ServerName => "the host is no server name",
        }
    }

    /// Stable word.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Handshake => "upstream_tls_handshake",
            Self::UnknownAuthority => "upstream_tls_unknown_authority",
            Self::WrongName => "upstream_tls_wrong_name",
            Self::Expired => "upstream_tls_expired",
            Self::Certificate => "upstream_tls_certificate",
            Self::Refused => "upstream_tls_refused",
            Self::NoSecret => "upstream_tls_no_secret",
            Self::ServerName => "upstream_tls_server_name",
        }
    }

    /// Whether the endpoint has nothing to do with it.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::NoSecret | Self::ServerName)
    }
}

/// What a failure looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whose fault.
    pub side: Side,
    /// HTTP status; 0 when nobody is left to answer.
    pub status: u16,
    /// gRPC status, for requests that are gRPC.
    pub grpc_status: u16,
    /// Envoy's flag.
    pub flag: Option<Flag>,
    /// Stable word for logs, metrics and `explain`.
    pub reason: &'static str,
    /// Whether the upstream certainly did nothing, so that any request may be sent again.
    pub untouched: bool,
}

/// The gRPC status that stands for an HTTP status (the gRPC specification's `http-grpc-status-mapping`).
#[must_use]
pub fn grpc_status(http: u16) -> u16 {
    match http {
        200 => 0,
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// The HTTP status that stands for a gRPC status (the mapping that Envoy uses, the reverse of the above where there is
/// one).
#[must_use]
pub fn http_status(grpc: u16) -> u16 {
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

impl Failure {
    /// Whether no connection could be made to that endpoint, and another may do better.
    #[must_use]
    pub fn is_unreachable(self) -> bool {
        match self {
            Self::ConnectFailed | Self::ConnectTimeout => true,
            Self::UpstreamTls(fault) => !fault.is_ours(),
            _ => false,
        }
    }

    /// The row of the table.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        use Side::{Downstream, Ourselves, Upstream};
        let (side, status, grpc_status, flag, reason, untouched) = match self {
            Self::BadRequest(_) => (
                Downstream,
                400,
                13,
                Some(Flag::DownstreamProtocolError),
                "bad_request",
                true,
            ),
            Self::UriTooLong => (
                Downstream,
                414,
                13,
                Some(Flag::DownstreamProtocolError),
                "uri_too_long",
                true,
            ),
            Self::HeadTooLarge => (
                Downstream,
                431,
                13,
                Some(Flag::DownstreamProtocolError),
                "head_too_large",
                true,
            ),
            Self::HeadTimeout => (
                Downstream,
                408,
                4,
                Some(Flag::DownstreamProtocolError),
                "head_timeout",
                true,
            ),
            Self::BodyTimeout => (
                Downstream,
                408,
                4,
                Some(Flag::StreamIdleTimeout),
                "body_timeout",
                false,
            ),
            Self::ConnectRefused => (Downstream, 405, 12, Some(Flag::NoRoute), "connect_refused", true),
            Self::Misdirected => (Downstream, 421, 14, Some(Flag::NoRoute), "misdirected", true),
            Self::NoRoute => (Ourselves, 404, 12, Some(Flag::NoRoute), "no_route", true),
            Self::Configuration(reason, status) => {
                (Ourselves, status, 14, Some(Flag::NoRoute), reason.as_str(), true)
            }
            Self::NoEndpoints => (
                Upstream,
                503,
                14,
                Some(Flag::NoHealthyUpstream),
                "no_endpoints",
                true,
            ),
            Self::ConnectFailed => (
                Upstream,
                503,
                14,
                Some(Flag::UpstreamConnectionFailure),
                "connect_failed",
                true,
            ),
            Self::ConnectTimeout => (
                Upstream,
                503,
                14,
                Some(Flag::UpstreamConnectionFailure),
                "connect_timeout",
                true,
            ),
            Self::UpstreamTls(fault) => (
                if fault.is_ours() { Ourselves } else { Upstream },
                503,
                14,
                Some(Flag::UpstreamConnectionFailure),
                fault.reason(),
                true,
            ),
            Self::UpstreamReset => (
                Upstream,
                502,
                14,
                Some(Flag::UpstreamConnectionTermination),
                "upstream_reset",
                false,
            ),
            Self::RefusedStream => (
                Upstream,
                502,
                14,
                Some(Flag::UpstreamRemoteReset),
                "refused_stream",
                true,
            ),
            Self::UpstreamProtocol => (
                Upstream,
                502,
                14,
                Some(Flag::UpstreamProtocolError),
                "upstream_protocol",
                false,
            ),
            Self::PerTryTimeout => (
                Upstream,
                504,
                4,
                Some(Flag::UpstreamRequestTimeout),
                "per_try_timeout",
                false,
            ),
            Self::Timeout => (
                Upstream,
                504,
                4,
                Some(Flag::UpstreamRequestTimeout),
                "timeout",
                false,
            ),
            Self::StreamIdle => (
                Ourselves,
                504,
                4,
                Some(Flag::StreamIdleTimeout),
                "stream_idle",
                false,
            ),
            Self::ClientGone => (
                Downstream,
                0,
                1,
                Some(Flag::DownstreamConnectionTermination),
                "client_gone",
                false,
            ),
            Self::FaultInjected {
                status,
                grpc_status: of_grpc,
            } => (
                Ourselves,
                status,
                of_grpc.map_or_else(|| grpc_status(status), u16::from),
                Some(Flag::FaultInjected),
                "fault_injected",
                true,
            ),
            Self::Overload => (
                Ourselves,
                503,
                14,
                Some(Flag::OverloadManager),
                "overloaded",
                true,
            ),
            Self::Overflow => (Upstream, 503, 14, Some(Flag::UpstreamOverflow), "overflow", true),
        };
        Outcome {
            side,
            status,
            grpc_status,
            flag,
            reason,
            untouched,
        }
    }
}
