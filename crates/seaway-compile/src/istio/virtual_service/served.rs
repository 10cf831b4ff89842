//! The rules of one VirtualService on the servers of the Gateways that it names.

use std::collections::BTreeSet;
use std::sync::Arc;

use seaway_api::istio::VirtualService;
use seaway_api::{Object, Pos};
use seaway_model::{Code, HostMatch, Match, Origin, Route, TlsMode};

use super::l4::L4Alternative;
use super::rule::Alternative;
use super::{Compiled, matching::Holds};
use crate::credential::Credentials;
use crate::draft::{Claim, Connections, Dead, Draft, Purpose, Served};
use crate::findings::{Findings, place};
use crate::istio::gateway::{GatewayKey, Gateways, Kind, Server};
use crate::order::{Listed, ObjectRank, Rank};

/// A VirtualService being served.
pub(super) struct Serving<'s, 'a> {
    pub(super) gateways: &'s Gateways,
    pub(super) credentials: &'s Credentials<'a>,
    pub(super) rank: Arc<ObjectRank>,
    /// Its hosts.
    pub(super) claims: &'s [Claim],
    /// Its rules for requests.
    pub(super) http: &'s [Alternative],
    /// Those for TLS that does not end here.
    pub(super) tls: &'s [L4Alternative],
    /// Those for other connections.
    pub(super) tcp: &'s [L4Alternative],
    pub(super) origin: &'s Origin,
    pub(super) object: &'s Object<VirtualService>,
    pub(super) seen: Seen,
    pub(super) findings: &'s mut Findings,
}

/// What was served.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether any Gateway was there.
    is_bound: bool,
    /// Hosts that some server has, by index.
    hosts: BTreeSet<usize>,
    /// Kinds of rules that some server could hold: `http`, `tls`, `tcp`.
    fits: [bool; 3],
    /// What is spoken on the ports that have its hosts.
    ports: BTreeSet<(u16, &'static str)>,
    /// Alternatives that hold somewhere, by kind and index.
    holds: BTreeSet<(usize, usize)>,
}

const HTTP: usize = 0;
const TLS: usize = 1;
const TCP: usize = 2;
const KINDS: [&str; 3] = ["http", "tls", "tcp"];

impl Serving<'_, '_> {
    /// Serves it through a Gateway.
    pub(super) fn gateway(&mut self, key: &GatewayKey, compiled: &mut Compiled) {
        self.seen.is_bound = true;
        let gateways = self.gateways;
        for server in gateways.servers_of(key) {
            let claims = self.claims_on(server);
            if !claims.is_empty() {
                self.server(server, &claims.into(), compiled);
            }
        }
    }

    /// Where its hosts and those of a server meet.
    fn claims_on(&mut self, server: &Server) -> Vec<Claim> {
        let mut met: Vec<Claim> = Vec::new();
        for (index, claim) in self.claims.iter().enumerate() {
            for (host, own) in server.meets(&claim.host, &self.origin.namespace) {
                if self.gateways.goes_elsewhere(server, own, &host) {
                    continue;
                }
                self.seen.hosts.insert(index);
                if let Some(secret) = server.secret.as_ref().filter(|_| host != own.host) {
                    self.credentials
                        .check_host(secret, &host, &claim.origin, self.findings);
                }
                if met.iter().all(|other| other.host != host) {
                    let origin = claim.origin.clone();
                    met.push(Claim { host, origin });
                }
            }
        }
        met
    }

