//! Virtual hosts, in Envoy's words.
//!
//! Three laws of the model are not Envoy's.
//! - A wildcard may cover one label only. Envoy's cover any number, so the routes of such a host ask for the number of
//!   labels, and after them come the routes of the host that takes the others.
//! - A trailing dot does not count. It is a domain of its own.
//! - A request whose host has another certificate than its connection is misdirected (421), and so is one whose host
//!   asks for another proof of the client, or is relayed. Every certificate has a route configuration of its own, in
//!   which the hosts of the others are refused.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route::Action as XdsAction;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, Route as XdsRoute, RouteMatch, VirtualHost as XdsVirtualHost,
};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use seaway_model::{
    ClientValidation, HostMatch, Listener, ListenerTls, SecretName, ServerCertificate, VirtualHost,
};

use super::redirect::bracketed;
use super::{Losses, Place, route};
use crate::notes::Notes;
use crate::words::{expression, text};

/// Where a vhost notes how many of its routes are for one label only.
pub(crate) const ONE_LABEL: &str = "oneLabel";
/// Where it notes that what comes after them is of its own too.
pub(crate) const BOTH: &str = "both";

/// All hosts of a listener, as decode reads them.
pub(crate) fn all(listener: &Listener, losses: &mut Losses) -> Vec<XdsVirtualHost> {
    let hosts = Hosts::new(listener, losses);
    let mut made = Vec::new();
    for virtual_host in &listener.virtual_hosts {
        made.extend(hosts.natural(virtual_host));
    }
    made
}

/// What connections have in common for whose hosts one of them may be used for another's requests: what was presented
/// to the client, and what was asked of it.
pub(crate) type Proof = (SecretName, Option<ClientValidation>);

/// That of a certificate.
pub(crate) fn proof(certificate: &ServerCertificate) -> Proof {
    (certificate.secret.clone(), certificate.parameters.client.clone())
}

/// The hosts of a listener that are served with one proof; everything else is misdirected.
pub(crate) fn served_with(listener: &Listener) -> BTreeMap<Proof, Vec<XdsVirtualHost>> {
    // What cannot be said has been said for the listener as a whole.
    let hosts = Hosts::new(listener, &mut Losses::default());
    let empty = ListenerTls::default();
    let tls = listener.tls.as_ref().unwrap_or(&empty);
    let patterns: BTreeSet<&HostMatch> = (listener.virtual_hosts.iter().map(|host| &host.host))
        .chain(tls.certificates.iter().map(|certificate| &certificate.host))
        .chain(tls.routes.iter().map(|route| &route.host))
        .collect();
    let mut by_proof: BTreeMap<Proof, Vec<&HostMatch>> = BTreeMap::new();
    for certificate in &tls.certificates {
        by_proof.entry(proof(certificate)).or_default();
    }
    for pattern in &patterns {
        let mut due: Vec<Proof> = near(tls, pattern).into_iter().chain(far(tls, pattern)).collect();
        due.dedup();
        for proof in due {
            by_proof.entry(proof).or_default().push(pattern);
        }
    }
    by_proof
        .into_iter()
        .map(|(proof, served)| {
            let is_own = |of: Option<Proof>| of.as_ref() == Some(&proof);
            let others = |pattern: &HostMatch| match wildcard(pattern) {
                None => Vec::new(),
                Some(suffix) => {
                    let near = (!is_own(near(tls, pattern))).then(|| of_one_label(suffix));
                    let far = (!is_own(far(tls, pattern))).then(|| beyond_one_label(suffix));
                    near.into_iter().chain(far).collect()
                }
            };
            let made = hosts.one_proof(&served, &patterns, &others);
            (proof, made)
        })
        .collect()
}

/// What follows the star of a pattern that has one.
fn wildcard(pattern: &HostMatch) -> Option<&str> {
    match pattern {
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => Some(suffix),
        HostMatch::Exact(_) | HostMatch::Any => None,
    }
}

/// The proof that is due for a pattern's hosts; of a wildcard, for those of one label more.
fn near(tls: &ListenerTls, pattern: &HostMatch) -> Option<Proof> {
    due(tls, |host| match (host, pattern) {
        (HostMatch::OneLabel(a), HostMatch::OneLabel(b) | HostMatch::Suffix(b)) => a == b,
        _ => covers(host, pattern),
    })
}

