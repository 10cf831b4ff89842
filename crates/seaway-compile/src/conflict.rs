//! Hosts that several objects claim, hosts that HTTPS is asked for without a certificate, and the other way round.
//!
//! Several HttpRoutes of one namespace on one host are how a canary is written, and several Ingresses of one namespace
//! are how a site is split among its parts: nothing to say. Another kind, or another namespace, is another owner. Of
//! VirtualServices each is an owner of its own: which of two goes first is not something their author has said.

use std::collections::{BTreeMap, BTreeSet};

use seaway_api::Object;
use seaway_api::ingress::Ingress;
use seaway_model::{Action, Code, HostMatch, Origin, Route};

use crate::draft::{Claim, Connections, Draft, Purpose, Served};
use crate::findings::{Findings, origin_of, place, whereabouts};
use crate::gateway::Wanted;
use crate::objects::group;
use crate::order::Rank;
use crate::presented::{Presented, cover};
use crate::site::DefaultGateway;

/// Who owns a claim: group, kind, namespace, and the name where each object is an owner of its own.
type Owner<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Warns about hosts that several owners claim on one listener.
pub(crate) fn shared_hosts(wanted: &Wanted, findings: &mut Findings) {
    // What redirects is a server, and servers that share a host are said to when ports are given out; the way straight to
    // a service is nobody's claim.
    let written = |draft: &&Draft| !matches!(draft.purpose, Purpose::Redirect | Purpose::Straight);
    let drafts = || wanted.drafts.iter().chain(&wanted.fallbacks).filter(written);
    for site in wanted.sites.iter() {
        report_shared(drafts().filter(|draft| draft.on(site).is_some()), findings);
    }
    report_connections(wanted, findings);
    report_default_backends(&wanted.fallbacks, findings);
}

fn report_shared<'a>(drafts: impl Iterator<Item = &'a Draft>, findings: &mut Findings) {
    let mut hosts: BTreeMap<&HostMatch, BTreeMap<Owner<'_>, &Claim>> = BTreeMap::new();
    for draft in drafts {
        for claim in &*draft.hosts {
            let first = hosts
                .entry(&claim.host)
                .or_default()
                .entry(owner(&claim.origin))
                .or_insert(claim);
            if claim.origin < first.origin {
                *first = claim;
            }
        }
    }
    for owners in hosts.into_values().filter(|owners| owners.len() > 1) {
        let mut claims = owners.into_values();
        let Some(first) = claims.next() else {
            continue;
        };
        for other in claims {
            report_pair(first, other, findings);
        }
    }
}

fn owner(origin: &Origin) -> Owner<'_> {
    let group = group(&origin.api_version);
    let name = match group {
        "networking.istio.io" => &*origin.name,
        _ => "",
    };
    (group, &origin.kind, &origin.namespace, name)
}

/// Of the rules for the same connections the first has them: a later one of the same object is dead, unless it has others,
/// as a rule for every port has that stands after one for a single port. One of another object is told who the first is.
fn report_connections(wanted: &Wanted, findings: &mut Findings) {
    let mut later = Vec::new();
    let mut reached = BTreeSet::new();
    for site in wanted.sites.iter() {
        let mut first: BTreeMap<Option<&HostMatch>, &Connections> = BTreeMap::new();
        for rule in wanted.connections.iter().filter(|c| c.socket == site.socket) {
            // What a server says for all its hosts is no rule.
            if matches!(rule.rank, Rank::Server(_)) {
                continue;
            }
            let name = rule.server_name.as_ref().map(|(host, _)| host);
            let earlier = *first.entry(name).or_insert(rule);
            if earlier.origin == rule.origin {
                reached.insert(asked_for(rule));
            } else {
                later.push((earlier, rule));
            }
        }
    }
    let mut said = BTreeSet::new();
    for (earlier, rule) in later {
        let same_object =
            (&earlier.origin.namespace, &earlier.origin.name) == (&rule.origin.namespace, &rule.origin.name);
        if !same_object {
            report_later(Code::SharedHost, earlier, rule, findings);
        } else if !reached.contains(&asked_for(rule)) && said.insert(asked_for(rule)) {
            report_later(Code::Unreachable, earlier, rule, findings);
        }
    }
}

/// What a rule has to get to be alive: each of the server names that it writes, or anything at all where it writes none.
fn asked_for(rule: &Connections) -> (&Origin, Option<&HostMatch>) {
    let writes_names = rule.origin.field.starts_with("spec.tls");
    let name = rule.server_name.as_ref().map(|(host, _)| host);
    (&rule.origin, name.filter(|_| writes_names))
}

fn report_later(code: Code, earlier: &Connections, later: &Connections, findings: &mut Findings) {
    let port = later.socket.port;
    let which = match &later.server_name {
        Some((host, _)) => format!("connections to port {port} with server name \"{host}\""),
        None => format!("connections to port {port}"),
    };
    findings.report(
        code,
        later.origin.clone(),
        format!(
            "{which} go where {}{} says, for it comes first",
            earlier.origin,
            whereabouts(&earlier.origin)
        ),
        "remove one of the two, or give each a port or a server name of its own",
    );
}