    fn server(&mut self, server: &Server, claims: &Arc<[Claim]>, compiled: &mut Compiled) {
        let port = server.socket.port;
        let (speaks, scheme, kinds): (_, _, &[usize]) = match server.kind {
            Kind::Http { .. } => ("HTTP", "http", &[HTTP]),
            Kind::Https => ("HTTPS", "https", &[HTTP]),
            Kind::Passthrough => ("TLS that does not end here", "https", &[TLS]),
            Kind::Terminated => ("TLS around other bytes", "https", &[TLS, TCP]),
            Kind::Tcp => ("TCP", "http", &[TCP]),
        };
        self.seen.ports.insert((port, speaks));
        for kind in kinds {
            if let Some(fits) = self.seen.fits.get_mut(*kind) {
                *fits = true;
            }
        }
        match server.kind {
            Kind::Http { redirects: true } => {
                // Everything is redirected, so nothing is served, and nothing is wrong with that.
                let all = (0..self.http.len()).map(|index| (HTTP, index));
                self.seen.holds.extend(all);
            }
            Kind::Http { .. } | Kind::Https => self.requests(server, scheme, claims, compiled),
            Kind::Passthrough => self.names(server, TlsMode::Passthrough, compiled),
            Kind::Terminated => {
                self.names(server, TlsMode::Terminate, compiled);
                for claim in &**claims {
                    let name = (claim.host.clone(), TlsMode::Terminate);
                    self.bytes(server, Some(&name), compiled);
                }
            }
            Kind::Tcp => self.bytes(server, None, compiled),
        }
    }

    /// What follows a rule that takes everything is dead, wherever that rule stands once all are in order.
    fn requests(
        &mut self,
        server: &Server,
        scheme: &'static str,
        claims: &Arc<[Claim]>,
        compiled: &mut Compiled,
    ) {
        let mut last: Option<Arc<Route>> = None;
        for (position, alternative) in self.http.iter().enumerate() {
            if !alternative
                .holds
                .at_gateway(&server.gateway, server.socket.port, scheme)
            {
                continue;
            }
            self.seen.holds.insert((HTTP, position));
            let route = alternative.route(scheme, server.socket.port);
            let (route, purpose) = match &last {
                None => (route, Purpose::Rule),
                Some(by) => dead(alternative, &route, by),
            };
            let takes_everything = alternative.takes_everything();
            if takes_everything && last.is_none() {
                last = Some(route.clone());
            }
            compiled.drafts.push(Draft {
                rank: self.place(position, takes_everything && matches!(purpose, Purpose::Rule)),
                hosts: claims.clone(),
                served: Served::On(server.socket, route),
                purpose,
                pos: alternative.pos,
            });
        }
    }

    fn place(&self, position: usize, last: bool) -> Rank {
        Rank::Listed(Listed {
            takes_everything: last,
            object: self.rank.clone(),
            position,
        })
    }

    /// Rules that ask for server names.
    fn names(&mut self, server: &Server, mode: TlsMode, compiled: &mut Compiled) {
        for (position, alternative) in self.tls.iter().enumerate() {
            if !alternative
                .holds
                .at_gateway(&server.gateway, server.socket.port, "https")
            {
                continue;
            }
            for name in alternative.server_names.iter().flatten() {
                for (host, own) in server.meets(name, &self.origin.namespace) {
                    if self.gateways.goes_elsewhere(server, own, &host) {
                        continue;
                    }
                    self.seen.holds.insert((TLS, position));
                    compiled.connections.push(Connections {
                        socket: server.socket,
                        rank: self.place(position, false),
                        server_name: Some((host, mode)),
                        origin: alternative.origin.clone(),
                        route: alternative.route.clone(),
                    });
                }
            }
        }
    }

    /// Rules that ask for nothing but a port. Those of a server name come after those that ask for it.
    fn bytes(
        &mut self,
        server: &Server,
        server_name: Option<&(HostMatch, TlsMode)>,
        compiled: &mut Compiled,
    ) {
        for (position, alternative) in self.tcp.iter().enumerate() {
            if alternative
                .holds
                .at_gateway(&server.gateway, server.socket.port, "https")
            {
                self.seen.holds.insert((TCP, position));
                compiled.connections.push(Connections {
                    socket: server.socket,
                    rank: self.place(position, server_name.is_some()),
                    server_name: server_name.cloned(),
                    origin: alternative.origin.clone(),
                    route: alternative.route.clone(),
                });
            }
        }
    }

