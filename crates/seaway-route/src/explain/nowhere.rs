//! Why there is nothing for a request or a connection, where that is not a matter of its conditions: no listener, or one
//! without a rule.
//!
//! A Gateway without a rule that can be used is the commonest of beginners' mistakes, and "404" alone sends people to look
//! at the request. So it is said what the listener comes from, and what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use seaway_model::{Listener, Protocol};

use super::request::ExplainRequest;
use crate::{ListenerTable, RouteTable};

/// So many ports are named.
const MOST_PORTS: usize = 10;

/// Why nothing listens on the request's port, and where something does.
pub(super) fn no_listener(table: &RouteTable, request: &ExplainRequest<'_>) -> String {
    let is_udp = |protocol: Protocol| protocol == Protocol::Udp;
    let wanted = is_udp(request.scheme.protocol());
    let ports: BTreeSet<u16> = table
        .listeners()
        .iter()
        .map(ListenerTable::listener)
        .filter(|listener| is_udp(listener.protocol) == wanted)
        .map(|listener| listener.port)
        .collect();
    let what = if wanted {
        "no listener for datagrams"
    } else {
        "no listener"
    };
    let mut because = format!("{what} on port {}", request.port);
    if ports.is_empty() {
        because.push_str(", nor on any other: nothing in the configuration that can be used asks for one");
        return because;
    }
    let named: Vec<String> = ports.iter().take(MOST_PORTS).map(u16::to_string).collect();
    let _ = write!(because, "; there is on {}", named.join(", "));
    if ports.len() > MOST_PORTS {
        let _ = write!(because, " and {} more", ports.len() - MOST_PORTS);
    }
    because
}

/// Why no route is for a host.
pub(super) fn no_route_for(host: &str, listener: &Listener) -> String {
    let because = format!("no route is for the host {host:?}");
    match listener.routes_nothing() {
        true => format!("{because}: {}", no_rule(listener)),
        false => because,
    }
}

/// What to do about a listener that nothing is routed on.
pub(super) fn no_rule(listener: &Listener) -> String {
    let origin = &listener.origin;
    let (whose, add) = if origin.is_default_gateway() {
        ("there is no rule that can be used".to_owned(), "add one for it")
    } else {
        let whose = format!("no rule that can be used is served by {}", Source(listener));
        (whose, "add one that names it")
    };
    format!("{whose}; {add}, or mend what `seaway check` finds")
}

/// `Gateway shop/gw (gateway.yaml:7)`
struct Source<'l>(&'l Listener);

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = &self.0.origin;
        if origin.kind.is_empty() {
            return write!(f, "the listener {}", self.0.name);
        }
        write!(f, "{origin}")?;
        match &origin.position {
            Some(position) => write!(f, " ({}:{})", position.file, position.line),
            None => Ok(()),
        }
    }
}
