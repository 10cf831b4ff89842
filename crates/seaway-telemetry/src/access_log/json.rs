//! The JSON form: one object a line. Keys never change; what is not known is `null`.

use super::escape::escape;
use super::time::write_rfc3339;
use super::value::{Field, Logged, Value};

/// Keys in their order, with what they hold. `route` is an object and is written apart.
pub(crate) const FIELDS: &[(&str, Option<Field>, &str)] = &[
    (
        "start_time",
        Some(Field::StartTime),
        "When the request began, RFC 3339 in UTC with milliseconds.",
    ),
    ("method", Some(Field::Method), "As sent."),
    ("path", Some(Field::Path), "As sent, query included."),
    (
        "protocol",
        Some(Field::Protocol),
        "`HTTP/1.1` or `HTTP/2`; `TCP` or `UDP` for a relayed connection.",
    ),
    (
        "response_code",
        Some(Field::Status),
        "The status sent to the client; 0 when it went away before there was one.",
    ),
    (
        "response_flags",
        Some(Field::Flags),
        "Flags joined by commas, or `-`.",
    ),
    (
        "reason",
        Some(Field::Reason),
        "A stable word for an answer made by the gateway: `no_route`, `no_endpoints`, …",
    ),
    (
        "bytes_received",
        Some(Field::BytesReceived),
        "Bytes of the request's body.",
    ),
    (
        "bytes_sent",
        Some(Field::BytesSent),
        "Bytes of the response's body.",
    ),
    (
        "duration",
        Some(Field::Duration),
        "Milliseconds from the request's first byte to the response's last.",
    ),
    (
        "upstream_service_time",
        Some(Field::UpstreamServiceTime),
        "Milliseconds until the endpoint's response head.",
    ),
    (
        "x_forwarded_for",
        Some(Field::ForwardedFor),
        "The header as sent upstream.",
    ),
    ("user_agent", Some(Field::UserAgent), "The header."),
    ("request_id", Some(Field::RequestId), "The header `x-request-id`."),
    ("authority", Some(Field::Authority), "The host as sent."),
    (
        "upstream_host",
        Some(Field::UpstreamHost),
        "Address of the endpoint that was tried last.",
    ),
    (
        "upstream_cluster",
        Some(Field::UpstreamCluster),
        "Name of the cluster.",
    ),
    (
        "route",
        None,
        "`{kind, namespace, name, rule}` of the route that took the request.",
    ),
    ("listener", Some(Field::Listener), "Name of the listener."),
    (
        "requested_server_name",
        Some(Field::ServerName),
        "The TLS server name.",
    ),
    (
        "downstream_remote_address",
        Some(Field::Downstream),
        "Address of the client.",
    ),
    ("retries", Some(Field::Retries), "Tries after the first."),
    (
        "grpc_status",
        Some(Field::GrpcStatus),
        "The gRPC status as a number.",
    ),
    (
        "message",
        Some(Field::Message),
        "What is wrong with the configuration, where that is why there was an error.",
    ),
];

/// Appends the object, without the end of the line.
pub(super) fn write(logged: Logged<'_, '_>, out: &mut String) {
    for (i, (key, field, _)) in FIELDS.iter().enumerate() {
        out.push(if i == 0 { '{' } else { ',' });
        out.push('"');
        out.push_str(key);
        out.push_str("\":");
        match field {
            Some(field) => write_value(&field.of(logged), out),
            None => write_route(logged, out),
        }
    }
    out.push('}');
}

fn write_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Absent => out.push_str("null"),
        Value::Number(_) => value.write(None, out),
        // Not `write`, which says `-` for an empty text: here the empty text can be said.
        Value::Text(text) => quoted(text, out),
        Value::Time(time) => {
            out.push('"');
            write_rfc3339(*time, out);
            out.push('"');
        }
        Value::Address(_) | Value::Flags(_) => {
            out.push('"');
            value.write(None, out);
            out.push('"');
        }
    }
}

fn write_route(logged: Logged<'_, '_>, out: &mut String) {
    let Some((origin, rule)) = logged.rule() else {
        out.push_str("null");
        return;
    };
    out.push_str("{\"kind\":");
    quoted(&origin.kind, out);
    out.push_str(",\"namespace\":");
    quoted(&origin.namespace, out);
    out.push_str(",\"name\":");
    quoted(&origin.name, out);
    out.push_str(",\"rule\":");
    out.push_str(itoa::Buffer::new().format(rule));
    out.push('}');
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}
