//! A route on its way into the model: what it is, and where it wants to go.

use std::sync::Arc;

use seaway_api::Pos;
use seaway_model::{HostMatch, Origin, Route};

use crate::order::Rank;

/// A route with the hosts and listeners that it asks for. Every dialect ends here; `gateway` merges them.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its place among the routes of a host.
    pub(crate) rank: Rank,
    /// The hosts, each once. Shared between the routes of a rule.
    pub(crate) hosts: Arc<[Claim]>,
    /// On listeners without TLS.
    pub(crate) http: Option<Arc<Route>>,
    /// On listeners with TLS; the same `Arc` where the route does the same there.
    pub(crate) https: Option<Arc<Route>>,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Where the field that its origin names was written. The origin itself may stand where the object starts.
    pub(crate) pos: Pos,
}

/// What a draft is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Written by somebody.
    Rule,
    /// Made here so that CORS preflights find their route.
    Preflight,
}

/// A host that an object asks for, and where it says so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The host.
    pub(crate) host: HostMatch,
    /// `spec.hosts[0]` of its object.
    pub(crate) origin: Origin,
}
