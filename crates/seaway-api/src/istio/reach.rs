//! Who may see what: hosts of servers, names of gateways, visibility over namespaces, and what a port speaks.

use std::sync::Arc;

use super::syntax;
use crate::ProblemKind;
use crate::decode::{At, Cx, Invalid, Parsed, Shape, at, nearest, syntax as names};
use crate::node::Node;

/// One of `hosts` of a server: `[namespace/]host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerHost {
    /// Whose VirtualServices may be served at it.
    pub namespace: ServerNamespace,
    /// A DNS name, `*.example.com`, `*`, or an IP address.
    pub host: Arc<str>,
}

/// The part of a server's host before the slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerNamespace {
    /// `*/`, or nothing: those of every namespace.
    Any,
    /// `./`: those of the Gateway's own namespace.
    Own,
    /// `name/`: those of that one.
    Named(Arc<str>),
}

pub(super) const SERVER_HOST: At<Parsed<ServerHost>> = at(Parsed(
    "host, with `namespace/`, `./` or `*/` before it",
    server_host,
));

fn server_host(text: &str) -> Result<ServerHost, Invalid> {
    let (namespace, host) = match text.split_once('/') {
        // A URL is told by its own message.
        Some(_) if text.contains("://") => (ServerNamespace::Any, text),
        Some(("*", host)) => (ServerNamespace::Any, host),
        Some((".", host)) => (ServerNamespace::Own, host),
        Some((namespace, host)) => (ServerNamespace::Named(syntax::label(namespace)?), host),
        None => (ServerNamespace::Any, text),
    };
    let host = syntax::host(host)?;
    if !host.contains(['.', ':', '*']) {
        return Err(Invalid::new(
            format!("{text:?} is a short name"),
            "write the host in full, as clients name it, with a dot: for example shop.example.com; or \"*\" for every host",
        ));
    }
    Ok(ServerHost { namespace, host })
}

/// One of `gateways` of a VirtualService or of a match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GatewayName {
    /// `mesh`: the traffic between workloads.
    Mesh,
    /// `[namespace/]name`
    Named {
        /// `None`: that of the VirtualService.
        namespace: Option<Arc<str>>,
        /// Its name.
        name: Arc<str>,
    },
}

pub(super) const GATEWAY_NAME: At<Parsed<GatewayName>> = at(Parsed(
    "name of a Gateway, with `namespace/` before it, or `mesh`",
    gateway_name,
));

fn gateway_name(text: &str) -> Result<GatewayName, Invalid> {
    if text == "mesh" {
        return Ok(GatewayName::Mesh);
    }
    let (namespace, name) = match text.split_once('/') {
        Some(("." | "*", _)) => {
            return Err(Invalid::new(
                format!("{text:?} names no Gateway"),
                "write namespace/name, or the name alone for a Gateway of the same namespace",
            ));
        }
        Some((namespace, name)) => (Some(syntax::label(namespace)?), name),
        None => (None, text),
    };
    let name = names::object_name(name)?;
    Ok(GatewayName::Named { namespace, name })
}

/// One of `exportTo`: which namespaces an object holds for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Visibility {
    /// `*`: all.
    All,
    /// `.`: the object's own.
    Own,
    /// `~`: none.
    Nobody,
    /// That one.
    Namespace(Arc<str>),
}

pub(super) const VISIBILITY: At<Parsed<Visibility>> = at(Parsed("`*`, `.`, `~` or a namespace", visibility));

fn visibility(text: &str) -> Result<Visibility, Invalid> {
    Ok(match text {
        "*" => Visibility::All,
        "." => Visibility::Own,
        "~" => Visibility::Nobody,
        name => Visibility::Namespace(syntax::label(name)?),
    })
}

/// What is spoken on a port. Istio reads it in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum PortProtocol {
    Http,
    Http2,
    Https,
    Grpc,
    GrpcWeb,
    Tcp,
    Tls,
    Udp,
    Mongo,
    MySql,
    Redis,
}

impl PortProtocol {
    /// Requests in clear text.
    #[must_use]
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// TLS.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    /// As it is usually written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        PROTOCOLS
            .iter()
            .find(|(_, protocol)| *protocol == self)
            .map_or("TCP", |(word, _)| word)
    }
}

const PROTOCOLS: [(&str, PortProtocol); 11] = [
    ("HTTP", PortProtocol::Http),
    ("HTTP2", PortProtocol::Http2),
    ("HTTPS", PortProtocol::Https),
    ("GRPC", PortProtocol::Grpc),
    ("GRPC-WEB", PortProtocol::GrpcWeb),
    ("TCP", PortProtocol::Tcp),
    ("TLS", PortProtocol::Tls),
    ("UDP", PortProtocol::Udp),
    ("MONGO", PortProtocol::Mongo),
    ("MYSQL", PortProtocol::MySql),
    ("REDIS", PortProtocol::Redis),
];

/// The protocol of a port.
pub(super) struct ProtocolShape;

impl Shape for ProtocolShape {
    type Out = PortProtocol;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<PortProtocol> {
        let Some(written) = node.as_str() else {
            cx.wrong_type(node, "text");
            return None;
        };
        let known = PROTOCOLS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(written));
        if let Some((_, protocol)) = known {
            return Some(*protocol);
        }
        let words = PROTOCOLS.iter().map(|(word, _)| *word);
        let help = match nearest(written, words.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of {}", words.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{written:?} is not a protocol");
        cx.report(ProblemKind::InvalidValue, node.pos, message, help);
        None
    }
    fn may_be_empty_for_none(&self) -> bool {
        true
    }
    fn words(&self) -> String {
        let words: Vec<String> = PROTOCOLS.iter().map(|(word, _)| format!("`{word}`")).collect();
        words.join(", ")
    }
    fn refused(&self) -> Vec<String> {
        PROTOCOLS.iter().map(|(word, _)| format!("{word}x")).collect()
    }
}
