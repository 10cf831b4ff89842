//! Routes on their way into the model: what they are, and where they want to go.

use std::sync::Arc;

use seaway_api::Pos;
use seaway_model::{Conditions, HostMatch, L4Route, Origin, Route, TlsMode};

use crate::order::Rank;
use crate::site::{DefaultGateway, Site, Socket};

/// A route with the hosts and listeners that it asks for. Every dialect ends here; `gateway` merges them.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its place among the routes of a host.
    pub(crate) rank: Rank,
    /// The hosts, each once. Shared between the routes of a rule.
    pub(crate) hosts: Arc<[Claim]>,
    /// Where it is served.
    pub(crate) served: Served,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Where the field that its origin names was written. The origin itself may stand where the object starts.
    pub(crate) pos: Pos,
}

/// Where a route is served.
#[derive(Clone, Debug)]
pub(crate) enum Served {
    /// By the default gateway.
    ByDefault {
        /// On its listener without TLS.
        http: Option<Arc<Route>>,
        /// On its listener with TLS; the same `Arc` where the route does the same there.
        https: Option<Arc<Route>>,
    },
    /// On one listener.
    On(Socket, Arc<Route>),
}

impl Served {
    /// The route on the default gateway's listener without TLS.
    pub(crate) fn http(&self) -> Option<&Arc<Route>> {
        match self {
            Self::ByDefault { http, .. } => http.as_ref(),
            Self::On(..) => None,
        }
    }

    /// The route on the default gateway's listener with TLS.
    pub(crate) fn https(&self) -> Option<&Arc<Route>> {
        match self {
            Self::ByDefault { https, .. } => https.as_ref(),
            Self::On(..) => None,
        }
    }
}

impl Draft {
    /// The route on this listener, if it is served there.
    pub(crate) fn on(&self, site: &Site) -> Option<&Arc<Route>> {
        match (&self.served, site.default) {
            (Served::ByDefault { http, .. }, Some(DefaultGateway::Http)) => http.as_ref(),
            (Served::ByDefault { https, .. }, Some(DefaultGateway::Https)) => https.as_ref(),
            (Served::ByDefault { .. }, None) => None,
            (Served::On(socket, route), _) => (*socket == site.socket).then_some(route),
        }
    }

    /// Whether it is a rule that somebody wrote and that requests can come to.
    pub(crate) fn is_rule(&self) -> bool {
        matches!(self.purpose, Purpose::Rule)
    }
}

/// What a draft is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// Written by somebody.
    Rule,
    /// Made here so that CORS preflights find their route.
    Preflight,
    /// A server's redirect of everything to HTTPS.
    Redirect,
    /// Inside the cluster, the way straight to a service.
    Straight,
    /// Written by somebody, and dead: an earlier rule of the same object takes everything.
    Dead(Arc<Dead>),
}

/// Why a rule is dead.
#[derive(Clone, Debug)]
pub(crate) struct Dead {
    /// What it would take.
    pub(crate) conditions: Conditions,
    /// The rule that takes it.
    pub(crate) by: Arc<Route>,
}

/// A host that an object asks for, and where it says so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The host.
    pub(crate) host: HostMatch,
    /// `spec.hosts[0]` of its object.
    pub(crate) origin: Origin,
}

/// A route of connections that are not HTTP, with the listener that it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    /// The listener.
    pub(crate) socket: Socket,
    /// Its place among those that ask for the same.
    pub(crate) rank: Rank,
    /// On a listener with TLS: the server name, and what becomes of the TLS.
    pub(crate) server_name: Option<(HostMatch, TlsMode)>,
    /// What asks for it: the object, the rule, and the match in it.
    pub(crate) origin: Origin,
    /// Where to.
    pub(crate) route: Arc<L4Route>,
}
