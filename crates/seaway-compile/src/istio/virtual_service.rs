//! `VirtualService`: which requests and connections of some hosts go where.
//!
//! Rules are compiled once, whatever they are served through; each server of each Gateway that the object names then gets
//! those that can hold there, for the hosts that both have. Where a rule cannot hold anywhere, or a host is served nowhere,
//! that is said: in Istio it is the commonest way for traffic to be lost without a word.

mod action;
mod delegate;
mod l4;
mod matching;
mod policy;
mod rule;
mod served;
mod visible;
mod weights;

use std::collections::BTreeSet;
use std::sync::Arc;

use seaway_api::istio::{GatewayName, HttpMatch, Rule, VirtualService, Visibility};
use seaway_api::{Object, Spanned};
use seaway_model::{Code, HostMatch, Origin};

use self::delegate::Delegates;
pub(crate) use self::policy::default_retry;
pub(crate) use self::rule::Alternative;
use self::served::Serving;
pub(crate) use self::served::dead;
use super::gateway::{GatewayKey, Gateways, said};
use crate::Options;
use crate::credential::Credentials;
use crate::draft::{Claim, Connections, Draft};
use crate::findings::{Findings, origin_of, place};
use crate::objects::Objects;
use crate::order::ObjectRank;
use crate::resolve::Resolver;

/// What VirtualServices come to.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Their rules for requests.
    pub(crate) drafts: Vec<Draft>,
    /// Their rules for connections.
    pub(crate) connections: Vec<Connections>,
    /// Those that hold inside the cluster, the older first.
    pub(crate) mesh: Vec<MeshRules>,
}

/// The rules of a VirtualService that hold inside the cluster.
#[derive(Debug)]
pub(crate) struct MeshRules {
    /// Its place among others.
    pub(crate) rank: Arc<ObjectRank>,
    /// Its hosts.
    pub(crate) claims: Vec<Claim>,
    /// Its rules, in order.
    pub(crate) alternatives: Vec<Alternative>,
    /// The namespaces that it holds for; `None`: all.
    pub(crate) namespaces: Option<BTreeSet<Arc<str>>>,
}

