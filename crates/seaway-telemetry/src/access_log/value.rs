//! What can be said of a request or a relayed connection in the access log.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use seaway_model::Origin;

use super::escape::escape;
use super::time::write_rfc3339;
use crate::{ConnectionRecord, Flag, RequestRecord};

/// What a line is about.
#[derive(Clone, Copy)]
pub(crate) enum Logged<'l, 'r> {
    Request(&'l RequestRecord<'r>),
    Connection(&'l ConnectionRecord<'r>),
}

impl<'l, 'r> From<&'l RequestRecord<'r>> for Logged<'l, 'r> {
    fn from(record: &'l RequestRecord<'r>) -> Self {
        Self::Request(record)
    }
}

impl<'l, 'r> From<&'l ConnectionRecord<'r>> for Logged<'l, 'r> {
    fn from(record: &'l ConnectionRecord<'r>) -> Self {
        Self::Connection(record)
    }
}

impl<'r> Logged<'_, 'r> {
    /// The object that the route came from, and the rule in it.
    pub(super) fn rule(self) -> Option<(&'r Origin, u32)> {
        match self {
            Self::Request(record) => record.route.map(|route| (&route.origin, route.rule)),
            Self::Connection(record) => record.route.map(|route| (&route.origin, route.rule)),
        }
    }
}

/// A thing that can be said of a request or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    StartTime,
    Method,
    Path,
    Protocol,
    Status,
    Flags,
    Reason,
    Message,
    BytesReceived,
    BytesSent,
    Duration,
    UpstreamServiceTime,
    ForwardedFor,
    UserAgent,
    RequestId,
    Authority,
    Scheme,
    UpstreamHost,
    UpstreamCluster,
    RouteName,
    Listener,
    ServerName,
    Downstream,
    DownstreamWithoutPort,
    DownstreamPort,
    Retries,
    Attempts,
    GrpcStatus,
    GrpcStatusName,
}

/// What it is for one of them.
pub(super) enum Value<'r> {
    Absent,
    Text(Cow<'r, str>),
    Number(u64),
    Time(SystemTime),
    Address(SocketAddr),
    Flags(&'r [Flag]),
}

impl Field {
    pub(super) fn of<'r>(self, logged: Logged<'_, 'r>) -> Value<'r> {
        match logged {
            Logged::Request(record) => self.of_request(record),
            Logged::Connection(record) => self.of_connection(record),
        }
    }

    /// What only HTTP has is absent, and the status is 0, as in Envoy.
    fn of_connection<'r>(self, record: &ConnectionRecord<'r>) -> Value<'r> {
        match self {
            Self::StartTime => Value::Time(record.start),
            Self::Protocol => text(record.transport.as_str()),
            Self::Status => Value::Number(0),
            Self::Flags => Value::Flags(record.flags),
            Self::Reason => optional(record.reason),
            Self::Message => optional(record.message),
            Self::BytesReceived => Value::Number(record.bytes.received),
            Self::BytesSent => Value::Number(record.bytes.sent),
            Self::Duration => millis(record.duration),
            Self::UpstreamHost => record.upstream.map_or(Value::Absent, Value::Address),
            Self::UpstreamCluster => optional(record.cluster.map(|c| &*c.name.0)),
            Self::RouteName => route_name(record.into()),
            Self::Listener => text(record.listener),
            Self::ServerName => optional(record.server_name),
            Self::Downstream => Value::Address(record.downstream),
            Self::DownstreamWithoutPort => Value::Text(record.downstream.ip().to_string().into()),
            Self::DownstreamPort => Value::Number(record.downstream.port().into()),
            Self::Retries => Value::Number(record.retries.into()),
            Self::Attempts => attempts(record.upstream, record.retries),
            Self::Method
            | Self::Path
            | Self::UpstreamServiceTime
            | Self::ForwardedFor
            | Self::UserAgent
            | Self::RequestId
            | Self::Authority
            | Self::Scheme
            | Self::GrpcStatus
            | Self::GrpcStatusName => Value::Absent,
        }
    }

    fn of_request<'r>(self, record: &RequestRecord<'r>) -> Value<'r> {
        match self {
            Self::StartTime => record.start.map_or(Value::Absent, Value::Time),
            Self::Method => text(record.method),
            Self::Path => text(record.path),
            Self::Protocol => text(record.protocol),
            Self::Status => Value::Number(record.status.into()),
            Self::Flags => Value::Flags(record.flags),
            Self::Reason => optional(record.reason),
            Self::Message => optional(record.message),
            Self::BytesReceived => Value::Number(record.request_bytes),
            Self::BytesSent => Value::Number(record.response_bytes),
            Self::Duration => millis(record.duration),
            Self::UpstreamServiceTime => record.upstream_duration.map_or(Value::Absent, millis),
            Self::ForwardedFor => optional(record.forwarded_for),
            Self::UserAgent => optional(record.user_agent),
            Self::RequestId => optional(record.request_id),
            Self::Authority => text(record.host),
            Self::Scheme => text(if record.tls { "https" } else { "http" }),
            Self::UpstreamHost => record.upstream.map_or(Value::Absent, Value::Address),
            Self::UpstreamCluster => optional(record.cluster.map(|c| &*c.name.0)),
            Self::RouteName => route_name(record.into()),
            Self::Listener => text(record.listener),
            Self::ServerName => optional(record.server_name),
            Self::Downstream => Value::Address(record.downstream),
            Self::DownstreamWithoutPort => Value::Text(record.downstream.ip().to_string().into()),
            Self::DownstreamPort => Value::Number(record.downstream.port().into()),
            Self::Retries => Value::Number(record.retries.into()),
            Self::Attempts => attempts(record.upstream, record.retries),
            Self::GrpcStatus => record
                .grpc_status
                .map_or(Value::Absent, |s| Value::Number(s.into())),
            Self::GrpcStatusName => record.grpc_status.map_or(Value::Absent, grpc_name),
        }
    }
}

