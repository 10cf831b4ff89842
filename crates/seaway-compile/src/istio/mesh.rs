//! Rules for requests from inside the cluster, without sidecars.
//!
//! One port of plain HTTP at which clients name a service by its host, or use it as their HTTP proxy. Every host that is
//! known has a virtual host there, under all the names that Kubernetes gives it; it holds the rules of the VirtualService
//! for the mesh that is for it, and after them the way straight to the service. As in Istio, one VirtualService has a host
//! of the mesh: the oldest, a host written in full before a wildcard.
//!
//! A host is matched without its port, but here the port says which port of the service is meant, so it is a condition on
//! the authority. Without one it is the first port of the service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use seaway_api::Spanned;
use seaway_model::{
    Action, Code, Conditions, Destination, Forward, HeaderMatch, HeaderMutation, HostMatch, Match, Origin,
    Pattern, Route, StringMatch, Target, ValueMatch,
};

use super::hosts::covers;
use super::virtual_service::{Alternative, MeshRules, dead, default_retry};
use crate::draft::{Claim, Draft, Purpose, Served};
use crate::findings::{Findings, place, whereabouts};
use crate::order::{Listed, ObjectRank, Rank};
use crate::resolve::{HostReference, KnownHost, Over, Resolver};
use crate::site::Socket;

/// A short name is first one of this namespace.
const HOME: &str = "default";

/// The routes of the mesh's listener.
pub(crate) fn drafts(
    socket: Socket,
    rules: &[MeshRules],
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Vec<Draft> {
    let known = resolver.known_hosts();
    let short = short_names(&known);
    let owners = owners(rules, findings);
    let mut mesh = Mesh {
        socket,
        resolver,
        findings,
        drafts: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for host in &known {
        let Ok(pattern) = HostMatch::parse(&host.host) else {
            continue;
        };
        let names = names(host, &pattern, &short);
        seen.insert(pattern.clone());
        if let Some((claim, rules)) = owner_of(&pattern, &owners) {
            mesh.rules(claim, rules, &names, &host.ports);
        }
        mesh.straight(host, &names);
    }
    // A host that nobody knows can be routed all the same, to one that somebody does.
    for (host, (claim, rules)) in &owners {
        if !seen.contains(host) {
            mesh.rules(claim, rules, std::slice::from_ref(host), &[]);
        }
    }
    mesh.drafts
}

type Owners<'r> = BTreeMap<HostMatch, (&'r Claim, &'r MeshRules)>;

/// The VirtualService that has each host.
fn owners<'r>(rules: &'r [MeshRules], findings: &mut Findings) -> Owners<'r> {
    let mut owners: Owners<'r> = BTreeMap::new();
    for rules in rules {
        for claim in &rules.claims {
            let (first, _) = owners.entry(claim.host.clone()).or_insert((claim, rules));
            if first.origin != claim.origin {
                findings.report(
                    Code::SharedHost,
                    claim.origin.clone(),
                    format!(
                        "host \"{}\" is claimed inside the cluster by {} and by {}{}, which is older and has it alone there",
                        claim.host,
                        claim.origin,
                        first.origin,
                        whereabouts(&first.origin)
                    ),
                    "write the rules of both into one VirtualService",
                );
            }
        }
    }
    owners
}

fn owner_of<'r>(host: &HostMatch, owners: &Owners<'r>) -> Option<(&'r Claim, &'r MeshRules)> {
    // Most specific first, which is the order of the map.
    owners
        .iter()
        .find(|(pattern, _)| covers(pattern, host))
        .map(|(_, (claim, rules))| (*claim, *rules))
}

/// Which Service each short name means: that of the home namespace, or else the only one.
fn short_names(known: &[KnownHost]) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut by_name: BTreeMap<Arc<str>, Vec<&KnownHost>> = BTreeMap::new();
    for host in known {
        if let Some(name) = &host.service {
            by_name.entry(name.clone()).or_default().push(host);
        }
    }
    by_name
        .into_iter()
        .filter_map(|(name, hosts)| {
            let home = hosts.iter().find(|host| *host.namespace == *HOME);
            let only = match hosts.as_slice() {
                [only] => Some(only),
                _ => None,
            };
            Some((name, home.or(only)?.host.clone()))
        })
        .collect()
}

/// Every name under which clients may ask for a host.
fn names(host: &KnownHost, pattern: &HostMatch, short: &BTreeMap<Arc<str>, Arc<str>>) -> Vec<HostMatch> {
    let mut names = vec![pattern.clone()];
    if let Some(name) = &host.service {
        let namespace = &host.namespace;
        names.push(HostMatch::Exact(format!("{name}.{namespace}.svc").into()));
        names.push(HostMatch::Exact(format!("{name}.{namespace}").into()));
        if short.get(name) == Some(&host.host) {
            names.push(HostMatch::Exact(name.clone()));
        }
    }
    names
}

struct Mesh<'m, 'a> {
    socket: Socket,
    resolver: &'m mut Resolver<'a>,
    findings: &'m mut Findings,
    drafts: Vec<Draft>,
}