/// Compiles all VirtualServices.
pub(crate) fn compile(
    objects: &Objects<'_>,
    gateways: &Gateways,
    credentials: &Credentials<'_>,
    options: &Options,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Compiled {
    let services = &objects.virtual_services;
    let mut delegates = Delegates::new(services);
    let mut compiled = Compiled::default();
    for object in services.iter().filter(|object| !object.spec.is_delegate()) {
        let origin = origin_of(&object.meta);
        let claims = claims(object, &origin, resolver, findings);
        // A server name may be a short name as it is written: nothing makes it longer on the way.
        let short = object
            .spec
            .hosts
            .iter()
            .filter_map(|text| HostMatch::parse(text).ok());
        let hosts: Vec<HostMatch> = claims
            .iter()
            .map(|claim| claim.host.clone())
            .chain(short)
            .collect();
        let rules = delegates.rules(object, findings);
        let alternatives: Vec<Alternative> = rules
            .iter()
            .flat_map(|written| rule::compile(written, resolver, findings))
            .collect();
        let mut serving = Serving {
            gateways,
            credentials,
            rank: Arc::new(ObjectRank::new(&object.meta)),
            claims: &claims,
            http: &alternatives,
            tls: &l4::tls(object, &hosts, &origin, resolver, findings),
            tcp: &l4::tcp(object, &origin, resolver, findings),
            origin: &origin,
            object,
            seen: served::Seen::default(),
            findings,
        };
        for key in bound(object, &origin, objects, gateways, serving.findings) {
            serving.gateway(&key, &mut compiled);
        }
        serving.finish();
        if object.spec.is_for_mesh() {
            mesh(
                object,
                claims,
                alternatives,
                &origin,
                options,
                findings,
                &mut compiled,
            );
        }
    }
    delegates.report_unused(findings);
    compiled.mesh.sort_by(|a, b| a.rank.cmp(&b.rank));
    compiled
}

/// The hosts, short names in full.
fn claims(
    object: &Object<VirtualService>,
    origin: &Origin,
    resolver: &Resolver<'_>,
    findings: &mut Findings,
) -> Vec<Claim> {
    let mut claims = Vec::with_capacity(object.spec.hosts.len());
    for (index, text) in object.spec.hosts.iter().enumerate() {
        let origin = place(origin, &format!("spec.hosts[{index}]"), text.pos);
        match HostMatch::parse(&in_full(text, &object.meta.namespace, resolver)) {
            Ok(host) => claims.push(Claim { host, origin }),
            Err(error) => findings.report(
                Code::InvalidValue,
                origin,
                format!("\"{}\" is not a host: {error}", text.value),
                "write a DNS name (\"shop.example.com\"), a wildcard (\"*.example.com\"), an IP address, or \"*\"",
            ),
        }
    }
    claims
}

/// A name without a dot is that of a Service of the object's own namespace.
fn in_full(text: &Spanned<Arc<str>>, namespace: &str, resolver: &Resolver<'_>) -> Arc<str> {
    let is_short = !text.contains(['.', ':', '*']);
    if is_short {
        resolver.full_name(&text.to_ascii_lowercase(), namespace)
    } else {
        text.value.clone()
    }
}

/// The Gateways that it names and that are ours. One that is not there is reported.
fn bound(
    object: &Object<VirtualService>,
    origin: &Origin,
    objects: &Objects<'_>,
    gateways: &Gateways,
    findings: &mut Findings,
) -> Vec<GatewayKey> {
    let namespace = &object.meta.namespace;
    let mut bound = Vec::new();
    for (index, name) in object.spec.gateways.iter().enumerate() {
        let field = format!("spec.gateways[{index}]");
        let Some(key) = key(&name.value, namespace) else {
            continue;
        };
        if !check_gateway(&key, place(origin, &field, name.pos), objects, gateways, findings) {
            continue;
        }
        if visible::to(&object.spec, namespace, &key.0) {
            bound.push(key);
            continue;
        }
        findings.report(
            Code::NotServed,
            place(origin, &field, name.pos),
            format!(
                "this VirtualService is not exported to the namespace of Gateway {}, so it is not served there",
                said(&key)
            ),
            "add the Gateway's namespace to spec.exportTo",
        );
    }
    // Those that only a match names are looked at for being there.
    for (index, rule) in object.spec.http.iter().enumerate() {
        let matches: &[Spanned<HttpMatch>] = match &rule.value {
            Rule::Valid(rule) => &rule.matches,
            Rule::Invalid(rule) => rule.matches.as_deref().unwrap_or_default(),
        };
        for (number, one) in matches.iter().enumerate() {
            for (at, name) in one.gateways.iter().enumerate() {
                let field = format!("spec.http[{index}].match[{number}].gateways[{at}]");
                if let Some(key) = key(&name.value, namespace) {
                    check_gateway(&key, place(origin, &field, name.pos), objects, gateways, findings);
                }
            }
        }
    }
    bound
}

/// `None`: the mesh.
fn key(name: &GatewayName, own: &Arc<str>) -> Option<GatewayKey> {
    match name {
        GatewayName::Mesh => None,
        GatewayName::Named { namespace, name } => {
            Some((namespace.as_ref().unwrap_or(own).clone(), name.clone()))
        }
    }
}

/// Whether it is there and ours.
fn check_gateway(
    key: &GatewayKey,
    origin: Origin,
    objects: &Objects<'_>,
    gateways: &Gateways,
    findings: &mut Findings,
) -> bool {
    let is_ours = gateways.is_ours(key);
    if is_ours.is_none() {
        let elsewhere: Vec<String> = gateways.named(&key.1).iter().map(|key| said(key)).collect();
        let help = match objects.left_out("Gateway", &key.0, &key.1) {
            Some(help) => help,
            None if elsewhere.is_empty() => "create the Gateway, or correct its name or namespace".to_owned(),
            None => format!("did you mean \"{}\"?", elsewhere.join("\" or \"")),
        };
        findings.report(
            Code::GatewayNotFound,
            origin,
            format!("there is no Gateway {}", said(key)),
            help,
        );
    }
    is_ours == Some(true)
}

fn mesh(
    object: &Object<VirtualService>,
    claims: Vec<Claim>,
    alternatives: Vec<Alternative>,
    origin: &Origin,
    options: &Options,
    findings: &mut Findings,
    compiled: &mut Compiled,
) {
    if options.mesh_port.is_some() {
        compiled.mesh.push(MeshRules {
            rank: Arc::new(ObjectRank::new(&object.meta)),
            claims,
            alternatives,
            namespaces: namespaces(object),
        });
    } else if object
        .spec
        .gateways
        .iter()
        .all(|name| name.value == GatewayName::Mesh)
    {
        findings.report(
            Code::MeshNotServed,
            place(origin, "spec.gateways", object.spec.gateways.first().map(|name| name.pos).unwrap_or_default()),
            "its rules are for requests from inside the cluster, which do not come through a Gateway",
            "name a Gateway in spec.gateways if they are for requests from outside; else serve them with --mesh-port",
        );
    }
}

fn namespaces(object: &Object<VirtualService>) -> Option<BTreeSet<Arc<str>>> {
    let all = &object.spec.export_to;
    if all.is_empty() || all.iter().any(|visibility| visibility.value == Visibility::All) {
        return None;
    }
    let named = all.iter().filter_map(|visibility| match &visibility.value {
        Visibility::Own => Some(object.meta.namespace.clone()),
        Visibility::Namespace(name) => Some(name.clone()),
        Visibility::All | Visibility::Nobody => None,
    });
    Some(named.collect())
}
