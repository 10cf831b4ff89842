//! What is spoken to a port: `appProtocol` of a Service says it, or else the start of the port's name, as Istio reads it.
//! A ServiceEntry says it outright.

use seaway_api::Pos;
use seaway_api::core::ServicePort;
use seaway_model::UpstreamProtocol;

/// What a port says it speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// HTTP/2 rather than HTTP/1.1.
    pub(super) protocol: UpstreamProtocol,
    /// Why requests cannot simply be sent there, with the word that says so.
    pub(super) obstacle: Option<Obstacle>,
}

/// Why requests cannot simply be sent to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// As written.
    pub(super) word: String,
    /// `appProtocol`
    pub(super) field: &'static str,
    pub(super) pos: Pos,
    /// It wants TLS, which a DestinationRule can give it. Otherwise it does not speak HTTP at all.
    pub(super) is_tls: bool,
}

/// What a port of a Service says it speaks.
pub(super) fn of(port: Option<&ServicePort>) -> Spoken {
    let Some(port) = port else {
        return Spoken::default();
    };
    if let Some(app) = &port.app_protocol {
        return read(&app.value, "appProtocol", app.pos);
    }
    let Some(name) = &port.name else {
        return Spoken::default();
    };
    let word = if name.starts_with("grpc-web") {
        "grpc-web"
    } else {
        name.split('-').next().unwrap_or_default()
    };
    read(word, "name", name.pos)
}

/// What a word says.
pub(super) fn read(word: &str, field: &'static str, pos: Pos) -> Spoken {
    let lower = word.to_ascii_lowercase();
    let obstacle = |is_tls| {
        Some(Obstacle {
            word: word.to_owned(),
            field,
            pos,
            is_tls,
        })
    };
    let (protocol, obstacle) = match lower.strip_prefix("kubernetes.io/").unwrap_or(&lower) {
        "h2c" | "http2" | "grpc" => (UpstreamProtocol::Http2, None),
        "h2" | "grpcs" => (UpstreamProtocol::Http2, obstacle(true)),
        "https" | "tls" | "wss" => (UpstreamProtocol::Http1, obstacle(true)),
        "mongo" | "mysql" | "redis" | "postgres" | "postgresql" | "kafka" | "amqp" | "smtp" | "ssh" => {
            (UpstreamProtocol::Http1, obstacle(false))
        }
        // `http`, `ws`, `grpc-web` speak HTTP/1.1; `tcp` and words of others say nothing against it.
        _ => (UpstreamProtocol::Http1, None),
    };
    Spoken { protocol, obstacle }
}

impl Spoken {
    /// What is spoken inside TLS, or without it. In clear text a word that wants TLS says nothing of the version.
    pub(super) fn over(&self, tls: bool) -> UpstreamProtocol {
        match &self.obstacle {
            Some(obstacle) if obstacle.is_tls && !tls => UpstreamProtocol::Http1,
            _ => self.protocol,
        }
    }
}