/// The proof that is due for the hosts of more labels that a wildcard takes in Envoy.
fn far(tls: &ListenerTls, pattern: &HostMatch) -> Option<Proof> {
    let wide = HostMatch::Suffix(wildcard(pattern)?.into());
    due(tls, |host| {
        !matches!(host, HostMatch::OneLabel(_)) && covers(host, &wide)
    })
}

/// The proof that HTTP for some host is served with, which is covered by these certificates and routes: that of the most
/// specific one. None if that is a route, whose connections are not HTTP to us.
fn due(tls: &ListenerTls, covers: impl Fn(&HostMatch) -> bool) -> Option<Proof> {
    let certificates = tls
        .certificates
        .iter()
        .filter(|certificate| covers(&certificate.host));
    let certificate = certificates.min_by_key(|certificate| &certificate.host)?;
    let mut routes = tls.routes.iter().filter(|route| covers(&route.host));
    let is_relayed = routes.any(|route| route.host <= certificate.host);
    (!is_relayed).then(|| proof(certificate))
}

/// Whether one pattern takes all that another takes.
fn covers(wide: &HostMatch, narrow: &HostMatch) -> bool {
    match (wide, narrow) {
        (HostMatch::Any, _) => true,
        (HostMatch::Exact(a), HostMatch::Exact(b)) => a == b,
        (HostMatch::Exact(_), _) | (_, HostMatch::Any) => false,
        (_, HostMatch::Exact(host)) => wide.matches(host),
        (HostMatch::Suffix(a) | HostMatch::OneLabel(a), HostMatch::Suffix(b) | HostMatch::OneLabel(b)) => {
            b.ends_with(&**a)
        }
    }
}

/// Envoy's domains for a pattern; the first is its name.
fn domains(host: &HostMatch) -> Vec<String> {
    let plain = match host {
        HostMatch::Any => return vec!["*".into()],
        HostMatch::Exact(host) => bracketed(host),
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => format!("*{suffix}"),
    };
    if plain.parse::<std::net::Ipv4Addr>().is_ok() || plain.starts_with('[') || plain.ends_with('.') {
        return vec![plain];
    }
    let dotted = format!("{plain}.");
    vec![plain, dotted]
}

/// The routes of each host, made once.
struct Hosts<'m> {
    listener: &'m Listener,
    routes: BTreeMap<&'m HostMatch, Vec<XdsRoute>>,
}

impl<'m> Hosts<'m> {
    fn new(listener: &'m Listener, losses: &mut Losses) -> Self {
        let routes = listener.virtual_hosts.iter().map(|virtual_host| {
            let place = Place::new(listener, &virtual_host.host);
            let routes = virtual_host.routes.iter();
            let made = routes.flat_map(|one| route::route(one, &place, losses)).collect();
            (&virtual_host.host, made)
        });
        Self {
            routes: routes.collect(),
            listener,
        }
    }

    fn of(&self, host: &HostMatch) -> Vec<XdsRoute> {
        self.routes.get(host).cloned().unwrap_or_default()
    }

    /// A host as it is; none where another one of the same domain has it with it.
    fn natural(&self, virtual_host: &VirtualHost) -> Option<XdsVirtualHost> {
        let host = &virtual_host.host;
        let (routes, notes) = match host {
            HostMatch::OneLabel(suffix) => {
                let other = HostMatch::Suffix(suffix.clone());
                let own = guarded(self.of(host), suffix);
                let mut notes = Notes::default();
                notes.set(ONE_LABEL, own.len());
                if self.routes.contains_key(&other) {
                    notes.set(BOTH, true);
                }
                (self.one_label_then_others(own, suffix), notes)
            }
            HostMatch::Suffix(suffix) if self.routes.contains_key(&HostMatch::OneLabel(suffix.clone())) => {
                return None;
            }
            _ => (self.of(host), Notes::default()),
        };
        Some(XdsVirtualHost {
            name: name(host),
            domains: domains(host),
            routes,
            metadata: notes.into_metadata(),
            ..XdsVirtualHost::default()
        })
    }

    /// After the routes for one label come those of the host that takes more labels.
    fn one_label_then_others(&self, mut own: Vec<XdsRoute>, suffix: &str) -> Vec<XdsRoute> {
        let others = self
            .listener
            .virtual_hosts
            .iter()
            .map(|v| &v.host)
            .filter(|host| match host {
                HostMatch::Suffix(other) => suffix.ends_with(&**other),
                HostMatch::Any => true,
                HostMatch::Exact(_) | HostMatch::OneLabel(_) => false,
            });
        let Some(next) = others.min() else { return own };
        own.extend(guarded(vec![answer(404)], suffix));
        own.extend(self.of(next));
        own
    }