fn report_pair(first: &Claim, other: &Claim, findings: &mut Findings) {
    let message = format!(
        "host \"{}\" is claimed by {} and by {}{}",
        other.host,
        other.origin,
        first.origin,
        whereabouts(&first.origin)
    );
    findings.report(
        Code::SharedHost,
        other.origin.clone(),
        message,
        if other.origin.kind == first.origin.kind && *first.origin.kind == *"VirtualService" {
            "their rules are merged, the older object's first; if that is not meant, give each a host of its own"
        } else {
            "their rules are merged and sorted together; if that is not meant, give each a host of its own"
        },
    );
}

/// Only one default backend can take what no host takes.
fn report_default_backends(fallbacks: &[Draft], findings: &mut Findings) {
    let Some((first, others)) = fallbacks.split_first() else {
        return;
    };
    let Some(winner) = first.served.http() else {
        return;
    };
    for route in others.iter().filter_map(|draft| draft.served.http()) {
        let message = format!(
            "{} has a default backend already{}, which takes the requests for hosts that nobody names",
            winner.origin,
            whereabouts(&winner.origin)
        );
        findings.report(
            Code::SharedHost,
            route.origin.clone(),
            message,
            "keep one default backend; the oldest Ingress wins",
        );
    }
}

/// Warns about hosts that are served by HTTPS only, or redirected to it, and have no certificate.
pub(crate) fn hosts_without_certificate(
    wanted: &Wanted,
    ingresses: &[&Object<Ingress>],
    findings: &mut Findings,
) {
    let presented = wanted.presented_on(wanted.sites.default_gateway(DefaultGateway::Https));
    for ingress in ingresses {
        report_tls_without_secret(ingress, presented, findings);
    }
    for draft in wanted.drafts.iter().filter(|draft| draft.is_rule()) {
        let Some(why) = needs_https(draft) else {
            continue;
        };
        for claim in &*draft.hosts {
            if !cover(presented, &claim.host) {
                report_no_certificate(claim, why, findings);
            }
        }
    }
}

fn needs_https(draft: &Draft) -> Option<&'static str> {
    let Served::ByDefault { http, https } = &draft.served else {
        return None;
    };
    let redirects = |route: &Route| {
        let same = https.as_ref().is_some_and(|https| **https == *route);
        !same
            && matches!(&route.action, Action::Redirect(r) if r.scheme.as_deref() == Some("https") && r.host.is_none())
    };
    match http {
        None => Some("it is served by HTTPS only"),
        Some(route) if redirects(route) => Some("HTTP is redirected to HTTPS"),
        Some(_) => None,
    }
}

/// Says that a host has no certificate.
fn report_no_certificate(claim: &Claim, why: &str, findings: &mut Findings) {
    findings.report(
        Code::NoCertificate,
        claim.origin.clone(),
        format!("there is no certificate for host \"{}\", and {why}", claim.host),
        "add an HttpsCert for it; \"httpsCertIssuer: default-cert-issuer\" makes one that is good for trying",
    );
}

/// Warns about domains that a certificate is ordered for and that no route serves.
pub(crate) fn domains_not_served(wanted: &Wanted, ordered: &[Claim], findings: &mut Findings) {
    // A default backend serves every host.
    if ordered.is_empty() || !wanted.fallbacks.is_empty() {
        return;
    }
    let hosts: BTreeSet<&HostMatch> = (wanted.drafts.iter())
        .flat_map(|draft| draft.hosts.iter().map(|claim| &claim.host))
        .chain(&wanted.ingress_hosts)
        .collect();
    for domain in ordered {
        if !hosts.iter().any(|host| meets(host, &domain.host)) {
            findings.report(
                Code::DomainNotServed,
                domain.origin.clone(),
                format!(
                    "a certificate is ordered for \"{}\", and no route serves it",
                    domain.host
                ),
                "add a route for this host, or remove the domain",
            );
        }
    }
}

/// Whether some request for `host` can be one for `domain`, which is a name or `*.` and a name.
fn meets(host: &HostMatch, domain: &HostMatch) -> bool {
    match (host, domain) {
        (HostMatch::Any, _) | (_, HostMatch::Any) => true,
        (host, HostMatch::Exact(name)) => host.matches(name),
        (HostMatch::Exact(name), domain) => domain.matches(name),
        (HostMatch::OneLabel(a) | HostMatch::Suffix(a), HostMatch::OneLabel(b) | HostMatch::Suffix(b)) => {
            a.ends_with(&**b) || b.ends_with(&**a)
        }
    }
}

/// An entry of `tls` without a Secret leaves the certificate to somebody else; says so when nobody has one.
fn report_tls_without_secret(ingress: &Object<Ingress>, presented: &[Presented], findings: &mut Findings) {
    let origin = origin_of(&ingress.meta);
    for (index, tls) in ingress.spec.tls.iter().enumerate() {
        if tls.secret_name.is_some() {
            continue;
        }
        for (host_index, text) in tls.hosts.iter().enumerate() {
            let Ok(host) = HostMatch::parse_one_label(text) else {
                continue;
            };
            if !cover(presented, &host) {
                let field = format!("spec.tls[{index}].hosts[{host_index}]");
                let origin = place(&origin, &field, text.pos);
                report_no_certificate(&Claim { host, origin }, "this entry names no Secret", findings);
            }
        }
    }
}
