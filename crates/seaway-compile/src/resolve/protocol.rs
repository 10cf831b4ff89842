//! What is spoken to a port of a Service: `appProtocol` says it, or else the start of the port's name, as Istio reads it.

use seaway_api::Pos;
use seaway_api::core::ServicePort;
use seaway_model::UpstreamProtocol;

/// What a port says it speaks.
pub(super) struct Spoken<'a> {
    /// What will be spoken to it.
    pub(super) protocol: UpstreamProtocol,
    /// What it says instead, where Seaway does not speak it: the word, the field and its place.
    pub(super) unsupported: Option<(&'a str, &'static str, Pos)>,
}

/// What a port says it speaks.
pub(super) fn of(port: Option<&ServicePort>) -> Spoken<'_> {
    let Some(port) = port else {
        return known(UpstreamProtocol::Http1);
    };
    if let Some(app) = &port.app_protocol {
        return read(
            &app.value,
            app.value.to_ascii_lowercase().as_str(),
            "appProtocol",
            app.pos,
        );
    }
    let Some(name) = &port.name else {
        return known(UpstreamProtocol::Http1);
    };
    let word = if name.starts_with("grpc-web") {
        "grpc-web"
    } else {
        name.split('-').next().unwrap_or_default()
    };
    read(word, word, "name", name.pos)
}

fn read<'a>(word: &'a str, lower: &str, field: &'static str, pos: Pos) -> Spoken<'a> {
    match lower.strip_prefix("kubernetes.io/").unwrap_or(lower) {
        "h2c" | "http2" | "grpc" => known(UpstreamProtocol::Http2),
        "https" | "tls" | "wss" | "h2" | "grpcs" | "mongo" | "mysql" | "redis" | "postgres"
        | "postgresql" | "kafka" | "amqp" | "smtp" | "ssh" => Spoken {
            protocol: UpstreamProtocol::Http1,
            unsupported: Some((word, field, pos)),
        },
        // `http`, `ws`, `grpc-web` speak HTTP/1.1; `tcp` and words of others say nothing against it.
        _ => known(UpstreamProtocol::Http1),
    }
}

fn known(protocol: UpstreamProtocol) -> Spoken<'static> {
    Spoken {
        protocol,
        unsupported: None,
    }
}
