//! The explanation of a connection: whether there is one, and where it goes if nobody reads requests on it.

use std::borrow::Cow;

use seaway_model::{HashOn, L4Destination, L4Route, Protocol, ServerNameRoute, TlsMode};

use super::answer::{ActionKind, DestinationShare, Explanation, Mode, RouteRef};
use super::nowhere;
use super::request::{ExplainRequest, Scheme};
use super::shares::{all_fail, destination_share, hashes};
use crate::{Arrival, ListenerTable, RouteTable};

/// Where a TCP connection without traffic ends, in milliseconds, where the route does not say.
const TCP_IDLE: u64 = 3_600_000;
/// The same for a session of datagrams.
const UDP_IDLE: u64 = 60_000;

/// What becomes of a connection, if it is not HTTP to us; `None`: requests are read on it.
pub(super) fn explain_connection<'a>(
    table: &'a RouteTable,
    listener: &'a ListenerTable,
    request: &ExplainRequest<'_>,
) -> Option<Explanation<'a>> {
    let none = |because: &'static str| Some(Explanation::none(Cow::Borrowed(because)));
    match (listener.listener().protocol, request.scheme) {
        (Protocol::Udp, Scheme::Udp) => Some(by_port(table, listener, Mode::Udp)),
        (Protocol::Udp, _) | (_, Scheme::Udp) => none("the listener does not take what the URL says is sent"),
        // Whatever is spoken inside: it is relayed as it is.
        (Protocol::Tcp, _) => Some(by_port(table, listener, Mode::Tcp)),
        (Protocol::Http, Scheme::Http) => None,
        (Protocol::Https, Scheme::Https | Scheme::Tls) => by_name(table, listener, request),
        (Protocol::Https, Scheme::Http) => none("the listener speaks TLS, and the URL says http"),
        (Protocol::Https, Scheme::Tcp) => none("the listener speaks TLS, and the URL says tcp"),
        (Protocol::Http, Scheme::Https | Scheme::Tls) => {
            none("the listener does not speak TLS, and the URL says https")
        }
        (Protocol::Http, Scheme::Tcp) => none("the listener speaks HTTP, and the URL says tcp"),
    }
}

/// A client sends no server name for an address, and is taken for one that names the address it came to.
fn by_name<'a>(
    table: &'a RouteTable,
    listener: &'a ListenerTable,
    request: &ExplainRequest<'_>,
) -> Option<Explanation<'a>> {
    let name = &*request.url_host;
    match listener.arrival(Some(name)) {
        Arrival::Relay(route) => Some(by_server_name(table, route)),
        Arrival::Refused => Some(Explanation::none(
            format!("no certificate for {name}, so the TLS handshake is refused").into(),
        )),
        Arrival::Http if request.scheme == Scheme::Tls => Some(Explanation::none(
            format!("HTTP is spoken inside the TLS of {name}, so ask with https://").into(),
        )),
        Arrival::Http => None,
    }
}

fn by_server_name<'a>(table: &'a RouteTable, route: &'a ServerNameRoute) -> Explanation<'a> {
    let mode = match route.mode {
        TlsMode::Passthrough => Mode::Passthrough,
        TlsMode::Terminate => Mode::Terminate,
    };
    Explanation {
        virtual_host: Some(&route.host),
        ..relayed(table, &route.route, mode)
    }
}

fn by_port<'a>(table: &'a RouteTable, listener: &'a ListenerTable, mode: Mode) -> Explanation<'a> {
    match &listener.listener().l4 {
        Some(route) => relayed(table, route, mode),
        None => Explanation::none(nowhere::no_rule(listener.listener()).into()),
    }
}

fn relayed<'a>(table: &'a RouteTable, route: &'a L4Route, mode: Mode) -> Explanation<'a> {
    const SOURCE: &[HashOn] = &[HashOn::SourceIp];
    let total = route
        .destinations
        .iter()
        .map(|d| u64::from(d.weight))
        .sum::<u64>();
    let clusters = &table.model().clusters;
    let share = |destination: &'a L4Destination| {
        destination_share(&destination.target, destination.weight, total.max(1), |name| {
            clusters.get(name).map(AsRef::as_ref)
        })
    };
    let destinations: Vec<DestinationShare<'a>> = route.destinations.iter().map(share).collect();
    let failure = all_fail(route.destinations.iter().map(|d| (&d.target, d.weight)));
    let idle = if mode == Mode::Udp { UDP_IDLE } else { TCP_IDLE };
    Explanation {
        mode: Some(mode),
        route: Some(RouteRef {
            origin: &route.origin,
            rule: route.rule,
            of_requests: None,
        }),
        hash_on: if route.hash_source_ip && hashes(&destinations) {
            SOURCE
        } else {
            &[]
        },
        idle_timeout_ms: Some(route.idle_timeout.map_or(idle, |idle| idle.0)),
        because: failure.map(|failure| Cow::Borrowed(&*failure.message)),
        destinations,
        ..Explanation::new(match failure {
            Some(_) => ActionKind::Fail,
            None => ActionKind::Forward,
        })
    }
}
