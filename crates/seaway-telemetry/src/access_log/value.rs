//! What can be said of a request in the access log.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use seaway_model::Route;

use super::escape::escape;
use super::time::write_rfc3339;
use crate::{Flag, RequestRecord};

/// A thing that can be said of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    StartTime,
    Method,
    Path,
    Protocol,
    Status,
    Flags,
    Reason,
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

/// What it is for one request.
pub(super) enum Value<'r> {
    Absent,
    Text(Cow<'r, str>),
    Number(u64),
    Time(SystemTime),
    Address(SocketAddr),
    Flags(&'r [Flag]),
}

impl Field {
    pub(super) fn of<'r>(self, record: &RequestRecord<'r>) -> Value<'r> {
        match self {
            Self::StartTime => Value::Time(record.start),
            Self::Method => text(record.method),
            Self::Path => text(record.path),
            Self::Protocol => text(record.protocol),
            Self::Status => Value::Number(record.status.into()),
            Self::Flags => Value::Flags(record.flags),
            Self::Reason => optional(record.reason),
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
            Self::RouteName => record
                .route
                .map_or(Value::Absent, |route| Value::Text(route_name(route).into())),
            Self::Listener => text(record.listener),
            Self::ServerName => optional(record.server_name),
            Self::Downstream => Value::Address(record.downstream),
            Self::DownstreamWithoutPort => Value::Text(record.downstream.ip().to_string().into()),
            Self::DownstreamPort => Value::Number(record.downstream.port().into()),
            Self::Retries => Value::Number(record.retries.into()),
            Self::Attempts => Value::Number(match record.upstream {
                Some(_) => u64::from(record.retries) + 1,
                None => record.retries.into(),
            }),
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

/// `HttpRoute/shop/cart/0`: kind, namespace (where there is one), name, rule.
fn route_name(route: &Route) -> String {
    let origin = &route.origin;
    if origin.namespace.is_empty() {
        return format!("{}/{}/{}", origin.kind, origin.name, route.rule);
    }
    format!(
        "{}/{}/{}/{}",
        origin.kind, origin.namespace, origin.name, route.rule
    )
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