impl Mesh<'_, '_> {
    /// The rules of a VirtualService for a host with these ports; none: whichever it is asked for by.
    fn rules(&mut self, claim: &Claim, rules: &MeshRules, names: &[HostMatch], ports: &[u16]) {
        let hosts = claims(names, &claim.origin);
        let mut last: Option<Arc<Route>> = None;
        for (position, alternative) in rules.alternatives.iter().enumerate() {
            if !alternative.holds.in_mesh() {
                continue;
            }
            let port = alternative.holds.port;
            if port.is_some_and(|port| !ports.is_empty() && !ports.contains(&port)) {
                continue;
            }
            let mut conditions = alternative.conditions.clone();
            if let Some(port) = port {
                conditions.headers.extend(at_port(port, ports));
            }
            conditions.sources = self.sources(alternative, rules);
            let narrowed = if conditions == alternative.conditions {
                alternative.clone()
            } else {
                alternative.with(conditions)
            };
            let route = narrowed.route("http", self.socket.port);
            let takes_everything = narrowed.takes_everything() && port.is_none();
            let (route, purpose) = match &last {
                None => (route, Purpose::Rule),
                Some(by) => dead(&narrowed, &route, by),
            };
            if takes_everything && last.is_none() {
                last = Some(route.clone());
            }
            self.drafts.push(Draft {
                rank: Rank::Listed(Listed {
                    takes_everything: takes_everything && matches!(purpose, Purpose::Rule),
                    object: rules.rank.clone(),
                    position,
                }),
                hosts: hosts.clone(),
                served: Served::On(self.socket, route),
                purpose,
                pos: alternative.pos,
            });
        }
    }

    /// The addresses of the clients that a rule is for; `None`: anybody.
    fn sources(&self, alternative: &Alternative, rules: &MeshRules) -> Option<Arc<[IpAddr]>> {
        let source = alternative.holds.source.as_ref();
        let none = BTreeMap::new();
        let labels = source.map_or(&none, |source| &source.labels);
        let own = source.and_then(|source| source.namespace.as_deref());
        let addresses: BTreeSet<IpAddr> = match (&rules.namespaces, source) {
            (None, None) => return None,
            (None, Some(_)) => self.resolver.pods_with(labels, own).into_iter().collect(),
            (Some(namespaces), _) => namespaces
                .iter()
                .filter(|namespace| own.is_none_or(|own| *own == ***namespace))
                .flat_map(|namespace| self.resolver.pods_with(labels, Some(namespace)))
                .collect(),
        };
        Some(addresses.into_iter().collect())
    }

    /// The way straight to a host, by the port that it is asked for.
    fn straight(&mut self, host: &KnownHost, names: &[HostMatch]) {
        let hosts = claims(names, &host.origin);
        let rank = Arc::new(ObjectRank::of(&host.origin));
        let mut cannot_be_found = false;
        // The first port comes last, since it also takes requests that name none.
        for (number, port) in host.ports.iter().rev().enumerate() {
            let is_first = number + 1 == host.ports.len();
            let conditions = Conditions {
                headers: if is_first {
                    Vec::new()
                } else {
                    at_port(*port, &host.ports).into_iter().collect()
                },
                ..Conditions::default()
            };
            let text = Spanned::unwritten(host.host.clone());
            let mut found = Findings::default();
            let target = self.resolver.host(
                &HostReference {
                    host: &text,
                    subset: None,
                    port: Some(&Spanned::unwritten(*port)),
                    namespace: &host.namespace,
                    origin: &host.origin,
                    field: "spec",
                    over: Over::Http,
                },
                &mut found,
            );
            cannot_be_found |= self.findings.take_without(Code::UnresolvableHost, found);
            let hash_on = target.hash_on;
            let action = match target.target {
                Target::Fail(failure) => Action::Fail(failure),
                cluster @ Target::Cluster(_) => Action::Forward(Forward {
                    destinations: vec![Destination {
                        target: cluster,
                        weight: 1,
                        request_headers: HeaderMutation::default(),
                        response_headers: HeaderMutation::default(),
                    }],
                    retry: Some(Box::new(default_retry())),
                    hash_on,
                    ..Forward::default()
                }),
            };
            let route = route(&host.origin, conditions, action);
            self.drafts.push(Draft {
                rank: Rank::Fallback(rank.clone(), u32::try_from(number).unwrap_or(u32::MAX)),
                hosts: hosts.clone(),
                served: Served::On(self.socket, Arc::new(route)),
                purpose: Purpose::Straight,
                pos: seaway_api::Pos::default(),
            });
        }
        if cannot_be_found {
            self.warn_of_wildcard(host);
        }
    }

    /// Nobody wrote the way straight to a wildcard, and Istio's sidecars would go where the client meant to: that it leads
    /// nowhere here is no mistake in the object.
    fn warn_of_wildcard(&mut self, host: &KnownHost) {
        self.findings.report(
            Code::IgnoredField,
            place(&host.origin, "spec.hosts", seaway_api::Pos::default()),
            format!(
                "requests from inside the cluster for \"{}\" are answered 503: nothing says where such a name is",
                host.host
            ),
            "name the hosts that are meant, or give the ServiceEntry endpoints",
        );
    }
}

fn claims(names: &[HostMatch], origin: &Origin) -> Arc<[Claim]> {
    names
        .iter()
        .map(|host| Claim {
            host: host.clone(),
            origin: origin.clone(),
        })
        .collect()
}

/// That a request is for this port of a service. One without a port is for the first.
fn at_port(port: u16, ports: &[u16]) -> Option<HeaderMatch> {
    let is_first = ports.first().is_none_or(|first| *first == port);
    let value = if is_first {
        StringMatch::Regex(Pattern::new(format!("[^:]*(:{port})?")).ok()?)
    } else {
        StringMatch::Suffix(format!(":{port}").into())
    };
    Some(HeaderMatch {
        name: ":authority".into(),
        value: ValueMatch::Is(value),
    })
}

fn route(origin: &Origin, conditions: Conditions, action: Action) -> Route {
    Route {
        origin: origin.clone(),
        rule: 0,
        matches: Match::When(conditions),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action,
    }
}