impl Value<'_> {
    /// Appends it without quotes, at most `max` characters of text, `-` for nothing.
    pub(super) fn write(&self, max: Option<usize>, out: &mut String) {
        match self {
            Self::Absent => out.push('-'),
            Self::Text(text) if text.is_empty() => out.push('-'),
            Self::Text(text) => escape(cut(text, max), out),
            Self::Number(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Self::Time(time) => write_rfc3339(*time, out),
            Self::Address(address) => {
                let _ = write!(out, "{address}");
            }
            Self::Flags(flags) => write_flags(flags, out),
        }
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn optional(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Absent, |text| Value::Text(Cow::Borrowed(text)))
}

fn millis<'r>(duration: Duration) -> Value<'r> {
    Value::Number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The first try counts, if there was one.
fn attempts<'r>(upstream: Option<SocketAddr>, retries: u32) -> Value<'r> {
    Value::Number(u64::from(retries) + u64::from(upstream.is_some()))
}

/// `HttpRoute/shop/cart/0`: kind, namespace (where there is one), name, rule.
fn route_name<'r>(logged: Logged<'_, 'r>) -> Value<'r> {
    let Some((origin, rule)) = logged.rule() else {
        return Value::Absent;
    };
    let Origin {
        kind,
        namespace,
        name,
        ..
    } = origin;
    let text = if namespace.is_empty() {
        format!("{kind}/{name}/{rule}")
    } else {
        format!("{kind}/{namespace}/{name}/{rule}")
    };
    Value::Text(text.into())
}

fn write_flags(flags: &[Flag], out: &mut String) {
    if flags.is_empty() {
        out.push('-');
    }
    for (i, flag) in flags.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(flag.as_str());
    }
}

/// The first `max` characters. Cut before escaping, so that no escape is cut in half.
fn cut(text: &str, max: Option<usize>) -> &str {
    max.and_then(|max| text.char_indices().nth(max))
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

/// As Envoy writes them.
fn grpc_name<'r>(status: u16) -> Value<'r> {
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    match NAMES.get(usize::from(status)) {
        Some(name) => Value::Text(Cow::Borrowed(name)),
        None => Value::Number(status.into()),
    }
}
