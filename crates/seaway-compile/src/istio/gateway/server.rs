//! One server: where it listens, what becomes of its connections, and whom it is for.

use std::net::IpAddr;
use std::sync::Arc;

use seaway_api::istio::{PortProtocol, Server as ApiServer, ServerNamespace};
use seaway_model::{Code, HostMatch, Origin, Protocol, SecretName};

use super::GatewayKey;
use crate::findings::{Findings, Reporter, place};
use crate::istio::hosts::intersection;
use crate::site::Socket;

/// What becomes of connections to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests in clear text.
    Http {
        /// All of them are answered with a redirect to https.
        redirects: bool,
    },
    /// Requests inside TLS that ends here.
    Https,
    /// TLS that goes through untouched.
    Passthrough,
    /// TLS that ends here, around bytes.
    Terminated,
    /// Bytes.
    Tcp,
}

impl Kind {
    pub(super) fn new(server: &ApiServer) -> Self {
        let tls = server.tls.as_ref();
        let terminates = tls.is_some_and(|tls| tls.mode.terminates());
        match server.port.protocol.value {
            protocol if protocol.is_http() => Self::Http {
                redirects: tls.is_some_and(|tls| tls.https_redirect.value),
            },
            PortProtocol::Https if terminates => Self::Https,
            PortProtocol::Https => Self::Passthrough,
            PortProtocol::Tls if terminates => Self::Terminated,
            PortProtocol::Tls => Self::Passthrough,
            _ if terminates => Self::Terminated,
            _ => Self::Tcp,
        }
    }

    /// What its listener speaks.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Http { .. } => Protocol::Http,
            Self::Https | Self::Passthrough | Self::Terminated => Protocol::Https,
            Self::Tcp => Protocol::Tcp,
        }
    }

    /// Whether TLS ends at it.
    pub(super) fn terminates(self) -> bool {
        matches!(self, Self::Https | Self::Terminated)
    }
}

/// A host of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerHost {
    /// The host.
    pub(crate) host: HostMatch,
    /// Whose VirtualServices may be bound to it; `None`: everybody's.
    pub(crate) namespace: Option<Arc<str>>,
    /// `spec.servers[0].hosts[0]`
    pub(crate) origin: Origin,
}

/// A server that is served.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its Gateway.
    pub(crate) gateway: GatewayKey,
    /// Where it listens.
    pub(crate) socket: Socket,
    /// What becomes of its connections.
    pub(crate) kind: Kind,
    /// What it is for.
    pub(crate) hosts: Vec<ServerHost>,
    /// The Secret with its certificate, where there is one.
    pub(crate) secret: Option<SecretName>,
}

impl Server {
    /// Where a host of a VirtualService in this namespace meets those of the server, with the server's own host.
    pub(crate) fn meets<'s>(
        &'s self,
        host: &'s HostMatch,
        namespace: &'s str,
    ) -> impl Iterator<Item = (HostMatch, &'s ServerHost)> {
        self.hosts
            .iter()
            .filter(move |own| own.namespace.as_deref().is_none_or(|only| only == namespace))
            .filter_map(move |own| Some((intersection(&own.host, host)?, own)))
    }
}

/// Where a server listens. `None` if that is nowhere, which is reported.
pub(super) fn socket(server: &ApiServer, field: &str, reporter: &mut Reporter<'_>) -> Option<Socket> {
    let port = server.port.number.value;
    let Some(bind) = server.bind.as_ref().filter(|bind| !bind.is_empty()) else {
        return Some(Socket::any(port));
    };
    match bind.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => Some(Socket::any(port)),
        Ok(address) => Some(Socket {
            port,
            address: Some(address),
        }),
        Err(_) => {
            reporter.report(
                Code::InvalidValue,
                &format!("{field}.bind"),
                bind.pos,
                format!(
                    "\"{}\" is not an IP address, so this server is left out",
                    bind.value
                ),
                "write an IP address of the machine, or remove it to listen on all of them",
            );
            None
        }
    }
}

/// Its hosts; what is none is reported and left out.
pub(super) fn hosts(
    server: &ApiServer,
    field: &str,
    origin: &Origin,
    findings: &mut Findings,
) -> Vec<ServerHost> {
    let mut hosts = Vec::with_capacity(server.hosts.len());
    for (index, spec) in server.hosts.iter().enumerate() {
        let field = format!("{field}.hosts[{index}]");
        match HostMatch::parse(&spec.host) {
            Ok(host) => hosts.push(ServerHost {
                host,
                namespace: match &spec.namespace {
                    ServerNamespace::Any => None,
                    ServerNamespace::Own => Some(origin.namespace.clone()),
                    ServerNamespace::Named(name) => Some(name.clone()),
                },
                origin: place(origin, &field, spec.pos),
            }),
            Err(error) => findings.report(
                Code::InvalidValue,
                place(origin, &field, spec.pos),
                format!("\"{}\" is not a host: {error}", spec.host),
                "write a DNS name (\"shop.example.com\"), a wildcard (\"*.example.com\"), an IP address, or \"*\"",
            ),
        }
    }
    hosts
}