    /// Says what is served nowhere.
    pub(super) fn finish(self) {
        if !self.seen.is_bound {
            return;
        }
        for (index, claim) in self.claims.iter().enumerate() {
            if !self.seen.hosts.contains(&index) {
                self.findings.report(
                    Code::NotServed,
                    claim.origin.clone(),
                    format!(
                        "no server of its Gateways serves \"{}\" for this namespace",
                        claim.host
                    ),
                    "add the host to a server of the Gateway, or name the Gateway that has it",
                );
            }
        }
        if self.seen.ports.is_empty() {
            return;
        }
        let written = [
            self.object.spec.http.first().map(|rule| rule.pos),
            self.object.spec.tls.first().map(|rule| rule.pos),
            self.object.spec.tcp.first().map(|rule| rule.pos),
        ];
        for (kind, pos) in written.into_iter().enumerate() {
            let fits = self.seen.fits.get(kind).copied().unwrap_or_default();
            match pos {
                Some(pos) if !fits => report_mismatch(kind, pos, &self.seen, self.origin, self.findings),
                _ => {}
            }
        }
        // Rules that hold in the mesh only are right where they are; they are said to be out of place by another code.
        let in_mesh = self.object.spec.is_for_mesh();
        let by_kind = [
            self.http
                .iter()
                .map(|one| (&one.origin, &one.holds))
                .collect::<Vec<_>>(),
            self.tls.iter().map(|one| (&one.origin, &one.holds)).collect(),
            self.tcp.iter().map(|one| (&one.origin, &one.holds)).collect(),
        ];
        for (kind, alternatives) in by_kind.into_iter().enumerate() {
            let fits = self.seen.fits.get(kind).copied().unwrap_or_default();
            for (position, (origin, holds)) in alternatives.into_iter().enumerate() {
                let is_served = self.seen.holds.contains(&(kind, position));
                if fits && !is_served && !(in_mesh && holds.for_mesh()) {
                    report_nowhere(origin, holds, self.findings);
                }
            }
        }
    }
}

/// A rule that nothing reaches: kept, so that `explain` can say why.
pub(crate) fn dead(alternative: &Alternative, route: &Arc<Route>, by: &Arc<Route>) -> (Arc<Route>, Purpose) {
    let never = Route {
        matches: Match::Never {
            because: "an earlier rule of the same VirtualService takes every request".into(),
        },
        ..(**route).clone()
    };
    let dead = Dead {
        conditions: alternative.conditions.clone(),
        by: by.clone(),
    };
    (Arc::new(never), Purpose::Dead(Arc::new(dead)))
}

fn report_mismatch(kind: usize, pos: Pos, seen: &Seen, origin: &Origin, findings: &mut Findings) {
    let word = KINDS.get(kind).copied().unwrap_or_default();
    let ports: Vec<String> = seen
        .ports
        .iter()
        .map(|(port, speaks)| format!("port {port} speaks {speaks}"))
        .collect();
    let help = match kind {
        HTTP => {
            "write protocol HTTP, or HTTPS with a TLS mode that ends TLS, into the server, or tls or tcp rules here"
        }
        TLS => "write protocol TLS and mode PASSTHROUGH into the server, or http rules here",
        _ => "write protocol TCP into the server, or http rules here",
    };
    findings.report(
        Code::ProtocolMismatch,
        place(origin, &format!("spec.{word}"), pos),
        format!(
            "no server of its Gateways can hold {word} rules: {}",
            ports.join(", ")
        ),
        help,
    );
}

fn report_nowhere(origin: &Origin, holds: &Holds, findings: &mut Findings) {
    let why = if holds.source.is_some() {
        "it asks for the workload that sends the request, which is only known inside the cluster"
    } else {
        "no server of its Gateways has the port, the scheme or the name that it asks for"
    };
    findings.report(
        Code::NotServed,
        origin.clone(),
        format!("this never matches: {why}"),
        "correct the port, the scheme or the Gateways of the match, or remove it",
    );
}
