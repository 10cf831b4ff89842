//! Where traffic comes in, and the virtual hosts and routes that take it.

mod l4;
mod pins;
mod tls;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    Action, Cluster, ClusterName, Cors, Fault, HeaderMutation, HostMatch, Match, Mirror, Origin, Secret,
    SecretName,
};

pub use l4::{L4Destination, L4Route};
pub use pins::{Pins, Sha256};
pub use tls::{
    ClientValidation, ListenerTls, ServerCertificate, ServerNameRoute, TlsMode, TlsParameters, TlsVersion,
};

/// Everything that an engine needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Model {
    /// By name.
    pub listeners: Vec<Arc<Listener>>,
    /// By name. Every cluster that a listener refers to is here.
    pub clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    /// By name. Every secret that a listener refers to is here.
    pub secrets: BTreeMap<SecretName, Arc<Secret>>,
}

/// A port that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// `http-80`
    pub name: Arc<str>,
    /// What asked for it.
    pub origin: Origin,
    /// `None`: every address, IPv4 and IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// As configured; `--map-port` may bind another.
    pub port: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Whether every connection begins with a PROXY protocol header (version 1 or 2), which says who the client is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proxy_protocol: bool,
    /// Certificates and the routes of server names, for `Https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// Most specific host first, each host once. For `Http` and `Https`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_hosts: Vec<VirtualHost>,
    /// For `Tcp` and `Udp`: where every connection or session goes. `None`: connections are closed, datagrams dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l4: Option<Arc<L4Route>>,
}

impl Listener {
    /// Whether nothing is routed here, whatever comes: no rule that can be used leads to it.
    #[must_use]
    pub fn routes_nothing(&self) -> bool {
        let relays = self.tls.as_ref().is_some_and(|tls| !tls.routes.is_empty());
        self.virtual_hosts.is_empty() && self.l4.is_none() && !relays
    }
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/2 by prior knowledge.
    Http,
    /// TLS. The server name decides: HTTP by ALPN, unless one of [`ListenerTls::routes`] takes the connection.
    Https,
    /// Bytes, relayed as they are.
    Tcp,
    /// Datagrams, relayed as they are, in sessions of a client's address.
    Udp,
}

impl Protocol {
    /// Whether requests are seen on it.
    #[must_use]
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// The routes of a host on a listener.
///
/// A request that no route of the most specific host takes is answered 404: it does not fall back to a less specific
/// host. A dialect in which it does has its fallback routes appended here by `compile`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct VirtualHost {
    /// Which host.
    pub host: HostMatch,
    /// The first that matches takes the request. Shared between listeners, hence the `Arc`.
    pub routes: Vec<Arc<Route>>,
}

/// What is done with some of the requests of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The rule it came from.
    pub origin: Origin,
    /// The rule's index in its object.
    pub rule: u32,
    /// What it takes.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Cross-origin requests are answered first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Box<Cors>>,
    /// Then faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Box<Fault>>,
    /// Changes on the way to the upstream.
    #[serde(skip_serializing_if = "HeaderMutation::is_empty")]
    pub request_headers: HeaderMutation,
    /// Changes on the way back, also to answers made here.
    #[serde(skip_serializing_if = "HeaderMutation::is_empty")]
    pub response_headers: HeaderMutation,
    /// Copies; only for `Action::Forward`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<Mirror>,
    /// Then this.
    pub action: Action,
}
