//! Virtual hosts, in Envoy's words.
//!
//! Three laws of the model are not Envoy's.
//! - A wildcard may cover one label only. Envoy's cover any number, so the routes of such a host ask for the number of
//!   labels, and after them come the routes of the host that takes the others.
//! - A trailing dot does not count. It is a domain of its own.
//! - A request whose host has another certificate than its connection is misdirected (421). Every certificate has a
//!   route configuration of its own, in which the hosts of the others are refused.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route::Action as XdsAction;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, Route as XdsRoute, RouteMatch, VirtualHost as XdsVirtualHost,
};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use seaway_model::{HostMatch, Listener, SecretName, ServerCertificate, VirtualHost};

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

/// The hosts of a listener that are served with one certificate; everything else is misdirected.
pub(crate) fn served_with(listener: &Listener) -> BTreeMap<SecretName, Vec<XdsVirtualHost>> {
    // What cannot be said has been said for the listener as a whole.
    let hosts = Hosts::new(listener, &mut Losses::default());
    let certificates = listener
        .tls
        .iter()
        .flat_map(|tls| &tls.certificates)
        .collect::<Vec<_>>();
    let patterns: BTreeSet<&HostMatch> = listener
        .virtual_hosts
        .iter()
        .map(|host| &host.host)
        .chain(certificates.iter().map(|certificate| &certificate.host))
        .collect();
    let mut by_secret: BTreeMap<SecretName, Vec<&HostMatch>> = BTreeMap::new();
    for certificate in &certificates {
        by_secret.entry(certificate.secret.clone()).or_default();
    }
    for pattern in &patterns {
        if let Some(certificate) = certificate_of(pattern, &certificates) {
            by_secret
                .entry(certificate.secret.clone())
                .or_default()
                .push(pattern);
        }
    }
    by_secret
        .into_iter()
        .map(|(secret, served)| {
            let made = hosts.one_certificate(&served, &patterns, &|pattern| {
                // Of more labels than the certificate is for.
                let (HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix)) = pattern else {
                    return false;
                };
                let wide = HostMatch::Suffix(suffix.clone());
                let strictly = certificates.iter().filter(|certificate| match &certificate.host {
                    HostMatch::OneLabel(_) => false,
                    host => covers(host, &wide),
                });
                strictly
                    .min_by_key(|certificate| &certificate.host)
                    .is_none_or(|c| c.secret != secret)
            });
            (secret, made)
        })
        .collect()
}

/// The most specific certificate that covers a pattern; of one for a label more, whatever has a label more.
fn certificate_of<'c>(
    pattern: &HostMatch,
    certificates: &[&'c ServerCertificate],
) -> Option<&'c ServerCertificate> {
    let covering = certificates
        .iter()
        .filter(|certificate| match (&certificate.host, pattern) {
            (HostMatch::OneLabel(a), HostMatch::OneLabel(b) | HostMatch::Suffix(b)) => a == b,
            (host, _) => covers(host, pattern),
        });
    covering.min_by_key(|certificate| &certificate.host).copied()
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

    /// The hosts that are served with a certificate, and what they would take of others.
    fn one_certificate(
        &self,
        served: &[&HostMatch],
        all: &BTreeSet<&HostMatch>,
        is_for_one_label: &dyn Fn(&HostMatch) -> bool,
    ) -> Vec<XdsVirtualHost> {
        let mut made: BTreeMap<String, XdsVirtualHost> = BTreeMap::new();
        for pattern in served {
            made.entry(name(pattern)).or_insert_with(|| {
                let mut host = self.host_of(pattern).unwrap_or_default();
                if let HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) = pattern
                    && is_for_one_label(pattern)
                {
                    host.routes.insert(0, beyond_one_label(suffix));
                }
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
        self.natural(host)
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

/// Refuses a host of more labels.
fn beyond_one_label(suffix: &str) -> XdsRoute {
    let mut routes = guarded(vec![answer(421)], suffix);
    let mut route = routes.pop().unwrap_or_default();
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