    /// The hosts that are served with a proof, and what they would take of others: `others_of` refuses what a pattern
    /// has of these.
    fn one_proof(
        &self,
        served: &[&HostMatch],
        all: &BTreeSet<&HostMatch>,
        others_of: &dyn Fn(&HostMatch) -> Vec<XdsRoute>,
    ) -> Vec<XdsVirtualHost> {
        let mut made: BTreeMap<String, XdsVirtualHost> = BTreeMap::new();
        for pattern in served {
            made.entry(name(pattern)).or_insert_with(|| {
                let mut host = self.host_of(pattern).unwrap_or_default();
                host.routes.splice(0..0, others_of(pattern));
                XdsVirtualHost {
                    name: name(pattern),
                    domains: domains(pattern),
                    ..host
                }
            });
        }
        let wide: Vec<&&HostMatch> = served
            .iter()
            .filter(|pattern| !matches!(pattern, HostMatch::Exact(_)))
            .collect();
        let others = all
            .iter()
            .filter(|pattern| !served.contains(pattern) && wide.iter().any(|wide| covers(wide, pattern)));
        for pattern in others.copied().chain([&HostMatch::Any]) {
            made.entry(name(pattern)).or_insert_with(|| XdsVirtualHost {
                name: name(pattern),
                domains: domains(pattern),
                routes: vec![answer(421)],
                ..XdsVirtualHost::default()
            });
        }
        made.into_values().collect()
    }

    /// The host of this very pattern, or else the most specific that covers it.
    fn host_of(&self, pattern: &HostMatch) -> Option<XdsVirtualHost> {
        let hosts = self.listener.virtual_hosts.iter();
        let covering = hosts.filter(|host| match (&host.host, pattern) {
            (one @ HostMatch::OneLabel(_), HostMatch::Exact(exact)) => one.matches(exact),
            (one @ HostMatch::OneLabel(suffix), HostMatch::OneLabel(other) | HostMatch::Suffix(other)) => {
                *one == *pattern || suffix == other
            }
            (HostMatch::OneLabel(_), HostMatch::Any) => false,
            (wide, narrow) => covers(wide, narrow),
        });
        let host = covering.min_by_key(|host| &host.host)?;
        if let (HostMatch::OneLabel(_), HostMatch::Exact(_)) = (&host.host, pattern) {
            return Some(XdsVirtualHost {
                routes: self.of(&host.host),
                ..XdsVirtualHost::default()
            });
        }
        // One that stands behind the host for one label has none of its own.
        self.natural(host).or_else(|| {
            Some(XdsVirtualHost {
                routes: self.of(&host.host),
                ..XdsVirtualHost::default()
            })
        })
    }
}

fn name(host: &HostMatch) -> String {
    domains(host).into_iter().next().unwrap_or_default()
}

/// Routes that only take a host of one label more than a suffix has.
fn guarded(routes: Vec<XdsRoute>, suffix: &str) -> Vec<XdsRoute> {
    let regex = format!(r"(?i)[^.:]+{}\.?(?::\d*)?", regex_syntax::escape(suffix));
    let guard = HeaderMatcher {
        name: ":authority".into(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(text(MatchPattern::SafeRegex(
            expression(regex),
        )))),
        ..HeaderMatcher::default()
    };
    let guarded = routes.into_iter().map(|mut route| {
        if let Some(matches) = &mut route.r#match {
            matches.headers.push(guard.clone());
        }
        route
    });
    guarded.collect()
}

/// Refuses a host of one label more.
fn of_one_label(suffix: &str) -> XdsRoute {
    guarded(vec![answer(421)], suffix).pop().unwrap_or_default()
}

/// Refuses a host of more labels.
fn beyond_one_label(suffix: &str) -> XdsRoute {
    let mut route = of_one_label(suffix);
    for matcher in route.r#match.iter_mut().flat_map(|matches| &mut matches.headers) {
        matcher.invert_match = true;
    }
    route
}

/// Answers every request.
fn answer(status: u32) -> XdsRoute {
    XdsRoute {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".into())),
            ..RouteMatch::default()
        }),
        metadata: Notes::of_copy().into_metadata(),
        action: Some(XdsAction::DirectResponse(DirectResponseAction {
            status,
            ..DirectResponseAction::default()
        })),
        ..XdsRoute::default()
    }
}
