//! The default gateway: listeners, and the routes of all dialects merged into their virtual hosts.
//!
//! HTTP is always listened on, so that a gateway without routes answers 404 rather than refusing connections. HTTPS is
//! listened on once there is a certificate. Drafts are sorted once, all together, and then dealt out to hosts: each host's
//! routes come out sorted without sorting each host.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use seaway_model::{HostMatch, Listener, ListenerTls, Origin, Protocol, Route, VirtualHost};

use crate::Options;
use crate::draft::{Claim, Draft};
use crate::https_cert::Certificates;

/// Everything that wants to be served, in the order of precedence.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Sorted by rank.
    pub(crate) drafts: Vec<Draft>,
    /// Default backends, sorted by rank.
    pub(crate) fallbacks: Vec<Draft>,
    /// Hosts of Ingress rules: a default backend takes what their rules do not.
    pub(crate) ingress_hosts: HashSet<HostMatch>,
}

impl Wanted {
    /// From drafts in any order.
    pub(crate) fn new(
        mut drafts: Vec<Draft>,
        mut fallbacks: Vec<Draft>,
        ingress_hosts: HashSet<HostMatch>,
    ) -> Self {
        join_wildcards(&mut drafts);
        drafts.sort_by(|a, b| a.rank.cmp(&b.rank));
        fallbacks.sort_by(|a, b| a.rank.cmp(&b.rank));
        Self {
            drafts,
            fallbacks,
            ingress_hosts,
        }
    }
}

/// `*.example.com` covers one label in an Ingress and many in an HttpRoute, so the two are two virtual hosts, and a request
/// for one label goes to the first. What the second one holds was written for that request too, under the same text, so
/// its routes are in both.
fn join_wildcards(drafts: &mut [Draft]) {
    let one_label: HashSet<Arc<str>> = drafts
        .iter()
        .flat_map(|draft| &*draft.hosts)
        .filter_map(|claim| match &claim.host {
            HostMatch::OneLabel(suffix) => Some(suffix.clone()),
            _ => None,
        })
        .collect();
    if one_label.is_empty() {
        return;
    }
    for draft in drafts {
        let more: Vec<Claim> = draft
            .hosts
            .iter()
            .filter_map(|claim| match &claim.host {
                HostMatch::Suffix(suffix) if one_label.contains(suffix) => Some(Claim {
                    host: HostMatch::OneLabel(suffix.clone()),
                    origin: claim.origin.clone(),
                }),
                _ => None,
            })
            .collect();
        if !more.is_empty() {
            draft.hosts = draft.hosts.iter().cloned().chain(more).collect();
        }
    }
}

/// The default gateway's listeners, by name.
pub(crate) fn listeners(
    wanted: &Wanted,
    certificates: &Certificates,
    options: &Options,
) -> Vec<Arc<Listener>> {
    let mut listeners = vec![Arc::new(Listener {
        name: format!("http-{}", options.http_port).into(),
        origin: origin(),
        address: None,
        port: options.http_port,
        protocol: Protocol::Http,
        proxy_protocol: false,
        tls: None,
        virtual_hosts: virtual_hosts(wanted, |draft| draft.http.as_ref()),
        l4: None,
    })];
    if !certificates.presented.is_empty() {
        listeners.push(Arc::new(Listener {
            name: format!("https-{}", options.https_port).into(),
            origin: origin(),
            address: None,
            port: options.https_port,
            protocol: Protocol::Https,
            proxy_protocol: false,
            tls: Some(ListenerTls {
                certificates: certificates.presented.clone(),
                routes: Vec::new(),
            }),
            virtual_hosts: virtual_hosts(wanted, |draft| draft.https.as_ref()),
            l4: None,
        }));
    }
    listeners.sort_by(|a, b| a.name.cmp(&b.name));
    listeners
}

/// Nobody wrote the default gateway.
fn origin() -> Origin {
    Origin {
        api_version: "seaway.dev/v1alpha1".into(),
        kind: "DefaultGateway".into(),
        name: "default".into(),
        ..Origin::default()
    }
}

fn virtual_hosts(wanted: &Wanted, on_listener: impl Fn(&Draft) -> Option<&Arc<Route>>) -> Vec<VirtualHost> {
    let mut hosts: BTreeMap<HostMatch, Vec<Arc<Route>>> = BTreeMap::new();
    // A host that an Ingress names is its own, even when none of its rules has a path.
    for host in &wanted.ingress_hosts {
        hosts.entry(host.clone()).or_default();
    }
    for draft in &wanted.drafts {
        if let Some(route) = on_listener(draft) {
            for claim in &*draft.hosts {
                hosts.entry(claim.host.clone()).or_default().push(route.clone());
            }
        }
    }
    for (host, draft) in fallbacks(wanted) {
        if let Some(route) = on_listener(draft) {
            hosts.entry(host.clone()).or_default().push(route.clone());
        }
    }
    hosts
        .into_iter()
        .map(|(host, routes)| VirtualHost { host, routes })
        .collect()
}

/// The default backend of each host: the oldest of the Ingresses that name the host, else the oldest of all. One is
/// enough, since it takes everything.
fn fallbacks(wanted: &Wanted) -> BTreeMap<&HostMatch, &Draft> {
    let mut chosen: BTreeMap<&HostMatch, &Draft> = BTreeMap::new();
    let Some(oldest) = wanted.fallbacks.first() else {
        return chosen;
    };
    chosen.insert(&HostMatch::Any, oldest);
    for draft in &wanted.fallbacks {
        for claim in &*draft.hosts {
            chosen.entry(&claim.host).or_insert(draft);
        }
    }
    for host in &wanted.ingress_hosts {
        chosen.entry(host).or_insert(oldest);
    }
    chosen
}
